"""The ledger's pages on made-up rows whose counts, order and links are known; the typesetting of statements."""

from __future__ import annotations

import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.cells import plain, spans, tables_in
from reports.context import Context
from reports.html import prose, write_report
from reports.page import Card, Code, Details, Page, Prose, Table
from reports.pages import ledger, ledger_rows, reviewer
from reports.pages.graph_drawing import depths, layers
from reports.pages.ledger_cards import _merged
from reports.pages.ledger_graph import affected, contracted, downstream_figure, label, overview
from reports.pages.ledger_rows import descendants, users
from reports.typeset import paragraphs, typeset
from verify.registry import Claim, claims
from verify.wording import decimal, show


def row(id: str, verdict: str, *, uses: tuple[str, ...] = (), tightness: float | None = None, **more: Any) -> dict:
    refuted = verdict == "refuted"
    check = {"check": f"L_1 of {id}", "method": "exact rationals", "holds": not refuted, "n": 3}
    check |= {"tightness": tightness, "worst instance": {"x": "3/2"}} if tightness is not None else {}
    base: dict[str, Any] = {
        "id": id, "paper": "000" if id.startswith("f2sa_p") else "001", "statement": f"Statement of {id}: x <= y_1.",
        "verdict_printed": verdict, "verdict_corrected": "exact" if refuted else None,
        "category": "misprint" if refuted else None, "method": "exact rationals", "tightness": tightness,
        "correction": "x <= 2 y_1" if refuted else "", "charitable": "none saves it" if refuted else "",
        "downstream": "Nothing changes." if refuted else "", "untestable": "", "notes": "", "covers": ["000 Lemma 3.1"],
        "checks": [check], "checks_corrected": [{**check, "holds": True, "tightness": 0.5}] if refuted else [],
        "replay": ["step one", "step two"] if refuted else [], "uses": list(uses), "as_recorded": True, "seconds": 1.0,
    }  # fmt: skip
    return base | more


ROWS = [
    row("f2sa_p:a", "refuted", tightness=7.0),
    row("f2sa_p:b", "exact", uses=("f2sa_p:a",), tightness=0.25),
    row("f2sa_p:thm-1", "proved", uses=("f2sa_p:b",)),
    row("f2sa_p:d", "refuted", category="false"),
    row("f2ba:cor-2", "supported", uses=("f2sa_p:a", "f2ba:gone"), tightness=1.0),
    row(
        "f2ba:f",
        "untestable",
        checks=[],
        untestable="cited without use",
        statement="<script>alert</script> & `code` $5 [two](#three)",
    ),
]


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    for module in (ledger, reviewer):
        monkeypatch.setattr(module, "rows", lambda context: ROWS)
    return Context("quick", 1, tmp_path)


def table(page: Page, caption: str) -> Table:
    return next(t for t in tables_in(page.blocks) if caption in plain(t.caption))


def test_counts(context: Context) -> None:
    page = reviewer.build(context)
    verdicts = table(page, "Claims by verdict")
    heads = [h.title for h in verdicts.heads]
    assert heads == ["", "claims", "proved", "exact", "supported", "refuted", "untestable"]
    assert [list(r[1:]) for r in verdicts.rows] == [[4, 1, 1, 0, 2, 0], [2, 0, 0, 1, 0, 1], [6, 1, 1, 1, 2, 1]]
    categories = table(page, "by category")
    assert [list(r[1:3]) for r in categories.rows] == [[2, 1], [2, 1]]
    words = [plain(b.text) for b in page.blocks if type(b).__name__ == "Paragraph"]
    assert any("2 of 6 claims (33%)" in w and "4 (67%)" in w for w in words)


def test_refuted_with_correction_and_users(context: Context) -> None:
    page = reviewer.build(context)
    by_id = {str(plain(r[0])): r for t in tables_in(page.blocks) if "true instead" in plain(t.caption) for r in t.rows}
    assert set(by_id) == {"a", "d"}
    cells = [plain(cell.text) if isinstance(cell, Prose) else plain(cell) for cell in by_id["a"]]  # type: ignore[arg-type]
    assert cells[1:] == [
        "x ≤ 2 y_1 (exact)",
        "Nothing changes.",
        "a constant, a step size or a proof changes; reaches 001 Corollary 2, Theorem 1",
    ]


