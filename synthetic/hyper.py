"""Hyper-objectives phi that an instance can be built around: value, gradient, Hessian, all in closed form.

Each has ``dim``, ``L`` (the Lipschitz constant of grad phi, exact), ``inf`` (inf phi), array-API evaluations on
x of shape (..., dim) and ``expr(symbols)``, the same function in exact rational arithmetic for sympy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Protocol

import numpy as np
import sympy as sp

from synthetic.arrays import Array, like, namespace
from synthetic.errors import InputError


def positive(name: str, value: float) -> float:
    """``value`` as a float, finite and > 0, or an InputError."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(name, value, "pass a positive number") from error
    if not (np.isfinite(number) and number > 0):
        raise InputError(name, value, "pass a finite number > 0")
    return number


def dimension(name: str, value: int) -> int:
    """``value`` as an int >= 1, or an InputError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(name, value, "pass an integer >= 1")
    return int(value)


def rational(value: float) -> sp.Rational:
    """The dyadic rational that a double exactly is."""
    exact = Fraction(float(value))
    return sp.Rational(exact.numerator, exact.denominator)


class Hyper(Protocol):
    """phi: R^dim -> R with its exact derivatives."""

    @property
    def dim(self) -> int: ...

    @property
    def L(self) -> float: ...

    @property
    def inf(self) -> float: ...

    def value(self, x: Array) -> Array: ...

    def grad(self, x: Array) -> Array: ...

    def hess(self, x: Array) -> Array: ...

    def expr(self, x: Sequence[sp.Symbol]) -> sp.Expr: ...


class _Diagonal:
    """phi(x) = 1/2 sum_i curvature_i x_i^2; the two public quadratics say where the curvatures come from."""

    curvatures: tuple[float, ...]
    dim: int

    @property
    def L(self) -> float:
        return max(abs(c) for c in self.curvatures)

    @property
    def inf(self) -> float:
        return 0.0 if min(self.curvatures) >= 0 else -np.inf

    @cached_property
    def _diag(self) -> np.ndarray:
        return np.asarray(self.curvatures)

    def value(self, x: Array) -> Array:
        return 0.5 * namespace(x).sum(like(self._diag, x) * x * x, axis=-1)

    def grad(self, x: Array) -> Array:
        return like(self._diag, x) * x

    def hess(self, x: Array) -> Array:
        return namespace(x).zeros_like(x)[..., None] + like(np.diag(self._diag), x)

    def expr(self, x: Sequence[sp.Symbol]) -> sp.Expr:
        return sp.Add(*(rational(c) * s**2 / 2 for c, s in zip(self.curvatures, x)))


@dataclass(frozen=True)
class QuadraticHyper(_Diagonal):
    """phi(x) = 1/2 sum_i lambda_i x_i^2, independent of eps; negative lambda_i give a strict saddle."""

    curvatures: tuple[float, ...]

    def __post_init__(self) -> None:
        try:
            values = tuple(float(c) for c in self.curvatures)
        except (TypeError, ValueError) as error:
            raise InputError("curvatures", self.curvatures, "pass a sequence of numbers") from error
        if not values or not np.all(np.isfinite(values)):
            raise InputError("curvatures", self.curvatures, "pass at least one finite number")
        object.__setattr__(self, "curvatures", values)

    @property
    def dim(self) -> int:  # type: ignore[override]
        return len(self.curvatures)


@dataclass(frozen=True)
class Ramp(_Diagonal):
    """phi(x) = lam/2 x_0^2 + L/2 sum_{i>0} x_i^2 with lam = 2 eps^2/Delta, started at x_0 = (Delta/eps, 0, ...).

    ||grad phi|| starts at 2 eps and falls to eps only after a path of length Delta/(2 eps), and phi(x_0) - inf phi
    = Delta, so of the order of eps^-2 outer steps are needed: the worst case of normalised SGD is met.
    """

    eps: float
    Delta: float = 1.0
    curvature: float = 1.0
    dim: int = 5

    def __post_init__(self) -> None:
        for name in ("eps", "Delta", "curvature"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        object.__setattr__(self, "dim", dimension("dim", self.dim))

    @property
    def curvatures(self) -> tuple[float, ...]:  # type: ignore[override]
        return (2 * self.eps**2 / self.Delta,) + (self.curvature,) * (self.dim - 1)

    @property
    def start(self) -> np.ndarray:
        x = np.zeros(self.dim)
        x[0] = self.Delta / self.eps
        return x


@dataclass(frozen=True)
class RationalWells:
    """phi(x) = sum_i w_i x_i^2 / (1 + x_i^2): nonconvex, bounded, phi'' in [-w/2, 2w] exactly, rational values.

    phi' = 2 w x/(1+x^2)^2, phi'' = 2 w (1-3x^2)/(1+x^2)^3; the minimum of phi'' is at x = 1 (value -w/2).
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.weights, Sequence) or isinstance(self.weights, str) or not len(self.weights):
            raise InputError("weights", self.weights, "pass a sequence of at least one positive number")
        object.__setattr__(self, "weights", tuple(positive("weights", w) for w in self.weights))

    @property
    def dim(self) -> int:
        return len(self.weights)

    @property
    def L(self) -> float:
        return 2 * max(self.weights)

    @property
    def inf(self) -> float:
        return 0.0

    def value(self, x: Array) -> Array:
        return namespace(x).sum(like(np.asarray(self.weights), x) * x * x / (1 + x * x), axis=-1)

    def grad(self, x: Array) -> Array:
        return 2 * like(np.asarray(self.weights), x) * x / (1 + x * x) ** 2

    def hess(self, x: Array) -> Array:
        second = 2 * like(np.asarray(self.weights), x) * (1 - 3 * x * x) / (1 + x * x) ** 3
        return second[..., None] * like(np.eye(self.dim), x)

    def expr(self, x: Sequence[sp.Symbol]) -> sp.Expr:
        return sp.Add(*(rational(w) * s**2 / (1 + s**2) for w, s in zip(self.weights, x)))
