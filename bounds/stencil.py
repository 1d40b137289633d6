"""Finite-difference stencils for psi'(0), exact: weights, sharp error constant, extremal function.

    (1/nu) sum_j alpha_j psi(j nu) = psi'(0) + O(nu^p),     psi(nu) = d/dx ell_nu(x),  psi'(0) = grad phi(x)

(paper 000, Lemma C.1 and Eq. (9)-(10)); the hyper-gradient estimate of F2SA-p is
sum_j alpha_j ( j grad_x f(x, y_j) + grad_x g(x, y_j)/nu ). Three families on consecutive integers:

    central    -p/2 .. p/2            even p   alpha_j = (-1)^(j+1) m!^2 / (j (m-j)! (m+j)!), m = p/2
    one_sided  0 .. p                 any p    alpha_j = (-1)^(j+1) binom(p, j) / j
    balanced   -(p-1)/2 .. (p+1)/2    odd p    alpha_j = (-1)^(j+1) m!(m+1)! / (j (m+1-j)! (m+j)!), m = (p-1)/2

for j != 0, and alpha_0 = -(sum of the others). Nothing of this is typed in below: every weight is
alpha_j = l_j'(0) with l_j the Lagrange polynomial of node j; the closed forms are what the tests compare with.

The print of Lemma C.1 differs in four places (alpha_j = alpha_{-j} where the signs must be opposite, powers up
to p/2 - 1 and p/2 - 2 where p - 1 and p - 2 are meant, beta_0 = 1 - sum beta_j where -sum beta_j is needed).
This module builds the formula that is meant; the statement as printed is a matter for the claims.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from itertools import islice
from math import factorial, prod
from numbers import Rational
from typing import Any

from bounds.peano import KernelAnalysis, PiecewisePolynomial, analyse, kernel
from synthetic.errors import InputError

Node = int | Fraction

MAX_ORDER = 64
"""Largest order built; beyond it the weights only cost time."""

MAX_GENERAL_ORDER = 20
"""Largest order for which the sign changes of a general kernel are isolated (seconds; growing fast)."""


@dataclass(frozen=True)
class Stencil:
    """sum_j weights[j] psi(nodes[j] nu) / nu, an approximation of psi'(0) of order ``order``.

    ``nodes`` holds every lower-level problem that the algorithm as printed solves, so the central family lists
    its node 0 of weight 0; ``active`` leaves such nodes out. The weights are taken as given (a claim may want to
    run a wrong stencil): :func:`order_of_accuracy` tells what they are worth, and the error constant refuses
    wrong ones.
    """

    order: int
    family: str
    nodes: tuple[Node, ...]
    weights: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", positive_order(self.order))
        object.__setattr__(self, "nodes", checked_nodes(self.nodes, at_least=1))
        weights = _fractions("weights", self.weights)
        if len(weights) != len(self.nodes):
            raise InputError("weights", self.weights, f"pass one weight for each of {len(self.nodes)} nodes")
        object.__setattr__(self, "weights", weights)

    @property
    def active(self) -> tuple[tuple[Node, ...], tuple[Fraction, ...]]:
        """(nodes, weights) of the nodes with non-zero weight: the lower-level problems that really matter."""
        kept = [(n, w) for n, w in zip(self.nodes, self.weights) if w]
        return tuple(n for n, _ in kept), tuple(w for _, w in kept)

    @property
    def node_product(self) -> Fraction:
        """Product of the active non-zero nodes, with its sign; its modulus is :attr:`kappa`."""
        return Fraction(prod(n for n in self.active[0] if n))

    @property
    def kappa(self) -> Fraction:
        """prod |non-zero nodes|: (p/2)!^2 central, p! one-sided, ((p-1)/2)! ((p+1)/2)! balanced."""
        return abs(self.node_product)

    @property
    def anchored(self) -> bool:
        """Exactly ``order`` active non-zero nodes: interpolation with 0 among the points.

        True for the three families. Then psi'(0) is taken at an interpolation point, so by Rolle's theorem the
        error is a multiple of psi^(p+1) at one place, the Peano kernel keeps one sign, error_constant =
        kappa / (order+1)!, and, over the active non-zero nodes, exactly,
        sum_j alpha_j j/(1 + j z) - 1 = - z^p prod_j j / prod_j (1 + j z).
        """
        return sum(1 for n in self.active[0] if n) == self.order

    @property
    def max_node(self) -> Node:
        """max_j |j| over the active nodes; the perturbed lower levels use |j nu| up to max_node * nu."""
        largest = max((abs(Fraction(n)) for n in self.active[0]), default=Fraction(0))
        return int(largest) if largest.denominator == 1 else largest

    @property
    def sum_sq(self) -> Fraction:
        """sum_j alpha_j^2: the factor by which independent noise at the nodes is multiplied."""
        return sum((w * w for w in self.weights), Fraction(0))

    @property
    def sum_abs(self) -> Fraction:
        """sum_j |alpha_j|: the factor on errors of grad_x g / nu that may all add up."""
        return sum((abs(w) for w in self.weights), Fraction(0))

    @property
    def sum_abs_j(self) -> Fraction:
        """sum_j |j alpha_j|: the factor on errors of grad_x f that may all add up."""
        return sum((abs(n * w) for n, w in zip(self.nodes, self.weights)), Fraction(0))

    def moment(self, k: int) -> Fraction:
        """sum_j alpha_j j^k (0^0 = 1): 1 for k = 1 and 0 for the other k <= order.

        The leading error of (1/nu) sum_j alpha_j psi(j nu) is moment(p+1) psi^(p+1)(0) nu^p / (p+1)!.
        """
        return sum((w * Fraction(n) ** k for n, w in zip(self.nodes, self.weights)), Fraction(0))

    def apply(self, psi: Callable[[Any], Any], nu: Fraction) -> Any:
        """(1/nu) sum_j alpha_j psi(j nu) over the active nodes; exact when nu and the values of psi are."""
        nodes, weights = self.active
        return sum(w * psi(n * nu) for n, w in zip(nodes, weights)) / nu

    def _require_order(self) -> None:
        reached = order_of_accuracy(self.nodes, self.weights)
        if reached < self.order:
            raise InputError("weights", self.weights, f"exact on degree {reached} only, not {self.order}")

    @cached_property
    def _kernel_analysis(self) -> KernelAnalysis:
        self._require_order()
        if not self.anchored and self.order > MAX_GENERAL_ORDER:
            raise InputError("nodes", self.nodes, f"isolating sign changes stops at order {MAX_GENERAL_ORDER}")
        return analyse(self.peano_kernel, self.order, one_sign=self.anchored)

    @property
    def peano_kernel(self) -> PiecewisePolynomial:
        """K with FD - psi'(0) = nu^p int K(t) psi^(p+1)(nu t) dt (exact piecewise polynomial)."""
        return kernel(*self.active, self.order)

    @property
    def error_enclosure(self) -> tuple[Fraction, Fraction]:
        """(low, high) around c_p = int |K|; equal whenever all sign changes of K are rational."""
        return self._kernel_analysis.low, self._kernel_analysis.high

    @property
    def error_constant(self) -> Fraction:
        """Sharp c_p in |(1/nu) sum alpha_j psi(j nu) - psi'(0)| <= c_p C nu^p for C-Lipschitz psi^(p).

        Exact for the three families, where it is kappa/(p+1)!, and whenever ``error_enclosure`` is a point;
        otherwise (node sets whose kernel changes sign at an irrational point) the upper end of that enclosure:
        a proved bound that exceeds the sharp constant by less than 1e-50 relative for moderate nodes.
        """
        if self.anchored:  # the kernel keeps one sign: int |K| = |E[t^(p+1)]| / (p+1)!
            self._require_order()
            return self.kappa / factorial(self.order + 1)
        return self.error_enclosure[1]

    def extremal(self, C: Fraction | int = 1, nu: Fraction | int = 1) -> PiecewisePolynomial:
        """psi with psi^(p+1) = C sign K(t/nu) and psi^(k)(0) = 0 for k <= p.

        psi^(p) is C-Lipschitz and the error at step nu is exactly C nu^p ``error_enclosure[0]``, which is
        c_p C nu^p when the enclosure is a point.
        """
        C, nu = Fraction(C), Fraction(nu)
        if nu <= 0:
            raise InputError("nu", nu, "pass a positive step")
        return self._kernel_analysis.extremal.scaled(C * nu ** (self.order + 1), nu)


