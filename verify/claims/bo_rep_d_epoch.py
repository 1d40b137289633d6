"""Paper 004, Appendix D.2: one epoch of projected SGD (Lemma D.1) and the shrinking balls (Lemma D.2)."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, comb
from random import Random
from typing import Any

from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, confidence, exp, num, root, scale, slack, smaller, spread
from verify.registry import claim


def clip(y: Any, low: Any, high: Any) -> Any:
    return low if y < low else (high if y > high else y)


@careful
def step_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(21), (22), (23) for g = a y^2/2 (y* = 0), one step y' = P(y - alpha (a y + e)) on |y - centre| <= r."""
    a, y, e, alpha, centre, r = (num(instance[k], arithmetic) for k in ("a", "y", "e", "alpha", "centre", "r"))
    w, keep = num(instance["noise"], arithmetic), num(instance["keep"], arithmetic)
    new = clip(y - alpha * (a * y + e), centre - r, centre + r)
    model = alpha * (a * y * y / 2 + (a * y + e) * (new - y)) + (new - y) ** 2 / 2
    gain = keep * (y * y - new * new) / 2
    sides = {
        "21": (alpha * a * new**2 / 2, model + w * alpha**2 * e**2),
        "22": (model, -alpha * e * y + gain),
        "23": (alpha * a * new**2 / 2, gain + 2 * w * alpha**2 * e**2 - alpha * e * y),
    }
    lhs, rhs = sides[instance["which"]]
    return Sides(
        lhs, "<=", rhs,
        {"alpha <= 1/(2L)": bool(2 * alpha * a <= 1), "y and y* in the ball": bool(abs(y - centre) <= r)
         and bool(abs(centre) <= r)},
        slack(arithmetic), within=True,
    )  # fmt: skip


def step_rows(which: str, noise: str, keep: str, count: int) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        a, r = Fraction(scale(rng)), Fraction(scale(rng))
        centre = r * Fraction(rng.randint(-10, 10), 10)
        return {
            "a": str(a), "r": str(r), "centre": str(centre), "y": str(centre + r * Fraction(rng.randint(-10, 10), 10)),
            "e": str(a * r * Fraction(rng.randint(-30, 30), rng.choice((1, 7, 50)))),
            "alpha": str(Fraction(rng.randint(1, 20), 20) / (2 * a)),
        }  # fmt: skip

    plain = {"a": "1", "r": "1", "centre": "0", "y": "0", "e": "1", "alpha": "1/2"}
    moved = plain | {"y": "1", "e": "0", "alpha": "1/10"}
    return [r | {"which": which, "noise": noise, "keep": keep} for r in [plain, moved, *spread(count, 21, draw)]]


@claim(
    "bo_rep:eq-21-23",
    covers=["004 Equation 21", "004 Equation 22", "004 Equation 23"],
    mutants={"noise 1/4 in place of alpha^2": {"noise": "1/4"}, "quarter of the distance": {"keep": "1/2"}},
)
def eq_21_23(noise: str = "1", keep: str = "1", level: str = "quick") -> Evidence:
    """Eqs. (21)-(23) (lines 2445-2955), one step y' = Π(y - αG), e = G - ∇g, α ≤ 1/(2L), y* in the ball: (21) αg(y') ≤
    α[g(y) + ⟨G, y'-y⟩] + |y'-y|²/2 + α²|e|²; (22) that without the last term ≤ αg(y*) + α⟨e, y*-y⟩ + |y-y*|²/2 -
    |y'-y*|²/2; (23) αg(y') - αg(y*) ≤ |y-y*|²/2 - |y'-y*|²/2 + π, π = 2α²|e|² + α⟨e, y*-y⟩.

    Scalar quadratics with curvature up to L, any error e, projection active or not.
    """
    count = 150 if level == "quick" else 4000
    checks = tuple(
        Instances(f"({w})", step_sides, step_rows(w, noise, keep, count), "rational", "mpmath", f"{count} random")
        for w in ("21", "22", "23")
    )
    return Evidence(
        printed=checks,
        corrected=(Instances("(23)", step_sides, step_rows("23", "1/2", "1", count), "rational", "mpmath", "same"),),
        correction="sharper: α²|e|² in π, which (21) and (22) give; the print doubles it.",
    )


