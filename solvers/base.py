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


NEEDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "F": ("F", ("grad_f",), "stochastic gradients of f"),
    "G": ("G", ("grad_g",), "stochastic gradients of g"),
    "HVP": ("hvp", ("hvp_g",), "Hessian-vector products of g"),
    "JVP": ("jvp", ("jvp_g",), "Jacobian-vector products of g"),
    "f": ("value_f", ("f",), "values of f"),
    "g": ("value_g", ("g",), "values of g"),
    "sum": ("query", ("n_f", "n_g", "grad_f_at", "grad_g_at"), "a finite sum"),
    "agents": ("communicate", ("rows",), "the agents side by side, StochasticOracle(problem.stacked, noise)"),
}
"""What a solver may need: the method that the oracle must have, the attributes of the problem behind it, in words."""


def check_needs(solver: Solver, problem: BilevelProblem, oracle: StochasticOracle) -> None:
    """Raise InputError, before any work, when the oracle or its problem lacks what ``solver.needs`` names."""
    asked = oracle.problem
    for need in solver.needs:
        if need not in NEEDS:
            raise InputError(f"{type(solver).__name__}.needs", need, f"name needs among {', '.join(NEEDS)}")
        method, attributes, words = NEEDS[need]
        fix = f"{type(solver).__name__} needs {need} ({words})"
        if not callable(getattr(oracle, method, None)):
            raise InputError("oracle", oracle, f"{fix}: an oracle with .{method}")
        for attribute in attributes:
            if getattr(asked, attribute, None) is None:
                name = getattr(asked, "name", type(asked).__name__)
                raise InputError("oracle.problem", name, f"{fix}: it must offer .{attribute}")
    dims = [(p.dim_x, p.dim_y) for p in (asked, problem)]
    if dims[0] != dims[1]:
        raise InputError("oracle.problem", dims[0], f"pass an oracle of this problem, (dim_x, dim_y) = {dims[1]}")


class Solver(Protocol):
    """The protocol of the module docstring; ``needs`` names what step() asks, among :data:`NEEDS`."""

    @property
    def needs(self) -> tuple[str, ...]: ...

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
    state: Any = None,
) -> Run:
    """Run ``solver``; stop early once exact ||grad phi|| <= eps for every seed (the solver never sees that).

    ``state``: continue from here (a checkpoint, see :mod:`solvers.checkpoint`) in place of init(problem, x0, y0).
    """
    if eps is not None:
        check_positive("eps", eps)
    check_needs(solver, problem, oracle)
    state = solver.init(problem, x0, y0) if state is None else state
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
