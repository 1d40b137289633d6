"""The streams of :mod:`synthetic.philox` as numba functions, for compiled literal kernels.

Words, uniforms and signs are the identical numbers; normals agree to ``GAUSSIAN_ULPS`` units in the last place
(both sides apply log, sqrt, cos and sin to identical float64 arguments; only the libraries' last bits differ).
Importing this module imports numba; :mod:`synthetic.philox` never does.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from synthetic.philox import MASK, MULTIPLIERS, NODE_OFFSET, ROUNDS, SCALE, TAU, WEYL

GAUSSIAN_ULPS = 8
"""log and cos, sin within 4 ulps on either side (NumPy's vector loops state 4, libm below 1)."""

_M0, _M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])
_W0, _W1 = np.uint64(WEYL[0]), np.uint64(WEYL[1])
_MASK, _32 = np.uint64(MASK), np.uint64(32)


@numba.njit(inline="always")
def philox4x32_numba(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """The four output words of one block, as uint64 scalars below 2^32; arguments: integers below 2^32."""
    # uint64 throughout: numba turns a mixture of signed and unsigned 64-bit integers into float64
    c0, c1, c2, c3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    k0, k1 = np.uint64(k0), np.uint64(k1)
    for _ in range(ROUNDS):
        low3 = c0 * _M0
        low1 = c2 * _M1
        c0 = (low1 >> _32) ^ c1 ^ k0
        c2 = (low3 >> _32) ^ c3 ^ k1
        c1 = low1 & _MASK
        c3 = low3 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@numba.njit(inline="always")
def lane_word_numba(node, stream):  # type: ignore[no-untyped-def]
    """Counter word c3 = ((node + 2^15) << 8) | stream."""
    return ((np.int64(node) + NODE_OFFSET) << 8) | np.int64(stream)


@numba.njit(inline="always")
def unit_numba(word):  # type: ignore[no-untyped-def]
    """u = (w + 1/2) 2^-32."""
    return (np.float64(word) + 0.5) * SCALE


@numba.njit(inline="always")
def sign_numba(word, bit):  # type: ignore[no-untyped-def]
    """1 - 2 (bit ``bit`` of ``word``)."""
    return 1.0 - 2.0 * np.float64((np.uint64(word) >> np.uint64(bit)) & np.uint64(1))


@numba.njit(inline="always")
def box_muller_numba(word_radius, word_angle):  # type: ignore[no-untyped-def]
    """(r cos a, r sin a) with r = sqrt(-2 log u), a = 2 pi u'."""
    radius = math.sqrt(-2.0 * math.log(unit_numba(word_radius)))
    angle = TAU * unit_numba(word_angle)
    return radius * math.cos(angle), radius * math.sin(angle)


@numba.njit
def uniform_fill_numba(out, experiment, seed, step, inner, node, stream, sample):  # type: ignore[no-untyped-def]
    """``out[:]`` = :func:`synthetic.philox.uniform` at one address; ``out`` is a 1-d float64 array."""
    n = out.size
    c3 = lane_word_numba(node, stream)
    blocks = (n + 3) // 4
    for b in range(blocks):
        words = philox4x32_numba(sample * blocks + b, inner, step, c3, experiment, seed)
        for i in range(min(4, n - 4 * b)):
            out[4 * b + i] = unit_numba(words[i])


@numba.njit
def rademacher_fill_numba(out, experiment, seed, step, inner, node, stream, sample):  # type: ignore[no-untyped-def]
    """``out[:]`` = :func:`synthetic.philox.rademacher` at one address."""
    n = out.size
    c3 = lane_word_numba(node, stream)
    blocks = (n + 127) // 128
    for b in range(blocks):
        words = philox4x32_numba(sample * blocks + b, inner, step, c3, experiment, seed)
        for i in range(min(128, n - 128 * b)):
            out[128 * b + i] = sign_numba(words[i // 32], i % 32)


@numba.njit
def gaussian_fill_numba(out, experiment, seed, step, inner, node, stream, sample):  # type: ignore[no-untyped-def]
    """``out[:]`` = :func:`synthetic.philox.gaussian` at one address, to ``GAUSSIAN_ULPS``."""
    n = out.size
    c3 = lane_word_numba(node, stream)
    blocks = (n + 3) // 4
    for b in range(blocks):
        w0, w1, w2, w3 = philox4x32_numba(sample * blocks + b, inner, step, c3, experiment, seed)
        i = 4 * b
        first, second = box_muller_numba(w0, w1)
        out[i] = first
        if i + 1 < n:
            out[i + 1] = second
        if i + 2 < n:
            third, fourth = box_muller_numba(w2, w3)
            out[i + 2] = third
            if i + 3 < n:
                out[i + 3] = fourth
