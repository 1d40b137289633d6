"""A statement of the main text and its restatement have one verdict, or the prints differ and it is said how."""

from __future__ import annotations

import csv
from pathlib import Path

import verify.claims
from verify.claims.bo_rep_h_cross_entropy import exact_gap
from verify.registry import claims, recorded

TABLE = Path(verify.claims.__file__).parent / "restatements.csv"


def pairs() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unsettled(rows: list[dict[str, str]], verdicts: dict[str, list[str | None]]) -> list[str]:
    """Pairs of one print of which only one is refuted."""
    return [
        r["main"]
        for r in rows
        if not r["difference"] and refuted(r["main"], verdicts) != refuted(r["restated"], verdicts)
    ]


def refuted(id: str, verdicts: dict[str, list[str | None]]) -> bool:
    return verdicts[id][0] == "refuted"


def test_no_pair_is_refuted_in_one_place_only_without_a_word() -> None:
    known = {c.id for c in claims()}
    assert all({r["main"], r["restated"]} <= known for r in pairs())

    assert unsettled(pairs(), recorded()) == []
    assert [r for r in pairs() if r["difference"] and len(r["difference"]) < 20] == []


def test_words_are_needed_where_they_stand() -> None:
    """A difference is claimed only where the verdicts differ, and a verdict turned over is seen."""
    told = [r for r in pairs() if r["difference"]]
    assert [r for r in told if refuted(r["main"], recorded()) == refuted(r["restated"], recorded())] == []
    turned = dict(recorded()) | {"bo_rep:lemma-D.7": ["enclosed", None]}
    assert "bo_rep:lemma-3.5" in unsettled(pairs(), turned)


def test_every_restated_lemma_of_paper_004_is_in_the_table() -> None:
    """The appendix restates Lemmas 3.2 to 3.6 and Theorem 3.1 (it says so in each heading)."""
    assert {f"bo_rep:lemma-3.{k}" for k in range(2, 7)} | {"bo_rep:thm-3.1"} <= {r["main"] for r in pairs()}


def test_softmax_gap_by_hand() -> None:
    """Three equal classes: |s - a|^2 = (2/3)^2 + 2 (1/3)^2 = 2/3."""
    assert exact_gap(["5", "5", "5"], 2) * 3 == 2
