"""Imports point one way: synthetic <- bounds <- solvers <- verify <- reports; the facade imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bilevel_rates
import reports

ROOMS = ("synthetic", "bounds", "solvers", "verify", "reports")
HOME = Path(reports.__file__).parents[1]


def imported(source: str) -> set[str]:
    """Top-level packages named by any import statement, lazy ones included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def forbidden(room: str, source: str) -> set[str]:
    """Rooms that a module of ``room`` must not import: those to its right, and the facade (but for the command)."""
    right = set(ROOMS[ROOMS.index(room) + 1 :])
    return imported(source) & (right | (set() if room == "reports" else {"bilevel_rates"}))


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    files = sorted((HOME / room).rglob("*.py"))
    assert files
    wrong = {str(f): forbidden(room, f.read_text("utf-8")) for f in files}
    assert {f: w for f, w in wrong.items() if w} == {}


def test_a_backward_import_is_caught() -> None:
    assert forbidden("bounds", "from verify.registry import claim") == {"verify"}
    assert forbidden("synthetic", "def f():\n    import solvers.base") == {"solvers"}


def test_files_stay_short() -> None:
    long = {
        str(f): n for room in ROOMS for f in (HOME / room).rglob("*.py") if (n := len(f.read_text().splitlines())) > 400
    }
    assert long == {}


def test_facade_is_lazy() -> None:
    code = "import sys, bilevel_rates; print('numpy' in sys.modules, 'sympy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]


def test_every_public_name_exists() -> None:
    for name in bilevel_rates.__all__:
        assert getattr(bilevel_rates, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        bilevel_rates.nonsense  # noqa: B018
