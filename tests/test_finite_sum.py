"""Finite sums: means, mean-squared smoothness reached and never passed, and minibatch products on the right terms."""

from __future__ import annotations

import numpy as np
import pytest

from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.finite_sum import FiniteSum, finite_sum
from synthetic.hyper import RationalWells
from synthetic.linear_quadratic import dense_lq
from synthetic.noise import Gaussian, Minibatch
from synthetic.oracle import StochasticOracle
from synthetic.registry import instance

RNG = np.random.default_rng(0)
X, Y, V = RNG.uniform(-1, 1, 2), RNG.uniform(-1, 1, 3), RNG.uniform(-1, 1, 3)


def joint(problem: FiniteSum, level: str, u: np.ndarray, index: np.ndarray) -> np.ndarray:
    gradient = problem.grad_f_at if level == "f" else problem.grad_g_at
    return np.concatenate(gradient(u[..., :2], u[..., 2:], index), axis=-1)


def test_means_are_the_base_exactly() -> None:
    problem, base = finite_sum(n=6), dense_lq(2, 3)
    every = np.arange(6)
    for mean, full in (
        (problem.grad_f_at(X, Y, every), base.grad_f(X, Y)),
        (problem.grad_g_at(X, Y, every), base.grad_g(X, Y)),
        ((problem.hvp_g_at(X, Y, V, every),), (base.hvp_g(X, Y, V),)),
        ((problem.jvp_g_at(X, Y, V, every),), (base.jvp_g(X, Y, V),)),
    ):
        for a, b in zip(mean, full):
            np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(problem.hypergrad(X), base.hypergrad(X))


