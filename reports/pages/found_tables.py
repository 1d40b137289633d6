"""Tables of "What we found" that do not come from the claims: controls, ranges of parameters, exponents in runs."""

from __future__ import annotations

from collections.abc import Set
from functools import cache
from typing import Any

from reports.cells import literal
from reports.page import Block, Column, Paragraph, Prose, Table, anchor_of
from reports.pages.ledger_graph import label
from reports.typeset import typeset
from synthetic.errors import MissingExtra
from verify.controls.registry import controls, run_control
from verify.ranges import UNROWED, ranges
from verify.record_results import RESULTS
from verify.registry import claims
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
    """Printed ranges against the largest value at which the inequality still holds, a line each; then those without."""
    found = _found()
    columns = (
        Column("statement", wrap=True),
        Column("printed", wrap=True),
        Column("true/printed", ".4g", align="right"),
        Column("note", wrap=True),
    )
    body = [
        (
            _statement(row, _ids()),
            Prose(_typed(row)),
            _ratio(row),
            Prose(typeset(row["how"].partition("; ")[2])),
        )
        for row in found
    ]
    wide = sum(row["ratio"] is not None and row["ratio"] < 1 - 1e-6 for row in found)
    words = (
        f"For {len(body)} printed ranges, the largest value at which the inequality still held on the instances tried, "
        f"as a share of the printed one. In {wide} the share is below 1: the printed range is too wide. Above 1 the "
        "printed range is narrower than these instances need, which says nothing on others. The "
        "[reviewer's page](#reviewer-ranges) has the instances."
    )
    rest = [
        (row.paper, Prose(f"{typeset(row.printed)} (line {row.line})"), Prose(typeset(row.why, _ids())))
        for row in UNROWED
    ]
    heads = ("paper", Column("printed", wrap=True), Column("why there is no row", wrap=True))
    return [
        Paragraph(words),
        Table(columns, body, caption="Printed ranges and true ones", groups=_groups([r["paper"] for r in found]),
              id="found-ranges-table", row_header=False),
        Table(heads, rest, caption="Printed ranges without a row, and why", groups=_groups([r[0] for r in rest]),
              id="found-ranges-without"),
    ]  # fmt: skip


def ranges_in_full(known: Set[str]) -> list[Block]:
    """Every range with how its share was found and the instance that decides it; ``known``: the claims with a card."""
    found = _found()
    columns = ("statement", Column("parameter and range", wrap=True), Column("true/printed", ".6g", align="right"),
               Column("how", wrap=True), Column("decided by", wrap=True))  # fmt: skip
    body = [
        (_statement(row, known), Prose(_typed(row)), _ratio(row), Prose(typeset(row["how"])), row["instance"])
        for row in found
    ]
    caption = "The largest share of a printed range at which the inequality held on every instance tried"
    return [Table(columns, body, caption=caption, groups=_groups([r["paper"] for r in found]), row_header=False)]


def _statement(row: dict[str, Any], known: Set[str]) -> Prose:
    """The claim that a range belongs to, a link where it has a card."""
    name = literal(label(row["statement"]))
    words = f"[{name}](#{anchor_of(row['statement'])})" if row["statement"] in known else name
    return Prose(f"{row['paper']} {words}")


def _typed(row: dict[str, Any]) -> str:
    """The printed range, with its parameter where the range does not begin with it."""
    plain = row["printed"].startswith(row["parameter"].strip("|"))
    return typeset(row["printed"] if plain else f"{row['parameter']}: {row['printed']}")


def _ratio(row: dict[str, Any]) -> Any:
    return row["largest"].removesuffix(" times the printed") if row["ratio"] is None else row["ratio"]


def _groups(papers: list[str]) -> list[int]:
    return [i for i in range(1, len(papers)) if papers[i] != papers[i - 1]]


@cache
def _found() -> list[dict[str, Any]]:
    try:
        return ranges()
    except MissingExtra:  # without ball arithmetic the rows are left out; the ledger says which claims could not run
        return []


def _ids() -> set[str]:
    return {c.id for c in claims()}


def measured_blocks() -> list[Block]:
    """Exponents of paper 000 in runs, from the committed results."""
    head = [r for r in _results("headline") if r["target"] == "eps/4"]
    powers = [r for r in _results("kappa") if r["family"] in ("trig", "clipped") and r["schedule"] != "theorem"]
    body = [
        ("1/ε", r["p"], r["stencil"].replace("_", "-"), r["theory"], r["theory"], r["slope_log"], r["verdict"])
        for r in head
    ]
    body += [
        ("κ", r["p"], f"{r['family']}, {r['schedule']}", r["theory"], r["expected"], r["slope_log"], r["basis"])
        for r in powers
    ]
    columns = (
        "calls against", Column("$p$"), Column("stencil, or family and parameters", wrap=True),
        Column("printed", ".3f"), Column("expected", ".3f"), Column("measured", ".3f"),
        Column("verdict, or how", wrap=True),
    )  # fmt: skip
    return [
        Paragraph(
            "F2SA-p with the schedule of Theorem 3.1 of paper 000, its exponent in $1/\\varepsilon$ with the logarithm "
            "divided out of $K$; and its power of $\\kappa$ on families with a third derivative, with parameters from "
            "the family's own constants. These are upper bounds met by one algorithm on one family, no lower bounds."
        ),
        Table(columns, body, caption="Exponents of the calls, printed $4 + 2/p$ and $9 + 2/p$", groups=[len(head)],
              id="found-exponents-measured", row_header=False),
    ]  # fmt: skip


def _results(name: str) -> list[dict[str, Any]]:
    return read_table(RESULTS / f"{name}.csv").rows