def positive_order(p: Any, argument: str = "p") -> int:
    """``p`` as a Python int between 1 and MAX_ORDER, or InputError."""
    try:
        order = operator.index(p)
    except TypeError:
        order = 0
    if isinstance(p, bool) or not 1 <= order <= MAX_ORDER:
        raise InputError(argument, p, f"pass an integer order between 1 and {MAX_ORDER}")
    return order


def _fractions(argument: str, values: Any) -> tuple[Fraction, ...]:
    try:
        listed = list(islice(values, MAX_ORDER + 2))  # one too many is enough to refuse an endless iterable
        if any(isinstance(v, bool) or not isinstance(v, Rational) for v in listed):
            raise TypeError
        return tuple(Fraction(v) for v in listed)
    except (TypeError, ValueError):
        raise InputError(argument, values, "pass exact numbers (int or fractions.Fraction)") from None


def checked_nodes(nodes: Any, *, at_least: int = 2) -> tuple[Node, ...]:
    """Distinct exact nodes (ints stay ints), at least ``at_least`` of them, or InputError."""
    exact = _fractions("nodes", nodes)
    if len(set(exact)) != len(exact):
        raise InputError("nodes", nodes, "the nodes must be distinct")
    if not at_least <= len(exact) <= MAX_ORDER + 1:
        raise InputError("nodes", nodes, f"pass between {at_least} and {MAX_ORDER + 1} nodes")
    return tuple(int(n) if n.denominator == 1 else n for n in exact)


