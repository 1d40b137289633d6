"""Oracle answers for LANES seeds at once on diagonal linear-quadratic instances: what the compiled rivals are made of.

    g = sum_i a_i/2 z_i^2,  f = sum_i curvature_i/2 x_i^2 + (c0_i + gamma_i x_i) z_i + h_i/2 z_i^2,  z = y - b x

Every array is flat, (d LANES,), entry i LANES + lane; ``data`` (6, d LANES) holds curvature, a, h, b, gamma, c0.
Noise has the addresses of :mod:`synthetic.oracle`: sample s of a draw at (stream, inner step, outer step, node).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from solvers.compiled import njit
from solvers.lane_normals import FAST, LANES, fill_normals, lane_word, philox_block

FX, FY, GX, GY, HVP, JVP = 0, 1, 2, 3, 4, 5
"""Streams, numbered as in :mod:`synthetic.philox`."""

DIVERGED = 1e200
"""A run whose squared gradient norm passes this is over."""


@njit(**FAST)
def draw_all(out, work, streams, inner, count, t, node, samples, law, experiment, seeds):
    """out[i] (rows, LANES) <- the mean of ``samples`` standard normal draws at (streams[i], inner[i], t, node), i <
    count; a negative stream is left out. rows: a multiple of 4.

    law: one draw divided by sqrt(samples), the same distribution (the mean of normals is normal) at the cost of one.
    """
    blocks = out.shape[1] // 4
    single = law or samples == 1
    scale = 1.0 / math.sqrt(samples) if single else 1.0 / samples
    for i in range(count):
        if streams[i] < 0:
            continue
        word = lane_word(node, streams[i])
        for s in range(1 if single else samples):
            fill_normals(work, blocks, s * blocks, inner[i], t, word, experiment, seeds)
            for row in range(work.shape[0]):
                for lane in range(LANES):
                    out[i, row, lane] = work[row, lane] * scale + (out[i, row, lane] if s > 0 else 0.0)


@njit(**FAST)
def amplitude(out, y, scale):
    """Size of the noise at y: 1 (scale infinite), sqrt(1 + ||y||^2/(d scale^2)) (scale > 0, as
    synthetic.noise.Multiplicative), or the sign (-1)^floor(y_i/|scale|) in each coordinate (scale < 0): variance 1
    everywhere, yet no Lipschitz constant, hence not mean-squared smooth."""
    if scale == np.inf:
        out[:] = 1.0
        return
    if scale < 0.0:
        for n in range(y.size):
            out[n] = 1.0 - 2.0 * (math.floor(y[n] / -scale) % 2.0)
        return
    d = y.size // LANES
    for lane in range(LANES):
        square = 0.0
        for i in range(d):
            square += y[i * LANES + lane] ** 2
        size = math.sqrt(1.0 + square / d / (scale * scale))
        for i in range(d):
            out[i * LANES + lane] = size


@njit(**FAST)
def grad_g_y(out, x, y, data, sigma, amp, z):
    """G_y = a (y - b x) + noise."""
    for n in range(x.size):
        out[n] = data[1, n] * (y[n] - data[3, n] * x[n]) + sigma * amp[n] * z[n]


@njit(**FAST)
def grad_g_x(out, x, y, data, sigma, amp, z):
    """G_x = -a b (y - b x) + noise."""
    for n in range(x.size):
        out[n] = -data[1, n] * data[3, n] * (y[n] - data[3, n] * x[n]) + sigma * amp[n] * z[n]


@njit(**FAST)
def grad_f_y(out, x, y, data, sigma, amp, z):
    """F_y = c0 + gamma x + h (y - b x) + noise."""
    for n in range(x.size):
        residual = y[n] - data[3, n] * x[n]
        out[n] = data[5, n] + data[4, n] * x[n] + data[2, n] * residual + sigma * amp[n] * z[n]


@njit(**FAST)
def grad_f_x(out, x, y, data, sigma, amp, z):
    """F_x = curvature x + gamma (y - b x) - b f_y + noise."""
    for n in range(x.size):
        residual = y[n] - data[3, n] * x[n]
        slope = data[5, n] + data[4, n] * x[n] + data[2, n] * residual
        exact = data[0, n] * x[n] + data[4, n] * residual - data[3, n] * slope
        out[n] = exact + sigma * amp[n] * z[n]


@njit(**FAST)
def hessian(out, v, data, sigma, z):
    """a v + noise."""
    for n in range(v.size):
        out[n] = data[1, n] * v[n] + sigma * z[n]


@njit(**FAST)
def jacobian(out, v, data, sigma, z):
    """G_xy v = -a b v + noise."""
    for n in range(v.size):
        out[n] = -data[1, n] * data[3, n] * v[n] + sigma * z[n]


@njit(**FAST)
def storm(h, new, old, eta, first, corrected):
    """h <- eta new + (1 - eta)(h + new - old), :func:`solvers.pieces.storm`; ``new`` alone at the first step.

    corrected False leaves new - old out: plain averaging, the fault that a measured rate must give away."""
    for n in range(h.size):
        change = new[n] - old[n] if corrected else 0.0
        h[n] = new[n] if first else eta * new[n] + (1.0 - eta) * (h[n] + change)


@njit(**FAST)
def into_ball(v, radius):
    """Projection of each lane onto ||v|| <= radius."""
    if radius == np.inf:
        return
    d = v.size // LANES
    for lane in range(LANES):
        square = 0.0
        for i in range(d):
            square += v[i * LANES + lane] ** 2
        size = math.sqrt(square)
        if size > radius:
            for i in range(d):
                v[i * LANES + lane] *= radius / size


@njit(**FAST)
def truncation(experiment, t, Q):
    """p of step t, uniform on 0 .. Q - 1: :func:`solvers.pieces.truncation`."""
    zero = np.uint64(0)
    w0, w1, _, _ = philox_block(zero, zero, np.uint64(t), lane_word(0, 16), experiment, zero)
    bound = np.uint64(Q)
    low = np.uint64(0xFFFFFFFF)
    return np.int64((w0 * bound + (((w1 & low) * bound) >> np.uint64(32))) >> np.uint64(32))


@njit(**FAST)
def watch_mean(t, squares, total, power, level, sustain, first, hit, start, last, t_max):
    """Called at x_t before step t with squares (LANES,) = ||grad phi(x_t)||^2; returns the lanes still running.

    A lane ends at the first t with mean_{k <= t} ||grad phi(x_k)||^power <= level that stayed so until sustain t:
    hit = t + 1 iterates. power 0: the last iterate alone, ||grad phi(x_t)||^2 <= level. ``first``: the first t at
    which the last iterate itself was below. ``last``: where the lane ended.
    """
    running = 0
    small = level if power != 1 else level * level
    for lane in range(LANES):
        if last[lane] >= 0:
            continue
        square = squares[lane]
        if first[lane] < 0 and square <= small:
            first[lane] = t
        total[lane] += square if power == 2 else (math.sqrt(square) if power == 1 else 0.0)
        good = square <= level if power == 0 else total[lane] <= level * (t + 1)
        if not good:
            start[lane] = -1
        elif start[lane] < 0:
            start[lane] = t
        if good and t + 1 >= sustain * (start[lane] + 1):
            hit[lane] = start[lane] + (0 if power == 0 else 1)
            last[lane] = t
        elif t >= t_max or not square < DIVERGED:
            last[lane] = t
        else:
            running += 1
    return running


@njit(**FAST)
def diagonal_squares(squares, x, curvature):
    """squares (LANES,) <- ||curvature x||^2."""
    squares[:] = 0.0
    for n in range(x.size):
        squares[n % LANES] += (curvature[n] * x[n]) ** 2
