"""What the machine can do at all: random numbers, multiply-adds in registers, and copies of memory."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from solvers.compiled import njit
from solvers.lane_noise import wide_normals
from solvers.lane_philox import U32, WIDE
from synthetic.philox import Address, gaussian
from verify.speed.case import Case, side_by_side

BLOCKS, DRAWS = 16, 200
CORES = (1, 2)
CHAIN, LENGTH, PASSES = 32, 1024, 100
BIT_GENERATORS: dict[str, Any] = {"SFC64": np.random.SFC64, "PCG64": np.random.PCG64, "Philox": np.random.Philox}
REAL: dict[str, Any] = {"float32": np.float32, "float64": np.float64}
_FMA: Any = {"error_model": "numpy", "cache": True, "nogil": True, "fastmath": {"contract"}}
_PLAIN: Any = {"error_model": "numpy", "cache": True, "nogil": True}


def limits() -> Iterator[Case]:
    """Every limit, on one core and on two."""
    for name in BIT_GENERATORS:
        for precision in REAL:
            yield _numpy_normals(name, precision)
    for precision in REAL:
        for stream in ("exact", "fast"):
            yield _own_normals(precision, stream)
        yield _multiply_add(precision)
    yield _copy()
    yield _oracle_normals()


def generator_name(precision: str, stream: str) -> str:
    return f"generator {precision} {stream}"


def _numpy_normals(name: str, precision: str) -> Case:
    tools = [(np.random.Generator(BIT_GENERATORS[name](k)), np.zeros(1 << 14, REAL[precision])) for k in range(2)]

    def work(k: int) -> float:
        rng, out = tools[k]
        for _ in range(20):
            rng.standard_normal(dtype=out.dtype, out=out)
        return 20.0 * out.size

    return Case(f"NumPy {name} {precision}", "normals", side_by_side(work), CORES)


@njit(**_PLAIN)
def _draw_many(n, z, w, blocks, word, seeds, short):
    for k in range(n):
        wide_normals(z, w, blocks, 0, U32(k), U32(1), word, U32(1), seeds, short)


def _own_normals(precision: str, stream: str) -> Case:
    word = seeds = np.arange(WIDE, dtype=np.uint32)
    tools = [(np.zeros(4 * BLOCKS * WIDE, REAL[precision]), np.zeros(4 * WIDE, np.uint32)) for _ in range(2)]

    def work(k: int) -> float:
        _draw_many(DRAWS, *tools[k], BLOCKS, word, seeds, stream == "fast")
        return float(DRAWS * 4 * BLOCKS * WIDE)

    return Case(generator_name(precision, stream), "normals", side_by_side(work), CORES)


@njit(**_FMA)
def _chains(values, a, b, passes):
    """Each value goes through CHAIN multiply-adds in a register; neighbours fill the vector and hide the latency."""
    for _ in range(passes):
        for i in range(values.size):
            v = values[i]
            for _ in range(CHAIN):
                v = v * a + b
            values[i] = v


def _multiply_add(precision: str) -> Case:
    real = REAL[precision]
    tools = [np.ones(LENGTH, real) for _ in range(2)]

    def work(k: int) -> float:
        _chains(tools[k], real(0.5), real(0.25), PASSES)
        return 2.0 * CHAIN * LENGTH * PASSES

    return Case(f"multiply-add {precision}", "flop", side_by_side(work), CORES)


def _copy() -> Case:
    tools = [(np.ones(1 << 25), np.zeros(1 << 25)) for _ in range(2)]  # 256 MB each: far beyond any cache

    def work(k: int) -> float:
        source, target = tools[k]
        np.copyto(target, source)
        return 2.0 * source.nbytes

    return Case("copy", "bytes", side_by_side(work), CORES)


def _oracle_normals() -> Case:
    """The same stream as the generators here, in array-API NumPy: what the metered oracle draws."""
    address = Address(0, np.arange(64), 0, 0, 0, 1, 0)

    def work(threads: int) -> float:
        return float(gaussian(address, 1000).size)

    return Case("the oracle's own stream float64", "normals", work)
