"""F2BA: gradient descent on the penalty proxy, with linearly convergent inner loops (paper 001, Algorithm 1).

    L_lambda(x, y) = f + lambda (g - g*),      L*_lambda(x) = min_y L_lambda(x, y),      z_0 = y_0;  one outer step t:

    z^{k+1} = z^k - alpha grad_y g(x_t, z^k),    y^{k+1} = y^k - tau (grad_y f + lambda grad_y g)(x_t, y^k),    k < K_t
    Phi_t = grad_x f(x_t, y^K) + lambda ( grad_x g(x_t, y^K) - grad_x g(x_t, z^K) )  ~  grad L*_lambda(x_t)
    x_{t+1} = x_t - eta Phi_t

K_t is K_0 at t = 0 and K after. With beta_z, beta_y > 0 the inner loops are Nesterov's method with constant momentum,

    y^{k+1} = v^k - tau (grad_y f + lambda grad_y g)(x_t, v^k),  v^{k+1} = y^{k+1} + beta_y (y^{k+1} - y^k),  v^0 = y^0,

which needs sqrt(kappa) log steps for kappa log: kappa^3.5 eps^-2 calls in place of kappa^4 eps^-2 (paper 001, remark
after Algorithm 1; no listing there). The momentum starts anew at every t, because the function changes with x_t.

Guarantee (upper): with :meth:`F2BA.theorem` some x_t, t < T, has ||grad phi(x_t)|| <= eps. Departures from the print:
K_t is rounded up; the constant D_1 is the corrected one (:mod:`bounds.f2ba_schedule`); z asks for g alone, so one inner
step is 2 SFO calls, one of which has an F. The oracle may be noisy; the theorem's is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bounds.f2ba_schedule import SmoothClass, inner_loops, outer_loop
from solvers.pieces import check_fields, start
from synthetic.arrays import Array
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x (..., dx); y, z (..., dy) near y*_lambda(x) and y*(x); Phi (..., dx) ~ grad L*_lambda."""

    t: int
    x: Array
    y: Array
    z: Array
    Phi: Array


@dataclass(frozen=True)
class F2BA:
    """Configuration of F2BA, symbols as in the module docstring."""

    lam: float
    eta: float
    tau: float
    alpha: float
    K_0: int
    K: int
    T: int
    beta_z: float = 0.0
    beta_y: float = 0.0

    needs = ("F", "G")

    def __post_init__(self) -> None:
        check_fields(self, ("lam", "eta", "tau", "alpha"), ("K_0", "K", "T"))
        for name in ("beta_z", "beta_y"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
                raise InputError(name, value, "pass a momentum in [0, 1); 0 is gradient descent")

    @classmethod
    def accurate(
        cls, bounds: SmoothClass, lam: float, eta: float, zeta: float, R_0: float, T: int, *, accelerated: bool = False
    ) -> F2BA:
        """Proposition 4.2: ||Phi_t - grad L*_lambda(x_t)|| <= zeta at every t, given lam >= 2 L_f/mu and
        R_0 >= ||y_0 - y*(x_0)||."""
        loops = inner_loops(bounds, lam, eta, zeta, R_0, accelerated=accelerated)
        return cls(lam, eta, loops.tau, loops.alpha, loops.K_0, loops.K, T, loops.beta_z, loops.beta_y)

    @classmethod
    def theorem(cls, bounds: SmoothClass, eps: float, Delta: float, R_0: float, *, accelerated: bool = False) -> F2BA:
        """Theorem 4.1 with every constant: a point with ||grad phi|| <= eps before T steps.

        Delta >= phi(x_0) - inf phi, R_0 >= ||y_0 - y*(x_0)||.
        """
        outer = outer_loop(bounds, eps, Delta)
        return cls.accurate(bounds, outer.lam, outer.eta, outer.zeta, R_0, outer.T, accelerated=accelerated)

    @property
    def calls(self) -> int:
        """SFO calls of a whole run, per seed: 2 (K_0 + 1) + 2 (K + 1)(T - 1); F answers half of them, G all."""
        return 2 * (self.K_0 + 1) + 2 * (self.K + 1) * (self.T - 1)

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        """z_0 = y_0 (line 1), zero unless given."""
        x, y = start(problem, x0, y0)
        return State(0, x, y, y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        """One outer step: 2 (K_t + 1) calls."""
        y, z = self.lower(state.x, state.y, state.z, state.t, oracle)
        Phi = self.proxy_gradient(state.x, y, z, state.t, oracle)
        return replace(state, t=state.t + 1, x=state.x - self.eta * Phi, y=y, z=z, Phi=Phi)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T

    def lower(
        self, x: Array, y: Array, z: Array, t: int, oracle: StochasticOracle, *, nodes: tuple[Any, Any] = (1, 0),
        mean: Callable[[Array], Array] = lambda v: v,
    ) -> tuple[Array, Array]:  # fmt: skip
        """(y^K, z^K), lines 3 to 8. ``nodes``: the sample addresses of y and z. ``mean`` passes each gradient on:
        agents replace theirs by the mean of all."""

        def penalised(v: Array, k: int) -> Array:
            answer = oracle.query(x, v, step=t, inner=k + 1, node=nodes[0], part="y")
            return mean(answer.Fy + self.lam * answer.Gy)

        def plain(v: Array, k: int) -> Array:
            return mean(oracle.G(x, v, step=t, inner=k + 1, node=nodes[1], part="y")[1])

        K = self.K_0 if t == 0 else self.K
        return descend(penalised, y, self.tau, self.beta_y, K), descend(plain, z, self.alpha, self.beta_z, K)

    def proxy_gradient(
        self, x: Array, y: Array, z: Array, t: int, oracle: StochasticOracle, *, nodes: tuple[Any, Any] = (1, 0)
    ) -> Array:
        """Line 9: grad_x f(x, y) + lambda (grad_x g(x, y) - grad_x g(x, z)); 2 calls."""
        answer = oracle.query(x, y, step=t, inner=0, node=nodes[0], part="x")
        Gz, _ = oracle.G(x, z, step=t, inner=0, node=nodes[1], part="x")
        return answer.Fx + self.lam * (answer.Gx - Gz)

    def estimate(self, problem: BilevelProblem, x: Array) -> Array:
        """grad L*_lambda(x) with exact lower-level solutions and no noise."""
        y, z = problem.y_star(x, 1 / self.lam), problem.y_star(x)
        return problem.grad_f(x, y)[0] + self.lam * (problem.grad_g(x, y)[0] - problem.grad_g(x, z)[0])


def descend(gradient: Callable[[Array, int], Array], y: Array, step: float, momentum: float, K: int) -> Array:
    """K steps of gradient descent, or of Nesterov's method with constant momentum when ``momentum`` > 0."""
    v = y
    for k in range(K):
        new = v - step * gradient(v, k)
        v = new + momentum * (new - y) if momentum else new
        y = new
    return y
