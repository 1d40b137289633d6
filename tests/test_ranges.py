"""Printed ranges: the thresholds found against closed forms, and a planted range that is too wide is seen."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import exp, log, log1p, sqrt

import pytest

from synthetic.errors import InputError, MissingExtra
from verify.evidence import Arithmetic, Instance, Sides
from verify.ranges import COLUMNS, UNROWED, Range, ranges, registered
from verify.registry import claims


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    try:
        return ranges()
    except MissingExtra as error:
        pytest.skip(str(error))


def ratio(rows: list[dict], statement: str, words: str) -> float | None:
    (found,) = [r["ratio"] for r in rows if r["statement"] == statement and words in r["parameter"] + r["printed"]]
    return found


def test_rows_are_complete_and_name_claims(rows: list[dict]) -> None:
    known = {c.id for c in claims()}
    assert {r["paper"] for r in rows} == {"000", "001", "003", "004"}
    assert all(tuple(r) == COLUMNS and r["statement"] in known for r in rows)
    assert all(r["instance"] for r in rows if r["ratio"] is not None)


@pytest.mark.parametrize(
    ("statement", "words", "value"),
    [
        ("f2sa_p:lemma-D.3", "ν", 1.0),
        ("f2sa_p:lemma-E.4", "ν", 3 / 5),
        ("f2sa_p:proof-3.1-nodes", "p = 8", 2 / 8),
        ("f2sa_p:proof-3.1-nodes", "p = 3", 1 / 3),
        ("f2ba:lemma-B.6", "λ", 6 / 5),
        ("f2ba:prop-4.2", "α", 1 + exp(-1 / 4)),
        ("fdehbo:text-radius", "C_fy = 1/100", 1 / 10),
        ("fdehbo:text-delta", "Proposition 2", (3 - 2 * 0.99) / 10),
        ("bo_rep:lemma-D.5", "ν", 8 / 101),
        ("bo_rep:eq-56-57", "σ_g2²", 13 / 12),
        ("bo_rep:eq-47", "η", 1.0),
        ("bo_rep:eq-78", "ε²/", 1.0),
        ("bo_rep:eq-78", "8K_0", 1 / 0.999999),
        ("bo_rep:eq-79", "32C²", 1.0),
        ("bo_rep:eq-79", "8σ_g2²", 1.0),
        ("bo_rep:eq-79", "motion", 1.0),
        ("bo_rep:eq-79", "Δ/(8|∇Φ", 1 / 0.999999),
        ("bo_rep:eq-79", "εΔ/(8C²Δ_z)", 1.0),
        ("f2ba:prop-4.2", "y*_λ", -8 * log(1 - 1 / 5)),
        ("f2ba:prop-4.2", "|z - y*|", -4e6 * log1p(-1e-6) * log(1e9) / log(5e8)),
    ],
)
def test_thresholds_are_those_of_theory(rows: list[dict], statement: str, words: str, value: float) -> None:
    assert ratio(rows, statement, words) == pytest.approx(value, rel=1e-8)


def test_largest_step_of_the_y_error_by_hand(rows: list[dict]) -> None:
    """4 + 10x/3 + 2x^2/3 = 5 at x = share/4."""
    share = ratio(rows, "bo_rep:eq-56-57", "scalar lines")
    assert share is not None
    x = share / 4
    assert 4 + 10 * x / 3 + 2 * x * x / 3 == pytest.approx(5, rel=1e-8)


def test_step_of_one_update_by_hand(rows: list[dict]) -> None:
    """y moves from 1/4 by gamma a/4 and may reach 1 (eps = 4, K_0 = 1): gamma = 3/a against (44), at a = 2."""
    size = log(8)
    lam = max(sqrt(3 * size), size)
    q = lam + sqrt(lam + 1)
    printed = 2 * 16 / (512 * 1e-4 * sqrt(lam + 1) * q)
    assert ratio(rows, "bo_rep:eq-44", "γ") == pytest.approx(1.5 / printed, rel=1e-7)


def test_conditions_without_a_row_say_why_and_stand_in_the_papers_order() -> None:
    assert [row.paper for row in UNROWED] == sorted(row.paper for row in UNROWED)
    assert all(len(row.why) > 10 and row.line.isdigit() for row in UNROWED)


def test_a_range_planted_too_wide_comes_out_below_one() -> None:
    """1/L of paper 001 printed as 3/(2L): the same instances then hold up to 2/3 of the print only."""
    (row,) = [r for r in registered() if r.statement == "f2ba:prop-4.1"]
    assert row.row()["ratio"] == 1

    def wider(instance: Instance, arithmetic: Arithmetic) -> Sides:
        return row.sides(instance | {"share": str(Fraction(instance["share"]) * 3 / 2)}, arithmetic)

    assert replace(row, sides=wider).row()["ratio"] == pytest.approx(2 / 3, rel=1e-8)


def test_an_instance_outside_the_assumptions_is_an_error() -> None:
    def never(instance: Instance, arithmetic: Arithmetic) -> Sides:
        return Sides(0, "<=", 1, {"met": False})

    with pytest.raises(InputError, match="misses the assumptions"):
        Range("004", "bo_rep:eq-47", "x", "x", never, [{}]).row()


def test_no_failure_is_said_so() -> None:
    def always(instance: Instance, arithmetic: Arithmetic) -> Sides:
        return Sides(0, "<=", 1, {"met": True})

    row = Range("004", "bo_rep:eq-47", "x", "x", always, [{}], cap=Fraction(4)).row()
    assert row["ratio"] is None
    assert row["largest"] == "over 4 times the printed"
