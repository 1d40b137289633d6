"""Paper 000, Appendix D, the formulas: Faa di Bruno, Eq. (12)-(14), the product rule of Lemma D.4."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product as cartesian
from math import factorial
from typing import Any

import mpmath as mp
import sympy as sp

from synthetic.exact import ExactForm, LocalForm, fraction
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, set_partitions, tolerance
from verify.registry import claim

X, Y1, Y2 = sp.symbols("x y1 y2")
Y = (Y1, Y2)
POINT = Fraction(1, 2)
ORDERS = (1, 2, 3, 4, 5)
EPS = sp.symbols("e1:6")


@cache
def coupled() -> ExactForm:
    """A polynomial instance, d_x = 1, d_y = 2: quartic g, cubic f, every mixed derivative below present; y*(1/2) = 0.

    g is strongly convex near the point: its Hessian in y at (1/2, 0) is [[2, 1/2], [1/2, 3]].
    """
    s = X - sp.Rational(1, 2)
    g = Y1**2 + Y1 * Y2 / 2 + sp.Rational(3, 2) * Y2**2 - s * (Y1 - 2 * Y2) + X * Y1**3 / 3 - Y1 * Y2**2 / 4
    g += Y1**4 / 5 + X**2 * Y2**4 / 7 + X * Y1 * Y2 / 6 - Y1 * Y2 / 12 + X**2
    f = X**2 * Y1 + Y1 - 2 * Y2 + Y1**2 / 3 + X * Y1 * Y2 + Y2**3 / 5 + X**3 * Y2 + X - Y1**2 * Y2 / 4
    return ExactForm((X,), Y, f, g, (sp.S.Zero, sp.S.Zero), f)


@cache
def local() -> LocalForm:
    return coupled().at([POINT])


@cache
def exact_derivatives(order: int) -> tuple[tuple[tuple[Fraction, ...], ...], tuple[Fraction, ...]]:
    """(y^(k) as vectors, psi^(k)), k = 0..order, at nu = 0 in rationals, from the jets (no Faa di Bruno there)."""
    jets = local().jets(order)
    y = tuple(tuple(factorial(k) * jets.y[i][k] for i in range(2)) for k in range(order + 1))
    return y, tuple(factorial(k) * jets.psi[0][k] for k in range(order + 1))


@cache
def numeric_derivatives(order: int) -> tuple[tuple[tuple[Any, ...], ...], tuple[Any, ...]]:
    """The same by 60-digit central differences of Newton's solution: shares nothing with the jets but the instance."""
    with mp.workdps(100):
        h, reach = mp.mpf(10) ** -10, 6
        nodes = range(-reach, reach + 1)
        solved = {j: (local().y_star(j * h), local().psi(j * h)) for j in nodes}

        def derivative(k: int, pick: Any) -> Any:
            matrix = mp.matrix([[mp.mpf(j) ** r for j in nodes] for r in range(2 * reach + 1)])
            right = mp.matrix([mp.factorial(k) if r == k else 0 for r in range(2 * reach + 1)])
            weights = mp.lu_solve(matrix, right)
            return sum(w * pick(solved[j]) for w, j in zip(weights, nodes)) / h**k

        y = tuple(tuple(derivative(k, lambda s, i=i: s[0][i]) for i in range(2)) for k in range(order + 1))
        return y, tuple(derivative(k, lambda s: s[1][0]) for k in range(order + 1))


@cache
def tensor(which: str, extra: str, index: tuple[int, ...]) -> Fraction:
    """The partial derivative of f or g at the point in y-directions ``index``, and once in x or y_i by ``extra``."""
    e = coupled().f if which == "f" else coupled().g
    e = sp.diff(e, X) if extra == "x" else sp.diff(e, Y[int(extra)])
    for i in index:
        e = sp.diff(e, Y[i])
    return fraction(e.subs({X: sp.Rational(1, 2), Y1: 0, Y2: 0}))


