"""Bilevel instances with certified global constants, for the inequalities of paper 001 (Assumptions 3.1 and 3.2).

    g(z) = 1/2 z'Qz + q'z + sum_k a_k W(l_k'z + t_k),   f(z) = sum_k c_k W(l_k'z + t_k),   z = (x, y), x real, y in R^d,

with the well W(t) = t^2 / (2 (1 + t^2)). f is bounded, so phi is; every derivative of W is bounded, so C_f, L_f, rho_f,
L_g, rho_g, nu_g and mu hold on the whole space, not near a point. The instance is read at x = 0: q is chosen such that
y*(0) = 0, and the coefficients c_k given as None are solved for such that y*_lambda(0) = delta, a given vector. All is
then rational: both minimisers, their derivatives in x and those of phi and L*_lambda need no root finding.

Numbers are Fractions, mpmath floats (50 digits) or doubles; roots are rounded outward in the rational field.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import isqrt, sqrt
from typing import Any

import mpmath as mp
import numpy as np

from synthetic.errors import InputError
from verify.evidence import Arithmetic, Instance

Vector = list[Any]
Matrix = list[list[Any]]

SLOPE, CURVATURE_MIN, THIRD, FOURTH = Fraction(13, 40), Fraction(1, 4), Fraction(467, 200), Fraction(12)
"""|W'| <= SLOPE, -CURVATURE_MIN <= W'' <= 1, |W'''| <= THIRD, |W''''| <= FOURTH (checked in the tests by Sturm)."""
DIGITS = 50


def well(t: Any, order: int) -> Any:
    """The derivative of the given order (0..4) of W(t) = t^2 / (2 (1 + t^2))."""
    s = 1 + t * t
    return (
        t * t / (2 * s),
        t / s**2,
        (1 - 3 * t * t) / s**3,
        12 * t * (t * t - 1) / s**4,
        12 * (-5 * t**4 + 10 * t * t - 1) / s**5,
    )[order]


class Numbers:
    """One field of numbers; roots are rounded up, and eigenvalue bounds outward, where the field is rational."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        if arithmetic not in ("rational", "mpmath", "float"):
            raise InputError("arithmetic", arithmetic, "choose rational, mpmath or float")
        self.arithmetic = arithmetic

    def __call__(self, value: Any) -> Any:
        exact = Fraction(value)
        if self.arithmetic == "rational":
            return exact
        if self.arithmetic == "float":
            return float(exact)
        return mp.mpf(exact.numerator) / exact.denominator

    def sqrt(self, value: Any) -> Any:
        """The root; rational: an upper bound with relative error below 1e-25."""
        if self.arithmetic == "float":
            return sqrt(value)
        if self.arithmetic == "mpmath":
            return mp.sqrt(value)
        roots = isqrt(value.numerator), isqrt(value.denominator)
        if roots[0] ** 2 == value.numerator and roots[1] ** 2 == value.denominator:
            return Fraction(*roots)
        scale = 10**30 * max(1, value.denominator // max(1, value.numerator))
        return Fraction(isqrt(value.numerator * scale * scale // value.denominator) + 1, scale)

    def norm(self, vector: Vector) -> Any:
        if len(vector) == 1:
            return abs(vector[0])
        return self.sqrt(sum(v * v for v in vector))

    def largest(self, matrix: Matrix) -> Any:
        """An upper bound of the largest eigenvalue of a symmetric matrix (the eigenvalue itself for 1 x 1)."""
        if len(matrix) == 1:
            return matrix[0][0]
        if len(matrix) == 2:
            (a, b), (_, c) = matrix
            return ((a + c) + self.sqrt((a - c) ** 2 + 4 * b * b)) / 2
        if self.arithmetic == "mpmath":
            return max(mp.eigsy(mp.matrix(matrix), eigvals_only=True))
        values = np.linalg.eigvalsh([[float(v) for v in row] for row in matrix])
        if self.arithmetic == "float":
            return float(values[-1])
        spread = Fraction(float(np.abs(values).max())) * Fraction(1, 10**12)
        for _ in range(20):
            bound = Fraction(float(values[-1])) + spread
            if positive_definite(
                [[(bound if i == j else 0) - v for j, v in enumerate(r)] for i, r in enumerate(matrix)]
            ):
                return bound
            spread *= 10
        raise InputError("matrix", matrix, "its largest eigenvalue could not be certified; scale it better")

    def smallest(self, matrix: Matrix) -> Any:
        """A lower bound of the smallest eigenvalue of a symmetric matrix."""
        return -self.largest([[-v for v in row] for row in matrix])


def positive_definite(matrix: Matrix) -> bool:
    """Exact over the rationals: all pivots of the elimination are positive."""
    rows = [list(row) for row in matrix]
    for i in range(len(rows)):
        if rows[i][i] <= 0:
            return False
        for r in range(i + 1, len(rows)):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [u - factor * v for u, v in zip(rows[r], rows[i])]
    return True


def solve(matrix: Matrix, rhs: Vector) -> Vector:
    """matrix u = rhs for 1 x 1 and 2 x 2 (Cramer)."""
    if len(rhs) == 1:
        return [rhs[0] / matrix[0][0]]
    (a, b), (c, d) = matrix
    det = a * d - b * c
    return [(rhs[0] * d - b * rhs[1]) / det, (a * rhs[1] - c * rhs[0]) / det]


@dataclass(frozen=True)
class Function:
    """1/2 z'Qz + q'z + sum_k c_k W(l_k'z + t_k) with its derivatives as forms and its global bounds."""

    number: Numbers
    Q: Matrix
    q: Vector
    ridges: tuple[tuple[Any, Vector, Any], ...]

    def form(self, z: Vector, *vectors: Vector) -> Any:
        """D^n h(z)[v_1, ..., v_n], n = 0..4 (n = 0: the value)."""
        n = len(vectors)
        total = self.number(0)
        for c, l, t in self.ridges:
            term = c * well(sum(a * b for a, b in zip(l, z)) + t, n)
            for v in vectors:
                term *= sum(a * b for a, b in zip(l, v))
            total += term
        pairs = {0: ((z, z),), 1: ((z, vectors[0]),) if n else (), 2: (vectors,)}.get(n, ())
        for u, v in pairs:
            quadratic = sum(u[i] * self.Q[i][j] * v[j] for i, j in product(range(len(z)), repeat=2))
            total += quadratic / 2 if n == 0 else quadratic
        if n < 2:
            total += sum(a * b for a, b in zip(self.q, z if n == 0 else vectors[0]))
        return total

    def _ridge_sum(self, positive: Any, negative: Any) -> Matrix:
        """Q + sum_k s_k c_k l_k l_k' with s_k = positive where c_k > 0, negative where c_k < 0."""
        out = [list(row) for row in self.Q]
        for c, l, _ in self.ridges:
            weight = c * (positive if c > 0 else negative)
            for i, j in product(range(len(l)), repeat=2):
                out[i][j] += weight * l[i] * l[j]
        return out

    @cached_property
    def hessian_bounds(self) -> tuple[Matrix, Matrix]:
        """(low, high): low <= Hessian <= high everywhere, as quadratic forms."""
        low = self.number(-CURVATURE_MIN)
        return self._ridge_sum(low, 1), self._ridge_sum(1, low)

    @cached_property
    def gradient_lipschitz(self) -> Any:
        low, high = self.hessian_bounds
        return max(self.number.largest(high), self.number.largest([[-v for v in row] for row in low]))

    def bound(self, order: int) -> Any:
        """sup |D^order h| of the ridges, order 1, 3 or 4."""
        constant = self.number({1: SLOPE, 3: THIRD, 4: FOURTH}[order])
        return sum((abs(c) * self.number.norm(l) ** order * constant for c, l, _ in self.ridges), self.number(0))


class Point:
    """The instance at x = 0: constants, both minimisers and all derivatives in x that the lemmas speak of.

    ``instance``: lam, delta (d numbers), Q ((1 + d) x (1 + d)), g and f: lists of ridges [coefficient, l (1 + d), t];
    exactly d (or no) coefficients of f are None.
    """

    def __init__(self, instance: Instance, arithmetic: Arithmetic) -> None:
        with mp.workdps(DIGITS):
            self._build(instance, arithmetic)

    def _build(self, instance: Instance, arithmetic: Arithmetic) -> None:
        n = self.number = Numbers(arithmetic)
        self.lam = n(instance["lam"])
        delta = [n(v) for v in instance["delta"]]
        self.d = len(delta)
        self.z0, self.zl = [n(0)] * (1 + self.d), [n(0), *delta]
        Q = [[n(v) for v in row] for row in instance["Q"]]
        ridges = tuple((n(a), [n(v) for v in l], n(t)) for a, l, t in instance["g"])
        zero = [n(0)] * (1 + self.d)
        pull = self.gradient_y(Function(n, Q, zero, ridges), self.z0)
        self.g = Function(n, Q, [n(0), *[-v for v in pull]], ridges)
        self.f = Function(n, [list(zero) for _ in zero], zero, self._upper_ridges(instance["f"]))
        self._constants()

    def gradient_y(self, h: Function, z: Vector) -> Vector:
        return [h.form(z, self.unit(1 + i)) for i in range(self.d)]

    def unit(self, i: int) -> Vector:
        return [self.number(int(i == j)) for j in range(1 + self.d)]

    def _upper_ridges(self, rows: list[Any]) -> tuple[tuple[Any, Vector, Any], ...]:
        n = self.number
        parsed = [(None if c is None else n(c), [n(v) for v in l], n(t)) for c, l, t in rows]
        free = [k for k, (c, _, _) in enumerate(parsed) if c is None]
        if free:
            pushes = [
                [r[1][1 + i] * well(sum(a * b for a, b in zip(r[1], self.zl)) + r[2], 1) for i in range(self.d)]
                for r in parsed
            ]
            target = [-self.lam * v for v in self.gradient_y(self.g, self.zl)]
            for k, (c, _, _) in enumerate(parsed):
                if c is not None:
                    target = [a - c * b for a, b in zip(target, pushes[k])]
            solved = solve([[pushes[k][i] for k in free] for i in range(self.d)], target)
            for k, c in zip(free, solved):
                parsed[k] = (c, *parsed[k][1:])
        return tuple(parsed)

    def _constants(self) -> None:
        low = self.g.hessian_bounds[0]
        self.mu = self.number.smallest([row[1:] for row in low[1:]])
        self.Lg, self.rhog, self.nug = self.g.gradient_lipschitz, self.g.bound(3), self.g.bound(4)
        self.Cf, self.Lf, self.rhof = self.f.bound(1), self.f.gradient_lipschitz, self.f.bound(3)

    @property
    def L(self) -> Any:
        return max(self.Cf, self.Lf, self.Lg, self.rhog)

    @property
    def kappa(self) -> Any:
        """max{C_f, L_f, L_g, rho_g} / mu, as the paper defines it."""
        return self.L / self.mu

    @cached_property
    def assumptions(self) -> dict[str, bool]:
        """Assumption 3.1 (and 3.2: all derivatives are bounded), the range of lambda and both minimisers, computed."""
        slack = 0 if self.number.arithmetic == "rational" else 1e-9
        residual = [
            a + self.lam * b for a, b in zip(self.gradient_y(self.f, self.zl), self.gradient_y(self.g, self.zl))
        ]
        size = self.Cf + self.lam * self.Lg + self.mu
        return {
            "g strongly convex in y: mu > 0": bool(self.mu > 0),
            "lambda >= 2 L_f/mu": bool(self.lam * self.mu * (1 + slack) >= 2 * self.Lf),
            "y*(0) = 0": all(abs(v) <= slack * size for v in self.gradient_y(self.g, self.z0)),
            "y*_lambda(0) = delta": all(abs(v) <= slack * size for v in residual),
            "phi bounded below: f is a sum of bounded wells": not any(v for row in [*self.f.Q, self.f.q] for v in row),
        }

    def hessian(self, h: Function, z: Vector) -> Matrix:
        return [[h.form(z, self.unit(i), self.unit(j)) for j in range(1 + self.d)] for i in range(1 + self.d)]

    @cached_property
    def hessians(self) -> tuple[Matrix, Matrix]:
        """Hessians in z of g at (0, 0) and of f/lambda + g at (0, delta)."""
        pairs = zip(self.hessian(self.f, self.zl), self.hessian(self.g, self.zl))
        return self.hessian(self.g, self.z0), [[a / self.lam + b for a, b in zip(u, v)] for u, v in pairs]

    @property
    def distance(self) -> Any:
        """|y*_lambda(0) - y*(0)| = |delta|."""
        return self.number.norm(self.zl[1:])

    # -- derivatives in x -----------------------------------------------------------------------------------------

    def _value_function(self, parts: list[tuple[Any, Function]], z: Vector) -> tuple[Vector, Vector, Vector]:
        """(y', y'', y''') of the minimiser over y of sum weight * h, at the minimiser z."""

        def form(*vectors: Vector) -> Vector:
            return [sum(w * h.form(z, *vectors, self.unit(1 + i)) for w, h in parts) for i in range(self.d)]

        H = [form(self.unit(1 + i)) for i in range(self.d)]
        one = solve(H, [-v for v in form(self.unit(0))])
        w = [self.number(1), *one]
        two = solve(H, [-v for v in form(w, w)])
        lift = [self.number(0), *two]
        three = solve(H, [-a - 3 * b for a, b in zip(form(w, w, w), form(w, lift))])
        return one, two, three

    @cached_property
    def star(self) -> tuple[Vector, Vector, Vector]:
        """(y*', y*'', y*''') at x = 0."""
        return self._value_function([(self.number(1), self.g)], self.z0)

    @cached_property
    def starl(self) -> tuple[Vector, Vector, Vector]:
        """The same for y*_lambda."""
        return self._value_function([(self.number(1), self.f), (self.lam, self.g)], self.zl)

    @cached_property
    def phi(self) -> tuple[Any, Any, Any, Any]:
        """phi and its first three derivatives at x = 0."""
        one, two, three = self.star
        w, lift, lift3 = [self.number(1), *one], [self.number(0), *two], [self.number(0), *three]
        f, z = self.f, self.z0
        return (
            f.form(z),
            f.form(z, w),
            f.form(z, w, w) + f.form(z, lift),
            f.form(z, w, w, w) + 3 * f.form(z, w, lift) + f.form(z, lift3),
        )

    @cached_property
    def proxy(self) -> tuple[Any, Any, Any, Any]:
        """L*_lambda and its first three derivatives: value functions of f + lambda g and of lambda g (envelope)."""
        wl, w = [self.number(1), *self.starl[0]], [self.number(1), *self.star[0]]
        f, g, lam, zl, z0 = self.f, self.g, self.lam, self.zl, self.z0
        ex = self.unit(0)
        return (
            f.form(zl) + lam * (g.form(zl) - g.form(z0)),
            f.form(zl, ex) + lam * (g.form(zl, ex) - g.form(z0, ex)),
            f.form(zl, wl, wl) + lam * (g.form(zl, wl, wl) - g.form(z0, w, w)),
            f.form(zl, wl, wl, wl) + lam * (g.form(zl, wl, wl, wl) - g.form(z0, w, w, w)),
        )
