"""The chain in many digits (mpmath) and in balls (Arb, through python-flint), for checks and for proved constants.

mpmath's own intervals have no erf; Arb's balls have. Psi^(k)(t) = e exp(-v^2) P_k(v) with v = 1/(2t - 1), so suprema
over t > 1/2 are suprema over v > 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import mpmath as mp

from synthetic.errors import InputError, need

PSI_FACTORS: tuple[tuple[int, ...], ...] = (
    (1,),
    (0, 0, 0, 4),
    (0, 0, 0, 0, -24, 0, 16),
    (0, 0, 0, 0, 0, 192, 0, -288, 0, 64),
)
"""P_k, coefficients of v^0, v^1, ...: P_{k+1} = 2 (2 v^3 P_k - v^2 P_k')."""
PHI_FACTORS: tuple[tuple[int, ...], ...] = ((), (1,), (0, -1), (-1, 0, 1), (0, 3, 0, -1))


def _horner(coefficients: Sequence[int], v: Any) -> Any:
    total = v * 0
    for c in reversed(coefficients):
        total = total * v + c
    return total


def mp_psi(t: Any, derivative: int = 0) -> Any:
    """Psi^(derivative)(t) in the digits at hand."""
    if t <= mp.mpf(1) / 2:
        return mp.mpf(0)
    v = 1 / (2 * t - 1)
    return mp.exp(1 - v * v) * _horner(PSI_FACTORS[derivative], v)


def mp_phi(t: Any, derivative: int = 0) -> Any:
    """Phi^(derivative)(t) in the digits at hand."""
    if derivative == 0:
        return mp.sqrt(mp.e * mp.pi / 2) * mp.erfc(-t / mp.sqrt(2))
    return mp.exp((1 - t * t) / 2) * _horner(PHI_FACTORS[derivative], t)


def mp_value(z: Sequence[Any]) -> Any:
    """F_T(z) from the definition: sum of Psi(-a) Phi(-b) - Psi(a) Phi(b), a_0 = 1."""
    total, a = mp.mpf(0), mp.mpf(1)
    for b in z:
        total += mp_psi(-a) * mp_phi(-b) - mp_psi(a) * mp_phi(b)
        a = b
    return total


def flint() -> Any:
    """python-flint."""
    return need("flint", "rigor", "ball arithmetic")


def ball(low: Any, high: Any) -> Any:
    """The ball that holds [low, high]."""
    arb = flint().arb
    return arb(low).union(arb(high))


def arb_psi_of_v(v: Any, derivative: int = 0) -> Any:
    """Psi^(derivative) at t = (1 + 1/v)/2, v >= 0 a ball (v = 0 is t = infinity)."""
    return (1 - v * v).exp() * _horner(PSI_FACTORS[derivative], v)


def arb_psi_slope(v: Any, derivative: int) -> Any:
    """d/dv of :func:`arb_psi_of_v`: e exp(-v^2)(P_k' - 2 v P_k)."""
    factor = PSI_FACTORS[derivative]
    change = [k * c for k, c in enumerate(factor)][1:]
    return (1 - v * v).exp() * (_horner(change, v) - 2 * v * _horner(factor, v))


def arb_psi(t: Any, derivative: int = 0) -> Any:
    """Psi^(derivative) at a ball t; a ball that reaches 1/2 gives [-b, b], b a bound of the values beyond."""
    arb = flint().arb
    u = 2 * t - 1
    if u <= 0:
        return arb(0)
    if u > 0:
        return arb_psi_of_v(1 / u, derivative)
    # exp(1 - v^2) v^i is at most e (i/(2e))^{i/2}, its value at v^2 = i/2, and falls beyond
    inner = arb(0) if not u.upper() > 0 else 1 / u.upper()
    e, size = arb.const_e(), arb(0)
    for i, c in enumerate(PSI_FACTORS[derivative]):
        peak = arb(i) / 2
        falling = inner * inner > peak
        term = (1 - inner * inner).exp() * inner**i if falling else e * (peak / e) ** peak if i else e
        size += abs(c) * term
    return size.union(-size)


def arb_phi(t: Any, derivative: int = 0) -> Any:
    """Phi^(derivative) at a ball."""
    arb = flint().arb
    if derivative == 0:
        return (arb.const_e() * arb.pi() / 2).sqrt() * (-t / arb(2).sqrt()).erfc()
    return ((1 - t * t) / 2).exp() * _horner(PHI_FACTORS[derivative], t)


def enclose_supremum(
    function: Callable[[Any], Any],
    low: str,
    high: str,
    *,
    slope: Callable[[Any], Any] | None = None,
    width: float = 1e-6,
    most: int = 60_000,
) -> tuple[Any, Any]:
    """(L, U), balls with L <= sup over [low, high] of |function| <= U and U - L <= width, by best-first bisection.

    ``function`` maps a ball to a ball that holds its values there, ``slope`` the same for its derivative; with it
    pieces are bounded by f(middle) + f'(piece)(piece - middle), whose excess falls with the square of their length.
    L comes from midpoints, U from the pieces left.
    """
    fmpq, arb = flint().fmpq, flint().arb

    def bound(a: Any, b: Any) -> Any:
        piece = ball(a, b)
        upper = abs(function(piece)).upper()
        if slope is not None:
            middle = arb((a + b) / 2)
            sharper = abs(function(middle) + slope(piece) * (piece - middle)).upper()
            upper = min(upper, sharper, key=_number)
        return upper

    a, b = (fmpq(*map(int, _ratio(end))) for end in (low, high))
    best = abs(function(arb(a))).lower()
    queue: list[tuple[float, int, Any, Any, Any]] = [(-_number(bound(a, b)), 0, a, b, bound(a, b))]
    for step in range(1, most):
        _, _, a, b, upper = heappop(queue)
        if upper - best < width:
            return best, max(upper, best, key=_number)
        middle = (a + b) / 2
        best = max(best, abs(function(arb(middle))).lower(), key=_number)
        for part, (lo, hi) in enumerate(((a, middle), (middle, b))):
            top = bound(lo, hi)
            heappush(queue, (-_number(top), 2 * step + part, lo, hi, top))
    raise InputError("width", width, f"not reached in {most} pieces: ask for less")


def _ratio(text: str) -> tuple[int, int]:
    from fractions import Fraction

    value = Fraction(text)
    return value.numerator, value.denominator


def _number(value: Any) -> float:
    found = float(value)
    return found if found == found else float("inf")
