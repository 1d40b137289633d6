"""What of the papers is covered: every row of the inventory against the claims and the reasons for having none.

``inventory.csv`` lists the numbered statements of the papers with the line where each first stands, and statements in
proofs and running text that later results use. A row is closed by a claim that covers it, or by a line of
``reasons.csv`` that says why none is possible (or when: ``deferred: ..``), never by both.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from verify.registry import Claim

STATES = ("claimed", "reason", "deferred", "open")


@dataclass(frozen=True)
class Row:
    """One statement of a paper: ``key`` ("000 Lemma 3.1") is what claims name, ``line`` where it stands."""

    paper: str
    kind: str
    number: str
    line: int

    @property
    def key(self) -> str:
        return f"{self.paper} {self.kind} {self.number}"


@dataclass(frozen=True)
class Coverage:
    """Rows by what closes them, and what should not be there."""

    rows: tuple[Row, ...]
    claimed: dict[str, tuple[str, ...]]
    reasons: dict[str, str]

    def state(self, key: str) -> str:
        """``claimed``, ``reason``, ``deferred`` (a reason that names a later piece of work) or ``open``."""
        if key in self.claimed:
            return "claimed"
        if key not in self.reasons:
            return "open"
        return "deferred" if self.reasons[key].startswith("deferred") else "reason"

    @property
    def open(self) -> tuple[str, ...]:
        return tuple(row.key for row in self.rows if self.state(row.key) == "open")

    @property
    def twice(self) -> tuple[str, ...]:
        """Rows that a claim covers and a reason excuses."""
        return tuple(row.key for row in self.rows if row.key in self.claimed and row.key in self.reasons)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names in claims or reasons that the inventory lacks."""
        known = {row.key for row in self.rows}
        return tuple(key for key in (*self.claimed, *self.reasons) if key not in known)


@cache
def inventory() -> tuple[Row, ...]:
    """The rows of the inventory, in its order."""
    return tuple(Row(r["paper"], r["kind"], r["number"], int(r["line"])) for r in _read("inventory.csv"))


@cache
def reasons() -> dict[str, str]:
    """Why a row has no claim, by its key."""
    return {f"{r['paper']} {r['kind']} {r['number']}": r["reason"] for r in _read("reasons.csv")}


def coverage(chosen: Iterable[Claim]) -> Coverage:
    """The inventory against the claims ``chosen``."""
    claimed: dict[str, tuple[str, ...]] = {}
    for claim in chosen:
        for key in claim.covers:
            claimed[key] = (*claimed.get(key, ()), claim.id)
    return Coverage(inventory(), claimed, reasons())


def _read(name: str) -> list[dict[str, str]]:
    text = resources.files("verify.claims").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))
