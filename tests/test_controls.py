"""The false-alarm control: 30 true statements pass, 30 slightly wrong ones are refuted, as recorded."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from reports.command import main
from reports.commands import verify as command
from synthetic.errors import MissingExtra
from verify.controls.registry import PASSES, controls, recorded, run_control
from verify.controls.search import badness, hunt, worst
from verify.evidence import Arithmetic, Sides
from verify.families_f2sa_p import number
from verify.registry import Claim, claims

ALL = {c.id: c for c in controls()}


@pytest.mark.parametrize("id", ALL)
def test_statement_passes_and_its_mutant_is_refuted(id: str) -> None:
    try:
        row = run_control(ALL[id])
    except MissingExtra as error:
        pytest.skip(str(error))
    assert row["verdict"] in PASSES
    assert row["verdict_mutant"] == "refuted"
    assert row["recorded"]


def test_there_are_thirty_of_each_and_no_other_record() -> None:
    assert len(ALL) == 30
    assert set(recorded()) == set(ALL)
    assert Counter(bad for _, bad in recorded().values()) == {"refuted": 30}
    assert all(len(c.mutants) == 1 for c in ALL.values())


def test_control_is_no_claim_about_a_paper() -> None:
    assert not set(ALL) & {c.id for c in claims()}


def slope(row: dict, arithmetic: Arithmetic) -> Sides:
    """x (1 - x) <= c on [0, 1]: true for c = 1/4, attained at 1/2 only."""
    x, c = (number(row[k], arithmetic) for k in ("x", "c"))
    return Sides(x * (1 - x), "<=", c, {"0 <= x <= 1": bool(0 <= x <= 1)})


def test_search_finds_the_one_point_that_matters() -> None:
    """The mutant 0.2499 is broken on |x - 1/2| < 0.01 only: found; without the search 15 random points may miss it."""
    found = Fraction(worst(slope, {"x": (0, 1)}, {"c": "1/4"}, seed=3)["x"])
    assert abs(found - Fraction(1, 2)) < Fraction(1, 100)
    assert hunt("true", slope, {"x": (0, 1)}, {"c": "1/4"}).holds
    assert hunt("wrong", slope, {"x": (0, 1)}, {"c": "2499/10000"}).refutes


def test_instances_outside_the_assumptions_are_never_the_worst() -> None:
    assert badness(Sides(9, "<=", 1, {"met": False})) < badness(Sides(1, "<=", 9, {"met": True}))


def test_command_shows_both_halves(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two statements stand for all; a fault that passes makes the command fail."""
    pair = [ALL["control:young"], ALL["control:projection"]]
    monkeypatch.setattr(command, "controls", lambda: pair)
    assert main(["verify", "--controls"]) == 0
    assert "2 true statements: 2 exact; 2 of 2 faults refuted" in capsys.readouterr().out
    harmless = Claim("control:young", pair[0].check, (), {"no fault at all": {}})
    monkeypatch.setattr(command, "controls", lambda: [harmless])
    assert main(["verify", "--controls"]) == 1
