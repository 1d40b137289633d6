"""Paper 003, section 2: the finite-difference products (9), (11), what they err by, the projection and its radius."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import sympy as sp

from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.families_fdehbo import Model, dot, plain, plus, project, random_instances, square
from verify.registry import claim

X1, Y1, Y2, V1, V2, DELTA = sp.symbols("x y_1 y_2 v_1 v_2 delta", positive=True)
"""x, y = (y_1, y_2), v and delta for the symbolic differences; d_x = 1."""


def polynomial(degree: int) -> sp.Expr:
    """The general polynomial in (x, y_1, y_2) of this degree, its coefficients free."""
    terms = [(i, j, k) for i in range(degree + 1) for j in range(degree + 1 - i) for k in range(degree + 1 - i - j)]
    return sum(sp.Symbol(f"g{i}{j}{k}") * X1**i * Y1**j * Y2**k for i, j, k in terms)


def central(h: sp.Expr, sign: int = -1) -> sp.Expr:
    """(h(y + delta v) - h(y - delta v))/(2 delta)."""
    ahead = h.subs({Y1: Y1 + DELTA * V1, Y2: Y2 + DELTA * V2}, simultaneous=True)
    behind = h.subs({Y1: Y1 + sign * DELTA * V1, Y2: Y2 + sign * DELTA * V2}, simultaneous=True)
    return sp.expand((ahead - behind) / (2 * DELTA))


def along(h: sp.Expr, times: int = 1) -> sp.Expr:
    """D_y^times h [v, .., v]."""
    for _ in range(times):
        h = sp.diff(h, Y1) * V1 + sp.diff(h, Y2) * V2
    return h


def series_checks(gradients: list[sp.Expr], weight: int, name: str) -> tuple[Identity, ...]:
    """Central differences of gradients of a general quartic: the product plus delta^2/6 times the third derivative."""
    left = [central(h) for h in gradients]
    right = [along(h) + DELTA**2 / weight * along(h, 3) for h in gradients]
    return (Identity(name, left, [sp.expand(r) for r in right]),)


@precise
def gap_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|difference - product|^2 <= (factor L delta |v|^power)^2 for one sample, L = L_gyy (hvp) or L_gxy (jvp)."""
    m = Model(instance, arithmetic)
    y, v = ([number(a, arithmetic) for a in instance[k]] for k in "yv")
    z = (number(instance["x"], arithmetic), y, v)
    factor, size = number(instance["factor"], arithmetic), square(z[2])
    if instance["product"] == "hvp":
        left, L = square(plus(m.hvp_fd(z, 1), m.hvp(z, 1), -1)), m.L_gyy
    else:
        left, L = (m.jvp_fd(z, 1) - dot(m.g_xy(z, 1), z[2])) ** 2, m.L_gxy
    right = (factor * L * m.delta) ** 2 * size ** instance["power"]
    return Sides(
        left, "<=", right, m.norms, tolerance(arithmetic), {"|v|^2": str(size), "L": str(L)}, within=right == 0
    )


def gap_rows(product: str, factor: str, power: int, count: int) -> list[Instance]:
    fixed = {"product": product, "factor": factor, "power": power}
    kinks = [
        plain(rho="1", v=[v], delta=d, x=x, **({"p": "0"} if product == "hvp" else {"p": "20/101", "q": ["99/101"]}))
        for v, d in (("1", "1/10"), ("3", "1/100"), ("1/7", "1"), ("-1", "1/1000000"), ("100", "10"))
        for x in ("0", "10/3", "1/3")
    ]
    return [row | fixed for row in (*kinks, *random_instances(count, 41))]


def gap_evidence(product: str, weight: int, factor: str, power: int, level: str) -> Evidence:
    g = polynomial(4)
    gradients = [sp.diff(g, Y1), sp.diff(g, Y2)] if product == "hvp" else [sp.diff(g, X1)]
    rows = gap_rows(product, factor, power, 60 if level == "quick" else 1000)
    constant = "L_gyy" if product == "hvp" else "L_gxy"
    return Evidence(
        printed=(
            *series_checks(gradients, weight, "general quartic g: error delta^2/6 D^3 of the gradient [v, v, v]"),
            Instances(f"error <= {constant} delta |v|^2/2", gap_sides, rows, "rational", "mpmath"),
        ),
        charitable="A definition, checked as an approximation: exact for quadratic and cubic g; error at most "
        f"{constant} δ|v|²/2 under Assumption 2, attained where the Hessian has a kink (so 1/2 is best and the order "
        "in δ is 1); δ²/6 D⁴g[v,v,v] where g is smoother. No dimension enters, as the text says.",
        notes="Both gradients of a difference take the same sample. With |v| ≤ r_v: L δ r_v^2/2, half or less of what "
        "Propositions 1 and 2 allow for.",
    )


