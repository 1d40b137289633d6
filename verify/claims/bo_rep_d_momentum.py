"""Paper 004, Appendix D.7: the error of the momentum (Lemma D.8, Eqs. (63)-(71)) and Lemma D.9."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from random import Random
from typing import Any

import sympy as sp

from verify.claims.bo_rep_main_bias import average_check
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, num, root, scale, slack, spread
from verify.registry import claim


@careful
def error_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.8 with all 2^K paths: phi = K_0 x^2/2 (K_1 = 0), estimator grad phi + bias_k + s chi_k, |bias_k| <= C
    |z_k - z*_k| + flat (the last two given), s^2 <= s_0^2 + 2 u^2 |z_k - z*_k|^2, Lemma D.6 with s_0^2 = sigma_f1^2
    + ..
    """
    K_0, x0, eta, beta, C, flat = (Fraction(instance[k]) for k in ("K_0", "x0", "eta", "beta", "C", "flat"))
    s_0, drop = Fraction(instance["s_0"]), instance["drop"]
    z, signs = [Fraction(v) for v in instance["z"]], instance["signs"]
    K, total, defined = len(z), Fraction(0), True
    for chi in product((1, -1), repeat=K):
        x, m = x0, Fraction(0)
        for k in range(K):
            slope = K_0 * x
            m = beta * m + (1 - beta) * (slope + signs[k] * (C * abs(z[k]) + flat) + s_0 * chi[k])
            total += abs(m - slope)
            defined = defined and m != 0
            x -= eta * (1 if m > 0 else -1)
    one = num(1, arithmetic)
    Z = root(num(K * sum(v * v for v in z), arithmetic))  # sqrt K sqrt(sum E|z - z*|^2)
    rest: Any = {
        "flat": num(K * flat, arithmetic), "C": num(C, arithmetic) * Z,
        "noise": K * root(one - num(beta, arithmetic)) * num(s_0, arithmetic),
        "motion": num(K_0 * K * eta * beta / (1 - beta), arithmetic),
        "start": num(beta / (1 - beta) * abs(K_0 * x0), arithmetic),
    }  # fmt: skip
    bound = sum((v for name, v in rest.items() if name != drop), 0 * one)
    return Sides(
        num(total / 2**K, arithmetic), "<=", bound, {"m != 0 on every path": defined, "0 <= beta < 1": 0 <= beta < 1},
        slack(arithmetic),
    )  # fmt: skip


PLAIN: Instance = {
    "K_0": "1", "x0": "10", "eta": "1/10", "beta": "1/2", "C": "1", "flat": "0", "s_0": "0",
    "z": ["0", "0", "0", "0", "0"], "signs": [1, 1, 1, 1, 1],
}  # fmt: skip


def error_rows(drop: str, count: int) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        K = rng.randint(1, 5)
        row = {k: scale(rng, 1) for k in ("K_0", "x0", "eta", "C", "flat", "s_0")}
        return row | {
            "beta": str(Fraction(rng.randint(0, 9), 10)), "z": [scale(rng, 1) for _ in range(K)],
            "signs": [rng.choice((1, -1)) for _ in range(K)],
        }  # fmt: skip

    edge = [
        PLAIN, PLAIN | {"x0": "1/1000", "s_0": "1"}, PLAIN | {"x0": "1/1000", "flat": "1"},
        PLAIN | {"x0": "1/1000", "z": ["1"] * 5}, PLAIN | {"x0": "1/7", "eta": "5"},
    ]  # fmt: skip
    return [r | {"drop": drop} for r in [*edge, *spread(count, 63, draw)]]


