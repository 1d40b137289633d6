"""The separable instance: its class, its oracle, and what a wrong gamma or a wrong ridge does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bounds.chain_constants import constant
from bounds.masked_noise import Masked, bernoulli_law
from bounds.rotation import Structured, hadamard
from bounds.separable import NUMBERS, Separable, hit_probability, instance_of_length
from solvers.base import run
from solvers.f2sa_p import F2SAp
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from synthetic.philox import Address, draw
from synthetic.problem import BilevelProblem

KINDS = ("printed", "proved")


def small(kind: str = "printed", sigma: float = 1.0) -> Separable:
    return Separable(2.0, 3.0, sigma, 4e-3, 0.5, constants=kind)  # type: ignore[arg-type]


def points(problem: Separable, n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(8)
    x = problem.beta * rng.normal(size=(n, problem.dim_x)) * rng.choice([0.4, 1.5, 6.0], size=(n, 1))
    return np.where(np.arange(problem.dim_x) >= rng.integers(1, problem.dim_x + 1, size=(n, 1)), 0.1 * x, x)


def test_protocol_and_derivatives(asarray) -> None:
    problem = small()
    assert isinstance(problem, BilevelProblem)
    x = points(problem, 20)
    h = 1e-5 * problem.beta
    p = np.random.default_rng(1).normal(size=x.shape)
    slope = (problem.value(asarray(x + h * p)) - problem.value(asarray(x - h * p))) / (2 * h)
    np.testing.assert_allclose(to_numpy(slope), np.sum(to_numpy(problem.hypergrad(asarray(x))) * p, -1), atol=1e-6)
    turn = (problem.hypergrad(x + h * p) - problem.hypergrad(x - h * p)) / (2 * h)
    hess = to_numpy(problem.hyperhess(asarray(x)))
    np.testing.assert_allclose(turn, np.einsum("nij,nj->ni", hess, p), atol=1e-5)
    np.testing.assert_allclose(hess, np.swapaxes(hess, -1, -2), atol=1e-12)
    y = np.full((20, 1), 2.0)
    assert np.all(problem.grad_f(x, y)[1] == 0)
    np.testing.assert_allclose(problem.grad_g(x, y)[1], 0.5 * y)
    assert np.all(problem.y_star(x, 0.3) == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_assumption_of_the_class(kind: str) -> None:
    problem = small(kind)
    x = points(problem)
    assert int(2 * 3 / (16 * NUMBERS[kind][0] * NUMBERS[kind][1] * 4e-3**2)) == problem.T
    assert np.max(np.abs(np.linalg.eigvalsh(problem.hyperhess(x)))) <= problem.L_1
    assert np.max(problem.value(np.zeros(problem.dim_x)) - problem.value(np.abs(x))) <= problem.Delta
    spread, quiet = problem.noise.variance(problem, x, np.zeros((len(x), 1)))
    assert np.max(spread) <= problem.sigma**2 * (1 + 1e-12)
    assert np.all(quiet == 0)
    unfinished = problem.progress(x, 1 - 1e-12) < problem.T
    assert unfinished.sum() > 100
    assert np.min(np.linalg.norm(problem.hypergrad(x[unfinished]), axis=-1)) >= 4 * 0.63 * problem.eps
    constants = problem.constants(4)
    assert constants.kappa == pytest.approx(problem.L_1 / problem.mu)


def test_numbers_lie_above_the_proved_enclosures() -> None:
    pytest.importorskip("flint")
    assert NUMBERS["proved"][0] >= constant("L_bar_1").high
    assert NUMBERS["proved"][1] >= constant("Delta_0").high


def test_sharp_gamma_spends_the_variance_and_a_smaller_one_breaks_it() -> None:
    problem = small("proved")
    x = np.zeros((1, problem.dim_x))
    x[0, 0] = 60 * problem.beta  # Psi(60) is within 0.01% of its supremum e
    spread = problem.noise.variance(problem, x, np.zeros((1, 1)))[0][0]
    assert 0.995 * problem.sigma**2 < spread <= problem.sigma**2
    wrong = replace(problem.noise, gamma=0.98 * problem.gamma)
    assert wrong.variance(problem, x, np.zeros((1, 1)))[0][0] > problem.sigma**2
    assert hit_probability(1e-3, 1.0, "proved") < hit_probability(1e-3, 1.0, "printed") / 6


def test_oracle_is_unbiased_and_hides_the_next_coordinate() -> None:
    problem = instance_of_length(6, 0.05)
    assert (problem.T, round(problem.gamma, 12)) == (6, 0.05)
    x = np.zeros((1, 6))
    x[0, :2] = 2 * problem.beta
    oracle = StochasticOracle(problem, problem.noise, experiment=3)
    n = 1 << 15
    mean = oracle.query(x, np.zeros((1, 1)), step=0, samples=n)
    truth = problem.hypergrad(x)
    spread = problem.noise.variance(problem, x, np.zeros((1, 1)))[0][0]
    assert np.linalg.norm(mean.Fx - truth) < 4 * np.sqrt(spread / n)
    assert oracle.counts.sfo == n
    steps = np.arange(4000)
    wide = np.broadcast_to(x, (4000, 6))
    third = oracle.query(wide, np.zeros((4000, 1)), step=steps).Fx
    share = np.mean(np.abs(third[:, 2]) > 1e-3 * np.abs(truth[0, 2]))
    assert abs(share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)
    assert np.all(third[:, 3:] == 0)


def test_bernoulli_law_has_the_probability(asarray) -> None:
    found = to_numpy(draw(bernoulli_law(0.3), Address(seed=np.arange(20_000)), 2, asarray(np.zeros(1))))
    assert set(np.unique(found)) == {0.0, 1 / 0.3}
    assert abs(np.mean(found) - 1) < 4 * np.sqrt(0.7 / 0.3 / 40_000)


def test_structured_rotation_is_orthogonal_and_the_run_does_not_see_it(asarray) -> None:
    rotation = Structured(6, 16, seed=4)
    basis = rotation.up(np.eye(6))
    np.testing.assert_allclose(basis @ basis.T, np.eye(6), atol=1e-14)
    np.testing.assert_allclose(to_numpy(rotation.down(asarray(basis))), np.eye(6), atol=1e-14)
    assert np.max(np.abs(basis)) < 0.95
    np.testing.assert_allclose(hadamard(hadamard(basis)), basis, atol=1e-14)
    plain, turned = instance_of_length(6, 0.3), instance_of_length(6, 0.3, rotation=rotation)
    solver = F2SAp(2, 0.1, plain.beta, 0.1, 1, 1, 60, normalise=True)
    ends = []
    for problem in (plain, turned):
        oracle = StochasticOracle(problem, problem.noise, experiment=5)
        ends.append(run(solver, problem, oracle, np.zeros(problem.dim_x)).state.x)
    np.testing.assert_allclose(rotation.up(ends[0]), ends[1], atol=1e-9 * plain.beta)
    assert np.linalg.norm(ends[0]) > plain.beta


def test_bad_input_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="chain has no link"):
        Separable(eps=0.5)
    with pytest.raises(InputError, match="mu <= L_1"):
        Separable(mu=2.0)
    with pytest.raises(InputError, match="gamma"):
        Masked(gamma=0.0)
    with pytest.raises(InputError, match="power of two"):
        Structured(5, 6)
    with pytest.raises(InputError, match="masked_f"):
        StochasticOracle(type("P", (), {"dim_x": 1, "dim_y": 1})(), Masked(gamma=0.5))
