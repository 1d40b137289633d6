"""The literal kernels to be timed, and the two halves of each: its noise alone and its arithmetic alone."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bounds.stencil import stencil
from solvers import literal_lanes as lanes
from solvers import literal_reference
from solvers.compiled import njit
from solvers.jump_config import JumpConfig
from solvers.lane_philox import U32, WIDE
from solvers.literal_levels import KINDS, inner_step
from solvers.literal_numba import run_literal
from solvers.lower_levels import Quartic, coefficient_rows, softmax_samples
from solvers.lq_law import Diagonal
from synthetic.learn_regularize import LearnToRegularize
from verify.speed.case import Case
from verify.speed.limits import CORES, REAL, generator_name

SEEDS, SAMPLES, STEPS = 64, 16, 300
CLASSES, POINTS = 2, 16
LEVELS = {"quadratic": "quadratic", "quartic": "polynomial", "softmax": "softmax"}
_PLAIN: Any = {"error_model": "numpy", "cache": True, "nogil": True}


@dataclass(frozen=True)
class Loop:
    """One literal loop; d: the dimension of y (10 features of 2 classes: 20)."""

    level: str
    d: int
    noise: str = "gaussian"
    precision: str = "float32"
    stream: str = "exact"
    fused: bool = False

    @property
    def name(self) -> str:
        words = [self.level, f"d={self.d}", self.noise, self.precision, self.stream]
        return " ".join(words + ["fused"] * self.fused)

    @property
    def drawn(self) -> int:
        """Normals that one call makes, whole blocks of four."""
        return (1 if self.fused else 2) * 4 * -(-self.d // 4)

    @property
    def flops(self) -> float:
        """Additions and multiplications of one inner step, the making of its noise left out; exp counts as one."""
        if self.level == "softmax":
            return 2 * POINTS * (4.0 * self.d + 6 * CLASSES) + 9.0 * self.d
        return self.d * ((12.0 if self.level == "quadratic" else 21.0) - 2 * self.fused)

    @property
    def flags(self) -> int:
        signs, short = self.noise == "rademacher", self.stream == "fast"
        return lanes.SIGNS * signs | lanes.SHORT * short | lanes.FUSED * self.fused


def loops() -> Iterator[Loop]:
    """What the table lists."""
    for d in (5, 10, 100):
        for stream in ("exact", "fast"):
            yield Loop("quartic", d, stream=stream)
            yield Loop("quartic", d, stream=stream, fused=True)
        yield Loop("quartic", d, "rademacher")
        yield Loop("quadratic", d)
        yield Loop("quadratic", d, "rademacher")
    yield Loop("softmax", 20)
    yield Loop("softmax", 20, "rademacher")
    for fused in (False, True):
        yield Loop("quartic", 10, precision="float64", fused=fused)
    yield Loop("quartic", 10, "rademacher", "float64")


def instance(level: str, d: int) -> Any:
    """The lower level of a loop."""
    if level == "softmax":
        rng, features = np.random.default_rng(0), d // CLASSES
        data = [v for _ in "gf" for v in (rng.normal(size=(POINTS, features)), rng.integers(0, CLASSES, POINTS))]
        return LearnToRegularize(*data, classes=CLASSES)
    one = np.ones(d)
    quadratic = Diagonal(one, one, 0.5 * one, one, one, one)
    return quadratic if level == "quadratic" else Quartic(quadratic, 0.3 * one, 0.5 * one, 0.2 * one, 0.1 * one)


def configuration(problem: Any, K: int, S: int = SAMPLES, T_max: int = 1, p: int = 2) -> JumpConfig:
    """Run to T_max, whatever is reached."""
    s, start = stencil(p), np.full(problem.dim_x, 0.1)
    return JumpConfig(
        problem=problem, x0=start, nodes=s.nodes, weights=s.weights, nu=0.1, eta_x=0.01, eta_y=0.1, S=S, K=K,
        T_max=T_max, eps=1e-9, sigma_f=0.3, sigma_g=0.3, stop=False,
    )  # fmt: skip


def whole(loop: Loop, steps: int | None = None) -> Case:
    """The public function on 64 seeds, about 20 ms a round; calls are those it metered."""
    costly = 2 * POINTS if loop.level == "softmax" else 1
    config = configuration(instance(loop.level, loop.d), steps or max(20, 40_000 // loop.d // costly))

    def work(threads: int) -> float:
        noise: Any = loop.noise
        more: Any = {"precision": loop.precision, "stream": loop.stream, "fused": loop.fused, "threads": threads}
        return float(sum(run_literal(config, range(SEEDS), noise, **more).metered))

    return Case(loop.name, "calls", work, CORES)


def reference() -> Case:
    """The array-API definition on the quartic level, d = 10."""
    config = configuration(instance("quartic", 10), 40)

    def work(threads: int) -> float:
        return float(sum(literal_reference.run_literal(config, range(SEEDS)).metered))

    return Case("reference quartic d=10 gaussian float64", "calls", work)


@njit(**_PLAIN)
def _steps(n, kind, fused, y, centre, slope, data, shape, j_nu, eta, on_f, on_g, f, g, work):
    for _ in range(n):
        inner_step(kind, fused, y, centre, slope, data, shape, j_nu, eta, on_f, on_g, f, g, work)


@njit(**_PLAIN)
def _draws(n, z, w, d, flags, words, seeds):
    for k in range(n):
        lanes._draw(z, w, d, flags, 0, U32(k), U32(5), words, U32(1), seeds)


def arithmetic(loop: Loop) -> Case:
    """The inner steps with noise that is already there."""
    real, problem = REAL[loop.precision], instance(loop.level, loop.d)
    if isinstance(problem, LearnToRegularize):
        samples, shape = softmax_samples(problem)
        data = np.ascontiguousarray(samples, dtype=real)
    else:
        data, shape = coefficient_rows(problem).astype(real), np.zeros(2, dtype=np.int64)
    rng, width = np.random.default_rng(0), loop.d * WIDE
    y, centre, slope, f, g = (rng.normal(0, 0.1, width).astype(real) for _ in range(5))
    if loop.level == "softmax":
        slope = slope[: problem.dim_x * WIDE]
    size, scratch = np.full(WIDE, 0.1, real), np.zeros((3, (loop.d + 2) * WIDE), real)
    kind, n = KINDS[LEVELS[loop.level]], STEPS if loop.level != "softmax" else STEPS // 10

    def work(threads: int) -> float:
        _steps(n, kind, loop.fused, y, centre, slope, data, shape, size, real(0.1), size, size, f, g, scratch)
        return float(n * WIDE)

    return Case(arithmetic_name(loop), "calls", work)


def arithmetic_name(loop: Loop) -> str:
    return f"arithmetic {loop.level} d={loop.d} {loop.precision}" + " fused" * loop.fused


def signs(loop: Loop) -> Case:
    """The signs of one call alone: each draw takes whole Philox blocks of 128."""
    z, w = np.zeros((2, (loop.d + 3) * WIDE), REAL[loop.precision]), np.zeros(4 * WIDE, np.uint32)
    seeds = np.arange(WIDE, dtype=np.uint32)
    words = np.stack([seeds, seeds + U32(1)])

    def work(threads: int) -> float:
        _draws(STEPS, z, w, loop.d, loop.flags, words, seeds)
        return float(STEPS * WIDE)

    return Case(signs_name(loop), "calls", work)


def signs_name(loop: Loop) -> str:
    return f"signs d={loop.d} {loop.precision}"


def halves(listed: list[Loop]) -> list[Case]:
    """What the bounds of ``listed`` need, each once."""
    cases = {arithmetic_name(loop): arithmetic(loop) for loop in listed}
    cases |= {signs_name(loop): signs(loop) for loop in listed if loop.noise == "rademacher"}
    return list(cases.values())


def noise_rate(loop: Loop, rate: dict[tuple[str, int], float]) -> float:
    """Calls a second that the noise alone allows: the generator over long draws, or the signs of a call."""
    if loop.noise == "rademacher":
        return rate[signs_name(loop), 1]
    return rate[generator_name(loop.precision, loop.stream), 1] / loop.drawn


def bound(loop: Loop, rate: dict[tuple[str, int], float]) -> float:
    """1/(1/noise + 1/arithmetic): what the loop would do if nothing but its two halves took time."""
    return 1 / (1 / noise_rate(loop, rate) + 1 / rate[arithmetic_name(loop), 1])
