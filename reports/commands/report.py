"""``bilevel-rates report``: run what the pages need, and write the report with its figures and data."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from reports import terminal
from reports.commands.common import check_jobs
from reports.context import Context
from reports.html import write_report
from reports.page import Page
from synthetic.errors import InputError
from verify.environment import manifest

PAGES: dict[str, str] = {
    "found": "reports.pages.found:build",
    "reviewer": "reports.pages.reviewer:build",
    "ledger": "reports.pages.ledger:build",
    "bias": "reports.pages.bias:build",
    "stencils": "reports.pages.stencils:build",
    "headline": "reports.pages.headline:build",
    "tuned": "reports.pages.tuned:build",
    "phase": "reports.pages.phase:build",
    "controls": "reports.pages.controls:build",
    "kappa": "reports.pages.kappa:build",
    "literal": "reports.pages.literal:build",
    "rates": "reports.pages.rates:build",
    "compare": "reports.pages.compare:build",
    "lower": "reports.pages.lower:build",
    "atlas": "reports.pages.atlas:build",
    "conformance": "reports.pages.conformance:build",
    "speed": "reports.pages.speed:build",
}
"""Pages in their order. Adding one is one module with ``build(context) -> Page`` and one line here."""


def build_page(name: str, context: Context) -> Page:
    """Import a page's module and build it."""
    module, function = PAGES[name].split(":")
    build: Callable[[Context], Page] = getattr(import_module(module), function)
    return build(context)


def run(options: argparse.Namespace) -> int:
    names = options.pages.split(",") if options.pages else list(PAGES)
    for name in names:
        if name not in PAGES:
            raise InputError("--pages", name, f"choose from {', '.join(PAGES)}")
    out = Path(options.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", options.out, f"choose a writable folder ({error})") from error
    context = Context(options.level, check_jobs(options.jobs), out)
    pages, start = [], time.perf_counter()
    with terminal.progress("pages", len(names)) as advance:
        for name in names:
            began = time.perf_counter()
            pages.append(build_page(name, context))
            advance(note=name)
            print(f"page {name}: {time.perf_counter() - began:.1f} s", flush=True)
    index = write_report(pages, out, manifest())
    print(f"{index} ({time.perf_counter() - start:.0f} s)")
    return 0
