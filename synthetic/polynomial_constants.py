"""Enclosed constants of the residual family: norms of the coefficient arrays, nothing sampled.

Write z = y - b(x), r_z = sup ||z|| on the region ||x|| <= r_x, ||y|| <= r_y (a convex set), J = db/dx,
j = sup ||J||, t = sqrt(1 + j^2) >= ||dz/d(x, y)||, q = sup ||d^2 b/dx^2||. Derivatives of f and g are sums of
ridge terms in z pulled back by dz = dy - J dx, and each bound below is the triangle inequality on that sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from typing import TYPE_CHECKING

import numpy as np

from synthetic.errors import InputError
from synthetic.problem import Constant, Constants

if TYPE_CHECKING:
    from synthetic.polynomial import Polynomial

ROUNDING = 1 + 1e-9
"""Upper bounds are computed in double precision and inflated by this factor to stay bounds."""


@dataclass(frozen=True)
class Level:
    """sup over the region of ||D^k h(z)||, k = 1..4, for h = the z-part of f (without c) or of g."""

    d1: float
    d2: float
    d3: float
    d4: float


def spectral(M: np.ndarray) -> float:
    """Largest singular value (0 for an empty matrix)."""
    return float(np.linalg.norm(M, 2)) if M.size else 0.0


def level(A: np.ndarray, W: np.ndarray, third: np.ndarray, fourth: np.ndarray, r_z: float) -> Level:
    """Bounds for 1/2 z'Az + sum third u^3/6 + fourth u^4/24 with |u_m| <= ||w_m|| r_z."""
    w = np.linalg.norm(W, axis=1)
    u = w * r_z
    third, fourth = np.abs(third), np.abs(fourth)
    slope2, slope3 = third * u + fourth * u**2 / 2, third + fourth * u
    # ||W' diag(s) W|| for s >= 0 bounds the ridge Hessian: exact for one ridge, tighter than sum s ||w||^2 in general.
    return Level(
        d1=spectral(A) * r_z + float(np.sum((third * u**2 / 2 + fourth * u**3 / 6) * w)),
        d2=spectral(A) + spectral(W.T @ (slope2[:, None] * W)),
        d3=float(np.sum(slope3 * w**3)),
        d4=float(np.sum(fourth * w**4)),
    )


def enclose(problem: Polynomial, p: int) -> Constants:
    """mu, L_0 .. L_{p+1} of Definition 2.2 of paper 000 for the residual family, on ``problem.region``."""
    if isinstance(p, bool) or not isinstance(p, (int, np.integer)) or p < 1:
        raise InputError("p", p, "pass the order of smoothness, an integer >= 1")
    r_x, r_y = problem.region
    b_norm, q = spectral(problem.B), float(np.max(np.linalg.norm(problem.Q, axis=0), initial=0.0))
    j = b_norm + spectral(problem.Q) * r_x
    r_z = r_y + b_norm * r_x + spectral(problem.Q) * r_x**2 / 2
    c_max, G = float(np.linalg.norm(problem.c0)) + spectral(problem.G) * r_x, spectral(problem.G)
    f = level(problem.A_f, problem.W, problem.f3, problem.f4, r_z)
    g = level(problem.A_g, problem.W, problem.g3, problem.g4, r_z)
    t = hypot(1.0, j)
    # c(x)'z has mixed block G in (x, z); [[0, G'], [G, H]] has norm at most (h + sqrt(h^2 + 4 G^2))/2, and the change
    # of variables (x, y) -> (x, z) has norm at most sqrt(2 + j^2) (Frobenius norm of its block norms).
    block = (f.d2 + sqrt(f.d2**2 + 4 * G**2)) / 2
    change = 2 + j**2
    L0 = c_max + f.d1
    L1_f = problem.phi.L + block * change + q * L0
    L1_g = g.d2 * t**2 + q * g.d1
    L2_g = max(g.d3 * t, j * g.d3 * t + q * g.d2)
    # D_y^q grad f, q >= 1: its x-part is -J' D^{q+1}f (plus G' for q = 1), its y-part D^{q+1}f.
    L2_f = hypot(f.d3 * t, j * f.d3 * t + q * f.d2)
    L3_f = hypot(f.d4 * t, j * f.d4 * t + q * f.d3)
    L3_g = t * g.d4  # only in y, so no derivative falls on J
    L4_f = q * f.d4
    pairs = [(L0, 0.0), (L1_f, L1_g), (L2_f, L2_g), (L3_f, L3_g), (L4_f, 0.0)] + [(0.0, 0.0)] * max(0, p - 3)
    values = []
    for k, (upper, lower) in enumerate(pairs[: p + 2]):
        # Assumption 2.5 asks f for L_2..L_p and g for L_3..L_{p+1}; L_0 is f's alone.
        wanted = max(upper if k <= max(p, 1) else 0.0, lower if k >= 1 else 0.0)
        values.append(Constant(wanted * ROUNDING, "enclosed", "norms of the coefficient arrays"))
    mu = Constant(problem.mu / ROUNDING, "enclosed", "lambda_min(A_g - W' diag(g3^2/(2 g4)) W), global in y")
    region = f"||x|| <= {r_x:g}, ||y|| <= {r_y:g}"
    return Constants(int(p), mu, tuple(values), region)
