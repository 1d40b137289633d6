"""Learn-to-regularize: derivatives, minimisers, hyper-gradient, the curve nu -> psi, samples, batches."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest

from bounds.stencil import balanced, central, one_sided
from synthetic.arrays import to_numpy
from synthetic.errors import InputError, MissingExtra
from synthetic.learn_regularize import LearnToRegularize, digits
from synthetic.learn_regularize_mp import estimate_mp, hypergrad_mp, psi_mp, y_star_mp
from synthetic.softmax import softmax, softmax_change


def generated(d: int = 3, q: int = 3, n: int = 8, m: int = 7, seed: int = 1) -> LearnToRegularize:
    r = np.random.default_rng(seed)
    return LearnToRegularize(
        r.normal(size=(n, d)), r.integers(0, q, n), r.normal(size=(m, d)), r.integers(0, q, m), classes=q
    )


@pytest.fixture
def problem() -> LearnToRegularize:
    return generated()


@pytest.fixture
def point() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r = np.random.default_rng(2)
    return 0.5 * r.normal(size=3), r.normal(size=9), r.normal(size=9)


# ---------------------------------------------------------------- derivatives, from the printed formula in 60 digits


def printed(problem: LearnToRegularize, level: str, x: Any, y: Any) -> Any:
    """f or g straight from App. G in mpmath, written sample by sample and sharing no code with the instance."""
    loss, q = (problem.val if level == "f" else problem.train), problem.classes
    total = mpmath.mpf(0)
    for a, label in zip(loss.data, loss.labels):
        z = [mpmath.fsum(mpmath.mpf(a[i]) * y[i * q + k] for i in range(len(a))) for k in range(q)]
        total += (mpmath.log(mpmath.fsum(mpmath.exp(v) for v in z)) - z[label]) / len(loss.data)
    if level == "g":
        total += mpmath.fsum((mpmath.exp(x[i // q]) * y[i]) ** 2 for i in range(len(y)))
    return total


def slope(call: Callable[[Any], Any], at: np.ndarray, direction: np.ndarray) -> Any:
    """d/dt call(at + t direction) at t = 0 by a central difference with t = 1e-20 in 60 digits: 40 are right."""
    t = mpmath.mpf(10) ** -20
    ahead, back = ([mpmath.mpf(a) + s * t * mpmath.mpf(d) for a, d in zip(at, direction)] for s in (1, -1))
    return (call(ahead) - call(back)) / (2 * t)


def test_first_derivatives_are_those_of_the_printed_objective(
    problem: LearnToRegularize, point: tuple[np.ndarray, ...]
) -> None:
    x, y, _ = point
    with mpmath.workdps(60):
        for level, value, grad in (("f", problem.f, problem.grad_f), ("g", problem.g, problem.grad_g)):
            assert float(printed(problem, level, x, y)) == pytest.approx(float(value(x, y)), rel=1e-14)
            gx, gy = grad(x, y)
            at_y, at_x = partial(printed, problem, level, y=y), partial(printed, problem, level, x)
            want_x = [float(slope(at_y, x, e)) for e in np.eye(3)]
            want_y = [float(slope(at_x, y, e)) for e in np.eye(9)]
            np.testing.assert_allclose(gx, want_x, rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(gy, want_y, rtol=1e-13, atol=1e-15)


def test_second_derivatives_are_those_of_the_printed_objective(
    problem: LearnToRegularize, point: tuple[np.ndarray, ...]
) -> None:
    x, y, v = point
    with mpmath.workdps(60):

        def along_v(u: Any, w: Any) -> Any:
            return slope(lambda t: printed(problem, "g", u, t), w, v)

        hvp = [float(slope(lambda w: along_v(x, w), y, e)) for e in np.eye(9)]
        jvp = [float(slope(lambda u: along_v(u, y), x, e)) for e in np.eye(3)]
    np.testing.assert_allclose(problem.hvp_g(x, y, v), hvp, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(problem.jvp_g(x, y, v), jvp, rtol=1e-12, atol=1e-14)
    H = problem.hess_g(x, y)
    np.testing.assert_allclose(H @ v, hvp, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(H, H.T, rtol=0, atol=1e-15)


def test_third_derivative_of_the_loss_against_differences(
    problem: LearnToRegularize, point: tuple[np.ndarray, ...]
) -> None:
    _, y, v = point
    h = 1e-5
    difference = (problem.train.hess(y + h * v) - problem.train.hess(y - h * v)) / (2 * h)
    np.testing.assert_allclose(problem.train.third(y, v), difference, atol=1e-9)


def test_softmax_change_keeps_its_digits_where_the_plain_difference_loses_them() -> None:
    z, dz = np.array([0.3, -1.2, 2.0]), 1e-12 * np.array([1.0, -2.0, 0.5])
    with mpmath.workdps(50):
        e = [mpmath.exp(mpmath.mpf(a)) for a in z]
        f = [mpmath.exp(mpmath.mpf(a) + mpmath.mpf(b)) for a, b in zip(z, dz)]
        want = np.array([float(b / mpmath.fsum(f) - a / mpmath.fsum(e)) for a, b in zip(e, f)])
    np.testing.assert_allclose(softmax_change(softmax(z), dz), want, rtol=1e-14)
    assert np.max(np.abs((softmax(z + dz) - softmax(z)) / want - 1)) > 1e-6


# ---------------------------------------------------------------- minimisers and the hyper-objective


def test_minimisers_to_round_off_and_in_forty_digits(problem: LearnToRegularize) -> None:
    x = np.array([-0.3, 0.1, -0.5])
    for nu in (-0.3, -0.01, 0.0, 0.2, 3.0):
        y = problem.y_star(x, nu)
        residual = nu * problem.grad_f(x, y)[1] + problem.grad_g(x, y)[1]
        assert np.linalg.norm(residual) < 1e-15
        reference = y_star_mp(problem, x, nu, 40).astype(float).ravel()
        np.testing.assert_allclose(y, reference, rtol=0, atol=4e-16)
        np.testing.assert_allclose(problem.psi(x, nu), psi_mp(problem, x, nu, 40).astype(float), rtol=3e-15)


def test_newton_from_far_away_with_a_weak_regulariser() -> None:
    problem = generated(n=40, m=40)
    x = np.array([-6.0, -5.0, -7.0])
    y = problem.y_star(x)
    assert np.linalg.norm(problem.grad_g(x, y)[1]) < 1e-14


def hypergrad_error(problem: LearnToRegularize, x: np.ndarray) -> float:
    """Relative distance of hypergrad from the fourth-order difference of phi."""
    h, e = 1e-2 / 4, np.eye(problem.dim_x)
    near = (problem.value(x + h * e) - problem.value(x - h * e)) / (2 * h)
    far = (problem.value(x + 2 * h * e) - problem.value(x - 2 * h * e)) / (4 * h)
    difference = (4 * near - far) / 3
    return float(np.linalg.norm(problem.hypergrad(x) - difference) / np.linalg.norm(difference))


class WrongSign(LearnToRegularize):
    """The implicit term with the wrong sign."""

    def jvp_g(self, x: Any, y: Any, v: Any) -> Any:
        return -super().jvp_g(x, y, v)


class HalfFactor(LearnToRegularize):
    """2 exp(2x) where 4 exp(2x) is right in g_xy."""

    def jvp_g(self, x: Any, y: Any, v: Any) -> Any:
        return super().jvp_g(x, y, v) / 2


def test_hypergradient_against_differences_of_phi(problem: LearnToRegularize) -> None:
    x = np.array([-0.3, 0.1, -0.5])
    assert hypergrad_error(problem, x) < 1e-9
    np.testing.assert_allclose(problem.hypergrad(x), hypergrad_mp(problem, x, 30).astype(float), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("wrong", [WrongSign, HalfFactor])
def test_a_wrong_implicit_term_is_caught(problem: LearnToRegularize, wrong: type[LearnToRegularize]) -> None:
    broken = wrong(problem.train.data, problem.train.labels, problem.val.data, problem.val.labels, classes=3)
    assert hypergrad_error(broken, np.array([-0.3, 0.1, -0.5])) > 0.4


def hyperhess_error(problem: LearnToRegularize, x: np.ndarray) -> float:
    h, e = 1e-2 / 4, np.eye(problem.dim_x)
    near = (problem.hypergrad(x + h * e) - problem.hypergrad(x - h * e)) / (2 * h)
    far = (problem.hypergrad(x + 2 * h * e) - problem.hypergrad(x - 2 * h * e)) / (4 * h)
    difference = (4 * near - far) / 3
    return float(np.linalg.norm(problem.hyperhess(x) - difference) / np.linalg.norm(difference))


def test_hyperhessian_against_differences_of_the_hypergradient(
    problem: LearnToRegularize, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.array([-0.3, 0.1, -0.5])
    H = problem.hyperhess(x)
    np.testing.assert_allclose(H, H.T, atol=1e-15)
    assert hyperhess_error(problem, x) < 1e-8
    monkeypatch.setattr(problem.train, "third", lambda y, v: 0 * problem.train.hess(y))
    assert hyperhess_error(problem, x) > 1e-3  # the third derivative of g is needed


def test_perturbed_lower_level_fails_only_where_it_is_indefinite(problem: LearnToRegularize) -> None:
    x = np.array([-0.3, 0.1, -0.5])
    merely_sufficient = -1 / float(problem._reach(x))
    for factor in (1.1, 1.3, 1.6, 2.0):  # beyond the sufficient condition, and still a proper minimiser
        y = problem.y_star(x, factor * merely_sufficient)
        H = factor * merely_sufficient * problem.hess_f(x, y) + problem.hess_g(x, y)
        assert np.linalg.eigvalsh(H)[0] > 0


def test_a_saddle_at_the_node_is_an_error_exactly_from_where_it_is_one() -> None:
    # Two samples at a = 1 with different labels at both levels: y* = 0 for every nu by symmetry, where the softmax has
    # curvature 1/2 along (1, -1). So nu f + g is definite iff nu/2 + 1/2 + 2 exp(2x) > 0; |nu| sup f_yy < mu says less.
    both = ([[1.0], [1.0]], [0, 1])
    problem, x = LearnToRegularize(*both, *both), np.array([-1.0])
    edge = -1 - 4 * np.exp(-2.0)
    np.testing.assert_allclose(problem.y_star(x, 0.99 * edge), 0, atol=1e-15)
    assert -4 * np.exp(-2.0) > 0.99 * edge  # beyond the sufficient condition
    with pytest.raises(InputError, match="positive definite") as caught:
        problem.y_star(x, 1.01 * edge)
    assert caught.value.argument == "nu"


# ---------------------------------------------------------------- the curve nu -> psi


def test_taylor_series_against_forty_digit_differences(problem: LearnToRegularize) -> None:
    x = np.array([-0.3, 0.1, -0.5])
    series = problem.psi_series(x, 9)
    np.testing.assert_allclose(series[0], problem.psi(x, 0.0), rtol=1e-15)
    np.testing.assert_allclose(series[1], problem.hypergrad(x), rtol=1e-13)
    nu = mpmath.mpf(10) ** -12
    for formula in (one_sided(3), central(4), balanced(7), central(8)):
        p = formula.order
        with mpmath.workdps(160):
            bias = estimate_mp(problem, x, *formula.active, nu, 150) - hypergrad_mp(problem, x, 150)
            leading = (bias / nu**p).astype(float)
        np.testing.assert_allclose(leading, float(formula.moment(p + 1)) * series[p + 1], rtol=1e-9)


def test_psi_change_is_right_relative_to_itself(problem: LearnToRegularize) -> None:
    x = np.array([-0.3, 0.1, -0.5])
    for nu in (1e-9, -1e-4, 0.05, -0.2):
        with mpmath.workdps(50):
            want = (psi_mp(problem, x, nu, 40) - psi_mp(problem, x, 0, 40)).astype(float)
        error = np.linalg.norm(problem.psi_change(x, nu) - want) / np.linalg.norm(want)
        assert error < 2e-15
    change = problem.psi_change(x, 1e-9)
    plain = problem.psi(x, 1e-9) - problem.psi(x, 0.0)
    assert np.linalg.norm(plain - change) > 1e-9 * np.linalg.norm(change)  # what the form is for


def test_without_scikit_learn_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"bilevel-rates\[data\]"):
        digits()


# ---------------------------------------------------------------- samples, batches, libraries


def test_samples_average_to_the_whole(problem: LearnToRegularize, point: tuple[np.ndarray, ...]) -> None:
    x, y, v = point
    for at, whole, n in (
        (problem.grad_f_at, problem.grad_f, problem.n_f),
        (problem.grad_g_at, problem.grad_g, problem.n_g),
    ):
        single = at(x, y, np.arange(n)[:, None])
        assert single[0].shape == (n, 3)
        assert single[1].shape == (n, 9)
        assert np.ptp(single[1], axis=0).max() > 0.1  # the samples do differ
        together = at(x, y, np.arange(n))
        for k in range(2):
            np.testing.assert_allclose(single[k].mean(axis=0), whole(x, y)[k], rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(together[k], whole(x, y)[k], rtol=1e-13, atol=1e-15)
    some = np.array([[0, 3, 3], [5, 1, 2]])  # repeated samples count twice
    one_by_one = problem.grad_g_at(x, y, some[0][:, None])[1].mean(axis=0)
    np.testing.assert_allclose(problem.grad_g_at(x, y, some)[1][0], one_by_one, rtol=1e-13)
    hvps = problem.hvp_g_at(x, y, v, np.arange(problem.n_g)[:, None])
    np.testing.assert_allclose(hvps.mean(axis=0), problem.hvp_g(x, y, v), rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(problem.jvp_g_at(x, y, v, some[0]), problem.jvp_g(x, y, v))
    values = problem.g_at(x, y, np.arange(problem.n_g)[:, None])
    assert values.mean() == pytest.approx(float(problem.g(x, y)), rel=1e-14)


def test_batches_are_lane_by_lane(problem: LearnToRegularize) -> None:
    r = np.random.default_rng(3)
    x, y, v = 0.3 * r.normal(size=(2, 4, 3)), r.normal(size=(2, 4, 9)), r.normal(size=(2, 4, 9))
    nu = np.linspace(-0.1, 0.3, 8).reshape(2, 4)
    calls: dict[str, Callable[..., Any]] = {
        "f": lambda k: problem.f(x[k], y[k]),
        "g": lambda k: problem.g(x[k], y[k]),
        "grad_g": lambda k: np.concatenate(problem.grad_g(x[k], y[k]), axis=-1),
        "grad_f": lambda k: np.concatenate(problem.grad_f(x[k], y[k]), axis=-1),
        "hvp": lambda k: problem.hvp_g(x[k], y[k], v[k]),
        "jvp": lambda k: problem.jvp_g(x[k], y[k], v[k]),
        "y_star": lambda k: problem.y_star(x[k], nu[k]),
        "psi": lambda k: problem.psi_change(x[k], nu[k]),
        "value": lambda k: problem.value(x[k]),
        "hypergrad": lambda k: problem.hypergrad(x[k]),
        "hyperhess": lambda k: problem.hyperhess(x[k]),
        "accuracy": lambda k: problem.accuracy(y[k]),
    }
    for name, call in calls.items():
        batch = call(slice(None))
        assert batch.shape[:2] == (2, 4), name
        for k in np.ndindex(2, 4):
            np.testing.assert_allclose(batch[k], call(k), rtol=1e-12, atol=1e-15, err_msg=name)
    x_only = x[0, 0]  # one x against many nu, and one y against many x
    assert problem.y_star(x_only, nu).shape == (2, 4, 9)
    assert problem.f(x, y[0, 0]).shape == problem.f(x_only, y).shape == (2, 4)
    assert [a.shape for a in problem.grad_f(x, y[0, 0])] == [(2, 4, 3), (2, 4, 9)]
    assert [a.shape for a in problem.grad_g(x_only, y)] == [(2, 4, 3), (2, 4, 9)]
    assert problem.hess_f(x, y[0, 0]).shape == (2, 4, 9, 9)


def test_every_library_gives_the_same(problem: LearnToRegularize, asarray: Callable[..., Any]) -> None:
    r = np.random.default_rng(4)
    x, y, v = 0.3 * r.normal(size=(2, 3)), r.normal(size=(2, 9)), r.normal(size=(2, 9))
    index = np.array([[0, 2], [6, 6]])

    def answers(make: Callable[..., Any]) -> list[Any]:
        X, Y, V, I = make(x), make(y), make(v), make(index)
        found = [problem.f(X, Y), problem.g(X, Y), *problem.grad_f(X, Y), *problem.grad_g(X, Y)]
        found += [problem.hvp_g(X, Y, V), problem.jvp_g(X, Y, V), *problem.grad_f_at(X, Y, I)]
        found += [*problem.grad_g_at(X, Y, I), problem.y_star(X), problem.y_star(X, -0.1)]
        found += [problem.y_star(X, make(np.array([0.1, -0.2]))), problem.y_star(X, -0.8), problem.value(X)]
        found += [problem.hypergrad(X), problem.hyperhess(X), problem.psi(X, 0.1), problem.accuracy(Y)]
        return [*found, *problem.psi_series(X, 3)]

    kind = type(asarray(x))
    for got, want in zip(answers(asarray), answers(np.asarray)):
        assert isinstance(got, kind)
        np.testing.assert_allclose(to_numpy(got), want, rtol=1e-13, atol=1e-16)
