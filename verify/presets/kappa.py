"""How the calls grow with the condition number kappa at fixed eps, beside the theorem's 9 + 2/p.

    lq       g = a/2 (y - x)^2, a = 1/kappa, f quadratic in y: no third derivative (verify.presets.tuning)
    trig     Gamma'' = mu + 1 - cos(y + theta): in the class for every p (verify.presets.trig_local)
    clipped  Gamma'' = clip(2 mu + y, mu, 1): in the class for p = 1

each with three schedules: "theorem", Eq. (5) of paper 000, which knows the class only; "exact", the same with the
family's own bias, variance and L_phi; "tuned", the fewest calls T nodes (S + K) with E||grad phi(x_T)||^2 <= eps^2.
lq with theorem and exact is run by the jump kernel; every tuned line rests on exact second moments, those of trig and
clipped on loops linearised at the exact minimisers. ``theory`` is 9 + 2/p; ``expected`` what the family must show.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, log
from typing import Any

from bounds.schedule import Schedule, outer_steps_on_ramp, theorem_schedule
from solvers.jump import run_jump
from solvers.jump_config import JumpConfig
from verify.configure import stream
from verify.engine import Kernel, register
from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import column_slope, curve, measured_row, select
from verify.options import Option, Schema
from verify.preset import Preset, Result, Row
from verify.presets.trig_local import Local
from verify.presets.tuning import Search, tune
from verify.schemas import declare_family, declare_kernel

ORDERS = (1, 2, 4)
MARGIN = 0.1
STEEP = tuple(Fraction(n, 2) for n in (5, 6, 7, 8, 9, 10, 11))
"""log10 kappa of trig and clipped."""
WIDE = tuple(Fraction(n, 2) for n in range(9))
RUN = tuple(Fraction(n, 2) for n in range(1, 5))
"""log10 kappa where the theorem's schedule is run: T grows as kappa^3, and S is no longer of the size of K."""

declare_kernel(
    Schema(
        "kappa",
        {
            "schedule": Option("word", "exact", ("theorem", "exact", "tuned")),
            "log10_kappa": Option("rational", 0, low=0, doc="kappa = 10^log10_kappa"),
        },
    )
)
for _name in ("lq", "trig", "clipped"):
    declare_family(Schema(_name, {"Delta": Option("real", 1, above=0)}))


def expected(family: str, schedule: str, p: int) -> float:
    """The power of kappa that a line must show (K's logarithm divided out).

    theorem: 9 + 2/p, by its formulas. lq: T ~ 1, S and K ~ (nu eps)^-2 with nu ~ 1/kappa, for the bias is a function
    of nu h/a times c0 gamma/h. trig: T ~ L_phi ~ kappa^{5/2}, K ~ kappa^2/nu^2, nu ~ kappa^{-(3p/2+1)/p}. clipped:
    the theorem's own powers.
    """
    if schedule == "theorem" or family == "clipped":
        return 9 + 2 / p
    return 2.0 if family == "lq" else 7.5 + 2 / p


def basis(family: str, schedule: str) -> str:
    """What a line rests on."""
    if family == "lq":
        return "exact moments" if schedule == "tuned" else "jump kernel"
    return {
        "theorem": "arithmetic of the schedule",
        "exact": "exact bias, linearised variance, T by the schedule",
        "tuned": "exact moments of linearised loops",
    }[schedule]


