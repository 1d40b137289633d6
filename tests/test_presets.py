"""Presets: kernels of the engine against the solvers they call, and verdicts that planted faults must turn."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bounds.lq_schedule import lq_schedule
from solvers.f2sa_p import F2SAp
from synthetic.errors import InputError
from verify.configure import annealed_stages, configuration, instance, schedule, stream
from verify.engine import kernel
from verify.experiment import Cell, Experiment, Grid, Seeds
from verify.exponent_rows import column_slope, measured_row, points, select
from verify.preset import Preset, Result, Row, opened, run_experiments, run_preset, trial_rows
from verify.presets import PRESETS, controls, headline, phase
from verify.verdict import exponent

SMALL = {"c0": "20", "gamma": "0.01"}


def cell(eps_log10: str = "-1/2", kernel_name: str = "jump", p: int = 2, **changes: Any) -> Cell:
    grid = Grid(eps_log10, eps_log10, 1)
    problem = {"family": "ramp", **changes.pop("problem", {})}
    return next(Experiment("one", kernel_name, (p,), problem=problem, grid=grid, options=changes).cells())


def run_small(
    p: tuple[int, ...] = (1, 2, 4), points: int = 7, low: str = "-2", seeds: int = 8, **options: Any
) -> list[Row]:
    experiment = Experiment("small", "jump", p, grid=Grid("-1/2", low, points), seeds=Seeds(0, seeds), options=options)
    with opened(None) as store:
        rows, failures = run_experiments([experiment], store)
    assert failures == ()
    return rows


@pytest.fixture(scope="module")
def trials() -> list[Row]:
    """A small headline, measured once."""
    return run_small(checkpoints=64)


# the schedule behind a cell


@pytest.mark.parametrize("p", [1, 2, 3, 8])
def test_a_cell_runs_the_theorems_schedule(p: int) -> None:
    config = configuration(cell("-1", p=p).arguments)
    wanted = lq_schedule(p, 0.1, c_norm=math.sqrt(5) * 1e5, h=0.5, nu_cap=0.45)
    assert (config.S, config.K) == (wanted.S, wanted.K)
    assert (config.nu, config.eta_x, config.eta_y) == pytest.approx((wanted.nu, wanted.eta_x, wanted.eta_y))
    # the ramp: curvature 2 eps^2 along x_0 = 1/eps, so the gradient starts at 2 eps
    assert config.problem.gradient(config.x0)[0] == pytest.approx(0.2)


def test_counts_are_those_of_the_solver_with_the_same_parameters() -> None:
    """nodes (S + K) T by F2SAp's own formula, with and without the node that Algorithm 1 solves in vain."""
    config = configuration(cell("-1/2", p=4).arguments)
    (row,) = kernel("jump").trial(cell("-1/2", p=4).arguments, (3,))
    own = F2SAp(4, config.nu, config.eta_x, config.eta_y, config.S, config.K, row["T"])
    assert row["calls"] == own.calls
    assert row["calls_printed"] == replace(own, zero_node=True).calls
    assert (row["nodes"], row["nodes_printed"], row["metered"]) == (4, 5, None)


def test_a_literal_run_meters_what_the_jump_kernel_charges() -> None:
    options = {"sigma_f": "0.3", "sigma_g": "0.3", "S_factor": "0.02", "K_factor": "0.1", "eta_y_factor": "10"}
    one = cell("-1/2", "literal", problem=SMALL, **options)
    rows = kernel("literal").trial(one.arguments, (0, 1))
    config = configuration(one.arguments)
    for row in rows:
        # last step run (1.25 T, to confirm the hit) times nodes (S + K); an independent counter in the kernel
        assert row["metered"] == row["steps"] * 2 * (config.S + config.K)
        assert row["calls"] == row["T"] * 2 * (config.S + config.K) <= row["metered"]


def test_a_seed_does_not_depend_on_its_batch_and_cells_do_not_share_noise() -> None:
    arguments = cell("-3/4").arguments
    together = kernel("jump").trial(arguments, tuple(range(20)))
    assert kernel("jump").trial(arguments, (17,))[0] == together[17]
    keys = {stream(c.arguments) for p in (1, 2) for e in ("-1", "-2") for c in [cell(e, p=p)]}
    assert len(keys) == 4
    assert stream(cell("-1").arguments) == stream(dict(cell("-1").arguments) | {"eps": 0.1 + 1e-17})


def test_refusals() -> None:
    for one, wrong in (
        (cell(noise="rademacher"), "gaussian noise only"),
        (cell("-3", "literal"), "literal batch"),
        (cell(schedule="constant"), "options.nu"),
        (cell(problem={"family": "cubic"}), "families ramp, quadratic and quartic"),
        (cell("-1", "moments", noise="multiplicative"), "additive noise"),
    ):
        with pytest.raises(InputError, match=wrong):
            kernel(one.spec["kernel"]["name"]).trial(one.arguments, (0,))
    with pytest.raises(InputError, match="headline, "):
        run_preset("nothing")
    with pytest.raises(InputError, match="quick, full"):
        run_preset("headline", "fast")


