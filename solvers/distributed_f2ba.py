"""Distributed F2BA: the mean of m agents' gradients at every step (paper 001, Algorithm 3).

Agent i holds f_i, g_i and its rows X(i), Y(i), Z(i), all started alike; f = 1/m sum f_i, g = 1/m sum g_i. One outer
step:

    V = grad_y g_i(X(i), Z(i)),    U = grad_y f_i(X(i), Y(i)) + lambda grad_y g_i(X(i), Y(i))      (row i at agent i)
    Z(i) <- Z(i) - alpha mean_i V(i),      Y(i) <- Y(i) - tau mean_i U(i)                             K_t times
    H(i) = grad_x f_i(X(i), Y(i)) + lambda ( grad_x g_i(X(i), Y(i)) - grad_x g_i(X(i), Z(i)) )
    X(i) <- X(i) - eta mean_i H(i)

Guarantee (tight, Proposition 6.1): the rows stay equal and are the iterates of F2BA on the means; gradients, not
hyper-gradients, are averaged. Communication: a mean of vectors of length n over m agents costs 2 m n floats, n up from
and n down to each agent ("aggregate and broadcast", the server apart): 2 m (2 d_y K_t + d_x) floats an outer step.

The oracle is one of the agents side by side, ``StochasticOracle(problem.stacked, noise)`` with a problem of
:mod:`synthetic.agents`; its counts are the sum over the agents (each does 1/m of them), and the samples of agent i
are addressed by the nodes 2 i + 1 (for y) and 2 i (for z). ``exchange`` is what takes the mean: in one process
here, between processes in :mod:`solvers.distributed_mpi`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Protocol

import numpy as np

from solvers.f2ba import F2BA
from synthetic.arrays import Array, as_vectors, like, namespace
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; X (..., m, dx), Y, Z (..., m, dy), H (..., m, dx): one row for each agent held here."""

    t: int
    X: Array
    Y: Array
    Z: Array
    H: Array

    @property
    def x(self) -> Array:
        """The first row, (..., dx): the rows are equal."""
        return self.X[..., 0, :]


class Exchange(Protocol):
    """How the agents find a mean, and which of them are here."""

    @property
    def agents(self) -> tuple[int, ...] | None:
        """Numbers of the agents held here; None: all."""

    def mean(self, rows: Array) -> Array:
        """The mean over ALL agents of rows (..., agents here, n), with one row: (..., 1, n)."""


@dataclass(frozen=True)
class OneProcess:
    """All agents in this process."""

    agents: None = None

    def mean(self, rows: Array) -> Array:
        return namespace(rows).mean(rows, axis=-2, keepdims=True)


@dataclass(frozen=True)
class DistributedF2BA:
    """``base``: the F2BA that it is equal to on the means."""

    base: F2BA
    exchange: Exchange = field(default=OneProcess(), repr=False)

    needs = ("F", "G", "agents")

    def __post_init__(self) -> None:
        if not isinstance(self.base, F2BA):
            raise InputError("base", self.base, "pass an F2BA")

    @property
    def T(self) -> int:
        return self.base.T

    def calls(self, m: int) -> int:
        """SFO calls of a whole run, all m agents together, per seed."""
        return m * self.base.calls

    def floats(self, m: int, dim_x: int, dim_y: int) -> int:
        """Floats sent in a whole run, per seed: 2 m (2 d_y sum K_t + d_x T)."""
        inner = self.base.K_0 + self.base.K * (self.T - 1)
        return 2 * m * (2 * dim_y * inner + dim_x * self.T)

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        """Every row at x0, and at y0 (zero unless given)."""
        agents = getattr(problem, "agents", None)
        if agents is None:
            raise InputError("problem", getattr(problem, "name", problem), "pass agents, see synthetic.agents")
        m = len(agents) if self.exchange.agents is None else len(self.exchange.agents)
        x = as_vectors("x0", x0, problem.dim_x)
        y = like(np.zeros(problem.dim_y), x) if y0 is None else as_vectors("y0", y0, problem.dim_y)
        xp, lead = namespace(x), x.shape[:-1]
        X = xp.broadcast_to(x[..., None, :], (*lead, m, problem.dim_x)) + 0.0
        Y = xp.broadcast_to(y[..., None, :], (*lead, m, problem.dim_y)) + 0.0
        return State(0, X, Y, Y, 0.0 * X)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        """One outer step: 2 m (K_t + 1) calls and 2 m (2 d_y K_t + d_x) floats."""
        X, t = state.X, state.t
        xp = namespace(X)
        here = range(X.shape[-2]) if self.exchange.agents is None else self.exchange.agents
        nodes = tuple(xp.asarray([2 * i + k for i in here]) for k in (1, 0))

        def mean(rows: Array) -> Array:
            # prod: other batch dimensions than the run axis each send their own
            oracle.communicate(2 * prod(rows.shape[oracle.seeds.ndim :]))
            return self.exchange.mean(rows)

        Y, Z = self.base.lower(X, state.Y, state.Z, t, oracle, nodes=nodes, mean=mean)
        H = self.base.proxy_gradient(X, Y, Z, t, oracle, nodes=nodes)
        return replace(state, t=t + 1, X=X - self.base.eta * mean(H), Y=Y, Z=Z, H=H)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
