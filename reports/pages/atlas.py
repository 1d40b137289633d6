r"""The atlas: published bounds in one convention, the ladder of exponents over p, the best method over (eps, kappa)."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator

from bounds.atlas import ORDERS, Class, atlas, best_p, cheapest, conflicts, contradictions, gap, row
from reports.commands.bounds import gap_rows
from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Heading, Note, Page, Paragraph, Table
from reports.style import house
from verify.record_results import RESULTS
from verify.tables import read_table

MEASURED = {"1000": "tuned-best-p-gamma-c0-1000.csv", "1": "tuned-best-p-gamma-c0-1.csv"}
"""gamma c_0 of the tuned measurement -> its recorded table."""
TUNED_ORDERS = (1, 2, 3, 4, 6, 8)

COLUMNS = (
    "kind",
    "setting",
    "method",
    "eps",
    "kappa",
    "factor",
    "order",
    "assumes",
    "oracle",
    "status",
    "conversion",
    "source",
)


def build(context: Context) -> Page:
    """The page: no measurement, only the data of the atlas and what follows from it."""
    wrong = contradictions()
    note = Note(
        "No lower bound lies above an upper bound that it binds." if not wrong else f"Contradictions: {wrong}",
        "note" if not wrong else "caution",
    )
    blocks: list[Block] = [
        Paragraph(
            r"Target $\|\nabla\varphi(x)\| \le \varepsilon$, cost in stochastic first-order calls, no logarithms: "
            r"calls $\sim \kappa^a \varepsilon^{-b}$. A lower bound binds an upper bound when its hard instance is in "
            r"the class of the upper bound and its algorithms may use the same oracle."
        ),
        note,
        Heading("Ladder of exponents"),
        _ladder(),
        Heading("Which method where"),
        _map(),
        _orders(),
        _best(),
        Heading("Gaps"),
        _gaps(),
        Heading("Apparent conflicts and what resolves them"),
        _conflicts(),
        Heading("All rows"),
        _rows(),
    ]
    lead = (
        "Published upper and lower bounds in one convention: what is tight, what is open, and what is cheapest where."
    )
    return Page("atlas", "Atlas of bounds", lead, tuple(blocks))


def _ladder() -> Figure:
    plot = Plot(
        "atlas-ladder",
        "Exponent of 1/eps against the order of smoothness p: upper bound 4 + 2/p, lower bound 6 at p = 1 and "
        "4 beyond; the gap 2/p is shaded.",
        scale="linear",
    )
    panel = plot[0]
    panel.labels("order of smoothness p", r"exponent of $1/\varepsilon$")
    orders = list(range(1, 13))
    upper = [float(row("f2sa-p").exponents(p)[0]) for p in orders]
    lower = [float(found.lower.exponents(p)[0]) for p in orders if (found := gap(Class(p))).lower is not None]
    panel.series("upper: F2SA-p", orders, upper, style=0)
    panel.series("best lower bound", orders, lower, style=1)
    panel.series("proved for every p", orders, [4.0] * len(orders), style=2, marker=False, dashed=True)
    panel.axes.set_xticks(orders)
    with house():
        panel.axes.fill_between(orders, lower, upper, color="#777777", alpha=0.15, linewidth=0)
    return Figure(
        plot.spec(), "Shaded: what is open. The lower bound 6 at p = 1 is conditional on one cited principle."
    )


def _map() -> Figure:
    prices = (100.0, 1e8)
    plot = Plot(
        "atlas-map",
        "Plane of 1/eps and kappa: the method with the smallest published bound for smoothness up to p = 8, for two "
        "prices of a Hessian-vector product.",
        titles=[f"HVP = {price:g} calls" for price in prices],
        legend="bottom",
        size=(7.2, 3.4),
    )
    for panel, price in zip(plot.panels, prices):
        panel.labels(r"$1/\varepsilon$", r"$\kappa$" if panel is plot[0] else "")
        groups: dict[str, list[tuple[float, float]]] = {}
        for eps in np.logspace(-5, -0.5, 12):
            for kappa in np.logspace(0, 4, 10):
                found = cheapest(float(eps), float(kappa), 8, price)
                name = f"F2SA-{found.p}" if found.bound.id == "f2sa-p" else found.bound.method
                groups.setdefault(name, []).append((1 / float(eps), float(kappa)))
        for name in sorted(groups):
            x, y = zip(*groups[name])
            panel.series(name, x, y, style=_style(name), line=False)
    return Figure(
        plot.spec(), "Orders of magnitude: no constants, no logarithms; only rows with a published power of κ."
    )


def _style(name: str) -> int:
    return int(name.removeprefix("F2SA-")) if name.startswith("F2SA-") and name[5:].isdigit() else 0


def _orders() -> Table:
    body = [
        (eps, kappa, best_p(eps, kappa), best_p(eps, kappa, constants=True))
        for kappa in (1.0, 10.0)
        for eps in (1e-1, 1e-2, 1e-3, 1e-4)
    ]
    columns = (
        Column("ε", ".0e"),
        Column("κ", "g"),
        Column("best p, bound alone"),
        Column("best p, schedule's constants"),
    )
    caption = "Best order of F2SA-p; the last column counts the theorem's schedule on the linear-quadratic family"
    return Table(columns, body, caption=caption)


def _best() -> Figure:
    """Predicted best p, without and with constants, beside the tuned one of the recorded measurement."""
    plot = Plot(
        "atlas-best-p",
        "Best order p against 1/eps: predicted by the bound alone, predicted by the theorem's schedule with its "
        "constants, and measured with tuned parameters, for two instances.",
        titles=[f"γc₀ = {name}" for name in MEASURED],
        scale="semilogx",
        legend="bottom",
        size=(7.2, 3.6),
        share_y=True,
    )
    for panel, (name, file) in zip(plot.panels, MEASURED.items(), strict=True):
        rows = read_table(RESULTS / file).rows
        x = [10.0 ** -r["log10_eps"] for r in rows]
        strength = float(name) * 4**0.5  # c_0 in the d - 1 = 4 coordinates apart from the ramp's
        panel.series("measured, tuned", x, [r["best_p"] for r in rows], style=0)
        exact = [best_p(1 / v, 1.0, constants=True, c_norm=strength, h=0.5, orders=TUNED_ORDERS) for v in x]
        panel.series("predicted, schedule's constants", x, exact, style=1, open_marker=True)
        panel.series("predicted, bound alone", x, [best_p(1 / v, 1.0, most=30) for v in x], style=2, dashed=True)
        panel.labels(r"$1/\varepsilon$", "best order p" if panel is plot[0] else "")
        panel.axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return Figure(
        plot.spec(),
        "Measured: calls of tuned parameters for p = 1, 2, 3, 4, 6, 8, recorded at the full level, so 8 is the most it "
        "can say; the schedule's constants are minimised over the same orders, the bound alone over p up to 30.",
    )


def _gaps() -> Table:
    rows = gap_rows()
    columns = ("class", "upper", "lower", Column("gap in ε", align="right"), Column("gap in κ", align="right"))
    return Table(columns, [tuple(r.values()) for r in rows], caption="Exponents between the best upper and lower bound")


def _conflicts() -> Table:
    body = [
        (
            c["lower"],
            c["upper"],
            ", ".join(map(str, c["p"])) if len(c["p"]) < len(ORDERS) else "all",
            "; ".join(c["resolution"]),
        )
        for c in conflicts()
    ]
    return Table(("lower", "upper", "at p", "resolution"), body, caption="Rates that cross without a contradiction")


def _rows() -> Table:
    body = []
    for bound in atlas():
        data = bound.as_dict()
        body.append(tuple(", ".join(v) if isinstance(v := data[key], list) else v for key in COLUMNS))
    return Table(COLUMNS, body, caption="Every row, exponents after conversion")
