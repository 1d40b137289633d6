"""All algorithms on the same instances, seeds and budget of search: ECDF of the cost, tables by target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from reports.context import Context
from reports.figure import Plot
from reports.page import Block, Bullets, Column, Figure, Heading, Page, Paragraph, Table
from reports.pages.compare_full import full_run
from reports.pages.measured import measure, remarks, rows_table
from reports.panel import Panel
from reports.style import house
from solvers.registry import SOLVERS
from verify.preset import Result, Row
from verify.presets.compare import KINDS, PRICES
from verify.presets.compare_suite import SUITE

FAMILIES: dict[str, tuple[str, ...]] = {
    "F and G only: penalties": (
        "f2sa_p", "f2sa_2", "f2sa", "f2ba", "perturbed_f2ba", "distributed_f2ba", "f3sa", "bome",
    ),
    "F and G only: differences": ("fdehbo", "pzobo"),
    "with products: loops, series": ("bsa", "stocbio", "aid", "itd", "amigo", "bo_rep", "vrbo", "ttsa"),
    "with products: single loops": ("soba", "ma_soba", "saba", "fsla", "fmbo", "mrbo", "sustain"),
}  # fmt: skip
"""Who is drawn together."""
SUMMARY: dict[str, str | Column] = {
    "name": "algorithm",
    "needs": "products",
    "instances": Column("on"),
    "success": Column("arrived", ".0%"),
    "reached": Column("targets"),
    "targets": Column("of"),
    "typical_ratio": Column("ERT / best", ".3g"),
    "tuning_sfo": Column("search: SFO", ".2e"),
    "tuning_products": Column("HVP + JVP", ".2e"),
    "tuning_runs": Column("runs"),
}
DETAIL: dict[str, str | Column] = {
    "name": "algorithm",
    "sfo": Column("SFO", ".1f"),
    "products": Column("HVP + JVP", ".1f"),
    "total_1": Column("price 1", ".1f"),
    "total_3": Column("price 3", ".1f"),
    "reached": Column("reached", align="right"),
    "configuration": Column("tuned parameters", wrap=True),
    "tuning": Column("search", ".2e"),
}
NAMES = {
    "f2sa_p": "F2SA-4", "f2sa_2": "F2SA-2", "f2sa": "F2SA", "f2ba": "F2BA", "perturbed_f2ba": "Perturbed F2BA",
    "distributed_f2ba": "Distributed F2BA", "f3sa": "F3SA", "bome": "BOME", "fdehbo": "FdeHBO", "pzobo": "PZOBO-S",
    "bsa": "BSA", "stocbio": "stocBiO", "aid": "AID", "itd": "ITD", "amigo": "AmIGO", "bo_rep": "BO-REP",
    "vrbo": "VRBO", "ttsa": "TTSA", "soba": "SOBA", "ma_soba": "MA-SOBA", "saba": "SABA", "fsla": "FSLA",
    "fmbo": "FMBO", "mrbo": "MRBO", "sustain": "SUSTAIN",
}  # fmt: skip
GREY = "#d4d4d4"
Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""By algorithm: costs (or ratios) in order, and the share reached at each."""


def build(context: Context) -> Page:
    """The page, from the preset ``compare``."""
    result = measure(context, "compare")
    summary = result.series["tables"]["summary"]
    blocks: list[Block] = [
        Paragraph(
            r"Every solver of the suite runs on every instance that offers what it needs, under the same oracle, on "
            r"the same seeds, tuned by the same search on other seeds: as many configurations for each, and what the "
            r"search costs is shown. Cost is SFO + price $\cdot$ (HVP + JVP), metered; $\varepsilon$ is reached when "
            r"exact $\|\nabla\varphi(x)\| \le \varepsilon$ held from then on for a quarter of the calls so far."
        ),
        Heading("Share of targets reached within a cost"),
        *_ecdf(result),
        Heading("Over all targets"),
        rows_table([_named(row) for row in _ordered(summary)], SUMMARY, SUMMARY_CAPTION, "compare-summary"),
        _profile(result),
        Heading("Expected running time, target by target"),
        *_matrices(result.rows),
        *_details(result.rows),
        *_full(),
        Heading("What is compared with what"),
        Bullets([f"`{name}`: {SUITE[name].what}." for name in dict.fromkeys(row["instance"] for row in result.rows)]),
        *_absent(result.series["tables"]["not applicable"]),
        Heading("What this shows, and what it does not"),
        *remarks(result),
    ]
    lead = "What reaching ε costs, all algorithms alike: same instances, seeds, budgets and search."
    return Page("compare", "All algorithms compared", lead, tuple(blocks))


