"""Fixtures shared by the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture(params=["numpy", "array_api_strict"])
def asarray(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes arrays of NumPy, or of the strict array-API library on a device that is not the default one."""
    if request.param == "numpy":
        return np.asarray
    strict = pytest.importorskip("array_api_strict")
    return lambda value: strict.asarray(np.asarray(value), device=strict.Device("device1"))
