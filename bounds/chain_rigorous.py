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
PHI_FACTORS: tuple[tuple[int, ...], ...] = ((), (1,), (0, -1), (-1, 0, 1))


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


def arb_psi(t: Any, derivative: int = 0) -> Any:
    """Psi^(derivative) at a ball t; a ball that reaches 1/2 gives the hull of the values beyond and 0."""
    arb = flint().arb
    u = 2 * t - 1
    if u <= 0:
        return arb(0)
    if u > 0:
        return arb_psi_of_v(1 / u, derivative)
    top = u.upper()
    if not top < arb("0.1"):
        raise InputError("t", str(t), "pass a ball that lies left of 1/2, right of it, or ends below 0.55")
    # exp(1 - v^2) v^k is increasing in u for v^2 > k/2, so below u = 0.1 (v > 10) the end bounds every term
    v = 1 / top
    size = (1 - v * v).exp() * _horner([abs(c) for c in PSI_FACTORS[derivative]], v)
    return size.union(-size)


def arb_phi(t: Any, derivative: int = 0) -> Any:
    """Phi^(derivative) at a ball."""
    arb = flint().arb
    if derivative == 0:
        return (arb.const_e() * arb.pi() / 2).sqrt() * (-t / arb(2).sqrt()).erfc()
    return ((1 - t * t) / 2).exp() * _horner(PHI_FACTORS[derivative], t)


def enclose_supremum(
    function: Callable[[Any], Any], low: str, high: str, *, width: float = 1e-6, most: int = 60_000
) -> tuple[Any, Any]:
    """(L, U), balls with L <= sup over [low, high] of ``function`` <= U and U - L <= width, by best-first bisection.

    ``function`` maps a ball to a ball that holds its values there. L comes from midpoints, U from the pieces left.
    """
    fmpq = flint().fmpq
    arb = flint().arb
    a, b = (fmpq(*map(int, _ratio(end))) for end in (low, high))
    best = function(arb(a)).lower()
    whole = function(ball(a, b)).upper()
    queue: list[tuple[float, int, Any, Any, Any]] = [(-_number(whole), 0, a, b, whole)]
    for step in range(1, most):
        _, _, a, b, upper = heappop(queue)
        if upper - best < width:
            return best, upper if upper > best else best
        middle = (a + b) / 2
        best = max(best, function(arb(middle)).lower(), key=_number)
        for part, (lo, hi) in enumerate(((a, middle), (middle, b))):
            bound = function(ball(lo, hi)).upper()
            heappush(queue, (-_number(bound), 2 * step + part, lo, hi, bound))
    raise InputError("width", width, f"not reached in {most} pieces: ask for less")


def _ratio(text: str) -> tuple[int, int]:
    from fractions import Fraction

    value = Fraction(text)
    return value.numerator, value.denominator


def _number(value: Any) -> float:
    found = float(value)
    return found if found == found else float("inf")
