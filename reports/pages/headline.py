"""SFO calls against eps for F2SA-p: measured exponents beside 4 + 2/p, and what is and what is not measured."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Any

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Formula, Heading, Note, Page, Paragraph
from reports.pages.measured import anchored, dashed, inverse, log_free, measure, remarks, rows_table, shade_ranges
from reports.style import style_of_order
from verify.preset import Result

Lines = dict[int, Mapping[str, Any]]
SLOPES: dict[str, str | Column] = {
    "p": Column("$p$"),
    "slope": Column("raw", ".3f"),
    "slope_log": Column("slope", ".3f"),
    "interval": Column("95% interval", align="right"),
    "slope_small_eps": Column(r"on $\varepsilon \le 10^{-1.5}$", ".3f"),
    "theory": Column(r"$4 + 2/p$", ".3f"),
    "verdict": "verdict",
    "equivalent": "equivalent",
    "separated": "rivals rejected",
}
PARTS: dict[str, str | Column] = {
    "p": Column("$p$"),
    "stencil": "nodes",
    "slope_T": Column("$T$", ".3f"),
    "slope_T_mean": Column("$T$ of the mean", ".3f"),
    "slope_S": Column("$S$", ".3f"),
    "slope_K": Column("$K$", ".3f"),
    "slope_K_log": Column(r"$K/\log$", ".3f"),
    "asymptotic": Column("symbolic total", align="right"),
    "product_error": Column("error", ".1e"),
    "printed_ratio": Column("printed/needed", ".3g"),
}


def build(context: Context) -> Page:
    """The page, from the preset ``headline``."""
    result = measure(context, "headline")
    lines = lines_of(result, "eps/4")
    blocks: list[Block] = [
        Paragraph(
            r"Theorem 3.1 of paper 000 bounds the stochastic first-order calls of F2SA-p by "
            r"$O(\varepsilon^{-4-2/p} \log(1/\varepsilon))$. Here the algorithm runs on ramp instances, whose "
            r"hyper-gradient is known exactly, with the theorem's schedule; a run counts until $\|\nabla\varphi\|$ is "
            r"and stays below $\varepsilon$."
        ),
        Formula(r"\text{calls} = \text{nodes} \cdot T (S + K)"),
        Note(
            "Only $T$ is measured. $S$ and $K$ are set by the schedule: their slopes are its arithmetic, not a finding."
        ),
        Heading("Calls against ε"),
        *(_calls(lines), _compensated(lines), _ratio(lines)),
        Heading("Exponents"),
        rows_table(
            [row for row in result.rows if row["target"] == "eps/4"],
            SLOPES,
            r"Exponents of $1/\varepsilon$ in the calls, raw and with the logarithm divided out of $K$; "
            r"share $\varepsilon/4$",
            "headline-slopes",
        ),
        rows_table(
            [row for row in result.rows if row["target"] == "eps/32"],
            SLOPES,
            r"The same with the proof's share $\varepsilon/32$ (Eq. (15))",
            "headline-slopes-32",
        ),
        Heading("T, S and K apart"),
        _parts(lines),
        rows_table(
            [row for row in result.rows if row["target"] == "eps/4"],
            PARTS,
            "Slopes of the factors; the total's exponent as derived symbolically from the schedule; the largest "
            r"relative difference between the measured total and $\text{nodes} \cdot T (S + K)$; nodes that the "
            "algorithm as printed solves over those that carry a weight",
            "headline-parts",
        ),
        *remarks(result),
    ]
    lead = r"SFO calls of F2SA-p to reach $\|\nabla\varphi\| \le \varepsilon$: the exponent is $4 + 2/p$."
    return Page("headline", "Headline: calls against ε", lead, tuple(blocks))


def lines_of(result: Result, target: str) -> Lines:
    """The series of one share of eps, by p."""
    return {line["p"]: line for line in result.series.values() if line["target"] == target}


def _axis(line: Mapping[str, Any]) -> tuple[list[float], list[float], list[bool]]:
    """log10(1/eps), log-free log10 calls, and which points are support."""
    return [-e for e in line["log10_eps"]], log_free(line), [e >= line["support_challenge"] for e in line["log10_eps"]]


def _calls(lines: Lines) -> Figure:
    plot = Plot(
        "headline-calls",
        "Log-log plot of calls against 1/eps for six orders p; the points of each order lie on a dashed line of slope "
        "4 + 2/p, and the smaller the order the steeper the line.",
        legend="direct",
        size=(5.6, 4.2),
    )
    panel = plot[0]
    for p, line in lines.items():
        x, y, support = _axis(line)
        slope = 4 + 2 / p
        intercept = anchored(x, y, slope, support)
        style = style_of_order(p)
        panel.series(
            f"p = {p}",
            inverse(line["log10_eps"]),
            [10**v for v in y],
            style=style,
            line=False,
            low=[10**v for v in _shift(line, "calls_q1", y)],
            high=[10**v for v in _shift(line, "calls_q3", y)],
        )
        dashed(
            panel, f"theorem, p = {p}", inverse(line["log10_eps"]), [10 ** (slope * a + intercept) for a in x], style
        )
    _shade(panel, lines)
    panel.labels(r"$1/\varepsilon$", "calls, log divided out of $K$")
    caption = (
        r"Median of the seeds with quartiles (narrower than the markers). Dashed: slope $4 + 2/p$ through the mean of "
        r"the support; the challenge was not used to place it."
    )
    return Figure(plot.spec(), caption)


def _shift(line: Mapping[str, Any], quartile: str, y: list[float]) -> list[float]:
    """Quartiles on the same scale as the log-free medians."""
    return [v + log10(q) - log10(m) for v, q, m in zip(y, line[quartile], line["calls"], strict=True)]


def _shade(panel: Any, lines: Lines) -> None:
    line = next(iter(lines.values()))
    shade_ranges(panel, line["log10_eps"], line["support_challenge"])


def _compensated(lines: Lines) -> Figure:
    plot = Plot(
        "headline-eps4",
        "Log-log plot of calls times eps to the fourth against 1/eps: straight lines of slope 2/p, flatter for higher "
        "orders.",
        legend="direct",
        size=(5.6, 3.9),
    )
    panel = plot[0]
    for p, line in lines.items():
        x, y, support = _axis(line)
        name, style = f"p = {p}", style_of_order(p)
        panel.series(
            name, inverse(line["log10_eps"]), [10 ** (v - 4 * a) for a, v in zip(x, y)], style=style, line=False
        )
        intercept = anchored(x, y, 4 + 2 / p, support)
        dashed(panel, f"slope 2/{p}", inverse(line["log10_eps"]), [10 ** (2 / p * a + intercept) for a in x], style)
    _shade(panel, lines)
    panel.labels(r"$1/\varepsilon$", r"calls $\cdot\ \varepsilon^4$")
    return Figure(plot.spec(), r"The same times $\varepsilon^4$: what is left has slope $2/p$ (dashed).")


def _ratio(lines: Lines) -> Figure:
    plot = Plot(
        "headline-ratio",
        "Calls divided by the theorem's line, against 1/eps: all orders stay near one, with bands of the quartiles.",
        scale="semilogx",
        legend="right",
        size=(5.8, 3.4),
    )
    panel = plot[0]
    for p, line in lines.items():
        x, y, support = _axis(line)
        slope = 4 + 2 / p
        base = [slope * a + anchored(x, y, slope, support) for a in x]
        low, high = (_shift(line, key, y) for key in ("calls_q1", "calls_q3"))
        panel.series(
            f"p = {p}",
            inverse(line["log10_eps"]),
            [10 ** (v - b) for v, b in zip(y, base)],
            style=style_of_order(p),
            low=[10 ** (v - b) for v, b in zip(low, base)],
            high=[10 ** (v - b) for v, b in zip(high, base)],
        )
    panel.level(1.0, "theorem")
    _shade(panel, lines)
    panel.labels(r"$1/\varepsilon$", "calls / theorem's line")
    caption = (
        "Measured over the dashed line of the first figure, with the quartiles of the seeds: what a wrong exponent"
        r" would tilt. A slope off by $0.1$ changes the ratio by $10^{0.1}$, that is $1.26$, over a decade."
    )
    return Figure(plot.spec(), caption)


def _parts(lines: Lines) -> Figure:
    plot = Plot(
        "headline-parts",
        "Three log-log panels against 1/eps: T, which has slope 2 for every order, and S and K, whose slopes are "
        "2 + 2/p.",
        titles=("T, measured", "S, set", "K, set"),
        legend="bottom",
        size=(7.6, 3.3),
    )
    for panel, key in zip(plot.panels, "TSK"):
        for p, line in lines.items():
            x, y = inverse(line["log10_eps"]), [float(v) for v in line[key]]
            panel.series(f"p = {p}", x, y, style=style_of_order(p))
        panel.labels(r"$1/\varepsilon$", "")
    orders = list(lines)
    plot[0].guide(2, near=f"p = {orders[0]}", shift=0.4)
    for panel in plot.panels[1:]:
        for p, shift in ((orders[0], 4), (orders[-1], 0.25)):
            panel.guide(2 + 2 / p, near=f"p = {p}", shift=shift)
    caption = (
        r"$T$ has slope $2$ whatever $p$ is: the path down the ramp is of length $\Delta/(2\varepsilon)$, the step of "
        r"order $\varepsilon$. Dashed: slopes."
    )
    return Figure(plot.spec(), caption)