def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Calls to reach eps for one family, schedule, p and kappa; only lq with theorem or exact depends on the seed."""
    family, schedule = arguments["problem"]["family"], arguments["schedule"]
    kappa = 10.0 ** float(arguments["log10_kappa"])
    if family != "lq":
        row = _steep(family, schedule, arguments["p"], kappa, arguments["eps"], arguments["problem"]["Delta"])
        return [row for _ in seeds]
    search = linear_quadratic(arguments["p"], kappa, arguments["eps"], arguments["problem"]["Delta"])
    if schedule == "tuned":
        config = tune(search).config
        return [_row(config.T_max, config, 1.0) for _ in seeds]
    plan = search.schedule() if schedule == "exact" else printed(arguments["p"], kappa, arguments["eps"])
    problem, x0, y0 = search.instance()
    steps = outer_steps_on_ramp(search.eps, arguments["problem"]["Delta"], plan.eta_x)
    config = JumpConfig(
        problem=problem, x0=x0, y0=y0, nodes=plan.stencil.nodes, weights=plan.stencil.weights, nu=plan.nu,
        eta_x=plan.eta_x, eta_y=plan.eta_y, S=plan.S, K=plan.K, T_max=ceil(8 * steps), eps=search.eps,
        experiment=stream(arguments), checkpoints=(),
    )  # fmt: skip
    found = run_jump(config, list(seeds)).sustained
    return [_row(None if t < 0 else int(t), config, _logarithm(schedule, kappa, plan.nu * search.eps)) for t in found]


def _logarithm(schedule: str, kappa: float, product: float) -> float:
    """What K carries: log(kappa/(nu eps)) in Eq. (5), log(1/(nu eps)) in the exact schedule."""
    return max(1.0, log((kappa if schedule == "theorem" else 1.0) / product))


def _row(T: int | None, config: JumpConfig, logarithm: float) -> dict[str, Any]:
    steps = config.T_max if T is None else T
    return {
        "T": T, "calls": max(1, config.calls(steps)), "censored": T is None, "nu": config.nu, "eta_x": config.eta_x,
        "eta_y": config.eta_y, "S": config.S, "K": config.K, "nodes": config.active_nodes, "log": logarithm,
    }  # fmt: skip


def linear_quadratic(p: int, kappa: float, eps: float, Delta: float) -> Search:
    """a = 1/kappa, h = L = b = gamma = 1, c0 = 10, d = 2: every class constant but mu stays."""
    family = {"d": 2.0, "a": 1 / kappa, "h": 1.0, "b": 1.0, "gamma": 1.0, "c0": 10.0, "L": 1.0, "Delta": Delta}
    return Search(p, "paper", eps, tuple(sorted(family.items())))


def printed(p: int, kappa: float, eps: float, Delta: float = 1.0) -> Schedule:
    """Eq. (5) with L_j = sigma = R = 1 and constants that reach eps on lq from kappa = 1 on: 32 in S, in K and under
    eta_y and nu, 4 under eta_x.
    """
    factors = {"nu": 1 / 32, "S": 32.0, "K": 32.0, "eta_y": 1 / 32, "eta_x": 1 / 4}
    L = [1.0] * (p + 2)
    return theorem_schedule(p, eps, L=L, mu=1 / kappa, sigma=1.0, Delta=Delta, R=1.0, multipliers=factors)


def _steep(family: Any, schedule: str, p: int, kappa: float, eps: float, Delta: float) -> dict[str, Any]:
    mu = 3 / (kappa - 1) if family == "trig" else 2 / kappa
    local = Local(p, mu, eps, family, Delta=Delta)
    if schedule == "theorem":
        plan = printed(p, kappa, eps, Delta)
        T = outer_steps_on_ramp(eps, Delta, plan.eta_x)
        values = {name: float(getattr(plan, name)) for name in ("nu", "eta_x", "eta_y", "S", "K")}
        values |= {"T": T, "log": log(kappa / (plan.nu * eps))}
    else:
        values = local.exact_schedule() if schedule == "exact" else local.tune()
    shift, cubic = local.nonlinear(values["nu"], values["eta_y"])
    counts = {name: ceil(values[name]) for name in ("T", "S", "K")}
    nodes = len(local.nodes[0])
    calls = nodes * counts["T"] * (counts["S"] + counts["K"])
    bias = abs(local.bias(values["nu"])) / eps if schedule != "theorem" else None
    return values | counts | {
        "calls": calls, "censored": False, "nodes": nodes, "L_phi": local.L_phi, "shift": shift, "cubic": cubic,
        "bias": bias,
    }  # fmt: skip


register(Kernel("kappa", trial, 64))


def experiments(level: str) -> list[Experiment]:
    """Families and schedules on their ranges of kappa; full: eight seeds instead of two where a run is random."""
    runs, one = Seeds(0, 2 if level == "quick" else 8), Seeds(0, 1)
    eps, coarse = Grid("-1", "-1", 1), Grid("-3/10", "-3/10", 1)
    plan = [
        ("lq", "theorem", ORDERS, RUN, coarse, runs),
        ("lq", "exact", ORDERS, WIDE, eps, runs),
        ("lq", "tuned", ORDERS, WIDE, eps, one),
        *(("trig", schedule, ORDERS, STEEP, eps, one) for schedule in ("theorem", "exact", "tuned")),
        *(("clipped", schedule, (1,), STEEP, eps, one) for schedule in ("exact", "tuned")),
    ]
    return [
        Experiment(
            f"kappa {family} {schedule}", "kappa", orders, problem={"family": family}, grid=grid, seeds=seeds,
            options={"schedule": schedule}, axes={"log10_kappa": powers},
        )
        for family, schedule, orders, powers, grid, seeds in plan
    ]  # fmt: skip


def analyse(trials: list[Row], level: str) -> Result:
    rows, series = [], {}
    for name in dict.fromkeys(row["experiment"] for row in trials):
        _, family, schedule = name.split()
        for p in sorted({row["p"] for row in select(trials, experiment=name)}):
            # the fits are those of log10(1/eps); here log10 kappa takes its place
            chosen = [
                row | {"log10_eps": str(-Fraction(row["log10_kappa"])), "log10_target": row["log10_eps"]}
                for row in select(trials, experiment=name, p=p)
            ]
            rows.append(kappa_row(chosen, family, schedule, p))
            drawn = curve(chosen)
            drawn["log10_kappa"] = [-e for e in drawn.pop("log10_eps")]
            series[f"{family}, {schedule}, p = {p}"] = {"p": p, "family": family, "schedule": schedule, **drawn}
    return Result(rows, series, NOTES)


def kappa_row(chosen: list[Row], family: str, schedule: str, p: int) -> Row:
    """One line: the exponent with K's logarithm divided out, against what is expected and against 9 + 2/p."""
    right, theorem = expected(family, schedule, p), 9 + 2 / p
    row, _, _ = measured_row(chosen, right, MARGIN)
    beside = measured_row(chosen, theorem, MARGIN)[0]["verdict"]
    low, high = 1 / row.pop("eps_max"), 1 / row.pop("eps_min")
    slopes = {f"slope_{name}": column_slope(chosen, name) for name in ("nu", "S", "T")}
    return {
        "family": family, "schedule": schedule, "stencil": chosen[0]["stencil"], "p": p, **row, "theory": theorem,
        "expected": right, "error": None if row["slope_log"] is None else row["slope_log"] - right,
        "theorem_verdict": beside, "basis": basis(family, schedule), **slopes,
        "slope_K_log": column_slope([r | {"K": r["K"] / r["log"]} for r in chosen], "K"),
        "kappa_min": low, "kappa_max": high, "eps": 10.0 ** float(Fraction(chosen[0]["log10_target"])),
        "shift_max": max((r["shift"] for r in chosen if "shift" in r), default=None),
    }  # fmt: skip