def test_shared_samples_leave_the_noise_that_the_schedule_aims_at() -> None:
    """RMS of Phi's noise from the joint Gaussian law of the lower levels, in 80 digits, is eps/4 when all is shared."""
    from solvers.lq_law import coupling, estimate_noise, joint_factor

    arguments = cell("-2", p=4, sharing="everywhere").arguments
    config = configuration(arguments)
    law = coupling(config.problem, config.nodes, config.weights, config.nu)
    factor = joint_factor(config.eta_y, law.H[:, 0], config.K, law.nodes * config.nu, (1.0, 1.0), "fresh")
    inner = math.sqrt(5) * float(np.linalg.norm(law.q[:, 0] @ factor))
    outer = math.sqrt(5) * estimate_noise(config.nodes, config.weights, config.nu, (1.0, 1.0), config.S, "everywhere")
    assert inner == pytest.approx(0.01 / 4, rel=2e-3)
    assert outer == pytest.approx(0.01 / 4, rel=2e-3)


def test_the_annealed_schedule_halves_its_steps_down_to_the_noise_it_may_leave() -> None:
    one = cell("-1", "moments", p=2, schedule="annealed", problem={"c0": "1000", "gamma": "0.001"})
    case, plan = instance(0.1, one.arguments["problem"]), schedule(one.arguments)
    stages = annealed_stages(case, plan)
    assert all(s.S == s.K == 1 for s in stages)
    assert stages[-1].eta_x * 5 * 0.5 / plan.nu**2 <= 0.1**2 / 4 < stages[-2].eta_x * 5 * 0.5 / plan.nu**2
    (row,) = kernel("moments").trial(one.arguments, (0,))
    assert row["calls"] == row["T"] * 2 * 2


# verdicts


def test_the_small_headline_measures_4_plus_2_over_p(trials: list[Row]) -> None:
    result = headline.analyse([row | {"experiment": "headline"} for row in trials], "quick")
    assert [row["p"] for row in result.rows] == [1, 2, 4]
    for row in result.rows:
        assert row["verdict"] == "strongly consistent"
        assert row["separated"]
        assert abs(row["slope_log"] - (4 + 2 / row["p"])) < 0.04
        assert abs(row["slope_T"] - 2) < 0.03
        assert abs(row["slope_T_mean"] - 2) < 0.05  # at the largest eps T is 20: one step is 0.014 in the slope
        assert row["product_error"] < 0.02
        # raw counts carry the logarithm: the slope is visibly larger, and only K has it
        assert row["slope"] > row["slope_log"] + 0.05
        assert row["slope_K"] > row["slope_K_log"] + 0.05
        assert row["slope_S"] == pytest.approx(2 + 2 / row["p"], abs=0.02)
        assert Fraction(row["asymptotic"]) == 4 + Fraction(2, row["p"])
    assert all(isinstance(row["sfo_max"], int) for row in result.rows)
    json.dumps(result.rows, allow_nan=False)
    assert {"calls", "calls_q1", "calls_q3", "fit", "T", "S", "K"} <= set(next(iter(result.series.values())))


def test_planted_faults_turn_the_verdict(trials: list[Row]) -> None:
    rows = select(trials, p=2)
    wrong = {
        "one order too high in the theory": measured_row(rows, exponent(1), 0.1)[0],
        "one order too low in the theory": measured_row(rows, exponent(4), 0.1)[0],
        "outer steps instead of calls": measured_row([r | {"calls": r["T"]} for r in rows], 5.0, 0.1)[0],
        "log left in": measured_row(rows, 5.0, 0.05, log_power=0.0)[0],
    }
    words = {name: row["verdict"] for name, row in wrong.items()}
    assert set(words.values()) == {"inconsistent"}, words
    assert wrong["outer steps instead of calls"]["slope"] == pytest.approx(2.0, abs=0.05)


def test_the_product_check_sees_a_wrong_count(trials: list[Row]) -> None:
    rows = select(trials, p=4)
    printed = [row | {"calls": row["calls_printed"]} for row in rows]
    assert headline.product_error(rows) < 1e-6
    assert headline.product_error(printed) == pytest.approx(0.25)  # 5 nodes where 4 matter


def test_samples_shared_everywhere_are_flagged() -> None:
    rows = run_small(p=(2,), points=5, seeds=4, sharing="everywhere")
    columns = measured_row(rows, exponent(2), 0.1)[0]
    assert columns["verdict"] == "inconsistent"
    assert columns["slope_log"] == pytest.approx(4.0, abs=0.05)


