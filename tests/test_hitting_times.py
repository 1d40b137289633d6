"""Quantiles, running times and first times of runs, some of them censored, against brute force and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic.errors import InputError
from verify.statistics import Point, ecdf, ert, first_time, quantile, seed_mean_first_time, summarise

# medians, running times, curves


def test_quartiles_by_hand() -> None:
    point = Point(-1, (40, 10, 30, 20), (True,) * 4)
    summary = summarise(point)
    assert (summary.lower_quartile.value, summary.median.value, summary.upper_quartile.value) == (15, 25, 35)
    assert quantile(Point(-1, (3, 1, 2), (True,) * 3), Fraction(1, 2)).value == 2
    big = Point(-1, (10**40 + 1, 10**40 + 3), (True, True))
    assert quantile(big, Fraction(1, 2)).value == 10**40 + 2  # no digit lost


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40)), min_size=1, max_size=9),
    st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)]),
)
def test_censored_quantile_is_a_lower_bound_and_exact_when_it_says_so(runs: list, q: Fraction) -> None:
    """Each run would end at ``end`` but is stopped at ``cap``: the true quantile is known."""
    ends = [end for end, _ in runs]
    point = Point(-1, tuple(min(e, max(c, 1)) for e, c in runs), tuple(e <= max(c, 1) for e, c in runs))
    true = quantile(Point(-1, tuple(ends), (True,) * len(ends)), q).value
    found = quantile(point, q)
    assert found.value <= true
    assert not found.exact or found.value == true


def test_median_with_few_late_censored_runs_is_exact_and_with_many_is_a_bound() -> None:
    assert summarise(Point(-1, (1, 2, 3, 9, 9), (True, True, True, False, False))).median.exact
    bound = summarise(Point(-1, (1, 2, 9, 9, 9), (True, True, False, False, False))).median
    assert (bound.value, bound.exact) == (9, False)
    early = summarise(Point(-1, (1, 5, 5, 5, 6), (False, True, True, True, True))).median
    assert (early.value, early.exact) == (5, True)  # ranks 2 to 4 are 5 wherever the censored run ends
    assert not summarise(Point(-1, (1, 4, 5, 6, 7), (False, True, True, True, True))).median.exact


def test_running_time_counts_failed_runs() -> None:
    point = Point(-1, (10, 20, 100), (True, True, False))
    assert ert([point]) == 65  # 130 calls, two hits; the mean of the hits alone would be 15
    assert ert([Point(-1, (10,), (False,))]) is None
    rng = np.random.default_rng(0)  # restarting a run of 30 calls that hits with probability 1/4 costs 120
    hits = rng.random(40_000) < 0.25
    restart = ert([Point(-1, (30,) * 40_000, tuple(map(bool, hits)))])
    assert restart is not None
    assert abs(float(restart) - 120) < 5 * 120 * math.sqrt(3 / 40_000)


def test_curve_of_hits_keeps_the_weight_of_censored_runs() -> None:
    counts, shares = ecdf([Point(-1, (5, 3, 3, 99), (True, True, True, False))])
    assert counts == (3, 5)
    assert shares == (Fraction(1, 2), Fraction(3, 4))


def brute_first_time(values: np.ndarray, target: float, factor: float, times: np.ndarray) -> int | None:
    for t in times:
        if factor * t <= times[-1] and all(
            v <= target for s, v in zip(times, values, strict=True) if t <= s <= factor * t
        ):
            return int(t)
    return None


@given(
    st.lists(st.sampled_from([0.5, 1.0, 1.5, math.nan]), min_size=1, max_size=40),
    st.sampled_from([1.0, 1.25, 2.0]),
    st.integers(1, 7),
)
def test_first_time_against_its_definition(values: list[float], factor: float, stride: int) -> None:
    series, times = np.array(values), 3 + stride * np.arange(len(values))
    assert first_time(series, 1.0, factor, times) == brute_first_time(series, 1.0, factor, times)


def test_first_time_is_sustained() -> None:
    values = np.array([9, 9, 9, 9, 0.5, 9, 9, 9, 0.5, 0.5, 0.5, 0.5])
    assert first_time(values, 1.0, 1.0) == 4  # a single dip
    assert first_time(values, 1.0, 1.25) == 8  # the dip at 4 does not last until 5
    assert first_time(values[:10], 1.0, 1.25) is None  # not confirmed up to 10
    assert first_time(np.array([]), 1.0) is None
    with pytest.raises(InputError, match="increasing"):
        first_time(values, 1.0, times=np.zeros(12))
    with pytest.raises(InputError, match="factor"):
        first_time(values, 1.0, 0.9)


def test_seed_mean_is_not_the_mean_of_first_times() -> None:
    values = np.array([[2.0, 0.1, 0.1, 0.1, 0.1], [4.0, 3.0, 2.0, 1.0, 0.1]])
    assert seed_mean_first_time(values, 1.0, 1.0) == 3  # means 3, 1.55, 1.05, 0.55
    assert [first_time(row, 1.0, 1.0) for row in values] == [1, 3]
