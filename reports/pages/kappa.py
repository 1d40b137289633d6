"""Calls against the condition number at fixed eps: what a family can show of the theorem's power 9 + 2/p, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Heading, Note, Page, Paragraph
from reports.pages.measured import log_free, measure, remarks, rows_table
from reports.style import style_of_order
from verify.preset import Result

COLUMNS: dict[str, str | Column] = {
    "family": "family",
    "schedule": "schedule",
    "p": Column("$p$"),
    "slope_log": Column("power", ".3f"),
    "expected": Column("expected", ".3f"),
    "verdict": "on the expected",
    "theory": Column("$9 + 2/p$", ".3f"),
    "theorem_verdict": "on $9 + 2/p$",
}
FACTORS: dict[str, str | Column] = {
    "family": "family",
    "schedule": "schedule",
    "p": Column("$p$"),
    "slope_T": Column("$T$", "z.3f"),
    "slope_S": Column("$S$", "z.3f"),
    "slope_K_log": Column(r"$K/\log$", "z.3f"),
    "slope_nu": Column(r"$\nu$", "z.3f"),
    "kappa_min": Column(r"$\kappa$ from", ".2g"),
    "kappa_max": Column("to", ".2g"),
    "eps": Column(r"$\varepsilon$", ".2g"),
}
WORDS = {"lq": "linear-quadratic", "trig": "third derivative, every p", "clipped": "third derivative, p = 1"}


def build(context: Context) -> Page:
    """The page, from the preset ``kappa``."""
    result = measure(context, "kappa")
    names = [(row["family"], row["schedule"]) for row in result.rows]
    groups = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    blocks: list[Block] = [
        Paragraph(
            r"Theorem 3.1 of paper 000 has the factor $\kappa^{9+2/p}$. At fixed $\varepsilon$, $\kappa$ grows while "
            r"every other constant of the class stays, on three families: one whose lower level is quadratic, and two "
            r"whose lower level has a third derivative. Each is run with the theorem's schedule, with the same "
            r"schedule from the family's own constants, and with tuned parameters."
        ),
        Note("A measured power below the printed one does not contradict the theorem, which is an upper bound."),
        Heading("Powers of κ"),
        _figure(result, "kappa-theorem", {"theorem": False}, "the theorem's schedule"),
        _figure(
            result, "kappa-own", {"exact": False, "tuned": True}, "the family's own constants, and tuned parameters"
        ),
        rows_table(
            result.rows, COLUMNS, "Powers of κ in the calls, the logarithm divided out of K", "kappa-table", groups
        ),
        Heading("T, S, K and ν apart"),
        rows_table(result.rows, FACTORS, "Powers of κ of the factors, and the range", "kappa-factors", groups),
        *remarks(result),
    ]
    lead = r"How the calls grow with $\kappa$, and which part of $\kappa^{9+2/p}$ a family inside the class can show."
    return Page("kappa", "Condition number", lead, tuple(blocks))


def _figure(result: Result, stem: str, schedules: Mapping[str, bool], words: str) -> Figure:
    """One panel a family; ``schedules``: which, and whether its markers are hollow and its line dashed."""
    drawn = [line for line in result.series.values() if line["schedule"] in schedules]
    families = list(dict.fromkeys(line["family"] for line in drawn))
    expected = {(r["family"], r["schedule"], r["p"]): r["expected"] for r in result.rows}
    plot = Plot(
        stem,
        f"Log-log plots of calls against kappa with {words}, one panel for each family: straight lines, one for each "
        "order p, with guides of the expected slopes.",
        titles=[f"{family}: {WORDS.get(family, '')}" for family in families],
        legend="bottom",
        size=(min(7.6, 3.2 * len(families) + 0.6), 3.5),
    )
    for panel, family in zip(plot.panels, families):
        members = [line for line in drawn if line["family"] == family]
        for line in members:
            hollow = schedules[line["schedule"]]
            name = f"p = {line['p']}" + (f", {line['schedule']}" if len(schedules) > 1 else "")
            x, y = [10.0**e for e in line["log10_kappa"]], [10.0**v for v in log_free(line)]
            panel.series(name, x, y, style=style_of_order(line["p"]), dashed=hollow, open_marker=hollow)
        for number, line in enumerate(_ends(members)):
            slope = expected[family, line["schedule"], line["p"]]
            name = f"p = {line['p']}" + (f", {line['schedule']}" if len(schedules) > 1 else "")
            panel.guide(slope, near=name, shift=0.02 if number else 50)
        panel.labels(r"$\kappa$", "calls, log divided out of $K$" if panel is plot[0] else "")
    return Figure(plot.spec(), f"With {words}. Dashed, grey: the slopes to be expected, set off.")


def _ends(members: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines with the most and the fewest calls, which guides can stand beside."""
    order = sorted(members, key=lambda line: -log_free(line)[-1])
    return [order[0], order[-1]] if len(order) > 1 else order
