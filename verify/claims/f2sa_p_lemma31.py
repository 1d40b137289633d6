"""Paper 000, Lemma 3.1 and what its proof uses: which derivative of which function, which constants, which powers."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any

from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_f2sa_p import (
    clipped_family,
    implicit,
    kinked_family,
    number,
    past_the_kink,
    precise,
    scalar_check,
    set_partitions,
    steep_family,
    tolerance,
    trig_family,
)
from verify.registry import claim

CONSTANTS = ("1", "1000", "1000000", "1000000000000")
"""Hidden constants offered to the O(.); each is beaten by an instance built for it."""


@precise
def kink_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|u(nu_1 + a) - u(nu_1 - b)| <= bound * (a + b) across the kink, u = y^(p) (so psi^(p) = -u) or 1/H_nu.

    bound = C kappa^power * scale; the step is chosen so small that the jump of u must win.
    """
    p, C = instance["p"], Fraction(instance["C"])
    kind, nu_1 = kinked_family(p)
    L_bar = kind.largest(p)
    kappa = L_bar / kind.gamma_min
    scales: dict[str, Fraction] = {"L_bar": L_bar, "1": Fraction(1), "1/mu": 1 / kind.gamma_min}
    scale = scales[instance["scale"]]
    bound = C * kappa ** int(instance["power"]) * scale
    step = nu_1 / (1000 * bound)
    low, t = number(nu_1 - step, arithmetic), number(step, arithmetic)
    high, value = past_the_kink(p, number(nu_1, arithmetic), t)
    left = number(-1 if p == 1 else 0, arithmetic)  # y_nu = -nu before the kink
    if instance["what"] == "inverse Hessian":  # H_nu = 1 + nu F'': 1 before the kink, 1 + 2 nu after it (p = 1)
        left, value = number(1, arithmetic), 1 / (1 + 2 * high)
    return Sides(
        abs(value - left), "<=", number(bound, arithmetic) * (high - low),
        kind.certificate(p) | {"points in (0, 1/(2 kappa)]": 0 < low < high <= number(1 / (2 * kappa), arithmetic)},
        0.0, {"nu_1": str(nu_1), "step": str(step), "kappa": str(kappa), "left value": left, "right value": value},
    )  # fmt: skip


def kink_rows(orders: tuple[int, ...], power: int | None, scale: str, what: str = "y^(p)") -> list[Instance]:
    return [
        {"p": p, "C": C, "power": 2 * p + 1 if power is None else power, "scale": scale, "what": what}
        for p in orders
        for C in CONSTANTS
    ]


