"""F3SA: F2SA with momentum (Kwon, Kwon, Wright, Nowak, ICML 2023, Algorithm 2).

Each of the six directions has the recursive momentum h_t = storm(eta_t; .) of :mod:`solvers.pieces`, one sample asked
at the present and at the last arguments:

    h_z: G_y(x_t, z_t)                            z_{t+1} = z_t - gamma_t h_z
    h_fy: F_y(x_t, y_t),  h_gy: G_y(x_t, y_t)     y_{t+1} = y_t - alpha_t ( h_fy + lam_t h_gy )
    h_fx: F_x(x_t, y_{t+1}),  h_gxy: G_x(x_t, y_{t+1}),  h_gxz: G_x(x_t, z_{t+1})
                                                  x_{t+1} = x_t - xi alpha_t ( h_fx + lam_t ( h_gxy - h_gxz ) )

and the sequences of its Theorem in powers of s = 1 + t/t0: alpha_t = alpha s^-a, gamma_t = gamma s^-c, lam_t = lam
s^(a - c), eta_t = max(eta_low, s^-e); a = c = e = 0 with eta_low < 1 keeps all fixed. The theorem's powers for noise in
both levels are a = 3/5, c = 2/5, e = 4/5.

Departures: lam_t is the power law (the print adds delta_t); a query of F and G at one point is one SFO call. The last
arguments of h_fx and h_gxy are (x_{t-1}, y_t), of h_gxz (x_{t-1}, z_t): the points of the step before.

The recursions of h_z and h_fy agree with the appendix of the paper (arXiv 2301.10945), arguments included; of h_gy the
first term alone could be compared there.

Addresses: inner 0 (z), 1 (y), 2 (x at y), 3 (x at z). Calls: 4 SFO at t = 0, 8 at each later step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.base import check_positive
from solvers.pieces import check_fields, check_share, start, storm
from synthetic.arrays import Array
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t steps done; x (..., dx); y, z (..., dy); ``old`` = (x, y, z) one step before; ``h`` = (h_z, h_fy, h_gy, h_fx,
    h_gxy, h_gxz).
    """

    t: int
    x: Array
    y: Array
    z: Array
    old: tuple[Array, Array, Array]
    h: tuple[Array, ...]


@dataclass(frozen=True)
class F3SA:
    """Configuration, symbols as in the module docstring; lam, alpha, gamma are the values at t = 0; T steps."""

    T: int
    alpha: float = 0.01
    gamma: float = 0.1
    lam: float = 10.0
    xi: float = 1.0
    eta_low: float = 0.1
    t0: float = 10.0
    a: float = 0.0
    c: float = 0.0
    e: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, ("alpha", "gamma", "lam", "xi", "t0"), ("T",))
        for name in ("eta_low", "a", "c", "e"):
            check_share(name, getattr(self, name))
        check_positive("eta_low", self.eta_low)

    needs = ("F", "G")

    def sequences(self, t: int) -> tuple[float, float, float, float]:
        """(alpha_t, gamma_t, lam_t, eta_t)."""
        s = 1 + t / self.t0
        share = self.eta_low if self.e == 0 else max(self.eta_low, s**-self.e)
        return self.alpha * s**-self.a, self.gamma * s**-self.c, self.lam * s ** (self.a - self.c), share

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run: 2T - 1 evaluations at each of the four points."""
        n = 2 * self.T - 1
        return Counts(sfo=4 * n, F=2 * n, G=4 * n)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        zx, zy = 0.0 * x, 0.0 * y
        return State(0, x, y, y, (x, y, y), (zy, zy, zy, zx, zx, zx))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, y, z, t = state.x, state.y, state.z, state.t
        alpha, gamma, lam, eta = self.sequences(t)
        x_old, y_old, z_old = state.old

        def momentum(new: tuple[Array, ...], old: tuple[Array, ...], first: int) -> tuple[Array, ...]:
            return tuple(storm(eta, n, o, h) for n, o, h in zip(new, old, state.h[first:]))

        def lower(x: Array, z: Array) -> tuple[Array]:
            return (oracle.G(x, z, step=t, inner=0, part="y")[1],)

        def penalised(x: Array, y: Array) -> tuple[Array, Array]:
            answer = oracle.query(x, y, step=t, inner=1, part="y")
            return answer.Fy, answer.Gy

        def upper(x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
            answer = oracle.query(x, y, step=t, inner=2, part="x")
            return answer.Fx, answer.Gx, oracle.G(x, z, step=t, inner=3, part="x")[0]

        h_z, h_y = lower(x, z), penalised(x, y)
        if t > 0:
            h_z = momentum(h_z, lower(x_old, z_old), 0)
            h_y = momentum(h_y, penalised(x_old, y_old), 1)
        z_new, y_new = z - gamma * h_z[0], y - alpha * (h_y[0] + lam * h_y[1])
        h_x = upper(x, y_new, z_new)
        if t > 0:
            h_x = momentum(h_x, upper(x_old, y, z), 3)
        x_new = x - self.xi * alpha * (h_x[0] + lam * (h_x[1] - h_x[2]))
        return replace(state, t=t + 1, x=x_new, y=y_new, z=z_new, old=(x, y, z), h=(*h_z, *h_y, *h_x))

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
