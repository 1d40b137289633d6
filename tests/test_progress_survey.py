"""Every solver can be tested for progress; one that peeks at hidden coordinates is caught."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bounds.separable import Separable
from solvers.soba import SOBA
from verify.conformance.own import own
from verify.progress import NOT_ZERO_RESPECTING, survey

PROBLEM = Separable(6.3, 31.0, 4.1, 0.04, 1.0)


@dataclass(frozen=True)
class State:
    t: int
    x: Any


@dataclass(frozen=True)
class Peeking:
    """Pays for one call a step and goes along the exact gradient, which shows the next coordinate at once."""

    needs = ("F",)

    def init(self, problem: Any, x0: Any, y0: Any = None) -> State:
        object.__setattr__(self, "problem", problem)
        return State(0, x0)

    def step(self, state: State, oracle: Any) -> State:
        oracle.F(state.x, np.zeros((len(state.x), 1)), step=state.t)
        return State(state.t + 1, state.x - 3.0 * self.problem.hypergrad(state.x))  # type: ignore[attr-defined]

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


def test_solvers_that_cannot_be_tested_say_why() -> None:
    names = ("saba", "distributed_f2ba", *NOT_ZERO_RESPECTING)
    rows = survey({name: own(name)[0].solver for name in names}, PROBLEM, range(4), most=2)
    assert [row["verdict"] for row in rows] == ["none"] * len(names)
    assert "finite sum" in rows[0]["reason"]
    assert "agents" in rows[1]["reason"]
    assert "every coordinate" in rows[2]["reason"]
