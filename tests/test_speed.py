"""How speed is reported: the loops timed are the solver's, bounds and goals are worked out from rates, memory stays."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from reports.context import Context
from reports.page import Table
from reports.pages.speed import build
from solvers.lower_levels import Level
from verify.record_results import RESULTS
from verify.speed import table
from verify.speed.case import Case, measure, side_by_side
from verify.speed.loops import Loop, arithmetic_name, bound, configuration, instance, loops, whole
from verify.speed.rivals import as_written
from verify.speed.scaling import RANGES, exponents
from verify.speed.start import growth
from verify.tables import read_table


def test_the_best_round_is_kept_and_threads_add_up() -> None:
    lengths = iter([0.0, 0.02, 0.2, 0.05])

    def work(threads: int) -> float:
        time.sleep(next(lengths))
        return 3.0

    rate = measure([Case("sleep", "units", work, wall=True)], rounds=3)
    assert 3 / 0.05 < rate["sleep", 1] <= 3 / 0.02
    assert side_by_side(float)(3) == 0 + 1 + 2


def test_a_bound_has_the_noise_and_the_arithmetic_after_each_other() -> None:
    loop = Loop("quartic", 10)
    assert loop.drawn == 2 * 12  # two draws of three blocks of four
    rate = {("generator float32 exact", 1): 240.0, (arithmetic_name(loop), 1): 15.0}
    assert bound(loop, rate) == pytest.approx(6.0)  # 1/10 + 1/15
    assert Loop("quartic", 10, fused=True).drawn == 12


@pytest.mark.parametrize(("own", "met"), [(30.1, True), (29.9, False)])
def test_a_goal_is_met_or_missed_by_its_ratio(own: float, met: bool) -> None:
    rate = {(table.LITERAL.name, 1): own, (table.PLAIN, 1): 1.0}
    (goal,) = table.goals(rate)
    assert goal["met"] is met
    assert ("met" if met else "MISSED") in table.text(table.rows({}, rate), [goal])
    slow_help = {("--help", 1): 1.0, ("import numpy", 1): 2.0 if met else 2.1}
    assert table.goals(slow_help)[0]["met"] is met


def test_powers_are_those_of_the_times() -> None:
    rate = {(f"literal d={d}", 1): 5.0 / d**1.5 for d in RANGES["d"]}
    (row,) = exponents(rate)
    assert row["power"] == pytest.approx(1.5)


def test_a_case_counts_the_calls_that_were_metered() -> None:
    config = configuration(instance("quartic", 5), 20)
    assert whole(Loop("quartic", 5), steps=20).work(1) == 64 * config.calls(1)


@pytest.mark.parametrize("level", ["quartic", "quadratic"])
def test_plain_numpy_has_the_kernels_gradients(level: str) -> None:
    problem, rng = instance(level, 10), np.random.default_rng(3)
    x, y = rng.normal(size=(2, 4, 10))
    for ours, theirs in zip(as_written(problem, x, y), Level(problem, y).grad_y(x, y), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_every_loop_of_the_table_has_its_own_name() -> None:
    names = [loop.name for loop in loops()]
    assert len(set(names)) == len(names)
    assert {5, 10, 100} <= {loop.d for loop in loops()}


@pytest.mark.slow
def test_memory_does_not_grow_with_a_run() -> None:
    """A run with ten times T, S and K, a hundred times the calls: nothing but the scatter."""
    small, large = growth(2, 50, 1000), growth(20, 500, 10_000)
    assert small["calls"] == 64 * 2 * 2 * 1050
    assert large["calls"] == 64 * 2 * 20 * 10_500
    assert small["over_start_up"] < 8
    assert large["over_start_up"] < 8


def test_the_page_says_of_each_goal_whether_it_was_met(tmp_path: Path) -> None:
    goals = read_table(RESULTS / "speed-goals.csv").rows
    shown = build(Context("quick", 1, tmp_path))
    (listed,) = [b for b in shown.blocks if isinstance(b, Table) and b.id == "speed-goals"]
    assert [(row[0], row[-1]) for row in listed.rows] == [(g["goal"], "met" if g["met"] else "missed") for g in goals]
    for goal in goals:
        limit = float(goal["asked"].split()[1])
        assert goal["met"] == (goal["measured"] <= limit if goal["asked"][0] == "<" else goal["measured"] >= limit)
