"""The same instance in exact rational arithmetic, independent of the floating-point code it is checked against.

Every double is a dyadic rational, so the exact form holds the instance itself and not an approximation of it.
``ExactForm`` needs f and g polynomial in y (coefficients any closed form in x) and y*(x) in closed form. At a
rational x it gives

* the Taylor jets of nu -> y*_nu(x) and of psi(nu) = d/dx ell_nu(x) = nu f_x + g_x at (x, y*_nu(x)), as exact
  fractions: psi = sum_k psi_k nu^k, where psi_1 = grad phi(x) is Eq. (9) of paper 000;
* y*_nu(x) and psi(nu) in mpmath at any precision (Newton's method).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import mpmath as mp
import sympy as sp

from synthetic.errors import InputError

Monomials = dict[tuple[int, ...], Fraction]
"""A polynomial in y: exponents -> coefficient."""
Series = list[Fraction]
"""Taylor coefficients in nu, lowest first."""


def fraction(value: sp.Expr | float | Fraction | int) -> Fraction:
    """An exact Fraction from a sympy rational, a double (exactly the double), a Fraction or an int."""
    if isinstance(value, sp.Expr):
        number = sp.Rational(value)
        return Fraction(int(number.p), int(number.q))
    return Fraction(value)


def series_product(a: Series, b: Series) -> Series:
    """Product of two truncated series of equal length."""
    n = len(a)
    return [sum((a[i] * b[k - i] for i in range(k + 1) if a[i] and b[k - i]), Fraction(0)) for k in range(n)]


def series_value(poly: Monomials, y: Sequence[Series], length: int) -> Series:
    """poly(y(nu)) truncated to ``length`` coefficients."""
    total = [Fraction(0)] * length
    for exponents, coefficient in poly.items():
        term = [coefficient] + [Fraction(0)] * (length - 1)
        for component, power in zip(y, exponents):
            for _ in range(power):
                term = series_product(term, component)
        total = [a + b for a, b in zip(total, term)]
    return total


def shift(series: Series) -> Series:
    """nu * series, truncated to the same length."""
    return [Fraction(0)] + series[:-1]


def rational_solve(matrix: list[list[Fraction]], rhs: list[Fraction]) -> list[Fraction]:
    """Solve matrix u = rhs over the rationals (Gauss-Jordan; the matrix is positive definite here)."""
    n = len(rhs)
    rows = [list(row) + [value] for row, value in zip(matrix, rhs)]
    for i in range(n):
        pivot = next(r for r in range(i, n) if rows[r][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(n):
            if r != i and rows[r][i] != 0:
                factor = rows[r][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    return [row[-1] for row in rows]


@dataclass(frozen=True)
class Jets:
    """Taylor coefficients in nu at one x: y[i][k] of y*_nu, psi[i][k] of psi(nu); exact fractions."""

    y: tuple[tuple[Fraction, ...], ...]
    psi: tuple[tuple[Fraction, ...], ...]


class LocalForm:
    """The instance at one rational x: gradients as polynomials in y with rational coefficients."""

    def __init__(self, form: ExactForm, x: Sequence[Fraction]) -> None:
        values = {s: sp.Rational(v.numerator, v.denominator) for s, v in zip(form.x, x)}
        self.dim_y = len(form.y)
        self._poly = lambda e: _monomials(sp.sympify(e).subs(values), form.y)
        self.fx = [self._poly(sp.diff(form.f, s)) for s in form.x]
        self.gx = [self._poly(sp.diff(form.g, s)) for s in form.x]
        self.fy = [self._poly(sp.diff(form.f, s)) for s in form.y]
        self.gy = [self._poly(sp.diff(form.g, s)) for s in form.y]
        self.fyy = [[self._poly(sp.diff(form.f, a, b)) for b in form.y] for a in form.y]
        self.gyy = [[self._poly(sp.diff(form.g, a, b)) for b in form.y] for a in form.y]
        self.y0 = [fraction(sp.sympify(e).subs(values)) for e in form.y_star]

    def jets(self, order: int) -> Jets:
        """Exact jets up to nu^order by solving d/dnu^k [nu f_y + g_y](y*_nu) = 0 for k = 1..order."""
        n = order + 1
        constant = [[v] + [Fraction(0)] * (n - 1) for v in self.y0]
        hessian = [[series_value(e, constant, 1)[0] for e in row] for row in self.gyy]
        y = constant
        for k in range(1, n):
            residual = [
                a + b
                for a, b in zip(
                    (shift(series_value(p, y, n))[k] for p in self.fy),
                    (series_value(p, y, n)[k] for p in self.gy),
                )
            ]
            step = rational_solve(hessian, [-r for r in residual])
            for component, value in zip(y, step):
                component[k] = value
        psi = [
            tuple(a + b for a, b in zip(shift(series_value(f, y, n)), series_value(g, y, n)))
            for f, g in zip(self.fx, self.gx)
        ]
        return Jets(tuple(map(tuple, y)), tuple(psi))

    def y_star(self, nu: mp.mpf) -> mp.matrix:
        """y*_nu in the current mpmath precision: Newton from y*(x) (continuation is not needed for small nu)."""
        y = mp.matrix([mp.mpf(v.numerator) / v.denominator for v in self.y0])
        tolerance = mp.mpf(10) ** (5 - mp.mp.dps)
        for _ in range(200):
            gradient = mp.matrix([nu * _value(f, y) + _value(g, y) for f, g in zip(self.fy, self.gy)])
            hessian = mp.matrix(self.dim_y, self.dim_y)
            for i in range(self.dim_y):
                for j in range(self.dim_y):
                    hessian[i, j] = nu * _value(self.fyy[i][j], y) + _value(self.gyy[i][j], y)
            step = mp.lu_solve(hessian, gradient)
            y = y - step
            if mp.norm(step) <= tolerance * (1 + mp.norm(y)):
                return y
        raise InputError("nu", mp.nstr(nu, 8), "Newton did not converge; use a smaller |nu|")

    def psi(self, nu: mp.mpf) -> mp.matrix:
        """psi(nu) = nu f_x + g_x at y*_nu, in the current mpmath precision."""
        y = self.y_star(nu)
        return mp.matrix([nu * _value(f, y) + _value(g, y) for f, g in zip(self.fx, self.gx)])


@dataclass(frozen=True)
class ExactForm:
    """f, g (polynomial in y) and y*(x) as sympy expressions in the symbols x and y, rational coefficients."""

    x: tuple[sp.Symbol, ...]
    y: tuple[sp.Symbol, ...]
    f: sp.Expr
    g: sp.Expr
    y_star: tuple[sp.Expr, ...]
    phi: sp.Expr

    def at(self, x: Sequence[Fraction | float | int]) -> LocalForm:
        """The instance at one rational point (doubles are taken as the rationals that they are)."""
        if len(x) != len(self.x):
            raise InputError("x", list(x), f"pass {len(self.x)} coordinates")
        return LocalForm(self, [Fraction(v) for v in x])

    def hypergrad(self, x: Sequence[Fraction | float | int]) -> list[Fraction]:
        """grad phi(x), exact, from the closed form of phi."""
        values = {s: sp.Rational(Fraction(v).numerator, Fraction(v).denominator) for s, v in zip(self.x, x)}
        return [fraction(sp.diff(self.phi, s).subs(values)) for s in self.x]


def _monomials(expression: sp.Expr, y: Sequence[sp.Symbol]) -> Monomials:
    try:
        poly = sp.Poly(sp.expand(expression), *y)
        return {m: fraction(c) for m, c in poly.terms() if c != 0}
    except (sp.PolynomialError, TypeError, ValueError) as error:
        raise InputError("expression", expression, "f and g must be polynomials in y") from error


def _value(poly: Monomials, y: mp.matrix) -> mp.mpf:
    total = mp.mpf(0)
    for exponents, c in poly.items():
        term = mp.mpf(c.numerator) / c.denominator
        for component, power in zip(y, exponents):
            if power:
                term *= component**power
        total += term
    return total
