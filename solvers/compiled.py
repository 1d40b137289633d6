"""numba's ``njit`` for the suite's kernels: a cache that notices every edit, and whole vector registers.

numba keeps compiled code beside the name and date of the file a kernel stands in, and does not look at what it calls
from other files. Here the folder of the cache carries a hash of ALL kernel sources: edit one, and everything that might
use it is compiled again. Only our own kernels go there; numba's settings for others stay as they are.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba

config: Any = numba.config
ROOMS = ("synthetic", "bounds", "solvers", "verify")


def kernel_sources(root: Path) -> list[Path]:
    """The files below ``root`` that hold kernels, and the constants of the noise stream that they compile in."""
    files = sorted(file for room in ROOMS for file in (root / room).rglob("*.py"))
    return [f for f in files if f.name == "philox.py" or "njit" in f.read_text("utf-8")]


def source_key(files: list[Path]) -> str:
    """A name that changes with any byte of any of the files."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: below NUMBA_CACHE_DIR if that is set, else in the user's cache folder, else in a
    temporary folder that is the user's own."""
    given = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME")
    base = Path(given) if given else Path.home() / ".cache"
    folder = base / "bilevel-rates" / source_key(kernel_sources(Path(__file__).parents[1]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="bilevel-rates-kernels-"))
    return folder


def use_whole_registers() -> None:
    """Let LLVM use 512-bit registers where the processor has them; its default for most of them is half of that.

    Results do not change: lanes share no arithmetic. Nothing is done where the user has named a processor or features.
    """
    if config.CPU_NAME is None and config.CPU_FEATURES is None:
        features = llvmlite.binding.get_host_cpu_features().flatten()
        if "+avx512f" in features.split(","):
            config.CPU_FEATURES = f"{features},-prefer-256-bit"


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` with the options, its cache in :func:`cache_folder`."""

    def wrap(function: Callable[..., Any]) -> Any:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(cache_folder())
        try:
            return numba.njit(**options)(function)
        finally:
            config.CACHE_DIR = before

    return wrap


use_whole_registers()
