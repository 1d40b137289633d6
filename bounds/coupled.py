r"""The coupled amplified hard instance (p = 1): the chain's next link is hidden in the lower level.

Chain F_T, frontier theta, visible part A = F_T - theta (:mod:`bounds.chain`, :mod:`bounds.frontier`), rho and P
(:mod:`bounds.soft_projection`, R = 230 sqrt(T), lam = 1/4), q = U' rho(z), compact identity psi(v) = v (1 -
gamma_{1,2}(|v|)), d = (kappa + 1)/2, s = (kappa - 1)/2, y = (z, v) with v in R^2. In coordinates scaled by eta
(x, y, and f, g divided by eta^2; ||grad|| is divided by eta):

    g(x, y) = ||z||^2/(2 kappa) - <x, z> + d/(2 kappa) (v_1^2 + v_2^2) - (s/kappa) v_1 v_2 + B(z, v_1)
    B = eta^2 (d/2) (theta/s)^2 - eta (theta/s) psi(v_1)                    f = A(q(z)) + v_2/eta + P(z)
    y*(x): z* = kappa x, v* = eta theta (d/s, 1)                             phi(x) = F_T(q(kappa x)) + P(kappa x)

eta = 4 eps/kappa; target ||grad phi|| <= eps/eta = kappa/4. Oracle: B's gradient times xi/prob, everything else exact,
prob = min{1, C_var eta^4/(sigma^2 kappa^2)}. Smallness that the formulas need, enforced: (i) |theta| eta d/s <= 1, else
psi(v_1*) != v_1* and y* is another point; (ii) C_hess eta <= 1/2, which keeps g strongly convex with 1/(2 kappa).
The third derivatives of g are bounded and its fourth are of order 1/(kappa eta): in the class p = 1, not in p >= 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bounds import chain
from bounds.frontier import Frontier
from bounds.gates import Gate, GateKind
from bounds.masked_noise import Masked
from bounds.rotation import Identity, Rotation
from bounds.soft_projection import LIPSCHITZ, huber, huber_gradient, huber_product, project, project_product
from bounds.soft_projection import project_second as second
from synthetic.arrays import Array, as_vectors, dot, like, namespace, scalars_like, to_numpy
from synthetic.errors import InputError
from synthetic.newton import newton
from synthetic.problem import Constant, Constants

LAM, RADIUS, C_DELTA = 0.25, 230.0, 12.0


def smallness(kappa: float, gates: GateKind) -> dict[str, float]:
    """C_hess, C_var (at eta <= 1e-3) and the largest eta that (i) and (ii) allow; upper bounds, not sharp."""
    theta, grad, hess = Frontier(gates).bounds
    cut = Gate(1.0, 2.0, gates)
    psi0, psi1, psi2 = 2.0, 1 + 2 * cut.bound(1), 2 * cut.bound(1) + 2 * cut.bound(2)
    d, s = (kappa + 1) / 2, (kappa - 1) / 2
    eta = 1e-3
    hess = hess + grad * LIPSCHITZ / RADIUS
    # blocks zz, zv and vv of grad^2 B, divided by eta
    zz = eta * d / s**2 * (grad**2 + theta * hess) + psi0 / s * hess
    C_hess = kappa * (zz + psi1 / s * grad + theta * psi2 / s)
    C_var = kappa**2 * (((eta * d / s**2 * theta + psi0 / s) * grad) ** 2 + (theta * psi1 / s) ** 2)
    return {"C_hess": C_hess, "C_var": C_var, "eta": min(1e-3, s / (theta * d), 1 / (2 * C_hess))}


def hessian_probability(kappa: float, eta: float, sigma_H: float, gates: GateKind) -> float:
    """prob_H = min{1, (C_hess eta/(kappa sigma_H))^2}: grad^2_yy B, of norm C_hess eta/kappa at most, times xi/prob_H
    has a variance of at most sigma_H^2 for every unit vector."""
    if not sigma_H > 0:
        raise InputError("sigma_H", sigma_H, "pass a standard deviation > 0")
    return min(1.0, (smallness(kappa, gates)["C_hess"] * eta / (kappa * sigma_H)) ** 2)


class Coupled:
    """The instance of the module docstring. kappa >= 2, T links, eta > 0 (or use :func:`coupled` with eps, Delta).

    dim_x = d >= T (U = identity by default), dim_y = d + 2. ``enforce=False`` builds it outside its conditions, to show
    what breaks.
    """

    def __init__(
        self,
        kappa: float = 2.0,
        T: int = 10,
        eta: float = 5e-7,
        sigma: float = 0.0,
        *,
        gates: GateKind = "quintic",
        rotation: Rotation | None = None,
        enforce: bool = True,
        name: str = "coupled-chain",
    ) -> None:
        if not isinstance(kappa, int | float) or not 2 <= kappa < math.inf:
            raise InputError("kappa", kappa, "pass a finite number >= 2")
        if isinstance(T, bool) or not isinstance(T, int) or T < 1:
            raise InputError("T", T, "pass the number of links, an integer >= 1")
        for key, value, least in (("eta", eta, 0.0), ("sigma", sigma, -1e-300)):
            if not isinstance(value, int | float) or not least < value < math.inf:
                raise InputError(key, value, "pass a finite number > 0 (sigma >= 0)")
        self.limits = smallness(kappa, gates)
        if enforce and eta > self.limits["eta"]:
            fix = f"pass eta <= {self.limits['eta']:.3g}: |v1*| <= eta and C_hess eta <= 1/2 keep y*(x) the minimiser"
            raise InputError("eta", eta, fix)
        self.kappa, self.T, self.eta, self.sigma, self.name = float(kappa), T, float(eta), float(sigma), name
        self.d, self.s = (kappa + 1) / 2, (kappa - 1) / 2
        self.U: Rotation = Identity(T, T) if rotation is None else rotation
        if self.U.T != T:
            raise InputError("rotation", self.U.T, f"pass a rotation with T = {T} columns")
        self.dim_x, self.dim_y = self.U.d, self.U.d + 2
        self.R = RADIUS * math.sqrt(T)
        self.frontier, self.cut = Frontier(gates), Gate(1.0, 2.0, gates)
        spread = self.limits["C_var"] * self.eta**4 / self.kappa**2
        self.prob = 1.0 if sigma == 0 else min(1.0, spread / self.sigma**2)
        self.eps, self.target = self.kappa * self.eta / 4, self.kappa / 4
        self.Delta = 2 * C_DELTA * self.eta**2 * T

    @property
    def noise(self) -> Masked:
        """The oracle of the module docstring: variance at most sigma^2 in the unscaled problem."""
        return Masked(gamma=self.prob)

    # -- pieces ------------------------------------------------------------------------------------------------

    def _x(self, x: Array) -> Array:
        return as_vectors("x", x, self.dim_x)

    def _split(self, y: Array) -> tuple[Array, Array, Array]:
        """(z, v1, v2) with shapes (..., d), (...), (...)."""
        y = as_vectors("y", y, self.dim_y)
        return y[..., : self.dim_x], y[..., self.dim_x], y[..., self.dim_x + 1]

    def _join(self, z: Array, v1: Array, v2: Array) -> Array:
        xp = namespace(z)
        return xp.concat([z, v1[..., None], v2[..., None]], axis=-1)

    def _psi(self, v: Array, derivative: int = 0) -> Array:
        """psi(v) = v omega(v), omega = 1 - gamma_{1,2}(|v|)."""
        xp = namespace(v)
        size, sign = xp.abs(v), xp.where(v < 0, -xp.ones_like(v), xp.ones_like(v))
        omega, slope = 1 - self.cut(size), -self.cut(size, 1)
        if derivative == 0:
            return v * omega
        if derivative == 1:
            return omega + size * slope
        return sign * (2 * slope - size * self.cut(size, 2))

    def q(self, z: Array) -> Array:
        """The hidden coordinates U' rho(z), shape (..., T)."""
        return self.U.down(project(z, self.R))

    def _through(self, z: Array, gradient: Array) -> Array:
        """Gradient in z of a function of q."""
        return project_product(z, self.U.up(gradient), self.R)

    def _through_second(self, z: Array, p: Array, gradient: Array, product: Any) -> Array:
        """Hessian in z, times p, of a function of q with this gradient and Hessian-vector product."""
        inner = product(self.U.down(project_product(z, p, self.R)))
        return self._through(z, inner) + second(z, p, self.U.up(gradient), self.R)

    def progress(self, x: Array, alpha: float = 0.25) -> Array:
        """prog_alpha of q(kappa x), shape (...)."""
        return chain.progress(self.q(self.kappa * self._x(x)), alpha)

    # -- the bracket ------------------------------------------------------------------------------------------

    def _slopes(self, theta: Array, v1: Array) -> tuple[Array, Array]:
        """dB/dtheta and dB/dv1."""
        eta, d, s = self.eta, self.d, self.s
        return eta**2 * d * theta / s**2 - eta * self._psi(v1) / s, -eta * theta * self._psi(v1, 1) / s

    def masked_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The part of grad g that one sample shows with probability prob: grad B."""
        z, v1, _ = self._split(y)
        q = self.q(z)
        theta, inner = self.frontier.value_gradient(q)
        by_theta, by_v1 = self._slopes(theta, v1)
        part = by_theta[..., None] * self._through(z, inner)
        return 0.0 * self._x(x), self._join(part, by_v1, 0.0 * v1)

    # -- the protocol -----------------------------------------------------------------------------------------

    def f(self, x: Array, y: Array) -> Array:
        z, _, v2 = self._split(y)
        q = self.q(z)
        visible = chain.value(q) - self.frontier.value(q)
        return visible + v2 / self.eta + huber(z, self.R, LAM) + 0.0 * self._x(x)[..., 0]

    def g(self, x: Array, y: Array) -> Array:
        z, v1, v2 = self._split(y)
        theta = self.frontier.value(self.q(z)) / self.s
        k = self.kappa
        quadratic = dot(z, z) / (2 * k) - dot(self._x(x), z)
        quadratic = quadratic + self.d / (2 * k) * (v1**2 + v2**2) - self.s / k * v1 * v2
        return quadratic + self.eta**2 * self.d / 2 * theta**2 - self.eta * theta * self._psi(v1)

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        z, v1, _ = self._split(y)
        q = self.q(z)
        slope = self._through(z, chain.gradient(q) - self.frontier.gradient(q)) + huber_gradient(z, self.R, LAM)
        return 0.0 * self._x(x), self._join(slope, 0.0 * v1, 0.0 * v1 + 1 / self.eta)

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        x = self._x(x)
        z, v1, v2 = self._split(y)
        k, d, s = self.kappa, self.d, self.s
        plain = self._join(z / k - x, (d * v1 - s * v2) / k, (d * v2 - s * v1) / k)
        return -z + 0.0 * x, plain + self.masked_g(x, y)[1]

    def hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        p, p1, p2 = self._split(v)
        k, d, s = self.kappa, self.d, self.s
        return self._join(p / k, (d * p1 - s * p2) / k, (d * p2 - s * p1) / k) + self.masked_hvp_g(x, y, v)

    def masked_hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        """grad^2_yy B v: what a sample of a masked Hessian oracle shows with probability gamma_H."""
        z, v1, _ = self._split(y)
        p, p1, _ = self._split(v)
        d, s, eta = self.d, self.s, self.eta
        q = self.q(z)
        theta, inner = self.frontier.value_gradient(q)
        by_theta, _ = self._slopes(theta, v1)
        slope = self._through(z, inner)
        bent = self._through_second(z, p, inner, lambda w: self.frontier.product(q, w))
        moved = dot(slope, p)
        cross = -eta * self._psi(v1, 1) / s
        change = (eta**2 * d / s**2 * moved + cross * p1)[..., None]
        first = change * slope + by_theta[..., None] * bent + 0.0 * self._x(x)
        second_ = cross * moved - eta * theta / s * self._psi(v1, 2) * p1
        return self._join(first, second_, 0.0 * (v1 + p1))

    def jvp_g(self, x: Array, y: Array, v: Array) -> Array:
        return -self._split(v)[0] + 0.0 * self._x(x)

    def _hvp_f(self, y: Array, v: Array) -> Array:
        """grad^2_yy f v."""
        z, v1, _ = self._split(y)
        p, p1, _ = self._split(v)
        q = self.q(z)
        slope = chain.gradient(q) - self.frontier.gradient(q)
        bent = self._through_second(z, p, slope, lambda w: chain.product(q, w) - self.frontier.product(q, w))
        still = 0.0 * (v1 + p1)
        return self._join(bent + huber_product(z, p, self.R, LAM), still, still)

    def hess_g(self, x: Array, y: Array) -> Array:
        """grad^2_yy g, shape (..., dim_y, dim_y)."""
        x, y = self._x(x), as_vectors("y", y, self.dim_y)
        return self.hvp_g(x[..., None, :], y[..., None, :], like(np.eye(self.dim_y), y))

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """The closed form at nu = 0, Newton from there else."""
        x = self._x(x)
        z = self.kappa * x
        v2 = self.eta * self.frontier.value(self.q(z))
        start = self._join(z, v2 * self.d / self.s, v2)
        if isinstance(nu, int | float) and nu == 0:
            return start
        weight = scalars_like("nu", nu, x)[..., None]
        eye = like(np.eye(self.dim_y), x)
        start = start + 0.0 * weight

        def residual(y: Array) -> Array:
            return self.grad_g(x, y)[1] + weight * self.grad_f(x, y)[1]

        def jacobian(y: Array) -> Array:
            wide = y[..., None, :]
            return self.hvp_g(x[..., None, :], wide, eye) + weight[..., None] * self._hvp_f(wide, eye)

        found, done = newton(residual, jacobian, start)
        if not bool(namespace(x).all(done)):
            raise InputError("nu", to_numpy(weight).ravel()[:4].tolist(), "Newton did not settle: use a smaller |nu|")
        return found

    def value(self, x: Array) -> Array:
        z = self.kappa * self._x(x)
        return chain.value(self.q(z)) + huber(z, self.R, LAM)

    def hypergrad(self, x: Array) -> Array:
        z = self.kappa * self._x(x)
        return self.kappa * (self._through(z, chain.gradient(self.q(z))) + huber_gradient(z, self.R, LAM))

    def hyperhess(self, x: Array) -> Array:
        z = self.kappa * self._x(x)[..., None, :]
        p, q = like(np.eye(self.dim_x), z), self.q(z)
        bent = self._through_second(z, p, chain.gradient(q), lambda w: chain.product(q, w))
        return self.kappa**2 * (bent + huber_product(z, p, self.R, LAM))

    def constants(self, p: int) -> Constants:
        """mu, L_0, L_1, L_2 of the scaled problem, upper bounds; L_2 of grad^2_yy g (:meth:`third_bound`)."""
        if p != 1:
            raise InputError("p", p, "pass 1: fourth derivatives of g grow like 1/(kappa eta), so p >= 2 is left")
        _, grad, hess = self.frontier.bounds
        lower = Constant(1 / (2 * self.kappa), "enclosed", "C_hess eta <= 1/2")
        size = math.sqrt(self.T) * 21.4 + grad + LAM * self.R
        L_0 = Constant(math.hypot(size, 1 / self.eta), "enclosed", "||grad_y f||, dominated by v_2/eta")
        bend = 138.9 + hess + (21.4 * math.sqrt(self.T) + grad) * LIPSCHITZ / self.R + LAM
        L_1 = Constant(max(bend, 2 + 1 / (2 * self.kappa)), "enclosed", "the frontier gates of f dominate")
        how: Any = "enclosed" if self.frontier.gates == "quintic" else "sampled"  # smooth gates: suprema off a grid
        L_2 = Constant(self.third_bound(), how, "of grad^2_yy g, in coordinates scaled by eta; upper bound")
        return Constants(1, lower, (L_0, L_1, L_2), "everywhere")

    def third_bound(self) -> float:
        """sup ||D^3_y g|| <= this: the blocks zzz, zzv, zvv and vvv of D^3 B, each tensor's norm, added up.

        In the unscaled problem it is divided by eta, which leaves a number that does not depend on eta.
        """
        theta, grad, hess = self.frontier.bounds
        third = self.frontier.third_bound
        r2, r3 = LIPSCHITZ / self.R, 3 / self.R**2  # of rho, a gradient: norms are attained on the diagonal
        hess, third = hess + grad * r2, third + 3 * hess * r2 + grad * r3
        cut = [0.0] + [self.cut.bound(k) for k in (1, 2, 3)]
        psi = (2.0, 1 + 2 * cut[1], 2 * cut[1] + 2 * cut[2], 3 * cut[2] + 2 * cut[3])
        square = self.eta**2 * self.d / self.s**2 * (3 * grad * hess + theta * third)
        mixed = psi[0] * third + 3 * psi[1] * hess + 3 * psi[2] * grad + psi[3] * theta
        return square + self.eta / self.s * mixed

    def third_derivative(self, samples: int = 400, seed: int = 0) -> float:
        """max |D^3_y g| along random unit directions at points where a frontier gate is in transition."""
        rng = np.random.Generator(np.random.Philox(seed))
        z = np.zeros((samples, self.T))
        front = rng.integers(0, self.T, size=samples)
        z[np.arange(self.T) < front[:, None]] = 2.0
        z[np.arange(samples), front] = rng.uniform(0.25, 0.5, samples)
        v = rng.uniform(-2, 2, size=(samples, 2))
        y = np.concatenate([self.U.up(z), v], axis=-1)
        p = rng.normal(size=y.shape) * (np.arange(self.dim_y) < self.dim_x) + 0.3 * rng.normal(size=y.shape)
        p[np.arange(samples), front] += 10.0 if self.U.d == self.T else 0.0
        p /= np.linalg.norm(p, axis=-1, keepdims=True)
        h, x = 1e-4, np.zeros((samples, self.dim_x))
        change = (self.hvp_g(x, y + h * p, p) - self.hvp_g(x, y - h * p, p)) / (2 * h)
        return float(np.max(np.linalg.norm(change, axis=-1)))

    def exact(self) -> None:
        """None: Phi is an error function."""


def coupled(kappa: float, eps: float, Delta: float, sigma: float, *, gates: GateKind = "quintic") -> Coupled:
    """The instance for a class: eta = 4 eps/kappa, T = floor(Delta/(24 eta^2))."""
    eta = 4 * eps / kappa
    T = int(Delta / (2 * C_DELTA * eta**2) * (1 + 1e-12))
    if T < 1:
        raise InputError("Delta", Delta, f"pass Delta >= {2 * C_DELTA * eta**2:.3g} (one link)")
    return Coupled(kappa, T, eta, sigma, gates=gates)


def coupled_of_length(kappa: float, T: int, prob: float, *, gates: GateKind = "quintic") -> Coupled:
    """The instance with the largest eta that is allowed, and sigma chosen so that the hit probability is ``prob``."""
    limits = smallness(kappa, gates)
    sigma = 0.0 if prob == 1 else math.sqrt(limits["C_var"] / prob) * limits["eta"] ** 2 / kappa
    return Coupled(kappa, T, limits["eta"], sigma, gates=gates)
