"""SIGKILL at random moments, and two processes on one store: nothing lost, nothing twice, same final table.

``BILEVEL_RATES_KILLS`` sets the number of kills (20 here, 100 in the full level).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verify.experiment import Experiment, Grid, Seeds
from verify.options import Schema
from verify.schemas import declare_kernel
from verify.store import Store

ROOT = Path(__file__).resolve().parent.parent
KILLS = int(os.environ.get("BILEVEL_RATES_KILLS", "20"))
SEEDS = max(KILLS, 20)  # enough work for all kills to interrupt some
TOTAL = 3 * 9 * SEEDS
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
declare_kernel(Schema("mortal"))

# The log is written before a trial's work, the count after its result was put.
CHILD = """
import hashlib, sys, time
from verify.engine import Kernel, register, run
from verify.experiment import Experiment, Grid, Seeds
from verify.options import Schema
from verify.schemas import declare_kernel
from verify.store import Store

path, (jobs, seeds) = sys.argv[1], map(int, sys.argv[3:])
log = sys.argv[2]

def trial(arguments, seeds):
    name = f"{arguments['p']} {arguments['log10_eps']}"
    with open(log, "ab", buffering=0) as file:
        file.write("".join(f"{name} {seed}\\n" for seed in seeds).encode())
    time.sleep(0.002 * len(seeds))
    words = [hashlib.sha256(f"{name} {seed}".encode()).hexdigest() for seed in seeds]
    return [{"calls": int(word, 16) >> 120, "norm": int(word, 16) / 2**256} for word in words]

declare_kernel(Schema("mortal"))
register(Kernel("mortal", trial, batch=3))
experiment = Experiment(
    name="mortal", kernel="mortal", p=(1, 2, 4), grid=Grid("-1", "-3", 9), seeds=Seeds(0, seeds)
)
print("ready", flush=True)
with Store(path) as store:
    run(experiment, store, jobs=jobs, progress=lambda finished, total, failed: print(finished, total, flush=True))
print("end", flush=True)
"""


def start(folder: Path, store: str, log: str, jobs: int = 1, seeds: int = SEEDS) -> subprocess.Popen[str]:
    script = folder / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, str(script), str(folder / store), str(folder / log), str(jobs), str(seeds)]
    return subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert out.splitlines()[-1] == "end"


def kill_after(process: subprocess.Popen[str], delay: float, working: bool = False) -> tuple[int, bool]:
    """Kill ``delay`` seconds after the child is ready (``working``: after its first results were put).

    Returns the count of results it had reported, and whether it was killed before its end.
    """
    assert process.stdout is not None
    out = process.stdout.readline()
    assert out == "ready\n"
    for _ in range(2 if working else 0):
        out += process.stdout.readline()
    time.sleep(delay)
    process.kill()
    # Not communicate(): it reads past the pipe's buffer and would lose the half of a line that readline() took in.
    rest = process.stdout.read()
    assert process.stderr is not None
    error = process.stderr.read()
    process.wait(timeout=20)
    process.stdout.close()
    process.stderr.close()
    assert "Traceback" not in error
    counts = [int(line.split()[0]) for line in (out + rest).splitlines() if line.count(" ") == 1]
    return max(counts, default=0), process.returncode == -signal.SIGKILL


def contents(path: Path) -> dict[tuple[str, str], str]:
    """Trial, as the log spells it -> result."""
    if not path.exists():
        return {}
    with Store(path) as store:
        specs = {config: store.spec(config) for config in store.configs()}
        return {
            (f"{specs[r.config]['p']} {specs[r.config]['log10_eps']}", str(r.seed)): repr(r.result)
            for r in store.records()
        }


def lines(path: Path, start: int = 0) -> list[tuple[str, str]]:
    if not path.exists():
        return []
    return [(text.rpartition(" ")[0], text.rpartition(" ")[2]) for text in path.read_text()[start:].splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start(folder, "s.sqlite", "log"))
    return folder / "s.sqlite"


@pytest.fixture(scope="module")
def undisturbed(whole: Path) -> str:
    with Store(whole) as store:
        assert len(store) == TOTAL
        return store.digest()


@pytest.mark.parametrize(("jobs", "kills"), [(1, KILLS), (2, max(KILLS // 5, 4))])
def test_killed_at_random_moments(jobs: int, kills: int, tmp_path: Path, undisturbed: str) -> None:
    rng = random.Random(jobs)
    path, log = tmp_path / "s.sqlite", tmp_path / "log"
    stored: dict[tuple[str, str], str] = {}
    interrupted = 0
    for i in range(kills):
        written = log.stat().st_size if log.exists() else 0
        working = i % 2 == 0
        delay = rng.uniform(0, 0.03 if working else 0.08 * jobs**2)
        reported, killed = kill_after(start(tmp_path, "s.sqlite", "log", jobs), delay, working)
        interrupted += killed and len(stored) < reported < TOTAL
        after = contents(path)
        assert len(after) >= reported  # what was reported is there
        assert stored.items() <= after.items()  # what was there stays, unchanged
        ran = lines(log, written)
        assert not set(ran) & set(stored)  # what was there was not run again
        assert len(ran) == len(set(ran))
        stored = after
    assert interrupted >= kills // 3  # else the kills came too early or too late to show anything
    written = log.stat().st_size
    finish(start(tmp_path, "s.sqlite", "log", jobs))
    assert not set(lines(log, written)) & set(stored)
    with Store(path) as store:
        assert len(store) == len(store.records()) == TOTAL
        assert store.digest() == undisturbed
        assert store.failures(pending=False) == []


def test_killed_while_the_store_is_made(tmp_path: Path) -> None:
    rng = random.Random(0)
    for i in range(5):
        kill_after(start(tmp_path, f"{i}.sqlite", "log", seeds=1), rng.uniform(0, 0.03))
        finish(start(tmp_path, f"{i}.sqlite", "log", seeds=1))
        assert len(contents(tmp_path / f"{i}.sqlite")) == 27


def test_two_processes_share_a_store(tmp_path: Path, undisturbed: str) -> None:
    both = [start(tmp_path, "s.sqlite", f"log{i}") for i in range(2)]
    for process in both:
        finish(process)
    with Store(tmp_path / "s.sqlite") as store:
        assert len(store) == TOTAL
        assert store.digest() == undisturbed
        assert store.failures(pending=False) == []
    shared = set(lines(tmp_path / "log0")) | set(lines(tmp_path / "log1"))
    assert len(shared) == TOTAL


def test_one_of_two_processes_is_killed(tmp_path: Path, undisturbed: str) -> None:
    rng = random.Random(1)
    survivor = start(tmp_path, "s.sqlite", "log0")
    for _ in range(3):
        kill_after(start(tmp_path, "s.sqlite", "log1"), rng.uniform(0, 0.1))
    finish(survivor)
    with Store(tmp_path / "s.sqlite") as store:
        assert store.digest() == undisturbed


def test_the_digest_would_notice_a_lost_row(tmp_path: Path, whole: Path, undisturbed: str) -> None:
    experiment = Experiment(
        name="mortal", kernel="mortal", p=(1, 2, 4), grid=Grid("-1", "-3", 9), seeds=Seeds(0, SEEDS)
    )
    keys = [cell.key for cell in experiment.cells()]
    shutil.copy(whole, tmp_path / "s.sqlite")
    with Store(tmp_path / "s.sqlite") as store:
        assert store.digest() == undisturbed
        store._db.execute("DELETE FROM result WHERE config = ? AND seed = 7", (keys[3],))
        assert store.digest() != undisturbed
        assert store.finished(keys[3]) == frozenset(range(SEEDS)) - {7}
