"""Instances for Appendix C of paper 004: scalar x and y, every constant of Assumptions 1 and 2 computed, all rational.

    g(x, y) = Gamma(y) - chi(x) y,   f(x, y) = N(x) + F(y),   so   Gamma'(y*(x)) = chi(x)
    Gamma'' = mu + rho min(|y|, 1),  chi' = c + tau clip(x, -1, 1),  F' = clip(v + l y, -M, M),
    N' = s n(w (x - x_0)),           n(t) = t^3 + t

One of rho and tau is zero, so y*(x) is rational at rational points: with rho > 0 a point is given by y (then x =
Gamma'(y)/c), else by x. C_gxy = |c| + tau, L_y0 = l, L_y1 is declared (any number >= 0 is valid).

N'' <= s w + 2 w |N'|, since 2 |t|^3 - 3 t^2 + 2 |t| = |t| (2 t^2 - 3 |t| + 2) >= 0. So, by Gronwall along a segment no
longer than 1/(sqrt 2 L_x1), L_x0 = THETA s w and L_x1 = 2 THETA w, where (e^u - 1)/u <= THETA at u = 1/(sqrt 2 THETA).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from random import Random
from typing import Any

import mpmath as mp

from verify.evidence import Arithmetic, Instance
from verify.families_f2sa_p import number

THETA = Fraction(1323, 1000)
KEYS = ("mu", "rho", "c", "tau", "v", "l", "M", "s", "w", "x0", "L_y1")


def plain(**changes: Any) -> Instance:
    """mu = c = 1, everything else off; two points at distance 1/100."""
    base: Instance = dict.fromkeys(KEYS, "0") | {"mu": "1", "c": "1", "M": "1", "at": "0", "to": "1/100"}
    return base | changes


def clip(value: Any, size: Any) -> Any:
    return max(-size, min(size, value))


class Model:
    """An instance and its points; ``point(p)`` gives (x, y*(x))."""

    def __init__(self, instance: Instance, arithmetic: Arithmetic) -> None:
        self.mu, self.rho, self.c, self.tau, self.v, self.l, self.M, self.s, self.w, self.x0, self.L_y1 = (
            number(instance[k], arithmetic) for k in KEYS
        )
        theta = number(THETA, arithmetic)
        self.C, self.L_y0 = abs(self.c) + self.tau, self.l
        self.L_x0, self.L_x1 = theta * self.s * self.w, 2 * theta * self.w
        u = 1 / (mp.sqrt(2) * mp.mpf(THETA.numerator) / THETA.denominator)
        self.certified = {
            "mu > 0, the rest >= 0": self.mu > 0 and min(self.rho, self.tau, self.l, self.s, self.w, self.L_y1) >= 0,
            "rho = 0 or tau = 0 != c": self.rho == 0 or (self.tau == 0 and self.c != 0),
            "(e^u - 1)/u <= theta": bool(mp.expm1(u) / u <= mp.mpf(THETA.numerator) / THETA.denominator),
        }

    def point(self, p: Any) -> tuple[Any, Any]:
        if self.rho != 0:
            a = min(abs(p), 0 * p + 1)
            bend = self.rho * (a * a / 2 + abs(p) - a) * (1 if p > 0 else -1)
            return (self.mu * p + bend) / self.c, p
        a = min(abs(p), 0 * p + 1)
        return p, (self.c * p + self.tau * (a * a / 2 + abs(p) - a)) / self.mu

    def f_y(self, y: Any) -> Any:
        return clip(self.v + self.l * y, self.M)

    def f_x(self, x: Any) -> Any:
        t = self.w * (x - self.x0)
        return self.s * (t**3 + t)

    def z(self, y: Any) -> Any:
        """z* = f_y/g_yy."""
        return self.f_y(y) / (self.mu + self.rho * min(abs(y), 1))

    def slope(self, x: Any, y: Any) -> Any:
        """phi' = f_x - g_xy z*, g_xy = -chi'."""
        return self.f_x(x) + (self.c + self.tau * clip(x, 1)) * self.z(y)

    def phi(self, x: Any, y: Any) -> Any:
        t, u = self.w * (x - self.x0), self.v + self.l * y
        upper = self.s * (t**4 / 4 + t**2 / 2) / self.w if self.w != 0 else 0 * t
        if self.l == 0:
            return upper + clip(self.v, self.M) * y
        return upper + (u * u / 2 if abs(u) <= self.M else self.M * abs(u) - self.M**2 / 2) / self.l

    @property
    def stretch2(self) -> Any:
        """1 + C_gxy^2/mu^2."""
        return 1 + (self.C / self.mu) ** 2

    def within(self, dx: Any) -> bool:
        """(14), squared."""
        return bool(dx * dx * 2 * self.stretch2 * (self.L_x1**2 + self.L_y1**2) <= 1)


SPECIAL: list[Instance] = [
    plain(c="40/9", rho="1", v="1"),  # only rho M/mu^2
    plain(c="40/9", l="1", M="5"),  # only L_y0/mu
    plain(c="1/50", tau="1", v="1", at="1/100", to="1/90"),  # only tau M/mu
    plain(c="0", s="1", w="1", at="0", to="1/1000"),  # only L_x0
    plain(c="0", s="1", w="1", at="2", to="2001/1000"),  # only L_x1 |phi'|
    plain(c="1/20", v="63/8", M="63/8", s="21/320", w="1", at="-3/2", to="-1501/1000"),  # phi' = 0 near -cM/mu
    plain(c="-3", l="2", M="1", v="-1/2", at="1/3", to="1/4"),
]
"""Rows at which one term of K_0, K_1 or L_z* alone is at work."""


def random_instances(count: int, seed: int) -> Iterator[Instance]:
    """Instances with the two points inside (14), badly scaled ones included."""
    rng = Random(seed)
    size = lambda: str(Fraction(rng.randint(0, 9), rng.choice([1, 3, 10, 100])))  # noqa: E731
    while count:
        row = plain(
            mu=str(Fraction(rng.randint(1, 9), rng.choice([1, 10]))), c=str(Fraction(rng.randint(-40, 40) or 1, 9)),
            v=size(), l=size(), M=size(), s=size(), w=size(), x0=str(rng.randint(-3, 3)), L_y1=size(),
            at=str(Fraction(rng.randint(-30, 30), 7)), **{rng.choice(["rho", "tau"]): size()},
        )  # fmt: skip
        m = Model(row, "rational")
        p, step = Fraction(row["at"]), Fraction(rng.choice([-1, 1]), rng.choice([1, 10, 1000]))
        while not m.within(m.point(p + step)[0] - m.point(p)[0]):
            step /= 2
        yield row | {"to": str(p + step)}
        count -= 1


def pairs(count: int, seed: int, **fixed: Any) -> list[Instance]:
    """SPECIAL and ``count`` random instances, both directions of every pair."""
    rows = [*SPECIAL, *random_instances(count, seed)]
    return [r | fixed for row in rows for r in (row, row | {"at": row["to"], "to": row["at"]})]
