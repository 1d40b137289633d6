"""--backend: what it chooses, what it says where it cannot, and the same measurement on all of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reports.command import main
from solvers import backend, jump, jump_reference, literal_numba, literal_reference
from solvers.cuda import device
from solvers.cuda.host import HostModule, compiler
from synthetic.errors import InputError, MissingExtra
from verify.configure import stream
from verify.engine import kernel
from verify.experiment import Experiment
from verify.measure_spec import experiment_preset
from verify.preset import Preset, on_backend, run_preset
from verify.presets import PRESETS
from verify.store import Store

SPEC = """
name = "small"
kernel = "literal"
p = [2]
[problem]
family = "ramp"
d = 2
c0 = 10
gamma = 0.01
[grid]
eps_max_log10 = "-1/4"
eps_min_log10 = "-1/2"
points = 2
[seeds]
count = 3
[options]
sigma_f = 0.1
sigma_g = 0.1
S_factor = 0.1
K_factor = 0.25
eta_y_factor = 10
nu_cap = 0.2
T_cap = 2
noise = "rademacher"
"""


def experiment(**changes: Any) -> Experiment:
    return Experiment.from_dict(Experiment.from_toml(SPEC).to_dict() | changes)


def trials(chosen: Experiment, name: str) -> list[dict[str, Any]]:
    """Results of every seed of every cell on a backend."""
    options = {**chosen.options, "backend": name}
    made = Experiment.from_dict(chosen.to_dict() | {"options": options})
    trial = kernel(made.kernel).trial
    return [dict(row) for cell in made.cells() for row in trial(cell.arguments, tuple(made.seeds.values))]


@pytest.fixture
def on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend cupy with g++ and this CPU in the place of CuPy and its GPU."""
    if compiler() is None:
        pytest.skip("no g++: the CUDA sources cannot be run on this CPU")
    monkeypatch.setattr(device, "DeviceModule", HostModule)
    monkeypatch.setattr(device, "demand_gpu", lambda: np)


def test_literal_trials_are_the_same_on_every_backend(on_the_host: None) -> None:
    found = {name: trials(experiment(), name) for name in backend.BACKENDS}
    for name, rows in found.items():
        assert {row["backend"] for row in rows} == {name}
        assert all(row["metered"] == row["nodes"] * (row["S"] + row["K"]) * row["steps"] > 0 for row in rows)
    stripped = [[{**row, "backend": None} for row in rows] for rows in found.values()]
    assert stripped[0] == stripped[1] == stripped[2]
    assert len({row["T"] for row in stripped[0]}) > 1  # seeds differ: the comparison could fail


def test_jump_trials_are_the_same_on_every_backend(on_the_host: None) -> None:
    options = {k: v for k, v in experiment().options.items() if k not in ("noise", "stream")}
    chosen = experiment(kernel="jump", options=options)
    found = {name: trials(chosen, name) for name in backend.BACKENDS}
    keys = ("T", "hit", "steps", "calls")
    stripped = [[[row[key] for key in keys] for row in rows] for rows in found.values()]
    assert stripped[0] == stripped[1] == stripped[2]


def test_the_noise_does_not_depend_on_the_backend() -> None:
    cells = [next(iter(experiment(options={"backend": name}).cells())) for name in backend.BACKENDS]
    assert len({stream(cell.arguments) for cell in cells}) == 1
    assert len({cell.key for cell in cells}) == 3  # a store keeps them apart
    other = next(iter(experiment(options={"backend": "numpy", "sigma_f": "0.2"}).cells()))
    assert stream(other.arguments) != stream(cells[0].arguments)


def test_auto_is_numba_and_every_name_finds_its_kernel(on_the_host: None) -> None:
    assert backend.resolve("auto") == "numba"
    assert backend.runner("literal", "auto") is literal_numba.run_literal
    assert backend.runner("jump", "auto") is jump.run_jump
    assert backend.runner("literal", "numpy") is literal_reference.run_literal
    assert backend.runner("jump", "numpy") is jump_reference.run_jump
    assert backend.runner("literal", "cupy").__module__ == "solvers.cuda.literal"
    with pytest.raises(InputError, match="pass one of auto, numpy, numba, cupy"):
        backend.resolve("torch")


def without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)


def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("cudaErrorInsufficientDriver")

    runtime = SimpleNamespace(getDeviceProperties=refuse, getDeviceCount=refuse)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime, Device=refuse))
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def test_without_cupy_or_gpu_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "small.toml"
    spec.write_text(SPEC, "utf-8")
    for prepare, error, words in (
        (without_cupy, MissingExtra, "pip install 'bilevel-rates[cuda13]'"),
        (without_gpu, InputError, "no GPU answers"),
    ):
        prepare(monkeypatch)
        with pytest.raises(error, match=words.split("'")[0]):
            backend.resolve("cupy")
        assert main(["measure", str(spec), "--backend", "cupy"]) == 2
        out = capsys.readouterr()
        assert out.out == ""
        assert words in out.err
        assert len(out.err.splitlines()) == 1


