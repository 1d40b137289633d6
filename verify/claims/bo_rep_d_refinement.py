"""Paper 004, Appendix D.2: the whole initialization refinement (Lemma D.2), its length and its probability."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from random import Random

from verify.claims.bo_rep_d_epoch import tail_rows, tail_sides
from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, log, num, scale, slack, spread
from verify.registry import claim


@careful
def length_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """sum T_s against (40), k = ceil(log2(V_0/eps')) computed exactly."""
    L, mu, sigma, V_0, target, lam = (Fraction(instance[k]) for k in ("L", "mu", "sigma", "V_0", "target", "lam"))
    k = 0
    while target * 2**k < V_0:
        k += 1
    T = [
        ceil(max(16 * L / mu, 32 * max(sigma**2, 4 * lam**2 * sigma**2) / (mu * V_0 / 2 ** (s + 2)))) for s in range(k)
    ]
    v = {n: num(x, arithmetic) for n, x in {"r": V_0 / target, "L": L, "mu": mu}.items()}
    two = log(v["r"]) / log(num(2, arithmetic))
    c = num(instance["c"], arithmetic)
    tail = c * num((4 * lam**2 + 1) * sigma**2 / (mu * target), arithmetic)
    return Sides(
        num(sum(T), arithmetic), "<=", (two + 1) * (16 * v["L"] / v["mu"] + 1) + tail,
        {"V_0 > eps' > 0": V_0 > target > 0, "mu <= L": mu <= L}, slack(arithmetic), {"epochs": k, "steps": sum(T)},
    )  # fmt: skip


def length_rows(c: str, count: int) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        mu, V_0 = Fraction(scale(rng)), Fraction(scale(rng))
        row = {"mu": str(mu), "L": str(mu * rng.choice((1, 30, 10**4))), "sigma": scale(rng), "V_0": str(V_0)}
        return row | {"target": str(V_0 / rng.choice((2, 3, 17, 1000, 10**6))), "lam": scale(rng, 1), "c": c}

    worst = {"mu": "1", "L": "1", "sigma": "1", "V_0": "1025", "target": "1", "lam": "10", "c": c}
    return [worst, *spread(count, 40, draw)]


@claim(
    "bo_rep:eq-40-43",
    covers=[
        "004 Equation 32", "004 Equation 40", "004 Equation 41", "004 Equation 42", "004 Equation 43",
    ],
    mutants={"128 in place of 256": {"c": "128"}},
)  # fmt: skip
def eq_40_43(c: str = "256", level: str = "quick") -> Evidence:
    """Eqs. (32), (40)-(43) (lines 4040-4080, 4756-5020): Σ T_s ≤ (log2(V_0/ε') + 1)(16L/μ + 1) + 256(4λ²+1)σ²/(με'),
    hence O(L/μ max(1, log2(V_0/ε')) + σ²/(με') + ln²(2 log2(V_0/ε')/δ)σ²/(με')); with ε' = (μ/2)(ε/(8K_0))² the
    constant is 256·128 K_0²/(μ²ε²) (checked in bo_rep:eq-80-84).

    Checked: (40), the sum exact, against its last line; λ free.
    """
    count = 60 if level == "quick" else 1500
    return Evidence(
        printed=(Instances("(40)", length_sides, length_rows(c, count), "arb", "mpmath", f"{count} random"),),
        notes="Two slips inside (40) that do not matter: Σ 2^{k+2} is over s and is 2^{k†+2} - 4, not 2^{k†+2}. "
        "In (32) and (41) ln(2 log2(V_0/ε')/δ) stands for ln(2k†/δ): at log2(V_0/ε') = δ/2 it is 0 while λ is not, so "
        "the O needs the ceiling (or V_0 ≥ 2ε').",
    )


@careful
def union_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """A_0 certain, Pr[not A_{s+1} | A_s] = q and Pr[not A_{s+1} | not A_s] = w: exact chain, against delta/2."""
    k, delta, w = instance["k"], num(instance["delta"], arithmetic), num(instance["w"], arithmetic)
    q = delta / (num(instance["two"], arithmetic) * k)
    bad = 0 * delta
    for _ in range(k):
        bad = (1 - bad) * q + bad * w
    return Sides(bad, "<=", delta / 2, {"0 < delta < 1": 0 < delta < 1, "0 <= w <= 1": 0 <= w <= 1}, slack(arithmetic))


def union_rows(two: str) -> list[Instance]:
    return [
        {"k": k, "delta": d, "w": w, "two": two}
        for k in (1, 2, 9, 60)
        for d in ("1/1000000", "1/20", "99/100")
        for w in ("0", "1/2", "1")
    ]


@claim(
    "bo_rep:lemma-D.2",
    covers=["004 Lemma D.2", "004 Equation 27", "004 Equation 31", "004 Equation 39"],
    mutants={"delta/k an epoch": {"two": "1"}},
    uses=["bo_rep:eq-34-37", "bo_rep:eq-40-43"],
)
def lemma_d2(two: str = "2") -> Evidence:
    """Lemma D.2 (lines 3995-4098), Eqs. (27), (31), (39): with g(y_0) - g* ≤ V_0, k† = ⌈log2(V_0/ε')⌉ epochs with
    (28)-(30) and λ of (38) end with g - g* ≤ ε' with probability at least 1 - δ/2, so |y_0 - y*| ≤ ε/(8K_0) for ε'
    = (μ/2)(ε/8K_0)².

    Checked: the union over epochs (39), from (33); the pieces are bo_rep:eq-34-37 and bo_rep:eq-40-43.
    """
    return Evidence(
        printed=(
            Instances("(39)", union_sides, union_rows(two), "rational", "mpmath"),
            Instances("(37) with 4 lambda/3", tail_sides, tail_rows("4/3", "1"), "arb", "mpmath"),
        ),
        charitable="'with probability at least 1 - δ/2 we have Pr[..] ≤ δ/2' is read as Pr[..] ≤ δ/2. It holds "
        "although (38) does not give what it is said to give: see bo_rep:eq-34-37.",
        notes="For V_0 ≤ ε' there is no epoch and ln(2k†/δ) has no value; nothing is to be done then.",
    )
