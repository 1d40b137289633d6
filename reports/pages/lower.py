r"""The hard instances: proved constants beside the printed ones, progress over time, and calls to reach eps."""

from __future__ import annotations

from math import e, log

import numpy as np

from bounds.coupled import smallness
from bounds.gates import GateKind
from bounds.separable import instance_of_length
from reports.context import Context
from reports.figure import Plot
from reports.page import Badge, Block, Column, Figure, Formula, Heading, Note, Page, Paragraph, Table
from reports.pages.measured import inverse, measure, remarks, rows_table
from reports.recorded import read
from solvers.chain_kernel import Walk, walk
from solvers.f2sa_p import F2SAp
from solvers.stocbio import StocBiO
from synthetic.errors import MissingExtra
from verify.preset import Result
from verify.presets.lower_long import NAME
from verify.progress import domination, registered_survey, simulated, violations, waits, watch

GAMMA, T, DELTA = 0.02, 24, 0.05
GATES: tuple[GateKind, ...] = ("quintic", "smooth")
COLUMNS: dict[str, str | Column] = {
    "method": "method",
    "slope_log": Column("exponent", ".3f"),
    "interval": "95% interval",
    "theory": Column("expected", ".3g"),
    "verdict": "verdict",
    "slack": Column("calls / bound at the smallest ε", ".2f"),
    "below": Column("runs below the bound's count"),
    "tested": Column("of"),
}
LOCAL: dict[str, str | Column] = {
    "method": "method",
    "log10_eps_from": Column("log10 ε from", ".1f"),
    "log10_eps_to": Column("to", ".1f"),
    "T_from": Column("links from"),
    "T_to": Column("to"),
    "exponent": Column("exponent", ".2f"),
    "interval": "95% interval",
    "predicted": Column("by the law", ".2f"),
    "extra": Column("extra links", ".1f"),
}
SIGNS: dict[str, str | Column] = {
    "log10_eps": Column("log10 ε", ".1f"),
    "T": Column("links"),
    "share_negative": Column("share revealed by a negative weight", ".2f"),
    "hits_positive": Column("hits to the next, after a positive one", ".2f"),
    "hits_negative": Column("after a negative one", ".2f"),
}
COUPLED: dict[str, str | Column] = {
    "method": "method and schedule",
    "slope_log": Column("exponent", ".3f"),
    "interval": "95% interval",
    "theory": Column("expected", ".0f"),
    "verdict": "verdict",
    "links": Column("links", align="right"),
    "reached": Column("runs at the target", align="right"),
    "below": Column("below the first-order line"),
}


def build(context: Context) -> Page:
    """The page: presets ``lower-separable`` and ``lower-coupled``, runs of the progress process, ball arithmetic."""
    result, coupled = measure(context, "lower-separable"), measure(context, "lower-coupled")
    blocks: list[Block] = [
        Paragraph(
            r"The chain $F_T(z) = \sum_i \Psi(-z_{i-1})\Phi(-z_i) - \Psi(z_{i-1})\Phi(z_i)$ hides coordinate $i + 1$ "
            r"until $z_i$ is large. The oracle shows it with probability $\gamma$ a call. Every solver here starts at "
            r"0 and is zero-respecting in the chain's own coordinates; for all randomised methods the source draws a "
            r"rotation uniformly, in a dimension out of reach of any computation."
        ),
        Heading("Constants, printed and proved"),
        _constants(),
        Heading("Progress"),
        Formula(
            r"\mathrm{prog}(t) \le (e - 1)\gamma t + \log(1/\delta) \quad \text{for all } t, \text{ w.p. } 1 - \delta"
        ),
        _progress_figure(context),
        _progress_table(context),
        _survey(context, "separable"),
        _survey(context, "coupled"),
        Heading("Calls to reach ε"),
        _scaling(result),
        rows_table(result.rows, COLUMNS, "Tuned methods on the separable instance", "lower-separable-table"),
        _local(result, "lower-separable-local"),
        rows_table(
            result.series["tables"]["after a reveal"],
            SIGNS,
            "F2SA-4: hits that a coordinate costs, by the sign of the weight that revealed the one before",
            "lower-separable-signs",
        ),
        *remarks(result),
        _long(),
        Heading("The coupled instance"),
        Paragraph(
            r"At $p = 1$ the next link hides in the lower level: an oracle of variance $\sigma^2$ may show it with "
            r"probability $\sim \varepsilon^4$ a call, and $T \sim \varepsilon^{-2}$ links have to be crossed. "
            r"A stochastic Hessian of bounded variance shows it with probability $\sim \varepsilon^2$: such an oracle "
            r"is outside the class of the bound."
        ),
        _coupled_scaling(coupled),
        rows_table(coupled.rows, COUPLED, "Methods on the coupled instance", "lower-coupled-table"),
        _local(coupled, "lower-coupled-local"),
        *remarks(coupled),
        _coupled(),
    ]
    lead = r"The instance behind $\Omega(\varepsilon^{-4})$ at work: what it needs, and what methods pay on it."
    return Page("lower", "Lower bounds", lead, tuple(blocks))


