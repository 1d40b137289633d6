"""What the literal runs of all backends share: the result, the checks, and the numbers of a run as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from solvers.base import check_choice, check_positive
from solvers.jump_config import JumpConfig
from solvers.lower_levels import level_name
from synthetic.errors import InputError
from synthetic.philox import integers

NoiseName = Literal["gaussian", "rademacher", "multiplicative"]


@dataclass(frozen=True, eq=False)
class LiteralResult:
    """As solvers.jump.JumpResult, with ``metered``: the samples that each seed's run drew until it ended.

    ``in_law``: the noise has the law of the reference's, and not its numbers.
    """

    config: JumpConfig
    nodes: tuple[int, ...]
    seeds: np.ndarray
    hit: np.ndarray
    sustained: np.ndarray
    last: np.ndarray
    checkpoints: np.ndarray
    norms: np.ndarray
    metered: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    in_law: bool = False


@dataclass(frozen=True, eq=False)
class LiteralRun:
    """A checked request: ``pairs`` (j, alpha_j) of the nodes solved; ``scale`` infinite for additive noise."""

    config: JumpConfig
    seeds: np.ndarray
    experiment: int
    pairs: tuple[tuple[int, float], ...]
    law: Literal["gaussian", "rademacher"]
    scale: float
    level: str

    def result(self, times: np.ndarray, norms: np.ndarray, meter: np.ndarray, x: Any, y: Any) -> LiteralResult:
        """times (3, R) hit, sustained, last; norms (R, C); meter (R,)."""
        names, metered = tuple(j for j, _ in self.pairs), tuple(int(m) for m in meter)
        hit, sustained, last = np.array(times)
        marks = self.config.marks
        return LiteralResult(self.config, names, self.seeds, hit, sustained, last, marks, norms, metered, x, y)


def literal_run(
    config: JumpConfig, seeds: Sequence[int] | np.ndarray, noise: NoiseName, scale: float, zero_node: bool
) -> LiteralRun:
    """Check a request before any work."""
    check_choice("noise", noise, ("gaussian", "rademacher", "multiplicative"))
    check_positive("scale", scale)
    name = level_name(config.problem)
    if config.T_max >= 2**32 or any(max(s.S, s.K) >= 2**31 for s in config.stages):
        raise InputError("T_max", config.T_max, "a literal run takes T_max < 2^32 and S, K < 2^31: use the jump kernel")
    seed_array = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    if seed_array.ndim != 1:
        raise InputError("seeds", seeds, "pass a 1-d array of seeds")
    experiment = int(integers("experiment", config.experiment, 0, 2**32))
    pairs = tuple((int(j), float(w)) for j, w in zip(config.nodes, config.weights) if w or zero_node)
    law: Any = "rademacher" if noise == "rademacher" else "gaussian"
    return LiteralRun(config, seed_array, experiment, pairs, law, scale if noise == "multiplicative" else np.inf, name)
