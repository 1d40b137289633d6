"""From trial rows to measured exponents: points, fits and the columns that every preset's table shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any

import numpy as np

from synthetic.errors import InputError
from verify.preset import Row
from verify.statistics import Measured, Point, fit_line, measure_exponent, summarise
from verify.verdict import Verdict, inside, judge


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """Rows whose columns have the given values."""
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def by_eps(rows: Iterable[Row]) -> dict[Fraction, list[Row]]:
    """Rows of each log10(eps), from the largest eps to the smallest."""
    ordered = sorted(rows, key=lambda row: -Fraction(row["log10_eps"]))
    return {e: list(group) for e, group in groupby(ordered, key=lambda row: Fraction(row["log10_eps"]))}


def points(rows: Iterable[Row], calls: str = "calls") -> list[Point]:
    """One point per eps, with the share of its count that carries the logarithm: K/(S + K)."""
    return [
        Point(
            log10_eps,
            tuple(row[calls] for row in group),
            tuple(not row["censored"] for row in group),
            log_value=group[0]["log"],
            log_share=group[0]["K"] / (group[0]["S"] + group[0]["K"]),
        )
        for log10_eps, group in by_eps(rows).items()
    ]


def middle(found: Sequence[Point]) -> Fraction:
    """Where support and challenge part by default: half way down the grid of exponents."""
    exponents = [Fraction(point.log10_eps) for point in found]
    return (max(exponents) + min(exponents)) / 2


def usable(found: Sequence[Point]) -> bool:
    """Whether an exponent can be measured: two eps at least whose median is exact."""
    return sum(summarise(point).median.exact for point in found) >= 2


def column_slope(rows: Iterable[Row], column: str) -> float:
    """Least-squares slope of log10 of the median of a column against log10(1/eps), censored rows left aside."""
    groups = {e: [row[column] for row in group if row[column] is not None] for e, group in by_eps(rows).items()}
    pairs = [
        (-float(e), float(np.median([np.log10(float(v)) for v in values]))) for e, values in groups.items() if values
    ]
    return fit_line(*zip(*pairs)).slope


def measured_row(
    rows: Sequence[Row],
    theory: float,
    margin: float,
    others: Sequence[float] = (),
    *,
    log_power: float = 1.0,
    seed: int = 0,
) -> tuple[Row, Measured | None, Verdict | None]:
    """The columns about one exponent, with the measurement and the verdict that they come from (None when censored).

    slope: of the raw counts; slope_log: the log divided out of K alone; ci_low, ci_high: of slope_log.
    """
    found = points(rows)
    if not found:
        raise InputError("rows", rows, "no finished trials to measure")
    summaries = [summarise(point) for point in found]
    columns: Row = {
        "slope": None, "slope_log": None, "ci_low": None, "ci_high": None, "theory": theory, "margin": margin,
        "eps_min": float(10.0 ** float(found[-1].log10_eps)), "eps_max": float(10.0 ** float(found[0].log10_eps)),
        "seeds": min(len(point.calls) for point in found),
        "sfo_min": min(s.median.value for s in summaries), "sfo_max": max(s.median.value for s in summaries),
        "hits": sum(s.hits for s in summaries), "runs": sum(s.runs for s in summaries),
        "verdict": "inconsistent", "equivalent": False, "reasons": "the target was not reached at two eps",
        "seconds": sum(row["seconds"] or 0.0 for row in rows),
    }  # fmt: skip
    if not usable(found):
        return columns, None, None
    raw = measure_exponent(found, middle(found), seed=seed, resamples=1)
    measured = measure_exponent(found, middle(found), log_power=log_power, seed=seed)
    verdict = judge(measured, theory, margin, others)
    columns |= {
        "slope": raw.exponent.value,
        "slope_log": measured.exponent.value,
        "ci_low": measured.exponent.low,
        "ci_high": measured.exponent.high,
        "verdict": verdict.word,
        "equivalent": inside(measured.exponent, theory, margin),
        "reasons": "; ".join(verdict.theory.reasons),
    }
    return columns, measured, verdict


def curve(rows: Sequence[Row]) -> dict[str, Any]:
    """What a figure draws for one line: eps, median calls with quartiles, T, S, K, nu, and the ECDF's raw counts."""
    found = points(rows)
    groups = by_eps(rows)
    summaries = [summarise(point) for point in found]
    return {
        "log10_eps": [float(e) for e in groups],
        "calls": [s.median.value for s in summaries],
        "exact": [s.median.exact for s in summaries],
        "calls_q1": [s.lower_quartile.value for s in summaries],
        "calls_q3": [s.upper_quartile.value for s in summaries],
        "ert": [None if s.ert is None else float(s.ert) for s in summaries],
        "hits": [s.hits for s in summaries],
        "T": [_median(row["T"] for row in group) for group in groups.values()],
        **{key: [group[0][key] for group in groups.values()] for key in ("S", "K", "nu", "log", "nodes")},
        "support_challenge": float(middle(found)),
    }


def _median(values: Iterable[int | None]) -> float | None:
    kept = [value for value in values if value is not None]
    return float(np.median(kept)) if kept else None


def line_of(measured: Measured | None) -> Mapping[str, Any] | None:
    """The fitted line of a measurement, and the one fitted on the support alone, for figures."""
    if measured is None:
        return None
    support = measured.support
    return {
        "slope": measured.line.slope,
        "intercept": measured.line.intercept,
        "support": None if support is None else {"slope": support.slope, "intercept": support.intercept},
    }
