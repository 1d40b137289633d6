"""Instances for the claims on paper 000, in any arithmetic, with every class constant computed and not typed in.

A scalar instance of the class of Definition 2.2 (d_x = d_y = 1) is

    f(x, y) = F(y),    g(x, y) = Gamma(y) - c x y,    Gamma'(0) = 0,  so  y*(0) = 0,
    psi(nu) = d/dx ell_nu(0) = -c y_nu,   Gamma'(y_nu) + nu F'(y_nu) = 0,

which is enough to break or to attain every bound of Appendix D: f_x = 0, and all the work is in y_nu. The Taylor
coefficients of y_nu are rational when those of F' and Gamma' are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import wraps
from math import factorial
from typing import Any

import mpmath as mp

from verify.evidence import Arithmetic, Evaluate, Instance, Sides

DIGITS = 120
"""Decimal digits of the second arithmetic: instances use steps down to 1e-60."""


def number(value: Any, arithmetic: Arithmetic) -> Any:
    """``value`` (int, Fraction or "3/7") as a number of this arithmetic."""
    exact = Fraction(value)
    if arithmetic == "rational":
        return exact
    return mp.mpf(exact.numerator) / exact.denominator if arithmetic == "mpmath" else float(exact)


def tolerance(arithmetic: Arithmetic) -> float:
    """Relative round-off allowed in an equality: none in rationals."""
    return {"rational": 0.0, "mpmath": 1e-60}.get(arithmetic, 1e-9)


def precise(evaluate: Evaluate) -> Evaluate:
    """Run ``evaluate`` with DIGITS digits of mpmath."""

    @wraps(evaluate)
    def run(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            return evaluate(instance, arithmetic)

    return run


Series = list[Any]


def product(a: Series, b: Series) -> Series:
    """Product of two series truncated to the length of ``a``."""
    return [sum((a[i] * b[k - i] for i in range(k + 1)), 0 * a[0]) for k in range(len(a))]


def quotient(a: Series, b: Series) -> Series:
    """a / b truncated to the length of ``a`` (b[0] != 0)."""
    out: Series = []
    for k in range(len(a)):
        out.append((a[k] - sum((b[i] * out[k - i] for i in range(1, k + 1)), 0 * a[0])) / b[0])
    return out


def compose(outer: Series, inner: Series) -> Series:
    """outer(inner(t)) truncated to the length of ``inner`` (inner[0] = 0)."""
    total = [0 * inner[0]] * len(inner)
    for c in reversed(outer):
        total = product(inner, total)
        total[0] = total[0] + c
    return total


def implicit(gamma: Series, force: Series, order: int) -> Series:
    """Taylor coefficients of y_nu, nu^0..nu^order, from those of Gamma' and F' at 0 (Gamma'(0) = 0)."""
    zero = 0 * gamma[1]
    y: Series = [zero] * (order + 1)
    for k in range(1, order + 1):
        residual = compose(gamma, y)[k] + compose(force, y)[k - 1]
        y[k] = -residual / gamma[1]
    return y


def reversion(a: Series) -> Series:
    """The series s(u) with a(s(u)) = a[0] + u, truncated to the length of ``a`` (a[1] != 0)."""
    s: Series = [0 * a[0]] * len(a)
    s[1] = 1 / a[1]
    for k in range(2, len(a)):
        s[k] = -compose([0 * a[0], *a[1:]], s)[k] / a[1]
    return s


@dataclass(frozen=True)
class ScalarClass:
    """What is known of a scalar instance, in exact rationals: everything that Definition 2.2 asks for.

    ``gamma_sup[k]`` bounds |Gamma^(k)| for k >= 2 everywhere and ``force_sup[k]`` |F^(k)| for k >= 1;
    ``gamma_min`` is a lower bound of Gamma''; ``lower_bounded``: F is bounded below; ``gamma_order`` / ``force_order``:
    the highest k for which the k-th derivative exists (almost everywhere at least) and is bounded as stated.
    """

    c: Fraction
    gamma_min: Fraction
    gamma_sup: dict[int, Fraction]
    force_sup: dict[int, Fraction]
    lower_bounded: bool = True

    def constants(self, p: int) -> list[Fraction]:
        """Valid L_0, .., L_{p+1} of the instance, the smallest that these bounds give.

        grad f is |F''|-Lipschitz; the Hessian of g is [[0, -c], [-c, Gamma'']], of norm at most
        max Gamma'' + |c|. Assumption 2.4 (3) bounds Gamma''' by L_2, and Assumption 2.5 bounds F^(q+2) by L_{q+1} and
        Gamma^(q+3) by L_{q+2} for q = 1..p-1.
        """
        L = [Fraction(0)] * (p + 2)
        L[0] = self.force_sup[1]
        L[1] = max(self.force_sup[2], self.gamma_sup[2] + abs(self.c))
        L[2] = self.gamma_sup[3]
        for q in range(1, p):
            L[q + 1] = max(L[q + 1], self.force_sup[q + 2])
            L[q + 2] = max(L[q + 2], self.gamma_sup[q + 3])
        return [max(v, Fraction(1, 1000)) for v in L]  # Definition 2.2 asks for positive constants

    def largest(self, p: int, *, through: int | None = None) -> Fraction:
        """max_{j <= through} L_j; through = p is the L-bar of Definition 2.2 as printed."""
        return max(self.constants(p)[: (p if through is None else through) + 1])

    def certificate(self, p: int) -> dict[str, bool]:
        """The assumptions of Definition 2.2, checked with the constants above."""
        L = self.constants(p)
        return {
            "2.2: phi bounded below": self.lower_bounded,
            "2.3: g mu-strongly convex, 0 < mu <= L_1": 0 < self.gamma_min <= L[1],
            "2.4: L_0, L_1, L_2 finite": all(v >= 0 for v in L[:3]),
            f"2.5: derivatives in y bounded up to p = {p}": all(q + 2 in self.force_sup for q in range(1, p))
            and all(q + 3 in self.gamma_sup for q in range(1, p)),
        }


def trig_family(p: int, t: Fraction) -> tuple[ScalarClass, list[Fraction], list[Fraction]]:
    """(class, Taylor coefficients of Gamma', of F'): Gamma'' = mu + 1 - cos(y + theta), F = sin y, c = 1.

    tan(theta/2) = t and mu = t^2, so that Gamma''(0) is of order mu and kappa of order t^-2 while every derivative of
    every order is bounded by 1 + mu: the instance is in the class for every p at once.
    """
    cos, sin, mu = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t), t * t
    ring = [-cos, sin, cos, -sin]  # -cos(y + theta) and its derivatives at y = 0, period 4
    n = p + 3
    gamma = [Fraction(0)] + [(ring[(k - 1) % 4] + (mu + 1 if k == 1 else 0)) / factorial(k) for k in range(1, n)]
    force = [Fraction([1, 0, -1, 0][k % 4], factorial(k)) for k in range(n)]
    one = Fraction(1)
    return (
        ScalarClass(one, mu, {2: 2 + mu} | dict.fromkeys(range(3, n + 3), one), dict.fromkeys(range(1, n + 3), one)),
        gamma,
        force,
    )


