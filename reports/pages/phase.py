"""Which (eps, nu) succeed: the boundary of the plane of eps and nu has the slope 1/p, which is why 4 + 2/p is least."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Heading, Page, Paragraph
from reports.pages.measured import inverse, measure, remarks, rows_table
from reports.panel import Panel
from reports.style import house, style_of_order
from verify.preset import Result

COLUMNS: dict[str, str | Column] = {
    "p": Column("$p$"),
    "q": Column("$q$", align="right"),
    "qp": Column("$qp$", align="right"),
    "kernel": "by",
    "points": Column("points"),
    "reached": Column("reached"),
    "bias_below_eps": Column("bias below ε"),
    "slope_log": Column("slope", ".3f"),
    "theory": Column("$4 + 2q$", ".3f"),
    "verdict": "verdict",
}
KERNELS = {"moments": "exact second moments", "jump": "runs of the jump kernel"}


def build(context: Context) -> Page:
    """The page, from the preset ``phase``."""
    result = measure(context, "phase")
    blocks: list[Block] = [
        Paragraph(
            r"Let $\nu = \nu_0 (\varepsilon/\varepsilon_0)^q$. The bias of the $p$-th order difference is of order "
            r"$\nu^p$. For $q < 1/p$ it falls slower than $\varepsilon$, and the target becomes unreachable whatever "
            r"$S$, $K$ and $T$ are; for $q > 1/p$ every $\varepsilon$ is reached, at $\varepsilon^{-4-2q}$ calls. The "
            r"least exponent that reaches every $\varepsilon$ is the one at $q = 1/p$, that is $4 + 2/p$."
        ),
        Heading("The map"),
        _map(result, "moments"),
        _map(result, "jump"),
        Heading("Slopes above the boundary"),
        _slopes(result),
        rows_table(result.rows, COLUMNS, "Points reached and slopes, by p and q", "phase-table", _groups(result)),
        *remarks(result),
    ]
    lead = r"Success and failure in the plane of $\varepsilon$ and $\nu$: the boundary is $\nu \sim \varepsilon^{1/p}$."
    return Page("phase", "Phase map", lead, tuple(blocks))


def _groups(result: Result) -> list[int]:
    keys = [(row["p"], row["kernel"]) for row in result.rows]
    return [i for i in range(1, len(keys)) if keys[i] != keys[i - 1]]


def _lines(result: Result, kernel: str) -> dict[int, list[Mapping[str, Any]]]:
    """Series of one kernel by p."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for line in result.series.values():
        if line.get("kernel") == kernel:
            found.setdefault(line["p"], []).append(line)
    return found


def _map(result: Result, kernel: str) -> Figure:
    lines = _lines(result, kernel)
    plot = Plot(
        f"phase-{kernel}",
        f"Plane of 1/eps and nu for p = {', '.join(map(str, lines))}, {KERNELS[kernel]}: filled circles where the "
        "target is reached, hollow squares where it is not; they part where the exact bias equals eps, a line of slope "
        "-1/p.",
        titles=[f"p = {p}" for p in lines],
        legend="bottom",
        size=(7.6, 3.4),
    )
    for panel, (p, members) in zip(plot.panels, lines.items()):
        _boundary(panel, result.series[f"boundary p={p}"], p)
        for reached, name, style in ((True, "reached", 0), (False, "not reached", 1)):
            points = [
                (10.0**-e, nu)
                for line in members
                for e, nu, hit in zip(line["log10_eps"], line["nu"], line["reached"], strict=True)
                if hit == reached
            ]
            if points:
                x, y = zip(*points)
                panel.series(name, x, y, style=style, line=False, open_marker=not reached)
        panel.labels(r"$1/\varepsilon$", r"$\nu$" if panel is plot[0] else "")
        low = min(min(line["nu"]) for line in members)
        panel.axes.set_ylim(low / 2, 4 * 10.0 ** max(result.series[f"boundary p={p}"]["log10_nu"]))
    caption = (
        f"By {KERNELS[kernel]}. Line: the exact bias equals ε; above it no choice of S, K, T can succeed, and at every "
        r"point below it the target is reached. Each fan of points is $\nu \sim \varepsilon^q$ for one $q$."
    )
    return Figure(plot.spec(), caption)


def _boundary(panel: Panel, line: Mapping[str, list[float]], p: int) -> None:
    """The line B_p(nu) = eps, the excluded side shaded."""
    x, y = inverse(line["log10_eps"]), [10.0**v for v in line["log10_nu"]]
    panel.series("bias = ε", x, y, style=6, marker=False)
    with house():
        panel.axes.fill_between(x, y, [40 * max(y)] * len(x), color="#777777", alpha=0.10, linewidth=0, zorder=0)
    middle = len(x) // 2
    panel.guide(-1 / p, through=(x[middle], y[middle]), shift=1.6, span=(x[0], x[-1]), label=f"slope −{Fraction(1, p)}")


def _slopes(result: Result) -> Figure:
    plot = Plot(
        "phase-slopes",
        "Measured exponent against q times p: at and above one the points lie on 4 + 2q for each order.",
        scale="linear",
        legend="right",
        size=(5.4, 3.3),
    )
    panel = plot[0]
    for p in dict.fromkeys(row["p"] for row in result.rows):
        rows = [r for r in result.rows if r["p"] == p and r["kernel"] == "moments" and r["slope_log"] is not None]
        x = [float(Fraction(row["qp"])) for row in rows]
        style = style_of_order(p)
        panel.series(f"p = {p}", x, [row["slope_log"] for row in rows], style=style, line=False)
        panel.series(f"4 + 2q, p = {p}", x, [row["theory"] for row in rows], style=style, marker=False, dashed=True)
    panel.shade(0.375, 1.0, "excluded")
    panel.labels("$qp$", r"exponent of $1/\varepsilon$")
    return Figure(
        plot.spec(), "Exact second moments. Left of 1 the target is out of reach from some ε on: no exponent exists."
    )
