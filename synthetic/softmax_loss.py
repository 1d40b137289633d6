"""Mean softmax cross-entropy of a linear model on one set of samples, with its derivatives up to the third."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

from synthetic.arrays import Array, as_vectors, like, namespace
from synthetic.errors import InputError
from synthetic.softmax import log_sum_exp, softmax, softmax_slope


class SoftmaxLoss:
    """l(y) = mean_n lse(Y' a_n) - (Y' a_n)_{label_n}; y (..., features classes) is the matrix Y flattened row by row.

    ``features`` (n, features) real, ``labels`` whole numbers 0..classes-1. ``index`` (..., b) averages over those
    samples only (its leading axes broadcast with those of y); None means all of them. The data move to the
    library, device and dtype of y once and stay there.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray, classes: int) -> None:
        self.data = features
        self.n, self.features = features.shape
        self.classes, self.dim = classes, features.shape[1] * classes
        self.labels = labels
        self._moved: dict[tuple[str, str, str], tuple[Array, Array]] = {}

    def square(self, y: Array) -> Array:
        """y as (..., features, classes)."""
        return namespace(y).reshape(y, (*y.shape[:-1], self.features, self.classes))

    def flat(self, Y: Array) -> Array:
        """(..., features, classes) as (..., features classes)."""
        return namespace(Y).reshape(Y, (*Y.shape[:-2], self.dim))

    def rows(self, y: Array, index: Array | None = None) -> tuple[Array, Array]:
        """(features, one-hot labels) in the library of ``y``: (n, .) or (..., b, .)."""
        xp = namespace(y)
        key = (xp.__name__, str(y.dtype), str(array_api_compat.device(y)))
        if key not in self._moved:
            self._moved[key] = like(self.data, y), like(np.eye(self.classes)[self.labels], y)
        A, one_hot = self._moved[key]
        if index is None:
            return A, one_hot
        index = xp.asarray(index)
        if not xp.isdtype(index.dtype, "integral") or index.ndim == 0 or index.shape[-1] == 0:
            raise InputError("index", index, "an integer array of shape (..., b), b >= 1")
        low, high = int(xp.min(index)), int(xp.max(index))
        if low < 0 or high >= self.n:
            raise InputError("index", f"values in [{low}, {high}]", f"sample numbers 0..{self.n - 1}")
        picked = xp.reshape(index, (-1,))
        shape = tuple(index.shape)
        A = xp.reshape(xp.take(A, picked, axis=0), (*shape, self.features))
        return A, xp.reshape(xp.take(one_hot, picked, axis=0), (*shape, self.classes))

    def logits(self, y: Array, index: Array | None = None) -> Array:
        """Y' a_n for every sample, (..., n, classes)."""
        return namespace(y).matmul(self.rows(y, index)[0], self.square(y))

    def value(self, y: Array, index: Array | None = None) -> Array:
        """l(y), shape (...)."""
        xp = namespace(y)
        A, one_hot = self.rows(y, index)
        z = xp.matmul(A, self.square(y))
        return xp.mean(log_sum_exp(z) - xp.sum(one_hot * z, axis=-1), axis=-1)

    def grad(self, y: Array, index: Array | None = None) -> Array:
        """mean_n a_n (s_n - e_n)', flattened."""
        A, one_hot = self.rows(y, index)
        return self.back(softmax(namespace(y).matmul(A, self.square(y))) - one_hot, A)

    def hvp(self, y: Array, v: Array, index: Array | None = None) -> Array:
        """l_yy v."""
        xp = namespace(y)
        A, _ = self.rows(y, index)
        return self.back(softmax_slope(softmax(xp.matmul(A, self.square(y))), xp.matmul(A, self.square(v))), A)

    def back(self, r: Array, A: Array | None = None) -> Array:
        """mean_n a_n r_n' flattened: (..., n, classes) -> (..., features classes)."""
        xp = namespace(r)
        A = self.rows(r)[0] if A is None else A
        return self.flat(xp.matmul(xp.matrix_transpose(A), r) / A.shape[-2])

    def hess(self, y: Array) -> Array:
        """l_yy = mean_n (a_n a_n') kron (diag(s_n) - s_n s_n'), shape (..., dim, dim)."""
        s = softmax(self.logits(y))
        return self._within(s) - self._between(s, s)

    def third(self, y: Array, v: Array) -> Array:
        """l_yyy[., ., v], shape (..., dim, dim): the derivative of :meth:`hess` along v."""
        xp = namespace(y)
        s = softmax(self.logits(y))
        change = softmax_slope(s, self.logits(v))
        cross = self._between(change, s)
        return self._within(change) - cross - xp.matrix_transpose(cross)

    def _within(self, s: Array) -> Array:
        """mean_n (a_n a_n') kron diag(s_n)."""
        xp = namespace(s)
        A, eye = self.rows(s)[0], xp.eye(self.classes, dtype=s.dtype, device=array_api_compat.device(s))
        by_class = xp.matrix_transpose(s)[..., None] * A  # (..., k, n, i)
        blocks = xp.matmul(xp.matrix_transpose(A), by_class) / self.n  # (..., k, i, j)
        b = blocks.ndim - 3
        turned = xp.permute_dims(blocks, (*range(b), b + 1, b, b + 2))  # (..., i, k, j)
        return xp.reshape(turned[..., None] * eye[:, None, :], (*s.shape[:-2], self.dim, self.dim))

    def _between(self, s: Array, t: Array) -> Array:
        """mean_n (a_n a_n') kron (s_n t_n')."""
        xp = namespace(s)
        A = self.rows(s)[0][..., None]
        left, right = (xp.reshape(A * u[..., None, :], (*u.shape[:-1], self.dim)) for u in (s, t))
        return xp.matmul(xp.matrix_transpose(left), right) / self.n

    def accuracy(self, y: Array) -> Array:
        """Share of the samples that get the right class, shape (...)."""
        y = as_vectors("y", y, self.dim)
        xp = namespace(y)
        _, one_hot = self.rows(y)
        hit = xp.argmax(self.logits(y), axis=-1) == xp.argmax(one_hot, axis=-1)
        return xp.mean(xp.astype(hit, y.dtype), axis=-1)

    def largest(self) -> float:
        """max_n ||a_n||."""
        return float(np.linalg.norm(self.data, axis=1).max())

    def top(self) -> float:
        """lambda_max of mean_n a_n a_n'; l_yy <= top/2."""
        return float(np.linalg.eigvalsh(self.data.T @ self.data / self.n)[-1])


def checked_features(name: str, value: Any) -> np.ndarray:
    """A finite real matrix (samples, features), or InputError."""
    fix = "pass a finite real matrix (samples, features)"
    try:
        M = np.array(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(name, value, fix) from error
    if M.ndim != 2 or 0 in M.shape or not np.all(np.isfinite(M)):
        raise InputError(name, f"array of shape {M.shape}", fix)
    return M


def checked_labels(name: str, value: Any, count: int) -> np.ndarray:
    """``count`` whole numbers >= 0, or InputError."""
    fix = f"pass {count} whole numbers 0..classes-1, one a sample"
    try:
        labels = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(name, value, fix) from error
    if labels.shape != (count,) or not np.all(np.isfinite(labels)):
        raise InputError(name, value, fix)
    if labels.min() < 0 or labels.max() > 1e6 or np.any(labels != np.floor(labels)):
        raise InputError(name, value, fix)
    return labels.astype(np.int64)
