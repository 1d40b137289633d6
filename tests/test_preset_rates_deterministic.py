"""Rates of paper 001: the steep instance against high precision, runs against the meter, and wrong exponents seen."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import log, sqrt
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import binom

from bounds.f2ba_schedule import SmoothClass, outer_loop
from reports.context import Context
from reports.page import Badge, Note
from reports.pages import rates as page
from solvers.base import run
from solvers.distributed_f2ba import DistributedF2BA
from solvers.f2ba import F2BA
from synthetic.errors import InputError
from synthetic.noise import NoNoise
from synthetic.oracle import StochasticOracle
from verify.engine import kernel
from verify.experiment import Experiment, Grid
from verify.preset import Preset, run_preset
from verify.presets import rates_deterministic as rates
from verify.presets.ramp_instances import (
    SADDLE_DELTA,
    ExactLoops,
    Quadratics,
    agents_class,
    curvature_at,
    perturbed,
    ramp_agents,
    saddle_ramp,
)
from verify.presets.rates_trials import agents_case, spread, walk
from verify.presets.steep_lower import FAMILIES, SteepLower, descend, largest
from verify.record_results import RESULTS
from verify.tables import read_table


def gamma(u: Any, mu: Any, family: str) -> Any:
    """Gamma from its second derivative by integration, 40 digits: (Gamma', Gamma'', Gamma''')."""
    theta = 2 * mp.atan(mp.sqrt(mu))
    second = {
        "clipped": lambda v: max(mu, min(1, 2 * mu + v)),
        "trig": lambda v: mu + 1 - mp.cos(v + theta),
        "quadratic": lambda v: 2 * mu,
    }[family]
    kinks = sorted({mp.mpf(0), u, *(k for k in (-mu, 1 - 2 * mu) if min(0, u) < k < max(0, u))})
    total = mp.quad(second, kinks) if len(kinks) > 1 else mp.mpf(0)
    return (total if u >= 0 else -total), second(u), mp.diff(second, u)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mu", [0.3, 0.01])
def test_the_lower_level_is_the_integral_of_its_curvature(family: Any, mu: float) -> None:
    problem = SteepLower(mu, family)
    with mp.workdps(40):
        for u in (-0.7, -0.05, 0.003, 0.4, 1.3):
            slope, curved, _ = gamma(mp.mpf(u), mp.mpf(mu), family)
            x, y = np.array([0.25, 0.0]), np.array([u, 0.1])
            assert problem.grad_g(x, y)[1][0] == pytest.approx(float(slope - mp.mpf("0.25")), rel=1e-12, abs=1e-14)
            assert mu <= float(curved) * (1 + 1e-12)
            assert float(curved) <= problem.smooth_class.L_g


@pytest.mark.parametrize("family", FAMILIES)
def test_hypergradient_and_its_steepness_against_differences(family: Any) -> None:
    problem = SteepLower(0.05, family, ramp=0.02)
    for x0 in (0.0, 0.003, -0.002, 0.2):
        x, h = np.array([x0, 3.0]), 1e-6
        step = np.array([h, 0.0])
        difference = (problem.value(x + step) - problem.value(x - step)) / (2 * h)
        assert problem.hypergrad(x)[0] == pytest.approx(float(difference), rel=1e-5, abs=1e-6)
        assert problem.hypergrad(x)[1] == pytest.approx(0.06)
    grid = np.linspace(-0.1, 0.1, 20_001)
    slopes = problem.hypergrad(np.stack([grid, 0 * grid], axis=-1))[:, 0]
    steepest = np.abs(np.diff(slopes) / np.diff(grid)).max()
    assert steepest <= problem.L_phi * 1.001
    if family == "clipped":  # phi''(0) = Gamma'''/Gamma''^3 = 1/(2 mu)^3, and 1/mu^3 at u = -mu
        assert steepest > 0.85 / 0.05**3
        near = problem.hypergrad(np.array([1e-7, 0.0]))[0] / 1e-7
        assert near == pytest.approx(1 / 0.1**3, rel=1e-3)


def test_class_constants_by_sampled_hessians() -> None:
    for family in FAMILIES:
        problem = SteepLower(0.1, family)
        top = 0.0
        for u in np.linspace(-4, 4, 801):
            c = (problem.grad_g(np.zeros(2), np.array([u + 1e-6, 0]))[1][0]
                 - problem.grad_g(np.zeros(2), np.array([u - 1e-6, 0]))[1][0]) / 2e-6  # fmt: skip
            top = max(top, np.linalg.eigvalsh([[0, -1, -1], [-1, c, 0], [-1, 0, problem.b]])[-1])
        assert top <= largest(family) * (1 + 1e-6)
        assert SteepLower.at(largest(family) / 0.1, family).mu == pytest.approx(0.1)


@pytest.mark.parametrize(("family", "fast"), [("clipped", False), ("clipped", True), ("trig", False)])
def test_the_compiled_run_is_the_solver_s_with_the_same_calls(family: Any, fast: bool) -> None:
    """F2BA of solvers.f2ba, call by call through the oracle, from a start off the fixed point of the lower level."""
    problem: Any = SteepLower(0.3, family, ramp=0.3)
    solver = F2BA.accurate(problem.smooth_class, 80.0, 0.05, 0.3, 0.5, 6, accelerated=fast)
    solver = replace(solver, K_0=25, K=11)
    x0 = np.array([0.11, 4.0])
    oracle = StochasticOracle(problem, NoNoise())
    drawn = run(solver, problem, oracle, x0)
    found = descend(problem, solver, x0, 1e-9)
    assert found.T is None
    assert found.calls == drawn.counts.sfo == solver.calls == 2 * 26 + 5 * 2 * 12
    np.testing.assert_allclose(found.x, drawn.state.x, rtol=1e-12)
    eps = float(drawn.norms[4]) * (1 + 1e-9)
    hit = descend(problem, solver, x0, eps)
    assert int(np.argmax(drawn.norms <= eps)) == hit.T
    assert hit.calls == drawn.calls[hit.T]


def test_steps_left_out_change_nothing() -> None:
    """T with the cycle cut short equals that of the ramp alone: x_1 (1 - eta r)^T, and every call is counted."""
    eps, eta = 0.02, 0.5
    problem = SteepLower(0.2, "quadratic", 2 * eps**2)
    solver = F2BA.accurate(problem.smooth_class, 50.0, eta, eps / 4, 1e-9, 10**9)
    found = descend(problem, solver, [0.0, 1 / eps], eps)
    T, s = 0, 1 / eps
    while 2 * eps**2 * s > eps:
        s, T = s - eta * 2 * eps**2 * s, T + 1
    assert found.T == T
    assert found.calls == 2 * (solver.K_0 + 1) + 2 * (solver.K + 1) * (T - 1)
    assert abs(T - log(2) / (2 * eps**2 * eta)) <= 2


def test_the_schedule_is_theorem_4_1_by_hand() -> None:
    """lambda, eta, K of a cell from the printed formulas with C_f = sqrt 3, L_f = 1, L_g = 2, rho_g = 1."""
    kappa, eps = 10.0, 10**-0.5
    arguments = {"method": "f2ba", "schedule": "theorem", "log10_kappa": Fraction(1), "log10_r": 0, "meter": 0,
                 "eps": eps, "problem": {"family": "steep clipped"}}  # fmt: skip
    row = kernel("f2ba-rates").trial(arguments, (0,))[0]
    mu, C, Lg = 2 / kappa, sqrt(3), 2.0
    D_1 = (1 + Lg / mu) * (1 + C / (2 * mu)) * C / mu
    D_2 = (1 / mu + 2 * Lg / mu**2) * (1 + C / mu)
    D_3 = 1 + 4 * Lg / mu + (1 + Lg / mu) * C / mu + Lg * D_2
    lam = 2 * D_1 / eps
    zeta, eta = eps / 4, 1 / D_3
    R = zeta / (4 * lam * Lg) + 4 * Lg * eta / mu * (zeta + (1 + Lg / mu) * C)
    assert 1 / row["nu"] == pytest.approx(lam)
    assert row["eta"] == pytest.approx(eta)
    assert row["K"] == int(np.ceil(4 * Lg / mu * log(4 * lam * Lg * R / zeta)))
    ramp = log(2) * D_3 / (2 * eps**2)  # grad phi is the ramp's but for a bias of at most eps/2 in x_0
    assert 0.95 * ramp <= row["T"] <= log(2 / sqrt(3 / 4)) / log(2) * ramp
    bounds = SmoothClass(mu, C, 1.0, Lg, 1.0)
    assert row["T"] <= outer_loop(bounds, eps, 1 + np.pi).T


# -- saddle points -----------------------------------------------------------------------------------------


def test_the_saddle_is_twice_as_curved_as_allowed_and_not_second_order() -> None:
    for eps in (0.1, 0.003):
        problem, x0 = saddle_ramp(eps)
        phi: Any = problem.phi
        assert curvature_at(eps) == pytest.approx(2 * sqrt(phi.rho * eps), rel=1e-12)
        assert np.linalg.norm(problem.hypergrad(x0)) == pytest.approx(2 * eps)
        assert x0[1] == SADDLE_DELTA / eps
    with pytest.raises(InputError, match="eps"):
        perturbed(saddle_ramp(0.3)[0], 0.3)


def near_the_foot() -> tuple[Any, np.ndarray]:
    """The saddle's ramp for eps = 0.1 where its slope is 0.81 eps: perturbed after a few steps."""
    problem, x0 = saddle_ramp(0.1)
    return problem, 0.405 * x0