def test_the_choice_is_in_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, target = tmp_path / "small.toml", tmp_path / "rows.json"
    spec.write_text(SPEC, "utf-8")
    for name, used in (("numpy", "numpy"), ("auto", "numba")):
        assert main(["measure", str(spec), "--backend", name, "--json", str(target)]) in (0, 1)
        assert {row["backend"] for row in json.loads(target.read_text("utf-8"))} == {used}
        assert f"backend {used}" in capsys.readouterr().out
    assert main(["measure", "--problem", "x.py:y", "--backend", "cupy"]) == 2
    assert "x.py" in capsys.readouterr().err


def test_presets_take_a_backend_where_they_have_a_choice() -> None:
    chosen = on_backend(PRESETS["literal"], "numpy")
    assert {e.options["backend"] for e in chosen.experiments("quick")} == {"numpy"}
    with pytest.raises(InputError, match="no kernel that runs elsewhere"):
        on_backend(PRESETS["kappa"], "numpy")
    assert on_backend(PRESETS["kappa"], "numba").experiments("quick") == PRESETS["kappa"].experiments("quick")


def test_a_store_keeps_backends_apart(tmp_path: Path) -> None:
    preset: Preset = experiment_preset(experiment())
    with Store(tmp_path / "s.sqlite") as store:
        first = run_preset(on_backend(preset, "numpy"), store=store)
        second = run_preset(on_backend(preset, "numba"), store=store)
    assert [row["backend"] for row in (*first.rows, *second.rows)] == ["numpy", "numba"]


def test_a_backend_of_every_seed_batch_agrees() -> None:
    """One seed at a time or all together: the result of a seed is its own, on the readable backends too."""
    cell = next(iter(experiment(options={**experiment().options, "backend": "numpy"}).cells()))
    trial = kernel("literal").trial
    together = trial(cell.arguments, (0, 1, 2))
    assert [dict(row) for row in together] == [dict(trial(cell.arguments, (seed,))[0]) for seed in (0, 1, 2)]


def test_what_is_available_is_said() -> None:
    found = backend.available()
    assert list(found) == ["backend numpy", "backend numba", "backend cupy", "nvcc", "g++"]
    assert found["backend numba"] == (True, "compiled for this CPU: what auto takes")
    assert found["g++"][0] == (compiler() is not None)
    assert found["backend cupy"][0] == (device.gpu_name() is not None)


def test_the_loader_starts_what_cupy_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """DeviceModule through a stand-in for CuPy that compiles with g++: options, launch sizes and arguments."""
    if compiler() is None:
        pytest.skip("no g++: the CUDA sources cannot be run on this CPU")
    from solvers.cuda import streams
    from synthetic.philox import Address, rademacher

    seen: list[Any] = []

    class RawModule:
        def __init__(self, code: str, options: tuple[str, ...]) -> None:
            assert "--fmad=false" in options
            assert "#include" not in code
            self.host = HostModule(streams.BUILD, code)

        def get_function(self, name: str) -> Any:
            def start(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
                seen.append((name, grid, block))
                self.host.launch(name, grid[0] * block[0], *arguments)

            return start

    fake = SimpleNamespace(RawModule=RawModule, asarray=np.asarray, zeros=np.zeros)
    monkeypatch.setattr(device, "demand_gpu", lambda: fake)
    seeds = np.arange(130)
    assert np.array_equal(streams.draw("signs", 40, seeds, step=3), rademacher(Address(seed=seeds, step=3), 40))
    assert seen == [("fill_signs", (2,), (128,))]


QUARTIC = {
    "problem": {"family": "quartic", "d": 2, "c0": "1", "gamma": "0.1", "g3": "0.2", "f3": "0.1"},
    "options": {
        "schedule": "constant", "nu": "0.2", "eta_x": "0.02", "eta_y": "0.1", "S": 4, "K": 6,
        "sigma_f": "0.1", "sigma_g": "0.1", "noise": "rademacher", "T": 400,
    },
}  # fmt: skip


def test_a_quartic_lower_level_on_every_backend(on_the_host: None) -> None:
    """An instance that no law is known for: literal runs alone can measure it."""
    chosen = experiment(**QUARTIC)
    found = [[{**row, "backend": None} for row in trials(chosen, name)] for name in backend.BACKENDS]
    assert found[0] == found[1] == found[2]
    flat = {**QUARTIC, "problem": {**QUARTIC["problem"], "g3": 0, "g4": 0, "f3": 0, "f4": 0}}
    assert [row["T"] for row in trials(experiment(**flat), "numba")] != [row["T"] for row in found[0]]


@pytest.mark.parametrize(("field", "change"), [
    ("options.schedule", {"problem": QUARTIC["problem"]}),
    ("problem", {**QUARTIC, "kernel": "jump", "options": {**QUARTIC["options"], "noise": "gaussian"}}),
])  # fmt: skip
def test_what_a_quartic_cannot_have_is_said(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        trials(experiment(**change), "numba")
    assert caught.value.argument == field


def test_the_fast_stream_says_so_in_every_row() -> None:
    exact, fast = (
        trials(experiment(options={**experiment().options, "stream": name}), "numba") for name in ("exact", "fast")
    )
    assert {row["in_law"] for row in exact} == {False}
    assert {row["in_law"] for row in fast} == {True}
    assert [row["T"] for row in exact] != [row["T"] for row in fast]
