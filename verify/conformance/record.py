"""Verdicts of the kit, kept: ``python -m verify.conformance.record PART ...`` with the parts

    verdicts       every registered solver through every check
    false_alarms   SEEDS seeds, each with an instance, a start and noise of its own, one of QUICK after the other
    FILE.py        planted faults: every NAME of its table REFUTED_BY = {NAME: (check, words of the evidence)}

Each part replaces its own entry of verify/results/conformance.json, together with the command that made it. Verdicts
do not depend on the machine; the numbers in the evidence may differ in their last digits.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scipy.special import betaincinv

from solvers.registry import SOLVERS
from synthetic.errors import InputError
from verify.conformance.kit import CHECKS, check
from verify.conformance.own import own
from verify.conformance.subject import Finding, Subject, subject
from verify.environment import suite_version
from verify.user_file import load_file

RECORD = Path(__file__).parents[1] / "results" / "conformance.json"
SEEDS = 100
QUICK = ("f2sa_p", "f2sa", "stocbio", "aid", "itd", "soba", "ma_soba", "amigo", "fsla", "bo_rep", "fmbo")
"""The solvers of false_alarms: fast ones, with every kind of claim among them."""
SKIPPED = ("exponent", "array API")
"""Checks that false_alarms leaves out: the first costs as much as all others, the second draws nothing."""


def row(tested: Subject, seed: int = 0, only: Sequence[str] | None = None) -> dict[str, Any]:
    """{check: verdict} of one subject, with the evidence."""
    found = check(tested, seed, only)
    print(tested.name, seed, {f.check: f.evidence for f in found if open_(f)} or "nothing violated or open", flush=True)
    return {
        "solver": tested.name,
        "verdicts": {f.check: f.verdict for f in found},
        "evidence": {f.check: f.evidence for f in found},
    }


def open_(finding: Finding) -> bool:
    return finding.verdict in ("violates", "undecided")


def verdicts() -> dict[str, Any]:
    """One row a subject."""
    return {"rows": [row(tested) | {"name": name} for name in SOLVERS for tested in own(name)], "seed": 0}


def planted(path: str) -> dict[str, Any]:
    """One row a fault, with the check that must refute it."""
    module = load_file("FILE.py", path)
    table: dict[str, tuple[str, str]] = getattr(module, "REFUTED_BY", {})
    if not table:
        raise InputError("FILE.py", path, "the file needs a table REFUTED_BY = {NAME: (check, words)}")
    rows = []
    for name, (expected, _) in table.items():
        made = getattr(module, name)
        tested = subject(name, made)
        what = type(tested.solver).__doc__ if tested.solver.__class__.__name__ != "Bare" else made.__doc__
        rows.append(row(tested) | {"expected": expected, "fault": " ".join((what or "").split())})
    return {"rows": rows, "seed": 0}


def false_alarms(seeds: int = SEEDS) -> dict[str, Any]:
    """How many seeds, and how many single checks, find a correct solver guilty."""
    subjects = [tested for name in QUICK for tested in own(name)]
    only = [name for name in CHECKS if name not in SKIPPED]
    counted = dict.fromkeys(("conforms", "violates", "undecided", "not applicable"), 0)
    alarms: list[str] = []
    for seed in range(1, seeds + 1):
        found = row(subjects[(seed - 1) % len(subjects)], seed, only)
        for name, verdict in found["verdicts"].items():
            counted[verdict] += 1
            if verdict == "violates":
                alarms.append(f"seed {seed}, {found['solver']}, {name}: {found['evidence'][name]}")
    wrong = len({alarm.split(",")[0] for alarm in alarms})
    return {
        "seeds": seeds,
        "solvers": [tested.name for tested in subjects],
        "left out": list(SKIPPED),
        "counted": counted,
        "seeds with an alarm": wrong,
        "rate": wrong / seeds,
        "rate at most (95%)": upper(wrong, seeds),
        "alarms": alarms,
    }


def upper(hits: int, trials: int, level: float = 0.95) -> float:
    """The one-sided Clopper-Pearson bound: the rate at which ``hits`` or fewer have probability 1 - level."""
    return 1.0 if hits >= trials else float(betaincinv(hits + 1, trials - hits, level))


def main(parts: Sequence[str], target: Path = RECORD) -> int:
    """The command of the module docstring."""
    known: dict[str, Callable[[], dict[str, Any]]] = {"verdicts": verdicts, "false_alarms": false_alarms}
    if not parts or any(part not in known and not part.endswith(".py") for part in parts):
        print("usage: python -m verify.conformance.record verdicts | false_alarms | FILE.py ...", file=sys.stderr)
        return 2
    for part in parts:
        made = known[part]() if part in known else planted(part)
        record = json.loads(target.read_text("utf-8")) if target.exists() else {}
        name = part if part in known else f"planted {Path(part).stem}"
        command = f"python -m verify.conformance.record {part}"
        record[name] = {"command": command, "suite": suite_version(), **made}
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
