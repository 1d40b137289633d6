"""FdeHBO: the Hessian- and Jacobian-free optimizer by projection-aided finite differences (paper 003, Algorithm 1).

FMBO (:mod:`solvers.fmbo`: iterates, momentum, projection, schedule, departures) with its two products replaced by

    H~(x, y, v; psi) = ( G_y(x, y + delta v; psi) - G_y(x, y - delta v; psi) )/(2 delta)                      Eq. (9)
    J~(x, y, v; xi)  = ( G_x(x, y + delta v; xi)  - G_x(x, y - delta v; xi)  )/(2 delta)                      Eq. (11)

both gradients of a difference on one sample. Their error is at most L_gyy ||v||^2 delta (L_gxy likewise), so the
projection ||v|| <= r_v is what bounds it, and r_v must be finite. Theorem 1 asks for

    delta <= min(c_f, c_R)/( 8 L_gxy r_v^2 (w + T - 1)^{2/3} ),

where Proposition 2 needs L_gyy too: :meth:`FdeHBO.theorem` takes the larger of the two.

Calls: a sample of h^g costs 1 G, of h^R 2 G + 1 F, of h^f 2 G + 1 F, so 7 SFO at step 0 and 14 at each later one, times
S; no HVP, no JVP. Paper 003 counts a step as O(1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from solvers.base import check_positive
from solvers.fmbo import FMBO, radius
from solvers.pieces import times
from synthetic.arrays import Array
from synthetic.errors import InputError
from synthetic.oracle import Counts, StochasticOracle


@dataclass(frozen=True)
class FdeHBO(FMBO):
    """Configuration: that of FMBO and delta > 0; r_v finite (default 100)."""

    r_v: float = 100.0
    delta: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("delta", self.delta)
        if self.r_v == inf:
            raise InputError("r_v", self.r_v, "differences need a bounded v: pass a radius, e.g. fmbo.radius(C_fy, mu)")

    needs: ClassVar[tuple[str, ...]] = ("F", "G")

    @classmethod
    def theorem(
        cls, T: int, *, mu: float, C_fy: float, L_gxy: float, L_gyy: float, largest: float = 1.0, **constants: float
    ) -> FdeHBO:
        """Theorem 1 with r_v = sqrt(C_fy)/mu and the largest delta it allows (at most ``largest``: for a quadratic g
        every delta is exact, and round-off asks for a large one). ``constants``: w and c_*, which paper 003 leaves to
        its appendix; the defaults of FMBO where not given.
        """
        plain = cls(T, r_v=radius(C_fy, mu), **constants)  # type: ignore[arg-type]
        bend = max(L_gxy, L_gyy)
        if bend < 0:
            raise InputError("L_gxy", L_gxy, "pass Lipschitz constants >= 0")
        room = (
            inf if bend == 0 else min(plain.c_f, plain.c_R) / (8 * bend * plain.r_v**2 * (plain.w + T - 1) ** (2 / 3))
        )
        return cls(T, r_v=plain.r_v, delta=min(room, largest), **constants)  # type: ignore[arg-type]

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: 2T - 1 evaluations of the three samples, 7 SFO each."""
        return times((2 * self.T - 1) * self.S, sfo=7, F=2, G=5)

    def _system(self, oracle: StochasticOracle, x: Array, y: Array, v: Array, t: int) -> Array:
        Hv = self._difference(oracle, x, y, v, t, 1, "y")
        return Hv - oracle.F(x, y, step=t, inner=1, samples=self.S, part="y")[1]

    def _upper(self, oracle: StochasticOracle, x: Array, y: Array, v: Array, t: int) -> Array:
        Jv = self._difference(oracle, x, y, v, t, 2, "x")
        return oracle.F(x, y, step=t, inner=2, samples=self.S, part="x")[0] - Jv

    def _difference(
        self, oracle: StochasticOracle, x: Array, y: Array, v: Array, t: int, inner: int, part: str
    ) -> Array:
        """Eq. (9) for part "y", Eq. (11) for part "x": the same sample at y + delta v and y - delta v."""
        ahead, behind = (
            oracle.G(x, y + sign * self.delta * v, step=t, inner=inner, samples=self.S, part=part)["xy".index(part)]  # type: ignore[arg-type]
            for sign in (1.0, -1.0)
        )
        return (ahead - behind) / (2 * self.delta)
