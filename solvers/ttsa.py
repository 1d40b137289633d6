"""TTSA: two-timescale stochastic approximation (Hong, Wai, Wang, Yang, SIAM J. Optim. 2023, Algorithm 1).

    y_{t+1} = y_t - beta_t G_y(x_t, y_t),                                                beta_t = beta (1 + t)^{-b}
    x_{t+1} = x_t - alpha_t ( F_x - G_xy (Q/L) prod_{i<=p} (I - H_i/L) F_y )(x_t, y_{t+1}), alpha_t = alpha (1 + t)^{-a}

p uniform on 0 .. Q - 1; a = 3/5, b = 2/5 are the powers of its Theorem for nonconvex phi (eps^-5).

Departures: X is all of R^dx (the print projects); the powers are of 1 + t (the print has constants of the horizon T for
nonconvex phi); p is common to the seeds of an experiment (:func:`solvers.pieces.truncation`).
Addresses: inner 0 (G_y), 1 (F, JVP), 2 on (HVP).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, check_share, descend, neumann_term, start, truncation
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t steps done; x, Phi (..., dx); y (..., dy)."""

    t: int
    x: Array
    y: Array
    Phi: Array


@dataclass(frozen=True)
class TTSA:
    """Configuration, symbols as in the module docstring; T steps."""

    T: int
    alpha: float = 0.1
    beta: float = 0.2
    a: float = 0.6
    b: float = 0.4
    L: float = 4.0
    Q: int = 10

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "beta", "L"), ("T", "Q"))
        check_share("a", self.a)
        check_share("b", self.b)

    needs = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run; the HVPs are those of this experiment's truncations."""
        T = self.T
        return Counts(sfo=2 * T, F=T, G=T, HVP=sum(truncation(experiment, t, self.Q) for t in range(T)), JVP=T)

    @property
    def calls(self) -> int:
        return 2 * self.T

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t = state.x, state.t
        y = descend(oracle, x, state.y, self.beta * (1 + t) ** -self.b, 1, step=t)
        Fx, Fy = oracle.F(x, y, step=t, inner=1)
        v = neumann_term(oracle, x, y, Fy, self.L, self.Q, step=t, first=2)
        Phi = Fx - oracle.jvp(x, y, v, step=t, inner=1)
        return replace(state, t=t + 1, x=x - self.alpha * (1 + t) ** -self.a * Phi, y=y, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
