"""Peano kernels of difference formulas for psi'(0), in exact rational arithmetic.

For nodes n_j and weights alpha_j that are exact on polynomials of degree <= p, the error functional

    E[psi] = sum_j alpha_j psi(n_j) - psi'(0) = int K(t) psi^(p+1)(t) dt

has the kernel (Taylor's formula around 0 with integral remainder, applied term by term)

    K(t) = sum_{n_j > t} alpha_j (n_j - t)^p / p!      for t > 0,
    K(t) = - sum_{n_j < t} alpha_j (n_j - t)^p / p!    for t < 0.

Hence |E[psi]| <= C int |K| whenever psi^(p) is C-Lipschitz, with equality for psi^(p+1) = C sign K.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import factorial

ROOT_WIDTH = Fraction(1, 10**60)
"""Width to which an irrational sign change of a kernel is enclosed."""

Coefficients = tuple[Fraction, ...]
"""c_0, c_1, ...: the polynomial sum_k c_k t^k."""


def evaluate(coefficients: Coefficients, t: Fraction) -> Fraction:
    """sum_k c_k t^k by Horner's rule; exact for an exact t."""
    total = Fraction(0)
    for c in reversed(coefficients):
        total = total * t + c
    return total


@dataclass(frozen=True)
class PiecewisePolynomial:
    """``pieces[i]`` between ``breaks[i-1]`` and ``breaks[i]`` (the two outer pieces reach to infinity).

    Coefficients are in powers of t itself; at a break the right-hand piece is taken. Exact for int and
    Fraction.
    """

    breaks: tuple[Fraction, ...]
    pieces: tuple[Coefficients, ...]

    def __call__(self, t: Fraction | int) -> Fraction:
        return evaluate(self.pieces[bisect_right(self.breaks, t)], Fraction(t))

    def antiderivative(self) -> PiecewisePolynomial:
        """The continuous antiderivative that vanishes at t = 0."""
        raw = [(Fraction(0), *(c / (k + 1) for k, c in enumerate(piece))) for piece in self.pieces]
        joined = raw[:1]
        for at, piece in zip(self.breaks, raw[1:]):
            joined.append((evaluate(joined[-1], at) - evaluate(piece, at), *piece[1:]))
        at_zero = PiecewisePolynomial(self.breaks, tuple(joined))(0)
        return PiecewisePolynomial(self.breaks, tuple((c[0] - at_zero, *c[1:]) for c in joined))

    def scaled(self, value: Fraction, argument: Fraction) -> PiecewisePolynomial:
        """t -> value * self(t / argument), argument > 0."""
        pieces = tuple(tuple(value * c / argument**k for k, c in enumerate(piece)) for piece in self.pieces)
        return PiecewisePolynomial(tuple(b * argument for b in self.breaks), pieces)


def kernel(nodes: Sequence[Fraction | int], weights: Sequence[Fraction], p: int) -> PiecewisePolynomial:
    """The Peano kernel K of the module docstring; meaningful only if the formula is exact on degree <= p."""
    breaks = tuple(sorted({Fraction(0), *(Fraction(n) for n in nodes)}))

    def piece(inside: Sequence[int], sign: int) -> Coefficients:
        total = [Fraction(0)] * (p + 1)
        for i in inside:
            n = Fraction(nodes[i])
            for k in range(p + 1):  # (n - t)^p / p! = sum_k n^(p-k) (-t)^k / (k! (p-k)!)
                term = n ** (p - k) / (factorial(k) * factorial(p - k))
                total[k] += sign * (-1) ** k * weights[i] * term
        return tuple(total)

    pieces: list[Coefficients] = [(Fraction(0),)]
    for left, right in pairwise(breaks):
        if left >= 0:
            pieces.append(piece([i for i, n in enumerate(nodes) if n >= right], 1))
        else:
            pieces.append(piece([i for i, n in enumerate(nodes) if n <= left], -1))
    return PiecewisePolynomial(breaks, (*pieces, (Fraction(0),)))


def _sign_changes(piece: Coefficients, left: Fraction, right: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Enclosures (u, v) of the odd roots strictly inside (left, right); u == v for a rational root."""
    import sympy  # here, because importing it costs more than everything else in this module

    coefficients = [sympy.Rational(c.numerator, c.denominator) for c in reversed(piece)]
    polynomial = sympy.Poly(coefficients, sympy.Symbol("t"), domain="QQ")
    found = []
    for factor, multiplicity in polynomial.factor_list()[1] if not polynomial.is_zero else ():
        if multiplicity % 2 == 0:
            continue
        if factor.degree() == 1:
            root = -factor.coeff_monomial(1) / factor.coeff_monomial(factor.gen)
            isolated = [((root, root), 1)]
        else:
            width = sympy.Rational(ROOT_WIDTH.numerator, ROOT_WIDTH.denominator)
            isolated = factor.intervals(eps=width)
        for (u, v), _ in isolated:
            low, high = Fraction(int(u.p), int(u.q)), Fraction(int(v.p), int(v.q))
            # an irrational root is never at a break, so an enclosure that reaches over one is only cut there
            low, high = (low, high) if low == high else (max(low, left), min(high, right))
            if left < high and low < right and (low < high or left < low):
                if low < high and evaluate(piece, low) * evaluate(piece, high) > 0:
                    continue  # the root itself lies beyond the break
                found.append((low, high))
    return sorted(found)


@dataclass(frozen=True)
class KernelAnalysis:
    """Where K changes sign and what that gives.

    ``low <= int |K| <= high`` in exact rationals, low == high when every sign change is rational. ``sign`` is
    the piecewise constant sign of K (an irrational change replaced by the middle of its enclosure) and
    ``extremal`` its (p+1)-fold antiderivative, derivatives 0..p zero at t = 0: E[extremal] = low exactly.
    """

    low: Fraction
    high: Fraction
    sign: PiecewisePolynomial
    extremal: PiecewisePolynomial


def analyse(K: PiecewisePolynomial, p: int, *, one_sign: bool = False) -> KernelAnalysis:
    """int |K| and the extremal function of the kernel ``K`` of a formula exact on degree <= p.

    ``one_sign``: K is known not to change sign, so that no roots need be isolated.
    """
    A = K.antiderivative()
    breaks: list[Fraction] = [K.breaks[0]]
    slack = Fraction(0)
    for piece, left, right in zip(K.pieces[1:], K.breaks, K.breaks[1:]):
        for u, v in () if one_sign else _sign_changes(piece, left, right):
            breaks.append((u + v) / 2)
            reach = max(abs(u), abs(v))
            # |K| <= sum |c_k| reach^k on [u, v], and a wrong sign there costs at most twice its integral
            slack += 2 * (v - u) * sum(abs(c) * reach**k for k, c in enumerate(piece))
        breaks.append(right)
    areas = [A(right) - A(left) for left, right in pairwise(breaks)]
    signs = [Fraction((area > 0) - (area < 0)) for area in areas]
    # beyond the outer nodes K = 0 and any value in [-1, 1] is extremal: the neighbour's keeps psi simple
    sign = PiecewisePolynomial(tuple(breaks), tuple((s,) for s in (signs[0], *signs, signs[-1])))
    extremal = sign
    for _ in range(p + 1):
        extremal = extremal.antiderivative()
    low = sum((abs(area) for area in areas), Fraction(0))
    return KernelAnalysis(low, low + slack, sign, extremal)
