"""Instances for rates in eps: a strict saddle and agents, each with a ramp that asks for eps^-2 outer steps.

The ramp is a coordinate s of x without a lower level, phi = .. + r s^2/2 with r = 2 eps^2/Delta, started at s =
Delta/eps: gradient descent with step eta needs log(2) Delta/(2 eps^2 eta) steps until its slope, 2 eps, is eps.

The class constants returned hold on the region that the runs visit (a quadratic f has no global Lipschitz constant);
the trials watch the gradient of f and raise when it leaves that region.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from bounds.f2ba_schedule import SmoothClass
from solvers.f2ba import F2BA
from solvers.perturbed_f2ba import PerturbedF2BA
from synthetic.agents import Agents
from synthetic.arrays import Array
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.polynomial import Polynomial
from synthetic.saddle import STEEPEST, StrictSaddle, strict_saddle

DELTA = 1.0
SADDLE_DELTA = 2.0
SADDLE_L = 2.0
"""A bound of ||grad^2 phi|| on the strict saddles of eps <= 0.1, one for all eps: gamma <= 1.55, a + b/2 <= 1.64."""
SADDLE_CLASS = SmoothClass(mu=1.0, C_f=3.0, L_f=4.0, L_g=2.5, rho_g=0.0)
"""g = z'diag(1, 2)z/2 with z = y - x/2: L_g = 2 (1 + 1/4). f = phi + |z|^2/4: L_f <= L + (1 + 1/4)/2."""
FAILURE = 0.1
"""delta of Proposition 5.1."""


def curvature_at(eps: float) -> float:
    """gamma with gamma = 2 sqrt(rho eps), twice what an (eps, sqrt(rho eps)) point may have; rho = (1 + gamma) h.

    h = 12 |s (1 - s^2)|/(1 + s^2)^4 at its maximum: gamma^2 = 4 h eps (1 + gamma).
    """
    h = 12 * STEEPEST * (1 - STEEPEST**2) / (1 + STEEPEST**2) ** 4
    return 2 * h * eps + sqrt((2 * h * eps) ** 2 + 4 * h * eps)


def saddle_ramp(eps: float) -> tuple[Polynomial, np.ndarray]:
    """(instance, x_0): the strict saddle in x_0 with curvature -2 sqrt(rho eps), the ramp in x_1; L*_lambda = phi.

    F2BA keeps x_0 = y_0 = 0 bit for bit, walks down the ramp and ends on the saddle.
    """
    problem = strict_saddle(dim=2, unstable=1, gamma=curvature_at(eps), a=1.0, stable=2 * eps**2 / SADDLE_DELTA)
    return problem, np.array([0.0, SADDLE_DELTA / eps])


def perturbed(problem: Polynomial, eps: float) -> PerturbedF2BA:
    """Proposition 5.1 with every constant, delta = FAILURE; lambda = 2 L_f/mu is enough where L*_lambda = phi."""
    phi = problem.phi
    if not isinstance(phi, StrictSaddle) or phi.L > SADDLE_L:
        raise InputError("eps", eps, f"pass eps <= 0.1, where ||grad^2 phi|| <= {SADDLE_L:g}")
    return PerturbedF2BA.proposition(
        SADDLE_CLASS, eps=eps, delta=FAILURE, L=SADDLE_L, rho=phi.rho, Delta=SADDLE_DELTA - phi.inf,
        lam=2 * SADDLE_CLASS.L_f / SADDLE_CLASS.mu, R_0=SADDLE_DELTA / eps, dim_x=2,
    )  # fmt: skip


@dataclass(frozen=True)
class ExactLoops(F2BA):
    """F2BA whose inner loops are K_t steps in closed form, for constant A_g and A_f, without noise and momentum.

    y^K = y*_lambda + (I - tau (A_f + lambda A_g))^K (y^0 - y*_lambda), z^K = y* + (I - alpha A_g)^K (z^0 - y*): the
    literal loop up to round-off. Its calls are charged, :attr:`F2BA.calls`, not metered.
    """

    def lower(self, x: Array, y: Array, z: Array, t: int, oracle: Any, **_: Any) -> tuple[Array, Array]:
        p, K = oracle.problem, self.K_0 if t == 0 else self.K
        if self.beta_y or self.beta_z or np.any(getattr(p, "ridges", 0.0)):
            raise InputError("problem", p.name, "closed loops need a quadratic lower level and no momentum")
        H, one = p.A_f + self.lam * p.A_g, np.eye(p.dim_y)
        star = x @ p.B.T
        push = star - (p.c0 + x @ p.G.T) @ np.linalg.inv(H)
        left = [np.linalg.matrix_power(one - step * h, K) for step, h in ((self.tau, H), (self.alpha, p.A_g))]
        return push + (y - push) @ left[0], star + (z - star) @ left[1]

    def proxy_gradient(self, x: Array, y: Array, z: Array, t: int, oracle: Any, **_: Any) -> Array:
        p = oracle.problem  # grad_x g = -B'A_g (y - Bx): of the difference only y - z is left
        return p.grad_f(x, y)[0] - self.lam * ((y - z) @ p.A_g @ p.B)


