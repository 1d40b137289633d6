"""Perturbed F2BA: F2BA that leaves strict saddle points (paper 001, Algorithm 2, Proposition 5.1).

The inner loops and Phi_t ~ grad L*_lambda(x_t) of :mod:`solvers.f2ba`; then, with t' the last perturbation,

    if ||Phi_t|| <= 4/5 eps and t - t' > wait:    x_t <- x_t - eta xi_t, xi_t uniform in the ball of radius r,  t' <- t
    x_{t+1} = x_t - eta Phi_t

so that x_{t+1} = x_t - eta (Phi_t + xi_t) after a perturbation: Phi_t is that of the point before it, as printed.

Guarantee (upper, Proposition 5.1): L*_lambda L-smooth with rho-Lipschitz Hessian, eta = 1/L, r = eps/(400 i^3),
wait = i L/sqrt(rho eps), hyper-gradients accurate to zeta = min{1/(20 i^2), 1/(16 i^2 2^i)} eps and
delta >= L sqrt(d) i^2 2^(8 - i)/sqrt(rho eps), i >= 1. With probability at least 1 - delta some x_t has
||grad L*|| <= eps and grad^2 L* >= -sqrt(rho eps) I.

Departures from the print. The listing tests t - t' and never sets t': here t' = t at a perturbation, and the first
one may come at t = 0 (as in Jin et al. 2017). wait (the listing's script T) is rounded up. T = O(i^4 Delta L
eps^-2) has no constant in print: :meth:`PerturbedF2BA.proposition` takes 400, that of Jin et al. 2021 (8 times 50)
for exact gradients. Each lane (seed) has its own t' and its own perturbations, drawn at the address (experiment,
seed, t).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log2, sqrt
from typing import Any

import numpy as np

from bounds.f2ba_schedule import SmoothClass
from bounds.schedule import count, within_doubles
from solvers.f2ba import F2BA
from solvers.pieces import check_fields
from synthetic import philox
from synthetic.arrays import Array, namespace, norm, to_numpy
from synthetic.errors import InputError
from synthetic.hyper import positive
from synthetic.oracle import StochasticOracle
from synthetic.philox import Address
from synthetic.problem import BilevelProblem

DIRECTION, RADIUS = 16, 17
"""Streams of the perturbation's direction and radius."""


@dataclass(frozen=True)
class State:
    """t outer steps done; x (..., dx); y, z (..., dy); Phi (..., dx); last (...) integer, the last perturbation t'."""

    t: int
    x: Array
    y: Array
    z: Array
    Phi: Array
    last: Array


@dataclass(frozen=True)
class PerturbedF2BA:
    """``base``: the F2BA whose inner loops and step it takes; eps, r and wait as in the module docstring."""

    base: F2BA
    eps: float
    r: float
    wait: int

    needs = ("F", "G")

    def __post_init__(self) -> None:
        if not isinstance(self.base, F2BA):
            raise InputError("base", self.base, "pass an F2BA")
        check_fields(self, ("eps", "r"), ("wait",))

    @classmethod
    def proposition(
        cls, bounds: SmoothClass, *, eps: float, delta: float, L: float, rho: float, Delta: float, lam: float,
        R_0: float, dim_x: int, accelerated: bool = False,
    ) -> PerturbedF2BA:  # fmt: skip
        """Proposition 5.1 with its constants: L, rho those of L*_lambda, Delta >= L*_lambda(x_0) - inf L*_lambda,
        probability 1 - delta. R_0 >= ||y_0 - y*(x_0)|| and ``bounds`` serve Proposition 4.2.
        """
        for name, value in (("eps", eps), ("L", L), ("rho", rho), ("Delta", Delta)):
            positive(name, value)
        if not 0 < delta < 1:
            raise InputError("delta", delta, "pass a probability of failure between 0 and 1")
        i = iota(L * sqrt(dim_x) / sqrt(rho * eps), delta)
        zeta = min(1 / (20 * i**2), 1 / (16 * i**2 * 2**i)) * eps
        with within_doubles(eps):
            T = count("T", 400 * i**4 * Delta * L / eps**2)
        base = F2BA.accurate(bounds, lam, 1 / L, zeta, R_0, T, accelerated=accelerated)
        return cls(base, eps, eps / (400 * i**3), ceil(i * L / sqrt(rho * eps)))

    @property
    def T(self) -> int:
        return self.base.T

    @property
    def calls(self) -> int:
        """Those of the base: perturbations cost none."""
        return self.base.calls

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        s = self.base.init(problem, x0, y0)
        xp = namespace(s.x)
        last = xp.zeros_like(xp.astype(s.x[..., 0], xp.int64)) - (self.wait + 1)
        return State(s.t, s.x, s.y, s.z, s.Phi, last)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        """One outer step: the calls of the base's."""
        t, x = state.t, state.x
        y, z = self.base.lower(x, state.y, state.z, t, oracle)
        Phi = self.base.proxy_gradient(x, y, z, t, oracle)
        xp = namespace(x)
        kick = (norm(Phi) <= 0.8 * self.eps) & (t - state.last > self.wait)
        if bool(xp.any(kick)):
            x = xp.where(kick[..., None], x - self.base.eta * in_ball(self.r, oracle, t, x), x)
        last = xp.where(kick, xp.full_like(state.last, t), state.last)
        return replace(state, t=t + 1, x=x - self.base.eta * Phi, y=y, z=z, Phi=Phi, last=last)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T


def iota(scale: float, delta: float) -> float:
    """The smallest i >= 1 on the grid of 1/16 from which on scale i^2 2^(8 - i) <= delta holds; scale = L sqrt(d/(rho
    eps))."""
    i = 3.0  # i^2 2^-i falls from i = 2/log 2 < 3 on
    while log2(scale) + 2 * log2(i) + 8 - i > log2(delta):
        i += 1 / 16
    return i


def in_ball(r: float, oracle: Any, t: int, x: Array) -> Array:
    """One point a lane, uniform in the ball of radius r in R^dx, at the oracle's (experiment, seed) and step t."""
    xp = namespace(x)
    seed = oracle.seeds
    seed = seed.reshape((-1,) + (1,) * (x.ndim - 2)) if seed.ndim else seed
    at = Address(oracle.experiment, seed, t)
    d = x.shape[-1]
    direction = philox.gaussian(replace(at, stream=DIRECTION), d, like=x)
    radius = philox.uniform(replace(at, stream=RADIUS), 1, like=x) ** (1 / d)
    point = r * radius * direction / norm(direction)[..., None]
    return xp.astype(point, x.dtype)


def is_second_order(problem: BilevelProblem, x: Array, eps: float, curvature: float) -> np.ndarray:
    """||grad phi(x)|| <= eps and grad^2 phi(x) >= -curvature I, exactly judged, shape (...)."""
    xp = namespace(x)
    lowest = xp.linalg.eigvalsh(problem.hyperhess(x))[..., 0]
    return to_numpy((norm(problem.hypergrad(x)) <= eps) & (lowest >= -curvature))