def test_censored_runs_stay_and_take_the_verdict(trials: list[Row]) -> None:
    rows = select(trials, p=2)
    smallest = min(Fraction(row["log10_eps"]) for row in rows)
    cut = [r | {"censored": True, "T": None} if Fraction(r["log10_eps"]) == smallest else r for r in rows]
    columns, measured, _ = measured_row(cut, 5.0, 0.1)
    assert columns["verdict"] != "strongly consistent"
    assert (columns["hits"], columns["runs"]) == (48, 56)
    assert measured is not None
    assert measured.challenge_censored
    nothing = measured_row([r | {"censored": True, "T": None} for r in rows], 5.0, 0.1)
    assert (nothing[0]["verdict"], nothing[0]["slope"], nothing[1]) == ("inconsistent", None, None)


def test_controls_find_their_expected_slopes() -> None:
    names = {"phi independent of eps": 4.0, "inner sample frozen": None, "annealed steps, S = K = 1": 3.0}
    chosen = [c for c in controls.CONTROLS if c.name in names]
    wanted = [
        replace(e, p=(2,), seeds=Seeds(0, min(4, e.seeds.count)), grid=replace(e.grid, points=4))
        for e in controls.experiments("quick")
        if e.name.removeprefix("control: ") in names
    ]
    with opened(None) as store:
        rows, failures = run_experiments(wanted, store)
    assert failures == ()
    for control in chosen:
        mine = select(rows, experiment=f"control: {control.name}")
        row, _ = controls.control_row(control, mine, 2, control.slope[control.p.index(2)])
        if names[control.name] is None:
            assert (row["verdict"], row["hits"]) == ("unreachable", 0)
        else:
            assert row["verdict"] == "strongly consistent"
            assert row["slope_log"] == pytest.approx(names[control.name], abs=0.05)
            assert row["on_theorem"] == "inconsistent"
    assert all(control.reason and control.oracle for control in controls.CONTROLS)


def test_the_phase_boundary_is_where_the_exact_bias_is_eps() -> None:
    wanted = [e for e in phase.experiments("quick") if e.kernel == "moments" and e.p == (2,)]
    with opened(None) as store:
        rows, failures = run_experiments(wanted, store)
    assert failures == ()
    result = phase.analyse(rows, "quick")
    for row in result.rows:
        assert row["reached"] == row["bias_below_eps"]
        if Fraction(row["qp"]) <= Fraction(3, 4):
            assert row["verdict"] == "unreachable"
        if Fraction(row["qp"]) >= 1:
            assert row["slope_log"] == pytest.approx(4 + 2 * float(Fraction(row["q"])), abs=0.04)
    line = result.series["boundary p=2"]
    slope = (line["log10_nu"][-1] - line["log10_nu"][0]) / (line["log10_eps"][-1] - line["log10_eps"][0])
    assert slope == pytest.approx(0.5, abs=0.01)


# the framework


def test_a_preset_resumes_from_its_store_and_reports_failures(tmp_path: Any) -> None:
    experiment = Experiment("mine", "jump", (1,), grid=Grid("-1/2", "-1", 3), seeds=Seeds(0, 3))
    broken = replace(experiment, name="broken", options={"noise": "rademacher"})
    seen: list[tuple[int, int, int]] = []
    preset = Preset("mine", "", lambda level: [experiment, broken], lambda rows, level: Result(rows))
    path = tmp_path / "s.sqlite"
    first = run_preset(preset, store=path, progress=lambda *state: seen.append(state))
    assert len(first.rows) == 9
    assert seen[-1][1:] == (18, 9)
    assert len(first.failures) == 9
    assert "broken, p = 1, eps = 10^(-1/2), seed 0: InputError" in first.failures[0]
    again = run_preset(preset, store=path)
    assert again.rows == first.rows  # the seconds too: nothing was run again
    with opened(path) as store:
        assert [row["T"] for row in trial_rows(store, experiment)] == [row["T"] for row in first.rows]


def test_two_jobs_give_the_same_table() -> None:
    experiment = Experiment("mine", "jump", (1, 2), grid=Grid("-1/2", "-1", 3), seeds=Seeds(0, 3))
    preset = Preset("mine", "", lambda level: [experiment], lambda rows, level: Result(rows))
    one, two = (run_preset(preset, jobs=jobs).rows for jobs in (1, 2))
    assert [row | {"seconds": 0} for row in one] == [row | {"seconds": 0} for row in two]


def test_every_preset_lists_valid_experiments() -> None:
    for preset in PRESETS.values():
        for level in ("quick", "full"):
            found = preset.experiments(level)
            assert len({e.name for e in found}) == len(found)
            for e in found:
                assert Experiment.from_toml(e.to_toml()) == e
        assert preset.what.strip()


def test_columns_of_a_known_power_law() -> None:
    rows = [
        {"log10_eps": str(-k), "v": 7 * 10 ** (3 * k), "calls": 10 ** (3 * k), "censored": False}
        | {"log": 1.0, "S": 1, "K": 1}
        for k in (1, 2, 3)
    ]
    assert column_slope(rows, "v") == pytest.approx(3.0)
    assert [p.x for p in points(rows)] == [1, 2, 3]