@claim(
    "fdehbo:eq-9",
    covers=["003 Equation 9", "003 Text Lemma-5-dependence"],
    mutants={
        "delta^2/3": {"weight": 3},
        "L delta |v|^2/3": {"factor": "1/3"},
        "linear in |v|": {"power": 1},
    },
)
def eq_9(weight: int = 6, factor: str = "1/2", power: int = 2, level: str = "quick") -> Evidence:
    """Eq. (9) (line 114): H̃(x, y, v, δ; ψ) = (∇_y g(x, y + δv; ψ) - ∇_y g(x, y - δv; ψ))/(2δ) estimates
    ∇²_yy g(x, y; ψ)v; line 117: the gap relies on |v| and δ and not on the dimension of y.
    """
    return gap_evidence("hvp", weight, factor, power, level)


@claim(
    "fdehbo:eq-11",
    covers=["003 Equation 11"],
    mutants={"delta^2/3": {"weight": 3}, "L delta |v|^2/3": {"factor": "1/3"}},
)
def eq_11(weight: int = 6, factor: str = "1/2", power: int = 2, level: str = "quick") -> Evidence:
    """Eq. (11) (line 130): J̃(x, y, v, δ; ξ) := (∇_x g(x, y + δv; ξ) - ∇_x g(x, y - δv; ξ))/(2δ) estimates
    ∇²_xy g(x, y; ξ)v.
    """
    return gap_evidence("jvp", weight, factor, power, level)


@claim("fdehbo:eq-8", covers=["003 Equation 8"], mutants={"+ grad_y f": {"sign": 1}})
def eq_8(sign: int = -1) -> Evidence:
    """Eq. (8) (line 110): tilde ∇_v R(x_t, y_t, v_t, δ; ψ_t) = H̃(x_t, y_t, v_t, δ; ψ_t) - ∇_y f(x_t, y_t; ψ_t).

    Checked: it is (5) with the product replaced by (9), so for g cubic it is the gradient of (4) in v itself.
    """
    g, f = polynomial(3), polynomial(2)
    f = f.subs({s: sp.Symbol("f" + str(s)[1:]) for s in f.free_symbols - {X1, Y1, Y2}})
    v, y = sp.Matrix([V1, V2]), (Y1, Y2)
    R = (v.T * sp.hessian(g, y) * v)[0] / 2 - (v.T * sp.Matrix([sp.diff(f, a) for a in y]))[0]
    left = [central(sp.diff(g, a)) + sign * sp.diff(f, a) for a in y]
    return Evidence((Identity("(8) = grad_v R, g cubic", left, [sp.expand(sp.diff(R, a)) for a in (V1, V2)]),))


@precise
def bias_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|E difference - product|^2 >= (share L delta |v|^2/2)^2 at a kink of the mean's Hessian: not unbiased."""
    m = Model(instance, arithmetic)
    x, y, v = (number(instance[k][0] if k != "x" else instance[k], arithmetic) for k in "xyv")
    z = (x, [y], [v])
    mean = sum(m.hvp_fd(z, s)[0] for s in (1, -1)) / 2
    slope = abs(m.rho * m.q[0] ** 3)
    bias = number(instance["share"], arithmetic) * slope * m.delta * v * v / 2
    assumptions = m.norms | {"|v| <= r_v": v * v <= m.r**2}
    return Sides((mean - m.hvp(z, 0)[0]) ** 2, ">=", bias**2, assumptions, tolerance(arithmetic))


