"""All algorithms on the same instances, oracle, seeds and budget of search: what reaching eps costs, and how often.

Every solver of the registry runs on every instance of :mod:`verify.presets.compare_suite` whose needs it meets. Each
gets the same search (:mod:`verify.presets.compare_space`): as many configurations, seeds and calls; the winners run on
seeds that no search has seen. Calls are metered: SFO apart from HVP and JVP, which a total prices. A run that does not
reach eps within the budget is censored: its calls stay in the sum of the expected running time, ERT = calls of all
runs / runs that reached eps (Hansen et al., COCO), and in the denominator of every share.

Price 1 counts a product like a gradient sample. Price 3 is what differentiating a program costs: a Hessian-vector
product is two to three gradients (Griewank, Walther, Evaluating Derivatives). The search minimises price 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import exp, log
from statistics import median
from typing import Any

from solvers.registry import SOLVERS
from verify.engine import Kernel, register
from verify.experiment import Experiment, Grid, Seeds
from verify.options import Option, Schema
from verify.preset import Preset, Result, Row
from verify.presets.compare_race import compared, not_applicable
from verify.presets.compare_suite import SUITE
from verify.schemas import declare_family, declare_kernel

PRICES = (1, 3)
"""Of one HVP or JVP, in SFO calls."""
KINDS = ("sfo", "hvp", "jvp")
declare_family(Schema("suite", {"instance": Option("word", "lq-4", tuple(SUITE))}))
OPTIONS = {
    "solver": Option("word", "f2sa", tuple(SOLVERS)),
    "budget": Option("int", 600, low=1, doc="calls (SFO, HVP, JVP) of one run"),
    "configurations": Option("int", 48, low=1),
    "tuning": Option("int", 4, low=1, doc="seeds of the search"),
    "targets": Option("int", 3, low=1, doc="half decades of eps upwards from the cell's"),
}
declare_kernel(Schema("compare", OPTIONS))
QUICK = ("lq-4", "finite-sum")


def targets_of(arguments: Mapping[str, Any]) -> list[Fraction]:
    """log10 of the targets, from the largest to the cell's own."""
    return [arguments["log10_eps"] + Fraction(k, 2) for k in reversed(range(arguments["targets"]))]