def partition_sum(which: str, extra: str, q: int, y: Any, arithmetic: Arithmetic, least: int = 1) -> Any:
    """sum over least <= k <= q and partitions of {1..q} of d_y^k d_extra (f or g) [y^(|P_1|), .., y^(|P_k|)]."""
    total = number(0, arithmetic)
    for blocks in set_partitions(list(range(q))):
        if len(blocks) < least:
            continue
        for index in cartesian(range(2), repeat=len(blocks)):
            coefficient = tensor(which, extra, index)
            if coefficient:
                term = number(coefficient, arithmetic)
                for i, block in zip(index, blocks):
                    term = term * y[len(block)][i]
                total = total + term
    return total


def derivatives(q: int, arithmetic: Arithmetic) -> Any:
    return exact_derivatives(max(ORDERS)) if arithmetic == "rational" else numeric_derivatives(max(ORDERS))


def certificate() -> dict[str, bool]:
    """At the point: optimality of y = 0 and a positive definite Hessian (the derivatives are local)."""
    a, b, c = tensor("g", "0", (0,)), tensor("g", "0", (1,)), tensor("g", "1", (1,))
    stationary = all(tensor("g", str(i), ()) == 0 for i in range(2))
    return {"2.3: Hessian of g positive definite at y*": a > 0 and a * c - b * b > 0, "y* = 0 optimal": stationary}


@precise
def eq12_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """psi^(q)(0) against the partition sum, ``explicit`` times the f-sum added (0 as printed, q as it must be)."""
    q = instance["q"]
    y, psi = derivatives(q, arithmetic)
    right = partition_sum("g", "x", q, y, arithmetic)
    right += instance["explicit"] * partition_sum("f", "x", q - 1, y, arithmetic, 0)
    return Sides(psi[q], "==", right, certificate(), 0 if arithmetic == "rational" else 1e-20)


@precise
def eq13_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """0 against the sum with d_y^{k+1} g, first component of y."""
    q = instance["q"]
    y, _ = derivatives(q, arithmetic)
    right = partition_sum("g", "0", q, y, arithmetic)
    right += instance["explicit"] * partition_sum("f", "0", q - 1, y, arithmetic, 0)
    if arithmetic != "rational" and abs(right) < 1e-15:
        right = mp.mpf(0)
    return Sides(number(0, arithmetic), "==", right, certificate(), 0)


@precise
def eq14_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """y^(q), first component, against -H^{-1} sum_{k>=2} w."""
    q = instance["q"]
    y, _ = derivatives(q, arithmetic)
    w = [
        partition_sum("g", str(i), q, y, arithmetic, 2)
        + instance["explicit"] * partition_sum("f", str(i), q - 1, y, arithmetic, 0)
        for i in range(2)
    ]
    a, b, c = (number(tensor("g", i, j), arithmetic) for i, j in (("0", (0,)), ("0", (1,)), ("1", (1,))))
    value = -instance.get("sign", 1) * (c * w[0] - b * w[1]) / (a * c - b * b)
    return Sides(y[q][0], "==", value, certificate(), 0 if arithmetic == "rational" else 1e-20)


MISSING = (
    "No reading saves it: g_nu = nu f + g depends on nu explicitly, the chain rule through y_nu alone cannot see "
    "that. q = 1 by hand: "
)
SURVIVES = (
    "The missing terms are of lower order in kappa (one branch fewer each), so the exponents of the induction "
    "survive, but they bring d_y^q of grad f into order q: see f2sa_p:lemma-3.1 for the derivative of f that this "
    "needs."
)


def _pair(sides: Any, **extra: Any) -> tuple[Instances, Instances]:
    printed = [{"q": q, "explicit": 0} for q in ORDERS]
    right = [{"q": q, "explicit": q} | extra for q in ORDERS]
    return (
        Instances("as printed, q = 1..5", sides, printed, "rational", "mpmath"),
        Instances("with the explicit terms, q = 1..5", sides, right, "rational", "mpmath"),
    )


