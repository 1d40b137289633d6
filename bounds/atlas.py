r"""The atlas: published upper and lower complexity bounds as data, in one convention, and what follows from them.

Convention: ||grad phi(x)|| <= eps; cost = stochastic first-order calls, HVP and JVP counted beside them;
bound ~ factor(p, d) kappa^a eps^-b, logarithms left out. A source that bounds the SQUARED norm by eps' has
eps' = eps^2, so its exponent doubles. The definition of kappa is not converted (L_1/mu <= max L_j/mu), only named.

A lower bound L binds an upper bound U when the hard instance lies in U's class (its order of smoothness is at least
U's, and it satisfies all that U assumes), its algorithms may use all that U uses, and U's oracle is the same or noisier
(a noiseless oracle is a stochastic one with sigma = 0). Then rate(L) <= rate(U) must hold.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import sympy as sp

from synthetic.errors import InputError

P = sp.Symbol("p", positive=True)
ORDERS = (1, 2, 3, 4, 6, 8, 10)
"""Orders at which rows with a free p are compared."""


@dataclass(frozen=True)
class Bound:
    """One row of the atlas (fields: head of atlas.toml). ``printed``: exponent of 1/eps before conversion."""

    id: str
    kind: str
    setting: str
    method: str
    printed: sp.Expr
    squared: bool
    kappa: sp.Expr | None
    order: str
    oracle: frozenset[str]
    status: str
    source: str
    assumes: frozenset[str] = frozenset()
    factor: str = "1"
    logs: bool = True
    kappa_is: str = ""

    @property
    def eps(self) -> sp.Expr:
        """Exponent of 1/eps in the atlas's convention."""
        return 2 * self.printed if self.squared else self.printed

    @property
    def conversion(self) -> str:
        """How the exponent came from the printed one."""
        if self.squared:
            return f"||grad||^2 <= eps', eps' = eps^2: eps'^-({self.printed}) = eps^-({self.eps})"
        return "as printed"

    def exponents(self, p: int) -> tuple[sp.Rational, sp.Rational | None]:
        """(b, a) at the order p."""
        kappa = None if self.kappa is None else sp.Rational(self.kappa.subs(P, p))
        return sp.Rational(self.eps.subs(P, p)), kappa

    def order_at(self, p: int) -> float:
        """The order of smoothness that is assumed (upper) or present (lower), at p."""
        return math.inf if self.order == "inf" else p if self.order == "p" else int(self.order)

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id, "kind": self.kind, "setting": self.setting, "method": self.method, "eps": str(self.eps),
            "kappa": "poly" if self.kappa is None else str(self.kappa), "factor": self.factor, "logs": self.logs,
            "order": self.order, "assumes": sorted(self.assumes), "oracle": sorted(self.oracle),
            "kappa_is": self.kappa_is, "status": self.status, "conversion": self.conversion, "source": self.source,
        }  # fmt: skip


def parse(text: str) -> tuple[Bound, ...]:
    """Rows from the TOML text."""
    rows = []
    for row in tomllib.loads(text)["bound"]:
        kappa = sp.sympify(row["kappa"], {"p": P}) if row["kappa"] else None
        rows.append(
            Bound(
                id=row["id"],
                kind=row["kind"],
                setting=row["setting"],
                method=row["method"],
                printed=sp.sympify(row["eps"], {"p": P}),
                squared=row.get("convention", "norm") == "squared",
                kappa=kappa,
                order=row["order"],
                oracle=frozenset(row["oracle"]),
                status=row["status"],
                source=row["source"],
                assumes=frozenset(row.get("assumes", ())),
                factor=row.get("factor", "1"),
                logs=row.get("logs", True),
                kappa_is=row.get("kappa_is", ""),
            )
        )
    return tuple(rows)


@cache
def atlas() -> tuple[Bound, ...]:
    """Every row of atlas.toml."""
    return parse(resources.files("bounds").joinpath("atlas.toml").read_text("utf-8"))


# -- logic ---------------------------------------------------------------------------------------------------------


