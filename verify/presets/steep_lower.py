"""A lower level on which F2BA pays kappa^4: grad^2 g Lipschitz and no more, read where it is steepest.

    g(x, y) = Gamma(u) + b v^2/2 - x_0 (u + v),   f(x, y) = arctan v - arctan u + (r/2) x_1^2,   y = (u, v),  x in R^2
    clipped:    Gamma'' = clip(2 mu + u, mu, 1)                            b = Gamma''(0) = 2 mu
    trig:       Gamma'' = mu + 1 - cos(u + theta), tan(theta/2)^2 = mu     b about 3 mu
    quadratic:  Gamma'' = 2 mu

phi'(0) = 0 in x_0, for the two branches cancel, and no tilt of order kappa is needed: f is Lipschitz. phi''(0) =
Gamma'''(0)/b^3: of order kappa^3 (clipped; the power of Lemma 4.1 (c) of paper 001), kappa^{5/2} (trig, where all
derivatives are bounded) and 0 (quadratic). The ramp r = 2 eps^2/Delta in x_1 from x_1 = Delta/eps asks for
log(2) Delta/(2 eps^2 eta) steps of gradient descent, so that the step 1/L makes T ~ L Delta/eps^2.

Class (Assumption 3.1 of paper 001): mu; C_f = sqrt(3) (gradient sqrt(2) in y, at most 2 eps <= 1 in x_1); L_f = 1; L_g
= the largest eigenvalue of the Hessian of g with Gamma'' and b at their bounds; rho_g = sup |Gamma'''| <= 1 (0 for
quadratic). kappa = L_g/mu.

:func:`descend` runs F2BA literally, call by call, in compiled code. An inner step that
changes no bit of its loop's state changes none ever after, and outer steps whose x_0, y and z are bit for bit those of
an earlier step run in a cycle, in which x_1 alone goes on: such steps are counted and not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np

from bounds.f2ba_schedule import SmoothClass
from solvers.compiled import njit
from solvers.f2ba import F2BA
from synthetic.arrays import Array
from synthetic.errors import InputError

Family = Literal["clipped", "trig", "quadratic"]
FAMILIES: tuple[Family, ...] = ("clipped", "trig", "quadratic")
TOP = {"clipped": 1.0, "trig": 2.5, "quadratic": 1.0}
"""sup Gamma'' for mu <= 1/2 (and b below it)."""


@njit(cache=True)
def _slope(u: float, mu: float, theta: float, family: int) -> float:
    """Gamma'(u)."""
    if family == 2:
        return 2.0 * mu * u
    if family == 1:  # without the cancellation of sines: mu u + (u - 2 sin(u/2)) + 4 sin(u/2) sin(theta/2 + u/4)^2
        half = np.sin(u / 2.0)
        gap = u**3 / 24 * (1 - u * u / 80 * (1 - u * u / 168)) if abs(u) < 0.1 else u - 2.0 * half
        return mu * u + gap + 4.0 * half * np.sin(theta / 2.0 + u / 4.0) ** 2
    low, high = -mu, 1.0 - 2.0 * mu
    if u < low:
        return 2.0 * mu * low + low * low / 2.0 + mu * (u - low)
    if u > high:
        return 2.0 * mu * high + high * high / 2.0 + (u - high)
    return (2.0 * mu + u / 2.0) * u


@njit(cache=True)
def _curvature(u: float, mu: float, theta: float, family: int) -> float:
    """Gamma''(u)."""
    if family == 2:
        return 2.0 * mu
    if family == 1:
        return mu + 1.0 - np.cos(u + theta)
    return min(max(2.0 * mu + u, mu), 1.0)


@njit(cache=True)
def _root(x: float, mu: float, theta: float, family: int, bend: float, start: float) -> float:
    """u with Gamma'(u) - bend/(1 + u^2) = x: Newton's method, bisecting where it would leave the bracket."""
    reach = (abs(x) + bend) / mu + 1e-300
    low, high, u = -reach, reach, min(max(start, -reach), reach)
    for _ in range(200):
        gap = _slope(u, mu, theta, family) - bend / (1.0 + u * u) - x
        if gap > 0:
            high = u
        else:
            low = u
        new = u - gap / (_curvature(u, mu, theta, family) + 2.0 * bend * u / (1.0 + u * u) ** 2)
        if not low <= new <= high:
            new = (low + high) / 2
        if abs(new - u) <= 4e-16 * abs(u):
            return new
        u = new
    return u


