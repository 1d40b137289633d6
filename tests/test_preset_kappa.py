"""Powers of kappa: the local families against high precision and literal SGD, and the lines of the table."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from bounds.stencil import stencil
from synthetic.errors import InputError
from verify.preset import Preset, Row, run_preset
from verify.presets import kappa
from verify.presets.trig_local import Local, curvature, minimiser
from verify.record_results import RESULTS
from verify.tables import read_table


def precise_minimiser(nu: Any, mu: Any, family: str) -> Any:
    """y_nu from the printed definition of Gamma', by a root search with 60 digits."""
    theta = 2 * mp.atan(mp.sqrt(mu))

    def residual(y: Any) -> Any:
        if family == "clipped":
            return 2 * mu * y + y**2 / 2 - nu * mp.cos(y)
        return (mu + 1) * y - mp.sin(y + theta) + mp.sin(theta) - nu * mp.cos(y)

    bottom = 2 * mu if family == "clipped" else mu + 1 - mp.cos(theta)
    return mp.findroot(residual, nu / bottom)


@pytest.mark.parametrize(("p", "family"), [(1, "trig"), (2, "trig"), (4, "trig"), (1, "clipped")])
@pytest.mark.parametrize("mu", [1e-2, 1e-4])
def test_bias_and_curvature_against_sixty_digits(p: int, family: Any, mu: float) -> None:
    local = Local(p, mu, 0.1, family)
    nu = local.largest_nu(0.025)
    with mp.workdps(60):
        m, n = mp.mpf(mu), mp.mpf(nu)
        theta = 2 * mp.atan(mp.sqrt(m))
        bottom = 2 * m if family == "clipped" else m + 1 - mp.cos(theta)
        nodes, weights = stencil(p).active
        y = [precise_minimiser(int(j) * n, m, family) if j else mp.mpf(0) for j in nodes]
        weights_ = [mp.mpf(w.numerator) / w.denominator for w in weights]
        bias = 1 / bottom - sum(w * v for w, v in zip(weights_, y)) / n
        assert float(bias) == pytest.approx(local.bias(nu), rel=1e-4)
        assert abs(float(bias)) == pytest.approx(0.025, rel=1e-4)
        H = [float((2 * m + v if family == "clipped" else m + 1 - mp.cos(v + theta)) + int(j) * n * mp.sin(v))
             for j, v in zip(nodes, y)]  # fmt: skip
        third = mp.sin(theta) if family == "trig" else mp.mpf(1)
        assert local.L_phi == pytest.approx(float(third / bottom**3), rel=1e-9)
    np.testing.assert_allclose(local.curvatures(nu), H, rtol=1e-9)


def test_linearised_loops_against_literal_SGD() -> None:
    """Mean and variance of 4000 literal loops of node j = 1, each of many time constants; the wrong curvature (that
    of y = 0 in place of y_nu) is told apart.
    """
    mu, nu, eta, sigma = 0.1, 0.05, 0.02, 0.05
    theta = 2 * np.arctan(np.sqrt(mu))
    target = float(minimiser(np.array([nu]), mu)[0])
    rng, y = np.random.default_rng(0), np.full(4000, target)
    for _ in range(2500):
        drift = (mu + 1) * y - np.sin(y + theta) + np.sin(theta) - nu * np.cos(y)
        y = y - eta * (drift + sigma * rng.standard_normal(y.size))
    H = float(curvature(np.array([target]), mu)[0]) + nu * np.sin(target)
    variance = eta * sigma**2 / (H * (2 - eta * H))
    error = np.sqrt(2 / y.size)
    assert abs(y.var() / variance - 1) < 4 * error
    bottom = float(curvature(np.zeros(1), mu)[0])
    assert abs(y.var() / (eta * sigma**2 / (bottom * (2 - eta * bottom))) - 1) > 6 * error
    assert abs(y.mean() - target) < 4 * np.sqrt(variance / y.size) + 2 * variance


def test_first_T_is_that_of_step_by_step_simulation() -> None:
    """The linearised outer recursion simulated coordinate by coordinate, 4000 lanes, against its exact moments."""
    loud = Local(2, 0.2, 0.5).exact_schedule()
    sigma = 6.0 * float(np.sqrt(loud["eta_y"]))  # noise so small that eta_y is of order 1 and four steps make a loop
    local = Local(2, 0.2, 0.5, sigma=sigma)
    nu = 0.5 * loud["nu"]
    H = local.curvatures(nu)
    values = {"nu": nu, "K": 4.0, "S": max(1.0, loud["S"] * sigma**2), "eta_x": 0.05 / local.L_phi,
              "eta_y": float(0.2 / H.max())}  # fmt: skip
    T = local.first_T(*(values[name] for name in ("nu", "eta_x", "eta_y", "S", "K")))
    assert np.isfinite(T)
    j, alpha = local.nodes
    eta_x, eta_y, S = (values[name] for name in ("eta_x", "eta_y", "S"))
    rng, lanes = np.random.default_rng(1), 4000
    x, ramp = np.zeros(lanes), np.full(lanes, 1 / local.eps)
    u, lam = np.zeros((2, lanes)), 2 * local.eps**2
    noise = sigma * np.sqrt(np.sum(alpha**2 * (1 / nu**2 + j**2)) / S)
    rate = -np.sum(alpha / H) / nu
    spread = sigma * eta_y * np.sqrt(1 + (j * nu) ** 2)
    for _ in range(int(T)):
        for _ in range(4):
            u = (1 - eta_y * H)[:, None] * u + spread[:, None] * rng.standard_normal(u.shape)
        Phi = rate * x + local.bias(nu) - (alpha / nu) @ u + noise * rng.standard_normal(lanes)
        x, u = x - eta_x * Phi, u + eta_x * Phi / H[:, None]
        ramp = ramp - eta_x * (lam * ramp + noise * rng.standard_normal(lanes))
    level = local.L_phi**2 * x**2 + lam**2 * ramp**2
    assert abs(level.mean() / local.eps**2 - 1) < 4 * level.std() / level.mean() / np.sqrt(lanes) + 0.01


