"""The separable chain at T = 1000, every step taken, beside the same walk in law (skipping exactly over misses).

gamma = 1/100: a link waits 100 calls, 1000 links 10^5 calls and more. What is looked at: calls against T/gamma, whether
prog_0(t) stayed below (e - 1) gamma t + log(1/delta) for all t at once, and whether literal and skipping walks have one
law (two-sample Kolmogorov-Smirnov on the calls). ``python -m verify.presets.lower_long`` writes the committed table.
"""

from __future__ import annotations

from math import e, log
from pathlib import Path
from statistics import median

import numpy as np
from scipy.stats import ks_2samp

from solvers.chain_kernel import Walk, walk
from verify.preset import Row
from verify.record_results import RESULTS
from verify.tables import write_table

T, GAMMA, DELTA = 1000, 0.01, 0.05
NAME = "lower-separable-long"
METHODS: dict[str, Walk] = {
    "SGD": Walk(T, GAMMA, 0.01, most=10**7),
    "F2SA-2": Walk(T, GAMMA, 0.01, cost=4, weights=(0.5, 0.5), most=10**7),
    "NSGD with momentum": Walk(T, GAMMA, 0.01, a=0.01, normalise=True, most=10**7),
}
BEYOND = {f"SGD, {length} links": Walk(length, 0.001, 0.01, skip=True, most=10**9) for length in (2000, 4000)}
SEEDS = {"SGD": 12, "F2SA-2": 8, "NSGD with momentum": 4}


def crossed(reveal: np.ndarray, gamma: float = GAMMA, delta: float = DELTA) -> int:
    """Seeds whose progress passed the line: coordinate k after t_k calls, k > (e - 1) gamma t_k + log(1/delta).

    Calls, not steps: each node of a stencil asks with a coin of its own.
    """
    k = np.arange(1, reveal.shape[1] + 1)
    calls = np.where(reveal < 0, np.inf, reveal)
    return int(np.sum(np.any(k > (e - 1) * gamma * calls + log(1 / delta), axis=1)))


def long_row(name: str, config: Walk, seeds: int) -> Row:
    """One line: literal runs of ``config``, and as many in law where the kernel can skip."""
    literal = walk(config, range(seeds))
    skips = not config.normalise and config.a == 1
    other = walk(Walk(**{**config.__dict__, "skip": True}), range(1000, 1000 + 4 * seeds)) if skips else None
    per_link = [calls / config.cost * config.gamma / config.T for calls in literal.calls]
    return {
        "method": name,
        "T": config.T,
        "gamma": config.gamma,
        "runs": seeds,
        "reached": sum(literal.hit),
        "median_calls": median(literal.calls),
        "steps_per_wait": round(median(per_link), 4),
        "line_crossed": crossed(literal.reveal, config.gamma),
        "line_allowed": DELTA * seeds,
        "runs_in_law": len(other.calls) if other else 0,
        "median_calls_in_law": median(other.calls) if other else None,
        "ks_p": round(float(ks_2samp(literal.calls, other.calls).pvalue), 4) if other else None,
    }


def law_row(name: str, config: Walk, seeds: int) -> Row:
    """One line beyond the reach of literal runs: the same columns from skipping walks alone."""
    found = walk(config, range(seeds))
    steps = [calls / config.cost * config.gamma / config.T for calls in found.calls]
    return {
        "method": name,
        "T": config.T,
        "gamma": config.gamma,
        "runs": 0,
        "reached": sum(found.hit),
        "median_calls": None,
        "steps_per_wait": round(median(steps), 4),
        "line_crossed": crossed(found.reveal, config.gamma),
        "line_allowed": DELTA * seeds,
        "runs_in_law": seeds,
        "median_calls_in_law": median(found.calls),
        "ks_p": None,
    }


def main(folder: Path = RESULTS) -> None:
    rows = [long_row(name, config, SEEDS[name]) for name, config in METHODS.items()]
    rows += [law_row(name, config, 4) for name, config in BEYOND.items()]
    write_table(folder / f"{NAME}.csv", rows, "python -m verify.presets.lower_long", overwrite=True)


if __name__ == "__main__":
    main()
