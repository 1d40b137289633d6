"""Ranges printed in paper 001: 1/lambda against mu/(2 L_f), the outer step 1/L, the inner steps alpha and tau."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from verify.evidence import Arithmetic, Instance, Sides
from verify.families_bo_rep_d import careful, exp, log, num, slack
from verify.families_f2sa_p import number, precise, tolerance
from verify.ranges import Range


@precise
def convex(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """lambda mu/2 <= lambda g_yy + f_yy at lambda = 2 L_f/(share mu)."""
    mu, L, h, s = (number(instance[k], arithmetic) for k in ("mu", "L_f", "f_yy", "share"))
    lam = 2 * L / (s * mu)
    return Sides(lam * mu / 2, "<=", lam * mu + h, {"|f_yy| <= L_f": bool(abs(h) <= L)}, tolerance(arithmetic))


@precise
def slope(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|dy_lambda/dx| = (lambda L_g + L_f)/(lambda mu - L_f) against 4 L_g/mu."""
    mu, L_f, L_g, s = (number(instance[k], arithmetic) for k in ("mu", "L_f", "L_g", "share"))
    lam = 2 * L_f / (s * mu)
    curve = lam * mu - L_f
    lhs = (lam * L_g + L_f) / curve if curve > 0 else 10**9 * L_g / mu
    return Sides(lhs, "<=", 4 * L_g / mu, {"mu <= L_g": bool(0 < mu <= L_g)}, tolerance(arithmetic))


@precise
def distance(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|y_lambda - y*| for g = mu y^2/2, f' = clip(v - h y, -C, C), against C/(lambda mu); smallest root by cases."""
    mu, L, v, s = (number(instance[k], arithmetic) for k in ("mu", "L_f", "v", "share"))
    lam, C = 2 * L / (s * mu), 1 + 0 * mu
    curve = lam * mu - L
    y = -v / curve if curve > 0 and abs(v - L * (-v / curve)) <= C else (-C if v > 0 else C) / (lam * mu)
    return Sides(abs(y), "<=", C / (lam * mu), {"|f'| <= C_f": bool(abs(v) <= C)}, tolerance(arithmetic))


@precise
def descent(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Q = L x^2/2, x+ = x - eta (g + e): Q(x+) against Q(x) - eta |g|^2/2 + eta |e|^2/2; eta = share/L."""
    L, x, e, s = (number(instance[k], arithmetic) for k in ("L", "x", "e", "share"))
    eta, g = s / L, L * x
    new = x - eta * (g + e)
    right = L * x * x / 2 - eta * g * g / 2 + eta * e * e / 2
    allowed = {"|error| <= |gradient|/2": bool(2 * abs(e) <= abs(g)), "L > 0": bool(L > 0)}
    return Sides(L * new * new / 2, "<=", right, allowed, tolerance(arithmetic))


@careful
def inner(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """One step share/high on curvatures low..high contracts by max|1 - step h|, against exp(-mu/(4 L_g))."""
    kappa, s = (num(instance[k], arithmetic) for k in ("kappa", "share"))
    if instance["penalised"]:  # lambda = 2 L_f/mu, mu = 1, L_f = 1: between lambda mu - L_f and L_f + lambda L_g
        low, high = 1 + 0 * kappa, 1 + 2 * kappa
    else:
        low, high = 1 + 0 * kappa, kappa
    rates: tuple[Any, Any] = (abs(1 - s * low / high), abs(1 - s))
    worst = rates[0] if rates[0] >= rates[1] else rates[1]
    return Sides(worst, "<=", exp(-1 / (4 * kappa)), {"kappa >= 1": bool(kappa >= 1)}, slack(arithmetic))


def inner_rows(penalised: bool) -> list[Instance]:
    return [{"kappa": k, "penalised": penalised} for k in ("1", "2", "10", "1000")]


@careful
def count(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """K_t of Proposition 4.2 divided by share, not rounded: (1 - step curvature)^{K_t} A <= 1 (y) or <= 2 (z).

    A = 4 lambda L_g R_t/zeta; mu = L_f = 1, lambda = 2, so the y step contracts by 1 - 1/(1 + 2 kappa) and the z
    step by 1 - 1/kappa. Logarithms of both sides are compared.
    """
    kappa, A, s = (num(instance[k], arithmetic) for k in ("kappa", "A", "share"))
    steps = 4 * kappa * log(A) / s
    rate = 1 - 1 / (1 + 2 * kappa) if instance["of"] == "y" else 1 - 1 / kappa
    target = log(A) if instance["of"] == "y" else log(A / 2)
    allowed = {"kappa > 1": bool(kappa > 1), "A > 2": bool(A > 2)}
    return Sides(target, "<=", -steps * log(rate), allowed, slack(arithmetic))


def count_rows(of: str) -> list[Instance]:
    return [{"kappa": k, "A": A, "of": of} for k in ("2", "10", "1000000") for A in ("10", "1000000000")]


LAMBDA = "λ ≥ 2L_f/μ"
RANGES = (
    Range("001", "f2ba:lemma-B.1", "1/λ", f"{LAMBDA} for L_λ (λμ/2)-strongly convex", convex,
          [{"mu": "1", "L_f": L, "f_yy": h} for L in ("1", "9") for h in ("0", f"-{L}")]),
    Range("001", "f2ba:lemma-B.6", "1/λ", f"{LAMBDA} for |∇y*_λ| ≤ 4L_g/μ", slope,
          [{"mu": "1", "L_f": f, "L_g": g} for f in ("1", "1/5") for g in ("1", "3", "1000")],
          note="3/(2 + 1/(2κ)): between 6/5 and 3/2"),
    Range("001", "f2ba:lemma-B.2", "1/λ", f"{LAMBDA} for |y*_λ - y*| ≤ C_f/(λμ)", distance,
          [{"mu": "1", "L_f": L, "v": v} for L in ("1", "7") for v in ("1", "-1/3", "0")],
          note="any minimiser of L_λ; the range is not needed"),
    Range("001", "f2ba:prop-4.1", "η", "η = 1/L for the descent with an error of ε/2", descent,
          [{"L": L, "x": x, "e": e} for L in ("1", "20") for x in ("1", "-3") for e in ("0", "1/4", "-1/2")]),
    Range("001", "f2ba:prop-4.2", "α", "α = 1/L_g for a rate of exp(-μ/(4L_g))", inner, inner_rows(False), "arb",
          start=Fraction(1), note="1 + exp(-1/(4κ))"),
    Range("001", "f2ba:prop-4.2", "τ", "τ = 1/(L_f + λL_g) for a rate of exp(-μ/(4L_g)), λ = 2L_f/μ", inner,
          inner_rows(True), "arb", start=Fraction(1), note="1 + exp(-1/(4κ))"),
    Range("001", "f2ba:prop-4.2", "1/K_t", "K_t = (4L_g/μ) log(4λL_g R_t/ζ) for |y - y*_λ| ≤ ζ/(4λL_g), λ = 2L_f/μ",
          count, count_rows("y"), "arb", note="tends to 2 for κ → ∞"),
    Range("001", "f2ba:prop-4.2", "1/K_t", "K_t = (4L_g/μ) log(4λL_g R_t/ζ) for |z - y*| ≤ ζ/(2λL_g)", count,
          count_rows("z"), "arb", note="about 4 for κ → ∞"),
)  # fmt: skip