@careful
def azuma_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Pr[sum psi_t > lambda c sqrt T], psi_t = +-k c with probability p/2 each, exactly; k^2 integer, T and k^2 squares
    of the instance; p (e^(k^2) - 1) <= e - 1 certified."""
    T, k, p = instance["T"], instance["k"], Fraction(instance["p"])
    lam, level = Fraction(instance["lam"]), Fraction(instance["lam"]) ** 2 * T  # (sum/c)^2 > lam^2 T
    tail = Fraction(0)
    for n in range(T + 1):  # n of the T terms are not zero
        inner = sum((comb(n, u) for u in range(n + 1) if (s := k * (2 * u - n)) > 0 and s * s > level), 0)
        tail += comb(T, n) * p**n * (1 - p) ** (T - n) * Fraction(inner, 2**n)
    one = num(1, arithmetic)
    moment = num(p, arithmetic) * (exp(one * k * k) - 1)
    light = (p == 1 and k == 1) or bool(moment <= exp(one) - 1)
    rate = num(instance["rate"], arithmetic)
    return Sides(
        num(tail, arithmetic), "<=", exp(-rate * num(lam, arithmetic) ** 2),
        {"E exp(psi^2/c^2) <= e": light, "mean 0": True}, slack(arithmetic), {"probability": str(float(tail))},
    )  # fmt: skip


@careful
def markov_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Pr[sum |e_t|^2 > (1 + lambda) sigma^2 T]: |e_t|^2 = v sigma^2 with probability p, else 0; n > (1 + lambda)T/v."""
    T, v, p, lam = instance["T"], Fraction(instance["v"]), Fraction(instance["p"]), Fraction(instance["lam"])
    tail = sum(comb(T, n) * p**n * (1 - p) ** (T - n) for n in range(T + 1) if n * v > (1 + lam) * T)
    moment = num(p, arithmetic) * (exp(num(v, arithmetic)) - 1)
    rate = num(instance["rate"], arithmetic)
    return Sides(
        num(tail, arithmetic), "<=", exp(-rate * num(lam, arithmetic)),
        {"E exp(e^2/sigma^2) <= e": bool(moment <= exp(num(1, arithmetic)) - 1)}, slack(arithmetic),
    )  # fmt: skip


def azuma_rows(rate: str) -> list[Instance]:
    laws = [(1, "1"), (2, "3/100"), (3, "1/5000")]
    return [
        {"T": T, "k": k, "p": p, "lam": lam, "rate": rate}
        for k, p in laws
        for T in (1, 4, 25, 100)
        for lam in ("1/2", "1", "2", "3", "5")
    ]


def markov_rows(rate: str) -> list[Instance]:
    laws = [("101/100", "98/100"), ("2", "1/4"), ("4", "3/100"), ("9", "1/5000")]
    return [
        {"T": T, "v": v, "p": p, "lam": lam, "rate": rate}
        for v, p in laws
        for T in (1, 2, 10, 60)
        for lam in ("0", "1/10", "99/100", "2", "299/100", "799/100")
    ]


@claim(
    "bo_rep:eq-25-26",
    covers=["004 Equation 25", "004 Equation 26"],
    mutants={"exp(-lambda^2) and exp(-2 lambda)": {"azuma": "1", "markov": "2"}},
)
def eq_25_26(azuma: str = "1/3", markov: str = "1") -> Evidence:
    """Eqs. (25), (26) (lines 3545-3770): Pr[Σψ_t > λ 2√2 D σ α√T] ≤ exp(-λ²/3) if E[exp(ψ_t²/(2√2 D α σ)²)|·] ≤ e,
    E[ψ_t|·] = 0; Pr[Σα²|e_t|² > (1+λ)σ²α²T] ≤ exp(-λ) if E exp(|e_t|²/σ²) ≤ e.

    Left sides exactly (binomial sums in rationals) for two- and three-point laws at the edge of the moment condition.
    """
    return Evidence(
        printed=(
            Instances("(25)", azuma_sides, azuma_rows(azuma), "arb", "mpmath"),
            Instances("(26)", markov_sides, markov_rows(markov), "arb", "mpmath"),
        ),
        notes="(26) is nearly attained by one sample of a law with a far atom.",
    )