@careful
def relaxed_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.8 with K_0 = 0: phi = e^x on the grid x_0 + eta Z, e^eta = q rational, so K_1 eta = q - 1 exactly.

    Estimator grad phi (1 + a sign_k) + s_0 chi + v z_k chi' (a = L_x1 eps/(4 K_0), v^2 = 2 sigma_g2^2: variance of
    Lemma D.6); m_0 given, all 4^K paths; C_gxy = 0.
    """
    q, g, m0, a, beta, s_0, v = (Fraction(instance[k]) for k in ("q", "g", "m0", "a", "beta", "s_0", "v"))
    z, signs, drop = [Fraction(e) for e in instance["z"]], instance["signs"], instance["drop"]
    K, total, slopes, defined = len(z), Fraction(0), Fraction(0), True
    paths = list(product((1, -1), repeat=2 * K))
    for chi in paths:
        slope, m = g, m0
        for k in range(K):
            noise = s_0 * chi[2 * k] + v * z[k] * chi[2 * k + 1]
            m = beta * m + (1 - beta) * (slope * (1 + a * signs[k]) + noise)
            total, slopes, defined = total + abs(m - slope), slopes + slope, defined and m != 0
            slope = slope / q if m > 0 else slope * q
    one, mean = num(1, arithmetic), slopes / len(paths)
    share = root(one - num(beta, arithmetic))
    rest: Any = {
        "L_x1": num(a * mean, arithmetic), "K_1": num((q - 1) * beta / (1 - beta) * mean, arithmetic),
        "noise": K * share * num(s_0, arithmetic), "start": num(beta / (1 - beta) * abs(m0 - g), arithmetic),
        "sigma_g2": share * num(v, arithmetic) * root(num(K * sum(e * e for e in z), arithmetic)),
    }  # fmt: skip
    bound = sum((term for name, term in rest.items() if name != drop), 0 * one)
    return Sides(
        num(total / len(paths), arithmetic), "<=", bound,
        {"m != 0 on every path": defined, "q > 1, 0 <= beta < 1": q > 1 and 0 <= beta < 1}, slack(arithmetic),
    )  # fmt: skip


STEEP: Instance = {
    "q": "11/10", "g": "1", "m0": "1", "a": "0", "beta": "1/10", "s_0": "0", "v": "0", "z": ["0"] * 4, "signs": [1] * 4,
}  # fmt: skip


def relaxed_rows(drop: str, count: int) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        K = rng.randint(1, 4)
        row = {k: scale(rng, 1) for k in ("g", "m0", "a", "s_0", "v")}
        return row | {
            "q": str(1 + Fraction(1, rng.choice((1, 3, 100)))), "beta": str(Fraction(rng.randint(0, 9), 10)),
            "z": [scale(rng, 1) for _ in range(K)], "signs": [rng.choice((1, -1)) for _ in range(K)],
        }  # fmt: skip

    edge = [
        STEEP, STEEP | {"beta": "9/10", "q": "3"}, STEEP | {"a": "1/2", "beta": "1/1000"},
        STEEP | {"a": "1/2", "q": "1000001/1000000"}, STEEP | {"v": "9/10", "z": ["1"] * 4, "beta": "1/50"},
        STEEP | {"v": "3/10", "z": ["1"] * 4, "q": "1000001/1000000"},
    ]  # fmt: skip
    return [r | {"drop": drop} for r in [*edge, *spread(count, 64, draw)]]


@claim(
    "bo_rep:lemma-D.8",
    covers=[
        "004 Lemma D.8", "004 Equation 63", "004 Equation 64", "004 Equation 67", "004 Equation 68", "004 Equation 70",
        "004 Equation 71",
    ],
    mutants={
        "without the start": {"drop": "start"}, "without the noise": {"drop": "noise"}, "without C_gxy": {"drop": "C"},
        "without the flat bias": {"drop": "flat"}, "without the motion": {"drop": "motion"},
        "without L_x1": {"drop": "L_x1"}, "without K_1": {"drop": "K_1"}, "without sigma_g2": {"drop": "sigma_g2"},
    },
    uses=["bo_rep:lemma-D.6", "bo_rep:lemma-D.7", "bo_rep:lemma-D.9", "bo_rep:eq-65-66"],
)  # fmt: skip
def lemma_d8(drop: str = "", level: str = "quick") -> Evidence:
    """Lemma D.8 (lines 6855-6957), Eqs. (63), (64), (67), (68), (70), (71): E Σ|δ_k| ≤ Err_1 + Err_2, Err_1 =
    (L_x1ε/(4K_0)) Σ|∇Φ(x_k)| + K(L_x0 + L_x1CM/μ + τM/μ)ε/(4K_0) + C√K√(ΣE|z_k-z*_k|²), Err_2 = K√(1-β)√(σ_f1² +
    2M²σ_g2²/μ²) + √2σ_g2√(1-β)√K√(ΣE|z_k-z*_k|²) + (K_1ηβ/(1-β))Σ|∇Φ(x_k)| + K_0Kηβ/(1-β) + (β/(1-β))|m_0-∇Φ(x_0)|.

    As printed as Lemma 3.6, whose restatement this is. Its terms with all noise paths enumerated, in ball arithmetic:
    quadratic Φ (K_1 = L_x1 = σ_g2 = 0), bias and z errors of any sign; Φ = e^x (K_0 = 0), with L_x1, K_1 and σ_g2.
    """
    count = 60 if level == "quick" else 1500
    fixed = (
        Instances("quadratic", error_sides, error_rows(drop, count), "arb", "mpmath", f"{count} random"),
        Instances(
            "exponential", relaxed_sides, relaxed_rows(drop, count // 4), "arb", "mpmath", f"{count // 4} random"
        ),
    )
    return Evidence(
        printed=fixed if drop else (average_check(),),
        corrected=fixed,
        correction="with the bias of Lemma D.7 as corrected: ε ≤ 4K_0/√(2(L_x1² + L_y1²)).",
        category="false",
        charitable="The same print as Lemma 3.6 and the same run: the bias of Lemma 3.5 (D.7) enters unchanged.",
        downstream="As bo_rep:lemma-3.6.",
        notes="Σ|∇Φ(x_k)| on the right of (63) stands for its expectation. m_0 is free here; Algorithm 1 has m_0 = 0. "
        "The terms with L_x1 and σ_g2 are attained for β → 0, "
        "the one with K_1 to 0.69 at β = 1/10, K = 4.",
    )


@careful
def index_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(69)(i): sum_k sum_{i<=k} beta^(k-i) a_i against the same with a_k (``moved``), or against sum a/(1-beta)."""
    a, beta = [num(v, arithmetic) for v in instance["a"]], num(instance["beta"], arithmetic)
    K = len(a)
    lhs = sum(((1 - beta) * beta ** (k - i) * a[i] for k in range(K) for i in range(k + 1)), 0 * beta)
    rhs = num(instance["size"], arithmetic) * sum(a, 0 * beta)
    if instance["moved"]:
        rhs = sum(((1 - beta) * beta ** (k - i) * a[k] for k in range(K) for i in range(k + 1)), 0 * beta)
    return Sides(
        lhs, "<=", rhs, {"a >= 0": all(bool(v >= 0) for v in a), "0 < beta < 1": bool(beta > 0) and bool(beta < 1)},
        slack(arithmetic),
    )  # fmt: skip


