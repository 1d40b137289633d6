"""Lower levels with a third derivative, near the point where they are hardest, x = 0.

    g(x, y) = Gamma(y) - x y,  Gamma'(0) = 0,      f(x, y) = -sin y + tilt x,  tilt such that phi'(0) = 0
    trig:     Gamma'' = mu + 1 - cos(y + theta),   tan(theta/2)^2 = mu,        kappa = (3 + mu)/mu
    clipped:  Gamma'' = clip(2 mu + y, mu, 1),     for p = 1 only,             kappa = 2/mu

trig: every derivative of f and g is bounded by 3 + mu, so mu -> 0 inside the class of paper 000 for every p. At
y*(0) = 0 the curvature is about 3 mu and Gamma''' = sin theta ~ 2 sqrt(mu): phi''(0) = Gamma'''/Gamma''^3 ~
kappa^{5/2} and psi^(p+1)(0) ~ kappa^{3p/2+1} (claims f2sa_p:kappa-exponent and kappa-exponent-phi). clipped: no fourth
derivative, as the class of p = 1 allows; phi''(0) and psi''(0) are of order kappa^3, the powers of the theorem. The
ramp lies in a second coordinate of x without a lower level, so T is bound by the step that phi''(0) allows.

Bias: exact, y_{j nu} solved to round-off. Noise: node j's loop is linearised at y_{j nu}, with its exact curvature
H_j = Gamma'' + j nu F'' there; this is an approximation (:meth:`Local.nonlinear` says by how much), the better the
larger kappa is: the loop's spread is of order nu eps, over which the curvature hardly changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from bounds.stencil import stencil
from solvers.moments_kernel import RUNGS, first_below, newton_basis
from synthetic.errors import InputError
from verify.presets.descent import descend

Family = Literal["trig", "clipped"]


def curvature(y: np.ndarray, mu: float, family: Family = "trig") -> np.ndarray:
    """Gamma''(y) = mu + 2 sin^2((y + theta)/2), or clip(2 mu + y, mu, 1)."""
    if family == "clipped":
        return np.clip(2 * mu + y, mu, 1.0)
    return mu + 2 * np.sin(y / 2 + np.arctan(sqrt(mu))) ** 2


def slope(y: np.ndarray, mu: float, family: Family = "trig") -> np.ndarray:
    """Gamma'(y), without the cancellation of sines and, for the clipped family, on its ramp -mu <= y <= 1 - 2 mu."""
    if family == "clipped":
        return 2 * mu * y + y**2 / 2
    theta = 2 * np.arctan(sqrt(mu))
    series = y**3 / 24 * (1 - y**2 / 80 * (1 - y**2 / 168))
    gap = np.where(np.abs(y) < 0.1, series, y - 2 * np.sin(y / 2))  # y - 2 sin(y/2)
    return mu * y + gap + 4 * np.sin(y / 2) * np.sin(theta / 2 + y / 4) ** 2


def minimiser(nu: np.ndarray, mu: float, family: Family = "trig") -> np.ndarray:
    """y_nu: Gamma'(y) = nu cos y, by Newton from y = 0."""
    y, reach = np.zeros_like(nu), 0.25 * (sqrt(mu) if family == "trig" else mu)
    for _ in range(400):
        step = (slope(y, mu, family) - nu * np.cos(y)) / (curvature(y, mu, family) + nu * np.sin(y))
        y = y - np.clip(step, -reach, reach)  # a longer step may leave the branch that starts at y_0 = 0
        if np.all(np.abs(step) <= 4e-16 * np.abs(y)):
            break
    return y


