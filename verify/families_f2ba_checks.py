"""From two sides of an inequality on a ``Point`` to checks: hard instances found, then evaluated exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp
import sympy as sp

from verify.evidence import Arithmetic, Evaluate, Identity, Instance, Instances, Sides
from verify.families_f2ba import DIGITS, Point
from verify.families_f2ba_search import adversary, steep

Side = Callable[[Point], Any]
TOLERANCE: dict[str, float] = {"rational": 0.0, "mpmath": 1e-35, "float": 1e-9}

QUADRATIC: Instance = {
    "lam": "1",
    "delta": ["-1/100"],
    "Q": [["0", "-1"], ["-1", "1/50"]],
    "g": [],
    "f": [[None, ["0", "1"], "4/7"]],
}
"""g quadratic with kappa about 50, f nearly linear near y*: equality in the first-order optimality bound."""
END_POINT: Instance = {
    "lam": "4",
    "delta": ["-4/25"],
    "Q": [["0", "-1/3"], ["-1/3", "1"]],
    "g": [],
    "f": [[None, ["0", "1"], "33/50"]],
}
"""lambda = 2 L_f/mu exactly, the end of the range."""
KAPPA_ONE: Instance = {
    "lam": "1",
    "delta": ["-1/1000"],
    "Q": [["0", "0"], ["0", "1"]],
    "g": [],
    "f": [[None, ["1/2", "1"], "4/7"]],
}
"""g = y^2/2: L_g = mu = 1, no coupling; C_f, L_f below mu, so kappa = 1."""
STIFF: Instance = {
    "lam": "1000000",
    "delta": ["-1/1000000000", "1/3000000"],
    "Q": [["1/2", "-1", "1/1000"], ["-1", "1", "1/100"], ["1/1000", "1/100", "1/1000"]],
    "g": [["1/100000", ["0", "1", "3"], "3/5"]],
    "f": [[None, ["1", "1", "0"], "4/7"], [None, ["0", "1", "2"], "-1/2"]],
}
"""Badly scaled, two-dimensional y, Hessians of f and g that do not commute, lambda far beyond 2 L_f/mu."""
CONCAVE: Instance = {
    "lam": "2",
    "delta": ["0"],
    "Q": [["0", "-1"], ["-1", "3"]],
    "g": [],
    "f": [["-3", ["0", "1"], "0"]],
}
"""f_yy = -L_f and g_yy = mu at y* = y*_lambda, lambda = 2 L_f/mu: L_lambda has the least curvature that Lemma B.1
permits."""
WEAK = steep(20, 10**6)
"""The third derivative of g at full strength where g is weakly convex; lambda large, f of order 1."""
COUPLED: Instance = {
    "lam": "40",
    "delta": ["-1/400"],
    "Q": [["1/4", "-1"], ["-1", "1"]],
    "g": [["1/5", ["1/2", "1"], "3/5"]],
    "f": [[None, ["0", "1"], "1/3"], ["1/8", ["1", "0"], "-1/2"]],
}
"""Moderate in everything, f depends on x and on y: for runs of the algorithm."""
FIXED = (QUADRATIC, END_POINT, KAPPA_ONE, STIFF, CONCAVE, WEAK)


def compare(
    lhs: Side, rhs: Side, relation: str = "<=", steps: Callable[[Point], dict[str, Any]] | None = None
) -> Evaluate:
    """The evaluation of lhs (relation) rhs on an instance of ``verify.families_f2ba``, assumptions certified."""

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            point = Point(instance, arithmetic)
            shown = {"mu": point.mu, "L_g": point.Lg, "rho_g": point.rhog, "C_f": point.Cf, "L_f": point.Lf}
            shown |= steps(point) if steps else {}
            return Sides(
                lhs(point),
                relation,  # type: ignore[arg-type]
                rhs(point),
                assumptions=point.assumptions,
                tolerance=TOLERANCE[arithmetic],
                steps=shown,
            )

    return evaluate


def hardest(
    name: str,
    lhs: Side,
    rhs: Side,
    *,
    seed: int,
    fixed: Sequence[Instance] = FIXED,
    restarts: int = 4,
    steps: int = 60,
) -> Instances:
    """lhs <= rhs on the fixed instances and on the hardest that an adversary finds, in rational arithmetic."""

    def ratio(point: Point) -> float:
        bound = float(rhs(point))
        return float(lhs(point)) / bound if bound > 0 else -1.0

    found = adversary(ratio, seed=seed, restarts=restarts, steps=steps)
    exact = [i for i in found if all(Point(i, "rational").assumptions.values())]
    return Instances(
        name,
        compare(lhs, rhs),
        (*fixed, *exact),
        "rational",
        second="mpmath",
        seeds=f"adversary {seed}, {restarts} restarts of {steps} steps",
    )


def at(name: str, lhs: Side, rhs: Side, instances: Sequence[Instance], relation: str = "<=") -> Instances:
    """lhs (relation) rhs on given instances, in rational arithmetic."""
    return Instances(name, compare(lhs, rhs, relation), instances, "rational", second="mpmath")


KAPPA, LEVEL = sp.symbols("kappa L", positive=True)


def dominated(name: str, expression: sp.Expr, bound: sp.Expr) -> Identity:
    """expression <= bound for all kappa >= 1 (and L > 0), both polynomials in ``KAPPA``: with kappa = 1 + s the
    difference has no negative coefficient, i.e. the sum of its negative terms is identically zero."""
    s = sp.Symbol("s", positive=True)
    difference = sp.Poly(sp.expand((bound - expression).subs(KAPPA, 1 + s)), s, LEVEL)
    negative = sum((c * s ** m[0] * LEVEL ** m[1] for m, c in difference.terms() if c < 0), sp.S.Zero)
    return Identity(name, negative, sp.S.Zero)