def obstacles(lower: Bound, upper: Bound, p: int) -> tuple[str, ...]:
    """Why ``lower`` says nothing about ``upper`` at order p; empty when it binds."""
    found = []
    if lower.order_at(p) < upper.order_at(p):
        found.append(f"the hard instance is smooth of order {lower.order_at(p):g}, {upper.method} needs order {p}")
    if missing := upper.assumes - lower.assumes:
        found.append(f"{upper.method} assumes {', '.join(sorted(missing))}, which the hard instance lacks")
    if more := upper.oracle - lower.oracle:
        found.append(f"{upper.method} uses {', '.join(sorted(more))}, which the bound's algorithms may not")
    if lower.setting == "stochastic" and upper.setting == "deterministic":
        found.append(f"{upper.method} has exact answers")
    return tuple(found)


def exceeds(lower: Bound, upper: Bound, p: int) -> bool:
    """Is the lower rate above the upper one as eps -> 0, or at equal powers of eps as kappa grows?"""
    (low, low_kappa), (high, high_kappa) = lower.exponents(p), upper.exponents(p)
    if low != high:
        return bool(low > high)
    return low_kappa is not None and high_kappa is not None and bool(low_kappa > high_kappa)


def _pairs(rows: Sequence[Bound]) -> list[tuple[Bound, Bound, int]]:
    lowers, uppers = ([b for b in rows if b.kind == kind] for kind in ("lower", "upper"))
    return [
        (low, up, p)
        for low in lowers
        for up in uppers
        for p in (ORDERS if "p" in (low.order, up.order) else (1,))
        if exceeds(low, up, p)
    ]


def contradictions(rows: Sequence[Bound] | None = None) -> list[tuple[str, str, int]]:
    """(lower, upper, p) where a lower bound lies above an upper bound that it binds: must be empty."""
    return [(a.id, b.id, p) for a, b, p in _pairs(rows or atlas()) if not obstacles(a, b, p)]


def conflicts(rows: Sequence[Bound] | None = None) -> list[dict[str, Any]]:
    """Pairs that look contradictory when only the rates are read, and what resolves each."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for a, b, p in _pairs(rows or atlas()):
        if why := obstacles(a, b, p):
            row = found.setdefault((a.id, b.id), {"lower": a.id, "upper": b.id, "p": [], "resolution": why})
            row["p"].append(p)
    return list(found.values())


@dataclass(frozen=True)
class Class:
    """A problem class with its oracle: order of smoothness p, what may be assumed, what may be asked."""

    p: int = 1
    setting: str = "stochastic"
    oracle: frozenset[str] = frozenset({"grad"})
    assumes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if isinstance(self.p, bool) or not isinstance(self.p, int) or self.p < 1:
            raise InputError("p", self.p, "pass the order of smoothness, an integer >= 1")
        if self.setting not in ("stochastic", "deterministic"):
            raise InputError("setting", self.setting, 'choose "stochastic" or "deterministic"')


@dataclass(frozen=True)
class Gap:
    """Best upper and lower bound of a class and the exponents between them (None: unknown power of kappa)."""

    upper: Bound | None
    lower: Bound | None
    eps: sp.Rational | None
    kappa: sp.Rational | None


def uppers(of: Class, rows: Sequence[Bound] | None = None) -> list[tuple[Bound, int]]:
    """(bound, order) of every upper bound that holds on the class: each F2SA-q with q <= p is one."""
    found = []
    for b in rows or atlas():
        fits = b.kind == "upper" and b.oracle <= of.oracle and b.assumes <= of.assumes
        if not fits or (b.setting == "deterministic" and of.setting == "stochastic"):
            continue
        found += [(b, q) for q in (range(1, of.p + 1) if b.order == "p" else (1,)) if b.order_at(q) <= of.p]
    return found


def gap(of: Class, rows: Sequence[Bound] | None = None) -> Gap:
    """Best by the power of eps, then of kappa (an unknown one last)."""

    def key(item: tuple[Bound, int]) -> tuple[sp.Rational, float]:
        b, a = item[0].exponents(item[1])
        return b, math.inf if a is None else float(a)

    tops = uppers(of, rows)
    lows = [
        b
        for b in rows or atlas()
        if b.kind == "lower" and b.order_at(of.p) >= of.p and of.assumes <= b.assumes and of.oracle <= b.oracle
        and not (b.setting == "stochastic" and of.setting == "deterministic")
    ]  # fmt: skip
    upper = min(tops, key=key) if tops else None
    lower = max(lows, key=lambda b: key((b, of.p))) if lows else None
    if upper is None or lower is None:
        return Gap(upper[0] if upper else None, lower, None, None)
    (high, high_kappa), (low, low_kappa) = upper[0].exponents(upper[1]), lower.exponents(of.p)
    kappa = None if high_kappa is None or low_kappa is None else high_kappa - low_kappa
    return Gap(upper[0], lower, high - low, kappa)


# -- which is best where --------------------------------------------------------------------------------------------


def _check(eps: float, kappa: float) -> None:
    if not 0 < eps < 1:
        raise InputError("eps", eps, "pass 0 < eps < 1")
    if not 1 <= kappa < math.inf:
        raise InputError("kappa", kappa, "pass kappa >= 1")


def log10_calls(bound: Bound, eps: float, kappa: float, p: int = 1, d: float = 1.0) -> float:
    """log10 of factor kappa^a eps^-b, constants and logarithms left out; InputError when kappa's power is unknown."""
    _check(eps, kappa)
    b, a = bound.exponents(p)
    if a is None:
        raise InputError("bound", bound.id, "its power of kappa is not published")
    factor = float(sp.sympify(bound.factor, {"p": P, "d": sp.Symbol("d")}).subs({"p": p, "d": d, P: p}))
    return math.log10(factor) + float(a) * math.log10(kappa) - float(b) * math.log10(eps)


