"""F2SA-2 (paper 000, Algorithm 3): the two-point central method written out with its two lower-level sequences.

    y^{k+1} = y^k - eta_y ( nu F_y(x, y^k) + G_y(x, y^k)),    z^{k+1} = z^k - eta_y (-nu F_y(x, z^k) + G_y(x, z^k))
    Phi = 1/(2S) sum_i ( F_x(x, y) + F_x(x, z) + (G_x(x, y) - G_x(x, z))/nu ),      x <- x - eta_x Phi/||Phi||

The listing has 1/2 where 1/(2S) is meant (Phi is normalised, so the iterates do not change) and draws one inner
sample for all k (see :mod:`solvers.f2sa_p`). It is F2SA-p at p = 2; it stands here as its own file because it is
the method that the paper recommends, and the tests hold the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, start
from synthetic.arrays import Array, norm
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x (..., dx); y, z (..., dy) the iterates at nodes +1 and -1; Phi (..., dx)."""

    t: int
    x: Array
    y: Array
    z: Array
    Phi: Array


@dataclass(frozen=True)
class F2SA2:
    """Configuration of F2SA-2; symbols as in the module docstring."""

    nu: float
    eta_x: float
    eta_y: float
    S: int
    K: int
    T: int

    needs = ("F", "G")

    def __post_init__(self) -> None:
        check_fields(self, ("nu", "eta_x", "eta_y"), ("S", "K", "T"))

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        """One outer step: 2 (S + K) calls."""
        x, y, z, t = state.x, state.y, state.z, state.t
        for k in range(self.K):
            at_y = oracle.query(x, y, step=t, inner=k + 1, node=1, part="y")
            at_z = oracle.query(x, z, step=t, inner=k + 1, node=-1, part="y")
            y = y - self.eta_y * (self.nu * at_y.Fy + at_y.Gy)
            z = z - self.eta_y * (-self.nu * at_z.Fy + at_z.Gy)
        at_y = oracle.query(x, y, step=t, inner=0, node=1, samples=self.S, part="x")
        at_z = oracle.query(x, z, step=t, inner=0, node=-1, samples=self.S, part="x")
        Phi = (at_y.Fx + at_z.Fx + (at_y.Gx - at_z.Gx) / self.nu) / 2
        return replace(state, t=t + 1, x=x - self.eta_x * Phi / norm(Phi)[..., None], y=y, z=z, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
