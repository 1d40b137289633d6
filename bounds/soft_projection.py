r"""The soft projection onto a ball, and the pseudo-Huber function of the hard instances (paper 000, Eq. (19)).

    rho(z) = z/s,  s = sqrt(1 + ||z||^2/R^2)        J = I/s - z z'/(R^2 s^3), symmetric, 0 < J <= I
    D^2 rho(z)[p, g] = -((p'g) z + (z'g) p + (z'p) g)/(R^2 s^3) + 3 (z'p)(z'g) z/(R^4 s^5)

D^2 rho is a symmetric three-tensor (rho is the gradient of R^2 s), so its norm is attained at p = g and the third
argument alike (Banach): sup ||D^2 rho|| = sup_c |3c/s^3 - 3c^3/s^5|/R at ||z|| = R/2, that is
LIPSCHITZ/R with LIPSCHITZ = (3/2)(4/5)^{5/2} = 0.8587; the sources use 3.
"""

from __future__ import annotations

from synthetic.arrays import Array, dot, namespace

LIPSCHITZ = 1.5 * 0.8**2.5


def _s(z: Array, R: float) -> Array:
    return namespace(z).sqrt(1.0 + dot(z / R, z / R))[..., None]


def project(z: Array, R: float) -> Array:
    """rho(z), shape (..., d)."""
    return z / _s(z, R)


def project_product(z: Array, p: Array, R: float) -> Array:
    """J(z) p = J(z)' p."""
    s, unit = _s(z, R), z / R
    return p / s - unit * dot(unit, p)[..., None] / s**3


def project_second(z: Array, p: Array, g: Array, R: float) -> Array:
    """D^2 rho(z)[p, g], shape (..., d): the derivative of J(z) g in the direction p."""
    s, unit = _s(z, R), z / R
    up, ug, pg = (dot(*pair)[..., None] for pair in ((unit, p), (unit, g), (p, g)))
    return (-(pg * unit + ug * p + up * g) / s**3 + 3 * up * ug * unit / s**5) / R


def huber(z: Array, R: float, lam: float) -> Array:
    """P(z) = lam R^2 (s - 1), shape (...); written so that small z keep their precision."""
    s = _s(z, R)[..., 0]
    return lam * dot(z, z) / (s + 1.0)


def huber_gradient(z: Array, R: float, lam: float) -> Array:
    """grad P = lam rho(z)."""
    return lam * project(z, R)


def huber_product(z: Array, p: Array, R: float, lam: float) -> Array:
    """grad^2 P p = lam J(z) p."""
    return lam * project_product(z, p, R)
