"""The chain against many digits, differences, and what makes it a chain; the printed one is not."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from bounds import chain
from bounds.chain_rigorous import mp_phi, mp_psi, mp_value
from bounds.soft_projection import LIPSCHITZ, huber, huber_gradient, project, project_product, project_second
from synthetic.arrays import to_numpy
from synthetic.errors import InputError

POINTS = [-50.0, -12.0, -3.0, -0.4, 0.0, 0.3, 0.5, 0.53, 0.55, 0.76, 0.9, 1.0, 1.7, 6.0, 50.0]


@pytest.mark.parametrize("order", range(4))
def test_pieces_against_fifty_digits(asarray, order: int) -> None:
    t = asarray(np.array(POINTS))
    for ours, exact in ((chain.psi, mp_psi), (chain.phi, mp_phi)):
        found = to_numpy(ours(t, order))
        with mp.workdps(50):
            wanted = np.array([float(exact(mp.mpf(v), order)) for v in POINTS])
        np.testing.assert_allclose(found, wanted, rtol=3e-13, atol=1e-290)


def test_extremes_neither_overflow_nor_warn() -> None:
    t = np.array([-np.inf, -1e308, -1e155, 0.5, np.nextafter(0.5, 1), 0.5 + 1e-9, 1e155, 1e308, np.inf])
    for order in range(4):
        assert np.all(np.isfinite(chain.psi(t, order)))
        assert np.all(np.isfinite(chain.phi(t, order)))
    assert np.all(chain.psi(t)[:6] == 0)
    np.testing.assert_allclose(chain.psi(t)[-3:], np.e)
    np.testing.assert_allclose(chain.phi(t)[-3:], np.sqrt(2 * np.pi * np.e))


def test_erfcx_of_a_library_without_one() -> None:
    strict = pytest.importorskip("array_api_strict")
    x = np.concatenate([np.linspace(0, 6, 400), np.geomspace(6, 1e6, 200)])
    with mp.workdps(40):
        wanted = [float(mp.exp(mp.mpf(v) ** 2) * mp.erfc(mp.mpf(v))) if v < 20 else None for v in x]
    found = to_numpy(chain.erfcx(strict.asarray(x)))
    keep = [i for i, w in enumerate(wanted) if w is not None]
    np.testing.assert_allclose(found[keep], [wanted[i] for i in keep], rtol=2e-14)
    np.testing.assert_allclose(found[-1], 1 / (np.sqrt(np.pi) * x[-1]), rtol=1e-11)


def test_value_gradient_product_against_differences(asarray) -> None:
    rng = np.random.default_rng(1)
    z, p = rng.normal(size=(40, 6)) * 1.5, rng.normal(size=(40, 6))
    h = 1e-5
    zs = asarray(z)
    slope = (chain.value(asarray(z + h * p)) - chain.value(asarray(z - h * p))) / (2 * h)
    np.testing.assert_allclose(to_numpy(slope), np.sum(to_numpy(chain.gradient(zs)) * p, -1), atol=3e-6)
    turn = (chain.gradient(asarray(z + h * p)) - chain.gradient(asarray(z - h * p))) / (2 * h)
    np.testing.assert_allclose(to_numpy(turn), to_numpy(chain.product(zs, asarray(p))), atol=3e-4)
    with mp.workdps(30):
        assert float(chain.value(zs)[0]) == pytest.approx(float(mp_value([mp.mpf(v) for v in z[0]])), rel=1e-13)


def test_it_is_a_chain_exactly_and_the_gradient_is_large() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2000, 8)) * rng.choice([0.3, 1.0, 3.0], size=(2000, 1))
    z[np.arange(8)[None, :] >= rng.integers(0, 9, size=(2000, 1))] *= 0.1
    g, seen = chain.gradient(z), chain.progress(z, 0.5)
    late = np.arange(1, 9)[None, :] > seen[:, None] + 1
    assert np.all(g[late] == 0)
    assert np.count_nonzero(g[~late]) > 1000
    unfinished = chain.progress(z, 1 - 1e-15) < 8
    assert unfinished.sum() > 500
    assert np.all(np.linalg.norm(g[unfinished], axis=-1) > 1)
    assert chain.gradient(np.zeros((1, 8)))[0, 0] != 0


def test_the_printed_links_are_no_chain() -> None:
    """Phi(-x_{i-1}) in the first factor, as paper 000 prints it: at 0 every coordinate of the gradient is alive; with
    Psi(x_1) in the first term the first one is dead."""

    def printed(z: np.ndarray, head: str = "Psi") -> float:
        first = float(chain.psi(z[:1])[0] if head == "Psi" else chain.phi(z[:1])[0])
        pairs = chain.phi(-z[:-1]) * chain.phi(-z[1:]) - chain.psi(z[:-1]) * chain.phi(z[1:])
        return -first + float(np.sum(pairs))

    h, basis = 1e-6, np.eye(4)
    slopes = [(printed(h * e) - printed(-h * e)) / (2 * h) for e in basis]
    assert np.all(np.abs(slopes[1:]) > 1)
    right = [(chain.value(h * e) - chain.value(-h * e)) / (2 * h) for e in basis]
    assert abs(right[0]) > 1
    assert np.all(np.abs(right[1:]) < 1e-9)
    # Psi as printed (second line t < 1/2) would be alive at 0, so that prog_{1/2} says nothing
    assert np.exp(1 - 1 / (2 * 0.0 - 1) ** 2) == 1.0
    assert chain.psi(np.zeros(1))[0] == 0.0


def test_progress_counts_from_the_fixed_first_link(asarray) -> None:
    z = asarray(np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.2], [0.0, 0.0, -0.26], [np.nan, 2.0, 0.25]]))
    assert to_numpy(chain.progress(z, 0.25)).tolist() == [0, 1, 3, 2]
    with pytest.raises(InputError, match="alpha"):
        chain.progress(z, 1.0)


def test_optimum_is_approached_and_never_passed() -> None:
    rng = np.random.default_rng(3)
    assert chain.value(np.full(7, 1e8)) == pytest.approx(chain.optimum(7), rel=1e-12)
    assert np.all(chain.value(rng.normal(size=(3000, 7)) * 5) >= chain.optimum(7))
    assert chain.value(np.zeros(7)) - chain.optimum(7) == pytest.approx(chain.start_gap(7), rel=1e-14)


def test_soft_projection_derivatives_and_its_constant() -> None:
    rng = np.random.default_rng(4)
    R, h = 1.7, 1e-6
    z, p, g = (rng.normal(size=(30, 5)) for _ in range(3))
    np.testing.assert_allclose(
        (project(z + h * p, R) - project(z - h * p, R)) / (2 * h), project_product(z, p, R), atol=1e-8
    )
    second = (project_product(z + h * p, g, R) - project_product(z - h * p, g, R)) / (2 * h)
    np.testing.assert_allclose(second, project_second(z, p, g, R), atol=1e-8)
    slope = (huber(z + h * p, R, 0.25) - huber(z - h * p, R, 0.25)) / (2 * h)
    np.testing.assert_allclose(slope, np.sum(huber_gradient(z, R, 0.25) * p, -1), atol=1e-8)
    unit = np.array([1.0, 0, 0, 0, 0])
    top = np.linalg.norm(project_second(unit * R / 2, unit, unit, R))
    assert top == pytest.approx(LIPSCHITZ / R, rel=1e-12)
    p /= np.linalg.norm(p, axis=-1, keepdims=True)
    g /= np.linalg.norm(g, axis=-1, keepdims=True)
    assert np.max(np.linalg.norm(project_second(z, p, g, R), axis=-1)) <= LIPSCHITZ / R
