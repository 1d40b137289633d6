r"""Progress of zero-respecting methods on the hard instances, measured against what the lower bound allows.

One call reveals at most one coordinate, with probability gamma, so the calls between two new coordinates are at least
Geometric(gamma) in law, and (by Chernoff and a stopping argument, paper 000, Appendix F, through its source) with
probability 1 - delta, for all t at once,

    prog_0(t) <= (e - 1) gamma t + log(1/delta).

``reveal`` (runs, T) holds the calls spent when coordinate k + 1 first became non-zero, -1 if it never did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, nbinom

from bounds.coupled import Coupled
from bounds.masked_noise import Masked
from bounds.separable import Separable
from solvers.base import Solver
from synthetic.arrays import norm, to_numpy
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle


def _rows(reveal: np.ndarray) -> np.ndarray:
    reveal = np.asarray(reveal)
    if reveal.ndim != 2 or not np.issubdtype(reveal.dtype, np.integer):
        raise InputError("reveal", reveal.shape, "pass an integer array (runs, T) of calls")
    return reveal


def waits(reveal: np.ndarray, first: int = 1) -> np.ndarray:
    """Calls between coordinate k and k + 1, for all runs and all k >= ``first`` that were reached, one flat array.

    Coordinate 1 is hidden as well; ``first=0`` counts its waiting time from the start.
    """
    reveal = _rows(reveal)
    start = np.concatenate([np.zeros((len(reveal), 1), dtype=reveal.dtype), reveal], axis=1)
    gaps = np.where(reveal >= 0, reveal - start[:, :-1], -1)[:, first:]
    return gaps[gaps >= 0]


@dataclass(frozen=True)
class Domination:
    """sup_k [share of waits <= k] - P(Geometric <= k), and the largest value that chance allows at ``level``."""

    excess: float
    allowed: float
    waits: int
    mean_times_gamma: float

    @property
    def holds(self) -> bool:
        return self.excess <= self.allowed


def domination(gaps: np.ndarray, gamma: float, level: float = 1e-3) -> Domination:
    """Are the waiting times at least Geometric(gamma) in law? One-sided Dvoretzky-Kiefer-Wolfowitz test.

    ``mean_times_gamma``: the mean wait over the least possible one, the method's slack.
    """
    gaps = np.sort(np.asarray(gaps))
    if len(gaps) < 10:
        raise InputError("gaps", len(gaps), "pass at least 10 waiting times")
    share = np.arange(1, len(gaps) + 1) / len(gaps)
    law = -np.expm1(gaps * math.log1p(-gamma)) if gamma < 1 else np.ones(len(gaps))
    allowed = math.sqrt(math.log(1 / level) / (2 * len(gaps)))
    return Domination(float(np.max(share - law)), allowed, len(gaps), float(np.mean(gaps)) * gamma)


def arrivals(reveal: np.ndarray, gamma: float, level: float = 1e-3) -> Domination:
    """The same for steps that may reveal several coordinates, where single waits have no date: coordinate k + 1 appears
    no sooner, in law, than k + 1 waits in a row end (negative binomial). ``excess`` is the largest over k, ``allowed``
    that of one k at level/T; only reveals dated no earlier than they happened may be passed, which :func:`watch` does.
    """
    reveal, excess = _rows(reveal), -1.0
    for k in range(1, reveal.shape[1] + 1):
        times = np.sort(reveal[reveal[:, k - 1] >= 0, k - 1])
        share = np.arange(1, len(times) + 1) / len(reveal)
        excess = max(excess, float(np.max(share - nbinom.cdf(times - k, k, gamma), initial=-1.0)))
    allowed = math.sqrt(math.log(reveal.shape[1] / level) / (2 * len(reveal)))
    gaps = waits(reveal, 0)
    return Domination(excess, allowed, len(gaps), float(np.mean(gaps)) * gamma)


@dataclass(frozen=True)
class Violations:
    """Runs above (e - 1) gamma t + log(1/delta) at some t; ``p_value``: of so many or more, if each has share delta."""

    count: int
    runs: int
    delta: float
    p_value: float

    @property
    def share(self) -> float:
        return self.count / self.runs

    @property
    def holds(self) -> bool:
        return self.p_value >= 1e-3


def violations(reveal: np.ndarray, gamma: float, delta: float = 0.05) -> Violations:
    """The all-time bound, checked where it is tightest: at the calls that reveal a coordinate."""
    reveal = _rows(reveal)
    progress = np.arange(1, reveal.shape[1] + 1)
    line = (math.e - 1) * gamma * reveal + math.log(1 / delta)
    count = int(np.count_nonzero(np.any((reveal >= 0) & (progress > line), axis=1)))
    return Violations(count, len(reveal), delta, float(binom.sf(count - 1, len(reveal), delta)))


def simulated(T: int, gamma: float, runs: int, seed: int = 0) -> np.ndarray:
    """``reveal`` of the fastest process that the oracle allows: independent Geometric(gamma) waits."""
    rng = np.random.Generator(np.random.Philox(seed))
    return np.cumsum(rng.geometric(gamma, size=(runs, T)), axis=1)


def watch(
    solver: Solver, problem: Any, seeds: Sequence[int], *, experiment: int = 0, most: int = 10_000, noise: Any = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(reveal, calls of each step, calls at the target) of a literal run of any solver on a hard instance.

    The third, (runs,): calls spent when ||grad phi|| <= eps first held, -1 if it never did; ``noise``: in place of the
    problem's own.

    The oracle meters every call; progress is read off the iterate x after each outer step, so that a reveal is dated
    by the calls spent up to the end of its step. Stops when every run has all coordinates, or after ``most`` steps.
    """
    oracle = StochasticOracle(problem, noise or problem.noise, experiment=experiment, seeds=np.asarray(seeds))
    state = solver.init(problem, np.zeros((len(seeds), problem.dim_x)))
    reveal = np.full((len(seeds), problem.T), -1, dtype=np.int64)
    target, reached = getattr(problem, "target", problem.eps), np.full(len(seeds), -1, dtype=np.int64)
    places, costs = np.arange(1, problem.T + 1), [0]
    for _ in range(most):
        if solver.terminate(state):
            break
        with np.errstate(invalid="ignore", divide="ignore"):  # a listing may divide 0 by 0 before its first hit
            state = solver.step(state, oracle)
        seen = to_numpy(problem.progress(state.x, 0.0))
        fresh = (places <= seen[:, None]) & (reveal < 0)
        reveal[fresh] = oracle.counts.calls
        costs.append(oracle.counts.calls)
        there = to_numpy(norm(problem.hypergrad(state.x))) <= target
        reached[there & (reached < 0)] = oracle.counts.calls
        if np.all(seen == problem.T):
            break
    return reveal, np.diff(costs), reached


