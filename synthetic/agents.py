"""Heterogeneous agents, f = 1/m sum_i f_i, g = 1/m sum_i g_i: their local hyper-gradients do not average to grad phi.

Agent i is linear-quadratic (:mod:`synthetic.linear_quadratic`), with A_i, F_i, B_i, phi_i and c_i(x) = c0_i + G_i x:

    g_i = 1/2 (y - B_i x)' A_i (y - B_i x),    f_i = phi_i(x) + c_i(x)'(y - B_i x) + 1/2 (y - B_i x)' F_i (y - B_i x)

Alone its hyper-objective is phi_i. Together, with A = mean A_i, B = A^{-1} mean(A_i B_i) and D_i = B - B_i,

    y*(x) = B x,    phi(x) = mean_i [ phi_i(x) + c_i(x)' D_i x + 1/2 x' D_i' F_i D_i x ],
    grad phi - mean_i grad phi_i = mean_i [ D_i' c0_i + (D_i' G_i + G_i' D_i + D_i' F_i D_i) x ],

which is 0 for all x only by accident once the B_i differ. (Paper 001, Eq. (5) and the end of its section 2.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from synthetic.arrays import Array, apply, as_vectors, dot, like, namespace, scalars_like
from synthetic.checks import positive_definite
from synthetic.errors import InputError
from synthetic.exact import ExactForm
from synthetic.hyper import QuadraticHyper, RationalWells, dimension, rational
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.problem import Constant, Constants


class Stacked:
    """Some agents side by side: x (..., m, dim_x), y (..., m, dim_y), and row i is answered by the i-th of them."""

    def __init__(self, agents: Sequence[LinearQuadratic], name: str) -> None:
        self.agents, self.name, self.rows = tuple(agents), name, len(agents)
        self.dim_x, self.dim_y = self.agents[0].dim_x, self.agents[0].dim_y

    def _rows(self, x: Array, y: Array) -> tuple[Array, Array]:
        m = self.rows
        for name, value in (("x", x), ("y", y)):
            if value.ndim < 2 or value.shape[-2] != m:
                raise InputError(
                    name, f"array of shape {tuple(value.shape)}", f"pass one row an agent: (..., {m}, dim)"
                )
        return x, y

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Row i: (grad_x f_i, grad_y f_i) at (x_i, y_i)."""
        return self._each("grad_f", x, y)

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Row i: (grad_x g_i, grad_y g_i) at (x_i, y_i)."""
        return self._each("grad_g", x, y)

    def _each(self, method: str, x: Array, y: Array) -> tuple[Array, Array]:
        x, y = self._rows(x, y)
        xp = namespace(x)
        found = [getattr(agent, method)(x[..., i, :], y[..., i, :]) for i, agent in enumerate(self.agents)]
        return xp.stack([u for u, _ in found], axis=-2), xp.stack([v for _, v in found], axis=-2)


class Agents:
    """The aggregate of the module docstring: a BilevelProblem whose ``agents`` are BilevelProblems.

    ``stacked`` answers for each agent apart; the oracle of a distributed solver is built on it.
    """

    def __init__(self, agents: Sequence[LinearQuadratic], name: str = "agents") -> None:
        if not agents or not all(isinstance(a, LinearQuadratic) for a in agents):
            raise InputError("agents", agents, "pass at least one LinearQuadratic")
        dims = {(a.dim_x, a.dim_y) for a in agents}
        if len(dims) > 1:
            raise InputError("agents", sorted(dims), "all agents need the same (dim_x, dim_y)")
        self.name, self.agents = name, tuple(agents)
        self.dim_x, self.dim_y = dims.pop()
        self.A_g = np.mean([a.A_g for a in agents], axis=0)
        self.A_f = np.mean([a.A_f for a in agents], axis=0)
        self.mu = positive_definite("mean A_g", self.A_g, "each A_g must be positive definite")
        self.B = np.linalg.solve(self.A_g, np.mean([a.A_g @ a.B for a in agents], axis=0))
        # f in the deviation z = y - B x: grad_y f = c0 + G x + A_f z, and phi = mean phi_i + shift'x + x'bend x/2
        D = [self.B - a.B for a in agents]
        self.c0 = np.mean([a.c0 for a in agents], axis=0)
        self.G = np.mean([a.G + a.A_f @ d for a, d in zip(agents, D)], axis=0)
        self.shift = np.mean([d.T @ a.c0 for a, d in zip(agents, D)], axis=0)
        self.bend = np.mean([d.T @ a.G + a.G.T @ d + d.T @ a.A_f @ d for a, d in zip(agents, D)], axis=0)
        self.stacked = self.stack(range(len(agents)))

    def stack(self, which: Sequence[int]) -> Stacked:
        """The agents numbered ``which`` side by side."""
        return Stacked([self.agents[i] for i in which], f"{self.name} apart")

    def _mean(self, method: str, *points: Array) -> Array:
        found = [getattr(agent, method)(*points) for agent in self.agents]
        return sum(found[1:], found[0]) / len(self.agents)

    def _mean_pair(self, method: str, x: Array, y: Array) -> tuple[Array, Array]:
        found = [getattr(agent, method)(x, y) for agent in self.agents]
        u, v = (sum(part[1:], part[0]) for part in zip(*found))
        return u / len(self.agents), v / len(self.agents)

    def f(self, x: Array, y: Array) -> Array:
        return self._mean("f", x, y)

    def g(self, x: Array, y: Array) -> Array:
        return self._mean("g", x, y)

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        return self._mean_pair("grad_f", x, y)

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        return self._mean_pair("grad_g", x, y)

    def hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        return self._mean("hvp_g", x, y, v)

    def jvp_g(self, x: Array, y: Array, v: Array) -> Array:
        return self._mean("jvp_g", x, y, v)

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """y*_nu(x) = B x - nu (A_g + nu A_f)^{-1} (c0 + G x), the means of the agents in place of their own."""
        x = as_vectors("x", x, self.dim_x)
        xp = namespace(x)
        nu = scalars_like("nu", nu, x)
        c = like(self.c0, x) + apply(like(self.G, x), x)
        c = c + xp.zeros_like(nu)[..., None]
        hessian = like(self.A_g, x) + nu[..., None, None] * like(self.A_f, x)
        if not float(xp.min(xp.linalg.eigvalsh(hessian))) > 0:
            raise InputError("nu", nu, "g + nu f is not convex in y: use a smaller |nu|")
        hessian = xp.broadcast_to(hessian, (*c.shape, self.dim_y))
        return apply(like(self.B, x), x) - nu[..., None] * xp.linalg.solve(hessian, c[..., None])[..., 0]

    def value(self, x: Array) -> Array:
        x = as_vectors("x", x, self.dim_x)
        own = self._mean("value", x)
        return own + dot(like(self.shift, x), x) + 0.5 * dot(x, apply(like(self.bend, x), x))

    def hypergrad(self, x: Array) -> Array:
        x = as_vectors("x", x, self.dim_x)
        return self.average_of_hypergrads(x) + like(self.shift, x) + apply(like(self.bend, x), x)

    def average_of_hypergrads(self, x: Array) -> Array:
        """mean_i grad phi_i(x): what agents find that average their own hyper-gradients. It is NOT grad phi(x)."""
        return self._mean("hypergrad", x)

    def hyperhess(self, x: Array) -> Array:
        x = as_vectors("x", x, self.dim_x)
        return self._mean("hyperhess", x) + like(self.bend, x)

    def constants(self, p: int) -> Constants:
        """mu exact; L_q <= mean of the agents' (triangle inequality), on the smallest of their regions."""
        each = [agent.constants(p) for agent in self.agents]
        L = tuple(
            Constant(float(np.mean([c.L[q].value for c in each])), "enclosed", "mean of the agents' bounds")
            for q in range(len(each[0].L))
        )
        r_x, r_y = (min(agent.region[k] for agent in self.agents) for k in (0, 1))
        mu = Constant(self.mu / (1 + 1e-9), "enclosed", "lambda_min(mean A_g), rounded down")
        return Constants(int(p), mu, L, f"||x|| <= {r_x:g}, ||y|| <= {r_y:g}")

    def exact(self) -> ExactForm:
        """The means of the agents' rational forms; y* by rational elimination."""
        forms = [agent.exact() for agent in self.agents]
        x, y = forms[0].x, forms[0].y
        share = sp.Rational(1, len(forms))
        f, g = (share * sp.Add(*(getattr(form, level) for form in forms)) for level in "fg")
        matrix = lambda M: sp.Matrix(M.shape[0], M.shape[1], lambda i, j: rational(M[i, j]))  # noqa: E731
        A = sum((matrix(a.A_g) for a in self.agents), sp.zeros(self.dim_y))
        AB = sum((matrix(a.A_g) * matrix(a.B) for a in self.agents), sp.zeros(self.dim_y, self.dim_x))
        y_star = tuple(A.LUsolve(AB) * sp.Matrix(x))
        return ExactForm(x, y, f, g, y_star, f.subs(dict(zip(y, y_star)), simultaneous=True))


