"""Run presets and keep their tables: ``python -m verify.record_results [--level quick] [--jobs N] NAME ...``.

Files for each preset in ``verify/results``: NAME.csv, the table; NAME-TITLE.csv, its further tables, if it has any;
and, for the presets whose trials are runs of one schedule, NAME-points.csv, one line for each cell:
what was run, and its first seed's trial, so that any line can be run again by itself (:func:`rerun`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from verify.engine import kernel
from verify.experiment import Cell, Experiment
from verify.preset import LEVELS, Preset, Row, find_preset, opened, run_experiments
from verify.statistics import Point, summarise
from verify.tables import write_table

RESULTS = Path(__file__).parent / "results"
TRIAL = ("T", "calls", "calls_printed", "S", "K", "nu", "nodes")


def point_rows(trials: list[Row]) -> list[Row]:
    """One line for each cell: settings, median and quartiles of the calls, and the first seed's trial."""
    lines = []
    keys = lambda row: (row["experiment"], row["p"], row["stencil"], row["log10_eps"])  # noqa: E731
    for (name, p, stencil, log10_eps), group in groupby(trials, key=keys):
        rows = list(group)
        summary = summarise(Point(0, tuple(r["calls"] for r in rows), tuple(not r["censored"] for r in rows)))
        line: dict[str, Any] = {"experiment": name, "p": p, "stencil": stencil, "log10_eps": log10_eps}
        line |= {"runs": summary.runs, "hits": summary.hits, "median_calls": summary.median.value}
        line |= {"q1_calls": summary.lower_quartile.value, "q3_calls": summary.upper_quartile.value}
        lines.append(line | {"seed": rows[0]["seed"]} | {key: rows[0][key] for key in TRIAL})
    return lines


def cell_of(line: Row, experiments: Sequence[Experiment]) -> Cell:
    """The cell that a line of NAME-points.csv stands for."""
    wanted = (line["p"], line["stencil"], str(line["log10_eps"]))
    for experiment in experiments:
        for cell in experiment.cells() if experiment.name == line["experiment"] else ():
            if (cell.spec["p"], cell.spec["stencil"], cell.spec["log10_eps"]) == wanted:
                return cell
    raise KeyError(line["experiment"])


def rerun(line: Row, experiments: Sequence[Experiment]) -> Row:
    """The first seed's trial of a line, computed again."""
    cell = cell_of(line, experiments)
    return dict(kernel(cell.spec["kernel"]["name"]).trial(cell.arguments, (line["seed"],))[0])


def record(preset: Preset, level: str, jobs: int, folder: Path, store: str | None = None) -> None:
    """Run ``preset`` and write its two files."""
    with opened(store) as place:
        trials, failures = run_experiments(preset.experiments(level), place, jobs)
    if failures:
        raise RuntimeError(f"{len(failures)} trials failed, nothing was written: {failures[0]}")
    command = f"python -m verify.record_results --level {level} {preset.name}"
    result = preset.analyse(trials, level)
    write_table(folder / f"{preset.name}.csv", result.rows, command, overwrite=True)
    for title, rows in result.series.get("tables", {}).items():
        words = "".join(c if c.isalnum() else " " for c in title).split()
        write_table(folder / f"{preset.name}-{'-'.join(words)}.csv", rows, command, overwrite=True)
    if all(key in row for row in trials for key in (*TRIAL, "censored")):
        write_table(folder / f"{preset.name}-points.csv", point_rows(trials), command, overwrite=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m verify.record_results", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--level", choices=LEVELS, default="full")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--store", help="where finished trials are kept, to resume")
    options = parser.parse_args(arguments)
    RESULTS.mkdir(exist_ok=True)
    for name in options.names:
        record(find_preset(name), options.level, options.jobs, RESULTS, options.store)
        print(f"{RESULTS / name}.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
