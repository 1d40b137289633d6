"""The preset on the separable instance: its configurations, its trials, and an exponent that it must reject."""

from __future__ import annotations

from fractions import Fraction

import pytest

from verify.preset import Row
from verify.presets.lower_separable import analyse, candidates, experiments, shares, trial


def test_weights_are_those_of_the_stencils_and_costs_count_every_call() -> None:
    for p, nodes in ((1, 2), (2, 2), (4, 4)):
        config = candidates("f2sa_p", p, 8, 0.01)[0]
        assert sum(config.weights) == pytest.approx(1)
        assert config.cost == 2 * nodes
    assert candidates("f2sa_p", 4, 8, 0.01)[0].weights == pytest.approx((-1 / 6, 2 / 3, 2 / 3, -1 / 6))
    assert candidates("sgd", 1, 8, 0.01)[0].cost == 1
    assert candidates("stocbio", 1, 8, 0.01)[0].cost == 4
    assert all(c.normalise and not c.skip for c in candidates("nsgd", 1, 8, 0.01))


def test_a_trial_stays_above_the_bound_and_is_the_same_again() -> None:
    arguments = {"method": "sgd", "tuning": 4, "p": 1, "eps": 0.1, "problem": {"Delta": 2380.8, "sigma": 46.0}}
    found = trial(arguments, (0, 1, 2, 3, 4, 5, 6, 7))
    assert found == trial(arguments, (0, 1, 2, 3, 4, 5, 6, 7))
    assert found[3] == trial(arguments, (3,))[0]
    assert {row["T"] for row in found} == {8}
    assert found[0]["gamma"] == pytest.approx(0.01)
    assert sum(row["below_bound"] for row in found) <= 4
    assert all(row["calls"] >= 8 and not row["censored"] for row in found)


def planted(power: int) -> list[Row]:
    """Trials whose calls are 3 eps^-power, of the first experiment."""
    experiment = experiments("quick")[0]
    rows = []
    for cell in experiment.cells():
        for seed in experiment.seeds.values:
            calls = int(3 * cell.arguments["eps"] ** -power) + seed
            common = {
                "T": 8,
                "prob": 0.1,
                "bound": 10.0,
                "below_bound": False,
                "S": 1,
                "K": 0,
                "log": 1.0,
                "nu": 1.0,
                "nodes": 1,
            }
            rows.append(
                {"experiment": experiment.name, "p": 1, "stencil": "paper", "seed": seed, "seconds": 0.0, **common,
                 "log10_eps": str(cell.arguments["log10_eps"]), "calls": calls, "censored": False}
            )  # fmt: skip
    return rows


@pytest.mark.parametrize(("power", "word"), [(4, "strongly consistent"), (5, "inconsistent"), (3, "inconsistent")])
def test_the_analysis_knows_four_from_its_neighbours(power: int, word: str) -> None:
    found = analyse(planted(power), "quick")
    assert found.rows[0]["verdict"] == word
    assert found.rows[0]["slope"] == pytest.approx(power, abs=0.02)
    assert shares(found.rows) == Fraction(0)
