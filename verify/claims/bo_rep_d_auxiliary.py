"""Paper 004, Appendices D.5 and D.6: the linear system's iterate z, variance and bias of the hyper-gradient."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from verify.claims.bo_rep_main_bias import bias_sides as relaxed_sides
from verify.claims.bo_rep_main_bias import inside_rows, outside_check
from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, num, root, scale, slack, spread
from verify.registry import claim


@careful
def linear_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.5 on g = (mu y_1^2 + L y_2^2)/2, f = c'y + (h/2)|y|^2 (phi = const., y* = 0, z* = c/diag(mu, L)).

    y_k = (off, off), fixed (K_y = 0 and projections allow it: only |y_k - y*| <= r = eps/(4 K_0) is used); noise
    sigma_f2 = s on F_y, spread over both coordinates, and sigma_g2 = u on the Hessian (u chi I): second moments
    exactly.
    """
    n = {
        k: num(instance[k], arithmetic) for k in ("mu", "L", "nu", "s", "u", "h", "off", "r", "start", "noise", "bias")
    }
    K, mu, nu = instance["K"], n["mu"], n["nu"]
    c = [num(v, arithmetic) for v in instance["c"]]
    curve = (mu, n["L"])
    goal = [c[i] / curve[i] for i in (0, 1)]
    mean = [-g for g in goal]  # z_0 = 0
    second = [m * m for m in mean]
    first, total = second[0] + second[1], 0 * mu
    for _ in range(K):
        total = total + second[0] + second[1]
        for i in (0, 1):
            shrink, push = 1 - nu * curve[i], nu * n["h"] * n["off"]
            size = second[i] + 2 * mean[i] * goal[i] + goal[i] ** 2  # E z_i^2
            second[i] = shrink**2 * second[i] + 2 * shrink * push * mean[i] + push**2
            second[i] = second[i] + nu**2 * (n["s"] ** 2 / 2 + n["u"] ** 2 * size)
            mean[i] = shrink * mean[i] + push
    M2 = c[0] ** 2 + c[1] ** 2
    sigma2 = n["s"] ** 2 if instance["f2"] else 0 * mu  # sigma_f1 = 0: F_x has no noise
    right = n["start"] * first / (nu * mu) + n["bias"] * K / mu**2 * n["h"] ** 2 * n["r"] ** 2
    right = right + K * n["noise"] / mu * (2 * M2 / mu**2 * n["u"] ** 2 + sigma2) * nu
    cap = 1 / (4 * mu) if not instance["capped"] else min(1 / (4 * mu), 1 / n["L"])
    return Sides(
        total, "<=", right,
        {"mu <= L": bool(mu <= n["L"]), "nu in the lemma's range": bool(nu <= cap)
         and bool(16 * n["u"] ** 2 * nu <= mu), "|y_k - y*| <= eps/(4 K_0)": bool(2 * n["off"] ** 2 <= n["r"] ** 2)},
        slack(arithmetic),
    )  # fmt: skip


PLAIN = {
    "mu": "1", "L": "1", "nu": "1/4", "s": "0", "u": "0", "h": "1", "off": "0", "r": "1/100", "c": ["1", "1"], "K": 5,
    "start": "1", "noise": "2", "bias": "5", "f2": False, "capped": False,
}  # fmt: skip
STIFF = PLAIN | {"L": "100"}
"""nu L = 25: z_k - z* grows by 24 a step in the second coordinate."""
NOISY_Y = PLAIN | {"s": "10", "nu": "1/5"}
"""Only F_y is noisy: sigma_f2 = 10, sigma_f1 = sigma_g2 = 0."""


