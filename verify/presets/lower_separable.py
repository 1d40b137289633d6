"""Calls to reach eps on the separable hard instance (paper 000, Theorem F.1): exponents near 4, above the bound's line.

Delta L_1/29760 = 0.08, so that T = 0.08 eps^-2: 8 links at eps = 0.1. sigma = 80, so that gamma = eps^2/3 is small and
waiting, not the descent between two hits, comes to rule as eps falls; at the larger eps it does not yet, and most so
for p = 4, whose negative weights push the wrong way: the measured exponents are below 4 by that. Constant
parameters, tuned for each eps: the step size (for NSGD its averaging too) with the fewest median calls on tuning seeds,
counted on fresh ones. Methods, one call or more a step:

sgd (1 call), nsgd with momentum (1), F2SA-p with plain steps and S = K = 1 (2 a node: the inner loop has nothing to
learn on this instance, for f does not depend on y), stocBiO with D = D_f = D_g = Q = 1 (1 F, 1 G, 1 JVP, 1 HVP).

The exponent settles late (:mod:`verify.presets.lower_local`), so the local ones of every range are shown beside it,
with what a coordinate costs that a hit of a negative weight revealed (:func:`after_reveal`).

Walks without momentum and normalisation skip exactly over the steps without a hit. The theorem's schedule for F2SA-p
shows its own 4 + 2/p here, whatever the instance: it fixes S and K by the bias it guards against, nu = eps^(1/p), and
by the class's sigma in G, which is exact here. It is run too, normalised, with eta_x = eps/(4 L_1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import ceil, e, log
from statistics import median
from typing import Any

import numpy as np

from bounds.separable import hit_probability, length
from bounds.stencil import stencil
from solvers.chain_kernel import Walk, Walked, walk
from verify.engine import Kernel, register
from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import by_eps, curve, line_of, measured_row, select
from verify.options import Option, Schema
from verify.preset import Preset, Result, Row
from verify.presets.lower_local import local_rows
from verify.schemas import declare_family, declare_kernel
from verify.verdict import exponent

METHODS = ("sgd", "nsgd", "f2sa_p", "stocbio", "theorem")
DELTA, SIGMA = "2380.8", "80"
MARGIN = 0.2
TUNING_SEED = 2**31
declare_family(Schema("separable", {"Delta": Option("real", DELTA, above=0), "sigma": Option("real", SIGMA, above=0)}))
declare_kernel(Schema("chain", {"method": Option("word", "sgd", METHODS), "tuning": Option("int", 4, low=2)}))


def candidates(method: str, p: int, T: int, gamma: float) -> list[Walk]:
    """The configurations that the tuning chooses from; h beyond 1/140 or so is unstable, which tuning may find out."""
    most = int(400 * T / gamma) + 100_000
    if method == "nsgd":
        return [
            Walk(T, gamma, h, 1, a=min(1.0, a * gamma), normalise=True, most=most)
            for h in (0.04, 0.01)
            for a in (10.0, 2.0)
        ]
    weights: tuple[float, ...] = (1.0,)
    cost = {"sgd": 1, "stocbio": 4}.get(method, 1)
    if method == "f2sa_p":
        active = list(zip(*stencil(p).active))
        weights = tuple(float(j * a) for j, a in active if j)
        # node 0 of a one-sided stencil costs calls and adds nothing to sum_j alpha_j j F_x
        cost = 2 * len(active)
    return [Walk(T, gamma, h, cost, weights, skip=True, most=most) for h in (1 / 100, 1 / 300)]


def schedule(p: int, T: int, gamma: float, eps: float, sigma: float) -> tuple[Walk, int, int, float]:
    """(walk, S, K, log) of Theorem 3.1 of paper 000 with mu = L_1 = 1, its constants 1, noise at most eps/4."""
    found = stencil(p)
    active = list(zip(*found.active, strict=True))
    nu, target = eps ** (1 / p), eps / 4
    S = ceil(sum(float(a) ** 2 * (j**2 + nu**-2) for j, a in active) * (sigma / target) ** 2)
    logarithm = log(1 / (nu * eps))
    K = ceil(logarithm * sigma**2 * float(found.sum_sq) / (2 * target**2 * nu**2))
    weights = tuple(float(j * a) for j, a in active if j)
    h = 1 / (16 * 155)
    walker = Walk(T, gamma, h, len(active) * (S + K), weights, S, normalise=True, most=int(40 * T / h) + 100_000)
    return walker, S, K, logarithm


@cache
def _unit(config: Walk, seeds: tuple[int, ...]) -> Walked:
    return walk(config, seeds)


def _walked(config: Walk, seeds: tuple[int, ...]) -> Walked:
    """The walk, run once for methods that differ in the cost of a step only (SGD, F2SA-1, stocBiO)."""
    found = _unit(replace(config, cost=1), seeds)
    return Walked(tuple(c * config.cost for c in found.calls), found.hit, found.reveal * config.cost, found.sign)


def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Tune on ``tuning`` seeds of its own, then one fresh walk for each seed."""
    problem, eps = arguments["problem"], arguments["eps"]
    T = length(problem["Delta"], 1.0, eps, 155.0, 12.0)
    gamma = hit_probability(eps, problem["sigma"], "printed")
    theorem = arguments["method"] == "theorem"
    planned = schedule(arguments["p"], T, gamma, eps, problem["sigma"]) if theorem else None
    configs = [planned[0]] if planned else candidates(arguments["method"], arguments["p"], T, gamma)
    own = range(TUNING_SEED, TUNING_SEED + arguments["tuning"])

    def typical(config: Walk) -> float:
        found = _walked(config, tuple(own))
        return median(found.calls) if sum(found.hit) > len(found.hit) / 2 else float("inf")

    best = configs[0] if planned else min(configs, key=typical)
    found = _walked(best, tuple(seed * 4096 + T for seed in seeds))
    bound = max(1.0, (T - log(2)) / ((e - 1) * gamma))
    common = {
        "T": T,
        "gamma": gamma,
        "prob": gamma,
        "h": best.h,
        "average": best.a,
        "bound": bound,
        "S": 1,
        "K": 0,
        "log": 1.0,
    }
    common |= {"nu": best.h, "nodes": len(best.weights)}
    if planned:
        common |= {"S": planned[1], "K": planned[2], "log": planned[3], "nu": eps ** (1 / arguments["p"])}
    return [
        {**common, "calls": calls, "censored": not hit, "below_bound": bool(hit and calls < bound), **after}
        for calls, hit, after in zip(found.calls, found.hit, after_reveal(best, found), strict=True)
    ]


