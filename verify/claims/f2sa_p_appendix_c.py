"""Paper 000, Appendix C: finite differences of psi(nu) = d/dx ell_nu(x). Stencils come from bounds.stencil."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import sympy as sp

from bounds.stencil import balanced, central, finite_difference_weights, one_sided, order_of_accuracy
from verify.evidence import Arithmetic, Check, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.registry import claim

EVEN, ODD = (2, 4, 6, 8), (1, 3, 5, 7)
BUILD = {"central": central, "one_sided": one_sided, "balanced": balanced}


def symbols(p: int) -> list[sp.Symbol]:
    return list(sp.symbols(f"alpha1:{p // 2 + 1}"))


def first_moment(p: int, mirror: int) -> sp.Expr:
    """sum_j j alpha_j with alpha_{-j} = mirror * alpha_j: the estimate of psi'(0) = 1 for psi(t) = t."""
    return sum((j * a + (-j) * mirror * a for j, a in enumerate(symbols(p), 1)), sp.S.Zero)


@precise
def extremal_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|(1/nu) sum alpha_j psi(j nu) - psi'(0)| against factor * c_p C nu^p for the extremal psi of the kernel."""
    chosen = BUILD[instance["family"]](instance["p"])
    p, nu, C = instance["p"], Fraction(instance["nu"]), Fraction(instance["C"])
    psi = chosen.extremal(C, nu)
    weights = [number(w, arithmetic) for w in chosen.weights]
    if "wrong" in instance:
        weights[-1] = -weights[-1]
    total = sum(w * number(psi(j * nu), arithmetic) for j, w in zip(chosen.nodes, weights))
    bound = number(Fraction(instance["factor"]) * chosen.error_constant * C * nu**p, arithmetic)
    slopes = [piece[0] for piece in _derivative(psi.pieces, p + 1)]
    return Sides(
        abs(total / number(nu, arithmetic)), "<=", bound,
        {"psi^(p) is C-Lipschitz": max(abs(s) for s in slopes) <= C},
        tolerance(arithmetic), {"c_p": str(chosen.error_constant), "psi'(0)": 0},
    )  # fmt: skip


def _derivative(pieces: tuple[tuple[Fraction, ...], ...], times: int) -> list[tuple[Fraction, ...]]:
    out = list(pieces)
    for _ in range(times):
        out = [tuple(k * c for k, c in enumerate(row) if k) or (Fraction(0),) for row in out]
    return out


def extremal_rows(family: str, orders: tuple[int, ...], factor: str = "1", **extra: str) -> list[Instance]:
    return [
        {"family": family, "p": p, "nu": nu, "C": "3/2", "factor": factor} | extra
        for p in orders
        for nu in ("1/7", "5/2")
    ]


@claim(
    "f2sa_p:lemma-C.1",
    covers=["000 Lemma C.1"],
    mutants={
        "half the sharp constant": {"factor": "1/2"},
        "sign of the last weight": {"wrong": "sign"},
        "symmetric weights": {"mirror": 1},
    },
    uses=["f2sa_p:eq-11", "f2sa_p:proof-C.1-even-system"],
)
def lemma_c1(factor: str = "1", wrong: str = "", mirror: int | None = None) -> Evidence:
    """psi: R -> R with C-Lipschitz p-th derivative, p even: there exist alpha_j, j = -p/2..p/2, with
    |(1/nu) sum_j alpha_j psi(j nu) - psi'(0)| = O(C nu^p), where alpha_0 = 0 and alpha_j = alpha_{-j} (lines 287-291).

    As printed, all weights with alpha_j = alpha_{-j} are tried at once (symbolic weights, psi(t) = t, C = 0).
    """
    printed: tuple[Check, ...] = tuple(
        Identity(f"p = {p}: symmetric weights differentiate psi(t) = t", first_moment(p, mirror or 1), 1) for p in EVEN
    )
    rows = extremal_rows("central", (2, 4, 6, 8, 10, 12), factor, **({"wrong": wrong} if wrong else {}))
    sharp = Instances("|error| <= c_p C nu^p, c_p = (p/2)!^2/(p+1)!", extremal_sides, rows, "rational", "mpmath")
    if factor != "1" or wrong:
        printed = (sharp,)
    return Evidence(
        printed=printed,
        corrected=(sharp, *(Identity(f"p = {p}", first_moment(p, -1).subs(_central(p)), 1) for p in EVEN)),
        correction="alpha_{-j} = -alpha_j; then the sharp constant is c_p = (p/2)!^2/(p+1)! <= 1/6, attained.",
        category="misprint",
        charitable="'There exist' was read with all symmetric weights at once: sum_j j alpha_j = 0, so psi(t) = t, C "
        "= 0, has error 1 for any of them. Nodes and range cannot help. The next page uses alpha_{-1} = -1/2.",
        downstream="None once the sign is set: every later use takes antisymmetric weights (p = 2, Algorithm 3).",
    )  # fmt: skip