@precise
def steep_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|psi^(p+1)(0+)| <= C kappa^{2p+1} L-bar with L_{p+1} large; L-bar over j <= p as printed, or j <= p + 1."""
    p, C = int(instance["p"]), Fraction(instance["C"])
    s = 1 / (Fraction(10) ** 6 * max(C, Fraction(1)))
    kind, gamma, force = steep_family(p, s / Fraction(4) ** (2 * p + 1))
    L_bar = kind.largest(p, through=p + instance["extra"])
    kappa = L_bar / kind.gamma_min
    y = implicit([number(v, arithmetic) for v in gamma], [number(v, arithmetic) for v in force], p + 1)
    return Sides(
        abs(y[p + 1]) * factorial(p + 1), "<=", number(C * kappa ** (2 * p + 1) * L_bar, arithmetic),
        kind.certificate(p), 0.0,
        {"L": [str(v) for v in kind.constants(p)], "kappa": str(kappa), "L_bar": str(L_bar)},
    )  # fmt: skip


Powers = dict[int, Fraction]
"""A polynomial in kappa: power -> coefficient."""


@cache
def majorant(order: int) -> tuple[tuple[Powers, ...], tuple[Powers, ...]]:
    """Polynomials in kappa (power -> coefficient) that bound |y^(q)| and |psi^(q)|/L-bar, q = 0..order.

    With |H_nu^{-1}| <= 2/mu, |d^{k+1} g_nu| <= (1 + nu) L-bar <= 3/2 L-bar and |d^{k+1} f| <= L-bar, the corrected
    (12) and (14) give Y_q = 2 kappa [3/2 sum_{k>=2} prod Y_|P_i| + q sum_{P(q-1,.)} prod Y_|P_i|]. Coefficients are
    Fractions; L-bar is the maximum over j <= p + 1, and f has its p + 1 derivatives Lipschitz in y.
    """

    def times(a: Powers, b: Powers) -> Powers:
        out: Powers = {}
        for i, u in a.items():
            for j, v in b.items():
                out[i + j] = out.get(i + j, Fraction(0)) + u * v
        return out

    def plus(a: Powers, b: Powers, factor: int) -> Powers:
        return {i: a.get(i, Fraction(0)) + factor * b.get(i, Fraction(0)) for i in {*a, *b}}

    one: Powers = {0: Fraction(1)}
    Y: list[Powers] = [{}]
    Psi: list[Powers] = [{}]

    def blocks(q: int, least: int) -> Powers:
        total: Powers = {}
        for shape, count in Counter(tuple(sorted(map(len, P))) for P in set_partitions(list(range(q)))).items():
            if len(shape) >= least:
                term = one
                for size in shape:
                    term = times(term, Y[size])
                total = plus(total, term, count)
        return total

    half = Fraction(3, 2)
    for q in range(1, order + 1):
        inner = plus({k: half * v for k, v in blocks(q, 2).items()}, blocks(q - 1, 0), q)
        Y.append(times(inner, {1: Fraction(2)}))
        Psi.append(plus({k: half * v for k, v in blocks(q, 1).items()}, blocks(q - 1, 0), q))
    return tuple(Y), tuple(Psi)


def lipschitz_constant(p: int) -> Fraction:
    """C_p with |psi^(p+1)| <= C_p kappa^{2p+1} L-bar (kappa >= 1): the sum of the majorant's coefficients."""
    return sum(majorant(p + 1)[1][p + 1].values(), Fraction(0))


@precise
def corrected_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|psi^(p+1)(0)| <= C_p kappa^{power} L-bar with L-bar over j <= p + 1, on a family of the class."""
    p, t = instance["p"], Fraction(instance["t"])
    families = {
        "trig": lambda: trig_family(p, t),
        "steep": lambda: steep_family(p, t),
        "clipped": lambda: clipped_family(t),
    }
    kind, gamma, force = families[instance["family"]]()
    L_bar = kind.largest(p, through=p + 1)
    kappa = L_bar / kind.gamma_min
    y = implicit([number(v, arithmetic) for v in gamma], [number(v, arithmetic) for v in force], p + 1)
    bound = lipschitz_constant(p) * kappa ** (2 * p + 1 - instance["less"]) * L_bar
    return Sides(
        abs(y[p + 1]) * factorial(p + 1), "<=", number(bound, arithmetic), kind.certificate(p), tolerance(arithmetic),
        {"kappa": str(kappa), "C_p": str(lipschitz_constant(p))},
    )  # fmt: skip


@precise
def calm_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|psi^(p)(nu) - psi^(p)(0)| <= C_p kappa^{2p+1} L-bar nu past the kink, where psi^(p) jumps."""
    p, t = instance["p"], number(instance["t"], arithmetic)
    kind, nu_1 = kinked_family(p)
    L_bar = kind.largest(p, through=p + 1)
    kappa = L_bar / kind.gamma_min
    nu, value = past_the_kink(p, number(nu_1, arithmetic), t)
    bound = number(lipschitz_constant(p) * kappa ** (2 * p + 1) * L_bar, arithmetic) * nu
    return Sides(abs(value - (-1 if p == 1 else 0)), "<=", bound, kind.certificate(p), tolerance(arithmetic))


def corrected_rows(less: int = 0) -> list[Instance]:
    rows: list[Instance] = [
        {"family": "trig", "p": p, "t": f"1/{10**k}", "less": less} for p in (1, 2, 3, 4) for k in (1, 2, 3)
    ]
    rows += [{"family": "steep", "p": p, "t": "1/10000", "less": less} for p in (1, 2, 3)]
    return rows + [{"family": "clipped", "p": 1, "t": f"1/{10**k}", "less": less} for k in (1, 2, 4, 8)]


def degree(instance: Instance, arithmetic: Arithmetic) -> Any:
    Y, Psi = majorant(8)
    return number(max((Y if instance["of"] == "y" else Psi)[instance["q"]]), arithmetic)


