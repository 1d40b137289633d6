"""Paper 003: the constants of the two theorems, which stand in an appendix that the text at hand lacks."""

from __future__ import annotations

from verify.evidence import Evidence
from verify.registry import claim


@claim("fdehbo:text-constants", covers=["003 Text constants"], mutants={}, uses=["fdehbo:thm-1", "fdehbo:thm-2"])
def text_constants() -> Evidence:
    """Lines 216, 232: "the constants w, c_β, c_λ, c_ηf, c_ηR and c_ηg are defined in eq. (67) in the appendix" (Theorem
    1), "in eq. (33) in the appendix" (Theorem 2).
    """
    return Evidence(
        untestable="the text (352 lines) ends with the references: there is no appendix and no numbered equation after "
        "(14), so neither (67) nor (33), nor Lemma 3 of Theorem 1, nor the definitions of Δ(x, y, v), σ_f and σ_R are "
        "in it. Which w and c make the factors of Propositions 1 to 3 sum up cannot be checked against the print; "
        "fdehbo:thm-1 and fdehbo:thm-2 therefore vary w and c freely, and fdehbo:prop-1 tries Δ = k(bias), k = 1, 0, "
        "-1.",
        downstream="Theorems 1 and 2 are checked for their order in T and their conditions only (δ, r_v), never for "
        "the constants.",
    )