@careful
def epoch_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.1 with all 2^T paths: g = L y^2/2, noise +-sigma (E exp(e^2/sigma^2) = e), r = sqrt2 D, T square."""
    L, start, r, sigma, share, lam = (Fraction(instance[k]) for k in ("L", "start", "r", "sigma", "share", "lam"))
    T, side = instance["T"], instance["side"]
    alpha = share / (2 * L)
    P_0 = (Fraction(instance["D"]) * r * r / 2 + 2 * sigma**2 * alpha**2 * T) / (alpha * T)
    P_1 = (2 * r * sigma * alpha * side + 2 * sigma**2 * alpha**2 * T) / (alpha * T)
    worse = 0
    for path in product((1, -1), repeat=T):
        y, total = start, Fraction(0)
        for s in path:
            y = clip(y - alpha * (L * y + s * sigma), start - r, start + r)
            total += y
        worse += L * (total / T) ** 2 / 2 > P_0 + lam * P_1
    x = num(lam, arithmetic)
    return Sides(
        num(Fraction(worse, 2**T), arithmetic), "<=", exp(-x * x / 3) + exp(-x),
        {"|y_0 - y*|^2/2 <= D^2": abs(start) <= r, "T = side^2": side * side == T, "alpha <= 1/(2L)": share <= 1},
        slack(arithmetic), {"probability": f"{worse}/{2**T}"},
    )  # fmt: skip


def epoch_rows(D: str) -> list[Instance]:
    return [
        {"L": L, "start": "1", "r": "1", "sigma": s, "share": c, "lam": lam, "T": k * k, "side": k, "D": D}
        for L in ("1", "10")
        for s in ("1/100", "1", "30")
        for c in ("1", "1/20")
        for k in (1, 2)
        for lam in ("1/10", "1", "4")
    ]


@claim(
    "bo_rep:lemma-D.1",
    covers=["004 Lemma D.1", "004 Equation 18", "004 Equation 19", "004 Equation 20", "004 Equation 24"],
    mutants={"without D^2": {"D": "0"}},
    uses=["bo_rep:eq-21-23", "bo_rep:eq-25-26"],
)
def lemma_d1(D: str = "1") -> Evidence:
    """Lemma D.1 (lines 2380-2443), Eqs. (18)-(20), (24): T steps of projected SGD on |y - y_0| ≤ √2D, D² ≥
    |y_0-y*|²/2, 0 < α ≤ 1/(2L): for any λ > 0 the mean of the iterates has Pr[g - g* > P_0 + λP_1] ≤ exp(-λ²/3) +
    exp(-λ), P_0 = (D² + 2σ²α²T)/(αT), P_1 = (2√2Dσα√T + 2σ²α²T)/(αT). (24) is the sum of (23) with convexity.

    All noise paths enumerated exactly, scalar quadratics, T = 1, 4.
    """
    return Evidence(
        printed=(Instances("all paths", epoch_sides, epoch_rows(D), "arb", "mpmath"),),
        notes="Needs convexity and L-smoothness in y only; strong convexity is not used. The step condition α ≤ 1/(2L) "
        "is used in (21)(ii): see bo_rep:lemma-D.3, which drops it.",
    )


@careful
def tail_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """exp(-lambda^2/3) + exp(-lambda) <= 1/u, lambda = stretch * confidence(factor u)."""
    u = num(instance["u"], arithmetic)
    lam = num(instance["stretch"], arithmetic) * confidence(num(instance["factor"], arithmetic) * u)
    return Sides(
        exp(-lam * lam / 3) + exp(-lam), "<=", 1 / u, {"u = 2 k/delta > 2": bool(u > 2)}, slack(arithmetic),
        {"lambda": str(lam), "times 1/u": str((exp(-lam * lam / 3) + exp(-lam)) * u)},
    )  # fmt: skip


def tail_rows(stretch: str, factor: str) -> list[Instance]:
    values = ("2001/1000", "21/10", "5/2", "3", "4", "7", "10", "20", "21", "50", "1000", "1000000", "1" + "0" * 30)
    return [{"u": u, "stretch": stretch, "factor": factor} for u in values]


@claim(
    "bo_rep:eq-38",
    covers=["004 Equation 38"],
    mutants={"3/2 in place of 4 inside the logarithm": {"factor": "3/4"}},
)
def eq_38(factor: str = "2") -> Evidence:
    """Eq. (38) (lines 4530-4556): "we set λ = max(√(3 ln(2k†/δ)), ln(2k†/δ)) so that exp(-λ²/3) + exp(-λ) ≤ δ/2k†".

    With u = 2k†/δ > 2: one of the two terms is exactly 1/u, and the other is positive.
    """
    printed = Instances("sum <= delta/(2k)", tail_sides, tail_rows("1", "1"), "arb", "mpmath")
    fixed = Instances("4k/delta in the logarithms", tail_sides, tail_rows("1", factor), "arb", "mpmath")
    return Evidence(
        printed=(fixed,) if factor != "2" else (printed,),
        corrected=(fixed,),
        correction="λ = max(√(3 ln(4k†/δ)), ln(4k†/δ)); as printed the sum lies between δ/(2k†) and δ/k†.",
        category="false",
        charitable="False for every k† ≥ 1 and δ in (0, 1), the sum is between 1 and 2 times too large; no reading of "
        "the maximum helps (with a sum or product of the two the text would have said so).",
        downstream="Lemma D.2 survives: (34)-(37) leave a slack of 4/3 in λ, which is enough (bo_rep:eq-37). Lemma D.3 "
        "has no such slack (bo_rep:eq-46): what is proved there is 1 - δ, and Theorem 3.1 has 1 - 3δ/2 in place of 1 - "
        "δ unless 4 stands for 2 in (46), which changes logarithms only.",
    )


@careful
def halving_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """P_0 and lambda P_1 at the schedule (29), (30), in units of V_{s+1}."""
    L, mu, sigma, V, lam = (Fraction(instance[k]) for k in ("L", "mu", "sigma", "V", "lam"))
    need = Fraction(instance["need"])
    T = ceil(max(16 * L / mu, need * max(sigma**2, 4 * lam**2 * sigma**2) / (mu * V / 4)))
    n = {k: num(v, arithmetic) for k, v in {"L": L, "mu": mu, "s": sigma, "V": V, "lam": lam}.items()}
    which, limit = instance["which"], num(instance["limit"], arithmetic)
    certified = {"mu <= L": mu <= L, "all > 0": min(mu, sigma, V, lam) > 0}
    if which in ("R_1", "R_2"):
        R_1 = 2 * n["L"] * n["V"] / (n["mu"] * T) / (n["V"] / 8)
        R_2 = 2 * n["s"] ** 2 * n["V"] / (n["mu"] * T) / (n["V"] ** 2 / 64)
        return Sides(R_1 if which == "R_1" else R_2, "<=", limit, certified, slack(arithmetic), {"T_s": T})
    alpha = smaller(1 / (2 * n["L"]), root(n["V"] / (2 * n["mu"] * T)) / n["s"])
    P_0 = (n["V"] / n["mu"] + 2 * n["s"] ** 2 * alpha**2 * T) / (alpha * T)
    cross = 2 * root(num(2, arithmetic)) * root(n["V"] / n["mu"]) * n["s"] * alpha * root(num(T, arithmetic))
    P_1 = (cross + 2 * n["s"] ** 2 * alpha**2 * T) / (alpha * T)
    parts = {"P_0": P_0 / (n["V"] / 4), "P_1": n["lam"] * P_1 / (n["V"] / 2)}
    return Sides(parts[which], "<=", limit, certified, slack(arithmetic), {"T_s": T})


def halving_rows(which: str, limit: str, need: str, count: int) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        mu = Fraction(scale(rng))
        row = {"mu": str(mu), "L": str(mu * rng.choice((1, 3, 100, 10**5))), "sigma": scale(rng), "V": scale(rng, 4)}
        # the odd 1/997 keeps T_s off its ceiling: at an integer (36) is an equality, which balls cannot decide
        return row | {"lam": str(Fraction(rng.randint(15, 300), 10) + Fraction(1, 997))}

    edge = [
        {"mu": "1", "L": "1", "sigma": "1", "V": "1/100", "lam": "3001/1000"},
        {"mu": "1", "L": "1", "sigma": "1/10", "V": "1", "lam": "1/2"},
        {"mu": "1", "L": "1000", "sigma": "1/1000", "V": "1", "lam": "3"},
    ]
    return [r | {"which": which, "limit": limit, "need": need} for r in [*edge, *spread(count, 36, draw)]]


@claim(
    "bo_rep:eq-34-37",
    covers=[
        "004 Equation 28", "004 Equation 29", "004 Equation 33", "004 Equation 34", "004 Equation 35",
        "004 Equation 36", "004 Equation 37",
    ],
    mutants={"1 in place of 32 in T_s": {"need": "1"}},
    uses=["bo_rep:lemma-D.1", "bo_rep:eq-38"],
)  # fmt: skip
def eq_34_37(need: str = "32", level: str = "quick") -> Evidence:
    """Eqs. (28)-(30), (33)-(37) (lines 3934-4551): ball |y - y_s|²/2 ≤ V_s/μ, V_s = V_0 2^{-s}; T_s = ⌈max{16L/μ,
    32 max{σ², 4λ²σ²}/(μV_0 2^{-(s+2)})}⌉, α_s = min{1/(2L), √(V_s/(2μT_s))/σ}; R_1 = 2LV_s/(μT_s) ≤ V_{s+1}/4, R_2 =
    2σ²V_s/(μT_s) ≤ V_{s+1}²/16, P_0 ≤ V_{s+1}/2, P_1 ≤ 3V_{s+1}/(8λ) ≤ V_{s+1}/(2λ), so P_0 + λP_1 ≤ V_{s+1}, and
    (33) = (37): Pr[g_{s+1} - g* > V_{s+1} | A_s] ≤ δ/(2k†).

    Checked: the four bounds at the printed schedule; and (37) from Lemma D.1 with 4λ/3 (4/3 · 3/8 = 1/2), λ of (38).
    """
    count = 40 if level == "quick" else 1000
    parts = (("R_1", "1"), ("R_2", "1"), ("P_0", "1"), ("P_1", "3/8"))
    bounds = tuple(
        Instances(
            w,
            halving_sides,
            halving_rows(w, limit, need, count),
            "rational" if w[0] == "R" else "arb",
            "mpmath",
            f"{count} random",
        )
        for w, limit in parts
    )
    return Evidence(
        printed=(*bounds, Instances("(37) with 4 lambda/3", tail_sides, tail_rows("4/3", "1"), "arb", "mpmath")),
        charitable="(37)(ii) is false as a step (bo_rep:eq-38). Its two ends hold: P_0 + (4λ/3)P_1 ≤ V_{s+1} too, and "
        "exp(-16λ²/27) + exp(-4λ/3) ≤ δ/(2k†) for every 2k†/δ > 2.",
        notes="(33) writes ≥ where (37) has >. (36) is attained: 3/8 is exact where T_s is not rounded up.",
    )
