"""``bilevel-rates measure``: run a preset, an experiment from a TOML file, or a user's own instance; show the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reports import terminal
from reports.commands.common import check_jobs, check_writable, write_json, write_text
from reports.latex import latex_table
from reports.page import VERDICTS, Badge, Column, Table
from solvers.backend import resolve
from synthetic.errors import InputError
from verify.experiment import Experiment
from verify.measure_spec import experiment_preset
from verify.measure_user import measure_user
from verify.preset import Preset, Result, Row, find_preset, on_backend, run_preset
from verify.store import Store, StoreError
from verify.user_file import load_file

FORMATS = {
    "slope": ".3f", "slope_log": ".3f", "ci_low": ".3f", "ci_high": ".3f", "theory": ".3f", "slope_T": ".3f",
    "slope_S": ".3f", "slope_K": ".3f", "eps_min": ".2e", "eps_max": ".2e", "seconds": ".1f", "margin": ".2f",
}  # fmt: skip
HIDDEN = frozenset(
    [
        "reasons",
        "reason",
        "oracle",
        "margin",
        "hits",
        "runs",
        "seconds",
        "separated",
        "product_error",
        "asymptotic_log",
        "backend",
    ]
)
"""Columns that are in the JSON, and too wide or too fine for a terminal."""
COUNTS = ("sfo_min", "sfo_max")


def run(options: argparse.Namespace) -> int:
    """Check everything that can be checked, measure, show, write; 1 when a line deviates or a trial failed."""
    for name in ("json", "latex"):
        check_writable(f"--{name}", getattr(options, name))
    jobs = check_jobs(options.jobs)
    if options.problem and (options.store or jobs > 1):
        unused = "--store" if options.store else "--jobs"
        raise InputError(unused, options.store or jobs, "your own instance runs in one process, without a store")
    measure = chosen(options)
    with opened_store(options.store) as store, progress_bar() as show:
        result = measure(store, jobs, show)
    if options.json:
        write_json(options.json, result.rows)
    caption = options.preset or options.spec or options.problem
    table = table_of(result.rows, caption)
    if options.latex:
        write_text("--latex", options.latex, latex_table(table))
    if options.json != "-":
        terminal.print_table(table)
        for note in result.notes:
            print(terminal.clean(note))
        for failure in result.failures:
            print(terminal.clean(f"failed: {failure}"))
        used = ", ".join(sorted({row["backend"] for row in result.rows if "backend" in row}))
        print(f"{len(result.rows)} lines, {result.seconds:.1f} s" + (f", backend {used}" if used else ""))
    return 1 if result.failures or any(deviates(row) for row in result.rows) else 0


Measure = Callable[[Store | None, int, Any], Result]


def chosen(options: argparse.Namespace) -> Measure:
    """What to run, checked: a preset, a specification, or a user's instance (with a specification or without)."""
    if options.preset and (options.spec or options.problem):
        raise InputError("--preset", options.preset, "pass a preset or an experiment of your own, not both")
    if options.problem:
        experiment = Experiment.read(options.spec) if options.spec else None
        instance = user_instance(options.problem)
        if options.backend not in ("auto", "numpy"):
            raise InputError("--backend", options.backend, "your own instance runs on numpy, through its methods")
        prepared = measure_user(instance, experiment, options.level)
        return lambda store, jobs, show: prepared(show)
    if not options.preset and not options.spec:
        raise InputError("--preset", None, "pass --preset NAME, a SPEC.toml or --problem FILE.py:NAME")
    preset: Preset = find_preset(options.preset) if options.preset else experiment_preset(Experiment.read(options.spec))
    if options.backend != "auto":
        preset = on_backend(preset, resolve(options.backend))
    return lambda store, jobs, show: run_preset(preset, options.level, store, jobs, show)


def user_instance(text: str) -> Any:
    """The object of FILE.py:NAME, or an instance of the suite by its name in ``list instances``."""
    from bounds.instances import ALL

    path, _, name = text.rpartition(":")
    if not path and text in ALL:
        return ALL[text].build()
    if not path or not name:
        raise InputError("--problem", text, "pass FILE.py:NAME, or a name of: bilevel-rates list instances")
    found = getattr(load_file("--problem", path), name, None)
    if found is None:
        raise InputError("--problem", text, f"the file defines no {name}")
    return found


@contextmanager
def opened_store(path: str | None) -> Iterator[Store | None]:
    """The store at ``path``, opened before any work; its own errors are one line, as for bad input."""
    try:
        if path is None:
            yield None
            return
        with Store(Path(path)) as store:
            yield store
    except StoreError as error:
        raise InputError("--store", path, str(error)) from error


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, int], None]]:
    """A bar that learns its length from the first report."""
    with terminal.progress("trials", 1) as advance:
        yield lambda done, total, failed: advance(0, note=f"{done}/{total}" + (f", {failed} failed" if failed else ""))


def deviates(row: Row) -> bool:
    """A line whose measured exponent contradicts the one its formulas give."""
    return row.get("verdict") in ("inconsistent", "differs", "not equivalent", "failed")


def table_of(rows: list[Row], caption: str) -> Table:
    """Rows as a table for the terminal and LaTeX: verdicts as badges, huge integers as 1.2e34."""
    keys = [key for key in dict.fromkeys(k for row in rows for k in row) if key not in HIDDEN]
    columns = [Column(key.replace("_", " "), FORMATS.get(key, ".4g")) for key in keys]
    return Table(columns, [tuple(_cell(key, row.get(key)) for key in keys) for row in rows], caption=str(caption))


def _cell(key: str, value: Any) -> Any:
    if isinstance(value, str) and value in VERDICTS:
        return Badge(value)
    if key in COUNTS and isinstance(value, int) and value > 10**6:
        return f"{value:.2e}" if value < 10**300 else f"1e{len(str(value)) - 1}"
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
