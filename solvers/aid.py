"""AID: approximate implicit differentiation, by conjugate gradients or by a fixed point.

(Pedregosa 2016; Grazzi, Franceschi, Pontil, Salzo, "On the iteration complexity of hypergradient computation", ICML
2020; with warm starts as AID-BiO of Ji, Yang, Liang, ICML 2021.) One outer step t:

    y^0 = y_{t-1}^D,  y^{k+1} = y^k - eta_y G_y(x_t, y^k),  k < D
    solve G_yy(x_t, y^D) v = F_y(x_t, y^D) by N steps of
        "cg":     conjugate gradients, all products on ONE sample, so that they are products with one matrix
        "fixed":  v <- v - eta_v ( G_yy v - F_y ),  a fresh sample for each product
    x_{t+1} = x_t - eta_x ( F_x - G_xy v )

``warm_v`` starts from the last v, else from 0. Exact after min(N, dim_y) steps of "cg" without noise; error of "fixed"
(I - eta_v H)^N (v^0 - H^{-1} F_y).

Departure: the methods were stated for exact oracles; here each answer is a mean of S samples. With noise that is added
to the product (not a random matrix) a conjugate gradient iteration has no matrix to belong to: prefer "fixed".
Addresses: inner 0 .. D - 1 lower steps, D for F, D + 1 the JVP, D + 2 on the HVPs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from solvers.base import check_choice
from solvers.pieces import check_fields, descend, start, times
from synthetic.arrays import Array, dot, namespace
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x, Phi (..., dx); y, v (..., dy)."""

    t: int
    x: Array
    y: Array
    v: Array
    Phi: Array


@dataclass(frozen=True)
class AID:
    """Configuration, symbols as in the module docstring; T outer steps."""

    T: int
    eta_x: float = 0.05
    eta_y: float = 0.1
    D: int = 10
    N: int = 10
    method: Literal["cg", "fixed"] = "cg"
    eta_v: float = 0.1
    S: int = 1
    warm_v: bool = True

    def __post_init__(self) -> None:
        check_fields(self, ("eta_x", "eta_y", "eta_v"), ("T", "D", "N", "S"))
        check_choice("method", self.method, ("cg", "fixed"))

    needs = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run; a warm start of "cg" pays one HVP more for its residual."""
        products = self.N + (self.method == "cg" and self.warm_v)
        return times(self.T * self.S, sfo=self.D + 1, G=self.D, F=1, HVP=products, JVP=1)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, t, D = state.x, state.t, self.D
        y = descend(oracle, x, state.y, self.eta_y, D, step=t, samples=self.S)
        Fx, Fy = oracle.F(x, y, step=t, inner=D, samples=self.S)

        def product(v: Array, i: int) -> Array:
            return oracle.hvp(x, y, v, step=t, inner=D + 2 + i, samples=self.S)

        v = state.v if self.warm_v else 0.0 * state.v
        if self.method == "fixed":
            for i in range(self.N):
                v = v - self.eta_v * (product(v, i) - Fy)
        else:
            v = conjugate_gradients(lambda w: product(w, 0), Fy, v, self.N, self.warm_v)
        Phi = Fx - oracle.jvp(x, y, v, step=t, inner=D + 1, samples=self.S)
        return replace(state, t=t + 1, x=x - self.eta_x * Phi, y=y, v=v, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T


def conjugate_gradients(product: Callable[[Array], Array], b: Array, v: Array, N: int, warm: bool) -> Array:
    """N steps on H v = b from v; ``warm`` False: v is 0, no product is asked for it. A solved lane stays."""
    r = b - product(v) if warm else b
    p, rr = r, dot(r, r)
    xp = namespace(b)
    for _ in range(N):
        Hp = product(p)
        curvature = dot(p, Hp)
        go = (rr > 0) & (curvature != 0)
        step = xp.where(go, rr / xp.where(go, curvature, xp.ones_like(rr)), xp.zeros_like(rr))[..., None]
        v, r = v + step * p, r - step * Hp
        new = dot(r, r)
        p = r + xp.where(go, new / xp.where(rr > 0, rr, xp.ones_like(rr)), xp.zeros_like(rr))[..., None] * p
        rr = new
    return v