AGENTS_SLOPE = 4.0
"""A bound of ||grad f|| on the runs of the agents, watched."""


def ramp_agents(eps: float, m: int = 4) -> tuple[Agents, np.ndarray]:
    """(instance, x_0): m agents that disagree in A_i, B_i and in their share of the ramp, which lies in x_2.

    grad phi differs from the mean of the agents' hyper-gradients; x_0 and x_1 have phi'' between 1 and 3.
    """
    rng = np.random.default_rng(7)
    dyadic = lambda *shape: np.round(rng.uniform(-1, 1, shape) * 16) / 16  # noqa: E731
    agents = []
    for i in range(m):
        R, S, share = dyadic(2, 2), dyadic(2, 2), 1 + (2 * i - m + 1) / (2 * m)
        B, G = (np.hstack([dyadic(2, 2) / scale, np.zeros((2, 1))]) for scale in (2, 4))
        phi = QuadraticHyper((1.0 + i / m, 1.0 + i / m, share * 2 * eps**2 / DELTA))
        A_g, A_f = np.eye(2) + R @ R.T / 4, np.eye(2) / 2 + (S + S.T) / 8
        agents.append(LinearQuadratic(A_g, A_f, B, dyadic(2) / 4, G, phi, name=f"agent {i}"))
    return Agents(agents, name=f"{m} agents on a ramp"), np.array([0.0, 0.0, DELTA / eps])


class Quadratics:
    """Gradients of quadratic agents side by side, each by one product: what ``Agents.stacked`` answers, faster.

    ``mean``: the one aggregate instead, which is what F2BA is run on; its A_g, A_f, B, c0, G serve closed loops.
    """

    def __init__(self, problem: Agents, mean: bool = False) -> None:
        self.name, self.dim_x, self.dim_y = problem.name, problem.dim_x, problem.dim_y
        self.A_g, self.A_f, self.B, self.c0, self.G = (getattr(problem, k) for k in ("A_g", "A_f", "B", "c0", "G"))
        dx, dy, m = problem.dim_x, problem.dim_y, len(problem.agents)
        self.H_f, self.H_g = np.zeros((2, m, dx + dy, dx + dy))
        self.linear = np.zeros((m, dx + dy))
        for i, a in enumerate(problem.agents):
            D = np.hstack([-a.B, np.eye(dy)])  # y - B x
            lift = np.hstack([a.G, np.zeros((dy, dy))])
            self.H_g[i] = D.T @ a.A_g @ D
            self.H_f[i] = D.T @ a.A_f @ D + lift.T @ D + D.T @ lift
            self.H_f[i, :dx, :dx] += a.phi.hess(np.zeros(dx))
            self.linear[i] = D.T @ a.c0
        if mean:
            self.H_f, self.H_g, self.linear = (v.mean(axis=0) for v in (self.H_f, self.H_g, self.linear))
        else:
            self.rows = m

    def _split(self, v: Array) -> tuple[Array, Array]:
        return v[..., : self.dim_x], v[..., self.dim_x :]

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        z = np.concatenate([x, y], axis=-1)[..., None]
        return self._split((self.H_f @ z)[..., 0] + self.linear)

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        z = np.concatenate([x, y], axis=-1)[..., None]
        return self._split((self.H_g @ z)[..., 0])

    def hypergrad(self, x: Array) -> Array:
        """grad phi of the mean: phi(x) = f(x, B x)."""
        gx, gy = self.grad_f(x, x @ self.B.T)
        return gx + gy @ self.B


def agents_class(problem: Agents) -> SmoothClass:
    """Assumption 3.1 for the means: Hessians of the quadratic f and g in (x, y), exact; C_f = AGENTS_SLOPE."""
    means = Quadratics(problem, mean=True)
    L_f, L_g = (float(np.abs(np.linalg.eigvalsh(h)).max()) for h in (means.H_f, means.H_g))
    return SmoothClass(problem.mu, AGENTS_SLOPE, L_f, L_g, 0.0)
