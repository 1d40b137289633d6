"""The lower levels of :mod:`solvers.lower_levels`, compiled for WIDE lanes: one inner step, one hyper-gradient term.

Every array of a level is flat, entry i WIDE + lane; coefficients ``data`` are (rows, d), the same for all lanes, or the
samples (n, features + 1) of a softmax level, the label last. Operations keep the order of the reference.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from solvers.compiled import njit
from solvers.lane_noise import AT
from solvers.lane_philox import EXACT, WIDE

QUADRATIC, POLYNOMIAL, SOFTMAX = 0, 1, 2
KINDS = {"quadratic": QUADRATIC, "polynomial": POLYNOMIAL, "softmax": SOFTMAX}
CURVATURE, A, H, B, GAMMA, C0, G3, G4, F3, F4 = range(10)  # rows of solvers.lower_levels.coefficient_rows


@njit(**EXACT)
def at(kind, x, centre, slope, data):
    """What depends on x alone: centre = b x and slope = c0 + gamma x, or slope = 2 exp(2 x) of a softmax level."""
    two = x.dtype.type(2)
    for i in range(x.size // WIDE):
        for lane in range(WIDE):
            n = AT(i * WIDE + lane)
            if kind == SOFTMAX:
                slope[n] = two * math.exp(two * x[n])
            else:
                centre[n] = data[B, i] * x[n]
                slope[n] = data[C0, i] + data[GAMMA, i] * x[n]


@njit(**EXACT)
def _separable_step(cubic, fused, y, centre, slope, data, j_nu, eta, on_f, on_g, f, g):
    for i in range(y.size // WIDE):
        a, h, row = data[A, i], data[H, i], i * WIDE
        g3, g4, f3, f4 = (data[G3, i], data[G4, i], data[F3, i], data[F4, i]) if cubic else (a, a, a, a)
        for lane in range(WIDE):
            n = AT(row + lane)
            z = y[n] - centre[n]
            F, G = slope[n] + h * z, a * z
            if cubic:
                F += (z * z) * (f3 + f4 * z)
                G += (z * z) * (g3 + g4 * z)
            if fused:
                y[n] -= eta * (j_nu[lane] * F + G + on_f[lane] * f[n])
            else:
                F += on_f[lane] * f[n]
                G += on_g[lane] * g[n]
                y[n] -= eta * (j_nu[lane] * F + G)


@njit(**EXACT)
def inner_step(kind, fused, y, centre, slope, data, shape, j_nu, eta, on_f, on_g, f, g, work):
    """y <- y - eta (j nu F_y + G_y) with noise on_f f and on_g g; fused: on_f f is the noise of the whole sum."""
    if kind == POLYNOMIAL:
        _separable_step(True, fused, y, centre, slope, data, j_nu, eta, on_f, on_g, f, g)
    elif kind == QUADRATIC:
        _separable_step(False, fused, y, centre, slope, data, j_nu, eta, on_f, on_g, f, g)
    else:
        F, G, z = work[0], work[1], work[2]
        mean_slope(data[shape[0] :], shape[1], y, F, z)
        mean_slope(data[: shape[0]], shape[0], y, G, z)
        classes = y.size // slope.size
        for i in range(y.size // WIDE):
            for lane in range(WIDE):
                n = AT(i * WIDE + lane)
                force = G[n] + slope[AT(i // classes * WIDE + lane)] * y[n]
                if fused:
                    y[n] -= eta * (j_nu[lane] * F[n] + force + on_f[lane] * f[n])
                else:
                    y[n] -= eta * (j_nu[lane] * (F[n] + on_f[lane] * f[n]) + (force + on_g[lane] * g[n]))


@njit(**EXACT)
def outer_term(kind, fused, term, x, y, centre, slope, data, j, nu, on_f, on_g, f, g):
    """term <- j F_x + G_x / nu with noise on_f f and on_g g; fused: on_f f is the noise of the whole sum."""
    classes = y.size // x.size
    for i in range(x.size // WIDE):
        for lane in range(WIDE):
            n = AT(i * WIDE + lane)
            if kind == SOFTMAX:
                first = AT(i * classes * WIDE + lane)
                square = y[first] * y[first]
                for c in range(1, classes):
                    square += y[first + AT(c * WIDE)] * y[first + AT(c * WIDE)]
                F, G = square - square, slope[n] * square
            else:
                z = y[n] - centre[n]
                F_y, G_y = slope[n] + data[H, i] * z, data[A, i] * z
                if kind == POLYNOMIAL:
                    F_y += (z * z) * (data[F3, i] + data[F4, i] * z)
                    G_y += (z * z) * (data[G3, i] + data[G4, i] * z)
                F = (data[CURVATURE, i] * x[n] + data[GAMMA, i] * z) - data[B, i] * F_y
                G = -data[B, i] * G_y
            if fused:
                term[n] = j[lane] * F + G / nu + on_f[lane] * f[n]
            else:
                F += on_f[lane] * f[n]
                G += on_g[lane] * g[n]
                term[n] = j[lane] * F + G / nu


@njit(**EXACT)
def mean_slope(samples, n, y, out, z):
    """out (features classes lanes,) <- the gradient of the mean softmax cross-entropy over n samples; scratch z."""
    features = samples.shape[1] - 1
    classes = y.size // WIDE // features
    width = classes * WIDE
    zero, one, count = y.dtype.type(0), y.dtype.type(1), y.dtype.type(n)
    top, total = z[width : width + WIDE], z[width + WIDE : width + 2 * WIDE]
    out[: y.size] = 0
    for s in range(n):
        label = int(samples[s, features])
        z[:width] = 0
        for i in range(features):
            sample = samples[s, i]
            for m in range(width):
                z[m] += sample * y[AT(i * width + m)]
        for lane in range(WIDE):
            top[lane], total[lane] = z[lane], zero
        for c in range(1, classes):
            for lane in range(WIDE):
                top[lane] = max(top[lane], z[AT(c * WIDE + lane)])
        for c in range(classes):
            for lane in range(WIDE):
                z[AT(c * WIDE + lane)] = math.exp(z[AT(c * WIDE + lane)] - top[lane])
                total[lane] += z[AT(c * WIDE + lane)]
        for c in range(classes):
            for lane in range(WIDE):
                z[AT(c * WIDE + lane)] = z[AT(c * WIDE + lane)] / total[lane] - (one if c == label else zero)
        for i in range(features):
            sample = samples[s, i]
            for m in range(width):
                out[AT(i * width + m)] += sample * z[m]
    for m in range(y.size):
        out[m] /= count


@njit(**EXACT)
def amplitude(size, y, scale):
    """size <- sqrt(1 + ||y||^2 / (d scale^2)) of every lane."""
    one, d = y.dtype.type(1), y.dtype.type(y.size // WIDE)
    for lane in range(WIDE):
        size[lane] = 0
    for i in range(y.size // WIDE):
        for lane in range(WIDE):
            size[lane] += y[AT(i * WIDE + lane)] * y[AT(i * WIDE + lane)]
    for lane in range(WIDE):
        size[lane] = np.sqrt(one + size[lane] / d / (scale * scale))