@claim(
    "bo_rep:eq-69",
    covers=["004 Equation 69"],
    mutants={"half": {"size": "1/2"}},
    uses=["bo_rep:lemma-D.7"],
)
def eq_69(size: str = "1") -> Evidence:
    """Eq. (69) (lines 7415-7505): (1-β)Σ_kE|Σ_{i≤k} β^{k-i}(bias_i)| ≤ (1-β)Σ_kΣ_{i≤k} β^{k-i}(..)E|∇Φ(x_k)| + .. ≤
    (..) Σ_kE|∇Φ(x_k)| + .., with |bias_i| ≤ (..)|∇Φ(x_i)| + .. from Lemma D.7.

    The first step with the printed index k in the double sum, on |∇Φ(x_0)| = 1 and 0 afterwards; and with the index i.
    """
    rows = [
        {"a": a, "beta": b, "moved": False, "size": size}
        for a in (["1", "0", "0"], ["1"], ["3", "1/2", "5", "0"], ["0", "0", "2"])
        for b in ("1/10", "1/2", "99/100")
    ]
    printed = Instances(
        "index k", index_sides, [{"a": ["1", "0"], "beta": "1/2", "moved": True, "size": "1"}], "rational", "mpmath"
    )
    fixed = Instances("index i, and the last line", index_sides, rows, "rational", "mpmath")
    return Evidence(
        printed=(fixed,) if size != "1" else (printed,),
        corrected=(fixed,),
        correction="E|∇Φ(x_i)| and E|z_i - z*_i| in the double sums of (69) and (70).",
        category="misprint or conversion",
        charitable="Read with the index i it holds, the last line of (69) too (second group), which is what is used.",
        downstream="None.",
    )


