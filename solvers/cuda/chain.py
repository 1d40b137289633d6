"""Gradients of the zero-chain through CUDA, a thread a point."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.cuda.sources import Build

BUILD = Build("chain.cu")


def chain_gradient(z: np.ndarray, *, module: Any = None) -> np.ndarray:
    """grad F_T at points z (..., T), as bounds.chain.gradient; the shape of z."""
    return _run("chain_gradient", z, (), module)


def soft_chain_gradient(u: np.ndarray, radius: float, ridge: float, *, module: Any = None) -> np.ndarray:
    """J(u)' grad F_T(u/s) + ridge u, s = sqrt(1 + ||u||^2/(radius^2 T)), at u (..., T): solvers.chain_kernel."""
    return _run("soft_chain_gradient", u, (np.float64(radius), np.float64(ridge)), module)


def _run(kernel: str, points: np.ndarray, numbers: tuple[Any, ...], module: Any) -> np.ndarray:
    if module is None:
        from solvers.cuda.device import DeviceModule as module  # noqa: N813  (a class used as the function it is)
    loaded, points = module(BUILD), np.asarray(points, dtype=float)
    xp, rows = loaded.xp, points.reshape(-1, points.shape[-1])
    R, T = rows.shape
    given = xp.asarray(np.ascontiguousarray(rows.T))
    out = xp.zeros((T, R))
    loaded.launch(kernel, R, np.int64(T), np.int64(R), *numbers, given, out)
    return (out if isinstance(out, np.ndarray) else out.get()).T.reshape(points.shape).copy()
