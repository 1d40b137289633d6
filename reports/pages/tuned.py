"""The cheapest parameters for each eps: tuning changes the constants, not the exponent; the best p moves with eps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Heading, Page, Paragraph
from reports.pages.measured import anchored, dashed, inverse, measure, remarks, rows_table
from reports.style import style_of_order
from verify.preset import Result, Row

COLUMNS: dict[str, str | Column] = {
    "p": Column("$p$"),
    "variant": "variant",
    "gamma_c0": Column(r"$\gamma c_0$"),
    "slope": Column("last half decade", ".3f"),
    "theory": Column("$4 + 2/p$", ".3f"),
    "error": Column("difference", "+z.3f"),
    "slope_all": Column("whole range", ".3f"),
    "verdict": "verdict",
    "gain": Column("gain", align="right"),
}
FLAT: dict[str, str | Column] = {
    "p": Column("$p$"),
    "S": Column("$S$"),
    "K": Column("$K$"),
    "ratio": Column("calls over the free winner's", ".4f"),
    "T": Column("$T$"),
    "free_S": Column("winner's $S$"),
    "free_K": Column("winner's $K$"),
}
SIMULATED: dict[str, str | Column] = {
    "p": Column("$p$"),
    "log10_eps": Column(r"$\log_{10}\varepsilon$", ".3g"),
    "T": Column("$T$"),
    "seeds": Column("seeds"),
    "ratio": Column("simulated / exact", ".4f"),
    "interval": Column("95% interval", align="right"),
    "confirmed": "confirmed",
}
INSTANCES = {"1000": "best p, gamma c0 = 1000", "1": "best p, gamma c0 = 1"}


def build(context: Context) -> Page:
    """The page, from the preset ``tuned``."""
    result = measure(context, "tuned")
    tables = result.series["tables"]
    groups = [i for i in range(1, len(result.rows)) if _kind(result.rows[i]) != _kind(result.rows[i - 1])]
    blocks: list[Block] = [
        Paragraph(
            r"For each $\varepsilon$ and $p$ the parameters $\nu, \eta_x, \eta_y, S, K, T$ that minimise the calls "
            r"subject to $E\|\nabla\varphi(x_T)\|^2 \le \varepsilon^2$, from exact second moments: nothing is sampled, "
            r"so no search can win by luck. Constants shrink by orders of magnitude against the theorem's schedule; "
            r"the exponent stays."
        ),
        Heading("Calls of the cheapest parameters"),
        _calls(result),
        rows_table(
            [{**row, "gain": f"{row['gain_min']:.3g} – {row['gain_max']:.3g}"} for row in result.rows],
            COLUMNS,
            r"Exponents of the tuned calls; gain: calls of the theorem's schedule over the tuned ones. Variant long: "
            r"$K \eta_y a = 1$ instead of a free $K$",
            "tuned-table",
            groups,
        ),
        Heading("Which order is cheapest"),
        _best(tables),
        Heading("Where the optimum is flat"),
        rows_table(
            _flat(tables), FLAT, r"Given $S$ and $K$, all else tuned again, $\varepsilon = 10^{-2}$", "tuned-flat"
        ),
        Heading("Winners run on fresh seeds"),
        rows_table(
            [{**row, "ci_low": row["ratio_low"], "ci_high": row["ratio_high"]} for row in tables["simulated"]],
            SIMULATED,
            r"$\|\nabla\varphi(x_T)\|^2$ of simulated runs over its exact mean; no search has seen these seeds",
            "tuned-simulated",
        ),
        *remarks(result),
    ]
    lead = "The cheapest parameters for each ε, found from exact second moments: the exponent is still $4 + 2/p$."
    return Page("tuned", "Tuned parameters", lead, tuple(blocks))


def _flat(tables: Mapping[str, Sequence[Row]]) -> list[Row]:
    return sorted(tables["flat"], key=lambda row: (row["p"], row["S"] + row["K"], row["S"]))


def _kind(row: Row) -> tuple[Any, ...]:
    return row["variant"], row["gamma_c0"]


def _calls(result: Result) -> Figure:
    plot = Plot(
        "tuned-eps4",
        "Log-log plot of tuned calls times eps to the fourth against 1/eps for six orders: at small eps each lies on a "
        "dashed line of slope 2/p.",
        legend="direct",
        size=(5.6, 4.0),
    )
    panel = plot[0]
    for row in result.rows:
        if row["variant"] != "free" or row["gamma_c0"] != 1000:
            continue
        p, style = row["p"], style_of_order(row["p"])
        line = result.series[f"p = {p}, free, gamma c0 = 1000"]
        x = [-e for e in line["log10_eps"]]
        y = [log10(calls) - 4 * a for calls, a in zip(line["calls"], x, strict=True)]
        panel.series(f"p = {p}", inverse(line["log10_eps"]), [10**v for v in y], style=style, line=False)
        last = [a >= max(x) - 0.5 - 1e-9 for a in x]
        intercept = anchored(x, y, 2 / p, last)
        dashed(panel, f"slope 2/{p}", inverse(line["log10_eps"]), [10 ** (2 / p * a + intercept) for a in x], style)
    panel.labels(r"$1/\varepsilon$", r"calls $\cdot\ \varepsilon^4$")
    caption = r"$\gamma c_0 = 1000$. Dashed: slope $2/p$ through the last half decade, on which the exponent is judged."
    return Figure(plot.spec(), caption)


def _best(tables: Mapping[str, Sequence[Row]]) -> Figure:
    """Calls of each order over those of the cheapest one, on both instances."""
    plot = Plot(
        "tuned-best",
        "Calls of each order over the calls of the cheapest order, against 1/eps, for two instances: as eps falls the "
        "cheapest order moves up.",
        titles=[f"γc₀ = {name}" for name in INSTANCES],
        legend="bottom",
        size=(7.4, 3.5),
    )
    for panel, name in zip(plot.panels, INSTANCES.values()):
        rows = tables[name]
        exponents = [row["log10_eps"] for row in rows]
        orders = [int(key.rpartition("=")[2]) for key in rows[0] if key.startswith("log10 calls")]
        best = [min(row[f"log10 calls p={p}"] for p in orders) for row in rows]
        for p in orders:
            over = [10 ** (row[f"log10 calls p={p}"] - low) for row, low in zip(rows, best)]
            panel.series(f"p = {p}", inverse(exponents), over, style=style_of_order(p))
        panel.axes.set_ylim(0.8, 300)
        panel.labels(r"$1/\varepsilon$", "calls / those of the best p" if panel is plot[0] else "")
    return Figure(plot.spec(), "At 1 stands the order with the fewest calls. What is far above is cut off.")