def _central(p: int) -> dict[sp.Symbol, sp.Rational]:
    weights = dict(zip(central(p).nodes, central(p).weights))
    return {a: sp.Rational(weights[j].numerator, weights[j].denominator) for j, a in enumerate(symbols(p), 1)}


@precise
def odd_print_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """The sum over the integers j in both ranges, -p/2 <= j <= p/2 and 0 <= j <= p, applied to psi(t) = t^k.

    Weights free: for the printed sum to have order p it must give 1_{k=1} for k = 0..p; the weights that do so for
    k < number of nodes are unique, so the first power that they miss refutes all.
    """
    p = instance["p"]
    nodes = list(range(p // 2 + 1))
    weights = finite_difference_weights(nodes) if len(nodes) > 1 else (Fraction(0),)
    k = max(1, len(nodes))
    nu = number("1/3", arithmetic)
    value = sum(number(w, arithmetic) * (j * nu) ** k for j, w in zip(nodes, weights)) / nu
    return Sides(
        value, "==", number(1 if k == 1 else 0, arithmetic),
        {"psi(t) = t^k has C = 0 since k <= p": k <= p}, tolerance(arithmetic), {"nodes": nodes, "k": k},
    )  # fmt: skip


@claim(
    "f2sa_p:lemma-C.1-odd",
    covers=["000 Lemma C.1"],
    mutants={"half the sharp constant": {"factor": "1/2"}, "sign of the last weight": {"wrong": "sign"}},
    uses=["f2sa_p:eq-11", "f2sa_p:proof-C.1-odd-system", "f2sa_p:proof-C.1-beta0"],
)
def lemma_c1_odd(factor: str = "1", wrong: str = "") -> Evidence:
    """p odd: there exist forward difference coefficients beta_j, j = 0..p, with
    |(1/nu) sum_{j=-p/2}^{p/2} beta_j psi(j nu) - psi'(0)| = O(C nu^p) (lines 291-293).

    As printed the sum runs over indices of which only 0..(p-1)/2 carry a beta.
    """
    rows = extremal_rows("one_sided", (1, 3, 5, 7, 9), factor, **({"wrong": wrong} if wrong else {}))
    sharp = Instances("sum_{j=0}^p: |error| <= C nu^p/(p+1)", extremal_sides, rows, "rational", "mpmath")
    print_rows = [{"p": p} for p in ODD]
    printed = Instances("the printed range of summation", odd_print_sides, print_rows, "rational", "mpmath")
    return Evidence(
        printed=(sharp,) if factor != "1" or wrong else (printed,),
        corrected=(sharp,),
        correction="the sum runs over j = 0..p; the sharp constant is p!/(p+1)! = 1/(p+1), attained.",
        category="misprint or conversion",
        charitable="Read with half-integer nodes -p/2, .., p/2 the sum has p + 1 nodes and some weights of order p "
        "exist, but then beta_j, j = 0..p, has no meaning and Algorithm 2 uses 0..p. Read with the indices that both "
        "ranges share, 0..(p-1)/2, there are too few nodes for any weights: refuted.",
        downstream="None: Algorithm 2 and the proof sum over 0..p.",
    )


@claim(
    "f2sa_p:C.1-constant-in-p",
    covers=["000 Lemma C.1"],
    mutants={"weakened constant": {"bound": "1/7"}},
    uses=["f2sa_p:lemma-C.1", "f2sa_p:lemma-C.1-odd"],
)
def constant_in_p(bound: str = "1/2") -> Evidence:
    """The O(.) of Lemma C.1 hides no growth in p: c_p <= 1/2 for every p (central: c_p <= 1/6), p = 1..30.

    c_p = prod|j|/(p+1)! is (p/2)!^2/(p+1)! for central and 1/(p+1) for one-sided nodes.
    """

    def sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        p = instance["p"]
        chosen = central(p) if p % 2 == 0 else one_sided(p)
        closed = factorial(p // 2) ** 2 / Fraction(factorial(p + 1)) if p % 2 == 0 else Fraction(1, p + 1)
        return Sides(
            number(chosen.error_constant, arithmetic), "<=", number(bound, arithmetic),
            {"closed form of c_p": closed == chosen.error_constant},
        )  # fmt: skip

    rows = [{"p": p} for p in range(1, 31)]
    return Evidence(printed=(Instances("c_p", sides, rows, "rational", "float"),), charitable="a bound on c_p only")


@claim("f2sa_p:eq-11", covers=["000 Equation 11"], mutants={"power k + 1": {"shift": 1}, "no factorial": {"drop": 1}})
def eq_11(shift: int = 0, drop: int = 0) -> Evidence:
    """psi(nu) = psi(0) + sum_{k=1}^p (j nu)^k/k! psi^(k)(0) + O(C nu^{p+1}) (line 297).

    Checked for psi a polynomial of degree p (C = 0, so the remainder is zero) with symbolic coefficients, p = 1..4.
    """
    j, nu, t = sp.symbols("j nu t")

    def check(p: int, at: sp.Expr, name: str) -> Identity:
        coefficients = sp.symbols(f"c0:{p + 1}")
        psi = sum(c * t**k for k, c in enumerate(coefficients))
        taylor = psi.subs(t, 0) + sum(
            (j * nu) ** (k + shift) / (1 if drop else factorial(k)) * sp.diff(psi, t, k).subs(t, 0)
            for k in range(1, p + 1)
        )
        return Identity(f"{name}, p = {p}", psi.subs(t, at), taylor)

    corrected = tuple(check(p, j * nu, "left side psi(j nu)") for p in (1, 2, 3, 4))
    return Evidence(
        printed=corrected if shift or drop else tuple(check(p, nu, "left side psi(nu)") for p in (1, 2, 3, 4)),
        corrected=corrected,
        correction="the left side is psi(j nu); remainder at most C |j nu|^{p+1}/(p+1)!.",
        category="misprint",
        charitable="j = 1 saves the line, but it is summed over all j on the next line; C = 0 leaves no remainder.",
        downstream="None: the lines after it use psi(j nu).",
    )


@precise
def system_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Order of accuracy of the weights that solve 2 sum_j alpha_j j^k = 1_{k=1}, k = 1, 3, .., top, against p.

    Where the printed system leaves freedom the remaining unknowns are set to zero: one of its solutions.
    """
    p, top = instance["p"], instance["top"]
    m = p // 2
    powers = list(range(1, top + 1, 2))
    used = min(len(powers), m)
    half = [Fraction(0)] * m
    if used:  # antisymmetric stencil on +-1..+-used
        narrow = dict(zip(central(2 * used).nodes, central(2 * used).weights))
        half = [narrow[j] if j <= used else Fraction(0) for j in range(1, m + 1)]
    half = [w * Fraction(instance.get("scale", "1")) for w in half]
    meets = all(2 * sum(a * j**k for j, a in enumerate(half, 1)) == (k == 1) for k in powers)
    nodes = [*range(-m, 0), 0, *range(1, m + 1)]
    weights = [-a for a in reversed(half)] + [Fraction(0), *half]
    reached = order_of_accuracy(nodes, weights)
    return Sides(
        number(reached, arithmetic), "==", number(p, arithmetic),
        {"a solution of the system": meets or "scale" in instance}, 0.0,
        {"alpha_1..alpha_m": [str(a) for a in half], "equations": len(powers), "unknowns": m},
    )  # fmt: skip


@claim(
    "f2sa_p:proof-C.1-even-system",
    covers=["000 Proof C.1-even-system"],
    mutants={"right side 2 in place of 1/2": {"scale": "4"}, "one row short": {"short": 2}},
)
def even_system(scale: str = "1", short: int = 0) -> Evidence:
    """2 sum_{j=1}^{p/2} alpha_j j^k = 1_{k=1} for k = 1, 3, .., p/2 - 1, equivalently the Vandermonde system with rows
    of powers 0, 2, .., p/2 - 2 in the unknowns j alpha_j; it has a unique solution, of order p (lines 307-317).
    """
    extra = {"scale": scale} if scale != "1" else {}
    printed = [{"p": p, "top": p // 2 - 1} for p in EVEN]
    right = [{"p": p, "top": p - 1 - short} | extra for p in (2, 4, 6, 8, 10, 12)]
    fixed = Instances("k = 1, 3, .., p - 1", system_sides, right, "rational", "mpmath")
    first = Instances("k = 1, 3, .., p/2 - 1", system_sides, printed, "rational", "mpmath")
    determinants = tuple(
        Identity(
            f"p = {p}: Vandermonde determinant",
            sp.Matrix(p // 2, p // 2, lambda r, c: sp.Integer(c + 1) ** (2 * r)).det(),
            sp.prod((b * b - a * a for a in range(1, p // 2 + 1) for b in range(a + 1, p // 2 + 1)), start=sp.S.One),
        )
        for p in (2, 4, 6, 8)
    )
    return Evidence(
        printed=(fixed,) if extra or short else (first,),
        corrected=(fixed, *determinants),
        correction="k = 1, 3, .., p - 1 and rows up to power p - 2: p/2 equations for p/2 unknowns, unique.",
        category="misprint",
        charitable="The printed range leaves about p/4 equations for p/2 unknowns (none at all for p = 2); a "
        "solution of it, listed with the instance, has order below p. The square matrix of the intended range is "
        "evident.",
        downstream="None: Lemma C.1 holds with the full system.",
    )


@precise
def forward_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """sum_{j=0}^p beta_j must vanish, with beta_0 = constant - sum_{j>=1} beta_j and the others from the system."""
    p = instance["p"]
    weights = [number(w, arithmetic) for w in one_sided(p).weights]
    moments = [sum(w * j**k for j, w in enumerate(weights)) for k in range(1, p + 1)]
    beta_0 = number(instance["constant"], arithmetic) - instance.get("sign", 1) * sum(weights[1:])
    solved = all(abs(m - (k == 1)) <= 1e-30 for k, m in enumerate(moments, 1))
    return Sides(
        beta_0 + sum(weights[1:]), "==", number(0, arithmetic), {"beta_1..beta_p solve the system": solved},
        1e-30, {"beta_0": str(beta_0)},
    )  # fmt: skip


@claim("f2sa_p:proof-C.1-odd-system", covers=["000 Proof C.1-odd-system"], mutants={"p - 1 rows": {"rows": 1}})
def odd_system(rows: int = 0) -> Evidence:
    """sum_{j=1}^p beta_j j^k = 1_{k=1}, k = 1..p, has a unique solution (Vandermonde in the j beta_j), of order p
    together with sum_j beta_j = 0 (lines 319-331).
    """

    def sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        p = instance["p"]
        matrix = sp.Matrix(p, p, lambda r, c: sp.Integer(c + 1) ** r)
        right = sp.Matrix([1] + [0] * (p - 1))
        if rows:  # the last equation replaced by a copy of another right side
            right[p - 1] = 1
        solution = matrix.LUsolve(right)
        beta = [Fraction(int(v.p), int(v.q)) / j for j, v in enumerate(solution, 1)]
        reached = order_of_accuracy(range(p + 1), [-sum(beta), *beta])
        return Sides(
            number(reached, arithmetic), "==", number(p, arithmetic), {"determinant != 0": matrix.det() != 0}
        )  # fmt: skip

    instances = [{"p": p} for p in range(2 if rows else 1, 9)]
    return Evidence(printed=(Instances("order", sides, instances, "rational", "float"),), charitable="p = 1..8 exact")


@claim("f2sa_p:proof-C.1-beta0", covers=["000 Proof C.1-beta0"], mutants={"beta_0 = +sum": {"sign": -1}})
def beta_zero(sign: int = 1) -> Evidence:
    """beta_0 = 1 - sum_{j=1}^p beta_j (line 331), where sum_{j=0}^p beta_j = 0 was required (line 319)."""
    rows = [{"p": p} for p in range(1, 9)]
    fixed = Instances(
        "beta_0 = -sum", forward_sides, [r | {"constant": 0, "sign": sign} for r in rows], "rational", "mpmath"
    )
    first = Instances("beta_0 = 1 - sum", forward_sides, [r | {"constant": 1} for r in rows], "rational", "mpmath")
    return Evidence(
        printed=(fixed,) if sign != 1 else (first,),
        corrected=(fixed,),
        correction="beta_0 = -sum_{j=1}^p beta_j.",
        category="misprint",
        charitable="With the printed beta_0 the weights sum to 1 and the estimate contains psi(0)/nu; the next line "
        "of the paper has beta_0 = -1, beta_1 = 1 for p = 1, which agrees with the correction only.",
        downstream="None once corrected; as printed the estimator of Algorithm 2 has an error of order 1/nu.",
    )


@claim(
    "f2sa_p:text-C-small-p",
    covers=["000 Text C-small-p"],
    mutants={"central without 1/2": {"half": 1}},
    uses=["f2sa_p:lemma-C.1", "f2sa_p:lemma-C.1-odd"],
)
def small_p(half: int = 2) -> Evidence:
    """p = 1: beta = (-1, 1) and the estimator psi(nu) - psi(0)/nu; p = 2: alpha_{-1} = -1/2, alpha_1 = 1/2 and
    (psi(nu) - psi(-nu))/(2 nu) (line 333). Checked against the stencils of Lemma C.1.
    """
    nu = sp.Symbol("nu")
    a, b, c = sp.symbols("psi_plus psi_zero psi_minus")
    weights = [sp.Rational(w.numerator, w.denominator) for w in (*one_sided(1).weights, *central(2).weights)]
    forward = (weights[0] * b + weights[1] * a) / nu
    middle = (weights[2] * c + weights[3] * b + weights[4] * a) / nu
    good = (
        Identity("p = 1: (psi(nu) - psi(0))/nu", forward, (a - b) / nu),
        Identity("p = 2", middle, (a - c) / (half * nu)),
    )
    return Evidence(
        printed=good if half != 2 else (Identity("p = 1: psi(nu) - psi(0)/nu", forward, a - b / nu), good[1]),
        corrected=good,
        correction="(psi(nu) - psi(0))/nu.",
        category="misprint or conversion",
        charitable="The weights printed beside it are right; only the brackets of the p = 1 estimator are missing.",
        downstream="None.",
    )


@precise
def vector_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """||FD - psi'(0)||^2 against (factor c_p C nu^p)^2 for psi(t) = u t^{p+1} + v q(t) with ||psi^(p+1)|| <= C.

    q is the extremal function of the stencil, v and u vectors; C = ||v|| + (p+1)! ||u|| bounds the vector derivative,
    kept as its square by taking u = 0 or v = 0 per instance.
    """
    p, nu = instance["p"], Fraction(instance["nu"])
    chosen = central(p) if p % 2 == 0 else one_sided(p)
    direction = [Fraction(v) for v in instance["u"]]
    size = sum(v * v for v in direction)
    if instance["kind"] == "power":
        values, C2 = [(j * nu) ** (p + 1) for j in chosen.nodes], size * factorial(p + 1) ** 2
    else:
        psi = chosen.extremal(1, nu)
        values, C2 = [psi(j * nu) for j in chosen.nodes], size
    scalar = sum(number(w, arithmetic) * number(v, arithmetic) for w, v in zip(chosen.weights, values))
    error = [number(d, arithmetic) * scalar / number(nu, arithmetic) for d in direction]
    c = Fraction(instance["factor"]) * chosen.error_constant
    return Sides(
        sum(e * e for e in error), "<=", number(c * c * C2 * nu ** (2 * p), arithmetic),
        {"psi^(p) is C-Lipschitz in the Euclidean norm": C2 > 0}, tolerance(arithmetic),
    )  # fmt: skip


@claim(
    "f2sa_p:remark-C.1",
    covers=["000 Remark C.1"],
    mutants={"a constant below c_p": {"factor": "9/10"}},
    uses=["f2sa_p:lemma-C.1", "f2sa_p:lemma-C.1-odd"],
)
def remark_c1(factor: str = "1") -> Evidence:
    """The error of Lemma C.1 holds for a vector-valued psi in the Euclidean norm, the coefficients being the same for
    all coordinates (line 335). Checked with the scalar constant c_p itself: no factor sqrt(d).
    """
    rows: list[Instance] = [
        {"p": p, "nu": "2/5", "u": u, "kind": kind, "factor": factor}
        for p in (1, 2, 3, 4, 6)
        for u in (["1"], ["3", "-4"], ["1", "2", "-2", "1/3", "7"])
        for kind in ("extremal", "power")
    ]
    return Evidence(
        printed=(Instances("||error|| <= c_p C nu^p, no sqrt(d)", vector_sides, rows, "rational", "mpmath"),),
        charitable="holds",
        notes="Applying the lemma coordinate by coordinate, as the remark says, would give sqrt(d) c_p; applying it "
        "to <u, psi> for every unit vector u, which is C-Lipschitz in its p-th derivative, gives c_p for any d.",
    )