def heterogeneous_agents(
    m: int = 4, dim_x: int = 2, dim_y: int = 3, spread: float = 1.0, seed: int = 0, nonconvex: bool = False
) -> Agents:
    """m random agents with dyadic coefficients; ``spread`` scales how far their B_i lie apart (0: one common B).

    A_i has spectrum in [1, ~3], F_i = I plus a small indefinite part, so that phi is bounded below.
    """
    m, dim_x, dim_y = dimension("m", m), dimension("dim_x", dim_x), dimension("dim_y", dim_y)
    if not np.isfinite(spread) or spread < 0:
        raise InputError("spread", spread, "pass a finite number >= 0")
    rng = np.random.default_rng(seed)
    dyadic = lambda *shape: np.round(rng.uniform(-1, 1, shape) * 16) / 16  # noqa: E731
    common = dyadic(dim_y, dim_x)
    agents = []
    for i in range(m):
        R, S = dyadic(dim_y, dim_y), dyadic(dim_y, dim_y)
        phi = RationalWells((1.0,) * dim_x) if nonconvex else QuadraticHyper((1.0 + i / m,) * dim_x)
        A_g, A_f, B = np.eye(dim_y) + R @ R.T / 2, np.eye(dim_y) + (S + S.T) / 8, common + spread * dyadic(dim_y, dim_x)
        c0, G = dyadic(dim_y), dyadic(dim_y, dim_x) / 4
        agents.append(LinearQuadratic(A_g, A_f, B, c0, G, phi, name=f"agent {i}"))
    return Agents(agents, name=f"{m} agents")
