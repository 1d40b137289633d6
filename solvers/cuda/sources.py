"""The text of a CUDA source with its includes put in, and the numbers it is compiled for.

Sizes are compiled in (DX, DY: a lane's state then lives in registers), so there is one build for each
:class:`Build`. Exact builds forbid fused multiply-add and fast-math; a ``fast`` build allows both.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthetic.errors import InputError
from synthetic.philox import FAST_ROUNDS

FOLDER = Path(__file__).parent
_INCLUDE = re.compile(r'^#include "([a-z_]+\.cuh)"\n', re.MULTILINE)
NOISES = {"gaussian": 0, "rademacher": 1}
LEVELS = {"quadratic": 0, "polynomial": 1, "softmax": 2}
Precision = Literal["float64", "float32"]
StreamName = Literal["exact", "fast"]


def source(name: str) -> str:
    """The whole text of ``name`` ("literal.cu"), each header once."""
    seen: set[str] = set()

    def text_of(file: str) -> str:
        def put_in(match: re.Match[str]) -> str:
            header = match.group(1)
            if header in seen:
                return ""
            seen.add(header)
            return text_of(header)

        return _INCLUDE.sub(put_in, (FOLDER / file).read_text(encoding="utf-8"))

    return text_of(name)


@dataclass(frozen=True)
class Build:
    """A source file and what it is compiled for; ``macros`` as (name, value) pairs."""

    file: str
    macros: tuple[tuple[str, str], ...] = ()
    exact: bool = True

    @property
    def text(self) -> str:
        return source(self.file)

    @property
    def defines(self) -> tuple[str, ...]:
        return tuple(f"-D{name}={value}" for name, value in self.macros)

    @property
    def cuda_options(self) -> tuple[str, ...]:
        """For nvcc and NVRTC alike. Without these the compiler would fuse a * b + c."""
        mode = ("--fmad=false",) if self.exact else ("--use_fast_math",)
        return ("--std=c++17", *mode, *self.defines)

    def key(self, text: str, *parts: str) -> str:
        """A name for the result of compiling ``text`` with these macros."""
        return hashlib.sha256("\0".join((text, *self.defines, str(self.exact), *parts)).encode()).hexdigest()[:24]


def literal_build(
    level: str,
    noise: str,
    dim_x: int,
    dim_y: int,
    *,
    classes: int = 0,
    precision: Precision = "float64",
    stream: StreamName = "exact",
) -> Build:
    """The literal kernels for one lower level, noise and size."""
    if precision not in ("float64", "float32"):
        raise InputError("precision", precision, "pass float64 or float32")
    if stream not in ("exact", "fast"):
        raise InputError("stream", stream, "pass exact or fast")
    real = "double" if precision == "float64" else "float"
    macros = {"LEVEL": LEVELS[level], "NOISE": NOISES[noise], "DX": dim_x, "DY": dim_y, "REAL": real}
    if classes:
        macros["CLASSES"] = classes
    if stream == "fast":
        macros |= {"FAST": 1, "ROUNDS": FAST_ROUNDS}
    return Build("literal.cu", tuple((name, str(value)) for name, value in macros.items()), exact=stream == "exact")
