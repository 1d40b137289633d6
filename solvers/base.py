"""What all solvers share: the protocol, the argument checks, and the loop that runs one.

A solver is a frozen configuration with pure functions

    init(problem, x0, y0) -> state       step(state, oracle) -> state       terminate(state) -> bool

and a state that is plain data with fields ``t`` and ``x``. Calls are counted by the oracle alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from synthetic.arrays import Array, norm, to_numpy
from synthetic.errors import BudgetExhausted, InputError
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


def check_positive(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)) or not 0 < value < np.inf:
        raise InputError(name, value, "pass a finite number > 0")


def check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(name, value, "pass an integer >= 1")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(name, value, f"choose one of {', '.join(choices)}")


class Solver(Protocol):
    """The protocol of the module docstring; ``needs`` names the oracles that step() asks (F, G, HVP, JVP, f, g)."""

    needs: tuple[str, ...]

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> Any: ...

    def step(self, state: Any, oracle: StochasticOracle) -> Any: ...

    def terminate(self, state: Any) -> bool: ...


@dataclass(frozen=True)
class Run:
    """One finished or censored run. ``norms[t]`` = exact ||grad phi(x_t)||, shape (T+1, ...batch).

    status: "done" (the solver terminated), "stationary" (every seed met eps), "budget" (censored: the budget ran out).
    """

    state: Any
    status: str
    counts: Counts
    norms: np.ndarray
    calls: tuple[int, ...] = field(default=())


def run(
    solver: Solver,
    problem: BilevelProblem,
    oracle: StochasticOracle,
    x0: Array,
    y0: Array | None = None,
    *,
    eps: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Run ``solver``; stop early once exact ||grad phi|| <= eps for every seed (the solver never sees that)."""
    if eps is not None:
        check_positive("eps", eps)
    state = solver.init(problem, x0, y0)
    norms, calls, status = [to_numpy(norm(problem.hypergrad(state.x)))], [oracle.counts.sfo], "done"
    while not solver.terminate(state):
        try:
            state = solver.step(state, oracle)
        except BudgetExhausted:
            status = "budget"
            break
        norms.append(to_numpy(norm(problem.hypergrad(state.x))))
        calls.append(oracle.counts.sfo)
        if progress is not None:
            progress(state.t)
        if eps is not None and np.all(norms[-1] <= eps):
            status = "stationary"
            break
    return Run(state, status, oracle.counts, np.asarray(norms), tuple(calls))
