"""What a start costs, and what a long run adds to the memory of a process: ``python -m verify.speed.start T S K``."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verify.speed.case import Case

HOME = Path(__file__).parents[2]
BILLION = (10, 1250, 780_000)
"""T, S, K of a run with 10^9 calls: 64 seeds, 2 nodes."""


def starts() -> Iterator[Case]:
    """New processes: NumPy's import, and our help."""
    for name, arguments in (("import numpy", ["-c", "import numpy"]), ("--help", ["-m", "bilevel_rates", "--help"])):
        yield _start(name, arguments)


def _start(name: str, arguments: list[str]) -> Case:
    def work(threads: int) -> float:
        subprocess.run([sys.executable, *arguments], cwd=HOME, check=True, capture_output=True)
        return 1.0

    return Case(name, "starts", work, wall=True)


def growth(T: int, S: int, K: int) -> dict[str, Any]:
    """A literal run in a process of its own: calls metered, and the growth of its largest memory, in MB."""
    command = [sys.executable, "-m", "verify.speed.start", str(T), str(S), str(K)]
    return dict(json.loads(subprocess.run(command, cwd=HOME, check=True, capture_output=True, text=True).stdout))


def largest() -> float:
    """The largest resident memory of this process so far, MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(T: int, S: int, K: int) -> dict[str, Any]:
    """Start-up: the modules imported and the kernel loaded, by a run of one step."""
    from solvers.literal_numba import run_literal
    from verify.speed.loops import SEEDS, configuration, instance

    imported = largest()
    run_literal(configuration(instance("quartic", 10), 1, 1), range(SEEDS), precision="float32")
    loaded = largest()
    found = run_literal(configuration(instance("quartic", 10), K, S, T), range(SEEDS), precision="float32")
    end = largest()
    return {
        "calls": sum(found.metered), "imported": imported, "loaded": loaded, "end": end,
        "over_imports": end - imported, "over_start_up": end - loaded,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(*(int(word) for word in sys.argv[1:4]))))
