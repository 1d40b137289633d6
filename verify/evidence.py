"""Evidence: what was measured for a statement, and the verdict that follows from it.

The author of a claim writes down the statement and how to evaluate both of its sides on an instance; nobody passes
a verdict. It is derived here, from checks that all keep enough to be recomputed:

    proved      a symbolic residual, recomputed, is zero (assumptions stated)
    exact       both sides in rational arithmetic on a stated class of instances
    enclosed    both sides in ball arithmetic, the relation certain
    supported   n instances in floating arithmetic, with the largest ratio left/right as tightness
    refuted     a serialised instance that certifiably meets every assumption and breaks the statement in two
                arithmetics, after the charitable reading was tried
    untestable  why
    inconclusive  a check failed, but what failed does not qualify as a refutation (the evidence says what is missing)

A statement with several checks is as strong as its weakest one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, Protocol

import sympy as sp

from synthetic.errors import InputError
from verify.wording import decimal, is_rational, show

Verdict = Literal["proved", "exact", "enclosed", "supported", "refuted", "untestable", "inconclusive"]
Category = Literal["misprint", "false", "conversion", "misprint or conversion"]
Arithmetic = Literal["rational", "mpmath", "float", "arb"]
ARITHMETICS = {
    "rational": "exact rationals",
    "mpmath": "decimals (mpmath)",
    "float": "double precision",
    "arb": "ball arithmetic (Arb)",
}
Relation = Literal["<=", "==", ">="]
Instance = dict[str, Any]
"""One instance, JSON-serialisable: numbers as ints, floats or strings such as "3/7"."""

STRENGTH: tuple[Verdict, ...] = ("supported", "enclosed", "exact", "proved")
KIND: dict[str, Verdict] = {"rational": "exact", "arb": "enclosed", "mpmath": "supported", "float": "supported"}


@dataclass(frozen=True)
class Sides:
    """Both sides of a statement on one instance, and whether the instance meets each assumption.

    ``tolerance``: relative slack for floating arithmetic only (round-off, or the stated tolerance of a measurement).
    ``steps``: named intermediate values, shown by a replay.
    ``within``: the right side is the tolerance of a measurement, not a bound, so their ratio says nothing on tightness.
    """

    lhs: Any
    relation: Relation
    rhs: Any
    assumptions: Mapping[str, bool] = field(default_factory=dict)
    tolerance: float = 0.0
    steps: Mapping[str, Any] = field(default_factory=dict)
    within: bool = False

    @property
    def admissible(self) -> bool:
        return all(bool(v) for v in self.assumptions.values())

    def holds(self, arithmetic: Arithmetic) -> bool | None:
        """True / False when certain in this arithmetic, None when balls overlap."""
        lhs, rhs = self.lhs, self.rhs
        if arithmetic == "rational":
            lhs, rhs = Fraction(lhs), Fraction(rhs)
            return {"<=": lhs <= rhs, "==": lhs == rhs, ">=": lhs >= rhs}[self.relation]
        if arithmetic == "arb":
            if self.relation == "==":
                return None if lhs.overlaps(rhs) else False
            low, high = (lhs, rhs) if self.relation == "<=" else (rhs, lhs)
            return True if low <= high else (False if low > high else None)
        slack = self.tolerance * max(abs(lhs), abs(rhs))
        if self.relation == "==":
            return bool(abs(lhs - rhs) <= slack)
        return bool(lhs <= rhs + slack) if self.relation == "<=" else bool(lhs >= rhs - slack)

    @property
    def ratio(self) -> float | None:
        """small side / large side: at most 1 when an inequality holds, its tightness."""
        if self.relation == "==" or self.within:
            return None
        small, large = (self.lhs, self.rhs) if self.relation == "<=" else (self.rhs, self.lhs)
        try:
            small, large = float(small), float(large)
        except (TypeError, ValueError, OverflowError):
            return None
        if large == 0:
            return 1.0 if small == 0 else (float("inf") if small > 0 else 0.0)
        return small / large


Evaluate = Callable[[Instance, Arithmetic], Sides]
"""Both sides of one statement on one instance in one arithmetic: everything a replay needs."""


class Check(Protocol):
    """One recomputable check of a statement."""

    @property
    def holds(self) -> bool: ...

    @property
    def kind(self) -> Verdict: ...

    @property
    def refutes(self) -> bool: ...

    @property
    def tightness(self) -> float | None: ...

    def describe(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Identity:
    """lhs == rhs as sympy expressions (or equal-length sequences), the residual recomputed to zero.

    ``domain``: named predicates on a substitution {symbol: rational} which say what the symbols may be. When the
    residual is not zero, a rational point of the domain at which it does not vanish is the counterexample.
    """

    name: str
    lhs: Any
    rhs: Any
    domain: Mapping[str, Callable[[Mapping[sp.Symbol, sp.Rational]], bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pairs = list(zip(_entries(self.lhs), _entries(self.rhs), strict=True))
        residuals = [_residual(a, b) for a, b in pairs]
        object.__setattr__(self, "residuals", residuals)
        object.__setattr__(self, "counterexample", _nonzero_point(residuals, self.domain))

    residuals: list[sp.Expr] = field(init=False, repr=False)
    counterexample: dict[str, str] | None = field(init=False, repr=False)

    @property
    def holds(self) -> bool:
        return all(r == 0 for r in self.residuals)

    @property
    def kind(self) -> Verdict:
        return "proved"

    @property
    def refutes(self) -> bool:
        return not self.holds and self.counterexample is not None

    @property
    def tightness(self) -> float | None:
        return None

    def describe(self) -> dict[str, Any]:
        row: dict[str, Any] = {"check": self.name, "method": "symbolic residual", "holds": self.holds}
        row["residual"] = "0" if self.holds else "; ".join(str(r) for r in self.residuals if r != 0)[:400]
        if self.counterexample is not None:
            row["counterexample"] = self.counterexample
        return row


def _entries(value: Any) -> list[sp.Expr]:
    if isinstance(value, sp.MatrixBase):
        return list(value)
    return [sp.sympify(v) for v in value] if isinstance(value, (list, tuple)) else [sp.sympify(value)]


def _residual(lhs: sp.Expr, rhs: sp.Expr) -> sp.Expr:
    difference = sp.expand(lhs - rhs)
    return sp.S.Zero if difference == 0 else sp.simplify(difference)


def _nonzero_point(residuals: Sequence[sp.Expr], domain: Mapping[str, Callable[..., bool]]) -> dict[str, str] | None:
    """A rational point of the domain where some residual is certainly not zero (two arithmetics), or None."""
    bad = [r for r in residuals if r != 0]
    symbols = sorted(set().union(*(r.free_symbols for r in bad)) if bad else set(), key=str)
    for trial in range(60) if bad else ():
        point = {
            s: sp.Rational(1 + (trial * 7 + 3 * i + 2) % 11, 1 + (trial * 5 + 2 * i) % 7) for i, s in enumerate(symbols)
        }
        if not all(test(point) for test in domain.values()):
            continue
        for r in bad:
            exact = r.subs(point)
            if exact.is_zero is False and abs(sp.N(exact, 30)) > 1e-20:
                return {str(k): str(v) for k, v in point.items()} | {"residual": str(exact)}
    return None


@dataclass(frozen=True)
class Instances:
    """A statement evaluated on instances; ``arithmetic`` decides the kind of evidence.

    A refutation needs ``second``, another arithmetic in which the same instance breaks the statement too.
    Instances that miss an assumption are an error of the claim, not evidence: they raise InputError.
    """

    name: str
    evaluate: Evaluate
    instances: Sequence[Instance]
    arithmetic: Arithmetic
    second: Arithmetic | None = None
    seeds: str = ""

    def __post_init__(self) -> None:
        if not self.instances:
            raise InputError("instances", [], f"check {self.name!r} needs at least one instance")
        worst: tuple[float, Instance | None] = (-1.0, None)
        failures: list[Instance] = []
        for instance in self.instances:
            sides = self.evaluate(dict(instance), self.arithmetic)
            if not sides.admissible:
                missed = [k for k, v in sides.assumptions.items() if not v]
                raise InputError("instance", instance, f"check {self.name!r}: it misses the assumptions {missed}")
            if sides.holds(self.arithmetic) is not True and not self._equal_balls(sides):
                failures.append(instance)
            if sides.ratio is not None and sides.ratio > worst[0]:
                worst = (sides.ratio, instance)
        object.__setattr__(self, "failures", tuple(failures))
        object.__setattr__(self, "worst", worst)

    failures: tuple[Instance, ...] = field(init=False, repr=False)
    worst: tuple[float, Instance | None] = field(init=False, repr=False)

    def _equal_balls(self, sides: Sides) -> bool:
        # An equality in ball arithmetic can be contradicted, never proved: overlap is all that can be asked.
        return self.arithmetic == "arb" and sides.relation == "==" and sides.holds("arb") is None

    @property
    def holds(self) -> bool:
        return not self.failures

    @property
    def kind(self) -> Verdict:
        return KIND[self.arithmetic]

    @property
    def counterexample(self) -> Instance | None:
        """The failing instance that breaks the statement in both arithmetics and meets every assumption in both."""
        for instance in self.failures:
            arithmetics = [self.arithmetic, self.second]
            if self.second is None or self.second == self.arithmetic:
                return None
            sides = [(self.evaluate(dict(instance), a), a) for a in arithmetics if a is not None]
            if all(s.admissible and s.assumptions and s.holds(a) is False for s, a in sides):
                return instance
        return None

    @property
    def refutes(self) -> bool:
        return not self.holds and self.counterexample is not None

    @property
    def tightness(self) -> float | None:
        return self.worst[0] if self.worst[1] is not None else None

    def describe(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "check": self.name,
            "method": ARITHMETICS[self.arithmetic],
            "holds": self.holds,
            "n": len(self.instances),
        }
        if self.seeds:
            row["seeds"] = self.seeds
        if self.tightness is not None:
            row |= {"tightness": self.tightness, "worst instance": self.worst[1]}
        if self.failures:
            row |= {"failures": len(self.failures), "counterexample": self.counterexample}
        return row


@dataclass(frozen=True)
class Evidence:
    """Checks of the statement as printed, and of the corrected statement where the print fails.

    correction: the corrected statement in words and formulas (with ``corrected`` its own checks).
    category:   what kind of fault a refutation is; ignored unless the verdict is ``refuted``.
    charitable: which readings were tried to save the statement, and what came of them; required for ``refuted``.
    untestable: why no check is possible; only without checks.
    downstream: what a refutation or looseness does to later results.
    """

    printed: tuple[Check, ...] = ()
    corrected: tuple[Check, ...] = ()
    correction: str = ""
    category: Category | None = None
    charitable: str = ""
    untestable: str = ""
    downstream: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        if bool(self.printed) == bool(self.untestable):
            raise InputError("untestable", self.untestable, "give checks, or the reason why none is possible")

    @property
    def verdict_printed(self) -> Verdict:
        return "untestable" if self.untestable else derive(self.printed, self.charitable)

    @property
    def verdict_corrected(self) -> Verdict | None:
        return derive(self.corrected, self.charitable) if self.corrected else None

    @property
    def broken(self) -> bool:
        """Some check of the statement under test found a certified counterexample."""
        return any(c.refutes for c in self.printed)

    @property
    def method(self) -> str:
        return "; ".join(dict.fromkeys(str(c.describe()["method"]) for c in self.printed)) or "none"

    @property
    def tightness(self) -> float | None:
        found = [c.tightness for c in self.printed if c.tightness is not None]
        return max(found) if found else None

    def as_dict(self) -> dict[str, Any]:
        refuted = self.verdict_printed == "refuted"
        return {
            "verdict_printed": self.verdict_printed,
            "verdict_corrected": self.verdict_corrected,
            "category": self.category if refuted else None,
            "method": self.method,
            "tightness": self.tightness,
            "correction": self.correction,
            "charitable": self.charitable,
            "untestable": self.untestable,
            "downstream": self.downstream,
            "notes": self.notes,
            "checks": [c.describe() for c in self.printed],
            "checks_corrected": [c.describe() for c in self.corrected],
            "replay": [line for c in self.printed if refuted and c.refutes for line in replay(c)],
        }


def derive(checks: Iterable[Check], charitable: str) -> Verdict:
    """The verdict that the checks imply (module docstring)."""
    checks = tuple(checks)
    if all(c.holds for c in checks):
        return min((c.kind for c in checks), key=STRENGTH.index)
    return "refuted" if charitable and any(c.refutes for c in checks) else "inconclusive"


def replay(check: Check) -> list[str]:
    """The stored counterexample of a check step by step, recomputed now: text lines."""
    if isinstance(check, Identity):
        return _replay_identity(check)
    if not isinstance(check, Instances) or check.counterexample is None:
        return [f"{check.describe()['check']}: no counterexample stored"]
    instance = check.counterexample
    lines = [check.name, f"  instance: {show(instance) or 'the only one'}"]
    for arithmetic in (check.arithmetic, check.second):
        if arithmetic is None:
            continue
        sides = check.evaluate(dict(instance), arithmetic)
        lines.append(f"  in {ARITHMETICS[arithmetic]}:")
        lines += [f"    assumption {'met' if met else 'MISSED'}: {name}" for name, met in sides.assumptions.items()]
        lines += [f"    {name} = {show(value)}" for name, value in sides.steps.items()]
        lines += [f"    left side  = {show(sides.lhs)}", f"    right side = {show(sides.rhs)}"]
        lines.append(f"    the statement wants left {sides.relation} right: {_outcome(sides, arithmetic)}")
    return lines


def _replay_identity(check: Identity) -> list[str]:
    if check.counterexample is None:
        return [f"{check.name}: no counterexample stored"]
    point = dict(check.counterexample)
    value = point.pop("residual")
    rounded = f" = {decimal(Fraction(value))} in decimals" if is_rational(value) else ""
    residual = "; ".join(str(r) for r in check.residuals if r != 0)
    lines = [check.name, f"  left - right = {residual[:400]}{' ..' if len(residual) > 400 else ''}"]
    lines += [f"  condition met: {name}" for name in check.domain]
    return [*lines, f"  at {show(point)}:", f"    left - right = {show(value)}{rounded}, not 0"]


def _outcome(sides: Sides, arithmetic: Arithmetic) -> str:
    held = sides.holds(arithmetic)
    if held is not False:
        return "it holds" if held else "undecided, the balls overlap"
    ratio = sides.ratio
    if ratio is None or not 1 < ratio < float("inf"):
        return "BROKEN"
    small, large = ("left", "right") if sides.relation == "<=" else ("right", "left")
    return f"BROKEN, {small} is {ratio:.6g} times {large}"
