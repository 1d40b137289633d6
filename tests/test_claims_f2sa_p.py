"""What the claims on paper 000 rest on: the instances, their certificates, and the second ways of computing."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from verify.claims import f2sa_p_appendix_d as formulas
from verify.claims import f2sa_p_kappa as powers
from verify.claims import f2sa_p_lemma31 as lemma
from verify.claims import f2sa_p_sgd as sgd
from verify.claims import f2sa_p_theorem as theorem
from verify.evidence import Evaluate, Instances, replay
from verify.families_f2sa_p import (
    clipped_family,
    compose,
    implicit,
    kinked_family,
    past_the_kink,
    reversion,
    set_partitions,
    steep_family,
    trig_family,
)
from verify.registry import claims


def spline_step(p: int, t: Fraction, derivative: int = 0) -> Fraction:
    """S^(derivative)(t) of the step of degree p, from truncated powers."""
    power = p - derivative
    return sum(
        (Fraction((-1) ** k * comb(p, k)) * (t - k) ** power / factorial(power) for k in range(p + 1) if t > k),
        Fraction(0),
    )


@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_kinked_family_is_in_its_class(p: int) -> None:
    kind, nu_1 = kinked_family(p)
    assert all(kind.certificate(p).values())
    assert nu_1 <= 1 / (2 * kind.largest(p) / kind.gamma_min)
    grid = [Fraction(i, 16) for i in range(-16, 16 * (p + 1))]
    assert spline_step(p, Fraction(p)) == 1
    assert spline_step(p, Fraction(p + 5)) == 1
    for m in range(1, p + 1):
        assert max(abs(2 * spline_step(p, t, m)) for t in grid) <= kind.force_sup[m + 1]
    assert all(-1 <= 1 - 2 * spline_step(p, t) <= 1 for t in grid)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_derivative_past_the_kink_by_differences(p: int) -> None:
    """y^(p) just past the kink against a divided difference of the lower-level solution found by bisection."""
    _, nu_1 = kinked_family(p)
    t = Fraction(1, 64)
    nu, value = past_the_kink(p, nu_1, t)
    assert -nu_1 - t + nu * (1 - 2 * t**p / factorial(p)) == 0

    def solve(at: mp.mpf) -> mp.mpf:
        start = mp.mpf(nu_1.numerator) / nu_1.denominator
        return mp.findroot(lambda y: y + at * (1 - 2 * (-y - start) ** p / factorial(p)), -at, tol=1e-90)

    with mp.workdps(60):
        centre, h = mp.mpf(nu.numerator) / nu.denominator, mp.mpf(10) ** -8
        points = [solve(centre + (k - mp.mpf(p) / 2) * h) for k in range(p + 1)]
        slope = sum((-1) ** (p - k) * comb(p, k) * points[k] for k in range(p + 1)) / h**p
        assert abs(slope - mp.mpf(value.numerator) / value.denominator) < 1e-6
    left = -1 if p == 1 else 0
    assert abs(value - left) > Fraction(nu_1, 2)


def test_series_tools() -> None:
    a = [Fraction(0), Fraction(2), Fraction(-1, 3), Fraction(5), Fraction(1, 7)]
    back = reversion([Fraction(9), *a[1:]])
    assert compose(a, back) == [0, 1, 0, 0, 0]
    assert [sum(1 for _ in set_partitions(list(range(n)))) for n in range(7)] == [1, 1, 2, 5, 15, 52, 203]


@pytest.mark.parametrize("t", ["1/3", "1/10"])
def test_trig_family_taylor_against_newton(t: str) -> None:
    """The jets of y_nu against Newton's method on the functions themselves, and the bounds on a grid."""
    t_, n = Fraction(t), 4
    kind, gamma, force = trig_family(3, t_)
    y = implicit(gamma, force, n)
    with mp.workdps(50):
        s = mp.mpf(t_.numerator) / t_.denominator
        theta, mu = 2 * mp.atan(s), s * s

        def residual(z: mp.mpf, nu: mp.mpf) -> mp.mpf:
            return mu * z + z - mp.sin(z + theta) + mp.sin(theta) + nu * mp.cos(z)

        nu = s**3 / 10**6
        z = mp.findroot(lambda v: residual(v, nu), 0, tol=1e-60)
        series = sum(mp.mpf(c.numerator) / c.denominator * nu**k for k, c in enumerate(y))
        assert abs(z - series) < abs(z) * mp.mpf(10) ** -20
        bend = [mu + 1 - mp.cos(mp.mpf(v) / 10) for v in range(1, 63)]
        assert kind.gamma_min == t_**2
        assert mu <= min(bend)
        assert max(bend) <= float(kind.gamma_sup[2]) + 1e-12


