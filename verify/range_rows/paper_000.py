"""Ranges printed in paper 000: nu against 1/kappa, the step of Lemma E.2, the outer step of Theorem 3.1's proof."""

from __future__ import annotations

from math import ceil

from verify.evidence import Arithmetic, Instance, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.ranges import Range


@precise
def inverse(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """g_yy = mu, f_yy = c (|c| <= L_1): mu/2 <= |g_yy + j nu c|, nu = share mu/(2 L_1), j the outermost node."""
    mu, L, c, j, s = (number(instance[k], arithmetic) for k in ("mu", "L_1", "c", "j", "share"))
    nu = s * mu / (2 * L)
    allowed = {"0 < mu <= L_1, |f_yy| <= L_1": bool(0 < mu <= L and abs(c) <= L)}
    return Sides(mu / 2, "<=", mu + j * nu * c, allowed, tolerance(arithmetic))


def inverse_rows(j: str) -> list[Instance]:
    laws = (("1", "1"), ("1", "10"), ("1/7", "3"))
    return [{"mu": m, "L_1": L, "c": f"{sign}{L}", "j": j} for m, L in laws for sign in ("-", "")]


@precise
def minimiser(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|dy_nu/dx| = |g_xy + nu f_xy|/|g_yy + nu f_yy| at g_xy = f_xy = L_1, f_yy = -L_1, against 4 kappa."""
    mu, L, s = (number(instance[k], arithmetic) for k in ("mu", "L_1", "share"))
    nu = s * mu / L
    lhs = (L + nu * L) / abs(mu - nu * L) if mu != nu * L else 10**9 * L / mu
    return Sides(lhs, "<=", 4 * L / mu, {"0 < mu <= L_1": bool(0 < mu <= L)}, tolerance(arithmetic))


@precise
def sgd(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """E x_t^2 of plain SGD on h x^2/2, against (1 - mu eta)^t x_0^2 + eta sigma^2/mu; eta = 2 share/(mu + L)."""
    mu, L, h, x, sigma, s = (number(instance[k], arithmetic) for k in ("mu", "L", "h", "x", "sigma", "share"))
    eta, second = 2 * s / (mu + L), x * x
    for _ in range(instance["t"]):
        second = (1 - eta * h) ** 2 * second + (eta * sigma) ** 2
    right = (1 - mu * eta) ** instance["t"] * x * x + eta * sigma**2 / mu
    return Sides(second, "<=", right, {"mu <= h <= L": bool(0 < mu <= h <= L)}, tolerance(arithmetic))


def sgd_rows() -> list[Instance]:
    return [
        {"mu": "1", "L": L, "h": h, "x": x, "sigma": sigma, "t": t}
        for L in ("1", "2", "10", "10000")
        for h in {"1", L}
        for x, sigma in (("1", "0"), ("0", "1"), ("1", "1"))
        for t in (1, 2, 9)
    ]


@precise
def outer(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma E.1: 3 Delta/(eta T) + 3 L eta/2 + 8 eps/32 against eps; eta = share eps/(6 L), T = 6 Delta/(eps eta)."""
    L, gap, eps, s = (number(instance[k], arithmetic) for k in ("L", "Delta", "eps", "share"))
    eta = s * eps / (6 * L)
    T = ceil(6 * gap / (eps * eta))
    lhs = 3 * gap / (eta * T) + 3 * L * eta / 2 + eps / 4
    return Sides(lhs, "<=", eps, {"all > 0": bool(min(L, gap, eps) > 0)}, tolerance(arithmetic))


RANGES = (
    Range("000", "f2sa_p:lemma-D.3", "ν", "ν ≤ 1/(2κ) for |(∇²_yy g_ν)^{-1}| ≤ 2/μ", inverse, inverse_rows("1")),
    Range("000", "f2sa_p:proof-3.1-nodes", "ν, p = 8 (central)", "ν ≤ 1/(2κ) for |(∇²_yy g_{jν})^{-1}| ≤ 2/μ",
          inverse, inverse_rows("4"), note="2/p for central nodes: p/2 is the outermost"),
    Range("000", "f2sa_p:proof-3.1-nodes", "ν, p = 3 (one-sided)", "ν ≤ 1/(2κ) for |(∇²_yy g_{jν})^{-1}| ≤ 2/μ",
          inverse, inverse_rows("3"), note="1/p for one-sided nodes"),
    Range("000", "f2sa_p:lemma-E.4", "|ν|", "|ν| < 1/κ for y_ν 4κ-Lipschitz", minimiser,
          [{"mu": "1", "L_1": L} for L in ("1", "2", "10", "1000")], note="3/(4 + 1/κ): between 3/5 and 3/4"),
    Range("000", "f2sa_p:lemma-E.2", "η", "η < 2/(μ + L) for the contraction of plain SGD", sgd, sgd_rows(),
          note="κ = 1 and κ → ∞ are sharp, κ = 2 has 9/8"),
    Range("000", "f2sa_p:proof-3.1-outer", "η_x", "η_x = ε/(6L_φ) for the mean of |∇φ| ≤ ε by Lemma E.1", outer,
          [{"L": L, "Delta": D, "eps": e} for L in ("1", "50") for D in ("1", "1000") for e in ("1/10", "1/1000")],
          note="from Lemma E.1 as printed; with its sharp constants 1, 1/2, 2 it is 37/4"),
)  # fmt: skip
