"""Upper levels of unbounded smoothness: (L_x0, L_x1, L_y0, L_y1)-smooth (paper 004, Assumption 1), known grad phi.

x = (p, q), p in R^n, q in R^dy; y in R^dy; B = [B_1, beta I] with beta > 0; z = y - B x;

    g(x, y) = 1/2 z' A_g z
    f(x, y) = sum_i s(p_i) + w sum_j (sqrt(1 + q_j^2) - 1) + c' z + sum_j r(z_j)

with s, r of :mod:`synthetic.growth` (exponential or a power). So y*(x) = B x, phi(x) = sum s(p_i) + w sum(...) and
grad_y f(x, y*(x)) = c: M = ||c|| in Assumption 2. A step in p sees curvature up to exp(w_s |p|); an error in y is
amplified by r'' in the hyper-gradient through B. The bounded part in q keeps grad_x f from hiding a large grad_y f.

Certified constants. Write v = grad_y f = c + r'(z), g_p and g_q for the parts of grad_x f = (s'(p) - B_1'v, h'(q) -
beta v) with |h'| < w in each coordinate, a_s, w_s and a_r, w_r for s and r, and d = dy.

  (1) ||v|| <= (||g_q|| + w sqrt d)/beta,  |r'(z_j)| <= ||v|| + ||c||,  |s'(p_i)| <= ||g_p|| + ||B_1|| ||v||.
  (2) D grad_x f = [diag(s''(p), h''(q)), 0] + (-B)' diag(r''(z)) [-B, I], so with k = ||B|| sqrt(1 + ||B||^2)
      ||D grad_x f|| <= max(a_s, w) + w_s max|s'| + k (a_r + w_r max|r'|) <= A_x + C_x ||grad_x f||,
      A_x = max(a_s, w) + w_s ||B_1|| w sqrt d/beta + k (a_r + w_r (||c|| + w sqrt d/beta)),
      C_x = sqrt(w_s^2 + ((w_s ||B_1|| + k w_r)/beta)^2)                         (Cauchy-Schwarz over g_p, g_q).
  (3) D grad_y f = diag(r''(z)) [-B, I], so ||D grad_y f|| <= A_y + C_y ||grad_y f|| with
      A_y = sqrt(1 + ||B||^2) (a_r + w_r ||c||),  C_y = sqrt(1 + ||B||^2) w_r.
  (4) If ||DF|| <= A + C ||F|| everywhere, Gronwall along the segment gives, for ||u - u'|| = t,
      ||F(u) - F(u')|| <= (A/C + ||F(u)||)(e^(C t) - 1). Assumption 1 asks for t <= 1/sqrt(2(L_x1^2 + L_y1^2)) <=
      1/(sqrt 2 L_1). With L_1 = theta C, L_0 = theta A and theta = 1/(sqrt 2 ln(1 + 1/sqrt 2)) = 1.3222...,
      C t <= ln(1 + 1/sqrt 2) = 1/(sqrt 2 theta) there, where (e^s - 1)/s <= theta: the inequality of Assumption 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
import sympy as sp

from synthetic.arrays import Array, like, namespace
from synthetic.checks import real_array, square_size
from synthetic.errors import InputError
from synthetic.exact import ExactForm
from synthetic.growth import Exponential, Growth, Power
from synthetic.hyper import dimension, positive, rational
from synthetic.polynomial import Polynomial
from synthetic.polynomial_constants import ROUNDING, spectral
from synthetic.problem import Constants

THETA = 1 / (sqrt(2) * log(1 + 1 / sqrt(2)))
"""Step (4) of the module docstring."""


@dataclass(frozen=True)
class RelaxedConstants:
    """Assumptions 1 and 2 of paper 004: relaxed smoothness of f, M, C_gxy, mu, L, tau, rho; K_0, K_1 of Eq. (16)."""

    L_x0: float
    L_x1: float
    L_y0: float
    L_y1: float
    M: float
    C_gxy: float
    mu: float
    L: float
    tau: float = 0.0
    rho: float = 0.0

    @property
    def radius(self) -> float:
        """How far apart the two points of Assumption 1 may be."""
        return 1 / sqrt(2 * (self.L_x1**2 + self.L_y1**2))

    @property
    def radius_x(self) -> float:
        """Eq. (14): how far apart x, x' may be in Lemma C.3."""
        return self.radius / sqrt(1 + (self.C_gxy / self.mu) ** 2)

    @property
    def K_0(self) -> float:
        C, m, M = self.C_gxy, self.mu, self.M
        inner = self.L_x0 + self.L_x1 * C * M / m + C / m * (self.L_y0 + self.L_y1 * M)
        return sqrt(1 + (C / m) ** 2) * (inner + M * (C * self.rho + self.tau * m) / m**2)

    @property
    def K_1(self) -> float:
        return sqrt(1 + (self.C_gxy / self.mu) ** 2) * self.L_x1


