"""Every sample drawn: the literal loop and the jump kernel have the same law of hitting times, and the same calls."""

from __future__ import annotations

from math import isfinite

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Page, Paragraph
from reports.pages.measured import measure, remarks, rows_table
from verify.preset import Result

LAWS: dict[str, str | Column] = {
    "p": Column("$p$"),
    "log10_eps": Column(r"$\log_{10}\varepsilon$", ".3g"),
    "runs": Column("runs", align="right"),
    "T_median": Column("median $T$", ".5g"),
    "T_median_jump": Column("jump kernel's", ".5g"),
    "ks_p": Column("KS $p$-value", ".3f"),
    "ert_ratio": Column("ERT ratio", ".3f"),
    "interval": Column("95% interval", align="right"),
    "verdict": "verdict",
}
CALLS: dict[str, str | Column] = {
    "p": Column("$p$"),
    "log10_eps": Column(r"$\log_{10}\varepsilon$", ".3g"),
    "stencil": "nodes",
    "S": Column("$S$"),
    "K": Column("$K$"),
    "nu": Column(r"$\nu$", ".3g"),
    "metered": Column("calls metered"),
    "metered_equals_charged": "equal to those charged",
}


def build(context: Context) -> Page:
    """The page, from the preset ``literal``."""
    result = measure(context, "literal")
    blocks: list[Block] = [
        Paragraph(
            "The measurements on the other pages use a kernel that jumps over the inner loops, exactly in law. Here "
            "the loops run as printed, one sample at a time, on instances small enough for that. The hitting times of "
            "both kernels are compared as distributions, and the calls that the literal run meters with the number "
            "that the jump kernel is charged."
        ),
        _figure(result),
        rows_table(
            [{**row, "runs": f"{row['seeds']} and {row['seeds_jump']}"} for row in result.rows],
            LAWS,
            "Hitting times of the literal and the jump kernel; ERT: expected running time, literal over jump",
            "literal-laws",
        ),
        rows_table(result.rows, CALLS, "Calls, metered one by one by the literal runs", "literal-calls"),
        *remarks(result),
    ]
    lead = "The literal loop against the jump kernel: the same distributions, and the same number of calls to the last."
    return Page("literal", "Literal loop", lead, tuple(blocks))


def _figure(result: Result) -> Figure:
    """ECDF of the hitting times at the smallest eps of each p."""
    times = result.series["hitting times"]
    smallest: dict[int, str] = {}
    for row in result.rows:
        smallest[row["p"]] = f"p = {row['p']}, log10 eps = {row['log10_eps']:g}"
    plot = Plot(
        "literal-ecdf",
        "Empirical distribution functions of the hitting time, literal and jump kernel, one panel for each order: the "
        "two curves lie on each other.",
        titles=[f"p = {p}" for p in smallest],
        scale="linear",
        legend="bottom",
        share_y=True,
        size=(7.6, 2.9),
    )
    for panel, key in zip(plot.panels, smallest.values()):
        for name, style in (("jump", 1), ("literal", 0)):
            found = sorted(t for t in times[key][name] if isfinite(t))
            share = [(i + 1) / len(times[key][name]) for i in range(len(found))]
            x = [v for t in found for v in (t, t)]
            y = [v for low, high in zip([0.0, *share[:-1]], share) for v in (low, high)]
            panel.series(name, x, y, style=style, marker=False, dashed=name == "jump")
        panel.labels("outer steps to ε", "share of runs" if panel is plot[0] else "")
    eps = min(row["log10_eps"] for row in result.rows)
    return Figure(
        plot.spec(), rf"Hitting times at $\varepsilon = 10^{{{eps:g}}}$, sustained; runs that never hit stay below 1."
    )
