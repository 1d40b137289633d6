"""Ranges printed in paper 004: nu, alpha, the radius (14), epsilon, eta, the lengths of the epochs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from verify.claims.bo_rep_d_auxiliary import contract_sides
from verify.claims.bo_rep_d_epoch import halving_sides, step_sides
from verify.claims.bo_rep_d_periodic import budget_sides, drift_sides
from verify.claims.bo_rep_main_bias import OUTSIDE, bias_sides, coupling
from verify.evidence import Arithmetic, Instance, Sides
from verify.families_bo_rep_d import careful, exp, num, slack
from verify.families_bo_rep_smooth import THETA
from verify.ranges import Range


@careful
def linear_system(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.5's |I - nu H| <= 1 - nu mu for curvatures mu and L; nu = share/(4 mu)."""
    mu, L, share = (num(instance[k], arithmetic) for k in ("mu", "L", "share"))
    nu = share / (4 * mu)
    worst: Any = max(abs(1 - nu * mu), abs(1 - nu * L))
    return Sides(worst, "<=", 1 - nu * mu, {"0 < mu <= L": bool(0 < mu <= L)}, slack(arithmetic))


@careful
def recursion(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """One line of (56), (57) at x = nu mu, w = nu^2 sigma_g2^2 = part x/16; ``which`` is moved by share."""
    share = Fraction(instance["share"])
    x = Fraction(instance["x"]) * (share if instance["moved"] == "x" else 1)
    w = x / 16 * Fraction(instance["part"]) * (share if instance["moved"] == "w" else 1)
    row = {"x": str(x), "w": str(w), "rate": "4/3", "five": "5", "which": instance["line"]}
    sides = contract_sides(row, arithmetic)
    return Sides(sides.lhs, "<=", sides.rhs, {"x > 0": x > 0}, slack(arithmetic))


LINES = ("(57)(iii)", "start", "y error", "noise", "motion")


@careful
def epoch(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(21) to (23) with alpha = share/(2L)."""
    a, share = Fraction(instance["a"]), Fraction(instance["share"])
    sides = step_sides(instance | {"alpha": str(share / (2 * a)), "noise": "1", "keep": "1"}, arithmetic)
    kept = {k: v for k, v in sides.assumptions.items() if not k.startswith("alpha")}
    return Sides(sides.lhs, "<=", sides.rhs, kept, slack(arithmetic))


def epoch_rows(which: str) -> list[Instance]:
    return [
        {"a": "1", "y": y, "e": e, "centre": c, "r": "3", "which": which}
        for y, c in (("1", "0"), ("0", "0"), ("2", "1"), ("-1", "2"), ("1/10", "-2"))
        for e in ("0", "1", "-1", "7", "-1/5")
    ]


@careful
def radius(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(15) for phi = e^x, no lower level: e^d - 1 against K_1 d, K_1 = L_x1 the least constant up to (14)."""
    theta, share = num(THETA, arithmetic), num(instance["share"], arithmetic)
    # the rational 70711/100000 > 1/sqrt 2 stands for it: the distance is a little longer
    d = share * num("70711/100000", arithmetic) / theta
    sign = -1 if instance["back"] else 1
    return Sides(abs(exp(sign * d) - 1), "<=", theta * d, {"theta > 1": bool(theta > 1)}, slack(arithmetic))


def accuracy(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma 3.5 with eps = share K_0/K_1."""
    sides = bias_sides(instance, arithmetic)
    kept = {k: v for k, v in sides.assumptions.items() if not k.startswith("Theorem 3.1")}
    return Sides(sides.lhs, "<=", sides.rhs, kept, sides.tolerance)


def growing(k: int, r: str, L_y1: str) -> Instance:
    return OUTSIDE | coupling(k) | {"r": r, "L_y1": L_y1}


def drift(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(47), (52) with eta = share mu eps/(8 K_0 I C_gxy)."""
    return drift_sides({k: v for k, v in instance.items() if k != "share"} | {
        "eight": str(8 / Fraction(instance["share"]))}, arithmetic)  # fmt: skip


@careful
def left_factor(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(77): 1 - (1/2 + 2 beta/(1 - beta)) K_1 eta - L_x1 eps/(2 K_0) >= 1/4, eps = K_0/K_1, L_x1 = K_1."""
    beta, share = (num(instance[k], arithmetic) for k in ("beta", "share"))
    step = share * (1 - beta) / 8
    left = 1 - (num("1/2", arithmetic) + 2 * beta / (1 - beta)) * step - num("1/2", arithmetic)
    allowed = {"3/4 <= beta < 1": bool(4 * beta >= 3) and bool(beta < 1)}
    return Sides(left, ">=", num("1/4", arithmetic), allowed, slack(arithmetic))


@careful
def length(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """P_0 <= V_{s+1}/2 or P_1 <= V_{s+1}/(2 lambda) with 32/share in T_s (29)."""
    row = {k: v for k, v in instance.items() if k != "share"} | {"need": str(32 / Fraction(instance["share"]))}
    return halving_sides(row, arithmetic)


@careful
def updates(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(48): P_0 + lambda P_1 at gamma of (44) and N of (45) divided by share (both sides, an equality at share 1)."""
    row = {k: v for k, v in instance.items() if k != "share"} | {"N": str(4096 / Fraction(instance["share"]))}
    sides = budget_sides(row, arithmetic)
    return Sides(sides.lhs, "<=", sides.rhs, sides.assumptions, slack(arithmetic))


def length_rows(which: str, limit: str) -> list[Instance]:
    noise = [("1", "1/100", "3"), ("1/10", "1", "3/2"), ("1", "1/1000000", "10"), ("1", "1/100", "1/2")]
    return [
        {"L": L, "mu": "1", "sigma": s, "V": V, "lam": lam, "which": which, "limit": limit}
        for L in ("1", "1000")
        for s, V, lam in noise
    ]


RANGES = (
    Range("004", "bo_rep:lemma-D.5", "ν", "ν ≤ 1/(4μ) for |I - ν∇²_y g| ≤ 1 - νμ, κ = 100", linear_system,
          [{"mu": "1", "L": L} for L in ("1", "2", "7", "8", "100")], note="8/(1 + κ): above 1 for κ < 7"),
    Range("004", "bo_rep:eq-56-57", "ν", "ν ≤ 1/(4μ) for the scalar lines of (56), (57)", recursion,
          [{"x": "1/4", "part": "0", "moved": "x", "line": k} for k in LINES], note="the y error's 5 decides"),
    Range("004", "bo_rep:eq-56-57", "σ_g2²", "ν ≤ μ/(16σ_g2²) for (57)(iii), ν = 1/(4μ)", recursion,
          [{"x": x, "part": "1", "moved": "w", "line": "(57)(iii)"} for x in ("1/4", "1/8", "1/100")],
          note="13/12; 4/3 for small ν"),
    Range("004", "bo_rep:lemma-D.1", "α", "0 < α ≤ 1/(2L) for (21)", epoch, epoch_rows("21"),
          note="sharp"),
    Range("004", "bo_rep:lemma-D.1", "α", "0 < α ≤ 1/(2L) for (23)", epoch, epoch_rows("23"), note="π counts the noise "
          "twice"),
    Range("004", "bo_rep:lemma-C.3", "|x - x'|", "|x - x'| ≤ 1/√(2(1 + C²/μ²)(L_x1² + L_y1²)) (14) for (15)", radius,
          [{"back": b} for b in (False, True)], "arb", note="Φ = e^x with the least constant: sharp up to rounding"),
    Range("004", "bo_rep:lemma-3.5", "ε", "ε ≤ K_0/K_1 for the bias bound, L_y1 = 1000, L_x1 = 1.001", accuracy,
          [growing(10**8, "1/1000", "1000")], cap=Fraction(1), note="like 1/L_y1: the radius of Assumption 1 decides"),
    Range("004", "bo_rep:lemma-3.5", "ε", "ε ≤ K_0/K_1 for the bias bound, L_y1 = 0, L_x1 = 8/5", accuracy,
          [growing(k, "3/5", "0") for k in (10**8, 1000)], cap=Fraction(2)),
    Range("004", "bo_rep:eq-47", "η", "η ≤ με/(8K_0 I C_gxy) for |y*(x_k) - y_k| ≤ ε/(4K_0)", drift,
          [{"mu": "1", "eps": "1", "K_0": "1", "C": C, "I": i} for C in ("1", "9") for i in ("1", "1000")]),
    Range("004", "bo_rep:eq-77", "η", "η ≤ (1 - β)/(8K_1) for a left factor ≥ 1/4", left_factor,
          [{"beta": b} for b in ("3/4", "9/10", "999999/1000000")], note="sharp for β → 1"),
    Range("004", "bo_rep:eq-45", "1/N", "N = 64²σ²K_0²(λ + √(λ+1))²/(μ²ε²) for P_0 + λP_1 ≤ (μ/2)(ε/8K_0)²", updates,
          [{"lam": m, "s": "1", "mu": "1", "eps": e, "K_0": "1"} for m in ("1/10", "3", "100") for e in ("1", "1/50")],
          "arb", note="sharp: 64² cannot be lowered at this γ"),
    Range("004", "bo_rep:eq-34-37", "1/T_s", "32 in T_s for P_0 ≤ V_{s+1}/2", length, length_rows("P_0", "1"), "arb",
          note="with the part 16L/μ of T_s kept"),
    Range("004", "bo_rep:eq-34-37", "1/T_s", "32 in T_s for λP_1 ≤ V_{s+1}/2", length, length_rows("P_1", "1/2"), "arb",
          note="λP_1 alone"),
)  # fmt: skip
