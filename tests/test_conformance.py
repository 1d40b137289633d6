"""The conformance kit: every planted fault refuted, every registered solver passed, verdicts that can all occur."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reports.command import main
from reports.commands.check import load
from solvers.registry import SOLVERS
from synthetic.errors import InputError
from verify.conformance.bias import check_variance
from verify.conformance.held import TILT, decode, settle
from verify.conformance.kit import CHECKS, check, violated
from verify.conformance.own import own
from verify.conformance.subject import instance, quadratic, subject
from verify.user_file import load_file

FAULTS, MOMENTA = (Path(__file__).parent / "planted" / name for name in ("faults.py", "momenta.py"))
PLANTED = [(str(path), name) for path in (FAULTS, MOMENTA) for name in load_file("FILE.py", str(path)).REFUTED_BY]


def expected(path: str, name: str) -> tuple[str, str]:
    """The check that must refute the fault, and words of its evidence."""
    return load_file("FILE.py", path).REFUTED_BY[name]


@pytest.mark.parametrize(("path", "name"), PLANTED, ids=[name for _, name in PLANTED])
def test_every_planted_fault_is_refuted(path: str, name: str) -> None:
    wanted, words = expected(path, name)
    if wanted == "array API":
        pytest.importorskip("array_api_strict")
    (fault,) = load(f"{path}:{name}")
    (finding,) = check(fault, only=[wanted])
    assert finding.verdict == "violates", finding
    assert words in finding.evidence


def test_every_check_can_fail() -> None:
    """Each check but "known quadratic" (below) has a planted fault that it refutes."""
    assert {expected(*fault)[0] for fault in PLANTED} | {"known quadratic"} == set(CHECKS)
    (fault,) = load(f"{FAULTS}:wrong_sign")
    assert [f.verdict for f in check(fault, only=["known quadratic"])] == ["violates"]


@pytest.mark.parametrize("name", SOLVERS)
def test_own_solvers_pass_the_quick_checks(name: str) -> None:
    for own_subject in own(name)[:1]:
        findings = check(own_subject, only=["oracle", "calls", "momentum", "determinism"])
        assert [f for f in findings if f.verdict in ("violates", "undecided")] == []
        assert findings[0].verdict == findings[3].verdict == "conforms"


@pytest.mark.parametrize("name", ["stocbio", "soba"])
def test_own_solvers_pass_every_check(name: str) -> None:
    for own_subject in own(name):
        findings = check(own_subject, seed=1)
        assert [f for f in findings if f.verdict in ("violates", "undecided")] == []
        assert sum(f.verdict == "conforms" for f in findings) >= 7


def test_a_small_false_alarm_count() -> None:
    """The random check on a correct solver with other seeds, instances and starts."""
    (fine,) = own("f2sa_2")
    alarms = sum(check_variance(fine, instance(fine.needs, seed), seed).verdict != "conforms" for seed in range(5))
    assert alarms == 0


def test_a_bare_estimate() -> None:
    (bare,) = load(f"{FAULTS}:estimate")
    findings = check(bare, only=["oracle", "calls", "bias", "determinism"])
    assert [f.verdict for f in findings] == ["conforms"] * 4


def test_decode_reads_plain_and_normalised_steps() -> None:
    Phi, eta = np.array([[0.3, -1.1], [2.0, 0.4]]), 0.07
    plain = decode(-eta * Phi, -eta * (Phi + TILT), TILT)
    unit = decode(*(-eta * v / np.linalg.norm(v, axis=1)[:, None] for v in (Phi, Phi + TILT)), TILT)
    for found in (plain, unit):
        assert found is not None
        np.testing.assert_allclose(found[0], Phi, rtol=1e-10)
        np.testing.assert_allclose(found[1], eta)
    assert decode(-eta * Phi, -eta * (Phi + TILT[::-1]) ** 2, TILT) is None


def test_the_held_estimate_is_the_exact_estimator() -> None:
    """Read from the outside it equals sum_j alpha_j (j f_x + g_x/nu) at the exact y*_{j nu}."""
    (fine,) = [s for s in own("f2sa_p") if s.solver.p == 3]
    problem, x = quadratic(4), instance(("F", "G"), 4).start(4, 1)
    found = settle(fine, instance(("F", "G"), 4), x)
    assert found.status == "settled"
    np.testing.assert_allclose(found.Phi, fine.solver.estimate(problem, x), rtol=1e-9)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    assert main(["check", f"{FAULTS}:multiplied", "--only", "calls,oracle", "--json", str(out)]) == 1
    assert "violates" in capsys.readouterr().out
    data = json.loads(out.read_text("utf-8"))
    assert [f["verdict"] for f in data["solvers"][0]["findings"]] == ["violates", "conforms"]
    assert main(["check", "soba", "--only", "calls"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], [f"{FAULTS}:nothing"], ["missing.py:Solver"], [f"{FAULTS}:ETA"], [f"{FAULTS}:WrongSign"],
     ["soba", "--only", "nonsense"], ["soba", "--seed", "-1"], ["soba", "--json", "/nowhere/at/all.json"]],
)  # fmt: skip
def test_bad_input_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    assert "bilevel-rates check:" in capsys.readouterr().err


def test_a_solver_that_raises_shows_nothing() -> None:
    class Broken:
        needs = ("F", "G")

        def init(self, problem, x0, y0=None):
            raise ValueError("no")

        def step(self, state, oracle):
            return state

        def terminate(self, state):
            return True

    findings = check(subject("Broken", Broken()), only=["oracle"])
    assert [(f.verdict, "ValueError" in f.evidence) for f in findings] == [("undecided", True)]
    assert not violated(findings)
    with pytest.raises(InputError, match="lacks needs"):
        subject("X", type("X", (), {m: lambda self: None for m in ("init", "step", "terminate")})())