def linear_rows(count: int, change: Instance) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        mu = Fraction(scale(rng, 1))
        L, u = mu * rng.choice((1, 2, 9, 200)), Fraction(rng.choice((0, 1, 5)), 10)
        nu = min(1 / (4 * mu), 1 / L, mu / (16 * u * u) if u else 1 / L) * Fraction(rng.randint(1, 4), 4)
        r = Fraction(scale(rng, 1))
        return PLAIN | {
            "mu": str(mu), "L": str(L), "u": str(u), "nu": str(nu), "s": rng.choice(("0", "1", "5")), "r": str(r),
            "off": str(r * Fraction(rng.randint(-7, 7), 10)), "h": scale(rng, 1), "c": [scale(rng, 1), scale(rng, 1)],
            "K": rng.choice((1, 2, 6)), "f2": True, "capped": True,
        }  # fmt: skip

    edge = [
        PLAIN | {"f2": True, "capped": True},
        PLAIN | {"f2": True, "capped": True, "s": "10", "c": ["1/1000", "1/1000"], "K": 24},
        PLAIN | {"f2": True, "capped": True, "off": "7/1000", "c": ["1/100000", "0"], "K": 30},
    ]
    return [r | change for r in [*edge, *spread(count, 55, draw)]]


@careful
def moving_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma D.5, no noise, one variable, C_gxy = 0: g_yy = mu + rho max(w, 0), f_y = (M_0 + l x)(1 + d max(w, 0)).

    w = y_k - y* = r = eps/(4 K_0) throughout, x_k = k eta; y* = 0, z*_k = (M_0 + l x_k)/mu. One of l and d is zero, so
    L_y0 = l and L_y1 = d; M = sup |f_y(x, y*)|; L_z* = rho M/mu^2 + (L_y0 + L_y1 M)/mu.
    """
    mu, rho, M_0, l, d, r, nu, eta = (
        num(instance[k], arithmetic) for k in ("mu", "rho", "M_0", "l", "d", "r", "nu", "eta")
    )
    K, drop = instance["K"], instance["drop"]
    z, total = num(instance["e0"], arithmetic) + M_0 / mu, 0 * mu
    first = (z - M_0 / mu) ** 2
    for k in range(K):
        pull = M_0 + l * k * eta
        total = total + (z - pull / mu) ** 2
        z = z - nu * ((mu + rho * r) * z - pull * (1 + d * r))
    M = M_0 + l * K * eta
    parts = {"rho": (rho * M / mu) ** 2, "L_y": (l + d * M) ** 2}
    bend = sum((v for k, v in parts.items() if k != drop), 0 * mu)
    right = first / (nu * mu) + 5 * K / mu**2 * bend * r**2
    if drop != "motion":
        right = right + K * num(instance["four"], arithmetic) * (rho * M / mu**2 + (l + d * M) / mu) ** 2 * (
            eta / (mu * nu)) ** 2  # fmt: skip
    return Sides(
        total, "<=", right,
        {"nu <= min(1/(4 mu), 1/L)": bool(4 * nu * mu <= 1) and bool(nu * (mu + rho * r) <= 1),
         "l d = 0, all >= 0": bool(l * d == 0) and bool(min(rho, M_0, l, d, r, eta) >= 0),
         "eps/(4 K_0) within 1/(sqrt 2 L_y1)": bool(2 * (d * r) ** 2 <= 1)},
        slack(arithmetic),
    )  # fmt: skip


STILL: Instance = {
    "mu": "1", "rho": "0", "M_0": "1", "l": "0", "d": "0", "r": "1/100", "nu": "1/4", "eta": "0", "K": 100, "e0": "0",
}  # fmt: skip


def moving_rows(four: str, drop: str) -> list[Instance]:
    rows = [
        STILL | {"l": "1", "eta": "1/10", "r": "0"}, STILL | {"l": "7", "eta": "1/100", "nu": "1/1000", "r": "0"},
        STILL | {"rho": "1", "r": "1/1000"}, STILL | {"rho": "5", "M_0": "30", "mu": "3", "nu": "1/12"},
        STILL | {"d": "1/2"}, STILL | {"d": "70", "M_0": "1/100"}, STILL | {"rho": "1", "d": "3", "e0": "-1/2", "K": 9},
        STILL | {"rho": "1", "l": "1", "eta": "1/1000", "e0": "1"},
    ]  # fmt: skip
    return [row | {"four": four, "drop": drop} for row in rows]


@claim(
    "bo_rep:lemma-D.5",
    covers=["004 Lemma D.5", "004 Equation 55"],
    mutants={
        "without the start": {"start": "0"}, "noise 1/4 in place of 2": {"noise": "1/4"}, "bias 1/2": {"bias": "1/2"},
        "motion 9/10 in place of 4": {"four": "9/10"}, "without the motion": {"drop": "motion"},
        "without rho": {"drop": "rho"}, "without L_y": {"drop": "L_y"},
    },
    uses=["bo_rep:lemma-C.2", "bo_rep:lemma-D.4", "bo_rep:eq-56-57"],
)  # fmt: skip
def lemma_d5(
    start: str = "1", noise: str = "2", bias: str = "5", four: str = "4", drop: str = "", level: str = "quick"
) -> Evidence:
    """Lemma D.5 (lines 5759-5840): ν ≤ min{1/(4μ), μ/(16σ_g2²)} gives, on E, Σ_{k<K} E|z_k-z*_k|² ≤ Δ_z/(νμ) +
    (5K/μ²)(ρ²M²/μ² + (L_y0+L_y1M)²)(ε/(4K_0))² + K[(2/μ)(2M²σ_g2²/μ² + σ_f1²)ν + 4L_z²η²/(μ²ν²)].

    Second moments exactly on quadratic instances. As printed it fails twice: without noise for ν > 2/L, and with noise
    on ∇_yF alone (σ_f1 = σ_g2 = 0), which Assumption 3 calls σ_f2.
    """
    count = 40 if level == "quick" else 800
    change = {"start": start, "noise": noise, "bias": bias}
    corrected = Instances(
        "nu <= 1/L, sigma_f2", linear_sides, linear_rows(count, change), "rational", "mpmath", f"{count} random"
    )
    printed = (
        Instances("no noise, nu = 1/(4 mu), L = 100 mu", linear_sides, [STIFF], "rational", "mpmath"),
        Instances("noise on F_y only", linear_sides, [NOISY_Y | {"K": 16}], "rational", "mpmath"),
    )
    moving = Instances(
        "no noise: z* moves, g curved, f_y relaxed", moving_sides, moving_rows(four, drop), "rational", "mpmath"
    )
    asked = (start, noise, bias, four, drop) == ("1", "2", "5", "4", "")
    return Evidence(
        printed=printed if asked else (corrected, moving),
        corrected=(corrected, moving),
        correction="ν ≤ min{1/(4μ), 1/L, μ/(16σ_g2²)}, and σ_f2² in the place of σ_f1².",
        category="false",
        charitable="|I - ν∇²_yg| ≤ 1 - νμ, used after (57)(ii), needs νL ≤ 1 (or 2/(L+μ)); with ν ≤ 1/(4μ) only, z_k "
        "diverges geometrically once νL > 2, for any noise. True as printed for L ≤ 4μ. σ_f1 for σ_f2 "
        "looks like a slip, "
        "but (75) and Theorem 3.1 have no σ_f2 either; it holds if σ_f1 bounds both.",
        downstream="Theorem 3.1 as printed is false (bo_rep:thm-E.2): 1 - β = νμ needs μ/L among its minima, "
        "and σ_f2 in "
        "its first. As ε → 0 the first entry, ε²/noise, wins, so the order ε^{-4} stays.",
        notes="Every term is needed (mutants). Alone at work, the term of the motion of z* is attained to 1/4, those "
        "of ρ and of L_y1 to 1/5: what Young's inequality costs twice.",
    )


@careful
def contract_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """The scalar inequalities of (56), (57) and what follows, with x = nu mu and w = nu^2 sigma_g2^2 <= x/16."""
    x, w = num(instance["x"], arithmetic), num(instance["w"], arithmetic)
    pairs = {
        "(57)(iii)": ((1 + x / 2) * (1 - x) ** 2 + 2 * w, 1 - num(instance["rate"], arithmetic) * x),
        "start": ((1 + x / 3) * (1 - 4 * x / 3), 1 - x),
        "y error": ((1 + x / 3) * (2 * x + 4), num(instance["five"], arithmetic)),
        "noise": (1 + x / 3, num(2, arithmetic)),
        "motion": (1 + 3 / x, 4 / x),
    }
    lhs, rhs = pairs[instance["which"]]
    return Sides(
        lhs, "<=", rhs, {"0 < nu mu <= 1/4": bool(x > 0) and bool(4 * x <= 1),
                         "nu sigma_g2^2 <= mu/16": bool(w >= 0) and bool(16 * w <= x)},
        slack(arithmetic),
    )  # fmt: skip


@claim(
    "bo_rep:eq-56-57",
    covers=["004 Equation 56", "004 Equation 57"],
    mutants={"1 - 3/2 nu mu": {"rate": "3/2"}, "4 in place of 5": {"five": "4"}},
)
def eq_56_57(rate: str = "4/3", five: str = "5") -> Evidence:
    """Eqs. (56), (57) and lines 6135-6375, for ν ≤ min{1/(4μ), μ/(16σ_g2²)}, x = νμ: (1+x/2)(1-x)² + 2ν²σ_g2² ≤ 1 -
    43x/32 ≤ 1 - 4x/3; (1+x/3)(1-4x/3) ≤ 1-x; (1+x/3)(2ν²+4ν/μ) = 2ν³μ/3 + 4ν/μ + 10ν²/3 ≤ 5ν/μ; 1+x/3 ≤ 2; 1+3/x ≤
    4/x.

    Checked: the scalar inequalities. |I - ν∇²_yg| ≤ 1 - νμ between them is not true in this range: bo_rep:lemma-D.5.
    """
    grid = [
        {"x": str(Fraction(i, 80)), "w": str(Fraction(i, 80) * Fraction(j, 64)), "rate": rate, "five": five}
        for i in (1, 2, 5, 10, 15, 19, 20)
        for j in (0, 1, 3, 4)
    ]
    names = ("(57)(iii)", "start", "y error", "noise", "motion")
    return Evidence(
        printed=tuple(
            Instances(w, contract_sides, [r | {"which": w} for r in grid], "rational", "mpmath") for w in names
        ),
        notes="The last line of (57) has |y_k - y*_k| where its square is meant; σ_f1 there should be σ_f2.",
    )


@careful
def variance_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """F_x = f_x + s1 chi, G_xy = g_xy + u chi', z = z* + e: the variance is s1^2 + u^2 E z^2 exactly."""
    s1, u, goal, M, mu, c = (num(instance[k], arithmetic) for k in ("s1", "u", "goal", "M", "mu", "c"))
    errors = [num(e, arithmetic) for e in instance["errors"]]
    spread_, size = (sum((v**2 for v in w), 0 * mu) / len(errors) for w in (errors, [goal + e for e in errors]))
    return Sides(
        s1**2 + u**2 * size, "<=", s1**2 + c * M**2 / mu**2 * u**2 + c * u**2 * spread_,
        {"|z*| <= M/mu": bool(abs(goal) * mu <= M)}, slack(arithmetic),
    )  # fmt: skip


