"""Paper 004, Assumption 1 and Appendix B: its radius, what it implies, and what implies it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath as mp
import sympy as sp

from bounds.chain_rigorous import flint
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.registry import claim

TRIPLES = (("3", "4", "5"), ("0", "2", "2"), ("-5/13", "12/13", "1"), ("0", "0", "0"), ("800", "15", None))


@precise
def blocks_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma B.3, squared: |block increments| as large as Assumption 1 allows against (L_0 + L_1 G)^2 t^2."""
    L0, L1, a, b, t, k = (number(instance[key], arithmetic) for key in ("L0", "L1", "a", "b", "t", "k"))
    G2 = a * a + b * b
    left = (((L0 + L1 * abs(a)) / 2) ** 2 + ((L0 + L1 * abs(b)) / 2) ** 2) * t**2
    # (k L0 + k L1 G)^2 with the rational lower bound k^2 (L0^2 + L1^2 G^2) + 2 k^2 L0 L1 max(|a|, |b|)
    right = k**2 * (L0**2 + L1**2 * G2 + 2 * L0 * L1 * max(abs(a), abs(b))) * t**2
    radius2 = 1 / (2 * ((L1 / 2) ** 2 + (L1 / 2) ** 2))
    return Sides(
        left, "<=", right, {"|u - u'| <= 1/L_1": L1 * t <= 1, "that is Assumption 1's radius": t * t <= radius2},
        tolerance(arithmetic), {"|grad f|^2": str(G2)},
    )  # fmt: skip


def blocks_rows(k: str) -> list[Instance]:
    return [
        {"L0": L0, "L1": L1, "a": a, "b": b, "t": t, "k": k}
        for L0, L1 in (("1", "1"), ("0", "3"), ("5", "1/100"), ("1/1000", "7"))
        for a, b, _ in TRIPLES
        for t in (f"{1}/{7}", "1/1000")
    ]


@claim(
    "bo_rep:lemma-B.3",
    covers=["004 Lemma B.3", "004 Equation 6", "004 Assumption 1"],
    mutants={"radius 2/L_1": {"radius": 2}, "constants (L_0 + L_1|..|)/3": {"k": "1/3"}},
)
def lemma_b3(k: str = "1", radius: int = 1) -> Evidence:
    """Lemma B.3 (lines 1296-1330; Assumption 1: 217-222): if L_x0 = L_y0 = L_0/2 and L_x1 = L_y1 = L_1/2, Assumption 1
    implies for |u - u'| ≤ 1/L_1: |∇f(u) - ∇f(u')| ≤ (L_0 + L_1|∇f(u)|)|u - u'| (6). Its radius 1/√(2(L_x1² + L_y1²))
    is then 1/L_1.

    The radius, and (L_0 + L_1 G)² minus the bound of the proof, as a polynomial without a negative term.
    """
    L0, L1, a, b = sp.symbols("L0 L1 a b", positive=True)
    G = sp.sqrt(a**2 + b**2)
    left = (L0 + L1 * a) ** 2 / 4 + (L0 + L1 * b) ** 2 / 4
    slack = L0**2 / 2 + L0 * L1 * (4 * G - a - b) / 2 + sp.Rational(3, 4) * L1**2 * G**2
    rows = [r for r in blocks_rows(k) if blocks_sides(r, "rational").admissible]
    return Evidence(
        printed=(
            Identity("radius", 1 / sp.sqrt(2 * ((L1 / 2) ** 2 + (L1 / 2) ** 2)), radius / L1),
            Identity("(L_0 + L_1 G)^2 - both blocks = a sum of terms >= 0", (L0 + L1 * G) ** 2, left + slack),
            Instances("blocks", blocks_sides, rows, "rational", "mpmath"),
        ),
        charitable="holds as printed",
        notes="Not tight: (L_0/√2, L_1/2) is what the two blocks give, as |(L_0 + L_1 a, L_0 + L_1 b)|/2 ≤ L_0/√2 + "
        "L_1 G/2; so (L_0, L_1)-smoothness is 'recovered' with a slack of √2 and 2. "
        "The converse is false (bo_rep:text-recover).",
    )


