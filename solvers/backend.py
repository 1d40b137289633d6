"""Which compiled form runs a measurement: NumPy (the readable reference), numba (this CPU) or CuPy (an NVIDIA GPU).

All three read the same noise and take the same steps. "auto" is numba, which every installation has, and never the GPU:
a batch of a measurement is 64 seeds, which do not fill one, and a table should not change in its last bits because a
machine has one. Ask for "cupy" when many seeds run together.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

from synthetic.errors import InputError

BACKENDS = ("numpy", "numba", "cupy")
CHOICES = ("auto", *BACKENDS)

_MODULES = {
    "literal": {"numpy": "solvers.literal_reference", "numba": "solvers.literal_numba", "cupy": "solvers.cuda.literal"},
    "jump": {"numpy": "solvers.jump_reference", "numba": "solvers.jump", "cupy": "solvers.cuda.jump"},
}


def resolve(name: str) -> str:
    """The backend that ``name`` stands for, usable here; one clear line (InputError, MissingExtra) when it is not."""
    if name not in CHOICES:
        raise InputError("backend", name, f"pass one of {', '.join(CHOICES)}")
    if name == "cupy":
        from solvers.cuda.device import demand_gpu

        demand_gpu()
    return "numba" if name == "auto" else name


def runner(kernel: str, backend: str) -> Callable[..., Any]:
    """``run_literal`` or ``run_jump`` of a backend: the same signature and result everywhere."""
    return getattr(import_module(_MODULES[kernel][resolve(backend)]), f"run_{kernel}")


def available() -> dict[str, tuple[bool, str]]:
    """What this machine offers, (is it there, one line): the backends, then the compilers of the CUDA sources."""
    from solvers.cuda.device import gpu_name

    gpu, cupy = gpu_name(), importlib.util.find_spec("cupy")
    missing = "CuPy is installed, but no GPU answers" if cupy else "no CuPy: pip install 'bilevel-rates[cuda13]'"
    found = {
        "backend numpy": (True, "the readable reference"),
        "backend numba": (True, "compiled for this CPU: what auto takes"),
        "backend cupy": (gpu is not None, gpu or missing),
    }
    for tool, purpose in (("nvcc", "compiles the CUDA sources to PTX"), ("g++", "runs the CUDA sources on a CPU")):
        path = shutil.which(tool)
        found[tool] = (path is not None, f"{purpose}: {path}" if path else f"not found ({purpose})")
    return found
