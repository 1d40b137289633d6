"""How the time of a run grows with d, p and the number of seeds: powers fitted over a range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from solvers.jump import run_jump
from solvers.literal_numba import run_literal
from verify.speed.case import Case, Rates
from verify.speed.loops import configuration, instance

RANGES: dict[str, tuple[int, ...]] = {"d": (8, 16, 32, 64, 128), "p": (2, 4, 8, 16), "seeds": (64, 128, 256, 512)}
COMMON = {"d": 8, "p": 2, "seeds": 64}
JUMPED: dict[str, tuple[int, ...]] = {"d": (8, 16, 32, 64, 128), "p": (2, 4, 6, 8), "seeds": (32, 64, 128, 256)}


def scaling() -> Iterator[Case]:
    """A run for each value; the rate is runs a second."""
    for kernel, ranges in (("literal", RANGES), ("jump", JUMPED)):
        for axis, values in ranges.items():
            for value in values:
                sizes = {**COMMON, axis: value}
                yield Case(_name(kernel, axis, value), "runs", _Runner(kernel, **sizes))


def _name(kernel: str, axis: str, value: int) -> str:
    return f"{kernel} {axis}={value}"


class _Runner:
    """One run of a kernel with these sizes."""

    def __init__(self, kernel: str, d: int, p: int, seeds: int) -> None:
        self.seeds, self.literal = range(seeds), kernel == "literal"
        if self.literal:
            self.config = configuration(instance("quartic", d), 3000, 16, p=p)
        else:
            self.config = configuration(instance("quadratic", d), 10**9, 10**6, 4000, p=p)

    def __call__(self, threads: int) -> float:
        run: Any = run_literal if self.literal else run_jump
        run(self.config, self.seeds, **({"precision": "float32"} if self.literal else {}))
        return 1.0


def exponents(rate: Rates) -> list[dict[str, Any]]:
    """Least-squares powers of the time in each axis."""
    rows = []
    for kernel, ranges in (("literal", RANGES), ("jump", JUMPED)):
        for axis, values in ranges.items():
            pairs = [(v, 1 / rate[_name(kernel, axis, v), 1]) for v in values if (_name(kernel, axis, v), 1) in rate]
            if len(pairs) > 1:
                sizes, times = np.log(np.array(pairs)).T
                power = float(np.polyfit(sizes, times, 1)[0])
                whole = {"from": pairs[0][0], "to": pairs[-1][0], "power": power}
                rows.append(
                    {"kernel": kernel, "in": axis, **whole, "seconds_from": pairs[0][1], "seconds_to": pairs[-1][1]}
                )
    return rows
