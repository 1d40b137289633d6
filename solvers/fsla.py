"""FSLA: a fully single loop algorithm without Hessian inverse (Li, Gu, Huang, AAAI 2022).

    y_{t+1} = y_t - gamma G_y(x_t, y_t; zeta_t)
    v_{t+1} = tau F_y(x_t, y_{t+1}; psi_t) + (I - tau G_yy(x_t, y_{t+1}; psi_t)) v_t
    d_t     = storm(eta; F_x - G_xy v on the sample xi_t at (x_t, y_{t+1}, v_{t+1}) and at (x_{t-1}, y_t, v_t))
    x_{t+1} = x_t - alpha d_t

with storm of :mod:`solvers.pieces`; only x has the recursive momentum. eta = 1 is the plain single loop.

Departures: steps are constants (powers of t in the analysis); y and v of the hyper-gradient are the newest ones; d_0 is
the plain sample. Compared with a public implementation (benchopt, benchmark_bilevel): the same points, old and new, in
all three updates and the same momentum; there gamma = tau falls like t^{-1/2}, as eta does, and d starts from 0.
Addresses: inner 0, 1, 2 are zeta_t, psi_t, xi_t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, check_share, start, storm
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t steps done; x, d (..., dx); y, v (..., dy); ``x_old`` one step before."""

    t: int
    x: Array
    y: Array
    v: Array
    d: Array
    x_old: Array


@dataclass(frozen=True)
class FSLA:
    """Configuration, symbols as in the module docstring; T steps."""

    T: int
    alpha: float = 0.05
    gamma: float = 0.1
    tau: float = 0.1
    eta: float = 0.5

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "gamma", "tau"), ("T",))
        check_share("eta", self.eta)

    needs = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: G, F_y and HVP once a step, F_x and JVP twice (once at t = 0)."""
        T, twice = self.T, 2 * self.T - 1
        return Counts(sfo=2 * T + twice, G=T, F=T + twice, HVP=T, JVP=twice)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * y, 0.0 * x, x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t = state.x, state.t
        y = state.y - self.gamma * oracle.G(x, state.y, step=t, part="y")[1]
        Fy = oracle.F(x, y, step=t, inner=1, part="y")[1]
        v = self.tau * Fy + state.v - self.tau * oracle.hvp(x, y, state.v, step=t, inner=1)

        def sample(x: Array, y: Array, v: Array) -> Array:
            return oracle.F(x, y, step=t, inner=2, part="x")[0] - oracle.jvp(x, y, v, step=t, inner=2)

        d = sample(x, y, v)
        if t > 0:
            d = storm(self.eta, d, sample(state.x_old, state.y, state.v), state.d)
        return replace(state, t=t + 1, x=x - self.alpha * d, y=y, v=v, d=d, x_old=x)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
