"""The noisy runs of Theorem 3.1: parameters against the solver's, the law of an update against literal steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers.bo_rep import BOREP
from synthetic.relaxed_smooth import RelaxedConstants
from verify import families_bo_rep_run as family
from verify.claims.bo_rep_main_theorem import NOISY, noisy_check, noisy_sides


def test_parameters_are_the_solvers() -> None:
    p, row = family.plan(NOISY), {k: float(NOISY[k]) for k in family.NAMES}
    a, b, m, h, tiny = (row[k] for k in ("a", "b", "m", "h", "tiny"))
    constants = RelaxedConstants(
        1 + b * b * h + b * h, tiny, h * (1 + b * b) ** 0.5, tiny, m, a * b, 1.0, a * (1 + b * b)
    )
    ours = BOREP.theorem(
        row["eps"], row["delta"], constants, Delta=512.0, gradient=32.0, Delta_z=(m / a) ** 2, V_0=1.0,
        sigma_f1=row["sigma_f"], sigma_g1=row["sigma_g1"], sigma_g2=row["sigma_g2"],
    )  # fmt: skip
    assert ours.lower is not None
    assert pytest.approx(constants.K_0, rel=1e-12) == p.K_0
    assert (p.eta, p.nu, p.share) == pytest.approx((ours.eta, ours.nu, 1 - ours.beta), rel=1e-9)
    assert (p.steps, p.period) == (ours.T, ours.lower.I)
    # the solver may take the corrected lambda (4 for 2 inside the logarithm of Eq. (46)): N a little larger
    assert 1 <= ours.lower.N / p.N < 1.2


@pytest.mark.parametrize(("gamma", "N"), [(0.05, 60), (0.3, 7)])
def test_law_of_an_update_is_that_of_literal_steps(gamma: float, N: int) -> None:
    """Mean and standard deviation of the average of N steps, 200000 literal repetitions; 1% off is seen."""
    a, sigma, start, trials = 2.0, 0.7, 0.4, 200_000
    rng = np.random.default_rng(5)
    error, total = np.full(trials, start), np.zeros(trials)
    for _ in range(N):
        error = error - gamma * (a * error + sigma * rng.standard_normal(trials))
        total += error
    literal = total / N
    keep, spread = family.average_law(gamma, a, sigma, N)
    assert abs(literal.mean() - keep * start) < 4 * spread / trials**0.5
    assert abs(literal.std() / spread - 1) < 4 / (2 * trials) ** 0.5
    assert abs(literal.std() / (1.01 * spread) - 1) > 4 / (2 * trials) ** 0.5


def test_noise_sets_what_is_left_and_no_noise_leaves_less() -> None:
    """Same parameters, samples without noise: the mean gradient falls by far."""
    noisy = family.runs(NOISY, 4)[:, 0].mean()
    p = family.plan(NOISY)
    quiet = family._loop(
        np.random.default_rng(0), p.steps, p.period, 4.0, 0.04, 1.0, 1.0, 32.0, 32.0, 0.0, p.share, p.nu, p.eta,
        p.keep, 0.0, 0.0, 0.0,
    )[0]  # fmt: skip
    travel = 32 * (32 / p.eta) / 2 / p.steps  # the way from 32 down to 0 at eta a step
    # then a triangle wave about 0: the average is (1 - share)/share = 3 steps old, so it turns within 3 eta
    assert travel < quiet <= travel + 1.5 * p.eta
    assert noisy > quiet


def test_a_wrong_constant_and_a_wrong_class_are_seen() -> None:
    assert noisy_check("quick").holds
    assert not noisy_check("quick", "1/3").holds
    assert not noisy_sides(NOISY | {"a": "9", "b": "0.0178", "factor": "30"}, "float").admissible


def test_projection_bound_notices_a_wide_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = replace(family.plan(NOISY), acts=0.5)
    monkeypatch.setattr("verify.claims.bo_rep_main_theorem.plan", lambda row: wide)
    assert not noisy_sides(NOISY | {"factor": "30"}, "float").admissible
