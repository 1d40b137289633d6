"""BO-REP against methods that assume a bounded smoothness, on phi = cosh(p) - 1 + sqrt(1 + q^2) - 1, eps = 10^(-1/2).

Two questions, from starts p_0 with curvature cosh(p_0) there:

- **fail**: the step size that suits a near start (p_0 = 1) is kept at p_0 = 8. Steps of SOBA, MA-SOBA, stocBiO and
  F2SA are those of their classes, one by one; a run has failed when ||grad phi|| is not finite or 1000 times its
  start. The share is given with its exact binomial bound (Clopper-Pearson, one-sided, 95%).
- **crawl**: SOBA's iteration with the step divided by cosh(p_0), as L = cosh(p_0) asks, never fails: how many calls
  more than BO-REP does it take, with the same constants from every start?
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cosh
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import beta

from solvers.bo_rep import BOREP
from solvers.bo_rep_numba import run_bo_rep
from solvers.f2sa import F2SA
from solvers.soba import MASOBA, SOBA
from solvers.stocbio import StocBiO
from solvers.update_lower import UpdateLower
from synthetic.arrays import norm, to_numpy
from synthetic.oracle import StochasticOracle
from verify.engine import Kernel, register
from verify.exponent_rows import select
from verify.options import Option, Schema
from verify.preset import Row
from verify.presets.rates_lines import BO_REP_NOISE, bo_rep, relaxed
from verify.schemas import declare_family, declare_kernel

METHODS = ("bo_rep", "soba-crawl", "soba", "ma_soba", "stocbio", "f2sa")
NAMES = {
    "bo_rep": "BO-REP", "soba-crawl": "SOBA, step / cosh(p_0)", "soba": "SOBA", "ma_soba": "MA-SOBA",
    "stocbio": "stocBiO", "f2sa": "F2SA",
}  # fmt: skip
STEP, LOWER, GROWN = 0.2, 0.3, 1e3
"""Steps in x and y that suit p_0 = 1; a run has failed when its gradient is GROWN times what it was."""


def rival(method: str, T: int) -> Any:
    """The literal solver with the near start's steps."""
    match method:
        case "soba":
            return SOBA(T, gamma=STEP, rho=LOWER)
        case "ma_soba":
            return MASOBA(T, gamma=STEP, rho=LOWER, theta=0.5)
        case "stocbio":
            return StocBiO(T, alpha=LOWER, beta=STEP, D=4, Q=4, eta=LOWER, S=2, D_f=2, D_g=2, B=2)
    return F2SA.double_loop(0.3, STEP, LOWER, 4, 4, T)


def soba_iteration(step: float, lower: float) -> BOREP:
    """BO-REP without momentum and with one free lower step in each outer one: SOBA's, once not normalised."""
    return BOREP(10**9, step, lower, 0.0, UpdateLower(1, 1, lower, 1e300), None)


def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """``T``: iterates whose mean of ||grad phi|| is <= eps and stays so; ``first``: the first single one."""
    method, eps = arguments["method"], arguments["eps"]
    problem, x0, y0 = relaxed(arguments["p0"], arguments["q0"])
    common = {"rival": method, "start_p": arguments["p0"], "start_q": arguments["q0"]}
    if method in ("bo_rep", "soba-crawl"):
        normalise = method == "bo_rep"
        step = 0.5 * eps**2
        solver = bo_rep(eps) if normalise else soba_iteration(step / cosh(arguments["p0"]), step)
        found = run_bo_rep(
            solver, problem, BO_REP_NOISE, seeds, x0, y0, eps=eps, T_max=arguments["T"], normalise=normalise
        )  # fmt: skip
        return [
            {"T": T, "first": first, "steps": steps, "calls": spent, "failed": not np.isfinite(x).all()} | common
            for T, first, steps, spent, x in zip(found.T, found.first, found.steps, found.spent, found.x)
        ]
    solver, oracle = rival(method, arguments["T"]), StochasticOracle(problem, BO_REP_NOISE, seeds=np.array(seeds))
    state = solver.init(problem, np.tile(x0, (len(seeds), 1)), y0)
    initial = to_numpy(norm(problem.hypergrad(state.x)))
    first, failed = np.full(len(seeds), -1), np.zeros(len(seeds), dtype=bool)
    with np.errstate(all="ignore"):  # lanes that failed go on to infinity
        while not solver.terminate(state) and not failed.all():
            state = solver.step(state, oracle)
            size = to_numpy(norm(problem.hypergrad(state.x)))
            first = np.where((first < 0) & (size <= eps), state.t, first)
            failed |= ~(size <= GROWN * initial)
    calls = oracle.counts.sfo
    return [
        {"T": None, "first": int(f) if f >= 0 else None, "steps": state.t, "calls": calls, "failed": bool(bad)} | common
        for f, bad in zip(first, failed)
    ]


def rows(trials: list[Row]) -> list[Row]:
    """One line a method and start; ``ratio_*``: calls or steps over BO-REP's from the same start."""
    found: list[Row] = []
    keys = sorted({(METHODS.index(r["rival"]), r["start_p"], r["start_q"]) for r in trials})
    for i, p0, q0 in keys:
        group = select(trials, rival=METHODS[i], start_p=p0, start_q=q0)
        own = select(trials, rival="bo_rep", start_p=p0, start_q=q0)
        failed, first = sum(r["failed"] for r in group), [r["first"] for r in group if r["first"] is not None]
        T, theirs = (None if any(r["T"] is None for r in part) else part for part in (group, own))
        low = float(beta.ppf(0.05, failed, len(group) - failed + 1)) if failed else 0.0
        high = float(beta.ppf(0.95, failed + 1, len(group) - failed)) if failed < len(group) else 1.0
        mean_T = median(r["T"] for r in T) if T else None
        all_first = len(first) == len(group)
        first_own = [r["first"] for r in own if r["first"] is not None]
        found.append(
            {"method": NAMES[METHODS[i]], "p0": float(p0), "q0": float(q0), "curvature_at_start": cosh(float(p0)),
             "seeds": len(group), "failed": failed, "failed_at_least": low, "failed_at_most": high,
             "reached": len(first), "first": median(first) if all_first else None, "T": mean_T,
             "ratio_first": median(first) / median(first_own) if all_first and first_own else None,
             "ratio_T": mean_T / median(r["T"] for r in theirs) if mean_T and theirs else None, "basis": "run"}
        )  # fmt: skip
    return found


declare_family(Schema("relaxed-start"))
declare_kernel(
    Schema(
        "relaxed-rivals",
        {
            "method": Option("word", "bo_rep", METHODS),
            "p0": Option("real", 1),
            "q0": Option("real", 10),
            "T": Option("int", 100, low=1),
        },
    )
)
register(Kernel("relaxed-rivals", trial, 64))
