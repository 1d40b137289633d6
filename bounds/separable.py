r"""The separable hard instance of paper 000, Eqs. (19)-(20), corrected, as a bilevel problem.

    f(x, y) = (L_1 beta^2/L_bar) [ F_T(U' rho(x/beta)) + (lambda/2) ||x/beta||^2 ],   g(x, y) = mu y^2/2,   y*(x) = 0
    beta = 4 L_bar eps/L_1,  lambda = 1/5,  R = 230 sqrt(T),  T = floor(Delta L_1/(16 L_bar Delta_0 eps^2))
    F_x = grad f + (xi/gamma - 1)(part of grad f from the chain's coordinates beyond prog_{1/4}),  G exact

phi = f. ||grad phi|| >= 4 eps 0.63 while prog_1(U' rho(x/beta)) < T. A zero-respecting method meets, with probability
1 - delta and for all t at once, prog_0(t) <= (e - 1) gamma t + log(1/delta).
``constants="printed"``: L_bar = 155, Delta_0 = 12, gamma = min{1, (46 eps/sigma)^2}; "proved": the enclosed ones of
:mod:`bounds.chain_constants` and the sharp gamma = v/(v + sigma^2), v = (4 eps)^2 e^3: a longer chain, rarer hits.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from bounds import chain
from bounds.masked_noise import Masked
from bounds.rotation import Identity, Rotation
from bounds.soft_projection import project, project_product, project_second
from synthetic.arrays import Array, as_vectors, dot, like, namespace, scalars_like
from synthetic.errors import InputError
from synthetic.problem import Constant, Constants

RIDGE = 0.2
RADIUS = 230.0
NUMBERS = {"printed": (155.0, 12.0), "proved": (139.12, 11.234)}
"""(L_bar, Delta_0); the second pair lies above the enclosures of bounds.chain_constants (a test holds it to that)."""
MASKED_SQUARE = math.e**3
"""The masked oracle's largest squared error is e^3 (1 - gamma)/gamma in units of the chain."""


