"""What the measurement pages share: a preset's result, resumed from a store in the report's folder, and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path
from typing import Any

from reports.cells import literal
from reports.context import Context
from reports.page import VERDICTS, Badge, Block, Bullets, Cell, Column, Note, Prose, Table
from reports.panel import Panel
from reports.style import COLOURS, house
from reports.typeset import typeset
from synthetic.errors import InputError
from verify.preset import Result, Row, run_preset
from verify.store import StoreError

_DONE: dict[tuple[str, str, Path], Result] = {}


def measure(context: Context, name: str) -> Result:
    """The preset's result at the report's level; trials are kept in ``OUT/store``, so a killed report resumes."""
    key = (name, context.level, context.out)
    if key not in _DONE:
        store = context.out / "store" / f"{name}.sqlite"
        store.parent.mkdir(parents=True, exist_ok=True)
        try:
            _DONE[key] = run_preset(name, context.level, store, context.jobs)
        except StoreError as error:
            raise InputError("--out", str(context.out), f"its store cannot be used: {error}") from error
    return _DONE[key]


def remarks(result: Result) -> list[Block]:
    """The preset's own sentences, and the trials that failed, if any."""
    blocks: list[Block] = [Bullets([typeset(note) for note in result.notes])] if result.notes else []
    if result.failures:
        shown = "; ".join(literal(line) for line in result.failures[:5])
        more = f" and {len(result.failures) - 5} more" if len(result.failures) > 5 else ""
        blocks.append(Note(f"{len(result.failures)} trials raised: {shown}{more}.", "caution"))
    return blocks


def rows_table(
    rows: Sequence[Row],
    columns: Mapping[str, str | Column],
    caption: str,
    id: str,
    groups: Sequence[int] = (),
) -> Table:
    """Rows of a result under chosen columns: verdicts as badges, counts beyond any double as powers of ten."""
    body = [
        tuple(cell(with_interval(row).get(key), "verdict" in key or key == "on_theorem") for key in columns)
        for row in rows
    ]
    return Table(tuple(columns.values()), body, caption=caption, id=id, groups=groups)


def with_interval(row: Row) -> Row:
    """The row with a column ``interval`` made of ci_low and ci_high."""
    low, high = row.get("ci_low"), row.get("ci_high")
    return row if low is None or high is None else {**row, "interval": f"{low:.3f} – {high:.3f}"}


def cell(value: Any, verdict: bool = False) -> Cell:
    """A value of a row as a cell; ``verdict``: its words are verdicts (an "exact" schedule is none)."""
    if verdict and isinstance(value, str) and value:
        return Badge(value) if value in VERDICTS else Badge(value, "bad" if value == "different" else "none")
    if value in ("one_sided", "central", "balanced"):
        return str(value).replace("_", "-")
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def prose(text: str) -> Prose:
    """A sentence of a preset as a cell, its formulas typeset."""
    return Prose(typeset(text))


def log_free(line: Mapping[str, Any]) -> list[float]:
    """log10 of the median calls with the theorem's logarithm divided out of K, the one factor that carries it."""
    parts = zip(line["calls"], line["S"], line["K"], line["log"], strict=True)
    return [log10(calls) + log10((S + K / log) / (S + K)) for calls, S, K, log in parts]


def inverse(exponents: Sequence[float]) -> list[float]:
    """1/eps from log10(eps)."""
    return [10.0**-e for e in exponents]


def anchored(x: Sequence[float], y: Sequence[float], slope: float, where: Sequence[bool]) -> float:
    """Intercept of the line of the given slope through the mean of the points chosen by ``where``."""
    kept = [(a, b) for a, b, use in zip(x, y, where, strict=True) if use]
    return sum(b - slope * a for a, b in kept) / len(kept)


def dashed(panel: Panel, name: str, x: Sequence[float], y: Sequence[float], style: int) -> None:
    """A theorem's line in the colour of its series, recorded but not in the legend."""
    with house():
        panel.axes.plot(x, y, color=COLOURS[style % len(COLOURS)], linestyle=(0, (4, 2)), linewidth=0.9, zorder=1.6)
    for a, b in zip(x, y, strict=True):
        panel.record(name, "theory", a, b)


def shade_ranges(panel: Panel, exponents: Sequence[float], middle: float) -> None:
    """Support (fitted) and challenge (held out) on an axis of 1/eps."""
    ends = inverse([max(exponents), middle, min(exponents)])
    panel.shade(ends[0], ends[1], "support")
    panel.shade(ends[1], ends[2], "challenge")
