"""F2SA-p sample by sample for a group of Q seeds: the compiled loop behind :mod:`solvers.literal_numba`.

Lanes are (node, seed) pairs, lane m Q + r of node m and seed r, WIDE of them a chunk: with few seeds the nodes fill
the vector, with many seeds a chunk is one node. Nothing is allocated while it runs.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from solvers.compiled import njit
from solvers.jump_kernel import NEVER, watch
from solvers.lane_noise import wide_normals, wide_signs
from solvers.lane_philox import EXACT, U32, WIDE
from solvers.literal_levels import CURVATURE, SOFTMAX, amplitude, at, inner_step, outer_term

FROZEN, SHARED_X, SHARED_INNER, NORMALISE, SIGNS, FUSED, SHORT, STOP = (1 << k for k in range(8))
NU, SIGMA_F, SIGMA_G, SCALE = range(4)  # entries of `numbers`


@njit(**EXACT)
def _draw(z, w, d, flags, sample, inner, step, words, experiment, seeds):
    """One sample of F's and of G's noise into z[0], z[1]; fused: of their sum into z[0]."""
    for level in range(1 if flags & FUSED else 2):
        if flags & SIGNS:
            first = sample * ((d + 127) // 128)
            wide_signs(z[level], w, d, first, inner, step, words[level], experiment, seeds, flags & SHORT)
        else:
            blocks = (d + 3) // 4
            wide_normals(
                z[level], w, blocks, sample * blocks, inner, step, words[level], experiment, seeds, flags & SHORT
            )


@njit(**EXACT)
def _sizes(on_f, on_g, sigma_f, sigma_g, by_f, by_g, y, scale, fused):
    """The noise's standard deviations at y; fused: on_f is that of by_f (F's noise) + by_g (G's noise)."""
    if scale < np.inf:
        amplitude(on_g, y, scale)
    else:
        on_g[:] = 1
    for lane in range(WIDE):
        on_f[lane] = sigma_f * on_g[lane]
        on_g[lane] = sigma_g * on_g[lane]
        if fused:
            F, G = by_f[lane] * on_f[lane], by_g * on_g[lane]
            on_f[lane] = np.sqrt(F * F + G * G)


@njit(**EXACT)
def _inner_loop(kind, flags, y, centre, slope, data, shape, j_nu, eta, numbers, K, step, words, experiment, seeds,
                meter, z, w, on_f, on_g, work):  # fmt: skip
    fused, one = flags & FUSED != 0, numbers.dtype.type(1)
    for k in range(K):
        if k == 0 or not flags & FROZEN:
            _draw(z, w, y.size // WIDE, flags, 0, U32(1 + k), step, words, experiment, seeds)
        for lane in range(WIDE):
            meter[lane] += 1
        if k == 0 or numbers[SCALE] < np.inf:
            _sizes(on_f, on_g, numbers[SIGMA_F], numbers[SIGMA_G], j_nu, one, y, numbers[SCALE], fused)
        inner_step(kind, fused, y, centre, slope, data, shape, j_nu, eta, on_f, on_g, z[0], z[1], work)


@njit(**EXACT)
def _batch(kind, flags, term, x, y, centre, slope, data, j, numbers, over_f, over_g, S, step, words, experiment,
           seeds, meter, z, w, total, on_f, on_g):  # fmt: skip
    """term <- j F_x + G_x/nu with the noise of S samples, summed in their order."""
    fused, d = flags & FUSED != 0, x.size // WIDE
    total[:] = 0
    for i in range(S):
        _draw(z, w, d, flags, i, U32(0), step, words, experiment, seeds)
        for lane in range(WIDE):
            meter[lane] += 1
        for level in range(1 if fused else 2):
            for n in range(x.size):
                total[level, n] += z[level, n]
    one = numbers.dtype.type(1)
    _sizes(on_f, on_g, over_f, over_g, j, one / numbers[NU], y, numbers[SCALE], fused)
    outer_term(kind, fused, term, x, y, centre, slope, data, j, numbers[NU], on_f, on_g, total[0], total[1])


@njit(**EXACT)
def _look(kind, squares, x, data):
    """||grad phi(x_r)||^2, NaN where no closed form is known."""
    for r in range(x.shape[0]):
        square = x.dtype.type(0)
        for i in range(x.shape[1]):
            if kind != SOFTMAX:
                slope = data[CURVATURE, i] * x[r, i]
                square += slope * slope
        squares[r] = math.nan if kind == SOFTMAX else square


@njit(**EXACT)
def _spread(x, lanes):
    """lanes (chunks, d WIDE) <- the seed's x in each of its lanes."""
    for n in range(lanes.shape[0] * WIDE):
        for i in range(x.shape[1]):
            lanes[n // WIDE, i * WIDE + n % WIDE] = x[n % x.shape[0], i]


@njit(**EXACT)
def _move(x, terms, alpha, eta, normalise, estimate):
    """x <- x - eta_x Phi (/ ||Phi||), Phi = sum_j alpha_j term_j, for every seed."""
    Q, d = x.shape
    for r in range(Q):
        estimate[:] = 0
        for m in range(alpha.size):
            n = m * Q + r
            for i in range(d):
                estimate[i] += alpha[m] * terms[n // WIDE, i * WIDE + n % WIDE]
        size = estimate.dtype.type(0)
        for i in range(d):
            size += estimate[i] * estimate[i]
        size = np.sqrt(size)
        if size > 0 or not normalise:
            for i in range(d):
                x[r, i] -= eta * (estimate[i] / size if normalise else estimate[i])


@njit(**EXACT)
def _leave(t, last, x, y, meter, x_end, y_end, metered):
    """Keep what the seeds that end at t have reached."""
    Q = x.shape[0]
    for r in range(Q):
        if last[r] == t:
            x_end[r] = x[r]
            metered[r] = 0
            for m in range(y_end.shape[1]):
                n = m * Q + r
                metered[r] += meter[n // WIDE, n % WIDE]
                for i in range(y_end.shape[2]):
                    y_end[r, m, i] = y[n // WIDE, i * WIDE + n % WIDE]


@njit(**EXACT)
def run_group(
    kind, flags, experiment, seeds, words, x, y, data, shape, j, j_nu, alpha, numbers, starts, S, K, eta, over,
    level, t_max, sustain, linger, checkpoints, hit, sustained, last, curve, metered, x_end, y_end,
):  # fmt: skip
    """x (Q, d); seeds, j, j_nu (chunks, WIDE), words (2, chunks, 2, WIDE) of the x step and of the inner loop for F
    and G; y (chunks, dy WIDE); eta, over (2, stages): eta_x, eta_y and sigma_f/S, sigma_g/S. Out: hit, sustained,
    last, metered (Q,), curve (marks, Q), x_end (Q, d), y_end (Q, P, dy)."""
    Q, d = x.shape
    chunks, dy, real = y.shape[0], y_end.shape[2], x.dtype
    rows = 4 * ((max(d, dy) + 3) // 4)
    z, total, w = np.zeros((2, rows * WIDE), real), np.zeros((2, d * WIDE), real), np.zeros(4 * WIDE, np.uint32)
    on_f, on_g, work = np.zeros(WIDE, real), np.zeros(WIDE, real), np.zeros((3, (dy + 2) * WIDE), real)
    centre, slope = np.zeros((chunks, d * WIDE), real), np.zeros((chunks, d * WIDE), real)
    lanes, terms = np.zeros((chunks, d * WIDE), real), np.zeros((chunks, d * WIDE), real)
    estimate, meter = np.zeros(d, real), np.zeros((chunks, WIDE), np.int64)
    squares, begun = np.zeros(Q), np.full(Q, NEVER)
    stage, mark, t, alive = 0, 0, np.int64(0), Q
    while True:
        _look(kind, squares, x, data)
        if mark < checkpoints.size and t == checkpoints[mark]:
            for r in range(Q):
                if last[r] < 0:
                    curve[mark, r] = math.sqrt(squares[r])
            mark += 1
        running = watch(t, squares, level, begun, hit, sustained, last, t_max, sustain, linger, flags & STOP != 0)
        if running < alive:
            _leave(t, last, x, y, meter, x_end, y_end, metered)
            alive = running
        if running == 0:
            return
        while stage + 1 < starts.size and t >= starts[stage + 1]:
            stage += 1
        _spread(x, lanes)
        for c in range(chunks):
            at(kind, lanes[c], centre[c], slope[c], data)
            _inner_loop(
                kind, flags, y[c], centre[c], slope[c], data, shape, j_nu[c], eta[1, stage], numbers, K[stage], U32(t),
                words[1, c], experiment, seeds[c], meter[c], z, w, on_f, on_g, work,
            )  # fmt: skip
            _batch(
                kind, flags, terms[c], lanes[c], y[c], centre[c], slope[c], data, j[c], numbers, over[0, stage],
                over[1, stage], S[stage], U32(t), words[0, c], experiment, seeds[c], meter[c], z, w, total, on_f, on_g,
            )  # fmt: skip
        _move(x, terms, alpha, eta[0, stage], flags & NORMALISE != 0, estimate)
        t += 1
