"""The jump kernel: outer iterations of F2SA-p whose inner loops are replaced by their exact Gaussian law.

One group of LANES seeds advances in step; a lane never looks at another, so a seed's result does not depend on
the group it is in. One outer iteration costs O(p d) whatever S and K are:

    w_j <- rho_j (w_j - s_j dx) + noise_j                 (solvers.lq_law; w_j = y_j - y*_{j nu}(x))
    Phi  = phi'(x) + beta_0 + beta_1 x + sum_j q_j w_j + sigma zeta
    dx   = -eta_x Phi / ||Phi||   (or -eta_x Phi),   x <- x + dx

Three ways to make the noise, all exact in law for the path x_0, x_1, ...:
    DIRECT    noise_j = tau_j xi_j, one normal for every node and coordinate; the y_j have their law too
    JOINT     noise = C xi with a lower-triangular C per coordinate (samples shared between the nodes)
    FILTERED  the innovations form of DIRECT (solvers.innovations): one normal a coordinate, p times fewer
"""

# numba compiles these functions from their arguments' types; annotations would be decoration
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from solvers.compiled import njit
from solvers.lane_normals import FAST, KERNEL_STREAM, LANES, fill_normals, lane_word

DIRECT, JOINT, FILTERED = 0, 1, 2
NEVER = -1
"""Hitting time of a run that never got there."""


@njit(**FAST)
def watch(t, squares, level, run_start, hit, sustained, last, t_max, sustain, linger, stop):
    """Hitting times at time t from the squared gradient norms (one a lane); returns the number of lanes still running.

    ``hit``: first t below the level. ``sustained``: first t_0 from which the norm stayed below over
    [t_0, sustain t_0], set when the window has passed. A lane ends (``last``) at linger t_0, or at t_max.
    """
    below = 0
    busy = 0
    for lane in range(squares.size):
        below += squares[lane] <= level
        busy += run_start[lane] >= 0
    running = 0
    if below or busy or t == t_max:
        for lane in range(squares.size):
            if last[lane] >= 0:
                continue
            if not squares[lane] <= level:
                run_start[lane] = NEVER
            elif run_start[lane] < 0:
                run_start[lane] = t
                if hit[lane] < 0:
                    hit[lane] = t
            if sustained[lane] < 0 and run_start[lane] >= 0 and t >= sustain * run_start[lane]:
                sustained[lane] = run_start[lane]
            if t == t_max or (stop and sustained[lane] >= 0 and t >= linger * sustained[lane]):
                last[lane] = t
    for lane in range(squares.size):
        running += last[lane] < 0
    return running


@njit(**FAST)
def spread(table, wide):
    """Repeat every entry of the last axis for all lanes: table (p, d) -> wide (p, d LANES).

    The loops below run over d LANES contiguous numbers: long enough that vector code pays, and always whole vectors.
    """
    for j in range(table.shape[0]):
        for i in range(table.shape[1]):
            for lane in range(LANES):
                wide[j, i * LANES + lane] = table[j, i]


@njit(**FAST)
def _nodes_step(w, dx, estimate, z, first, stride, rho, slope, gain, q):
    """w_j <- rho_j (w_j - slope_j dx) + gain_j noise_j; estimate += q_j w_j. All rows have n = d LANES numbers; node
    j's noise starts at z[first + j stride]."""
    p, size = w.shape
    for j in range(p):
        at = first + j * stride
        for n in range(size):
            value = rho[j, n] * (w[j, n] - slope[j, n] * dx[n]) + gain[j, n] * z[at + n]
            w[j, n] = value
            estimate[n] += q[j, n] * value


@njit(**FAST)
def _joint_noise(noise, factor, z, first):
    """noise_j = sum_{k <= j} factor[j, k] xi_k; xi_k starts at z[first + k n]; noise (p n,), factor (p, p, n)."""
    p, _, size = factor.shape
    noise[:] = 0.0
    for j in range(p):
        for k in range(j + 1):
            for n in range(size):
                noise[j * size + n] += factor[j, k, n] * z[first + k * size + n]