@claim(
    "f2sa_p:eq-12",
    covers=["000 Equation 12"],
    mutants={"explicit terms once": {"explicit": 1}, "explicit terms subtracted": {"explicit": -1}},
    uses=["f2sa_p:lemma-D.1"],
)
def eq_12(explicit: int | None = None) -> Evidence:
    """d^{q+1}/(d nu^q d x) ell_nu = sum_{1<=k<=q, P in P(q,k)} d^{k+1}/(d y^k d x) g_nu (d^{|P_1|} y_nu, ..)
    (line 359).

    At nu = 0, which is every nu: g_{nu_0 + s} = g_{nu_0} + s f.
    """
    first, fixed = _pair(eq12_sides)
    if explicit is not None:
        rows = [{"q": q, "explicit": explicit} for q in ORDERS if q > 1]
        first = Instances("mutant", eq12_sides, rows, "rational", "mpmath")
    return Evidence(
        printed=(first,),
        corrected=(fixed,),
        correction="add q sum_{0<=k<=q-1, P in P(q-1,k)} d^{k+1}/(d y^k d x) f (d^{|P_1|} y_nu, ..), that is q "
        "d^{q-1}/d nu^{q-1} [grad_x f(x, y_nu)].",
        category="false",
        charitable=MISSING + "it prints grad_xy g [y'], the truth adds grad_x f, without which (9) fails.",
        downstream=SURVIVES,
    )


@claim(
    "f2sa_p:eq-13",
    covers=["000 Equation 13"],
    mutants={"explicit terms once": {"explicit": 1}, "explicit terms subtracted": {"explicit": -1}},
    uses=["f2sa_p:lemma-D.1"],
)
def eq_13(explicit: int | None = None) -> Evidence:
    """0 = sum_{1<=k<=q, P in P(q,k)} d^{k+1}/d y^{k+1} g_nu (d^{|P_1|} y_nu, .., d^{|P_k|} y_nu) (line 363)."""
    first, fixed = _pair(eq13_sides)
    if explicit is not None:
        rows = [{"q": q, "explicit": explicit} for q in ORDERS if q > 1]
        first = Instances("mutant", eq13_sides, rows, "rational", "mpmath")
    return Evidence(
        printed=(first,),
        corrected=(fixed,),
        correction="add q sum_{0<=k<=q-1, P in P(q-1,k)} d^{k+1}/d y^{k+1} f (d^{|P_1|} y_nu, ..).",
        category="false",
        charitable=MISSING + "it prints grad_yy g [y'] = 0, hence y' = 0; the truth is grad_yy g [y'] = -grad_y f.",
        downstream=SURVIVES,
    )


@claim(
    "f2sa_p:eq-14",
    covers=["000 Equation 14"],
    mutants={"explicit terms once": {"explicit": 1}, "sign of the inverse": {"sign": -1}},
    uses=["f2sa_p:eq-13"],
)
def eq_14(explicit: int | None = None, sign: int = 1) -> Evidence:
    """d^q/d nu^q y_nu = -(grad_yy g_nu)^{-1} sum_{2<=k<=q, P in P(q,k)} w_{k,P},
    w_{k,P} = d^{k+1}/d y^{k+1} g_nu (d^{|P_1|} y_nu, ..) (line 367).
    """
    first, fixed = _pair(eq14_sides)
    if explicit is not None or sign != 1:
        rows = [{"q": q, "explicit": q if explicit is None else explicit, "sign": sign} for q in ORDERS if q > 1]
        first = Instances("mutant", eq14_sides, rows, "rational", "mpmath")
    return Evidence(
        printed=(first,),
        corrected=(fixed,),
        correction="add q sum_{0<=k<=q-1, P in P(q-1,k)} d^{k+1}/d y^{k+1} f (..) to the sum.",
        category="false",
        charitable=MISSING + "the sum over 2 <= k <= 1 is empty, so it prints y' = 0; the truth is y' = -H^{-1} f_y. "
        "By induction the printed recursion gives y^(q) = 0 for every q.",
        downstream=SURVIVES,
    )


