"""Paper 000, Sections 1-3 and the start of Appendix C: the formulas that everything else rests on."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import sympy as sp

from synthetic.exact import ExactForm, LocalForm
from synthetic.polynomial import skewed_polynomial
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Relation, Sides
from verify.families_f2sa_p import number, precise, steep_family, tolerance, trig_family
from verify.registry import claim

X, Y, NU, LAM = sp.symbols("x y nu lambda")
A, B, H, C, G, W, R = sp.symbols("a b h c gamma w r")
"""Scalar linear-quadratic instance: g = a/2 (y - b x)^2 + r x^2, f = w x^2 + (c + gamma x)(y - b x) + h/2 (y - b x)^2.
"""

LOWER = A / 2 * (Y - B * X) ** 2 + R * X**2
UPPER = W * X**2 + (C + G * X) * (Y - B * X) + H / 2 * (Y - B * X) ** 2
PHI = W * X**2
CONVEX = {
    "a > 0 and a + nu h > 0, a - nu h > 0": lambda point: (
        point.get(A, 1) > abs(point.get(H, 0)) * point.get(NU, 1 / point.get(LAM, sp.Integer(1)))
    )
}


def minimum(expression: sp.Expr) -> sp.Expr:
    """min over y of a quadratic in y."""
    return sp.cancel(expression.subs(Y, sp.solve(sp.diff(expression, Y), Y)[0]))


def ell(nu: sp.Expr) -> sp.Expr:
    return minimum(nu * UPPER + LOWER)


@claim(
    "f2sa_p:eq-2",
    covers=["000 Equation 2"],
    mutants={"sign of the implicit part": {"sign": -1}, "inverse dropped": {"inverse": False}},
)
def eq_2(sign: int = 1, inverse: bool = True) -> Evidence:
    """grad phi(x) = grad_x f - grad_xy g [grad_yy g]^{-1} grad_y f at (x, y*(x)) (line 39).

    d_x = d_y = 2, y* a polynomial map with symbolic coefficients, a symbolic Hessian that depends on x, a cubic term in
    y - y*; both sides times det grad_yy g.
    """
    x, y = sp.symbols("x1:3"), sp.symbols("y1:3")
    a, b, k, p = sp.symbols("a b k p")
    star = (k * x[0] + x[0] * x[1], 2 * x[1] ** 2 + x[0])
    z = [v - w for v, w in zip(y, star)]
    g = (a + x[0] ** 2) / 2 * z[0] ** 2 + b * z[0] * z[1] + z[1] ** 2 + z[0] ** 2 * z[1]
    f = p * x[0] * y[0] + 3 * y[1] ** 2 + x[1] * y[0] * y[1] + x[0]
    at = dict(zip(y, star))
    phi = f.subs(at, simultaneous=True)
    cross = sp.Matrix(2, 2, lambda i, j: sp.diff(g, x[i], y[j]).subs(at))
    hessian = sp.Matrix(2, 2, lambda i, j: sp.diff(g, y[i], y[j]).subs(at))
    slope = sp.Matrix([sp.diff(f, v).subs(at) for v in y])
    det = sp.expand(hessian.det())
    implicit = cross * hessian.adjugate() * slope * (1 if inverse else det)
    left = [sp.expand(det * sp.diff(phi, v)) for v in x]
    right = [sp.expand(det * sp.diff(f, v).subs(at) - sign * implicit[i]) for i, v in enumerate(x)]
    return Evidence(
        printed=(Identity("hyper-gradient times det", left, right),),
        charitable="holds for every minimiser given by a C^1 map y*(x)",
    )


@claim("f2sa_p:eq-3", covers=["000 Equation 3"], mutants={"lambda = nu": {"swap": True}})
def eq_3(swap: bool = False) -> Evidence:
    """Penalty problem min_{x,y} f + lambda (g - min_z g(x, z)) (line 47): with nu = 1/lambda its value over y is
    (ell_nu(x) - ell_0(x))/nu, the forward difference of ell (lines 142, 281). Scalar linear-quadratic instance.
    """
    value = sp.cancel(minimum(UPPER + LAM * LOWER) - LAM * minimum(LOWER))
    nu = LAM if swap else 1 / LAM
    return Evidence(
        printed=(Identity("forward difference", value, sp.cancel((ell(nu) - ell(sp.S.Zero)) / nu), CONVEX),),
        charitable="holds",
    )


@claim("f2sa_p:eq-4", covers=["000 Equation 4"], mutants={"factor 1/2 dropped": {"half": 1}, "+f below": {"flip": 1}})
def eq_4(half: int = 2, flip: int = -1) -> Evidence:
    """Symmetric penalty min_{x,y} 1/2 (f + lambda g - min_z (-f + lambda g)) (line 55): with nu = 1/lambda its value
    over y is (ell_nu - ell_{-nu})/(2 nu), the central difference of ell, so that F2SA-2 follows its gradient.
    """
    value = sp.cancel((minimum(UPPER + LAM * LOWER) - minimum(flip * UPPER + LAM * LOWER)) / half)
    right = sp.cancel((ell(1 / LAM) - ell(-1 / LAM)) * LAM / 2)
    return Evidence(printed=(Identity("central difference", value, right, CONVEX),), charitable="holds")


@cache
def polynomial() -> ExactForm:
    return skewed_polynomial().exact()


@cache
def polynomial_at(x: tuple[Fraction, ...]) -> LocalForm:
    return polynomial().at(x)


@precise
def jet_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """factor * psi'(0), from the jets or from Newton's method in mpmath, against grad phi in closed form."""
    x = tuple(Fraction(v) for v in instance["x"])
    local, i = polynomial_at(x), instance["i"]
    grad = number(polynomial().hypergrad(x)[i], arithmetic)
    if arithmetic == "rational":
        slope = local.jets(1).psi[i][1]
    else:
        h = number("1/10000000000000000000000000000000000000000", arithmetic)
        slope = (local.psi(h)[i] - local.psi(-h)[i]) / (2 * h)
    return Sides(
        number(instance["factor"], arithmetic) * slope, "==", grad,
        {"2.3: g strongly convex": skewed_polynomial().mu > 0}, 0 if arithmetic == "rational" else 1e-30,
    )  # fmt: skip


@claim(
    "f2sa_p:eq-9",
    covers=["000 Equation 9"],
    mutants={"factor 2": {"factor": "2"}, "sign": {"factor": "-1"}},
    uses=["f2sa_p:eq-2", "f2ba:lemma-B.3"],
)
def eq_9(factor: str = "1") -> Evidence:
    """d/dnu ell_nu(x)|_{nu=0} = phi(x), and d^2/(dnu dx) ell_nu|_{nu=0} = d^2/(dx dnu) ell_nu|_{nu=0} = grad phi(x)
    (lines 275-279). Symbolically on the linear-quadratic instance; by exact jets on the polynomial one.
    """
    value = ell(NU)
    scale = sp.Rational(factor)
    dim = skewed_polynomial().dim_x
    rows = [
        {"x": ["1/2", "-1/4", "3/4", "1/3"][shift : shift + dim], "i": i, "factor": factor}
        for shift in (0, 4 - dim)
        for i in range(dim)
    ]
    return Evidence(
        printed=(
            Identity("d/dnu ell = phi", scale * sp.diff(value, NU).subs(NU, 0), PHI),
            Identity("d2/(dnu dx)", scale * sp.diff(value, X, NU).subs(NU, 0), sp.diff(PHI, X)),
            Identity("d2/(dx dnu)", sp.diff(value, NU, X).subs(NU, 0), sp.diff(PHI, X)),
            Instances("polynomial instance", jet_sides, rows, "rational", "mpmath"),
        ),
        charitable="holds",
    )


@claim(
    "f2sa_p:eq-10",
    covers=["000 Equation 10"],
    mutants={"without ell_0": {"base": 0}, "multiplied by nu": {"power": 1}},
    uses=["f2sa_p:eq-9"],
)
def eq_10(base: int = 1, power: int = -1) -> Evidence:
    """(d/dx ell_nu - d/dx ell_0)/nu ~ grad phi(x) (line 283), the estimator of [11, 28]:
    grad_x f(x, y_nu) + (grad_x g(x, y_nu) - grad_x g(x, y*))/nu, by Danskin d/dx ell_nu = d/dx g_nu(x, y_nu)
    (lines 147, 357). Linear-quadratic instance; the limit nu -> 0 is grad phi and the error has a factor nu.
    """
    y_nu = sp.solve(sp.diff(NU * UPPER + LOWER, Y), Y)[0]
    danskin = sp.diff(NU * UPPER + LOWER, X).subs(Y, y_nu)
    estimator = (
        sp.diff(UPPER, X).subs(Y, y_nu) + (sp.diff(LOWER, X).subs(Y, y_nu) - sp.diff(LOWER, X).subs(Y, B * X)) / NU
    )
    forward = sp.cancel((sp.diff(ell(NU), X) - base * sp.diff(ell(sp.S.Zero), X)) * NU**power)
    error = -NU * G * (C + G * X) / (A + NU * H)
    return Evidence(
        printed=(
            Identity("Danskin", sp.cancel(danskin), sp.cancel(sp.diff(ell(NU), X)), CONVEX),
            Identity("forward difference = estimator", forward, sp.cancel(estimator), CONVEX),
            Identity("error of order nu", forward - sp.diff(PHI, X), error, CONVEX),
        ),
        charitable="'~' read as equality in the limit nu -> 0",
    )


@claim("f2sa_p:def-2.2", covers=["000 Definition 2.2"], mutants={"kappa <= 1": {"relation": "<="}})
def def_2_2(relation: Relation = ">=") -> Evidence:
    """F(L_0, .., L_{p+1}, mu, Delta): Assumptions 2.2-2.5, mu <= L_1, L-bar = max_{j<=p} L_j, kappa = L-bar/mu (line
    115).

    Checked: the class is not empty for p = 1..4 and kappa = 3e2 .. 3e6 (certified instances), and kappa >= 1.
    """

    def sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        p, t = instance["p"], Fraction(instance["t"])
        kind, _, _ = trig_family(p, t) if instance["family"] == "trig" else steep_family(p, t)
        kappa = kind.largest(p) / kind.gamma_min
        return Sides(
            number(kappa, arithmetic), relation, number(1, arithmetic), kind.certificate(p), tolerance(arithmetic),
            {"L_0..L_{p+1}": [str(v) for v in kind.constants(p)]},
        )  # fmt: skip

    rows = [
        {"family": family, "p": p, "t": f"1/{10**k}"}
        for family in ("trig", "steep")
        for p in range(1, 5)
        for k in (1, 3)
    ]
    return Evidence(
        printed=(Instances("kappa >= 1", sides, rows, "rational", "float"),),
        charitable="a definition: only its consistency can be tested",
        notes="L_{p+1} is left out of L-bar, which Lemma 3.1 and Theorem 3.1 cannot bear (f2sa_p:lemma-3.1); the "
        "list omits Assumption 2.1, the oracle's. L_0, .., L_{p+1} have different units, so kappa changes under y -> "
        "s y (L_j by s^{-(j+1)}): bounds in kappa hold in every choice of units and are as good as the best of them.",
    )


@claim(
    "f2sa_p:table-1",
    covers=["000 Table 1"],
    mutants={"kappa^{9+p/2}": {"wrong": True}},
    uses=["f2sa_p:thm-3.1", "f2sa_p:thm-F.1"],
)
def table_1(wrong: bool = False) -> Evidence:
    """Row F2SA-p: O~(p kappa^{9+2/p} eps^{-4-2/p}); F2SA [11]: O~(kappa^12 eps^-6) (lines 63-70).

    The powers follow from T ~ kappa^3 eps^-2, K ~ kappa^2 nu^-2 eps^-2, nu = (eps/kappa^{2p+1})^{1/p} (L-bar = 1), and
    at p = 1 the row is the one of [11] up to one power of kappa.
    """
    p = sp.Symbol("p", positive=True)
    nu_kappa, nu_eps = -(2 * p + 1) / p, 1 / p  # powers of kappa and eps in nu
    row = 9 + p / 2 if wrong else 9 + 2 / p
    return Evidence(
        printed=(
            Identity("power of kappa", 3 + 2 - 2 * nu_kappa, row),
            Identity("power of eps", -2 - 2 - 2 * nu_eps, -4 - 2 / p),
            Identity("p = 1 against [11]", [row.subs(p, 1) + 1, (-4 - 2 / p).subs(p, 1)], [12, -6]),
        ),
        charitable="holds as arithmetic of the powers",
        notes="The cell 'Smoothness' of the row F2SA-p reads 1st-order; the caption and Theorem 3.1 need order p in "
        "y. In the first-order class the bias of F2SA-2 is of order nu only (f2sa_p:remark-E.1).",
    )
