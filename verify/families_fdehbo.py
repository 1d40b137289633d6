"""Instances for the claims on paper 003, every class constant computed, in any arithmetic.

tau is the triangle wave of period 4 (slopes +-1, values in [-1, 1]) and theta' its periodic integral, so theta
is C^2 with a Lipschitz second derivative and no more: what Assumption 2 asks for. With x scalar, y in R^1 or R^2,
u = p x + q'y and a sample s = +-1 (both with probability 1/2), also used as that of f:

    g(x, y; s) = y'A y/2 + x c'y + (rho + s n) theta(u) + s n1'y
    grad f(x, y; s) = phi tau(pf x + qf'y) (pf, qf) + (bx, by) + s (mx, my)

All norms are rational (vectors are multiples of Pythagorean ones), so every bound below is exact:

    A between ``low`` and ``high``,  mu = low - N|q|^2,  |g_yy| <= high + N|q|^2,  |g_xy| <= |c| + N|p||q|,
    L_gyy = N|q|^2 w,  L_gxy = N|p||q| w,  w = |(p, q)|,  N = |rho| + |n|,   L_fx = |phi||pf| wf,  L_fy = |phi||qf| wf,
    |f_x| <= |phi||pf| + |bx| + |mx|,  |f_y| <= |phi||qf| + |by| + |my|.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random
from typing import Any

from verify.evidence import Arithmetic, Instance
from verify.families_f2sa_p import number

Vector = list[Any]
Z = tuple[Any, Vector, Vector]
"""A point (x, y, v)."""

UNITS = (("1", "0"), ("3/5", "4/5"), ("-4/5", "3/5"), ("5/13", "12/13"), ("-1", "0"), ("0", "1"))


def dot(a: Vector, b: Vector) -> Any:
    return sum((s * t for s, t in zip(a, b, strict=True)), 0 * a[0])


def plus(a: Vector, b: Vector, scale: Any = 1) -> Vector:
    """a + scale b."""
    return [s + scale * t for s, t in zip(a, b, strict=True)]


def square(a: Vector) -> Any:
    return dot(a, a)


def tau(u: Any) -> Any:
    """The triangle wave 1 - |(u mod 4) - 2|."""
    return 1 - abs(u % 4 - 2)


def theta_1(u: Any) -> Any:
    """theta' = the integral of tau from 0, of period 4."""
    m = u % 4
    return m * m / 2 - m if m <= 2 else 3 * m - m * m / 2 - 4


