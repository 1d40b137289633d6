r"""Proved enclosures of the constants of the hard instance, beside the printed ones (paper 000, Appendix F).

Everything is ball arithmetic (Arb). Suprema over the chain's arguments reduce to one variable by hand:

    |grad_i F_T| = Psi(|a|) Phi'(b) + Psi'(|b|) Phi(s c),  a = z_{i-1}, b = z_i, c = z_{i+1}, both terms of one sign,
      so G_inf = sup_b [ e Phi'(b) + sqrt(2 pi e) Psi'(b) ];
    the Hessian is tridiagonal, so its norm is at most the largest row sum; for Psi''(b) >= 0, Q_bb and Q_aa have
      opposite signs, and the row is at most
      max{ Phi'(b) sup_a [Psi'(a) - b Psi(a)] + C(b),  Phi'(b) sup_a [Psi'(a) + b Psi(a)] + Psi'(b) sqrt(e) },
      else Phi'(b) sup_a [Psi'(a) + b Psi(a)] + C(b), with C(b) = sup_c [ |Psi''(b)| Phi(c) + Psi'(b) Phi'(c) ];
    for i > prog_{1/4}: Psi'(z_i) = 0 and only i = prog_{1/4} + 1 is alive, so the masked oracle errs in one coordinate,
      by at most e Phi'(0) = e^{3/2}: E||F_T - grad F_T||^2 <= e^3 (1 - gamma)/gamma.

The smoothness of f_U in units of L_1/L_bar: ell_1 + G_inf LIPSCHITZ/230 + lambda (:mod:`bounds.soft_projection`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from bounds.chain_rigorous import (
    PHI_FACTORS,
    PSI_FACTORS,
    arb_phi,
    arb_psi,
    arb_psi_of_v,
    arb_psi_slope,
    enclose_supremum,
    flint,
)

RADIUS = 230
"""R = 230 sqrt(T), the radius of the soft projection."""
STEP = 64
"""The table of sup_a has its nodes at multiples of 1/64."""


@dataclass(frozen=True)
class Enclosed:
    """low <= constant <= high, proved; ``printed``: what the source uses (None: no number there)."""

    name: str
    low: float
    high: float
    printed: float | None
    formula: str

    @property
    def printed_holds(self) -> bool | None:
        """Is the printed number an upper bound of the constant? None: not printed, or inside the enclosure."""
        if self.printed is None:
            return None
        return True if self.printed >= self.high else (False if self.printed < self.low else None)


def _down(value: Any) -> float:
    """A double below a ball."""
    found = float(value.lower())
    return found - abs(found) * 2.0**-50


def _up(value: Any) -> float:
    """A double above a ball."""
    found = float(value.upper())
    return found + abs(found) * 2.0**-50


def _exact(name: str, value: Any, printed: float | None, formula: str) -> Enclosed:
    return Enclosed(name, _down(value), _up(value), printed, formula)


def sup_psi(derivative: int) -> tuple[Any, Any]:
    """sup |Psi^(k)|, k = 1, 2, 3: over v in [0, 12], the tail being below its value there."""
    low, high = enclose_supremum(
        lambda v: arb_psi_of_v(v, derivative), "0", "12", slope=lambda v: arb_psi_slope(v, derivative), width=1e-6
    )
    tail = (1 - flint().arb(144)).exp() * sum(abs(c) * 12**i for i, c in enumerate(PSI_FACTORS[derivative]))
    assert tail < low  # exp(-v^2) v^9 falls for v > 3
    return low, high


def sup_phi(derivative: int) -> tuple[Any, Any]:
    """sup |Phi^(k)|, k = 1, 2, 3: over [0, 12] by symmetry."""
    low, high = enclose_supremum(
        lambda t: arb_phi(t, derivative), "0", "12", slope=lambda t: arb_phi(t, derivative + 1), width=1e-8
    )
    tail = ((1 - flint().arb(144)) / 2).exp() * sum(abs(c) * 12**i for i, c in enumerate(PHI_FACTORS[derivative]))
    assert tail < low
    return low, high


def total_phi() -> Any:
    """sup Phi = sqrt(2 pi e)."""
    arb = flint().arb
    return (2 * arb.pi() * arb.const_e()).sqrt()


@cache
def gradient_bound() -> tuple[Any, Any]:
    """G_inf = sup ||grad F_T||_inf over z and T (approached as a, c -> infinity)."""
    e, top = flint().arb.const_e(), total_phi()
    return enclose_supremum(
        lambda b: e * arb_phi(b, 1) + top * arb_psi(b, 1),
        "0",
        "8",
        slope=lambda b: e * arb_phi(b, 2) + top * arb_psi(b, 2),
        width=1e-6,
    )


@cache
def _first_argument(sign: int) -> tuple[Any, ...]:
    """Upper bounds of sup_a [Psi'(a) + sign b Psi(a)] at b = k/64; the supremum is monotone in b >= 0."""
    arb, fmpq = flint().arb, flint().fmpq

    def at(k: int) -> Any:
        b = arb(fmpq(sign * k, STEP))
        factor: Callable[[Any], Any] = lambda v: (1 - v * v).exp() * (4 * v * v * v + b)  # noqa: E731
        change: Callable[[Any], Any] = lambda v: (1 - v * v).exp() * (12 * v * v - 8 * v**4 - 2 * v * b)  # noqa: E731
        return enclose_supremum(factor, "0", "6", slope=change, width=1e-3)[1]

    return tuple(at(k) for k in range(6 * STEP + 1))


def _row(b: Any) -> Any:
    """Upper bound of the row sum at a ball b in [0, 6]."""
    arb = flint().arb
    slope, bend = arb_psi(b, 1), arb_psi(b, 2)
    bell, top, root = arb_phi(b, 1), total_phi(), arb.const_e().sqrt()
    below, above = int(float(b.lower()) * STEP - 1e-9), int(float(b.upper()) * STEP + 1e-9) + 1
    rising = _first_argument(1)[min(max(above, 0), 6 * STEP)]
    falling = _first_argument(-1)[max(below, 0)]
    if slope > 0:
        turn = abs(bend) / slope
        later = abs(bend) * arb_phi(turn) + slope * arb_phi(turn, 1)
        later = later if later.is_finite() else abs(bend) * top + slope * root
    else:
        later = abs(bend) * top + abs(slope) * root
    if bend >= 0:
        return (bell * falling + later).max(bell * rising + abs(slope) * root)
    return bell * rising + later


@cache
def hessian_bound() -> tuple[Any, Any]:
    """(low, high) balls with low <= ell_1 = sup ||grad^2 F_T|| <= high. High: row sums over b in [0, 6]; beyond, every
    term is below its value at 6, far under the maximum. Low: a Rayleigh quotient at WITNESS.
    """
    _, high = enclose_supremum(_row, "0", "5", width=1e-2)
    return rayleigh(*WITNESS), high


WITNESS = (("7814/10000", "7820/10000", "7604/10000", "8"), ("78/10000", "891/10000", "1", "0"))
"""A point of large curvature, found by search, and its direction (T = 4)."""


def rayleigh(point: tuple[str, ...], direction: tuple[str, ...]) -> Any:
    """|p' grad^2 F_T(z) p|/||p||^2 as a ball, z > 0."""
    from fractions import Fraction

    arb, fmpq = flint().arb, flint().fmpq
    exact = [Fraction(v) for v in (*point, *direction)]
    balls = [arb(fmpq(v.numerator, v.denominator)) for v in exact]
    z, p = [arb(1), *balls[: len(point)]], [arb(0), *balls[len(point) :]]
    total = arb(0)
    for a, b, u, w in zip(z, z[1:], p, p[1:]):
        total -= arb_psi(a, 2) * arb_phi(b) * u * u
        total -= 2 * arb_psi(a, 1) * arb_phi(b, 1) * u * w
        total -= arb_psi(a) * arb_phi(b, 2) * w * w
    return abs(total) / sum((u * u for u in p), arb(0))


def smoothness_bound() -> tuple[Any, Any]:
    """(low, high) of the Lipschitz constant of grad [F_T(U' rho(x)) + ||x||^2/10], R = 230 sqrt(T), T >= 4."""
    arb, fmpq = flint().arb, flint().fmpq
    lipschitz = arb(fmpq(3, 2)) * arb(fmpq(4, 5)) ** arb(fmpq(5, 2))
    (low, high), (_, G) = hessian_bound(), gradient_bound()
    curvature, ridge = G * lipschitz / RADIUS, arb(fmpq(1, 5))
    # at WITNESS ||rho||^2 < 67 and R^2 >= 4 230^2, so s^2 < 1.0004 and ||J^{-1}||^2 = s^6
    shrink = arb(fmpq(10004, 10000)) ** 3
    return low / shrink - curvature - ridge, high + curvature + ridge


def stationarity_bound() -> Any:
    """||grad [F_T(U' rho(x)) + ||x||^2/10]|| is at least this while prog_1(U' rho(x)) < T (the source needs 1/2).

    ||x|| <= R/2: the coordinate prog_1 + 1 alone gives 1/s - s/5 - G_inf/(460 s^2), which falls in s <= sqrt(5/4).
    ||x|| > R/2: the radial part gives (1/5)(R/2) - G_inf sqrt(T)(4/5)^{3/2}, more than 7 sqrt(T).
    """
    arb, fmpq = flint().arb, flint().fmpq
    _, G = gradient_bound()
    s = arb(fmpq(5, 4)).sqrt()
    near, far = 1 / s - s / 5 - G / (2 * RADIUS * s * s), arb(RADIUS) / 10 - G / s**3
    return near.min(far)


@cache
def table() -> tuple[Enclosed, ...]:
    """All constants. ``printed`` of Psi and Phi: Carmon et al. (Lemma 1); the others: paper 000, Appendix F."""
    arb, fmpq = flint().arb, flint().fmpq
    e, top = arb.const_e(), total_phi()
    rows = [_exact("sup Psi", e, None, "e, as t -> infinity")]
    for k, formula in ((1, "sqrt(54/e)"), (2, "32.5 (Carmon et al.)"), (3, "")):
        low, high = sup_psi(k)
        rows.append(Enclosed(f"sup |Psi{k * chr(39)}|", _down(low), _up(high), 32.5 if k == 2 else None, formula))
    rows.append(_exact("sup Phi", top, None, "sqrt(2 pi e)"))
    for k in (1, 2, 3):
        low, high = sup_phi(k)
        rows.append(Enclosed(f"sup |Phi{k * chr(39)}|", _down(low), _up(high), None, "1" if k == 2 else "sqrt(e)"))
    (g_low, g_high), (h_low, h_high), (l_low, l_high) = gradient_bound(), hessian_bound(), smoothness_bound()
    gamma = 4 * e ** arb(fmpq(3, 2))
    rows += [
        _exact("Delta_0", e * top, 12.0, "sup_T (F_T(0) - inf F_T)/T = e sqrt(2 pi e)"),
        Enclosed("G_inf", _down(g_low), _up(g_high), 23.0, "sup ||grad F_T||_inf"),
        Enclosed("ell_1", _down(h_low), _up(h_high), 152.0, "sup ||grad^2 F_T||"),
        Enclosed("L_bar_1", _down(l_low), _up(l_high), 155.0, "smoothness of F_T(U' rho(x)) + ||x||^2/10"),
        _exact("masked variance", e**3, 529.0, "E||F_T - grad F_T||^2 gamma/(1 - gamma) <= e^3 (printed: 23^2)"),
        _exact("gamma root", gamma, 46.0, "gamma >= (c eps)^2/sigma^2 suffices with c = 4 e^{3/2}"),
        Enclosed(
            "T divisor",
            _down(16 * e * top * l_low),
            _up(16 * e * top * l_high),
            29760.0,
            "T = floor(Delta L_1/(c eps^2)), c = 16 L_bar_1 Delta_0",
        ),
    ]
    return tuple(rows)


def constant(name: str) -> Enclosed:
    """One row of :func:`table`."""
    return next(row for row in table() if row.name == name)
