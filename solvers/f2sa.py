"""F2SA: the fully first-order penalty method of Kwon, Kwon, Wright and Nowak (2023), single and double loop.

One outer step t, with the steps alpha_t, gamma_t, the ratio xi and the multiplier lambda_t:

    z^0 = z_t,  z^{k+1} = z^k - gamma_t G_y(x_t, z^k),                                       k < K,  z_{t+1} = z^K
    y^0 = y_t,  y^{k+1} = y^k - alpha_t ( F_y + lambda_t G_y )(x_t, y^k),                    k < K,  y_{t+1} = y^K
    Phi_t = 1/S sum_{i<=S} ( F_x(x_t, y_{t+1}) + lambda_t ( G_x(x_t, y_{t+1}) - G_x(x_t, z_{t+1}) ) )
    x_{t+1} = x_t - xi alpha_t Phi_t,      lambda_{t+1} = lambda_t + delta_t

K = 1 is the single loop. The sequences are powers of s = 1 + t/t0: alpha_t = alpha s^-a, gamma_t = gamma s^-c and
lambda_t = lam s^(a - c), so that gamma_t/(alpha_t lambda_t) is constant; a = c = 0 keeps everything fixed. Why these
powers: ||grad phi||^2 averages to about 1/sum alpha_t = t^(a - 1), the bias adds lambda_t^-2 = t^(2c - 2a), noise of
the lower level lambda_t^2 gamma_t = t^(2a - 3c), noise of the upper one gamma_t = t^-c; balancing what is present gives

    noise in both levels a = 5/7, c = 4/7;   in the upper level a = 3/5, c = 2/5;   none a = 1/3, c = 0,

that is ||grad phi|| <= eps after eps^-7, eps^-5 and eps^-3 steps of a single loop.

Where it departs from the original: the sample of the step in x is a mean over S (1 there), and the step-size constants
are arguments. At fixed steps F2SA is F2SA-p with p = 1, nu = 1/lambda and the plain step (:mod:`solvers.f2sa_p`), where
eta_y = alpha lambda = gamma; only here z asks for G alone, so F is counted for y alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from solvers.base import check_choice
from solvers.pieces import check_all_positive, check_fields, start
from synthetic.arrays import Array
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem

POWERS = {"both": (5 / 7, 4 / 7), "upper": (3 / 5, 2 / 5), "none": (1 / 3, 0.0)}
"""(a, c) by where the noise is."""


@dataclass(frozen=True)
class State:
    """t outer steps done; x (..., dx); y, z (..., dy) the penalised and the plain lower iterate; Phi (..., dx)."""

    t: int
    x: Array
    y: Array
    z: Array
    Phi: Array


@dataclass(frozen=True)
class F2SA:
    """Configuration of F2SA, symbols as in the module docstring; lam, alpha and gamma are the values at t = 0."""

    lam: float
    alpha: float
    gamma: float
    xi: float
    K: int
    T: int
    S: int = 1
    a: float = 0.0
    c: float = 0.0
    t0: float = 1.0

    needs = ("F", "G")

    def __post_init__(self) -> None:
        check_fields(self, ("lam", "alpha", "gamma", "xi", "t0"), ("K", "T", "S"))
        for name in ("a", "c"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= self.a < 1:
                raise InputError(name, value, "pass powers with 0 <= c <= a < 1: lambda must not fall")

    @classmethod
    def double_loop(cls, nu: float, eta_x: float, eta_y: float, S: int, K: int, T: int) -> F2SA:
        """Fixed steps in the symbols of paper 000: lambda = 1/nu, alpha = nu eta_y, gamma = eta_y, xi alpha = eta_x."""
        check_all_positive(nu=nu, eta_x=eta_x, eta_y=eta_y)
        return cls(1 / nu, nu * eta_y, eta_y, eta_x / (nu * eta_y), K, T, S)

    @classmethod
    def single_loop(
        cls, gamma: float, lam: float, T: int, *, noise: Literal["both", "upper", "none"] = "both", t0: float = 1.0,
        xi: float = 1.0,
    ) -> F2SA:  # fmt: skip
        """K = 1, the powers for where the noise is, and alpha_t = gamma_t/(2 lambda_t).

        gamma: at most about 1/L_g; lam: at least 2 L_f/mu; a larger t0 keeps lambda_t from growing faster than y
        follows.
        """
        check_choice("noise", noise, tuple(POWERS))
        check_all_positive(gamma=gamma, lam=lam)
        a, c = POWERS[noise]
        return cls(lam, gamma / (2 * lam), gamma, xi, 1, T, a=a, c=c, t0=t0)

    @property
    def calls(self) -> int:
        """SFO calls of a whole run, per seed: 2 (K + S) T; F answers half of them, G all."""
        return 2 * (self.K + self.S) * self.T

    def at(self, t: int) -> tuple[float, float, float]:
        """(alpha_t, gamma_t, lambda_t)."""
        s = 1 + t / self.t0
        return self.alpha * s**-self.a, self.gamma * s**-self.c, self.lam * s ** (self.a - self.c)

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        """z_0 = y_0, zero unless given."""
        x, y = start(problem, x0, y0)
        return State(0, x, y, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        """One outer step: 2 (K + S) calls."""
        x, y, z, t = state.x, state.y, state.z, state.t
        alpha, gamma, lam = self.at(t)
        for k in range(self.K):
            _, Gz = oracle.G(x, z, step=t, inner=k + 1, node=0, part="y")
            at_y = oracle.query(x, y, step=t, inner=k + 1, node=1, part="y")
            z = z - gamma * Gz
            y = y - alpha * (at_y.Fy + lam * at_y.Gy)
        Gz, _ = oracle.G(x, z, step=t, inner=0, node=0, samples=self.S, part="x")
        at_y = oracle.query(x, y, step=t, inner=0, node=1, samples=self.S, part="x")
        Phi = at_y.Fx + lam * (at_y.Gx - Gz)
        return replace(state, t=t + 1, x=x - self.xi * alpha * Phi, y=y, z=z, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
