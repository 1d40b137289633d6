"""Instances: gradients against differences, closed forms against independent computations, constants against search."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.stencil import stencil
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper, Ramp, RationalWells
from synthetic.linear_quadratic import LinearQuadratic, dense_lq, diagonal_lq
from synthetic.polynomial import Polynomial, skewed_polynomial
from synthetic.problem import BilevelProblem
from synthetic.registry import INSTANCES, instance

PROBLEMS = {
    "dense-lq": dense_lq(),
    "diagonal-lq": diagonal_lq(phi=Ramp(0.25)),
    "polynomial": skewed_polynomial(),
    "polynomial-3-2": skewed_polynomial(dim_x=3, dim_y=2, nonconvex=False),
}


def point(problem: BilevelProblem, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple(rng.uniform(-1, 1, d) for d in (problem.dim_x, problem.dim_y, problem.dim_y))


def derivative(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences: rows are directions, error O(step^2)."""
    return np.array([(function(at + step * e) - function(at - step * e)) / (2 * step) for e in np.eye(len(at))])


@pytest.mark.parametrize("name", PROBLEMS)
def test_meets_the_protocol(name: str) -> None:
    assert isinstance(PROBLEMS[name], BilevelProblem)


@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_match_differences(name: str) -> None:
    problem = PROBLEMS[name]
    x, y, v = point(problem)
    fx, fy = problem.grad_f(x, y)
    gx, gy = problem.grad_g(x, y)
    close = {"rtol": 1e-7, "atol": 1e-8}
    np.testing.assert_allclose(fx, derivative(lambda u: problem.f(u, y), x), **close)
    np.testing.assert_allclose(fy, derivative(lambda u: problem.f(x, u), y), **close)
    np.testing.assert_allclose(gx, derivative(lambda u: problem.g(u, y), x), **close)
    np.testing.assert_allclose(gy, derivative(lambda u: problem.g(x, u), y), **close)
    np.testing.assert_allclose(problem.hvp_g(x, y, v), derivative(lambda u: problem.grad_g(x, u)[1], y).T @ v, **close)
    np.testing.assert_allclose(problem.jvp_g(x, y, v), derivative(lambda u: problem.grad_g(u, y)[1], x) @ v, **close)
    np.testing.assert_allclose(problem.hypergrad(x), derivative(problem.value, x), **close)
    np.testing.assert_allclose(problem.hyperhess(x), derivative(problem.hypergrad, x), **close)


@pytest.mark.parametrize("name", PROBLEMS)
def test_hypergrad_is_the_implicit_one(name: str) -> None:
    """Eq. (2) of paper 000, with the Hessian assembled column by column from HVPs."""
    problem = PROBLEMS[name]
    x, _, _ = point(problem, 1)
    y = problem.y_star(x)
    hessian = np.array([problem.hvp_g(x, y, e) for e in np.eye(problem.dim_y)])
    implicit = problem.grad_f(x, y)[0] - problem.jvp_g(x, y, np.linalg.solve(hessian, problem.grad_f(x, y)[1]))
    np.testing.assert_allclose(problem.hypergrad(x), implicit, rtol=1e-12, atol=1e-13)
    wrong_sign = problem.grad_f(x, y)[0] + problem.jvp_g(x, y, np.linalg.solve(hessian, problem.grad_f(x, y)[1]))
    assert np.linalg.norm(problem.hypergrad(x) - wrong_sign) > 1e-3
    np.testing.assert_allclose(problem.value(x), problem.f(x, y), rtol=1e-13)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("nu", [0.0, 0.125, -0.125])
