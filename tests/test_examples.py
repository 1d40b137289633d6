"""The example notebook runs as stored: its cells in order, with the outputs that it shows."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "own_solver.ipynb"
pytestmark = pytest.mark.skipif(not NOTEBOOK.is_file(), reason="runs from a checkout or sdist with its examples")


def code_cells() -> list[tuple[str, str]]:
    """(source, the text that it printed) of each code cell."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    joined = lambda text: text if isinstance(text, str) else "".join(text)  # noqa: E731
    return [
        (joined(c["source"]), "".join(joined(o["text"]) for o in c["outputs"]))
        for c in cells
        if c["cell_type"] == "code"
    ]


def test_the_notebook_runs_as_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", module)  # dataclasses look their module up
    space: dict[str, Any] = vars(module)
    for source, shown in code_cells():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, NOTEBOOK.name, "exec"), space)
        assert printed.getvalue() == shown
    verdicts = [{f.check: f.verdict for f in space[name]} for name in ("good", "bad")]
    assert set(verdicts[0].values()) == {"conforms"}
    assert {check for check, verdict in verdicts[1].items() if verdict == "violates"} == {"bias", "known quadratic"}


def test_the_notebook_uses_the_public_face_and_names_no_machine() -> None:
    text = NOTEBOOK.read_text("utf-8")
    modules = set(re.findall(r"^(?:from|import) ([\w.]+)", "\n".join(s for s, _ in code_cells()), re.M))
    assert modules == {"dataclasses", "typing", "numpy", "bilevel_rates"}
    assert not re.search(r"/(?:home|root|tmp|Users|work|opt|usr)\b", text)
    assert len(text) < 20_000