def test_closed_loops_are_the_literal_ones() -> None:
    problem, x0 = near_the_foot()
    solver = perturbed(problem, 0.1)
    base = replace(solver.base, K_0=9, K=6)
    loops = ExactLoops(**{name: getattr(base, name) for name in F2BA.__dataclass_fields__})
    ends = [
        walk(replace(solver, base=b, wait=8), problem, x0, 0.1, (3, 4), 8) for b in (base, loops)
    ]  # fmt: skip
    for key in ("T", "steps", "first", "kicked"):
        assert ends[0][key] == ends[1][key], key
    np.testing.assert_allclose(ends[0]["off"], ends[1]["off"], rtol=1e-9)
    for i, steps in enumerate(ends[0]["steps"]):
        assert ends[0]["sfo"][i] == 2 * 10 + (steps - 1) * 2 * 7
    with pytest.raises(InputError, match="closed loops"):
        replace(loops, beta_y=0.1).lower(x0, x0, x0, 0, StochasticOracle(problem, NoNoise()))


def test_lanes_that_part_at_the_perturbation_are_lanes_run_apart() -> None:
    problem, x0 = near_the_foot()
    solver = perturbed(problem, 0.1)
    loops = ExactLoops(**{name: getattr(solver.base, name) for name in F2BA.__dataclass_fields__})
    law = replace(solver, base=loops)
    both = walk(law, problem, x0, 0.1, (5, 9), solver.wait)
    for i, seed in enumerate((5, 9)):
        alone = walk(law, problem, x0, 0.1, (seed,), solver.wait)
        assert (alone["T"][0], alone["kicked"][0]) == (both["T"][i], both["kicked"][i])
    assert both["off"][0] != both["off"][1]
    still = walk(loops, problem, x0, 0.1, (0,), solver.wait)
    assert still["T"] == [None]
    assert still["off"] == [0.0]
    assert still["first"][0] is not None
    state = law.init(problem, x0[None])
    assert spread(state, 3).x.shape == (3, 2)


