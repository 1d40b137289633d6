"""Every solver can be tested for progress; one that peeks at hidden coordinates is caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bounds.coupled import Coupled
from bounds.masked_noise import Masked
from bounds.separable import Separable
from solvers.soba import SOBA
from verify.conformance.own import own
from verify.progress import NOT_ZERO_RESPECTING, arrivals, simulated, survey

PROBLEM = Separable(6.3, 31.0, 4.1, 0.04, 1.0)


@dataclass(frozen=True)
class State:
    t: int
    x: Any


@dataclass(frozen=True)
class Peeking:
    """Pays for one call a step and, with probability ``share``, goes along the exact gradient, which shows the next
    coordinate at once; else along the answer."""

    share: float = 1.0
    needs = ("F",)

    def init(self, problem: Any, x0: Any, y0: Any = None) -> State:
        object.__setattr__(self, "problem", problem)
        return State(0, x0)

    def step(self, state: State, oracle: Any) -> State:
        answer = oracle.F(state.x, np.zeros((len(state.x), 1)), step=state.t)[0]
        peeks = np.random.default_rng(state.t).random((len(state.x), 1)) < self.share
        exact = self.problem.hypergrad(state.x)  # type: ignore[attr-defined]
        return State(state.t + 1, state.x - 3.0 * np.where(peeks, exact, answer))

    def terminate(self, state: State) -> bool:
        return False


def test_a_solver_that_peeks_is_caught_and_an_honest_one_is_not() -> None:
    honest = replace(own("soba")[0].solver, T=40)
    assert isinstance(honest, SOBA)
    rows = {row["solver"]: row for row in survey({"soba": honest, "peeking": Peeking()}, PROBLEM, range(16), most=40)}
    assert rows["soba"]["verdict"] == "ok"
    assert rows["soba"]["mean"] > 1
    assert rows["peeking"]["verdict"] == "bad"
    assert rows["peeking"]["waits"] >= 16


def test_one_look_in_five_is_caught() -> None:
    (row,) = survey({"peeking": Peeking(0.2)}, PROBLEM, range(64), most=80)
    assert row["waits"] >= 60
    assert row["verdict"] == "bad"
    (row,) = survey({"honest": Peeking(0.0)}, PROBLEM, range(64), most=80)
    assert row["verdict"] == "ok"
    assert row["early"] <= row["runs"] / 2


def test_every_solver_on_the_coupled_instance_has_waits_enough() -> None:
    names = ("f2sa_p", "stocbio", "soba", "ma_soba")
    problem, noise = Coupled(2.0, 4, 1.0, enforce=False), Masked(0.2, gamma_H=0.2)
    rows = survey({name: own(name)[0].solver for name in names}, problem, range(24), most=40, noise=noise)
    assert all(row["verdict"] == "ok" and row["waits"] >= 60 for row in rows)
    assert all(row["early"] <= row["runs"] / 2 for row in rows)


def test_solvers_that_cannot_be_tested_say_why() -> None:
    names = ("saba", "distributed_f2ba", *NOT_ZERO_RESPECTING)
    rows = survey({name: own(name)[0].solver for name in names}, PROBLEM, range(4), most=2)
    assert [row["verdict"] for row in rows] == ["none"] * len(names)
    assert "finite sum" in rows[0]["reason"]
    assert "agents" in rows[1]["reason"]
    assert "every coordinate" in rows[2]["reason"]


def test_arrivals_hold_for_the_fastest_process_in_coarse_steps_and_catch_a_faster_one() -> None:
    coarse = -(-simulated(4, 0.2, 400) // 24) * 24
    assert arrivals(coarse, 0.2).holds
    assert arrivals(simulated(4, 0.2, 400), 0.2).holds
    assert not arrivals(simulated(4, 0.3, 400), 0.2).holds
