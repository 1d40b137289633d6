"""Paper 000, Appendix F: the hard instance as printed against the one of Arjevani et al. that it follows.

Only what can be said without the hard-instance constants; those are deferred.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath as mp
import sympy as sp

from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.registry import claim


def psi(t: Any) -> Any:
    """0 for t <= 1/2, exp(1 - 1/(2t - 1)^2) above."""
    return mp.mpf(0) if t <= mp.mpf(1) / 2 else mp.exp(1 - 1 / (2 * t - 1) ** 2)


def phi(t: Any) -> Any:
    """sqrt(e) int_{-inf}^t exp(-s^2/2) ds."""
    return mp.sqrt(mp.e * mp.pi / 2) * (1 + mp.erf(t / mp.sqrt(2)))


def digits(arithmetic: Arithmetic) -> int:
    """The two arithmetics of this file: 40 digits and 17."""
    return 40 if arithmetic == "mpmath" else 17


def branch_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """The values that the two lines of the printed definition give at t; equal if the definition is consistent."""
    with mp.workdps(digits(arithmetic)):
        t = mp.mpf(Fraction(instance["t"]).numerator) / Fraction(instance["t"]).denominator
        half = mp.mpf(1) / 2
        second = t < half if instance["print"] else t > half
        values = ([mp.mpf(0)] if t <= half else []) + ([mp.exp(1 - 1 / (2 * t - 1) ** 2)] if second else [])
        spread = max(values) - min(values) if values else mp.inf
        lines = {"t in both lines" if len(values) > 1 else "lines with t": len(values)}
        return Sides(spread, "==", mp.mpf(0), {"t real": mp.isfinite(t)}, 0.0, lines)


@claim("f2sa_p:app-F-psi", covers=["000 Text F-psi"], mutants={"as printed": {"as_printed": True}})
def app_f_psi(as_printed: bool = False) -> Evidence:
    """Psi(t) = 0 for t <= 1/2, exp(1 - 1/(2t-1)^2) for t < 1/2 (line 504): one value for each real t."""
    rows = [{"t": t, "print": True} for t in ("0", "-1", "1/4", "1", "2")]
    right = [r | {"print": as_printed} for r in rows] + [{"t": "1/2", "print": False}]
    fixed = Instances("second line t > 1/2", branch_sides, right, "mpmath", "float")
    first = Instances("both lines t < 1/2", branch_sides, rows, "mpmath", "float")
    return Evidence(
        printed=(fixed,) if as_printed else (first,),
        corrected=(fixed,),
        correction="exp(1 - 1/(2t-1)^2) for t > 1/2.",
        category="misprint or conversion",
        charitable="For t < 1/2 the two lines contradict each other (0 and 1 at t = 0), for t > 1/2 none applies. "
        "The source has t > 1/2.",
        downstream="None once corrected.",
    )


def chain_gradient(instance: Instance, dps: int) -> Any:
    """d f^nc/d x_i at a point with x_i = 0, by a 5-point difference; ``link`` Psi or Phi in the first factor."""
    x = [mp.mpf(Fraction(v).numerator) / Fraction(v).denominator for v in instance["x"]]
    first = {"Psi": psi, "Phi": phi}[instance["link"]]
    head = {"Psi": psi, "Phi": phi}[instance["head"]]

    def value(z: list[Any]) -> Any:
        total = -psi(mp.mpf(1)) * head(z[0])
        for a, b in pairwise(z):
            total += first(-a) * phi(-b) - psi(a) * phi(b)
        return total

    h, i = mp.mpf(10) ** -(dps // 8), instance["i"]

    def at(k: int) -> Any:
        return value([v + k * h if m == i else v for m, v in enumerate(x)])

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def chain_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """grad_i f^nc = 0 for i > prog_{1/2}(x) + 1, the zero-chain property, or != 0 for i = prog + 1 ("alive")."""
    dps = digits(arithmetic)
    with mp.workdps(dps):
        progress = max([k + 1 for k, v in enumerate(instance["x"]) if abs(Fraction(v)) > Fraction(1, 2)], default=0)
        slope, place = abs(chain_gradient(instance, dps)), instance["i"] + 1
        slope = slope if slope > mp.mpf(10) ** -(dps // 3) else mp.mpf(0)
        steps = {"prog_1/2": progress, "i": place, "|grad_i|": mp.nstr(slope, 8)}
        if instance["alive"]:
            return Sides(slope, ">=", mp.mpf(10) ** -3, {"i = prog + 1": place == progress + 1}, 0.0, steps, True)
        return Sides(slope, "==", mp.mpf(0), {"i > prog + 1": place > progress + 1}, 0.0, steps)


@claim(
    "f2sa_p:app-F-chain",
    covers=["000 Text F-chain"],
    mutants={"Phi in the first factor": {"link": "Phi"}},
    uses=["f2sa_p:app-F-psi"],
)
def app_f_chain(link: str = "Psi") -> Evidence:
    """f^nc(x) = -Psi(1) Psi(x_1) + sum_{i=2}^T [Phi(-x_{i-1}) Phi(-x_i) - Psi(x_{i-1}) Phi(x_i)] (line 500), the hard
    instance of Carmon et al.: a zero-chain, grad_i f = 0 for i > prog_{1/2}(x) + 1, that a method can start
    (grad_1 f(0) != 0).
    """
    points = [(["0", "0", "0", "0"], (1, 2, 3)), (["1", "1/4", "0", "0"], (2, 3)), (["-1", "2", "1/3", "0"], (3,))]

    def rows(first: str, head: str) -> list[Instance]:
        base = {"link": first, "head": head, "alive": False}
        still = [base | {"x": x, "i": i} for x, free in points for i in free]
        return still + [base | {"x": ["0", "0", "0", "0"], "i": 0, "alive": True}]

    fixed = Instances("Psi(-x_{i-1}) Phi(-x_i), -Psi(1) Phi(x_1)", chain_sides, rows(link, "Phi"), "mpmath", "float")
    first = Instances("as printed", chain_sides, rows("Phi", "Psi"), "mpmath", "float")
    return Evidence(
        printed=(fixed,) if link != "Psi" else (first,),
        corrected=(fixed,),
        correction="-Psi(1) Phi(x_1) + sum [Psi(-x_{i-1}) Phi(-x_i) - Psi(x_{i-1}) Phi(x_i)].",
        category="misprint or conversion",
        charitable="With Phi(-x_{i-1}) every coordinate of the gradient at 0 is non-zero, so one call reveals them "
        "all; with Psi(x_1) the first is zero, so nothing starts. The source has the corrected form.",
        downstream="None once corrected; built as printed the lower bound would be empty.",
    )


@precise
def unbiased_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """E[1 + 1_{i > prog}(xi/gamma - 1)] = 1 for xi ~ Bernoulli(gamma)."""
    gamma, late = number(instance["gamma"], arithmetic), instance["late"]
    scale = gamma if not instance["wrong"] else number(1, arithmetic)
    outcomes = [(gamma, 1 / scale), (1 - gamma, 0 * gamma)]
    mean = sum((weight * (1 + late * (value - 1)) for weight, value in outcomes), 0 * gamma)
    return Sides(mean, "==", number(1, arithmetic), {"0 < gamma <= 1": 0 < gamma <= 1}, tolerance(arithmetic))


@claim(
    "f2sa_p:app-F-oracle",
    covers=["000 Text F-oracle"],
    mutants={"xi in place of xi/gamma": {"wrong": True}},
    uses=["f2sa_p:app-F-chain"],
)
def app_f_oracle(wrong: bool = False) -> Evidence:
    """[F_T(x)]_i = grad_i f^nc(x)(1 + 1_{i > prog_{1/4}(x)}(xi/gamma - 1)), xi ~ Bernoulli(gamma) is unbiased (line
    512).
    """
    g = sp.Symbol("gamma", positive=True)
    scale = 1 if wrong else g
    symbolic = Identity("mean", g * (1 + (1 / sp.sympify(scale) - 1)) + (1 - g) * (1 - 1), 1)
    variance = Identity("variance of a late coordinate / grad_i^2", g * (1 / g - 1) ** 2 + (1 - g) * 1, (1 - g) / g)
    rows = [{"gamma": v, "late": late, "wrong": wrong} for v in ("1", "1/3", "1/1000000") for late in (0, 1)]
    return Evidence(
        printed=(symbolic, variance, Instances("mean", unbiased_sides, rows, "rational", "mpmath")),
        charitable="prog_alpha(x) = max{i >= 0 : |x_i| > alpha} read with x_0 = 1, as in the source",
    )


def soft(x: Any, R: Any) -> Any:
    return x / sp.sqrt(1 + x**2 / R**2)


@claim(
    "f2sa_p:eq-20",
    covers=["000 Equation 19", "000 Equation 20"],
    mutants={"lambda dropped": {"ridge": 0}},
)
def eq_20(ridge: int = 1) -> Evidence:
    """f_U(x) = (L_1 beta^2/L) f^nc(rho(U'x/beta)) + (L_1 lambda/(2L)) ||x||^2 (19), and
    F_U(x) = (L_1/L)(beta (grad rho(x))' U F_T(U' rho(x)) + lambda x) (20) is an unbiased estimator of grad f_U (lines
    496, 508). d = T = 1, U = 1, F_T without noise (gamma = 1): then F_U must be f_U'. f^nc(z) = z^2/2 in this check.
    """
    x, beta, R, lam, L_1, L = sp.symbols("x beta R lambda L1 L", positive=True)
    nc = sp.Lambda(x, x**2 / 2)  # any function that is not linear tells the arguments apart
    slope = sp.Lambda(x, sp.diff(nc(x), x))
    f_u = L_1 * beta**2 / L * nc(soft(x / beta, R)) + L_1 * lam / (2 * L) * x**2
    printed = L_1 / L * (beta * sp.diff(soft(x, R), x) * slope(soft(x, R)) + lam * x)
    inner = sp.diff(soft(x, R), x).subs(x, x / beta)
    right = L_1 / L * (beta * inner * slope(soft(x / beta, R)) + ridge * lam * x)
    fixed = Identity("F_U with rho and grad rho at x/beta", sp.diff(f_u, x), right)
    return Evidence(
        printed=(fixed,) if ridge != 1 else (Identity("F_U as printed", sp.diff(f_u, x), printed),),
        corrected=(fixed,),
        correction="f_U(x) = (L_1 beta^2/L) f^nc(U' rho(x/beta)) + .., rho: R^d -> R^d, and F_U(x) = (L_1/L)(beta "
        "(grad rho(x/beta))' U F_T(U' rho(x/beta)) + lambda x).",
        category="misprint",
        charitable="beta = 1 saves it, but beta = 4 L eps/L_1. In (19) rho acts on R^T after U', in (20) on R^d "
        "before it, as in the source; for d > T these differ, since ||U'x|| < ||x||.",
        downstream="None once corrected; with (20) as printed Assumption 2.1 fails.",
    )


@claim("f2sa_p:proof-F.1-class", covers=["000 Proof F.1-class"], mutants={"f = f_U(x) + y": {"extra": 1}})
def proof_f1_class(extra: int = 0) -> Evidence:
    """f(x, y) = f_U(x), g = mu y^2/2: an instance of the class for any L_0, L_2, .., L_{p+1} > 0 and mu <= L_1, since
    all derivatives of f in y and all third derivatives of g vanish; y* = 0 and phi = f_U (lines 494, 518, 530).
    """
    y, mu = sp.symbols("y mu", positive=True)
    xs = sp.symbols("x1:3")
    f_u, g = sp.Function("f_U")(*xs), mu * y**2 / 2
    f = f_u + extra * y
    zero = [sp.diff(f, y), *(sp.diff(f, y, v) for v in xs), sp.diff(g, y, 3), *(sp.diff(g, v) for v in xs)]
    return Evidence(
        printed=(
            Identity("derivatives in y", zero, [0] * len(zero)),
            Identity("y* = 0 and phi = f_U", [sp.diff(g, y).subs(y, 0), f.subs(y, 0)], [0, f_u]),
            Identity("g_yy = mu", sp.diff(g, y, 2), mu),
        ),
        charitable="holds; f_U is L_1-smooth by the source (hard-instance constants: not checked here)",
    )


@claim("f2sa_p:text-F-kwon", covers=["000 Text F-comparison"], mutants={"along y = f_U(x)": {"near": True}})
def text_f_kwon(near: bool = False) -> Evidence:
    """The construction f = y, g = (f_U(x) - y)^2 of [29] is not first-order smooth in x when y is far from f_U(x)
    (line 532): g_xx = 2 f_U'^2 + 2 (f_U - y) f_U'' exceeds every bound.
    """

    @precise
    def sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
        """|g_xx| at f_U = x^2/2, x = 1 and y = 1/2 - D (or y = 1/2): at least the bound L offered."""
        L = number(instance["L"], arithmetic)
        distance = 0 * L if near else L
        return Sides(
            abs(2 + 2 * distance),
            ">=",
            L,
            {"f_U'' = 1 bounded": L > 0},
            tolerance(arithmetic),
            {"f_U - y": str(distance)},
        )

    rows = [{"L": f"{10**k}"} for k in (1, 3, 9)]
    return Evidence(
        printed=(Instances("g_xx is unbounded", sides, rows, "rational", "mpmath"),),
        charitable="holds",
    )
