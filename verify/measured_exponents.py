"""Which exponents of a solver were measured: read from the committed tables of ``verify/results``, never run here.

A table is used when it is there; a solver that no table names is "not measured". Lines about other variables than eps
(kappa, a probability, communicated floats) are kept with the variable's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from solvers.registry import SOLVERS
from verify.environment import suite_version
from verify.record_results import RESULTS
from verify.tables import Table, read_table

PRESETS = ("rates-stochastic", "rates-deterministic", "headline", "tuned", "lower-separable")
"""In the order in which their lines are listed, those over eps before all others."""
INSTANCES = {
    "headline": "ramp, theorem's schedule",
    "tuned": "ramp, tuned",
    "lower-separable": "separable chain, tuned",
}

UNMEASURED = {
    "bsa": "eps^-6, with inner loops that grow with t: too long for a fitted range",
    "aid": "no theorem under noise; with exact oracles the conformance kit checks eps^-2",
    "itd": "no theorem under noise; with exact oracles the conformance kit checks eps^-2",
    "vrbo": "no line; MRBO, of the same rate, has one",
    "saba": "its rate is one in the number of terms too, which no line varies",
    "amigo": "no line; its batches grow as those of stocBiO, which has one",
    "fsla": "no line; SOBA, of the same rate, has one",
    "bome": "its theorem bounds a KKT residual, not grad phi",
    "f3sa": "no line",
    "pzobo": "eps^-6, with batches of directions: too long for a fitted range",
}
"""Why no table names a solver."""


@dataclass(frozen=True)
class Exponent:
    """One line of a table: calls ~ (1/variable)^value (kappa: kappa^value) with the 95% interval [low, high].

    ``claimed``: what the source claims there, None for no claim; ``verdict``: the table's word on it.
    """

    solver: str
    value: float
    low: float | None
    high: float | None
    claimed: float | None
    variable: str
    instance: str
    verdict: str
    preset: str
    command: str
    version: str

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.value:.3f}{interval} ({self.variable}; {self.instance}; {self.preset})"

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "solver"}


def solver_of(name: str) -> str | None:
    """The registered solver that a table's name for an algorithm means: "MA-SOBA", "F2SA-4" (an order of F2SA-p)."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if re.search(r"f2sa(p|\d+)$", plain):
        return "f2sa_p"
    keys = {key.replace("_", ""): key for key in SOLVERS}
    found = max((key for key in keys if key in plain), key=len, default=None)
    return keys[found] if found else None


def exponent_of(row: Mapping[str, Any], preset: str, command: str) -> Exponent | None:
    """The measured exponent of a table's line; None when it measures none, or no registered solver."""
    name = row.get("algorithm") or row.get("method") or ("F2SA-p" if preset in ("headline", "tuned") else "")
    value = row.get("slope_log") if row.get("slope_log") is not None else row.get("slope")
    solver = solver_of(str(name))
    if solver is None or not isinstance(value, int | float):
        return None
    where = str(row.get("instance") or INSTANCES.get(preset, preset))
    if preset == "tuned":
        where = f"ramp, tuned, gamma c0 = {row['gamma_c0']:g}, {row['variant']}"
    if solver == "f2sa_p":
        where = f"p = {row.get('p', '?')}; {where}"
    if row.get("schedule"):
        where += f", {row['schedule']} schedule"
    variable = str(row.get("variable") or "eps")
    if row.get("what") == "floats":
        variable += ", floats sent"
    # the chain's slopes stand beside a lower bound, which is no claim about the solver
    claimed = None if preset == "lower-separable" else row.get("claimed", row.get("theory"))
    verdict = str(row.get("on_claim") or row.get("verdict") or "") if claimed is not None else "no claim"
    return Exponent(
        solver, float(value), row.get("ci_low"), row.get("ci_high"), claimed, variable, where, verdict, preset,
        command, suite_version(),
    )  # fmt: skip


@lru_cache(maxsize=4)
def exponents(folder: Path = RESULTS) -> dict[str, tuple[Exponent, ...]]:
    """All measured exponents by solver; a solver without any has an empty tuple."""
    found: dict[str, list[Exponent]] = {name: [] for name in SOLVERS}
    for preset in PRESETS:
        path = folder / f"{preset}.csv"
        table = read_table(path) if path.is_file() else Table([], "")
        for row in table.rows:
            line = exponent_of(row, preset, table.command)
            if line is None:
                continue
            found[line.solver].append(line)
            if line.solver == "f2sa_p" and row.get("p") == 2:  # F2SA-2 is F2SA-p at p = 2, iterate by iterate
                found["f2sa_2"].append(replace(line, solver="f2sa_2"))
    first_eps = {name: sorted(lines, key=lambda line: line.variable != "eps") for name, lines in found.items()}
    return {name: tuple(lines) for name, lines in first_eps.items()}
