"""Noise of the literal kernels: WIDE lanes of the Philox streams, as normals or signs, in float64 or float32.

A lane has a seed and a node of its own; the block, the inner and the outer step are common. Words are made first and
converted after, in loops that hold one kind of arithmetic each: that is what lets LLVM fill whole vector registers.

float64 normals are those of :func:`synthetic.philox.gaussian` to GAUSSIAN_ULPS; float32 ones are the same words
converted in float32, within FLOAT32_ERROR of them. `short` takes Philox4x32-7 words: other numbers, the same law.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import overload

from solvers.compiled import njit
from solvers.lane_normals import exact_box_muller
from solvers.lane_philox import (
    EXACT,
    INLINE,
    U32,
    WIDE,
    add,
    bits_of_float32,
    both,
    float32_of,
    left,
    philox,
    philox_short,
    right,
    small_to_float32,
    sub,
    widen,
    xor,
)  # fmt: skip

FLOAT32_ERROR = 4e-7
"""Largest error of a float32 normal r cos a: relative to r, its radius. Rounding to float32 alone is 6e-8."""

F32 = np.float32
AT = np.uint64
ROW = AT(WIDE)
_S3, _S5, _S7, _S9 = (F32((-1.0) ** k / math.factorial(2 * k + 1)) for k in range(1, 5))
_C4, _C6, _C8, _C10 = (F32((-1.0) ** k / math.factorial(2 * k)) for k in range(2, 6))
_L1, _L2, _L3, _L4, _L5, _L6 = (F32(2.0 / (2 * k + 1)) for k in range(1, 7))
_HALF, _ONE, _TWO, _MINUS_TWO, _LIFT = F32(0.5), F32(1.0), F32(2.0), F32(-2.0), F32(128.0)
_HALF_PI, _LN2 = F32(math.pi / 2), F32(math.log(2.0))
_2_30, _2_32, _2_33 = F32(2.0**-30), F32(2.0**-32), F32(2.0**-33)
_ROOT_HALF = np.array([math.sqrt(0.5)], dtype=np.float32).view(np.uint32)[0]
_EXPONENT_LIFT, _FRACTION, _EIGHTH = U32(128 << 23), U32((1 << 23) - 1), U32(1 << 29)
_BITS_OF_ONE = U32(0x3F800000)
_0, _1, _2, _3, _23, _30, _31 = (U32(n) for n in (0, 1, 2, 3, 23, 30, 31))


@njit(**INLINE)
def _radius32(word):
    """sqrt(-2 log u), u = (word + 1/2) 2^-32; above 1/2 by log(1 - v) with v = 1 - u, which keeps its digits."""
    upper = right(word, _31)  # 1 for u >= 1/2
    turned = xor(word, sub(_0, upper))  # ~word there
    v = small_to_float32(turned) * _2_32 + _2_33  # u, or 1 - u above 1/2: below 1/2 either way
    # v = 2^e m, m in [sqrt(1/2), sqrt(2))
    bits = add(sub(bits_of_float32(v), _ROOT_HALF), _EXPONENT_LIFT)
    e = small_to_float32(right(bits, _23)) - _LIFT
    m = float32_of(add(both(bits, _FRACTION), _ROOT_HALF))
    far = small_to_float32(upper)  # without a branch: s = (m - 1)/(m + 1), or -v/(2 - v) and no exponent
    near = _ONE - far
    s = (near * (m - _ONE) - far * v) / (near * (m + _ONE) + far * (_TWO - v))
    z = s * s
    tail = _L4 + z * (_L5 + z * _L6)
    log_m = s * (_TWO + z * (_L1 + z * (_L2 + z * (_L3 + z * tail))))
    return F32(math.sqrt(_MINUS_TWO * (log_m + near * e * _LN2)))


@njit(**INLINE)
def float32_box_muller(word_radius, word_angle):
    """(r cos a, r sin a) in float32, a = 2 pi (word + 1/2) 2^-32 = q pi/2 + f with |f| <= pi/4."""
    r = _radius32(word_radius)
    turned = add(word_angle, _EIGHTH)
    f = (small_to_float32(right(left(turned, _2), _2)) * _2_30 - _HALF) * _HALF_PI
    z = f * f
    s = f + f * z * (_S3 + z * (_S5 + z * (_S7 + z * _S9)))
    c = _ONE - _HALF * z + z * z * (_C4 + z * (_C6 + z * (_C8 + z * _C10)))
    odd, half = both(right(turned, _30), _1), right(turned, _31)
    swap = both(xor(bits_of_float32(s), bits_of_float32(c)), sub(_0, odd))
    cos_a = float32_of(xor(xor(bits_of_float32(c), swap), left(xor(odd, half), _31)))
    sin_a = float32_of(xor(xor(bits_of_float32(s), swap), left(half, _31)))
    return r * cos_a, r * sin_a


def _convert(to, word_radius, word_angle):
    """Two normals in the dtype of ``to``."""


@overload(_convert, jit_options=INLINE)
def _convert_typed(to, word_radius, word_angle):
    if to == types.float32:
        return lambda to, word_radius, word_angle: float32_box_muller(word_radius, word_angle)
    return lambda to, word_radius, word_angle: exact_box_muller(widen(word_radius), widen(word_angle))


# Arrays are flat, entry i WIDE + lane: LLVM then knows the distance of their rows, and that they do not overlap.
# Indices are unsigned: a signed one might be negative and count from the end, which no vector load can follow.
@njit(**EXACT)
def _words(w, block, inner, step, word, experiment, seeds, short):
    """The four words of one block for every lane."""
    for lane in range(WIDE):
        if short:
            words = philox_short(block, inner, step, word[lane], experiment, seeds[lane])
        else:
            words = philox(block, inner, step, word[lane], experiment, seeds[lane])
        w[lane], w[WIDE + lane], w[2 * WIDE + lane], w[3 * WIDE + lane] = words


@njit(**EXACT)
def wide_normals(z, w, blocks, first, inner, step, word, experiment, seeds, short):
    """z[4 b + i] (lanes) <- normal i of block first + b, b < blocks. ``word`` and ``seeds`` are the lanes' own counter
    words and seeds, uint32; scratch w (4 WIDE,)."""
    for b in range(blocks):
        _words(w, U32(first + b), inner, step, word, experiment, seeds, short)
        for half in range(2):
            to, at = (4 * b + 2 * half) * WIDE, 2 * half * WIDE
            for lane in range(WIDE):
                n, m = AT(to + lane), AT(at + lane)
                z[n], z[n + ROW] = _convert(z[lane], w[m], w[m + ROW])


@njit(**EXACT)
def wide_signs(z, w, d, first, inner, step, word, experiment, seeds, short):
    """z[i] (lanes) <- sign i < d of the draw that starts at block ``first`` (synthetic.philox.rademacher).

    Four at a time, the last rows past d included (z has whole fours): LLVM unrolls a loop over the lanes that makes
    one sign, before it looks for vectors, and leaves it scalar.
    """
    for i in range(0, d, 4):
        if i % 128 == 0:
            _words(w, U32(first + i // 128), inner, step, word, experiment, seeds, short)
        to, at, bit = i * WIDE, (i // 32) % 4 * WIDE, U32(i % 32)
        for lane in range(WIDE):
            n, bits = AT(to + lane), right(w[AT(at + lane)], bit)
            z[n] = _sign(z[lane], both(bits, _1))
            z[n + ROW] = _sign(z[lane], both(right(bits, _1), _1))
            z[n + ROW + ROW] = _sign(z[lane], both(right(bits, _2), _1))
            z[n + ROW + ROW + ROW] = _sign(z[lane], both(right(bits, _3), _1))


def _sign(to, bit):
    """1 - 2 bit in the dtype of ``to``."""


@overload(_sign, jit_options=INLINE)
def _sign_typed(to, bit):
    if to == types.float32:
        return lambda to, bit: float32_of(xor(_BITS_OF_ONE, left(bit, _31)))
    return lambda to, bit: 1.0 - 2.0 * np.float64(widen(bit))
