"""Control: tails, variances and stochastic recursions, every expectation and probability exact."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Any

from verify.controls.registry import control
from verify.controls.search import Box, hunt
from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, exp, num, slack
from verify.families_f2sa_p import number, precise, tolerance


def read(row: Instance, arithmetic: Arithmetic) -> dict[str, Any]:
    return {k: number(v, arithmetic) for k, v in row.items() if k != "T"}


@precise
def sgd_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """E x_T^2 for f = h x^2/2 and noise of variance s^2, against the bound; eta = share 2/(mu + L), L = 1."""
    n, T = read(row, arithmetic), int(row["T"])
    mu, h, s = n["mu"], n["h"], n["s"]
    eta = n["share"] * 2 / (1 + mu)
    second = n["x"] ** 2
    for _ in range(T):
        second = (1 - eta * h) ** 2 * second + eta**2 * s**2
    right = (1 - mu * eta) ** (2 * T) * n["x"] ** 2 + n["c"] * eta * s**2 / (mu * (2 - mu * eta))
    allowed = {"mu <= h <= L": bool(0 < mu <= h <= 1), "0 < eta <= 2/(mu + L)": bool(0 < n["share"] <= 1)}
    return Sides(second, "<=", right, allowed, tolerance(arithmetic))


@control("sgd-contraction", mutant="0.98 of the noise term", change={"c": "49/50"})
def sgd_contraction(c: str = "1") -> Evidence:
    """x+ = x - ηF, E F = ∇f, variance ≤ σ², f μ-strongly convex and L-smooth, η ≤ 2/(μ+L): E|x_T - x*|² ≤
    (1-μη)^{2T}|x_0 - x*|² + ησ²/(μ(2-μη)).
    """
    box: Box = dict.fromkeys(("mu", "h", "share"), (0.05, 1)) | {"s": (0, 2), "x": (-2, 2), "T": ["1", "3", "12"]}
    return Evidence(printed=(hunt("quadratics", sgd_sides, box, {"c": c}),))


@precise
def chebyshev_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """X = -+v with probability p/2 each, u +- with q/2 each, else 0: Pr(|X| >= k) against c Var/k^2."""
    n = read(row, arithmetic)
    p, q, v, u, k = n["p"] / 2, n["q"] / 2, n["v"], n["u"], n["k"]
    tail = (p if v >= k else 0 * p) + (q if u >= k else 0 * p)
    variance = p * v**2 + q * u**2
    allowed = {"probabilities": bool(min(p, q) >= 0 and p + q <= 1), "k > 0": bool(k > 0)}
    return Sides(tail, "<=", n["c"] * variance / k**2, allowed, tolerance(arithmetic))


@control("chebyshev", mutant="0.97 of the variance", change={"c": "97/100"})
def chebyshev(c: str = "1") -> Evidence:
    """Pr(|X - E X| ≥ k) ≤ Var X/k²."""
    box: Box = {"p": (0, 1), "q": (0, 1), "v": (0, 3), "u": (0, 3), "k": (0.1, 3)}
    return Evidence(printed=(hunt("five-point laws", chebyshev_sides, box, {"c": c}),))


@precise
def popoviciu_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """X in {0, m, 1} with weights; b - a = 1."""
    n = read(row, arithmetic)
    p, q, m = n["p"], n["q"], n["m"]
    mean = p + q * m
    allowed = {"a law on [0, 1]": bool(min(p, q, m) >= 0 and p + q <= 1 and m <= 1)}
    return Sides(p + q * m * m - mean * mean, "<=", n["c"], allowed, tolerance(arithmetic))


@control("popoviciu", mutant="0.245 for 1/4", change={"c": "49/200"})
def popoviciu(c: str = "1/4") -> Evidence:
    """Var X ≤ (b - a)²/4 for X in [a, b]."""
    box: Box = dict.fromkeys(("p", "q", "m"), (0, 1))
    return Evidence(printed=(hunt("three-point laws", popoviciu_sides, box, {"c": c}),))


@careful
def azuma_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """Pr(S_n >= k sqrt n) for n signs, exactly, against exp(-c k^2)."""
    n, k = row["n"], Fraction(row["k"])
    first = next(j for j in range(n + 1) if 2 * j >= n and Fraction(2 * j - n) ** 2 >= k * k * n)
    term, total = comb(n, first), 0
    for j in range(first, n + 1):
        total += term
        term = term * (n - j) // (j + 1)
    level = num(row["c"], arithmetic) * num(k, arithmetic) ** 2
    return Sides(num(Fraction(total, 2**n), arithmetic), "<=", exp(-level), {"n >= 1": n >= 1}, slack(arithmetic))


@control("azuma-hoeffding", mutant="exp(-0.56 t^2/n)", change={"c": "14/25"})
def azuma_hoeffding(c: str = "1/2") -> Evidence:
    """Pr(S_n ≥ t) ≤ exp(-t²/(2n)) for a martingale with differences in [-1, 1]; here n signs, t = k√n."""
    rows: list[Instance] = [
        {"n": n, "k": k, "c": c} for n, k in ((1, "1"), (4, "2"), (25, "3"), (400, "5"), (2500, "7"), (2500, "9"))
    ]
    return Evidence(printed=(Instances("signs", azuma_sides, rows, "arb", "mpmath"),))


@careful
def bernstein_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """S the centred Binomial(n, 1/q): Pr(S >= t) against exp(-t^2/(2 (n s^2 + c t))), s^2 = (1/q)(1 - 1/q)."""
    n, q = row["n"], row["q"]
    t = Fraction(row["u"]) * n / q
    first = next(j for j in range(n + 1) if j - Fraction(n, q) >= t)
    total, term = 0, comb(n, first) * (q - 1) ** (n - first)
    for j in range(first, n + 1):
        total += term
        term = term * (n - j) // ((j + 1) * (q - 1))
    variance = Fraction(n * (q - 1), q * q)
    level = num(t * t, arithmetic) / (2 * (num(variance, arithmetic) + num(row["c"], arithmetic) * num(t, arithmetic)))
    allowed = {"|X - E X| <= 1": q > 1, "t > 0": t > 0}
    return Sides(num(Fraction(total, q**n), arithmetic), "<=", exp(-level), allowed, slack(arithmetic))


@control("bernstein", mutant="0.23 t for t/3", change={"c": "23/100"})
def bernstein(c: str = "1/3") -> Evidence:
    """Pr(S_n ≥ t) ≤ exp(-t²/(2(nσ² + t/3))) for centred independent summands of size at most 1 and variance σ²."""
    rows: list[Instance] = [
        {"n": n, "q": q, "u": u, "c": c}
        for n, q, u in ((20, 2, "1/2"), (200, 20, "1"), (2000, 20, "1/2"), (2000, 20, "3/2"), (8000, 40, "2"))
    ]
    return Evidence(printed=(Instances("binomial laws", bernstein_sides, rows, "arb", "mpmath"),))


@careful
def hoeffding_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """X = 1 with probability p, else 0: E exp(l (X - p)) against exp(c l^2)."""
    p, lam = num(row["p"], arithmetic), num(row["l"], arithmetic)
    moment = p * exp(lam * (1 - p)) + (1 - p) * exp(-lam * p)
    allowed = {"0 < p < 1": bool(0 < p < 1), "lambda != 0": row["l"] != "0"}
    return Sides(moment, "<=", exp(num(row["c"], arithmetic) * lam**2), allowed, slack(arithmetic))


@control("hoeffding-lemma", mutant="1/8.1 for 1/8", change={"c": "10/81"})
def hoeffding_lemma(c: str = "1/8") -> Evidence:
    """E exp(λ(X - E X)) ≤ exp(λ²(b - a)²/8) for X in [a, b]; two-point laws, [0, 1]."""
    laws = ("1/100", "1/5", "1/2", "4/5")
    rows: list[Instance] = [{"p": p, "l": m, "c": c} for p in laws for m in ("-3", "-1/10", "1/100", "1", "7")]
    return Evidence(printed=(Instances("two-point laws", hoeffding_sides, rows, "arb", "mpmath"),))


@precise
def minibatch_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """All batches of size B out of N numbers: the variance of their mean against (s^2/B)(N - B)/(N - 1) or c of it."""
    data = [number(v, arithmetic) for v in row["data"]]
    N, B = len(data), row["B"]
    mean = sum(data, 0 * data[0]) / N
    variance = sum(((v - mean) ** 2 for v in data), 0 * mean) / N
    batches = [sum(batch, 0 * mean) / B for batch in combinations(data, B)]
    found = sum(((b - mean) ** 2 for b in batches), 0 * mean) / len(batches)
    factor = number(Fraction(N - B, N - row["off"]), arithmetic)
    return Sides(found, "==", variance / B * factor, {"1 <= B <= N": 1 <= B <= N}, tolerance(arithmetic))


@control("minibatch-variance", mutant="(N - B)/N", change={"off": 0})
def minibatch_variance(off: int = 1) -> Evidence:
    """The mean of B of N numbers drawn without replacement has variance (σ²/B)(N - B)/(N - 1)."""
    data = ["3", "-1/2", "7/3", "0", "5", "-4", "1/7"]
    rows: list[Instance] = [
        {"data": data[:N], "B": B, "off": off} for N in (2, 3, 5, 7) for B in (1, 2, N - 1, N) if B <= N
    ]
    return Evidence(printed=(Instances("all batches", minibatch_sides, rows, "rational", "mpmath"),))


@precise
def storm_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """e+ = (1-a) e + a A s + (1-a) B r, signs s, r equal with probability p: E e+^2 against the recursion, c for 2."""
    n = read(row, arithmetic)
    a, e, A, B, p = (n[k] for k in ("a", "e", "A", "B", "p"))
    cross = (2 * p - 1) * A * B
    second = (1 - a) ** 2 * e**2 + a**2 * A**2 + (1 - a) ** 2 * B**2 + 2 * a * (1 - a) * cross
    right = (1 - a) ** 2 * e**2 + n["c"] * (a**2 * n["s"] ** 2 + (1 - a) ** 2 * n["d"] ** 2)
    allowed = {
        "0 <= a, p <= 1": bool(0 <= a <= 1 and 0 <= p <= 1), "noise A within sigma": bool(abs(A) <= n["s"]),
        "difference noise B within L|x+ - x|": bool(abs(B) <= n["d"]),
    }  # fmt: skip
    return Sides(second, "<=", right, allowed, tolerance(arithmetic))


@control("variance-reduction", mutant="1.95 for 2", change={"c": "39/20"})
def variance_reduction(c: str = "2") -> Evidence:
    """Recursive momentum d+ = ∇F(x+) + (1-a)(d - ∇F(x)), same sample, mean-squared L-smooth: E|d+ - ∇f(x+)|² ≤
    (1-a)²E|d - ∇f(x)|² + 2a²σ² + 2(1-a)²L²|x+ - x|².
    """
    box: Box = dict.fromkeys(("a", "p", "s", "d"), (0, 1)) | dict.fromkeys(("e", "A", "B"), (-1, 1))
    return Evidence(printed=(hunt("correlated signs", storm_sides, box, {"c": c}, tries=200, climb=400),))
