"""Damped Newton for many small smooth strongly convex problems at once, down to round-off."""

from __future__ import annotations

from collections.abc import Callable

from synthetic.arrays import Array, namespace, norm


def solve(matrix: Array, vector: Array) -> Array:
    """matrix^{-1} vector over the last axes: (..., n, n), (..., n) -> (..., n)."""
    return namespace(vector).linalg.solve(matrix, vector[..., None])[..., 0]


def newton(
    residual: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    start: Array,
    *,
    iterations: int = 60,
    halvings: int = 30,
) -> tuple[Array, Array]:
    """Solve residual(y) = 0 in every lane: (y (..., n), converged (...)).

    A step is halved until ||residual|| falls by the share t/4 of it that the step t promises; on a strongly convex
    function this converges from anywhere. A lane is done with the first full step below eps^{2/3} ||y||: what is left
    after it is round-off. Steps that no longer lower the residual are not taken.
    """
    xp = namespace(start)
    tolerance = float(xp.finfo(start.dtype).eps) ** (2 / 3)
    y, r = start, residual(start)
    size = norm(r)
    done = size == 0
    for _ in range(iterations):
        if bool(xp.all(done)):
            break
        step = solve(jacobian(y), r)
        small = norm(step) <= tolerance * norm(y - step)
        t = xp.ones_like(size)
        for _ in range(halvings):
            trial = y - t[..., None] * step
            r_trial = residual(trial)
            size_trial = norm(r_trial)
            good = size_trial <= (1 - t / 4) * size
            if bool(xp.all(good | small | done)):
                break
            t = xp.where(good | small | done, t, t / 2)
        better = ~done & (size_trial < size)
        y = xp.where(better[..., None], trial, y)
        r = xp.where(better[..., None], r_trial, r)
        size = xp.where(better, size_trial, size)
        done = done | small | (size == 0)
    return y, done
