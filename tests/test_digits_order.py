"""The order of the hyper-gradient estimate on real data: digits, in double precision, above round-off."""

from __future__ import annotations

import numpy as np
import pytest

from bounds.stencil import Stencil, central, stencil
from synthetic.learn_regularize import LearnToRegularize, digits


def measured_bias(problem: LearnToRegularize, x: np.ndarray, formula: Stencil, nus: np.ndarray) -> np.ndarray:
    """(1/nu) sum_j alpha_j (psi(j nu) - psi(0)) - grad phi(x) for every nu, shape (nus, dim_x)."""
    nodes, weights = (np.array([float(v) for v in part]) for part in formula.active)
    at = nus[:, None] * nodes
    psi = problem.psi_change(np.broadcast_to(x, (*at.shape, problem.dim_x)), at)
    return np.einsum("j,njd->nd", weights, psi) / nus[:, None] - problem.hypergrad(x)


def octave_slopes(bias: np.ndarray) -> np.ndarray:
    """log2 of the ratios of ||bias|| from one nu to the next, half as large."""
    size = np.linalg.norm(bias, axis=1)
    return np.log2(size[:-1] / size[1:])


@pytest.fixture(scope="module")
def real() -> tuple[LearnToRegularize, np.ndarray]:
    pytest.importorskip("sklearn")
    return digits(100, 100, 16), -1 + 0.3 * np.sin(np.arange(16.0))


ORDERS = [
    # family, p, largest nu, octaves, tolerance on the slope
    ("one_sided", 1, 2.0**-7, 5, 0.02),
    ("central", 2, 2.0**-3, 5, 0.02),
    ("one_sided", 3, 2.0**-8, 4, 0.02),
    ("balanced", 3, 2.0**-8, 4, 0.02),
    ("central", 4, 2.0**-4, 4, 0.02),
    ("balanced", 5, 2.0**-7, 2, 0.02),
    ("central", 6, 2.0**-5, 3, 0.05),
    ("central", 8, 2.0**-5, 1, 0.05),
]


@pytest.mark.parametrize(("family", "p", "largest", "octaves", "tolerance"), ORDERS)
def test_order_on_digits_in_double_precision(
    real: tuple[LearnToRegularize, np.ndarray],
    family: str,
    p: int,
    largest: float,
    octaves: int,
    tolerance: float,
) -> None:
    problem, x = real
    formula = stencil(p, family)
    nus = largest * 2.0 ** -np.arange(octaves + 1)
    bias = measured_bias(problem, x, formula, nus)
    assert np.max(np.abs(octave_slopes(bias) - p)) < tolerance
    # at the smallest nu the vector itself is the one that the Taylor series predicts, three terms of it
    series = problem.psi_series(x, p + 3)
    terms = [float(formula.moment(k)) * series[k] * nus[-1] ** (k - 1) for k in (p + 1, p + 2, p + 3)]
    assert np.linalg.norm(bias[-1] - sum(terms)) < 0.02 * np.linalg.norm(bias[-1])


def test_a_wrong_stencil_loses_its_order_on_digits(real: tuple[LearnToRegularize, np.ndarray]) -> None:
    problem, x = real
    right = central(4)
    swapped = Stencil(4, "wrong", right.nodes, tuple(-w for w in right.weights))
    bent = Stencil(
        4, "wrong", right.nodes, tuple(w * (1 if abs(n) == 1 else 2) for n, w in zip(right.nodes, right.weights))
    )
    nus = 2.0 ** -np.arange(4.0, 9.0)
    for wrong in (swapped, bent):
        assert np.max(np.abs(octave_slopes(measured_bias(problem, x, wrong, nus)) - 4)) > 0.5


def test_digits_split_is_the_one_described(real: tuple[LearnToRegularize, np.ndarray]) -> None:
    from sklearn.datasets import load_digits

    problem, x = real
    data = load_digits()
    chosen = [(1000 * i) % 1797 for i in range(200)]
    assert len(set(chosen)) == 200
    np.testing.assert_array_equal(problem.train.labels, data.target[chosen[:100]])
    np.testing.assert_array_equal(problem.val.labels, data.target[chosen[100:]])
    first = np.array(
        [data.images[chosen[0]][2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() for r in range(4) for c in range(4)]
    )
    raw = digits(100, 100, 16, standardise=False)
    np.testing.assert_allclose(raw.train.data[0], first / 16, rtol=1e-15)
    np.testing.assert_allclose(problem.train.data.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(problem.train.data.std(axis=0), 1, rtol=1e-12)
    assert problem.accuracy(problem.y_star(x)) > 0.8  # ten classes, so chance is 0.1
    assert problem.accuracy(np.zeros(160)) < 0.3
    h, e = 1e-2, np.eye(16)
    near, far = ((problem.value(x + s * h * e) - problem.value(x - s * h * e)) / (2 * s * h) for s in (1, 2))
    exact = problem.hypergrad(x)
    assert np.linalg.norm((4 * near - far) / 3 - exact) < 1e-7 * np.linalg.norm(exact)
