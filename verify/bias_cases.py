"""The instances and the point at which the order of the bias is measured, shared by the claims and the report."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property

from synthetic.exact import Jets, LocalForm
from synthetic.linear_quadratic import dense_lq
from synthetic.polynomial import Polynomial, skewed_polynomial
from verify.bias import Measurer, digits_needed

NU_MIN = Fraction(1, 2**27)
"""7.5e-9: below 1e-8 the second term of the bias is about 1e-8 of the first."""

COORDINATES = (Fraction(1, 2), Fraction(-1, 4), Fraction(3, 4))


@dataclass(frozen=True)
class Case:
    """One instance at one rational point: its exact local form, jets to nu^13, and a high-precision measurer."""

    problem: Polynomial

    @property
    def point(self) -> tuple[Fraction, ...]:
        return COORDINATES[: self.problem.dim_x]

    @cached_property
    def local(self) -> LocalForm:
        return self.problem.exact().at(self.point)

    @cached_property
    def jets(self) -> Jets:
        return self.local.jets(13)

    @cached_property
    def measurer(self) -> Measurer:
        return Measurer(self.local, self.problem.exact().hypergrad(self.point), digits_needed(10, float(NU_MIN)))


@cache
def case(name: str) -> Case:
    """ "linear-quadratic" (dense, A_f indefinite) or "polynomial" (cubic and quartic terms in both levels)."""
    return Case(dense_lq(dim_x=2, dim_y=2) if name == "linear-quadratic" else skewed_polynomial())
