"""What we found: a paper-like page for the authors of the four papers. Every number on it comes from the evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from reports.context import Context
from reports.page import Badge, Block, Bullets, Cell, Heading, Inline, Link, Page, Paragraph, Table
from reports.pages.found_entries import lines, loose, sharper, theorems
from reports.pages.found_lines import place
from reports.pages.found_tables import controls_blocks, measured_blocks, ranges_blocks
from reports.pages.ledger_graph import GREAT, RESULT, label, style_of
from reports.pages.ledger_rows import TITLES, Row, by_paper, link, rows, users
from reports.pages.reviewer import CATEGORIES, FIRM, ORDER
from reports.typeset import typeset
from verify.coverage import coverage
from verify.effects import effect_of
from verify.registry import claims

SHORT = {"misprint or conversion": "either"}
"""Categories in the head of a narrow column."""


def build(context: Context) -> Page:
    """The page, from the same run of the claims as the ledger."""
    found = rows(context)
    known = set(users(found))
    blocks: list[Block] = [
        *_opening(found),
        *controls_blocks(),
        Heading("What changes a theorem or a headline remark", id="found-theorems"),
        *theorems(found, known),
        Heading("Exponents that can be improved", id="found-exponents"),
        *sharper(found, known),
        Heading("Constants, step sizes, slips", id="found-constants"),
        lines(found, known, "constants", "What changes constants or a step of a proof; the exponents stay"),
        lines(found, known, "none", "Misprints and slips: the intended text is evident and nothing else changes"),
        *loose(found, known),
        Heading("Ranges of parameters", id="found-ranges"),
        *ranges_blocks(),
        Heading("Exponents measured in runs", id="found-measured"),
        *measured_blocks(),
        Heading("What holds, what is open", id="found-open"),
        *_holds(found),
        *_open(found, known),
    ]
    lead = "For the authors of the four papers: what to correct, what can be sharpened, what stands, what is open."
    return Page("found", "What we found", lead, tuple(blocks))


def _opening(found: Sequence[Row]) -> list[Block]:
    refuted = [row for row in found if row["verdict_printed"] == "refuted"]
    results = [row for row in found if GREAT.search(row["id"])]
    fallen = [row for row in results if row["verdict_printed"] == "refuted"]
    weighty = sum(style_of(row) == "theorem" for row in refuted)
    slips = sum(style_of(row) == "none" for row in refuted)
    return [
        Paragraph(
            f"{len(found)} statements of four papers were checked as printed. {len(refuted)} of them fail: {weighty} "
            f"change a theorem or a headline remark, {len(refuted) - weighty - slips} constants or a step of a proof, "
            f"and {slips} are slips. Of {len(results)} theorems and corollaries {len(fallen)} need another wording; "
            "with it, every one keeps its exponents. A counterexample certifiably meets every assumption and breaks "
            "the statement in two arithmetics; `bilevel-rates verify` with the `--replay` shown recomputes it. The "
            "name of a statement leads to its card: the statement in full, the whole evidence, and the charitable "
            "readings that were tried first. The word after a correction is the verdict on it. The text that we read "
            "is a machine conversion; where a symbol may have been lost in it the category says so. Papers: "
            + "; ".join(f"{number}, {title}" for number, title in TITLES.items())
            + "."
        ),
        _counts(found),
    ]


def _counts(found: Sequence[Row]) -> Table:
    """Claims by verdict as printed, and the refuted ones by category; a row per paper."""
    verdicts = [v for v in ORDER if any(row["verdict_printed"] == v for row in found)]
    body: list[list[Cell]] = []
    for paper, members in (*by_paper(found).items(), ("all", list(found))):
        by_verdict = Counter(row["verdict_printed"] for row in members)
        by_category = Counter(row["category"] for row in members)
        body.append([paper, len(members), *(by_verdict[v] for v in verdicts), *(by_category[c] for c in CATEGORIES)])
    columns = ("paper", "claims", *verdicts, *(SHORT.get(c, c) for c in CATEGORIES))
    caption = "Claims by verdict as printed, and the refuted ones by category (either: misprint or conversion)"
    return Table(columns, body, caption=caption, id="found-counts", groups=[len(body) - 1])


def _holds(found: Sequence[Row]) -> list[Block]:
    """What stands: counts, and the results by name."""
    items: list[Inline] = []
    for paper, members in by_paper(found).items():
        firm = sum(row["verdict_printed"] in FIRM for row in members)
        stand = [r for r in members if RESULT.search(r["id"]) and r["verdict_printed"] in (*FIRM, "supported")]
        words: list[str | Link | Badge] = [
            f"**Paper {paper}:** {firm} of {len(members)} are proved, exact or enclosed as printed. "
        ]
        words += ["Results that hold as printed: "] if stand else []
        for row in stand:
            words += [link(row["id"], label(row["id"], paper)), "." if row is stand[-1] else ", "]
        items.append(tuple(words))
    return [Bullets(items)]


def _open(found: Sequence[Row], known: Set[str]) -> list[Block]:
    """What of the evidence rests on words, on citations, on runs; and what could not be tested at all."""
    items: list[Inline] = [
        f"Not checked, {row['paper']} {place(row)}: {typeset(effect_of(row['id']).unchecked, known)}."
        for row in found
        if (effect_of(row["id"]).unchecked and row["verdict_printed"] == "refuted")
        or (effect_of(row["id"]).unchecked and effect_of(row["id"]).word == "constants")
    ]
    shut = [row for row in found if row["verdict_printed"] in ("untestable", "error")]
    state = coverage(c for c in claims() if c.paper != "user")
    number = sum(state.state(row.key) == "reason" for row in state.rows)
    later = [row.key for row in state.rows if state.state(row.key) == "deferred"]
    words: list[str | Link | Badge] = [f"Not testable ({len(shut)} claims): "] if shut else []
    for row in shut:
        words += [f"{row['paper']} ", link(row["id"], label(row["id"])), ", " if row is not shut[-1] else ". "]
    words.append(
        f"{number} numbered items have no claim, each for a reason given on the [reviewer's page](#reviewer): "
        "definitions and assumptions (certified on every instance), experiments, listings run by the tests."
        + (f" Open: {', '.join(later)}." if later else "")
    )
    return [Bullets([*items, tuple(words)])]