def after_reveal(config: Walk, found: Walked) -> list[dict[str, Any]]:
    """For each run: ``negative``, coordinates that a hit of a negative weight revealed; ``hits_negative`` and
    ``hits_positive``: expected hits (samples times gamma) from a reveal to the next one, by the first one's sign."""
    rows = []
    for reveal, sign in zip(found.reveal // config.cost, found.sign, strict=True):  # type: ignore[arg-type]
        known = reveal >= 0
        waits, first = np.diff(reveal[known]) * len(config.weights) * config.S * config.gamma, sign[known][:-1]
        means = {
            f"hits_{name}": float(np.mean(waits[first == side])) if np.any(first == side) else None
            for name, side in (("negative", -1), ("positive", 1))
        }
        rows.append({"negative": int(np.sum(sign[known] < 0)), "revealed": int(np.sum(known)), **means})
    return rows


register(Kernel("chain", trial, 64))


def experiments(level: str) -> list[Experiment]:
    """quick: eps from 10^-1 to 10^-1.4 (8 to 50 links), 8 seeds; full: to 10^-1.6 (126 links), NSGD, whose steps
    are all taken, to 10^-1.5, F2SA-4 to 10^-1.7 (200 links), for it settles last, 16 seeds."""
    quick = level == "quick"
    grid = Grid("-1", "-7/5" if quick else "-8/5", 5 if quick else 7)
    nearer = grid if quick else Grid("-1", "-3/2", 6)
    further = grid if quick else Grid("-1", "-17/10", 8)
    short = Grid("-1", "-6/5" if quick else "-7/5", 3 if quick else 5)
    seeds, few = Seeds(0, 8 if quick else 16), Seeds(0, 2 if quick else 4)
    plan = [
        ("sgd", (1,), grid, seeds),
        ("nsgd", (1,), nearer, seeds),
        ("f2sa_p", (1, 2), grid, seeds),
        ("f2sa_p", (4,), further, seeds),
        ("stocbio", (1,), grid, seeds),
        ("theorem", (2,) if quick else (1, 2, 4), short, few),
    ]
    return [
        Experiment(
            f"separable {method}" + (", p = 4" if p == (4,) else ""), "chain", p,
            problem={"family": "separable"}, grid=chosen, seeds=lanes,
            options={"method": method, "tuning": 4},
        )
        for method, p, chosen, lanes in plan
    ]  # fmt: skip


def analyse(trials: list[Row], level: str) -> Result:
    rows: list[Row] = []
    local: list[Row] = []
    series: dict[str, Any] = {}
    for experiment in experiments(level):
        method = str(experiment.options["method"])
        for p in experiment.p:
            chosen = select(trials, experiment=experiment.name, p=p)
            if not chosen:
                continue
            names = {"f2sa_p": f"F2SA-{p}", "theorem": f"F2SA-{p}, theorem's schedule"}
            name = names.get(method, method)
            row, measured, _ = measured_row(chosen, exponent(p) if method == "theorem" else 4.0, MARGIN)
            groups = by_eps(chosen)
            slack = [median(r["calls"] for r in group) / group[0]["bound"] for group in groups.values()]
            below = sum(r["below_bound"] for r in chosen)
            rows.append({"method": name, "p": p, **row, "slack": slack[-1], "below": below, "tested": len(chosen)})
            series[name] = curve(chosen) | {"bound": [group[0]["bound"] for group in groups.values()]}
            if method != "theorem":
                local += local_rows(name, chosen, 2.0, 2 if level == "quick" else 3)
            if measured is not None:
                series[name]["fit"] = line_of(measured)
    series["tables"] = {"local exponents": local, "after a reveal": by_sign(trials)}
    return Result(rows, series, NOTES)


def by_sign(trials: list[Row]) -> list[Row]:
    """F2SA-4, one line for each eps: what a coordinate costs in hits, by the sign of the weight that revealed it."""
    rows = []
    chosen = [row for row in trials if row["experiment"] == "separable f2sa_p, p = 4" and "negative" in row]
    for log10_eps, group in by_eps(chosen).items():
        line: Row = {"log10_eps": float(log10_eps), "T": group[0]["T"], "gamma": group[0]["gamma"]}
        line["share_negative"] = sum(r["negative"] for r in group) / sum(r["revealed"] for r in group)
        for name in ("hits_positive", "hits_negative"):
            values = [r[name] for r in group if r[name] is not None]
            line[name] = sum(values) / len(values) if values else None
        rows.append(line)
    return rows


NOTES = (
    "the bound: half of all runs of a zero-respecting method need more than (T - log 2)/((e - 1) gamma) calls.",
    "no order p escapes: the instance does not depend on y in f, and its class holds for every p.",
    "the coordinates are those of the chain (U = identity): a claim about zero-respecting methods; the theorem's for "
    "all randomised methods needs a uniformly drawn U in a dimension out of reach.",
)


def shares(rows: list[Row]) -> Fraction:
    """The share of runs that finished below the bound's count, at most 1/2 by the theorem."""
    tested = sum(row["tested"] for row in rows)
    return Fraction(sum(row["below"] for row in rows), tested) if tested else Fraction(0)


PRESET = Preset("lower-separable", __doc__ or "", experiments, analyse)
