"""What the claims on Appendices D and E of paper 004 rest on: the schedule, the tails, the diverging instance."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log, sqrt

import pytest

from synthetic.errors import InputError
from verify.claims.bo_rep_d_auxiliary import PLAIN, STIFF, linear_sides
from verify.claims.bo_rep_d_epoch import tail_sides
from verify.claims.bo_rep_d_periodic import FAST, update_sides
from verify.claims.bo_rep_e_theorem import STIFF as PRINTED
from verify.claims.bo_rep_e_theorem import stiff, theorem_sides
from verify.families_bo_rep_d import below_root, class_rows, hypotenuse, schedule


def test_hypotenuse_is_exact_or_refused() -> None:
    assert hypotenuse(Fraction(3, 4)) == Fraction(5, 4)
    with pytest.raises(InputError):
        hypotenuse(Fraction(1, 2))


def test_below_root_is_below_and_close() -> None:
    for square in (Fraction(2), Fraction(1, 10**12), Fraction(10**15, 7)):
        root = below_root(square)
        assert root**2 <= square < (root * (1 + Fraction(1, 10**20))) ** 2


def test_schedule_against_a_float_transcription_of_eq_75() -> None:
    for row in class_rows(5, 1):
        p = {k: float(v) for k, v in schedule(row).items()}
        noise = p["s_f1"] ** 2 + 2 * p["M"] ** 2 / p["mu"] ** 2 * p["s_g2"] ** 2
        momentum = min(
            p["eps"] ** 2 / noise * min(1, p["mu"] ** 2 / (32 * p["C"] ** 2)),
            p["C"] ** 2 / (8 * p["s_g2"] ** 2), p["mu"] ** 2 / (16 * p["s_g2"] ** 2), 0.25,
        )  # fmt: skip
        radius = 1 / sqrt(2 * (1 + p["C"] ** 2 / p["mu"] ** 2) * (p["L_x1"] ** 2 + p["L_y1"] ** 2))
        slow = min(
            1 / p["K_1"], p["eps"] / p["K_0"], p["Delta"] / p["slope"], p["eps"] * p["Delta"] / p["C"] ** 2 / p["D_z"]
        )
        eta = min(momentum * slow / 8, radius, p["mu"] * p["eps"] / (8 * p["K_0"] * p["period"] * p["C"]))
        assert p["momentum"] == pytest.approx(momentum, rel=1e-12)
        assert p["eta"] == pytest.approx(eta, rel=1e-12)


def test_printed_lambda_gives_more_than_it_is_set_for() -> None:
    """Independent floats: u = 20, lambda = 3.0 to 3.0: e^(-lambda^2/3) + e^(-lambda) is almost 2/u."""
    lam = max(sqrt(3 * log(20)), log(20))
    sides = tail_sides({"u": "20", "stretch": "1", "factor": "1"}, "mpmath")
    assert float(sides.lhs) == pytest.approx(exp(-lam * lam / 3) + exp(-lam), rel=1e-12)
    assert float(sides.lhs) > 1.9 / 20


def test_stiff_direction_diverges_by_24_a_step() -> None:
    """sum_{k<5} |z_k - z*|^2 = sum (3/4)^2k + (1/100)^2 24^2k, and a small nu keeps the bound."""
    sides = linear_sides(STIFF, "rational")
    expected = sum(Fraction(9, 16) ** k + Fraction(576) ** k / 10000 for k in range(5))
    assert sides.lhs == expected
    assert sides.holds("rational") is False
    assert linear_sides(STIFF | {"nu": "1/100"}, "rational").holds("rational") is True
    assert linear_sides(PLAIN, "rational").holds("rational") is True


def test_overshooting_update_leaves_the_ball_and_the_capped_one_does_not() -> None:
    assert update_sides(FAST, "rational").lhs == Fraction(5, 4)
    assert update_sides(FAST | {"capped": True}, "rational").holds("rational") is True


def test_printed_parameters_of_theorem_e2_stand_still() -> None:
    p, L, path, settled = stiff(PRINTED)
    assert settled
    assert p["nu"] * L > 25
    assert all(abs(x - 40) <= 4 * p["eta"] for x in path)
    assert theorem_sides(PRINTED | {"times": "50"}, "rational").holds("rational") is True
    assert theorem_sides(PRINTED | {"times": "39"}, "rational").holds("rational") is False


def test_well_conditioned_instance_is_not_a_counterexample() -> None:
    """With L = 2 mu the same parameters contract, so the certificate of alternation is refused."""
    assert stiff(PRINTED | {"a": "2", "D_z": "2500"})[3] is False
