"""Every statement of the papers is claimed or has its reason; a claim or a reason taken away is missed."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import verify.claims
from verify.coverage import Coverage, coverage, inventory, reasons
from verify.registry import claims

FOLDER = Path(verify.claims.__file__).parent


@pytest.fixture(scope="module")
def state() -> Coverage:
    return coverage(c for c in claims() if c.paper != "user")


def test_no_row_is_open(state: Coverage) -> None:
    assert state.open == ()


def test_no_row_is_claimed_and_excused(state: Coverage) -> None:
    assert state.twice == ()


def test_claims_and_reasons_name_rows_that_exist(state: Coverage) -> None:
    assert state.unknown == ()


def test_no_row_or_reason_stands_twice() -> None:
    for name in ("inventory.csv", "reasons.csv"):
        with (FOLDER / name).open(encoding="utf-8", newline="") as file:
            rows = Counter((r["paper"], r["kind"], r["number"]) for r in csv.DictReader(file))
        assert [row for row, n in rows.items() if n > 1] == []


def test_reasons_say_something() -> None:
    assert [key for key, why in reasons().items() if len(why) < 12] == []


def test_deferrals_name_the_work_that_closes_them() -> None:
    deferred = {why for why in reasons().values() if why.startswith("deferred")}
    assert all(why.removeprefix("deferred: issue ")[:1].isdigit() for why in deferred), deferred


def test_no_row_is_deferred() -> None:
    state = coverage(claims())
    assert [row.key for row in inventory() if state.state(row.key) == "deferred"] == []


def test_a_claim_taken_away_opens_its_rows(state: Coverage) -> None:
    """The mutation: for every claim whose row no other claim covers, the row comes out open without it."""
    everything = [c for c in claims() if c.paper != "user"]
    alone = [c for c in everything if any(len(state.claimed[key]) == 1 for key in c.covers)]
    assert len(alone) > 50
    for victim in alone:
        without = coverage(c for c in everything if c is not victim)
        wanted = [key for key in victim.covers if len(state.claimed[key]) == 1]
        assert set(wanted) <= set(without.open)


def test_a_reason_taken_away_opens_its_row(state: Coverage) -> None:
    for key in list(reasons())[::20]:
        less = {k: v for k, v in state.reasons.items() if k != key}
        assert replace(state, reasons=less).open == (*state.open, key)


def test_a_reason_for_a_claimed_row_and_an_invented_row_are_seen(state: Coverage) -> None:
    key = next(iter(state.claimed))
    assert replace(state, reasons={**state.reasons, key: "no reason at all"}).twice == (key,)
    assert replace(state, reasons={**state.reasons, "000 Lemma 99": "no reason"}).unknown == ("000 Lemma 99",)