@dataclass(frozen=True)
class GrowingHyper:
    """phi(x) = sum_i s(p_i) + w sum_j (sqrt(1 + q_j^2) - 1), x = (p, q), p of length n; L = infinity."""

    s: Growth
    n: int
    w: float
    dim: int
    L: float = float("inf")
    inf: float = 0.0

    def value(self, x: Array) -> Array:
        xp = namespace(x)
        p, q = x[..., : self.n], x[..., self.n :]
        return xp.sum(self.s.at(p, 0), axis=-1) + self.w * xp.sum(q * q / (1 + xp.sqrt(1 + q * q)), axis=-1)

    def grad(self, x: Array) -> Array:
        xp = namespace(x)
        p, q = x[..., : self.n], x[..., self.n :]
        return xp.concat([self.s.at(p, 1), self.w * q / xp.sqrt(1 + q * q)], axis=-1)

    def hess(self, x: Array) -> Array:
        xp = namespace(x)
        p, q = x[..., : self.n], x[..., self.n :]
        second = xp.concat([self.s.at(p, 2), self.w / (1 + q * q) ** 1.5], axis=-1)
        return second[..., None] * like(np.eye(self.dim), x)

    def expr(self, x: Sequence[sp.Symbol]) -> sp.Expr:
        wells = sp.Add(*(sp.sqrt(1 + s**2) - 1 for s in x[self.n :]))
        return sp.Add(*(self.s.expr(s) for s in x[: self.n])) + rational(self.w) * wells


class RelaxedSmooth(Polynomial):
    """The instance of the module docstring. Shapes: A_g (dy, dy), B_1 (dy, n), c (dy,); beta, w > 0."""

    def __init__(
        self, A_g: Any, B_1: Any, c: Any, s: Growth, r: Growth, *, beta: float = 1.0, w: float = 1.0,
        name: str = "relaxed-smooth",
    ) -> None:  # fmt: skip
        dy = square_size("A_g", A_g)
        if np.ndim(B_1) != 2:
            raise InputError("B_1", B_1, f"pass a matrix of shape ({dy}, n)")
        n = dimension("n", np.shape(B_1)[1])
        self.B_1, self.r, self.s = real_array("B_1", B_1, (dy, n)), r, s
        self.beta, self.w = positive("beta", beta), positive("w", w)
        B = np.concatenate([self.B_1, self.beta * np.eye(dy)], axis=1)
        phi = GrowingHyper(s, n, self.w, n + dy)
        super().__init__(A_g, np.zeros((dy, dy)), B, c, np.zeros((dy, n + dy)), phi, name=name)

    def _value_z(self, z: Array, level: str) -> Array:
        extra = namespace(z).sum(self.r.at(z, 0), axis=-1) if level == "f" else 0.0
        return super()._value_z(z, level) + extra

    def _grad_z(self, z: Array, level: str) -> Array:
        return super()._grad_z(z, level) if level == "g" else self.r.at(z, 1)

    def _hess_z(self, z: Array, level: str) -> Array:
        if level == "g":
            return super()._hess_z(z, level) + 0.0 * z[..., None]
        return self.r.at(z, 2)[..., None] * like(np.eye(self.dim_y), z)

    def relaxed_constants(self) -> RelaxedConstants:
        """Assumptions 1 and 2 of paper 004, proved in the module docstring; upper bounds inflated by 1e-9."""
        b, b_1, size = spectral(self.B), spectral(self.B_1), float(np.linalg.norm(self.c0))
        s, r, hidden = self.s, self.r, self.w * sqrt(self.dim_y) / self.beta
        k = b * sqrt(1 + b**2)
        A_x = max(s.a, self.w) + s.w * b_1 * hidden + k * (r.a + r.w * (size + hidden))
        C_x = float(np.hypot(s.w, (s.w * b_1 + k * r.w) / self.beta))
        t = sqrt(1 + b**2)
        L = spectral(np.block([-self.B, np.eye(self.dim_y)]).T @ self.A_g @ np.block([-self.B, np.eye(self.dim_y)]))
        up = lambda value: float(value) * ROUNDING  # noqa: E731
        return RelaxedConstants(
            up(THETA * A_x), up(THETA * C_x), up(THETA * t * (r.a + r.w * size)), up(THETA * t * r.w),
            M=up(size), C_gxy=up(spectral(self.B.T @ self.A_g)), mu=self.mu / ROUNDING, L=up(L),
        )  # fmt: skip

    def constants(self, p: int) -> Constants:
        """None of the classes of paper 000 holds: L_1 is infinite. Raises; see :meth:`relaxed_constants`."""
        raise InputError("problem", self.name, "f has no global L_1; use relaxed_constants() (paper 004, Assumption 1)")

    def exact(self) -> ExactForm | None:  # type: ignore[override]
        """The instance as sympy expressions when f is a polynomial in y, else None."""
        if not isinstance(self.r, Power):
            return None
        form = super().exact()
        z = [s - b for s, b in zip(form.y, form.y_star)]
        return ExactForm(form.x, form.y, form.f + sp.Add(*(self.r.expr(u) for u in z)), form.g, form.y_star, form.phi)


def relaxed_smooth(
    growth: str = "exponential", n: int = 1, dim_y: int = 2, rate: float = 1.0, beta: float = 1.0
) -> RelaxedSmooth:
    """Named instance: ``growth`` "exponential" (s'' ~ exp(rate |t|)) or "polynomial" (quartic, curvature 3 rate^2 t^2)
    in both levels' arguments, A_g tridiagonal with spectrum in [1, 3], a small B_1 and c.
    """
    n, dim_y, rate = dimension("n", n), dimension("dim_y", dim_y), positive("rate", rate)
    if growth not in ("exponential", "polynomial"):
        raise InputError("growth", growth, 'pass "exponential" or "polynomial"')
    s: Growth = Exponential(1.0, rate) if growth == "exponential" else Power(rate**2, 4, rate, 1.0)
    i = np.arange(dim_y)
    A_g = 2.0 * np.eye(dim_y) - 0.5 * (np.abs(i[:, None] - i) == 1)
    B_1 = 0.25 / (1.0 + i[:, None] + np.arange(n))
    return RelaxedSmooth(A_g, B_1, 0.5 / (1 + i), s, s, beta=beta, name=f"relaxed-smooth {growth}")
