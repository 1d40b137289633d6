"""What a page of the report may use when it is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Context:
    """The level ("quick" or "full"), the number of processes, and the folder the report goes to."""

    level: str
    jobs: int
    out: Path
