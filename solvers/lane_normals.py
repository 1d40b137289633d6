"""Standard normals for many seeds at once: the Philox streams of :mod:`synthetic.philox`, one seed a SIMD lane.

The numbers are those of ``synthetic.philox.gaussian`` (Philox4x32-10, four normals a block by Box-Muller) to
about 1e-15: the words are identical, log and sin/cos are power series without branches or table look-ups, so that
the compiler turns the loop over LANES seeds into vector code. No state is carried: a normal is a function of
(experiment, seed, outer step, block, stream), so neighbours in a group of lanes cannot change it.
"""

# numba compiles these functions from their arguments' types; annotations would be decoration
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from solvers.compiled import njit
from synthetic.philox import MASK, MULTIPLIERS, NODE_OFFSET, WEYL

LANES = 16
"""Seeds worked on together. 16 doubles are two to four vector registers; below 16 LLVM unrolls and stays scalar."""

KERNEL_STREAM = 16
"""The Philox stream of the jump kernels (0 to 9 are the oracle's)."""

FAST: Any = {"fastmath": {"contract"}, "error_model": "numpy", "cache": True, "nogil": True}
"""Compiler options of every kernel: fused multiply-add allowed, no reordering of sums, so a lane's result never
depends on its place in the vector."""

INLINE: Any = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}
"""Small functions, inlined by LLVM (numba's own inlining makes the compile several times longer)."""

EXACT_INLINE: Any = {"error_model": "numpy", "forceinline": True}
"""As INLINE without fused multiply-add."""

_U = np.uint64
_M0, _M1, _W0, _W1, _LOW = _U(MULTIPLIERS[0]), _U(MULTIPLIERS[1]), _U(WEYL[0]), _U(WEYL[1]), _U(MASK)
_1, _20, _22, _30, _31, _32, _52, _63 = (_U(n) for n in (1, 20, 22, 30, 31, 32, 52, 63))
_ONE = _U(0x3FF0000000000000)  # the bits of 1.0
_FRACTION = _U(0x000FFFFFFFFFFFFF)  # the fraction bits of a double
_ROOT_HALF = np.array([math.sqrt(0.5)]).view(np.uint64)[0]
_LIFT = _U(1024 << 52)  # keeps the exponent difference non-negative
_TWO_52 = _U(0x4330000000000000)  # the bits of 2^52: or-ing an integer in and subtracting 2^52 converts it
_QUARTER, _ZERO = _U(1 << 29), _U(0)
_UNIT_SHIFT = 1.0 - 2.0**-33
_ANGLE_SHIFT = 1.5 - 2.0**-31
_HALF_PI, _LN2, _EXPONENT = math.pi / 2, math.log(2.0), 2.0**52 + 1024.0
# Taylor coefficients of sin, cos (|f| <= pi/4) and of log m = 2 artanh s (|s| <= 0.172), to below 1e-16 relative
_S3, _S5, _S7, _S9, _S11, _S13, _S15 = (
    (-1.0) ** k / math.factorial(2 * k + 1) for k in range(1, 8)
)  # fmt: skip
_C4, _C6, _C8, _C10, _C12, _C14, _C16 = ((-1.0) ** k / math.factorial(2 * k) for k in range(2, 9))
_L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8, _L9 = (2.0 / (2 * k + 1) for k in range(1, 10))


@intrinsic
def _float_of(typing_context, word):
    """The double with the given bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(types.float64))

    return types.float64(types.uint64), codegen


@intrinsic
def _bits_of(typing_context, number):
    """The bits of a double."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(types.uint64))

    return types.uint64(types.float64), codegen


