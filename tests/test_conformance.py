"""The conformance kit: every planted fault refuted, every registered solver passed, verdicts that can all occur."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.command import main
from reports.commands.check import load
from solvers.registry import SOLVERS
from synthetic.errors import InputError
from verify.conformance.average import weight
from verify.conformance.bias import check_variance
from verify.conformance.held import TILT, UNEVEN, Settled, batch_means, decode, settle, stratified
from verify.conformance.kit import CHECKS, check, check_solver, violated
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


USER = """
def raises(problem, x, oracle, rng):
    raise ValueError("inside")


def nothing(problem, x, oracle, rng):
    oracle.query(x, x, step=0)


class Unbuilt:
    def __init__(self):
        raise RuntimeError("cannot be built")
"""


def test_a_users_mistakes_are_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(USER, "utf-8")
    assert main(["check", f"{file}:raises", "--only", "oracle,array API"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("undecided") == 3  # two checks and the summary: without NumPy arrays it fails too
    assert "ValueError: inside (mine.py, line 3)" in out
    assert main(["check", f"{file}:Unbuilt"]) == 2
    assert "Unbuilt() raised RuntimeError: cannot be built" in capsys.readouterr().err
    (tmp_path / "broken.py").write_text("x = 1\ndef f(:\n", "utf-8")
    assert main(["check", f"{tmp_path}/broken.py:f"]) == 2
    assert "line 2 is not Python" in capsys.readouterr().err
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n", "utf-8")
    assert main(["check", f"{tmp_path}/leaves.py:f"]) == 2


def test_a_bare_estimate_must_return_the_shape_of_x() -> None:
    def flat(problem, x, oracle, rng):
        return float(oracle.query(x, np.zeros((len(x), problem.dim_y)), step=0).Fx.sum())

    (finding,) = check_solver(flat, only=["oracle"])
    assert finding.verdict == "undecided"
    assert "flat = 'float of shape none': return the shape of x, (1, 2)" in finding.evidence


def test_errors_of_correlated_means() -> None:
    """AR(1), correlation time 20 steps: the error is that of theory; far longer than the path it cannot be told."""
    rng, n, r = np.random.default_rng(0), 6000, np.exp(-1 / 20)
    ratios = []
    for _ in range(40):
        path, noise = np.zeros((n, 1, 1)), rng.normal(size=n)
        for t in range(1, n):
            path[t] = r * path[t - 1] + noise[t]
        ratios.append(batch_means(path)[1] / (1 / (1 - r) / np.sqrt(n)))
    assert 0.85 < np.mean(ratios) < 1.25
    assert batch_means(np.cumsum(rng.normal(size=3000))[:, None, None])[1] > 0.5  # a random walk: no error can be told


def test_strata_take_the_noise_of_their_numbers_out() -> None:
    rng = np.random.default_rng(1)
    index = rng.integers(0, 10, 300)
    values = np.array([1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0, 64.0, 81.0, 100.0])
    path = np.broadcast_to(values[index][:, None, None], (300, 1, 2)) + 0.0
    before = Settled("random", path.mean(axis=0), 5.0, 300, None)
    after = stratified(before, path, [(int(i), 10) for i in index])
    np.testing.assert_allclose(after.Phi, values.mean())
    assert after.error < 1e-12 < abs(float(before.Phi[0, 0]) - values.mean())
    assert stratified(before, path, [(int(i) // 2, 10) for i in index]).status == UNEVEN
    assert stratified(before, path, [(int(i), 9) for i in index]).status == UNEVEN  # more values than were declared


def test_average_weights_of_plain_and_normalised_steps() -> None:
    b, h, w = np.array([0.9, -0.7]), np.array([0.3, 1.1]), 0.2
    assert weight(-0.1 * h, -0.1 * w * b, b) == pytest.approx(0.1 * w)
    unit = lambda v: v / np.linalg.norm(v)  # noqa: E731
    plain = -0.1 * unit(h)
    assert weight(plain, -0.1 * unit(h + w * b) - plain, b) == pytest.approx(0.1 * w / np.linalg.norm(h))
    assert weight(-0.1 * h, -0.1 * w * b[::-1], b) is None


def test_an_average_without_a_declared_share() -> None:
    (tested,) = own("ma_soba")
    (finding,) = check(replace(tested, declared={"momentum": "average"}), only=["momentum"])
    assert finding.verdict == "conforms"
    assert "1, 0.9, 0.81" in finding.evidence
    (finding,) = check(replace(tested, declared={"momentum": "average", "share": 0.2}), only=["momentum"])
    assert finding.verdict == "violates"
