"""The solvers by name. Adding one is one file and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Where a solver lives, which paper and listing it runs, the theorem on its calls (or "none"), and the exponent of
    1/eps that it claims ("" for none).
    """

    target: str
    paper: str
    theorem: str
    claimed: str = ""

    def load(self) -> Any:
        module, name = self.target.split(":")
        return getattr(import_module(module), name)


SOLVERS: dict[str, Entry] = {
    "f2sa_p": Entry(
        "solvers.f2sa_p:F2SAp", "000 Algorithms 1, 2", "000 Theorem 3.1: p kappa^(9+2/p) eps^(-4-2/p)", "4 + 2/p"
    ),
    "f2sa": Entry("solvers.f2sa:F2SA", "Kwon et al. 2023, Algorithm 1", "eps^-7 single loop (paper 000, Table 1)", "7"),
    "f2ba": Entry(
        "solvers.f2ba:F2BA", "001 Algorithm 1", "001 Theorem 4.1: kappa^4 eps^-2 (accelerated kappa^3.5)", "2"
    ),
    "perturbed_f2ba": Entry(
        "solvers.perturbed_f2ba:PerturbedF2BA", "001 Algorithm 2", "001 Theorem 5.1: kappa^4 eps^-2, second order", "2"
    ),
    "distributed_f2ba": Entry("solvers.distributed_f2ba:DistributedF2BA", "001 Algorithm 3", "001 Corollary 6.1", "2"),
    "f2sa_2": Entry("solvers.f2sa_2:F2SA2", "000 Algorithm 3", "000 Theorem 3.1 at p = 2", "5"),
    "fdehbo": Entry("solvers.fdehbo:FdeHBO", "003 Algorithm 1", "003 Theorem 1: eps^-3, mean-squared smooth", "3"),
    "fmbo": Entry("solvers.fmbo:FMBO", "003 Algorithm 2", "003 Theorem 2: eps^-3, mean-squared smooth", "3"),
    "bo_rep": Entry("solvers.bo_rep:BOREP", "004 Algorithms 1-3", "004 Theorem 3.1: eps^-4, relaxed smooth", "4"),
    "bsa": Entry("solvers.stocbio:BSA", "Ghadimi, Wang 2018", "eps^-6 (paper 004, Table 1)", "6"),
    "stocbio": Entry("solvers.stocbio:StocBiO", "Ji, Yang, Liang 2021", "eps^-4 (paper 004, Table 1)", "4"),
    "aid": Entry("solvers.aid:AID", "Pedregosa 2016; Grazzi et al. 2020", "none (exact oracles: eps^-2)", "2"),
    "itd": Entry(
        "solvers.itd:ITD", "Franceschi et al. 2017; Ji, Yang, Liang 2021", "none (exact oracles: eps^-2)", "2"
    ),
    "mrbo": Entry("solvers.mrbo:MRBO", "Yang, Ji, Liang 2021, Algorithm 1", "eps^-3, mean-squared smooth", "3"),
    "vrbo": Entry("solvers.mrbo:VRBO", "Yang, Ji, Liang 2021, Algorithm 2", "eps^-3, mean-squared smooth", "3"),
    "sustain": Entry("solvers.sustain:SUSTAIN", "Khanduri et al. 2021", "eps^-3, mean-squared smooth", "3"),
    "ttsa": Entry("solvers.ttsa:TTSA", "Hong et al. 2023", "eps^-5 (paper 004, Table 1)", "5"),
    "soba": Entry("solvers.soba:SOBA", "Dagréou et al. 2022", "eps^-4, one more order of smoothness", "4"),
    "ma_soba": Entry("solvers.soba:MASOBA", "Chen, Xiao, Balasubramanian 2023", "eps^-4 (paper 004, Table 1)", "4"),
    "saba": Entry("solvers.soba:SABA", "Dagréou et al. 2022", "finite sums of n terms: n^(2/3) eps^-2", "2"),
    "amigo": Entry("solvers.amigo:AmIGO", "Arbel, Mairal 2022", "eps^-4 (paper 004, Table 1)", "4"),
    "fsla": Entry("solvers.fsla:FSLA", "Li, Gu, Huang 2022", "eps^-4", "4"),
    "bome": Entry("solvers.bome:BOME", "Liu, Ye, Wright, Stone, Liu 2022", "exact oracles"),
    "f3sa": Entry("solvers.f3sa:F3SA", "Kwon et al. 2023, Algorithm 2", "eps^-5 (paper 003, Table 1)", "5"),
    "pzobo": Entry("solvers.pzobo:PZOBO", "Sow, Ji, Liang 2022", "p^2 eps^-6 (paper 003, Table 1)", "6"),
}