@njit(**INLINE)
def _round(c0, c1, c2, c3, k0, k1):
    p0, p1 = _M0 * c0, _M1 * c2
    return (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW


@njit(**INLINE)
def philox_block(block, inner, step, word, experiment, seed):
    """Philox4x32-10 at counter (block, inner, step, word); ten rounds written out for the vectoriser."""
    k0, k1 = experiment, seed
    c0, c1, c2, c3 = _round(block, inner, step, word, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return _round(c0, c1, c2, c3, k0, k1)


def _radius_body(word):
    """sqrt(-2 log u), u = (word + 1/2) 2^-32 = 2^e m with m in [sqrt(1/2), sqrt(2))."""
    bits = _bits_of(_float_of((word << _20) | _ONE) - _UNIT_SHIFT) - _ROOT_HALF + _LIFT
    e = _float_of((bits >> _52) | _TWO_52) - _EXPONENT
    m = _float_of((bits & _FRACTION) + _ROOT_HALF)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    tail = _L5 + z * (_L6 + z * (_L7 + z * (_L8 + z * _L9)))
    log_m = s * (2.0 + z * (_L1 + z * (_L2 + z * (_L3 + z * (_L4 + z * tail)))))
    return math.sqrt(-2.0 * (log_m + e * _LN2))


def _turn_body(r, word_angle):
    """(r cos a, r sin a), a = 2 pi (word + 1/2) 2^-32 = q pi/2 + f with |f| <= pi/4."""
    turned = (word_angle + _QUARTER) & _LOW  # an eighth of a turn further: its top two bits are q
    f = _HALF_PI * (_float_of(((turned << _22) & _FRACTION) | _ONE) - _ANGLE_SHIFT)
    z = f * f
    s = f + f * z * (_S3 + z * (_S5 + z * (_S7 + z * (_S9 + z * (_S11 + z * (_S13 + z * _S15))))))
    c = 1.0 - 0.5 * z + z * z * (_C4 + z * (_C6 + z * (_C8 + z * (_C10 + z * (_C12 + z * (_C14 + z * _C16))))))
    odd, half = (turned >> _30) & _1, turned >> _31
    swap = (_bits_of(s) ^ _bits_of(c)) & (_ZERO - odd)  # exchange sin and cos for odd q, without a branch
    cos_a = _float_of((_bits_of(c) ^ swap) ^ ((odd ^ half) << _63))
    sin_a = _float_of((_bits_of(s) ^ swap) ^ (half << _63))
    return r * cos_a, r * sin_a


_radius, _turn = njit(**INLINE)(_radius_body), njit(**INLINE)(_turn_body)
_exact_radius, _exact_turn = njit(**EXACT_INLINE)(_radius_body), njit(**EXACT_INLINE)(_turn_body)


@njit(**INLINE)
def box_muller(word_radius, word_angle):
    """Two normals from two words (uint64 below 2^32)."""
    return _turn(_radius(word_radius), word_angle)


@njit(**EXACT_INLINE)
def exact_box_muller(word_radius, word_angle):
    """:func:`box_muller` without fused multiply-add: the same bits on every machine."""
    return _exact_turn(_exact_radius(word_radius), word_angle)


@njit(**INLINE)
def lane_word(node, stream):
    """Counter word c3 = ((node + 2^15) << 8) | stream."""
    return np.uint64(((node + NODE_OFFSET) << 8) | stream)


@njit(**FAST)
def fill_normals(z, blocks, first, inner, step, word, experiment, seeds):
    """z[4 b + i, lane] = normal i of block first + b, b < blocks, for LANES seeds; every address word is a uint64."""
    # a signed word among unsigned ones would silently turn the arithmetic into floating point
    inner, step, word = np.uint64(inner) & _LOW, np.uint64(step) & _LOW, np.uint64(word) & _LOW
    for b in range(blocks):
        block = (np.uint64(first) + np.uint64(b)) & _LOW
        for lane in range(LANES):
            w0, w1, w2, w3 = philox_block(block, inner, step, word, experiment, seeds[lane])
            z0, z1 = box_muller(w0, w1)
            z2, z3 = box_muller(w2, w3)
            z[4 * b, lane] = z0
            z[4 * b + 1, lane] = z1
            z[4 * b + 2, lane] = z2
            z[4 * b + 3, lane] = z3


@njit(**FAST)
def fill_signs(z, d, first, inner, step, word, experiment, seeds):
    """z[i, lane] = sign i < d of the draw that starts at block first (synthetic.philox.rademacher)."""
    inner, step, word = np.uint64(inner) & _LOW, np.uint64(step) & _LOW, np.uint64(word) & _LOW
    for i in range(d):
        block, bit = (np.uint64(first) + np.uint64(i // 128)) & _LOW, np.uint64(i % 32)
        for lane in range(LANES):
            if i % 32 == 0:  # the word stays in z as its own bits until its 32 signs are read
                w = philox_block(block, inner, step, word, experiment, seeds[lane])
                z[d, lane] = _float_of(w[(i // 32) % 4])
            z[i, lane] = 1.0 - 2.0 * np.float64((_bits_of(z[d, lane]) >> bit) & _1)
