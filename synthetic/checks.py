"""Argument checks shared by the instances; each says no with the argument, the value and the fix."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthetic.errors import InputError


def real_array(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """``value`` as a finite float64 array of exactly ``shape``."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(name, value, f"pass real numbers of shape {shape}") from error
    if array.shape != shape:
        raise InputError(name, f"array of shape {array.shape}", f"pass shape {shape}")
    if not np.all(np.isfinite(array)):
        raise InputError(name, value, "pass finite numbers")
    return array


def symmetric(name: str, value: Any, dim: int) -> np.ndarray:
    """``value`` as a symmetric (dim, dim) matrix."""
    matrix = real_array(name, value, (dim, dim))
    if not np.array_equal(matrix, matrix.T):
        gap = float(np.max(np.abs(matrix - matrix.T)))
        raise InputError(name, f"matrix with max|A - A'| = {gap:.3g}", f"pass a symmetric {name}: (A + A')/2")
    return matrix


def square_size(name: str, value: Any) -> int:
    """The side of a square matrix argument."""
    try:
        shape = np.shape(value)
    except ValueError as error:
        raise InputError(name, value, "pass a square matrix") from error
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise InputError(name, f"shape {shape}", "pass a square matrix with at least one row")
    return int(shape[0])


def positive_definite(name: str, matrix: np.ndarray, fix: str) -> float:
    """The smallest eigenvalue of a symmetric matrix, demanded to be > 0."""
    low = float(np.linalg.eigvalsh(matrix)[0])
    if not low > 0:
        raise InputError(name, f"smallest eigenvalue {low:.6g}", fix)
    return low