def printed_degree(instance: Instance, arithmetic: Arithmetic) -> Any:
    return number(2 * instance["q"] - 1 - instance["less"], arithmetic)


def degree_check(less: int = 0) -> Instances:
    rows = [{"of": of, "q": q, "less": less} for of in ("y", "psi") for q in range(1, 9)]
    return Instances(
        "largest power of kappa in the bound of |y^(q)| and |psi^(q)|, q = 1..8: 2q - 1",
        scalar_check(degree, printed_degree, "<="), rows, "rational", "float",
    )  # fmt: skip


CORRECTION = (
    "with L-bar = max_{0<=j<=p+1} L_j and grad f having its p-th derivative in y L_{p+1}-Lipschitz too, psi^(p) is "
    "C_p kappa^{2p+1} L-bar-Lipschitz (C_1, .., from the recursion). With f exactly as in Assumption 2.5, "
    "|psi^(p)(nu) - psi^(p)(0)| <= C nu still holds (what jumps carries a factor nu), which is all that Taylor at 0 "
    "uses."
)


@claim(
    "f2sa_p:lemma-3.1",
    covers=["000 Lemma 3.1"],
    mutants={"kappa^{2p-3}": {"less": 4}, "degree one less": {"less": 1}},
    uses=[
        "f2sa_p:eq-12",
        "f2sa_p:eq-14",
        "f2sa_p:lemma-D.2",
        "f2sa_p:lemma-D.3",
        "f2sa_p:lemma-D.4",
        "f2sa_p:proof-3.1-bounded",
        "f2sa_p:proof-3.1-exponents",
    ],
)
def lemma_31(less: int = 0) -> Evidence:
    """nu in (0, 1/(2 kappa)], any instance of F(L_0, .., L_{p+1}, mu, Delta): d^{p+1}/(d nu^p d x) ell_nu(x) is
    O(kappa^{2p+1} L-bar)-Lipschitz in nu, L-bar = max_{j<=p} L_j (lines 151, 383; Definition 2.2).

    (a) f with only the smoothness assumed: F^(p+1) jumps where y_nu passes; (b) L_{p+1} large, the rest moderate.
    """
    broken = (
        Instances(
            "(a) grad f has p - 1 Lipschitz derivatives in y and no more: psi^(p) jumps",
            kink_sides, kink_rows((1, 2, 3, 4), None, "L_bar"), "rational", "mpmath",
        ),
        Instances(
            "(b) L_{p+1} is not in L-bar",
            steep_sides, [{"p": p, "C": C, "extra": 0} for p in (1, 2, 3) for C in CONSTANTS], "rational", "mpmath",
        ),
    )  # fmt: skip
    fixed = (
        degree_check(less if less == 1 else 0),
        Instances(
            "families of the class, kappa to 1e8",
            corrected_sides, corrected_rows(less if less > 1 else 0), "rational", "mpmath",
        ),
        Instances("at nu = 0, f as assumed", calm_sides,
                  [{"p": p, "t": t} for p in (1, 2, 3) for t in ("1/1000000", "1/100")], "rational", "mpmath"),
    )  # fmt: skip
    return Evidence(
        printed=fixed if less else broken,
        corrected=fixed,
        correction=CORRECTION,
        category="false",
        charitable="The O(.) was offered every constant: the counterexample is built for C = 1, 1e3, 1e6, 1e12. (a) "
        "breaks Lipschitz continuity itself, for any constant, and a smoother f with the kink rounded off within the "
        "step breaks every constant too; reading 'Lipschitz at 0' saves it. (b) is saved only by L_{p+1} inside "
        "L-bar (the source of the case p = 1 has it there: its kappa contains the Hessian's constant).",
        downstream="Theorem 3.1 survives: Lemma C.1 uses Taylor's formula at 0 only. Its kappa must contain L_{p+1}.",
        notes="The power 2p + 1 is attained for p = 1; for p >= 2 see f2sa_p:kappa-exponent.",
    )


