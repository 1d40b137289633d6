"""Which nu reach eps: nu = nu_0 (eps/eps_0)^q for q below and above 1/p, p = 1, 2, 4.

The bias of the p-th order difference is of order nu^p, so ||grad phi|| settles at B_p(nu): below q = 1/p it falls
slower than eps and the target becomes unreachable; above, every eps is reached, with S and K of order (nu eps)^-2 and
T of order eps^-2, so that the calls grow as eps^-(4 + 2q). The smallest exponent that reaches every eps is 4 + 2/p.

Exact second moments (plain steps, no randomness: T is the first outer step with E||grad phi||^2 <= eps^2), and the
jump kernel with normalised steps on a shorter range, for a run of the algorithm as printed. nu_0 is the theorem's nu
at eps_0, so all lines start at the same point. The exact runs take K twice: every lower level starts of order nu c0
away from its solution, and a plain step, unlike a normalised one, would be thrown far by what K leaves of that. They
may run 1e18 steps, which costs nothing, so that only the bias can put eps out of reach.
"""

from __future__ import annotations

from fractions import Fraction
from math import log10, sqrt
from typing import Any

from scipy.optimize import brentq

from bounds.lq_schedule import DiagonalLQ, definiteness_limit, exact_bias, lq_schedule
from bounds.stencil import stencil
from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import by_eps, curve, line_of, measured_row, select
from verify.preset import Preset, Result, Row
from verify.schemas import DIAGONAL
from verify.verdict import default_margin

ORDERS = (1, 2, 4)
SHARES = tuple(Fraction(n, 8) for n in (3, 4, 5, 6, 7, 8, 10, 12, 16))
"""q p: below, at and above 1."""
SIMULATED = tuple(Fraction(n, 8) for n in (4, 8, 12))
FAMILY = {key: float(DIAGONAL[key].default) for key in ("d", "a", "h", "c0", "gamma", "b")}
START = Fraction(-1, 2)


def first_nu(p: int) -> float:
    """The theorem's nu at eps_0 = 10^START, rounded to 6 digits so that it is short text in a specification."""
    eps = 10.0 ** float(START)
    m = model(p)
    return lq_schedule(p, eps, d=m.d, c_norm=m.c_norm, a=m.a, h=m.h, gamma=m.gamma, b=m.b).nu


def factor(p: int, q: Fraction) -> str:
    """nu_0 / eps_0^q, so that nu = factor eps^q, as text with 6 digits."""
    return f"{first_nu(p) / 10.0 ** float(START * q):.5e}"


def experiments(level: str) -> list[Experiment]:
    """One experiment for each p, q and kernel; full: 22 points over 3.5 decades instead of 11 over 2.5, 16 seeds.

    Not further: the exact bias is B_p at c0, and gamma x, up to 1/(2 eps) at the end, must stay small against it.
    """
    quick = level == "quick"
    exact = Grid(str(START), "-3" if quick else "-4", 11 if quick else 22)
    runs = Grid(str(START), "-2" if quick else "-5/2", 7 if quick else 9)
    found = []
    for kernel, shares, grid, seeds in (
        ("moments", SHARES, exact, Seeds(0, 1)),
        ("jump", SIMULATED, runs, Seeds(0, 4 if quick else 16)),
    ):
        for p in ORDERS:
            for share in shares:
                q = share / p
                options: dict[str, Any] = {"schedule": "power", "nu_exponent": str(q), "nu_factor": factor(p, q)}
                if kernel == "moments":
                    options |= {"T": 10**18, "K_factor": 2}
                name = f"phase {kernel} p={p} q={q}"
                found.append(Experiment(name, kernel, (p,), grid=grid, seeds=seeds, options=options))
    return found


def analyse(trials: list[Row], level: str) -> Result:
    rows: list[Row] = []
    series: dict[str, Any] = {}
    for experiment in experiments(level):
        chosen = select(trials, experiment=experiment.name)
        if not chosen:
            continue
        p, q = experiment.p[0], Fraction(str(experiment.options["nu_exponent"]))
        series[experiment.name] = {
            "p": p,
            "q": float(q),
            "kernel": experiment.kernel,
            "reached": [all(not row["censored"] for row in group) for group in by_eps(chosen).values()],
            **curve(chosen),
        }
        row, lines = phase_row(chosen, p, q)
        rows.append({"p": p, "q": str(q), "qp": str(q * p), "kernel": experiment.kernel, **row})
        series[experiment.name] |= lines
    for p in ORDERS:
        series[f"boundary p={p}"] = boundary(p, [float(e) for e in experiments(level)[0].grid.exponents])
    return Result(rows, series, NOTES)


NOTES = (
    "below q = 1/p the bias falls slower than eps: the target is reached only while the exact bias is below eps.",
    "above, the slope is 4 + 2q: the least exponent that reaches every eps is that of q = 1/p.",
)


def phase_row(chosen: list[Row], p: int, q: Fraction) -> tuple[Row, dict[str, Any]]:
    """Points reached, points that the exact bias allows, and the slope where every point is reached."""
    groups = by_eps(chosen)
    reached = [e for e, group in groups.items() if all(not row["censored"] for row in group)]
    allowed = [e for e, group in groups.items() if bias(p, group[0]["nu"]) < 10.0 ** float(e)]
    below = q * p < 1
    row, measured, _ = measured_row(chosen, 4 + 2 * float(q), default_margin(p))
    row |= {"points": len(groups), "reached": len(reached), "bias_below_eps": len(allowed)}
    row["smallest_reached"] = 10.0 ** float(min(reached)) if reached else None
    unreachable = len(reached) < len(groups)
    if below:
        # A slope over the points before the wall says nothing about eps -> 0.
        row |= {"theory": None, "slope": None, "slope_log": None, "ci_low": None, "ci_high": None, "reasons": ""}
        row |= {"equivalent": None, "verdict": "unreachable" if unreachable else "not yet unreachable"}
        return row, {}
    return row, {"fit": line_of(measured)}


def model(p: int) -> DiagonalLQ:
    return DiagonalLQ(
        int(FAMILY["d"]), FAMILY["a"], FAMILY["h"], FAMILY["b"], FAMILY["gamma"], sqrt(FAMILY["d"]) * FAMILY["c0"], 1, 1
    )


def bias(p: int, nu: float) -> float:
    """B_p(nu), exact."""
    return float(exact_bias(model(p), stencil(p), nu))


def boundary(p: int, exponents: list[float]) -> dict[str, list[float]]:
    """log10 nu with B_p(nu) = eps: above it eps is out of reach, whatever S, K and T are."""
    top = log10(min(0.999 * definiteness_limit(model(p), stencil(p)), 1e3))
    line = [brentq(lambda u, e=e: log10(bias(p, 10.0**u)) - e, -60, top) for e in exponents]
    return {"log10_eps": exponents, "log10_nu": line}


PRESET = Preset("phase", __doc__ or "", experiments, analyse)
