"""Every sample drawn: the literal kernel against the jump kernel, p = 1, 2, 4, 8, at eps that can be afforded.

gamma c0 = 0.1, sigma = 0.15 and short batches make eps = 10^-0.5 .. 10^-1 affordable. The inner loops are short too
(K eta_y a of order 1), so that the law of a run depends on K: a jump kernel with another K would be seen. Compared,
at each p and eps: hitting times (Kolmogorov-Smirnov), expected running time in calls (ratio with a bootstrap
interval), and the literal run's metered calls with the formula nodes (S + K) steps, which must be equal as integers.
No exponent is claimed here: at these eps nu is near its cap.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import by_eps, select
from verify.preset import Preset, Result, Row

ORDERS = (1, 2, 4, 8)
PROBLEM = {"family": "ramp", "d": 2, "c0": "10", "gamma": "0.01"}
OPTIONS = {
    "sigma_f": "0.15", "sigma_g": "0.15", "S_factor": "0.1", "eta_y_factor": "10", "K_factor": "0.25",
    "nu_cap": "0.2", "T_cap": 20,
}  # fmt: skip
LEAST_P = 1e-3
"""A line fails when its KS p-value is below LEAST_P divided by the number of lines (Bonferroni)."""


def experiments(level: str) -> list[Experiment]:
    """Literal runs, and eight times as many jump runs on other seeds; full: down to 10^-1.25, and 10^-1.5 for p = 2."""
    quick = level == "quick"
    plan: list[tuple[tuple[int, ...], Grid, int]] = [(ORDERS, Grid("-1/2", "-1", 3), 64 if quick else 256)]
    if not quick:
        plan += [(ORDERS, Grid("-5/4", "-5/4", 1), 32), ((2,), Grid("-3/2", "-3/2", 1), 32)]
    found = []
    for i, (orders, grid, seeds) in enumerate(plan):
        for kernel, chosen in (("literal", Seeds(0, seeds)), ("jump", Seeds(seeds, 8 * seeds))):
            name = f"{kernel} {i}"
            found.append(Experiment(name, kernel, orders, problem=PROBLEM, grid=grid, seeds=chosen, options=OPTIONS))
    return found


def analyse(trials: list[Row], level: str) -> Result:
    literal = [row for row in trials if row["experiment"].startswith("literal")]
    jump = [row for row in trials if row["experiment"].startswith("jump")]
    pairs = []
    for p in sorted({row["p"] for row in literal}):
        others = by_eps(select(jump, p=p))
        pairs += [(p, e, group, others[e]) for e, group in by_eps(select(literal, p=p)).items() if e in others]
    rows = [
        {"p": p, "stencil": own[0]["stencil"], "log10_eps": float(e), **comparison(own, other, LEAST_P / len(pairs))}
        for p, e, own, other in pairs
    ]
    series = {
        f"p = {p}, log10 eps = {float(e):g}": {"literal": steps(own).tolist(), "jump": steps(other).tolist()}
        for p, e, own, other in pairs
    }
    return Result(rows, {"hitting times": series}, notes(rows))


def comparison(literal: list[Row], jump: list[Row], least_p: float, seed: int = 0) -> Row:
    """One line: are the two kernels the same in law, and does the meter agree with the formula?

    verdict: "equivalent" when no test rejects; what was rejected is in ``reasons``. ``ert_ratio``: literal over jump,
    with its 95% interval.
    """
    test = ks_2samp(steps(literal), steps(jump), method="asymp")
    ratio, low, high = ert_ratio(literal, jump, seed)
    formula = [row["nodes"] * (row["S"] + row["K"]) * row["steps"] for row in literal]
    metered = [row["metered"] for row in literal]
    charged = all(row["calls"] == row["nodes"] * (row["S"] + row["K"]) * stop(row) for row in literal + jump)
    same_plan = all(literal[0][key] == jump[0][key] for key in ("nodes", "S", "K", "nu", "eta_x", "eta_y"))
    reasons = {
        "hitting times differ": test.pvalue < least_p,
        "metered calls are not nodes (S + K) steps": metered != formula,
        "charged calls are not nodes (S + K) T": not charged,
        "not the same configuration": not same_plan,
    }
    failed = [reason for reason, bad in reasons.items() if bad]
    return {
        "seeds": len(literal), "seeds_jump": len(jump), "S": literal[0]["S"], "K": literal[0]["K"],
        "nu": literal[0]["nu"], "T_median": float(np.median(steps(literal))),
        "T_median_jump": float(np.median(steps(jump))), "ks": float(test.statistic), "ks_p": float(test.pvalue),
        "ert_ratio": ratio, "ci_low": low, "ci_high": high, "theory": 1.0, "slope": None,
        "sfo_min": min(row["calls"] for row in literal), "sfo_max": max(row["calls"] for row in literal),
        "metered": sum(metered), "metered_equals_charged": metered == formula,
        "censored": sum(row["censored"] for row in literal + jump),
        "verdict": "equivalent" if not failed else "not equivalent", "reasons": "; ".join(failed),
        "seconds": sum(row["seconds"] or 0.0 for row in literal),
        "calls_per_second": sum(metered) / max(1e-9, sum(row["seconds"] or 0.0 for row in literal)),
    }  # fmt: skip


def stop(row: Row) -> int:
    """Outer steps up to the sustained hit, or all of them when censored."""
    return int(row["steps"] if row["T"] is None else row["T"])


def steps(rows: list[Row]) -> np.ndarray:
    """Sustained hitting times, infinite when censored."""
    return np.array([math.inf if row["T"] is None else float(row["T"]) for row in rows])


def ert_ratio(literal: list[Row], jump: list[Row], seed: int, resamples: int = 2000) -> tuple[Any, Any, Any]:
    """ERT of the literal runs over that of the jump runs, and its 95% bootstrap interval over seeds; the calls are
    in units of one outer step, so that a wrong count cannot hide in a right ratio of times (it is tested apart).
    """
    rng = np.random.default_rng(seed)

    def ert(rows: list[Row]) -> np.ndarray:
        spent = np.array([stop(row) for row in rows], dtype=float)
        hits = np.array([not row["censored"] for row in rows], dtype=float)
        draws = rng.integers(0, len(rows), size=(resamples, len(rows)))
        draws[0] = np.arange(len(rows))
        with np.errstate(divide="ignore"):
            return spent[draws].sum(axis=1) / hits[draws].sum(axis=1)

    ratio = ert(literal) / ert(jump)
    low, high = np.quantile(ratio[1:], [0.025, 0.975], method="inverted_cdf")  # no sums: some may be infinite
    return float(ratio[0]), float(low), float(high)


def notes(rows: list[Row]) -> tuple[str, ...]:
    equal = sum(row["verdict"] == "equivalent" for row in rows)
    total = sum(row["metered"] for row in rows)
    return (
        f"{equal} of {len(rows)} lines equal in law; {total} calls metered one by one, each line equal to the formula "
        f"nodes (S + K) steps: {all(row['metered_equals_charged'] for row in rows)}.",
        "The 95% intervals of the ratios are not corrected for their number; the KS tests are (Bonferroni).",
        "No exponent is claimed: at these eps nu is near its cap, where the leading power of eps does not rule yet.",
    )


PRESET = Preset("literal", __doc__ or "", experiments, analyse)
