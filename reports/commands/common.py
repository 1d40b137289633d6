"""What the subcommands share: writing JSON and text where asked, loading a user's file, the environment manifest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from synthetic.errors import InputError

__all__ = ["check_jobs", "check_writable", "jsonable", "write_json", "write_text"]


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


def check_jobs(jobs: int) -> int:
    """Processes asked for; 0 means all cores."""
    import os

    if jobs < 0 or jobs > 1024:
        raise InputError("--jobs", jobs, "pass a number of processes from 1 to 1024 (0: all cores)")
    return jobs or os.cpu_count() or 1