def _exponential(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """f = e^u meets Definition B.1 with (0, 1); Definition B.2 with ``theta`` (0, 1) at distance share/theta."""
    if arithmetic == "arb":
        arb = flint().arb
        num: Any = lambda v: arb(flint().fmpq(sp.Rational(v).p, sp.Rational(v).q))  # noqa: E731
        theta = 1 / arb(2).log() if instance["theta"] == "1/ln 2" else num(instance["theta"])
        t = num(instance["share"]) / theta
        growth = t.expm1()
    else:
        theta = 1 / mp.log(2) if instance["theta"] == "1/ln 2" else number(instance["theta"], arithmetic)
        t = number(instance["share"], arithmetic) / theta
        growth = mp.expm1(t)
    # the factor e^u = |f'(u)| is common to both sides
    inside = sp.Rational(instance["share"]) <= 1
    return Sides(growth, "<=", theta * t, {"|u - u'| <= 1/L_1": bool(inside)}, 1e-60)


@claim(
    "bo_rep:def-B.2",
    covers=["004 Definition B.1", "004 Definition B.2"],
    mutants={"same constants": {"theta": "1"}, "1.4 times": {"theta": "7/5"}},
)
def definition_b2(theta: str = "1/ln 2") -> Evidence:
    """Definitions B.1, B.2 (lines 1285-1293): |∇²f(u)| ≤ L_0 + L_1|∇f(u)|; |∇f(u) - ∇f(u')| ≤ (L_0 + L_1|∇f(u)|)|u -
    u'| for |u - u'| ≤ 1/L_1. "Definition B.2 is an alternative definition .. strictly weaker".

    The worst case of B.1 is f = e^u (Gronwall: |∇f(u) - ∇f(u')| ≤ (L_0/L_1 + |∇f(u)|)(e^{L_1 t} - 1), an equality for
    it), so B.1 with (L_0, L_1) implies B.2 with θ(L_0, L_1) iff e^s - 1 ≤ θs for s ≤ 1/θ; in ball arithmetic on shares
    of the radius up to 1 - 10^{-9}, θ = 1/ln 2 (at the radius itself an equality).
    """
    shares = ("1/1000", "1/2", "9/10", "999/1000", "999999999/1000000000")
    rows = [{"theta": theta, "share": s} for s in (*shares, *(("1",) if theta != "1/ln 2" else ()))]
    return Evidence(
        printed=(Instances("B.1 implies B.2 with theta", _exponential, rows, "arb", "mpmath"),),
        charitable="'weaker' is read for the classes (some L_0, L_1): true, with 1/ln 2 = 1.4427 times the constants. "
        "With the same (L_0, L_1) it is false: f = e^u has |f'(u') - f'(u)| = (e - 1)|f'(u)| at the radius.",
        notes="Conversely B.2 gives B.1 with the same constants where f is twice differentiable (u' → u).",
    )


@precise
def growing_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Assumption 1 for the x block at u = (0, y), u' = (t, y), f = E q(x) with E = e^y (``coupled``) or E constant.

    q = 2 + 1/(1 + x^2), |q'| <= 2/3, |q''| <= 2, 2 <= q <= 3. With y: |grad f| >= 2 e^y and |D^2 f| <= (4 + 8/9 +
    9)^{1/2} e^y < 2 |grad f|, so f meets Definition B.1 with (0, 2), for all u. Without y: |f''| <= 2 E: (2 E, 0).
    """
    E, t, L0, L1 = (number(instance[k], arithmetic) for k in ("E", "t", "L_x0", "L_x1"))
    gap = E * 2 * t / (1 + t * t) ** 2  # |f_x(t, y) - f_x(0, y)|, f_x(0, y) = 0
    allowed = {"t within 1/sqrt(2 L_x1^2)": 2 * (L1 * t) ** 2 <= 1}
    allowed |= {"e^y > 0": E > 0} if instance["coupled"] else {"L_x0 >= sup |f''|": L0 >= 2 * E}
    return Sides(gap, "<=", L0 * t, allowed, tolerance(arithmetic), {"L_x0": str(L0), "e^y": str(E)})


def growing_rows(coupled: bool) -> list[Instance]:
    return [
        {"E": str(10 * L0 if coupled else L0 / 2), "t": t, "L_x0": str(L0), "L_x1": L1, "coupled": coupled}
        for L0 in (Fraction(1), Fraction(10**6), Fraction(10**30))
        for L1, t in (("1", "1/10"), ("1/100", "1/2"), ("1000", "1/2000"))
    ]


@claim(
    "bo_rep:text-recover",
    covers=["004 Text recovers-relaxed"],
    mutants={"f with both variables": {"coupled": True}},
    uses=["bo_rep:lemma-B.3"],
)
def text_recover(coupled: bool = False) -> Evidence:
    """Lines 224-236, 1290-1302: "Assumption 1 is a generalization of the relaxed smoothness assumption .. for a
    single-level problem .. It can recover the standard relaxed smoothness assumption".

    Read as: a relaxed smooth f(x), without y, meets Assumption 1. Checked at u = 0, where ∇_x f vanishes.
    """
    rows = growing_rows(coupled)
    return Evidence(
        printed=(Instances("Assumption 1, x block", growing_sides, rows, "rational", "mpmath"),),
        charitable="Two readings are right: Assumption 1 implies Definition B.2 (Lemma B.3), and a relaxed smooth f(x) "
        "without y meets Assumption 1, its radius being smaller. The third, that any relaxed smooth f(x, y) meets "
        "Assumption 1 for some constants, is false and is the mutant here.",
        notes="f = e^y(2 + 1/(1 + x²)) meets Definition B.1 with (0, 2), and no L_x0, L_x1 whatever will do in "
        "Assumption 1: at x = 0 ∇_x f = 0 and ∂²f/∂x² = -2 e^y. Bounding each block's increment by its own gradient is "
        "what excludes it; L_x0 + L_x1|∇f(u)| with the whole gradient would admit it.",
        downstream="Assumption 1 is narrower than joint relaxed smoothness for a coupled upper level.",
    )