@claim(
    "bo_rep:lemma-D.6",
    covers=[
        "004 Lemma D.6", "004 Equation 58", "004 Equation 59", "004 Equation 60", "004 Equation 61",
    ],
    mutants={"3/2 in place of 2": {"c": "3/2"}},
)  # fmt: skip
def lemma_d6(c: str = "2") -> Evidence:
    """Lemma D.6, Eqs. (58)-(61) (lines 6603-6695): the estimator ∇_xF - ∇²_xyG z has E|. - E_k[.]|² ≤ σ_f1² +
    2M²σ_g2²/μ² + 2σ_g2²E|z_k-z*_k|².

    Exact on scalar laws, tight at z_k - z* = z*. (60)(i) is an equality only for scalars: in general ≤.
    """

    def draw(rng: Random) -> Instance:
        row = {k: scale(rng) for k in ("s1", "u", "M", "mu")}
        goal = Fraction(row["M"]) / Fraction(row["mu"]) * Fraction(rng.randint(-5, 5), 5)
        return row | {"goal": str(goal), "errors": [str(goal * rng.randint(-3, 3)) for _ in range(3)], "c": c}

    tight = {"s1": "0", "u": "1", "M": "1", "mu": "1", "goal": "1", "errors": ["1"], "c": c}
    rows = [tight, *spread(60, 59, draw)]
    return Evidence(printed=(Instances("(59)", variance_sides, rows, "rational", "mpmath", "60 random"),))


