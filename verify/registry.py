"""The registry of claims: one function = one statement. Adding a claim is one decorated function.

    @claim("f2sa_p:lemma-C.1", covers=["000 Lemma C.1"], mutants={"flipped sign": {"sign": -1}})
    def lemma_c1(sign: int = 1) -> Evidence:
        \"\"\"The statement, as printed.\"\"\"
        ...

``covers`` names rows of the inventory (paper kind number). ``mutants``: keyword arguments that turn the statement
under test into a wrong one; each must come out broken (there is one test for all of them).
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from synthetic.errors import InputError, MissingExtra
from verify.evidence import Evidence

PAPERS = {"f2sa_p": "000", "f2ba": "001", "fdehbo": "003", "bo_rep": "004"}


@dataclass(frozen=True)
class Claim:
    """One statement of a paper and the function that gathers its evidence."""

    id: str
    check: Callable[..., Evidence]
    covers: tuple[str, ...]
    mutants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    extra: str = ""

    @property
    def paper(self) -> str:
        return PAPERS.get(self.id.split(":")[0], "user")

    @property
    def statement(self) -> str:
        return inspect.getdoc(self.check) or ""

    def run(self, level: str = "quick", **mutation: Any) -> Evidence:
        """Gather the evidence; ``level`` is passed on to claims that distinguish quick from full."""
        if "level" in inspect.signature(self.check).parameters:
            mutation = {"level": level, **mutation}
        return self.check(**mutation)


_CLAIMS: dict[str, Claim] = {}


def claim(
    id: str,
    *,
    covers: Iterable[str],
    mutants: Mapping[str, Mapping[str, Any]],
    uses: Iterable[str] = (),
) -> Callable[[Callable[..., Evidence]], Callable[..., Evidence]]:
    """Register the decorated function as a claim (its docstring is the statement as printed)."""

    def register(check: Callable[..., Evidence]) -> Callable[..., Evidence]:
        if id in _CLAIMS and _CLAIMS[id].check.__module__ != check.__module__:
            raise InputError("id", id, f"already taken by {_CLAIMS[id].check.__module__}")
        if ":" not in id or not inspect.getdoc(check):
            raise InputError("id", id, "use PAPER:statement, and write the statement as the docstring")
        _CLAIMS[id] = Claim(id, check, tuple(covers), dict(mutants), tuple(uses))
        return check

    return register


@cache
def _load() -> None:
    package = importlib.import_module("verify.claims")
    for module in sorted(m.name for m in pkgutil.walk_packages(package.__path__, "verify.claims.")):
        importlib.import_module(module)


def claims(paper: str | None = None, pattern: str | None = None) -> list[Claim]:
    """All claims, or those of one paper ("000" or "f2sa_p"), or those whose id is (or starts with) ``pattern``."""
    _load()
    found = list(_CLAIMS.values())
    if paper is not None:
        number = PAPERS.get(paper, paper)
        if number not in {*PAPERS.values(), "user"}:
            raise InputError("paper", paper, f"choose one of {', '.join([*PAPERS, *PAPERS.values()])}")
        found = [c for c in found if c.paper == number]
    if pattern is not None:
        matching = [c for c in found if c.id == pattern] or [c for c in found if c.id.startswith(pattern)]
        if not matching:
            raise InputError("claim", pattern, "see `bilevel-rates list claims` for the ids")
        found = matching
    return found


@cache
def recorded() -> dict[str, list[str | None]]:
    """The recorded verdicts {id: [printed, corrected]} that a run is compared with."""
    return json.loads(resources.files("verify.claims").joinpath("recorded.json").read_text("utf-8"))


@dataclass(frozen=True)
class Outcome:
    """One claim run: its evidence (or why it could not run), seconds, and whether the verdict is the recorded one."""

    claim: Claim
    evidence: Evidence | None
    seconds: float
    error: str = ""
    missing: bool = False
    """The claim needs an optional package that is not installed; ``error`` says which."""

    @property
    def verdicts(self) -> list[str | None]:
        if self.evidence is None:
            return ["error", None]
        return [self.evidence.verdict_printed, self.evidence.verdict_corrected]

    @property
    def as_recorded(self) -> bool:
        """A user's own claim has no record to deviate from: it is as recorded when it ran."""
        if self.claim.paper == "user":
            return self.evidence is not None
        return self.verdicts == recorded().get(self.claim.id)

    def as_dict(self) -> dict[str, Any]:
        head = {"id": self.claim.id, "paper": self.claim.paper, "statement": self.claim.statement}
        body = self.evidence.as_dict() if self.evidence is not None else _failed(self.error)
        return (
            head
            | body
            | {
                "covers": list(self.claim.covers),
                "uses": list(self.claim.uses),
                "recorded": recorded().get(self.claim.id),
                "as_recorded": self.as_recorded,
                "seconds": round(self.seconds, 3),
            }
        )


def _failed(error: str) -> dict[str, Any]:
    keys = ("verdict_corrected", "category", "method", "tightness")
    return {"verdict_printed": "error", **dict.fromkeys(keys), "error": error}


def run_claim(claim: Claim, level: str = "quick") -> Outcome:
    """Run one claim; a claim that raises is an outcome with an error, never a traceback for the user."""
    start = time.perf_counter()
    try:
        return Outcome(claim, claim.run(level), time.perf_counter() - start)
    except MissingExtra as problem:
        return Outcome(claim, None, time.perf_counter() - start, str(problem), missing=True)
    except Exception as problem:  # a claim, a user's above all, may raise anything
        return Outcome(claim, None, time.perf_counter() - start, f"{type(problem).__name__}: {problem}")
