"""BOME: dynamic barrier gradient descent on the value function (Liu, Ye, Wright, Stone, Liu, NeurIPS 2022).

One step t at (x, y):

    w^0 = y,  w^{k+1} = w^k - alpha G_y(x, w^k),  k < K;     q = ( G_x(x, y) - G_x(x, w^K), G_y(x, y) )
    lam = max( 0, eta - <F, q>/||q||^2 )                     (phi = eta ||q||^2 in the print's (phi - <F, q>)/||q||^2)
    (x, y) <- (x, y) - xi ( F + lam q )

F = (F_x, F_y) at (x, y). Stated for exact gradients; here every answer is one sample of the oracle, where the ratio in
lam is biased. q = 0 takes lam = 0 (the print divides by zero). A public implementation (benchopt, benchmark_bilevel)
agrees; it has xi apart for x and y, and alpha equal to the one of y.

Addresses: inner 0 the query at (x, y), k + 1 the inner steps, K + 1 for G_x(x, w^K). No HVP, no JVP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, descend, start, times
from synthetic.arrays import Array, dot, namespace
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t steps done; x (..., dx); y (..., dy); lam (...) of the last step."""

    t: int
    x: Array
    y: Array
    lam: Array


@dataclass(frozen=True)
class BOME:
    """Configuration, symbols as in the module docstring; T steps."""

    T: int
    xi: float = 0.02
    alpha: float = 0.1
    eta: float = 0.5
    K: int = 20

    def __post_init__(self) -> None:
        check_fields(self, ("xi", "alpha", "eta"), ("T", "K"))

    needs = ("F", "G")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: K inner G, one query (F and G), one G at the end of the inner loop."""
        return times(self.T, sfo=self.K + 2, G=self.K + 2, F=1)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * x[..., 0])

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, y, t = state.x, state.y, state.t
        w = descend(oracle, x, y, self.alpha, self.K, step=t, first=1)
        a = oracle.query(x, y, step=t)
        q_x, q_y = a.Gx - oracle.G(x, w, step=t, inner=self.K + 1, part="x")[0], a.Gy
        size = dot(q_x, q_x) + dot(q_y, q_y)
        xp = namespace(x)
        slope = (dot(a.Fx, q_x) + dot(a.Fy, q_y)) / xp.where(size > 0, size, xp.ones_like(size))
        lam = xp.where((size > 0) & (slope < self.eta), self.eta - slope, xp.zeros_like(size))
        weight = lam[..., None]
        return replace(
            state, t=t + 1, x=x - self.xi * (a.Fx + weight * q_x), y=y - self.xi * (a.Fy + weight * q_y), lam=lam
        )  # fmt: skip

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
