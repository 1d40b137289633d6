"""Checkpoints: every registered solver stopped half way, saved, loaded and continued is the run never stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import solvers.checkpoint as checkpoint
from solvers.base import run
from solvers.checkpoint import load, save
from solvers.distributed_f2ba import DistributedF2BA
from solvers.f2ba import F2BA
from solvers.f2sa import F2SA
from solvers.f2sa_2 import F2SA2
from solvers.f2sa_p import F2SAp
from solvers.perturbed_f2ba import PerturbedF2BA
from solvers.registry import SOLVERS
from solvers.soba import SABA
from synthetic.agents import heterogeneous_agents
from synthetic.arrays import to_numpy
from synthetic.errors import BudgetExhausted, InputError
from synthetic.finite_sum import finite_sum
from synthetic.noise import Gaussian, Minibatch
from synthetic.oracle import Counts, StochasticOracle
from synthetic.polynomial import skewed_polynomial

X0 = np.array([0.5, -0.25])
NOISE = Gaussian(0.3, 0.2, sigma_h=0.1, sigma_v=0.1)
T = 6
PENALTY: dict[str, Any] = {"nu": 0.1, "eta_x": 0.05, "eta_y": 0.2, "S": 2, "K": 3, "T": T}
BASE = F2BA(lam=8.0, eta=0.1, tau=0.02, alpha=0.2, K_0=5, K=3, T=T, beta_z=0.1, beta_y=0.1)
POLYNOMIAL = skewed_polynomial()
AGENTS = heterogeneous_agents(m=3)
SUM = finite_sum()

SPECIAL: dict[str, tuple[Any, Any, Any, Any]] = {
    "f2sa_p": (F2SAp(3, **PENALTY), POLYNOMIAL, POLYNOMIAL, NOISE),
    "f2sa_2": (F2SA2(**PENALTY), POLYNOMIAL, POLYNOMIAL, NOISE),
    "f2sa": (F2SA.single_loop(gamma=0.2, lam=4.0, T=T), POLYNOMIAL, POLYNOMIAL, NOISE),
    "f2ba": (BASE, POLYNOMIAL, POLYNOMIAL, NOISE),
    "perturbed_f2ba": (PerturbedF2BA(BASE, 10.0, 0.1, 2), POLYNOMIAL, POLYNOMIAL, NOISE),
    "distributed_f2ba": (DistributedF2BA(BASE), AGENTS, AGENTS.stacked, NOISE),
    "saba": (SABA(T), SUM, SUM, Minibatch(1, 1)),
}
"""name -> (solver, problem, the problem of the oracle, noise) of those that need more than T."""


def case(name: str) -> tuple[Any, Any, Any, Any]:
    return SPECIAL[name] if name in SPECIAL else (SOLVERS[name].load()(T=T), POLYNOMIAL, POLYNOMIAL, NOISE)


def same_bits(a: Any, b: Any) -> bool:
    """Equal in type, structure and every bit (NaN equals itself, 0 does not equal -0)."""
    if is_dataclass(a):
        return type(a) is type(b) and all(same_bits(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same_bits, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_bits(a[k], b[k]) for k in a)
    if isinstance(a, float) and not isinstance(a, np.generic):
        return type(b) is float and a.hex() == b.hex()
    if a is None or isinstance(a, (bool, int, str)):
        return type(a) is type(b) and a == b
    left, right = to_numpy(a), to_numpy(b)
    return type(a) is type(b) and a.dtype == b.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


def steps(solver: Any, state: Any, oracle: StochasticOracle, n: int) -> Any:
    for _ in range(n):
        state = solver.step(state, oracle)
    return state


@pytest.mark.parametrize(
    ("name", "seeds"), [(n, np.array([2, 7])) for n in sorted(SOLVERS)] + [(n, 5) for n in sorted(SPECIAL)]
)
def test_resumes_bit_for_bit(name: str, seeds: Any, tmp_path: Path) -> None:
    solver, problem, answers, noise = case(name)
    point = np.resize(X0, problem.dim_x)
    x0 = point if np.ndim(seeds) == 0 else np.stack([point, point])
    make: Callable[[], StochasticOracle] = lambda: StochasticOracle(answers, noise, seeds=seeds)  # noqa: E731
    whole = make()
    through = steps(solver, solver.init(problem, x0), whole, T)
    first = make()
    save(tmp_path / "half", steps(solver, solver.init(problem, x0), first, T // 2), oracle=first, solver=solver)
    second = make()
    state = load(tmp_path / "half", solver.init(problem, x0), oracle=second, solver=solver)
    assert state.t == T // 2
    assert second.counts == first.counts != Counts()
    resumed = run(solver, problem, second, x0, state=state)
    assert resumed.status == "done"
    assert same_bits(resumed.state, through)
    assert resumed.counts == whole.counts
    # the check can fail: another seed, or the first half run twice, is another run
    other = StochasticOracle(answers, noise, seeds=np.asarray(seeds) + 100)
    assert not same_bits(steps(solver, state, other, T - T // 2), through)
    assert not same_bits(steps(solver, replace(state, t=0), make(), T - T // 2), through)


def test_array_library_is_restored(asarray, tmp_path: Path) -> None:
    solver, problem, _, _ = SPECIAL["perturbed_f2ba"]
    x0, oracle = asarray(X0), StochasticOracle(problem, NOISE, seeds=3)
    state = steps(solver, solver.init(problem, x0), oracle, 3)
    save(tmp_path / "c", state)
    back = load(tmp_path / "c", solver.init(problem, x0))
    assert same_bits(back, state)
    assert back.x.device == x0.device
    assert back.last.dtype == state.last.dtype


@dataclass(frozen=True)
class Inner:
    a: float
    b: Any


@dataclass(frozen=True)
class Outer:
    t: int
    x: np.ndarray
    parts: tuple[Any, ...]
    table: dict[str, Any]
    inner: Inner
    flag: bool = True
    nothing: None = None


def strange() -> Outer:
    numbers = (0.1, -0.0, float("nan"), float("inf"), 5e-324, np.float32(0.1), np.int64(-3), 10**40, "µ", False, None)
    arrays = {
        "empty": np.zeros((0, 3)),
        "bits": np.array([True, False]),
        "f4": np.float32([1.5, np.nan]),
        "nest": [1, (2,)],
    }
    return Outer(3, np.array([[1.0, -0.0]]), numbers, arrays, Inner(1 / 3, np.arange(4, dtype=np.int16)))


def test_every_kind_of_content_returns(tmp_path: Path) -> None:
    state = strange()
    save(tmp_path / "s.ckpt", state)
    assert same_bits(load(tmp_path / "s.ckpt", state), state)
    assert os.listdir(tmp_path) == ["s.ckpt"]


def test_counts_beyond_64_bits_and_charges_return(tmp_path: Path) -> None:
    oracle = StochasticOracle(POLYNOMIAL, NOISE)
    oracle.charge(sfo=10**30, F=10**30)
    oracle.communicate(12)
    save(tmp_path / "c", strange(), oracle=oracle)
    other = StochasticOracle(POLYNOMIAL, NOISE, budget=10**30)
    load(tmp_path / "c", strange(), oracle=other)
    assert (other.counts, other.charged) == (oracle.counts, oracle.charged)
    with pytest.raises(BudgetExhausted):  # restored calls count against the budget
        other.query(X0, np.zeros(2), step=0)
    with pytest.raises(InputError, match="counts"):
        other.restore(3, Counts())  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"charged\.F"):
        other.restore(Counts(), Counts(F=-1))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c"
    save(path, strange())
    old = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(path, replace(strange(), t=4))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["c"]


def test_wrong_files_and_partners_are_refused(tmp_path: Path) -> None:
    solver, problem, _, _ = SPECIAL["f2ba"]
    oracle = StochasticOracle(problem, NOISE, seeds=1)
    path = tmp_path / "c"
    save(path, solver.init(problem, X0), oracle=oracle, solver=solver)
    example = solver.init(problem, X0)
    cut, text, archive = tmp_path / "cut", tmp_path / "text", tmp_path / "other.npz"
    cut.write_bytes(path.read_bytes()[:-30])
    text.write_text("not a checkpoint")
    np.savez(archive, a=np.zeros(2))
    for bad in (cut, text, archive, tmp_path / "absent"):
        with pytest.raises(InputError, match="path"):
            load(bad, example)
    for words, call in (
        ("solver", lambda: load(path, example, solver=replace(solver, lam=9.0))),
        ("seeds", lambda: load(path, example, oracle=StochasticOracle(problem, NOISE, seeds=2))),
        ("noise", lambda: load(path, example, oracle=StochasticOracle(problem, Gaussian(0.3, 0.1), seeds=1))),
        ("not in the example", lambda: load(path, strange())),
        ("state.x", lambda: save(path, replace(strange(), x=object()))),
        ("state", lambda: save(path, replace(strange(), x=np.array(["text"])))),
    ):
        with pytest.raises(InputError, match=words):
            call()
    tree = {"format": 99, "state": None}
    np.savez(tmp_path / "new.npz", tree=np.asarray(json.dumps(tree)))
    with pytest.raises(InputError, match="format is 99"):
        load(tmp_path / "new.npz", example)
