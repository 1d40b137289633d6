"""The literal loop against the jump kernel, on reduced sizes, with planted faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from verify.preset import Preset, Result, Row, run_experiments, run_preset
from verify.presets import literal
from verify.store import Store


def small(jump: dict[str, str] | None = None, jump_seeds: int = 2048) -> Preset:
    """p = 2 and 4 at eps = 10^-1/2; ``jump`` changes options of the jump kernel behind the comparison's back."""

    def experiments(level: str) -> list[Any]:
        found = []
        for experiment in literal.experiments(level)[:2]:
            grid = replace(experiment.grid, eps_min_log10="-3/4", points=2)
            changed = {**experiment.options, **(jump or {})} if experiment.kernel == "jump" else experiment.options
            seeds = experiment.seeds if experiment.kernel == "literal" else replace(experiment.seeds, count=jump_seeds)
            seeds = seeds if experiment.kernel == "jump" else replace(seeds, count=256)
            first = replace(seeds, first=1000) if experiment.kernel == "jump" else seeds
            found.append(replace(experiment, p=(2, 4), grid=grid, options=changed, seeds=first))
        return found

    return Preset("small", "", experiments, literal.analyse)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all: the literal runs are the same everywhere and are made once."""
    with Store(tmp_path_factory.mktemp("literal") / "store.sqlite") as found:
        yield found


@pytest.fixture(scope="module")
def sound(store: Store) -> Result:
    return run_preset(small(), store=store)


def test_the_kernels_agree_in_law_and_count(sound: Result) -> None:
    assert len(sound.rows) == 4
    assert not sound.failures
    for row in sound.rows:
        assert row["verdict"] == "equivalent", row["reasons"]
        assert row["metered_equals_charged"]
        assert 0.93 < row["ert_ratio"] < 1.07
        assert row["ks_p"] > literal.LEAST_P
        assert row["slope"] is None  # no exponent is claimed


@pytest.mark.parametrize("factor", ["0.5", "0.125"])
def test_a_jump_kernel_with_another_K_is_seen(factor: str, store: Store) -> None:
    """The planted fault: K off by a factor 2 in the jump kernel only. Its counts and its law both give it away."""
    planted = run_preset(small({"K_factor": factor}), store=store)
    assert all(row["verdict"] == "not equivalent" for row in planted.rows)
    assert all("not the same configuration" in row["reasons"] for row in planted.rows)
    least = min(row["ks_p"] for row in planted.rows)
    assert least < literal.LEAST_P / 4, "the law alone must show it too"


def test_a_wrong_meter_and_shifted_times_are_seen(store: Store) -> None:
    found: list[Row] = run_experiments(small().experiments("quick"), store)[0]
    own = [row for row in found if row["experiment"].startswith("literal") and row["p"] == 2]
    own = [row for row in own if row["log10_eps"] == "-1/2"]
    other = [row for row in found if row["experiment"].startswith("jump") and row["p"] == 2]
    other = [row for row in other if row["log10_eps"] == "-1/2"]
    assert literal.comparison(own, other, literal.LEAST_P)["verdict"] == "equivalent"
    skipped = [row | {"metered": row["metered"] - 1} for row in own]
    assert "metered" in literal.comparison(skipped, other, literal.LEAST_P)["reasons"]
    per_step = own[0]["nodes"] * (own[0]["S"] + own[0]["K"])
    late = [row | {"T": row["T"] + 3, "calls": row["calls"] + 3 * per_step} for row in own]
    assert literal.comparison(late, other, literal.LEAST_P)["reasons"] == "hitting times differ"
    overcharged = [row | {"calls": row["calls"] + 1} for row in other]
    assert "charged" in literal.comparison(own, overcharged, literal.LEAST_P)["reasons"]


def test_censored_runs_count_in_the_ratio() -> None:
    hit = {"T": 100, "steps": 125, "censored": False}
    lost = {"T": None, "steps": 1000, "censored": True}
    ratio, low, high = literal.ert_ratio([hit, lost], [hit, hit], 0)
    assert ratio == pytest.approx(11.0)  # (100 + 1000)/1 over 100
    assert low <= ratio <= high
    assert np.isinf(literal.steps([lost])).all()