def finite_difference_weights(nodes: Iterable[Node]) -> tuple[Fraction, ...]:
    """alpha_j = l_j'(0), the weights on ``nodes`` that are exact on polynomials of degree < len(nodes).

    l_j(t) = prod_{m != j} (t - m)/(j - m) is the Lagrange polynomial of node j.
    """
    checked = checked_nodes(nodes)
    weights = []
    for j in checked:
        others = [Fraction(m) for m in checked if m != j]
        scale = 1 / prod((j - m for m in others), start=Fraction(1))
        if 0 in others:  # l_j vanishes at 0, only the factor t survives the derivative
            weights.append(scale * prod((-m for m in others if m), start=Fraction(1)))
        else:
            value = scale * prod((-m for m in others), start=Fraction(1))
            weights.append(value * sum((-1 / m for m in others), Fraction(0)))
    return tuple(weights)


def order_of_accuracy(nodes: Sequence[Node], weights: Sequence[Fraction | int]) -> int:
    """Largest p with sum_j alpha_j j^k = [k = 1] for k = 0..p, by exact moments; -1 if already k = 0 fails.

    (1/nu) sum alpha_j psi(j nu) then approximates psi'(0) to O(nu^p) if p >= 1, and to no order otherwise.
    No formula with N nodes is exact on degree N + 1: it fails for t prod(t - n_j), or for prod(t - n_j) if 0 is
    a node.
    """
    checked, exact = checked_nodes(nodes, at_least=1), _fractions("weights", weights)
    if len(checked) != len(exact):
        raise InputError("weights", weights, f"pass one weight for each of {len(checked)} nodes")
    for k in range(len(checked) + 2):
        if sum(w * Fraction(n) ** k for n, w in zip(checked, exact)) != (k == 1):
            return k - 1
    raise AssertionError("unreachable: N nodes cannot be exact on degree N + 1")


def from_nodes(nodes: Iterable[Node], family: str = "custom") -> Stencil:
    """The interpolatory stencil on any distinct int or Fraction nodes; its order is computed, not assumed."""
    checked = checked_nodes(nodes)
    weights = finite_difference_weights(checked)
    return Stencil(order_of_accuracy(checked, weights), family, checked, weights)


@cache
def _consecutive(first: int, last: int, family: str) -> Stencil:
    return from_nodes(range(first, last + 1), family)


def central(p: int) -> Stencil:
    """Nodes -p/2 .. p/2, even p, the node 0 with weight 0 (paper 000, Lemma C.1, Algorithm 1)."""
    p = positive_order(p)
    if p % 2:
        raise InputError("p", p, "the central family needs an even order; take one_sided or balanced")
    return _consecutive(-p // 2, p // 2, "central")


def one_sided(p: int) -> Stencil:
    """Nodes 0 .. p; paper 000 takes it for odd p (Lemma C.1, Algorithm 2), it exists for every p."""
    p = positive_order(p)
    return _consecutive(0, p, "one_sided")


def balanced(p: int) -> Stencil:
    """Nodes -(p-1)/2 .. (p+1)/2, odd p (the second version of paper 000)."""
    p = positive_order(p)
    if p % 2 == 0:
        raise InputError("p", p, "the balanced family needs an odd order; take central or one_sided")
    return _consecutive(-(p - 1) // 2, (p + 1) // 2, "balanced")


FAMILIES: dict[str, Callable[[int], Stencil]] = {
    "central": central,
    "one_sided": one_sided,
    "balanced": balanced,
    "paper": lambda p: central(p) if positive_order(p) % 2 == 0 else one_sided(p),
    "paper_v2": lambda p: central(p) if positive_order(p) % 2 == 0 else balanced(p),
}
"""paper: central for even p, one-sided for odd p (first version); paper_v2: balanced for odd p."""


def stencil(p: int, family: str = "paper") -> Stencil:
    """The stencil of order ``p`` of one of the :data:`FAMILIES`."""
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError("family", family, f"pass one of {', '.join(FAMILIES)}")
    return FAMILIES[family](p)
