"""The other kernels: the jump over inner loops, the walks on the hard instances, the finite sum."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from solvers.chain_kernel import Walk, walk
from solvers.coupled_kernel import CoupledWalk, coupled_walk
from solvers.finite_sum_numba import LeastSquares, inner_loops
from solvers.jump import run_jump
from verify.speed.case import Case, side_by_side
from verify.speed.limits import CORES
from verify.speed.loops import SEEDS, configuration, instance

ORDERS = tuple(range(1, 9))
ROWS, DIM, BATCH, INNER = 1024, 100, 64, 30


def others() -> Iterator[Case]:
    for p in ORDERS:
        yield jump(p)
    for name, config in (("chain", Walk(20, 0.5, 0.01, most=20_000)), ("chain skipping", _skipping())):
        yield _walk(name, walk, config)
    nodes = ((-1, -0.5), (1, 0.5))
    coupled = CoupledWalk(4, 0.5, 10.0, 0.001, 1, nodes=nodes, K=6, rate=0.05, normalise=True, most=10_000)
    yield _walk("coupled", coupled_walk, coupled)
    for precision in ("float32", "float64"):
        yield finite_sum(precision)


def _skipping() -> Walk:
    return Walk(20, 0.001, 0.01, skip=True, most=10**7)


def jump_name(p: int) -> str:
    return f"jump d=5 p={p}"


def jump(p: int, d: int = 5, steps: int = 4000, seeds: int = 16) -> Case:
    """Outer steps of the jump kernel, whatever S and K are."""
    config = configuration(instance("quadratic", d), 10**9, 10**6, steps, p)

    def work(k: int) -> float:
        return float(run_jump(config, range(seeds * k, seeds * (k + 1))).last.sum())

    return Case(jump_name(p), "outer steps", side_by_side(work), CORES)


def _walk(name: str, run: Any, config: Any) -> Case:
    """Outer steps that the walk stands for."""

    def work(threads: int) -> float:
        return float(sum(run(config, range(2)).calls)) / config.cost

    return Case(name, "outer steps", work)


def finite_sum_name(precision: str) -> str:
    return f"finite sum d={DIM} n={ROWS} batch={BATCH} {precision}"


def least_squares() -> LeastSquares:
    rng = np.random.default_rng(0)
    return LeastSquares(*(rng.normal(size=shape) / 10 for shape in ((ROWS, DIM), ROWS, (ROWS, DIM), ROWS)))


def finite_sum(precision: str) -> Case:
    problem, start = least_squares(), np.zeros((SEEDS, 1, DIM))
    sizes: Any = {"nu": 0.1, "eta": 0.1, "K": INNER, "batch_f": BATCH, "batch_g": BATCH, "precision": precision}

    def work(threads: int) -> float:
        return float(inner_loops(problem, start, seeds=range(SEEDS), nodes=[1], threads=threads, **sizes)[1].sum())

    return Case(finite_sum_name(precision), "calls", work, CORES)
