"""Strict saddles: hyper-objectives with a known negative curvature, globally Lipschitz gradient AND Hessian.

    phi(x) = sum_{i < u} h(x_i) + stable/2 sum_{i >= u} x_i^2,     h(s) = (a/2) s^2 - b s^2/(1 + s^2),  2b = a + gamma
    h'(s) = s (a - 2b/(1 + s^2)^2),  h''(s) = a - 2b (1 - 3 s^2)/(1 + s^2)^3,  h'''(s) = 24 b s (1 - s^2)/(1 + s^2)^4

h''(0) = -gamma: the origin is a strict saddle (u < dim) with lowest curvature exactly -gamma. h'' lies in [-gamma,
a + b/2]; |h'''| is largest at s = tan 18 degrees (1 - 10 s^2 + 5 s^4 = 0). The minima in each unstable direction
are at s = +-sqrt(q - 1), q = sqrt(2b/a), value a (q - 1)/2 - b (q - 1)/q; every other stationary point has some s =
0 and is a strict saddle too (or, for u = dim, the maximum at 0). So a second-order point with tolerance below gamma
is near a minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import sympy as sp

from synthetic.arrays import Array, like, namespace
from synthetic.errors import InputError
from synthetic.hyper import dimension, positive, rational
from synthetic.polynomial import Polynomial

STEEPEST = sqrt(1 - 2 / sqrt(5))
"""tan 18 degrees, where |s (1 - s^2)|/(1 + s^2)^4 has its maximum over R."""


@dataclass(frozen=True)
class StrictSaddle:
    """phi of the module docstring: ``unstable`` = u directions with h, dim - u directions of curvature ``stable``."""

    dim: int = 3
    unstable: int = 1
    gamma: float = 1.0
    a: float = 1.0
    stable: float = 1.0

    def __post_init__(self) -> None:
        for name in ("dim", "unstable"):
            object.__setattr__(self, name, dimension(name, getattr(self, name)))
        for name in ("gamma", "a", "stable"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        if self.unstable > self.dim:
            raise InputError("unstable", self.unstable, f"pass at most dim = {self.dim}")

    @property
    def b(self) -> float:
        return (self.a + self.gamma) / 2

    @property
    def L(self) -> float:
        """sup ||grad^2 phi||, exact: gamma at s = 0, a + b/2 at |s| = 1, and the stable curvature."""
        return max(self.gamma, self.a + self.b / 2, self.stable if self.unstable < self.dim else 0.0)

    @property
    def rho(self) -> float:
        """The Lipschitz constant of grad^2 phi, exact: max |h'''| (the Hessian is diagonal)."""
        s = STEEPEST
        return 24 * self.b * s * (1 - s * s) / (1 + s * s) ** 4

    @property
    def well(self) -> float:
        """|x_i| of the minima in an unstable direction."""
        return sqrt(sqrt(2 * self.b / self.a) - 1)

    @property
    def inf(self) -> float:
        q = sqrt(2 * self.b / self.a)
        return self.unstable * (self.a * (q - 1) / 2 - self.b * (q - 1) / q)

    def _coefficients(self, x: Array) -> tuple[Array, Array]:
        """Per coordinate (curvature of the quadratic, b): (a, b) unstable, (stable, 0) stable."""
        bends = np.arange(self.dim) < self.unstable
        return like(np.where(bends, self.a, self.stable), x), like(np.where(bends, self.b, 0.0), x)

    def value(self, x: Array) -> Array:
        a, b = self._coefficients(x)
        return namespace(x).sum(a * x * x / 2 - b * x * x / (1 + x * x), axis=-1)

    def grad(self, x: Array) -> Array:
        a, b = self._coefficients(x)
        return x * (a - 2 * b / (1 + x * x) ** 2)

    def hess(self, x: Array) -> Array:
        a, b = self._coefficients(x)
        second = a - 2 * b * (1 - 3 * x * x) / (1 + x * x) ** 3
        return second[..., None] * like(np.eye(self.dim), x)

    def expr(self, x: Sequence[sp.Symbol]) -> sp.Expr:
        a, b, stable = rational(self.a), rational(self.b), rational(self.stable)
        bent = [a * s**2 / 2 - b * s**2 / (1 + s**2) for s in x[: self.unstable]]
        return sp.Add(*bent, *(stable * s**2 / 2 for s in x[self.unstable :]))


def strict_saddle(
    dim: int = 3,
    unstable: int = 1,
    gamma: float = 1.0,
    a: float = 1.0,
    stable: float = 1.0,
    coupling: float = 0.0,
    quartic: float = 0.0,
) -> Polynomial:
    """A bilevel instance whose hyper-objective is :class:`StrictSaddle`, d_y = dim, y*(x) = x/2.

    With z = y - x/2: g = z'A_g z/2 + quartic sum z_i^4/24, f = phi + coupling x'z + z'A_f z/2 + quartic sum
    z_i^4/24, A_g = diag(1 .. 2), A_f = I/2. All is even under the change of sign of any pair (x_i, y_i), so a
    first-order method started with x_i = y_i = 0 keeps them 0, bit for bit: F2BA cannot leave the saddle. coupling
    = 0: no bias at all, and L*_lambda = phi exactly; otherwise grad L*_lambda(x) = grad phi(x) -
    diag(coupling^2/(lambda a_i + 1/2)) x for quartic = 0, curvatures smaller by at most coupling^2/lambda.
    """
    phi = StrictSaddle(dim, unstable, gamma, a, stable)
    eye = np.eye(phi.dim)
    stiff = np.diag(1 + np.arange(phi.dim) / max(1, phi.dim - 1))
    rows = np.tile([0.0, float(quartic), 0.0, float(quartic)], (phi.dim, 1)) if quartic else None
    return Polynomial(
        stiff, eye / 2, eye / 2, np.zeros(phi.dim), float(coupling) * eye, phi, W=eye if quartic else None, ridges=rows,
        name="strict saddle",
    )  # fmt: skip
