"""The bias of the p-th order hyper-gradient estimator, measured and predicted.

    bias(nu) = (1/nu) sum_j alpha_j psi(j nu) - grad phi(x),      psi(nu) = (nu grad_x f + grad_x g)(x, y*_nu(x))
             = sum_{k != 1} m_k psi_k nu^{k-1},                   m_k = sum_j alpha_j j^k   (m_1 = 1)

with psi = sum_k psi_k nu^k (paper 000, Eq. (9), (10), Lemma C.1). ``predict`` takes the first non-zero term from the
exact rational jets; ``measure`` solves the lower level at every node with Newton's method in mpmath. The two share no
code but the instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, log10

import mpmath as mp

from bounds.stencil import Stencil
from synthetic.errors import InputError
from synthetic.exact import Jets, LocalForm


def moment(stencil: Stencil, k: int) -> Fraction:
    """m_k = sum_j alpha_j j^k, exact (0^0 = 1)."""
    return sum((Fraction(a) * Fraction(j) ** k for j, a in zip(stencil.nodes, stencil.weights)), Fraction(0))


@dataclass(frozen=True)
class Prediction:
    """bias(nu) = coefficient nu^order + higher terms; order None when every computed term is exactly zero."""

    order: int | None
    coefficient: tuple[Fraction, ...]


def predict(jets: Jets, stencil: Stencil) -> Prediction:
    """The first non-vanishing term of the bias, from the exact jets."""
    for k in range(len(jets.psi[0])):
        if k == 1:
            term = [(moment(stencil, 1) - 1) * row[1] for row in jets.psi]
        else:
            term = [moment(stencil, k) * row[k] for row in jets.psi]
        if any(term):
            return Prediction(k - 1, tuple(term))
    return Prediction(None, ())


def series_bias(jets: Jets, stencil: Stencil, nu: Fraction) -> list[Fraction]:
    """The bias from the truncated series, exact rationals: the second arithmetic of the order claims."""
    total = [Fraction(0)] * len(jets.psi)
    for k in range(len(jets.psi[0])):
        weight = (moment(stencil, k) - (1 if k == 1 else 0)) * Fraction(nu) ** (k - 1)
        total = [t + weight * row[k] for t, row in zip(total, jets.psi)]
    return total


def digits_needed(p: int, nu: float) -> int:
    """Decimal digits that resolve a bias of order nu^p computed from differences of psi over nu: 30 guard digits."""
    return 30 + ceil((p + 1) * log10(1 / nu))


class Measurer:
    """Bias of any stencil at one rational point of one instance, in mpmath, with psi(j nu) cached over stencils."""

    def __init__(self, local: LocalForm, hypergrad: Sequence[Fraction], dps: int) -> None:
        if dps < 50:
            raise InputError("dps", dps, "use at least 50 digits")
        self.local, self.hypergrad, self.dps = local, hypergrad, dps
        self._psi = lru_cache(maxsize=None)(self._solve)

    def _solve(self, j: Fraction, nu: Fraction) -> mp.matrix:
        with mp.workdps(self.dps):
            return self.local.psi(mp.mpf((j * nu).numerator) / (j * nu).denominator)

    def bias(self, stencil: Stencil, nu: Fraction) -> mp.matrix:
        """The bias vector at this nu."""
        with mp.workdps(self.dps):
            total = mp.matrix([-mp.mpf(v.numerator) / v.denominator for v in self.hypergrad])
            for j, a in zip(stencil.nodes, stencil.weights):
                if a:
                    weight = Fraction(a) / Fraction(nu)
                    psi = self._psi(Fraction(j), Fraction(nu))
                    total += mp.mpf(weight.numerator) / weight.denominator * psi
            return total

    def slope(self, stencil: Stencil, nu: Fraction) -> float:
        """Local order of the bias: log2 of ||bias(2 nu)|| / ||bias(nu)||; nan when the bias is zero to precision."""
        with mp.workdps(self.dps):
            high, low = mp.norm(self.bias(stencil, 2 * nu)), mp.norm(self.bias(stencil, nu))
            if low < mp.mpf(10) ** (10 - self.dps) or high < mp.mpf(10) ** (10 - self.dps):
                return float("nan")
            return float(mp.log(high / low, 2))
