"""The linear-quadratic family: quadratic lower level, exactly known hyper-objective and exactly known bias.

    g = 1/2 (y - Bx)' A_g (y - Bx),   f = phi(x) + c(x)'(y - Bx) + 1/2 (y - Bx)' A_f (y - Bx),   c(x) = c0 + G x
    y*_nu(x) = Bx - nu (A_g + nu A_f)^{-1} c(x)

For every stencil the bias of the exact estimator (all lower levels solved) is

    sum_j alpha_j (j grad_x f + grad_x g / nu)(x, y*_{j nu}) - grad phi(x)
        = -pi nu^p G' M^{p-1} prod_{j != 0} (I + j nu M)^{-1} A_g^{-1} c(x),     M = A_g^{-1} A_f,

with pi the product of the p non-zero nodes (|pi| = kappa_p); B drops out. The order is exactly p iff
G' M^{p-1} A_g^{-1} c != 0: A_f = 0 kills the bias for p >= 2, G = 0 for all p.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synthetic.arrays import Array, like, namespace, scalars_like
from synthetic.errors import InputError
from synthetic.hyper import Hyper, QuadraticHyper, dimension, positive
from synthetic.polynomial import Polynomial


class LinearQuadratic(Polynomial):
    """The family above, dense. Shapes: A_g, A_f (dy, dy) symmetric, B, G (dy, dx), c0 (dy,)."""

    def __init__(
        self,
        A_g: Any,
        A_f: Any,
        B: Any,
        c0: Any,
        G: Any,
        phi: Hyper,
        *,
        region: tuple[float, float] = (1.0, 2.0),
        name: str = "linear-quadratic",
    ) -> None:
        super().__init__(A_g, A_f, B, c0, G, phi, region=region, name=name)

    @property
    def is_diagonal(self) -> bool:
        """True when A_g, A_f, B and G are diagonal (square), so that the coordinates do not interact."""
        matrices = (self.A_g, self.A_f, self.B, self.G)
        return all(M.shape == (self.dim_y, self.dim_y) and not np.any(M - np.diag(np.diag(M))) for M in matrices)

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """y*_nu(x) = Bx - nu (A_g + nu A_f)^{-1} c(x), closed form."""
        x = self._x(x)
        xp = namespace(x)
        nu = scalars_like("nu", nu, x)
        hessian = like(self.A_g, x) + nu[..., None, None] * like(self.A_f, x)
        self._demand_convex(hessian, nu)
        c = self.c(x)
        if hessian.ndim < c.ndim + 1:
            hessian = xp.broadcast_to(hessian, c.shape + (self.dim_y,))
        elif c.ndim + 1 < hessian.ndim:
            c = xp.broadcast_to(c, hessian.shape[:-1])
        return self.b(x) - nu[..., None] * xp.linalg.solve(hessian, c[..., None])[..., 0]

    def bias(self, x: Any, nodes: Sequence[int], nu: float) -> np.ndarray:
        """The exact bias vector of the module docstring for stencil nodes with exactness degree p = #non-zero nodes.

        x: (..., dx) NumPy; nodes: the stencil's active nodes (0 may be among them); returns (..., dx).
        """
        x = np.asarray(self._x(x))
        away = [j for j in nodes if j != 0]
        p = len(away)
        M = np.linalg.solve(self.A_g, self.A_f)
        v = np.linalg.solve(self.A_g, self.c(x)[..., None])
        for _ in range(p - 1):
            v = M @ v
        for j in away:
            self._demand_convex((self.A_g + j * nu * self.A_f)[None], np.asarray([j * nu]))
            v = np.linalg.solve(np.eye(self.dim_y) + j * nu * M, v)
        product = float(np.prod([float(j) for j in away]))
        return -product * float(nu) ** p * (self.G.T @ v)[..., 0]


def diagonal_lq(
    d: int = 5,
    a: float = 1.0,
    h: float = 0.5,
    c0: float | Sequence[float] = 1.0,
    gamma: float = 1.0,
    phi: Hyper | None = None,
    b: float = 1.0,
) -> LinearQuadratic:
    """A_g = a I, A_f = h I, B = b I, G = gamma I, c0 constant (or given): the family of the scaling experiments.

    The leading bias per coordinate is (gamma c0_i/a) kappa_p (h/a)^{p-1} nu^p; use gamma c0 of order 1000 so that
    nu stays small over the whole range of eps.
    """
    d = dimension("d", d)
    phi = QuadraticHyper((1.0,) * d) if phi is None else phi
    if phi.dim != d:
        raise InputError("phi", phi, f"its dimension must equal d = {d}")
    identity = np.eye(d)
    offset = np.full(d, c0, dtype=float) if np.ndim(c0) == 0 else np.asarray(c0, dtype=float)
    return LinearQuadratic(
        positive("a", a) * identity, float(h) * identity, float(b) * identity, offset, float(gamma) * identity, phi,
        name="diagonal linear-quadratic",
    )  # fmt: skip


def dense_lq(dim_x: int = 3, dim_y: int = 4, seed: int = 0, phi: Hyper | None = None) -> LinearQuadratic:
    """A random dense instance with dyadic coefficients: A_g with spectrum in [1, ~3], A_f indefinite."""
    rng = np.random.default_rng(seed)
    dyadic = lambda *shape: np.round(rng.uniform(-1, 1, shape) * 16) / 16  # noqa: E731
    R = dyadic(dim_y, dim_y)
    S = dyadic(dim_y, dim_y)
    phi = QuadraticHyper((1.0,) * dim_x) if phi is None else phi
    return LinearQuadratic(
        np.eye(dim_y) + R @ R.T / 2, (S + S.T) / 4, dyadic(dim_y, dim_x), dyadic(dim_y), dyadic(dim_y, dim_x), phi,
        name="dense linear-quadratic",
    )  # fmt: skip
