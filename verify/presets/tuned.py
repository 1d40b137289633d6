"""The cheapest parameters for each eps, p = 1, 2, 3, 4, 6, 8: does tuning change the exponent 4 + 2/p? It does not.

nu, eta_x, eta_y, S, K and T minimise the calls subject to E||grad phi(x_T)||^2 <= eps^2, with exact second moments
(:mod:`verify.presets.tuning`): nothing is sampled, so nothing can be won by luck. The local exponent of the last half
decade of eps = 1e-1 .. 1e-5 is held against 4 + 2/p. Some winners are run with the jump kernel on seeds that no search
has seen; a second instance with gamma c0 = 1 in place of 1000 shows how the best p moves with eps; and a table of
re-tuned costs at given (S, K) shows along which direction the optimum is flat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from solvers.jump import run_jump
from verify.configure import stream
from verify.engine import Kernel, register
from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import by_eps, column_slope, curve, measured_row, select
from verify.options import Option, Schema
from verify.preset import Preset, Result, Row
from verify.presets.tuning import search_of, tune
from verify.schemas import DIAGONAL, declare_family, declare_kernel
from verify.statistics import fit_line
from verify.verdict import exponent, neighbours

ORDERS = (1, 2, 3, 4, 6, 8)
MARGIN = 0.03
RANGE = ("-1", "-5")
LAST = Fraction(1, 2)
"""Decades of eps, the smallest ones, on which the exponent is judged."""
HARD, MILD = "1000", "1"
FLAT_SIZES = ((1, 1), (1, 4), (4, 1), (100, 100), (100, 400), (400, 100), (10**4, 10**4))
FRESH = 1_000_000
"""First seed of the simulations; no search uses a seed."""

OPTIONS = {
    "variant": Option("word", "free", ("free", "long"), doc="long: K eta_y a = 1 instead of a free K"),
    "S": Option("int", 0, low=0, doc="a fixed value, 0: tuned"),
    "K": Option("int", 0, low=0, doc="a fixed value, 0: tuned"),
    "floor": Option("real", "0.01", above=0, doc="least eta_x L along the flat direction"),
    "sigma_f": Option("real", 1, low=0),
    "sigma_g": Option("real", 1, low=0),
}
declare_family(Schema("apart", {**DIAGONAL, "c0": Option("real", 1000, doc="c(x)_i = c0 + gamma x_i, i > 0")}))
for _name in ("tuned", "tuned-run"):
    declare_kernel(Schema(_name, OPTIONS))


def tuned(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The winner of a cell; the same for every seed, for it is not random."""
    search = search_of(arguments)
    winner, plan = tune(search), search.schedule()
    config = winner.config
    outer = 1 / (2 * search.eps * plan.eta_x) * dict(search.family)["Delta"]
    row = {
        "T": config.T_max, "calls": winner.calls, "censored": False, "level": winner.level / search.eps**2,
        "nu": config.nu, "eta_x": config.eta_x, "eta_y": config.eta_y, "S": config.S, "K": config.K,
        "nodes": config.active_nodes, "log": 1.0,
        "gain": plan.per_outer() * outer / winner.calls,
    }  # fmt: skip
    return [row for _ in seeds]


