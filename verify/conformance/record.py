"""All checks on all registered solvers, and the false alarms over seeds: ``python -m verify.conformance.record``.

Writes verify/results/conformance.json: verdicts only, which do not depend on the machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from solvers.registry import SOLVERS
from verify.conformance.kit import check
from verify.conformance.own import own

RECORD = Path(__file__).parents[1] / "results" / "conformance.json"
SEEDS = 100
WATCHED: dict[str, tuple[str, ...]] = {
    "fmbo": ("variance", "momentum", "determinism"),
    "soba": ("stationarity",),
}
"""solver -> the checks that are run on SEEDS instances, starts and noises: any "violates" is a false alarm."""


def verdicts() -> list[dict[str, Any]]:
    """One row a subject."""
    rows = []
    for name in SOLVERS:
        for subject in own(name):
            found = check(subject)
            open_ = {f.check: f.evidence for f in found if f.verdict in ("undecided", "violates")}
            rows.append({"solver": subject.name, "verdicts": {f.check: f.verdict for f in found}, "open": open_})
            print(subject.name, open_ or "conforms", flush=True)
    return rows


def false_alarms(seeds: int = SEEDS) -> dict[str, Any]:
    """How many of the checks of WATCHED say "violates" or "undecided" of correct solvers."""
    wrong: list[str] = []
    open_, total = 0, 0
    for name, only in WATCHED.items():
        for subject in own(name):
            for seed in range(1, seeds + 1):
                for finding in check(subject, seed, only):
                    total += 1
                    open_ += finding.verdict == "undecided"
                    if finding.verdict == "violates":
                        wrong.append(f"{subject.name}, seed {seed}, {finding.check}: {finding.evidence}")
            print(subject.name, len(wrong), "of", total, flush=True)
    return {"seeds": seeds, "checks": total, "violates": len(wrong), "undecided": open_, "which": wrong}


def main(parts: Sequence[str]) -> None:
    """``parts``: "verdicts", "false_alarms" (default both); the other part of the record is kept."""
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    record["command"] = "python -m verify.conformance.record"
    if not parts or "verdicts" in parts:
        record["solvers"] = verdicts()
    if not parts or "false_alarms" in parts:
        record["false_alarms"] = false_alarms()
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