@njit(cache=True)
def _descend(
    mu: float, theta: float, family: int, b: float, ramp: float, lam: float, eta: float, tau: float, alpha: float,
    beta_y: float, beta_z: float, K_0: int, K: int, T_max: int, eps: float, x0: float, x1: float,
) -> tuple[int, int, float, float]:  # fmt: skip
    """(first T with ||grad phi(x_T)|| <= eps or -1, calls up to there, x_T); y_0 = z_0 = 0."""
    yu = yv = zu = zv = 0.0
    calls, t, root, seen, renewal = 0, 0, 0.0, np.nan, 1
    kept = (np.nan, 0.0, 0.0, 0.0, 0.0)
    while True:
        if x0 != seen:
            root, seen = _root(x0, mu, theta, family, 0.0, root), x0
        slope_v, slope_u = 1.0 / (1.0 + (x0 / b) ** 2) / b, 1.0 / (1.0 + root * root)
        first = slope_v - slope_u / _curvature(root, mu, theta, family)
        if np.hypot(first, ramp * x1) <= eps:
            return t, calls, x0, x1
        if t == T_max:
            return -1, calls, x0, x1
        steps = K_0 if t == 0 else K
        pu, pv, still = zu, zv, False  # the extrapolated points; without momentum they are the iterates
        for _ in range(steps):
            new_u = pu - alpha * (_slope(pu, mu, theta, family) - x0)
            new_v = pv - alpha * (b * pv - x0)
            next_u, next_v = new_u + beta_z * (new_u - zu), new_v + beta_z * (new_v - zv)
            still = next_u == pu and next_v == pv and new_u == zu and new_v == zv
            zu, zv, pu, pv = new_u, new_v, next_u, next_v
            if still:
                break
        pu, pv = yu, yv
        for _ in range(steps):
            new_u = pu - tau * (-1.0 / (1.0 + pu * pu) + lam * (_slope(pu, mu, theta, family) - x0))
            new_v = pv - tau * (1.0 / (1.0 + pv * pv) + lam * (b * pv - x0))
            next_u, next_v = new_u + beta_y * (new_u - yu), new_v + beta_y * (new_v - yv)
            still = next_u == pu and next_v == pv and new_u == yu and new_v == yv
            yu, yv, pu, pv = new_u, new_v, next_u, next_v
            if still:
                break
        calls += 2 * steps + 2
        x0 = x0 - eta * (lam * ((zu + zv) - (yu + yv)))
        x1 = x1 - eta * (ramp * x1)
        t += 1
        if x0 == kept[0] and yu == kept[1] and yv == kept[2] and zu == kept[3] and zv == kept[4]:
            bound = np.sqrt(max(eps * eps - first * first, 0.0)) * (1 + 1e-9)  # where the norm is looked at again
            while ramp * x1 > bound and t < T_max:
                x1 = x1 - eta * (ramp * x1)
                t += 1
                calls += 2 * K + 2
        elif t >= renewal:  # Brent: a state kept for 2^j steps is met again as soon as the cycle is no longer than that
            kept, renewal = (x0, yu, yv, zu, zv), 2 * renewal


def _each(function: Any, values: Array, *rest: Any) -> Array:
    """A compiled scalar function on every entry."""
    return np.array([function(float(v), *rest) for v in np.ravel(values)]).reshape(np.shape(values))