@claim("fdehbo:text-biased", covers=["003 Text biased-estimators"], mutants={"twice that": {"share": "2"}})
def text_biased(share: str = "1") -> Evidence:
    """Line 134: tilde ∇_v R and ∇̃f are biased estimators of ∇_v R and ∇f.

    Checked: at a kink of the Hessian the bias of (9) is L δ|v|²/2 exactly, L the slope of the Hessian along y.
    """
    rows = [plain(rho="1", n=n, v=["1"], delta=d, share=share) for n in ("0", "1/4") for d in ("1/10", "1/1000")]
    return Evidence((Instances("bias", bias_sides, rows, "rational", "mpmath"),))


@precise
def nearer_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|P(w) - v*|^2 <= |w - v*|^2 with P the projection of line 6 onto |v| <= r."""
    w, star = ([number(a, arithmetic) for a in instance[k]] for k in ("w", "star"))
    r, shrink = number(instance["r"], arithmetic), number(instance["shrink"], arithmetic)
    P = project(w, r * shrink)
    return Sides(
        square(plus(P, star, -1)), "<=", square(plus(w, star, -1)),
        {"|v*| <= r_v": square(star) <= r * r, "r_v > 0": r > 0}, tolerance(arithmetic), {"P(w)": str(P)},
    )  # fmt: skip


def nearer_rows(shrink: str) -> list[Instance]:
    rng, rows = Random(5), []
    for _ in range(60):
        pairs = [("3/5", "4/5"), ("-5/13", "12/13"), ("1", "0"), ("-8/17", "-15/17")]
        unit, other = ([Fraction(a) for a in rng.choice(pairs)] for _ in range(2))
        size, r, inner = Fraction(rng.randint(1, 30), 7), Fraction(rng.randint(1, 9), 4), Fraction(rng.randint(0, 4), 4)
        w, star = [str(size * a) for a in unit], [str(inner * r * a) for a in other]
        rows.append({"w": w, "star": star, "r": str(r), "shrink": shrink})
    return rows


@claim(
    "fdehbo:text-projection",
    covers=["003 Text projection-progress"],
    mutants={"a ball of half the radius": {"shrink": "1/2"}},
)
def text_projection(shrink: str = "1") -> Evidence:
    """Lines 43, 50, 126: under a proper choice of r_v the projection gives better per-step progress, without affecting
    the convergence: |P(w_{t+1}) - v*| ≤ |w_{t+1} - v*|.

    True exactly when v* lies in the ball (Pythagorean vectors, exact); see fdehbo:text-radius for when it does.
    """
    return Evidence(
        (Instances("P is no farther from v*", nearer_sides, nearer_rows(shrink), "rational", "mpmath"),),
        notes="Sharper: |P(w) - v*|² ≤ |w - v*|² - |w - P(w)|² (projections are firmly nonexpansive).",
    )


@precise
def radius_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|v*| <= r_v for f = b y, g = mu y^2/2: v* = b/mu, C_fy = b^2, r_v = factor C_fy^power/mu (power 1 or 1/2)."""
    b, mu, factor = (number(instance[k], arithmetic) for k in ("b", "mu", "factor"))
    C = b * b
    r = factor * (C if instance["power"] == "1" else abs(b)) / mu
    return Sides(
        abs(b) / mu, "<=", r, {"|f_y|^2 <= C_fy": b * b <= C, "g mu-strongly convex": mu > 0}, tolerance(arithmetic),
        {"C_fy": str(C), "r_v": str(r)},
    )  # fmt: skip


def radius_rows(power: str, factor: str) -> list[Instance]:
    return [
        {"b": b, "mu": mu, "power": power, "factor": factor}
        for b in ("1/2", "1/100", "1", "3", "-9/10")
        for mu in ("1", "1/10", "5")
    ]


@claim("fdehbo:text-radius", covers=["003 Text radius"], mutants={"half of it": {"factor": "1/2"}})
def text_radius(factor: str = "1") -> Evidence:
    """Lines 126, 212 and 228: r_v ≥ C_fy/μ_g is the proper choice of the radius, i.e. the projection does not cut off
    v* = [∇²_yy g]^{-1}∇_y f; Assumption 1 (line 165): |∇_y f|² ≤ C_fy.
    """
    printed = Instances("C_fy/mu", radius_sides, radius_rows("1", "1"), "rational", "mpmath")
    fixed = Instances("sqrt(C_fy)/mu", radius_sides, radius_rows("1/2", factor), "rational", "mpmath")
    return Evidence(
        printed=(fixed,) if factor != "1" else (printed,),
        corrected=(fixed,),
        correction="r_v ≥ √C_fy/μ_g; the smallest radius that suffices for every f and g of the class.",
        category="misprint",
        charitable="Right if C_fy ≥ 1, or if C_fy bounds |∇_y f| and not its square: Theorems 1, 2 and Proposition 3 "
        "(C_fy^2) use it so, Assumption 1 squares it, and Proposition 1's C_gxy is the squared bound of Assumption 2. "
        "One of the two conventions is a slip.",
        downstream="Proposition 3 (C_fy^2 for C_fy), Theorems 1 and 2 (fdehbo:thm-1: with C_fy < 1 the projection can "
        "hold v away from v* for ever).",
    )


