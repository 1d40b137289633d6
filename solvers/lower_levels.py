"""The lower levels that the literal kernels run: quadratic, separable polynomial, softmax; in the kernels' arithmetic.

Coordinate by coordinate, with z = y - b x and every operation rounded in the order written here:

    F_y = (c0 + gamma x) + h z + (z z)(f3/2 + f4/6 z)          G_y = a z + (z z)(g3/2 + g4/6 z)
    F_x = (curvature x + gamma z) - b F_y                      G_x = -b G_y

(the terms in z z for the polynomial only). A kernel that keeps this order gives the same bits. The softmax level has an
exponential, which libraries round differently in its last bits: there kernels agree to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.lq_law import Diagonal
from synthetic.arrays import Array, like, namespace
from synthetic.errors import InputError
from synthetic.learn_regularize import LearnToRegularize
from synthetic.polynomial import Polynomial


@dataclass(frozen=True, eq=False)
class Quartic:
    """A :class:`Diagonal` instance with cubic and quartic terms, separable: arrays of shape (d,).

    g += g3 z^3/6 + g4 z^4/24,  f += f3 z^3/6 + f4 z^4/24; y*(x) = b x and phi = 1/2 sum_i curvature_i x_i^2 still.
    """

    quadratic: Diagonal
    g3: np.ndarray
    g4: np.ndarray
    f3: np.ndarray
    f4: np.ndarray

    def __post_init__(self) -> None:
        d = self.quadratic.dim_x
        for name in ("g3", "g4", "f3", "f4"):
            value = np.asarray(getattr(self, name), dtype=float)
            if value.ndim > 1 or value.size not in (1, d) or not np.all(np.isfinite(value)):
                raise InputError(name, getattr(self, name), f"pass a finite scalar or shape ({d},)")
            object.__setattr__(self, name, np.array(np.broadcast_to(value, (d,))))
        soft = np.divide(self.g3**2, 2 * self.g4, out=np.where(self.g3 == 0, 0.0, np.inf), where=self.g4 > 0)
        if np.any(self.g4 < 0) or np.any(soft >= self.quadratic.a):
            raise InputError("g4", self.g4, "g must be strongly convex: g4 >= 0 and g3^2 < 2 a g4 (or g3 = 0)")

    @property
    def dim_x(self) -> int:
        return self.quadratic.dim_x

    @property
    def dim_y(self) -> int:
        return self.quadratic.dim_y

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """grad phi(x), shape (..., d)."""
        return self.quadratic.gradient(x)

    def problem(self) -> Polynomial:
        """The same instance as a :class:`synthetic.polynomial.Polynomial`."""
        from synthetic.hyper import QuadraticHyper

        q = self.quadratic
        A_g, A_f, B, G = (np.diag(v) for v in (q.a, q.h, q.b, q.gamma))
        ridges = np.stack([self.g3, self.g4, self.f3, self.f4], axis=-1)
        phi = QuadraticHyper(tuple(q.curvature))
        return Polynomial(A_g, A_f, B, q.c0, G, phi, W=np.eye(q.dim_x), ridges=ridges)


LowerLevel = Diagonal | Quartic | LearnToRegularize
NAMES = {Diagonal: "quadratic", Quartic: "polynomial", LearnToRegularize: "softmax"}


def level_name(problem: Any) -> str:
    """Which kernel runs ``problem``, or InputError."""
    for kind, name in NAMES.items():
        if isinstance(problem, kind):
            return name
    raise InputError("problem", type(problem).__name__, f"pass one of {', '.join(k.__name__ for k in NAMES)}")


def coefficient_rows(problem: Diagonal | Quartic) -> np.ndarray:
    """(6, d) or (10, d): curvature, a, h, b, gamma, c0, then g3/2, g4/6, f3/2, f4/6."""
    q = problem.quadratic if isinstance(problem, Quartic) else problem
    rows = [q.curvature, q.a, q.h, q.b, q.gamma, q.c0]
    if isinstance(problem, Quartic):
        rows += [problem.g3 / 2, problem.g4 / 6, problem.f3 / 2, problem.f4 / 6]
    return np.array(rows)


def softmax_samples(problem: LearnToRegularize) -> tuple[np.ndarray, np.ndarray]:
    """(n_g + n_f, features + 1), the training samples and then the validation ones, the label last; (n_g, n_f)."""
    parts = [np.column_stack([loss.data, loss.labels]) for loss in (problem.train, problem.val)]
    return np.concatenate(parts), np.array([problem.n_g, problem.n_f])


class Level:
    """The gradients of ``problem`` in the library, on the device and in the dtype of ``reference``."""

    def __init__(self, problem: LowerLevel, reference: Array) -> None:
        self.problem, self.name = problem, level_name(problem)
        if not isinstance(problem, LearnToRegularize):
            self.rows = [like(row, reference) for row in coefficient_rows(problem)]

    def _slopes(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """z, F_y, G_y."""
        _, a, h, b, gamma, c0, *cubic = self.rows
        z = y - b * x
        f, g = (c0 + gamma * x) + h * z, a * z
        if cubic:
            g3, g4, f3, f4 = cubic
            f, g = f + (z * z) * (f3 + f4 * z), g + (z * z) * (g3 + g4 * z)
        return z, f, g

    def grad_y(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(F_y, G_y), each (..., dy)."""
        if isinstance(self.problem, LearnToRegularize):
            return self.problem.grad_f(x, y)[1], self.problem.grad_g(x, y)[1]
        return self._slopes(x, y)[1:]

    def grad_x(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(F_x, G_x), each (..., dx)."""
        if isinstance(self.problem, LearnToRegularize):
            return self.problem.grad_f(x, y)[0], self.problem.grad_g(x, y)[0]
        curvature, _, _, b, gamma, *_ = self.rows
        z, f, g = self._slopes(x, y)
        return (curvature * x + gamma * z) - b * f, -b * g

    def square(self, x: Array) -> Array:
        """||grad phi(x)||^2, shape (...): NaN for the softmax level, which has no closed form."""
        if isinstance(self.problem, LearnToRegularize):
            return 0 * x[..., 0] + float("nan")
        return ordered_square(self.rows[0] * x)


def ordered_square(v: Array) -> Array:
    """sum_i v_i^2 over the last axis, from the first coordinate to the last: the order of a kernel's loop."""
    total = v[..., 0] * v[..., 0]
    for i in range(1, v.shape[-1]):
        total = total + v[..., i] * v[..., i]
    return total


def amplitude(y: Array, scale: float) -> Array:
    """sqrt(1 + ||y||^2/d / scale^2), shape (..., 1); 1 for an infinite scale (additive noise)."""
    xp = namespace(y)
    if not scale < 1e30:
        return xp.ones_like(y[..., :1])
    s = like(np.asarray(scale), y)
    return xp.sqrt(1.0 + ordered_square(y)[..., None] / float(y.shape[-1]) / (s * s))
