r"""The zero-chain of Carmon, Duchi, Hinder and Sidford ("Lower bounds for finding stationary
points I", 2020, Section 3).

    Psi(t) = 0 for t <= 1/2, exp(1 - 1/(2t-1)^2) for t > 1/2         Phi(t) = sqrt(e) int_{-inf}^t exp(-s^2/2) ds
    Q(a, b) = Psi(-a) Phi(-b) - Psi(a) Phi(b)                        F_T(z) = sum_{i=1}^T Q(z_{i-1}, z_i),  z_0 = 1

One of Psi(a), Psi(-a) is always zero, so with s = sign(a): Q(a, b) = -s Psi(|a|) Phi(s b), and

    Q_a = -Psi'(|a|) Phi(s b)      Q_aa = -s Psi''(|a|) Phi(s b)      Q_ab = -s Psi'(|a|) Phi'(b)
    Q_b = -Psi(|a|) Phi'(b)        Q_bb = -Psi(|a|) Phi''(b)

Paper 000, Appendix F, prints another Psi and another link; what goes wrong with them is in the claims on Appendix F.
With v = 1/(2t-1): Psi = exp(1 - v^2), Psi' = 4 v^3 Psi, Psi'' = (16 v^6 - 24 v^4) Psi,
Psi''' = (64 v^9 - 288 v^7 + 192 v^5) Psi. Every array has shape (..., T); array-API neutral. What is zero by the
definition (grad_i F_T for i > prog_{1/2} + 1) is exactly zero here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx as scipy_erfcx

from synthetic.arrays import Array, like, namespace
from synthetic.errors import InputError

V_MAX = 28.0
"""exp(1 - v^2) is zero in double precision for v >= 27.4; the clip keeps v^9 finite."""
T_MAX = 40.0
"""Phi'(t) is zero in double precision for |t| >= 38.7; the clip keeps t^2 finite."""
ROOT_E = math.exp(0.5)
HALF_PHI = math.sqrt(math.pi * math.e / 2)
"""Phi(0) = sqrt(2 pi e)/2."""


@cache
def _erfcx_series() -> tuple[float, ...]:
    """Chebyshev coefficients of (1 + 2x) erfcx(x) in w = (x - 2)/(x + 2), from SciPy's erfcx."""

    def scaled(w: np.ndarray) -> np.ndarray:
        x = 2 * (1 + w) / (1 - w)
        return (1 + 2 * x) * scipy_erfcx(x)

    # more terms lose digits near w = -1, where the interpolation's own round-off is largest
    return tuple(float(c) for c in chebyshev.chebinterpolate(scaled, 24))  # type: ignore[type-var]


def erfcx(x: Array) -> Array:
    """exp(x^2) erfc(x) for x >= 0: SciPy's for NumPy, a Chebyshev series for libraries that have none."""
    if isinstance(x, (np.ndarray, np.generic)):
        return scipy_erfcx(x)
    w = (x - 2.0) / (x + 2.0)
    # Clenshaw
    first, second = w * 0.0, w * 0.0
    coefficients = _erfcx_series()
    for c in coefficients[:0:-1]:
        first, second = 2.0 * w * first - second + c, first
    return (w * first - second + coefficients[0]) / (1.0 + 2.0 * x)


def psi(t: Array, derivative: int = 0) -> Array:
    """Psi or one of its first three derivatives, elementwise; exactly 0 for t <= 1/2."""
    xp = namespace(t)
    above = t > 0.5
    v = 0.5 / xp.where(above, t - 0.5, xp.ones_like(t))
    v = xp.where(v < V_MAX, v, xp.ones_like(v) * V_MAX)
    w = v * v
    factors = {0: 1.0, 1: 4 * v * w, 2: (16 * w - 24) * w * w, 3: ((64 * w - 288) * w + 192) * w * w * v}
    if derivative not in factors:
        raise InputError("derivative", derivative, "pass 0, 1, 2 or 3")
    return xp.where(above, xp.exp(1.0 - w) * factors[derivative], xp.zeros_like(t))


