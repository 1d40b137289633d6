"""Progress: the laws that the oracle imposes, faster processes that must be caught, and the two kernels against each
other and against the solvers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from bounds.chain import gradient
from bounds.separable import instance_of_length
from bounds.soft_projection import project, project_product
from solvers.chain_kernel import Walk, _gradient, walk
from solvers.f2sa_p import F2SAp
from solvers.stocbio import StocBiO
from synthetic.errors import InputError
from verify.progress import domination, simulated, violations, waits, watch

GAMMA = 0.05


def test_kernel_gradient_is_that_of_the_instance() -> None:
    rng = np.random.default_rng(0)
    for scale in (0.4, 1.0, 5.0, 400.0):
        u = rng.normal(size=9) * scale
        g, out = np.zeros(9), np.zeros(9)
        _gradient(u, g, out, np.array([0.0, 9.0, 0.0, 0.0]))
        R = 230 * 3.0
        z = project(u, R)
        np.testing.assert_allclose(g, gradient(z), atol=1e-13)
        np.testing.assert_allclose(out, project_product(u, gradient(z), R) + u / 5, atol=1e-12)


def test_fastest_process_meets_the_law_and_a_faster_one_is_caught() -> None:
    reveal = simulated(12, GAMMA, 2000)
    assert domination(waits(reveal, 0), GAMMA).holds
    assert domination(waits(reveal, 0), GAMMA).mean_times_gamma == pytest.approx(1, abs=0.03)
    assert violations(reveal, GAMMA).holds
    fast = simulated(12, 1.1 * GAMMA, 2000)
    assert not domination(waits(fast, 0), GAMMA).holds
    assert not violations(simulated(60, 2.2 * GAMMA, 2000), GAMMA).holds
    # a bound with gamma in place of (e - 1) gamma would be passed by the fastest process itself
    assert not violations(simulated(60, GAMMA, 2000), GAMMA / (np.e - 1)).holds


def test_walks_are_dominated_and_the_skipping_walk_has_the_literal_law() -> None:
    rare = 0.005  # waiting rules here, so that the law of the calls shows gamma
    literal = walk(Walk(6, rare, 1 / 300), range(400))
    skipped = walk(Walk(6, rare, 1 / 300, skip=True), range(1000, 1400))
    assert all(literal.hit)
    assert ks_2samp(literal.calls, skipped.calls).pvalue > 1e-3
    for found in (literal, skipped):
        assert domination(waits(found.reveal, 0), rare).holds
        assert violations(found.reveal, rare).holds
    other = walk(Walk(6, 1.25 * rare, 1 / 300, skip=True), range(2000, 2400))
    assert ks_2samp(literal.calls, other.calls).pvalue < 1e-3
    assert not domination(waits(literal.reveal, 0), 0.7 * rare).holds


@pytest.mark.parametrize("weights", [(1.0,), (-1 / 6, 2 / 3, 2 / 3, -1 / 6)])
def test_held_coordinates_and_skipped_steps_change_no_count(weights: tuple[float, ...]) -> None:
    """The same hits without holding anything and stopping nothing early: the same calls and reveals, seed by seed;
    tolerances that are too loose are seen."""
    for T, gamma in ((8, 0.0033), (24, 0.001)):
        common = {"T": T, "gamma": gamma, "h": 0.01, "weights": weights, "skip": True}
        found, exact = walk(Walk(**common), range(6)), walk(Walk(**common, hold=0.0, still=1e-12), range(6))  # type: ignore[arg-type]
        assert found.calls == exact.calls
        assert np.array_equal(found.reveal, exact.reveal)
    assert walk(Walk(**common, hold=1e-2, still=1e-3), range(6)).calls != exact.calls  # type: ignore[arg-type]


def test_skipping_with_several_nodes_has_the_literal_law() -> None:
    common = {"T": 4, "gamma": GAMMA, "h": 1 / 300, "weights": (0.5, 0.5), "S": 2}
    literal, skipped = walk(Walk(**common), range(300)), walk(Walk(**common, skip=True), range(1000, 1300))  # type: ignore[arg-type]
    assert ks_2samp(literal.calls, skipped.calls).pvalue > 1e-3


@pytest.mark.parametrize("kind", ["f2sa_p", "stocbio"])
def test_solvers_of_the_suite_are_dominated(kind: str) -> None:
    problem = instance_of_length(4, 0.2)
    lr = 1 / 400 / problem.scale
    solver = (
        F2SAp(2, 0.1, lr, 0.5, 1, 1, 4000, normalise=False)
        if kind == "f2sa_p"
        else StocBiO(alpha=0.5, beta=lr, eta=0.5, S=1, D=1, B=1, D_f=1, D_g=1, Q=1, T=4000)
    )
    reveal, costs, _ = watch(solver, problem, range(48), most=150)
    assert np.all(reveal[:, 0] > 0)
    assert domination(waits(reveal, 0), problem.gamma).holds
    assert violations(reveal, problem.gamma).holds
    assert np.all(costs == costs[0])


def test_a_solver_step_is_the_walk_s() -> None:
    """One literal F2SA-2 run of the suite without noise against the kernel with weights (1/2, 1/2): same iterates."""
    problem = instance_of_length(5, 1.0)
    h = 1 / 300
    solver = F2SAp(2, 0.1, h / problem.scale, 0.5, 1, 1, 3000, normalise=False)
    reveal, costs, _ = watch(solver, problem, [0], most=3000)
    found = walk(Walk(5, 1.0, h, cost=int(costs[0]), weights=(0.5, 0.5)), [0])
    assert found.reveal.tolist() == reveal.tolist()


def test_bad_input() -> None:
    with pytest.raises(InputError, match="unbiased"):
        Walk(3, 0.1, 0.1, weights=(0.5, 0.6))
    with pytest.raises(InputError, match="skip"):
        Walk(3, 0.1, 0.1, a=0.5, skip=True)
    with pytest.raises(InputError, match="gaps"):
        domination(np.arange(3), 0.1)
    with pytest.raises(InputError, match="reveal"):
        violations(np.zeros(3), 0.1)
