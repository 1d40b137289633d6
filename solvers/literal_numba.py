"""F2SA-p literally, compiled: every inner step and every sample of the listing is taken.

Algorithms 1 and 2 of paper 000 as :class:`solvers.f2sa_p.F2SAp` runs them, with the oracle's Philox addresses
(inner step k at inner index k + 1, or 1 for all k when frozen; the x step at inner index 0; node 0's samples for
every node where they are shared), in the order of operations of :mod:`solvers.literal_reference`: on sign noise the
same bits (a softmax level: to rounding), on normals (which agree to 1e-15, in float32 to 4e-7) the same to rounding.

Calls are METERED: a counter goes up by one where a sample is drawn, and nothing is multiplied afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import gcd
from typing import Any, Literal

import numpy as np

from solvers import literal_lanes as lanes
from solvers.base import check_choice, check_count
from solvers.jump_config import JumpConfig
from solvers.jump_kernel import NEVER
from solvers.lane_philox import WIDE
from solvers.literal import LiteralResult, LiteralRun, NoiseName, literal_run
from solvers.literal_levels import KINDS
from solvers.lower_levels import coefficient_rows, softmax_samples
from synthetic.errors import InputError
from synthetic.learn_regularize import LearnToRegularize
from synthetic.philox import NODE_OFFSET

__all__ = ["LiteralResult", "NoiseName", "run_literal"]

StreamName = Literal["exact", "fast"]


def run_literal(
    config: JumpConfig,
    seeds: Sequence[int] | np.ndarray,
    noise: NoiseName = "gaussian",
    *,
    scale: float = 1.0,
    zero_node: bool = False,
    precision: Literal["float64", "float32"] = "float64",
    stream: StreamName = "exact",
    fused: bool = False,
    threads: int = 1,
) -> LiteralResult:
    """Run ``config`` sample by sample for every seed (uint32, shape (R,)).

    noise: the models of :mod:`synthetic.noise`; ``scale`` belongs to "multiplicative". ``zero_node`` solves the
    nodes of weight 0 too, as the listing does. ``fused`` draws one normal for the noise of j nu F + G: half the
    numbers, the same law for normal noise of a size that does not depend on the sample; ``stream`` "fast" takes
    Philox4x32-7. Either gives another run, equal in law only, and the result says so (``in_law``).
    ``threads`` groups of seeds run side by side; no result depends on it.
    """
    check_choice("precision", precision, ("float64", "float32"))
    check_choice("stream", stream, ("exact", "fast"))
    check_count("threads", threads)
    asked = literal_run(config, seeds, noise, scale, zero_node)
    if fused and asked.law != "gaussian":
        raise InputError("fused", noise, "the sum of two samples has the law of one for normal noise only")
    job = _Job(asked, np.dtype(precision), stream, fused)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(job.run, range(0, asked.seeds.size, job.Q)))
    times, curve, metered, x, y = (np.concatenate(part)[: asked.seeds.size] for part in zip(*parts))
    result = asked.result(times.T, curve, metered, x, y)
    return replace(result, in_law=fused or stream == "fast")


class _Job:
    """What all groups of Q seeds of one request share."""

    def __init__(self, asked: LiteralRun, real: np.dtype[Any], stream: str, fused: bool) -> None:
        self.asked, self.real = asked, real
        c, P = asked.config, len(asked.pairs)
        granule = WIDE // gcd(WIDE, P)
        self.Q = min(WIDE, -(-asked.seeds.size // granule) * granule)
        self.chunks = P * self.Q // WIDE
        self.flags = (
            lanes.FROZEN * (c.inner == "frozen") | lanes.SHARED_X * (c.sharing != "independent")
            | lanes.SHARED_INNER * (c.sharing == "everywhere") | lanes.NORMALISE * c.normalise
            | lanes.SIGNS * (asked.law == "rademacher") | lanes.FUSED * fused | lanes.SHORT * (stream == "fast")
            | lanes.STOP * c.stop
        )  # fmt: skip
        self.node = np.repeat([j for j, _ in asked.pairs], self.Q).reshape(self.chunks, WIDE)
        self.alpha = np.array([w for _, w in asked.pairs], dtype=real)
        self.j = self.node.astype(real)
        self.numbers = np.array([c.nu, c.sigma_f, c.sigma_g, asked.scale], dtype=real)
        self.words = np.array([np.stack([self._words(part), self._words(part + 2)], axis=1) for part in (0, 1)])
        if isinstance(c.problem, LearnToRegularize):
            data, self.shape = softmax_samples(c.problem)
        else:
            data, self.shape = coefficient_rows(c.problem), np.zeros(2, dtype=np.int64)
        self.data = np.ascontiguousarray(data, dtype=real)

    def _words(self, stream: int) -> np.ndarray:
        """Counter word c3 of every lane: streams FX 0, FY 1, GX 2, GY 3; node 0's where samples are shared."""
        shared = self.flags & (lanes.SHARED_INNER if stream % 2 else lanes.SHARED_X)
        return (((0 if shared else 1) * self.node + NODE_OFFSET) << 8 | stream).astype(np.uint32)

    def run(self, first: int) -> tuple[np.ndarray, ...]:
        """times (Q, 3), norms at the checkpoints (Q, C), samples drawn (Q,), x (Q, dx), y (Q, P, dy)."""
        c, Q, real = self.asked.config, self.Q, self.real
        chosen = self.asked.seeds[np.minimum(np.arange(first, first + Q), self.asked.seeds.size - 1)].astype(np.uint32)
        times, marks = np.full((3, Q), NEVER), c.marks
        curve, metered = np.full((marks.size, Q), np.nan), np.zeros(Q, dtype=np.int64)
        x = np.tile(np.asarray(c.x0, dtype=real), (Q, 1))
        y = np.tile(np.repeat(np.asarray(c.y0, dtype=real), WIDE), (self.chunks, 1))
        x_end, y_end = x.copy(), np.tile(np.asarray(c.y0, dtype=real), (Q, self.alpha.size, 1))
        starts, S, K = (np.array([getattr(s, name) for s in c.stages]) for name in ("start", "S", "K"))
        eta = np.array([[s.eta_x for s in c.stages], [s.eta_y for s in c.stages]], dtype=real)
        over = np.array([[sigma / s.S for s in c.stages] for sigma in (c.sigma_f, c.sigma_g)], dtype=real)
        lanes.run_group(
            KINDS[self.asked.level], self.flags, np.uint32(self.asked.experiment),
            np.tile(chosen, self.alpha.size).reshape(self.chunks, WIDE), self.words, x, y, self.data, self.shape,
            self.j, self.j * self.numbers[0], self.alpha, self.numbers, starts, S, K, eta, over,
            float(real.type(c.eps**2)), c.T_max, c.sustain, c.linger, marks, *times, curve, metered, x_end, y_end,
        )  # fmt: skip
        return times.T, curve.T, metered, x_end, y_end
