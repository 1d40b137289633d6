"""PZOBO-S: partial zeroth-order bilevel optimizer, stochastic (Sow, Ji, Liang, NeurIPS 2022, Algorithm 2).

One outer step t, with Q standard normal directions u_j and samples zeta_k shared by all inner loops:

    y^0 = y_{t-1}^N,    y^{k+1}   = y^k   - alpha G_y(x_t, y^k; zeta_k),                   k < N
    y_j^0 = y^0,        y_j^{k+1} = y_j^k - alpha G_y(x_t + mu u_j, y_j^k; zeta_k),        j = 1 .. Q
    Phi = F_x(x_t, y^N) + 1/Q sum_j <(y_j^N - y^N)/mu, F_y(x_t, y^N)> u_j                  (F a mean of D_f samples)
    x_{t+1} = x_t - beta Phi

the only derivative it estimates by differences is dy^N/dx, and only along u_j. For a quadratic g and exact oracles
E Phi = F_x - G_xy (I - (I - alpha H)^N) H^{-1} F_y at y^N for every mu, as ITD; the u_j add variance of order dx/Q.

With exact oracles a public implementation (benchopt, benchmark_bilevel) has the same update.

Addresses: inner 0 .. N - 1 lower steps (S samples each), N for F; u_j on the solver's own Philox stream (node j).
Calls: N S (Q + 1) + D_f SFO a step; no HVP, no JVP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solvers.pieces import check_fields, start, times
from synthetic.arrays import Array, dot, namespace
from synthetic.oracle import Counts, StochasticOracle
from synthetic.philox import Address, gaussian
from synthetic.problem import BilevelProblem

DIRECTIONS = 17
"""Philox stream of the directions u_j."""


@dataclass(frozen=True)
class State:
    """t outer steps done; x, Phi (..., dx); y (..., dy)."""

    t: int
    x: Array
    y: Array
    Phi: Array


@dataclass(frozen=True)
class PZOBO:
    """Configuration, symbols as in the module docstring; T outer steps."""

    T: int
    alpha: float = 0.1
    beta: float = 0.02
    N: int = 10
    Q: int = 4
    mu: float = 0.01
    S: int = 1
    D_f: int = 1

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "beta", "mu"), ("T", "N", "Q", "S", "D_f"))

    needs = ("F", "G")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run."""
        lower = self.N * self.S * (self.Q + 1)
        return times(self.T, sfo=lower + self.D_f, G=lower, F=self.D_f)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * x)

    def directions(self, oracle: StochasticOracle, x: Array, t: int) -> Array:
        """u of shape (..., Q, dx): own ones for each seed."""
        seeds = oracle.seeds.reshape(oracle.seeds.shape + (1,) * (x.ndim - oracle.seeds.ndim))
        shape = (*x.shape[:-1], self.Q, x.shape[-1])
        u = gaussian(Address(oracle.experiment, seeds, t, 0, np.arange(self.Q), DIRECTIONS), x.shape[-1], x)
        return namespace(x).broadcast_to(namespace(x).astype(u, x.dtype), shape)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t = state.x, state.t
        xp = namespace(x)
        u = self.directions(oracle, x, t)
        points = x[..., None, :] + xp.concat([0.0 * u[..., :1, :], self.mu * u], axis=-2)
        y = xp.broadcast_to(state.y[..., None, :], (*points.shape[:-1], state.y.shape[-1]))
        for k in range(self.N):
            y = y - self.alpha * oracle.G(points, y, step=t, inner=k, samples=self.S, part="y")[1]
        end = y[..., 0, :]
        Fx, Fy = oracle.F(x, end, step=t, inner=self.N, samples=self.D_f)
        along = dot((y[..., 1:, :] - end[..., None, :]) / self.mu, Fy[..., None, :])
        Phi = Fx + xp.mean(along[..., None] * u, axis=-2)
        return replace(state, t=t + 1, x=x - self.beta * Phi, y=end, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
