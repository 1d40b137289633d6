"""CUDA sources compiled by NVRTC through CuPy and run on an NVIDIA GPU. Importing this module imports no CuPy."""

from __future__ import annotations

from typing import Any

from solvers.cuda.sources import Build
from synthetic.errors import InputError, need

THREADS = 128


def gpu_name() -> str | None:
    """The name of the GPU that CuPy would use, None when there is no CuPy or no GPU that answers."""
    try:
        import cupy

        return str(cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode())
    except Exception:  # no CuPy, no driver, no device: a missing driver shows itself in many ways
        return None


def demand_gpu() -> Any:
    """The cupy module, or one clear line: MissingExtra without CuPy, InputError without a GPU."""
    cupy = need("cupy", "cuda13", "the backend cupy")
    if gpu_name() is None:
        raise InputError("backend", "cupy", "no GPU answers: use numba, or a machine with an NVIDIA GPU and its driver")
    return cupy


class DeviceModule:
    """A build, compiled for the current GPU. CuPy keeps the result in its own cache on disk."""

    def __init__(self, build: Build, text: str | None = None) -> None:
        self.xp = demand_gpu()
        code = build.text if text is None else text
        self._module = self.xp.RawModule(code=code, options=build.cuda_options)

    def launch(self, name: str, lanes: int, *arguments: Any) -> None:
        """Start kernel ``name`` with a thread for each lane; arguments are CuPy arrays or NumPy scalars."""
        self._module.get_function(name)((-(-lanes // THREADS),), (THREADS,), arguments)
