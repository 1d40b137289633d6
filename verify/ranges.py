"""Ranges of parameters: for a printed bound on a step size or parameter, the largest value that still works.

A lemma asks, say, eta <= 1/L. Its inequality is evaluated on certified instances with the parameter at ``share`` times
the printed bound; ``share`` climbs a grid and the first failure is bisected, in the arithmetic of the row. What is
found is an upper bound of the true range (over the instances tried) and is attained by the instance shown; a share
below 1 says that the printed range is too wide, a share of exactly 1 that it is sharp.

Rows stand in ``verify/range_rows``, one module a paper; ``ranges()`` gives them as plain dictionaries.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import import_module
from typing import Any

from synthetic.errors import InputError
from verify.evidence import ARITHMETICS, Arithmetic, Evaluate, Instance
from verify.wording import show

COLUMNS = ("paper", "statement", "parameter", "printed", "largest", "ratio", "how", "instance")
GRID = tuple(Fraction(n, 16) for n in (1, 2, 4, 8, 12, 15, 16, 17, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256))
"""Shares of the printed bound that are tried in this order, up to the row's ``cap``."""
STEPS = 30
"""Bisections: the share is known to 2^-30 of the interval between two points of the grid."""


@dataclass(frozen=True)
class Range:
    """A printed range and the inequality that needs it.

    ``sides(instance, arithmetic)`` reads ``instance["share"]``, the parameter in units of its printed bound, and
    certifies every other assumption of the statement. ``printed`` and ``parameter`` are text. ``start``: the first
    share tried, 1 where a smaller parameter fails as well (a rate of contraction).
    """

    paper: str
    statement: str
    parameter: str
    printed: str
    sides: Evaluate
    instances: Sequence[Instance]
    arithmetic: Arithmetic = "rational"
    start: Fraction = GRID[0]
    cap: Fraction = GRID[-1]
    note: str = ""

    def holds(self, instance: Instance, share: Fraction) -> bool:
        sides = self.sides(instance | {"share": str(share)}, self.arithmetic)
        if not sides.admissible:
            missed = [k for k, v in sides.assumptions.items() if not v]
            raise InputError("instance", instance, f"range of {self.statement}: it misses the assumptions {missed}")
        return sides.holds(self.arithmetic) is not False

    def share(self, instance: Instance, below: Fraction | None = None) -> Fraction | None:
        """The largest share that holds, with every one tried below it; None when no failure is found up to the cap.

        ``below``: what another instance gave; a failure from there on is of no interest.
        """
        good = Fraction(0)
        for tried in (s for s in GRID if self.start <= s <= self.cap):
            if below is not None and tried > below and good >= below:
                return None
            if not self.holds(instance, tried):
                return self._bisect(instance, good, tried)
            good = tried
        return None

    def _bisect(self, instance: Instance, good: Fraction, bad: Fraction) -> Fraction:
        for _ in range(STEPS):
            middle = (good + bad) / 2
            if self.holds(instance, middle):
                good = middle
            else:
                bad = middle
        return good

    def row(self) -> dict[str, Any]:
        """The row of the table: ``ratio`` = largest share that holds for all instances, None when none failed."""
        best: Fraction | None = None
        where: Instance | None = None
        for instance in self.instances:
            found = self.share(instance, best)
            if found is not None and (best is None or found < best):
                best, where = found, instance
        how = f"bisection, {ARITHMETICS[self.arithmetic]}, {len(self.instances)} instances"
        how = how if best is not None else f"no failure up to {show(self.cap)} times the printed bound, {how[11:]}"
        return dict(zip(COLUMNS, (
            self.paper, self.statement, self.parameter, self.printed, _largest(best, self.cap),
            None if best is None else float(best), how + (f"; {self.note}" if self.note else ""),
            "" if where is None else show(where),
        ), strict=True))  # fmt: skip


def _largest(share: Fraction | None, cap: Fraction) -> str:
    return f"over {show(cap)} times the printed" if share is None else f"{float(share):.6g} times the printed"


@cache
def registered() -> tuple[Range, ...]:
    """Every range, in the order of the papers (``verify/range_rows``, each module with its ``RANGES``)."""
    package = import_module("verify.range_rows")
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__, "verify.range_rows."))
    return tuple(r for name in names for r in import_module(name).RANGES)


@dataclass(frozen=True)
class Unrowed:
    """A printed condition on a step size or parameter without a row, and why no inequality decides it."""

    paper: str
    printed: str
    line: str
    why: str


UNROWED = (
    Unrowed("000", "(5): ν, η_x, η_y, S, K, T", "157", "orders only; the constants of the proof have rows"),
    Unrowed("000", "ε ≤ c√(L_1 Δ), Theorem F.1", "518", "c is not given"),
    Unrowed("001", "λ ≥ 2L_f/μ in Lemmas B.3 to B.5, B.7, C.1 to C.3, 4.1, 5.1", "153",
            "used through Lemmas B.1, B.2 and B.6, which have rows"),
    Unrowed("001", "λ ≍ max{..}, Theorems 4.1 and 5.1", "230", "orders only"),
    Unrowed("001", "(7): ι ≥ 1 and δ ≥ (L√d/√(ρε)) ι² 2^{8-ι}; r, 𝒯", "216",
            "serve the escape from saddles, which is cited from [39]; δ ≤ L√d/√(ρε) means ι ≥ 16"),
    Unrowed("001", "(8): min{1/(20ι²), 1/(16 ι^2 2^{ι})} ε", "220",
            "serves the same cited escape; the second entry is always the smaller (f2ba:eq-8)"),
    Unrowed("003", "w, c_β, c_λ, c_ηf, c_ηR, c_ηg", "216", "stand in an appendix that the text lacks"),
    Unrowed("003", "γ_t', δ_t' > 0, Proposition 3", "208", "no bound is printed"),
    Unrowed("004", "1 - β ≤ μ²/(16σ_g2²) and 1/4 of (75)", "8018",
            "they are ν ≤ μ/(16σ_g2²) and ν ≤ 1/(4μ), with rows"),
    Unrowed("004", "ε² ≤ noise · min(1, μ²/(32C²)), (75)", "8018", "not used in the proof (bo_rep:eq-75)"),
    Unrowed("004", "I of (75), λ of (38) and (46)", "4530", "no range: formulas, checked by the claims"),
)  # fmt: skip
"""What a search of the texts for conditions on step sizes and parameters found beyond the rows."""


def ranges(paper: str | None = None) -> list[dict[str, Any]]:
    """One dictionary a printed range with the keys ``COLUMNS``; ``ratio`` is None where no failure was found."""
    return [r.row() for r in registered() if paper is None or r.paper == paper]
