"""Paper 001, sections 1 and 3: the hyper-gradient, the proxy and its gradient, the smoothness of phi (Props. 3.1,
3.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from verify.claims.f2ba_appendix_b_derivatives import LAM, X, two_point_jets
from verify.evidence import Evidence, Identity, Instance
from verify.families_f2ba import Point
from verify.families_f2ba_checks import FIXED, KAPPA, KAPPA_ONE, LEVEL, QUADRATIC, at, dominated, hardest
from verify.families_f2ba_jets import curve, derivative, entries, free
from verify.families_f2ba_search import smooth, steep
from verify.registry import claim

STEEP: list[Instance] = [steep(10**k) for k in (2, 3, 4, 5, 6, 8)]
"""mu = 1/kappa over six decades, C_f, L_f, L_g, rho_g at most 3; nu_g <= kappa."""
SMOOTH: list[Instance] = [smooth(3 * 10 ** (2 * k)) for k in (1, 2, 3, 4)]
"""mu = 1/kappa over six decades, all constants bounded: nu_g <= 1 too."""


def at_kappa(name: str, small: Any, large: Any, family: list[Instance] = STEEP) -> Any:
    """small <= large on a family in kappa: an explicit constant for an O or for the order being attained."""
    return at(name, small, large, family)


def reach(p: Point) -> Any:
    """w = sqrt(1 + (L_g/mu)^2) bounds |(1, grad y*)|."""
    return p.number.sqrt(1 + (p.Lg / p.mu) ** 2)


def stretch(p: Point) -> Any:
    """r = w sqrt(nu_g/(2 mu)): bounds |H^-1/2 (D_w H) H^-1/2|, since H - mu I +- s D_w H + nu_g |w|^2 s^2/2 I >= 0
    for all s."""
    return reach(p) * p.number.sqrt(p.nug / (2 * p.mu))


@claim("f2ba:eq-3", covers=["001 Equation 3"], mutants={"reversed": {"reverse": True}})
def eq_3(reverse: bool = False) -> Evidence:
    """Eq. (3) (lines 40-42): L*_λ(x) := L_λ(x, y*_λ(x)), y*_λ(x) = argmin_y {L_λ(x, y) := f(x, y) + λ(g(x, y) -
    g*(x))}.

    A definition; checked is what makes it a proxy: L*_λ(x) ≤ L_λ(x, y*(x)) = φ(x). In the reformulation above it
    (line 38)
    the constraint is printed "g(x, y) - g*(x)" without its relation "≤ 0".
    """

    def gap(p: Point) -> Any:
        return (p.phi[0] - p.proxy[0]) * (-1 if reverse else 1)

    return Evidence((at("0 <= phi - L*", lambda p: p.number(0), gap, FIXED),))


@claim("f2ba:eq-4", covers=["001 Equation 4"], mutants={"sign": {"sign": -1}, "without lambda": {"weight": 0}})
def eq_4(sign: int = 1, weight: int = 1) -> Evidence:
    """Eq. (4) (lines 48-50): ∇L*_λ(x) = ∇_x f(x, y*_λ(x)) + λ(∇_x g(x, y*_λ(x)) - ∇_x g(x, y*(x))).

    Checked: sympy's derivative of f(x, y*_λ(x)) + λ(g(x, y*_λ(x)) - g(x, y*(x))) with free gradients of both
    minimisers, which cancel by
    optimality alone (so does Danskin's ∇g*(x) = ∇_x g(x, y*(x))); d_x = d_y = 2.
    """
    f, gl, g = two_point_jets(2)
    g.pin("y", np.array([sp.S.Zero] * 2, dtype=object))
    gl.pin("y", -f.block("y") / LAM)
    paths = curve(X, free("Yl", 2, 2)), curve(X, free("Y", 2, 2))
    value = f.along(X, paths[0]) + LAM * (gl.along(X, paths[0]) - g.along(X, paths[1]))
    right = f.block("x") + (LAM if weight else 1) * (gl.block("x") - sign * g.block("x"))
    return Evidence((Identity("gradient of the proxy", derivative(value, X, 1), entries(right)),))


@claim("f2ba:asm-3.1", covers=["001 Assumption 3.1"], mutants={"kappa >= 2": {"least": 2}})
def asm_3_1(least: int = 1) -> Evidence:
    """Assumption 3.1 (lines 103-113): g μ-strongly convex in y, L_g-smooth, ρ_g-Hessian Lipschitz; f C_f-Lipschitz,
    L_f-smooth, C²; φ bounded below;
    κ := max{C_f, L_f, L_g, ρ_g}/μ.

    Checked: the class is not empty, and κ ≥ 1 always (L_g ≥ μ), with equality possible. κ mixes quantities of
    different units: it is
    invariant under (f, g) -> (Mf, Mg) but not under a change of scale of y; every O(κ^n) below therefore carries L =
    max{C_f, L_f, L_g, ρ_g}.
    """
    check = at("1 <= kappa", lambda p: p.number(least), lambda p: p.kappa, [KAPPA_ONE, QUADRATIC, *STEEP[:2]])
    return Evidence((check,), notes="Quadratic f is outside: f must be Lipschitz on the whole space.")


@claim("f2ba:asm-3.2", covers=["001 Assumption 3.2"], mutants={"nu_g <= 1 on the steep family": {"limit": 1}})
def asm_3_2(limit: int = 0) -> Evidence:
    """Assumption 3.2 (lines 123-129): f ρ_f-Hessian Lipschitz, C³; g ν_g-third-order derivative Lipschitz.

    Neither ρ_f nor ν_g enters κ. Checked: instances of Assumption 3.1 with bounded constants may have ν_g of order κ
    (so that "O(κ⁵)" must
    name which of ρ_f, ν_g it holds fixed), and a family with all constants bounded exists for every κ.
    """

    def cap(p: Point) -> Any:
        return p.number(limit) if limit else p.kappa

    wide = at("nu_g <= kappa", lambda p: p.nug, cap, STEEP)
    return Evidence((wide, at("nu_g <= 1", lambda p: p.nug, lambda p: p.number(1), SMOOTH)))


@claim(
    "f2ba:prop-3.1",
    covers=["001 Proposition 3.1"],
    mutants={"kappa^2": {"power": 2}, "without the curvature of y*": {"third": 0}},
)
def prop_3_1(power: int = 3, third: int = 1) -> Evidence:
    """Proposition 3.1 (lines 115-117): under Assumption 3.1, φ is L_φ-gradient Lipschitz with L_φ = O(κ³).

    Checked with the explicit constant |∇²φ| ≤ (1 + L_g²/μ²)(L_f + C_f ρ_g/μ) ≤ 4Lκ³, and the order κ³ is attained on
    a family in the class.
    """

    def bound(p: Point) -> Any:
        return (1 + (p.Lg / p.mu) ** 2) * (p.Lf + third * p.Cf * p.rhog / p.mu)

    def size(p: Point) -> Any:
        return abs(p.phi[2])

    explicit = hardest("|phi''| <= (1 + k^2)(L_f + C_f rho_g/mu)", size, bound, seed=41, fixed=(*FIXED, *STEEP[:2]))
    order = at_kappa(f"|phi''| <= 4 L kappa^{power}", size, lambda p: 4 * p.L * p.kappa**power)
    attained = at_kappa("kappa^3/1000 <= |phi''|", lambda p: p.kappa**3 / 1000, size)
    algebra = dominated(
        "(1 + kappa^2)(1 + kappa) L <= 4 L kappa^3", LEVEL * (1 + KAPPA**2) * (1 + KAPPA), 4 * LEVEL * KAPPA**3
    )

    def under_3_2(p: Point) -> Any:
        curve_bound = reach(p) / p.mu * (p.rhog + p.Lg * p.number.sqrt(p.nug / (2 * p.mu)))
        return (1 + (p.Lg / p.mu) ** 2) * p.Lf + p.Cf * curve_bound

    sharper = hardest("under Assumption 3.2: order kappa^{5/2}", size, under_3_2, seed=42, fixed=(*FIXED, *SMOOTH))
    half = at_kappa(
        "kappa^{5/2} is attained with all constants bounded",
        lambda p: p.kappa**5 / 10**7,
        lambda p: size(p) ** 2,
        SMOOTH,
    )
    return Evidence(
        (explicit, algebra, order, attained),
        corrected=(sharper, half),
        correction="Holds as printed and is attained when nu_g may grow like kappa. With nu_g = O(1) (Assumption "
        "3.2) L_phi = O(kappa^{5/2}): "
        "|phi''| <= (1 + k^2) L_f + C_f sqrt(1 + k^2)/mu (rho_g + L_g sqrt(nu_g/(2 mu))), k = L_g/mu.",
        notes="Proof of the sharper form: grad_yy g >= mu along the line x + s w gives +-s D_w H <= H - mu + nu_g "
        "|w|^2 s^2/2; at s = sqrt(2 mu/nu_g)/|w| the relative change "
        "|H^-1/2 D_w H H^-1/2| is at most |w| sqrt(nu_g/(2 mu)), and y'' = -H^-1 (D_w grad_xy g + D_w H y').",
    )


@claim("f2ba:prop-3.2", covers=["001 Proposition 3.2"], mutants={"kappa^4": {"power": 4}})
def prop_3_2(power: int = 5) -> Evidence:
    """Proposition 3.2 (lines 131-133): under Assumptions 3.1 and 3.2, φ is ρ_φ-Hessian Lipschitz with ρ_φ = O(κ⁵).

    Checked with |∇³φ| ≤ ρ_f w³ + 3L_f ρ_g w³/μ + C_f(ν_g w³ + 3ρ_g² w³/μ)/μ, w² = 1 + L_g²/μ². κ⁵ is attained with
    ν_g of order κ, only κ⁴ with ν_g = O(1).
    """

    def size(p: Point) -> Any:
        return abs(p.phi[3])

    def bound(p: Point) -> Any:
        per_cube = p.rhof + 3 * p.Lf * p.rhog / p.mu + p.Cf / p.mu * (p.nug + 3 * p.rhog**2 / p.mu)
        return reach(p) ** 3 * per_cube

    def under_bounded(p: Point) -> Any:
        w, r = reach(p), stretch(p)
        second = w / p.mu * (p.rhog + p.Lg * p.number.sqrt(p.nug / (2 * p.mu)))
        third = p.nug * w**3 / p.mu + 3 * r * (p.rhog * w + r * p.Lg) / p.mu
        return p.rhof * w**3 + 3 * p.Lf * w * second + p.Cf * third

    explicit = hardest("|phi'''| <= explicit constant", size, bound, seed=43, fixed=(*FIXED, *STEEP[:2]))
    order = at_kappa(f"|phi'''| <= 1000 kappa^{power}", size, lambda p: 1000 * p.kappa**power)
    attained = at_kappa("kappa^5/10^6 <= |phi'''|, nu_g <= kappa", lambda p: p.kappa**5 / 10**6, size)
    sharper = hardest("|phi'''| <= sharper constant", size, under_bounded, seed=44, fixed=(*FIXED, *SMOOTH))
    true_order = at_kappa("|phi'''| <= 100 kappa^4 with nu_g <= 1", size, lambda p: 100 * p.kappa**4, SMOOTH)
    fourth = at_kappa("kappa^4/10^5 <= |phi'''| with nu_g <= 1", lambda p: p.kappa**4 / 10**5, size, SMOOTH[1:])
    return Evidence(
        (explicit, order, attained),
        corrected=(sharper, true_order, fourth),
        correction="Holds as printed; with rho_f, nu_g = O(1) the power is kappa^4, proved (|y'''| <= nu_g w^3/mu + "
        "3 r (rho_g w + r L_g)/mu, r = w sqrt(nu_g/(2 mu))) and attained. "
        "kappa^5 needs nu_g of order kappa.",
        downstream="Theorem 5.1 could use rho = O(kappa^4) when nu_g = O(1).",
    )


@claim("f2ba:text-kappa-orders", covers=["001 Text kappa-orders"], mutants={"kappa^2": {"low": 4}})
def text_orders(low: int = 3) -> Evidence:
    """Introduction (lines 54-56 and 60-62): ‖∇²L*_λ(x)‖ ≍ ‖∇²φ(x)‖ ≍ κ³ and ‖∇³L*_λ(x)‖ ≍ ‖∇³φ(x)‖ ≍ κ⁵.

    "≍" includes a lower bound, which cannot hold for each instance (f constant): read as the worst case over the
    class. Checked: both orders are
    attained by φ and by the proxy on one family, over six decades of κ. It has ν_g of order κ; with ν_g = O(1) the
    true orders are κ^{5/2} and κ⁴ (f2ba:prop-3.1, f2ba:prop-3.2).
    """
    checks = [
        at_kappa(
            f"kappa^{n}/10^6 <= derivative {m} of {name}",
            lambda p, n=n: p.kappa**n / 10**6,
            lambda p, m=m, a=name: abs(getattr(p, a)[m]),
        )
        for name in ("phi", "proxy")
        for n, m in ((low, 2), (5, 3))
    ]
    return Evidence(tuple(checks))
