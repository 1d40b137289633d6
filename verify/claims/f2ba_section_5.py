"""Paper 001, section 5: Lemma 5.1, Proposition 5.1 with (7) and (8), Theorem 5.1, Algorithm 2."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath as mp
import sympy as sp

from verify.claims.f2ba_section_1_3 import SMOOTH, STEEP, at_kappa
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2ba import DIGITS, THIRD, Numbers, Point, well
from verify.registry import claim


@claim(
    "f2ba:lemma-5.1",
    covers=["001 Lemma 5.1"],
    mutants={"(a) kappa^4": {"a": 4}, "(b) kappa^4": {"b": 4}},
    uses=["f2ba:lemma-C.2", "f2ba:lemma-C.3"],
)
def lemma_51(a: int = 6, b: int = 5) -> Evidence:
    """Lemma 5.1 (lines 207-212): (a) ‖∇²L*_λ - ∇²φ‖ = O(κ⁶/λ), (b) ‖∇³L*_λ‖ = O(κ⁵), for λ ≥ 2L_f/μ under Assumptions
    3.1 and 3.2.

    Checked over six decades of κ on both families; explicit constants are in f2ba:lemma-C.2 and f2ba:lemma-C.3.
    Attained: κ⁵/λ in (a) and κ⁵ in (b) with ν_g of order κ,
    κ⁴/λ and κ⁴ with ν_g = O(1).
    """

    def gap(p: Point) -> Any:
        return abs(p.proxy[2] - p.phi[2])

    def third(p: Point) -> Any:
        return abs(p.proxy[3])

    both = [*STEEP, *SMOOTH]
    upper = (
        at_kappa(f"(a) with 1000 kappa^{a}", gap, lambda p: 1000 * p.kappa**a / p.lam, both),
        at_kappa(f"(b) with 1000 kappa^{b}", third, lambda p: 1000 * p.kappa**b, both),
    )
    attained = (
        at_kappa("(a) is O(kappa^5/lambda)", gap, lambda p: 1000 * p.kappa**5 / p.lam, both),
        at_kappa("kappa^5/(10^6 lambda) <= gap, nu_g <= kappa", lambda p: p.kappa**5 / (10**6 * p.lam), gap),
        at_kappa("kappa^5/10^6 <= third derivative, nu_g <= kappa", lambda p: p.kappa**5 / 10**6, third),
        at_kappa("gap <= 1000 kappa^4/lambda, nu_g <= 1", gap, lambda p: 1000 * p.kappa**4 / p.lam, SMOOTH),
        at_kappa("third derivative <= 1000 kappa^4, nu_g <= 1", third, lambda p: 1000 * p.kappa**4, SMOOTH),
        at_kappa("kappa^4/(10^6 lambda) <= gap, nu_g <= 1", lambda p: p.kappa**4 / (10**6 * p.lam), gap, SMOOTH[1:]),
    )
    return Evidence(
        upper,
        corrected=attained,
        correction="Holds as printed. (a) is O(kappa^5/lambda) for rho_f = O(1), nu_g = O(kappa), proved for every "
        "lambda >= 2 L_f/mu (f2ba:lemma-C.3) and attained; kappa^6 never is. "
        "(b) is attained with nu_g of order kappa.",
        notes="With nu_g = O(1) the families show kappa^4/lambda in (a) and kappa^4 in (b). For the limit lambda -> "
        "infinity of (b), i.e. for phi, kappa^4 is proved (f2ba:prop-3.2); for finite lambda it is seen.",
    )


def _powers(instance: Instance, arithmetic: Arithmetic) -> tuple[Any, Any, Any]:
    read = Numbers(arithmetic)
    iota = read(instance["iota"])
    return read, iota, int(Fraction(instance["iota"]))


@claim("f2ba:eq-7", covers=["001 Equation 7"], mutants={"iota = 9 + log2": {"start": 9, "slope": 1}})
def eq_7(start: int = 18, slope: int = 2) -> Evidence:
    """Eq. (7) (line 216): η = 1/L, r = ε/(400ι³), 𝒯 = (L/√(ρε)) ι with ι ≥ 1 and δ ≥ (L√d/√(ρε)) ι² 2^{8-ι}; (line
    228) "can be satisfied by letting ι = O(log(L√d/√(ρεδ)))".

    Checked: ι = 18 + 2 log_2(A/δ) satisfies it for A = L√d/√(ρε) ≥ δ, exactly. O(log) must be read as O(1 + log): at
    A = δ the logarithm is 0 and ι ≥ 16 is needed. δ stands under the
    root in line 228 and outside it in (7); within O that is a factor of 2.
    """

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            read, u = Numbers(arithmetic), instance["log2(A/delta)"]
            iota = start + slope * u
            return Sides(
                read(2) ** u * read(iota) ** 2 * read(2) ** (8 - iota),
                "<=",
                read(1),
                assumptions={"iota >= 1": iota >= 1, "A >= delta": u >= 0},
            )

    grid = [{"log2(A/delta)": u} for u in (0, 1, 2, 5, 10, 30, 100, 300)]
    return Evidence((Instances("(A/delta) iota^2 2^(8 - iota) <= 1", evaluate, grid, "rational", second="mpmath"),))


@claim("f2ba:eq-8", covers=["001 Equation 8"], mutants={"log2 of 1/zeta at most iota": {"slope": 1}})
def eq_8(slope: int = 3) -> Evidence:
    """Eq. (8) (lines 218-220): ‖∇̂L*_λ(x_t) - ∇L*_λ(x_t)‖ ≤ min{1/(20ι²), 1/(16ι²2^ι)} ε.

    Checked: for ι ≥ 1 the minimum is always its second entry (16·2^ι ≥ 32 > 20), and ε/ζ = 16ι²2^ι ≤ 2^{3ι+4}, so
    that K_t of Proposition 4.2 stays
    O(κ(ι + log(κ/ε))): the source of log⁵ in Theorem 5.1.
    """

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            read, iota, n = _powers(instance, arithmetic)
            return Sides(
                16 * iota**2 * read(2) ** n,
                "<=",
                read(2) ** (slope * n + 4),
                assumptions={"iota >= 1": bool(iota >= 1)},
            )

    def smaller(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            read, iota, n = _powers(instance, arithmetic)
            return Sides(
                1 / (16 * iota**2 * read(2) ** n), "<=", 1 / (20 * iota**2), assumptions={"iota >= 1": bool(iota >= 1)}
            )

    grid = [{"iota": str(n)} for n in (1, 2, 3, 5, 8, 15, 30, 100)]
    return Evidence(
        (
            Instances("16 iota^2 2^iota <= 2^(3 iota + 4)", evaluate, grid, "rational", second="mpmath"),
            Instances("second entry <= first entry", smaller, grid, "rational", second="mpmath"),
        )
    )


def _form(which: str, iota: int, appendix: bool) -> Fraction:
    """A printed form of the factor in (7) (which = "delta") or of 1/accuracy in (8), without their common factors.

    The main text's, or the appendix's, whose tower of powers is out of reach beyond iota of about 20.
    """
    if which == "delta":
        return Fraction(iota**2 ** (8 - iota)) if appendix else Fraction(iota**2) * Fraction(2) ** (8 - iota)
    return Fraction(16 * iota**2**iota) if appendix else Fraction(16 * iota**2 * 2**iota)


def _agreement(which: str) -> Instances:
    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            read = Numbers(arithmetic)
            main, other = (read(_form(which, instance["iota"], appendix)) for appendix in (False, True))
            return Sides(other, "==", main, assumptions={"iota >= 1": instance["iota"] >= 1})

    return Instances(
        "appendix form == main text", evaluate, [{"iota": n} for n in (3, 4, 5, 8)], "rational", second="mpmath"
    )


def _usable(which: str, appendix: bool) -> Instances:
    """What the text draws from the condition: delta < A is within reach (7), the accuracy costs O(iota) digits (8)."""

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            iota, read = instance["iota"], Numbers(arithmetic)
            value = read(_form(which, min(iota, 8) if appendix else iota, appendix))
            limit = read(Fraction(1, 2)) if which == "delta" else read(2) ** (3 * iota + 4)
            return Sides(value, "<=", limit, assumptions={"iota >= 1": iota >= 1})

    return Instances(
        "what the text draws from it",
        evaluate,
        [{"iota": n} for n in (8 if which == "accuracy" else 20, 40)],
        "rational",
        second="mpmath",
    )


@claim(
    "f2ba:proof-5.1-delta",
    covers=["001 Proof 5.1-delta"],
    mutants={"appendix form used": {"appendix": True}},
    uses=["f2ba:eq-7"],
)
def proof_51_delta(appendix: bool = False) -> Evidence:
    """Appendix D (line 792): Proposition 5.1 restated with "δ ≥ (L√d/√(ρε)) l^{2^{8-l}}"; the main text (7) has
    ι²2^{8-ι}.

    Checked: whether the two conditions agree, and which of them lets δ be smaller than A = L√d/√(ρε).
    """
    usable = _usable("delta", appendix)
    return Evidence(
        (usable,) if appendix else (_agreement("delta"),),
        corrected=() if appendix else (usable,),
        correction="iota^2 2^(8 - iota), as in (7): it falls below every delta/A as iota grows.",
        category="conversion",
        charitable="The appendix also prints l for iota; '^2 2^{8-l}' read as '^{2^{8-l}}' is the text conversion's "
        "doing. The appendix form is never below 1, so that it "
        "would ask for delta >= A = L sqrt(d)/sqrt(rho eps), in general above 1: no probability at all. The forms "
        "agree for no iota in 3..8.",
        downstream="None: (7) is used.",
    )


@claim(
    "f2ba:proof-5.1-accuracy",
    covers=["001 Proof 5.1-accuracy"],
    mutants={"appendix form used": {"appendix": True}},
    uses=["f2ba:eq-8"],
)
def proof_51_accuracy(appendix: bool = False) -> Evidence:
    """Appendix D (line 796): (8) restated with "1/(16 l^{2^l})"; the main text has 1/(16ι²2^ι).

    Checked: whether the two agree, and whose accuracy costs O(ι) binary digits, as "O(log(κ/ε))" (line 228) asks.
    """
    usable = _usable("accuracy", appendix)
    return Evidence(
        (usable,) if appendix else (_agreement("accuracy"),),
        corrected=() if appendix else (usable,),
        correction="1/(16 iota^2 2^iota), as in (8).",
        category="conversion",
        charitable="Stricter than (8), the appendix form would make Proposition 5.1 true a fortiori, but its "
        "logarithm is 2^iota log iota: poly(1/eps) inner steps against the "
        "'O(log(kappa/eps))' that the text draws from it. Same slip as in the restated (7).",
        downstream="None: (8) is used.",
    )


@claim(
    "f2ba:proof-5.1-count",
    covers=["001 Proof 5.1-count"],
    mutants={"iota^3": {"power": 3}},
    uses=["f2ba:eq-7", "f2ba:eq-8"],
)
def proof_51_count(power: int = 4) -> Evidence:
    """Proposition 5.1 (lines 214-226, 790-802), its count: "within T = O(ι⁴Δ̃Lε⁻²) iterations".

    Checked: in the analysis that is cited ([45], used by [39], Theorem 2.7) 𝒯 steps after a perturbation gain F =
    (1/(50ι³)) √(ε³/ρ) or certify the point, so T = Δ̃𝒯/F. The
    escape itself is cited, not proved, and not checked here.
    """
    iota, L, rho, eps, gap = sp.symbols("iota L rho epsilon Delta", positive=True)
    gain = sp.sqrt(eps**3 / rho) / (50 * iota**3)
    count = Identity("Delta T_cal/F", gap * (L / sp.sqrt(rho * eps) * iota) / gain, 50 * iota**power * gap * L / eps**2)
    return Evidence(
        (count,), notes="The cited analysis also needs eps <= L^2/rho, which is not printed. d in (7) is d_x."
    )


def _flat(instance: Instance, arithmetic: Arithmetic, sign: int) -> Sides:
    """f(x, y) = c W(x_1), g = |y|^2/2, x in R^2: phi = c W(x_1). Least eigenvalue of the Hessian of phi against sign
    * sqrt(rho eps)."""
    with mp.workdps(DIGITS):
        read = Numbers(arithmetic)
        c, eps, x1 = read(instance["c"]), read(instance["eps"]), read(instance["x_1"])
        rho = read(THIRD) * c
        curvature = c * well(x1, 2)
        least = min(curvature, read(0))
        return Sides(
            least,
            ">=",
            sign * read.sqrt(rho * eps),
            assumptions={
                "C_f = 13c/40, L_f = c, rho_f = 467c/200 finite, mu = L_g = 1, rho_g = nu_g = 0": bool(c > 0),
                "rho_phi > 0 and eps > 0": bool(rho * eps > 0),
                "x_1 is eps-stationary": bool(abs(c * well(x1, 1)) <= eps),
            },
            steps={"Hessian of phi": f"diag({curvature}, 0) at every x", "rho_phi": rho},
        )


@claim(
    "f2ba:thm-5.1",
    covers=["001 Theorem 5.1"],
    mutants={"corrected with + again": {"sign": 1}},
    uses=[
        "f2ba:proof-5.1-count",
        "f2ba:prop-5.1",
        "f2ba:lemma-5.1",
        "f2ba:prop-4.2",
        "f2ba:lemma-4.1",
        "f2ba:prop-3.2",
        "f2ba:alg-2",
    ],
)
def thm_51(sign: int = 0) -> Evidence:
    """Theorem 5.1 (lines 230-234, appendix 859-863): with λ ≍ max{κ²/Δ, κ³/ε, κ⁶/√ε} Algorithm 2 finds ‖∇φ(x_t)‖ ≤ ε
    and ∇²φ(x_t) ⪰ √(ρε) I [appendix: √(ρ_φ ε) I] within
    O(Δκ⁴ε⁻² log⁵(κ/ε)) first-order calls.

    Checked: the second condition as printed, on an instance where φ does not depend on x_2: 0 is an eigenvalue of ∇²φ
    at every x.
    """
    points = [{"c": "200/467", "eps": "1/100", "x_1": v} for v in ("0", "1/100", "-1/50")]

    def check(name: str, s: int) -> Instances:
        return Instances(name, lambda i, a: _flat(i, a, s), points, "rational", second="mpmath")

    corrected = check("least eigenvalue >= -sqrt(rho eps)", sign or -1)
    if sign:
        return Evidence((corrected,))
    return Evidence(
        (check("least eigenvalue >= sqrt(rho eps)", 1),),
        corrected=(corrected,),
        correction="grad^2 phi(x_t) >= -sqrt(rho eps) I, with probability at least 1 - delta, and log^5(kappa "
        "d/(eps delta)) calls.",
        category="misprint",
        charitable="The sign is lost in both places where the theorem stands; Definition 3.2 and Proposition 5.1 "
        "have the minus. As printed no point of the instance qualifies, whatever the algorithm does. "
        "Main text and "
        "appendix also differ in rho against rho_phi (the same order). The probability 1 - delta and the dimension "
        "of Proposition 5.1 are missing; they enter the logarithm.",
        downstream="None: no later result uses the sign. lambda of order kappa^5/sqrt(eps) suffices by the sharper "
        "Lemma C.3; the rate of Algorithm 2 is measured by the preset rates-deterministic.",
        notes="log^5 = iota^4 from Proposition 5.1 times one logarithm from K_t.",
    )


@claim("f2ba:alg-2", covers=["001 Algorithm 2"], mutants={})
def alg_2() -> Evidence:
    """Algorithm 2, Perturbed F2BA (lines 236-255): lines 10 to 13: if ‖∇̂L*_λ(x_t)‖ ≤ (4/5)ε and t - t' > 𝒯, sample
    ξ_t ~ B(r), x_t = x_t - ηξ_t."""
    return Evidence(
        untestable="t' is read in line 10 and never set: neither its start nor an update t' = t after a "
        "perturbation is printed, so the listing does not run as it stands. "
        "The intended text is evident (t' = t inside the branch, t' = -T_cal - 1 at the start).",
        notes="Line 12 moves x_t after the estimate of line 9 was taken at the old x_t, and line 14 uses that "
        "estimate. Its error at the moved point is up to L eta r = r = eps/(400 iota^3), more than "
        "(8) allows as soon as 2^iota > 25 iota, i.e. iota >= 8 (and (7) forces iota >= 15): (8) must be read at "
        "the point before the perturbation.",
    )