@claim(
    "f2sa_p:lemma-D.2",
    covers=["000 Lemma D.2"],
    mutants={"kappa^0": {"power": 0}},
    uses=["f2ba:lemma-B.2", "f2ba:lemma-B.5"],
)
def lemma_d2(power: int = 1) -> Evidence:
    """nu in (0, 1/(2 kappa)], Assumptions 2.3 and 2.4: y_nu and d/dnu y_nu are O(kappa)- and O(kappa^3)-Lipschitz in
    nu (line 371).
    """

    @precise
    def first_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        """|y_nu - y_0| <= 2 kappa^power nu for g = mu y^2/2, F' = 1 - L y near 0: y_nu = -nu/(mu - nu L)."""
        mu, share = Fraction(instance["mu"]), Fraction(instance["nu"])
        L = Fraction(1)  # F' = 1 - L y near 0 (a clipped line beyond), |F'| <= 2 = L_0
        kappa = 2 / mu
        nu = share / kappa
        y = number(-nu, arithmetic) / number(mu - nu * L, arithmetic)
        return Sides(
            abs(y), "<=", number(2 * kappa**power * nu, arithmetic),
            {"nu <= 1/(2 kappa)": 0 < share <= Fraction(1, 2), "L_0 = 2, mu <= L_1": 0 < mu <= L,
             "|y_nu| within the line": abs(y) <= 1},
        )  # fmt: skip

    rows = [{"mu": f"1/{10**k}", "nu": nu} for k in range(5) for nu in ("1/100", "1/2")]
    first = Instances("y_nu: 2 kappa-Lipschitz", first_sides, rows, "rational", "mpmath")
    jump = Instances("y_nu': jumps with f_yy", kink_sides, kink_rows((1,), 3, "1"), "rational", "mpmath")
    calm = Instances("|y''(0)| <= C kappa^3, L-bar with L_2", corrected_sides,
                     [r for r in corrected_rows() if r["p"] == 1], "rational", "mpmath")  # fmt: skip
    return Evidence(
        printed=(first,) if power != 1 else (first, jump),
        corrected=(first, calm, degree_check()),
        correction="|y_nu'(nu) - y_nu'(0)| <= C kappa^3 nu with L_2 in L-bar; Lipschitz on the whole interval needs "
        "f_yy Lipschitz (true for p >= 2).",
        category="false",
        charitable="Every constant was offered; reading it at nu = 0 only saves it. The cited Lemma B.5 of [11] "
        "compares grad y_lambda with grad y*, a one-point statement, and not two values of nu.",
        downstream="The induction base of Lemma 3.1 for q = 1, p = 1; the one-point form is enough for Theorem 3.1.",
    )


@claim(
    "f2sa_p:lemma-D.3",
    covers=["000 Lemma D.3"],
    mutants={"1/mu-bounded": {"two": "1"}},
    uses=["f2ba:lemma-B.1", "f2ba:eq-13"],
)
def lemma_d3(two: str = "2") -> Evidence:
    """nu in (0, 1/(2 kappa)], Assumptions 2.3 and 2.4: (grad_yy g_nu(x, y_nu))^{-1} is 2/mu-bounded and
    O(kappa^2/mu)-Lipschitz in nu (line 375).
    """

    @precise
    def bounded_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        """1/(mu - nu L_1), the largest that the class allows (f_yy = -L_1), against two/mu."""
        mu, share = Fraction(instance["mu"]), Fraction(instance["nu"])
        L_1 = Fraction(1)
        nu = share * mu / L_1
        return Sides(
            1 / number(mu - nu * L_1, arithmetic), "<=", number(Fraction(two) / mu, arithmetic),
            {"nu <= 1/(2 kappa), kappa = L_1/mu": 0 < share <= Fraction(1, 2), "mu <= L_1": 0 < mu <= L_1},
            tolerance(arithmetic),
        )  # fmt: skip

    rows = [{"mu": mu, "nu": nu} for mu in ("1", "1/3", "1/1000") for nu in ("1/9", "1/2")]
    first = Instances("2/mu-bounded, attained", bounded_sides, rows, "rational", "mpmath")
    jump = Instances(
        "Lipschitz: jumps with f_yy", kink_sides, kink_rows((1,), 2, "1/mu", "inverse Hessian"), "rational", "mpmath"
    )

    @precise
    def calm_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        """|1/H_nu - 1/H_0| <= 6 kappa^2 nu/mu for the extreme of the class: |H_nu - H_0| = nu L_1 + L_2 |y_nu|."""
        mu, share = Fraction(instance["mu"]), Fraction(instance["nu"])
        L = Fraction(1)
        kappa, nu = L / mu, share * mu / L
        change = nu * L + L * 2 * kappa * nu
        low = max(mu - change, mu / 2)  # the inverse Hessian cannot exceed 2/mu
        gap = number(1, arithmetic) / number(low, arithmetic) - number(1, arithmetic) / number(mu, arithmetic)
        return Sides(
            gap, "<=", number(6 * kappa**2 * nu / mu, arithmetic),
            {"nu <= 1/(2 kappa)": 0 < share <= Fraction(1, 2)}, tolerance(arithmetic),
        )  # fmt: skip

    return Evidence(
        printed=(first,) if two != "2" else (first, jump),
        corrected=(first, Instances("at nu = 0: 6 kappa^2 nu/mu", calm_sides, rows, "rational", "mpmath")),
        correction="2/mu-bounded as printed (sharp); |H_nu^{-1} - H_0^{-1}| <= 6 kappa^2 nu/mu at nu = 0 with L_2 in "
        "L-bar; Lipschitz on the interval only if f_yy is Lipschitz (p >= 2).",
        category="false",
        charitable="Every constant was offered. Assumption 2.4 gives f a Lipschitz gradient, so f_yy may jump while "
        "H_nu contains nu f_yy (rounding the jump off leaves a slope as steep as one likes); at nu = 0 that term is "
        "absent and the bound holds.",
        downstream="As for Lemma D.2: p = 1 needs the one-point form, p >= 2 has f_yy Lipschitz.",
    )


