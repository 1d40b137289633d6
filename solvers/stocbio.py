"""stocBiO and BSA: double loops with a Neumann series for the inverse Hessian.

stocBiO (Ji, Yang, Liang, "Bilevel optimization: convergence analysis and enhanced design", ICML 2021, Algorithms 2-3):

    y^0 = y_{t-1}^D,   y^{k+1} = y^k - alpha G_y(x_t, y^k; S samples),  k < D
    v = eta sum_{q=0}^{Q} prod_{i=1}^{q} (I - eta H_i) F_y(x_t, y^D; D_f samples),   H_i fresh means of B_i Hessians
    x_{t+1} = x_t - beta ( F_x(x_t, y^D; the same D_f samples) - G_xy(x_t, y^D; D_g samples) v )

Bias of v at y^D: -(I - eta H)^{Q+1} H^{-1} f_y, at most (1 - eta mu)^{Q+1} ||f_y||/mu. B_i = B, or with ``mu`` given
the printed ceil(B Q (1 - eta mu)^{i-1}): later factors matter less.

BSA (Ghadimi, Wang, "Approximation methods for bilevel programming", 2018, Algorithms 2-3) has single samples, a random
truncation, and cold starts:

    y^0 = y_0, y^{k+1} = y^k - beta_k G_y(x_t, y^k),  k < D_t = ceil(D sqrt(t + 1)), beta_k = min(alpha, 2/(mu (k + 2)))
    v = (Q/L) prod_{i<=p} (I - H_i/L) F_y,  p uniform on 0 .. Q - 1;   x_{t+1} = x_t - beta ( F_x - G_xy v )

Departures: X is all of R^dx (the print projects); beta_k is cut at alpha, the print's 2/(mu (k + 2)) being far above
2/L at first when kappa is large; ``warm=True`` starts BSA at the last y; p is common to the seeds of an experiment
(:func:`solvers.pieces.truncation`).

Addresses: inner 0 .. D - 1 the lower steps, then F, the JVP, and the HVPs one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log, sqrt

from solvers.base import check_positive
from solvers.pieces import (
    check_all_positive,
    check_fields,
    descend,
    least,
    neumann_sum,
    neumann_term,
    start,
    times,
    truncation,
)
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x, Phi (..., dx); y (..., dy), and the start y0 of cold inner loops."""

    t: int
    x: Array
    y: Array
    y0: Array
    Phi: Array


@dataclass(frozen=True)
class StocBiO:
    """Configuration of stocBiO, symbols as in the module docstring; T outer steps."""

    T: int
    alpha: float = 0.1
    beta: float = 0.05
    D: int = 10
    Q: int = 10
    eta: float = 0.1
    S: int = 1
    D_f: int = 1
    D_g: int = 1
    B: int = 1
    mu: float | None = None

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "beta", "eta"), ("T", "D", "Q", "S", "D_f", "D_g", "B"))
        if self.mu is not None:
            check_positive("mu", self.mu)

    needs = ("F", "G", "HVP", "JVP")

    @classmethod
    def orders(cls, eps: float, T: int, *, mu: float, L: float, sigma: float, beta: float) -> StocBiO:
        """The orders of Theorem 3 of Ji et al. at ||grad phi|| <= eps with every constant 1: alpha = 2/(L + mu), eta =
        1/L, D and Q = kappa log(kappa/eps), batches S, D_f, D_g, B = (kappa sigma/eps)^2: O(eps^-4 log) calls in all.
        """
        check_all_positive(eps=eps, mu=mu, L=L, sigma=sigma)
        kappa = L / mu
        depth, batch = max(1, ceil(kappa * log(max(2.0, kappa / eps)))), max(1, ceil((kappa * sigma / eps) ** 2))
        return cls(T, 2 / (L + mu), beta, depth, depth, 1 / L, batch, batch, batch, batch)

    @property
    def batches(self) -> tuple[int, ...]:
        """B_1 .. B_Q."""
        if self.mu is None:
            return (self.B,) * self.Q
        rate = max(0.0, 1 - self.eta * self.mu)
        return tuple(max(1, ceil(self.B * self.Q * rate**i)) for i in range(self.Q))

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: T (D S + D_f) SFO, T sum B_i HVP, T D_g JVP."""
        lower = self.D * self.S
        return times(self.T, sfo=lower + self.D_f, G=lower, F=self.D_f, HVP=sum(self.batches), JVP=self.D_g)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t, D = state.x, state.t, self.D
        y = descend(oracle, x, state.y, self.alpha, D, step=t, samples=self.S)
        Fx, Fy = oracle.F(x, y, step=t, inner=D, samples=self.D_f)
        v = neumann_sum(oracle, x, y, Fy, self.eta, self.batches, step=t, first=D + 2)
        Phi = Fx - oracle.jvp(x, y, v, step=t, inner=D + 1, samples=self.D_g)
        return replace(state, t=t + 1, x=x - self.beta * Phi, y=y, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T


@dataclass(frozen=True)
class BSA:
    """Configuration of BSA, symbols as in the module docstring; T outer steps."""

    T: int
    alpha: float = 0.1
    beta: float = 0.05
    D: float = 5.0
    Q: int = 10
    L: float = 4.0
    mu: float = 1.0
    warm: bool = False

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "beta", "D", "L", "mu"), ("T", "Q"))

    needs = ("F", "G", "HVP", "JVP")

    def depth(self, t: int) -> int:
        """D_t."""
        return ceil(self.D * sqrt(t + 1))

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run; the HVPs are those of this experiment's truncations, (Q - 1)/2 a step on average."""
        G = sum(self.depth(t) for t in range(self.T))
        HVP = sum(truncation(experiment, t, self.Q) for t in range(self.T))
        return Counts(sfo=G + self.T, G=G, F=self.T, HVP=HVP, JVP=self.T)

    @property
    def calls(self) -> int:
        return self.T + sum(self.depth(t) for t in range(self.T))

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t, D = state.x, state.t, self.depth(state.t)
        y = state.y if self.warm else state.y0
        for k in range(D):
            rate = least(self.alpha, 2 / (self.mu * (k + 2)))
            y = descend(oracle, x, y, rate, 1, step=t, first=k)
        Fx, Fy = oracle.F(x, y, step=t, inner=D)
        v = neumann_term(oracle, x, y, Fy, self.L, self.Q, step=t, first=D + 2)
        Phi = Fx - oracle.jvp(x, y, v, step=t, inner=D + 1)
        return replace(state, t=t + 1, x=x - self.beta * Phi, y=y, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
