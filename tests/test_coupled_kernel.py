"""The coupled kernel against the instance and a literal solver, and the preset's exponents against planted ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from bounds import chain
from bounds.coupled import coupled_of_length
from bounds.soft_projection import huber_gradient, project, project_product
from solvers.coupled_kernel import CoupledWalk, coupled_walk, cut, fields
from solvers.f2sa_p import F2SAp
from synthetic.arrays import norm
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from verify.presets.lower_coupled import KAPPA, analyse, candidates, experiments, nodes_of, scales, whole
from verify.progress import domination, violations, waits

TWO = ((-1, -0.5), (1, 0.5))


def literal_steps(prob: float, seeds: range, nodes: tuple[tuple[int, float], ...], K: int, most: int) -> np.ndarray:
    """Outer steps of F2SA-p on the instance itself until ||grad phi|| <= target, ``most`` if later."""
    problem = coupled_of_length(KAPPA, 2, prob)
    p = max(j for j, _ in nodes) * (1 if nodes[0][0] == 0 else 2)
    solver = F2SAp(p, problem.eta, 0.05 / KAPPA**2, 0.2, 1, K, most, normalise=False)
    oracle = StochasticOracle(problem, problem.noise, experiment=5, seeds=np.array(seeds))
    state = solver.init(problem, np.zeros((len(seeds), 2)))
    first = np.full(len(seeds), most)
    for t in range(most):
        reached = norm(problem.hypergrad(state.x)) <= problem.target
        first = np.where(reached & (first == most), t, first)
        if np.all(first < most):
            break
        state = solver.step(state, oracle)
    return first


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


def test_with_noise_the_kernel_has_the_solver_s_law_and_another_prob_is_told_apart() -> None:
    literal = literal_steps(0.1, range(120), TWO, 2, 400)
    common = {"nodes": TWO, "K": 2, "rate": 0.1, "most": 400}
    same = coupled_walk(CoupledWalk(2, 0.1, KAPPA, 0.05, 1, **common), range(1000, 1400))  # type: ignore[arg-type]
    other = coupled_walk(CoupledWalk(2, 0.01, KAPPA, 0.05, 1, **common), range(2000, 2400))  # type: ignore[arg-type]
    assert ks_2samp(literal, same.calls).pvalue > 1e-3
    assert ks_2samp(literal, other.calls).pvalue < 1e-3


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
