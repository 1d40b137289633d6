"""F2SA-p literally through the CUDA kernels of literal.cu: the runs of solvers.literal_reference, a thread a lane.

Lanes are (seed, eps, node) in the inner loops and in the batches, (seed, eps) in the step of x; all runs take outer
step t together, and one launch takes up to STEPS inner steps of every lane. Host and device exchange nothing but the
end flags, every POLL outer steps, and the norms at the checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.cuda.sources import Build, Precision, StreamName, literal_build
from solvers.jump_config import FOREVER, JumpConfig
from solvers.literal import LiteralResult, LiteralRun, NoiseName, literal_run
from solvers.lower_levels import coefficient_rows, softmax_samples
from synthetic.errors import InputError
from synthetic.learn_regularize import LearnToRegularize

STEPS = 1 << 14
"""Inner steps (or samples) that one launch takes of every lane: short enough for a GPU that also draws a screen."""
POLL = 64


def run_literal(
    config: JumpConfig,
    seeds: Sequence[int] | np.ndarray,
    noise: NoiseName = "gaussian",
    *,
    scale: float = 1.0,
    zero_node: bool = False,
    precision: Precision = "float64",
    stream: StreamName = "exact",
    module: Any = None,
) -> LiteralResult:
    """As solvers.literal_numba.run_literal, on the GPU (or in ``module``: a function of a Build that loads it).

    ``stream`` "fast": Philox4x32-7, normals in the precision of the run, fast-math: equal in law only (``in_law``).
    """
    return run_literals(
        [config], seeds, noise, scale=scale, zero_node=zero_node, precision=precision, stream=stream, module=module
    )[0]  # fmt: skip


def run_literals(
    configs: Sequence[JumpConfig],
    seeds: Sequence[int] | np.ndarray,
    noise: NoiseName = "gaussian",
    *,
    scale: float = 1.0,
    zero_node: bool = False,
    precision: Precision = "float64",
    stream: StreamName = "exact",
    module: Any = None,
) -> list[LiteralResult]:
    """Several configurations (an eps each, say) side by side: all seeds of all of them in the same launches.

    They must share what is compiled in or passed once: the lower level's kind and size, the nodes and weights, the
    sharing, ``inner``, ``normalise`` and ``stop``.
    """
    if module is None:
        from solvers.cuda.device import DeviceModule as module  # noqa: N813  (a class used as the function it is)
    runs = [literal_run(config, seeds, noise, scale, zero_node) for config in configs]
    for name in ("sharing", "inner", "normalise", "stop"):
        if len({getattr(config, name) for config in configs}) != 1:
            raise InputError(name, [getattr(config, name) for config in configs], "must be the same in all")
    if len({(run.pairs, run.level, run.config.problem.dim_x, run.config.problem.dim_y) for run in runs}) != 1:
        raise InputError("configs", len(configs), "pass configurations with the same nodes, lower level and size")
    build, real = build_of(runs[0], precision, stream), np.dtype(precision)
    return [replace(found, in_law=stream == "fast") for found in _Device(runs, module(build), real).go()]


def build_of(run: LiteralRun, precision: Precision, stream: StreamName = "exact") -> Build:
    """What the kernels are compiled for."""
    problem = run.config.problem
    classes = problem.classes if isinstance(problem, LearnToRegularize) else 0
    return literal_build(
        run.level, run.law, problem.dim_x, problem.dim_y, classes=classes, precision=precision, stream=stream
    )


def level_data(runs: Sequence[LiteralRun], each: int) -> tuple[np.ndarray, np.ndarray]:
    """(data, shape) of levels.cuh: rows of coefficients (rows, d, R), or the samples of a softmax level, shared."""
    problem = runs[0].config.problem
    if not isinstance(problem, LearnToRegularize):
        tables = [np.repeat(coefficient_rows(run.config.problem)[..., None], each, axis=-1) for run in runs]
        return np.concatenate(tables, axis=-1), np.zeros(2, dtype=np.int64)
    if any(run.config.problem is not problem for run in runs):
        raise InputError("configs", len(runs), "softmax runs side by side must share one instance")
    return softmax_samples(problem)


class _Device:
    """The arrays of a group of runs where the kernels see them, and the loop over outer steps."""

    def __init__(self, runs: Sequence[LiteralRun], module: Any, real: np.dtype[Any]) -> None:
        self.runs, self.module, self.xp = runs, module, module.xp
        first, each = runs[0], runs[0].seeds.size
        self.each, self.R, self.P = each, each * len(runs), len(first.pairs)
        self.stages = max(len(run.config.stages) for run in runs)
        c = first.config
        self.flags = (
            (c.inner == "frozen") + 2 * (c.sharing != "independent") + 4 * (c.sharing == "everywhere")
            + 8 * c.normalise
        )  # fmt: skip
        put = self._put

        def spread(values: list[Any]) -> np.ndarray:
            return np.repeat(np.array(values), each, axis=0).T

        keys = [np.repeat([run.experiment for run in runs], each), np.concatenate([run.seeds for run in runs])]
        data, shape = level_data(runs, each)
        self.keys, self.data, self.shape = put(keys, np.uint32), put(data, real), put(shape, np.int64)
        self.nodes, self.alpha = (
            put([pair[i] for pair in first.pairs], kind) for i, kind in ((0, np.int64), (1, real))
        )
        self.numbers = put(spread([(r.config.nu, r.config.sigma_f, r.config.sigma_g, r.scale) for r in runs]), real)
        self.host_whole = spread([self._stage_rows(run)[0] for run in runs])
        self.whole = put(self.host_whole, np.int64)
        self.real = put(spread([self._stage_rows(run)[1] for run in runs]), real)
        self.levels = put(spread([run.config.eps**2 for run in runs]), real)
        self.t_max = put(spread([run.config.T_max for run in runs]), np.int64)
        self.ends = put(spread([(run.config.sustain, run.config.linger) for run in runs]), np.float64)
        self.x = put(spread([run.config.x0 for run in runs]), real)
        y0 = spread([run.config.y0 for run in runs])
        self.y = put(np.broadcast_to(y0, (self.P, *y0.shape)), real)
        self.sum_f, self.sum_g = (put(np.zeros((self.P, c.problem.dim_x, self.R)), real) for _ in "fg")
        self.squares = put(np.zeros(self.R), real)
        self.meter = put(np.zeros((self.P, self.R)), np.int64)
        self.times, self.run_start = put(np.full((3, self.R), -1), np.int64), put(np.full(self.R, -1), np.int64)
        self.norms = [np.full((each, run.config.marks.size), np.nan) for run in runs]

    def _put(self, values: Any, dtype: Any) -> Any:
        return self.xp.asarray(np.array(values, dtype=dtype, order="C"))

    def _stage_rows(self, run: LiteralRun) -> tuple[np.ndarray, np.ndarray]:
        """(stages, 3) whole and (stages, 4) real numbers of one run; stages that it lacks never begin."""
        c, whole, real = run.config, [], []
        for s in c.stages:
            whole.append((s.start, s.S, s.K))
            real.append((s.eta_x, s.eta_y, c.sigma_f / s.S, c.sigma_g / s.S))
        missing = self.stages - len(whole)
        return np.array(whole + [(FOREVER, 1, 1)] * missing), np.array(real + [real[-1]] * missing)

    def _launch(self, name: str, lanes: int, *arguments: Any) -> None:
        fixed = (np.int64(a) if isinstance(a, int) else a for a in arguments)
        self.module.launch(name, lanes, *fixed)

    def _most(self, t: int, row: int) -> int:
        """The largest S (row 1) or K (row 2) of any run at outer step t."""
        stage = (self.host_whole[0] <= t).sum(axis=0) - 1
        return int(np.take_along_axis(self.host_whole[row], stage[None], axis=0).max())

    def go(self) -> list[LiteralResult]:
        marks = {int(t) for run in self.runs for t in run.config.marks}
        stop, watching = int(self.runs[0].config.stop), (self.levels, self.t_max, self.ends)
        state = (self.squares, self.run_start, self.times)
        self._launch("look", self.R, 0, self.R, stop, self.data, self.shape, self.x, *watching, *state)
        t, longest = 0, max(run.config.T_max for run in self.runs)
        while True:
            if t in marks:
                self._keep_norms(t)
            if t >= longest or (t % POLL == 0 and bool((self.times[2] >= 0).all())):
                return self._results()
            size = (self.R, self.P, self.stages, self.flags)
            for first in range(0, self._most(t, 2), STEPS):
                self._launch(
                    "inner_steps", self.R * self.P, t, first, STEPS, *size, self.times, self.keys, self.nodes,
                    self.whole, self.real, self.numbers, self.data, self.shape, self.x, self.y, self.meter,
                )  # fmt: skip
            for first in range(0, self._most(t, 1), STEPS):
                self._launch(
                    "batch_sums", self.R * self.P, t, first, STEPS, *size, self.times, self.keys, self.nodes,
                    self.whole, self.sum_f, self.sum_g, self.meter,
                )  # fmt: skip
            self._launch(
                "outer_step", self.R, t, *size, stop, self.nodes, self.alpha, self.whole, self.real, self.numbers,
                self.data, self.shape, self.x, self.y, self.sum_f, self.sum_g, *watching, *state,
            )  # fmt: skip
            t += 1

    def _host(self, array: Any) -> np.ndarray:
        return array if isinstance(array, np.ndarray) else array.get()

    def _own(self, array: np.ndarray, i: int) -> np.ndarray:
        """The part of run i, its seeds first."""
        return np.moveaxis(array[..., i * self.each : (i + 1) * self.each], -1, 0).copy()

    def _keep_norms(self, t: int) -> None:
        """Norms at a checkpoint of the runs that lived to see it (a run that ends at t saw t)."""
        last, squares = self._host(self.times[2]), self._host(self.squares)
        seen = (last < 0) | (last == t)
        for i, run in enumerate(self.runs):
            mark = np.flatnonzero(run.config.marks == t)
            if mark.size:
                problem = run.config.problem
                if isinstance(problem, LearnToRegularize):
                    x = self._own(self._host(self.x), i).astype(float)
                    norms = np.linalg.norm(np.asarray(problem.hypergrad(x)), axis=-1)
                else:
                    norms = np.sqrt(self._own(squares, i))
                self.norms[i][:, mark[0]] = np.where(self._own(seen, i), norms, np.nan)

    def _results(self) -> list[LiteralResult]:
        times, meter = self._host(self.times), self._host(self.meter).sum(axis=0)
        x, y = self._host(self.x), self._host(self.y)
        return [
            run.result(self._own(times, i).T, self.norms[i], self._own(meter, i), self._own(x, i), self._own(y, i))
            for i, run in enumerate(self.runs)
        ]