class Model:
    """One instance of Assumptions 1 to 3 in one arithmetic, with its constants; see the module docstring."""

    def __init__(self, instance: Instance, arithmetic: Arithmetic) -> None:
        def read(key: str) -> Any:
            value = instance[key]
            return [number(v, arithmetic) for v in value] if isinstance(value, list) else number(value, arithmetic)

        low, high, U = read("low"), read("high"), read("U")
        size = range(len(U))
        self.A = [[(low if i == j else 0 * low) + (high - low) * U[i] * U[j] for j in size] for i in size]
        self.c, self.p, self.q, self.rho, self.n, self.n1 = (read(k) for k in ("c", "p", "q", "rho", "n", "n1"))
        self.phi, self.pf, self.qf = read("phi"), read("pf"), read("qf")
        self.bx, self.by, self.mx, self.my = read("bx"), read("by"), read("mx"), read("my")
        self.delta, self.r = read("delta"), read("r")
        nc, nq, nqf, nby, nmy = (number(instance["norms"][k], arithmetic) for k in ("c", "q", "qf", "by", "my"))
        w, wf = (number(instance["norms"][k], arithmetic) for k in ("w", "wf"))
        N, p = abs(self.rho) + abs(self.n), abs(self.p)
        self.mu = low - N * nq**2
        self.C_gxy_root, self.C_gyy_root = nc + N * p * nq, high + N * nq**2
        self.L_g = self.C_gxy_root + self.C_gyy_root
        self.L_gyy, self.L_gxy = N * nq**2 * w, N * p * nq * w
        self.L_fx, self.L_fy = abs(self.phi) * abs(self.pf) * wf, abs(self.phi) * nqf * wf
        self.C_fx_root = abs(self.phi) * abs(self.pf) + abs(self.bx) + abs(self.mx)
        self.C_fy_root = abs(self.phi) * nqf + nby + nmy
        self.s_fx, self.s_fy = abs(self.mx), nmy
        self.s_gxy, self.s_gyy = abs(self.n) * p * nq, abs(self.n) * nq**2
        self.norms = {
            "the rational norms are norms": all(
                size >= 0 and abs(size**2 - given) <= (1e-9 if arithmetic != "rational" else 0) * (1 + abs(given))
                for size, given in (
                    (nc, square(self.c)), (nq, square(self.q)), (nqf, square(self.qf)), (nby, square(self.by)),
                    (nmy, square(self.my)), (w, self.p**2 + nq**2), (wf, self.pf**2 + nqf**2),
                    (number(1, arithmetic), square(U)),
                )
            ),
            "Assumption 2: g(x, .; s) is mu-strongly convex, 0 < mu <= L_g": 0 < self.mu <= self.L_g,
            "delta > 0": self.delta > 0,
        }  # fmt: skip

    # derivatives of one sample; s = 0 is the mean

    def u(self, z: Z) -> Any:
        return self.p * z[0] + dot(self.q, z[1])

    def g_y(self, z: Z, s: int) -> Vector:
        bend = (self.rho + s * self.n) * theta_1(self.u(z))
        return [dot(row, z[1]) + self.c[i] * z[0] + bend * self.q[i] + s * self.n1[i] for i, row in enumerate(self.A)]

    def g_x(self, z: Z, s: int) -> Any:
        return dot(self.c, z[1]) + (self.rho + s * self.n) * theta_1(self.u(z)) * self.p

    def g_yy(self, z: Z, s: int) -> list[Vector]:
        bend = (self.rho + s * self.n) * tau(self.u(z))
        return [plus(row, self.q, bend * self.q[i]) for i, row in enumerate(self.A)]

    def g_xy(self, z: Z, s: int) -> Vector:
        return plus(self.c, self.q, (self.rho + s * self.n) * tau(self.u(z)) * self.p)

    def f_x(self, z: Z, s: int) -> Any:
        return self.phi * tau(self.pf * z[0] + dot(self.qf, z[1])) * self.pf + self.bx + s * self.mx

    def f_y(self, z: Z, s: int) -> Vector:
        wave = self.phi * tau(self.pf * z[0] + dot(self.qf, z[1]))
        return [wave * a + b + s * m for a, b, m in zip(self.qf, self.by, self.my, strict=True)]

    # Eqs. (3), (5), (8), (9), (11)

    def shifted(self, z: Z, sign: int) -> Z:
        return z[0], plus(z[1], z[2], sign * self.delta), z[2]

    def hvp(self, z: Z, s: int) -> Vector:
        return [dot(row, z[2]) for row in self.g_yy(z, s)]

    def hvp_fd(self, z: Z, s: int) -> Vector:
        """Eq. (9)."""
        ahead, behind = self.g_y(self.shifted(z, 1), s), self.g_y(self.shifted(z, -1), s)
        return [(a - b) / (2 * self.delta) for a, b in zip(ahead, behind, strict=True)]

    def jvp_fd(self, z: Z, s: int) -> Any:
        """Eq. (11)."""
        return (self.g_x(self.shifted(z, 1), s) - self.g_x(self.shifted(z, -1), s)) / (2 * self.delta)

    def upper(self, z: Z, s: int) -> Any:
        """Eq. (3)."""
        return self.f_x(z, s) - dot(self.g_xy(z, s), z[2])

    def upper_fd(self, z: Z, s: int) -> Any:
        return self.f_x(z, s) - self.jvp_fd(z, s)

    def system(self, z: Z, s: int) -> Vector:
        """Eq. (5)."""
        return plus(self.hvp(z, s), self.f_y(z, s), -1)

    def system_fd(self, z: Z, s: int) -> Vector:
        """Eq. (8)."""
        return plus(self.hvp_fd(z, s), self.f_y(z, s), -1)

    def v_star(self, z: Z) -> Vector:
        """v* = g_yy^{-1} f_y at (x, y)."""
        H, b = self.g_yy(z, 0), self.f_y(z, 0)
        if len(b) == 1:
            return [b[0] / H[0][0]]
        det = H[0][0] * H[1][1] - H[0][1] * H[1][0]
        return [(H[1][1] * b[0] - H[0][1] * b[1]) / det, (H[0][0] * b[1] - H[1][0] * b[0]) / det]


def project(w: Vector, r: Any) -> Vector:
    """Line 6 of the algorithms. In rationals a projection needs |w| rational (always so for dim y = 1)."""
    if square(w) <= r * r:
        return w
    size = abs(w[0]) if len(w) == 1 else root(square(w))
    return [r * a / size for a in w]


def root(a: Any) -> Any:
    """The square root, exact in rationals (ArithmeticError where it is irrational)."""
    if not isinstance(a, Fraction):
        return a**0.5
    top, bottom = (_integer_root(k) for k in (a.numerator, a.denominator))
    return Fraction(top, bottom)