SUMMARY_CAPTION = (
    "On: instances. Arrived: runs that reached ε. Targets: those that all seeds reached, of all. ERT / best: geometric "
    "mean, over the targets that the algorithm reached at all, of its expected running time over "
    "the least one at price 1. Search: calls of all instances together, by kind"
)


def name_of(solver: str) -> str:
    """As it is written in papers."""
    return NAMES.get(solver, solver)


def _needs(name: str) -> str:
    return "HVP, JVP" if "HVP" in SOLVERS[name].load().needs else "none"


def _named(row: Row) -> Row:
    products = row["tuning_hvp"] + row["tuning_jvp"]
    return {**row, "name": name_of(row["algorithm"]), "needs": _needs(row["algorithm"]), "tuning_products": products}


def _ordered(summary: Sequence[Row]) -> list[Row]:
    """Most runs that reached their target first."""
    return sorted(summary, key=lambda row: (-row["success"], row["typical_ratio"] or float("inf")))


def _stairs(costs: Sequence[float], shares: Sequence[float], end: float) -> tuple[list[float], list[float]]:
    """The corners of a staircase that starts at 0 and goes on to ``end``; a cost of 0 stands at 1 (a log axis)."""
    x, y, level = [1.0], [0.0], 0.0
    for cost, share in zip(costs, shares, strict=True):
        x += [max(cost, 1.0)] * 2
        y += [level, share]
        level = share
    return [*x, end], [*y, level]


def _draw(panel: Panel, mine: Sequence[str], curves: Curves, end: float) -> None:
    for name, (costs, shares) in curves.items():
        if name not in mine:
            with house():
                panel.axes.plot(*_stairs(costs, shares, end), color=GREY, linewidth=0.7, zorder=1.2)
    for i, name in enumerate(n for n in mine if n in curves):
        x, y = _stairs(curves[name][0], curves[name][1], end)
        panel.series(name_of(name), x, y, style=i, marker=False)


def _full() -> list[Block]:
    """The committed run at level full: all instances."""
    command, result, summary = full_run()
    first, second = list(FAMILIES)[:2], list(FAMILIES)[2:]
    places = len({row["instance"] for row in result.rows})
    caption = (
        f"{places} instances, three ε each. One target is an instance and an ε, its cost the expected running time "
        "over 16 seeds at price 1. Grey: the other algorithms"
    )
    return [
        Heading("The full run"),
        Paragraph(f"Above is what this report measured. The committed run on all instances was made by `{command}`."),
        _ecdf_pair(result, PRICES[0], first, "compare-full-gradients", caption),
        _ecdf_pair(result, PRICES[0], second, "compare-full-products", caption),
        rows_table([_named(row) for row in _ordered(summary)], SUMMARY, SUMMARY_CAPTION, "compare-full-summary"),
        *_matrices(result.rows, "compare-full-matrix"),
    ]


def _ecdf_pair(result: Result, price: int, families: Sequence[str], stem: str, caption: str | None = None) -> Figure:
    """Two families side by side, everybody else in grey behind."""
    curves = result.series["ecdf"][price]
    end = 1.1 * max((costs[-1] for costs, _ in curves.values() if costs), default=10.0)
    words = " and ".join(f"'{name}'" for name in families)
    plot = Plot(
        stem,
        f"Share of targets reached against cost at price {price}, one staircase for each algorithm of the families "
        f"{words}, all other algorithms in grey behind.",
        titles=families,
        size=(9.0, 3.5),
        scale="semilogx",
        legend="direct",
        share_y=True,
    )
    for panel, family in zip(plot.panels, families, strict=True):
        _draw(panel, FAMILIES[family], curves, end)
        panel.axes.set_xlim(1, end)
        panel.axes.set_ylim(0, 1.02)
        panel.labels(f"SFO + {price} (HVP + JVP)" if price > 1 else "SFO + HVP + JVP", "")
    plot[0].axes.set_ylabel("share of targets reached")
    caption = caption or (
        f"One target is an instance, an ε and a seed; price {price}. Grey: the other algorithms. Runs that did not "
        "arrive stay in the denominator."
    )
    return Figure(plot.spec(), caption)


def _ecdf(result: Result) -> list[Block]:
    """Price 1 for all four families; the other price for those that it changes."""
    first, second = list(FAMILIES)[:2], list(FAMILIES)[2:]
    return [
        _ecdf_pair(result, PRICES[0], first, "compare-ecdf-gradients"),
        _ecdf_pair(result, PRICES[0], second, "compare-ecdf-products"),
        _ecdf_pair(result, PRICES[1], second, "compare-ecdf-products-dear"),
    ]


