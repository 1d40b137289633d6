"""The command line: what it says, what it writes, how it exits; generated bad input never ends in a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bilevel_rates
from reports.command import main
from reports.commands import doctor
from verify import registry

CLAIM = "f2sa_p:order-central-linear-quadratic"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        status = main(list(arguments))
    except SystemExit as stop:  # argparse
        status = int(stop.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for word in ("verify", "measure", "report", "list", "doctor", "start here", "exit status"):
        assert word in out
    assert run(capsys)[0] == 2
    assert bilevel_rates.__version__ in run(capsys, "--version")[1]


def test_verify_writes_the_promised_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.json"
    status, out, _ = run(capsys, "verify", "--claim", CLAIM, "--json", str(target))
    assert status == 0
    assert CLAIM in out
    (row,) = json.loads(target.read_text())
    wanted = "id paper statement verdict_printed verdict_corrected category method tightness seconds"
    assert set(wanted.split()) <= set(row)
    assert (row["id"], row["paper"], row["verdict_printed"]) == (CLAIM, "000", "supported")
    assert json.loads(run(capsys, "verify", "--claim", CLAIM, "--json", "-")[1])[0]["id"] == CLAIM


def test_deviation_exits_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(registry, "recorded", lambda: {CLAIM: ["proved", None]})
    status, out, _ = run(capsys, "verify", "--claim", CLAIM)
    assert status == 1
    assert f"deviates: {CLAIM}" in out


def test_replay_and_latex(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "verify", "--replay", CLAIM)
    assert status == 0
    assert "no check of the statement as printed found a counterexample" in out
    table = tmp_path / "table.tex"
    assert run(capsys, "verify", "--claim", CLAIM, "--latex", str(table))[0] == 0
    assert r"\toprule" in table.read_text()


BAD = [
    (("verify", "--paper", "nonsense"), "--paper|paper"),
    (("verify", "--claim", "nonsense"), "claim"),
    (("verify", "--replay", "nonsense"), "claim"),
    (("verify", "--file", "/nowhere.py"), "--file"),
    (("verify", "--jobs", "-1"), "--jobs"),
    (("verify", "--json", "/nowhere/at/all.json"), "--json"),
    (("report", "--pages", "nonsense"), "--pages"),
    (("report", "--out", "/dev/null/x"), "--out"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD)
def test_bad_input_is_one_line_and_exit_2(
    arguments: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert any(word in err for word in named.split("|"))


def test_a_broken_user_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1/0\n")
    status, _, err = run(capsys, "verify", "--file", str(file), "--claim", CLAIM)
    assert status == 2
    assert "ZeroDivisionError" in err


words = st.one_of(
    st.sampled_from(["--json", "--paper", "--claim", "--replay", "--level", "--pages", "--jobs", "full", "-", "list",
                     "claims", "verify", "doctor", "--preset", "measure", "--problem", "x.py:y", "--store"]),
    st.text(max_size=6), st.integers(-5, 5).map(str),
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, max_size=4))
def test_generated_command_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]) -> None:
    """Only InputError, MissingExtra and argparse's own exit may stop a command; the work itself is stubbed out."""
    import reports.commands.report as report_command
    import reports.commands.verify as verify_command

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verify_command, "rows_of", lambda chosen, level, jobs: iter(()))
    monkeypatch.setattr(
        verify_command, "run_claim", lambda claim, level="quick": registry.Outcome(claim, None, 0.0, "stub")
    )
    monkeypatch.setattr(report_command, "build_page", lambda name, context: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status in (0, 1, 2, 130)


@pytest.mark.parametrize("what", ["claims", "solvers", "instances", "stencils", "pages"])
def test_list(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "list", what, "--json")
    assert status == 0
    assert json.loads(out)


def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, out, _ = run(capsys, "doctor")
    assert (status == 0) == ("not sound" not in out)
    (tmp_path / "verify.py").write_text("")
    found = subprocess.run(
        [sys.executable, "-c", "from reports.commands.doctor import findings; print(findings()['sound'])"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{Path(doctor.__file__).parents[2]}", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "False"


def test_no_colour_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bilevel_rates", "list", "solvers"], capture_output=True, text=True, check=True
    )
    assert "\x1b" not in done.stdout
    assert "f2sa_p" in done.stdout