def small() -> Preset:
    def experiments(level: str) -> list[Any]:
        found = []
        for experiment in kappa.experiments(level):
            powers = ("4", "9/2", "5")
            if experiment.name.startswith("kappa lq"):
                powers = ("1", "5/4", "3/2") if experiment.name.endswith("theorem") else ("1", "2", "3")
            seeds = replace(experiment.seeds, count=1)
            found.append(replace(experiment, axes={"log10_kappa": powers}, seeds=seeds))
        return found

    return Preset("small", "", experiments, kappa.analyse)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return run_preset(small()).rows


def test_every_line_has_its_power_and_not_another(rows: list[Row]) -> None:
    assert len(rows) == 20
    for row in rows:
        where = (row["family"], row["schedule"], row["p"])
        assert abs(row["error"]) < 0.1, where
        assert row["verdict"] != "inconsistent", where
        attains = row["schedule"] == "theorem" or row["family"] == "clipped"
        assert (row["theorem_verdict"] != "inconsistent") == attains, where


def test_the_parts_of_the_trig_family_have_the_powers_of_the_ledger(rows: list[Row]) -> None:
    for row in (r for r in rows if r["family"] == "trig" and r["schedule"] == "exact"):
        p = row["p"]
        assert row["slope_nu"] == pytest.approx(-1.5 - 1 / p, abs=0.03)
        assert row["slope_S"] == pytest.approx(3 + 2 / p, abs=0.05)
        assert row["slope_K_log"] == pytest.approx(5 + 2 / p, abs=0.06)
        assert row["slope_T"] == pytest.approx(2.5, abs=0.01)
        assert row["shift_max"] < 0.01  # what linearising leaves out of E Phi, over eps


def test_the_linear_quadratic_family_shows_two(rows: list[Row]) -> None:
    for row in (r for r in rows if r["family"] == "lq" and r["schedule"] != "theorem"):
        assert row["slope_nu"] == pytest.approx(-1.0, abs=0.02)
        assert row["slope_S"] == pytest.approx(2.0, abs=0.05)
        assert row["slope_K_log"] == pytest.approx(2.0, abs=0.05)
        assert abs(row["slope_T"]) < 0.05


def test_a_power_taken_for_another_is_inconsistent() -> None:
    rows = [
        {"log10_eps": str(-Fraction(k, 2)), "calls": 10 ** (4 * k), "censored": False, "S": 1, "K": 1, "log": 1.0,
         "seconds": 0.0, "T": 1, "nu": 1.0, "stencil": "paper", "log10_target": "-1"}
        for k in range(2, 7)
    ]  # fmt: skip
    assert kappa.kappa_row(rows, "trig", "tuned", 4)["verdict"] == "strongly consistent"
    assert kappa.kappa_row(rows, "trig", "tuned", 2)["verdict"] == "inconsistent"
    assert kappa.kappa_row(rows, "lq", "tuned", 4)["verdict"] == "inconsistent"


@pytest.mark.parametrize(
    ("family", "schedule", "p"), [("trig", "tuned", 2), ("clipped", "exact", 1), ("lq", "tuned", 4)]
)
def test_the_committed_table_comes_out_again(family: str, schedule: str, p: int) -> None:
    table = read_table(RESULTS / "kappa.csv")
    assert table.command == "python -m verify.record_results --level full kappa"
    kept = next(r for r in table.rows if (r["family"], r["schedule"], r["p"]) == (family, schedule, p))
    experiment = next(e for e in kappa.experiments("full") if e.name == f"kappa {family} {schedule}")
    again = run_preset(Preset("one", "", lambda level: [replace(experiment, p=(p,))], kappa.analyse)).rows[0]
    for key in ("slope_log", "slope_nu", "slope_T"):
        assert again[key] == pytest.approx(kept[key], abs=1e-3)
    assert again["verdict"] == kept["verdict"]
    assert again["sfo_max"] == pytest.approx(kept["sfo_max"], rel=1e-3)


def test_refusals() -> None:
    with pytest.raises(InputError, match="mu"):
        Local(2, 0.7, 0.1)
    with pytest.raises(InputError, match="p = 1 only"):
        Local(2, 0.1, 0.1, "clipped")
    with pytest.raises(InputError, match="target"):
        Local(2, 0.1, 0.1).largest_nu(1e9)
