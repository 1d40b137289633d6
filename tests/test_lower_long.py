"""Long literal runs on the separable chain: the line of progress by hand, and the committed table."""

import csv
from math import e, log

import numpy as np
import pytest

from solvers.chain_kernel import Walk
from verify.presets import lower_long
from verify.record_results import RESULTS


def test_the_line_by_hand():
    """gamma = 1/10, delta = 1/20: after t calls at most 0.1718 t + 2.996 coordinates."""
    allowed = (4 - log(20)) / ((e - 1) * 0.1)  # calls after which the fourth coordinate may be there
    reveal = np.array([[1, 2, 3, allowed + 1], [1, 2, 3, allowed - 1], [1, -1, -1, -1]])
    assert lower_long.crossed(reveal, gamma=0.1) == 1
    assert lower_long.crossed(reveal[:1], gamma=0.1) == 0
    assert lower_long.crossed(reveal[:1], gamma=0.05) == 1  # rarer hits, a lower line


def test_a_short_row_tells_literal_runs_from_other_waits():
    row = lower_long.long_row("SGD", Walk(20, 0.05, 0.01, most=10**6), 40)
    assert row["reached"] == 40
    assert row["line_crossed"] <= 8  # a share of 1/20 of 40 is 2; more than 8 has probability below 1e-3
    assert row["ks_p"] > 1e-3
    assert 1.0 < row["steps_per_wait"] < 2.0


@pytest.fixture
def rows():
    with (RESULTS / f"{lower_long.NAME}.csv").open(encoding="utf-8") as file:
        assert file.readline() == "# command: python -m verify.presets.lower_long\n"
        return list(csv.DictReader(file))


def test_the_committed_runs_are_a_thousand_links_long(rows):
    literal = [row for row in rows if row["runs"] != "0"]
    assert {row["method"] for row in literal} == set(lower_long.METHODS)
    assert {row["T"] for row in literal} == {"1000"}
    assert max(int(row["T"]) for row in rows) == 4000
    for row in rows:
        runs = int(row["runs"]) or int(row["runs_in_law"])
        assert int(row["reached"]) == runs
        assert float(row["steps_per_wait"]) >= 0.25  # no faster than two draws of the same coin a step, twice over
        assert int(row["line_crossed"]) <= 2
        assert not row["ks_p"] or float(row["ks_p"]) > 1e-3
