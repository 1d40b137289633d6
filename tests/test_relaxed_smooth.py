"""Relaxed-smooth upper levels: derivatives, the certificate searched adversarially, and a wrong constant caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.growth import Exponential, Growth, Power
from synthetic.problem import BilevelProblem
from synthetic.registry import instance
from synthetic.relaxed_smooth import THETA, RelaxedConstants, RelaxedSmooth, relaxed_smooth

PROBLEMS = {
    "exponential": relaxed_smooth("exponential", n=2, dim_y=2),
    "polynomial": relaxed_smooth("polynomial", n=1, dim_y=3, beta=0.5),
    "mixed": RelaxedSmooth(
        np.diag([1.0, 2.0]), [[0.5], [-0.25]], [1.0, 0.5], Exponential(0.5, 2.0), Power(0.3, 6, 0.7), beta=0.75, w=0.5
    ),
}


N = 6_000


def derivative(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    return np.array([(function(at + step * e) - function(at - step * e)) / (2 * step) for e in np.eye(len(at))])


@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives_and_the_implicit_hyper_gradient(name: str) -> None:
    problem = PROBLEMS[name]
    assert isinstance(problem, BilevelProblem)
    rng = np.random.default_rng(1)
    x, y, v = (rng.uniform(-1.5, 1.5, d) for d in (problem.dim_x, problem.dim_y, problem.dim_y))
    close = {"rtol": 1e-6, "atol": 1e-7}
    for value, gradient in ((problem.f, problem.grad_f), (problem.g, problem.grad_g)):
        gx, gy = gradient(x, y)
        np.testing.assert_allclose(gx, derivative(lambda u, value=value: value(u, y), x), **close)
        np.testing.assert_allclose(gy, derivative(lambda u, value=value: value(x, u), y), **close)
    np.testing.assert_allclose(problem.hvp_g(x, y, v), derivative(lambda u: problem.grad_g(x, u)[1], y).T @ v, **close)
    np.testing.assert_allclose(problem.jvp_g(x, y, v), derivative(lambda u: problem.grad_g(u, y)[1], x) @ v, **close)
    np.testing.assert_allclose(problem.hypergrad(x), derivative(problem.value, x), **close)
    np.testing.assert_allclose(problem.hyperhess(x), derivative(problem.hypergrad, x), **close)
    y = problem.y_star(x)
    hessian = np.array([problem.hvp_g(x, y, e) for e in np.eye(problem.dim_y)])
    implicit = problem.grad_f(x, y)[0] - problem.jvp_g(x, y, np.linalg.solve(hessian, problem.grad_f(x, y)[1]))
    np.testing.assert_allclose(problem.hypergrad(x), implicit, rtol=1e-12, atol=1e-13)
    assert np.linalg.norm(problem.grad_f(x, y)[1]) <= problem.relaxed_constants().M


@pytest.mark.parametrize("nu", [0.0, 0.25])
def test_y_star_nu_is_stationary(nu: float) -> None:
    problem = PROBLEMS["mixed"]
    x = np.array([0.5, -1.0, 0.75])
    y = problem.y_star(x, nu)
    residual = nu * problem.grad_f(x, y)[1] + problem.grad_g(x, y)[1]
    assert np.linalg.norm(residual) < 1e-12


@pytest.mark.parametrize("s", [Exponential(0.7, 1.3), Power(0.4, 4, 0.9, 0.2), Power(2.0, 6, 3.0), Power(1.0, 8, 0.5)])
def test_growth_certificate_is_tight_on_the_line(s: Growth) -> None:
    """s'' <= a + w |s'| everywhere, and a is the least such number: it is reached."""
    t = np.linspace(-12, 12, 240_001)[:, None] / s.w
    second, slope = s.at(t, 2), s.w * np.abs(s.at(t, 1))
    assert np.all(second <= (s.a + slope) * (1 + 1e-14))
    if not isinstance(s, Power) or s.c == 0:
        assert np.max(second - slope) > 0.999999 * s.a


def ratio(problem: RelaxedSmooth, k: RelaxedConstants, u: np.ndarray, step: np.ndarray, part: int) -> np.ndarray:
    """LHS/RHS of Assumption 1 for the x (0) or y (1) part; u, step (..., dx + dy), the step scaled to the radius."""
    size = np.linalg.norm(step, axis=-1, keepdims=True)
    step = step / np.maximum(size, 1e-300) * k.radius * np.minimum(1.0, size)
    split = lambda w: (w[..., : problem.dim_x], w[..., problem.dim_x :])  # noqa: E731
    here, there = problem.grad_f(*split(u))[part], problem.grad_f(*split(u + step))[part]
    L0, L1 = ((k.L_x0, k.L_x1), (k.L_y0, k.L_y1))[part]
    away = np.linalg.norm(step, axis=-1)
    change = np.linalg.norm(there - here, axis=-1)
    bound = (L0 + L1 * np.linalg.norm(here, axis=-1)) * away
    return np.where((away > 1e-12) & np.isfinite(bound) & np.isfinite(change), change / (bound + 1e-300), 0.0)