def _integer_root(k: int) -> int:
    from math import isqrt

    if isqrt(k) ** 2 != k:
        raise ArithmeticError(f"sqrt({k}) is irrational")
    return isqrt(k)


def random_instances(count: int, seed: int, dims: Sequence[int] = (1, 2), **fixed: Any) -> Iterator[Instance]:
    """Random instances, badly scaled and degenerate ones (a zero amplitude, no noise, eta = 1, v on the sphere) too."""
    rng = Random(seed)

    def amount(top: int = 3, zero: float = 0.2) -> Fraction:
        return (
            Fraction(0)
            if rng.random() < zero
            else Fraction(rng.randint(1, 12), 4) * Fraction(10) ** rng.randint(-top, 1)
        )

    def vector(size: Fraction, dim: int) -> list[str]:
        unit = rng.choice(UNITS) if dim == 2 else (rng.choice(["1", "-1"]),)
        return [str(size * Fraction(a)) for a in unit]

    for _ in range(count):
        dim = rng.choice(list(dims))
        sizes = {k: amount() for k in ("c", "by", "my", "n1", "hg", "hR", "hf", "bx", "mx")}
        scale, scale_f = amount(1, 0), amount(1, 0)
        (p, q), (pf, qf) = ([Fraction(a) for a in rng.choice(UNITS[:4])] for _ in range(2))
        rho, n = amount(1), amount(2, 0.4)
        q, p, qf, pf = abs(q) * scale, p * scale, abs(qf) * scale_f, pf * scale_f
        mu = amount(1, 0)
        low = mu + (rho + n) * q * q
        phi = amount(1)
        r = (phi * qf + sizes["by"] + sizes["my"]) / mu * Fraction(rng.choice([1, 2])) + Fraction(1, 100)
        share = Fraction(rng.choice([0, 1, 2, 4]), 4)
        instance: Instance = {
            "low": str(low), "high": str(low + amount(1)), "U": vector(Fraction(1), dim),
            "c": vector(sizes["c"], dim), "p": str(p), "q": vector(q, dim), "rho": str(rho), "n": str(n),
            "n1": vector(sizes["n1"], dim), "phi": str(phi), "pf": str(pf), "qf": vector(qf, dim),
            "bx": str(sizes["bx"]), "by": vector(sizes["by"], dim), "mx": str(sizes["mx"]),
            "my": vector(sizes["my"], dim), "r": str(r), "delta": str(amount(3, 0)),
            "norms": {
                "c": str(sizes["c"]), "q": str(q), "qf": str(qf), "by": str(sizes["by"]), "my": str(sizes["my"]),
                "w": str(scale), "wf": str(scale_f),
            },
            "x": str(Fraction(rng.randint(-40, 40), 8)),
            "y": [str(Fraction(rng.randint(-40, 40), 8)) for _ in range(dim)],
            "v": vector(r * share, dim), "hg": vector(sizes["hg"], dim), "hR": vector(sizes["hR"], dim),
            "hf": str(sizes["hf"] * rng.choice([1, -1])), "alpha": str(amount(3, 0)), "beta": str(amount(3, 0)),
            "lam": str(amount(3, 0)), "eta": str(Fraction(rng.randint(0, 10), 10)),
        }  # fmt: skip
        yield instance | fixed


PLAIN: Instance = {
    "low": "1", "high": "1", "U": ["1"], "c": ["0"], "p": "3/5", "q": ["4/5"], "rho": "0", "n": "0", "n1": ["0"],
    "phi": "0", "pf": "3/5", "qf": ["4/5"], "bx": "0", "by": ["0"], "mx": "0", "my": ["0"], "r": "1", "delta": "1/10",
    "x": "0", "y": ["0"], "v": ["0"], "hg": ["0"], "hR": ["0"], "hf": "0",
    "alpha": "1/100", "beta": "1/100", "lam": "1/100", "eta": "1/2",
}  # fmt: skip
"""g = y^2/2, f = 0, everything at rest; dim y = 1."""


def plain(**changes: Any) -> Instance:
    """PLAIN with changes, its norms recomputed (dim y = 1; |(p, q)| and |(pf, qf)| rational)."""
    row = PLAIN | changes
    sizes = {k: str(abs(Fraction(row[k][0]))) for k in ("c", "q", "qf", "by", "my")}
    w, wf = (
        root(Fraction(row[a]) ** 2 + Fraction(row[b][0]) ** 2) for a, b in (("p", "q"), ("pf", "qf"))
    )  # fmt: skip
    return row | {"norms": sizes | {"w": str(w), "wf": str(wf)}}
