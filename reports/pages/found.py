"""What we found: a paper-like page for the authors of the four papers. Every number on it comes from the evidence."""

from __future__ import annotations

from collections.abc import Sequence, Set

from reports.context import Context
from reports.page import Badge, Block, Bullets, Column, Heading, Inline, Link, Page, Paragraph, Prose, Table
from reports.pages.found_lines import (
    command,
    corrected,
    counterexample,
    improvement,
    instances,
    line_of,
    place,
    printed,
)
from reports.pages.found_tables import controls_blocks, measured_blocks, ranges_blocks
from reports.pages.ledger_graph import GREAT, RESULT, label, reached, style_of
from reports.pages.ledger_rows import TITLES, Row, by_paper, link, rows, users
from reports.pages.reviewer import FIRM, counts
from reports.typeset import typeset
from verify.coverage import coverage
from verify.effects import effect_of
from verify.registry import claims

GROUPS = (
    ("theorem", "What changes a theorem or a headline remark"),
    ("constants", "What changes constants, step sizes or a step of a proof; the exponents stay"),
    ("none", "Slips: the intended text is evident and nothing else changes"),
)

SHARPER = (
    ("exponent", "Exponents that can be improved, and how"),
    ("constants", "Constants that can be smaller, or that hide something"),
)


def build(context: Context) -> Page:
    """The page, from the same run of the claims as the ledger."""
    found = rows(context)
    direct = users(found)
    known = set(direct)
    blocks: list[Block] = [*_opening(found), Heading("Counts", id="found-counts"), *counts(found), *controls_blocks()]
    for paper, members in by_paper(found).items():
        blocks += [Heading(f"Paper {paper}: {TITLES[paper]}", id=f"found-{paper}")]
        blocks += _refuted(members, known, direct, paper)
        blocks += _sharper(members, known)
        blocks += _holds(members, paper)
        blocks += _unchecked(members, known)
    blocks += [Heading("Ranges of parameters", id="found-ranges"), *ranges_blocks()]
    blocks += [Heading("Exponents measured in runs", id="found-measured"), *measured_blocks()]
    blocks += [Heading("What could not be tested", id="found-untested"), *_untested(found, known)]
    lead = "For the authors of the four papers: what to correct, what can be sharpened, what stands, what is open."
    return Page("found", "What we found", lead, tuple(blocks))


def _opening(found: Sequence[Row]) -> list[Block]:
    refuted = [row for row in found if row["verdict_printed"] == "refuted"]
    theorems = [row for row in found if GREAT.search(row["id"])]
    fallen = [row for row in theorems if row["verdict_printed"] == "refuted"]
    weighty = sum(style_of(row) == "theorem" for row in refuted)
    slips = sum(style_of(row) == "none" for row in refuted)
    return [
        Paragraph(
            f"{len(found)} statements of four papers were checked as printed. {len(refuted)} of them fail: {weighty} "
            f"change a theorem or a headline remark, {len(refuted) - weighty - slips} constants or a step of a proof, "
            f"and {slips} are slips. Of {len(theorems)} theorems and corollaries {len(fallen)} need another wording; "
            "with it, every one keeps its exponents. Each failure below comes with the corrected statement and the "
            "verdict on that, with a counterexample that certifiably meets the assumptions, and with the command that "
            "recomputes it. The name of a statement leads to its card: the whole evidence, and the charitable readings "
            "that were tried first."
        ),
        Paragraph(
            "The text that we read is a machine conversion. Where a symbol may have been lost in it, the "
            "category says so (misprint or conversion). Papers are named by their numbers: "
            + "; ".join(f"{number}, {title}" for number, title in TITLES.items())
            + "."
        ),
    ]


def _refuted(members: Sequence[Row], known: Set[str], direct: dict[str, list[str]], paper: str) -> list[Block]:
    blocks: list[Block] = []
    for word, title in GROUPS:
        kept = [row for row in members if row["verdict_printed"] == "refuted" and style_of(row) == word]
        kept.sort(key=lambda row: (not RESULT.search(row["id"]), -len(reached(row["id"], direct))))
        if kept:
            blocks.append(Heading(title, level=4))
            blocks.append(_slips(kept, known, paper) if word == "none" else _failures(kept, known, direct))
    return blocks