def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The search, then one run a seed: see :func:`verify.presets.compare_race.compared`."""
    exponents = targets_of(arguments)
    rows = compared(
        arguments["solver"], SUITE[arguments["problem"]["instance"]], seeds, budget=arguments["budget"],
        targets=[10.0 ** float(e) for e in exponents], count=arguments["configurations"],
        tuning_seeds=arguments["tuning"],
    )  # fmt: skip
    return [{"targets_log10": [str(e) for e in exponents], **row} for row in rows]


register(Kernel("compare", trial, 64))


def experiments(level: str) -> list[Experiment]:
    """One an instance. quick: two instances, the larger eps, 12 configurations, 120 calls; full: all, 48, 600 calls."""
    quick = level == "quick"
    sizes = {"budget": 120, "configurations": 12, "tuning": 2, "targets": 2} if quick else {}
    found = []
    for name in QUICK if quick else SUITE:
        instance = SUITE[name]
        able = tuple(s for s in SOLVERS if not not_applicable(s, instance))
        eps = str(Fraction(instance.eps) + (Fraction(1, 2) if quick else 0))
        found.append(
            Experiment(
                f"compare {name}", "compare", (1,), problem={"family": "suite", "instance": name},
                grid=Grid(eps, eps, 1), seeds=Seeds(0, 8 if quick else 16), options=sizes, axes={"solver": able},
            )
        )  # fmt: skip
    return found


def total(row: Mapping[str, Any], price: float, prefix: str = "") -> float:
    """SFO + price (HVP + JVP)."""
    return float(row[f"{prefix}sfo"] + price * (row[f"{prefix}hvp"] + row[f"{prefix}jvp"]))


def runs_of(trials: Iterable[Row]) -> list[Row]:
    """One line for each run and target: algorithm, instance, log10_eps, seed, hit, sfo, hvp, jvp."""
    return [
        {
            "algorithm": row["solver"], "instance": row["experiment"].removeprefix("compare "),
            "log10_eps": float(Fraction(e)), "seed": row["seed"], "hit": row["hit"][k],
            **{kind: row[kind][k] for kind in KINDS},
            "configuration": row["configuration"][k], "tuned": row["tuned"][k],
            **{f"tuning_{kind}": row[f"tuning_{kind}"] for kind in KINDS}, "tuning_runs": row["tuning_runs"],
        }
        for row in trials
        for k, e in enumerate(row["targets_log10"])
    ]  # fmt: skip


def grouped(runs: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Runs by the given columns, in the order of their first occurrence."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for run in runs:
        found.setdefault(tuple(run[key] for key in keys), []).append(run)
    return found


def target_row(group: list[Row]) -> Row:
    """The line of one algorithm, instance and eps: expected running times by kind and in all, None when no run hit."""
    first, hits = group[0], sum(run["hit"] for run in group)
    spent = {kind: sum(run[kind] for run in group) for kind in KINDS}
    ert = {kind: spent[kind] / hits if hits else None for kind in KINDS}
    columns: Row = {key: first[key] for key in ("algorithm", "instance", "log10_eps")}
    columns |= {"hits": hits, "runs": len(group)} | {f"ert_{kind}": value for kind, value in ert.items()}
    columns |= {f"total_{price}": total(spent, price) / hits if hits else None for price in PRICES}
    columns["median_1"] = median(total(run, 1) for run in group) if 2 * hits > len(group) else None
    kept = ("configuration", "tuned", "tuning_sfo", "tuning_hvp", "tuning_jvp", "tuning_runs")
    return columns | {key: first[key] for key in kept}


def staircase(runs: list[Row], price: float) -> tuple[list[float], list[float]]:
    """ECDF: (costs of the runs that hit, sorted; share of all runs reached within that cost, censored ones counted)."""
    costs = sorted(total(run, price) for run in runs if run["hit"])
    return costs, [(i + 1) / len(runs) for i in range(len(costs))]


def profile(rows: list[Row], price: int) -> dict[str, tuple[list[float], list[float]]]:
    """Performance profile: for each algorithm (ratios to the least ERT of a target, sorted; share of its targets).

    Targets that nobody reached are left out; those that an algorithm cannot be run on are not counted against it.
    """
    key = f"total_{price}"
    best: dict[tuple[Any, Any], float] = {}
    for row in rows:
        if row[key] is not None:
            at = row["instance"], row["log10_eps"]
            best[at] = min(best.get(at, row[key]), row[key])
    found: dict[str, tuple[list[float], list[float]]] = {}
    for (name,), mine in grouped(rows, "algorithm").items():
        possible = [row for row in mine if (row["instance"], row["log10_eps"]) in best]
        ratios = sorted(row[key] / best[row["instance"], row["log10_eps"]] for row in possible if row[key] is not None)
        found[name] = ratios, [(i + 1) / len(possible) for i in range(len(ratios))]
    return found


def summary_row(name: str, runs: list[Row], rows: list[Row], ratios: list[float]) -> Row:
    """One algorithm over everything that it ran on."""
    searches = [group[0] for group in grouped(runs, "instance").values()]
    return {
        "algorithm": name,
        "instances": len(searches),
        "success": sum(run["hit"] for run in runs) / len(runs),
        "targets": len(rows),
        "reached": sum(row["hits"] == row["runs"] for row in rows),
        "typical_ratio": exp(sum(map(log, ratios)) / len(ratios)) if ratios else None,
        **{kind: sum(run[kind] for run in runs) for kind in KINDS},
        **{f"tuning_{kind}": sum(search[f"tuning_{kind}"] for search in searches) for kind in KINDS},
        "tuning_runs": sum(search["tuning_runs"] for search in searches),
    }


def analyse(trials: list[Row], level: str) -> Result:
    runs = runs_of(trials)
    rows = [target_row(group) for group in grouped(runs, "algorithm", "instance", "log10_eps").values()]
    order = list(SOLVERS)
    rows.sort(key=lambda row: (list(SUITE).index(row["instance"]), -row["log10_eps"], order.index(row["algorithm"])))
    profiles = {price: profile(rows, price) for price in PRICES}
    by_name = {name: group for (name,), group in grouped(runs, "algorithm").items()}
    summary = [
        summary_row(name, by_name[name], [r for r in rows if r["algorithm"] == name], profiles[1][name][0])
        for name in order if name in by_name
    ]  # fmt: skip
    present = list(dict.fromkeys(row["instance"] for row in rows))
    absent = [
        {"algorithm": name, "instance": where, "reason": why}
        for where in present for name in order if (why := not_applicable(name, SUITE[where]))
    ]  # fmt: skip
    series = {
        "ecdf": {price: {name: staircase(group, price) for name, group in by_name.items()} for price in PRICES},
        "profile": profiles,
        "tables": {"summary": summary, "not applicable": absent},
    }
    return Result(rows, series, notes(rows, summary, level))


def cheapest(group: list[Row], price: int) -> set[str]:
    """The algorithms with the least expected running time on one target; none when no run reached it."""
    costs = {row["algorithm"]: row[f"total_{price}"] for row in group if row[f"total_{price}"] is not None}
    least = min(costs.values(), default=0.0)
    return {name for name, cost in costs.items() if cost == least}


def notes(rows: list[Row], summary: list[Row], level: str) -> tuple[str, ...]:
    """What the numbers say and what they do not, in sentences."""
    if not rows:
        return ()
    leaders: dict[str, int] = {}
    moved = decided = 0
    for group in grouped(rows, "instance", "log10_eps").values():
        dear, cheap = (cheapest(group, price) for price in reversed(PRICES))
        decided += bool(cheap)
        moved += not cheap & dear and bool(cheap)
        for name in cheap:
            leaders[name] = leaders.get(name, 0) + 1
    ranked = sorted(leaders.items(), key=lambda item: (-item[1], item[0]))
    spent = [sum(row[f"tuning_{kind}"] for kind in KINDS) / row["instances"] for row in summary]
    said = [
        f"Cheapest at price 1, by number of targets of {decided}, ties counted for all: "
        + ", ".join(f"{name} {n}" for name, n in ranked) + ".",
        f"At price {PRICES[1]} another algorithm is cheapest on {moved} of them.",
        f"The search spent {min(spent):.3g} to {max(spent):.3g} calls an instance, of one allowance for all: a race "
        "ends when nothing can overtake, so fast algorithms cost less to tune.",
        "It is no ranking of algorithms. The instances are small and smooth, the noise is mild, the accuracy is "
        "moderate and the budget short: exponents in eps do not decide here, constants do. Methods that average over a "
        "long horizon, or penalties made for a smaller eps, are not in their regime.",
        "Pairs that coincide by construction: F2SA with fixed steps is F2BA, and AID by its fixed point is AmIGO; "
        "Perturbed F2BA differs from F2BA only once a small gradient makes it move.",
        "AID, ITD, BOME and the F2BA family were stated for exact gradients; under noise they run on means of up to 8 "
        "samples, each counted, outside their theory.",
    ]  # fmt: skip
    if level == "quick":
        said.append("Quick level: two instances, two targets, a small search. The full level has all of them.")
    return tuple(said)


PRESET = Preset("compare", __doc__ or "", experiments, analyse)