def phi(t: Array, derivative: int = 0) -> Array:
    """Phi or one of its first three derivatives, elementwise; Phi(t) keeps its relative precision for t << 0."""
    xp = namespace(t)
    t = xp.where(t > T_MAX, xp.ones_like(t) * T_MAX, xp.where(t < -T_MAX, xp.ones_like(t) * -T_MAX, t))
    bell = xp.exp(-0.5 * t * t)
    if derivative == 0:
        tail = bell * erfcx(xp.abs(t) / math.sqrt(2))
        return HALF_PHI * xp.where(t < 0, tail, 2.0 - tail)
    factors = {1: 1.0, 2: -t, 3: t * t - 1}
    if derivative not in factors:
        raise InputError("derivative", derivative, "pass 0, 1, 2 or 3")
    return ROOT_E * bell * factors[derivative]


@dataclass(frozen=True)
class Links:
    """Q and its derivatives at (z_{i-1}, z_i), i = 1 .. T, each (..., T). z_0 = 1 is fixed, so Q_a of link 1 moves
    nothing; ``assemble`` leaves it out.
    """

    Q: Array
    Q_a: Array
    Q_b: Array
    Q_aa: Array
    Q_ab: Array
    Q_bb: Array


def links(z: Array) -> Links:
    """All links of the chain at z (..., T)."""
    xp = namespace(z)
    a = xp.concat([xp.ones_like(z[..., :1]), z[..., :-1]], axis=-1)
    sign = xp.where(a < 0, -xp.ones_like(a), xp.ones_like(a))
    size = xp.abs(a)
    p0, p1, p2 = (psi(size, k) for k in range(3))
    f0, f1, f2 = phi(sign * z), phi(z, 1), phi(z, 2)
    return Links(-sign * p0 * f0, -p1 * f0, -p0 * f1, -sign * p2 * f0, -sign * p1 * f1, -p0 * f2)


def shift_up(values: Array) -> Array:
    """(v_2, .., v_T, 0): what link i + 1 gives to coordinate i."""
    xp = namespace(values)
    return xp.concat([values[..., 1:], xp.zeros_like(values[..., :1])], axis=-1)


def shift_down(values: Array) -> Array:
    """(0, v_1, .., v_{T-1}): the direction at the first argument of link i."""
    xp = namespace(values)
    return xp.concat([xp.zeros_like(values[..., :1]), values[..., :-1]], axis=-1)


def assemble_gradient(at: Links, weights: Array | float = 1.0) -> Array:
    """Gradient of sum_i w_i Q(z_{i-1}, z_i) with fixed weights (..., T)."""
    return weights * at.Q_b + shift_up(weights * at.Q_a)


def assemble_product(at: Links, p: Array, weights: Array | float = 1.0) -> Array:
    """Hessian of sum_i w_i Q(z_{i-1}, z_i), weights fixed, times p (..., T)."""
    before = shift_down(p)
    return weights * (at.Q_ab * before + at.Q_bb * p) + shift_up(weights * (at.Q_aa * before + at.Q_ab * p))


def value(z: Array) -> Array:
    """F_T(z), shape (...)."""
    return namespace(z).sum(links(z).Q, axis=-1)


def gradient(z: Array) -> Array:
    """grad F_T(z), shape (..., T)."""
    return assemble_gradient(links(z))


def product(z: Array, p: Array) -> Array:
    """Hessian-vector product grad^2 F_T(z) p, shape (..., T); the Hessian is tridiagonal."""
    return assemble_product(links(z), p)


def progress(z: Array, alpha: float) -> Array:
    """prog_alpha(z) = max{i >= 0 : |z_i| > alpha}, z_0 = 1, shape (...), int64; 0 <= alpha < 1 (000 App. F)."""
    if not 0 <= alpha < 1:
        raise InputError("alpha", alpha, "pass a number in [0, 1)")
    xp = namespace(z)
    places = like(np.arange(1.0, z.shape[-1] + 1), z)
    found = xp.where(xp.abs(z) > alpha, places, xp.zeros_like(z))
    return xp.astype(xp.max(found, axis=-1), xp.int64)


def optimum(T: int) -> float:
    """inf F_T = -sqrt(2 pi e) (1 + (T - 1) e), approached as all z_i -> infinity (Psi(1) = 1)."""
    return -2 * HALF_PHI * (1 + (T - 1) * math.e)


def start_gap(T: int) -> float:
    """F_T(0) - inf F_T = sqrt(2 pi e) (1/2 + (T - 1) e) < 11.24 T."""
    return -HALF_PHI - optimum(T)
