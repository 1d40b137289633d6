"""Fixtures shared by the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # as the command does, before NumPy is loaded

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where BILEVEL_RATES_NO_SKIPS is set (`tox -e gpu`) a test that would be skipped has failed: it was to be run."""
    report: Any = yield
    if os.environ.get("BILEVEL_RATES_NO_SKIPS") and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, but nothing may be here: {report.longrepr}"
    return report


@pytest.fixture(params=["numpy", "array_api_strict"])
def asarray(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes arrays of NumPy, or of the strict array-API library on a device that is not the default one."""
    if request.param == "numpy":
        return np.asarray
    strict = pytest.importorskip("array_api_strict")
    return lambda value: strict.asarray(np.asarray(value), device=strict.Device("device1"))
