"""ITD: iterative differentiation, reverse mode through the lower-level steps.

(Maclaurin et al. 2015, Franceschi et al. 2017; as ITD-BiO in Ji, Yang, Liang, ICML 2021.) One outer step t:

    y^0 = y_0,  y^{k+1} = y^k - eta_y G_y(x_t, y^k; zeta_k),  k < D
    u_D = F_y(x_t, y^D);   for k = D - 1 .. 0:   P += G_xy(x_t, y^k; zeta_k) u_{k+1},
                                                 u_k = u_{k+1} - eta_y G_yy(x_t, y^k; zeta_k) u_{k+1}
    x_{t+1} = x_t - eta_x ( F_x(x_t, y^D) - eta_y P )

the exact gradient of x -> F(x, y^D(x)) for the samples zeta_k of the forward pass. For a quadratic g and exact oracles
the estimate is F_x - G_xy (I - (I - eta_y H)^D) H^{-1} F_y at y^D: bias G_xy (I - eta_y H)^D H^{-1} F_y.

``warm`` starts the next inner loop at y^D; y^0 counts as constant either way (truncated back-propagation). u_0 is not
needed and not asked for: D JVP and D - 1 HVP a step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, start, times
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x, Phi (..., dx); y, y0 (..., dy)."""

    t: int
    x: Array
    y: Array
    y0: Array
    Phi: Array


@dataclass(frozen=True)
class ITD:
    """Configuration, symbols as in the module docstring; every answer a mean of S samples; T outer steps."""

    T: int
    eta_x: float = 0.05
    eta_y: float = 0.1
    D: int = 10
    S: int = 1
    warm: bool = False

    def __post_init__(self) -> None:
        check_fields(self, ("eta_x", "eta_y"), ("T", "D", "S"))

    needs = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run."""
        return times(self.T * self.S, sfo=self.D + 1, G=self.D, F=1, HVP=self.D - 1, JVP=self.D)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t = state.x, state.t
        path = [state.y if self.warm else state.y0]
        for k in range(self.D):
            slope = oracle.G(x, path[k], step=t, inner=k, samples=self.S, part="y")[1]
            path.append(path[k] - self.eta_y * slope)
        Phi, u = oracle.F(x, path[self.D], step=t, inner=self.D, samples=self.S)
        for k in reversed(range(self.D)):
            Phi = Phi - self.eta_y * oracle.jvp(x, path[k], u, step=t, inner=k, samples=self.S)
            if k > 0:
                u = u - self.eta_y * oracle.hvp(x, path[k], u, step=t, inner=k, samples=self.S)
        return replace(state, t=t + 1, x=x - self.eta_x * Phi, y=path[self.D], Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
