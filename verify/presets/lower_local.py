r"""How an exponent on a hard instance settles: local slopes over parts of each range, and a law for the finite chain.

A method that waits for hits pays C calls times probability for each of the T links, and what belongs to no link (the
first steps, and the last stretch without a hit until the gradient is small) costs as much as ``extra`` more links:

    calls = C (T + extra)/probability,   T ~ eps^-2,  probability ~ eps^power
    local exponent = power + 2 T/(T + extra),  from below: power + 2 is reached as T grows
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import sqrt

import numpy as np

from synthetic.errors import InputError
from verify.exponent_rows import by_eps, points, usable
from verify.preset import Row
from verify.statistics import measure_exponent, summarise


def local_rows(method: str, rows: Sequence[Row], power: float, parts: int = 2) -> list[Row]:
    """One line for each of ``parts`` equal stretches of the grid; rows have T and prob beside calls.

    exponent, ci_low, ci_high: slope of log calls there; predicted: of the law above, C and extra fitted on all points;
    cost_from, cost_to: median calls times probability a link at its ends.
    """
    if parts < 1:
        raise InputError("parts", parts, "pass the number of stretches, an integer >= 1")
    found, groups = points(rows), list(by_eps(rows).values())
    if not usable(found):
        return []
    T = np.array([group[0]["T"] for group in groups], dtype=float)
    prob = np.array([group[0]["prob"] for group in groups], dtype=float)
    calls = np.array([float(summarise(point).median.value) for point in found])
    extra = extra_links(T, calls * prob)
    steps = len(found) - 1
    parts = min(parts, steps)
    ends = [round(Fraction(k * steps, parts)) for k in range(parts + 1)]
    lines: list[Row] = []
    for a, b in pairwise(ends):
        piece = found[a : b + 1]
        if not usable(piece):
            continue
        slope = measure_exponent(piece, -np.inf).exponent
        typical = sqrt(T[a] * T[b])
        lines.append(
            {
                "method": method,
                "log10_eps_from": float(found[a].log10_eps), "log10_eps_to": float(found[b].log10_eps),
                "T_from": int(T[a]), "T_to": int(T[b]), "exponent": slope.value, "ci_low": slope.low,
                "ci_high": slope.high, "predicted": power + 2 * typical / (typical + extra), "extra": extra,
                "cost_from": float(calls[a] * prob[a] / T[a]), "cost_to": float(calls[b] * prob[b] / T[b]),
            }
        )  # fmt: skip
    return lines


def extra_links(T: np.ndarray, hits: np.ndarray) -> float:
    """``extra`` of the line hits = C (T + extra), least squares of relative errors; NaN where T does not vary."""
    if len(T) < 2 or np.ptp(T) == 0:
        return float("nan")
    system = np.stack([T, np.ones_like(T)], axis=1) / hits[:, None]
    slope, offset = np.linalg.lstsq(system, np.ones_like(T), rcond=None)[0]
    return float(offset / slope)
