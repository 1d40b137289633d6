r"""Conformance: every own solver and every planted fault through every check of the kit, as recorded.

The tables are those of ``verify/results/conformance.json``, made by :mod:`verify.conformance.record`; the tests run a
part of them again. Nothing is run when the page is built.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reports.context import Context
from reports.page import Block, Column, Facts, Heading, Note, Page, Paragraph, Table
from verify.conformance.kit import CHECKS
from verify.conformance.record import RECORD

SIGNS = {"conforms": "✓", "violates": "✗", "undecided": "?", "not applicable": "–"}
"""Verdict -> the sign that stands for it in a matrix."""
SHORT = {
    "oracle": "oracle",
    "calls": "calls",
    "bias": "bias",
    "known quadratic": "quad.",
    "variance": "var.",
    "lower level": "lower",
    "momentum": "mom.",
    "stationarity": "stat.",
    "own accuracy": "acc.",
    "exponent": "exp.",
    "determinism": "seed",
    "array API": "arrays",
}
WHAT = {
    "oracle": "no derivative is evaluated past the metered oracle",
    "calls": "declared calls equal metered calls, at several configurations",
    "bias": "no bias, or one of the declared order in the small parameter (slope with its interval)",
    "known quadratic": "the bias as a vector equals the closed form at two values of nu = 1/lambda",
    "variance": "it falls as the batch grows (chi-square ratio at 1e-5)",
    "lower level": "with x held, the lower iterates contract to y*_nu(x)",
    "momentum": "the weights of corrections and averages are those of their formulas, none is zero",
    "stationarity": "exact ||grad phi|| falls along the run",
    "own accuracy": "the solver's own measure equals exact ||grad phi||",
    "exponent": "calls to reach eps grow with the claimed exponent",
    "determinism": "same seed, same bits; other seeds differ; runs side by side do not mix",
    "array API": "the same path from NumPy and from array_api_strict",
}


def recorded() -> dict[str, Any]:
    """The recorded parts."""
    found: dict[str, Any] = json.loads(RECORD.read_text("utf-8"))
    return found


def build(context: Context) -> Page:
    """The page of the report."""
    return page(recorded(), json.loads((RECORD.parent / "distributed_mpi.json").read_text("utf-8")))


def page(record: dict[str, Any], distributed: dict[str, Any]) -> Page:
    """The page of a record and of a recorded MPI run."""
    blocks: list[Block] = [
        Paragraph(
            "`bilevel-rates check FILE.py:NAME` runs a solver on a linear-quadratic instance whose answers are known "
            "exactly and looks inside from the outside: a tilt of $f$ reveals the estimate behind a step, a vector "
            "added to one answer the weights of a momentum. ✓ conforms · ✗ violates · ? undecided, the reason below · "
            "– not applicable: not claimed, or no such part."
        ),
        Table(
            ("column", "check", Column("what conforms", wrap=True)),
            [(SHORT[name], name, WHAT[name]) for name in CHECKS],
            caption="The checks",
            id="conformance-checks",
        ),
    ]
    own = record.get("verdicts")
    if own is not None:
        blocks += [Heading("Own solvers"), *_own(own)]
    faults = [part for name, part in sorted(record.items()) if name.startswith("planted")]
    if faults:
        blocks += [Heading("Planted faults"), *_planted(faults)]
    if "false_alarms" in record:
        blocks += [Heading("False alarms"), *_alarms(record["false_alarms"])]
    blocks += [Heading("Distributed F2BA between processes"), *_distributed(distributed)]
    lead = "Is each solver what it says it is? Every check on every own solver, and every planted fault refuted."
    return Page("conformance", "Conformance", lead, tuple(blocks))


def matrix(rows: list[dict[str, Any]], first: str, caption: str, id_: str) -> Table:
    """One row a solver, one column a check, signs for verdicts."""
    columns: list[str | Column] = [first, *(Column(SHORT[name], align="left") for name in CHECKS)]
    body = [(row["solver"], *(SIGNS[row["verdicts"][name]] for name in CHECKS)) for row in rows]
    return Table(columns, body, caption=caption, id=id_)


def _own(part: dict[str, Any]) -> Iterator[Block]:
    rows = part["rows"]
    counts = {word: sum(v == word for row in rows for v in row["verdicts"].values()) for word in SIGNS}
    yield Paragraph("; ".join(f"{n} {word}" for word, n in counts.items()) + ".")
    yield matrix(rows, "solver", f"Own solvers by check; made by `{part['command']}`", "conformance-own")
    open_ = [
        (row["solver"], name, row["verdicts"][name], row["evidence"][name])
        for row in rows
        for name in CHECKS
        if row["verdicts"][name] in ("violates", "undecided")
    ]
    if open_:
        columns = ("solver", "check", "verdict", Column("why", wrap=True))
        yield Table(columns, open_, caption="What is open", id="conformance-open")
    bias = [(row["solver"], row["evidence"]["bias"]) for row in rows if row["verdicts"]["bias"] == "conforms"]
    yield Table(
        ("solver", Column("bias of the estimate", wrap=True)), bias, caption="Bias as read", id="conformance-bias"
    )
    moves = [(row["solver"], row["evidence"]["momentum"]) for row in rows if row["verdicts"]["momentum"] == "conforms"]
    yield Table(
        ("solver", Column("weights as read", wrap=True)), moves, caption="Momenta as read", id="conformance-momentum"
    )
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name in CHECKS:
            if row["verdicts"][name] == "not applicable":
                reasons.setdefault((name, row["evidence"][name]), []).append(row["solver"])
    yield Table(
        ("check", Column("why not applicable", wrap=True), Column("solvers", wrap=True)),
        [
            (name, why, ", ".join(who) if len(who) <= 8 else f"{len(who)} solvers")
            for (name, why), who in reasons.items()
        ],
        caption="Why a check does not apply",
        id="conformance-reasons",
    )


def _planted(parts: list[dict[str, Any]]) -> Iterator[Block]:
    rows = [row for part in parts for row in part["rows"]]
    caught = sum(row["verdicts"][row["expected"]] == "violates" for row in rows)
    commands = ", ".join(f"`{part['command']}`" for part in parts)
    yield Paragraph(f"{caught} of {len(rows)} faults are refuted by the check that is meant for them.")
    yield matrix(rows, "fault", f"Planted faults by check; made by {commands}", "conformance-planted")
    body = [
        (
            row["solver"],
            row["fault"],
            row["expected"],
            row["verdicts"][row["expected"]],
            row["evidence"][row["expected"]],
        )
        for row in rows
    ]
    columns = ("fault", Column("what is wrong", wrap=True), "check", "verdict", Column("evidence", wrap=True))
    yield Table(columns, body, caption="How each fault shows", id="conformance-faults")


def _alarms(part: dict[str, Any]) -> Iterator[Block]:
    counted = part["counted"]
    yield Paragraph(
        f"Each of {part['seeds']} seeds draws an instance, a start and noise, and takes the next of the correct "
        f"solvers {', '.join(part['solvers'])} through all checks but {' and '.join(part['left out'])} (the quick "
        "variant: the fastest solvers). A seed counts when any check says that the solver violates what it claims."
    )
    yield Facts(
        (
            ("seeds with an alarm", f"{part['seeds with an alarm']} of {part['seeds']}"),
            ("rate, and what it is at most (one-sided 95%, Clopper-Pearson)",
             f"{part['rate']:.3g}, at most {part['rate at most (95%)']:.3g}"),
            ("single verdicts", "; ".join(f"{n} {word}" for word, n in counted.items())),
            ("made by", part["command"]),
        )
    )  # fmt: skip
    for alarm in part["alarms"]:
        yield Note((alarm,), "caution")


def _distributed(part: dict[str, Any]) -> Iterator[Block]:
    yield Paragraph(
        "Algorithm 3 of paper 001 as a real MPI program: each process holds its part of the agents and an oracle of "
        "its own, means are all-reductions. The same run in one process differs by rounding only, because the mean of "
        "the agents is added in another order; calls and communicated floats are counted, and equal their formulas."
    )
    yield Facts(
        (
            ("processes, agents", f"{part['processes']}, {part['agents']}"),
            ("largest relative distance of x, y, z to the run in one process", part["relative distance"]),
            ("stochastic first-order calls: metered, by the formula", f"{part['sfo']}, {part['sfo by the formula']}"),
            ("floats communicated: metered, by the formula", f"{part['floats']}, {part['floats by the formula']}"),
            ("made by", part["command"]),
        )
    )  # fmt: skip
