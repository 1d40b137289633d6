"""Symbolic Taylor jets of f and g at a point, for the identities of paper 001 (its tensor notation, appendix A).

A ``Jet`` is a polynomial in (x, y) whose coefficients are free symbols, one for each partial derivative at the base
point; its blocks are named as the paper does, ``block("yxy")`` = grad^3_yxy h with shape (d_y, d_x, d_y). The chain
rule
is left to sympy, which differentiates the polynomial along a curve y(x), so that an identity between tensors is
compared with something that never saw the tensors.
"""

from __future__ import annotations

from functools import cached_property
from itertools import combinations_with_replacement, permutations, product
from typing import Any

import numpy as np
import sympy as sp

Array = np.ndarray[Any, Any]
"""Object arrays of sympy expressions."""


def variables(dim_x: int) -> tuple[sp.Symbol, ...]:
    return sp.symbols(f"x1:{dim_x + 1}")


class Jet:
    """h(x, y) = sum_n D^n h[z, .., z]/n! with z = (x, y - base) and free symbols for all derivatives up to
    ``order``."""

    def __init__(self, name: str, dim_x: int, dim_y: int, order: int) -> None:
        self.name, self.dim_x, self.dim_y, self.order = name, dim_x, dim_y, order

    @cached_property
    def tensors(self) -> list[Array]:
        n = self.dim_x + self.dim_y
        out = []
        for k in range(self.order + 1):
            tensor = np.empty((n,) * k, dtype=object)
            for index in combinations_with_replacement(range(n), k):
                label = "".join(f"x{i + 1}" if i < self.dim_x else f"y{i - self.dim_x + 1}" for i in index)
                symbol = sp.Symbol(f"{self.name}_{label or '0'}")
                for entry in set(_permutations(index)):
                    tensor[entry] = symbol
            out.append(tensor)
        return out

    def block(self, letters: str) -> Array:
        """The partial derivative named by ``letters`` ("x", "xy", "yyx", ...), with one axis for each letter."""
        cut = {"x": slice(0, self.dim_x), "y": slice(self.dim_x, None)}
        return self.tensors[len(letters)][tuple(cut[c] for c in letters)]

    def pin(self, letters: str, values: Array) -> None:
        """Put expressions in place of a block (and of its transposed copies)."""
        offset = {"x": 0, "y": self.dim_x}
        for index in product(*(range(n) for n in values.shape)):
            entry = tuple(offset[c] + i for c, i in zip(letters, index))
            for permuted in set(_permutations(entry)):
                self.tensors[len(letters)][permuted] = values[index]

    def along(self, x: tuple[sp.Symbol, ...], y: Array) -> sp.Expr:
        """h(x, base + y) as an expression."""
        return self.of([*x, *y])

    def of(self, z: list[Any]) -> sp.Expr:
        total = sp.S.Zero
        for k, tensor in enumerate(self.tensors):
            for index in combinations_with_replacement(range(len(z)), k):
                weight = sp.Mul(*(sp.Rational(1, sp.factorial(index.count(i))) for i in set(index)))
                total += weight * tensor[index] * sp.Mul(*(z[i] for i in index))
        return total

    def gradient_y(self, x: tuple[sp.Symbol, ...], y: Array) -> list[sp.Expr]:
        """grad_y h along the curve."""
        z, out = [*x, *y], []
        for k in range(self.dim_y):
            total = sp.S.Zero
            for n in range(1, self.order + 1):
                slab = self.tensors[n][self.dim_x + k]
                for index in combinations_with_replacement(range(len(z)), n - 1):
                    weight = sp.Mul(*(sp.Rational(1, sp.factorial(index.count(i))) for i in set(index)))
                    total += weight * (slab[index] if index else slab) * sp.Mul(*(z[i] for i in index))
            out.append(total)
        return out


def _permutations(index: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(permutations(index))


def free(name: str, *shape: int) -> Array:
    """An array of free symbols."""
    out = np.empty(shape, dtype=object)
    for index in product(*(range(n) for n in shape)):
        out[index] = sp.Symbol(f"{name}_{''.join(str(i + 1) for i in index)}")
    return out


def symmetric(name: str, *shape: int) -> Array:
    """Free symbols, symmetric in the first two axes."""
    out = free(name, *shape)
    for index in product(*(range(n) for n in shape)):
        i, j, *rest = index
        if i > j:
            out[index] = out[(j, i, *rest)]
    return out


def mode(tensor: Array, axis: int, matrix: Array) -> Array:
    """tensor x_axis matrix, axis counted from 1 as in the paper: sum_i T[.., i, ..] A[i', i] on that axis."""
    return np.moveaxis(np.tensordot(matrix, tensor, axes=(1, axis - 1)), 0, axis - 1)


def contract(tensor: Array, axis: int, vector: Array) -> Array:
    """tensor xbar_axis vector: the axis is summed away."""
    return np.tensordot(tensor, vector, axes=(axis - 1, 0))


def curve(x: tuple[sp.Symbol, ...], first: Array, second: Array | None = None) -> Array:
    """y(x) = Y'x + 1/2 Z[x, x]: first[i, k] = dy_k/dx_i, second[i, j, k] = d2 y_k/dx_i dx_j."""
    out = []
    for k in range(first.shape[1]):
        total = sum((first[i, k] * x[i] for i in range(len(x))), sp.S.Zero)
        if second is not None:
            total += sum((second[i, j, k] * x[i] * x[j] for i, j in product(range(len(x)), repeat=2)), sp.S.Zero) / 2
        out.append(total)
    return np.array(out, dtype=object)


def derivative(expression: sp.Expr, x: tuple[sp.Symbol, ...], order: int) -> list[sp.Expr]:
    """All partial derivatives of the given order at x = 0, in the order of an array's ravel()."""
    cache: dict[tuple[int, ...], sp.Expr] = {}
    for index in combinations_with_replacement(range(len(x)), order):
        total = expression
        for i in index:
            total = sp.diff(total, x[i])
        cache[index] = sp.expand(total.subs(dict.fromkeys(x, 0)))
    return [cache[tuple(sorted(index))] for index in product(range(len(x)), repeat=order)]


def entries(array: Array) -> list[sp.Expr]:
    return [sp.expand(v) for v in array.ravel()]


def rational_matrix(rows: list[list[Any]]) -> Array:
    out = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        for j, v in enumerate(row):
            out[i, j] = sp.Rational(v)
    return out


STIFFNESS = rational_matrix([[3, 1], [1, 2]])
"""grad_yy g where an inverse is needed in an identity: not diagonal, so that no order of factors commutes by luck."""
COMPLIANCE = rational_matrix([["2/5", "-1/5"], ["-1/5", "3/5"]])
"""Its inverse."""