def _profile(result: Result) -> Figure:
    """The six best at price 1, of those with at least half as many targets as anybody, at both prices."""
    plot = Plot(
        "compare-profile",
        "Share of targets on which an algorithm's expected running time is within a factor of the least one, against "
        "that factor, at two prices of a product; the six best in colour, the others in grey.",
        titles=[f"price {price}" for price in PRICES],
        size=(9.0, 3.5),
        scale="semilogx",
        legend="direct",
        share_y=True,
    )
    first: Curves = result.series["profile"][PRICES[0]]
    most = max(len(shares) for _, shares in first.values())
    far = max((ratios[-1] for ratios, _ in first.values() if ratios), default=10.0)
    wide = [name for name in first if first[name][1] and 2 * len(first[name][1]) > most]
    best = sorted(sorted(wide, key=lambda name: -_area(first[name][0], first[name][1], far))[:6])
    for panel, price in zip(plot.panels, PRICES, strict=True):
        curves: Curves = result.series["profile"][price]
        end = 1.1 * max((ratios[-1] for ratios, _ in curves.values() if ratios), default=10.0)
        _draw(panel, best, curves, end)
        panel.axes.set_xlim(1, end)
        panel.axes.set_ylim(0, 1.02)
        panel.labels("ERT / least ERT", "")
    plot[0].axes.set_ylabel("share of targets within the factor")
    return Figure(
        plot.spec(), "Performance profile over instances and ε. A curve's height at 1: how often it is first."
    )


def _area(ratios: Sequence[float], shares: Sequence[float], end: float) -> float:
    """Under the staircase on a log axis: what a curve far up and to the left has most of."""
    step = shares[0] if shares else 0.0  # all steps are equal
    return step * sum(log10(end / ratio) for ratio in ratios)


def _matrices(rows: Sequence[Row], id: str = "compare-matrix") -> list[Table]:
    """ERT at price 1: algorithms by instances, at the middle eps of each, five instances a table."""
    places = list(dict.fromkeys(row["instance"] for row in rows))
    return [_matrix(rows, places[i : i + 5], f"{id}-{1 + i // 5}") for i in range(0, len(places), 5)]


def _matrix(rows: Sequence[Row], places: Sequence[str], id: str) -> Table:
    middle = {place: _middle([row["log10_eps"] for row in rows if row["instance"] == place]) for place in places}
    at = {(r["algorithm"], r["instance"]): r for r in rows if r["log10_eps"] == middle.get(r["instance"])}
    body = []
    named = [name for family in FAMILIES.values() for name in family]
    for name in [*named, *(name for name in SOLVERS if name not in named)]:
        found = [at.get((name, place)) for place in places]
        if any(found):
            body.append((name_of(name), *("" if row is None else _ert(row) for row in found)))
    heads = [Column(f"{place}, $10^{{{middle[place]:g}}}$", align="right") for place in places]
    caption = (
        "ERT at price 1 at the middle ε. In brackets: how many of the runs arrived, where not all did. Empty: not "
        "applicable, see below"
    )
    return Table(("algorithm", *heads), body, caption=caption, id=id)


def _middle(exponents: Sequence[float]) -> float:
    distinct = sorted(set(exponents))
    return distinct[(len(distinct) - 1) // 2]


def _ert(row: Row) -> str:
    if not row["hits"]:
        return "never"
    cost = row["total_1"]
    return f"{cost:.{0 if cost >= 100 else 1}f}" + (
        "" if row["hits"] == row["runs"] else f" ({row['hits']}/{row['runs']})"
    )


def _details(rows: Sequence[Row]) -> list[Block]:
    """All columns on one instance, at its middle eps."""
    place = "lq-4"
    mine = [row for row in rows if row["instance"] == place]
    eps = _middle([row["log10_eps"] for row in mine])
    shown = []
    for row in sorted((row for row in mine if row["log10_eps"] == eps), key=lambda row: row["total_1"] or float("inf")):
        products = None if row["ert_hvp"] is None else row["ert_hvp"] + row["ert_jvp"]
        shown.append(
            {
                **row, "name": name_of(row["algorithm"]), "sfo": row["ert_sfo"], "products": products,
                "reached": f"{row['hits']}/{row['runs']}", "tuning": sum(row[f"tuning_{kind}"] for kind in KINDS),
            }
        )  # fmt: skip
    caption = (
        rf"Instance `{place}`, $\varepsilon = 10^{{{eps:g}}}$: expected running time by kind, and what the search "
        "chose. Every other target: the table `compare` among the results"
    )
    return [rows_table(shown, DETAIL, caption, "compare-detail")]


def _absent(rows: Sequence[Row]) -> list[Block]:
    """Who cannot run where, and why."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        reasons.setdefault((row["algorithm"], row["reason"]), []).append(row["instance"])
    lines = [
        f"{name_of(name)} is not applicable on {', '.join(where)}: {why}." for (name, why), where in reasons.items()
    ]
    return [Bullets(lines)] if lines else []
