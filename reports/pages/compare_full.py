"""The committed full run of the comparison, on every instance, beside the quick one that a report makes."""

from __future__ import annotations

from pathlib import Path

from reports.recorded import read
from verify.preset import Result, Row
from verify.presets.compare import PRICES
from verify.record_results import RESULTS


def curves(rows: list[Row], price: int) -> dict[str, tuple[list[float], list[float]]]:
    """By algorithm: expected running times at ``price`` in order, and the share of its targets reached at each.

    A target is an instance and an eps. Targets that no run reached stay in the denominator; instances that do not offer
    what the algorithm needs do not count.
    """
    found: dict[str, list[float | None]] = {}
    for row in rows:
        found.setdefault(row["algorithm"], []).append(row[f"total_{price}"] if row["hits"] else None)
    drawn = {}
    for name, costs in found.items():
        reached = sorted(cost for cost in costs if cost is not None)
        drawn[name] = (reached, [(i + 1) / len(costs) for i in range(len(reached))])
    return drawn


def full_run(folder: Path = RESULTS) -> tuple[str, Result, list[Row]]:
    """(command, the lines with the series that the page's figures draw, the summary)."""
    command, rows = read("compare", folder)
    _, summary = read("compare-summary", folder)
    return command, Result(rows, {"ecdf": {price: curves(rows, price) for price in PRICES}}), summary
