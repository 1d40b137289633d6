"""Stencils against sympy, closed forms, and the extremal functions that must attain the sharp constant."""

from __future__ import annotations

from fractions import Fraction
from itertools import count, pairwise
from math import comb, factorial

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.peano import PiecewisePolynomial, analyse
from bounds.stencil import (
    FAMILIES,
    MAX_GENERAL_ORDER,
    MAX_ORDER,
    Stencil,
    balanced,
    central,
    finite_difference_weights,
    from_nodes,
    one_sided,
    order_of_accuracy,
    stencil,
)
from synthetic.errors import InputError

CASES = [
    (family, p)
    for p in range(1, 17)
    for family in ("central", "one_sided", "balanced")
    if family == "one_sided" or (p % 2 == 0) == (family == "central")
]
every_case = pytest.mark.parametrize(("family", "p"), CASES)

UNANCHORED = [
    (1, 2),
    (1, 2, 3),
    (-2, 1, 3),
    (-3, -1, 1, 4, 7),
    (Fraction(1, 2), 1, Fraction(-3, 4), 2),
    (-3, -2, -1, 1, 2, 3, 4),
]
"""Node sets without 0: their kernels may change sign, at irrational points too."""


def closed_form(family: str, p: int, j: int) -> Fraction:
    """The weight of node j != 0."""
    sign = 1 if j % 2 else -1
    if family == "central":
        m = p // 2
        return Fraction(sign * factorial(m) ** 2, j * factorial(m - j) * factorial(m + j))
    if family == "one_sided":
        return Fraction(sign * comb(p, j), j)
    m = (p - 1) // 2
    return Fraction(sign * factorial(m) * factorial(m + 1), j * factorial(m + 1 - j) * factorial(m + j))


def sympy_error(nodes, weights, psi, nu) -> sympy.Expr:
    """(1/nu) sum alpha_j psi(j nu) - psi'(0) for a sympy expression psi of t."""
    t = sympy.Symbol("t")
    total = sum(sympy.Rational(w.numerator, w.denominator) * psi.subs(t, n * nu) for n, w in zip(nodes, weights))
    return total / nu - sympy.diff(psi, t).subs(t, 0)


@every_case
def test_weights_equal_sympy_and_closed_form(family, p):
    s = stencil(p, family)
    assert s.order == p
    table = sympy.finite_diff_weights(1, [sympy.Integer(n) for n in s.nodes], 0)[1][-1]
    assert [sympy.Rational(w.numerator, w.denominator) for w in s.weights] == table
    for n, w in zip(s.nodes, s.weights):
        if n:
            assert w == closed_form(family, p, n)
        else:
            assert w == -sum(closed_form(family, p, j) for j in s.nodes if j)


