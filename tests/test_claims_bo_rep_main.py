"""What the claims on paper 004's main text, Appendices B and C rest on: class constants, derivatives, the runs."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import exp, expm1, log, sqrt

import numpy as np
import pytest

from solvers.bo_rep import BOREP
from synthetic.relaxed_smooth import THETA as SHARP_THETA
from synthetic.relaxed_smooth import RelaxedConstants
from verify.claims import bo_rep_main_bias as bias
from verify.claims import bo_rep_main_lower as lower
from verify.claims import bo_rep_main_theorem as theorem
from verify.claims.bo_rep_b_smoothness import growing_sides
from verify.evidence import Instances
from verify.families_bo_rep_smooth import SPECIAL, THETA, Model, pairs, random_instances
from verify.registry import claims

ROWS = [*SPECIAL, *random_instances(30, 11)]


def slope(function, at: float, t: float = 1e-6) -> float:
    return (function(at + t) - function(at - t)) / (2 * t)


def test_theta_is_rounded_up() -> None:
    assert SHARP_THETA < THETA < SHARP_THETA + 1e-3
    u = 1 / (sqrt(2) * float(THETA))
    assert expm1(u) / u < float(THETA)


@pytest.mark.parametrize("row", ROWS)
def test_instances_of_appendix_c_are_in_their_class(row: dict) -> None:
    """Assumption 1 inside its radius and Assumption 2, by sampled quotients; phi' by differences of phi."""
    m = Model(row, "float")
    radius = 1 / sqrt(2 * (m.L_x1**2 + m.L_y1**2)) if m.L_x1 or m.L_y1 else 1.0
    rng = np.random.default_rng(3)
    for _ in range(40):
        x, y = rng.normal(size=2) * rng.choice([0.1, 1, 10])
        t = radius * rng.uniform(0.01, 1) * rng.choice([-1, 1])
        assert abs(m.f_x(x + t) - m.f_x(x)) <= (m.L_x0 + m.L_x1 * abs(m.f_x(x))) * abs(t) * (1 + 1e-9) + 1e-9
        assert abs(m.f_y(y + t) - m.f_y(y)) <= (m.L_y0 + m.L_y1 * abs(m.f_y(y))) * abs(t) + 1e-9
        assert abs(m.f_y(y)) <= m.M
    p = float(Fraction(row["at"])) + 0.0137
    x, y = m.point(p)
    if m.rho != 0:
        along = slope(lambda q: m.phi(*m.point(q)), p) / slope(lambda q: m.point(q)[0], p)
    else:
        along = slope(lambda q: m.phi(*m.point(q)), p)
    assert along == pytest.approx(m.slope(x, y), rel=1e-4, abs=1e-4)


def test_constants_of_lemma_c3_are_those_of_the_generators() -> None:
    """K_0 and K_1 of the claim, added up from its terms, against the independent RelaxedConstants."""
    from verify.claims.bo_rep_c_lemmas import gradient_sides

    for row in pairs(10, 4, drop="", descent=False):
        m = Model(row, "float")
        c = RelaxedConstants(m.L_x0, m.L_x1, m.L_y0, m.L_y1, m.M, m.C, m.mu, 0.0, m.tau, m.rho)
        (x, y), (x2, _) = (m.point(float(Fraction(row[k]))) for k in ("at", "to"))
        right = (c.K_0 + c.K_1 * abs(m.slope(x, y))) * (x - x2)
        assert float(gradient_sides(row, "rational").rhs) == pytest.approx(right**2, rel=1e-6)


def test_growth_of_lemma_3_5_has_the_stated_bounds() -> None:
    """h is C^1, 0 <= h' <= h, |h''| <= 5 and h <= 23/16."""
    t = Fraction(1, 10**6)
    grid = [Fraction(k, 64) for k in range(-64, 65)]
    first = {y: (bias.growth(y + t) - bias.growth(y - t)) / (2 * t) for y in grid}
    for y in grid:
        assert -t <= first[y] <= bias.growth(y) + 10 * t
        assert bias.growth(y) <= Fraction(23, 16)
        left, right = (bias.growth(y) - bias.growth(y - t)) / t, (bias.growth(y + t) - bias.growth(y)) / t
        assert abs(left - right) <= 6 * t
    assert all(abs(first[a] - first[b]) <= 5 * (b - a) + 20 * t for a, b in pairwise(grid))


def test_excess_of_lemma_3_5_is_below_the_stated_factor() -> None:
    """4 (e^{1/4} - 1) bounds what can happen for eps <= K_0/K_1; the instance reaches 1.122 of it."""
    found = claims(pattern="bo_rep:lemma-3.5")[0].run().printed[0].tightness
    assert found is not None
    assert 1.12 < found <= 4 * expm1(0.25)


