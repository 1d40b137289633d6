"""Ranges of Theorem 3.1 of paper 004 that its final chain uses: the entries of 1 - beta and of eta in (75), gamma (44).

Each entry of (75) is there for one inequality of (78) or (79), with C L_z = K_0 and nu = (1 - beta)/mu, K = 4 Delta/
(eta eps); both sides are divided by what they share.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from verify.evidence import Arithmetic, Instance, Sides
from verify.families_bo_rep_d import careful, confidence, num, root, slack
from verify.ranges import Range


@careful
def entry(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """The piece of (78) or (79) that one entry of (75) bounds, at ``share`` times that entry."""
    eps, beta, share, t = (num(instance[k], arithmetic) for k in ("eps", "beta", "share", "t"))
    noise, C = num(instance["noise"], arithmetic), num(instance["C"], arithmetic)
    keep = share * eps**2 / noise  # 1 - beta at the first entry
    small = share * (C / (4 * t)) ** 2 / 2  # 1 - beta at C^2/(8 sigma_g2^2), sigma_g2 = 2 t
    eta = share * (1 - beta) * eps / 8  # K_0 = 1: each entry of eta is eps times (1 - beta)/8 over a constant
    pieces: dict[str, tuple[Any, Any]] = {
        "noise": (keep * noise, eps**2),
        "noise of z": (2 * C**2 * keep * noise / (32 * C**2), eps**2 / 16),
        "jacobian": (8 * (2 * t) ** 2 * small, C**2),
        "momentum": (beta * eta / (1 - beta), eps / 8),
        "motion of z*": (4 * (eta / (1 - beta)) ** 2, eps**2 / 16),
        "first gradient": (2 * beta * eta / (4 * (1 - beta)), eps / 16),
        "start of z": (eta * eps / (4 * (1 - beta)), eps**2 / 32),
    }
    lhs, rhs = pieces[instance["piece"]]
    return Sides(
        lhs, "<=", rhs,
        {"3/4 <= beta < 1": bool(4 * beta >= 3) and bool(beta < 1), "all > 0": bool(min(eps, noise, C, t) > 0)},
        slack(arithmetic),
    )  # fmt: skip


def entry_rows(piece: str) -> list[Instance]:
    return [
        {"piece": piece, "eps": e, "noise": n, "C": C, "t": t, "beta": b}
        for e, n, C, t in (("1/10", "1", "1", "1"), ("3", "50", "7", "1/9"))
        for b in ("3/4", "999999/1000000")
    ]


@careful
def update(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """One noise-free update of Algorithm 2 on g = a(y - x)^2/2, N = 1: |y_2 - x_2| <= eps/(4 K_0) with share of (44).

    x goes 0, eta, 0 with eta = eps/(8 K_0), K_0 = 1, y_0 = eta/2; the smaller sigma_g1, the larger (44).
    """
    a, eps, sigma, share = (num(instance[k], arithmetic) for k in ("a", "eps", "sigma", "share"))
    lam = confidence(num(8, arithmetic))  # K = 2, delta = 1/2, I = 1
    q = lam + root(lam + 1)
    gamma = share * a * eps**2 / (512 * sigma**2 * root(lam + 1) * q)
    x, y = eps / 8, eps / 16
    moved = y + min(gamma * a * (x - y), eps / 4)
    count = 4096 * sigma**2 * q**2 / (a * eps) ** 2
    allowed = {"|y_0 - y*(x_0)| <= eps/(8 K_0)": bool(y <= eps / 8), "N of (45) is 1": bool(count <= 1)}
    return Sides(abs(moved), "<=", eps / 4, allowed, slack(arithmetic), {"2 L gamma": gamma * 4 * a})


def row(parameter: str, printed: str, piece: str, claim: str, note: str = "sharp") -> Range:
    return Range("004", f"bo_rep:{claim}", parameter, printed, entry, entry_rows(piece), note=note)


NOISE = "(σ_f1² + 2M²σ_g2²/μ²)"
RANGES = (
    row("1 - β", f"1 - β ≤ ε²/{NOISE} for 2ε in (78)", "noise", "eq-78"),
    row("1 - β", f"1 - β ≤ (ε²/{NOISE}) μ²/(32C²) for the noise of z in (79), ε²/16", "noise of z", "eq-79"),
    row("1 - β", "1 - β ≤ C²/(8σ_g2²) for 2√2σ_g2√(1-β) + 2C ≤ 3C in (79)", "jacobian", "eq-79"),
    row("η", "η ≤ (1-β)ε/(8K_0) for K_0 η β/(1-β) ≤ ε/8 in (78)", "momentum", "eq-78", "sharp for β → 1"),
    row("η", "η ≤ (1-β)ε/(8K_0) for the motion of z* in (79), ε²/16", "motion of z*", "eq-79"),
    row("η", "η ≤ (1-β)Δ/(8|∇Φ(x_0)|) for the first gradient in (79), ε/16", "first gradient", "eq-79",
        "sharp for β → 1"),
    row("η", "η ≤ (1-β)εΔ/(8C²Δ_z) for the start of z in (79), ε²/32", "start of z", "eq-79"),
    Range("004", "bo_rep:eq-44", "γ", "γ = (44), no cap by L, for |y_k - y*(x_k)| ≤ ε/(4K_0); σ_g1 = ε/400, L = 2μ",
          update, [{"a": a, "eps": "4", "sigma": "1/100"} for a in ("1", "2")], "mpmath", start=Fraction(1, 64),
          note="goes to 0 with σ_g1: a cap 1/(2L) is missing"),
)  # fmt: skip
