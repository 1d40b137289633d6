"""Tables of "What we found" that do not come from the claims: controls, ranges of parameters, exponents in runs."""

from __future__ import annotations

from typing import Any

from reports.page import Block, Column, Paragraph, Prose, Table, anchor_of
from reports.pages.ledger_graph import label
from reports.typeset import typeset
from verify.controls.registry import controls, run_control
from verify.ranges import ranges
from verify.record_results import RESULTS
from verify.tables import read_table


def controls_blocks() -> list[Block]:
    """The false-alarm control: textbook statements and their mutants through the same machinery."""
    rows = [run_control(c) for c in controls()]
    alarms = [row["id"] for row in rows if row["verdict"] == "refuted"]
    passed = sum(row["verdict"] != "refuted" and row["as_it_should"] for row in rows)
    caught = sum(row["verdict_mutant"] == "refuted" for row in rows)
    return [
        Paragraph(
            f"How far to trust a refutation: {len(rows)} textbook statements went through the same machinery. "
            f"{len(alarms)} of them were refuted (false alarms), {passed} passed; of their {len(rows)} mutants, each "
            f"with one small fault, {caught} were refuted. `bilevel-rates verify --controls` repeats it."
        )
    ]


def ranges_blocks() -> list[Block]:
    """Printed ranges against the largest value at which the inequality still holds."""
    found = ranges()
    columns = (
        "paper",
        "statement",
        Column("parameter", wrap=True),
        Column("printed", wrap=True),
        Column("largest / printed", ".4g", align="right"),
        Column("how", wrap=True),
    )
    body = [
        (
            row["paper"],
            Prose(f"[{label(row['statement'])}](#{anchor_of(row['statement'])})"),
            Prose(typeset(row["parameter"])),
            Prose(typeset(row["printed"])),
            row["largest"].removesuffix(" times the printed") if row["ratio"] is None else row["ratio"],
            Prose(typeset(row["how"])),
        )
        for row in found
    ]
    groups = [i for i in range(1, len(found)) if found[i]["paper"] != found[i - 1]["paper"]]
    wide = sum(row["ratio"] is not None and row["ratio"] < 1 - 1e-6 for row in found)
    words = (
        f"For {len(body)} printed ranges, the largest value at which the inequality still held on the instances tried, "
        f"as a share of the printed one. In {wide} the share is below 1: the printed range is too wide. Above 1 the "
        "printed range is narrower than these instances need, which says nothing on others."
    )
    return [
        Paragraph(words),
        Table(columns, body, caption="Printed ranges and true ones", groups=groups, id="found-ranges-table"),
    ]


def measured_blocks() -> list[Block]:
    """Exponents of paper 000 in runs, from the committed results."""
    head = [r for r in _results("headline") if r["target"] == "eps/4"]
    body = [(r["p"], r["stencil"].replace("_", "-"), r["theory"], r["slope_log"], r["verdict"]) for r in head]
    columns = (Column("$p$"), "stencil", Column("$4 + 2/p$", ".3f"), Column("measured", ".3f"), "verdict")
    powers = [r for r in _results("kappa") if r["family"] in ("trig", "clipped") and r["schedule"] != "theorem"]
    lines = [
        (r["p"], r["family"], r["schedule"], r["theory"], r["expected"], r["slope_log"], r["basis"]) for r in powers
    ]
    heads = (
        Column("$p$"), "family", "parameters", Column("$9 + 2/p$", ".3f"), Column("expected", ".3f"),
        Column("measured", ".3f"), Column("by", wrap=True),
    )  # fmt: skip
    return [
        Paragraph(
            "F2SA-p with the schedule of Theorem 3.1 of paper 000, its exponent in $1/\\varepsilon$ with the logarithm "
            "divided out of $K$; and its power of $\\kappa$ on families with a third derivative, with parameters from "
            "the family's own constants. These are upper bounds met by one algorithm on one family, no lower bounds."
        ),
        Table(columns, body, caption="Calls against the accuracy", id="found-headline"),
        Table(heads, lines, caption="Calls against the condition number", id="found-kappa", row_header=False),
    ]


def _results(name: str) -> list[dict[str, Any]]:
    return read_table(RESULTS / f"{name}.csv").rows
