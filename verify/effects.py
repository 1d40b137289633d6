"""What a refuted or improvable statement does to the theorems: ``claims/effects.csv``, a judgement with its word.

    theorem    a theorem or a headline remark must be stated anew, or is not proved as printed
    exponent   the statement holds, but a smaller exponent does too
    constants  a lemma, a step size or a constant changes; every theorem keeps its exponents
    none       a slip: nothing else depends on it

Every refuted claim has a row; a claim that holds has one when its bound can be improved. ``unchecked`` says what of
the claim rests on words, on a citation or on what was only seen. ``printed``, ``corrected`` and ``follows`` say in a
line what the page "What we found" prints of it: the place at fault, what it should be (or could be, where the claim
holds), and what that does to later results. They are words; the numbers of a verdict or a counterexample are the
evidence's.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

EFFECTS = ("theorem", "exponent", "constants", "none")
"""In order of importance."""


@dataclass(frozen=True)
class Effect:
    """``word``: one of :data:`EFFECTS`, or empty where no judgement is on file."""

    word: str = ""
    unchecked: str = ""
    printed: str = ""
    corrected: str = ""
    follows: str = ""


@cache
def effects() -> dict[str, Effect]:
    """The judgements by claim id."""
    text = resources.files("verify.claims").joinpath("effects.csv").read_text("utf-8")
    columns = ("effect", "unchecked", "printed", "corrected", "follows")
    return {row["id"]: Effect(*(row[name] for name in columns)) for row in csv.DictReader(text.splitlines())}


def effect_of(id: str) -> Effect:
    """The judgement on a claim; a claim without one has none."""
    return effects().get(id, Effect())
