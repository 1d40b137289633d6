"""Paper 003, sections 1, 2.1, 3.1, 4.2: the problem, Table 1, the hypergradient, the linear system, the definitions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.families_fdehbo import Model, plus, random_instances, square
from verify.registry import claim

S, T_, X, Y = sp.symbols("s t x y")
X2, Y2, V2 = (sp.Matrix(sp.symbols(f"{k}_1 {k}_2")) for k in "xyv")
H2 = sp.Matrix(2, 2, sp.symbols("h_11 h_12 h_12 h_22"))
C2 = sp.Matrix(2, 2, sp.symbols("c_11 c_12 c_21 c_22"))


@claim("fdehbo:eq-1", covers=["003 Equation 1"], mutants={"samples not equally likely": {"weight": "1/3"}})
def eq_1(weight: str = "1/2") -> Evidence:
    """Eq. (1) (line 20): min_x Φ(x) = f(x, y*(x)) := E_ξ[f(x, y*(x); ξ)] s.t. y*(x) = argmin_y g(x, y) :=
    E_ζ[g(x, y*(x); ζ)].

    On g(x, y; s) = (y - x)²/2 + s n y, s = ±1, y*(x) = x.
    """
    n = sp.Symbol("n", positive=True)

    def sample(y: Any, s: int) -> Any:
        return (y - X) ** 2 / 2 + s * n * y

    w = sp.Rational(weight)
    g = (Y - X) ** 2 / 2
    fixed = (
        Identity("g(x, y) = E g(x, y; s)", g, w * sample(Y, 1) + (1 - w) * sample(Y, -1)),
        Identity("y*(x) = x", sp.solve(sp.diff(g, Y), Y)[0], X),
    )
    printed = Identity("g(x, y) = E g(x, y*(x); s)", g, (sample(X, 1) + sample(X, -1)) / 2)
    return Evidence(
        printed=fixed if weight != "1/2" else (printed,),
        corrected=fixed,
        correction="g(x, y) := E_ζ[g(x, y; ζ)].",
        category="misprint",
        charitable="With y*(x) inside, g would not depend on y and y* would be defined by itself; the text after "
        "it and "
        "Assumption 3 use g(x, y; ζ).",
        downstream="None.",
    )


def explicit_pairs(sign: int, transpose: bool) -> list[tuple[str, Any, Any]]:
    """(name, derivative of Phi itself, the right side of (2)) where y* is explicit, f a general quadratic."""
    a, b = sp.Matrix(sp.symbols("a_1 a_2")), sp.Matrix(sp.symbols("b_1 b_2"))
    F = sp.Matrix(2, 2, sp.symbols("F_11 F_12 F_21 F_22"))
    f = (a.T * X2 + b.T * Y2)[0] + (X2.T * F * Y2)[0] + (Y2.T * Y2)[0] / 2
    star = -H2.inv() * C2.T * X2  # g = y'H y/2 + x'C y
    at = dict(zip(Y2, star, strict=True))
    jacobian = C2.T if transpose else C2
    f_x, f_y = (sp.Matrix([sp.diff(f, k) for k in z]) for z in (X2, Y2))
    right = (f_x + sign * jacobian * H2.inv() * f_y).subs(at)
    left = sp.Matrix([sp.diff(f.subs(at), k) for k in X2])
    pairs = [("quadratic g, d = 2", list(left), list(right))]
    g = Y**2 / 2 * (1 + X**2) - X * Y  # the Hessian moves with x, y* = x/(1 + x^2)
    f1 = sum(sp.Symbol(f"k{i}{j}") * X**i * Y**j for i in range(4) for j in range(4 - i))
    y_star = sp.solve(sp.diff(g, Y), Y)[0]
    short = sp.diff(f1, X) + sign * sp.diff(g, X, Y) / sp.diff(g, Y, 2) * sp.diff(f1, Y)
    return [*pairs, ("a Hessian that moves with x", [sp.diff(f1.subs(Y, y_star), X)], [short.subs(Y, y_star)])]


@claim(
    "fdehbo:eq-2",
    covers=["003 Equation 2"],
    mutants={"plus": {"sign": 1}, "Jacobian transposed": {"transpose": True}},
)
def eq_2(sign: int = -1, transpose: bool = False) -> Evidence:
    """Eq. (2) (line 82): ∇Φ(x) = ∇_x f(x, y*) - ∇²_xy g(x, y*)[∇²_yy g(x, y*)]^{-1} ∇_y f(x, y*).

    Against the derivative of Φ where y* is explicit; ∇²_xy g is the d_x x d_y matrix.
    """
    return Evidence(tuple(Identity(*pair) for pair in explicit_pairs(sign, transpose)))


@claim("fdehbo:eq-3", covers=["003 Equation 3"], mutants={"plus": {"sign": 1}, "sample weights": {"weight": "1/3"}})
def eq_3(sign: int = -1, weight: str = "1/2") -> Evidence:
    """Eq. (3) (line 88): ∇̄f(x, y, v) = ∇_x f(x, y) - ∇²_xy g(x, y)v, and the same of a sample ξ.

    Checked: at (y*, v*) it is (2), hence ∇Φ (fdehbo:eq-2); linear in v, so the sample is unbiased for a v that does not
    depend on it (f and g share the sample).
    """
    f_x, b = sp.Matrix(sp.symbols("p_1 p_2")), sp.Matrix(sp.symbols("b_1 b_2"))
    right = f_x - C2 * (H2.inv() * b)
    n, N = sp.Matrix(sp.symbols("n_1 n_2")), sp.Matrix(2, 2, sp.symbols("N_11 N_12 N_21 N_22"))
    samples = [f_x + s * n + sign * (C2 + s * N) * V2 for s in (1, -1)]
    w = sp.Rational(weight)
    return Evidence(
        (
            Identity("at v*, (2)", list(f_x + sign * C2 * H2.LUsolve(b)), list(right)),
            Identity("unbiased", list(w * samples[0] + (1 - w) * samples[1]), list(f_x - C2 * V2)),
        )
    )


def loss(v: Any, b: Any, half: Any, sign: int) -> Any:
    return half * (v.T * H2 * v)[0] + sign * (v.T * b)[0]


@claim("fdehbo:eq-4", covers=["003 Equation 4"], mutants={"without 1/2": {"half": "1"}, "plus": {"sign": 1}})
def eq_4(half: str = "1/2", sign: int = -1) -> Evidence:
    """Eq. (4) (line 94): R(x, y, v) = v'∇²_yy g(x, y)v/2 - v'∇_y f(x, y), whose minimiser is v* = [∇²_yy g]^{-1}∇_y f.

    Checked: R(v) - R(v*) = (v - v*)'∇²_yy g (v - v*)/2, which is ≥ 0 and 0 at v* only.
    """
    b = sp.Matrix(sp.symbols("b_1 b_2"))
    star = H2.inv() * b
    gap = loss(V2, b, sp.Rational(half), sign) - loss(star, b, sp.Rational(half), sign)
    right = ((V2 - star).T * H2 * (V2 - star))[0] / 2
    return Evidence((Identity("R(v) - R(v*)", sp.together(gap), sp.together(right)),))


@claim("fdehbo:eq-5", covers=["003 Equation 5"], mutants={"plus": {"sign": 1}, "twice": {"factor": 2}})
def eq_5(sign: int = -1, factor: int = 1) -> Evidence:
    """Eq. (5) (line 98): ∇_v R(x, y, v) = ∇²_yy g(x, y)v - ∇_y f(x, y)."""
    b = sp.Matrix(sp.symbols("b_1 b_2"))
    R = loss(V2, b, sp.Rational(1, 2), -1)
    return Evidence((Identity("gradient of (4)", [sp.diff(R, k) for k in V2], list(factor * H2 * V2 + sign * b)),))


@precise
def table_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Exponents of 1/eps: samples = batch + iterations ("product"), or two printed values of one quantity ("same")."""
    left = number(instance["samples"], arithmetic)
    right = sum(number(k, arithmetic) for k in instance["parts"])
    return Sides(left, "==", right, {"exponents as printed": len(instance["parts"]) > 0}, tolerance(arithmetic))


