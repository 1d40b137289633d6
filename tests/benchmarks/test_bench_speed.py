"""Every case of verify.speed under pytest-benchmark: one core by processor time, two by the clock.

JAX's scans are among them where jax is installed. No time is asserted: `tox -e bench` prints one table of rates, of
ratios within the run, and of the goals they meet.
"""

from __future__ import annotations

import time

import pytest

from verify.speed.case import Case, Rates
from verify.speed.table import cases

CASES = [case for members in cases().values() for case in members]


def timed(benchmark, case: Case, cores: int, rates: Rates) -> None:
    units = case.work(cores)  # compiles, and tells how much a round does
    assert units > 0
    benchmark.pedantic(case.work, args=(cores,), rounds=7)
    rates[case.name, cores] = units / benchmark.stats.stats.min
    benchmark.extra_info[f"{case.unit} a second"] = rates[case.name, cores]


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("case", [c for c in CASES if not c.wall], ids=lambda c: c.name)
def test_one_core(benchmark, case: Case, rates: Rates) -> None:
    timed(benchmark, case, 1, rates)


@pytest.mark.parametrize("case", [c for c in CASES if 2 in c.cores], ids=lambda c: c.name)
def test_two_cores(benchmark, case: Case, rates: Rates) -> None:
    timed(benchmark, case, 2, rates)


@pytest.mark.parametrize("case", [c for c in CASES if c.wall], ids=lambda c: c.name)
def test_start(benchmark, case: Case, rates: Rates) -> None:
    timed(benchmark, case, 1, rates)