def tuned_run(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """||grad phi(x_T)||^2 of the winner's run, per seed, in units of eps^2; ``level`` is its exact mean."""
    search = search_of(arguments)
    winner = tune(search)
    result = run_jump(replace(winner.config, experiment=stream(arguments)), list(seeds))
    scale = search.eps**2
    return [
        {"square": float(norm) ** 2 / scale, "level": winner.level / scale, "T": winner.config.T_max}
        for norm in result.norms[:, -1]
    ]


register(Kernel("tuned", tuned, 64))
register(Kernel("tuned-run", tuned_run, 64))


def experiments(level: str) -> list[Experiment]:
    """The search over four decades, the mild instance, given S and K, and simulations on fresh seeds."""
    quick = level == "quick"
    hard, mild, one = {"family": "apart", "c0": HARD}, {"family": "apart", "c0": MILD}, Seeds(0, 1)
    grid = Grid(*RANGE, 9 if quick else 17)
    found = [
        Experiment("tuned", "tuned", ORDERS, problem=hard, grid=grid, seeds=one, axes={"variant": ("free", "long")}),
        Experiment("tuned mild", "tuned", ORDERS, problem=mild, grid=grid, seeds=one),
    ]
    at = Grid("-2", "-2", 1)
    found += [
        Experiment(f"tuned flat {S} {K}", "tuned", (2, 8), problem=hard, grid=at, seeds=one, options={"S": S, "K": K})
        for S, K in FLAT_SIZES
    ]
    runs = [(Grid("-1", "-3/2", 2), 256)]
    if not quick:  # T seeds up to 1.4e8
        runs += [(Grid("-2", "-2", 1), 128), (Grid("-5/2", "-5/2", 1), 16)]
    found += [
        Experiment(f"tuned run {i}", "tuned-run", ORDERS, problem=hard, grid=g, seeds=Seeds(FRESH, n))
        for i, (g, n) in enumerate(runs)
    ]
    return found


def analyse(trials: list[Row], level: str) -> Result:
    main, mild = select(trials, experiment="tuned"), select(trials, experiment="tuned mild")
    runs = [row for row in trials if row["experiment"].startswith("tuned run")]
    flat = [row for row in trials if row["experiment"].startswith("tuned flat")]
    groups = [("free", HARD, main), ("long", HARD, main), ("free", MILD, mild)]
    rows, series = [], {}
    for variant, c0, source in groups:
        orders = sorted({row["p"] for row in source})
        for p in orders:
            chosen = [row for row in source if row["p"] == p and row.get("variant", "free") == variant]
            if chosen:
                rows.append({"p": p, "variant": variant, "gamma_c0": float(c0), **exponent_row(chosen, p, orders)})
                series[f"p = {p}, {variant}, gamma c0 = {c0}"] = {"p": p, "variant": variant, **curve(chosen)}
    tables = {
        "best p, gamma c0 = 1000": best_orders(select(main, variant="free")),
        "best p, gamma c0 = 1": best_orders(mild),
        "flat": flat_table(flat, select(main, variant="free")),
        "simulated": simulated_table(runs),
    }
    return Result(rows, series | {"tables": tables}, notes(tables))


def exponent_row(chosen: list[Row], p: int, orders: list[int]) -> Row:
    """The line of one p: exponent on the last half decade, how it drifts, and what tuning gains."""
    groups = by_eps(chosen)
    smallest = min(groups)
    two = sorted(groups)[:2]  # at least two points, also on a coarse grid
    last = [row for e, group in groups.items() if e <= smallest + LAST or e in two for row in group]
    row, _, _ = measured_row(last, exponent(p), MARGIN, neighbours(p, orders), log_power=0.0)
    curve_ = [(-float(e), math.log10(group[0]["calls"])) for e, group in groups.items()]
    gains = [group[0]["gain"] for group in groups.values()]
    return {
        "stencil": chosen[0]["stencil"],
        **row,
        "slope_all": fit_line(*zip(*curve_)).slope,
        "error": row["slope"] - row["theory"] if row["slope"] is not None else None,
        "slope_nu": -column_slope(last, "nu"),
        "gain_min": min(gains),
        "gain_max": max(gains),
        "seconds": sum(r["seconds"] or 0.0 for r in chosen),
    }


def best_orders(rows: list[Row]) -> list[Row]:
    """The p with the fewest calls at each eps, with the calls of all."""
    table = []
    for log10_eps, group in by_eps(rows).items():
        best = min(group, key=lambda row: row["calls"])
        calls = {f"log10 calls p={row['p']}": math.log10(row["calls"]) for row in group}
        table.append({"log10_eps": float(log10_eps), "best_p": best["p"], **calls})
    return table


def flat_table(flat: list[Row], free: list[Row]) -> list[Row]:
    """Calls at given S and K, everything else re-tuned, over the calls of the free winner."""
    table = []
    for row in flat:
        best = select(free, p=row["p"], log10_eps=row["log10_eps"])
        if best:
            ratio = row["calls"] / best[0]["calls"]
            table.append({"p": row["p"], "log10_eps": row["log10_eps"], "S": row["S"], "K": row["K"], "ratio": ratio,
                          "T": row["T"], "free_S": best[0]["S"], "free_K": best[0]["K"]})  # fmt: skip
    return table


def simulated_table(runs: list[Row]) -> list[Row]:
    """Mean of ||grad phi(x_T)||^2 over fresh seeds divided by its exact value, with 95% bounds of the mean.

    ``confirmed``: |mean - exact| within 4 standard errors, so that one table of a dozen lines passes when all is well.
    """
    table = []
    keys = sorted({(row["p"], Fraction(row["log10_eps"])) for row in runs}, key=lambda k: (k[0], -k[1]))
    for p, log10_eps in keys:
        group = [row for row in runs if row["p"] == p and Fraction(row["log10_eps"]) == log10_eps]
        squares = np.array([row["square"] for row in group]) / group[0]["level"]
        mean, error = float(squares.mean()), float(squares.std(ddof=1) / math.sqrt(len(squares)))
        table.append({
            "p": p, "log10_eps": float(log10_eps), "T": group[0]["T"], "seeds": len(group), "ratio": mean,
            "ratio_low": mean - 1.96 * error, "ratio_high": mean + 1.96 * error,
            "level": group[0]["level"], "confirmed": abs(mean - 1.0) <= 4.0 * error,
            "seconds": sum(row["seconds"] or 0.0 for row in group),
        })  # fmt: skip
    return table


def notes(tables: Mapping[str, list[Row]]) -> tuple[str, ...]:
    """What the tables say, in sentences with their numbers."""
    said = [
        "Exact second moments: no sampling, so the interval has no width; the verdict's margin is for what is "
        "systematic at finite eps. sqrt(E||grad phi||^2) bounds the theorem's E||grad phi|| from above.",
        "eta_x -> r eta_x, S -> r S, K -> r K changes the calls by O(eta_x L) only; eta_x L is kept at its floor "
        "there, hence the S and K of the tables.",
    ]
    moving = " ".join(f"{row['best_p']} (1e{row['log10_eps']:g})" for row in tables["best p, gamma c0 = 1"])
    if moving:
        said.append(f"Best p against eps where gamma c0 = 1: {moving}.")
    balanced = [row["ratio"] for row in tables["flat"] if row["S"] == row["K"]]
    tilted = [row["ratio"] for row in tables["flat"] if row["S"] != row["K"]]
    if balanced and tilted:
        said.append(
            f"At given S = K, from 1 up, the rest re-tuned, the calls are {min(balanced):.3f} to {max(balanced):.3f} "
            f"of the free winner's; with K = 4 S or S = 4 K, {min(tilted):.2f} to {max(tilted):.2f}."
        )
    ratios = [row["ratio"] for row in tables["simulated"]]
    if ratios:
        confirmed = sum(row["confirmed"] for row in tables["simulated"])
        said.append(
            f"Winners run on fresh seeds: simulated over exact second moment {min(ratios):.3f} to {max(ratios):.3f}, "
            f"{confirmed} of {len(ratios)} within four standard errors."
        )
    return tuple(said)


PRESET = Preset("tuned", __doc__ or "", experiments, analyse)
