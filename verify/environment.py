"""The manifest that goes with every result: interpreter, packages, machine, version of the suite."""

from __future__ import annotations

import os
import platform
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "joblib",
    "sympy",
    "mpmath",
    "array-api-compat",
    "python-flint",
    "scikit-learn",
)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def suite_version() -> str:
    """Version of the installed suite, or that of the source tree it runs from."""
    source = Path(__file__).resolve().parent.parent / "pyproject.toml"
    try:
        return f"{tomllib.loads(source.read_text(encoding='utf-8'))['project']['version']} (source tree)"
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return _version("bilevel-rates") or "unknown"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def manifest() -> dict[str, Any]:
    """JSON data: suite, Python, packages with their versions, platform, processor, number of cores."""
    return {
        "suite": suite_version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }
