"""Run an experiment's trials, in this process or spread over workers, and put each result as it is finished.

A kernel is a pure function of (arguments of a cell, seeds) that returns one result for each seed, in order. The
result for a seed must not depend on which other seeds share the call: then the table is the same however the seeds
are batched, spread over jobs, killed and resumed. Only this process writes to the store; workers return results.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from synthetic.errors import InputError
from verify.codec import decode, encode
from verify.experiment import Cell, Experiment
from verify.store import Store, Trial

TrialFunction = Callable[[Mapping[str, Any], tuple[int, ...]], Sequence[Mapping[str, Any]]]
Progress = Callable[[int, int, int], None]


class WorkerLost(RuntimeError):
    """A worker process died (killed, or out of memory); what had finished is stored."""


@dataclass(frozen=True)
class Kernel:
    """A trial function and how many seeds one call may take.

    ``trial(arguments, seeds)``: ``arguments`` as in ``Cell.arguments``; returns a mapping of JSON data per seed.
    """

    name: str
    trial: TrialFunction
    batch: int = 1


@dataclass(frozen=True)
class Report:
    """What a run did. ``total`` = ``before`` (stored already) + ``done`` + ``failed``."""

    total: int
    before: int
    done: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of one seed: its result as canonical JSON text, or the message of what was raised."""

    seed: int
    result: str | None
    message: str
    seconds: float


@dataclass(frozen=True)
class Task:
    """One call of a kernel: a cell and some of its seeds."""

    cell: Cell
    seeds: tuple[int, ...]


_kernels: dict[str, Kernel] = {}


def register(kernel: Kernel, *, replace: bool = False) -> Kernel:
    """Make a kernel known under its name; ``replace`` allows another one for a name that is taken."""
    if kernel.batch < 1:
        raise InputError("batch", kernel.batch, "pass an integer >= 1")
    if not replace and _kernels.setdefault(kernel.name, kernel) != kernel:
        raise InputError("kernel", kernel.name, "already registered with another function; pass replace=True")
    _kernels[kernel.name] = kernel
    return kernel


def kernel(name: str) -> Kernel:
    """The registered kernel called ``name``; the built-in ones are imported when the first is asked for."""
    if name in ("jump", "literal", "moments"):
        import_module("verify.kernels")
    if name not in _kernels:
        raise InputError("kernel", name, f"not registered; known: {', '.join(sorted(_kernels)) or 'none'}")
    return _kernels[name]


def one_by_one(function: Callable[[Mapping[str, Any], int], Mapping[str, Any]]) -> TrialFunction:
    """A trial function from one that takes a single seed."""

    def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[Mapping[str, Any]]:
        return [function(arguments, seed) for seed in seeds]

    return trial


def attempt(trial: TrialFunction, arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[Outcome]:
    """Call ``trial``; when a batch raises, call it again seed by seed, so that one bad seed fails alone."""
    start = time.perf_counter()
    try:
        results = list(trial(arguments, seeds))
        if len(results) != len(seeds):
            raise ValueError(f"the kernel returned {len(results)} results for {len(seeds)} seeds")
        texts = [encode(dict(result)) for result in results]
    except Exception as error:
        if len(seeds) > 1:
            return [outcome for seed in seeds for outcome in attempt(trial, arguments, (seed,))]
        return [Outcome(seeds[0], None, f"{type(error).__name__}: {error}", time.perf_counter() - start)]
    share = (time.perf_counter() - start) / len(seeds)
    return [Outcome(seed, text, "", share) for seed, text in zip(seeds, texts, strict=True)]


def tasks(experiment: Experiment, store: Store, batch: int) -> Iterator[Task]:
    """The calls still to make. Reads the store cell by cell, so another process's new results are not redone."""
    for cell in experiment.cells():
        finished = store.finished(cell.key)
        seeds = [seed for seed in experiment.seeds.values if seed not in finished]
        for i in range(0, len(seeds), batch):
            yield Task(cell, tuple(seeds[i : i + batch]))


def run(experiment: Experiment, store: Store, *, jobs: int = 1, progress: Progress | None = None) -> Report:
    """Finish the experiment in ``store``: every trial without a result is run once, whatever happened before.

    ``progress(finished, total, failed)`` is called at the start and after each task. A trial that raises is noted
    as a failure and tried again by the next run. KeyboardInterrupt ends the workers at once and is passed on.
    """
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise InputError("jobs", jobs, "pass an integer >= 1")
    chosen = kernel(experiment.kernel)
    start = time.perf_counter()
    store.remember(experiment)
    cells = list(experiment.cells())
    wanted = frozenset(experiment.seeds.values)
    total = len(cells) * len(wanted)
    before = sum(len(store.finished(cell.key) & wanted) for cell in cells)
    done = failed = 0
    if progress:
        progress(before, total, 0)
    todo = tasks(experiment, store, chosen.batch)
    outcomes = _here(chosen.trial, todo) if jobs == 1 else _spread(chosen.trial, list(todo), jobs)
    with closing(outcomes):
        for task, found in outcomes:
            bad = [outcome for outcome in found if outcome.result is None]
            store.put(
                Trial(task.cell.spec, outcome.seed, decode(outcome.result), outcome.seconds)
                for outcome in found
                if outcome.result is not None
            )
            for outcome in bad:
                store.fail(task.cell.spec, outcome.seed, outcome.message)
            failed += len(bad)
            done += len(found) - len(bad)
            if progress:
                progress(before + done, total, failed)
    # Trials that another process finished meanwhile were found stored, not done here.
    return Report(total, total - done - failed, done, failed, time.perf_counter() - start)


Finished = Iterator[tuple[Task, list[Outcome]]]


def _here(trial: TrialFunction, todo: Iterable[Task]) -> Any:
    for task in todo:
        yield task, attempt(trial, task.cell.arguments, task.seeds)


def _end_with(parent: int) -> None:
    """In a new worker: leave when ``parent`` is gone, else a killed run would keep its workers for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _numbered(
    index: int, trial: TrialFunction, arguments: Mapping[str, Any], seeds: tuple[int, ...]
) -> tuple[int, list[Outcome]]:
    return index, attempt(trial, arguments, seeds)


def _spread(trial: TrialFunction, todo: list[Task], jobs: int) -> Any:
    # Imported here: a run in one process starts faster without it.
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    calls = (delayed(_numbered)(i, trial, task.cell.arguments, task.seeds) for i, task in enumerate(todo))
    try:
        # Unordered: a result waits for no slower one before it is stored.
        pool = Parallel(
            n_jobs=jobs,
            backend="loky",
            return_as="generator_unordered",
            initializer=_end_with,
            initargs=(os.getpid(),),
        )
        with closing(pool(calls)) as results:
            for index, outcomes in results:
                yield todo[index], outcomes
    except TerminatedWorkerError as error:
        raise WorkerLost("a worker process died (killed, or out of memory); run again to resume") from error