def clipped_family(mu: Fraction) -> tuple[ScalarClass, list[Fraction], list[Fraction]]:
    """Gamma'' = clip(2 mu + y, mu, 1), F = sin y, c = 1: L_2 = 1 and no fourth derivative; for p = 1 only."""
    one = Fraction(1)
    kind = ScalarClass(one, mu, {2: one, 3: one}, dict.fromkeys(range(1, 6), one))
    return kind, [Fraction(0), 2 * mu, Fraction(1, 2)], [one, Fraction(0), Fraction(-1, 2), Fraction(0)]


def steep_family(p: int, s: Fraction) -> tuple[ScalarClass, list[Fraction], list[Fraction]]:
    """Gamma'' = 1 + s^{p-1} b(y/s)/2 with b = sin (p odd) or cos (p even), F = sin y, c = 1.

    |Gamma^(k+2)| <= s^{p-1-k}/2: at most 1/2 for k < p, but 1/(2s) for k = p. So L_{p+1} alone grows as s -> 0.
    """
    cycle = [0, 1, 0, -1] if p % 2 else [1, 0, -1, 0]
    half, n = Fraction(1, 2), p + 3
    bend = [half * s ** (p - 1) * cycle[k % 4] / s**k for k in range(n)]
    gamma = [Fraction(0)] + [(bend[k] + (1 if k == 0 else 0)) / factorial(k + 1) for k in range(n - 1)]
    force = [Fraction([1, 0, -1, 0][k % 4], factorial(k)) for k in range(n)]
    sup = {2: Fraction(3, 2)} | {k + 2: half * s ** (p - 1) / s**k for k in range(1, p + 1)}
    return ScalarClass(Fraction(1), half, sup, {k: Fraction(1) for k in range(1, n + 3)}), gamma, force