@precise
def smooth_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|grad_v R(z) - grad_v R(z')|^2 <= ((r share L_gyy + L_fy) d + L_g |v - v'|)^2 for one sample, d = |(x, y) -
    (x', y')| rational (z' = z moved along a unit vector); kind "variance": E|..|^2 <= 2(sigma_gyy^2 r^2 + sigma_fy^2).
    """
    m = Model(instance, arithmetic)
    x, y, v = (number(instance[k][0] if k != "x" else instance[k], arithmetic) for k in "xyv")
    share = number(instance["share"], arithmetic)
    assumptions = m.norms | {"|v|, |v'| <= r_v": v * v <= m.r**2}
    if instance["kind"] == "variance":
        mean = m.system((x, [y], [v]), 0)[0]
        left = sum((m.system((x, [y], [v]), s)[0] - mean) ** 2 for s in (1, -1)) / 2
        return Sides(left, "<=", 2 * (share * m.s_gyy**2 * m.r**2 + m.s_fy**2), assumptions, tolerance(arithmetic))
    turn = number(instance["turn"], arithmetic)
    d, w = number(instance["d"], arithmetic), number(instance["norms"]["w"], arithmetic)
    new = (x + m.p * d / w, [y + m.q[0] * d / w], [v - turn * v])
    left = (m.system((x, [y], [v]), 1)[0] - m.system(new, 1)[0]) ** 2
    right = ((share * m.r * m.L_gyy + m.L_fy) * d + m.L_g * abs(turn * v)) ** 2
    return Sides(left, "<=", right, assumptions, tolerance(arithmetic))


def smooth_rows(kind: str, share: str, count: int) -> list[Instance]:
    fixed = {"kind": kind, "share": share, "d": "1/2"}
    wide = {"low": "2", "high": "2"}
    special = [plain(rho="1", r="50", v=["1"], **wide), plain(rho="1", r="50", v=["50"], **wide)]
    special += [plain(n="1", my=["4/5"], v=["5"], r="5", **wide), plain(rho="9/10", v=["1"])]
    rows = (*special, *random_instances(count, 51, dims=(1,)))
    return [row | fixed | {"turn": turn} for row in rows for turn in ("0", "3/2")]


@claim(
    "fdehbo:text-smooth-R",
    covers=["003 Text LS-smoothness", "003 Text LS-variance"],
    mutants={"variance without r_v": {"variance": "0"}, "smooth without r_v": {"smooth": "0"}},
)
def text_smooth(variance: str = "1", smooth: str = "1", level: str = "quick") -> Evidence:
    """Line 126: the projection ensures the smoothness of the LS loss (its gradient (5) is Lipschitz in x, y and v) and
    that the variance of ∇_v R(x_t, y_t, v_t; ψ_t) does not explode.

    Checked with constants: |∇_v R(z) - ∇_v R(z')| ≤ (r_v L_gyy + L_fy)|(x,y) - (x',y')| + L_g|v - v'|, variance at most
    2(σ_gyy^2 r_v^2 + σ_fy^2), the constant of Proposition 2 (its 8 = 2 · 4).
    """
    count = 30 if level == "quick" else 800
    return Evidence(
        (
            Instances("Lipschitz", smooth_sides, smooth_rows("lipschitz", smooth, count), "rational", "mpmath"),
            Instances("variance", smooth_sides, smooth_rows("variance", variance, count), "rational", "mpmath"),
        ),
        notes="Smoothness is that of ∇_v R: under Assumption 2 R itself need not be differentiable in (x, y), as g is "
        "C² only. Nothing in the propositions uses more.",
    )