def test_clopper_pearson_inverts_the_binomial() -> None:
    for hits, runs in ((97, 100), (0, 20), (20, 20), (7, 9)):
        low, high = rates.clopper_pearson(hits, runs)
        if hits:
            assert binom.sf(hits - 1, runs, low) == pytest.approx(0.025)
        if hits < runs:
            assert binom.cdf(hits, runs, high) == pytest.approx(0.025)
    with pytest.raises(InputError, match="hits"):
        rates.clopper_pearson(3, 2)


@pytest.mark.parametrize(
    ("failures", "word"), [(0, "strongly consistent"), (8, "weakly consistent"), (40, "inconsistent")]
)
def test_success_is_judged_against_the_claimed_probability(failures: int, word: str) -> None:
    one = {"T": 50, "kicked": 20, "wait": 40, "log10_eps": "-1"}
    rows = [one | ({"T": 70} if i % 2 else {"T": None}) for i in range(failures)] + [one] * (100 - failures)
    assert rates.success_row(rows)["verdict"] == word


# -- agents ------------------------------------------------------------------------------------------------


def test_fast_agents_answer_what_the_agents_do() -> None:
    problem, x0 = ramp_agents(0.1)
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    for method in ("grad_f", "grad_g"):
        for ours, theirs in zip(getattr(Quadratics(problem), method)(X, Y), getattr(problem.stacked, method)(X, Y)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
        means = getattr(Quadratics(problem, mean=True), method)(X[0], Y[0])
        for ours, theirs in zip(means, getattr(problem, method)(X[0], Y[0])):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(Quadratics(problem, mean=True).hypergrad(X[1]), problem.hypergrad(X[1]), rtol=1e-11)
    assert np.linalg.norm(problem.hypergrad(X[1]) - problem.average_of_hypergrads(X[1])) > 0.01
    assert problem.hypergrad(x0)[2] == pytest.approx(0.2)
    bounds = agents_class(problem)
    z = np.concatenate([X[0], Y[0]])
    h = 1e-5 * z / np.linalg.norm(z)
    change = [np.concatenate(problem.grad_g(v[:3], v[3:])) for v in (z + h, z - h)]
    assert np.linalg.norm(change[0] - change[1]) <= bounds.L_g * 2e-5 * (1 + 1e-6)


def test_distributed_calls_and_floats_are_the_meter_s() -> None:
    arguments = {"method": "distributed", "schedule": "theorem", "log10_kappa": Fraction(1), "log10_r": 0,
                 "meter": 2000, "eps": 10**-0.5, "problem": {"family": "agents ramp"}}  # fmt: skip
    row = kernel("f2ba-rates").trial(arguments, (0,))[0]
    assert row["metered"] == row["calls"]
    assert row["floats_metered"] == row["floats"]
    assert row["gap"] < 1e-12
    base = agents_case(10**-0.5)[2]
    inner = base.K_0 + base.K * (row["T"] - 1)
    assert row["floats"] == 2 * 4 * (2 * 2 * inner + 3 * row["T"])
    assert DistributedF2BA(replace(base, T=row["T"])).calls(4) == 4 * row["calls"]


# -- the table -----------------------------------------------------------------------------------------------


def made(power: float, variable: str = "kappa") -> list[dict[str, Any]]:
    """Trials whose calls follow a power exactly, the logarithm in K."""
    rows = []
    for i in range(2, 9):
        scale = 10.0 ** (i / 4)
        K, share = 1000, 1 + i / 10
        rows.append({
            "log10_eps": str(Fraction(-i, 4)), "calls": round(1e6 * scale**power * (1 + K * share) / (1 + K)),
            "censored": False, "S": 1, "K": round(K * share), "log": share, "seconds": 0.0, "T": 1, "nu": 1.0,
            "nodes": 2, "metered": None, "gap": None,
        })  # fmt: skip
    return rows


@pytest.mark.parametrize(("method", "right", "wrong"), [("f2ba", 4.0, 3.5), ("accelerated", 3.5, 4.0)])
def test_a_wrong_exponent_is_refuted(method: str, right: float, wrong: float) -> None:
    given = (method, "steep clipped", "theorem", "kappa")
    row, _ = rates.rate_row(made(right), *given, claimed=right, expected=right)
    assert row["verdict"] == row["on_claim"] == "strongly consistent"
    assert row["slope_log"] == pytest.approx(right, abs=0.01)
    row, _ = rates.rate_row(made(right), *given, claimed=wrong, expected=right)
    assert row["on_claim"] == "inconsistent"
    row, _ = rates.rate_row(made(wrong), *given, claimed=right, expected=right)
    assert row["verdict"] == row["on_claim"] == "inconsistent"


def test_a_count_that_the_meter_denies_is_shown() -> None:
    rows = made(2.0)
    rows[0]["metered"], rows[1]["metered"] = rows[0]["calls"], rows[1]["calls"] + 2
    row, _ = rates.rate_row(rows, "f2ba", "steep clipped", "own", "eps", 2.0, 2.0)
    assert row["metered"] == "1 of 2"


def test_small_runs_show_the_powers() -> None:
    """Three lines of the preset, cut short: kappa^4 and kappa^3.5 reached; a quadratic lower level is easier."""
    wanted = {"kappa f2ba own clipped", "kappa accelerated own clipped", "kappa f2ba theorem quadratic"}

    def few(level: str) -> list[Experiment]:
        chosen = [e for e in rates.experiments(level) if e.name in wanted]
        powers = tuple(Fraction(i, 4) for i in (6, 7, 8, 9))
        return [replace(e, axes={"log10_kappa": powers}, options={**e.options, "meter": 0}) for e in chosen]

    rows = run_preset(Preset("few", "", few, rates.analyse)).rows
    found = {(r["algorithm"], r["instance"]): r for r in rows}
    assert len(found) == 3
    for (algorithm, instance), row in found.items():
        assert row["verdict"] == "strongly consistent", row
        easier = instance == rates.INSTANCE["steep quadratic"]
        assert (row["on_claim"] == "inconsistent") == easier, algorithm


def test_the_page_survives_without_its_presets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "PRESETS", {})
    notes = [block for block in page.build(Context("quick", 1, tmp_path)).blocks if isinstance(block, Note)]
    assert "rates-deterministic, rates-stochastic" in str(notes[-1].text)


