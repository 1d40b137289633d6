"""What the claims on paper 001 rest on: certified constants, exact derivatives, the families in kappa, the search."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from synthetic.errors import InputError
from verify.claims import f2ba_appendix_b as b
from verify.claims import f2ba_appendix_c as c
from verify.families_f2ba import CURVATURE_MIN, FOURTH, SLOPE, THIRD, Numbers, Point, positive_definite, well
from verify.families_f2ba_checks import CONCAVE, COUPLED, END_POINT, FIXED, KAPPA, STIFF, dominated, hardest
from verify.families_f2ba_jets import Jet, curve, derivative, free, mode, variables
from verify.families_f2ba_runs import f2ba
from verify.families_f2ba_search import adversary, smooth, steep

T = sp.Symbol("t", real=True)


def never_negative(expression: sp.Expr) -> bool:
    """A rational function of t with positive denominator is >= 0 on the line (Sturm counts its sign changes)."""
    numerator = sp.Poly(sp.together(expression).as_numer_denom()[0], T)
    odd = [f for f, power in sp.factor_list(numerator.as_expr(), T)[1] if power % 2]
    return numerator.eval(0) >= 0 and all(sp.Poly(f, T).count_roots() == 0 for f in odd)


def test_well_is_what_it_says_and_its_bounds_hold_on_the_line() -> None:
    w = T**2 / (2 * (1 + T**2))
    for order in range(5):
        assert sp.simplify(sp.diff(w, T, order) - well(T, order)) == 0
    for order, bound in ((1, SLOPE), (3, THIRD), (4, FOURTH)):
        for sign in (1, -1):
            assert never_negative(sp.Rational(bound.numerator, bound.denominator) + sign * well(T, order))
    assert never_negative(1 - well(T, 2))
    assert never_negative(well(T, 2) + sp.Rational(CURVATURE_MIN.numerator, CURVATURE_MIN.denominator))
    assert not never_negative(sp.Rational(1, 5) + well(T, 2)), "a bound that is too small must be seen"


def newton(p: Point, weight_f: mp.mpf, weight_g: mp.mpf, x: mp.mpf, start: list) -> list:
    """argmin_y weight_f f + weight_g g at x, independent of the formulas under test."""
    y = mp.matrix(start)
    for _ in range(9):
        z = [x, *y]
        gradient = mp.matrix(p.d, 1)
        hessian = mp.matrix(p.d, p.d)
        for i in range(p.d):
            gradient[i] = weight_f * p.f.form(z, p.unit(1 + i)) + weight_g * p.g.form(z, p.unit(1 + i))
            for j in range(p.d):
                pair = (p.unit(1 + i), p.unit(1 + j))
                hessian[i, j] = weight_f * p.f.form(z, *pair) + weight_g * p.g.form(z, *pair)
        y = y - mp.lu_solve(hessian, gradient)
    return list(y)


@pytest.mark.parametrize("instance", [STIFF, steep(20, 10**3), FIXED[0]])
def test_derivatives_in_x_agree_with_differentiated_minimisers(instance: dict) -> None:
    with mp.workdps(50):
        p = Point(instance, "mpmath")
        assert all(p.assumptions.values())

        def phi(x: mp.mpf) -> mp.mpf:
            return p.f.form([x, *newton(p, mp.mpf(0), mp.mpf(1), x, p.z0[1:])])

        def proxy(x: mp.mpf) -> mp.mpf:
            low = newton(p, mp.mpf(0), mp.mpf(1), x, p.z0[1:])
            both = newton(p, mp.mpf(1), p.lam, x, p.zl[1:])
            return p.f.form([x, *both]) + p.lam * (p.g.form([x, *both]) - p.g.form([x, *low]))

        for value, exact in ((phi, p.phi), (proxy, p.proxy)):
            for order in range(4):
                estimate = mp.diff(value, 0, order, h=mp.mpf(10) ** -9) if order else value(mp.mpf(0))
                assert abs(estimate - exact[order]) <= mp.mpf(10) ** -6 * (1 + abs(exact[order]))


@pytest.mark.parametrize("instance", [*FIXED, steep(50), smooth(300)])
def test_certified_constants_bound_sampled_derivatives(instance: dict) -> None:
    p = Point(instance, "float")
    rng = np.random.default_rng(1)
    for _ in range(200):
        z = list(rng.normal(size=1 + p.d) * rng.choice([0.1, 1.0, 10.0]))
        hg, hf = np.array(p.hessian(p.g, z)), np.array(p.hessian(p.f, z))
        assert np.linalg.eigvalsh(hg[1:, 1:])[0] >= p.mu * (1 - 1e-9)
        assert np.linalg.norm(hg, 2) <= p.Lg * (1 + 1e-9)
        assert np.linalg.norm(hf, 2) <= p.Lf * (1 + 1e-9)
        assert np.linalg.norm([p.f.form(z, p.unit(i)) for i in range(1 + p.d)]) <= p.Cf * (1 + 1e-9)
        v = list(rng.normal(size=1 + p.d))
        unit = [a / np.linalg.norm(v) for a in v]
        assert abs(p.g.form(z, unit, unit, unit)) <= p.rhog * (1 + 1e-9)
        assert abs(p.g.form(z, unit, unit, unit, unit)) <= p.nug * (1 + 1e-9)


def test_rational_and_mpmath_points_agree() -> None:
    exact = Point(STIFF, "rational")
    with mp.workdps(50):
        floating = Point(STIFF, "mpmath")
        for u, v in zip(exact.proxy, floating.proxy):
            assert abs(mp.mpf(u.numerator) / u.denominator - v) < mp.mpf(10) ** -30


def test_roots_and_eigenvalues_are_rounded_outward() -> None:
    number = Numbers("rational")
    assert number.sqrt(Fraction(9, 4)) == Fraction(3, 2)
    root = number.sqrt(Fraction(2))
    assert root**2 > 2
    assert (root - Fraction(1, 10**20)) ** 2 < 2
    matrix = [[Fraction(v) for v in row] for row in ((2, 1, 0), (1, 3, 1), (0, 1, 4))]
    top = number.largest(matrix)
    assert positive_definite([[(top if i == j else 0) - matrix[i][j] for j in range(3)] for i in range(3)])
    assert float(top) == pytest.approx(np.linalg.eigvalsh([[2, 1, 0], [1, 3, 1], [0, 1, 4]])[-1], rel=1e-9)
    assert not positive_definite([[Fraction(1), Fraction(2)], [Fraction(2), Fraction(1)]])
    with pytest.raises(InputError, match="arithmetic"):
        Numbers("decimal")  # type: ignore[arg-type]


def test_end_of_the_range_is_met_exactly() -> None:
    for instance in (END_POINT, CONCAVE):
        p = Point(instance, "rational")
        assert p.lam * p.mu == 2 * p.Lf


def test_a_point_that_misses_an_assumption_says_so() -> None:
    assert not Point(END_POINT | {"Q": [["0", "0"], ["0", "-1"]]}, "rational").assumptions[
        "g strongly convex in y: mu > 0"
    ]
    assert not Point(CONCAVE | {"lam": "1"}, "rational").assumptions["lambda >= 2 L_f/mu"]
    assert not Point(CONCAVE | {"delta": ["1/9"]}, "rational").assumptions["y*_lambda(0) = delta"]


def test_families_stay_in_their_class_for_every_kappa() -> None:
    for exponent in range(1, 9):
        p = Point(steep(10**exponent), "rational")
        assert p.mu == Fraction(1, 10**exponent)
        assert p.L <= 3
        assert p.rhog <= 1
        assert p.nug <= p.kappa
    for exponent in range(0, 5):
        p = Point(smooth(3 * 10 ** (2 * exponent)), "rational")
        assert p.mu == Fraction(1, 3 * 10 ** (2 * exponent))
        assert p.L <= 3
        assert p.nug <= 1
    with pytest.raises(InputError, match="kappa"):
        smooth(10)


def slope(values: list[Fraction], ratio: int) -> float:
    return float(np.log(float(abs(values[-1] / values[-2]))) / np.log(ratio))


def test_exponents_seen_on_the_families() -> None:
    points = [Point(steep(10**k), "rational") for k in (6, 7)]
    assert slope([p.phi[2] for p in points], 10) == pytest.approx(3, abs=0.01)
    assert slope([p.phi[3] for p in points], 10) == pytest.approx(5, abs=0.01)
    assert slope([p.lam * (p.proxy[2] - p.phi[2]) for p in points], 10) == pytest.approx(5, abs=0.01)
    assert slope([p.lam * (p.proxy[0] - p.phi[0]) for p in points], 10) == pytest.approx(1, abs=0.01)
    points = [Point(smooth(3 * 10**k), "rational") for k in (8, 10)]
    assert slope([p.phi[2] for p in points], 100) == pytest.approx(2.5, abs=0.01)
    assert slope([p.phi[3] for p in points], 100) == pytest.approx(4, abs=0.01)


def test_constants_by_hand_when_everything_is_one() -> None:
    one = SimpleNamespace(**{k: Fraction(1) for k in ("Cf", "Lf", "Lg", "rhog", "rhof", "nug", "mu", "lam")})
    assert b.d0(one) == Fraction(3, 2)
    assert b.d1(one, printed=True) == b.d1(one, printed=False) == 3
    assert b.d2(one) == 6
    assert b.d3(one) == 13
    assert c.d4(one) == 200
    assert c.d5(one) == 375
    assert c.d6(one) == 84
    assert c.d6_sharp(one) == 28


def test_dominated_finds_a_power_that_is_too_small() -> None:
    assert dominated("true", KAPPA**2 + KAPPA, 2 * KAPPA**2).holds
    wrong = dominated("false", KAPPA**2 + KAPPA, 2 * KAPPA)
    assert not wrong.holds
    assert wrong.refutes


def test_adversary_is_deterministic_and_beats_a_wrong_constant() -> None:
    def ratio(p: Point) -> float:
        return p.distance * p.lam * p.mu / p.Cf

    assert adversary(ratio, seed=7, restarts=2, steps=20) == adversary(ratio, seed=7, restarts=2, steps=20)
    wrong = hardest("half of Lemma B.2", lambda p: p.distance, lambda p: p.Cf / (2 * p.lam * p.mu), seed=7)
    assert wrong.refutes


def test_jets_and_mode_products() -> None:
    jet = Jet("h", 1, 2, 3)
    x, (y1, y2) = variables(1), sp.symbols("y1:3")
    value = jet.of([*x, y1, y2])
    assert sp.diff(value, x[0], y2, y2).subs({x[0]: 0, y1: 0, y2: 0}) == jet.block("xyy")[0, 1, 1]
    path = curve(x, free("Y", 1, 2))
    slow = [sp.diff(value, s).subs({y1: path[0], y2: path[1]}, simultaneous=True) for s in (y1, y2)]
    fast = jet.gradient_y(x, path)
    assert all(sp.expand(u - v) == 0 for u, v in zip(slow, fast))
    assert derivative(x[0] ** 3, x, 3) == [6]
    tensor, matrix = free("T", 2, 3, 2), free("A", 4, 3)
    assert mode(tensor, 2, matrix)[1, 3, 0] == sum(tensor[1, i, 0] * matrix[3, i] for i in range(3))


def test_run_counts_three_calls_a_step_and_needs_its_inner_steps() -> None:
    good = f2ba(Point(COUPLED, "float"), [3.0], eta=0.25, zeta=1e-3, outer=3)
    short = f2ba(Point(COUPLED, "float"), [3.0], eta=0.25, zeta=1e-3, outer=3, shorten=20)
    assert good.calls % 3 == 0
    assert max(good.errors) <= 1e-3 < max(short.errors)
