"""Every algorithm with a theorem in its own regime: claimed exponents beside measured ones, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import Any

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Column, Figure, Heading, Note, Page, Paragraph, Prose, Table
from reports.pages.measured import cell, inverse, log_free, measure, prose, remarks, rows_table
from verify.preset import Result, Row
from verify.presets import PRESETS

NAMES = ("rates-deterministic", "rates-stochastic")
COLUMNS: tuple[str | Column, ...] = (
    Column("line"), "algorithm", "theorem", "power of", Column("claimed", ".3g"), Column("measured", ".3f"),
    "95% interval", "range", "held out", "verdict",
)  # fmt: skip
GROUNDS: tuple[str | Column, ...] = (
    Column("line"), Column("instance", wrap=True), "schedule", "basis", Column("expected", ".3g"), "on that",
    Column("in words", wrap=True),
)  # fmt: skip
MPI: dict[str, str | Column] = {
    "processes": "processes", "agents": "agents", "outer steps": "outer steps", "calls": "calls", "floats": "floats",
    "relative distance": Column("relative distance", ".1g"), "verdict": "verdict",
}  # fmt: skip
STEEP = ("F2BA", "F2BA, accelerated inner loop")


def build(context: Context) -> Page:
    """The page, from the presets of :data:`NAMES` that are there."""
    blocks: list[Block] = [
        Paragraph(
            r"One line for each exponent. A power of $1/\varepsilon$ or of $\kappa$ is fitted on the first half of its "
            r"range and judged on the held-out half too; runs that did not finish are censored, never dropped. Where "
            r"an instance does not show the claimed power the line says so: the theorems are upper bounds."
        ),
    ]
    if "rates-deterministic" in PRESETS:
        blocks += deterministic(measure(context, "rates-deterministic"))
    if "rates-stochastic" in PRESETS:
        blocks += stochastic(measure(context, "rates-stochastic"))
    missing = [name for name in NAMES if name not in PRESETS]
    if missing:
        blocks.append(Note(f"Not measured here: {', '.join(missing)}.", "caution"))
    lead = r"Claimed and measured powers of $1/\varepsilon$ and $\kappa$ for every algorithm with a theorem."
    return Page("rates", "Rates", lead, tuple(blocks))


def deterministic(result: Result) -> list[Block]:
    rows = [r for r in result.rows if r["variable"] != "probability"]
    further = result.series.get("tables", {})
    blocks: list[Block] = [
        Heading("Without noise: paper 001"),
        *tables(rows, "rates-deterministic-table"),
        Note(
            r"schedule theorem: every constant of Theorem 4.1; own: the step $1/L_\varphi$ of the instance in place of "
            r"$1/D_3$; K = 1: one inner step."
        ),
        by_kappa(result),
        by_eps(result, "rates-eps"),
        Heading("Leaving saddle points", 4),
        success_table(result.rows),
        success_figure(result),
    ]
    if further.get("MPI"):
        blocks.append(
            rows_table(further["MPI"], MPI, "Algorithm 3 between processes, against one process", "rates-mpi")
        )
    return [*blocks, *remarks(result)]


def stochastic(result: Result) -> list[Block]:
    blocks: list[Block] = [Heading("With noise"), *tables(result.rows, "rates-stochastic-table")]
    lines = result.series.get("lines", {})
    if lines:
        plot = Plot(
            "rates-stochastic",
            "Log-log plot of calls against 1/eps, one line for each stochastic algorithm.",
            size=(6.6, 4.0),
        )
        plot[0].labels(r"$1/\varepsilon$", "calls")
        for number, (name, line) in enumerate(lines.items()):
            hit = [bool(v) for v in line["exact"]]
            x = [v for v, good in zip(inverse(line["log10_eps"]), hit) if good]
            y = [float(v) for v, good in zip(line["calls"], hit) if good]
            if x:
                control = bool(line.get("control"))
                plot[0].series(str(name), x, y, style=number, dashed=control, open_marker=control)
        blocks.append(Figure(plot.spec(), "Median calls; hollow: controls. Targets not reached are left out."))
    for title, rows in result.series.get("tables", {}).items():
        if rows:
            names = list(rows[0])
            body = [tuple(cell(row.get(name), "verdict" in name) for name in names) for row in rows]
            blocks.append(Table([n.replace("_", " ") for n in names], body, caption=title.capitalize()))
    return [*blocks, *remarks(result)]


def tables(rows: Sequence[Row], id: str) -> list[Block]:
    """The lines of either preset: what is claimed and measured, then what each line rests on."""
    groups = [i for i in range(1, len(rows)) if rows[i]["algorithm"] != rows[i - 1]["algorithm"]]
    numbered = list(enumerate(rows, 1))
    return [
        Table(COLUMNS, [line(n, r) for n, r in numbered], caption="Claimed and measured", id=id, groups=groups),
        Table(
            GROUNDS, [ground(n, r) for n, r in numbered], caption="What the lines rest on, and what the instance must "
            "show, where that is not the claim", id=f"{id}-grounds", groups=groups,
        ),
    ]  # fmt: skip


def line(number: int, row: Row) -> tuple[Any, ...]:
    """One exponent and its verdict on the claimed power."""
    low, high = row.get("ci_low"), row.get("ci_high")
    start, held, end = ends(row)
    interval = None if low is None else "no randomness" if low == high else f"{low:.3f} – {high:.3f}"
    what = str(row.get("what", "calls"))
    shown = r"$\kappa$" if str(row.get("variable", "")).startswith("kappa") else r"$1/\varepsilon$"
    return (
        number, str(row["algorithm"]), str(row["theorem"]), Prose(shown + ("" if what == "calls" else f", {what}")),
        row.get("claimed"), row.get("slope_log"), interval, f"{start:.2g} to {end:.2g}", f"beyond {held:.2g}",
        cell(row.get("on_claim", row["verdict"]), True),
    )  # fmt: skip


def ground(number: int, row: Row) -> tuple[Any, ...]:
    """What the line rests on: instance, schedule, basis, expected power, and a sentence."""
    basis, tried = str(row.get("basis", "run")), row.get("metered")
    if isinstance(tried, str) and not tried.endswith(" 0"):
        basis += f"; metered: {tried}"
    words = str(row.get("words") or row.get("why") or row.get("reasons") or "")
    expected = row.get("expected")
    return (
        number, str(row["instance"]), str(row.get("schedule", "")), basis, expected,
        cell(row["verdict"], True) if expected is not None else None, prose(words),
    )  # fmt: skip


def ends(row: Row) -> tuple[float, float, float]:
    """(first, where the held-out part begins, last) of the range of eps or kappa."""
    if "from" in row:
        start, end = float(row["from"]), float(row["to"])
        return start, float(row.get("held_out") or sqrt(start * end)), end
    start, end = float(row["eps_max"]), float(row["eps_min"])
    return start, sqrt(start * end), end


def by_kappa(result: Result) -> Figure:
    """Calls against kappa: gradient descent and accelerated inner loops, one panel each."""
    plot = Plot(
        "rates-kappa",
        "Two log-log panels of calls against kappa, for plain and for accelerated inner loops, with guides of the "
        "claimed slopes 4 and 3.5 beside the lines that reach them and flatter lines on easier instances.",
        titles=STEEP,
        legend="bottom",
        size=(7.6, 4.3),
        share_y=True,
    )
    styles = {"steep clipped": 0, "steep trig": 1, "steep quadratic": 2}
    short = {"steep clipped": "Hessian Lipschitz", "steep trig": "smooth", "steep quadratic": "quadratic"}
    for panel, method in zip(plot.panels, ("f2ba", "accelerated")):
        drawn = [s for s in result.series.values() if s.get("variable") == "kappa" and s["method"] == method]
        for curve in drawn:
            name = f"{short[curve['family']]}, {curve['schedule']}"
            hollow = curve["schedule"] != "theorem"
            style = 3 if curve["schedule"] == "K = 1" else styles[curve["family"]]
            x, y = [10.0**-v for v in curve["log10_eps"]], [10.0**v for v in log_free(curve)]
            panel.series(name, x, y, style=style, dashed=hollow, open_marker=hollow)
        top = f"{short['steep clipped']}, theorem"
        panel.guide(4.0 if method == "f2ba" else 3.5, near=top, shift=6)
        panel.labels(r"$\kappa$", "calls, log divided out of $K$" if method == "f2ba" else "")
    return Figure(
        plot.spec(),
        "To the same accuracy at fixed ε. Filled: the theorem's schedule; hollow: the instance's own step, or K = 1.",
    )


def by_eps(result: Result, stem: str) -> Figure:
    """Calls (and floats) against 1/eps, all with the guide of slope 2."""
    drawn = [s for s in result.series.values() if s.get("variable") == "eps"]
    plot = Plot(
        stem, "Log-log plot of calls against 1/eps for the deterministic algorithms, all parallel to slope 2.",
        size=(6.6, 3.8),
    )  # fmt: skip
    titles = {"f2ba": "F2BA", "accelerated": "accelerated", "perturbed": "perturbed", "distributed": "distributed"}
    for number, curve in enumerate(drawn):
        name = titles[curve["method"]]
        if curve["method"] in ("f2ba", "accelerated"):
            name += f", {curve['schedule']}"
        elif curve["what"] == "floats":
            name += ", floats"
        kept = [i for i, good in enumerate(curve["exact"]) if good]
        x, y = inverse(curve["log10_eps"]), [10.0**v for v in log_free(curve)]
        plot[0].series(name, [x[i] for i in kept], [y[i] for i in kept], style=number)
        if number == 0:
            first = name
    if drawn:
        plot[0].guide(2.0, near=first, shift=5)
    plot[0].labels(r"$1/\varepsilon$", "calls (floats), log divided out of $K$")
    return Figure(plot.spec(), "To the target of each theorem; different instances, so that only the slopes compare.")


def success_table(rows: Sequence[Row]) -> Table:
    chosen = [r for r in rows if r["variable"] == "probability"]
    body = [(r["from"], r["hits"], r["runs"], r["ci_low"], r["claimed"], cell(r["verdict"], True)) for r in chosen]
    heads = (
        Column(r"$\varepsilon$", ".3g"), "successes", "of", Column("at least (95%)", ".3f"), Column("claimed", ".2g"),
        "verdict",
    )  # fmt: skip
    caption = "Second-order point within the wait after one perturbation, with the exact binomial interval"
    return Table(heads, body, caption=caption, id="rates-success")


def success_figure(result: Result) -> Figure:
    """Share of runs out of the saddle: over time for each eps, and against the radius of the perturbation."""
    data = result.series["success"]
    plot = Plot(
        "rates-success",
        "Left: share of runs at a second-order point against steps after the perturbation, divided by the wait: all "
        "curves reach 1 before 1. Right: success against the radius, which falls from 1 to 0 five to six decades below "
        "the proposition's radius.",
        titles=("steps after the perturbation", "smaller perturbations"),
        scale="linear",
        size=(7.6, 3.7),
        legend="bottom",
    )
    for number, (log10_eps, after) in enumerate(data["after"].items()):
        done = sorted(v for v in after if v is not None and isfinite(v))
        x = [0.0, *(v for v in done for _ in (0, 1)), 1.2]
        share = [i / len(after) for i in range(len(done) + 1) for _ in (0, 1)]
        plot[0].series(f"ε = {10 ** float(log10_eps):.2g}", x, share, style=number, marker=False)
    radius = data["radius"]
    plot[1].series(
        "ε = 0.1, 95% interval", radius["log10_r"], radius["share"], style=5, low=radius["low"], high=radius["high"]
    )
    for panel in plot.panels:
        panel.level(data["claimed"], "1 − δ")
    plot[0].labels("steps / wait", "share of seeds")
    plot[1].labels(r"$\log_{10}$ of the radius over the proposition's", "")
    return Figure(plot.spec(), "Success is exact: gradient and Hessian of φ are known in closed form.")