def test_bounds_are_those_that_hold_tight_first() -> None:
    ratios = [(ratio, r["id"], how) for ratio, r, _, how in reviewer.bounds([*ROWS[:3], *ROWS[4:]])]
    assert ratios == [
        (1.0, "f2ba:cor-2", "as printed"),
        (0.5, "f2sa_p:a", "corrected"),
        (0.25, "f2sa_p:b", "as printed"),
    ]


def test_a_card_shows_all_of_the_evidence(context: Context) -> None:
    cards = {b.id: b for b in ledger.build(context).blocks if isinstance(b, Card)}
    assert len(cards) == len(ROWS)
    card = cards["f2sa_p-a"]
    assert [badge.word for badge in card.badges] == ["refuted", "misprint"]
    (evidence,) = (b for b in card.blocks if isinstance(b, Table))
    assert len(evidence.rows) == 2
    assert evidence.groups == [1]
    details = [b for b in card.blocks if isinstance(b, Details)]
    assert any(isinstance(b, Code) and b.text == "step one\nstep two" for d in details for b in d.blocks)
    words = " ".join(plain(b.text) for b in card.blocks if type(b).__name__ == "Paragraph")  # type: ignore[union-attr]
    for wanted in ("Statement of f2sa_p:a", "Corrected statement", "none saves it", "Nothing changes"):
        assert wanted in words


def test_checks_of_one_name_are_one_line_with_the_hardest() -> None:
    check = {"check": "random", "method": "exact rationals", "holds": True, "n": 2, "tightness": 0.5}
    broken = {**check, "holds": False}
    merged = _merged([check, {**check, "n": 3, "tightness": 0.7}, broken, broken])
    assert [(c["n"], c["tightness"], c["holds"]) for c in merged] == [(5, 0.7, True), (2, 0.5, False), (2, 0.5, False)]


class Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name == "href" and value and value.startswith("#") and tag == "a":
                self.targets.add(value[1:])


def test_no_link_leads_nowhere_and_text_stays_text(context: Context) -> None:
    index = write_report([reviewer.build(context), ledger.build(context)], context.out, {"level": "quick"})
    html = index.read_text(encoding="utf-8")
    found = Anchors()
    found.feed(html)
    assert found.targets - set(found.ids) == set()
    assert len(found.ids) == len(set(found.ids))
    assert "<script" not in html
    assert "&lt;script&gt;alert&lt;/script&gt; &amp; `code` $5 [two](#three)" in html
    for stem in ("downstream-f2sa-p", "downstream-all"):
        assert "f2sa_p:a,f2sa_p:thm-1,refuted,proved," in (context.out / "figures" / f"{stem}.csv").read_text("utf-8")


