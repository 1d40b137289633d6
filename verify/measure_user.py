"""A user's own instance, measured with the reference solver: every sample asked for and counted, small budgets.

Parameters at each eps, with mu and L_g the extreme eigenvalues of grad^2_yy g and L_phi the norm of grad^2 phi, both
at the start (so they need not hold elsewhere: the schedule is a heuristic, the counts and the exact gradients are not):

    nu = eps^(1/p),  eta_x = eps/(4 L_phi),  S = dx sum alpha_j^2 (j^2 sf^2 + sg^2/nu^2)/(eps/4)^2,
    eta_y = min(1/(2 L_g), 2 mu (eps/4)^2 nu^2/(L_g^2 sg^2 dy sum alpha_j^2)),  K = log(1/(nu eps))/(mu eta_y).

The multipliers of the experiment apply (nu_factor, S_factor, K_factor, eta_x_factor, eta_y_factor, sigma_f, sigma_g).
A run that spends its budget is censored: its count is a lower bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bounds.stencil import Stencil, stencil
from solvers.base import run
from solvers.f2sa_p import F2SAp
from synthetic.errors import InputError
from synthetic.noise import Gaussian
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem
from verify.engine import Progress
from verify.experiment import Cell, Experiment, Grid, Seeds
from verify.exponent_rows import curve, measured_row
from verify.preset import Result, Row
from verify.verdict import default_margin, exponent, neighbours

BUDGET = {"quick": 30_000, "full": 2_000_000}
"""Calls of one run."""
DEFAULT = Experiment(
    "user", "literal", (1, 2), grid=Grid("-1/4", "-3/4", 3), seeds=Seeds(0, 4),
    options={"sigma_f": "0.1", "sigma_g": "0.1"},
)  # fmt: skip


def measure_user(instance: Any, experiment: Experiment | None, level: str) -> Callable[[Progress | None], Result]:
    """Check ``instance`` (a BilevelProblem, or a function without arguments that builds one); returns what measures."""
    problem = instance() if callable(instance) and not hasattr(instance, "grad_g") else instance
    if not isinstance(problem, BilevelProblem):
        raise InputError("--problem", problem, "name an object that offers all of synthetic.problem.BilevelProblem")
    asked = DEFAULT if experiment is None else experiment
    if asked.axes:
        raise InputError("axes", dict(asked.axes), "a user's instance is measured without axes")
    scales = measured_scales(problem)
    return lambda progress: _measure(problem, asked, scales, BUDGET[level], progress)


def start_of(problem: BilevelProblem) -> np.ndarray:
    """The instance's ``start`` where it (or its phi) has one, else (1, ..., 1)."""
    for owner in (problem, getattr(problem, "phi", None)):
        if (start := getattr(owner, "start", None)) is not None and not callable(start):
            return np.asarray(start, dtype=float)
    return np.ones(problem.dim_x)


def measured_scales(problem: BilevelProblem) -> dict[str, float]:
    """mu, L_g, L_phi and the gradient norm at the start; refuses an instance that is not usable there."""
    x = start_of(problem)
    y = np.asarray(problem.y_star(x))
    hessian = np.asarray(problem.hvp_g(np.tile(x, (problem.dim_y, 1)), np.tile(y, (problem.dim_y, 1)), np.eye(y.size)))
    eigenvalues = np.linalg.eigvalsh((hessian + hessian.T) / 2)
    if not eigenvalues[0] > 0:
        raise InputError("--problem", problem.name, "grad^2_yy g is not positive definite at the start")
    L_phi = float(np.linalg.norm(np.asarray(problem.hyperhess(x)), 2))
    size = float(np.linalg.norm(np.asarray(problem.hypergrad(x))))
    if not (math.isfinite(size) and size > 0):
        raise InputError("--problem", problem.name, f"||grad phi|| at the start is {size}")
    return {"mu": float(eigenvalues[0]), "L_g": float(eigenvalues[-1]), "L_phi": max(L_phi, 1e-12), "start": size}


