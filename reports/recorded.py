"""Committed tables of long runs, read back for pages that show them beside what a report measures itself."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from verify.preset import Row
from verify.record_results import RESULTS


def read(name: str, folder: Path = RESULTS) -> tuple[str, list[Row]]:
    """(the command that made it, the rows) of a committed table; numbers as numbers, empty cells as None."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        command = file.readline().removeprefix("# command:").strip()
        return command, [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> Any:
    if text == "":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