def survey(
    solvers: dict[str, Any],
    problem: Any,
    seeds: Sequence[int],
    *,
    most: int = 150,
    delta: float = 0.05,
    noise: Any = None,
) -> list[dict[str, Any]]:
    """One line for each solver (name -> configured solver) on a hard instance: the tests of this module, or why not.

    ``verdict``: "ok", "bad" (waits shorter than geometric, or too many runs above the line), or "none" with the
    ``reason``: the solver does not run here, revealed too little to be tested, or is not zero-respecting. ``early``:
    runs at the target before (T - log 2)/((e - 1) gamma) calls, at most half of all ``runs`` by the theorem.
    """
    rows = []
    gamma = (noise or problem.noise).gamma
    for name, solver in solvers.items():
        row: dict[str, Any] = {"solver": name, "waits": 0, "mean": None, "share": None, "verdict": "none", "reason": ""}
        row |= {"early": None, "reached": None, "runs": len(seeds)}
        rows.append(row)
        if name in NOT_ZERO_RESPECTING:
            row["reason"] = NOT_ZERO_RESPECTING[name]
            continue
        try:
            reveal, _, reached = watch(solver, problem, seeds, most=most, noise=noise)
        except InputError as error:
            row["reason"] = str(error).partition(": ")[2]  # without the instance's address
            continue
        gaps = waits(reveal, 0)
        row["waits"] = len(gaps)
        if len(gaps) < 10:
            row["reason"] = "too few coordinates revealed"
            continue
        at_once = bool(np.any(gaps == 0))
        law = arrivals(reveal, gamma) if at_once else domination(gaps, gamma)
        line = violations(reveal, gamma, delta)
        early = int(np.count_nonzero((reached >= 0) & (reached < (problem.T - math.log(2)) / ((math.e - 1) * gamma))))
        row |= {"mean": law.mean_times_gamma, "share": line.share}
        row |= {"early": early, "reached": int(np.count_nonzero(reached >= 0))}
        allowed = float(binom.sf(early - 1, len(seeds), 0.5)) >= 1e-3
        row["verdict"] = "ok" if law.holds and line.holds and allowed else "bad"
    return rows


NOT_ZERO_RESPECTING = {
    "perturbed_f2ba": "adds a random vector to x, so that every coordinate is non-zero at once: outside the claim",
}
"""Solvers that the claim for zero-respecting methods does not cover."""


def registered_survey(runs: int = 16, most: int = 60, instance: str = "separable") -> list[dict[str, Any]]:
    """:func:`survey` of every registered solver, in the configurations of the conformance kit, gamma = 0.2.

    "separable": a chain of 4 links whose constants suit them: mu = 1, the chain's curvature 0.2 times its own.
    "coupled": 4 links at kappa = 2, Hessian samples masked with gamma too. eta = 1 there, far outside the smallness
    conditions: it keeps nu of the configurations of the order of eta; the claim needs only what the oracle hides.
    """
    from solvers.registry import SOLVERS
    from verify.conformance.own import own

    solvers = {name: own(name)[0].solver for name in SOLVERS}
    if instance == "coupled":
        return survey(
            solvers, Coupled(2.0, 4, 1.0, enforce=False), range(runs), most=most, noise=Masked(0.2, gamma_H=0.2)
        )
    if instance != "separable":
        raise InputError("instance", instance, "choose separable or coupled")
    return survey(solvers, Separable(6.3, 31.0, 4.1, 0.04, 1.0), range(runs), most=most)
