"""The verdict on an exponent: an equivalence test against the theorem's, and the same against its neighbours.

Let [l, h] be a bootstrap interval of level 1 - a and theta a claimed exponent with margin m. Two one-sided tests of
level a/2 reject "the exponent differs from theta by m or more" exactly when theta - m < l and h < theta + m (TOST;
Schuirmann 1987). The margin is there because the seeds' interval excludes every theory once there are enough seeds:
what remains at finite eps is systematic.

Two intervals are judged: the exponent over all points, and the step from support to challenge (held-out smaller eps).

- **inconsistent**: one of the two lies wholly outside [theta - m, theta + m];
- **strongly consistent**: both lie inside (theta - m, theta + m), no challenge point is censored, no resample was
  dropped, and no neighbour passes the same test;
- **weakly consistent**: anything else, among it a missing challenge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from synthetic.errors import InputError
from verify.statistics import Interval, Measured

Word = Literal["inconsistent", "weakly consistent", "strongly consistent"]


def exponent(p: int) -> float:
    """4 + 2/p, the exponent of 1/eps in the SFO complexity of F2SA-p (paper 000, Theorem 3.1)."""
    if isinstance(p, bool) or not isinstance(p, int) or p < 1:
        raise InputError("p", p, "pass an integer >= 1")
    return 4 + 2 / p


def default_margin(p: int) -> float:
    """0.1 for p <= 4; 0.04 beyond, where the exponents of p = 6 and p = 8 are 0.083 apart."""
    exponent(p)
    return 0.1 if p <= 4 else 0.04


def neighbours(p: int, orders: Sequence[int]) -> tuple[float, ...]:
    """Exponents of the orders next to p among ``orders``, the larger exponent (smaller order) first."""
    below = [q for q in orders if q < p]
    above = [q for q in orders if q > p]
    return tuple(exponent(q) for q in ([max(below)] if below else []) + ([min(above)] if above else []))


@dataclass(frozen=True)
class Judgement:
    """A word on one claimed exponent, and why it is not a better one."""

    exponent: float
    margin: float
    word: Word
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """``word`` on the theorem's exponent; ``next_best`` is the neighbour nearest to the measured exponent.

    ``separated``: every neighbour is inconsistent.
    """

    word: Word
    theory: Judgement
    neighbours: tuple[Judgement, ...]
    next_best: Judgement | None

    @property
    def separated(self) -> bool:
        return all(neighbour.word == "inconsistent" for neighbour in self.neighbours)


def inside(interval: Interval, theta: float, margin: float) -> bool:
    """TOST passes: theta - m < low and high < theta + m (never for NaN)."""
    return theta - margin < interval.low and interval.high < theta + margin


def outside(interval: Interval, theta: float, margin: float) -> bool:
    """The interval has no point in common with [theta - m, theta + m] (never for NaN)."""
    return interval.low > theta + margin or interval.high < theta - margin


def judge_exponent(measured: Measured, theta: float, margin: float) -> Judgement:
    """The rules of this module for one claimed exponent, its neighbours left aside."""
    if not (math.isfinite(theta) and math.isfinite(margin) and margin > 0):
        raise InputError("theta, margin", (theta, margin), "pass finite numbers, margin > 0")
    parts = {"exponent": measured.exponent, "challenge": measured.challenge}
    far = [name for name, part in parts.items() if part is not None and outside(part, theta, margin)]
    if far:
        reasons = tuple(f"{name} lies outside {theta:.4g} +- {margin:g}" for name in far)
        return Judgement(theta, margin, "inconsistent", reasons)
    reasons = tuple(
        f"{name} is not inside {theta:.4g} +- {margin:g}" if part is not None else "no challenge point to judge by"
        for name, part in parts.items()
        if part is None or not inside(part, theta, margin)
    )
    if measured.challenge_censored:
        reasons += ("a challenge point is censored",)
    if measured.dropped:
        reasons += (f"{measured.dropped} of {measured.resamples} resamples had no slope",)
    return Judgement(theta, margin, "weakly consistent" if reasons else "strongly consistent", reasons)


def judge(measured: Measured, theta: float, margin: float, others: Sequence[float] = ()) -> Verdict:
    """The verdict on ``theta``, with the same margin for the neighbouring exponents ``others``."""
    own = judge_exponent(measured, theta, margin)
    rivals = tuple(judge_exponent(measured, other, margin) for other in others)
    equal = [f"{r.exponent:.4g} passes as well" for r in rivals if r.word == "strongly consistent"]
    if own.word == "strongly consistent" and equal:
        own = Judgement(theta, margin, "weakly consistent", tuple(equal))
    value = measured.exponent.value
    nearest = min(rivals, key=lambda rival: abs(rival.exponent - value), default=None)
    return Verdict(own.word, own, rivals, nearest)
