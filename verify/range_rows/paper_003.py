"""Ranges printed in paper 003: the perturbation delta and the radius r_v."""

from __future__ import annotations

from verify.evidence import Arithmetic, Instance, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.ranges import Range


@precise
def factor(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(1 - eta)^2 + 4 M r_v^2 delta against 1 - eta/2, eta = c (w+T-1)^(-2/3), delta = share c/(8 L_gxy r_v^2 ..).

    So 4 M r_v^2 delta = share (M/L_gxy) eta/2; M = L_gxy (Proposition 1) or L_gyy (Proposition 2).
    """
    eta, ratio, s = (number(instance[k], arithmetic) for k in ("eta", "ratio", "share"))
    lhs = (1 - eta) ** 2 + s * ratio * eta / 2
    return Sides(lhs, "<=", 1 - eta / 2, {"0 < eta <= 1": bool(0 < eta <= 1)}, tolerance(arithmetic))


@precise
def radius(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|v*| = root/mu with |grad_y f|^2 = C_fy = root^2, against r_v = C_fy/(mu share)."""
    root, mu, s = (number(instance[k], arithmetic) for k in ("root", "mu", "share"))
    return Sides(root / mu, "<=", root**2 / (mu * s), {"mu, C_fy > 0": bool(min(root, mu) > 0)}, tolerance(arithmetic))


ETAS = ("1/1000", "1/10", "1/2", "99/100")
DELTA = "δ ≤ min{c_ηf, c_ηR}/(8L_gxy r_v²(w+T-1)^{2/3})"
RANGES = (
    Range("003", "fdehbo:text-delta", "δ (Proposition 1)", f"{DELTA} for a factor ≤ 1 - η/2", factor,
          [{"eta": e, "ratio": "1"} for e in ETAS], note="3 - 2η; for small η it is 3"),
    Range("003", "fdehbo:text-delta", "δ (Proposition 2)", f"{DELTA} for a factor ≤ 1 - η/2, L_gyy = 10 L_gxy", factor,
          [{"eta": e, "ratio": "10"} for e in ETAS], note="(3 - 2η)L_gxy/L_gyy: the print has L_gxy for both"),
    Range("003", "fdehbo:text-radius", "1/r_v", "r_v ≥ C_fy/μ_g so that the ball holds v*, C_fy = 1/100", radius,
          [{"root": "1/10", "mu": m} for m in ("1", "1/50")], note="√C_fy, as |∇_y f|² ≤ C_fy"),
    Range("003", "fdehbo:text-radius", "1/r_v", "r_v ≥ C_fy/μ_g so that the ball holds v*, C_fy = 16", radius,
          [{"root": "4", "mu": m} for m in ("1", "1/50")], note="√C_fy"),
)  # fmt: skip
