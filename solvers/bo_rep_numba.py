"""BO-REP compiled, on relaxed-smooth instances: the steps of :class:`solvers.bo_rep.BOREP` for LANES seeds at once.

The same samples at the same addresses, every call counted where it is asked. ``normalise=False`` takes x - eta m in
place of x - eta m/||m||; with beta = 0 and one lower step in every outer step that is SOBA's iteration, the method
for bounded smoothness that is nearest to BO-REP. A run stops as in :mod:`solvers.diagonal_numba`.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from solvers.base import check_count, check_positive
from solvers.bo_rep import BOREP
from solvers.compiled import njit
from solvers.diagonal_numba import Stopped
from solvers.diagonal_parts import FX, FY, GY, HVP, JVP, draw_all, watch_mean
from solvers.epoch_sgd import NODE as REFINE
from solvers.lane_normals import FAST, LANES
from solvers.update_lower import NODE as LOWER
from synthetic.errors import InputError
from synthetic.growth import Exponential, Growth, Power
from synthetic.noise import Gaussian
from synthetic.oracle import Counts
from synthetic.philox import integers
from synthetic.relaxed_smooth import RelaxedSmooth


@njit(**FAST)
def _slope(t, growth):
    """s'(t); growth: (a, w, 0, 0) exponential, (c, b, q, 1) a power."""
    if growth[3] == 0.0:
        return growth[0] * math.sinh(growth[1] * t) / growth[1]
    return growth[0] * t + growth[1] * t ** (growth[2] - 1.0)


@njit(**FAST)
def _hyper_gradient(out, squares, x, n_p, s, w):
    """out <- grad phi(x) = (s'(p), w q/sqrt(1 + q^2)); squares (LANES,) its squared norm."""
    squares[:] = 0.0
    for i in range(x.shape[0]):
        for lane in range(LANES):
            q = x[i, lane]
            out[i, lane] = _slope(q, s) if i < n_p else w * q / math.sqrt(1.0 + q * q)
            squares[lane] += out[i, lane] ** 2


@njit(**FAST)
def _multiply(out, A, v):
    """out <- A v for every lane: A (m, n), v (n, LANES)."""
    for i in range(A.shape[0]):
        for lane in range(LANES):
            total = 0.0
            for j in range(A.shape[1]):
                total += A[i, j] * v[j, lane]
            out[i, lane] = total


@njit(**FAST)
def _projected_sgd(x, y, A, B, sigma, rate, radius, steps, t, node, experiment, seeds, wide, work, meter):
    """y <- the mean of the ``steps`` iterates of y - rate G_y projected onto the ball of ``radius`` around y."""
    dy = y.shape[0]
    centre, total, z, Bx, slope = y.copy(), np.zeros(y.shape), np.zeros(y.shape), np.zeros(y.shape), np.zeros(y.shape)
    streams, inner = np.full(1, GY if sigma > 0.0 else -1), np.zeros(1, dtype=np.int64)
    one = np.int64(1)
    _multiply(Bx, B, x)
    for k in range(steps):
        inner[0] = k
        draw_all(wide, work, streams, inner, one, t, node, one, False, experiment, seeds)
        meter[0] += 1
        meter[2] += 1
        for i in range(dy):
            for lane in range(LANES):
                z[i, lane] = y[i, lane] - Bx[i, lane]
        _multiply(slope, A, z)
        for lane in range(LANES):
            square = 0.0
            for i in range(dy):
                y[i, lane] -= rate * (slope[i, lane] + sigma * wide[0, i, lane])
                square += (y[i, lane] - centre[i, lane]) ** 2
            shrink = radius / math.sqrt(square) if square > radius * radius else 1.0
            for i in range(dy):
                if shrink < 1.0:
                    y[i, lane] = centre[i, lane] + (y[i, lane] - centre[i, lane]) * shrink
                total[i, lane] += y[i, lane]
    for i in range(dy):
        for lane in range(LANES):
            y[i, lane] = total[i, lane] / steps


