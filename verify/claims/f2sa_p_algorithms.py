"""Paper 000, Algorithms 1-3 as printed: the estimator, the inner loop, the number of lower-level problems."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as cartesian
from typing import Any

import sympy as sp

from bounds.stencil import Stencil, central, one_sided
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, scalar_check, tolerance
from verify.registry import claim


def estimator(chosen: Stencil, *, sign: int = 1, drop_j: bool = False) -> Identity:
    """sum_j alpha_j (j f_x(y_j) + g_x(y_j)/nu) = (1/nu) sum_j alpha_j psi(j nu) with psi(j nu) = j nu f_x + g_x at y_j.

    f_x and g_x at the nodes are free symbols: the identity holds whatever the lower-level solutions are.
    """
    nu = sp.Symbol("nu")
    total, difference = sp.S.Zero, sp.S.Zero
    for j, w in zip(chosen.nodes, chosen.weights):
        f_x, g_x = sp.symbols(f"f_x{j} g_x{j}".replace("-", "m"))
        a = sp.Rational(w.numerator, w.denominator)
        total += a * ((1 if drop_j else int(j)) * f_x + sign * g_x / nu)
        difference += a * (int(j) * nu * f_x + g_x) / nu
    return Identity(f"{chosen.family}, p = {chosen.order}", total, difference)


@precise
def inner_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """E|y^K - y*|^2 over all sample paths against (1 - mu eta)^K |y^0 - y*|^2 + eta sigma^2/mu (Lemma E.2).

    Lower level mu y^2/2 at node j = 0, G_y = mu y + sigma zeta with zeta = +-1, drawn once per inner loop ("frozen") or
    afresh at every k.
    """
    mu, eta, sigma, y0 = (number(instance[k], arithmetic) for k in ("mu", "eta", "sigma", "y0"))
    K = instance["K"]
    contraction, noise = (1 - mu * eta) ** K, (sigma, -sigma)
    if instance["samples"] == "frozen":
        ends = [contraction * y0 - sigma * z / mu * (1 - contraction) for z in (1, -1)]
        mean = sum(v * v for v in ends) / 2
    elif K <= 8:
        mean = 0 * y0
        for path in cartesian((1, -1), repeat=K):
            y = y0
            for z in path:
                y = y - eta * (mu * y + sigma * z)
            mean += y * y / 2**K
    else:  # independent zero-mean noise: the variances add
        mean = (contraction * y0) ** 2 + eta**2 * sigma**2 * (1 - contraction**2) / (1 - (1 - mu * eta) ** 2)
    bound = contraction * y0 * y0 + number(instance["factor"], arithmetic) * eta * sigma * sigma / mu
    return Sides(
        mean, "<=", bound,
        {"2.1: noise +-sigma, mean 0, variance sigma^2": sum(noise) == 0 and sum(v * v for v in noise) == 2 * sigma**2,
         "2.3: mu > 0": mu > 0,
         "eta < 2/(mu + L), L = mu": 0 < eta < 1 / mu},
        tolerance(arithmetic), {"E|y^K - y*|^2": str(mean) if K <= 8 else float(mean)},
    )  # fmt: skip


def inner_check(samples: str, factor: str = "1") -> Instances:
    rows = [
        {"mu": mu, "eta": eta, "sigma": "1", "y0": y0, "K": K, "samples": samples, "factor": factor}
        for mu, eta, K in (("1", "1/2", 4), ("1", "1/100", 500), ("1/10", "1/10", 1000), ("1", "9/10", 6))
        for y0 in ("0", "1")
    ]
    return Instances(f"{samples} samples in the inner loop", inner_sides, rows, "rational", "mpmath")


FROZEN = (
    "The sample index (xi_j^y, zeta_j^y) of lines 3 and 7 has no k: read so, y^K tends to the minimiser of one "
    "sampled function, at distance sigma/mu for any K and eta_y. Reading it as a fresh sample per k (as 'K-step "
    "single-batch SGD subroutine' suggests) saves the step."
)


def algorithm_evidence(chosen: list[Stencil], factor: str, sign: int) -> Evidence:
    fresh = inner_check("fresh", factor)
    formulas = tuple(estimator(s, sign=sign) for s in chosen)
    mutated = factor != "1" or sign != 1
    return Evidence(
        printed=(*formulas, fresh) if mutated else (*formulas, inner_check("frozen")),
        corrected=(*formulas, fresh),
        correction="draw (xi_j^{y,k}, zeta_j^{y,k}) afresh at every inner step k.",
        category="misprint",
        charitable=FROZEN,
        downstream="With frozen samples Lemma E.2 does not apply and (16) cannot be reached for sigma > 0; with "
        "fresh ones everything stands. Samples shared across j in line 12 are allowed: the bound uses no "
        "independence there.",
    )


MUTANTS: dict[str, dict[str, Any]] = {"minus G_x": {"sign": -1}, "noise eta sigma^2/(4 mu)": {"factor": "1/4"}}


@claim("f2sa_p:alg-1", covers=["000 Algorithm 1"], mutants=MUTANTS, uses=["f2sa_p:lemma-E.2", "f2sa_p:lemma-C.1"])
def alg_1(factor: str = "1", sign: int = 1) -> Evidence:
    """Algorithm 1, even p (lines 119-136). Line 12 is the central difference (1/nu) sum alpha_j psi(j nu); the inner
    loop (lines 3, 5-9) is SGD to which Lemma E.2 applies, E||y^K - y_{j nu}||^2 <= (1 - mu eta_y)^K ||y^0 - ..||^2 +
    O(eta_y sigma^2/mu) (line 462), so that (16) can be met.
    """
    return algorithm_evidence([central(p) for p in (2, 4, 6)], factor, sign)


@claim("f2sa_p:alg-2", covers=["000 Algorithm 2"], mutants=MUTANTS, uses=["f2sa_p:lemma-E.2", "f2sa_p:lemma-C.1-odd"])
def alg_2(factor: str = "1", sign: int = 1) -> Evidence:
    """Algorithm 2, odd p (lines 393-410): as Algorithm 1 with forward differences beta_j, j = 0..p."""
    return algorithm_evidence([one_sided(p) for p in (1, 3, 5)], factor, sign)


@claim("f2sa_p:alg-3", covers=["000 Algorithm 3"], mutants={"sign of F_x(z)": {"sign": -1}}, uses=["f2sa_p:alg-1"])
def alg_3(sign: int = 1) -> Evidence:
    """Algorithm 3, F2SA-2 (lines 547-560): Phi_t = 1/2 sum_{i=1}^S (F_x(y) + F_x(z) + (G_x(y) - G_x(z))/nu) is
    Algorithm 1 with p = 2 (y = y^1, z = y^{-1}): the same Phi_t, and the same step Phi_t/||Phi_t||.
    """
    S, nu = 3, sp.Symbol("nu", positive=True)
    F_y, F_z, G_y, G_z = (sp.symbols(f"{name}1:{S + 1}") for name in ("Fy", "Fz", "Gy", "Gz"))
    weights = {j: sp.Rational(w.numerator, w.denominator) for j, w in zip(central(2).nodes, central(2).weights)}
    first = sum(weights[1] * (F_y[i] + G_y[i] / nu) + weights[-1] * (-F_z[i] + G_z[i] / nu) for i in range(S)) / S
    third = sum(F_y[i] + sign * F_z[i] + (G_y[i] - G_z[i]) / nu for i in range(S)) / 2
    fixed = Identity("Phi_t with 1/(2S)", third / S, first)
    one = sp.symbols("t", positive=True)
    direction = Identity("the step is the same: normalisation forgets the factor S", sp.sign(S * one), sp.sign(one))
    return Evidence(
        printed=(fixed,) if sign != 1 else (Identity("Phi_t of Algorithm 1, S = 3", third, first),),
        corrected=(fixed, direction),
        correction="Phi_t = (1/(2S)) sum_i (..).",
        category="misprint",
        charitable="Phi_t/||Phi_t|| is unchanged by the missing 1/S, so every iterate is that of Algorithm 1; only "
        "Phi_t as an estimate of grad phi, (15), is off by the factor S. S = 1 would save it.",
        downstream="None on the iterates; a step without normalisation would be S times too long.",
    )


def problems(instance: Instance, arithmetic: Arithmetic) -> Any:
    """Nodes of non-zero weight: the lower-level problems that an outer step needs."""
    p = instance["p"]
    chosen = central(p) if p % 2 == 0 else one_sided(p)
    return number(len(chosen.active[0]), arithmetic)


@claim(
    "f2sa_p:proof-alg-cost",
    covers=["000 Proof alg-cost"],
    mutants={"one point less": {"less": 1}},
    uses=["f2sa_p:alg-1"],
)
def cost(less: int = 0) -> Evidence:
    """An estimator of order p is constructed with p points for even p, p + 1 for odd p (line 333)."""

    def stated(instance: Instance, arithmetic: Arithmetic) -> Any:
        p = instance["p"]
        return number(p + p % 2 - less, arithmetic)

    rows = [{"p": p} for p in range(1, 11)]
    check = Instances("nodes of non-zero weight", scalar_check(problems, stated, "=="), rows, "rational", "float")
    return Evidence(
        printed=(check,),
        charitable="read as the problems that must be solved",
        notes="Line 4 of Algorithm 1 loops over j = -p/2..p/2 and so solves j = 0 as well, p + 1 problems; y^0 has "
        "weight alpha_0 = 0 in line 12 and is used nowhere else. Skip it: O(.) does not change, but at p = 2 a third "
        "is saved.",
    )


@precise
def batch_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """E|Phi - mean|^2 with S = sigma^2/(nu^2 eps^2) against (C p^power eps)^2: the noise of G aligned with the weights.

    G(x, y; zeta) = grad g + sigma zeta s(y), s = +-1 with s(y_j) = sign alpha_j: Assumption 2.1 allows it, and the same
    zeta_i for all j (line 12) gives variance sigma^2 (sum|alpha_j|)^2/(nu^2 S). With independent samples: sum
    alpha_j^2.
    """
    p = instance["p"]
    chosen = central(p) if instance["family"] == "central" else one_sided(p)
    spread = chosen.sum_abs**2 if instance["samples"] == "shared" else chosen.sum_sq
    allowed = (Fraction(instance["C"]) * Fraction(p) ** instance["power"]) ** 2
    if instance["batch"] == "with stencil":  # S = sigma^2 (sum |alpha_j|)^2/(nu^2 eps^2)
        spread = spread / chosen.sum_abs**2
    return Sides(
        number(spread, arithmetic), "<=", number(allowed, arithmetic),
        {"2.1: unbiased, variance sigma^2": all(abs((w > 0) - (w < 0)) <= 1 for w in chosen.weights)},
        tolerance(arithmetic), {"sum |alpha_j|": float(chosen.sum_abs), "sum alpha_j^2": float(chosen.sum_sq)},
    )  # fmt: skip


def batch_rows(C: str, power: int) -> list[Instance]:
    """Odd p with one-sided weights, the batch as printed."""
    return [
        {"p": p, "family": "one_sided", "samples": samples, "C": C, "power": power, "batch": "printed"}
        for samples in ("shared", "independent")
        for p in (41, 63)
    ]


@claim(
    "f2sa_p:proof-3.1-batch",
    covers=["000 Proof 3.1-batch"],
    mutants={"half the noise": {"C": "1/2"}},
    uses=["f2sa_p:alg-2", "f2sa_p:alg-1"],
)
def batch(C: str = "1") -> Evidence:
    """S = Omega(sigma^2/(nu^2 eps^2)) ensures E||Phi_t - its mean|| = O(eps), p even and odd (lines 448-450).

    For fixed p: with S = sigma^2 (sum|alpha_j|)^2/(nu^2 eps^2) the noise of the G part is at most eps, attained.
    """
    rows: list[Instance] = [
        {"p": p, "family": f, "samples": samples, "C": C, "power": 0, "batch": "with stencil"}
        for f, orders in (("central", (2, 4, 8, 16)), ("one_sided", (1, 3, 9, 33)))
        for p in orders
        for samples in ("shared", "independent")
    ]
    even: list[Instance] = [
        {"p": p, "family": "central", "samples": "shared", "C": "1", "power": 1, "batch": "printed"}
        for p in (2, 4, 8, 16, 32, 64)
    ]
    check = Instances("S with the factor (sum |alpha_j|)^2", batch_sides, rows, "rational", "mpmath")
    return Evidence(
        printed=(check, Instances("even p: sum |alpha_j| <= p", batch_sides, even, "rational", "mpmath")),
        charitable="the O(.) read as hiding a factor that depends on p",
        notes="The hidden factor is (sum|alpha_j|)^2 (sum alpha_j^2 for samples independent across j): it grows like "
        "log^2 p for central weights, and like (2^{p+1}/p)^2 for one-sided ones. See f2sa_p:remark-3.2 for growing p.",
    )
