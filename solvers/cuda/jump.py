"""The jump kernel through CUDA: solvers.jump.run_jump on diagonal instances, a thread a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from solvers.cuda.sources import Build
from solvers.jump import JumpResult
from solvers.jump_config import JumpConfig
from solvers.jump_kernel import JOINT
from solvers.jump_reference import JumpRun, jump_run

STEPS = 1 << 12
"""Outer steps that one launch takes of every run."""


def run_jump(config: JumpConfig, seeds: Sequence[int] | np.ndarray, *, module: Any = None) -> JumpResult:
    """As solvers.jump.run_jump, on the GPU (or in ``module``: a function of a Build that loads it)."""
    run = jump_run(config, seeds)
    if module is None:
        from solvers.cuda.device import DeviceModule as module  # noqa: N813  (a class used as the function it is)
    return _run(run, module(build_of(run)))


def build_of(run: JumpRun) -> Build:
    """What the kernel is compiled for."""
    P, d = run.law.H.shape
    return Build("jump.cu", (("P", str(P)), ("DX", str(d)), ("MODE", str(run.tables.mode))))


def _run(run: JumpRun, module: Any) -> JumpResult:
    config, law, tables, xp = run.config, run.law, run.tables, module.xp
    d, R = law.H.shape[1], run.seeds.size

    def put(values: Any, dtype: Any = np.float64) -> Any:
        return xp.asarray(np.array(values, dtype=dtype, order="C"))

    def host(array: Any) -> np.ndarray:
        return array if isinstance(array, np.ndarray) else array.get()

    keys = put([np.full(R, run.experiment), run.seeds], np.uint32)
    curvature = put(config.problem.curvature)
    until, eta_x, sigma, rho, gain = tables.arrays()
    factor = np.array(tables.factor) if tables.mode == JOINT else np.zeros(1)
    fixed = tuple(map(put, (law.bias0, law.bias1, law.slope, law.q)))
    rows = (put(until, np.int64), *map(put, (eta_x, sigma, rho, gain, factor)))
    state = tuple(
        put(np.broadcast_to(start[..., None], (*start.shape, R)))
        for start in (config.x0, run.start, np.zeros(d), np.zeros(d))
    )
    limits = (
        np.float64(config.eps**2), np.int64(config.T_max), np.float64(config.sustain), np.float64(config.linger),
    )  # fmt: skip
    squares, run_start, times = put(np.zeros(R)), put(np.full(R, -1), np.int64), put(np.full((3, R), -1), np.int64)
    watched, stop = (*limits, squares, run_start, times), np.int64(config.stop)
    norms, marks, t = np.full((R, config.marks.size), np.nan), config.marks, 0
    module.launch("jump_look", R, np.int64(0), np.int64(R), stop, curvature, state[0], *watched)
    while True:
        last = host(times)[2]
        mark = np.flatnonzero(marks == t)
        if mark.size:
            norms[:, mark[0]] = np.where((last < 0) | (last == t), np.sqrt(host(squares)), np.nan)
        if bool((last >= 0).all()):
            break
        later = marks[marks > t]
        count = min(STEPS, config.T_max - t, int(later[0]) - t if later.size else STEPS)
        steps = (np.int64(v) for v in (t, count, R, config.stop, config.normalise))
        module.launch("jump_steps", R, *steps, keys, curvature, *fixed, *rows, *state, *watched)
        t += count
    x, w, dx, _ = (np.moveaxis(host(a), -1, 0) for a in state)
    return run.result(host(times), norms, x, w - law.slope * dx[:, None, :])