def worst(problem: RelaxedSmooth, k: RelaxedConstants, part: int, seed: int = 0) -> float:
    """Search for a violation: random points at many scales, then Nelder-Mead from the best ones."""
    rng, d = np.random.default_rng(seed), problem.dim_x + problem.dim_y
    scale = 10.0 ** rng.uniform(-2, 1.3, (N, 1))
    u, step = scale * rng.standard_normal((N, d)), rng.standard_normal((N, d))
    step *= 10.0 ** rng.uniform(-4, 1, (N, 1))
    # half of the points at y = y*(x), where grad_y f is smallest
    u[::2, problem.dim_x :] = problem.y_star(u[::2, : problem.dim_x])
    found = ratio(problem, k, u, step, part)
    best = float(np.max(found))
    for i in np.argsort(found)[-2:]:
        start = np.concatenate([u[i], step[i]])
        run = minimize(lambda w: -float(ratio(problem, k, w[:d], w[d:], part)), start, method="Nelder-Mead",
                       options={"maxiter": 400, "xatol": 1e-6, "fatol": 1e-9})  # fmt: skip
        best = max(best, -float(run.fun))
    return best


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("part", [0, 1])
def test_assumption_1_survives_an_adversarial_search(name: str, part: int) -> None:
    problem = PROBLEMS[name]
    with np.errstate(over="ignore", invalid="ignore"):
        found = worst(problem, problem.relaxed_constants(), part)
    assert 0.01 < found <= 1.0


def test_the_search_catches_wrong_constants() -> None:
    """L_y0 a third of the certified one, or a curvature rate w halved in L_y1, is refuted."""
    problem = PROBLEMS["exponential"]
    k = problem.relaxed_constants()
    with np.errstate(over="ignore", invalid="ignore"):
        assert worst(problem, replace(k, L_y0=k.L_y0 / 3), 1) > 1.05
        assert worst(problem, replace(k, L_y1=k.L_y1 / 2.5), 1) > 1.05
        assert worst(problem, replace(k, L_x0=k.L_x0 / 20, L_x1=k.L_x1 / 20), 0) > 1.05


@pytest.mark.parametrize("name", PROBLEMS)
def test_lemma_c3_holds_for_phi(name: str) -> None:
    """||grad phi(x) - grad phi(x')|| <= (K_0 + K_1 ||grad phi(x')||) ||x - x'|| within the radius of Eq. (14)."""
    problem, rng = PROBLEMS[name], np.random.default_rng(3)
    k = problem.relaxed_constants()
    x = 10.0 ** rng.uniform(-2, 1, (N, 1)) * rng.standard_normal((N, problem.dim_x))
    step = rng.standard_normal(x.shape)
    step *= k.radius_x * rng.uniform(0, 1, (N, 1)) / np.linalg.norm(step, axis=-1, keepdims=True)
    change = np.linalg.norm(problem.hypergrad(x) - problem.hypergrad(x + step), axis=-1)
    bound = (k.K_0 + k.K_1 * np.linalg.norm(problem.hypergrad(x), axis=-1)) * np.linalg.norm(step, axis=-1)
    assert np.all(change <= bound)


def test_smoothness_really_is_unbounded() -> None:
    """||D^2 f|| along a ray grows without bound: exponentially, and like t^2."""
    for name, expected in (("exponential", np.cosh(8.0) / np.cosh(4.0)), ("polynomial", 4.0)):
        problem = relaxed_smooth(name, n=1, dim_y=1)
        sizes = [problem.hyperhess(np.array([t, 0.0]))[0, 0] for t in (4.0, 8.0)]
        assert sizes[1] / sizes[0] == pytest.approx(expected, rel=0.03)


def test_theta_solves_its_equation() -> None:
    s = 1 / (np.sqrt(2) * THETA)
    assert np.expm1(s) / s == pytest.approx(THETA, rel=1e-14)


def test_exact_form_and_array_library(asarray) -> None:
    problem = relaxed_smooth("polynomial")
    form = problem.exact()
    point = dict(zip((*form.x, *form.y), (0.5, -0.25, 1.0, 0.75, -0.5)))
    x, y = np.array([0.5, -0.25, 1.0]), np.array([0.75, -0.5])
    assert float(form.f.subs(point)) == pytest.approx(problem.f(x, y), rel=1e-12)
    assert float(form.phi.subs(point)) == pytest.approx(problem.value(x), rel=1e-12)
    assert relaxed_smooth("exponential").exact() is None
    got = problem.grad_f(asarray(x), asarray(y))[0]
    assert type(got) is type(asarray(x))
    np.testing.assert_allclose(to_numpy(got), problem.grad_f(x, y)[0], rtol=1e-14)


def test_bad_input_and_registry() -> None:
    for call, argument in (
        (lambda: relaxed_smooth("cubic"), "growth"),
        (lambda: relaxed_smooth(rate=-1.0), "rate"),
        (lambda: Power(1.0, 5), "q"),
        (lambda: Exponential(0.0), "a"),
        (lambda: relaxed_smooth().constants(1), "problem"),
        (lambda: RelaxedSmooth(np.eye(2), [1.0, 2.0], [0.0, 0.0], Exponential(), Exponential()), "B_1"),
    ):
        with pytest.raises(InputError, match=argument):
            call()
    assert instance("relaxed-smooth", growth="polynomial").name == "relaxed-smooth polynomial"
