"""The Philox streams through CUDA: what tests compare with synthetic.philox, and benchmarks time."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.cuda.sources import Build
from synthetic.philox import NODE_OFFSET

BUILD = Build("streams.cu")
KINDS = ("words", "uniform", "signs", "normals")


def draw(
    kind: str, n: int, seeds: np.ndarray, *, experiment: int = 0, step: int = 0, inner: int = 0, node: int = 0,
    stream: int = 0, first: int = 0, module: Any = None, build: Build = BUILD,
) -> np.ndarray:  # fmt: skip
    """n numbers of ``kind`` (words, uniform, signs, normals) for each seed, shape (R, n), from block ``first`` on."""
    if module is None:
        from solvers.cuda.device import DeviceModule as module  # noqa: N813  (a class used as the function it is)
    loaded, R = module(build), len(seeds)
    xp, word = loaded.xp, ((node + NODE_OFFSET) << 8) | stream
    fixed = [np.full(R, v, dtype=np.uint32) for v in (step, inner, word, first)]
    where = np.stack([np.full(R, experiment, dtype=np.uint32), np.asarray(seeds, dtype=np.uint32), *fixed])
    out = xp.zeros((n, R), dtype=np.uint32 if kind == "words" else np.float64)
    loaded.launch(f"fill_{kind}", R, np.int64(n), np.int64(R), xp.asarray(where), out)
    return np.ascontiguousarray((out if isinstance(out, np.ndarray) else out.get()).T)