@claim(
    "f2sa_p:lemma-D.1",
    covers=["000 Lemma D.1"],
    mutants={"ordered partitions": {"ordered": True}, "single block dropped": {"least": 2}},
)
def lemma_d1(ordered: bool = False, least: int = 1) -> Evidence:
    """Faa di Bruno: grad^q (T2 o T1)|_z (v_i u_i) = sum over 1 <= k <= q and unordered partitions P in P(q, k) of
    grad^k T2|_{T1(z)} (grad^{|P_1|} T1|_z (v_{i in P_1} u_i), ..) (line 355).

    T1: R -> R^2 and T2: R^2 -> R with symbolic coefficients (2 per order and component, resp. one per monomial of
    degree <= 4), q = 1..4, against direct differentiation. By polarisation one direction u_i = u is the general case.
    """
    t = sp.Symbol("t")
    a = sp.symbols("a1:5")
    b = sp.symbols("b1:5")
    inner = (sum(c * t ** (k + 1) for k, c in enumerate(a)), sum(c * t ** (k + 1) for k, c in enumerate(b)))
    powers = [(i, j) for i in range(5) for j in range(5 - i) if i + j]
    coefficient = {ij: sp.Symbol(f"c{ij[0]}{ij[1]}") for ij in powers}
    outer = sum(c * Y1**i * Y2**j for (i, j), c in coefficient.items())
    checks = []
    for q in (2,) if ordered or least > 1 else (1, 2, 3, 4):
        direct = sp.diff(outer.subs(dict(zip(Y, inner)), simultaneous=True), t, q).subs(t, 0)
        total = sp.S.Zero
        for blocks in set_partitions(list(range(q))):
            if len(blocks) < least:
                continue
            weight = factorial(len(blocks)) if ordered else 1
            for index in cartesian(range(2), repeat=len(blocks)):
                term = sp.diff(outer, *(Y[i] for i in index)).subs({Y1: 0, Y2: 0})
                for i, block in zip(index, blocks):
                    term *= sp.diff(inner[i], t, len(block)).subs(t, 0)
                total += weight * term
        checks.append(Identity(f"q = {q}", sp.expand(direct), sp.expand(total)))
    return Evidence(
        printed=tuple(checks),
        charitable="read with q-times differentiable (the statement says k-times, k being the summation index)",
        notes="'T_1 = y_nu and T_1 = d g_nu' two lines later means T_2 for the second; and the lemma needs a T_2 "
        "that does not depend on nu, which g_nu violates: the source of the missing terms in (12)-(14).",
    )


@claim("f2sa_p:lemma-D.4", covers=["000 Lemma D.4"], mutants={"C_1 D_1 + C_2 D_2": {"swap": True}})
def lemma_d4(swap: bool = False) -> Evidence:
    """T_1 is D_1-bounded and C_1-Lipschitz, T_2 D_2-bounded and C_2-Lipschitz: T_1 x T_2 is D_1 D_2-bounded and
    (C_1 D_2 + C_2 D_1)-Lipschitz (line 379). Products of 2 x 2 matrices in the spectral norm.
    """
    letters = sp.symbols("a1:5 b1:5 c1:5 d1:5")
    A, B, C, D = (sp.Matrix(2, 2, letters[4 * i : 4 * i + 4]) for i in range(4))
    split = Identity("AB - CD = (A - C) B + C (B - D)", A * B - C * D, (A - C) * B + C * (B - D))

    @precise
    def sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        """T_i(s) = (a_i + s b_i) I on |s| <= 1: D_i = |a_i| + |b_i|, C_i = |b_i|; the product at s = 1 and 1 - h."""
        a1, b1, a2, b2, h = (number(v, arithmetic) for v in instance["data"])
        D1, C1, D2, C2 = abs(a1) + abs(b1), abs(b1), abs(a2) + abs(b2), abs(b2)
        gap = abs((a1 + b1) * (a2 + b2) - (a1 + (1 - h) * b1) * (a2 + (1 - h) * b2))
        bound = (C1 * D1 + C2 * D2 if swap else C1 * D2 + C2 * D1) * h
        return Sides(gap, "<=", bound, {"|s| <= 1": 0 < h <= 2}, tolerance(arithmetic))

    rows = [
        {"data": [a1, b1, a2, b2, h]}
        for a1, b1 in (("1", "1/2"), ("10", "1"), ("-3", "2"))
        for a2, b2 in (("2", "3"), ("1/5", "1/7"), ("5", "-1"))
        for h in ("1/1000", "1/2", "2")
    ]
    return Evidence(
        printed=(split, Instances("tight on scalar multiples of I", sides, rows, "rational", "mpmath")),
        charitable="holds for every product with ||T_1 x T_2|| <= ||T_1|| ||T_2||, which the uses need: tensors "
        "evaluated at vectors, and a matrix times a vector",
        notes="It fails for contractions over two or more indices in the operator norm of Appendix A: <I_n, I_n> = n "
        "although ||I_n|| = 1. No use in the paper contracts that way.",
    )