def best_p(
    eps: float,
    kappa: float,
    *,
    constants: bool = False,
    most: int = 20,
    c_norm: float = 1000.0 * 5**0.5,
    h: float = 1.0,
    orders: Sequence[int] = tuple(range(1, 13)),
) -> int:
    """The order p that needs fewest calls.

    Without constants: argmin p kappa^{9+2/p} eps^{-4-2/p} (near 2 log(kappa/eps)). With constants: the exact count of
    the theorem's schedule on the linear-quadratic family (where kappa enters through a = 1/kappa only) with
    ||gamma c_0|| = ``c_norm`` and A_f = h I, over ``orders``.
    """
    _check(eps, kappa)
    if not constants:
        bound = row("f2sa-p")
        return min(range(1, most + 1), key=lambda p: log10_calls(bound, eps, kappa, p))
    from bounds.lq_schedule import lq_schedule

    def calls(p: int) -> int:
        return lq_schedule(p, eps, c_norm=c_norm, a=1 / kappa, h=h).calls()

    return min((p for p in orders if p <= most), key=calls)


def crossover(p: int, q: int) -> float:
    """kappa/eps at which F2SA-p and F2SA-q cost the same (constants left out); the higher order wins beyond."""
    for name, value in (("p", p), ("q", q)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(name, value, "pass an integer >= 1")
    if p == q:
        raise InputError("q", q, "pass two different orders")
    return math.exp(math.log(q / p) / (2 / p - 2 / q))


@dataclass(frozen=True)
class Choice:
    """A method, the order at which it runs, and log10 of its priced count."""

    bound: Bound
    p: int
    log10_cost: float


def cheapest(
    eps: float, kappa: float, p: int = 1, hvp_price: float = 1.0, *, assumes: frozenset[str] = frozenset()
) -> Choice:
    """The cheapest stochastic method on a class of order p: a call of a method with HVPs costs ``hvp_price`` calls.

    Among bounds with a published power of kappa; order of magnitude only (no constants, no logarithms).
    """
    if not hvp_price > 0:
        raise InputError("hvp_price", hvp_price, "pass a price > 0, in first-order calls")
    choices = [
        Choice(b, q, log10_calls(b, eps, kappa, q) + (math.log10(hvp_price) if "hvp" in b.oracle else 0.0))
        for b, q in uppers(Class(p, oracle=frozenset({"grad", "hvp"}), assumes=assumes))
        if b.kappa is not None
    ]
    return min(choices, key=lambda c: (c.log10_cost, c.p))


def row(name: str, rows: Sequence[Bound] | None = None) -> Bound:
    """The row called ``name``."""
    for bound in rows or atlas():
        if bound.id == name:
            return bound
    raise InputError("bound", name, f"choose one of {', '.join(b.id for b in rows or atlas())}")
