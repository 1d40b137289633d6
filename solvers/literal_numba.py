"""F2SA-p literally, compiled: every inner step and every sample of the listing is taken, on diagonal instances.

Algorithms 1 and 2 of paper 000 as :class:`solvers.f2sa_p.F2SAp` runs them, with the oracle's Philox addresses
(inner step k at inner index k + 1, or 1 for all k when frozen; the x step at inner index 0; node 0's samples for
every node where they are shared). On the same noise it takes the same steps: words and signs are identical, normals
agree to 1e-15, and sums over S samples run in order here but along a binary tree in the oracle, so two runs differ
by accumulated rounding only. LANES seeds run side by side.

Calls are METERED: a counter goes up by one where a sample is drawn, and nothing is multiplied afterwards.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit

from solvers.base import check_choice, check_positive
from solvers.jump import Found, over_lanes
from solvers.jump_config import JumpConfig
from solvers.jump_kernel import NEVER, watch
from solvers.lane_normals import FAST, LANES, fill_normals, fill_signs, lane_word
from solvers.lq_law import Diagonal
from synthetic.errors import InputError
from synthetic.philox import integers

NoiseName = Literal["gaussian", "rademacher", "multiplicative"]


@njit(**FAST)
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


@njit(**FAST)
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


@njit(**FAST)
def _inner_step(y, x, data, j_nu, eta, sigma_f, sigma_g, amplitude, f_noise, g_noise):
    """y <- y - eta (j nu F_y + G_y) for all lanes; data rows: curvature, a, h, b, gamma, c0."""
    for n in range(y.size):
        residual = y[n] - data[3, n] * x[n]
        F = data[5, n] + data[4, n] * x[n] + data[2, n] * residual + sigma_f * amplitude[n] * f_noise[n]
        G = data[1, n] * residual + sigma_g * amplitude[n] * g_noise[n]
        y[n] -= eta * (j_nu * F + G)


@njit(**FAST)
def _add_estimate(estimate, y, x, data, j, alpha, nu, sigma_f, sigma_g, amplitude, f_sum, g_sum):
    """estimate += alpha_j (j F_x + G_x / nu) with the summed noise of the batch; sigma_f, sigma_g come over S."""
    for n in range(y.size):
        residual = y[n] - data[3, n] * x[n]
        slope = data[5, n] + data[4, n] * x[n] + data[2, n] * residual
        F = data[0, n] * x[n] + data[4, n] * residual - data[3, n] * slope + sigma_f * amplitude[n] * f_sum[n]
        G = -data[3, n] * (data[1, n] * residual) + sigma_g * amplitude[n] * g_sum[n]
        estimate[n] += alpha * (j * F + G / nu)


@njit(**FAST)
def _accumulate(total, term):
    for n in range(total.size):
        total[n] += term[n]


@njit(**FAST)
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


@njit(**FAST)
def _squares(squares, x, curvature):
    squares[:] = 0.0
    for n in range(x.size):
        squares[n % LANES] += (curvature[n] * x[n]) ** 2


@njit(**FAST)
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


@dataclass(frozen=True, eq=False)
class LiteralResult:
    """As solvers.jump.JumpResult, with ``metered``: the samples that each seed's run drew until it ended."""

    config: JumpConfig
    nodes: tuple[int, ...]
    seeds: np.ndarray
    hit: np.ndarray
    sustained: np.ndarray
    last: np.ndarray
    checkpoints: np.ndarray
    norms: np.ndarray
    metered: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray


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
    check_choice("noise", noise, ("gaussian", "rademacher", "multiplicative"))
    check_positive("scale", scale)
    if not isinstance(config.problem, Diagonal):
        raise InputError("problem", type(config.problem).__name__, "the literal kernel runs Diagonal instances")
    if config.T_max >= 2**32 or any(max(s.S, s.K) >= 2**31 for s in config.stages):
        raise InputError("T_max", config.T_max, "a literal run takes T_max < 2^32 and S, K < 2^31: use the jump kernel")
    seed_array = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    experiment = np.uint64(integers("experiment", config.experiment, 0, 2**32))
    pairs = [(int(j), float(w)) for j, w in zip(config.nodes, config.weights) if w or zero_node]
    chosen = (np.array([j for j, _ in pairs]), np.array([w for _, w in pairs]))
    start = np.repeat(config.y0[None], len(pairs), axis=0)
    run, meter = _literal_run(config, chosen, noise, scale, experiment)
    hit, sustained, last, norms, x, y = over_lanes(seed_array, run, config.x0, start, config.marks.size)
    metered = tuple(int(m) for m in np.concatenate(meter)[: len(seed_array)])
    names = tuple(j for j, _ in pairs)
    return LiteralResult(config, names, seed_array, hit, sustained, last, config.marks, norms, metered, x, y)


def _literal_run(
    config: JumpConfig, chosen: Any, noise: str, scale: float, experiment: np.uint64
) -> tuple[Callable[[np.ndarray, Found], None], list[np.ndarray]]:
    """What runs one group of lanes, and the list in which it leaves their counts."""
    problem, p = config.problem, len(chosen[0])
    assert isinstance(problem, Diagonal)
    data = np.array([problem.curvature, problem.a, problem.h, problem.b, problem.gamma, problem.c0])
    names = ("start", "eta_x", "eta_y", "S", "K")
    fixed = (
        np.repeat(data, LANES, axis=1), *chosen, config.nu,
        *(np.array([getattr(stage, name) for stage in config.stages]) for name in names),
        config.sigma_f, config.sigma_g, noise == "rademacher", scale if noise == "multiplicative" else np.inf,
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
