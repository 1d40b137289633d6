"""Noise models: unbiased, with exactly the variance they state, and checks sharp enough to see a 3% wrong one."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from synthetic import noise as noise_module
from synthetic.errors import InputError
from synthetic.noise import (
    Gaussian,
    Minibatch,
    Multiplicative,
    Noise,
    NoNoise,
    Rademacher,
    TreeSum,
    make_noise,
    tree_sum,
)
from synthetic.oracle import StochasticOracle

THRESHOLD = 5.3
"""P(|z| > 5.3) = 1.2e-7 under the normal law."""


class Toy:
    """f = mean_i a_i (x_0 + |y|^2 / 2), g = mean_i |y - b_i|^2 / 2 + x'Jy: finite sums with elementwise arithmetic."""

    name, dim_x, dim_y, n_f, n_g = "toy", 2, 3, 5, 4
    a = np.array([0.5, -1.0, 2.0, 3.0, 0.25])
    b = np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 0.5], [3.0, 3.0, 0.0], [-2.0, 1.0, 1.0]])
    J = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 1.0]])

    def f(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self.a.mean() * (x[..., 0] + 0.5 * np.sum(y**2, axis=-1))

    def g(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        cross = np.sum(x[..., :, None] * self.J * y[..., None, :], axis=(-1, -2))
        return 0.5 * np.mean(np.sum((y[..., None, :] - self.b) ** 2, axis=-1), axis=-1) + cross

    def _f_of(self, a: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gx = np.zeros_like(x)
        gx[..., 0] = a
        return gx, a[..., None] * y

    def _g_of(self, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gx = np.sum(self.J * y[..., None, :], axis=-1)
        return gx, y - b + np.sum(x[..., :, None] * self.J, axis=-2)

    def grad_f(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._f_of(np.full(x.shape[:-1], self.a.mean()), x, y)

    def grad_g(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._g_of(self.b.mean(axis=0), x, y)

    def grad_f_at(self, x: np.ndarray, y: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._f_of(np.mean(self.a[index], axis=-1), x, y)

    def grad_g_at(self, x: np.ndarray, y: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._g_of(np.mean(self.b[index], axis=-2), x, y)

    def hvp_g(self, x: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
        return v + 0.0 * x[..., :1]

    def jvp_g(self, x: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.sum(self.J * v[..., None, :], axis=-1)


X, Y = np.array([0.3, -1.2]), np.array([1.0, 2.0, -0.5])
MODELS: list[Noise] = [
    Gaussian(0.7, 1.3),
    Rademacher(0.7, 1.3),
    Multiplicative(0.7, 1.3, scale=0.8),
    Minibatch(2, 3),
    Gaussian(0.0, 1.0),
]
NAMES = [f"{type(m).__name__}{i}" for i, m in enumerate(MODELS)]


def z_of(values: np.ndarray, claimed: float) -> float:
    """Standard score of the mean of ``values`` against ``claimed`` (0 when they are constant and equal to it)."""
    spread = np.std(values) / math.sqrt(values.shape[0])
    off = abs(float(np.mean(values)) - claimed)
    tiny = 1e-12 * max(1.0, abs(claimed))
    return off / max(spread, tiny) if off > tiny else 0.0


def errors(model: Noise, lanes: int, samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(F - grad f, G - grad g), each (lanes, dim_x + dim_y), at independent outer steps."""
    oracle = StochasticOracle(Toy(), model, experiment=4)
    x, y = np.broadcast_to(X, (lanes, 2)), np.broadcast_to(Y, (lanes, 3))
    answer = oracle.query(x, y, step=np.arange(lanes), samples=samples)
    exact_f, exact_g = Toy().grad_f(X, Y), Toy().grad_g(X, Y)
    found_f = np.concatenate([answer.Fx - exact_f[0], answer.Fy - exact_f[1]], axis=-1)
    found_g = np.concatenate([answer.Gx - exact_g[0], answer.Gy - exact_g[1]], axis=-1)
    return found_f, found_g


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
@pytest.mark.parametrize("samples", [1, 3])
def test_unbiased_with_the_stated_variance(model: Noise, samples: int) -> None:
    lanes = 200_000 if samples == 1 else 60_000
    stated = model.variance(Toy(), X, Y)
    for error, variance in zip(errors(model, lanes, samples), stated):
        claimed = float(variance) / samples
        square = np.sum(error**2, axis=-1)
        assert z_of(square, claimed) < THRESHOLD
        for column in error.T:
            assert z_of(column, 0.0) < THRESHOLD
        if claimed > 0 and samples == 1:  # the controls: a variance 3% off, a bias of 3% of the deviation
            assert z_of(square, 1.03 * claimed) > THRESHOLD
            assert z_of(square, 0.97 * claimed) > THRESHOLD
            worst = error.T[np.argmax(np.std(error, axis=0))]
            assert z_of(worst, 0.03 * float(np.std(worst))) > THRESHOLD


def test_covariance_is_isotropic_and_f_and_g_are_independent() -> None:
    f, g = errors(Gaussian(1.0, 1.0), 200_000)
    both = np.concatenate([f, g], axis=-1)
    covariance = both.T @ both / both.shape[0]
    assert np.max(np.abs(covariance - np.eye(10))) < THRESHOLD * math.sqrt(2 / both.shape[0])
    shared = np.concatenate([f, 0.1 * f + math.sqrt(0.99) * g], axis=-1)  # the control: correlation 0.1
    assert np.max(np.abs(shared.T @ shared / shared.shape[0] - np.eye(10))) > THRESHOLD * math.sqrt(2 / both.shape[0])


def test_stated_variances_by_hand() -> None:
    assert Gaussian(2.0, 3.0).variance(Toy(), X, Y) == (20.0, 45.0)  # 5 coordinates
    assert NoNoise().variance(Toy(), X, Y) == (0.0, 0.0)
    factor = 1 + (1 + 4 + 0.25) / (3 * 0.25)  # ||y||^2 / (dim_y scale^2), scale = 1/2
    assert Multiplicative(2.0, 3.0, scale=0.5).variance(Toy(), X, Y) == pytest.approx((20 * factor, 45 * factor))
    assert Multiplicative(1.0, 1.0).variance(Toy(), X, 0 * Y)[0] == 5.0


def test_minibatch_variance_against_every_batch() -> None:
    """All n^b batches enumerated in fractions."""
    toy = Toy()
    a = [Fraction(v) for v in toy.a.tolist()]
    b = [[Fraction(v) for v in row] for row in toy.b.tolist()]
    scale = 1 + sum(Fraction(v) ** 2 for v in Y.tolist())  # F - grad f = (abar - a) (1, 0, y)
    mean = sum(a) / 5
    f = sum((sum(c) / 3 - mean) ** 2 for c in itertools.product(a, repeat=3)) / 5**3 * scale
    means = [sum(row[i] for row in b) / 4 for i in range(3)]
    g = sum(
        sum((sum(row[i] for row in batch) / 2 - means[i]) ** 2 for i in range(3))
        for batch in itertools.product(b, repeat=2)
    ) / Fraction(4**2)
    stated = Minibatch(3, 2).variance(toy, X, Y)
    assert stated[0] == pytest.approx(float(f), rel=1e-13)
    assert stated[1] == pytest.approx(float(g), rel=1e-13)
    assert Minibatch(1, 1).variance(toy, X, Y)[0] != pytest.approx(float(f), rel=0.5)  # a forgotten 1/b


def test_minibatch_states_the_bias_of_a_sum_that_is_not_the_gradient() -> None:
    class Biased(Toy):
        def grad_f(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            gx, gy = super().grad_f(x, y)
            return gx + 1.0, gy

    more = Minibatch(2, 2).variance(Biased(), X, Y)[0] - Minibatch(2, 2).variance(Toy(), X, Y)[0]
    assert more == pytest.approx(2.0, rel=1e-12)  # 1 on each of two x coordinates, not divided by b


def test_minibatch_x_and_y_parts_share_their_batch() -> None:
    f, _ = errors(Minibatch(1, 1), 50)
    assert np.allclose(f[:, 2:], f[:, :1] * Y)
    assert np.ptp(f[:, 0]) > 0


def test_rademacher_is_exactly_plus_minus_sigma() -> None:
    f, g = errors(Rademacher(0.5, 2.0), 200)
    exact = Toy().grad_f(X, Y), Toy().grad_g(X, Y)
    for error, sigma, gradient in zip((f, g), (0.5, 2.0), exact):
        ulp = np.spacing(sigma + np.max(np.abs(np.concatenate(gradient))))
        assert np.all(np.abs(np.abs(error) - sigma) <= 2 * ulp)


def test_products_and_values_have_their_own_noise() -> None:
    lanes = 100_000
    oracle = StochasticOracle(Toy(), Gaussian(0.0, 0.0, sigma_h=0.6, sigma_v=1.7))
    x, y = np.broadcast_to(X, (lanes, 2)), np.broadcast_to(Y, (lanes, 3))
    t = np.arange(lanes)
    hvp = oracle.hvp(x, y, y, step=t) - Y
    jvp = oracle.jvp(x, y, y, step=t) - Toy().jvp_g(X, Y, Y)
    f, g = oracle.value_f(x, y, step=t) - Toy().f(X, Y), oracle.value_g(x, y, step=t) - Toy().g(X, Y)
    squares = [(np.sum(hvp**2, axis=-1), 3 * 0.36), (np.sum(jvp**2, axis=-1), 2 * 0.36), (f**2, 2.89), (g**2, 2.89)]
    for square, variance in squares:
        assert z_of(square, variance) < THRESHOLD
        assert z_of(square, 1.03 * variance) > THRESHOLD
    columns = np.column_stack([hvp[:, 0], jvp[:, 0], f, g])
    assert np.max(np.abs(np.corrcoef(columns.T) - np.eye(4))) < THRESHOLD / math.sqrt(lanes)
    assert oracle.counts.HVP == oracle.counts.JVP == oracle.counts.f == oracle.counts.g == lanes
    assert oracle.counts.sfo == 0


def test_the_tree_of_a_mean_does_not_know_its_chunks() -> None:
    terms = np.random.default_rng(0).normal(size=(77, 3)) * 10.0 ** np.arange(-5, 72)[:, None]
    whole = tree_sum(terms)
    for group in (1, 2, 8, 64, 128):
        total = TreeSum()
        for first in range(0, 77, group):
            total.add(tree_sum(terms[first : first + group]))
        assert np.array_equal(total.total(), whole)
    exact = [math.fsum(column) for column in terms.T]
    scale = [math.fsum(np.abs(column)) for column in terms.T]
    assert np.all(np.abs(whole - exact) <= 8 * 2.0**-53 * np.array(scale))


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_chunks_of_samples_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch, model: Noise) -> None:
    whole = errors(model, 4, samples=301)
    for chunk in (1, 100, 1000, 10**7):
        monkeypatch.setattr(noise_module, "CHUNK", chunk)
        for a, b in zip(errors(model, 4, samples=301), whole):
            assert np.array_equal(a, b)


def test_the_mean_is_the_mean_of_the_single_samples() -> None:
    """The first samples are the same however many are asked for: 4 m_4 - 3 m_3 is sample 4."""
    model = Rademacher(1.0, 1.0)
    (three, _), (four, _) = errors(model, 10, samples=3), errors(model, 10, samples=4)
    assert np.allclose(np.abs(4 * four - 3 * three), 1.0)


def test_memory_stays_bounded_for_many_samples() -> None:
    import tracemalloc

    oracle = StochasticOracle(Toy(), Gaussian(1.0, 1.0))
    tracemalloc.start()
    oracle.query(np.zeros((8, 2)), np.zeros((8, 3)), step=0, node=np.arange(8), samples=20_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: Gaussian(-1.0, 1.0), "sigma_f"),
        (lambda: Gaussian(1.0, math.nan), "sigma_g"),
        (lambda: Rademacher(1.0, math.inf), "sigma_g"),
        (lambda: Gaussian("1", 1.0), "sigma_f"),  # type: ignore[arg-type]
        (lambda: Gaussian(True, 1.0), "sigma_f"),
        (lambda: Gaussian(1.0, 1.0, sigma_h=-1.0), "sigma_h"),
        (lambda: NoNoise(sigma_v=None), "sigma_v"),  # type: ignore[arg-type]
        (lambda: Multiplicative(1.0, 1.0, scale=0.0), "scale"),
        (lambda: Minibatch(0, 1), "batch_f"),
        (lambda: Minibatch(1, 2.0), "batch_g"),  # type: ignore[arg-type]
        (lambda: make_noise("gausian", sigma_f=1.0), "noise"),
        (lambda: make_noise(None), "noise"),  # type: ignore[arg-type]
        (lambda: make_noise("gaussian", sigma=1.0), "noise parameter sigma"),
        (lambda: make_noise("gaussian", sigma_f=1.0), "parameters of gaussian"),
    ],
)
def test_bad_parameters(call: Any, argument: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.argument == argument


def test_models_by_name() -> None:
    assert make_noise("minibatch", batch_f=3, batch_g=2) == Minibatch(3, 2)
    assert make_noise("rademacher", sigma_f=1, sigma_g=2, sigma_h=0.5) == Rademacher(1, 2, sigma_h=0.5)


def test_minibatch_says_what_the_problem_lacks() -> None:
    class Plain(Toy):
        n_g: Any = None

    with pytest.raises(InputError, match="finite sum"):
        StochasticOracle(Plain(), Minibatch(1, 1))

    class NoTerms(Toy):
        grad_f_at: Any = None

    with pytest.raises(InputError, match="grad_f_at"):
        StochasticOracle(NoTerms(), Minibatch(1, 1))
