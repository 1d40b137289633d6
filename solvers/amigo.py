"""AmIGO: amortized implicit gradient optimization (Arbel, Mairal, ICLR 2022, Algorithm 1).

One outer step t, both inner loops warm:

    y^0 = y_{t-1}^D,  y^{k+1} = y^k - alpha G_y(x_t, y^k; S),                                            k < D
    z^0 = z_{t-1}^N,  z^{k+1} = z^k - eta ( G_yy(x_t, y^D; S_z) z^k - F_y(x_t, y^D; S_f) ),              k < N
    x_{t+1} = x_t - beta ( F_x(x_t, y^D; S_f) - G_xy(x_t, y^D; S_g) z^N )

with one sample of F for the step (its F_x and F_y), and fresh Hessians in every inner step.

The same iterates as a public implementation (benchopt, benchmark_bilevel), which does the lower loop at the end of a
step and once before the first.

Departure: z estimates +[g_yy]^{-1} f_y (the print has the opposite sign and adds G_xy z: the same iterates).
Addresses: inner 0 .. D - 1 lower steps, D for F, D + 1 the JVP, D + 2 on the HVPs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, descend, start, times
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x, Phi (..., dx); y, z (..., dy)."""

    t: int
    x: Array
    y: Array
    z: Array
    Phi: Array


@dataclass(frozen=True)
class AmIGO:
    """Configuration, symbols as in the module docstring; T outer steps."""

    T: int
    alpha: float = 0.1
    beta: float = 0.05
    eta: float = 0.1
    D: int = 5
    N: int = 5
    S: int = 1
    S_z: int = 1
    S_f: int = 1
    S_g: int = 1

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "beta", "eta"), ("T", "D", "N", "S", "S_z", "S_f", "S_g"))

    needs = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run."""
        lower = self.D * self.S
        return times(self.T, sfo=lower + self.S_f, G=lower, F=self.S_f, HVP=self.N * self.S_z, JVP=self.S_g)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t, D, z = state.x, state.t, self.D, state.z
        y = descend(oracle, x, state.y, self.alpha, D, step=t, samples=self.S)
        Fx, Fy = oracle.F(x, y, step=t, inner=D, samples=self.S_f)
        for k in range(self.N):
            z = z - self.eta * (oracle.hvp(x, y, z, step=t, inner=D + 2 + k, samples=self.S_z) - Fy)
        Phi = Fx - oracle.jvp(x, y, z, step=t, inner=D + 1, samples=self.S_g)
        return replace(state, t=t + 1, x=x - self.beta * Phi, y=y, z=z, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
