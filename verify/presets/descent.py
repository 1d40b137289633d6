"""A deterministic minimiser for smooth functions of a few logarithms, evaluated in batches.

Every round evaluates theta, theta +- delta e_i and theta + delta (e_i + e_k) in one batch, fits the quadratic through
them, and tries four lengths of its Newton step (curvatures in modulus, none below FLAT). The best point becomes the
next centre; delta is halved when nothing was gained. A value may be infinite: such points are never chosen, and a
round with an infinite value moves to its best finite point.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

Batch = Callable[[np.ndarray], np.ndarray]
FLAT = 1e-3
LENGTHS = (0.25, 0.5, 1.0, 1.6)


def descend(
    value: Batch, start: np.ndarray, *, width: float = 0.5, narrowest: float = 0.02, rounds: int = 60
) -> tuple[np.ndarray, float]:
    """(theta, value there): ``value`` takes (N, n) and returns (N,); ``width`` is the first delta."""
    theta = np.array(start, dtype=float)
    pairs = list(combinations(range(theta.size), 2))
    delta, best = width, float(value(theta[None])[0])
    for _ in range(rounds):
        axes = delta * np.eye(theta.size)
        points = np.vstack([theta + axes, theta - axes, *(theta + axes[i] + axes[k] for i, k in pairs)])
        found = value(points)
        if np.isfinite(best) and np.all(np.isfinite(found)):
            step = newton(found, best, pairs, delta)
            tried = theta + np.outer(LENGTHS, step)
            points, found = np.vstack([points, tried]), np.concatenate([found, value(tried)])
        lead = int(np.argmin(found))
        gained = found[lead] < best
        # gains far below the scale of the stencil mean that it is too coarse to tell which way is down
        small = gained and np.isfinite(best) and best - found[lead] < 1e-3 * delta
        if gained:
            theta, best = points[lead], float(found[lead])
        if not gained or small:
            delta /= 2
            if delta < narrowest:
                break
    return theta, best


def newton(found: np.ndarray, centre: float, pairs: list[tuple[int, int]], delta: float) -> np.ndarray:
    """The Newton step of the quadratic through the stencil's values, at most 4 delta in any coordinate."""
    n = (found.size - len(pairs)) // 2
    up, down, mixed = found[:n], found[n : 2 * n], found[2 * n :]
    gradient = (up - down) / (2 * delta)
    hessian = np.diag((up + down - 2 * centre) / delta**2)
    for (i, k), corner in zip(pairs, mixed):
        hessian[i, k] = hessian[k, i] = (corner - up[i] - up[k] + centre) / delta**2
    curvature, frame = np.linalg.eigh(hessian)
    step = -frame @ ((frame.T @ gradient) / np.maximum(np.abs(curvature), FLAT))
    return step * min(1.0, 4 * delta / max(float(np.abs(step).max()), 1e-300))
