"""What makes the exponent: one assumption changed at a time, with the slope that follows and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Heading, Page, Paragraph, Table
from reports.pages.measured import measure, prose, remarks, rows_table
from reports.style import house, style_of_order
from verify.preset import Result, Row

COLUMNS: dict[str, str | Column] = {
    "control": "what is changed",
    "p": Column("$p$"),
    "slope_log": Column("slope", ".3f"),
    "interval": Column("95% interval", align="right"),
    "theory": Column("expected", ".3f"),
    "verdict": "on the expected",
    "on_theorem": "on $4 + 2/p$",
}


def build(context: Context) -> Page:
    """The page, from the preset ``controls``."""
    result = measure(context, "controls")
    names = [row["control"] for row in result.rows]
    groups = [i for i in range(1, len(names)) if names[i] != names[i - 1]]
    blocks: list[Block] = [
        Paragraph(
            r"Each control is the headline's experiment with one change. The expected slope is derived from the "
            r"schedule's formulas before anything is run; where it differs from $4 + 2/p$ the change matters, and the "
            r"reason is given below."
        ),
        _figure(result),
        rows_table(result.rows, COLUMNS, "Slopes with the log divided out of K", "controls-table", groups),
        Heading("Why"),
        _reasons(result),
        *remarks(result),
    ]
    lead = "What the exponent depends on, and what it does not: one assumption changed at a time."
    return Page("controls", "Controls", lead, tuple(blocks))


def _reasons(result: Result) -> Table:
    first = {row["control"]: row for row in reversed(result.rows)}
    rows = [(name, prose(row["reason"]), prose(row["oracle"])) for name, row in reversed(first.items())]
    columns = (Column("what is changed", wrap=True), Column("why the slope is what it is", wrap=True))
    return Table(
        (*columns, Column("what a sample is", wrap=True)), rows, caption="Reasons, and the oracle of each control"
    )


def _figure(result: Result) -> Figure:
    """One line a control: measured slopes with intervals, expected ones hollow, the theorem's as ticks."""
    rows = [row for row in result.rows if row["verdict"] != "not judged"]
    names = list(dict.fromkeys(row["control"] for row in rows))
    plot = Plot(
        "controls-slopes",
        "One line for each control: the measured slope of each order as a filled marker with its interval, the "
        "expected slope as a hollow diamond, the theorem's 4 + 2/p as a vertical tick.",
        scale="linear",
        legend="bottom",
        size=(7.2, max(2.4, 0.36 * len(names) + 1.3)),
    )
    panel = plot[0]
    heights = {name: len(names) - i for i, name in enumerate(names)}
    for p in sorted({row["p"] for row in rows}):
        chosen = [row for row in rows if row["p"] == p]
        _order(plot, chosen, p, heights)
    for name in names:
        if all(row["slope_log"] is None for row in rows if row["control"] == name):
            with house():
                look: dict[str, Any] = {"fontsize": 8, "style": "italic", "va": "center", "ha": "left"}
                panel.axes.text(0.02, heights[name], "unreachable", transform=panel.axes.get_yaxis_transform(), **look)
            panel.record(name, "unreachable", None, heights[name])
    panel.axes.set_yticks(list(heights.values()), list(heights))
    panel.axes.set_ylim(0.4, len(names) + 0.6)
    panel.labels(r"exponent of $1/\varepsilon$", "")
    caption = r"Filled: measured, with 95% interval. Hollow diamonds: expected. Ticks: $4 + 2/p$."
    return Figure(plot.spec(), caption)


def _order(plot: Plot, rows: Sequence[Row], p: int, heights: dict[str, int]) -> None:
    """All controls of one p."""
    panel, style = plot[0], style_of_order(p)
    measured = [row for row in rows if row["slope_log"] is not None]
    panel.series(f"p = {p}", [r["slope_log"] for r in measured], [heights[r["control"]] for r in measured],
                 style=style, line=False)  # fmt: skip
    colour = panel.axes.lines[-1].get_color()
    with house():
        for row in measured:
            panel.axes.hlines(heights[row["control"]], row["ci_low"], row["ci_high"], color=colour, linewidth=1.4)
        for row in rows:
            y = heights[row["control"]]
            panel.axes.vlines(row["theorem"], y - 0.32, y + 0.32, color=colour, linewidth=0.9, alpha=0.8, zorder=1)
            if row["theory"] is not None:
                panel.axes.plot([row["theory"]], [y], marker="D", markersize=8.5, markerfacecolor="none",
                                markeredgecolor=colour, markeredgewidth=0.8, linestyle="none", zorder=1)  # fmt: skip
            panel.record(f"p = {p}", "expected", row["theory"], y, low=row["ci_low"], high=row["ci_high"])
