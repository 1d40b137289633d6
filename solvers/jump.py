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

from collections.abc import Sequence
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
    build: Any = dense_coupling if dense else coupling
    law = build(problem, config.nodes, config.weights, config.nu)
    tables = kernel_tables(config, law)
    start = config.y0 - law.minimisers(problem, config.nu, config.x0)
    if dense:
        start = np.einsum("pij,pi->pj", law.U, start)
    parts = [
        _run_lanes(config, law, tables, start, experiment, seed_array[i : i + LANES])
        for i in range(0, len(seed_array), LANES)
    ]
    hit, sustained, last, norms, x, w = (np.concatenate(part) for part in zip(*parts))
    method = {DIRECT: "direct", JOINT: "joint", FILTERED: "filtered"}[tables.mode]
    y = None if tables.mode == FILTERED else _lower_levels(config, law, x, w)
    return JumpResult(config, method, seed_array, hit, sustained, last, config.marks, norms, x, y)


def _lower_levels(config: JumpConfig, law: Any, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """y_j = y*_{j nu}(x) + w_j, shape (R, p, dy)."""
    if isinstance(config.problem, Dense):
        w = np.einsum("pji,rpi->rpj", law.U, w)
    return w + law.minimisers(config.problem, config.nu, x)


def _run_lanes(
    config: JumpConfig, law: Any, tables: Tables, start: np.ndarray, experiment: np.uint64, seeds: np.ndarray
) -> tuple[np.ndarray, ...]:
    """At most LANES seeds; missing lanes repeat the first seed and are dropped."""
    used, marks = len(seeds), config.marks
    lanes = np.concatenate([seeds, np.repeat(seeds[:1], LANES - used)]).astype(np.uint64)
    x = np.repeat(config.x0[:, None], LANES, axis=1)
    w = np.repeat(start[:, :, None], LANES, axis=2)
    hit, sustained, last = (np.full(LANES, NEVER) for _ in range(3))
    norms = np.full((marks.size, LANES), np.nan)
    until, eta_x, sigma, rho, gain = tables.arrays()
    watching = (config.eps**2, config.T_max, config.sustain, config.linger, config.stop, marks)
    x_end, w_end = np.empty_like(x), np.empty_like(w)
    if isinstance(config.problem, Dense):
        run_dense_group(
            experiment, lanes, x, w, config.problem.P, law.bias0, law.bias1, law.slope, law.q, until, eta_x, sigma,
            rho, gain, config.normalise, *watching, hit, sustained, last, norms, x_end, w_end,
        )  # fmt: skip
    else:
        p = len(law.H)
        factor = np.array(tables.factor) if tables.factor else np.zeros((1, p, p, 1))
        wide = (
            np.repeat(a, LANES, axis=-1) for a in (config.problem.curvature, law.bias0, law.bias1, law.slope, law.q)
        )
        run_group(
            experiment, lanes, x.ravel(), w.reshape(p, -1), *wide, until, eta_x, sigma[:, None, :], rho, gain,
            np.repeat(factor, LANES, axis=-1), tables.mode, config.normalise, *watching, hit, sustained, last, norms,
            x_end.reshape(-1), w_end.reshape(p, -1),
        )  # fmt: skip
    return tuple(np.moveaxis(a, -1, 0)[:used] for a in (hit, sustained, last, norms, x_end, w_end))
