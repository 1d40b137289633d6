"""What makes the exponent 4 + 2/p: one assumption changed at a time, and the slope that follows.

Each control is the headline's experiment with one change. ``expected`` is derived from the schedule's formulas, not
from the runs: calls = T nodes (S + K), T of order path/eta_x, S of order (noise of Phi)^2/eps^2, K of order
1/eta_y log. ``oracle`` names what the samples are: results of different oracles are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import curve, line_of, measured_row, select
from verify.preset import Preset, Result, Row
from verify.verdict import default_margin, exponent

INDEPENDENT = "additive Gaussian, samples independent across nodes"
SMALL = {"c0": "20", "gamma": "0.01"}
"""gamma c0 small enough for literal runs: nu is then near its cap."""


@dataclass(frozen=True)
class Control:
    """One change. ``expected(p)``: the slope that the formulas give, None when the target is out of reach."""

    name: str
    p: tuple[int, ...]
    slope: tuple[float | None, ...]
    reason: str
    oracle: str = INDEPENDENT
    kernel: str = "jump"
    stencil: str = "paper"
    problem: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    grid: Grid = field(default_factory=lambda: Grid("-1/2", "-5/2", 9))
    log_power: float = 1.0
    judged: bool = True
    """False where the range of eps is too short for any exponent."""


def _theory(*orders: int, shift: float = 0.0) -> tuple[float, ...]:
    return tuple(exponent(p) + shift for p in orders)


CONTROLS = (
    Control(
        "baseline", (1, 2, 4), _theory(1, 2, 4),
        "nothing changed: the path of the ramp is Delta/(2 eps), the step eps/(4 L), so T ~ eps^-2",
    ),
    Control(
        "phi independent of eps", (1, 2, 4), _theory(1, 2, 4, shift=-1.0),
        "the path to gradient norm eps has fixed length, so T ~ 1/eps: one power of eps less, no contradiction with an "
        "upper bound; the worst case needs an instance that changes with eps",
        problem={"family": "quadratic"},
    ),
    Control(
        "samples shared in the x step", (1, 2, 4), _theory(1, 2, 4),
        "S falls to order eps^-2, for additive noise of G cancels in the difference, but K does not: the lower levels "
        "are solved with independent samples, and their error is divided by nu",
        oracle="additive Gaussian, shared across nodes in line 12",
        options={"sharing": "x-step"},
    ),
    Control(
        "samples shared everywhere", (1, 2, 4), (4.0, 4.0, 4.0),
        "additive noise moves all lower levels alike and cancels to order nu in the difference, which nu divides: S "
        "and K are of order eps^-2 whatever p is. Another oracle than the theorem's, and one that needs additive noise",
        oracle="additive Gaussian, shared across nodes in line 12 and in the inner loops",
        options={"sharing": "everywhere"},
    ),
    Control(
        "inner sample frozen", (1, 2, 4), (None, None, None),
        "one inner sample for all k, as the listing can be read: SGD then converges to the minimiser of the sampled "
        "function, whose distance is of order sigma whatever K is, and nu divides it",
        oracle="additive Gaussian, one inner sample per outer step and node",
        options={"inner": "frozen"},
        grid=Grid("-1/2", "-3/2", 5),
    ),
    Control(
        "plain steps", (1, 2, 4), _theory(1, 2, 4),
        "x - eta_x Phi with eta_x = 1/(4 L): the ramp contracts at rate 2 eps^2 eta_x/Delta, so T ~ eps^-2 again",
        options={"normalise": False, "K_factor": 2},
    ),
    Control(
        "annealed steps, S = K = 1", (1, 2, 4), (4.0, 3.0, 2.5),
        "one large step size down the ramp, then halving: about 2 + 2/p. The ramp is hard for constant parameters "
        "only; an instance that is hard for one algorithm is no lower bound",
        kernel="moments",
        problem={"c0": "1000", "gamma": "0.001"},
        options={"schedule": "annealed"},
        grid=Grid("-1", "-3", 9),
        log_power=0.0,
    ),
    Control(
        "one-sided nodes 0..p", (3, 5), _theory(3, 5),
        "sum beta_j^2 grows fast with p for one-sided nodes: a constant factor, the exponent stays",
        stencil="one_sided",
    ),
    Control(
        "balanced nodes", (3, 5), _theory(3, 5),
        "nodes -(p-1)/2..(p+1)/2: the same exponent at a smaller constant",
        stencil="balanced",
    ),
    Control(
        "literal, additive noise", (2,), _theory(2),
        "every sample drawn, over a quarter of a decade: no exponent can be claimed, only the next line compared",
        kernel="literal",
        problem=SMALL,
        grid=Grid("-1/2", "-3/4", 3),
        judged=False,
    ),
    Control(
        "literal, multiplicative noise", (2,), _theory(2),
        "noise sigma sqrt(1 + ||y||^2/(d scale^2)) is large where y is: the schedule, for bounded variance, spends "
        "too little far out and still arrives; a quarter of a decade shows no exponent",
        oracle="multiplicative (scale 10), samples independent across nodes; variance unbounded in y",
        kernel="literal",
        problem=SMALL,
        options={"noise": "multiplicative", "scale": 10},
        grid=Grid("-1/2", "-3/4", 3),
        judged=False,
    ),
)  # fmt: skip


def experiments(level: str) -> list[Experiment]:
    """Quick: 16 seeds; full: 64."""
    count = 16 if level == "quick" else 64
    found = []
    for control in CONTROLS:
        seeds = Seeds(0, 1 if control.kernel == "moments" else count)
        problem = {"family": "ramp", **control.problem}
        common = (control.kernel, control.p, control.stencil, problem, control.grid, seeds, control.options)
        found.append(Experiment(f"control: {control.name}", *common))
    return found


def analyse(trials: list[Row], level: str) -> Result:
    rows: list[Row] = []
    series: dict[str, Any] = {}
    for control in CONTROLS:
        for p, expected in zip(control.p, control.slope, strict=True):
            chosen = select(trials, experiment=f"control: {control.name}", p=p)
            if chosen:
                row, lines = control_row(control, chosen, p, expected)
                rows.append(row)
                series[f"{control.name}, p = {p}"] = {"p": p, "control": control.name, **curve(chosen), **lines}
    return Result(rows, series, NOTES)


NOTES = (
    "theory is the exponent of this line's change, 4 + 2/p that of Theorem 3.1; verdict: of the measured slope_log on "
    "theory; on_theorem: the same on 4 + 2/p.",
    "Lines of different oracles are not comparable: what a sample is decides the exponent.",
)


def control_row(control: Control, chosen: list[Row], p: int, expected: float | None) -> tuple[Row, dict[str, Any]]:
    """The table's line: slope and verdict on what the change should give, and the verdict on 4 + 2/p beside it."""
    target = exponent(p) if expected is None else expected
    columns, measured, _ = measured_row(chosen, target, default_margin(p), log_power=control.log_power)
    on_theorem = measured_row(chosen, exponent(p), default_margin(p), log_power=control.log_power)[0]["verdict"]
    if expected is None:
        reached = columns["hits"] > 0
        columns |= {"theory": None, "verdict": "reached" if reached else "unreachable", "equivalent": None}
        columns |= {"reasons": ""}
        on_theorem = "inconsistent" if not reached else on_theorem
    if not control.judged:
        columns |= {"verdict": "not judged", "equivalent": None, "reasons": ""}
        on_theorem = "not judged"
    head = {"control": control.name, "p": p, "stencil": control.stencil, "kernel": control.kernel}
    tail = {"theorem": exponent(p), "on_theorem": on_theorem, "oracle": control.oracle, "reason": control.reason}
    return head | columns | tail, {"fit": line_of(measured)}


PRESET = Preset("controls", __doc__ or "", experiments, analyse)