def solver_of(problem: BilevelProblem, cell: Cell, scales: dict[str, float]) -> F2SAp:
    """The parameters of the module docstring."""
    a, eps = cell.arguments, float(cell.arguments["eps"])
    chosen: Stencil = stencil(a["p"], a["stencil"])
    nu, target, weights = a["nu_factor"] * eps ** (1 / a["p"]), eps / 4, float(chosen.sum_sq)
    noise = sum(float(w) ** 2 * (j**2 * a["sigma_f"] ** 2 + (a["sigma_g"] / nu) ** 2) for j, w in zip(*chosen.active))
    spread = scales["L_g"] ** 2 * a["sigma_g"] ** 2 * problem.dim_y * weights
    eta_y = 1 / (2 * scales["L_g"])
    if spread > 0:
        eta_y = min(eta_y, a["eta_y_factor"] * 2 * scales["mu"] * target**2 * nu**2 / spread)
    K = a["K_factor"] * max(1.0, math.log(1 / (nu * eps))) / (scales["mu"] * eta_y)
    return F2SAp(
        a["p"], nu, a["eta_x_factor"] * eps / (4 * scales["L_phi"]), eta_y,
        S=max(1, math.ceil(a["S_factor"] * problem.dim_x * noise / target**2)), K=max(1, math.ceil(K)), T=10**9,
        family=chosen, normalise=a["normalise"], inner=a["inner"],
        samples_x="independent" if a["sharing"] == "independent" else "shared",
    )  # fmt: skip


def _measure(
    problem: BilevelProblem, asked: Experiment, scales: dict[str, float], budget: int, progress: Progress | None
) -> Result:
    began, cells, trials, count = time.perf_counter(), list(asked.cells()), [], len(asked.seeds.values)
    for done, cell in enumerate(cells):
        if progress:
            progress(done * count, len(cells) * count, 0)
        trials += _trials(problem, cell, list(asked.seeds.values), scales, budget)
    rows, series = [], {}
    for p in asked.p:
        chosen = [row for row in trials if row["p"] == p]
        columns = measured_row(chosen, exponent(p), default_margin(p), neighbours(p, asked.p))[0]
        # A word of contradiction would be about the theorem, which holds for small eps; here eps is what one affords.
        columns["verdict"] = "not judged"
        rows.append({"p": p, "stencil": asked.stencil, **columns, "backend": "numpy"})
        series[f"p = {p}"] = {"p": p, **curve(chosen)}
    notes = (
        f"{problem.name}: mu {scales['mu']:.3g}, L_g {scales['L_g']:.3g}, L_phi {scales['L_phi']:.3g} and ||grad phi|| "
        f"{scales['start']:.3g} at the start; at most {budget} calls a run, a run that spends them is censored.",
        "first hits, not sustained; the parameters' constants hold at the start only; no verdict on 4 + 2/p is drawn "
        "from eps this large.",
    )
    return Result(rows, series, notes, time.perf_counter() - began)


def _trials(problem: BilevelProblem, cell: Cell, seeds: list[int], scales: dict[str, float], budget: int) -> list[Row]:
    """One row a seed: calls up to the first exact ||grad phi|| <= eps, or all that were spent."""
    solver, eps, began = solver_of(problem, cell, scales), float(cell.arguments["eps"]), time.perf_counter()
    noise = Gaussian(cell.arguments["sigma_f"], cell.arguments["sigma_g"])
    oracle = StochasticOracle(problem, noise, seeds=np.array(seeds), budget=budget)
    start = np.tile(start_of(problem), (len(seeds), 1))
    result = run(solver, problem, oracle, start, eps=eps)
    below, rows = result.norms <= eps, []
    for i, seed in enumerate(seeds):
        T = int(np.argmax(below[:, i])) if below[:, i].any() else None
        calls = result.counts.sfo if T is None else result.calls[T]
        rows.append({
            "p": cell.spec["p"], "log10_eps": cell.spec["log10_eps"], "seed": seed, "T": T, "censored": T is None,
            "calls": max(1, int(calls)), "S": solver.S, "K": solver.K, "nu": solver.nu, "nodes": len(solver.nodes),
            "log": max(1.0, math.log(1 / (solver.nu * eps))), "seconds": (time.perf_counter() - began) / len(seeds),
        })  # fmt: skip
    return rows