@every_case
def test_error_constant_is_the_integral_of_the_kernel_and_is_attained(family, p):
    s = stencil(p, family)
    expected = {
        "central": Fraction(factorial(p // 2) ** 2, factorial(p + 1)),
        "one_sided": Fraction(1, p + 1),
        "balanced": Fraction(factorial((p - 1) // 2) * factorial((p + 1) // 2), factorial(p + 1)),
    }[family]
    assert s.error_constant == expected
    # without the knowledge that the kernel keeps one sign: isolate its sign changes, find none, same integral
    general = analyse(s.peano_kernel, p) if p <= 10 else s._kernel_analysis
    assert general.low == general.high == expected
    C, nu = Fraction(3, 2), Fraction(2, 7)
    psi = s.extremal(C, nu)
    assert abs(s.apply(psi, nu)) == expected * C * nu**p  # psi'(0) = 0 by construction


def derivative(f: PiecewisePolynomial) -> PiecewisePolynomial:
    return PiecewisePolynomial(f.breaks, tuple(tuple(k * c for k, c in enumerate(q))[1:] for q in f.pieces))


@pytest.mark.parametrize("nodes", [*UNANCHORED, (0, 1, 2, 3), (-1, 0, 1), (-1, 0, 1, 2)])
def test_extremal_is_in_the_class_and_attains_for_any_nodes(nodes):
    s = from_nodes(nodes)
    low, high = s.error_enclosure
    assert 0 < low <= high
    assert high - low <= Fraction(1, 10**50) * high
    C = Fraction(5, 3)
    psi = s.extremal(C)
    assert s.apply(psi, 1) == C * low
    f = psi
    for _ in range(s.order + 1):  # psi is C^p with zero derivatives at 0 ...
        assert f(0) == 0
        for at, (left, right) in zip(f.breaks, pairwise(f.pieces)):
            values = [sum(c * at**i for i, c in enumerate(piece)) for piece in (left, right)]
            assert values[0] == values[1]
        f = derivative(f)
    assert all(abs(piece[0]) <= C for piece in f.pieces)  # ... and |psi^(p+1)| <= C: psi^(p) is C-Lipschitz
    assert any(abs(piece[0]) == C for piece in f.pieces)


def test_an_irrational_sign_change_is_enclosed_and_said():
    s = from_nodes((-3, -1, 1, 4, 7))
    low, high = s.error_enclosure
    assert not s.anchored
    assert low < high == s.error_constant
    t = sympy.Symbol("t")
    K = s.peano_kernel
    total = sympy.Integer(0)
    for piece, left, right in zip(K.pieces[1:], K.breaks, K.breaks[1:]):
        q = sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(piece)], t)
        cuts = [sympy.Rational(left), *[r for r in q.real_roots() if left < r < right], sympy.Rational(right)]
        A = q.integrate()
        total += sum(abs(A.eval(b.evalf(80)) - A.eval(a.evalf(80))) for a, b in pairwise(cuts))
    assert abs(total - sympy.Rational(low.numerator, low.denominator)) < sympy.Float("1e-55", 80)


@every_case
def test_error_never_exceeds_the_sharp_constant(family, p):
    s, t = stencil(p, family), sympy.Symbol("t")
    nu = sympy.Rational(1, 3)
    # sin has |psi^(p+1)| <= 1; compare well above the round-off of 60 digits
    error = abs(sympy_error(*s.active, sympy.sin(t + sympy.Rational(1, 5)), nu).evalf(60))
    bound = sympy.Rational(s.error_constant.numerator, s.error_constant.denominator) * nu**p
    assert error <= bound
    # and t^(p+1)/(p+1)! reaches it
    monomial = abs(sympy_error(*s.active, t ** (p + 1) / sympy.factorial(p + 1), nu))
    assert monomial == bound


@every_case
def test_leading_coefficient_is_the_moment(family, p):
    s, t = stencil(p, family), sympy.Symbol("t")
    nu = sympy.Symbol("nu", positive=True)
    psi = t ** (p + 1)
    moment = s.moment(p + 1)
    assert sympy.expand(sympy_error(*s.active, psi, nu)) == moment.numerator * nu**p / moment.denominator
    assert abs(moment) == s.kappa
    assert moment == (-1) ** (p + 1) * s.node_product


@every_case
def test_exact_bias_of_the_linear_quadratic_family(family, p):
    """sum alpha_j j/(1+jz) - 1 = - z^p prod j / prod (1+jz): the identity behind the exact bias."""
    s = stencil(p, family)
    assert s.anchored
    z = Fraction(1, 40)
    nodes, weights = s.active
    left = sum(w * j / (1 + j * z) for j, w in zip(nodes, weights)) - 1
    right = -(z**p) * s.node_product
    for j in nodes:
        right /= 1 + j * z
    assert left == right
    assert (
        s.kappa
        == {
            "central": factorial(p // 2) ** 2,
            "one_sided": factorial(p),
            "balanced": factorial((p - 1) // 2) * factorial((p + 1) // 2),
        }[family]
    )


def test_noise_factors_published_for_the_families():
    assert [float(one_sided(p).sum_sq) for p in (1, 3, 5, 7)] == pytest.approx([2, 14.7, 68, 398], rel=5e-3)
    for p in (2, 4, 6, 8):
        assert 0.5 <= central(p).sum_sq < 1.4
    for p in range(1, 17, 2):  # version 2 of the paper: |j alpha_j| <= 1 on the balanced nodes
        assert all(abs(j * w) <= 1 for j, w in zip(balanced(p).nodes, balanced(p).weights))
        assert balanced(p).sum_sq <= one_sided(p).sum_sq
    assert central(2).sum_abs == 1
    assert central(2).sum_abs_j == 1
    assert central(4).sum_abs == Fraction(3, 2)
    assert central(4).sum_abs_j == Fraction(5, 3)
    assert one_sided(3).sum_abs == Fraction(20, 3)
    for p in range(1, 17):  # sum binom(p, j) over j >= 1
        assert one_sided(p).sum_abs_j == 2**p - 1


def test_printed_nodes_and_active_nodes():
    assert central(4).nodes == (-2, -1, 0, 1, 2)
    assert central(4).active[0] == (-2, -1, 1, 2)
    assert one_sided(3).nodes == one_sided(3).active[0] == (0, 1, 2, 3)
    assert balanced(3).nodes == (-1, 0, 1, 2)
    assert (central(8).max_node, one_sided(7).max_node, balanced(7).max_node) == (4, 7, 4)
    assert stencil(4) == central(4)
    assert stencil(5) == one_sided(5)
    assert stencil(5, "paper_v2") == balanced(5)
    assert stencil(4, "paper_v2") == central(4)
    # an even family member is skew-symmetric, not symmetric as Lemma C.1 prints it
    assert all(a == -b for a, b in zip(central(6).weights, reversed(central(6).weights)))


@every_case
def test_a_flipped_sign_a_dropped_factor_and_a_dropped_weight_are_caught(family, p):
    s = stencil(p, family)
    assert order_of_accuracy(s.nodes, s.weights) == p
    mutants = []
    for i, (n, w) in enumerate(zip(s.nodes, s.weights)):
        if w:
            wrong = [-w, Fraction(0), w + Fraction(1, 10**30)] + ([w * n] if n not in (0, 1) else [])
            mutants += [(*s.weights[:i], v, *s.weights[i + 1 :]) for v in wrong]
    # symmetric weights and beta_0 = 1 - sum, as printed
    mutants.append(tuple(abs(w) for w in s.weights))
    mutants.append(tuple(w + (n == 0) for n, w in zip(s.nodes, s.weights)))
    for weights in mutants:
        assert order_of_accuracy(s.nodes, weights) < p
        with pytest.raises(InputError, match="weights"):
            Stencil(p, family, s.nodes, weights).error_constant  # noqa: B018
    if p > 2:
        swapped = (s.weights[1], s.weights[0], *s.weights[2:])
        assert order_of_accuracy(s.nodes, swapped) < p


def test_the_wrong_p4_stencil_of_a_public_implementation_is_caught():
    good = central(4)
    wrong = tuple(-w if abs(n) == 2 else w for n, w in zip(good.nodes, good.weights))
    assert order_of_accuracy(good.nodes, wrong) == 0


def test_order_of_any_nodes_is_computed():
    assert from_nodes((-1, 1)).order == 2  # one more than the number of nodes gives
    assert from_nodes((-1, 1)).error_constant == central(2).error_constant
    assert from_nodes((-1, 1, 2)).active == central(2).active  # the weight of node 2 is 0
    assert from_nodes((1, 2)).order == 1
    assert from_nodes((1, 2)).error_constant == Fraction(3, 2)  # (psi(2)-psi(1))/1 on t^2/2: 3/2
    assert order_of_accuracy((0, 1), (1, 1)) == -1
    assert order_of_accuracy((0, 1), (0, 0)) == 0
    assert order_of_accuracy((0,), (0,)) == 0


@settings(max_examples=60, deadline=None)
@given(st.sets(st.fractions(-5, 5, max_denominator=4), min_size=2, max_size=7))
def test_general_nodes_agree_with_sympy_and_reach_at_least_their_degree(nodes):
    ordered = sorted(nodes)
    weights = finite_difference_weights(ordered)
    table = sympy.finite_diff_weights(1, [sympy.Rational(n.numerator, n.denominator) for n in ordered], 0)
    assert [sympy.Rational(w.numerator, w.denominator) for w in weights] == table[1][-1]
    s = from_nodes(ordered)
    assert s.order >= len(ordered) - 1
    assert s.apply(s.extremal(), 1) == s.error_enclosure[0]


BAD = st.one_of(
    st.integers(max_value=0),
    st.integers(min_value=MAX_ORDER + 1),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
)


@settings(max_examples=300, deadline=None)
@given(BAD, st.sampled_from(sorted(FAMILIES)))
def test_bad_orders_are_refused_in_one_line(p, family):
    with pytest.raises(InputError) as caught:
        stencil(p, family)
    assert "\n" not in str(caught.value)
    assert caught.value.argument == "p"


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.lists(st.one_of(st.floats(), st.text(max_size=2), st.booleans(), st.none()), min_size=1, max_size=4),
        st.lists(st.integers(), max_size=1),
        st.integers(),
        st.text(max_size=6),
        st.integers().map(lambda n: [n, 3, n]),
    )
)
def test_bad_nodes_are_refused_in_one_line(nodes):
    with pytest.raises(InputError, match="nodes = "):
        from_nodes(nodes)


def test_other_bad_input():
    with pytest.raises(InputError, match="even order"):
        central(3)
    with pytest.raises(InputError, match="odd order"):
        balanced(4)
    with pytest.raises(InputError, match="family"):
        stencil(2, "centered")
    with pytest.raises(InputError, match="distinct"):
        from_nodes((0, 1, Fraction(2, 2)))
    with pytest.raises(InputError, match="between 2 and"):
        from_nodes(count())
    with pytest.raises(InputError, match="one weight for each"):
        order_of_accuracy((0, 1), (1, 2, 3))
    with pytest.raises(InputError, match="exact numbers"):
        order_of_accuracy((0, 1), (-1.0, 1.0))
    with pytest.raises(InputError, match="one weight for each"):
        Stencil(1, "custom", (0, 1), (Fraction(1),))
    with pytest.raises(InputError, match="order"):
        Stencil(0, "custom", (0, 1), (Fraction(-1), Fraction(1)))
    with pytest.raises(InputError, match="positive"):
        central(2).extremal(1, 0)
    with pytest.raises(InputError, match="sign changes"):
        from_nodes([*(n for n in range(-12, 14) if n), 20]).error_constant  # noqa: B018


def test_the_largest_order_is_still_quick_and_right():
    assert central(MAX_ORDER).error_constant == Fraction(factorial(MAX_ORDER // 2) ** 2, factorial(MAX_ORDER + 1))
    assert MAX_GENERAL_ORDER < MAX_ORDER
