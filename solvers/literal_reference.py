"""F2SA-p literally, readable and array-library neutral: the definition that the compiled kernels are held to.

    for every node j:  y_j <- y_j - eta_y (j nu F_y + G_y)(x, y_j),   K times, noise at inner index k + 1
    Phi = sum_j alpha_j (j F_x + G_x/nu),  the noise summed over S samples in their order, then divided into sigma
    x <- x - eta_x Phi/||Phi||

Algorithms 1 and 2 of paper 000, as :class:`solvers.f2sa_p.F2SAp` runs them on the oracle's addresses. What is fixed
here and not there is the ORDER of the operations: sums over coordinates, samples and nodes run from the first to the
last, every product and sum is rounded on its own. A kernel that keeps the order gives the same bits on sign noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import array_api_compat
import numpy as np

from solvers.base import check_choice
from solvers.jump_config import JumpConfig, Stage
from solvers.literal import LiteralResult, LiteralRun, NoiseName, literal_run
from solvers.lower_levels import Level, amplitude, ordered_square
from synthetic.arrays import Array, like, namespace, to_numpy
from synthetic.philox import FAST_GAUSSIAN, FAST_RADEMACHER, GAUSSIAN, RADEMACHER, Address, Law, Stream, draw_blocks

LAWS = {
    "exact": {"gaussian": GAUSSIAN, "rademacher": RADEMACHER},
    "fast": {"gaussian": FAST_GAUSSIAN, "rademacher": FAST_RADEMACHER},
}


def run_literal(
    config: JumpConfig,
    seeds: Sequence[int] | np.ndarray,
    noise: NoiseName = "gaussian",
    *,
    scale: float = 1.0,
    zero_node: bool = False,
    stream: Literal["exact", "fast"] = "exact",
    reference: Array = None,
) -> LiteralResult:
    """As solvers.literal_numba.run_literal; in the library, on the device and in the dtype of ``reference``."""
    check_choice("stream", stream, ("exact", "fast"))
    run = literal_run(config, seeds, noise, scale, zero_node)
    result = _Runner(run, np.zeros(()) if reference is None else reference, LAWS[stream][run.law]).go()
    return replace(result, in_law=stream == "fast")


@dataclass
class Watch:
    """Hitting times (3, R) on the host, as solvers.jump_kernel.watch takes them."""

    config: JumpConfig
    level: float
    times: np.ndarray
    begun: np.ndarray

    def see(self, t: int, squares: np.ndarray) -> None:
        c, (hit, sustained, last) = self.config, self.times
        alive, below = last < 0, squares <= self.level
        self.begun[alive & ~below] = -1
        new = alive & below & (self.begun < 0)
        self.begun[new] = t
        hit[new & (hit < 0)] = t
        lasting = alive & (sustained < 0) & (self.begun >= 0) & (t >= c.sustain * self.begun)
        sustained[lasting] = self.begun[lasting]
        over = (sustained >= 0) & (t >= c.linger * sustained) if c.stop else np.zeros_like(alive)
        last[alive & ((t == c.T_max) | over)] = t


class _Runner:
    def __init__(self, run: LiteralRun, reference: Array, law: Law) -> None:
        self.run, self.config, self.reference, self.law = run, run.config, reference, law
        self.xp, self.device = namespace(reference), array_api_compat.device(reference)
        R, P = run.seeds.size, len(run.pairs)
        self.level = Level(run.config.problem, reference)
        self.x = like(np.tile(self.config.x0, (R, 1)), reference)
        self.y = like(np.tile(self.config.y0, (R, P, 1)), reference)
        self.nodes = np.array([j for j, _ in run.pairs])
        level = float(to_numpy(self.number(self.config.eps**2)))
        self.watch = Watch(self.config, level, np.full((3, R), -1), np.full(R, -1))
        self.meter = np.zeros(R, dtype=np.int64)
        self.norms = np.full((R, self.config.marks.size), np.nan)

    def number(self, value: float) -> Array:
        """A scalar in the dtype of the run."""
        return like(np.asarray(value, dtype=float), self.reference)

    def noise(self, t: int, inner: int, node: np.ndarray, part: int, n: int, sample: int = 0) -> tuple[Array, Array]:
        """One sample of F's and of G's noise for every run and node, each (R, P, n); counted here."""
        self.meter[self.watch.times[2] < 0] += len(node)
        address = Address(self.run.experiment, self.run.seeds[:, None], t, inner, node, 0, sample)
        streams = (Stream.FY, Stream.GY) if part else (Stream.FX, Stream.GX)
        drawn = (draw_blocks(self.law, address, [(int(s), n)], self.reference)[..., :n] for s in streams)
        f, g = (self.xp.astype(z, self.reference.dtype) for z in drawn)
        return f, g

    def go(self) -> LiteralResult:
        t, watch = 0, self.watch
        while True:
            squares = to_numpy(self.level.square(self.x))
            mark, alive = np.flatnonzero(self.config.marks == t), watch.times[2] < 0
            if mark.size:
                self.norms[alive, mark[0]] = self._norms(squares)[alive]
            watch.see(t, squares)
            alive = watch.times[2] < 0
            if not alive.any():
                break
            self.step(t, [s for s in self.config.stages if s.start <= t][-1], alive)
            t += 1
        return self.run.result(watch.times, self.norms, self.meter, to_numpy(self.x), to_numpy(self.y))

    def _norms(self, squares: np.ndarray) -> np.ndarray:
        if self.run.level != "softmax":
            return np.sqrt(squares)
        gradient: Any = self.config.problem
        return np.linalg.norm(to_numpy(gradient.hypergrad(self.x)), axis=-1)

    def step(self, t: int, stage: Stage, alive: np.ndarray) -> None:
        """One outer step of the runs that are alive; the others stay where they ended."""
        c, run = self.config, self.run
        j = like(self.nodes.astype(float)[:, None], self.reference)
        nu, x = self.number(c.nu), self.x[:, None, :]
        sigma = [self.number(s) for s in (c.sigma_f, c.sigma_g)]
        zero = np.zeros_like(self.nodes)
        y, node = self.y, zero if c.sharing == "everywhere" else self.nodes
        for k in range(stage.K):
            f, g = self.noise(t, 1 + (k if c.inner == "fresh" else 0), node, 1, y.shape[-1])
            F, G = self.level.grad_y(x, y)
            size = amplitude(y, run.scale)
            F, G = F + (sigma[0] * size) * f, G + (sigma[1] * size) * g
            y = y - self.number(stage.eta_y) * ((j * nu) * F + G)
        node = self.nodes if c.sharing == "independent" else zero
        f, g = self.noise(t, 0, node, 0, x.shape[-1])
        for i in range(1, stage.S):
            more = self.noise(t, 0, node, 0, x.shape[-1], i)
            f, g = f + more[0], g + more[1]
        F, G = self.level.grad_x(x, y)
        size = amplitude(y, run.scale)
        on_f, on_g = (self.number(s / stage.S) * size for s in (c.sigma_f, c.sigma_g))
        terms = j * (F + on_f * f) + (G + on_g * g) / nu
        Phi = 0 * self.x
        for m, (_, weight) in enumerate(run.pairs):
            Phi = Phi + self.number(weight) * terms[:, m, :]
        going = self.xp.asarray(alive, device=self.device)[:, None]
        self.x = self.xp.where(going, self.x - self.number(stage.eta_x) * self._direction(Phi), self.x)
        self.y = self.xp.where(going[..., None], y, self.y)

    def _direction(self, Phi: Array) -> Array:
        if not self.config.normalise:
            return Phi
        xp = self.xp
        size = xp.sqrt(ordered_square(Phi))[..., None]
        return xp.where(size > 0, Phi / xp.where(size > 0, size, xp.ones_like(size)), xp.zeros_like(Phi))
