"""``bilevel-rates list``: what there is, for people and as JSON."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from reports import terminal
from reports.commands.common import check_writable, write_json
from reports.page import Column, Table


def _claims() -> list[dict[str, Any]]:
    from verify.registry import claims, recorded

    return [
        {
            "id": c.id,
            "covers": ", ".join(c.covers),
            "recorded": (recorded().get(c.id) or ["-"])[0],
            "statement": _line(c.statement),
        }
        for c in claims()
    ]


def _solvers() -> list[dict[str, Any]]:
    from solvers.registry import SOLVERS
    from verify.measured_exponents import UNMEASURED, exponents

    measured = exponents()
    return [
        {
            "name": n,
            "paper": e.paper,
            "needs": ", ".join(e.load().needs),
            "theorem": e.theorem,
            "claimed": e.claimed or "none",
            "measured": [line.as_dict() for line in measured[n]],
            "why not measured": None if measured[n] else UNMEASURED.get(n, "no table names it"),
            "shown": _first([str(line) for line in measured[n]]),
        }
        for n, e in SOLVERS.items()
    ]


def _first(lines: list[str]) -> str:
    """The first line in words, and how many more there are."""
    return "not measured" if not lines else lines[0] + (f" and {len(lines) - 1} more" if len(lines) > 1 else "")


def _instances() -> list[dict[str, Any]]:
    from bounds.instances import ALL

    return [{"name": n, "builder": e.target, "what": e.what, "extra": e.extra or "-"} for n, e in ALL.items()]


def _stencils() -> list[dict[str, Any]]:
    from bounds.stencil import stencil

    rows = []
    for p in range(1, 11):
        for family in ("central",) if p % 2 == 0 else ("one_sided", "balanced"):
            s = stencil(p, family)
            weights = " ".join(str(w) for w in s.weights)
            rows.append({"p": p, "family": family, "nodes": f"{s.nodes[0]}..{s.nodes[-1]}", "weights": weights})
    return rows


def _presets() -> list[dict[str, Any]]:
    presets = import_module("verify.presets").PRESETS
    return [{"name": name, "what": _line(preset.what)} for name, preset in presets.items()]


def _pages() -> list[dict[str, Any]]:
    from reports.commands.report import PAGES

    return [{"page": name, "module": target} for name, target in PAGES.items()]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """The row for a table: ``shown`` in place of the list ``measured``, with the reason where there is none."""
    why = row.get("why not measured")
    shown = f"{row.get('shown')}: {why}" if why else row.get("shown")
    return {k: shown if k == "measured" else v for k, v in row.items() if k not in ("shown", "why not measured")}


def _line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 100 else words[:99] + "…"


def run(options: argparse.Namespace) -> int:
    check_writable("--json", options.json)
    rows = globals()[f"_{options.what}"]()
    if options.json:
        write_json(options.json, [{k: v for k, v in row.items() if k != "shown"} for row in rows])
    if options.json != "-" and rows:
        table = [_flat(row) for row in rows]
        columns = [Column(k, wrap=True) for k in table[0]]
        terminal.print_table(Table(columns, [tuple(r.values()) for r in table], caption=options.what))
    return 0