def test_theorem_3_1_parameters_are_the_solvers() -> None:
    """eta, nu, beta and K of the claim's run against BOREP.theorem, which was written from the same statement."""
    row = theorem.BASE
    run = theorem.Run(row, "float")
    L, b, m, tiny, eps = (float(Fraction(row[k])) for k in ("L", "b", "m", "tiny", "eps"))
    C = L * b
    constants = RelaxedConstants(1.0, tiny, 0.0, tiny, m, C, 1.0, L * (1 + b * b))
    sigma_g2 = sqrt(float(Fraction(row["sigma_g2_squared"])))
    noise = 4 * eps**2 * min(1.0, 1 / (32 * C**2))
    ours = BOREP.theorem(
        eps, 0.5, constants, Delta=1.5, gradient=1.0, Delta_z=(m / L) ** 2, V_0=1.0,
        sigma_f1=sqrt(noise - 2 * m**2 * sigma_g2**2), sigma_g1=eps / constants.K_0 * (1 - 1e-12), sigma_g2=sigma_g2,
    )  # fmt: skip
    assert ours.eta == pytest.approx(run.eta, rel=1e-6)
    assert ours.nu == pytest.approx(run.nu, rel=1e-6)
    assert 1 - ours.beta == pytest.approx(run.share, rel=1e-6)
    assert pytest.approx(run.steps, rel=1e-5) == ours.T


def test_theorem_3_1_signs_by_the_closed_form() -> None:
    """m_{k+1} = share sum_j (1 - share)^(k-j) (G + (-1)^j L b (z_0 - z*)): alternates for 200 steps."""
    run = theorem.Run(theorem.BASE, "rational")
    beta, swing = 1 - run.share, run.L * run.b * (run.z0 - run.z_star)
    m, signs = Fraction(0), []
    for k in range(200):
        m = beta * m + run.share * (run.G + (-1) ** k * swing)
        signs.append(m > 0)
    assert signs == run_signs(run, 200)
    assert all(a != b for a, b in pairwise(signs))
    assert theorem.exact_ratio(theorem.BASE) == 3000


def run_signs(run: theorem.Run, steps: int) -> list[bool]:
    return [s > 0 for s in run.follow(steps)[1]]


@pytest.mark.parametrize(("L", "settles"), [("7", True), ("8", False), ("9", False)])
def test_theorem_3_1_breaks_at_l_of_eight_mu(L: str, settles: bool) -> None:
    """nu = 1/4: z contracts for L < 8 and the mean gradient falls; at 8 it does not. C_gxy is kept."""
    b = str(Fraction(24, 143) / Fraction(L))
    run = theorem.Run(
        theorem.BASE | {"L": L, "b": b, "eps": "1/20", "m": "400", "sigma_g2_squared": "0.0000000001"}, "float"
    )
    run.eta = 1 / 500  # the printed eta only makes the run longer
    total, _ = run.follow(4000 if L != "9" else 300)
    mean = total / (4000 if L != "9" else 300)
    assert (mean < 0.5) is settles


def test_drift_of_lemma_3_3_is_attained() -> None:
    check = Instances("drift", lower.drift_sides, lower.drift_rows("1"), "rational")
    assert check.tightness == 1


def test_converse_of_lemma_b3_example_is_relaxed_smooth() -> None:
    """f = e^y (2 + 1/(1 + x^2)): |Hessian| <= 2 |gradient| at sampled points, Definition B.1 with (0, 2)."""
    for x, y in np.random.default_rng(0).normal(size=(300, 2)) * 3:
        q, q1, q2 = 2 + 1 / (1 + x * x), -2 * x / (1 + x * x) ** 2, (6 * x * x - 2) / (1 + x * x) ** 3
        hessian = exp(y) * np.array([[q2, q1], [q1, q]])
        assert np.linalg.norm(hessian, 2) <= 2 * exp(y) * np.hypot(q1, q)
    row = {"E": "10", "t": "1/10", "L_x0": "1", "L_x1": "1", "coupled": True}
    assert growing_sides(row, "rational").holds("rational") is False


def test_same_constants_of_definition_b2_need_log_2() -> None:
    """1/ln 2 is the least theta with e^s - 1 <= theta s on [0, 1/theta]."""
    assert expm1(log(2)) == pytest.approx(1)
    for theta, holds in ((1 / log(2) * 1.0001, True), (1.44, False)):
        assert (expm1(1 / theta) <= 1) is holds