@claim(
    "bo_rep:eq-65-66",
    covers=["004 Equation 65", "004 Equation 66"],
    mutants={"without (1 - beta)": {"share": 1}},
)
def eq_65_66(share: int = 0) -> Evidence:
    """Eqs. (65), (66) (lines 6956-7030): S(a,b) = ∇Φ(a) - ∇Φ(b), δ̂_k = ∇̂Φ_k - ∇Φ(x_k); δ_{k+1} = βδ_k + βS(x_k,
    x_{k+1}) + (1-β)δ̂_{k+1}, and recursively δ_k = β^{k+1}(m_0 - ∇Φ(x_0)) + βΣ_{i<k} β^{k-1-i}S(x_i, x_{i+1}) +
    (1-β)Σ_{i≤k} β^{k-i}δ̂_i.

    Symbolic residual, k = 3. (65) is Lemma C.3, with bars missing around S.
    """
    b = sp.Symbol("beta")
    g, h = sp.symbols("g0:4"), sp.symbols("h0:4")
    m = [sp.Symbol("m0")]
    for k in range(4):
        m.append(b * m[k] + (1 - b) * h[k])
    delta = [m[k + 1] - g[k] for k in range(4)]
    weight = 1 if share else 1 - b
    step = b * delta[2] + b * (g[2] - g[3]) + weight * (h[3] - g[3])
    whole = b**4 * (m[0] - g[0]) + b * sum(b ** (2 - i) * (g[i] - g[i + 1]) for i in range(3))
    whole += weight * sum(b ** (3 - i) * (h[i] - g[i]) for i in range(4))
    return Evidence(printed=(Identity("(66)", delta[3], step), Identity("unrolled", delta[3], whole)))


@careful
def martingale_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """E|sum beta^(k-i) d_i|^2 == sum beta^(power (k-i)) E d_i^2, d_i = size_i(chi_0 .. chi_{i-1}) chi_i; with ``tied``
    d_i repeats chi_0, no martingale difference.
    """
    beta, K = num(instance["beta"], arithmetic), instance["K"]
    left, squares = 0 * beta, [0 * beta] * K
    for chi in product((1, -1), repeat=K):
        d = [num(1 + i, arithmetic) * (2 + sum(chi[:i])) * chi[0 if instance["tied"] else i] for i in range(K)]
        left = left + sum((beta ** (K - 1 - i) * d[i] for i in range(K)), 0 * beta) ** 2
        squares = [s + v * v for s, v in zip(squares, d, strict=True)]
    right = sum((beta ** (instance["power"] * (K - 1 - i)) * squares[i] for i in range(K)), 0 * beta)
    return Sides(
        left / 2**K, "==", right / 2**K, {"0 < beta < 1": bool(beta > 0) and bool(beta < 1)}, slack(arithmetic)
    )


@claim(
    "bo_rep:lemma-D.9",
    covers=["004 Lemma D.9", "004 Equation 72"],
    mutants={"beta^(k-i)": {"power": 1}, "not a martingale difference": {"tied": True}},
)
def lemma_d9(power: int = 2, tied: bool = False) -> Evidence:
    """Lemma D.9, Eq. (72) (lines 7721-7910): E|Σ_{i≤k} β^{k-i}(∇̂Φ_i - E_i[∇̂Φ_i])|² = Σ_{i≤k} β^{2(k-i)}E|∇̂Φ_i -
    E_i[∇̂Φ_i]|².

    Exact expectations over all paths of differences whose size depends on the past.
    """
    rows: list[Instance] = [
        {"beta": b, "K": K, "power": power, "tied": tied} for b in ("1/10", "1/2", "9/10") for K in (2, 3, 5)
    ]
    return Evidence(printed=(Instances("(72)", martingale_sides, rows, "rational", "mpmath"),))