def test_lines_of_both_presets_become_rows_of_the_page() -> None:
    ours = success_like() | {"slope_log": 4.0, "ci_low": 4.0, "ci_high": 4.0, "on_claim": "inconsistent"}
    theirs = {
        "algorithm": "FMBO", "theorem": "003 Theorem 2", "instance": "ramp", "claimed": 3.0, "variable": "1/eps",
        "basis": "run", "slope_log": 3.01, "ci_low": 2.95, "ci_high": 3.05, "verdict": "strongly consistent",
        "eps_min": 1e-3, "eps_max": 0.1, "metered": 12345, "why": "as $x$ says",
    }  # fmt: skip
    for row, interval, held in ((ours, "no randomness", "beyond 1e+02"), (theirs, "2.950 – 3.050", "beyond 0.01")):
        cells = page.line(1, row)
        assert (cells[6], cells[8]) == (interval, held)
        assert len(cells) == len(page.COLUMNS)
        assert len(page.ground(1, row)) == len(page.GROUNDS)
    assert page.line(1, ours)[-1] == Badge("inconsistent")
    assert page.ground(1, ours)[5] == Badge("strongly consistent")


def success_like() -> dict[str, Any]:
    given = ("f2ba", "steep clipped", "own", "kappa")
    row, _ = rates.rate_row(made(4.0), *given, claimed=4.0, expected=4.0)
    return row | {"from": 10.0, "held_out": 100.0, "to": 1000.0}


def test_the_committed_table_says_what_the_page_says() -> None:
    table = read_table(RESULTS / "rates-deterministic.csv")
    assert table.command == "python -m verify.record_results --level full rates-deterministic"
    for row in table.rows:
        if row["variable"] in ("kappa", "eps") and row["what"] != "second order":
            assert row["verdict"] == "strongly consistent", row
            metered, tried = str(row["metered"]).split(" of ")
            assert metered == tried
    reached = [r for r in table.rows if r["variable"] == "kappa" and r["on_claim"] == "strongly consistent"]
    assert {r["claimed"] for r in reached} == {4, 3.5}
    cell = next(e for e in rates.experiments("full") if e.name == "eps f2ba own clipped")
    again = run_preset(Preset("one", "", lambda level: [replace(cell, grid=Grid("-1/2", "-3/2", 5),
                       options={**cell.options, "meter": 0})], rates.analyse)).rows[0]  # fmt: skip
    kept = next(r for r in table.rows if r["variable"] == "eps" and r["schedule"] == "own" and r["algorithm"] == "F2BA")
    assert again["slope_log"] == pytest.approx(kept["slope_log"], abs=0.02)
    assert again["sfo_min"] == kept["sfo_min"]