@careful
def bias_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """w = y - bx: g = a w^2/2 + t psi(w), psi'' = 1/(1+w^2); f = P x + c w + h w^2/2 (M = |c|, grad phi = P).

    L_x0 = |b h| sqrt(1+b^2), tau = |b| t (13/20) sqrt(1+b^2) (|psi'''| <= 3 sqrt3/8 < 13/20), C = |b|(a+t), mu = a.
    """
    a, t, b, h, P, c, w, r, z = (num(instance[k], arithmetic) for k in ("a", "t", "b", "h", "P", "c", "w", "r", "z"))
    slope = abs(b) * root(1 + b * b)
    C, bend = abs(b) * (a + t), slope * t * num(13, arithmetic) / 20
    goal = c / (a + t)
    mean = P - b * (c + h * w) + b * (a + t / (1 + w * w)) * z
    drop, near = instance["drop"], abs(Fraction(instance["w"])) <= Fraction(instance["r"])
    flat = (0 if drop == "L" else slope * abs(h)) + (0 if drop == "tau" else bend * abs(c) / a)
    return Sides(
        abs(mean - P), "<=", flat * r + (0 if drop == "C" else C) * abs(z - goal) + 0 * a,
        {"|y - y*| <= eps/(4 K_0)": near, "a, t > 0": bool(a > 0) and bool(t > 0)}, slack(arithmetic),
    )  # fmt: skip