@dataclass(frozen=True)
class Local:
    """The linearised problem for one p, mu, eps. sigma: standard deviation of F's and of G's gradient noise."""

    p: int
    mu: float
    eps: float
    family: Family = "trig"
    sigma: float = 1.0
    Delta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.mu < 0.5:
            raise InputError("mu", self.mu, "pass 0 < mu < 1/2")
        if self.family == "clipped" and self.p != 1:
            raise InputError("p", self.p, "the clipped family is in the class for p = 1 only")

    @property
    def kappa(self) -> float:
        """L_1/mu with L_1 = sup Gamma'' + 1, the largest of the class constants."""
        return (3 + self.mu if self.family == "trig" else 2.0) / self.mu

    @property
    def bottom(self) -> float:
        """Gamma''(0)."""
        return float(curvature(np.zeros(1), self.mu, self.family)[0])

    @property
    def L_phi(self) -> float:
        """phi''(0) = Gamma'''(0)/Gamma''(0)^3; Gamma'''(0) = sin theta = 2 sqrt(mu)/(1 + mu), or 1."""
        third = 2 * sqrt(self.mu) / (1 + self.mu) if self.family == "trig" else 1.0
        return third / self.bottom**3

    @property
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights of the paper's stencil, those of weight 0 left out."""
        active = stencil(self.p).active
        return np.array(active[0], dtype=float), np.array(active[1], dtype=float)

    def bias(self, nu: float) -> float:
        """Phi - phi'(0) at x = 0 with every lower level solved: -(1/nu) sum_j alpha_j y_{j nu} + y'(0)."""
        j, alpha = self.nodes
        return float(1 / self.bottom - np.sum(alpha * minimiser(j * nu, self.mu, self.family)) / nu)

    def largest_nu(self, target: float) -> float:
        """The nu at which |bias| first reaches ``target``."""
        low = log(1e-3 * self.mu**3)
        high = low
        while abs(self.bias(float(np.exp(high)))) < target:
            high += 0.1
            if high > 0:
                raise InputError("target", target, "the bias stays below it; take a smaller eps")
        if high == low:
            raise InputError("target", target, "the bias is above it wherever it can be computed; take a larger eps")
        gap = lambda u: log(abs(self.bias(float(np.exp(u)))) / target)  # noqa: E731
        return float(np.exp(brentq(gap, high - 0.1, high, rtol=1e-12)))

    def curvatures(self, nu: float) -> np.ndarray:
        """H_j = Gamma''(y_{j nu}) + j nu sin(y_{j nu}), shape (p,)."""
        j, _ = self.nodes
        y = minimiser(j * nu, self.mu, self.family)
        return curvature(y, self.mu, self.family) + j * nu * np.sin(y)

    def nonlinear(self, nu: float, eta_y: float) -> tuple[float, float]:
        """What linearising leaves out, to leading order in the loop's spread: (shift of E Phi / eps, max |c_3|).

        In the loop's stationary law of density exp(-2 g_j/(eta_y s_j^2)), of spread v_j = (eta_y s_j^2/(2 H_j))^{1/2},
        the cubic term c_3 = g_j''' v_j/H_j shifts the mean by -c_3 v_j/2 and the variance by O(c_3^2).
        """
        j, alpha = self.nodes
        y, H = minimiser(j * nu, self.mu, self.family), self.curvatures(nu)
        third = np.sin(y + 2 * np.arctan(sqrt(self.mu))) if self.family == "trig" else np.ones_like(y)
        spread = np.sqrt(eta_y * self.sigma**2 * (1 + (j * nu) ** 2) / (2 * H))
        c3 = (third + j * nu * np.cos(y)) * spread / H
        return float(abs(np.sum(alpha * c3 * spread / 2)) / nu / self.eps), float(np.abs(c3).max())

    def exact_schedule(self) -> dict[str, float]:
        """nu from the exact bias, S and eta_y from the linearised variance (eps/4 each), K from the logarithm,
        eta_x = eps/(4 L_phi), T = Delta/(2 eps eta_x): the schedule of the theorem with this family's own numbers.
        """
        target = self.eps / 4
        nu = self.largest_nu(target)
        j, alpha = self.nodes
        H, L = self.curvatures(nu), max(1.0, log(1 / (nu * self.eps)))
        s2 = self.sigma**2 * (1 + (j * nu) ** 2)
        S = float(np.sum(alpha**2 * self.sigma**2 * (1 / nu**2 + j**2)) / target**2)
        eta_y = float(target**2 / np.sum((alpha / nu) ** 2 * s2 / (2 * H)))
        eta_x = self.eps / (4 * self.L_phi)
        return {"nu": nu, "eta_x": eta_x, "eta_y": eta_y, "S": max(1.0, S), "K": max(1.0, L / (eta_y * H.min())),
                "T": self.Delta / (2 * self.eps * eta_x), "log": L}  # fmt: skip

    def first_T(self, nu: float, eta_x: float, eta_y: float, S: float, K: float) -> float:
        """First T with E||grad phi||^2 <= eps^2 on [T, 1.25 T] for plain steps from (Delta/eps, 0), every y_j at its
        minimiser: exact moments of the linearised recursion (the formulas of solvers.moments); infinite if never.
        """
        j, alpha = self.nodes
        H, p = self.curvatures(nu), len(j)
        if np.any(H <= 0) or eta_y * H.max() >= 1:
            return np.inf
        V, inverse = newton_basis([int(n) for n in j])
        log_rho = K * np.log1p(-eta_y * H)
        s2 = self.sigma**2 * (1 + (j * nu) ** 2)
        tau = np.sqrt(s2 * eta_y * -np.expm1(2 * log_rho) / (H * (2 - eta_y * H)))
        noise = self.sigma * sqrt(np.sum(alpha**2 * (1 / nu**2 + j**2)) / S)
        q, ramp = -alpha / nu, 2 * self.eps**2 / self.Delta
        D, v, Q = (np.zeros((RUNGS, 2, *shape)) for shape in ((p + 1, p + 1), (p + 1,), (p + 1, p + 1)))
        answer = eta_x * np.concatenate([[-1.0], inverse @ (1 / H)])  # how (x, u in divided differences) answers Phi
        D[0, 0] = np.outer(answer, np.concatenate([[float(q @ (1 / H))], (q * np.exp(log_rho)) @ V]))
        D[0, 0, 1:, 1:] += inverse @ np.diag(np.expm1(log_rho)) @ V
        v[0, 0] = answer * self.bias(nu)
        gain = np.outer(answer, np.concatenate([q * tau, [noise]]))
        gain[1:, :p] += inverse @ np.diag(tau)
        Q[0, 0] = gain @ gain.T
        D[0, 1, 0, 0], Q[0, 1, 0, 0] = -eta_x * ramp, (eta_x * noise) ** 2
        D[0, 1, 1:, 1:] = -np.eye(p)
        start = np.zeros((2, p + 1))
        start[1, 0] = self.Delta / self.eps
        T = first_below(D, v, Q, start, np.array([self.L_phi**2, ramp**2]), self.eps**2, 1.25)
        return float(T) if T >= 0 else np.inf

    def tune(self, floor: float = 0.01) -> dict[str, float]:
        """nu, eta_x, eta_y, S, K, T of the fewest calls T p (S + K) subject to reaching eps, as verify.presets.tuning
        does it: same coordinates, same floor (of eta_x phi''(0)) along the flat direction.
        """
        plan, least = self.exact_schedule(), floor / self.L_phi

        def parameters(theta: np.ndarray) -> tuple[float, ...]:
            nu, eta_x, product, S, forgets = (float(v) for v in np.exp(np.clip(theta, -690, 690)))
            eta_x = max(eta_x, least)
            return nu, eta_x, product / eta_x, max(1.0, S * eta_x), max(1.0, forgets * eta_x / product)

        def log_calls(thetas: np.ndarray) -> np.ndarray:
            values = [parameters(theta) for theta in thetas]
            return np.log(np.array([self.first_T(*v) * (v[3] + v[4]) for v in values]))

        eta_x, time = 2 * least, 3 / self.curvatures(plan["nu"]).min()
        theta = np.log([0.5 * plan["nu"], eta_x, eta_x * plan["eta_y"], plan["S"] / eta_x, time])
        for _ in range(60):
            if np.isfinite(log_calls(theta[None])[0]):
                break
            theta = theta + np.array([-0.3, 0.0, -0.5, 0.5, 0.1])
        best = parameters(descend(log_calls, theta)[0])
        return dict(zip(("nu", "eta_x", "eta_y", "S", "K"), best)) | {"T": self.first_T(*best), "log": 1.0}
