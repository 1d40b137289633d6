"""CUDA sources compiled by g++ and run on the CPU, one thread after the other: for tests, not for speed.

``-ffp-contract=off`` stands for nvcc's ``--fmad=false``: every operation is rounded as it is written.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from solvers.cuda.sources import FOLDER, Build
from synthetic.errors import InputError

OPTIONS = ("-std=c++17", "-O2", "-ffp-contract=off", "-fno-fast-math", "-fPIC", "-shared", "-x", "c++")


def compiler() -> str | None:
    """Path of g++, None without one."""
    return shutil.which("g++")


@cache
def _version(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout


def cache_folder() -> Path:
    """Where builds are kept: $XDG_CACHE_HOME/bilevel-rates (~/.cache/bilevel-rates); a fresh folder if unwritable."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bilevel-rates"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="bilevel-rates-"))


class HostModule:
    """A build, compiled by g++ and loaded; a build of the same text by the same compiler is made once.

    ``text`` replaces the build's own source (tests plant faults that way).
    """

    xp: Any = np

    def __init__(self, build: Build, text: str | None = None) -> None:
        path = compiler()
        if path is None:
            raise InputError("g++", None, "install g++ to run the CUDA sources on a CPU")
        shim = (FOLDER / "shim.hpp").read_text(encoding="utf-8").replace("#pragma once\n", "")
        whole = f"{shim}\n{build.text if text is None else text}"
        name = build.key(whole, *OPTIONS, _version(path))
        library = cache_folder() / f"{name}.so"
        if not library.exists():
            _compile(path, whole, build.defines, library)
        self._library = ctypes.CDLL(str(library))

    def launch(self, name: str, lanes: int, *arguments: Any) -> None:
        """Start kernel ``name`` with a thread for each lane; arguments are C-contiguous arrays or NumPy scalars."""
        threads = 64
        held = [np.asarray(a) for a in arguments]
        values: list[Any] = []
        for given, array in zip(arguments, held):
            if isinstance(given, np.ndarray):
                if not array.flags.c_contiguous:
                    raise InputError(name, array.shape, "pass C-contiguous arrays")
                values.append(ctypes.byref(ctypes.c_void_p(array.ctypes.data)))
            else:
                values.append(ctypes.c_void_p(array.ctypes.data))
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.cast(v, ctypes.c_void_p) for v in values))
        getattr(self._library, f"launch_{name}")(-(-lanes // threads), threads, pointers)


def _compile(path: str, text: str, defines: tuple[str, ...], library: Path) -> None:
    """Compile beside the target and rename: another process never sees half a file."""
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        file, made = Path(folder) / "source.cpp", Path(folder) / "library.so"
        file.write_text(text, encoding="utf-8")
        command = [path, *OPTIONS, *defines, str(file), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError("g++", done.stderr[-2000:], "the CUDA source does not compile")
        made.replace(library)