@pytest.mark.parametrize("p", [1, 2, 3])
def test_steep_family_is_in_its_class(p: int) -> None:
    s = Fraction(1, 50)
    kind, gamma, _ = steep_family(p, s)
    assert all(kind.certificate(p).values())
    grid = np.linspace(-1, 1, 4001) / float(s)
    wave = np.sin(grid) if p % 2 else np.cos(grid)
    second = 1 + 0.5 * float(s) ** (p - 1) * wave
    assert second.min() >= float(kind.gamma_min)
    assert second.max() <= float(kind.gamma_sup[2])
    assert kind.constants(p)[p + 1] == 1 / (2 * s)
    assert kind.largest(p) <= 3
    assert gamma[1] == 1 + (0 if p % 2 else s ** (p - 1) / 2)


def test_majorant_by_hand() -> None:
    """q = 1: Y = 2k; q = 2: Y = 2k(3/2 (2k)^2 + 2 (2k)); Psi_2 = 3/2 (Y_2 + Y_1^2) + 2 Y_1 = 18 k^3 + 18 k^2 + 4 k."""
    Y, Psi = lemma.majorant(2)
    assert {k: v for k, v in Y[1].items() if v} == {1: 2}
    assert {k: v for k, v in Y[2].items() if v} == {3: 12, 2: 8}
    assert {k: v for k, v in Psi[2].items() if v} == {3: 18, 2: 18, 1: 4}
    assert lemma.lipschitz_constant(1) == 40


def test_trees_of_the_second_derivative() -> None:
    """The g-rooted terms of psi''(0): g_xyy[y', y'] and g_xy[y''], y'' = -H^{-1}(g_yyy[y', y'] + 2 f_yy y')."""
    found = set(powers.trees(1))
    assert found == {(2, (1, 1), ()), (1, (1, 1), (3,)), (1, (1, 2), ())}
    assert powers.true_power(1) == 3
    assert [powers.true_power(p) for p in (2, 3, 4)] == [4, Fraction(11, 2), 7]


def test_local_slope_in_kappa_is_the_true_one() -> None:
    """log-log slope of |psi^(p+1)(0)| between kappa = 3e4 and 3e6."""
    for p in (2, 3, 4):
        sizes = []
        for k in (2, 3):
            _, gamma, force = trig_family(p, Fraction(1, 10**k))
            sizes.append(abs(implicit(gamma, force, p + 1)[p + 1]))
        growth = sizes[1] / sizes[0]
        slope = mp.log(mp.mpf(growth.numerator) / growth.denominator, 100)
        assert abs(slope - powers.true_power(p)) < 0.01
    _, gamma, force = clipped_family(Fraction(1, 10**6))
    assert abs(2 * implicit(gamma, force, 2)[2]) == Fraction(10**18, 8)


@pytest.mark.parametrize("sides", [formulas.eq12_sides, formulas.eq13_sides, formulas.eq14_sides])
@pytest.mark.parametrize("q", formulas.ORDERS)
def test_corrected_formulas_hold_in_the_second_arithmetic(sides: Evaluate, q: int) -> None:
    """Newton's method and differences share nothing with the jets: the repaired (12)-(14) hold there too."""
    assert sides({"q": q, "explicit": q}, "mpmath").holds("mpmath")
    assert not sides({"q": q, "explicit": 0}, "mpmath").holds("mpmath")