class Separable:
    """The instance of the module docstring for a class (Delta, L_1, mu), noise sigma and target eps; p is free.

    ``rotation``: U, the identity of order T by default. ``progress(x, alpha)`` and ``noise`` go with it.
    """

    def __init__(
        self,
        Delta: float = 1.0,
        L_1: float = 1.0,
        sigma: float = 1.0,
        eps: float = 1e-3,
        mu: float = 1.0,
        *,
        constants: Literal["printed", "proved"] = "printed",
        rotation: Rotation | None = None,
        name: str = "separable-chain",
    ) -> None:
        for key, value in (("Delta", Delta), ("L_1", L_1), ("eps", eps), ("mu", mu)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InputError(key, value, "pass a finite number > 0")
        if not isinstance(sigma, int | float) or not 0 <= sigma < math.inf:
            raise InputError("sigma", sigma, "pass a finite number >= 0")
        if mu > L_1:
            raise InputError("mu", mu, f"pass mu <= L_1 = {L_1} (paper 000, Definition 2.2)")
        if constants not in NUMBERS:
            raise InputError("constants", constants, f"choose one of {', '.join(NUMBERS)}")
        self.Delta, self.L_1, self.sigma, self.eps, self.mu = map(float, (Delta, L_1, sigma, eps, mu))
        self.L_bar, self.Delta_0 = NUMBERS[constants]
        self.name, self.kind = name, constants
        self.T = length(Delta, L_1, eps, self.L_bar, self.Delta_0)
        if self.T < 1:
            most = math.sqrt(Delta * L_1 / (16 * self.L_bar * self.Delta_0))
            raise InputError("eps", eps, f"the chain has no link: pass eps <= {most:.4g} (c sqrt(Delta L_1))")
        self.U: Rotation = Identity(self.T, self.T) if rotation is None else rotation
        if self.U.T != self.T:
            raise InputError("rotation", self.U.T, f"pass a rotation with T = {self.T} columns")
        self.dim_x, self.dim_y = self.U.d, 1
        self.beta = 4 * self.L_bar * self.eps / self.L_1
        self.scale = self.L_1 / self.L_bar
        self.R = RADIUS * math.sqrt(self.T)
        self.gamma = hit_probability(self.eps, self.sigma, constants)

    @property
    def noise(self) -> Masked:
        """The oracle of Eq. (20): variance at most sigma^2."""
        return Masked(gamma=self.gamma)

    def calls_bound(self, delta: float = 0.5) -> float:
        """No zero-respecting method completes the chain in fewer calls with probability above delta."""
        return max(0.0, (self.T - math.log(1 / delta)) / ((math.e - 1) * self.gamma))

    # -- the chain's coordinates ----------------------------------------------------------------------------

    def _u(self, x: Array) -> Array:
        return as_vectors("x", x, self.dim_x) / self.beta

    def coordinates(self, x: Array) -> Array:
        """z = U' rho(x/beta), shape (..., T)."""
        return self.U.down(project(self._u(x), self.R))

    def progress(self, x: Array, alpha: float = 0.25) -> Array:
        """prog_alpha of the coordinates, shape (...)."""
        return chain.progress(self.coordinates(x), alpha)

    def _pull(self, u: Array, g: Array) -> Array:
        """J(u)' U g, shape (..., d)."""
        return project_product(u, self.U.up(g), self.R)

    def masked_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The part of grad f that one sample shows with probability gamma."""
        u = self._u(x)
        z = self.U.down(project(u, self.R))
        xp = namespace(z)
        late = like(np.arange(1.0, self.T + 1), z) > xp.astype(chain.progress(z, 0.25), z.dtype)[..., None]
        g = xp.where(late, chain.gradient(z), xp.zeros_like(z))
        return self.scale * self.beta * self._pull(u, g), y * 0.0

    # -- the protocol -----------------------------------------------------------------------------------------

    def value(self, x: Array) -> Array:
        u = self._u(x)
        inner = chain.value(self.U.down(project(u, self.R))) + (RIDGE / 2) * dot(u, u)
        return self.scale * self.beta**2 * inner

    def hypergrad(self, x: Array) -> Array:
        u = self._u(x)
        g = chain.gradient(self.U.down(project(u, self.R)))
        return self.scale * self.beta * (self._pull(u, g) + RIDGE * u)

    def hyperproduct(self, x: Array, p: Array) -> Array:
        """grad^2 phi(x) p, shape (..., d)."""
        u, p = self._u(x), as_vectors("p", p, self.dim_x)
        z = self.U.down(project(u, self.R))
        inner = chain.product(z, self.U.down(project_product(u, p, self.R)))
        curved = project_second(u, p, self.U.up(chain.gradient(z)), self.R)
        return self.scale * (self._pull(u, inner) + curved + RIDGE * p)

    def hyperhess(self, x: Array) -> Array:
        x = as_vectors("x", x, self.dim_x)
        return self.hyperproduct(x[..., None, :], like(np.eye(self.dim_x), x))

    def _y(self, y: Array) -> Array:
        return as_vectors("y", y, 1)

    def f(self, x: Array, y: Array) -> Array:
        return self.value(x) + 0.0 * self._y(y)[..., 0]

    def g(self, x: Array, y: Array) -> Array:
        y = self._y(y)
        return 0.5 * self.mu * y[..., 0] ** 2 + 0.0 * as_vectors("x", x, self.dim_x)[..., 0]

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        y = self._y(y)
        return self.hypergrad(x) + 0.0 * y, 0.0 * y + 0.0 * as_vectors("x", x, self.dim_x)[..., :1]

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        x, y = as_vectors("x", x, self.dim_x), self._y(y)
        return 0.0 * x + 0.0 * y, self.mu * y + 0.0 * x[..., :1]

    def hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        return self.mu * as_vectors("v", v, 1) + 0.0 * self._y(y)

    def jvp_g(self, x: Array, y: Array, v: Array) -> Array:
        return 0.0 * as_vectors("x", x, self.dim_x) + 0.0 * as_vectors("v", v, 1)

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """0 for every nu: f does not depend on y."""
        x = as_vectors("x", x, self.dim_x)
        return 0.0 * x[..., :1] + 0.0 * scalars_like("nu", nu, x)[..., None]

    def constants(self, p: int) -> Constants:
        """mu and L_1 of Definition 2.2; every other constant is 0, so any L_q > 0 may be claimed."""
        if isinstance(p, bool) or not isinstance(p, int) or p < 1:
            raise InputError("p", p, "pass the order of smoothness, an integer >= 1")
        zero = Constant(0.0, "exact", "f does not depend on y, g is quadratic: any L_q > 0 may be claimed")
        smooth = Constant(self.L_1, "enclosed", f"L_bar = {self.L_bar} bounds the chain (bounds.chain_constants)")
        rest = (zero,) * p
        return Constants(p, Constant(self.mu, "exact"), (zero, smooth, *rest), "everywhere")

    def exact(self) -> None:
        """None: Phi is an error function."""


def length(Delta: float, L_1: float, eps: float, L_bar: float, Delta_0: float) -> int:
    """T = floor(Delta L_1/(16 L_bar Delta_0 eps^2))."""
    return int(Delta * L_1 / (16 * L_bar * Delta_0 * eps**2) * (1 + 1e-12))


def hit_probability(eps: float, sigma: float, kind: str) -> float:
    """gamma, the largest hit probability for which the variance is sigma^2 (proved), or the printed one."""
    if sigma == 0:
        return 1.0
    if kind == "printed":
        return min(1.0, (46 * eps / sigma) ** 2)
    spread = (4 * eps) ** 2 * MASKED_SQUARE
    return spread / (spread + sigma**2)


def instance_of_length(T: int, gamma: float, *, mu: float = 1.0, rotation: Rotation | None = None) -> Separable:
    """The printed instance, Delta = L_1 = 1, of chosen T and gamma: eps = (29760 T)^-1/2, sigma = 46 eps gamma^-1/2."""
    eps = math.sqrt(1 / (16 * 155 * 12 * T))
    sigma = 0.0 if gamma == 1 else 46 * eps / math.sqrt(gamma)
    return Separable(1.0, 1.0, sigma, eps, mu, rotation=rotation)