def test_terms_against_differences_and_each_other() -> None:
    """hvp and jvp of one term are the derivatives of that term's gradient; terms differ."""
    problem, h = finite_sum(n=4, spread=0.5), 1e-6
    for i in range(4):
        at = np.array([i])
        gradient = lambda x, y, at=at: problem.grad_g_at(x, y, at)  # noqa: E731
        hvp = (gradient(X, Y + h * V)[1] - gradient(X, Y - h * V)[1]) / (2 * h)
        jvp = (gradient(X, Y + h * V)[0] - gradient(X, Y - h * V)[0]) / (2 * h)
        np.testing.assert_allclose(problem.hvp_g_at(X, Y, V, at), hvp, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(problem.jvp_g_at(X, Y, V, at), jvp, rtol=1e-8, atol=1e-9)
        assert np.linalg.norm(problem.hvp_g_at(X, Y, V, at) - problem.hvp_g(X, Y, V)) > 1e-3


@pytest.mark.parametrize("level", ["f", "g"])
def test_mean_squared_smoothness_is_the_least_constant(level: str) -> None:
    """The leading eigenvector of sum_i H_i^2 reaches it, no pair of points passes it, a forgotten spread is seen."""
    problem = finite_sum(n=8, spread=0.75)
    L = problem.mean_squared_smoothness()[level]
    assert L.how == "exact"
    every = np.arange(8)[:, None]

    def ratio(u: np.ndarray, w: np.ndarray) -> float:
        change = joint(problem, level, np.broadcast_to(u, (8, 5)), every) - joint(
            problem, level, np.broadcast_to(w, (8, 5)), every
        )
        return float(np.sqrt(np.mean(np.sum(change**2, axis=-1))) / np.linalg.norm(u - w))

    rng = np.random.default_rng(1)
    assert max(ratio(rng.normal(size=5), rng.normal(size=5)) for _ in range(300)) <= L.value * (1 + 1e-12)
    hessians = [
        np.array([joint(problem, level, e, i) - joint(problem, level, 0 * e, i) for e in np.eye(5)]) for i in every
    ]
    direction = np.linalg.eigh(np.mean([H @ H.T for H in hessians], axis=0))[1][:, -1]
    assert ratio(direction, 0 * direction) == pytest.approx(L.value, rel=1e-9)
    plain = finite_sum(n=8, spread=0.0).mean_squared_smoothness()[level].value
    assert ratio(direction, 0 * direction) > 1.01 * plain


def test_nonquadratic_phi_is_enclosed() -> None:
    problem = finite_sum(n=4, phi=RationalWells((1.0, 2.0)))
    L = problem.mean_squared_smoothness()["f"]
    assert L.how == "enclosed"
    every, rng = np.arange(4)[:, None], np.random.default_rng(2)
    for _ in range(200):
        u, w = rng.normal(size=(2, 5))
        change = joint(problem, "f", np.tile(u, (4, 1)), every) - joint(problem, "f", np.tile(w, (4, 1)), every)
        assert np.sqrt(np.mean(np.sum(change**2, axis=-1))) <= L.value * np.linalg.norm(u - w)


def test_variance_is_that_of_the_terms() -> None:
    problem = finite_sum(n=8)
    stated = Minibatch(1, 2).variance(problem, X, Y)
    u = np.concatenate([X, Y])
    for value, level, size in zip(stated, "fg", (1, 2)):
        terms = joint(problem, level, np.tile(u, (8, 1)), np.arange(8)[:, None])
        assert value == pytest.approx(np.mean(np.sum((terms - terms.mean(axis=0)) ** 2, axis=-1)) / size, rel=1e-12)


def test_minibatch_products_use_the_batch_of_g_at_that_address() -> None:
    """oracle.terms names the batch; gradient, HVP and JVP at one address are all means over exactly these terms."""
    problem = finite_sum(n=8)
    oracle = StochasticOracle(problem, Minibatch(1, 3), seeds=np.array([4, 9]))
    x, y, v = (np.tile(a, (2, 1)) for a in (X, Y, V))
    for step in range(3):
        index = oracle.terms("g", x, step=step, inner=2)
        assert index.shape == (2, 3)
        options = {"step": step, "inner": 2}
        np.testing.assert_allclose(oracle.G(x, y, **options)[1], problem.grad_g_at(x, y, index)[1], rtol=1e-13)
        np.testing.assert_allclose(oracle.hvp(x, y, v, **options), problem.hvp_g_at(x, y, v, index), rtol=1e-13)
        np.testing.assert_allclose(oracle.jvp(x, y, v, **options), problem.jvp_g_at(x, y, v, index), rtol=1e-13)
    assert oracle.counts.HVP == oracle.counts.JVP == oracle.counts.G == 3
    assert np.linalg.norm(oracle.hvp(x, y, v, step=9) - problem.hvp_g(x, y, v)) > 1e-3


def test_minibatch_products_are_unbiased() -> None:
    problem, lanes = finite_sum(n=8), 20_000
    oracle = StochasticOracle(problem, Minibatch(1, 1))
    x, y, v = (np.broadcast_to(a, (lanes, a.size)) for a in (X, Y, V))
    got = oracle.hvp(x, y, v, step=np.arange(lanes))
    spread = np.std(got, axis=0) / np.sqrt(lanes)
    assert np.all(np.abs(got.mean(axis=0) - problem.hvp_g(X, Y, V)) < 5 * spread)


def test_lanes_at_one_address_share_their_batches() -> None:
    """A step without a batch axis serves every lane: equal points get equal answers, however many samples."""
    problem = finite_sum(n=8)
    for samples in (1, 2, 3):
        oracle = StochasticOracle(problem, Minibatch(1, 1))
        answer = oracle.query(np.tile(X, (2, 1)), np.tile(Y, (2, 1)), step=0, samples=samples)
        np.testing.assert_array_equal(answer.Gy[0], answer.Gy[1])
        single = StochasticOracle(problem, Minibatch(1, 1)).query(X, Y, step=0, samples=samples)
        np.testing.assert_allclose(answer.Gy[0], single.Gy, rtol=1e-14)


def test_only_minibatches_have_terms() -> None:
    with pytest.raises(InputError, match="noise"):
        StochasticOracle(finite_sum(), Gaussian(1.0, 1.0)).terms("g", X, step=0)


def test_array_library_is_kept(asarray) -> None:
    problem, index = finite_sum(), np.array([1, 5])
    x, y, v = asarray(X), asarray(Y), asarray(V)
    got = problem.hvp_g_at(x, y, v, asarray(index))
    assert type(got) is type(x)
    np.testing.assert_allclose(to_numpy(got), problem.hvp_g_at(X, Y, V, index), rtol=1e-14)


def test_bad_input_and_registry() -> None:
    for call, argument in (
        (lambda: finite_sum(n=3), "n"),
        (lambda: finite_sum(spread=-1.0), "spread"),
        (lambda: FiniteSum(None, (), ()), "base"),  # type: ignore[arg-type]
        (lambda: FiniteSum(dense_lq(2, 3), (np.ones((2, 5, 5)), np.ones((3, 5))), (1, 2)), "terms_f"),
    ):
        with pytest.raises(InputError, match=argument):
            call()
    assert instance("finite-sum", n=4).mu_terms > 0
