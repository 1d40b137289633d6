"""The registry of the control, in the shape of the claims' one: a function returns Evidence, its docstring states it.

    @control("descent-lemma", mutant="0.49 L in place of L/2", change={"half": "49/100"})
    def descent(half: str = "1/2") -> Evidence:
        \"\"\"f(y) <= f(x) + <grad f(x), y - x> + (L/2)|y - x|^2 for L-smooth f.\"\"\"

Each statement is run twice: as it stands (it must pass) and mutated (it must be refuted). They are not claims about a
paper; they say how often the same machinery raises a false alarm, and how small a fault it finds.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module, resources
from typing import Any

from synthetic.errors import InputError
from verify.evidence import Evidence
from verify.registry import Claim

PASSES = ("proved", "exact", "enclosed", "supported")
MODULES = ("smooth", "convex", "probability", "bilevel")

_CONTROLS: dict[str, Claim] = {}


def control(
    name: str, *, mutant: str, change: Mapping[str, Any]
) -> Callable[[Callable[..., Evidence]], Callable[..., Evidence]]:
    """Register the decorated function as ``control:name`` with its one mutant."""

    def register(check: Callable[..., Evidence]) -> Callable[..., Evidence]:
        id = f"control:{name}"
        if id in _CONTROLS or not inspect.getdoc(check):
            raise InputError("name", name, "choose a free name and write the statement as the docstring")
        _CONTROLS[id] = Claim(id, check, (), {mutant: dict(change)})
        return check

    return register


@cache
def controls() -> tuple[Claim, ...]:
    """Every control, by topic."""
    for name in MODULES:
        import_module(f"verify.controls.{name}")
    return tuple(_CONTROLS.values())


def run_control(chosen: Claim) -> dict[str, Any]:
    """Both verdicts of a control: of the statement, and of its mutant, with the tightness of each."""
    ((mutant, change),) = chosen.mutants.items()
    good = chosen.run()
    # What a refutation of a claim needs as well: that a charitable reading was tried. A planted fault has none.
    bad = replace(chosen.run(**change), charitable="a planted fault: no reading saves it")
    return {
        "id": chosen.id,
        "statement": chosen.statement,
        "verdict": good.verdict_printed,
        "tightness": good.tightness,
        "mutant": mutant,
        "verdict_mutant": bad.verdict_printed,
        "excess": bad.tightness,
        "as_it_should": good.verdict_printed in PASSES and bad.verdict_printed == "refuted",
        "recorded": recorded().get(chosen.id) == [good.verdict_printed, bad.verdict_printed],
    }


@cache
def recorded() -> dict[str, list[str]]:
    """The recorded verdicts {id: [statement, mutant]} (written by ``python -m verify.controls.record``)."""
    file = resources.files("verify.controls").joinpath("recorded.json")
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}
