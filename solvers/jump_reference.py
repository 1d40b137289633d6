"""The jump kernel, readable and array-library neutral: what the compiled ones of numba and CUDA are held to.

    w_j <- rho_j (w_j - s_j dx) + noise_j,   Phi = phi'(x) + beta_0 + beta_1 x + sum_j q_j w_j + sigma zeta,
    dx = -eta_x Phi/||Phi||  (or -eta_x Phi),   x <- x + dx                       (solvers.jump_kernel)

for all seeds at once, on diagonal instances. Normals are read from the kernels' addresses: stream 16, outer step t (or
t // 4 for four steps when filtered) at counter words (inner, step) = (high, low) 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.jump import JumpResult
from solvers.jump_config import JumpConfig
from solvers.jump_kernel import DIRECT, FILTERED, JOINT
from solvers.jump_tables import Tables, kernel_tables
from solvers.lane_normals import KERNEL_STREAM
from solvers.literal_reference import Watch
from solvers.lower_levels import ordered_square
from solvers.lq_law import Coupling, Diagonal, coupling
from synthetic.arrays import Array, like, namespace, to_numpy
from synthetic.errors import InputError
from synthetic.philox import GAUSSIAN, Address, draw_blocks, integers


@dataclass(frozen=True, eq=False)
class JumpRun:
    """A checked request with its law and tables; ``start`` (p, d): w_j at the start."""

    config: JumpConfig
    seeds: np.ndarray
    experiment: int
    law: Coupling
    tables: Tables
    start: np.ndarray

    def result(self, times: np.ndarray, norms: np.ndarray, x: np.ndarray, w: np.ndarray) -> JumpResult:
        """times (3, R), norms (R, C), x (R, d), w (R, p, d) relative to the minimisers at x."""
        c, mode = self.config, self.tables.mode
        hit, sustained, last = np.array(times)
        y = None if mode == FILTERED else w + self.law.minimisers(c.problem, c.nu, x)
        name = {DIRECT: "direct", JOINT: "joint", FILTERED: "filtered"}[mode]
        return JumpResult(c, name, self.seeds, hit, sustained, last, c.marks, norms, np.array(x), y)


def jump_run(config: JumpConfig, seeds: Sequence[int] | np.ndarray) -> JumpRun:
    """Check a request before any work."""
    seed_array = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    if seed_array.ndim != 1:
        raise InputError("seeds", seeds, "pass a 1-d array of seeds")
    if not isinstance(config.problem, Diagonal):
        raise InputError("problem", type(config.problem).__name__, "this backend runs Diagonal instances: use numba")
    experiment = int(integers("experiment", config.experiment, 0, 2**32))
    law = coupling(config.problem, config.nodes, config.weights, config.nu)
    start = config.y0 - law.minimisers(config.problem, config.nu, config.x0)
    return JumpRun(config, seed_array, experiment, law, kernel_tables(config, law), start)


def run_jump(config: JumpConfig, seeds: Sequence[int] | np.ndarray, *, reference: Array = None) -> JumpResult:
    """As solvers.jump.run_jump; in the library and on the device of ``reference`` (float64)."""
    return _Runner(jump_run(config, seeds), np.zeros(()) if reference is None else reference).go()


class _Runner:
    def __init__(self, run: JumpRun, reference: Array) -> None:
        self.run, self.config, self.reference, self.xp = run, run.config, reference, namespace(reference)
        R, d = run.seeds.size, run.law.H.shape[1]
        self.curvature, self.bias0, self.bias1, self.slope, self.q = map(
            self.put, (run.config.problem.curvature, run.law.bias0, run.law.bias1, run.law.slope, run.law.q)
        )
        self.x, self.w = self.put(np.tile(run.config.x0, (R, 1))), self.put(np.tile(run.start, (R, 1, 1)))
        self.dx, self.before = self.put(np.zeros((R, d))), self.put(np.zeros((R, d)))
        self.until, self.eta_x, *rows = run.tables.arrays()
        self.sigma, self.rho, self.gain = map(self.put, rows)
        self.factor = self.put(np.array(run.tables.factor)) if run.tables.mode == JOINT else None
        self.z: Array = None

    def put(self, values: Any) -> Array:
        return like(np.asarray(values, dtype=float), self.reference)

    def normals(self, t: int) -> Array:
        """The normals of step t, (R, d (1 + p)), or (R, d) when filtered."""
        p, d = self.run.law.H.shape
        width, share = (d, 4) if self.run.tables.mode == FILTERED else ((1 + p) * d, 1)
        if t % share == 0:
            draw = t // share
            address = Address(
                self.run.experiment, self.run.seeds, draw % 2**32, (draw >> 32) % 2**32, 0, KERNEL_STREAM
            )  # fmt: skip
            self.z = draw_blocks(GAUSSIAN, address, [(0, share * width)], self.reference)
        return self.z[..., (t % share) * width : (t % share + 1) * width]

    def go(self) -> JumpResult:
        R, marks, t = self.run.seeds.size, self.config.marks, 0
        watch = Watch(self.config, self.config.eps**2, np.full((3, R), -1), np.full(R, -1))
        norms = np.full((R, marks.size), np.nan)
        while True:
            squares = to_numpy(ordered_square(self.curvature * self.x))
            mark, alive = np.flatnonzero(marks == t), watch.times[2] < 0
            if mark.size:
                norms[alive, mark[0]] = np.sqrt(squares[alive])
            watch.see(t, squares)
            alive = watch.times[2] < 0
            if not alive.any():
                break
            self.step(t, alive)
            t += 1
        w = to_numpy(self.w - self.slope * self.dx[:, None, :])
        return self.run.result(watch.times, norms, to_numpy(self.x), w)

    def step(self, t: int, alive: np.ndarray) -> None:
        """One outer step of the runs that are alive."""
        xp, (p, d), row = self.xp, self.run.law.H.shape, int(np.searchsorted(self.until, t, side="right"))
        z = self.normals(t)
        zeta = z[..., :d]
        noise = self.gain[row, ...] * self.before[:, None, :]
        if self.run.tables.mode != FILTERED:
            xi = xp.reshape(z[..., d : (1 + p) * d], (-1, p, d))
            if self.factor is None:
                noise = self.gain[row, ...] * xi
            else:
                noise = xp.sum(self.factor[row, ...] * xi[:, None, :, :], axis=2)
        w = self.rho[row, ...] * (self.w - self.slope * self.dx[:, None, :]) + noise
        Phi = self.curvature * self.x + (self.bias0 + self.bias1 * self.x)
        for j in range(p):
            Phi = Phi + self.q[j, :] * w[:, j, :]
        Phi = Phi + self.sigma[row, :] * zeta
        scale = 0 * Phi[:, :1] - float(self.eta_x[row])
        if self.config.normalise:
            size = xp.sqrt(ordered_square(Phi))[:, None]
            scale = xp.where(size > 0, scale / xp.where(size > 0, size, xp.ones_like(size)), xp.zeros_like(size))
        going = like(alive.astype(float), self.reference)[:, None] > 0
        self.dx, self.w = xp.where(going, scale * Phi, self.dx), xp.where(going[..., None], w, self.w)
        self.x = xp.where(going, self.x + self.dx, self.x)
        self.before = zeta
