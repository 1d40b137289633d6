"""Distributed F2BA: equal to F2BA on the means, in one process and between MPI processes; what it costs; what fails."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import solvers
import verify
from solvers.base import run
from solvers.distributed_f2ba import DistributedF2BA
from solvers.distributed_mpi import EXAMPLE, compared, main, share, show, solve
from solvers.f2ba import F2BA
from synthetic.agents import heterogeneous_agents
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.linear_quadratic import dense_lq
from synthetic.noise import Gaussian, NoNoise
from synthetic.oracle import Counts, StochasticOracle

X0 = np.array([0.5, -0.25])
BASE = F2BA(lam=8.0, eta=0.1, tau=0.03, alpha=0.3, K_0=5, K=3, T=4)
SPEC: dict[str, Any] = {
    "instance": "agents", "parameters": {"m": 5, "seed": 3}, "noise": "gaussian",
    "noise_parameters": {"sigma_f": 0.1, "sigma_g": 0.05}, "seed": 6, "solver": asdict(BASE), "x0": X0.tolist(),
}  # fmt: skip


def by_hand(problem: Any, noise: Any, seed: int, b: F2BA) -> np.ndarray:
    """Algorithm 3 line by line with one oracle for each agent; returns X_T (m, dx)."""
    m = len(problem.agents)
    oracles = [StochasticOracle(agent, noise, seeds=seed) for agent in problem.agents]
    X, Y, Z = np.tile(X0, (m, 1)), np.zeros((m, problem.dim_y)), np.zeros((m, problem.dim_y))
    one = np.ones((m, 1))
    for t in range(b.T):
        for k in range(b.K_0 if t == 0 else b.K):
            at_z = [o.query(X[i], Z[i], step=t, inner=k + 1, node=2 * i) for i, o in enumerate(oracles)]
            at_y = [o.query(X[i], Y[i], step=t, inner=k + 1, node=2 * i + 1) for i, o in enumerate(oracles)]
            V = np.stack([a.Gy for a in at_z])
            U = np.stack([a.Fy + b.lam * a.Gy for a in at_y])
            Z, Y = Z - b.alpha * one @ one.T @ V / m, Y - b.tau * one @ one.T @ U / m
        at_z = [o.query(X[i], Z[i], step=t, node=2 * i) for i, o in enumerate(oracles)]
        at_y = [o.query(X[i], Y[i], step=t, node=2 * i + 1) for i, o in enumerate(oracles)]
        H = np.stack([u.Fx + b.lam * (u.Gx - v.Gx) for u, v in zip(at_y, at_z)])
        X = X - b.eta * one @ one.T @ H / m
    return X


@pytest.mark.parametrize("noise", [NoNoise(), Gaussian(0.2, 0.1)])
def test_equals_the_listing_step_for_step(noise: Any) -> None:
    problem, seeds = heterogeneous_agents(m=3), np.array([1, 4])
    oracle = StochasticOracle(problem.stacked, noise, seeds=seeds)
    state = run(DistributedF2BA(BASE), problem, oracle, np.stack([X0, X0])).state
    for rows, seed in zip(state.X, seeds):
        np.testing.assert_allclose(rows, by_hand(problem, noise, int(seed), BASE), rtol=1e-11)
        np.testing.assert_array_equal(rows, np.tile(rows[0], (3, 1)))


@pytest.mark.parametrize("change", [{}, {"beta_z": 0.2, "beta_y": 0.3}])
def test_proposition_6_1_equals_f2ba_on_the_means(change: dict[str, float]) -> None:
    problem, base = heterogeneous_agents(m=4, nonconvex=True), replace(BASE, T=30, **change)
    apart = run(DistributedF2BA(base), problem, StochasticOracle(problem.stacked, NoNoise()), X0)
    together = run(base, problem, StochasticOracle(problem, NoNoise()), X0)
    np.testing.assert_allclose(apart.norms, together.norms, rtol=1e-10)
    np.testing.assert_allclose(apart.state.x, together.state.x, rtol=1e-11)
    np.testing.assert_allclose(apart.state.Y[2], together.state.y, rtol=1e-11)


def test_finds_a_stationary_point_where_averaged_local_hypergradients_do_not() -> None:
    problem = heterogeneous_agents(m=4)
    base = F2BA(lam=2000.0, eta=0.2, tau=0.3 / 2000, alpha=0.3, K_0=60, K=12, T=60)
    state = run(DistributedF2BA(base), problem, StochasticOracle(problem.stacked, NoNoise()), X0).state
    assert np.linalg.norm(problem.hypergrad(state.x)) < 2e-3
    x = X0.copy()
    for _ in range(200):  # the fault: every agent follows its own y_i*(x)
        x = x - 0.1 * problem.average_of_hypergrads(x)
    assert np.linalg.norm(problem.average_of_hypergrads(x)) < 1e-6
    assert np.linalg.norm(problem.hypergrad(x)) > 0.1


def test_metered_calls_and_floats_are_the_formula() -> None:
    m, (dx, dy) = 3, (2, 3)
    problem, solver = heterogeneous_agents(m=m, dim_x=dx, dim_y=dy), DistributedF2BA(BASE)
    oracle = StochasticOracle(problem.stacked, NoNoise(), seeds=np.arange(2))
    counts = run(solver, problem, oracle, np.stack([X0, X0])).counts
    inner = 5 + 3 * 3
    assert counts.sfo == counts.G == solver.calls(m) == m * (2 * inner + 2 * 4)
    assert m * (inner + 4) == counts.F
    assert counts.floats == solver.floats(m, dx, dy) == 2 * m * (2 * dy * inner + dx * 4)


def test_needs_agents() -> None:
    problem = heterogeneous_agents(m=2)
    solver = DistributedF2BA(BASE)
    with pytest.raises(InputError, match="agents"):
        run(solver, dense_lq(2, 3), StochasticOracle(dense_lq(2, 3), NoNoise()), X0)
    oracle = StochasticOracle(problem, NoNoise())  # the aggregate answers one gradient, not one for each agent
    with pytest.raises(InputError, match=r"problem\.stacked.*\.rows"):
        run(solver, problem, oracle, X0)
    assert oracle.counts == Counts()
    with pytest.raises(InputError, match="base"):
        DistributedF2BA(7)  # type: ignore[arg-type]


def test_array_library_is_kept(asarray) -> None:
    problem, x0 = heterogeneous_agents(m=3), asarray(X0)
    noise = Gaussian(0.2, 0.1)
    state = run(DistributedF2BA(BASE), problem, StochasticOracle(problem.stacked, noise, seeds=4), x0).state
    assert type(state.x) is type(x0)
    assert state.x.device == x0.device
    np.testing.assert_allclose(to_numpy(state.X), by_hand(problem, noise, 4, BASE), rtol=1e-11)


# -- between processes -------------------------------------------------------------------------------------


class Alone:
    """A communicator of one process."""

    def Get_size(self) -> int:
        return 1

    def Get_rank(self) -> int:
        return 0

    def Allreduce(self, send: np.ndarray, received: np.ndarray) -> None:
        received[...] = send

    def allgather(self, value: Any) -> list[Any]:
        return [value]


def in_process() -> tuple[np.ndarray, Counts]:
    problem = heterogeneous_agents(**SPEC["parameters"])
    oracle = StochasticOracle(problem.stacked, Gaussian(**SPEC["noise_parameters"]), seeds=SPEC["seed"])
    result = run(DistributedF2BA(BASE), problem, oracle, X0)
    return result.state.x, result.counts


def test_the_program_with_one_process() -> None:
    result = solve(SPEC, Alone())
    x, counts = in_process()
    np.testing.assert_allclose(result["x"], x, rtol=1e-13)
    assert result["counts"] == asdict(counts)


def test_agents_are_shared_out() -> None:
    assert [share(5, 3, rank) for rank in range(3)] == [(0, 1), (2, 3), (4,)]
    with pytest.raises(InputError, match="processes"):
        share(2, 3, 0)


def test_usage_is_printed_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "mpiexec" in capsys.readouterr().err


def test_show_prints_the_distance_to_one_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shown.json"
    assert show(Alone(), str(out)) == 0
    text = capsys.readouterr().out
    assert "equal to round-off: True" in text
    found = json.loads(out.read_text("utf-8"))
    assert found["floats"] == found["floats by the formula"]
    assert found["sfo"] == found["sfo by the formula"]


def test_show_notices_a_wrong_run() -> None:
    result = solve(SPEC, Alone())
    assert compared(SPEC, result)["equal to round-off"]
    away = {**result, "z": [v * (1 + 1e-9) for v in result["z"]]}
    assert not compared(SPEC, away)["equal to round-off"]
    assert compared(SPEC, away)["relative distance"] == pytest.approx(1e-9, rel=1e-3)
    counts = {**result["counts"], "floats": result["counts"]["floats"] - 2}
    assert not compared(SPEC, {**result, "counts": counts})["equal to round-off"]


def test_the_recorded_mpi_run() -> None:
    """Four processes; its floats by hand: 2 m (2 d_y sum K_t + d_x T)."""
    found = json.loads((Path(verify.__file__).parent / "results" / "distributed_mpi.json").read_text("utf-8"))
    assert found["command"].startswith("mpiexec -n 4 ")
    assert (found["processes"], found["agents"], found["equal to round-off"]) == (4, 8, True)
    assert found["spec"] == EXAMPLE
    assert found["floats"] == found["floats by the formula"] == 2 * 8 * (2 * 4 * (40 + 10 * 29) + 3 * 30)
    assert found["sfo"] == 8 * (2 * (40 + 10 * 29) + 2 * 30)


@pytest.mark.parametrize("processes", [1, 4])
def test_mpi_processes_compute_the_same_to_round_off(processes: int, tmp_path: Path) -> None:
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed: pip install 'bilevel-rates[mpi]'")
    beside = Path(sys.executable).parent / "mpiexec"
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("there is no mpiexec: pip install 'bilevel-rates[mpi]'")
    spec, out = tmp_path / "spec.json", tmp_path / "result.json"
    spec.write_text(json.dumps(SPEC), "utf-8")
    home = str(Path(solvers.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([home, os.environ.get("PYTHONPATH", "")])}
    command = [mpiexec, "-n", str(processes), sys.executable, "-m", "solvers.distributed_mpi", str(spec), str(out)]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, cwd=tmp_path, check=False
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(out.read_text("utf-8"))
    x, counts = in_process()
    assert result["processes"] == processes
    np.testing.assert_allclose(result["x"], x, rtol=1e-12)
    assert result["counts"] == asdict(counts)
