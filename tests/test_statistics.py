"""Synthetic hitting times with a known law: what is right is called so, and what is wrong is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from synthetic.errors import InputError
from verify.statistics import (
    Interval,
    Point,
    fit_line,
    measure_exponent,
)
from verify.verdict import default_margin, exponent, inside, judge, judge_exponent, neighbours, outside

GRID = [Fraction(-1, 2) - Fraction(i, 4) for i in range(11)]
CHALLENGE = Fraction(-7, 4)
ORDERS = (1, 2, 3, 4, 6, 8)


def integer(log10: float) -> int:
    """10^log10 as an integer with 15 digits of it right, far beyond what a double holds."""
    whole = math.floor(log10)
    return max(int(10 ** (log10 - whole + 15)) * 10 ** max(whole - 15, 0) // 10 ** max(15 - whole, 0), 1)


def data(
    beta: float,
    rng: np.random.Generator,
    *,
    seeds: int = 16,
    spread: float = 0.02,
    grid: Sequence[Fraction] = GRID,
    extra: Callable[[float], float] = lambda x: 0.0,
    cap: float = math.inf,
) -> list[Point]:
    """calls = 10^(6 + beta x + extra(x) + spread N(0, 1)), censored at 10^cap."""
    points = []
    for e in grid:
        x = -float(e)
        logs = 6 + beta * x + extra(x) + spread * rng.standard_normal(seeds)
        points.append(Point(e, tuple(integer(min(v, cap)) for v in logs), tuple(bool(v <= cap) for v in logs)))
    return points


# the exponent


def test_line_against_numpy() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random(9), rng.random(9)
    slope, intercept = np.polyfit(x, y, 1)
    line = fit_line(x, y)
    assert line.slope == pytest.approx(slope, rel=1e-12)
    assert line.at(0.3) == pytest.approx(intercept + 0.3 * slope, rel=1e-12)
    assert line.residual == pytest.approx(np.max(np.abs(y - intercept - slope * x)), rel=1e-9)
    for bad in ([1.0], [1.0, 1.0]):
        with pytest.raises(InputError):
            fit_line(bad, bad)
    with pytest.raises(InputError, match="finite"):
        fit_line([1.0, 2.0], [1.0, math.inf])


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("centre", ["median", "ert"])
def test_known_exponent_is_strongly_consistent_and_its_neighbours_are_not(p: int, centre: str) -> None:
    points = data(exponent(p), np.random.default_rng(p))
    measured = measure_exponent(points, CHALLENGE, centre=centre)  # type: ignore[arg-type]
    verdict = judge(measured, exponent(p), default_margin(p), neighbours(p, ORDERS))
    assert verdict.word == "strongly consistent"
    assert verdict.theory.reasons == ()
    assert verdict.separated
    assert verdict.next_best is not None
    assert verdict.next_best.word == "inconsistent"
    assert measured.support is not None
    assert abs(measured.support.slope - exponent(p)) < 0.06
    assert max(map(abs, measured.errors)) < 0.1


@pytest.mark.parametrize(("made", "claimed"), [(1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3), (6, 8), (8, 6)])
def test_a_neighbours_exponent_is_rejected(made: int, claimed: int) -> None:
    measured = measure_exponent(data(exponent(made), np.random.default_rng(made)), CHALLENGE)
    verdict = judge(measured, exponent(claimed), default_margin(claimed), [exponent(made)])
    assert verdict.word == "inconsistent"
    assert verdict.next_best is not None
    assert verdict.next_best.word == "strongly consistent"


def test_counts_of_forty_digits_keep_their_slope() -> None:
    points = [Point(e, (10 ** (30 - 4 * int(4 * e)),) * 3, (True,) * 3) for e in GRID]  # 16 a decade
    measured = measure_exponent(points, CHALLENGE)
    assert max(points[-1].calls) == 10**78
    assert (measured.exponent.value, measured.exponent.low) == pytest.approx((16, 16), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("centre", ["median", "ert"])
def test_interval_covers_as_often_as_it_says(centre: str) -> None:
    rng = np.random.default_rng(11)
    sets = 300
    # exp of a skewed law: its median and its mean both scale with the same exponent
    covered = dict.fromkeys(("exponent", "challenge"), 0)
    for i in range(sets):
        points = []
        for e in GRID[::2]:
            logs = 6 - 4.5 * float(e) + 0.1 * np.log(rng.gamma(2.0, size=24))
            points.append(Point(e, tuple(integer(v) for v in logs), (True,) * 24))
        measured = measure_exponent(points, CHALLENGE, centre=centre, resamples=400, seed=i)  # type: ignore[arg-type]
        for name in covered:
            part = getattr(measured, name)
            covered[name] += part.low <= 4.5 <= part.high
    low, high = binom.ppf([0.0005, 0.9995], sets, 0.95)
    assert all(low <= count <= high for count in covered.values()), covered


def test_interval_is_reproducible_and_narrows_with_seeds() -> None:
    few, many = (data(5, np.random.default_rng(0), seeds=n, spread=0.3) for n in (8, 128))
    assert measure_exponent(few, CHALLENGE) == measure_exponent(few, CHALLENGE)
    assert measure_exponent(few, CHALLENGE, seed=1) != measure_exponent(few, CHALLENGE)
    wide, narrow = (measure_exponent(p, CHALLENGE).exponent for p in (few, many))
    assert 2.5 < (wide.high - wide.low) / (narrow.high - narrow.low) < 6  # sqrt(128/8) = 4


def test_pairing_uses_what_the_runs_share() -> None:
    """A factor that each run carries to every eps cancels from the slope only if runs are drawn together."""
    rng = np.random.default_rng(5)
    shift = 0.3 * rng.standard_normal(32)
    points = [
        Point(e, tuple(integer(6 - 5 * float(e) + s) for s in shift + 0.001 * rng.standard_normal(32)), (True,) * 32)
        for e in GRID
    ]
    paired, apart = (measure_exponent(points, CHALLENGE, paired=flag).exponent for flag in (True, False))
    assert paired.high - paired.low < 0.05 * (apart.high - apart.low)
    points[0] = Point(points[0].log10_eps, points[0].calls[:5], (True,) * 5)
    with pytest.raises(InputError, match="same number"):
        measure_exponent(points, CHALLENGE, paired=True)


# the logarithm


def logarithmic(p: int, share: Callable[[float], float]) -> list[Point]:
    """calls = C eps^-(4+2/p) (1 - s + s log(1/eps)), s the share of the count that carries the log (before it)."""
    points = []
    for point in data(0.0, np.random.default_rng(p), spread=0.005):
        x, log = point.x, math.log(10) * point.x
        s = share(x)
        factor = 1 - s + s * log
        calls = tuple(integer(math.log10(c) + exponent(p) * x + math.log10(factor)) for c in point.calls)
        points.append(replace(point, calls=calls, log_value=log, log_share=s * log / factor))
    return points


@pytest.mark.parametrize("p", [2, 4, 8])
@pytest.mark.parametrize("share", [lambda x: 1.0, lambda x: 0.5, lambda x: 0.9 - 0.2 * x])
def test_a_logarithm_is_misread_unless_divided_out_of_its_share(p: int, share: Callable) -> None:
    points = logarithmic(p, share)
    arguments = (exponent(p), default_margin(p), neighbours(p, ORDERS))
    right = judge(measure_exponent(points, CHALLENGE, log_power=1), *arguments)
    assert right.word == "strongly consistent"
    left_in = judge(measure_exponent(points, CHALLENGE), *arguments)
    assert left_in.word == "inconsistent"


@pytest.mark.parametrize("p", [2, 4, 8])
def test_a_logarithm_to_another_power_than_the_printed_one_is_caught(p: int) -> None:
    measured = measure_exponent(logarithmic(p, lambda x: 1.0), CHALLENGE, log_power=2)
    assert judge(measured, exponent(p), default_margin(p), neighbours(p, ORDERS)).word == "inconsistent"


def test_dividing_the_whole_count_when_half_of_it_carries_the_log_is_caught() -> None:
    points = [replace(point, log_share=1.0) for point in logarithmic(8, lambda x: 0.5)]
    verdict = judge(measure_exponent(points, CHALLENGE, log_power=1), exponent(8), default_margin(8))
    assert verdict.word == "inconsistent"


def test_local_slope_of_a_logarithm() -> None:
    """d log10(ln(1/eps)) / dx = 1/ln(1/eps): 0.217 at eps = 1e-2."""
    grid = [Fraction(-2) + Fraction(i, 100) for i in (-1, 0, 1)]
    points = [Point(e, (10**30,), (True,), log_value=-math.log(10) * float(e)) for e in grid]
    measured = measure_exponent(points, Fraction(-2), log_power=1)
    assert -measured.exponent.value == pytest.approx(1 / math.log(100), abs=1e-4)


# censoring


def test_censored_challenge_points_are_kept_flagged_and_downgrade_the_verdict() -> None:
    points = data(5, np.random.default_rng(1), cap=6 + 5 * 2.6)
    measured = measure_exponent(points, CHALLENGE)
    assert (measured.censored, measured.used) == ((9, 10), tuple(range(9)))
    assert measured.challenge_censored
    verdict = judge(measured, 5, 0.1, neighbours(2, ORDERS))
    assert verdict.word == "weakly consistent"
    assert verdict.theory.reasons == ("a challenge point is censored",)
    # Dropping the flag, or taking the bounds for hits, would have misled:
    blind = [replace(point, hit=(True,) * 16) for point in points]
    assert judge(measure_exponent(blind, CHALLENGE), 5, 0.1).word == "inconsistent"


def test_a_few_censored_runs_leave_the_median_alone() -> None:
    points = data(5, np.random.default_rng(2), spread=0.1)
    full = measure_exponent(points, CHALLENGE)
    cut = []
    for point in points:
        order = sorted(point.calls)
        cap = order[12]
        cut.append(
            replace(
                point,
                calls=tuple(min(c, cap) for c in point.calls),
                hit=tuple(c < cap for c in point.calls),
            )
        )
    found = measure_exponent(cut, CHALLENGE)
    assert found.censored == ()
    assert found.exponent.value == full.exponent.value
    assert found.line == full.line


def test_a_resample_that_loses_a_median_is_dropped_and_counted() -> None:
    """Two eps, five runs, two of them censored at one eps: three or more of five draws censored lose the median."""
    points = [Point(-1, (10,) * 5, (True,) * 5), Point(-2, (1000,) * 5, (True, True, True, False, False))]
    measured = measure_exponent(points, Fraction(-3, 2), resamples=4000)
    assert measured.censored == ()
    low, high = binom.ppf([0.0005, 0.9995], 4000, binom.sf(2, 5, 0.4))
    assert low <= measured.dropped <= high
    assert judge(measured, 2, 0.1).theory.reasons == (f"{measured.dropped} of 4000 resamples had no slope",)


def test_support_is_the_larger_eps_and_the_border_belongs_to_it() -> None:
    points = data(5, np.random.default_rng(0), spread=0.0, extra=lambda x: 0.5 * max(x - 1.75, 0))
    measured = measure_exponent(points, CHALLENGE)
    assert measured.support is not None
    assert measured.support.slope == pytest.approx(5, abs=1e-5)
    assert len(measured.errors) == 5  # -2, -2.25, ..., -3
    assert measured.errors == pytest.approx([0.125 * i for i in range(1, 6)], abs=1e-5)
    assert measured.challenge is not None
    assert measured.challenge.value == pytest.approx(5 + 0.375 / 1.375, abs=1e-5)


def test_too_little_data_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="at least two eps"):
        measure_exponent(data(5, rng, cap=0.0), CHALLENGE)
    points = data(5, rng)
    with pytest.raises(InputError, match="each eps once"):
        measure_exponent([*points, points[0]], CHALLENGE)
    for change in ({"calls": ()}, {"calls": (1.5,) * 16}, {"calls": (0,) * 16}, {"log_value": 0.0}, {"log_share": 1.5}):
        with pytest.raises(InputError):
            replace(points[0], **change)


def test_without_challenge_points_the_verdict_is_weak() -> None:
    measured = measure_exponent(data(5, np.random.default_rng(0)), Fraction(-5))
    assert measured.challenge is None
    assert judge(measured, 5, 0.1).word == "weakly consistent"


# the rules of the verdict


@pytest.mark.parametrize(
    ("low", "high", "passes", "fails"),
    [
        (4.95, 5.05, True, False),
        (4.9, 5.05, False, False),  # the margin itself does not pass
        (5.05, 5.2, False, False),
        (4.0, 6.0, False, False),
        (5.11, 5.2, False, True),
        (4.0, 4.89, False, True),
        (math.nan, math.nan, False, False),
    ],
)
def test_equivalence_and_its_opposite(low: float, high: float, passes: bool, fails: bool) -> None:
    interval = Interval(5, low, high)
    assert inside(interval, 5.0, 0.1) is passes
    assert outside(interval, 5.0, 0.1) is fails


def test_wide_interval_is_weak_and_overlapping_margins_never_strong_for_both() -> None:
    base = measure_exponent(data(4.55, np.random.default_rng(0), spread=0.001), CHALLENGE)
    between = judge(base, 4.5, 0.1, [4.6])
    assert between.word == "weakly consistent"
    assert between.theory.reasons == ("4.6 passes as well",)
    noisy = measure_exponent(data(5, np.random.default_rng(0), spread=1.0, seeds=6), CHALLENGE)
    assert judge(noisy, 5, 0.1).word == "weakly consistent"
    assert judge(replace(base, dropped=3), 4.55, 0.1).word == "weakly consistent"
    for bad in ((math.nan, 0.1), (5.0, 0.0), (5.0, -1.0)):
        with pytest.raises(InputError):
            judge_exponent(base, *bad)


def test_neighbours_and_margins() -> None:
    assert neighbours(3, ORDERS) == (5.0, 4.5)
    assert neighbours(1, ORDERS) == (5.0,)
    assert neighbours(8, ORDERS) == (4 + 1 / 3,)
    assert [default_margin(p) for p in ORDERS] == [0.1, 0.1, 0.1, 0.1, 0.04, 0.04]
    for bad in (0, 1.5, True):
        with pytest.raises(InputError):
            exponent(bad)  # type: ignore[arg-type]


# mutations of the data


def shifted(points: list[Point]) -> list[Point]:
    """Challenge counts off by one place of the grid."""
    k = 6
    moved = [replace(p, calls=q.calls) for p, q in zip(points[k:-1], points[k + 1 :], strict=True)]
    return points[:k] + moved


MUTATIONS: dict[str, Callable[[list[Point]], list[Point]]] = {
    "shifted index": shifted,
    "counts in reverse order": lambda ps: [replace(p, calls=q.calls) for p, q in zip(ps, ps[::-1], strict=True)],
    "calls squared in place of summed": lambda ps: [replace(p, calls=tuple(c * c for c in p.calls)) for p in ps],
    "one factor of K dropped": lambda ps: [replace(p, calls=tuple(int(c / 10**p.x) for c in p.calls)) for p in ps],
    "log10 taken for ln": lambda ps: [replace(p, log10_eps=float(p.log10_eps) * math.log(10)) for p in ps],
    "counts that saturate as int64": lambda ps: [
        replace(p, calls=tuple(min(c, 2**63 - 1) for c in p.calls)) for p in ps
    ],
    "support scaled by another constant": lambda ps: [
        replace(p, calls=tuple(3 * c for c in p.calls)) if p.x < 1.75 else p for p in ps
    ],
    "a bend in the challenge": lambda ps: [
        replace(p, calls=tuple(int(c * 10 ** (0.5 * max(p.x - 1.75, 0))) for c in p.calls)) for p in ps
    ],
}


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("p", [2, 8])
def test_mutated_data_is_never_strongly_consistent(name: str, p: int) -> None:
    points = data(exponent(p), np.random.default_rng(p), seeds=16)
    if "int64" in name:
        points = [replace(q, calls=tuple(c * 10**3 for c in q.calls)) for q in points]
    arguments = (exponent(p), default_margin(p), neighbours(p, ORDERS))
    assert judge(measure_exponent(points, CHALLENGE), *arguments).word == "strongly consistent"
    mutated = measure_exponent(MUTATIONS[name](points), CHALLENGE)
    assert judge(mutated, *arguments).word == "inconsistent"
