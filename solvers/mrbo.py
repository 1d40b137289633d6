"""MRBO and VRBO: variance reduction around the Neumann hyper-gradient (Yang, Ji, Liang, NeurIPS 2021).

Both use, at a point (x, y) and on one set of samples xi (F, JVP and Q independent Hessians),

    D(x, y; xi) = F_x - G_xy eta sum_{q=0}^{Q} prod_{i<=q} (I - eta H_i) F_y.

MRBO (Algorithm 1), single loop, eta_t = d/(m + t)^{1/3}, momenta on one sample at two points as in
:func:`solvers.pieces.storm` with shares min(1, c_y eta_{t-1}^2) and min(1, c_x eta_{t-1}^2):

    v_t = storm( G_y ),   u_t = storm( D ),      x_{t+1} = x_t - gamma eta_t u_t,   y_{t+1} = y_t - lam eta_t v_t

VRBO (Algorithm 2), a SPIDER estimator, refreshed with S_1 samples whenever ``period`` divides t, and an inner loop:

    x_{t+1} = x_t - alpha u_t;   from (x_t, y_t), (u, v) = (u_t, v_t), with the new x and S_2 fresh samples zeta_k:
    for k = 0 .. m + 1:   u += D(x_{t+1}, y^k; zeta_k) - D(previous point; zeta_k),   v likewise with G_y,
                          y^{k+1} = y^k - beta v
    y_{t+1} = y^{m+1},  (u_{t+1}, v_{t+1}) = the last (u, v), taken at (x_{t+1}, y^{m+1})

where y^0 = y_t and the previous point of k = 0 is (x_t, y_t). Departure: shares are cut at 1. A public implementation
of VRBO (benchopt, benchmark_bilevel) leaves the change from x_t to x_{t+1} out of the inner loop's differences; here it
is in, as printed: without it (u, v) would still estimate at x_t.

Addresses: MRBO inner 0 (G_y), 1 (F, JVP), 2 .. Q + 1 (HVP); VRBO the same plus (k + 1)(Q + 2) in inner step k.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.pieces import check_fields, least, neumann_sum, start, storm, times
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t steps done; x, u (..., dx); y, v (..., dy); ``old`` = (x, y) one step before (MRBO)."""

    t: int
    x: Array
    y: Array
    u: Array
    v: Array
    old: tuple[Array, Array]


def sample(
    oracle: StochasticOracle, x: Array, y: Array, eta: float, Q: int, S: int, *, step: int, first: int = 0
) -> tuple[Array, Array]:
    """(D, G_y) at (x, y). Costs S F, S G, Q S HVP, S JVP."""
    Gy = oracle.G(x, y, step=step, inner=first, samples=S, part="y")[1]
    Fx, Fy = oracle.F(x, y, step=step, inner=first + 1, samples=S)
    w = neumann_sum(oracle, x, y, Fy, eta, (S,) * Q, step=step, first=first + 2)
    return Fx - oracle.jvp(x, y, w, step=step, inner=first + 1, samples=S), Gy


@dataclass(frozen=True)
class MRBO:
    """Configuration of MRBO, symbols as in the module docstring; T steps."""

    T: int
    gamma: float = 0.5
    lam: float = 1.0
    d: float = 0.4
    m: float = 8.0
    c_x: float = 10.0
    c_y: float = 10.0
    eta: float = 0.1
    Q: int = 10
    S: int = 1

    def __post_init__(self) -> None:
        check_fields(self, ("gamma", "lam", "d", "m", "c_x", "c_y", "eta"), ("T", "Q", "S"))

    needs = ("F", "G", "HVP", "JVP")

    def rate(self, t: int) -> float:
        return self.d * (self.m + t) ** (-1 / 3)

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: 2T - 1 samples."""
        return times((2 * self.T - 1) * self.S, sfo=2, F=1, G=1, HVP=self.Q, JVP=1)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * x, 0.0 * y, (x, y))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, y, t = state.x, state.y, state.t
        u, v = sample(oracle, x, y, self.eta, self.Q, self.S, step=t)
        if t > 0:
            old_u, old_v = sample(oracle, *state.old, self.eta, self.Q, self.S, step=t)
            share = self.rate(t - 1) ** 2
            u = storm(least(1.0, self.c_x * share), u, old_u, state.u)
            v = storm(least(1.0, self.c_y * share), v, old_v, state.v)
        rate = self.rate(t)
        return replace(
            state, t=t + 1, x=x - self.gamma * rate * u, y=y - self.lam * rate * v, u=u, v=v, old=(x, y)
        )  # fmt: skip

    def terminate(self, state: State) -> bool:
        return state.t >= self.T


@dataclass(frozen=True)
class VRBO:
    """Configuration of VRBO, symbols as in the module docstring; T outer steps."""

    T: int
    alpha: float = 0.05
    beta: float = 0.1
    m: int = 3
    period: int = 5
    eta: float = 0.1
    Q: int = 10
    S_1: int = 20
    S_2: int = 4

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "beta", "eta"), ("T", "m", "period", "Q", "S_1", "S_2"))

    needs = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: S_1 samples at each refresh, 2 (m + 2) S_2 in each inner loop."""
        refreshes = -(-self.T // self.period)
        n = refreshes * self.S_1 + self.T * 2 * (self.m + 2) * self.S_2
        return times(n, sfo=2, F=1, G=1, HVP=self.Q, JVP=1)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * x, 0.0 * y, (x, y))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        t, u, v = state.t, state.u, state.v
        if t % self.period == 0:
            u, v = sample(oracle, state.x, state.y, self.eta, self.Q, self.S_1, step=t)
        before = (state.x, state.y)
        x, y = state.x - self.alpha * u, state.y
        for k in range(self.m + 2):
            at = {"step": t, "first": (k + 1) * (self.Q + 2)}
            new = sample(oracle, x, y, self.eta, self.Q, self.S_2, **at)
            old = sample(oracle, *before, self.eta, self.Q, self.S_2, **at)
            u, v = u + new[0] - old[0], v + new[1] - old[1]
            before = (x, y)
            if k <= self.m:
                y = y - self.beta * v
        return replace(state, t=t + 1, x=x, y=y, u=u, v=v, old=(state.x, state.y))

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