LONG: dict[str, str | Column] = {
    "method": "method",
    "T": Column("links"),
    "runs": Column("literal runs"),
    "runs_in_law": Column("in law"),
    "reached": Column("reached"),
    "median_calls": Column("median calls", ",.0f"),
    "steps_per_wait": Column("steps γ / T", ".3f"),
    "line_crossed": Column("runs over the line of progress"),
    "median_calls_in_law": Column("median calls in law", ",.0f"),
    "ks_p": Column("KS p", ".2f"),
}


def _long() -> Table:
    """The committed long runs."""
    command, rows = read(NAME)
    caption = (
        "Literal runs of a thousand links at γ = 1/100, every step taken, then the same walk in law at γ = 1/1000; "
        f"made by `{command}`"
    )
    return rows_table(rows, LONG, caption, "lower-separable-long")


def _constants() -> Block:
    try:
        from bounds.chain_constants import table

        rows = table()
    except MissingExtra as error:
        return Note(str(error).replace("[", "\\["), "caution")
    body = [
        (r.name, r.low, r.high, r.printed, Badge("enclosed") if r.printed_holds in (True, None) else Badge("refuted"))
        for r in rows
    ]
    columns = ("constant", Column("at least", ".6g"), Column("at most", ".6g"), Column("printed", ".6g"), "verdict")
    return Table(columns, body, caption="Ball arithmetic; the verdict says whether the printed number is large enough")