@dataclass(frozen=True)
class SteepLower:
    """The instance of the module docstring; ``ramp`` is r. A BilevelProblem in NumPy (no constants, no exact form)."""

    mu: float
    family: Family = "clipped"
    ramp: float = 0.0

    dim_x = 2
    dim_y = 2

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError("family", self.family, f"pass one of {', '.join(FAMILIES)}")
        if not 0 < self.mu < 0.5:
            raise InputError("mu", self.mu, "pass 0 < mu < 1/2")
        if not 0 <= self.ramp <= 1:
            raise InputError("ramp", self.ramp, "pass a curvature between 0 and 1")

    @classmethod
    def at(cls, kappa: float, family: Family, ramp: float = 0.0) -> SteepLower:
        """The instance with condition number ``kappa``."""
        return cls(largest(family) / kappa, family, ramp)

    @property
    def name(self) -> str:
        return f"steep lower level, {self.family}, mu {self.mu:g}"

    @property
    def key(self) -> tuple[float, float, int]:
        """What the compiled functions are told: mu, theta, the family's number."""
        return self.mu, 2 * float(np.arctan(sqrt(self.mu))), FAMILIES.index(self.family)

    @property
    def b(self) -> float:
        return float(_curvature(0.0, *self.key))

    @property
    def smooth_class(self) -> SmoothClass:
        """Assumption 3.1 with the constants of the module docstring."""
        rho = 0.0 if self.family == "quadratic" else 1.0
        return SmoothClass(self.mu, sqrt(3), 1.0, largest(self.family), rho)

    @property
    def L_phi(self) -> float:
        """A bound of |phi''| in x_0: |phi''| <= |Gamma'''|/Gamma''^3 + |arctan''| (1/Gamma''^2 + 1/b^2).

        clipped: with Gamma'' = 2 mu + u, |arctan''(u)| <= 2 |u| and the supremum over u in [-mu, 1 - 2 mu]; trig: the
        maximum over a grid of u that resolves theta/1000, enlarged by 1%. quadratic: 1, for phi'' = 0 in x_0.
        """
        if self.family == "quadratic":
            return 1.0
        mu, theta, _ = self.key
        near = np.linspace(-mu, 1 - 2 * mu, 200_001)
        if self.family == "trig":
            near = np.concatenate([np.arange(-40, 40, 1e-3) * theta, np.linspace(-np.pi, np.pi, 20_001)])
        curved = np.clip(2 * mu + near, mu, 1) if self.family == "clipped" else mu + 1 - np.cos(near + theta)
        third = np.abs(np.sin(near + theta)) if self.family == "trig" else 1.0
        push = 2 * np.abs(near) / (1 + near**2) ** 2
        # |arctan''| is at most 2 |v| / (1 + v^2)^2 <= 0.65 for the branch v, which is not near 0 where u is
        return 1.01 * float(np.max(third / curved**3 / (1 + near**2) + push / curved**2)) + 0.65 / self.b**2

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        first = np.stack([0.0 * x[..., 0], self.ramp * x[..., 1]], axis=-1)
        return first, np.stack([-1 / (1 + y[..., 0] ** 2), 1 / (1 + y[..., 1] ** 2)], axis=-1)

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        u, v = y[..., 0], y[..., 1]
        bent = _each(_slope, u, *self.key)
        first = np.stack([-(u + v), 0.0 * u], axis=-1)
        return first, np.stack([bent - x[..., 0], self.b * v - x[..., 0]], axis=-1)

    def f(self, x: Array, y: Array) -> Array:
        return np.arctan(y[..., 1]) - np.arctan(y[..., 0]) + self.ramp / 2 * x[..., 1] ** 2

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """argmin_y nu f + g, for a scalar nu."""
        bent = _each(_root, x[..., 0], *self.key, float(nu), 0.0)
        return np.stack([bent, _each(_root, x[..., 0], self.b / 2, 0.0, 2, -float(nu), 0.0)], axis=-1)

    def value(self, x: Array) -> Array:
        return self.f(x, self.y_star(x))

    def hypergrad(self, x: Array) -> Array:
        u = self.y_star(x)[..., 0]
        curved = _each(_curvature, u, *self.key)
        first = 1 / (1 + (x[..., 0] / self.b) ** 2) / self.b - 1 / (1 + u**2) / curved
        return np.stack([first, self.ramp * x[..., 1]], axis=-1)


def largest(family: Family) -> float:
    """L_g: the top eigenvalue of [[0, -1, -1], [-1, c, 0], [-1, 0, c]] with c = sup Gamma''."""
    c = TOP[family]
    return (c + sqrt(c * c + 8)) / 2


@dataclass(frozen=True)
class Found:
    """First T with ||grad phi(x_T)|| <= eps (None: not within the solver's T), the calls up to there, and x_T."""

    T: int | None
    calls: int
    x: np.ndarray


def descend(problem: SteepLower, solver: F2BA, x0: Any, eps: float) -> Found:
    """F2BA from x0 and y_0 = 0, every call made and counted, until exact ||grad phi|| <= eps."""
    s = solver
    T, calls, a, b = _descend(
        *problem.key, problem.b, problem.ramp, float(s.lam), float(s.eta), float(s.tau), float(s.alpha),
        float(s.beta_y), float(s.beta_z), s.K_0, s.K, s.T, float(eps), float(x0[0]), float(x0[1]),
    )  # fmt: skip
    return Found(None if T < 0 else int(T), int(calls), np.array([a, b]))
