"""Fixtures shared by the tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # as the command does, before NumPy is loaded

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture(params=["numpy", "array_api_strict"])
def asarray(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes arrays of NumPy, or of the strict array-API library on a device that is not the default one."""
    if request.param == "numpy":
        return np.asarray
    strict = pytest.importorskip("array_api_strict")
    return lambda value: strict.asarray(np.asarray(value), device=strict.Device("device1"))