TABLE: list[Instance] = [
    {"row": "PZOBO-S", "samples": "3", "parts": ["1", "2"]},
    {"row": "F2SA", "samples": "7/2", "parts": ["0", "7/2"]},
    {"row": "F3SA", "samples": "5/2", "parts": ["0", "5/2"]},
    {"row": "FdeHBO", "samples": "3/2", "parts": ["0", "3/2"]},
]
CONVENTION: list[Instance] = [
    {"row": "F2SA: eps^-7 of paper 000, line 51, for the norm", "samples": "7", "parts": ["7/2", "7/2"]},
    {"row": "gap of F3SA to the optimum (line 34)", "samples": "1", "parts": ["5/2", "-3/2"]},
    {"row": "optimum: eps^-3 for the norm with mean-squared smoothness", "samples": "3", "parts": ["3/2", "3/2"]},
]


@claim("fdehbo:table-1", covers=["003 Table 1"], mutants={"PZOBO-S with batch O(1)": {"batch": "0"}})
def table_1(batch: str = "1") -> Evidence:
    """Table 1 (lines 26-32): samples, batch size, iterations: PZOBO-S p²ε⁻³, ε⁻¹, p²ε⁻²; F²SA ε^-3.5, 1, ε^-3.5; F³SA
    ε^-2.5, 1, ε^-2.5; FdeHBO ε^-1.5, 1, ε^-1.5.

    Checked: samples = batch x iterations; ε bounds the SQUARED norm (Definition 1) in every row that can be compared.
    """
    rows = [row | ({"parts": [batch, "2"]} if row["row"] == "PZOBO-S" else {}) for row in TABLE]
    return Evidence(
        (
            Instances("samples = batch x iterations", table_sides, rows, "rational", "mpmath"),
            Instances("conventions agree", table_sides, CONVENTION, "rational", "mpmath"),
        ),
        notes="The lines above were checked as arithmetic; that [37] and [58] prove these rates is cited, not checked.",
    )


