"""The claims as rows: each run once for the whole report, with what the ledger's pages need to know about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reports.commands.verify import rows_of
from reports.context import Context
from reports.page import Badge, Link, anchor_of
from verify.coverage import inventory
from verify.registry import PAPERS, Claim, claims

Row = dict[str, Any]
"""What `bilevel-rates verify --json` writes for a claim."""

TITLES = {
    "000": "Faster Gradient Methods for Highly-smooth Stochastic Bilevel Optimization",
    "001": "Near-Optimal Fully First-Order Algorithms for Finding Stationary Points in Bilevel Optimization",
    "003": "Achieving O(ε^-1.5) Complexity in Hessian/Jacobian-free Stochastic Bilevel Optimization",
    "004": "Bilevel Optimization under Unbounded Smoothness",
}
NAMES = {number: name for name, number in PAPERS.items()}
_RUN: dict[tuple[str, str], Row] = {}


def rows(context: Context, chosen: Sequence[Claim] | None = None) -> list[Row]:
    """Rows of the claims ``chosen`` (default: all of the papers), in the order in which the papers state them.

    What has run in this process at this level is not run again: pages share their claims.
    """
    wanted = list(claims() if chosen is None else chosen)
    wanted = sorted((c for c in wanted if c.paper != "user"), key=_place)
    missing = [c for c in wanted if (context.level, c.id) not in _RUN]
    for row in rows_of(missing, context.level, context.jobs):
        _RUN[context.level, row["id"]] = row
    return [_RUN[context.level, c.id] for c in wanted]


def _place(claim: Claim) -> tuple[str, int]:
    """The paper and the line where the first statement that a claim covers stands."""
    lines = {row.key: row.line for row in inventory()}
    return claim.paper, min((lines.get(key, 0) for key in claim.covers), default=0)


def by_paper(found: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows grouped by paper, papers in order."""
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(row["paper"], []).append(row)
    return dict(sorted(groups.items()))


def short(id: str) -> str:
    """The part of an id that names the statement: ``lemma-C.1``."""
    return id.split(":", 1)[1]


def link(id: str, words: str = "") -> Link:
    """A jump to the card of a claim."""
    return Link(words or id, anchor_of(id))


def badge(verdict: str | None) -> Badge | None:
    return Badge(verdict) if verdict else None


def numbers(row: Row) -> str:
    """The statements of the paper that a claim covers, without the paper: ``Lemma B.4, Equation 9``."""
    return ", ".join(key.split(" ", 1)[1] for key in row["covers"])


def users(found: Sequence[Row]) -> dict[str, list[str]]:
    """For each claim the claims that use it directly, in the ledger's order."""
    direct: dict[str, list[str]] = {row["id"]: [] for row in found}
    for row in found:
        for used in row["uses"]:
            if used in direct:
                direct[used].append(row["id"])
    return direct


def descendants(id: str, direct: dict[str, list[str]]) -> list[str]:
    """All claims that use ``id``, directly or through others, nearest first."""
    found: list[str] = []
    wave = list(direct.get(id, ()))
    while wave:
        new = [i for i in dict.fromkeys(wave) if i not in found and i != id]
        found += new
        wave = [user for i in new for user in direct.get(i, ())]
    return found
