"""The exact law of the inner loops of F2SA-p on the linear-quadratic family, coordinate by coordinate.

With z = y - b x, H_j = a + j nu h and c(x) = c0 + gamma x (one coordinate, all scalars), node j's lower level
g + j nu f has the minimiser y*_j(x) = b x - j nu c(x)/H_j, and w_j = y_j - y*_j(x) obeys

    K SGD steps of size eta with additive noise of variance s_j^2 = sg^2 + (j nu)^2 sf^2:
        w_j <- rho_j w_j + tau_j xi_j,
        rho_j = (1 - eta H_j)^K,   tau_j^2 = s_j^2 eta (1 - rho_j^2) / (H_j (2 - eta H_j))
    a step of x by dx:
        w_j <- w_j - s_j dx,             s_j = d y*_j / dx = b - j nu gamma / H_j
    the estimate of line 12:
        Phi = phi'(x) + beta_0 + beta_1 x + sum_j q_j w_j + noise,     q_j = alpha_j (j gamma - b H_j / nu)
        beta_0 + beta_1 x = -sum_j alpha_j j^2 nu gamma c(x) / H_j     (the exact bias, of order nu^p)

The law is exact for Gaussian noise of covariance s^2 I; for any other noise of that covariance the means and
covariances are right and nothing else. K and 1/eta may be as large as 1e22: every power goes through log1p and
expm1 (1 - eta H is 1 in floating point below eta H = 1e-16, and log(1 - eta H) then says that nothing moves).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import mpmath
import numpy as np

from synthetic.errors import InputError

Sharing = Literal["independent", "x-step", "everywhere"]
Inner = Literal["fresh", "frozen"]


@dataclass(frozen=True, eq=False)
class Diagonal:
    """One linear-quadratic instance with jointly diagonal data; every array has shape (d,).

    phi = 1/2 sum_i curvature_i x_i^2, A_g = diag(a), A_f = diag(h), B = diag(b), G = diag(gamma), c(x) = c0 + G x.
    """

    curvature: np.ndarray
    a: np.ndarray
    h: np.ndarray
    b: np.ndarray
    gamma: np.ndarray
    c0: np.ndarray

    def __post_init__(self) -> None:
        d = np.size(self.curvature)
        for name in ("curvature", "a", "h", "b", "gamma", "c0"):
            value = np.asarray(getattr(self, name), dtype=float)
            if value.ndim > 1 or value.size not in (1, d):
                raise InputError(name, value.shape, f"pass a scalar or shape ({d},)")
            if not np.all(np.isfinite(value)):
                raise InputError(name, value, "pass finite numbers")
            object.__setattr__(self, name, np.array(np.broadcast_to(value, (d,))))
        if np.any(self.a <= 0):
            raise InputError("a", self.a, "the lower level needs positive curvature a > 0")

    @property
    def dim_x(self) -> int:
        return self.curvature.size

    @property
    def dim_y(self) -> int:
        return self.curvature.size

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """grad phi(x), shape (..., d)."""
        return self.curvature * x


def contraction(eta: float, H: np.ndarray, K: float) -> np.ndarray:
    """rho = (1 - eta H)^K without cancellation, for eta H in (0, 2) and any integer K >= 0 (a float when huge)."""
    eH = _step(eta, H)
    sign = np.where((eH > 1) & (K % 2 == 1), -1.0, 1.0)
    return sign * np.exp(K * _log_modulus(eH)) if K else np.ones_like(eH)


def noise_scale(eta: float, H: np.ndarray, K: float, inner: Inner = "fresh") -> np.ndarray:
    """tau / s: the standard deviation that K steps leave behind, per unit of gradient noise.

    fresh:  tau^2 = eta^2 sum_k (1 - eta H)^(2k) = eta (1 - rho^2) / (H (2 - eta H))
    frozen: one sample for all k, as Algorithm 1 prints it: tau = eta sum_k (1 - eta H)^k = (1 - rho) / H
    """
    eH = _step(eta, H)
    if K == 0:
        return np.zeros_like(eH)
    if inner == "frozen":
        small = -np.expm1(K * _log_modulus(eH))
        return np.where(eH < 1, small, 1.0 - contraction(eta, H, K)) / H
    return np.sqrt(eta * -np.expm1(2.0 * K * _log_modulus(eH)) / (H * (2.0 - eH)))


def _step(eta: float, H: np.ndarray) -> np.ndarray:
    eH = np.asarray(eta * H)
    if not np.all((eH > 0) & (eH < 2)):
        raise InputError("eta_y", eta, "need 0 < eta_y (a + j nu h) < 2 at every node")
    return eH


def _log_modulus(eH: np.ndarray) -> np.ndarray:
    """log |1 - eta H|."""
    with np.errstate(divide="ignore"):
        return np.where(eH <= 1, np.log1p(-np.minimum(eH, 1.0)), np.log(np.abs(eH - 1.0)))


@dataclass(frozen=True, eq=False)
class Coupling:
    """What depends on the instance, the nodes and nu only. Shapes: H, slope, q (p, d); bias0, bias1 (d,).

    Rows are the nodes with non-zero weight; slope is s_j and q is q_j of the module docstring.
    """

    nodes: np.ndarray
    H: np.ndarray
    slope: np.ndarray
    q: np.ndarray
    bias0: np.ndarray
    bias1: np.ndarray

    def minimisers(self, problem: Diagonal, nu: float, x: np.ndarray) -> np.ndarray:
        """y*_{j nu}(x) for every node: x (..., d) -> (..., p, d)."""
        x = np.asarray(x)[..., None, :]
        return problem.b * x - self.nodes[:, None] * nu * (problem.c0 + problem.gamma * x) / self.H


def coupling(problem: Diagonal, nodes: Sequence[Any], weights: Sequence[Any], nu: float) -> Coupling:
    """The coefficients of the module docstring for the active nodes (weight not zero)."""
    active = [(j, w) for j, w in zip(nodes, weights) if w]
    j = np.array([float(n) for n, _ in active])
    alpha = np.array([float(w) for _, w in active])[:, None]
    H = problem.a + j[:, None] * nu * problem.h
    if np.any(H <= 0):
        bad = j[np.argmin(H.min(axis=1))]
        raise InputError("nu", nu, f"g + j nu f is not convex at node j = {bad:g}: take a smaller nu")
    slope = problem.b - j[:, None] * nu * problem.gamma / H
    q = alpha * (j[:, None] * problem.gamma - problem.b * H / nu)
    share = np.array([_bias_share(active, nu, a, h) for a, h in zip(problem.a, problem.h)])
    return Coupling(j, H, slope, q, share * problem.gamma * problem.c0, share * problem.gamma**2)


def _bias_share(active: Sequence[tuple[Any, Any]], nu: float, a: float, h: float) -> float:
    """-sum_j alpha_j j^2 nu / (a + j nu h), in exact arithmetic: the sum is nu^(p-1) times smaller than its terms."""
    step, exact_a, exact_h = Fraction(nu), Fraction(a), Fraction(h)
    terms = (Fraction(w) * Fraction(j) ** 2 * step / (exact_a + Fraction(j) * step * exact_h) for j, w in active)
    return float(-sum(terms))


def estimate_noise(
    nodes: Sequence[Any], weights: Sequence[Any], nu: float, sigma: tuple[float, float], S: int, sharing: Sharing
) -> float:
    """Standard deviation per coordinate of the sampling noise of Phi (line 12), batch S; sigma = (sf, sg).

    independent: (1/S) sum_j alpha_j^2 (j^2 sf^2 + sg^2/nu^2)
    shared:      (1/S) ((sum_j j alpha_j)^2 sf^2 + (sum_j alpha_j)^2 sg^2/nu^2) = sf^2/S for a consistent stencil,
                 since one sample at all nodes makes the additive noise of G cancel in the differences
    """
    pairs = [(Fraction(j), Fraction(w)) for j, w in zip(nodes, weights) if w]
    if sharing == "independent":
        on_f, on_g = float(sum((w * j) ** 2 for j, w in pairs)), float(sum(w**2 for _, w in pairs))
    else:
        on_f, on_g = float(sum(w * j for j, w in pairs) ** 2), float(sum(w for _, w in pairs) ** 2)
    return float(np.sqrt((on_f * sigma[0] ** 2 + on_g * (sigma[1] / nu) ** 2) / float(S)))


def joint_factor(
    eta: float, H: np.ndarray, K: int, j_nu: np.ndarray, sigma: tuple[float, float], inner: Inner, digits: int = 80
) -> np.ndarray:
    """Lower Cholesky factor (p, p) of the nodes' joint noise in one coordinate when all inner loops share samples.

    cov_ij = (j_i j_j nu^2 sf^2 + sg^2) eta^2 sum_k (r_i r_j)^k, r = 1 - eta H (fresh), or the product of the
    two frozen scales. Neighbouring nodes differ by O(nu) only, and Phi divides their difference by nu: the
    factor is computed in ``digits`` digits, where a double would lose the difference altogether.
    """
    p = len(H)
    with mpmath.workdps(digits):
        mp = mpmath.mpf
        e, sf2, sg2 = mp(eta), mp(sigma[0]) ** 2, mp(sigma[1]) ** 2
        logs = [mpmath.log(abs(1 - e * mp(v))) for v in H]
        signs = [-1 if e * mp(v) > 1 else 1 for v in H]
        rho = [(s**K if s > 0 or K % 2 == 0 else mp(s)) * mpmath.exp(K * u) for s, u in zip(signs, logs)]
        cov = mpmath.matrix(p, p)
        for i in range(p):
            for k in range(p):
                level = mp(j_nu[i]) * mp(j_nu[k]) * sf2 + sg2
                if inner == "frozen":
                    sums = (1 - rho[i]) * (1 - rho[k]) / (mp(H[i]) * mp(H[k]))
                else:
                    r2 = (1 - e * mp(H[i])) * (1 - e * mp(H[k]))
                    sums = e**2 * (1 - rho[i] * rho[k]) / (1 - r2)
                cov[i, k] = level * sums
        return _semidefinite_cholesky(cov, p, mp(10) ** (15 - digits))


def _semidefinite_cholesky(cov: Any, p: int, tolerance: Any) -> np.ndarray:
    """Cholesky that accepts rank deficiency (K = 1 leaves rank 2): pivots below ``tolerance`` count as zero."""
    scale = max(cov[i, i] for i in range(p))
    L = mpmath.matrix(p, p)
    for k in range(p):
        pivot = cov[k, k] - sum(L[k, m] ** 2 for m in range(k))
        if pivot <= tolerance * scale:
            continue
        L[k, k] = mpmath.sqrt(pivot)
        for i in range(k + 1, p):
            L[i, k] = (cov[i, k] - sum(L[i, m] * L[k, m] for m in range(k))) / L[k, k]
    return np.array([[float(L[i, k]) for k in range(p)] for i in range(p)])