@njit(**FAST)
def _gradient_step(x, estimate, squares, curvature, bias0, bias1):
    """estimate <- phi'(x) + bias; squares (LANES,) <- ||grad phi||^2; arrays (d LANES,)."""
    lanes = squares.size
    for n in range(x.size):
        estimate[n] = curvature[n] * x[n] + (bias0[n] + bias1[n] * x[n])
    squares[:] = 0.0
    for i in range(x.size // lanes):
        for lane in range(lanes):
            g = curvature[i * lanes + lane] * x[i * lanes + lane]
            squares[lane] += g * g


@njit(**FAST)
def _move(x, dx, estimate, z, first, sigma, eta_x, normalise, scale):
    """estimate += sigma zeta, zeta from z[first]; dx <- -eta_x estimate (/ its norm when ``normalise``); x += dx."""
    lanes = scale.size
    for n in range(x.size):
        estimate[n] += sigma[0, n] * z[first + n]
    if normalise:
        scale[:] = 0.0
        for i in range(x.size // lanes):
            for lane in range(lanes):
                scale[lane] += estimate[i * lanes + lane] * estimate[i * lanes + lane]
        for lane in range(lanes):
            scale[lane] = -eta_x / math.sqrt(scale[lane]) if scale[lane] > 0.0 else 0.0
    else:
        scale[:] = -eta_x
    for i in range(x.size // lanes):
        for lane in range(lanes):
            move = scale[lane] * estimate[i * lanes + lane]
            dx[i * lanes + lane] = move
            x[i * lanes + lane] += move


@njit(**FAST)
def _keep_ends(t, last, x, w, dx, slope, x_end, w_end):
    """Copy the lanes that ended at t; w becomes relative to the minimiser at the last x."""
    for n in range(x.size):
        if last[n % LANES] == t:
            x_end[n] = x[n]
            for j in range(w.shape[0]):
                w_end[j, n] = w[j, n] - slope[j, n] * dx[n]


@njit(**FAST)
def run_group(
    experiment, seeds, x, w, curvature, bias0, bias1, slope, q, until, eta_x, sigma, rho, gain, factor, mode,
    normalise, level, t_max, sustain, linger, stop, checkpoints, hit, sustained, last, curve, x_end, w_end,
):  # fmt: skip
    """Run one group from x (n,), w (p, n), n = d LANES with the lanes contiguous; curvature, bias0, bias1 (n,) and
    slope, q (p, n) are spread over the lanes too. Results in hit, sustained, last (LANES,), curve (C, LANES):
    ||grad phi(x_t)|| at the checkpoints that a lane lived to see, and x_end, w_end: where the lane ended.

    Tables by row, row r valid for t < until[r]: eta_x (R,), sigma (R, 1, d), rho, gain (R, p, d), and when JOINT
    factor (R, p, p, n).
    """
    p, n = w.shape
    d = n // LANES
    # four steps share a draw when filtered: one step's d normals alone would waste most of a block of four
    rows, shift = (d, 2) if mode == FILTERED else ((1 + p) * d, 0)
    blocks = ((rows << shift) + 3) // 4
    buffer = np.zeros((d + 4 * blocks, LANES))  # the first d rows: the last innovations of the group before
    z, fresh = buffer.reshape(-1), buffer[d:]
    dx, estimate, noise, ones = np.zeros(n), np.zeros(n), np.zeros(p * n), np.ones((p, n))
    rho_row, gain_row, sigma_row = np.zeros((p, n)), np.zeros((p, n)), np.zeros((1, n))
    squares, scale = np.zeros(LANES), np.zeros(LANES)
    run_start, word, zero = np.full(LANES, NEVER), lane_word(0, KERNEL_STREAM), np.uint64(0)
    row, mark, t, alive = np.int64(-1), np.int64(0), np.int64(0), np.int64(LANES)
    while True:
        _gradient_step(x, estimate, squares, curvature, bias0, bias1)
        if mark < checkpoints.size and t == checkpoints[mark]:
            for lane in range(LANES):
                if last[lane] < 0:
                    curve[mark, lane] = math.sqrt(squares[lane])
            mark += 1
        running = watch(t, squares, level, run_start, hit, sustained, last, t_max, sustain, linger, stop)
        if running < alive:  # a lane's end is its own: the others drive the group on
            _keep_ends(t, last, x, w, dx, slope, x_end, w_end)
            alive = running
        if running == 0:
            return
        if row < 0 or t >= until[row]:
            row += 1
            spread(rho[row], rho_row)
            spread(gain[row], gain_row)
            spread(sigma[row], sigma_row)
        place = t & ((1 << shift) - 1)
        if place == 0:
            for i in range(n):
                z[i] = z[(rows << shift) * LANES + i]
            draw = t >> shift
            fill_normals(fresh, blocks, zero, np.uint64(draw >> 32), np.uint64(draw), word, experiment, seeds)
        zeta = n + place * rows * LANES
        if mode == FILTERED:  # the kick of the last innovation, which lies before, comes with the next contraction
            _nodes_step(w, dx, estimate, z, zeta - n, 0, rho_row, slope, gain_row, q)
        elif mode == JOINT:
            _joint_noise(noise, factor[row], z, zeta + n)
            _nodes_step(w, dx, estimate, noise, 0, n, rho_row, slope, ones, q)
        else:
            _nodes_step(w, dx, estimate, z, zeta + n, n, rho_row, slope, gain_row, q)
        _move(x, dx, estimate, z, zeta, sigma_row, eta_x[row], normalise, scale)
        t += 1
