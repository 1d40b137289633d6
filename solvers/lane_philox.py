"""Philox4x32-10 for WIDE seeds at once, in 32-bit vector arithmetic: the words of :mod:`synthetic.philox`.

numba widens any arithmetic on uint32 to 64 bits, which halves the lanes of a vector register. The few operations that
Philox and the Box-Muller conversions need are therefore given to LLVM directly, as functions of uint32 alone.
"""

# numba compiles these functions from their arguments' types; annotations would be decoration
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from solvers.compiled import njit
from synthetic.philox import MULTIPLIERS, WEYL

WIDE = 32
"""Seeds worked on together by the literal kernels: with 32 LLVM keeps every loop over them a vector loop."""

EXACT: Any = {"error_model": "numpy", "cache": True, "nogil": True}
"""No fast-math and no fused multiply-add: every operation is rounded as solvers.literal_reference rounds it."""

INLINE: Any = {"error_model": "numpy", "forceinline": True}

U32 = np.uint32


def _binary(name: str) -> Any:
    """The LLVM instruction ``name`` on two uint32."""

    @intrinsic
    def operation(typing_context, a, b):
        def generate(context, builder, signature, args):
            return getattr(builder, name)(*args)

        return types.uint32(types.uint32, types.uint32), generate

    return operation


def _cast(instruction: str, to: Any, source: Any) -> Any:
    """The LLVM cast ``instruction`` from ``source`` to ``to``."""

    @intrinsic
    def operation(typing_context, a):
        def generate(context, builder, signature, args):
            return getattr(builder, instruction)(args[0], context.get_value_type(to))

        return to(source), generate

    return operation


add, sub, mul, xor, both, either, left, right = (
    _binary(name) for name in ("add", "sub", "mul", "xor", "and_", "or_", "shl", "lshr")
)
widen = _cast("zext", types.uint64, types.uint32)
float32_of = _cast("bitcast", types.float32, types.uint32)
bits_of_float32 = _cast("bitcast", types.uint32, types.float32)
small_to_float32 = _cast("sitofp", types.float32, types.uint32)
"""A word below 2^31 as the nearest float32 (signed conversion: one instruction on every machine)."""


@intrinsic
def high(typing_context, a, b):
    """The upper word of the 64-bit product a b."""

    def generate(context, builder, signature, args):
        long, short = context.get_value_type(types.uint64), context.get_value_type(types.uint32)
        product = builder.mul(builder.zext(args[0], long), builder.zext(args[1], long))
        return builder.trunc(builder.lshr(product, product.type(32)), short)

    return types.uint32(types.uint32, types.uint32), generate


_M0, _M1, _W0, _W1 = U32(MULTIPLIERS[0]), U32(MULTIPLIERS[1]), U32(WEYL[0]), U32(WEYL[1])


@njit(**INLINE)
def _round(c0, c1, c2, c3, k0, k1):
    return xor(xor(high(c2, _M1), c1), k0), mul(c2, _M1), xor(xor(high(c0, _M0), c3), k1), mul(c0, _M0)


@njit(**INLINE)
def _five(c0, c1, c2, c3, k0, k1):
    """Five rounds, written out for the vectoriser; the key as it stands after them."""
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = add(k0, _W0), add(k1, _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = add(k0, _W0), add(k1, _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = add(k0, _W0), add(k1, _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    k0, k1 = add(k0, _W0), add(k1, _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3, add(k0, _W0), add(k1, _W1)


@njit(**INLINE)
def philox(block, inner, step, word, experiment, seed):
    """The four words of Philox4x32-10 at counter (block, inner, step, word), key (experiment, seed); all uint32."""
    c0, c1, c2, c3, k0, k1 = _five(block, inner, step, word, experiment, seed)
    c0, c1, c2, c3, _, _ = _five(c0, c1, c2, c3, k0, k1)
    return c0, c1, c2, c3


@njit(**INLINE)
def philox_short(block, inner, step, word, experiment, seed):
    """Philox4x32-7: the `fast` stream. Other numbers than :func:`philox`, equal in law only."""
    c0, c1, c2, c3, k0, k1 = _five(block, inner, step, word, experiment, seed)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    return _round(c0, c1, c2, c3, add(k0, _W0), add(k1, _W1))
