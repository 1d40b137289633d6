"""``bilevel-rates verify``: run claims, show the verdicts, compare them with the recorded ones."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from typing import Any

import joblib

from reports import terminal
from reports.commands.common import check_jobs, check_writable, write_json, write_text
from reports.latex import latex_table
from reports.page import Badge, Column, Table
from synthetic.errors import InputError
from verify.controls.registry import controls, run_control
from verify.evidence import replay
from verify.registry import Claim, Outcome, claims, run_claim
from verify.user_file import load_file
from verify.wording import show


def rows_of(chosen: list[Claim], level: str, jobs: int) -> Iterator[dict[str, Any]]:
    """Run claims, in order, in this process or spread over processes; one JSON-like row each."""
    if jobs == 1:
        yield from (run_claim(c, level).as_dict() for c in chosen)
        return
    # A claim holds functions; worker processes get its id and look it up themselves. A user's own stay here.
    ours = [c.id for c in chosen if c.paper != "user"]
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
    yield from parallel(joblib.delayed(_row_by_id)(i, level) for i in ours)
    yield from (run_claim(c, level).as_dict() for c in chosen if c.paper == "user")


def _row_by_id(id: str, level: str) -> dict[str, Any]:
    return run_claim(claims(pattern=id)[0], level).as_dict()


def run(options: argparse.Namespace) -> int:
    for name in ("json", "latex"):
        check_writable(f"--{name}", getattr(options, name))
    jobs = check_jobs(options.jobs)
    if options.controls:
        return _controls(options)
    if options.file:
        load_file("--file", options.file)
    if options.replay:
        return _replay(options.replay)
    chosen = claims(options.paper, options.claim)
    if not chosen:
        raise InputError("--paper", options.paper, "no claims are registered for it")
    rows = []
    with terminal.progress("claims", len(chosen)) as advance:
        for row in rows_of(chosen, options.level, jobs):
            rows.append(row)
            advance()
    if options.json:
        write_json(options.json, rows)
    table = verdict_table(rows)
    if options.latex:
        write_text("--latex", options.latex, latex_table(table))
    if options.json != "-":
        terminal.print_table(table)
        if options.claim:
            for row in rows:
                _show_evidence(row)
        _summary(rows)
    return 0 if all(row["as_recorded"] for row in rows) else 1


def verdict_table(rows: list[dict[str, Any]]) -> Table:
    """One line a claim: id, verdict as printed and corrected, category, tightness, seconds."""
    columns = (
        "claim",
        "as printed",
        "corrected",
        "category",
        Column("tightness", ".3g"),
        "recorded",
        Column("s", ".1f"),
    )
    body = [
        (
            row["id"],
            Badge(row["verdict_printed"]),
            Badge(row["verdict_corrected"]) if row["verdict_corrected"] else None,
            row["category"],
            row["tightness"],
            Badge("as recorded" if row["as_recorded"] else "deviates"),
            row["seconds"],
        )
        for row in rows
    ]
    return Table(columns, body, caption="Verdicts derived from the evidence")


def _controls(options: argparse.Namespace) -> int:
    """The false-alarm control: exit 1 when a true statement fails, a planted fault passes, or a record deviates."""
    chosen = controls()
    rows = []
    with terminal.progress("controls", 2 * len(chosen)) as advance:
        for control in chosen:
            rows.append(run_control(control))
            advance()
            advance()
    if options.json:
        write_json(options.json, rows)
    table = control_table(rows)
    if options.latex:
        write_text("--latex", options.latex, latex_table(table))
    if options.json != "-":
        terminal.print_table(table)
        print(control_summary(rows))
    return 0 if all(row["as_it_should"] and row["recorded"] for row in rows) else 1


def control_table(rows: list[dict[str, Any]]) -> Table:
    """One line a textbook statement: its verdict, and that of the same statement with one planted fault."""
    columns = ("statement", "verdict", Column("tightness", ".4g"), "planted fault", "its verdict", Column("by", ".4g"))
    body = [
        (
            row["id"].removeprefix("control:"),
            Badge(row["verdict"]),
            row["tightness"],
            row["mutant"],
            Badge(row["verdict_mutant"]),
            row["excess"],
        )
        for row in rows
    ]
    return Table(columns, body, caption="Textbook statements, and the same with a small fault (by: left/right)")


def control_summary(rows: list[dict[str, Any]]) -> str:
    """Counts of both halves in words."""
    passed = Counter(row["verdict"] for row in rows)
    caught = sum(row["verdict_mutant"] == "refuted" for row in rows)
    words = ", ".join(f"{n} {verdict}" for verdict, n in sorted(passed.items()))
    return f"{len(rows)} true statements: {words}; {caught} of {len(rows)} faults refuted"


def _summary(rows: list[dict[str, Any]]) -> None:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["verdict_printed"]] = counts.get(row["verdict_printed"], 0) + 1
    words = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    print(f"{len(rows)} claims: {words}; {sum(r['seconds'] for r in rows):.1f} s")
    for row in rows:
        if not row["as_recorded"]:
            now = [row["verdict_printed"], row["verdict_corrected"]]
            print(f"deviates: {row['id']}: {now}, recorded {row['recorded']} {row.get('error', '')}".rstrip())


def _show_evidence(row: dict[str, Any]) -> None:
    print(f"\n{row['id']}  [{', '.join(row['covers'])}]\n{_indented(row['statement'])}")
    for title in ("correction", "charitable", "untestable", "downstream", "notes", "error"):
        if row.get(title):
            print(f"  {title}: {row[title]}")
    for key, title in (("checks", "as printed"), ("checks_corrected", "corrected")):
        for check in row.get(key) or []:
            print(f"  {title}: {check['check']}: {'holds' if check['holds'] else 'FAILS'}")
            facts = {name: value for name, value in check.items() if name not in ("check", "holds")}
            print("\n".join(f"    {name}: {show(value)}" for name, value in facts.items()))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())


def _replay(id: str) -> int:
    """Replay one claim, or all refuted ones whose id begins so."""
    chosen = claims(pattern=id)
    for claim in chosen:
        outcome = run_claim(claim)
        if outcome.evidence is None:
            raise InputError("--replay", claim.id, outcome.error)
        if len(chosen) == 1 or outcome.verdicts[0] == "refuted":
            _replay_one(outcome)
    return 0


def _replay_one(outcome: Outcome) -> None:
    evidence = outcome.evidence
    assert evidence is not None
    print(f"{outcome.claim.id}: {outcome.verdicts[0]}\n{_indented(outcome.claim.statement)}")
    broken = [c for c in evidence.printed if c.refutes]
    if not broken:
        print("\n  no check of the statement as printed found a counterexample")
    for check in broken:
        print("\n" + _indented("\n".join(replay(check))))
    words = (("charitable reading", evidence.charitable), ("downstream", evidence.downstream))
    for title, text in words if broken else ():
        print(f"\n  {title}: {text or 'none'}")
    if evidence.correction:
        print(f"\n  corrected ({outcome.verdicts[1]}): {evidence.correction}")
    print()
