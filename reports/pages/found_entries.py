"""Refuted and improvable statements on "What we found": an entry each for what changes a theorem, else a line."""

from __future__ import annotations

from collections.abc import Sequence, Set

from reports.cells import literal
from reports.page import Block, Bullets, Column, Heading, Inline, Prose, Table
from reports.pages.found_lines import counterexample, instances, line_of, outcome, place, shortly
from reports.pages.ledger_graph import RESULT, label, style_of
from reports.pages.ledger_rows import Row, by_paper, link
from reports.typeset import typeset
from verify.effects import effect_of


def command(row: Row) -> str:
    """What replays the counterexample, without the program's name."""
    return f"--replay {row['id']}"


def refuted(found: Sequence[Row], word: str) -> list[Row]:
    """The refuted claims with this effect, paper by paper, results first, then in the order of the paper."""
    kept = [row for row in found if row["verdict_printed"] == "refuted" and style_of(row) == word]
    return sorted(kept, key=lambda row: (row["paper"], not RESULT.search(row["id"])))


def theorems(found: Sequence[Row], known: Set[str]) -> list[Block]:
    """An entry each: as printed, corrected, broken at, effect, replayed by."""
    blocks: list[Block] = []
    for paper, members in by_paper(refuted(found, "theorem")).items():
        blocks += [Heading(f"Paper {paper}", level=4), Bullets([_entry(row, known) for row in members])]
    return blocks


def _entry(row: Row, known: Set[str]) -> Inline:
    effect, verdict = effect_of(row["id"]), row["verdict_corrected"]
    words = f"{line_of(row)}, {row['category']}. **Printed:** {shortly(effect.printed, row['statement'], known)}. "
    words += f"**Corrected:** {shortly(effect.corrected, row['correction'], known)} "
    words += f"({f'**{verdict}**' if verdict else 'not checked as a whole'}). "
    words += f"**Breaks at** {code(counterexample(row, 48))}. "
    words += f"**Effect:** {shortly(effect.follows, row['downstream'], known) or 'none'}. {code(command(row))}"
    return link(row["id"], label(row["id"])), words


def code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`" if text else "(no instance)"


def lines(found: Sequence[Row], known: Set[str], word: str, caption: str) -> Table:
    """A line each: the statement and its replay, as printed, what it should read, both sides of the counterexample."""
    columns = (
        Column("statement", wrap=True),
        Column("as printed", wrap=True),
        Column("should read", wrap=True),
        Column("verdict on that"),
        Column("breaks with", wrap=True),
    )
    kept = refuted(found, word)
    body = [
        (
            Prose(f"{row['paper']} {place(row)} {code(command(row))}"),
            Prose(shortly(effect_of(row["id"]).printed, row["statement"], known) + _kind(row, word)),
            Prose(shortly(effect_of(row["id"]).corrected, row["correction"], known)),
            row["verdict_corrected"] or "none",
            Prose(literal(outcome(row))),
        )
        for row in kept
    ]
    groups = [i for i in range(1, len(kept)) if kept[i]["paper"] != kept[i - 1]["paper"]]
    return Table(columns, body, caption=caption, id=f"found-table-{word}", row_header=False, groups=groups)


def _kind(row: Row, word: str) -> str:
    """The category, where it says more than the table's caption."""
    usual = "false" if word == "constants" else "misprint"
    return "" if row["category"] == usual else f" ({row['category']})"


def sharper(found: Sequence[Row], known: Set[str]) -> list[Block]:
    """Exponents that can be improved: the printed power, the true one, what follows, and how firm that is."""
    items: list[Inline] = []
    for row in found:
        effect = effect_of(row["id"])
        if row["verdict_printed"] == "refuted" or effect.word != "exponent":
            continue
        facts = [f"{instances(row)} instances" if instances(row) else ""]
        if row["tightness"] is not None:
            facts.append(f"largest left/right of the printed bound {row['tightness']:.3g}")
        words = f", paper {row['paper']}{line_of(row)}, **{row['verdict_printed']}** as printed: "
        words += f"{shortly(effect.printed, row['statement'], known)}. **Can be:** "
        words += f"{shortly(effect.corrected, row['correction'], known)} "
        words += f"(**{row['verdict_corrected'] or row['verdict_printed']}**; {'; '.join(filter(None, facts))})"
        words += "".join(f"; {typeset(more, known)}" for more in (effect.follows, effect.unchecked) if more)
        items.append((link(row["id"], label(row["id"])), f"{words}."))
    return [Bullets(items)] if items else []


def loose(found: Sequence[Row], known: Set[str]) -> list[Block]:
    """Statements that hold with constants that can be smaller, or that hide something: a line each."""
    kept = [r for r in found if r["verdict_printed"] != "refuted" and effect_of(r["id"]).word == "constants"]
    if not kept:
        return []
    body = [
        (
            Prose(f"{row['paper']} {place(row)}"),
            Prose(shortly(effect_of(row["id"]).printed, row["statement"], known)),
            Prose(shortly(effect_of(row["id"]).corrected, row["correction"] or row["notes"], known)),
            row["verdict_corrected"] or row["verdict_printed"],
        )
        for row in kept
    ]
    columns = (
        Column("statement", wrap=True), Column("printed, and holds", wrap=True),
        Column("can be, or hides", wrap=True), "verdict on that",
    )  # fmt: skip
    groups = [i for i in range(1, len(kept)) if kept[i]["paper"] != kept[i - 1]["paper"]]
    caption = "Statements that hold: constants that can be smaller, and what they hide"
    return [Table(columns, body, caption=caption, id="found-table-loose", row_header=False, groups=groups)]