@claim("fdehbo:text-pzobo", covers=["003 Text PZOBO-S-samples"], mutants={"eps^-5/2": {"samples": "5/2"}})
def text_pzobo(samples: str = "3") -> Evidence:
    """Line 34: [58] "achieves a high sample complexity of O(p²ε⁻²)", against Table 1's p²ε⁻³ samples in p²ε⁻²
    iterations of batch ε⁻¹.
    """
    printed = Instances("line 34 = Table 1", table_sides, [{"samples": "2", "parts": ["1", "2"]}], "rational", "mpmath")
    fixed = Instances("p^2 eps^-3", table_sides, [{"samples": samples, "parts": ["1", "2"]}], "rational", "mpmath")
    return Evidence(
        printed=(fixed,) if samples != "3" else (printed,),
        corrected=(fixed,),
        correction="sample complexity Õ(p²ε⁻³); p²ε⁻² is the number of iterations.",
        category="misprint",
        charitable="'sample complexity' was read as Table 1's columns; it fits the column of iterations only.",
        downstream="None.",
    )


@precise
def jensen_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(E|G|)^2 <= E|G|^2 for a two-point law of the gradient norm; reversed: the converse."""
    a, b, w = (number(instance[k], arithmetic) for k in ("a", "b", "w"))
    first, second = (w * a + (1 - w) * b) ** 2, w * a * a + (1 - w) * b * b
    left, right = (second, first) if instance["converse"] else (first, second)
    return Sides(left, "<=", right, {"0 <= w <= 1": 0 <= w <= 1, "norms": min(a, b) >= 0}, tolerance(arithmetic))


@claim("fdehbo:def-1", covers=["003 Definition 1"], mutants={"converse": {"converse": True}})
def def_1(converse: bool = False) -> Evidence:
    """Definition 1 (line 182): x̄ is an ε-accurate stationary point of Φ if E|∇Φ(x̄)|² ≤ ε, x̄ the output.

    Checked: it implies E|∇Φ(x̄)| ≤ √ε, the convention of papers 000 and 001 with √ε, and not conversely.
    """
    rows = [
        {"a": a, "b": b, "w": w, "converse": converse}
        for a, b in (("0", "1"), ("1/10", "1/10"), ("1/1000", "30"))
        for w in ("0", "1/2", "999/1000")
    ]
    return Evidence(
        (Instances("Jensen", jensen_sides, rows, "rational", "mpmath"),),
        notes="ε here is the square of the ε of papers 000, 001: ε^-1.5 here is ε^-3 there.",
    )


@precise
def variance_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """E|a(s) - mean|^2 <= (share sigma)^2 and <= C (min), for f_x, f_y, g_xy, g_yy v (v = e) or g_y."""
    m = Model(instance, arithmetic)
    y = [number(k, arithmetic) for k in instance["y"]]
    z = (number(instance["x"], arithmetic), y, [0 * k for k in y])
    share, kind = number(instance["share"], arithmetic), instance["kind"]
    draw = {
        "f_x": lambda s: [m.f_x(z, s)], "f_y": lambda s: m.f_y(z, s), "g_xy": lambda s: m.g_xy(z, s),
        "g_yy e": lambda s: [row[0] for row in m.g_yy(z, s)],
    }[kind]  # fmt: skip
    sigma, C = {
        "f_x": (m.s_fx, m.C_fx_root), "f_y": (m.s_fy, m.C_fy_root), "g_xy": (m.s_gxy, m.C_gxy_root),
        "g_yy e": (m.s_gyy, m.C_gyy_root),
    }[kind]  # fmt: skip
    left = sum(square(plus(draw(s), draw(0), -1)) for s in (1, -1)) / 2
    right = (share * min(sigma, C)) ** 2
    return Sides(left, "<=", right, m.norms, tolerance(arithmetic), within=right == 0)


@claim("fdehbo:asm-3", covers=["003 Assumption 3"], mutants={"half of sigma": {"share": "1/2"}})
def asm_3(share: str = "1") -> Evidence:
    """Assumption 3 (lines 178-180): Assumptions 1 and 2 hold for every sample f(.; ξ), g(.; ζ), and E|∇_x f - ∇_x
    f(ξ)|² ≤ σ_fx^2, E|∇_y f - ∇_y f(ξ)|² ≤ σ_fy^2, E|∇_y g - ∇_y g(ζ)|² ≤ σ_g^2, E|∇²_xy g - ..|² ≤ σ_gxy^2, E|∇²_yy
    g - ..|² ≤ σ_gyy^2.

    Checked: the class is not empty (the family of all claims here), and the variances of f_x, f_y, g_xy, g_yy are
    at most C_fx, C_fy, C_gxy, C_gyy there: four of the five variance bounds follow from the first sentence.
    """
    rows = [
        row | {"kind": kind, "share": share}
        for row in random_instances(30, 61)
        for kind in ("f_x", "f_y", "g_xy", "g_yy e")
    ]
    return Evidence(
        (Instances("variances", variance_sides, rows, "rational", "mpmath"),),
        notes="Only σ_g is a new assumption. The first sentence is strong: Gaussian noise on ∇f (or any unbounded "
        "noise) is outside, because ∇f(.; ξ) must be bounded for every ξ; every sample must be as smooth as the mean.",
    )


@precise
def cleaning_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """u'(Hessian of the lower level of (14))u >= mu |u|^2, mu = curvature C; softmax probabilities p of each point.

    The Hessian is sum_i weight_i (diag(p) - pp') x (x_i x_i') + 2 C I for a linear classifier; u = classes x features.
    """
    C = number(instance["C"], arithmetic)
    u = [[number(k, arithmetic) for k in row] for row in instance["u"]]
    left = 2 * C * sum(k * k for row in u for k in row)
    for point in instance["points"]:
        p, x = ([number(k, arithmetic) for k in point[j]] for j in ("p", "x"))
        score = [sum(a * b for a, b in zip(row, x, strict=True)) for row in u]
        mean = sum(a * b for a, b in zip(p, score, strict=True))
        left += number(point["weight"], arithmetic) * sum(a * (b - mean) ** 2 for a, b in zip(p, score, strict=True))
    valid = all(0 < Fraction(q["weight"]) < 1 and sum(Fraction(k) for k in q["p"]) == 1 for q in instance["points"])
    right = number(instance["curvature"], arithmetic) * C * sum(k * k for row in u for k in row)
    return Sides(left, ">=", right, {"0 < sigma(lambda) < 1, softmax": valid, "C > 0": C > 0}, tolerance(arithmetic))


@claim("fdehbo:eq-14", covers=["003 Equation 14"], mutants={"mu_g = 3C": {"curvature": "3"}})
def eq_14(curvature: str = "2") -> Evidence:
    """Eq. (14) (line 271), hyper-cleaning: min_λ mean over S_ν of L_CE((w*)'x_i, y_i) s.t. w* = argmin_w mean
    over S_τ of σ(λ_i) L_CE(w'x_i, y_i) + C|w|².

    Checked: the lower level is strongly convex with μ_g = 2C (the regulariser inside or outside the mean),
    attained along directions that no x_i sees, or equal for all classes.
    """
    points = [
        {"p": ["1/2", "1/3", "1/6"], "x": ["1", "2"], "weight": "1/3"},
        {"p": ["1/10", "4/5", "1/10"], "x": ["2", "4"], "weight": "9/10"},
    ]
    rows = [
        {"C": C, "points": points, "u": u, "curvature": curvature}
        for C in ("1/1000", "2")
        for u in ([["2", "-1"], ["0", "0"], ["0", "0"]], [["1", "1"]] * 3, [["1", "0"], ["-3", "1"], ["1/2", "7"]])
    ]
    return Evidence(
        (Instances("mu_g = 2C", cleaning_sides, rows, "rational", "mpmath"),),
        notes="The text calls S_ν the training and S_τ the validation data; the formula weights S_τ by λ, which is "
        "what hyper-cleaning does with the (noisy) TRAINING data: the two names are exchanged, here and in 4.1.",
    )
