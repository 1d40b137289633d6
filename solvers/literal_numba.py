"""F2SA-p literally, compiled: every inner step and every sample of the listing is taken, on diagonal instances.

Algorithms 1 and 2 of paper 000 as :class:`solvers.f2sa_p.F2SAp` runs them, with the oracle's Philox addresses
(inner step k at inner index k + 1, or 1 for all k when frozen; the x step at inner index 0; node 0's samples for
every node where they are shared), in the order of operations of :mod:`solvers.literal_reference`: on sign noise the
same bits, on normals (which agree to 1e-15) the same to rounding. LANES seeds run side by side.

Calls are METERED: a counter goes up by one where a sample is drawn, and nothing is multiplied afterwards.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit

from solvers.jump import Found, over_lanes
from solvers.jump_config import JumpConfig
from solvers.jump_kernel import NEVER, watch
from solvers.lane_normals import LANES, fill_normals, fill_signs, lane_word
from solvers.literal import LiteralResult, LiteralRun, NoiseName, literal_run
from solvers.lower_levels import coefficient_rows
from solvers.lq_law import Diagonal
from synthetic.errors import InputError

__all__ = ["LiteralResult", "NoiseName", "run_literal"]

EXACT: Any = {"error_model": "numpy", "cache": True, "nogil": True}
"""Compiler options: no fused multiply-add; every operation is rounded as solvers.literal_reference rounds it."""


@njit(**EXACT)
def _draw(z, d, signs, sample, inner, t, node, part, experiment, seeds):
    """One sample of F's and of G's noise for every lane into z[0, :d] and z[1, :d]; part 0: of the x gradient,
    1: of the y gradient. Streams are numbered FX, FY, GX, GY."""
    at, step = np.uint64(inner), np.uint64(t)
    first = np.uint64(sample * ((d + 127) // 128 if signs else (d + 3) // 4))
    for level in range(2):
        word = lane_word(node, part + 2 * level)
        if signs:
            fill_signs(z[level], d, first, at, step, word, experiment, seeds)
        else:
            fill_normals(z[level], (d + 3) // 4, first, at, step, word, experiment, seeds)


@njit(**EXACT)
def _amplitude(out, y, scale):
    """out <- sqrt(1 + ||y||^2 / (d scale^2)) of every lane, spread; all ones when scale is infinite."""
    n = y.size
    d = n // LANES
    for lane in range(LANES):
        square = 0.0
        for i in range(d):
            square += y[i * LANES + lane] ** 2
        size = math.sqrt(1.0 + square / d / (scale * scale))
        for i in range(d):
            out[i * LANES + lane] = size


@njit(**EXACT)
def _inner_step(y, x, data, j_nu, eta, sigma_f, sigma_g, amplitude, f_noise, g_noise):
    """y <- y - eta (j nu F_y + G_y) for all lanes; data rows: curvature, a, h, b, gamma, c0."""
    for n in range(y.size):
        residual = y[n] - data[3, n] * x[n]
        F = data[5, n] + data[4, n] * x[n] + data[2, n] * residual + sigma_f * amplitude[n] * f_noise[n]
        G = data[1, n] * residual + sigma_g * amplitude[n] * g_noise[n]
        y[n] -= eta * (j_nu * F + G)


@njit(**EXACT)
def _add_estimate(estimate, y, x, data, j, alpha, nu, sigma_f, sigma_g, amplitude, f_sum, g_sum):
    """estimate += alpha_j (j F_x + G_x / nu) with the summed noise of the batch; sigma_f, sigma_g come over S."""
    for n in range(y.size):
        residual = y[n] - data[3, n] * x[n]
        slope = data[5, n] + data[4, n] * x[n] + data[2, n] * residual
        F = data[0, n] * x[n] + data[4, n] * residual - data[3, n] * slope + sigma_f * amplitude[n] * f_sum[n]
        G = -data[3, n] * (data[1, n] * residual) + sigma_g * amplitude[n] * g_sum[n]
        estimate[n] += alpha * (j * F + G / nu)


@njit(**EXACT)
def _accumulate(total, term):
    for n in range(total.size):
        total[n] += term[n]


@njit(**EXACT)
def _move(x, estimate, eta, normalise):
    d = x.size // LANES
    for lane in range(LANES):
        size = 0.0
        for i in range(d):
            size += estimate[i * LANES + lane] ** 2
        size = math.sqrt(size) if normalise else 1.0
        if size > 0.0:
            for i in range(d):
                x[i * LANES + lane] -= eta * (estimate[i * LANES + lane] / size)


@njit(**EXACT)
def _squares(squares, x, curvature):
    squares[:] = 0.0
    for n in range(x.size):
        squares[n % LANES] += (curvature[n] * x[n]) ** 2


@njit(**EXACT)
def run_literal_group(
    experiment, seeds, x, y, data, nodes, alpha, nu, starts, eta_x, eta_y, S, K, sigma_f, sigma_g, signs, scale,
    shared_x, shared_inner, frozen, normalise, level, t_max, sustain, linger, stop, checkpoints,
    hit, sustained, last, curve, meter, x_end, y_end,
):  # fmt: skip
    """One group: x (n,), y (p, n), n = d LANES; data (6, n); starts, eta_x, eta_y, S, K by stage. meter (LANES,):
    samples drawn until a lane ended."""
    p, n = y.shape
    d = n // LANES
    rows = 4 * ((d + 3) // 4) + 1
    z = np.zeros((2, rows, LANES))
    sum_f, sum_g, estimate, amplitude = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n)
    f, g = z[0].reshape(-1)[:n], z[1].reshape(-1)[:n]
    squares, run_start = np.zeros(LANES), np.full(LANES, NEVER)
    zero, one = np.int64(0), np.int64(1)  # typed, or every literal would compile a copy of what it is passed to
    stage, mark, t, alive, calls = zero, zero, zero, np.int64(LANES), zero
    while True:
        _squares(squares, x, data[0])
        if mark < checkpoints.size and t == checkpoints[mark]:
            for lane in range(LANES):
                if last[lane] < 0:
                    curve[mark, lane] = math.sqrt(squares[lane])
            mark += 1
        running = watch(t, squares, level, run_start, hit, sustained, last, t_max, sustain, linger, stop)
        if running < alive:
            for i in range(n):
                if last[i % LANES] == t:
                    meter[i % LANES] = calls
                    x_end[i] = x[i]
                    for m in range(p):
                        y_end[m, i] = y[m, i]
            alive = running
        if running == 0:
            return
        while stage + 1 < starts.size and t >= starts[stage + 1]:
            stage += 1
        for m in range(p):
            j_nu, node = nodes[m] * nu, zero if shared_inner else nodes[m]
            for k in range(K[stage]):
                inner = one if frozen else one + k
                if k == 0 or not frozen:
                    _draw(z, d, signs, zero, inner, t, node, one, experiment, seeds)
                calls += 1
                if scale < np.inf:
                    _amplitude(amplitude, y[m], scale)
                _inner_step(y[m], x, data, j_nu, eta_y[stage], sigma_f, sigma_g, amplitude, f, g)
        estimate[:] = 0.0
        for m in range(p):
            node = zero if shared_x else nodes[m]
            sum_f[:] = 0.0
            sum_g[:] = 0.0
            for i in range(S[stage]):
                _draw(z, d, signs, i, zero, t, node, zero, experiment, seeds)
                calls += 1
                _accumulate(sum_f, f)
                _accumulate(sum_g, g)
            if scale < np.inf:
                _amplitude(amplitude, y[m], scale)
            _add_estimate(
                estimate, y[m], x, data, nodes[m], alpha[m], nu, sigma_f / S[stage], sigma_g / S[stage], amplitude,
                sum_f, sum_g,
            )  # fmt: skip
        _move(x, estimate, eta_x[stage], normalise)
        t += 1


def run_literal(
    config: JumpConfig,
    seeds: Sequence[int] | np.ndarray,
    noise: NoiseName = "gaussian",
    *,
    scale: float = 1.0,
    zero_node: bool = False,
) -> LiteralResult:
    """Run ``config`` sample by sample for every seed (uint32, shape (R,)).

    noise: the models of :mod:`synthetic.noise`; ``scale`` belongs to "multiplicative". ``zero_node`` solves the
    nodes of weight 0 too, as the listing does.
    """
    asked = literal_run(config, seeds, noise, scale, zero_node)
    if not isinstance(config.problem, Diagonal):
        raise InputError("problem", type(config.problem).__name__, "this kernel runs Diagonal instances")
    chosen = (np.array([j for j, _ in asked.pairs]), np.array([w for _, w in asked.pairs]))
    start = np.repeat(config.y0[None], len(asked.pairs), axis=0)
    run, meter = _literal_run(asked, chosen)
    hit, sustained, last, norms, x, y = over_lanes(asked.seeds, run, config.x0, start, config.marks.size)
    return asked.result(np.stack([hit, sustained, last]), norms, np.concatenate(meter)[: asked.seeds.size], x, y)


def _literal_run(
    asked: LiteralRun, chosen: tuple[np.ndarray, np.ndarray]
) -> tuple[Callable[[np.ndarray, Found], None], list[np.ndarray]]:
    """What runs one group of lanes, and the list in which it leaves their counts."""
    config, experiment = asked.config, np.uint64(asked.experiment)
    problem, p = config.problem, len(chosen[0])
    assert isinstance(problem, Diagonal)
    data = coefficient_rows(problem)
    names = ("start", "eta_x", "eta_y", "S", "K")
    fixed = (
        np.repeat(data, LANES, axis=1), *chosen, config.nu,
        *(np.array([getattr(stage, name) for stage in config.stages]) for name in names),
        config.sigma_f, config.sigma_g, asked.law == "rademacher", asked.scale,
        config.sharing != "independent", config.sharing == "everywhere", config.inner == "frozen", config.normalise,
        config.eps**2, config.T_max, config.sustain, config.linger, config.stop, config.marks,
    )  # fmt: skip
    meters: list[np.ndarray] = []

    def run(lanes: np.ndarray, found: Found) -> None:
        hit, sustained, last, norms, x, y = found
        meters.append(np.zeros(LANES, dtype=np.int64))
        x_end, y_end = x.reshape(-1), y.reshape(p, -1)
        run_literal_group(
            experiment, lanes, x_end.copy(), y_end.copy(), *fixed, hit, sustained, last, norms, meters[-1], x_end, y_end
        )

    return run, meters
