"""The engine: same table for any number of jobs and any batching, errors kept, interrupts obeyed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from synthetic.errors import InputError
from verify.engine import Kernel, Report, WorkerLost, one_by_one, register, run
from verify.experiment import Experiment, Grid, Seeds
from verify.options import Option, Schema
from verify.schemas import declare_kernel
from verify.store import Store, StoreError, Trial

ROOT = Path(__file__).resolve().parent.parent
declare_kernel(Schema("toy", {"scale": Option("real", 1), "fails": Option("int", -1)}))


def toy_kernel(log: str = "") -> Callable[[Mapping[str, Any], tuple[int, ...]], list[dict[str, Any]]]:
    # A closure, so that worker processes get it by value: they cannot import this file.
    def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
        if log:
            with open(log, "a") as file:
                file.write(f"{arguments['p']} {arguments['log10_eps']} {' '.join(map(str, seeds))}\n")
        results = []
        for seed in seeds:
            if seed == arguments["fails"]:
                raise ValueError(f"seed {seed} is unlucky")
            rng = random.Random(f"{arguments['p']} {arguments['log10_eps']} {seed}")
            calls = int(arguments["scale"] * arguments["eps"] ** (-4 - 2 / arguments["p"]) * 1e12)
            results.append({"calls": calls * rng.randrange(1, 10**12), "norm": rng.random(), "hit": True})
        return results

    return trial


def toy(**changes: Any) -> Experiment:
    base = {
        "name": "toy",
        "kernel": "toy",
        "p": (1, 2),
        "grid": Grid("-1", "-2", 3),
        "seeds": Seeds(0, 10),
    }
    return Experiment(**(base | changes))


def measured(path: Path, batch: int = 4, jobs: int = 1, log: str = "", **changes: Any) -> tuple[Report, str, list]:
    register(Kernel("toy", toy_kernel(log), batch), replace=True)
    experiment = toy(**changes)
    with Store(path) as store:
        report = run(experiment, store, jobs=jobs)
        return report, store.digest(), store.rows(experiment)


def test_one_and_two_jobs_and_any_batching_give_identical_tables(tmp_path: Path) -> None:
    report, digest, rows = measured(tmp_path / "a.sqlite")
    assert (report.total, report.before, report.done, report.failed) == (60, 0, 60, 0)
    assert len(rows) == 60
    assert max(row["calls"] for row in rows) > 2**63
    for jobs, batch in ((1, 1), (1, 100), (2, 3)):
        assert measured(tmp_path / f"{jobs}-{batch}.sqlite", batch, jobs)[1:] == (digest, rows)


def test_a_finished_trial_is_never_run_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    measured(tmp_path / "s.sqlite", log=str(log), seeds=Seeds(2, 3))
    report, digest, _ = measured(tmp_path / "s.sqlite", log=str(log))
    assert (report.before, report.done) == (18, 42)
    again, same, _ = measured(tmp_path / "s.sqlite", log=str(log))
    assert (again.before, again.done, same) == (60, 0, digest)
    ran = [(*line.split()[:2], seed) for line in log.read_text().splitlines() for seed in line.split()[2:]]
    assert len(ran) == len(set(ran)) == 60


def test_a_trial_that_raises_is_noted_alone_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    for _ in range(2):
        report, _, rows = measured(path, options={"fails": 5})
        assert (report.done + report.before, report.failed) == (54, 6)
        assert all(row["seed"] != 5 for row in rows)
    with Store(path) as store:
        assert len(store.failures()) == 12
        assert store.failures()[0].message == "ValueError: seed 5 is unlucky"
        assert {failure.seed for failure in store.failures()} == {5}
    register(Kernel("toy", one_by_one(lambda arguments, seed: {"calls": 1})), replace=True)
    with Store(path) as store:
        report = run(toy(options={"fails": 5}), store)
        assert (report.before, report.done, report.failed) == (54, 6, 0)
        assert store.failures() == []


@pytest.mark.parametrize("wrong", [[], [{"x": 1}], [{"x": object()}] * 2, None, [1, 2]])
def test_a_kernel_that_breaks_its_contract_leaves_failures(wrong: Any, tmp_path: Path) -> None:
    register(Kernel("toy", lambda arguments, seeds: wrong, 2), replace=True)
    with Store(tmp_path / "s.sqlite") as store:
        report = run(toy(p=(1,), grid=Grid("-1", "-1", 1), seeds=Seeds(0, 2)), store)
        bad = 0 if wrong == [{"x": 1}] else 2
        assert (report.done, report.failed) == (2 - bad, bad)  # one result for one seed is right
        assert len(store.failures()) == bad


def test_a_changed_kernel_is_caught_when_two_runs_meet(tmp_path: Path) -> None:
    cells = list(toy().cells())
    with Store(tmp_path / "s.sqlite") as store:

        def rival(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
            store.put([Trial(cells[0].spec, 0, {"calls": 1})])  # another process comes first
            return [{"calls": 2} for _ in seeds]

        register(Kernel("toy", rival), replace=True)
        with pytest.raises(StoreError, match="gave another result"):
            run(toy(), store)


def test_progress_counts_to_the_total(tmp_path: Path) -> None:
    register(Kernel("toy", toy_kernel(), 4), replace=True)
    seen: list[tuple[int, int, int]] = []
    with Store(tmp_path / "s.sqlite") as store:
        run(toy(options={"fails": 5}), store, progress=lambda *state: seen.append(state))
    assert seen[0] == (0, 60, 0)
    assert seen[-1] == (54, 60, 6)
    assert seen == sorted(seen)


def test_refusals(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        for jobs in (0, -1, 1.5, True):
            with pytest.raises(InputError, match="jobs"):
                run(toy(), store, jobs=jobs)  # type: ignore[arg-type]
        declare_kernel(Schema("unregistered"))
        with pytest.raises(InputError, match="not registered"):
            run(toy(kernel="unregistered"), store)
    register(Kernel("once", toy_kernel()))
    with pytest.raises(InputError, match="already registered"):
        register(Kernel("once", toy_kernel()))
    with pytest.raises(InputError, match="batch"):
        register(Kernel("none", toy_kernel(), 0))


def test_a_worker_that_dies_is_reported_and_the_run_resumes(tmp_path: Path) -> None:
    flag = str(tmp_path / "died")
    good = toy_kernel()

    def deadly(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
        import os

        if arguments["p"] == 2 and not os.path.exists(flag):
            open(flag, "w").close()
            os.kill(os.getpid(), 9)
        return good(arguments, seeds)

    register(Kernel("toy", deadly, 4), replace=True)
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(WorkerLost, match="run again to resume"):
            run(toy(), store, jobs=2)
        run(toy(), store, jobs=2)
        digest = store.digest()
    assert digest == measured(tmp_path / "plain.sqlite")[1]


SLOW = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background inherits that it is ignored
from verify.engine import Kernel, one_by_one, register, run
from verify.experiment import Experiment, Grid, Seeds
from verify.options import Schema
from verify.schemas import declare_kernel
from verify.store import Store

def trial(arguments, seed):
    with open(sys.argv[2], "a") as file:
        file.write(f"{os.getpid()} {seed}\\n")
    time.sleep(0.05 if seed < 4 else 60)
    return {"x": seed}

declare_kernel(Schema("slow"))
register(Kernel("slow", one_by_one(trial)))
slow = Experiment(name="slow", kernel="slow", p=(1,), grid=Grid("-1", "-1", 1), seeds=Seeds(0, int(sys.argv[4])))
with Store(sys.argv[1]) as store:
    run(slow, store, jobs=int(sys.argv[3]), progress=lambda *state: print(*state, flush=True))
"""


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("jobs", "group"), [(1, False), (2, False), (2, True)])
def test_ctrl_c_ends_at_once_and_the_run_resumes(jobs: int, group: bool, tmp_path: Path) -> None:
    """``group``: a terminal sends the interrupt to the workers too."""
    script, path, log = tmp_path / "slow.py", tmp_path / "s.sqlite", tmp_path / "pids"
    script.write_text(SLOW)
    command = [sys.executable, str(script), str(path), str(log), str(jobs)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "8"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    while process.stdout.readline().split()[0] != "4":
        pass
    time.sleep(0.3)  # now inside the trials that take a minute
    start = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert time.monotonic() - start < 5  # about 0.2 s on an idle machine; the trials would take a minute
    assert process.returncode != 0
    assert "KeyboardInterrupt" in error
    workers = {int(line.split()[0]) for line in log.read_text().splitlines()}
    deadline = time.monotonic() + 2
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, workers))
    with Store(path) as store:
        assert [r.seed for r in store.records()] == [0, 1, 2, 3]
    assert subprocess.run([*command, "4"], cwd=ROOT, env=environment, check=True, capture_output=True).stdout
    seeds = [int(line.split()[1]) for line in log.read_text().splitlines()]
    assert sorted(seed for seed in seeds if seed < 4) == [0, 1, 2, 3]  # the four were not run again
