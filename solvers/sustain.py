"""SUSTAIN: single-timescale double-momentum stochastic approximation (Khanduri et al., NeurIPS 2021, Algorithm 1).

On one sample at two points (:func:`solvers.pieces.storm`), with alpha_t = c_alpha (w + t)^{-1/3}, beta_t = c_beta
alpha_t, eta^f_t = c_f alpha_t^2, eta^g_t = c_g alpha_t^2 (cut at 1; eta_0 = 1):

    h^g_t = storm(eta^g_t; G_y)                            y_{t+1} = y_t - beta_t h^g_t
    h^f_t = storm(eta^f_t; F_x - G_xy (Q/L) prod_{i<=p} (I - H_i/L) F_y)
                                                           x_{t+1} = x_t - alpha_t h^f_t

p uniform on 0 .. Q - 1 is part of the sample: the same p, and the same Hessians, at the old point.

A public implementation (benchopt, benchmark_bilevel) agrees in both momenta; it has one eta for them, and uses the
sample of G_y for the JVP too.

Departures: c_alpha multiplies alpha_t; p is common to the seeds of an experiment (:func:`solvers.pieces.truncation`).
Addresses: inner 0 (G_y), 1 (F, JVP), 2 on (HVP).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, least, neumann_term, start, storm, truncation
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t steps done; x, h_f (..., dx); y, h_g (..., dy); ``old`` = (x, y) one step before."""

    t: int
    x: Array
    y: Array
    h_f: Array
    h_g: Array
    old: tuple[Array, Array]


@dataclass(frozen=True)
class SUSTAIN:
    """Configuration, symbols as in the module docstring; T steps."""

    T: int
    c_alpha: float = 0.1
    c_beta: float = 4.0
    c_f: float = 20.0
    c_g: float = 20.0
    w: float = 8.0
    L: float = 4.0
    Q: int = 10
    S: int = 1

    def __post_init__(self) -> None:
        check_fields(self, ("c_alpha", "c_beta", "c_f", "c_g", "w", "L"), ("T", "Q", "S"))

    needs = ("F", "G", "HVP", "JVP")

    def alpha(self, t: int) -> float:
        return self.c_alpha * (self.w + t) ** (-1 / 3)

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run; the HVPs are those of this experiment's truncations."""
        points, S = 2 * self.T - 1, self.S
        HVP = sum((2 if t else 1) * truncation(experiment, t, self.Q) for t in range(self.T))
        return Counts(sfo=2 * points * S, F=points * S, G=points * S, HVP=HVP * S, JVP=points * S)

    @property
    def calls(self) -> int:
        return 2 * (2 * self.T - 1) * self.S

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * x, 0.0 * y, (x, y))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, y, t, a = state.x, state.y, state.t, self.alpha(state.t)
        h_f, h_g = self._sample(oracle, x, y, t)
        if t > 0:
            old_f, old_g = self._sample(oracle, *state.old, t)
            h_f = storm(least(1.0, self.c_f * a * a), h_f, old_f, state.h_f)
            h_g = storm(least(1.0, self.c_g * a * a), h_g, old_g, state.h_g)
        y_new = y - self.c_beta * a * h_g
        return replace(state, t=t + 1, x=x - a * h_f, y=y_new, h_f=h_f, h_g=h_g, old=(x, y))

    def _sample(self, oracle: StochasticOracle, x: Array, y: Array, t: int) -> tuple[Array, Array]:
        Gy = oracle.G(x, y, step=t, inner=0, samples=self.S, part="y")[1]
        Fx, Fy = oracle.F(x, y, step=t, inner=1, samples=self.S)
        v = neumann_term(oracle, x, y, Fy, self.L, self.Q, step=t, first=2, samples=self.S)
        return Fx - oracle.jvp(x, y, v, step=t, inner=1, samples=self.S), Gy

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
