"""``bilevel-rates check FILE.py:NAME``: is a solver what it claims to be? The checks are :mod:`verify.conformance`."""

from __future__ import annotations

import argparse
from typing import Any

from reports import terminal
from reports.commands.common import check_writable, write_json
from reports.page import Badge, Table
from synthetic.errors import InputError
from verify.conformance.kit import CHECKS, check, violated
from verify.conformance.subject import Finding, Subject, subject
from verify.user_file import load_file

TONES = {"conforms": "good", "violates": "bad", "undecided": "fair"}


def load(target: str) -> list[Subject]:
    """The subjects of FILE.py:NAME, or of the name of a registered solver."""
    from solvers.registry import SOLVERS

    if target in SOLVERS:
        from verify.conformance.own import own

        return own(target)
    path, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier():
        raise InputError("SOLVER", target, "pass FILE.py:NAME, or a name of `bilevel-rates list solvers`")
    module = load_file("SOLVER", path)
    if not hasattr(module, name):
        raise InputError("SOLVER", target, f"the file holds no {name}")
    return [subject(name, getattr(module, name))]


def run(options: argparse.Namespace) -> int:
    check_writable("--json", options.json)
    only = options.only.split(",") if options.only else None
    if options.seed < 0:
        raise InputError("--seed", options.seed, "pass an integer >= 0")
    for name in only or ():
        if name not in CHECKS:
            raise InputError("--only", name, f"choose among {', '.join(CHECKS)}")
    results = [(s.name, check(s, options.seed, only)) for s in load(options.solver)]
    if options.json:
        write_json(options.json, {"seed": options.seed, "solvers": [_as_dict(name, f) for name, f in results]})
    if options.json != "-":
        for name, findings in results:
            terminal.print_table(table(name, findings))
            print(f"{name}: {summary(findings)}")
    return 1 if any(violated(findings) for _, findings in results) else 0


def table(name: str, findings: list[Finding]) -> Table:
    """One line a check, with its evidence."""
    rows = [(f.check, Badge(f.verdict, TONES.get(f.verdict, "")), f.evidence) for f in findings]
    return Table(("check", "verdict", "evidence"), rows, caption=f"Conformance of {name}")


def summary(findings: list[Finding]) -> str:
    """How many of each verdict."""
    verdicts = [f.verdict for f in findings]
    words = ("conforms", "violates", "undecided", "not applicable")
    return ", ".join(f"{verdicts.count(word)} {word}" for word in words if word in verdicts)


def _as_dict(name: str, findings: list[Finding]) -> dict[str, Any]:
    rows = [{"check": f.check, "verdict": f.verdict, "evidence": f.evidence, "facts": dict(f.facts)} for f in findings]
    return {"solver": name, "violates": violated(findings), "findings": rows}