def test_first_order_by_hand() -> None:
    """q = 1, f = x, g = (y - x)^2/2: y_nu = x, psi = nu f_x + g_x = nu, psi' = 1; (12) prints g_xy y' = -1 * 0."""
    x, y, nu = sp.symbols("x y nu")
    f, g = x, (y - x) ** 2 / 2
    y_nu = sp.solve(sp.diff(nu * f + g, y), y)[0]
    psi = sp.diff(nu * f + g, x).subs(y, y_nu)
    assert sp.diff(psi, nu) == 1
    assert sp.diff(g, x, y) * sp.diff(y_nu, nu) == 0


def test_nsgd_constants_are_attained() -> None:
    row = {"f": "quadratic", "L": "1", "x0": "4", "eta": "1", "T": 4, "s": "0", "tilt": "0"}
    sides = sgd.nsgd_sides(row | {"constants": ["1", "1/2", "2"]}, "rational")
    assert sides.lhs == sides.rhs


@pytest.mark.parametrize("kind", ["quadratic", "two-slope", "huber", "wave"])
def test_scalar_functions_have_their_derivative_and_constant(kind: str) -> None:
    L, mu, h = Fraction(2), Fraction(1, 2), Fraction(1, 10**4)
    f, slope, lowest = sgd.scalar_function(kind, L, mu)
    grid = [Fraction(i, 7) for i in range(-30, 31)]
    for x in grid:
        assert abs((f(x + h) - f(x - h)) / (2 * h) - slope(x)) <= L * h
        assert abs(slope(x + h) - slope(x)) <= L * h
        assert f(x) >= lowest


def test_frozen_samples_by_simulation() -> None:
    """The closed form behind the claim on Algorithm 1: a frozen sample leaves E|y^K|^2 at sigma^2/mu^2."""
    rng = np.random.default_rng(7)
    mu, eta, sigma, K = 1.0, 0.02, 1.0, 600
    z = rng.choice([-1.0, 1.0], size=4000)
    frozen = np.zeros(4000)
    fresh = np.zeros(4000)
    for _ in range(K):
        frozen -= eta * (mu * frozen + sigma * z)
        fresh -= eta * (mu * fresh + sigma * rng.choice([-1.0, 1.0], size=4000))
    assert np.mean(frozen**2) == pytest.approx(1.0, abs=1e-4)
    assert np.mean(fresh**2) < eta * sigma**2 / mu


def test_bias_of_the_tooth_by_newton() -> None:
    """The instance behind the claim on line 452 in floating point: quotient 1 at nu = 4s, slope 2/3 at 0."""
    s, nu = 1e-3, 4e-3

    def bend(y: float) -> float:
        u = (y / s + 2) % 4 - 2
        return 1 + 0.5 * (1 - abs(u))

    grid = np.linspace(-nu, 0, 400001)
    values = np.array([bend(v) for v in grid[::100]])
    gradient = -np.trapezoid(values, grid[::100])
    assert gradient == pytest.approx(-nu, rel=1e-6)
    assert 1 / bend(0.0) == pytest.approx(2 / 3)
    assert all(theorem.tooth(Fraction(1, 1000)).certificate(1).values())


@pytest.mark.parametrize(
    "id", ["f2sa_p:lemma-3.1", "f2sa_p:lemma-E.2", "f2sa_p:thm-3.1", "f2sa_p:alg-1", "f2sa_p:eq-14"]
)
def test_counterexamples_replay_in_two_arithmetics(id: str) -> None:
    evidence = claims(pattern=id)[0].run()
    broken = [c for c in evidence.printed if isinstance(c, Instances) and not c.holds]
    assert broken
    for check in broken:
        text = "\n".join(replay(check))
        assert "in exact rationals" in text
        assert "in decimals (mpmath)" in text
        assert text.count("BROKEN") == 2
        assert "MISSED" not in text