def test_y_star_is_the_minimiser(name: str, nu: float) -> None:
    problem = PROBLEMS[name]
    x = np.stack([point(problem, s)[0] for s in range(3)])
    y = problem.y_star(x, nu)
    gradient = nu * problem.grad_f(x, y)[1] + problem.grad_g(x, y)[1]
    assert np.max(np.abs(gradient)) < 1e-13
    each = np.stack([problem.y_star(row, nu) for row in x])
    np.testing.assert_allclose(y, each, rtol=1e-13, atol=1e-14)
    nus = np.array([nu, nu / 2, -nu])
    np.testing.assert_allclose(problem.y_star(x, nus)[0], y[0], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", PROBLEMS)
def test_array_library_is_kept(name: str, asarray) -> None:
    problem = PROBLEMS[name]
    x, y, v = point(problem)
    X, Y, V = (asarray(np.stack([a, 2 * a])) for a in (x, y, v))
    calls = [
        (problem.f(X, Y), problem.f(x, y)),
        (problem.g(X, Y), problem.g(x, y)),
        *zip(problem.grad_f(X, Y), problem.grad_f(x, y)),
        *zip(problem.grad_g(X, Y), problem.grad_g(x, y)),
        (problem.hvp_g(X, Y, V), problem.hvp_g(x, y, v)),
        (problem.jvp_g(X, Y, V), problem.jvp_g(x, y, v)),
        (problem.y_star(X, 0.1), problem.y_star(x, 0.1)),
        (problem.hypergrad(X), problem.hypergrad(x)),
        (problem.hyperhess(X), problem.hyperhess(x)),
    ]
    for got, expected in calls:
        assert type(got) is type(X)
        assert got.device == X.device
        np.testing.assert_allclose(to_numpy(got)[0], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", ["dense-lq", "polynomial"])
def test_exact_form_is_the_same_instance(name: str) -> None:
    problem = PROBLEMS[name]
    form = problem.exact()
    x, y, _ = point(problem)
    values = dict(zip(form.x, map(sp.Rational, map(Fraction, x)))) | dict(
        zip(form.y, map(sp.Rational, map(Fraction, y)))
    )
    assert float(form.f.subs(values)) == pytest.approx(float(problem.f(x, y)), rel=1e-13)
    assert float(form.g.subs(values)) == pytest.approx(float(problem.g(x, y)), rel=1e-13)
    np.testing.assert_allclose([float(v) for v in form.hypergrad(x)], problem.hypergrad(x), rtol=1e-13)


@pytest.mark.parametrize("name", ["dense-lq", "polynomial"])
def test_jets_against_newton_and_eq_9(name: str) -> None:
    """psi_1 = grad phi exactly (Eq. (9)); the series to order 12 against Newton's method at 60 digits."""
    problem = PROBLEMS[name]
    x = [Fraction(1, 2), Fraction(-1, 4), Fraction(3, 4)][: problem.dim_x]
    local, form = problem.exact().at(x), problem.exact()
    jets = local.jets(12)
    assert [row[1] for row in jets.psi] == form.hypergrad(x)
    with mp.workdps(60):
        nu = mp.mpf(1) / 2**12
        series = [sum(mp.mpf(c.numerator) / c.denominator * nu**k for k, c in enumerate(row)) for row in jets.psi]
        gap = mp.norm(local.psi(nu) - mp.matrix(series))
        largest = max(abs(float(row[12])) for row in jets.psi)
        assert gap < 100 * (1 + largest) * nu**13
        assert gap > 0


@pytest.mark.parametrize("p", range(1, 9))
@pytest.mark.parametrize("family", ["central", "one_sided", "balanced"])
def test_closed_form_bias_of_the_linear_quadratic_family(p: int, family: str) -> None:
    """The printed formula against the estimator assembled from closed-form y*, at a nu where all terms matter."""
    if (family == "central" and p % 2) or (family == "balanced" and p % 2 == 0):
        return
    problem, nu = dense_lq(), 0.07
    x = np.array([[0.5, -0.25, 0.75], [1.0, 2.0, -1.0]])
    s = stencil(p, family)
    total = -problem.hypergrad(x)
    for j, a in zip(s.nodes, map(float, s.weights)):
        y = problem.y_star(x, j * nu)
        total = total + a * (j * problem.grad_f(x, y)[0] + problem.grad_g(x, y)[0] / nu)
    np.testing.assert_allclose(problem.bias(x, s.nodes, nu), total, rtol=1e-6, atol=1e-12)


def test_constants_bound_what_a_search_finds() -> None:
    """Sampled third and second differences on the region stay below the enclosed L_0, L_1, L_2 (and above mu)."""
    problem = skewed_polynomial()
    constants = problem.constants(3)
    r_x, r_y = problem.region
    rng = np.random.default_rng(0)
    x, y = (r * u / np.linalg.norm(u, axis=1, keepdims=True) for r, u in
            ((r_x, rng.normal(size=(400, 2))), (r_y, rng.normal(size=(400, 2)))))  # fmt: skip
    L0, L1, L2 = (c.value for c in constants.L[:3])
    fy = np.linalg.norm(problem.grad_f(x, y)[1], axis=1)
    assert fy.max() <= L0 * (1 + 1e-12)
    assert fy.max() > L0 / 20
    dx, dy = rng.normal(size=(2, 400, 2)) * 1e-4
    gap = np.sqrt(np.sum(dx**2 + dy**2, axis=1))
    for gradient in (problem.grad_f, problem.grad_g):
        change = np.hypot(*(np.linalg.norm(a - b, axis=1) for a, b in zip(gradient(x + dx, y + dy), gradient(x, y))))
        assert (change / gap).max() <= L1 * 1.001
    v = rng.normal(size=(400, 2))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    for product in (problem.hvp_g, problem.jvp_g):
        change = np.linalg.norm(product(x + dx, y + dy, v) - product(x, y, v), axis=1)
        assert (change / gap).max() <= L2 * 1.001
    curvature = [np.linalg.eigvalsh(np.array([problem.hvp_g(a, b, e) for e in np.eye(2)]))[0] for a, b in zip(x, 9 * y)]
    assert min(curvature) >= constants.mu.value * (1 - 1e-9)
    assert all(c.how == "enclosed" for c in constants.L)


def test_linear_quadratic_constants_by_hand() -> None:
    """A_g = a I, B = 0: mu = a, L_1 of g is a; D^3 of f and g vanish, so L_2 = L_3 = 0."""
    problem = diagonal_lq(d=2, a=2.0, h=0.5, c0=1.0, gamma=0.0, b=0.0, phi=QuadraticHyper((1.0, 1.0)))
    constants = problem.constants(2)
    assert constants.mu.value == pytest.approx(2.0, rel=1e-8)
    assert constants.L[2].value == constants.L[3].value == 0
    assert constants.L[0].value == pytest.approx(np.sqrt(2) + 0.5 * problem.region[1], rel=1e-8)
    assert constants.L[1].value >= 2.0


def test_ramp_starts_at_twice_eps_and_Delta_above() -> None:
    phi = Ramp(eps=0.03, Delta=1.7, curvature=2.0, dim=4)
    assert np.linalg.norm(phi.grad(phi.start)) == pytest.approx(2 * 0.03)
    assert phi.value(phi.start) - phi.inf == pytest.approx(1.7)
    assert phi.L == 2.0


def test_wells_are_nonconvex_with_the_stated_constant() -> None:
    phi, t = RationalWells((1.5,)), np.linspace(-5, 5, 20001)[:, None]
    second = phi.hess(t)[:, 0, 0]
    assert second.min() == pytest.approx(-0.75, rel=1e-6)
    assert second.max() == pytest.approx(phi.L, rel=1e-9)


def test_perturbed_level_that_is_not_convex_is_an_error_and_only_that() -> None:
    problem = diagonal_lq(d=2, a=1.0, h=0.5)
    x = np.zeros(2)
    bound = 1.0 / 0.5  # |nu| < mu / sup||f_yy|| is sufficient, not necessary: positive nu may go beyond
    problem.y_star(x, 3 * bound)
    with pytest.raises(InputError, match=r"nu .*curvature"):
        problem.y_star(x, -1.01 * bound)


SQUARE = np.eye(2)
BAD = [
    ({"A_g": [[1, 2], [3, 4]]}, "A_g"),
    ({"A_g": -SQUARE}, "A_g"),
    ({"A_g": [[1, np.nan], [np.nan, 1]]}, "A_g"),
    ({"A_f": np.eye(3)}, "A_f"),
    ({"B": np.eye(3)}, "B"),
    ({"c0": [1, 2, 3]}, "c0"),
    ({"G": "text"}, "G"),
    ({"phi": 3}, "phi"),
    ({"W": SQUARE, "ridges": [[3.0, 1.0, 0, 0]] * 2}, "A_g"),
    ({"W": SQUARE, "ridges": [[0.0, -1.0, 0, 0]] * 2}, "ridges"),
    ({"W": SQUARE}, "W"),
    ({"region": (0, 1)}, "region"),
    ({"Q": [1]}, "Q"),
]


@pytest.mark.parametrize(("change", "argument"), BAD)
def test_bad_input_names_the_argument(change: dict, argument: str) -> None:
    pieces = {"A_g": SQUARE, "A_f": SQUARE, "B": SQUARE, "c0": [1, 1], "G": SQUARE, "phi": QuadraticHyper((1, 1))}
    with pytest.raises(InputError, match=argument):
        Polynomial(**pieces | change)


anything = st.one_of(
    st.none(), st.text(max_size=4), st.floats(), st.integers(-3, 3), st.booleans(),
    st.lists(st.one_of(st.floats(), st.lists(st.floats(), max_size=3)), max_size=3),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["A_g", "A_f", "B", "c0", "G"]), anything)
def test_generated_bad_input_is_refused_or_meant(argument: str, value: object) -> None:
    pieces = {"A_g": SQUARE, "A_f": SQUARE, "B": SQUARE, "c0": [1, 1], "G": SQUARE, "phi": QuadraticHyper((1, 1))}
    try:
        problem = LinearQuadratic(**pieces | {argument: value})
    except InputError as error:
        assert str(error)
    else:
        assert problem.dim_x == 2


@settings(max_examples=200, deadline=None)
@given(anything, anything)
def test_generated_bad_points_are_refused_or_meant(x: object, y: object) -> None:
    problem = dense_lq(dim_x=2, dim_y=2)
    try:
        value = problem.f(x, y)
    except InputError as error:
        assert error.argument in ("x", "y")
    else:
        assert np.shape(value) == np.broadcast_shapes(np.shape(x)[:-1], np.shape(y)[:-1])


@settings(max_examples=150, deadline=None)
@given(anything, anything, anything)
def test_generated_bad_hyper_objectives(a: object, b: object, c: object) -> None:
    for build in (lambda: Ramp(a, b, 1.0, c), lambda: QuadraticHyper(a), lambda: RationalWells(a)):
        try:
            phi = build()
        except InputError as error:
            assert str(error)
        else:
            assert phi.dim >= 1


def test_registry_builds_every_instance_without_an_extra() -> None:
    for name, entry in INSTANCES.items():
        if not entry.extra:
            assert isinstance(instance(name), BilevelProblem)
    with pytest.raises(InputError, match="choose one of"):
        instance("nonsense")