def _failures(kept: Sequence[Row], known: Set[str], direct: dict[str, list[str]]) -> Bullets:
    """An entry each: as printed, corrected, broken at, effect, replayed by."""
    return Bullets(
        [
            (
                link(row["id"], label(row["id"])),
                f"{line_of(row)}, {row['category']}. **As printed:** {printed(row, known)}. "
                f"**Corrected:** {corrected(row, known)}. **Breaks at** {_code(counterexample(row))}. "
                f"{_effect(row, known, direct)} {_code(command(row))}",
            )
            for row in kept
        ]
    )


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`" if text else "(no instance)"


def _effect(row: Row, known: Set[str], direct: dict[str, list[str]]) -> str:
    ends = ", ".join(label(user, row["paper"]) for user in reached(row["id"], direct, GREAT))
    words = typeset(row["downstream"], known) or "none stated"
    return f"**Effect.** {words}" + (f" Rests on it: {ends}." if ends else "")


def _slips(kept: Sequence[Row], known: Set[str], paper: str) -> Table:
    columns = (
        Column("statement, and what replays it", wrap=True),
        Column("should read", wrap=True),
        Column("breaks at", wrap=True),
    )
    body = [
        (
            Prose(f"{place(row)}, {row['category']} {_code(command(row))}"),
            Prose(corrected(row, known)),
            Prose(_code(counterexample(row, 70))),
        )
        for row in kept
    ]
    return Table(columns, body, caption=f"{len(kept)} slips", id=f"found-{paper}-none", row_header=False)


def _sharper(members: Sequence[Row], known: Set[str]) -> list[Block]:
    """Statements that hold and could say more: exponents first."""
    holding = [row for row in members if row["verdict_printed"] != "refuted"]
    blocks: list[Block] = []
    for word, title in SHARPER:
        kept = [row for row in holding if effect_of(row["id"]).word == word]
        if kept:
            blocks += [Heading(title, level=4), Bullets([_sharper_entry(row, known) for row in kept])]
    return blocks


def _sharper_entry(row: Row, known: Set[str]) -> Inline:
    facts = [f"{instances(row)} instances" if instances(row) else ""]
    if row["tightness"] is not None:
        facts.append(f"largest left/right of the printed bound {row['tightness']:.3g}")
    verdict = row["verdict_corrected"] or row["verdict_printed"]
    words = f"{line_of(row)}, **{row['verdict_printed']}** as printed. {improvement(row, known)} "
    words += f"(**{verdict}**; {'; '.join(filter(None, facts))})."
    if row["downstream"]:
        words += f" **What follows:** {typeset(row['downstream'], known)}"
    if effect_of(row["id"]).unchecked:
        words += f" **How firm:** {typeset(effect_of(row['id']).unchecked, known)}."
    return link(row["id"], label(row["id"])), words


def _holds(members: Sequence[Row], paper: str) -> list[Block]:
    """What stands: counts, the results by name, the bounds that are attained."""
    firm = [row for row in members if row["verdict_printed"] in FIRM]
    results = [row for row in members if RESULT.search(row["id"]) and row["verdict_printed"] in (*FIRM, "supported")]
    tight = [row for row in firm if row["tightness"] is not None and 1 - 1e-9 <= row["tightness"] <= 1 + 1e-9]
    words: list[str | Link | Badge] = [f"{len(firm)} of {len(members)} are proved, exact or enclosed as printed. "]
    words += _listed("Results that hold as printed: ", results, paper)
    words += _listed("Attained, so that the constant cannot be smaller: ", tight, paper)
    return [Heading("What holds", level=4), Paragraph(tuple(words))]


def _listed(title: str, kept: Sequence[Row], paper: str) -> list[str | Link | Badge]:
    if not kept:
        return []
    words: list[str | Link | Badge] = [title]
    for row in kept:
        words += [link(row["id"], label(row["id"], paper)), ". " if row is kept[-1] else ", "]
    return words


def _unchecked(members: Sequence[Row], known: Set[str]) -> list[Block]:
    """What of the evidence rests on words, on citations, on runs."""
    items: list[Inline] = [
        f"{place(row)}: {typeset(effect_of(row['id']).unchecked, known)}."
        for row in members
        if effect_of(row["id"]).unchecked and (row["verdict_printed"] == "refuted" or not effect_of(row["id"]).word)
    ]
    return [Heading("What was not checked", level=4), Bullets(items)] if items else []


def _untested(found: Sequence[Row], known: Set[str]) -> list[Block]:
    state = coverage(c for c in claims() if c.paper != "user")
    items: list[Inline] = [
        f"{place(row)}, paper {row['paper']}: "
        f"{typeset(row.get('untestable') or row.get('error') or '', known).rstrip('. ')}."
        for row in found
        if row["verdict_printed"] in ("untestable", "error")
    ]
    number = sum(state.state(row.key) == "reason" for row in state.rows)
    later = [row.key for row in state.rows if state.state(row.key) == "deferred"]
    items.append(
        f"{number} numbered items have no claim, each for a reason given on the [reviewer's page](#reviewer): "
        "definitions and assumptions (certified on every instance), experiments, listings run by the tests."
    )
    if later:
        items.append(f"Open: {', '.join(later)}.")
    return [Bullets(items)]
