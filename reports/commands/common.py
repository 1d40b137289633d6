"""What the subcommands share: writing JSON and text where asked, loading a user's file, the environment manifest."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from synthetic.errors import InputError


def write_text(argument: str, target: str, text: str) -> None:
    """Write to a file, or to standard output for "-"; a place that cannot be written is an InputError."""
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(argument, target, f"choose a writable file ({error})") from error


def write_json(target: str, data: Any) -> None:
    """JSON with sorted keys; numbers that JSON lacks (nan, inf) become null."""
    write_text("--json", target, json.dumps(jsonable(data), indent=2, sort_keys=True, allow_nan=False) + "\n")


def jsonable(value: Any) -> Any:
    """Tuples, fractions and NumPy scalars as plain JSON values."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(v) for v in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return jsonable(value.item())
    if isinstance(value, float):
        return value if value - value == 0 else None
    return str(value)


def check_writable(argument: str, target: str | None) -> None:
    """Refuse an unwritable output before any work starts."""
    if target in (None, "-"):
        return
    parent = Path(str(target)).parent
    if not parent.is_dir():
        raise InputError(argument, target, f"the folder {parent} does not exist; create it first")
    if Path(str(target)).is_dir():
        raise InputError(argument, target, "this is a folder; name a file")


def load_file(argument: str, path: str) -> ModuleType:
    """Execute a user's Python file by its path (never by name) and return it as a module."""
    file = Path(path)
    if file.suffix != ".py" or not file.is_file():
        raise InputError(argument, path, "pass the path of an existing .py file")
    name = "user_" + hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(argument, path, "Python cannot load this file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except Exception as error:
        raise InputError(argument, path, f"the file raised {type(error).__name__}: {error}") from error
    return module


def check_jobs(jobs: int) -> int:
    """Processes asked for; 0 means all cores."""
    import os

    if jobs < 0 or jobs > 1024:
        raise InputError("--jobs", jobs, "pass a number of processes from 1 to 1024 (0: all cores)")
    return jobs or os.cpu_count() or 1