def kinked_family(p: int) -> tuple[ScalarClass, Fraction]:
    """(class, nu_1): Gamma = y^2/2, c = 1, F' = 1 - 2 S(-(y + nu_1)), S the C^{p-1} spline step of degree p.

    S(t) = sum_k (-1)^k binom(p,k) (t-k)_+^p / p! rises from 0 to 1 on [0, p], |S^(m)| <= 2^{m-1} for 1 <= m <= p
    (differences of B-splines, which lie between 0 and 1), S = t^p/p! on [0, 1]. F' increases from -1 to 1, so F is
    bounded below. F^(p+1) jumps at y = -nu_1, where y_nu arrives at nu = nu_1 = 2^-(p+2) <= 1/(4 kappa).
    """
    force = {1: Fraction(1)} | {m + 1: Fraction(2 * 2 ** (m - 1)) for m in range(1, p + 1)}
    kind = ScalarClass(Fraction(1), Fraction(1), {2: Fraction(1)} | {k: Fraction(0) for k in range(3, p + 4)}, force)
    return kind, Fraction(1, 2 ** (p + 2))


def past_the_kink(p: int, nu_1: Any, t: Any) -> tuple[Any, Any]:
    """(nu, y^(p)(nu)) for the kinked family at the nu whose y_nu is -nu_1 - t, 0 < t < 1.

    y + nu F'(y) = 0 gives nu(t) = (nu_1 + t)/(1 - 2 t^p/p!); y^(p) follows by reversion of its Taylor series.
    """
    one = t / t
    top = [nu_1 + t, one] + [0 * t] * (p - 1)
    binomial = [factorial(p) // (factorial(k) * factorial(p - k)) for k in range(p + 1)]
    bottom = [-2 * binomial[k] * t ** (p - k) / factorial(p) for k in range(p + 1)]
    bottom[0] = bottom[0] + 1
    nu = quotient(top, bottom)
    return nu[0], -reversion(nu)[p] * factorial(p)


def set_partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """All partitions of ``items`` into non-empty unordered blocks."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in set_partitions(rest):
        for i in range(len(smaller)):
            yield [*smaller[:i], [first, *smaller[i]], *smaller[i + 1 :]]
        yield [[first], *smaller]


def scalar_check(
    lhs: Callable[[Instance, Arithmetic], Any], rhs: Callable[[Instance, Arithmetic], Any], relation: Any = "<="
) -> Evaluate:
    """An Evaluate without assumptions: an arithmetic statement on numbers only."""

    @precise
    def run(instance: Instance, arithmetic: Arithmetic) -> Sides:
        return Sides(
            lhs(instance, arithmetic), relation, rhs(instance, arithmetic), {"numbers only": True},
            tolerance(arithmetic),
        )  # fmt: skip

    return run