@njit(**FAST)
def run_bo_rep_group(
    rates, sizes, epochs, streams, experiment, seeds, x, y, A, B, c, s, r, n_p, w, sigma, normalise, power, level,
    sustain, t_max, first, hit, last, meter, spent,
):  # fmt: skip
    """One group of lanes: x (dx, LANES), y (dy, LANES). rates: eta, nu, beta, gamma, R; sizes: I, N (I = 0: none)."""
    dx, dy = x.shape[0], y.shape[0]
    rows = 4 * ((max(dx, dy) + 3) // 4)
    wide, work = np.zeros((4, rows, LANES)), np.zeros((rows, LANES))
    inner, C = np.zeros(4, dtype=np.int64), B.T.copy()
    small, large = np.zeros((5, dy, LANES)), np.zeros((4, dx, LANES))
    z, following, Az, residual, Fy = small[0], small[1], small[2], small[3], small[4]
    m, grad, CFy, CAz = large[0], large[1], large[2], large[3]
    squares, total, start = np.zeros(LANES), np.zeros(LANES), np.full(LANES, -1)
    zero, one, four, alive = np.int64(0), np.int64(1), np.int64(4), LANES
    t = zero
    while True:
        _hyper_gradient(grad, squares, x, n_p, s, w)
        running = watch_mean(t, squares, total, power, level, sustain, first, hit, start, last, t_max)
        if running < alive:
            alive = running
            for lane in range(LANES):
                if last[lane] == t:
                    spent[lane] = meter[0]
        if running == 0:
            return
        if t == 0:
            for e in range(epochs.shape[0]):
                _projected_sgd(
                    x, y, A, B, sigma[1], epochs[e, 2], epochs[e, 0], int(epochs[e, 1]), zero + e, zero + REFINE,
                    experiment, seeds, wide, work, meter,
                )  # fmt: skip
        for i in range(dy):
            for lane in range(LANES):
                following[i, lane] = y[i, lane]
        if sizes[0] > 0 and t > 0 and t % sizes[0] == 0:
            _projected_sgd(
                x, following, A, B, sigma[1], rates[3], rates[4], sizes[1], t, zero + LOWER, experiment, seeds, wide,
                work, meter,
            )  # fmt: skip
        draw_all(wide, work, streams, inner, four, t, zero, one, False, experiment, seeds)
        meter[0] += 1
        meter[1] += 1
        meter[3] += 1
        meter[4] += 1
        _multiply(residual, B, x)
        _multiply(Az, A, z)
        _multiply(CAz, C, Az)
        for i in range(dy):
            for lane in range(LANES):
                Fy[i, lane] = c[i] + _slope(y[i, lane] - residual[i, lane], r)
        _multiply(CFy, C, Fy)
        for lane in range(LANES):
            size = 0.0
            for i in range(dx):
                Fx = grad[i, lane] - CFy[i, lane] + sigma[0] * wide[0, i, lane]
                Jz = -CAz[i, lane] + sigma[2] * wide[3, i, lane]
                m[i, lane] = rates[2] * m[i, lane] + (1.0 - rates[2]) * (Fx - Jz)
                size += m[i, lane] ** 2
            size = math.sqrt(size) if normalise else 1.0
            for i in range(dx):
                if size > 0.0:
                    x[i, lane] -= rates[0] * (m[i, lane] / size)
            for i in range(dy):
                slope = Az[i, lane] + sigma[2] * wide[2, i, lane] - Fy[i, lane] - sigma[0] * wide[1, i, lane]
                z[i, lane] -= rates[1] * slope
                y[i, lane] = following[i, lane]
        t += 1


def _growth(g: Growth) -> np.ndarray:
    if isinstance(g, Exponential):
        return np.array([g.a, g.w, 0.0, 0.0])
    if isinstance(g, Power):
        return np.array([g.c, g.b, g.q, 1.0])
    raise InputError("problem", g, "the compiled BO-REP knows Exponential and Power growth")


def run_bo_rep(
    solver: BOREP,
    problem: RelaxedSmooth,
    noise: Gaussian,
    seeds: Sequence[int] | np.ndarray,
    x0: np.ndarray,
    y0: np.ndarray,
    *,
    eps: float,
    T_max: int,
    power: int = 1,
    sustain: float = 1.25,
    normalise: bool = True,
    experiment: int = 0,
) -> Stopped:
    """Run a configuration for every seed (uint32); x0 (dx,), y0 (dy,)."""
    for name, value, kind in (
        ("solver", solver, BOREP),
        ("problem", problem, RelaxedSmooth),
        ("noise", noise, Gaussian),
    ):
        if type(value) is not kind:
            raise InputError(name, type(value).__name__, f"pass a {kind.__name__}")
    check_count("T_max", T_max)
    check_positive("eps", eps)
    if power not in (0, 1, 2):
        raise InputError("power", power, "pass 0, 1 or 2")
    lower = solver.lower
    rates = [solver.eta, solver.nu, solver.beta, *((lower.gamma, lower.R) if lower else (0.0, 0.0))]
    sizes = np.array([lower.I, lower.N] if lower else [0, 0])
    epochs = np.array(solver.refine.epochs if solver.refine else (), dtype=float).reshape(-1, 3)
    sigma = np.array([noise.sigma_f, noise.sigma_g, noise.sigma_h])
    streams = np.array([i if size > 0 else -1 for i, size in zip((FX, FY, HVP, JVP), sigma[[0, 0, 2, 2]])])
    fixed: tuple[Any, ...] = (
        np.ascontiguousarray(problem.A_g), np.ascontiguousarray(problem.B), np.asarray(problem.c0, dtype=float),
        _growth(problem.s), _growth(problem.r), problem.B_1.shape[1], problem.w, sigma, normalise, power,
        eps**power if power else eps**2, sustain, T_max,
    )  # fmt: skip
    lanes = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    padded = np.concatenate([lanes, np.repeat(lanes[-1:], -len(lanes) % LANES)]).astype(np.uint64)
    columns: list[list[Any]] = [[], [], [], []]
    ends: list[list[np.ndarray]] = [[], []]
    meter = np.zeros(5, dtype=np.int64)
    for i in range(0, len(padded), LANES):
        x, y = (np.repeat(np.asarray(p, dtype=float)[:, None], LANES, axis=1) for p in (x0, y0))
        found = [np.full(LANES, -1, dtype=np.int64) for _ in range(4)]
        meter[:] = 0
        run_bo_rep_group(
            np.array(rates), sizes, epochs, streams, np.uint64(experiment), padded[i : i + LANES], x, y, *fixed,
            *found[:3], meter, found[3],
        )  # fmt: skip
        for column, values in zip(columns, found):
            column += [int(v) for v in values]
        ends[0].append(x.T)
        ends[1].append(y.T)
    R = len(lanes)
    first, hit = (tuple(v if v >= 0 else None for v in column[:R]) for column in columns[:2])
    counts = Counts(**dict(zip(("sfo", "F", "G", "HVP", "JVP"), map(int, meter))))
    x_end, y_end = (np.concatenate(part)[:R] for part in ends)
    return Stopped(hit, first, tuple(columns[2][:R]), tuple(columns[3][:R]), counts, x_end, y_end)
