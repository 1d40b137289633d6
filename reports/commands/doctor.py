"""``bilevel-rates doctor``: is this installation sound, and which optional parts are there?"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

from reports import terminal
from reports.commands.common import check_writable, write_json
from reports.page import Badge, Table
from solvers.backend import available

ROOMS = ("bilevel_rates", "synthetic", "bounds", "solvers", "verify", "reports")
CORE = ("numpy", "scipy", "sympy", "mpmath", "matplotlib", "numba", "joblib", "array-api-compat", "rich", "jinja2")
EXTRAS = {
    "python-flint": ("flint", "rigor", "ball arithmetic: verdicts `enclosed`"),
    "scikit-learn": ("sklearn", "data", "the digits problem"),
    "cupy-cuda13x / cupy-cuda12x": ("cupy", "cuda13", "kernels on an NVIDIA GPU"),
    "dask": ("dask", "cluster", "trials spread over a cluster"),
    "mpi4py": ("mpi4py", "mpi", "distributed solvers over MPI"),
    "PEPit": ("PEPit", "pep", "exact worst cases of single-level lemmas"),
}


def shadowed(home: Path) -> list[dict[str, str]]:
    """Our flat names that another package supplies, so that ``import verify`` would not be ours."""
    found = []
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        expected = (home / room / "__init__.py", home / f"{room}.py")
        if origin not in expected:
            found.append({"name": room, "found": str(origin), "expected": str(home)})
    owners = importlib.metadata.packages_distributions()
    for room in ROOMS:
        others = sorted({d for d in owners.get(room, []) if d.lower().replace("_", "-") != "bilevel-rates"})
        if others:
            found.append({"name": room, "found": f"distribution {', '.join(others)}", "expected": str(home)})
    return found


def findings() -> dict[str, Any]:
    """Everything that the command shows."""
    home = Path(__file__).resolve().parents[2]
    core = {name: _version(name) for name in CORE}
    extras = {
        name: {
            "installed": importlib.util.find_spec(module) is not None,
            "install": f"pip install 'bilevel-rates[{extra}]'",
            "for": purpose,
        }
        for name, (module, extra, purpose) in EXTRAS.items()
    }
    return {
        "python": sys.version.split()[0],
        "suite": _version("bilevel-rates") or "not installed (running from a checkout)",
        "home": str(home),
        "core": core,
        "extras": extras,
        "machine": {name: {"there": there, "line": line} for name, (there, line) in available().items()},
        "shadowed": shadowed(home),
        "sound": all(core.values()) and not shadowed(home),
    }


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def run(options: argparse.Namespace) -> int:
    check_writable("--json", options.json)
    found = findings()
    if options.json:
        write_json(options.json, found)
    if options.json != "-":
        rows: list[tuple[Any, ...]] = [("python", Badge("present", "good"), found["python"])]
        rows += [
            (n, Badge("present" if v else "missing", "good" if v else "bad"), v or f"pip install {n}")
            for n, v in found["core"].items()
        ]
        rows += [
            (
                n,
                Badge("present" if e["installed"] else "optional", "none"),
                e["for"] if e["installed"] else f"{e['for']}: {e['install']}",
            )
            for n, e in found["extras"].items()
        ]
        rows += [
            (n, Badge("present" if e["there"] else "optional", "none"), e["line"]) for n, e in found["machine"].items()
        ]
        terminal.print_table(
            Table(("part", "state", "version or what to do"), rows, caption=f"bilevel-rates {found['suite']}")
        )
        for item in found["shadowed"]:
            print(
                f"shadowed: {item['name']} comes from {item['found']}, not from {item['expected']}; "
                "use a dedicated environment: python3 -m venv .venv && .venv/bin/pip install '.[all]'"
            )
        print("sound" if found["sound"] else "not sound: see above")
    return 0 if found["sound"] else 1