def _progress_figure(context: Context) -> Figure:
    plot = Plot(
        "lower-progress",
        "Revealed coordinates against calls for six runs of stochastic gradient descent, below the line that the lower "
        "bound draws for all times at once.",
        scale="linear",
    )
    panel = plot[0]
    panel.labels("calls", "prog(t)")
    found = walk(Walk(T, GAMMA, 1 / 300, skip=True), range(6))
    for i, row in enumerate(found.reveal):
        x = np.repeat(row[row >= 0], 2)
        y = np.repeat(np.arange(len(x) // 2 + 1), 2)[1:-1]
        panel.series(f"run {i + 1}", x, y, style=i, marker=False)
    end = float(np.max(found.reveal))
    panel.series("bound", [0.0, end], [log(1 / DELTA), (e - 1) * GAMMA * end + log(1 / DELTA)], style=6, marker=False)
    caption = f"SGD on {T} links, gamma = {GAMMA}; the bound holds at all times in a share 1 - {DELTA} of the runs."
    return Figure(plot.spec(), caption)


def _progress_table(context: Context) -> Table:
    runs = 400 if context.level == "quick" else 4000
    small = instance_of_length(4, 0.2)
    lr = 1 / 400 / small.scale
    lanes = list(range(48 if context.level == "quick" else 256))
    f2sa = F2SAp(2, 0.1, lr, 0.5, 1, 1, 400, normalise=False)
    stocbio = StocBiO(alpha=0.5, beta=lr, eta=0.5, S=1, D=1, B=1, D_f=1, D_g=1, Q=1, T=400)
    cases = {
        "fastest process (law)": (simulated(T, GAMMA, runs), GAMMA),
        "SGD, waits skipped": (walk(Walk(T, GAMMA, 1 / 300, skip=True), range(runs)).reveal, GAMMA),
        "NSGD, momentum": (walk(Walk(8, GAMMA, 0.01, a=0.1, normalise=True), range(runs // 4)).reveal, GAMMA),
        "F2SA-2, literal": (watch(f2sa, small, lanes, most=150)[0], small.gamma),
        "stocBiO, literal": (watch(stocbio, small, lanes, most=150)[0], small.gamma),
    }
    rows = []
    for name, (reveal, gamma) in cases.items():
        law, line = domination(waits(reveal, 0), gamma), violations(reveal, gamma, DELTA)
        good = law.holds and line.holds
        rows.append(
            (name, law.waits, law.mean_times_gamma, law.excess, law.allowed, line.share, Badge("ok" if good else "bad"))
        )
    columns = (
        "method",
        "waits",
        Column(r"mean wait times $\gamma$", ".3f"),
        Column("excess over the law", ".4f"),
        Column("allowed by chance", ".4f"),
        Column("share of runs above the line", ".4f"),
        "holds",
    )
    return Table(
        columns, rows, caption=f"Waits are at least geometric; at most a share {DELTA} of runs passes the line"
    )


def _survey(context: Context, instance: str) -> Table:
    runs, most = (24, 30) if context.level == "quick" else (64, 200)
    body = [
        (
            r["solver"], r["waits"], r["mean"], r["share"], r["early"], r["reached"],
            Badge(r["verdict"]) if r["waits"] > 9 else "-", r["reason"],
        )
        for r in registered_survey(runs, most, instance)
    ]  # fmt: skip
    columns = (
        "solver",
        "waits",
        Column(r"mean wait times $\gamma$", ".3g"),
        Column("share of runs above the line", ".4f"),
        Column("at ε before the bound's count"),
        Column("at ε"),
        "holds",
        Column("if not tested, why", wrap=True),
    )
    more = "" if instance == "separable" else ", Hessian samples masked too; eta = 1, outside the smallness conditions"
    caption = (
        f"Every registered solver on the {instance} instance, 4 links, gamma = 0.2, {runs} runs of {most} steps{more}"
    )
    return Table(columns, body, caption=caption)


def _local(result: Result, id: str) -> Table:
    caption = "Local exponents: measured on each stretch, and that of the law C (T + extra)/probability"
    return rows_table(result.series["tables"]["local exponents"], LOCAL, caption, id)


def _scaling(result: Result) -> Figure:
    plot = Plot(
        "lower-separable",
        "Median calls to reach eps against 1/eps on log-log axes for tuned methods on the separable instance, "
        "parallel to the lower bound's line of slope 4 and above it, and the theorem's schedule, steeper, above.",
    )
    panel = plot[0]
    panel.labels(r"$1/\varepsilon$", "calls")
    for i, (name, line) in enumerate((n, s) for n, s in result.series.items() if n != "tables"):
        x = inverse(line["log10_eps"])
        panel.series(name, x, line["calls"], style=i, low=line["calls_q1"], high=line["calls_q3"])
        if i == 0:
            panel.series("lower bound", x, line["bound"], style=7, marker=False, dashed=True)
    return Figure(
        plot.spec(),
        "Constant parameters tuned for each ε, counted on fresh seeds, and the theorem's schedule. Bands: quartiles.",
    )


def _coupled_scaling(result: Result) -> Figure:
    plot = Plot(
        "lower-coupled",
        "Median calls to reach eps against 1/eps on the coupled instance: tuned first-order methods of every order run "
        "parallel to the line of slope 6, stocBiO has slope 4; the theorem's schedule, in a panel of its own, slope 6.",
        titles=("tuned, first range", "tuned, further range", "theorem's schedule"),
        scale="semilogy",
        legend="bottom",
        size=(8.2, 4.4),
    )
    drawn: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for name, line in result.series.items():
        if name == "tables" or not all(line["hits"]):
            continue
        place = 2 if "theorem" in name else int("first range" not in name)
        panel, x, i = plot[place], [-e for e in line["log10_eps"]], len(drawn[place])
        drawn[place].append(name)
        panel.series(
            name.removesuffix(", first range"),
            x,
            line["calls"],
            style=i + 5 * (place == 2),
            low=line["calls_q1"],
            high=line["calls_q3"],
        )
        if i == 0:
            panel.series("lower bound, first-order methods", x, line["bound"], style=6, marker=False, dashed=True)
    for panel in plot.panels:
        panel.labels(r"$\log_{10}(1/\varepsilon)$", "calls" if panel is plot[0] else "")
    caption = "Schedules that never reach the target have no curve; they are in the table. Bands: quartiles."
    return Figure(plot.spec(), caption)


def _coupled() -> Table:
    rows = []
    for kappa in (2.0, 8.0, 32.0):
        for gates in GATES:
            found = smallness(kappa, gates)
            rows.append((kappa, gates, found["C_hess"], found["C_var"], found["eta"]))
    columns = (
        Column(r"$\kappa$", "g"),
        "gates",
        Column(r"$C_{hess}$", ".2e"),
        Column(r"$C_{var}$", ".2e"),
        Column(r"largest $\eta$", ".2e"),
    )
    caption = (
        "What the coupled instance asks of its scale, upper bounds: beyond that its lower level is not convex. "
        "L_2 of the instance is enclosed for the quintic gates, from above, by suprema in closed form"
    )
    return Table(columns, rows, caption=caption)
