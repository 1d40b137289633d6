"""A preset: named experiments and what is read off their trials; ``run_preset`` runs one in a store and analyses it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthetic.errors import InputError
from verify.engine import Progress, run
from verify.experiment import Experiment
from verify.schemas import KERNELS
from verify.store import Store

LEVELS = ("quick", "full")
Row = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """``rows``: the table, one flat mapping a line. ``series``: what figures draw. ``notes``: sentences to print.

    ``failures``: trials that raised, one line each. ``seconds``: wall time of ``run_preset``, 0 before.
    """

    rows: list[Row]
    series: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """``experiments(level)`` to run, and ``analyse(trials, level)`` of their flat trial rows (:func:`trial_rows`)."""

    name: str
    what: str
    experiments: Callable[[str], Sequence[Experiment]]
    analyse: Callable[[list[Row], str], Result]


def trial_rows(store: Store, experiment: Experiment) -> list[Row]:
    """Finished trials in the order of cells and seeds: experiment, p, stencil, log10_eps (text of a fraction), the
    axes, seed, seconds, and the entries of the kernel's result."""
    rows = store.rows(experiment)
    wanted = experiment.seeds.values
    seconds = [r.seconds for cell in experiment.cells() for r in store.records(cell.key) if r.seed in wanted]
    return [{"experiment": experiment.name, "seconds": spent, **row} for spent, row in zip(seconds, rows, strict=True)]


@contextmanager
def opened(store: Store | str | Path | None) -> Iterator[Store]:
    """The given store, the one at a path, or one in a temporary folder that is gone afterwards."""
    if isinstance(store, Store):
        yield store
    elif store is not None:
        with Store(store) as found:
            yield found
    else:
        with tempfile.TemporaryDirectory(prefix="bilevel-rates-") as folder, Store(Path(folder) / "s.sqlite") as found:
            yield found


def run_experiments(
    experiments: Sequence[Experiment], store: Store, jobs: int = 1, progress: Progress | None = None
) -> tuple[list[Row], tuple[str, ...]]:
    """Finish all experiments; their trial rows one after the other, and the failures still standing.

    ``progress(finished, total, failed)`` counts the trials of all experiments together.
    """
    total = sum(1 for experiment in experiments for _ in experiment.trials())
    rows: list[Row] = []
    before = failed = 0
    for experiment in experiments:

        def show(done: int, _: int, bad: int, before: int = before, failed: int = failed) -> None:
            if progress:
                progress(before + done, total, failed + bad)

        report = run(experiment, store, jobs=jobs, progress=show)
        before += report.before + report.done
        failed += report.failed
        rows += trial_rows(store, experiment)
    cells = {
        cell.key: f"{experiment.name}, p = {cell.spec['p']}, eps = 10^({cell.spec['log10_eps']})"
        for experiment in experiments
        for cell in experiment.cells()
    }
    lines = (f"{cells[f.config]}, seed {f.seed}: {f.message}" for f in store.failures() if f.config in cells)
    return rows, tuple(dict.fromkeys(lines))


def run_preset(
    preset: Preset | str,
    level: str = "quick",
    store: Store | str | Path | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Result:
    """Run a preset (by name, or your own) and analyse it; with a ``store`` finished trials are not run again."""
    if level not in LEVELS:
        raise InputError("level", level, f"pass one of {', '.join(LEVELS)}")
    chosen = preset if isinstance(preset, Preset) else find_preset(preset)
    start = time.perf_counter()
    with opened(store) as place:
        rows, failures = run_experiments(chosen.experiments(level), place, jobs, progress)
    found = chosen.analyse(rows, level)
    used = ", ".join(sorted({row["backend"] for row in rows if "backend" in row}))
    table = [{**row, "backend": row.get("backend", used)} for row in found.rows] if used else found.rows
    seconds = time.perf_counter() - start
    return Result(table, found.series, found.notes, seconds, (*found.failures, *failures))


def on_backend(preset: Preset, backend: str) -> Preset:
    """The preset with its jump and literal kernels run by ``backend`` (see solvers.backend), where they leave it open.

    The choice enters the specification of every cell, so a store keeps the backends apart. InputError when nothing in
    the preset leaves a choice and the backend asked for is not what runs it anyhow.
    """

    def choosable(experiment: Experiment) -> bool:
        return "backend" in KERNELS[experiment.kernel].options and "backend" not in experiment.axes

    def experiments(level: str) -> list[Experiment]:
        return [
            replace(e, options={**e.options, "backend": backend}) if choosable(e) else e
            for e in preset.experiments(level)
        ]

    if backend != "numba" and not any(map(choosable, preset.experiments("quick"))):
        raise InputError("backend", backend, f"{preset.name} has no kernel that runs elsewhere than on numba")
    return replace(preset, experiments=experiments)


def find_preset(name: str) -> Preset:
    """The built-in preset called ``name``."""
    from verify.presets import PRESETS

    if name not in PRESETS:
        raise InputError("preset", name, f"pass one of {', '.join(PRESETS)}")
    return PRESETS[name]
