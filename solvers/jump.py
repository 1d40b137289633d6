"""F2SA-p on linear-quadratic instances, exact in law, at a cost that does not depend on S and K.

The problem: min_x phi(x) through sampled first-order information of a quadratic lower level. The method: Algorithms
1 and 2 of paper 000 with every inner loop of K steps and every batch of S samples replaced by one draw of its exact
Gaussian law (:mod:`solvers.lq_law`). Measured: the first outer step at which the exact ||grad phi(x_t)|| <= eps,
for each seed, and the calls this stands for. Those are CHARGED, never metered: outer steps x nodes x (S + K), in
Python integers, since they pass 1e22.

A result is a function of (configuration, experiment, seed): normals come from Philox counters, seeds share nothing,
and neither the grouping of seeds nor the number of processes can be seen in it. Between machines with and without
fused multiply-add last bits may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from solvers.jump_config import JumpConfig, Stage
from solvers.jump_dense import Dense, dense_coupling, run_dense_group
from solvers.jump_kernel import DIRECT, FILTERED, JOINT, NEVER, run_group
from solvers.jump_tables import Tables, kernel_tables
from solvers.lane_normals import LANES
from solvers.lq_law import Diagonal, coupling
from synthetic.errors import InputError
from synthetic.philox import integers

__all__ = ["Dense", "Diagonal", "JumpConfig", "JumpResult", "Stage", "run_jump"]


@dataclass(frozen=True, eq=False)
class JumpResult:
    """Arrays over R seeds. hit: first t with ||grad phi(x_t)|| <= eps; sustained: first t_0 from which it stayed
    below over [t_0, sustain t_0]; last: outer steps run; -1 where it never happened (censored, not dropped).

    norms (R, C): ||grad phi|| at ``checkpoints``, NaN after a seed's end. x (R, dx) at the end; y (R, p, dy) for
    the active nodes, None when the method does not keep their law. method: "direct", "joint" or "filtered".
    """

    config: JumpConfig
    method: str
    seeds: np.ndarray
    hit: np.ndarray
    sustained: np.ndarray
    last: np.ndarray
    checkpoints: np.ndarray
    norms: np.ndarray
    x: np.ndarray
    y: np.ndarray | None

    @property
    def censored(self) -> np.ndarray:
        """Seeds without a sustained hit by T_max."""
        return self.sustained < 0

    def charged(
        self, when: Literal["last", "hit", "sustained"] = "last", *, as_printed: bool = False
    ) -> tuple[int | None, ...]:
        """Calls up to ``when`` for each seed, None for a seed that never got there."""
        steps = getattr(self, when)
        return tuple(None if t < 0 else self.config.calls(int(t), as_printed=as_printed) for t in steps)


def run_jump(config: JumpConfig, seeds: Sequence[int] | np.ndarray) -> JumpResult:
    """Run ``config`` for every seed (uint32, shape (R,)).

    Seeds are worked on LANES at a time: multiples of it use the machine best, the results are the same anyhow.
    """
    seed_array = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    if seed_array.ndim != 1:
        raise InputError("seeds", seeds, "pass a 1-d array of seeds")
    experiment = np.uint64(integers("experiment", config.experiment, 0, 2**32))
    problem, dense = config.problem, isinstance(config.problem, Dense)
    if not isinstance(problem, (Diagonal, Dense)):
        raise InputError("problem", type(problem).__name__, "the jump kernel runs Diagonal and Dense instances")
    build: Any = dense_coupling if dense else coupling
    law = build(problem, config.nodes, config.weights, config.nu)
    tables = kernel_tables(config, law)
    start = config.y0 - law.minimisers(problem, config.nu, config.x0)
    if dense:
        start = np.einsum("pij,pi->pj", law.U, start)
    run = (_dense_run if dense else _diagonal_run)(config, law, tables, experiment)
    hit, sustained, last, norms, x, w = over_lanes(seed_array, run, config.x0, start, config.marks.size)
    method = {DIRECT: "direct", JOINT: "joint", FILTERED: "filtered"}[tables.mode]
    y = None if tables.mode == FILTERED else _lower_levels(config, law, x, w)
    return JumpResult(config, method, seed_array, hit, sustained, last, config.marks, norms, x, y)


def _lower_levels(config: JumpConfig, law: Any, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """y_j = y*_{j nu}(x) + w_j, shape (R, p, dy)."""
    if isinstance(config.problem, Dense):
        w = np.einsum("pji,rpi->rpj", law.U, w)
    return w + law.minimisers(config.problem, config.nu, x)


Found = tuple[np.ndarray, ...]
"""hit, sustained, last (LANES,), norms (C, LANES), x (dx, LANES), w (p, dy, LANES): start in, results out."""


def over_lanes(
    seeds: np.ndarray, run: Callable[[np.ndarray, Found], None], x0: np.ndarray, w0: np.ndarray, marks: int
) -> Found:
    """``run`` on groups of LANES seeds, every one started at (x0, w0); the results with the seeds' axis first.

    The last group's free lanes repeat its first seed and are dropped.
    """
    padded = np.concatenate([seeds, np.repeat(seeds[-1:], -len(seeds) % LANES)]).astype(np.uint64)
    starts: tuple[tuple[Any, tuple[int, ...]], ...] = ((NEVER, ()), (NEVER, ()), (NEVER, ()), (np.nan, (marks,)))
    found = tuple(np.full((*shape, len(padded)), value) for value, shape in starts)
    found += tuple(np.repeat(a[..., None], len(padded), axis=-1) for a in (x0, w0))
    for first in range(0, len(padded), LANES):
        part = tuple(np.ascontiguousarray(a[..., first : first + LANES]) for a in found)
        run(padded[first : first + LANES], part)
        for whole, done in zip(found, part):
            whole[..., first : first + LANES] = done
    return tuple(np.moveaxis(a, -1, 0)[: len(seeds)] for a in found)


def _watching(config: JumpConfig) -> tuple[Any, ...]:
    return config.eps**2, config.T_max, config.sustain, config.linger, config.stop, config.marks


def _diagonal_run(
    config: JumpConfig, law: Any, tables: Tables, experiment: np.uint64
) -> Callable[[np.ndarray, Found], None]:
    p = len(law.H)
    until, eta_x, sigma, rho, gain = tables.arrays()
    factor = np.repeat(np.array(tables.factor) if tables.factor else np.zeros((1, p, p, 1)), LANES, axis=-1)
    constants = (config.problem.curvature, law.bias0, law.bias1, law.slope, law.q)
    wide = [np.repeat(a, LANES, axis=-1) for a in constants]
    rows = (until, eta_x, sigma[:, None, :], rho, gain, factor)
    watching = _watching(config)

    def run(lanes: np.ndarray, found: Found) -> None:
        hit, sustained, last, norms, x, w = found
        x_end, w_end = x.reshape(-1), w.reshape(p, -1)
        run_group(
            experiment, lanes, x_end.copy(), w_end.copy(), *wide, *rows, tables.mode, config.normalise, *watching,
            hit, sustained, last, norms, x_end, w_end,
        )  # fmt: skip

    return run


def _dense_run(
    config: JumpConfig, law: Any, tables: Tables, experiment: np.uint64
) -> Callable[[np.ndarray, Found], None]:
    constants = (config.problem.P, law.bias0, law.bias1, law.slope, law.q)
    rows, watching = tables.arrays(), _watching(config)

    def run(lanes: np.ndarray, found: Found) -> None:
        hit, sustained, last, norms, x, w = found
        run_dense_group(
            experiment, lanes, x.copy(), w.copy(), *constants, *rows, config.normalise, *watching,
            hit, sustained, last, norms, x, w,
        )  # fmt: skip

    return run
