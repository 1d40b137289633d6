"""Paper 004, Appendix L (Eqs. (85) to (88)): the smoothness assumptions that it compares."""

from __future__ import annotations

from fractions import Fraction

from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, num, slack
from verify.registry import claim


@careful
def mean_square_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Psi'(x; i) = slopes_i x with probabilities p: (85) with the L of (86)."""
    slopes, p = ([num(v, arithmetic) for v in instance[k]] for k in ("slopes", "p"))
    L, d = num(instance["L"], arithmetic), num(instance["d"], arithmetic)
    mean = sum((q * (s * d) ** 2 for q, s in zip(p, slopes, strict=True)), 0 * d)
    return Sides(
        mean, "<=", num(instance["size"], arithmetic) * L**2 * d**2,
        {"(86): every |slope| <= L": all(bool(abs(s) <= L) for s in slopes),
         "probabilities": sum(Fraction(v) for v in instance["p"]) == 1}, slack(arithmetic),
    )  # fmt: skip


@claim(
    "bo_rep:eq-85-86",
    covers=["004 Equation 85", "004 Equation 86"],
    mutants={"half of L^2": {"size": "1/2"}},
)
def eq_85_86(size: str = "1") -> Evidence:
    """Eqs. (85), (86) (lines 9576-9590): individual smoothness |∇Ψ(x;ξ) - ∇Ψ(y;ξ)| ≤ L|x-y| for every ξ is
    stronger than mean-squared smoothness E|∇Ψ(x;ξ) - ∇Ψ(y;ξ)|² ≤ L²|x-y|², with the same L.
    """
    rows = [
        {"slopes": s, "p": p, "L": "3", "d": d, "size": size}
        for s, p in ((["3", "-3"], ["1/2", "1/2"]), (["0", "3"], ["9/10", "1/10"]), (["1", "2"], ["1/3", "2/3"]))
        for d in ("1/100", "1", "50")
    ]
    return Evidence(
        printed=(Instances("(86) gives (85)", mean_square_sides, rows, "rational", "mpmath"),),
        notes="The three displays after (86) have u in both places (their left sides are 0 as printed); u' is meant.",
    )
