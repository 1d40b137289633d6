"""Strict saddles and heterogeneous agents, held against differences, exact forms and closed formulas."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from solvers.f2ba import F2BA
from synthetic.agents import Agents, heterogeneous_agents
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.linear_quadratic import dense_lq
from synthetic.problem import BilevelProblem
from synthetic.registry import INSTANCES, instance
from synthetic.saddle import StrictSaddle, strict_saddle

RNG = np.random.default_rng(0)


def differences(function: Any, x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Central differences of a function along each coordinate, last axis."""
    return np.stack([(function(x + e) - function(x - e)) / (2 * h) for e in h * np.eye(x.shape[-1])], axis=-1)


def joint_differences(problem: Any, level: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Differences of f or g along x and y together."""
    function = getattr(problem, level)
    return differences(lambda u: function(u[..., :2], u[..., 2:]), np.hstack([x, y]))


# -- strict saddle ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "a"), [(1.0, 1.0), (0.25, 2.0), (3.0, 0.5)])
def test_saddle_constants_are_exact(gamma: float, a: float) -> None:
    phi = StrictSaddle(dim=3, unstable=2, gamma=gamma, a=a, stable=0.5)
    s = sp.Symbol("s", real=True)
    h = phi.expr((s, sp.Integer(0), sp.Integer(0)))
    third = sp.lambdify(s, sp.diff(h, s, 3))
    second = sp.lambdify(s, sp.diff(h, s, 2))
    grid = np.linspace(-6, 6, 240001)
    assert np.max(np.abs(third(grid))) == pytest.approx(phi.rho, rel=1e-7)
    assert max(np.max(np.abs(second(grid))), phi.stable) == pytest.approx(phi.L, rel=1e-7)
    assert second(0.0) == pytest.approx(-gamma, rel=1e-14)
    assert np.min(second(grid)) == pytest.approx(-gamma)
    value = sp.lambdify(s, h)
    assert 2 * np.min(value(grid)) == pytest.approx(phi.inf, rel=1e-8)
    assert abs(grid[np.argmin(value(grid))]) == pytest.approx(phi.well, abs=1e-4)


def test_saddle_derivatives() -> None:
    phi = StrictSaddle(dim=3, unstable=1, gamma=0.7, a=1.3, stable=2.0)
    x = RNG.normal(size=(20, 3))
    np.testing.assert_allclose(phi.grad(x), differences(phi.value, x), atol=1e-8)
    np.testing.assert_allclose(phi.hess(x), differences(phi.grad, x), atol=1e-8)
    symbols = sp.symbols("x:3", real=True)
    exact = sp.lambdify([symbols], phi.expr(symbols))
    np.testing.assert_allclose(phi.value(x), [exact(row) for row in x], rtol=1e-13)
    np.testing.assert_allclose(np.linalg.eigvalsh(phi.hess(np.zeros(3)))[0], -0.7)


@pytest.mark.parametrize("quartic", [0.0, 0.5])
def test_strict_saddle_is_what_it_says(quartic: float) -> None:
    problem = strict_saddle(dim=3, gamma=0.5, coupling=0.4, quartic=quartic)
    assert isinstance(problem, BilevelProblem)
    x = RNG.normal(size=(10, 3))
    np.testing.assert_allclose(problem.grad_g(x, problem.y_star(x))[1], 0, atol=1e-14)
    np.testing.assert_allclose(problem.f(x, problem.y_star(x)), problem.value(x), rtol=1e-14)
    # even in each pair (x_i, y_i)
    y = RNG.normal(size=(10, 3))
    flip = np.array([-1.0, 1.0, 1.0])
    for h in (problem.f, problem.g):
        np.testing.assert_allclose(h(flip * x, flip * y), h(x, y), rtol=1e-13)
    solver = F2BA(lam=20.0, eta=0.1, tau=0.01, alpha=0.4, K_0=1, K=1, T=1)
    slope = solver.estimate(problem, x) - problem.hypergrad(x)
    if quartic:
        assert np.max(np.abs(slope)) > 1e-4
    else:  # the closed form of the docstring
        stiff = np.array([1.0, 1.5, 2.0])
        np.testing.assert_allclose(slope, -(0.4**2) / (20.0 * stiff + 0.5) * x, atol=1e-12)
    np.testing.assert_array_equal(solver.estimate(problem, np.zeros(3)), 0)


# -- agents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonconvex", [False, True])
def test_aggregate_is_the_mean_of_its_agents(nonconvex: bool) -> None:
    problem = heterogeneous_agents(m=3, nonconvex=nonconvex, seed=2)
    assert isinstance(problem, BilevelProblem)
    x, y, v = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3))
    for name, points in (("f", (x, y)), ("g", (x, y)), ("hvp_g", (x, y, v)), ("jvp_g", (x, y, v))):
        each = [getattr(agent, name)(*points) for agent in problem.agents]
        np.testing.assert_allclose(getattr(problem, name)(*points), np.mean(each, axis=0), rtol=1e-13)
    for level in "fg":
        x_part, y_part = getattr(problem, f"grad_{level}")(x, y)
        np.testing.assert_allclose(np.hstack([x_part, y_part]), joint_differences(problem, level, x, y), atol=1e-8)


@pytest.mark.parametrize("nonconvex", [False, True])
def test_aggregate_hyperobjective(nonconvex: bool) -> None:
    problem = heterogeneous_agents(m=3, nonconvex=nonconvex, seed=2)
    x = RNG.normal(size=(7, 2))
    for nu in (0.0, 0.1, -0.05):
        y = problem.y_star(x, nu)
        np.testing.assert_allclose(nu * problem.grad_f(x, y)[1] + problem.grad_g(x, y)[1], 0, atol=1e-13)
    np.testing.assert_allclose(problem.value(x), problem.f(x, problem.y_star(x)), rtol=1e-12)
    np.testing.assert_allclose(problem.hypergrad(x), differences(problem.value, x), atol=1e-8)
    np.testing.assert_allclose(problem.hyperhess(x), differences(problem.hypergrad, x), atol=1e-8)
    form = problem.exact()
    point = [Fraction(1, 3), Fraction(-2, 7)]
    here = np.array([float(v) for v in point])
    np.testing.assert_allclose([float(v) for v in form.hypergrad(point)], problem.hypergrad(here), rtol=1e-13)
    np.testing.assert_allclose([float(v) for v in form.at(point).y0], problem.y_star(here), rtol=1e-13)


def test_local_hypergradients_do_not_average_to_the_true_one() -> None:
    x = np.array([0.3, -0.8])
    problem = heterogeneous_agents(m=4, spread=1.0, seed=1)
    local = np.mean([agent.hypergrad(x) for agent in problem.agents], axis=0)
    np.testing.assert_allclose(problem.average_of_hypergrads(x), local, rtol=1e-14)
    assert np.linalg.norm(local - problem.hypergrad(x)) > 0.2 * np.linalg.norm(problem.hypergrad(x))
    # the formula of the docstring, written with its sums
    gap = np.zeros(2)
    for a in problem.agents:
        D = problem.B - a.B
        gap += D.T @ a.c0 + (D.T @ a.G + a.G.T @ D + D.T @ a.A_f @ D) @ x
    np.testing.assert_allclose(problem.hypergrad(x) - local, gap / 4, rtol=1e-12)
    alike = heterogeneous_agents(m=4, spread=0.0, seed=1)
    np.testing.assert_allclose(alike.average_of_hypergrads(x), alike.hypergrad(x), rtol=1e-12)
    # implicit differentiation of the means against the mean of implicit differentiations (paper 001, section 2)
    y = problem.y_star(x)
    solve = lambda p: np.linalg.solve(p.A_g, p.grad_f(x, y)[1])  # noqa: E731
    together = problem.grad_f(x, y)[0] - problem.jvp_g(x, y, solve(problem))
    apart = np.mean([a.grad_f(x, y)[0] - a.jvp_g(x, y, solve(a)) for a in problem.agents], axis=0)
    np.testing.assert_allclose(together, problem.hypergrad(x), rtol=1e-12)
    assert np.linalg.norm(apart - together) > 0.05


def test_agents_constants_hold() -> None:
    problem = heterogeneous_agents(m=3, seed=5)
    constants = problem.constants(1)
    eye = np.eye(3)
    x, y = RNG.uniform(-0.5, 0.5, 2), RNG.uniform(-1, 1, 3)
    hessian = np.stack([problem.hvp_g(x, y, e) for e in eye])
    assert np.linalg.eigvalsh(hessian)[0] >= constants.mu.value
    cross = np.stack([problem.jvp_g(x, y, e) for e in eye])
    assert np.linalg.norm(np.hstack([cross, hessian]), 2) <= constants.L[1].value
    assert np.linalg.norm(problem.grad_f(x, y)[1]) <= constants.L[0].value


def test_stacked_rows_are_the_agents(asarray) -> None:
    problem = heterogeneous_agents(m=3, seed=5)
    X, Y = asarray(RNG.normal(size=(2, 3, 2))), asarray(RNG.normal(size=(2, 3, 3)))
    gx, gy = problem.stacked.grad_f(X, Y)
    assert gx.shape == (2, 3, 2)
    assert gy.shape == (2, 3, 3)
    for i, agent in enumerate(problem.agents):
        a, b = agent.grad_f(X[:, i, :], Y[:, i, :])
        for got, want in ((gx[:, i, :], a), (gy[:, i, :], b)):
            np.testing.assert_array_equal(to_numpy(got), to_numpy(want))
    assert problem.stack([2, 0]).agents == (problem.agents[2], problem.agents[0])


def test_registered_instances_build() -> None:
    for name in ("strict-saddle", "agents", "lq-dial", "polynomial-dial"):
        assert name in INSTANCES
        assert isinstance(instance(name), BilevelProblem)


def test_bad_input_names_the_argument() -> None:
    problem = heterogeneous_agents(m=2)
    for words, call in (
        ("unstable", lambda: StrictSaddle(dim=2, unstable=3)),
        ("gamma", lambda: strict_saddle(gamma=-1.0)),
        ("dim", lambda: strict_saddle(dim=0)),
        ("agents", lambda: Agents([])),
        ("agents", lambda: Agents([dense_lq(2, 3), dense_lq(2, 2)])),
        ("spread", lambda: heterogeneous_agents(spread=float("nan"))),
        ("m =", lambda: heterogeneous_agents(m=0)),
        ("x", lambda: problem.stacked.grad_f(np.zeros((3, 2)), np.zeros((3, 3)))),
        ("nu", lambda: problem.y_star(np.zeros(2), -5.0)),
    ):
        with pytest.raises(InputError, match=words):
            call()
