"""FMBO: fully single-loop, momentum-based bilevel optimizer (paper 003, Algorithm 2).

One step t at the iterate w_t = (x_t, y_t, v_t), v the estimate of [g_yy]^{-1} f_y, with independent samples
zeta_t, psi_t, xi_t, each asked at w_t AND at w_{t-1}, and the recursive momentum
m(eta, s, h) = eta s(w_t) + (1 - eta)(h + s(w_t) - s(w_{t-1})):

    h^g_t = m(eta^g_t, G_y(x, y; zeta_t), h^g_{t-1})                              y_{t+1} = y_t - beta_t h^g_t
    h^R_t = m(eta^R_t, G_yy(x, y; psi_t) v - F_y(x, y; psi_t), h^R_{t-1})         v_{t+1} = P(v_t - lambda_t h^R_t)
    h^f_t = m(eta^f_t, F_x(x, y; xi_t) - G_xy(x, y; xi_t) v, h^f_{t-1})           x_{t+1} = x_t - alpha_t h^f_t

P the projection onto ||v|| <= r_v, and the schedule of Theorem 2: alpha_t = c_alpha (w + t)^{-1/3}, beta_t = c_beta
alpha_t, lambda_t = c_lambda alpha_t, eta^f_t = c_f alpha_t^2, eta^R_t = c_R alpha_t^2, eta^g_t = c_g alpha_t^2.

Where it departs from the print, and why:

* Eq. (12) prints h^g_{t-1} inside the momentum of h^R: a slip, the recursion needs h^R_{t-1} (as Eq. (7) has it).
* The print leaves the start open. Here h_0 is the plain sample at w_0 (there is no w_{-1}), v_0 = 0.
* Theorem 2 asks r_v >= C_fy/mu while Assumption 1 bounds ||f_y||^2 by C_fy; ||v*|| <= sqrt(C_fy)/mu is what holds and
  what :func:`radius` gives.
* c_alpha multiplies alpha_t (1 in the print), eta is cut at 1, and every sample may be a mean of S.
* The constants w and c_* of the theorem's appendix (its Eq. (33)) are not in the main text; they are arguments here,
  with practical defaults, and only the powers of t are the theorem's.

Step 0 costs 3 SFO (1 G and 2 F), 1 HVP, 1 JVP; every later one twice that; times S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

from solvers.base import check_positive
from solvers.pieces import ball, check_fields, least, start, storm, times
from synthetic.arrays import Array, namespace
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem

Point = tuple[Array, Array, Array]
"""(x, y, v)."""


@dataclass(frozen=True)
class State:
    """t steps done; x (..., dx), y and v (..., dy); ``old`` = (x, y, v) one step before; the momenta h_g, h_R, h_f."""

    t: int
    x: Array
    y: Array
    v: Array
    old: Point
    h_g: Array
    h_R: Array
    h_f: Array


def radius(C_fy: float, mu: float) -> float:
    """The projection radius: sqrt(C_fy)/mu bounds ||v*|| when ||f_y||^2 <= C_fy (Assumption 1)."""
    check_positive("C_fy", C_fy)
    check_positive("mu", mu)
    return float(C_fy**0.5 / mu)


@dataclass(frozen=True)
class FMBO:
    """Configuration, symbols as in the module docstring; r_v = inf switches the projection off."""

    T: int
    c_alpha: float = 0.2
    c_beta: float = 2.0
    c_lambda: float = 2.0
    c_f: float = 50.0
    c_R: float = 50.0
    c_g: float = 50.0
    w: float = 8.0
    r_v: float = inf
    S: int = 1

    def __post_init__(self) -> None:
        check_fields(self, ("c_alpha", "c_beta", "c_lambda", "c_f", "c_R", "c_g", "w"), ("T", "S"))
        if self.r_v != inf:
            check_positive("r_v", self.r_v)

    needs: ClassVar[tuple[str, ...]] = ("F", "G", "HVP", "JVP")

    def alpha(self, t: int) -> float:
        return self.c_alpha * (self.w + t) ** (-1 / 3)

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: 2T - 1 evaluations of the three samples."""
        return times((2 * self.T - 1) * self.S, sfo=3, F=2, G=1, HVP=1, JVP=1)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        """y_0 = y0 (default zero), v_0 = 0."""
        x, y = start(problem, x0, y0)
        xp = namespace(x)
        v = xp.zeros_like(y)
        return State(0, x, y, v, (x, y, v), xp.zeros_like(y), xp.zeros_like(y), xp.zeros_like(x))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        t, a = state.t, self.alpha(state.t)
        now = (state.x, state.y, state.v)

        def momentum(sample: Callable[..., Array], c: float, previous: Array) -> Array:
            new = sample(oracle, *now, t)
            if t == 0:
                return new
            return storm(least(1.0, c * a * a), new, sample(oracle, *state.old, t), previous)

        h_g = momentum(self._lower, self.c_g, state.h_g)
        h_R = momentum(self._system, self.c_R, state.h_R)
        h_f = momentum(self._upper, self.c_f, state.h_f)
        v = state.v - self.c_lambda * a * h_R
        return replace(
            state, t=t + 1, x=state.x - a * h_f, y=state.y - self.c_beta * a * h_g,
            v=v if self.r_v == inf else ball(v, self.r_v), old=now, h_g=h_g, h_R=h_R, h_f=h_f,
        )  # fmt: skip

    # the three samples at a point; inner 0, 1, 2 are zeta_t, psi_t, xi_t

    def _lower(self, oracle: StochasticOracle, x: Array, y: Array, v: Array, t: int) -> Array:
        return oracle.G(x, y, step=t, inner=0, samples=self.S, part="y")[1]

    def _system(self, oracle: StochasticOracle, x: Array, y: Array, v: Array, t: int) -> Array:
        Hv = oracle.hvp(x, y, v, step=t, inner=1, samples=self.S)
        return Hv - oracle.F(x, y, step=t, inner=1, samples=self.S, part="y")[1]

    def _upper(self, oracle: StochasticOracle, x: Array, y: Array, v: Array, t: int) -> Array:
        Jv = oracle.jvp(x, y, v, step=t, inner=2, samples=self.S)
        return oracle.F(x, y, step=t, inner=2, samples=self.S, part="x")[0] - Jv

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
