"""The coupled instance: its closed forms, its conditions, and what breaks outside them."""

from __future__ import annotations

import numpy as np
import pytest

from bounds import chain
from bounds.coupled import Coupled, coupled, coupled_of_length, smallness
from bounds.frontier import Frontier
from bounds.gates import Gate
from bounds.rotation import Structured
from solvers.base import run
from solvers.f2sa_p import F2SAp
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem

GATES = ("quintic", "smooth")


def fronts(n: int, T: int, seed: int = 3) -> np.ndarray:
    """Points whose first coordinates are done, the next one in transition, the later ones small."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-0.2, 0.2, size=(n, T))
    front = rng.integers(0, T, size=n)
    done = np.arange(T) < front[:, None]
    z = np.where(done, rng.uniform(0.6, 3, size=(n, T)) * rng.choice([-1, 1], size=(n, T)), z)
    z[np.arange(n), front] = rng.uniform(0.2, 0.6, n) * rng.choice([-1, 1], n)
    return z


@pytest.mark.parametrize("kind", GATES)
def test_gates_and_their_derivatives(kind: str, asarray) -> None:
    gate = Gate(0.25, 0.5, kind)  # type: ignore[arg-type]
    t = np.linspace(0.2, 0.55, 3001)
    assert gate(np.array([0.0, 0.25, 0.375, 0.5, 9.0])) == pytest.approx([0, 0, 0.5, 1, 1])
    for k in (1, 2):
        found = to_numpy(gate(asarray(t), k))
        slope = (gate(t + 1e-6, k - 1) - gate(t - 1e-6, k - 1)) / 2e-6
        np.testing.assert_allclose(found, slope, atol=2e-4 * gate.bound(k))
        assert np.max(np.abs(found)) <= gate.bound(k)
        assert np.max(np.abs(found)) >= 0.99 * gate.bound(k)


@pytest.mark.parametrize("kind", GATES)
def test_frontier_is_the_next_link_and_its_derivatives_are_bounded(kind: str, asarray) -> None:
    frontier = Frontier(kind)  # type: ignore[arg-type]
    z = fronts(300, 5)
    p = np.random.default_rng(4).normal(size=z.shape)
    h = 1e-6
    slope = (frontier.value(z + h * p) - frontier.value(z - h * p)) / (2 * h)
    gradient = to_numpy(frontier.gradient(asarray(z)))
    np.testing.assert_allclose(np.sum(gradient * p, -1), slope, rtol=1e-4, atol=1e-3)
    turn = (frontier.gradient(z + h * p) - frontier.gradient(z - h * p)) / (2 * h)
    product = to_numpy(frontier.product(asarray(z), asarray(p)))
    np.testing.assert_allclose(product, turn, rtol=1e-3, atol=1e-3 * np.max(np.abs(turn)))
    top, first, second = frontier.bounds
    assert np.max(np.abs(frontier.value(z))) <= top
    assert np.max(np.linalg.norm(gradient, axis=-1)) <= first
    assert np.max(np.linalg.norm(product, axis=-1) / np.linalg.norm(p, axis=-1)) <= second
    still = np.where(np.abs(z) > 0.55, z, 0.0)  # nothing in transition: theta is the link after the last done one
    links = chain.links(still).Q
    done = chain.progress(still, 0.5)
    inside = done < 5
    np.testing.assert_allclose(frontier.value(still)[inside], links[inside, done[inside]], atol=1e-14)
    assert np.all(frontier.value(still)[~inside] == 0)


@pytest.mark.parametrize("kind", GATES)
def test_closed_forms_are_the_minimiser_and_the_hyperobjective(kind: str, asarray) -> None:
    problem = coupled_of_length(8.0, 5, 0.5, gates=kind)  # type: ignore[arg-type]
    assert isinstance(problem, BilevelProblem)
    x = fronts(40, 5) / 8
    y = problem.y_star(asarray(x))
    residual = to_numpy(problem.grad_g(asarray(x), y)[1])
    assert np.max(np.abs(residual)) < 1e-13
    np.testing.assert_allclose(to_numpy(problem.f(asarray(x), y)), to_numpy(problem.value(asarray(x))), rtol=1e-9)
    eigenvalues = np.linalg.eigvalsh(problem.hess_g(x, to_numpy(y)))
    rng = np.random.default_rng(9)
    away = np.concatenate([fronts(200, 5, 6), rng.uniform(-2, 2, size=(200, 2))], axis=-1)
    eigenvalues = np.concatenate([eigenvalues, np.linalg.eigvalsh(problem.hess_g(np.zeros((200, 5)), away))])
    assert np.min(eigenvalues) >= 1 / (2 * problem.kappa)
    assert np.max(eigenvalues) <= 1 + 1 / (2 * problem.kappa)
    assert np.min(eigenvalues) <= 1 / problem.kappa + 1e-9
    h, p = 1e-6, rng.normal(size=x.shape)
    slope = (problem.value(x + h * p) - problem.value(x - h * p)) / (2 * h)
    np.testing.assert_allclose(np.sum(problem.hypergrad(x) * p, -1), slope, rtol=1e-5, atol=1e-3)
    turn = (problem.hypergrad(x + h * p) - problem.hypergrad(x - h * p)) / (2 * h)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", problem.hyperhess(x), p), turn, rtol=1e-4, atol=0.1)
    unfinished = problem.progress(x, 1 - 1e-12) < 5
    assert unfinished.sum() > 10
    assert np.min(np.linalg.norm(problem.hypergrad(x[unfinished]), axis=-1)) > problem.target


def test_implicit_function_gradient_agrees() -> None:
    """grad phi = grad_x f - g_xy g_yy^{-1} grad_y f at y*: nothing of the closed form is used."""
    problem = coupled_of_length(4.0, 4, 0.5)
    x = fronts(30, 4) / 4
    y = problem.y_star(x)
    fx, fy = problem.grad_f(x, y)
    v = np.linalg.solve(problem.hess_g(x, y), fy[..., None])[..., 0]
    np.testing.assert_allclose(fx - problem.jvp_g(x, y, v), problem.hypergrad(x), rtol=1e-6, atol=1e-6)


def test_perturbed_minimiser_solves_its_equation() -> None:
    problem = coupled_of_length(2.0, 4, 0.5)
    x, nu = fronts(10, 4) / 2, 1e-9
    y = problem.y_star(x, nu)
    residual = problem.grad_g(x, y)[1] + nu * problem.grad_f(x, y)[1]
    assert np.max(np.abs(residual)) < 1e-12


def test_outside_the_conditions_the_curvature_is_negative_and_the_minimiser_wrong() -> None:
    with pytest.raises(InputError, match="eta"):
        Coupled(8.0, 5, 0.1)
    wild = Coupled(8.0, 5, 0.1, enforce=False, gates="smooth")
    rng = np.random.default_rng(1)
    y = np.concatenate([fronts(2000, 5), rng.uniform(-2, 2, size=(2000, 2))], axis=-1)
    assert np.min(np.linalg.eigvalsh(wild.hess_g(np.zeros((2000, 5)), y))) < -1e3
    # (i): |v1*| > eta, so that psi(v1*) != v1*
    far = Coupled(8.0, 5, 0.9, enforce=False)
    x = np.array([[2.0, 0, 0, 0, 0]]) / 8
    assert np.max(np.abs(far.grad_g(x, far.y_star(x))[1])) > 1e-2
    good = coupled_of_length(8.0, 5, 0.5)
    assert np.max(np.abs(good.grad_g(x, good.y_star(x))[1])) < 1e-14
    assert smallness(8.0, "smooth")["eta"] < 1e-6 < 1e-4


def test_variance_is_within_sigma_and_a_smaller_prob_breaks_a_sharper_bound() -> None:
    problem = coupled_of_length(2.0, 5, 0.01)
    assert problem.prob == pytest.approx(0.01)
    rng = np.random.default_rng(2)
    y = np.concatenate([fronts(4000, 5), rng.uniform(-1.5, 1.5, size=(4000, 2))], axis=-1)
    spread = problem.noise.variance(problem, np.zeros((4000, 5)), y)[1] * problem.eta**2
    assert np.max(spread) <= problem.sigma**2
    assert np.max(spread) > 1e-4 * problem.sigma**2


def test_the_class_builder_and_its_refusals() -> None:
    found = coupled(2.0, 1e-7, 1e-11, 1e-9)
    assert found.eta == pytest.approx(2e-7)
    assert int(1e-11 / (24 * 4e-14)) == found.T
    assert found.target == pytest.approx(found.eps / found.eta)
    with pytest.raises(InputError, match="one link"):
        coupled(2.0, 1e-7, 1e-15, 1e-9)
    with pytest.raises(InputError, match="kappa"):
        Coupled(1.5, 3)
    with pytest.raises(InputError, match="pass 1"):
        found.constants(2)
    constants = found.constants(1)
    assert constants.mu.value == 0.25
    assert constants.L[2].how == "enclosed"


def test_a_solver_runs_and_does_not_see_a_rotation() -> None:
    plain = coupled_of_length(2.0, 4, 0.5)
    rotation = Structured(4, 8, seed=1)
    turned = Coupled(2.0, 4, plain.eta, plain.sigma, rotation=rotation)
    solver = F2SAp(1, 1e-3 * plain.eta, 0.05, 0.5, 1, 20, 11)
    ends = []
    for problem in (plain, turned):
        oracle = StochasticOracle(problem, problem.noise, experiment=1)
        found = run(solver, problem, oracle, np.zeros(problem.dim_x))
        assert found.counts.sfo == solver.calls
        ends.append(found.state.x)
    np.testing.assert_allclose(rotation.up(ends[0]), ends[1], atol=1e-6)
    assert np.linalg.norm(ends[0]) > 0.04


@pytest.mark.parametrize("gates", ["quintic", "smooth"])
def test_the_bound_on_the_third_derivative_holds_and_has_its_scale(gates: str) -> None:
    sizes = []
    for eta in (1e-7, 4e-7):
        problem = Coupled(2.0, 6, eta, gates=gates, enforce=False)
        bound, seen = problem.third_bound(), problem.third_derivative()
        assert seen < bound < (30 if gates == "quintic" else 3000) * seen
        sizes.append(bound / eta)
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-3)
    assert problem.constants(1).L[2].value == problem.third_bound()