NOTES = (
    "lq: nu ~ 1/kappa and S, K/log ~ kappa^2 for every p; a quadratic lower level cannot show more, for y*_nu has no "
    "curvature in x, and phi's own curvature is free of kappa. The theorem's schedule pays kappa^{9+2/p} on it all "
    "the same, because it knows only the class.",
    "trig: nu ~ kappa^{-3/2-1/p}, T ~ kappa^{5/2}, total kappa^{15/2+2/p}, tuned or not. With bounded fourth "
    "derivatives that is the largest power there is (claim f2sa_p:kappa-exponent), so no family in the class can show "
    "9 + 2/p for p >= 2 with these parameters; the printed power is an upper bound.",
    "clipped, p = 1: kappa^11 = kappa^{9+2/p} is attained, by the tuned parameters too.",
    "trig and clipped rest on loops linearised at the exact minimisers, and on x = 0, where the run stays; shift_max "
    "is the shift of E Phi over eps that this leaves out, to leading order. They bind T by the step size that "
    "phi''(0) allows a constant step; they are not lower bounds for other methods or for steps that vary.",
    "theorem on trig: arithmetic of Eq. (5), not run, for T is of order kappa^3 (1e16 at kappa = 10^5.5).",
)

PRESET = Preset("kappa", __doc__ or "", experiments, analyse)
