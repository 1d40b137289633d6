"""The proved constants against samples, hand-derived values, and wrong statements that must fail."""

from __future__ import annotations

import numpy as np
import pytest

from bounds import chain
from bounds.chain_constants import constant, hessian_bound, stationarity_bound, table
from bounds.chain_rigorous import arb_phi, arb_psi, enclose_supremum
from bounds.soft_projection import project, project_product

flint = pytest.importorskip("flint")


def test_supremum_is_enclosed_and_a_wrong_slope_is_seen() -> None:
    arb = flint.arb
    low, high = enclose_supremum(lambda t: t * (1 - t), "0", "1", slope=lambda t: 1 - 2 * t, width=1e-9)
    assert low <= arb("0.25") <= high
    assert float(high - low) < 1e-8
    # a slope that is zero everywhere makes pieces look flat: the enclosure collapses below the truth
    _, wrong = enclose_supremum(lambda t: t * (1 - t) * (t + 1), "0", "1", slope=lambda t: arb(0), width=1e-9)
    assert float(wrong) < 0.3849 < 2 / 27**0.5


@pytest.mark.parametrize("order", [1, 2, 3])
def test_psi_and_phi_suprema_hold_on_a_fine_grid(order: int) -> None:
    t = np.linspace(0.5, 8, 400_001)
    for name, values in (("Psi", chain.psi(t, order)), ("Phi", chain.phi(np.concatenate([-t, t, [0.0]]), order))):
        row = constant(f"sup |{name}{chr(39) * order}|")
        top = np.max(np.abs(values))
        assert top <= row.high
        assert top >= row.low - 1e-5 * row.low
    assert constant("sup |Psi'|").low <= np.sqrt(54 / np.e) <= constant("sup |Psi'|").high


def test_balls_hold_the_floats() -> None:
    arb = flint.arb
    for t in (-2.0, 0.4, 0.5, 0.52, 0.56, 0.76, 1.3, 5.0):
        wide = arb(t, 0.01)
        for k in range(4):
            assert arb_psi(wide, k).overlaps(arb(float(chain.psi(np.array(t), k)), 1e-12))
            assert arb_phi(wide, k).overlaps(arb(float(chain.phi(np.array(t), k)), 1e-12))


def test_gradient_and_hessian_bounds_against_a_search() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(100_000, 3)) * 0.6 + np.array([3.0, 0.85, 3.0])
    seen = np.max(np.abs(chain.gradient(z)))
    assert constant("G_inf").high >= seen >= constant("G_inf").low - 0.05
    z = rng.normal(size=(4000, 4)) * 0.05 + np.array([0.78, 0.78, 0.76, 4.0])
    hessians = chain.product(np.broadcast_to(z[:, None, :], (4000, 4, 4)), np.eye(4))
    worst = np.max(np.abs(np.linalg.eigvalsh(hessians)))
    low, high = hessian_bound()
    assert worst <= float(high)
    assert worst > 133
    assert float(low) > 134
    assert float(low) < float(high) < 139


def test_printed_numbers_are_upper_bounds_and_a_smaller_one_is_not() -> None:
    printed = {row.name: row.printed for row in table() if row.printed is not None}
    assert printed == {
        "sup |Psi''|": 32.5,
        "Delta_0": 12,
        "G_inf": 23,
        "ell_1": 152,
        "L_bar_1": 155,
        "masked variance": 529,
        "gamma root": 46,
        "T divisor": 29760,
    }
    assert all(row.printed_holds for row in table() if row.printed is not None)
    assert constant("G_inf").high < 23
    assert not type(constant("G_inf"))("G_inf", 21.39, 21.4, 21.0, "").printed_holds


def test_start_gap_is_below_delta_0_and_reaches_it_with_T() -> None:
    row = constant("Delta_0")
    gaps = np.array([chain.start_gap(T) / T for T in (1, 10, 1000, 10**6)])
    assert np.all(gaps < row.high)
    assert gaps[-1] == pytest.approx(row.low, rel=1e-6)


def test_stationarity_of_the_projected_chain() -> None:
    """||grad|| >= 0.63 while prog_1 < T on points near and far, and the bound without the ridge fails far out."""
    rng = np.random.default_rng(6)
    T, R = 6, 230 * np.sqrt(6)
    z = rng.normal(size=(4000, T)) * rng.choice([0.5, 1.5, 30.0, 3000.0], size=(4000, 1))
    late = np.arange(T)[None, :] >= rng.integers(0, T, size=(4000, 1))
    z = np.where(late, np.clip(z, -0.9, 0.9), z)
    inner = project_product(z, chain.gradient(project(z, R)), R)
    floor = float(stationarity_bound().lower())
    assert 0.63 < floor < 0.64
    assert np.all(np.linalg.norm(inner + z / 5, axis=-1) >= floor)
    assert np.any(np.linalg.norm(inner, axis=-1) < floor)


def test_masked_oracle_has_one_masked_coordinate_of_bounded_size() -> None:
    rng = np.random.default_rng(7)
    z = rng.normal(size=(20_000, 5)) * rng.choice([0.3, 1.0, 4.0], size=(20_000, 1))
    masked = np.where(np.arange(1, 6) > chain.progress(z, 0.25)[:, None], chain.gradient(z), 0.0)
    assert np.all(np.count_nonzero(masked, axis=-1) <= 1)
    size = np.max(np.abs(masked)) ** 2
    assert size <= constant("masked variance").high
    assert size > 0.7 * constant("masked variance").low
