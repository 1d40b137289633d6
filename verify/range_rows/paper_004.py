"""Ranges printed in paper 004."""

from __future__ import annotations

from typing import Any

from verify.claims.bo_rep_d_auxiliary import contract_sides
from verify.evidence import Arithmetic, Instance, Sides
from verify.families_bo_rep_d import careful, num, slack
from verify.ranges import Range


@careful
def linear_system(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.5's contraction max_i |1 - nu h_i| <= 1 - nu mu for curvatures mu <= h_i <= L; nu = share/(4 mu)."""
    mu, L, share = (num(instance[k], arithmetic) for k in ("mu", "L", "share"))
    nu = share / (4 * mu)
    worst: Any = max(abs(1 - nu * mu), abs(1 - nu * L))
    return Sides(worst, "<=", 1 - nu * mu, {"0 < mu <= L": bool(0 < mu <= L)}, slack(arithmetic))


@careful
def recursion(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(57): (1 + x/2)(1 - x)^2 + 2 w <= 1 - 4x/3 at x = nu mu = share/4, w = nu^2 sigma_g2^2 = x/16."""
    x = num(instance["share"], arithmetic) / 4
    sides = contract_sides({"x": "1/8", "w": "0", "rate": "4/3", "five": "5", "which": "(57)(iii)"}, arithmetic)
    lhs, rhs = (1 + x / 2) * (1 - x) ** 2 + x / 8, 1 - 4 * x / 3
    return Sides(lhs, "<=", rhs, {"x > 0": bool(x > 0)} | {"(57)": bool(sides.rhs > 0)}, slack(arithmetic))


RANGES = (
    Range("004", "bo_rep:lemma-D.5", "ν (step of the linear system)", "ν ≤ 1/(4μ)", linear_system,
          [{"mu": "1", "L": L} for L in ("1", "2", "7", "8", "100", "10000")]),
    Range("004", "bo_rep:eq-56-57", "ν in (57)", "ν ≤ 1/(4μ)", recursion, [{}]),
)  # fmt: skip
