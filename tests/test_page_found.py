"""The page "What we found": each refuted claim once, numbers from the evidence; uses exist and never circle."""

from __future__ import annotations

import graphlib
from pathlib import Path
from typing import Any

import pytest

from reports.cells import plain, tables_in
from reports.context import Context
from reports.page import Bullets, Page, Prose
from reports.pages import found
from reports.pages.found_lines import LONG, counterexample, improvement, line_of, printed
from verify.effects import EFFECTS, effect_of, effects
from verify.registry import claims, recorded, run_claim

REFUTED = [id for id, verdicts in recorded().items() if verdicts[0] == "refuted"]


def test_uses_name_claims_that_exist() -> None:
    known = {c.id for c in claims()}
    assert [(c.id, used) for c in claims() for used in c.uses if used not in known] == []


def test_uses_never_circle_and_a_circle_would_be_seen() -> None:
    graph = {c.id: set(c.uses) for c in claims()}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert len(order) == len(graph)
    used = next(c for c in claims() if c.uses)
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(graph | {used.uses[0]: {used.id}}).static_order())


def test_no_claim_names_a_use_twice() -> None:
    assert [c.id for c in claims() if len(set(c.uses)) < len(c.uses)] == []


@pytest.mark.parametrize("id", REFUTED)
def test_every_refutation_is_judged(id: str) -> None:
    assert effect_of(id).word in ("theorem", "constants", "none")


def test_judgements_are_on_claims_and_an_improvement_is_on_one_that_holds() -> None:
    assert set(effects()) - set(recorded()) == set()
    assert {effect.word for effect in effects().values()} <= set(EFFECTS)
    holding = [id for id, effect in effects().items() if effect.word in ("exponent", "none") and id not in REFUTED]
    assert all(effect_of(id).word == "exponent" for id in holding)
    assert all(effect_of(id).word != "exponent" for id in REFUTED)


def test_a_theorem_that_falls_changes_a_theorem() -> None:
    fallen = [id for id in REFUTED if ":thm-" in id]
    assert fallen
    assert {effect_of(id).word for id in fallen} == {"theorem"}


def instance_row(id: str, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": id, "paper": "000", "statement": "x <= y (line 151).\n\nChecked so.", "verdict_printed": "refuted",
        "verdict_corrected": "exact", "category": "false", "method": "exact rationals", "tightness": 2.0, "uses": [],
        "correction": "x <= 2 y", "charitable": "no", "downstream": "None.", "untestable": "", "notes": "",
        "covers": ["000 Lemma 3.1"], "checks": [{"check": "c", "method": "m", "holds": False, "n": 3}],
        "checks_corrected": [{"check": "c", "method": "m", "holds": True, "n": 4}], "as_recorded": True, "seconds": 1.0,
        "replay": [
            "c", "  instance: x = 3/2, y = 3/4", "  in exact rationals:", "    assumption met: a",
            "    left side  = 123456789/1000", "    right side = 3/4", "    the statement wants left <= right: BROKEN",
        ],
    }  # fmt: skip
    return base | more


def test_a_counterexample_on_one_line() -> None:
    row = instance_row("f2sa_p:lemma-3.1")
    assert counterexample(row) == "x = 3/2, y = 3/4: left = 1.235e+05, right = 3/4, wanted left ≤ right"
    assert counterexample(row, 10) == "x = 3/2, …: left = 1.235e+05, right = 3/4, wanted left ≤ right"
    symbolic = [
        "p = 1",
        "  left - right = a - b",
        "  at a = 1, b = 3:",
        "    left - right = -2 = -2 in decimals, not 0",
    ]
    assert counterexample(row | {"replay": symbolic}) == "a = 1, b = 3: left − right = -2, not 0"
    ball = row | {
        "replay": [*row["replay"][:4], "    left side  = [0.7360752522199769 +/- 2.79e-16]", *row["replay"][5:]]
    }
    assert "left = 0.7361," in counterexample(ball)
    assert line_of(row) == " (line 151)"
    assert "line" not in printed(row, set())
    assert "Checked so" not in printed(row, set())
    assert improvement(row, set()).endswith("2 $y$")


@pytest.fixture(scope="module")
def real() -> list[dict[str, Any]]:
    """Quick claims of every kind, really run."""
    wanted = ("f2sa_p:lemma-C.1", "f2sa_p:eq-12", "f2sa_p:eq-5", "f2ba:lemma-B.3", "fdehbo:eq-12", "bo_rep:eq-69")
    return [run_claim(claims(pattern=id)[0]).as_dict() for id in wanted]


@pytest.fixture
def page(real: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Page:
    monkeypatch.setattr(found, "rows", lambda context: real)
    for name in ("controls_blocks", "ranges_blocks"):
        monkeypatch.setattr(found, name, list)
    return found.build(Context("quick", 1, tmp_path))


def texts(page: Page) -> list[str]:
    entries = [plain(item) for block in page.blocks if isinstance(block, Bullets) for item in block.items]
    for table in tables_in(page.blocks):
        entries += [" ".join(plain(c.text) for c in row if isinstance(c, Prose)) for row in table.rows]
    return entries


def test_every_refuted_claim_stands_once_with_its_command_and_its_numbers(page: Page, real: list[dict]) -> None:
    entries = texts(page)
    for row in real:
        mine = [entry for entry in entries if f"--replay {row['id']}" in entry]
        assert len(mine) == (row["verdict_printed"] == "refuted"), row["id"]
        if mine and len(counterexample(row)) < LONG:
            assert counterexample(row, 70) in mine[0]


def test_what_can_be_sharpened_shows_verdict_instances_and_tightness(page: Page, real: list[dict]) -> None:
    row = next(r for r in real if r["id"] == "f2ba:lemma-B.3")
    (entry,) = (e for e in texts(page) if e.startswith("Lemma B.3"))
    count = sum(check.get("n", 0) for check in row["checks"] + row["checks_corrected"])
    assert f"{row['verdict_corrected']}; {count} instances" in entry
    assert f"{row['tightness']:.3g}" in entry


def test_the_opening_counts(page: Page, real: list[dict]) -> None:
    words = " ".join(plain(b.text) for b in page.blocks if type(b).__name__ == "Paragraph")
    refuted = [r for r in real if r["verdict_printed"] == "refuted"]
    assert f"{len(real)} statements" in words
    assert f"{len(refuted)} of them fail: 1 change" in words
