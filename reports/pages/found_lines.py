"""What the page "What we found" says of one claim, cut from its evidence: a counterexample on one line, a bound."""

from __future__ import annotations

import re
from collections.abc import Set
from fractions import Fraction
from itertools import pairwise

from reports.cells import literal
from reports.page import anchor_of
from reports.pages.ledger_graph import label
from reports.pages.ledger_rows import Row
from reports.typeset import typeset
from verify.coverage import inventory
from verify.wording import is_rational

LONG = 110
"""Characters of an instance that are shown; the replay has all of it."""
SIGNS = {"<=": "≤", ">=": "≥", "==": "="}
BROKEN = {"≤": ">", "≥": "<", "=": "≠"}
"""What the two sides of a counterexample do instead."""


def counterexample(row: Row, long: int = LONG) -> str:
    """The first stored counterexample in plain characters: instance, both sides, and what was asked of them."""
    lines = [line.strip() for line in row["replay"]]
    if any(line.startswith("instance:") for line in lines):
        return _of_instance(lines, long)
    points = [(line[3:-1].strip(), after) for line, after in pairwise(lines) if re.match(r"at .*:$|at :$", line)]
    if not points:
        return ""
    point, value = points[0]
    size = re.sub(r" = .* in decimals", "", value.removeprefix("left - right = ").removesuffix(", not 0"))
    return f"{point + ': ' if point else ''}left − right = {_number(size)}, not 0"


def _of_instance(lines: list[str], long: int) -> str:
    def after(start: str) -> str:
        return next((line[len(start) :].strip() for line in lines if line.startswith(start)), "")

    left, right = (_number(after(f"{side} side")[1:].strip()) for side in ("left", "right"))
    relation = re.search(r"left (<=|>=|==) right", "\n".join(lines))
    wanted = SIGNS[relation[1]] if relation else "≤"
    instance = after("instance:")
    if len(instance) > long:
        instance = instance[: instance.rindex(", ", 0, long) if ", " in instance[:long] else long] + ", …"
    return f"{instance}: left = {left}, right = {right}, wanted left {wanted} right"


def _number(text: str) -> str:
    """A number of the replay: as it stands while short, else four digits; a vector or a formula as it stands."""
    bare = re.sub(r"^\[(\S+) \+/- .*\]$", r"\1", text.split(" (rounded", 1)[0])
    if len(bare) <= 9 and bare == text:
        return text
    try:
        value = float(Fraction(bare)) if is_rational(bare) else float(bare)
    except (ValueError, OverflowError):
        return bare
    return f"{value:.4g}"


def line_of(row: Row) -> str:
    """`` (line 287)``: where the first statement that a claim covers stands."""
    lines = {entry.key: entry.line for entry in inventory()}
    found = [lines[key] for key in row["covers"] if key in lines]
    return f" (line {min(found)})" if found else ""


def place(row: Row) -> str:
    """``Lemma C.1 (line 287)``, a link to the card."""
    return f"[{literal(label(row['id']))}](#{anchor_of(row['id'])}){line_of(row)}"


def shortly(words: str, long: str, known: Set[str]) -> str:
    """The short words of a judgement; without them the first paragraph of the evidence's own text."""
    return typeset(words or _first(long), known).rstrip(". ")


def _first(text: str) -> str:
    """The first paragraph without the line numbers, which :func:`place` names."""
    first = " ".join(re.split(r"\n\s*\n", text)[0].split())
    return re.sub(r" \(lines? [\d,;: -]+(and [\d-]+)?\)", "", first)


def outcome(row: Row) -> str:
    """Both sides of the first counterexample and how they compare: ``225/256 > 1/2``."""
    text = counterexample(row)
    sides = re.search(r"left = (.*), right = (.*), wanted left (.) right$", text)
    if sides:
        return f"{sides[1]} {BROKEN[sides[3]]} {sides[2]}"
    gap = re.search(r"left − right = (.*), not 0$", text)
    return f"left − right = {gap[1]}" if gap else "no instance"


def instances(row: Row) -> int | None:
    """How many instances the evidence rests on, corrected statement included."""
    count = sum(check.get("n", 0) for check in (row.get("checks") or []) + (row.get("checks_corrected") or []))
    return count or None
