"""The ledger: every numbered statement as printed, its verdict, and a card with the whole evidence."""

from __future__ import annotations

from collections.abc import Sequence

from reports.context import Context
from reports.page import Badge, Block, Bullets, Column, Heading, Page, Paragraph, Table
from reports.pages.ledger_cards import card
from reports.pages.ledger_rows import NAMES, TITLES, Row, badge, by_paper, link, numbers, rows, users

LEGEND = (
    ("proved", "a symbolic residual, recomputed, is zero"),
    ("exact", "both sides in rational arithmetic on every instance named; the adversary found none that breaks it"),
    ("enclosed", "both sides in ball arithmetic, the relation certain"),
    ("supported", "floating arithmetic or statistics, with the number of instances and seeds"),
    ("refuted", "an instance that certifiably meets every assumption breaks it in two arithmetics"),
    ("untestable", "with the reason"),
)


def table(found: Sequence[Row], paper: str) -> Table:
    """One line a claim of ``paper``."""
    columns = (
        "claim",
        Column("in the paper", wrap=True),
        "as printed",
        "corrected",
        "category",
        Column("largest left/right", ".3g"),
    )
    body = [
        (
            link(row["id"]),
            numbers(row),
            Badge(row["verdict_printed"]),
            badge(row["verdict_corrected"]),
            row["category"],
            row["tightness"],
        )
        for row in found
    ]
    caption = (
        f"{len(body)} claims on paper {paper}; above 1 the statement is broken, below 1 the number is its tightness"
    )
    return Table(columns, body, caption=caption, id=f"ledger-{NAMES.get(paper, paper)}")


def build(context: Context) -> Page:
    """Run what has not run yet and write the ledger with its cards."""
    found = rows(context)
    direct = users(found)
    blocks: list[Block] = [
        Paragraph(
            "A claim is one statement as the paper prints it, and a function that evaluates both of its sides. The "
            "verdict follows from the evidence; nobody passes it. A statement with several checks is as strong as "
            "the weakest. `bilevel-rates verify --replay` with the name of a claim recomputes its counterexample "
            "step by step."
        ),
        Bullets([(Badge(word), f" {meaning}.") for word, meaning in LEGEND]),
    ]
    groups = by_paper(found)
    for paper, members in groups.items():
        blocks += [Heading(f"Paper {paper}", id=f"ledger-paper-{paper}")]
        blocks += [Paragraph(f"{TITLES[paper]}."), table(members, paper)]
    for paper, members in groups.items():
        blocks += [Heading(f"Cards of paper {paper}", id=f"cards-{paper}"), *(card(row, direct) for row in members)]
    lead = "Every statement of the papers looked up as printed: does it hold, how tight is it, and if not, what does?"
    return Page("ledger", "Claims ledger", lead, tuple(blocks))