@claim(
    "f2sa_p:proof-3.1-bounded",
    covers=["000 Proof 3.1-bounded"],
    mutants={"dropped kappa": {"drop": 1}},
    uses=["f2sa_p:lemma-D.2"],
)
def proof_bounded(drop: int = 0) -> Evidence:
    """d^{k+1}/d y^{k+1} g_nu(x, y_nu) is O(L-bar)-bounded and O(kappa L-bar)-Lipschitz in nu, for the k = 2..q, q <= p
    of the induction (line 385). Lipschitz at k = p means d^{p+2} g, that is L_{p+1}.
    """

    @precise
    def sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        """|d/dnu Gamma^(k+1)(y_nu)| at 0+ = |Gamma^(k+2)(0) y'(0)| (f = sin y adds nu-terms that vanish at 0, and
        F^(k+1)).
        """
        p, k = instance["p"], instance["k"]
        kind, gamma, force = steep_family(p, Fraction(instance["s"]))
        L_bar = kind.largest(p, through=p + instance["extra"])
        kappa = L_bar / kind.gamma_min
        g = [number(v, arithmetic) for v in gamma]
        slope = g[k + 1] * factorial(k + 1) * implicit(g, [number(v, arithmetic) for v in force], 1)[1]
        slope += number(force[k], arithmetic) * factorial(k)
        bound = Fraction(instance["C"]) * kappa ** (1 - drop) * L_bar
        return Sides(abs(slope), "<=", number(bound, arithmetic), kind.certificate(p), 0.0, {"kappa": str(kappa)})

    printed = [{"p": p, "k": p, "C": C, "s": f"1/{10**8 * int(C)}", "extra": 0} for p in (2, 3, 4) for C in CONSTANTS]
    right = [
        {"p": p, "k": k, "C": "2", "s": "1/1000", "extra": 1} for p in (2, 3, 4) for k in range(2, p + 1)
    ]  # fmt: skip
    low = [r | {"s": "1/100", "C": "1/100000", "extra": 1} for r in right]
    return Evidence(
        printed=(
            Instances("at k = p", sides, low if drop else printed, "rational", "mpmath"),
        ),
        corrected=(Instances("with L_{p+1} in L-bar", sides, right, "rational", "mpmath"),),
        correction="L-bar = max_{j<=p+1} L_j (and for the part nu f: at nu = 0 only).",
        category="false",
        charitable="Constants to 1e12 were offered; only L_{p+1} inside L-bar saves it.",
        downstream="Lemma 3.1, Theorem 3.1: kappa must be max_{j<=p+1} L_j/mu.",
    )  # fmt: skip
