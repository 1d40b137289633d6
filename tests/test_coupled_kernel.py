"""The coupled kernel against the instance and a literal solver, and the preset's exponents against planted ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from bounds import chain
from bounds.coupled import Coupled, coupled_of_length, hessian_probability
from bounds.masked_noise import Masked
from bounds.separable import Separable
from bounds.soft_projection import huber_gradient, project, project_product
from solvers.coupled_kernel import CoupledWalk, coupled_walk, cut, fields
from solvers.f2sa_p import F2SAp
from solvers.stocbio import StocBiO
from synthetic.arrays import norm
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from verify.presets.lower_coupled import KAPPA, analyse, candidates, experiments, nodes_of, scales, whole
from verify.progress import domination, violations, waits

TWO = ((-1, -0.5), (1, 0.5))


def first_steps(problem: Coupled, solver: Any, noise: Masked, seeds: range, most: int) -> np.ndarray:
    """Outer steps of a literal run until ||grad phi|| <= target, ``most`` if later."""
    oracle = StochasticOracle(problem, noise, experiment=5, seeds=np.array(seeds))
    state = solver.init(problem, np.zeros((len(seeds), problem.T)))
    first = np.full(len(seeds), most)
    for t in range(most):
        reached = norm(problem.hypergrad(state.x)) <= problem.target
        first = np.where(reached & (first == most), t, first)
        if np.all(first < most):
            break
        state = solver.step(state, oracle)
    return first


def literal_steps(
    prob: float, seeds: range, nodes: tuple[tuple[int, float], ...], K: int, most: int, *,
    T: int = 2, h: float = 0.05, rate: float = 0.1,
) -> np.ndarray:  # fmt: skip
    """The same of F2SA-p on the instance itself."""
    problem = coupled_of_length(KAPPA, T, prob)
    p = max(j for j, _ in nodes) * (1 if nodes[0][0] == 0 else 2)
    solver = F2SAp(p, problem.eta, h / KAPPA**2, rate * KAPPA, 1, K, most, normalise=False)
    return first_steps(problem, solver, problem.noise, seeds, most)


def test_fields_are_the_gradients_of_the_instance() -> None:
    problem, rng = coupled_of_length(2.0, 6, 0.5), np.random.default_rng(0)
    for _ in range(60):
        k, Z = int(rng.integers(0, 6)), np.zeros(6)
        Z[:k] = rng.uniform(0.55, 3, k) * rng.choice([-1, 1], k)
        Z[k] = rng.uniform(0.2, 0.6) * rng.choice([-1, 1])
        if k < 5:
            Z[k + 1] = rng.choice([0.0, rng.uniform(-0.4, 0.4)])
        q, g, t = np.zeros(6), np.zeros(6), np.zeros(6)
        fields(Z, int(np.max(np.nonzero(Z))) + 1, q, g, t)
        at = project(Z, problem.R)
        theta = problem.frontier.gradient(at)
        np.testing.assert_allclose(t, project_product(Z, theta, problem.R), atol=1e-11)
        visible = project_product(Z, chain.gradient(at) - theta, problem.R) + huber_gradient(Z, problem.R, 0.25)
        np.testing.assert_allclose(g, visible, atol=1e-11)


@pytest.mark.parametrize("nodes", [((0, -1.0), (1, 1.0)), TWO])
def test_without_noise_the_kernel_takes_the_solver_s_steps(nodes: tuple[tuple[int, float], ...]) -> None:
    found = coupled_walk(CoupledWalk(2, 1.0, KAPPA, 0.05, 1, nodes, 6, 0.1, 1.0, chunks=6), [0])
    assert found.calls == tuple(literal_steps(1.0, range(1), nodes, 6, 400))
    single = coupled_walk(CoupledWalk(2, 1.0, KAPPA, 0.05, 1, nodes, 1, 0.1, 1.0), [0])
    assert single.calls == tuple(literal_steps(1.0, range(1), nodes, 1, 400))  # the lag of one inner step counts


def test_with_noise_the_kernel_has_the_solver_s_law_and_another_prob_is_told_apart() -> None:
    most = 90
    literal = literal_steps(0.02, range(500), TWO, 1, most, T=1, h=0.1, rate=0.2)
    common = {"nodes": TWO, "K": 1, "rate": 0.2, "most": most}
    same = coupled_walk(CoupledWalk(1, 0.02, KAPPA, 0.1, 1, **common), range(1000, 6000))  # type: ignore[arg-type]
    other = coupled_walk(CoupledWalk(1, 0.05, KAPPA, 0.1, 1, **common), range(6000, 11000))  # type: ignore[arg-type]
    assert ks_2samp(literal, same.calls).pvalue > 1e-3
    assert ks_2samp(literal, other.calls).pvalue < 1e-3


def test_the_pieces_of_an_inner_loop_have_the_literal_law_and_four_of_them_have_not() -> None:
    def calls(first: int, **more: Any) -> tuple[int, ...]:
        config = CoupledWalk(4, 1e-3, KAPPA, 1 / 30, 1, TWO, 40, 0.025, **more)
        return coupled_walk(config, range(first, first + 800)).calls

    literal = calls(0, piece=1e-9)  # all 40 steps
    assert ks_2samp(literal, calls(1000)).pvalue > 1e-3
    assert ks_2samp(literal, calls(2000, piece=1e-9, chunks=4)).pvalue < 1e-3


def test_stocbio_with_masked_hessians_has_the_law_of_the_kernel() -> None:
    """Literal stocBiO with an oracle that masks grad^2 B in Hessian samples, and another prob_H told apart."""
    problem, h, most = coupled_of_length(KAPPA, 1, 0.02), 0.2, 100
    solver = StocBiO(most, alpha=4 / 3, beta=h / KAPPA**2, D=6, Q=2, eta=0.5)
    literal = first_steps(problem, solver, Masked(problem.prob, gamma_H=0.05), range(60), most)
    common = {"Q": 2, "e": 0.5, "most": most}
    same = coupled_walk(CoupledWalk(1, 0.05, KAPPA, h, 1, **common), range(1000, 3000))  # type: ignore[arg-type]
    other = coupled_walk(CoupledWalk(1, 0.02, KAPPA, h, 1, **common), range(3000, 5000))  # type: ignore[arg-type]
    assert ks_2samp(literal, same.calls).pvalue > 1e-3
    assert ks_2samp(literal, other.calls).pvalue < 1e-3


def test_prob_H_keeps_the_variance_of_a_hessian_sample_within_sigma_H() -> None:
    problem, sigma_H, rng = coupled_of_length(KAPPA, 4, 0.1), 5.0, np.random.default_rng(1)
    chance = hessian_probability(KAPPA, problem.eta, sigma_H, "quintic")
    z = np.zeros((400, 4))
    front = rng.integers(0, 4, 400)
    z[np.arange(4) < front[:, None]] = 2.0
    z[np.arange(400), front] = rng.uniform(0.2, 0.6, 400)
    y = np.concatenate([z, rng.uniform(-2.5, 2.5, (400, 2))], axis=1)
    columns = problem.masked_hvp_g(np.zeros((400, 1, 4)), y[:, None, :], np.eye(6))
    size = np.linalg.norm(columns, ord=2, axis=(1, 2)).max()
    assert size**2 * (1 - chance) / chance <= sigma_H**2
    assert size > 0.02 * sigma_H * chance**0.5  # the bound is not empty: within a factor of 50
    quarter = hessian_probability(KAPPA, problem.eta / 2, sigma_H, "quintic")
    assert quarter == pytest.approx(chance / 4)
    with pytest.raises(InputError, match="sigma_H"):
        hessian_probability(KAPPA, problem.eta, 0.0, "quintic")


def test_a_masked_product_is_unbiased_and_needs_its_part() -> None:
    problem = coupled_of_length(KAPPA, 2, 0.5)
    point = (np.array([[0.15, 0.0]]), np.array([[0.3, 0.1, 0.2, 0.1]]), np.array([[1.0, 2.0, -1e3, 1.0]]))
    oracle = StochasticOracle(problem, Masked(0.5, gamma_H=0.25), seeds=np.array([0]))
    answers = {tuple(oracle.hvp(*point, step=t)[0]) for t in range(40)}
    exact, hidden = problem.hvp_g(*point)[0], problem.masked_hvp_g(*point)[0]
    assert len(answers) == 2
    for answer in answers:
        assert any(np.allclose(answer, exact + (m - 1) * hidden, rtol=1e-12) for m in (0.0, 4.0))
    with pytest.raises(InputError, match="masked_hvp_g"):
        StochasticOracle(Separable(6.3, 31.0, 4.1, 0.04, 1.0), Masked(0.5, gamma_H=0.25))


@pytest.mark.parametrize(("method", "p"), [("plain", 1), ("plain", 2), ("plain", 4), ("normalised", 2)])
def test_tuned_runs_reveal_at_most_geometrically(method: str, p: int) -> None:
    config = candidates(method, p, 10**-6.4, 8, 1e-4, 1e-2)[1]
    found = coupled_walk(config, range(60))
    assert all(found.hit)
    assert domination(waits(found.reveal, 0), config.prob).holds
    assert violations(found.reveal, config.prob).holds


def test_a_nu_far_above_eta_takes_the_signal_away_at_every_order() -> None:
    assert cut(0.7) == 0.7
    assert cut(2.0) == 0.0
    for p in (2, 4):
        nodes = nodes_of(p)
        common = {"nodes": nodes, "K": 40, "rate": 0.1, "most": 3000}
        good = CoupledWalk(2, 0.5, KAPPA, 0.02, 1, nu_over_eta=whole(p), **common)  # type: ignore[arg-type]
        far = CoupledWalk(2, 0.5, KAPPA, 0.02, 1, nu_over_eta=50.0, **common)  # type: ignore[arg-type]
        assert all(coupled_walk(good, range(4)).hit)
        assert not any(coupled_walk(far, range(4)).hit)


def test_scales_keep_the_conditions() -> None:
    at, later = scales(10**-6.4), scales(10**-6.9)
    assert later["T"] / at["T"] == pytest.approx(10, rel=0.05)
    assert at["prob"] / later["prob"] == pytest.approx(100)
    assert at["prob_H"] / later["prob_H"] == pytest.approx(10)
    with pytest.raises(InputError, match="smallness"):
        scales(1e-6)
    with pytest.raises(InputError, match="consistent"):
        CoupledWalk(2, 0.1, 2.0, 0.1, 1, nodes=((1, 0.5),))


@pytest.mark.parametrize(("power", "word"), [(6, "strongly consistent"), (5, "inconsistent"), (4, "inconsistent")])
def test_the_analysis_tells_six_from_its_neighbours(power: int, word: str) -> None:
    experiment = next(e for e in experiments("quick") if e.options["method"] == "plain")
    rows = []
    for cell in experiment.cells():
        if cell.spec["p"] != 1:
            continue
        for seed in experiment.seeds.values:
            calls = int(1e-20 * cell.arguments["eps"] ** -power * 10 ** (6 * (6.4 if power < 6 else 0))) + seed
            common = {
                "T": 8,
                "prob": 0.1,
                "bound": 10.0,
                "below_bound": False,
                "S": 1,
                "K": 0,
                "log": 1.0,
                "nu": 1.0,
                "nodes": 1,
            }
            rows.append(
                {"experiment": experiment.name, "p": 1, "stencil": "paper", "seed": seed, "seconds": 0.0, **common,
                 "log10_eps": str(cell.arguments["log10_eps"]), "calls": calls, "censored": False}
            )  # fmt: skip
    found = analyse(rows, "quick").rows
    assert found[0]["verdict"] == word
    assert found[0]["slope"] == pytest.approx(power, abs=0.02)
