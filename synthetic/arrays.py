"""One way to be array-library neutral: NumPy in, NumPy out; any array-API array in, the same kind out."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

from synthetic.errors import InputError

Array = Any
"""An array of any library that follows the array API standard."""


def namespace(*arrays: Array) -> Any:
    """The array-API namespace shared by the array arguments (NumPy when none of them is an array)."""
    found = [a for a in arrays if array_api_compat.is_array_api_obj(a)]
    return array_api_compat.array_namespace(*found) if found else array_api_compat.array_namespace(np.empty(0))


def as_vectors(name: str, value: Array, dim: int) -> Array:
    """``value`` as a floating array of shape (..., dim), the shape checked; lists become NumPy arrays."""
    if not array_api_compat.is_array_api_obj(value):
        try:
            value = np.asarray(value, dtype=float)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(name, value, f"pass an array of shape (..., {dim})") from error
    xp = namespace(value)
    if value.ndim == 0 or value.shape[-1] != dim:
        raise InputError(name, f"array of shape {tuple(value.shape)}", f"the last dimension must be {dim}")
    if not xp.isdtype(value.dtype, "real floating"):
        if not xp.isdtype(value.dtype, ("integral", "bool")):
            raise InputError(name, f"array of dtype {value.dtype}", "pass real numbers")
        value = xp.astype(value, xp.float64)
    return value


def like(data: np.ndarray, reference: Array) -> Array:
    """NumPy ``data`` as an array of the library, device and dtype of ``reference``."""
    xp = namespace(reference)
    return xp.asarray(data, dtype=reference.dtype, device=array_api_compat.device(reference))


def to_numpy(array: Array) -> np.ndarray:
    """A NumPy copy on the host of any array."""
    if isinstance(array, (np.ndarray, np.generic)):
        return np.asarray(array)
    if array_api_compat.is_array_api_obj(array):
        array = array_api_compat.to_device(array, "cpu") if array_api_compat.is_cupy_array(array) else array
        try:
            return np.from_dlpack(array, copy=True)
        except (BufferError, TypeError, AttributeError, ValueError, RuntimeError):
            xp = namespace(array)
            flat = xp.reshape(array, (-1,))
            values = [float(flat[i]) for i in range(flat.shape[0])]
            return np.asarray(values, dtype=float).reshape(array.shape)
    return np.asarray(array)


def apply(matrix: Array, vector: Array) -> Array:
    """(..., m, n) times (..., n) -> (..., m)."""
    xp = namespace(vector)
    return xp.matmul(matrix, vector[..., None])[..., 0]


def dot(a: Array, b: Array) -> Array:
    """Inner product over the last axis: (..., n), (..., n) -> (...)."""
    return namespace(a, b).sum(a * b, axis=-1)


def norm(a: Array) -> Array:
    """Euclidean norm over the last axis."""
    xp = namespace(a)
    return xp.sqrt(xp.sum(a * a, axis=-1))


def scalars_like(name: str, value: Array | float, reference: Array) -> Array:
    """A number, or an array of numbers of the batch shape, as an array of the library of ``reference``; finite."""
    if not array_api_compat.is_array_api_obj(value):
        try:
            data = np.asarray(value, dtype=float)
        except (TypeError, ValueError) as error:
            raise InputError(name, value, "pass a number, or an array of the batch shape") from error
        value = like(data, reference)
    xp = namespace(value)
    if not bool(xp.all(xp.isfinite(value))):
        raise InputError(name, value, "pass finite numbers")
    return value