@claim(
    "bo_rep:lemma-D.7",
    covers=["004 Lemma D.7", "004 Equation 62"],
    mutants={
        "without L_x0": {"drop": "L"}, "without tau": {"drop": "tau"}, "without C_gxy": {"drop": "C"},
        "without L_x1|grad phi|": {"drop": "relaxed"}, "without L_x1 C_gxy M/mu": {"drop": "coupled"},
    },
    uses=["bo_rep:lemma-C.2", "bo_rep:lemma-D.4"],
)  # fmt: skip
def lemma_d7(drop: str = "", level: str = "quick") -> Evidence:
    """Lemma D.7 (lines 6697-6850): on E, |E_k[∇̂Φ] - ∇Φ(x_k)| ≤ (L_x1ε/(4K_0))|∇Φ(x_k)| + (L_x0 + L_x1C_gxyM/μ +
    τM/μ)ε/(4K_0) + C_gxy|z_k-z*_k|.

    As printed on the instance of Lemma 3.5, whose restatement this is; its terms on curved lower levels (τ > 0, L_x1 =
    0) and, with L_x1 > 0, on that lemma's family.
    """
    count = 60 if level == "quick" else 1500

    def draw(rng: Random) -> Instance:
        r = Fraction(scale(rng, 1))
        row = {k: scale(rng, 1) for k in ("a", "t", "b", "P", "c")} | {"h": rng.choice(("0", "1", "-5")), "r": str(r)}
        return row | {"w": str(r * Fraction(rng.randint(-9, 9), 9)), "z": str(Fraction(rng.randint(-90, 90), 30))}

    base = {"a": "1", "t": "1", "b": "1/100", "h": "0", "P": "1", "c": "2", "w": "1/2", "r": "1/2", "z": "1"}
    rows = [base, base | {"h": "-5"}, base | {"z": "3"}, *spread(count, 62, draw)]
    rows = [r | {"drop": drop} for r in rows]
    within = "eps/(4 K_0) within the radius, L_x1 > 0"
    fixed = (
        Instances("(62), tau > 0", bias_sides, rows, "arb", "mpmath", f"{count} random"),
        Instances(within, relaxed_sides, inside_rows(drop), "rational", "mpmath"),
    )
    return Evidence(
        printed=fixed if drop else (outside_check(),),
        corrected=fixed,
        correction="as bo_rep:lemma-3.5: ε ≤ 4K_0/√(2(L_x1² + L_y1²)), or the first two terms times 4(e^{1/4} - 1).",
        category="false",
        charitable="The same print as Lemma 3.5 and the same instance; with ε ≤ K_0/K_1 granted the distance ε/(4K_0) "
        "is within 1/√(2(L_x1²+L_y1²)) only for L_y1 ≤ √7 L_x1 (or K_0 large).",
        downstream="bo_rep:lemma-D.8, hence (76), as bo_rep:lemma-3.5 says.",
        notes="Every term is needed (mutants); with L_x1 > 0 the bound is attained to 1e-6.",
    )
