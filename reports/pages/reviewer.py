"""The reviewer's summary: what is refuted as printed and what that does downstream, the bounds, what is not covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any

from reports.cells import literal
from reports.context import Context
from reports.page import (
    Block,
    Cell,
    Column,
    Figure,
    Heading,
    Link,
    Page,
    Paragraph,
    Prose,
    Table,
    anchor_of,
)
from reports.pages.found_tables import ranges_in_full
from reports.pages.ledger_graph import STYLES, affected, downstream_figure, label, reached, style_of
from reports.pages.ledger_rows import TITLES, Row, by_paper, link, rows, short, users
from reports.typeset import typeset
from verify.coverage import STATES, Coverage, coverage
from verify.effects import EFFECTS, effect_of
from verify.registry import claims

ORDER = ("proved", "enclosed", "exact", "supported", "refuted", "untestable", "inconclusive", "error")
CATEGORIES = ("false", "misprint", "misprint or conversion", "conversion")
FIRM = ("proved", "enclosed", "exact")


def build(context: Context) -> Page:
    """The page, from the same run of the claims as the ledger."""
    found = rows(context)
    state = coverage(c for c in claims() if c.paper != "user")
    blocks: list[Block] = [
        Heading("Verdicts"),
        *counts(found),
        Heading("Refuted as printed"),
        *_refuted(found),
        Heading("What they touch"),
        *_graphs(found),
        Heading("Tightest and loosest bounds"),
        *_bounds(found),
        Heading("Ranges of parameters", id="reviewer-ranges"),
        *ranges_in_full({row["id"] for row in found}),
        Heading("What cannot be tested"),
        *_untestable(found, state),
        Heading("Coverage"),
        *_coverage(state),
    ]
    lead = (
        "The claims ledger in one page: what fails as printed, what that changes, which bounds are loose, what is open."
    )
    return Page("reviewer", "Reviewer's summary", lead, tuple(blocks))


def counts(found: Sequence[Row]) -> list[Block]:
    """Claims by verdict as printed and, for the refuted ones, by category; a row per paper."""
    verdicts = [v for v in ORDER if any(row["verdict_printed"] == v for row in found)]
    refuted = [row for row in found if row["verdict_printed"] == "refuted"]
    firm_printed = sum(row["verdict_printed"] in FIRM for row in found)
    firm = sum(_final(row) in FIRM for row in found)
    return [
        _tally(found, verdicts, lambda row: row["verdict_printed"], "claims", "Claims by verdict as printed"),
        _tally(refuted, CATEGORIES, _category, "refuted", "Refuted claims by category"),
        Paragraph(
            f"{firm_printed} of {len(found)} claims ({firm_printed / len(found):.0%}) are proved, enclosed or exact as "
            f"printed; {firm} ({firm / len(found):.0%}) once the refuted ones are replaced by their corrections."
        ),
    ]


def _tally(found: Sequence[Row], names: Sequence[str], of: Callable[[Row], str], total: str, caption: str) -> Table:
    groups = by_paper(found)
    lines: list[list[Cell]] = []
    for paper, members in (*groups.items(), ("all", list(found))):
        count = Counter(map(of, members))
        head = Prose(f"[paper {paper}](#ledger-paper-{paper})") if paper in groups else "all"
        lines.append([head, len(members), *(count[name] for name in names)])
    return Table(("", total, *names), lines, caption=caption, groups=[len(groups)])


def _category(row: Row) -> str:
    """The category of a refutation; a claim that does not say is counted as one where the text cannot tell."""
    return row["category"] or "misprint or conversion"


def _final(row: Row) -> str | None:
    """The verdict on the statement as it should read."""
    return row["verdict_corrected"] if row["verdict_printed"] == "refuted" else row["verdict_printed"]


def _refuted(found: Sequence[Row]) -> list[Block]:
    direct = users(found)
    blocks: list[Block] = [
        Paragraph(
            "Each has a stored counterexample that certifiably meets the statement's assumptions and breaks it in two "
            "arithmetics, and a charitable reading that was tried first: both are on the claim's card. A misprint is a "
            "slip whose intended text is evident; false means that no reading saves the statement as it stands; a "
            "conversion is a symbol that the text file garbled."
        )
    ]
    for paper, members in by_paper(found).items():
        for category in CATEGORIES:
            kept = [r for r in members if r["verdict_printed"] == "refuted" and _category(r) == category]
            if kept:
                blocks.append(Heading(f"Paper {paper}: {category}", level=4))
                blocks.append(_refuted_table(kept, direct, f"refuted-{paper}-{anchor_of(category)}"))
    return blocks


def _refuted_table(found: Sequence[Row], direct: dict[str, list[str]], id: str) -> Table:
    known = set(direct)
    body = [
        (
            link(row["id"], short(row["id"])),
            Prose(_corrected(row, known)),
            Prose(typeset(row["downstream"], known) or "none"),
            Prose(consequence(row, direct)),
        )
        for row in sorted(found, key=importance)
    ]
    columns = (
        "claim",
        Column("corrected statement, and its verdict", wrap=True),
        Column("effect downstream", wrap=True),
        Column("results that rest on it", wrap=True),
    )
    return Table(columns, body, caption=f"{len(body)} refuted as printed, and what is true instead", id=id)


def importance(row: Row) -> int:
    """Theorems first, slips last."""
    word = effect_of(row["id"]).word
    return EFFECTS.index(word) if word in EFFECTS else len(EFFECTS)


def consequence(row: Row, direct: dict[str, list[str]]) -> str:
    """What a claim does to the theorems, and the results downstream of it as links."""
    ends = reached(row["id"], direct)
    words = ", ".join(f"[{label(user, row['paper'])}](#{anchor_of(user)})" for user in ends)
    effect = STYLES[style_of(row)].words
    return f"**{effect}**" + (f"; reaches {words}" if words else "")


def _corrected(row: Row, known: Set[str]) -> str:
    words = typeset(row["correction"], known).rstrip(". ") or "none found"
    return f"{words} (**{row['verdict_corrected']}**)" if row["verdict_corrected"] else words


def _graphs(found: Sequence[Row]) -> list[Block]:
    blocks: list[Block] = [
        Paragraph(
            "An arrow leads from a statement to one that uses it, directly or through statements that hold and are "
            "not drawn; an arrow that follows from two others is left out. Bold: theorems, propositions, corollaries "
            "and remarks. ✗: refuted as printed. The colour says what a statement does to the results it reaches: "
            "where it is not red they stand, with the corrected statement in place of the printed one and the same "
            "exponents."
        )
    ]
    direct = users(found)
    overall = downstream_figure(found)
    if overall:
        blocks.append(Figure(overall, caption="All four papers: what changes a theorem, an exponent or a constant."))
    for paper, members in by_paper(found).items():
        spec = downstream_figure(found, paper)
        if spec:
            blocks.append(Figure(spec, caption=f"Paper {paper}: refuted or improvable, and the results reached."))
        alone = [r["id"] for r in members if r["verdict_printed"] == "refuted" and not reached(r["id"], direct)]
        alone = [id for id in alone if id not in affected(found, paper)[0]]
        if alone:
            words: list[str | Link] = [f"Paper {paper}, refuted, and no result rests on it: "]
            for id in alone:
                words += [link(id, label(id)), ", " if id != alone[-1] else "."]
            blocks.append(Paragraph(tuple(words)))
    return blocks


def bounds(found: Iterable[Row]) -> list[tuple[float, Row, dict[str, Any], str]]:
    """Inequalities that hold (corrected where the print fails), with the largest left/right; the tightest first."""
    kept = []
    for row in found:
        broken = row["verdict_printed"] == "refuted"
        for check in row.get("checks_corrected" if broken else "checks") or []:
            if check["holds"] and check.get("tightness") is not None:
                kept.append((check["tightness"], row, check, "corrected" if broken else "as printed"))
    return sorted(kept, key=lambda item: -item[0])


def _bounds(found: Sequence[Row]) -> list[Block]:
    every = bounds(found)
    attained = [item for item in every if item[0] >= 1 - 1e-9]
    rest = [item for item in every if item[0] < 1 - 1e-9]
    words: list[str | Link] = [
        f"Of {len(every)} inequalities that hold, {len(attained)} are attained (left = right on an instance), so that "
        "their constants cannot be improved: claims "
    ]
    ids = list(dict.fromkeys(item[1]["id"] for item in attained))
    for id in ids:
        words += [link(id, short(id)), ", " if id != ids[-1] else ". "]
    words.append(
        "Next come the five tightest that are not attained, and the five loosest; a small ratio says that no instance "
        "tried comes near, not that none exists."
    )
    columns = (
        "",
        "claim",
        Column("bound", wrap=True),
        Column("largest left/right", ".4g"),
        Column("instances"),
        Column("search", wrap=True),
    )
    picked = [("tightest", item) for item in rest[:5]] + [("loosest", item) for item in rest[-5:][::-1]]
    body = [
        (
            which,
            link(row["id"]),
            Prose(f"{typeset(check['check'])} ({how})"),
            ratio,
            check.get("n"),
            check.get("seeds", "listed"),
        )
        for which, (ratio, row, check, how) in picked
    ]
    caption = "The largest ratio of left to right side over all instances tried"
    return [
        Paragraph(tuple(words)),
        Table(columns, body, caption=caption, groups=[min(5, len(rest))], row_header=False),
    ]


def _untestable(found: Sequence[Row], state: Coverage) -> list[Block]:
    lines: list[tuple[Cell, ...]] = [
        (link(row["id"]), Prose(typeset(row.get("untestable") or row.get("error") or "")))
        for row in found
        if row["verdict_printed"] in ("untestable", "error")
    ]
    split = len(lines)
    by_reason: dict[str, list[str]] = {}
    for row in state.rows:
        if state.state(row.key) == "reason":
            by_reason.setdefault(state.reasons[row.key], []).append(row.key)
    lines += [(", ".join(keys), Prose(typeset(why, {row["id"] for row in found}))) for why, keys in by_reason.items()]
    columns = (Column("statement", wrap=True), Column("why", wrap=True))
    return [
        Table(
            columns, lines, caption="Claims without a possible check, then statements without a claim", groups=[split]
        )
    ]


def _coverage(state: Coverage) -> list[Block]:
    papers = sorted({row.paper for row in state.rows})
    lines: list[tuple[Cell, ...]] = []
    groups = []
    for paper in papers:
        groups.append(len(lines))
        rows_of_paper = [row for row in state.rows if row.paper == paper]
        for kind in dict.fromkeys(row.kind for row in rows_of_paper):
            count = Counter(state.state(row.key) for row in rows_of_paper if row.kind == kind)
            lines.append((paper, kind, sum(count.values()), *(count[name] for name in STATES)))
        count = Counter(state.state(row.key) for row in rows_of_paper)
        lines.append((paper, "all", sum(count.values()), *(count[name] for name in STATES)))
    deferred = Counter(why for why in state.reasons.values() if why.startswith("deferred"))
    words = ", ".join(f"{n} to {literal(why.removeprefix('deferred: '))}" for why, n in sorted(deferred.items()))
    titles = "; ".join(f"{paper}, {literal(TITLES.get(paper, ''))}" for paper in papers)
    columns = ("paper", "kind", "listed", *("with a claim" if s == "claimed" else s for s in STATES))
    table = Table(
        columns, lines, caption="Statements of the inventory by what closes them", groups=groups, id="coverage"
    )
    remark = (
        "The inventory lists every numbered statement, and the statements in proofs and running text that later "
        f"results use. Papers: {titles}. Deferred: {words or 'none'}."
    )
    return [Paragraph(remark), table]
