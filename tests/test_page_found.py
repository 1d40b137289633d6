"""The page "What we found": each refuted claim once, numbers from the evidence; uses exist and never circle."""

from __future__ import annotations

import graphlib
import re
from pathlib import Path
from typing import Any

import pytest

from reports.cells import literal, plain, tables_in
from reports.context import Context
from reports.page import Bullets, Page, Prose
from reports.pages import found, found_tables
from reports.pages.found_lines import counterexample, line_of, outcome, shortly
from verify.effects import EFFECTS, Effect, effect_of, effects
from verify.ranges import UNROWED
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


def disagreement(verdicts: dict[str, list[str | None]], judged: dict[str, Effect]) -> set[str]:
    """Refuted claims without a judgement, and judgements that fit no verdict on record."""
    fits = {"refuted": ("theorem", "constants", "none")}
    wrong = {id for id, verdict in verdicts.items() if verdict[0] == "refuted" and id not in judged}
    for id, effect in judged.items():
        if id not in verdicts or effect.word not in fits.get(str(verdicts[id][0]), ("exponent", "constants")):
            wrong.add(id)
    return wrong


def test_recorded_refutations_and_judgements_are_the_same_list() -> None:
    """On the verdicts on record: each refuted claim is judged, each judgement is on a refuted or improvable claim."""
    assert len(REFUTED) > 40
    assert disagreement(recorded(), effects()) == set()


def test_a_refutation_without_a_judgement_or_a_judgement_too_many_is_seen() -> None:
    verdicts, judged = dict(recorded()), dict(effects())
    victim = REFUTED[0]
    assert disagreement(verdicts, {id: e for id, e in judged.items() if id != victim}) == {victim}
    withdrawn = next(id for id in REFUTED if judged[id].word == "theorem")
    assert disagreement(verdicts | {withdrawn: ["exact", None]}, judged) == {withdrawn}
    assert disagreement(verdicts, judged | {"f2sa_p:nowhere": Effect("none")}) == {"f2sa_p:nowhere"}


def test_judgements_have_short_words() -> None:
    assert {effect.word for effect in effects().values()} == set(EFFECTS)
    for id, effect in effects().items():
        assert effect.printed, id
        assert effect.corrected, id
        limit = 320 if effect.word in ("theorem", "exponent") else 130
        assert len(effect.printed) + len(effect.corrected) <= limit, id


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


def test_both_sides_in_short() -> None:
    row = instance_row("f2sa_p:lemma-3.1")
    assert outcome(row) == "1.235e+05 > 3/4"
    equal = [line.replace("left <= right", "left == right") for line in row["replay"]]
    assert outcome(row | {"replay": equal}) == "1.235e+05 ≠ 3/4"
    least = [line.replace("left <= right", "left >= right") for line in row["replay"]]
    assert outcome(row | {"replay": least}) == "1.235e+05 < 3/4"
    assert outcome(row | {"replay": ["p", "  at a = 1:", "    left - right = -2, not 0"]}) == "left − right = -2"
    assert outcome(row | {"replay": []}) == "no instance"


def test_short_words_come_before_the_long_text() -> None:
    long = instance_row("f2sa_p:lemma-3.1")["statement"]
    assert shortly("", long, set()) == "$x$ ≤ $y$"
    assert shortly("a ruler", long, set()) == "a ruler"


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
        entries += [" ".join(plain(c.text) if isinstance(c, Prose) else str(c) for c in row) for row in table.rows]
    return entries


def test_every_refuted_claim_stands_once_with_its_command_and_its_numbers(page: Page, real: list[dict]) -> None:
    entries = texts(page)
    for row in real:
        mine = [entry for entry in entries if re.search(rf"--replay {re.escape(row['id'])}(?![\w.-])", entry)]
        assert len(mine) == (row["verdict_printed"] == "refuted"), row["id"]
        if mine:
            assert effect_of(row["id"]).word == "theorem" or plain(Prose(literal(outcome(row)))) in mine[0]
            assert row["verdict_corrected"] is None or row["verdict_corrected"] in mine[0]


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
    (counts,) = [t for t in tables_in(page.blocks) if t.id == "found-counts"]
    assert counts.rows[-1][:2] == ["all", len(real)]
    assert counts.rows[-1][list(counts.columns).index("refuted")] == len(refuted)


def test_every_range_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"paper": "001", "statement": "f2ba:prop-4.1", "parameter": "η", "printed": "η = 1/L", "largest": "",
           "ratio": 0.5, "how": "bisection, exact rationals, 3 instances; sharp", "instance": "x = 1"}  # fmt: skip
    monkeypatch.setattr(found_tables, "_found", lambda: [row])
    words, lines, without = found_tables.ranges_blocks()
    assert "In 1 the share is below 1" in plain(words.text)
    assert lines.rows[0][2:] == (0.5, Prose("sharp"))
    assert len(without.rows) == len(UNROWED)
    (full,) = found_tables.ranges_in_full({"f2ba:prop-4.1"})
    assert full.rows[0][-1] == "x = 1"
