"""The solvers by name. Adding one is one file and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Where a solver lives, which paper and listing it runs, and the theorem on its calls (or "none")."""

    target: str
    paper: str
    theorem: str

    def load(self) -> Any:
        module, name = self.target.split(":")
        return getattr(import_module(module), name)


SOLVERS: dict[str, Entry] = {
    "f2sa_p": Entry("solvers.f2sa_p:F2SAp", "000 Algorithms 1, 2", "000 Theorem 3.1: p kappa^(9+2/p) eps^(-4-2/p)"),
    "f2sa": Entry("solvers.f2sa:F2SA", "Kwon et al. 2023, Algorithm 1", "eps^-7 single loop (paper 000, Table 1)"),
    "f2ba": Entry("solvers.f2ba:F2BA", "001 Algorithm 1", "001 Theorem 4.1: kappa^4 eps^-2 (accelerated kappa^3.5)"),
    "perturbed_f2ba": Entry(
        "solvers.perturbed_f2ba:PerturbedF2BA", "001 Algorithm 2", "001 Theorem 5.1: kappa^4 eps^-2, second order"
    ),
    "distributed_f2ba": Entry("solvers.distributed_f2ba:DistributedF2BA", "001 Algorithm 3", "001 Corollary 6.1"),
    "f2sa_2": Entry("solvers.f2sa_2:F2SA2", "000 Algorithm 3", "000 Theorem 3.1 at p = 2"),
}