def test_claims_run_once_for_all_pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rows come in the order of the paper, and a second page asks for nothing to be run again."""
    chosen = claims(pattern="f2sa_p:remark-3.1") + claims(pattern="f2sa_p:def-2.2")
    ran: list[str] = []

    def counted(wanted: list[Claim], level: str, jobs: int) -> Any:
        ran.extend(c.id for c in wanted)
        return ({"id": c.id} for c in wanted)

    monkeypatch.setattr(ledger_rows, "rows_of", counted)
    monkeypatch.setattr(ledger_rows, "_RUN", {})
    context = Context("quick", 1, tmp_path)
    first = ledger_rows.rows(context, chosen)
    assert [r["id"] for r in first] == ["f2sa_p:def-2.2", "f2sa_p:remark-3.1"]
    assert ledger_rows.rows(context, chosen[:1]) == [first[1]]
    assert sorted(ran) == ["f2sa_p:def-2.2", "f2sa_p:remark-3.1"]


def test_descendants_and_what_is_drawn() -> None:
    direct = users(ROWS)
    assert direct["f2sa_p:a"] == ["f2sa_p:b", "f2ba:cor-2"]
    assert descendants("f2sa_p:a", direct) == ["f2sa_p:b", "f2ba:cor-2", "f2sa_p:thm-1"]
    # b holds, and the arrow passes through it; d is refuted, but no result rests on it.
    assert affected(ROWS, "000") == (["f2sa_p:a", "f2sa_p:thm-1"], [("f2sa_p:a", "f2sa_p:thm-1")])
    # An edge across papers belongs to the picture of the user's paper, and to that of all.
    assert affected(ROWS, "001") == (["f2sa_p:a", "f2ba:cor-2"], [("f2sa_p:a", "f2ba:cor-2")])
    assert sorted(overview(ROWS)[1]) == [("f2sa_p:a", "f2ba:cor-2"), ("f2sa_p:a", "f2sa_p:thm-1")]
    assert downstream_figure(ROWS[3:4], "000") is None


def test_arrows_pass_through_what_is_not_drawn_and_shortcuts_are_left_out() -> None:
    direct = {"a": ["b", "c", "d"], "b": ["c"], "c": ["d"], "d": []}
    assert contracted(["a", "b", "c", "d"], direct) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert contracted(["a", "d"], direct) == [("a", "d")]


def test_names_in_pictures() -> None:
    assert label("f2sa_p:lemma-C.1", "000") == "Lemma C.1"
    assert label("f2sa_p:eq-14", "001") == "000 Eq. (14)"
    assert label("bo_rep:eq-21-23") == "Eqs. (21)–(23)"


def test_layers_put_users_after_what_they_use_even_in_a_circle() -> None:
    nodes, edges = ["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    depth = depths(nodes, edges)
    assert all(depth[used] < depth[user] for used, user in edges)
    assert depth["d"] == 1  # a source stands next to its first user
    assert sorted(layers(nodes, edges)[1]) == ["a>c:1", "b", "d"]  # the long edge has room beside b
    assert set(depths(["a", "b"], [("a", "b"), ("b", "a")])) == {"a", "b"}


STATEMENTS = [
    ("L_{p+1} <= kappa^2", "$L_{p+1}$ ≤ $\\kappa^{2}$"),
    ("O(kappa^{2p+1} L-bar)", "$O$($\\kappa^{2p+1}$ $\\bar{L}$)"),
    ("||y^K||^2", "‖$y^{K}$$\\|^{2}$"),
    ("y*_λ(x)", "$y_{λ}^{*}$($x$)"),
    ("a bound on a sum, see (b) of Lemma C.1", "a bound on a sum, see (b) of Lemma C.1"),
    ("sympy's max is 1.7e-02", "sympy's max is 1.7e-02"),
    ("λ² L_g² + κ⁵", "$λ^{2}$ $L_{g}^{2}$ + $κ^{5}$"),
    ("I = σ_g1²K_0² and ∇_y²g", "I = $σ_{g1}^{2}$$K_{0}^{2}$ and $∇_{y}^{2}$$g$"),
    ("2L_f, x^10", "2$L_{f}$, $x^{10}$"),
    ("q = 1..5 and j = -1", "$q$ = 1…5 and $j$ = −1"),
    ("see f2sa_p:eq-2.", "see [f2sa_p:eq-2](#f2sa_p-eq-2)."),
    ("see f2sa_p:eq-9.", "see f2sa_p:eq-9."),
]


@pytest.mark.parametrize(("text", "wanted"), STATEMENTS)
def test_typesetting(text: str, wanted: str) -> None:
    assert typeset(text, {"f2sa_p:eq-2"}) == wanted


MATHML = {
    "math",
    "mi",
    "mn",
    "mo",
    "mrow",
    "msub",
    "msup",
    "msubsup",
    "mover",
    "munder",
    "munderover",
    "mspace",
    "span",
}


@given(st.text(alphabet="abLxκ_^{}()|*'-$`[]\\<>=. 12nu", max_size=30))
def test_typesetting_never_fails_and_never_makes_markup(text: str) -> None:
    shown = str(prose(typeset(text)))
    assert "<code" not in shown
    assert "<strong" not in shown
    assert "<a " not in shown
    assert set(re.findall(r"</?([a-z]+)", shown)) <= MATHML


def test_all_statements_of_the_suite_are_readable() -> None:
    """No statement loses a line, and none falls back to markup shown as text."""
    known = {c.id for c in claims()}
    for claim in claims():
        parts = paragraphs(claim.statement, known)
        assert len(parts) == len(re.split(r"\n\s*\n", claim.statement))
        for part in parts:
            assert "$" not in "".join(span.text for span in spans(part) if span.kind == "text")


def test_values_in_words() -> None:
    assert show({"p": 1, "Q": [["0", "-1/5"], None]}) == "p = 1, Q = [[0, -1/5], none]"
    long = "1" + "0" * 40 + "/3" + "0" * 39
    assert show(long) == "3.333333333333 (rounded; the exact value has 81 digits)"
    assert decimal(Fraction(-1, 10**400) * 2) == "-2e-400"
    assert decimal(Fraction(999999999999999, 10**15)) == "1"
    assert decimal(Fraction(0)) == "0"
    assert float(decimal(Fraction(2, 3))) == pytest.approx(2 / 3, rel=1e-12)
