"""The recipes of CONTRIBUTING.md and the example of README.md run as printed."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from bilevel_rates import NoNoise, StochasticOracle, run
from reports.command import main

DOCS = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(
    not (DOCS / "CONTRIBUTING.md").is_file(), reason="runs from a checkout or sdist with its documents"
)


def recipe(name: str) -> str:
    text = (DOCS / "CONTRIBUTING.md").read_text("utf-8")
    found = re.search(rf"<!-- recipe: {name} -->\n```python\n(.*?)```", text, re.S)
    assert found is not None
    return found.group(1)


def test_claim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my_claims.py"
    file.write_text(recipe("claim"), "utf-8")
    status = main(["verify", "--file", str(file), "--claim", "user:young"])
    out = capsys.readouterr().out
    assert "proved" in out
    assert status == 0  # nothing is recorded for a user's claim, so nothing can deviate
    from verify.registry import claims

    young = claims(pattern="user:young")[0]
    assert young.run(**young.mutants["dropped factor"]).broken


def test_instance() -> None:
    space: dict = {}
    exec(recipe("instance"), space)
    problem = space["saddle"]()
    np.testing.assert_array_equal(problem.hyperhess(np.zeros(2)), np.diag([1.0, -1.0]))


def test_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("recipe")
    monkeypatch.setitem(sys.modules, "recipe", module)  # dataclasses look their module up
    space = vars(module)
    exec(recipe("instance") + recipe("solver"), space)
    problem = space["saddle"]()
    result = run(space["SingleLoop"](eta=0.1, T=7), problem, StochasticOracle(problem, NoNoise()), [1.0, 0.0])
    assert result.counts.sfo == 7
    assert result.status == "done"


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my_solver.py"
    file.write_text(recipe("check"), "utf-8")
    assert main(["check", f"{file}:central", "--only", "calls,bias,known quadratic"]) == 0
    out = capsys.readouterr().out
    assert "3 conforms" in out
    assert "slope 2.0" in " ".join(out.split())


def test_readme_example() -> None:
    text = (DOCS / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)
    assert code is not None
    space: dict = {}
    exec(code.group(1), space)
    assert space["result"].counts.sfo == space["solver"].calls
