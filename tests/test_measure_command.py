"""``bilevel-rates measure``: its exits, its JSON, one-line errors before any work, and a user's own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.command import main
from reports.commands import measure
from synthetic.errors import InputError
from verify import measure_user
from verify.preset import Preset, Result
from verify.presets import PRESETS

SPEC = """
name = "mine"
kernel = "jump"
p = [1, 2]
[grid]
eps_max_log10 = "-1/2"
eps_min_log10 = "-3/2"
points = 5
[seeds]
count = 4
[axes]
target = ["eps/4", "eps/32"]
"""
INSTANCE = """
import numpy as np
from bilevel_rates import LinearQuadratic, QuadraticHyper
def bowl():
    eye = np.eye(2)
    return LinearQuadratic(2 * eye, 0.5 * eye, eye, [1, 1], eye, QuadraticHyper((1.0, 0.5)))
number = 3
def concave():
    eye = np.eye(2)
    return LinearQuadratic(-2 * eye, 0.5 * eye, eye, [1, 1], eye, QuadraticHyper((1.0, 0.5)))
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "mine.toml"
    file.write_text(SPEC, "utf-8")
    return str(file)


@pytest.fixture
def instance(tmp_path: Path) -> str:
    file = tmp_path / "mine.py"
    file.write_text(INSTANCE, "utf-8")
    return str(file)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        status = main(["measure", *arguments])
    except SystemExit as stop:  # argparse
        status = int(stop.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


def test_an_experiment_of_ones_own(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target, store, latex = tmp_path / "out.json", tmp_path / "s.sqlite", tmp_path / "t.tex"
    command = (spec, "--json", str(target), "--store", str(store), "--latex", str(latex))
    status, out, err = run(capsys, *command)
    assert (status, err) == (0, "")
    assert "strongly consistent" in out
    rows = json.loads(target.read_text("utf-8"))
    assert [(row["p"], row["target"]) for row in rows] == [(p, t) for p in (1, 2) for t in ("eps/4", "eps/32")]
    wanted = "p stencil slope slope_log ci_low ci_high theory eps_min eps_max seeds sfo_min sfo_max verdict seconds"
    for row in rows:
        assert set(wanted.split()) <= set(row)
        assert row["ci_low"] <= row["slope_log"] <= row["ci_high"]
        assert row["theory"] == 4 + 2 / row["p"]
        assert abs(row["slope_log"] - row["theory"]) < 0.1
        assert isinstance(row["sfo_max"], int)
        assert row["sfo_max"] > 1e15
        assert (row["seeds"], row["hits"], row["runs"]) == (4, 20, 20)
    assert r"\toprule" in latex.read_text("utf-8")
    assert run(capsys, *command)[0] == 0  # resumes from its store
    assert json.loads(target.read_text("utf-8")) == rows
    assert json.loads(run(capsys, spec, "--json", "-")[1])[0]["p"] == 1


def test_the_verdict_decides_the_exit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for rows, failures, status in (
        ([{"p": 1, "verdict": "strongly consistent"}], (), 0),
        ([{"p": 1, "verdict": "unreachable"}], (), 0),
        ([{"p": 1, "verdict": "inconsistent"}], (), 1),
        ([{"p": 1, "verdict": "strongly consistent"}], ("x seed 0: \x1b[2Jboom",), 1),
    ):
        made = Preset("made", "", lambda level: [], lambda t, level, r=rows, f=failures: Result(r, failures=f))
        monkeypatch.setitem(PRESETS, "made", made)
        found = run(capsys, "--preset", "made")
        assert found[0] == status
        assert "\x1b" not in found[1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--preset"),
        (("--preset", "nothing"), "headline"),
        (("--preset", "headline", "SPEC"), "not both"),
        (("--preset", "headline", "--problem", "x.py:y"), "not both"),
        (("nowhere.toml",), "nowhere.toml"),
        (("SPEC", "--jobs", "-1"), "--jobs"),
        (("SPEC", "--json", "/nowhere/x.json"), "--json"),
        (("SPEC", "--store", "/nowhere/s"), "--store"),
        (("SPEC", "--store", "SPEC"), "not a store"),
        (("--problem", "x.py"), "FILE.py:NAME"),
        (("--problem", "nowhere.py:x"), ".py file"),
        (("--problem", "INSTANCE:nothing"), "no nothing"),
        (("--problem", "INSTANCE:number"), "BilevelProblem"),
        (("SPEC", "--problem", "INSTANCE:bowl"), "without axes"),
    ],
)
def test_bad_input_is_one_line_before_any_work(
    arguments: tuple[str, ...],
    named: str,
    spec: str,
    instance: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("verify.preset.run", lambda *a, **k: pytest.fail("work was started"))
    given = [a.replace("SPEC", spec).replace("INSTANCE", instance) for a in arguments]
    status, out, err = run(capsys, *given)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert named in err


def test_a_users_instance_is_counted_call_by_call(
    instance: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(measure_user.BUDGET, "quick", 5000)
    status, out, err = run(capsys, "--problem", f"{instance}:bowl", "--json", "-")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert [row["p"] for row in rows] == [1, 2]
    for row in rows:
        assert row["verdict"] == "not judged"
        assert 1 < row["sfo_min"] <= row["sfo_max"] <= measure_user.BUDGET["quick"]
        assert row["runs"] == 12
    assert rows[0]["hits"] < 12  # p = 1 runs out of its budget at the smallest eps: censored, not dropped
    assert rows[1]["hits"] == 12


def test_a_users_instance_must_be_usable(instance: str) -> None:
    with pytest.raises(InputError):
        measure.chosen(_options(problem=f"{instance}:concave"))


def test_help_says_that_the_file_is_executed(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert "executed" in out


def _options(**given: str | None) -> object:
    import argparse

    usual = {"preset": None, "spec": None, "problem": None, "level": "quick", "backend": "auto"}
    return argparse.Namespace(**(usual | given))
