"""Finite sums with known mean-squared smoothness: quadratic terms around a linear-quadratic instance.

With u = (x, y), d = dim_x + dim_y, and sum_i H_i = 0, sum_i h_i = 0 for each level,

    g_i(u) = g(u) + 1/2 u' H^g_i u + h^g_i' u,   i < n_g,        f_i(u) = f(u) + 1/2 u' H^f_i u + h^f_i' u,   i < n_f,

so that the means are exactly the f and g of :mod:`synthetic.linear_quadratic`: y*(x), phi, its derivatives and every
y*_nu are known in closed form. Mean-squared smoothness (the assumption behind variance reduction) is known too:

    1/n sum_i ||grad g_i(u) - grad g_i(u')||^2 = ||grad g(u) - grad g(u')||^2 + (u - u')' [1/n sum_i (H^g_i)^2] (u - u')
        <= L^2 ||u - u'||^2,   L^2 = lambda_max( (D^2 g)^2 + 1/n sum_i (H^g_i)^2 ),

with equality along the leading eigenvector; the cross terms vanish because the H_i sum to 0. ``spread`` scales the
H_i (noise that varies over the space), ``tilt`` the h_i (noise that does not).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from synthetic.arrays import Array, apply, as_vectors, like, namespace
from synthetic.checks import real_array
from synthetic.errors import InputError
from synthetic.hyper import Hyper, QuadraticHyper, Ramp, dimension
from synthetic.linear_quadratic import LinearQuadratic, dense_lq
from synthetic.polynomial_constants import spectral
from synthetic.problem import Constant


class FiniteSum(LinearQuadratic):
    """The sum around ``base``. ``terms_f`` = (H, h) of shapes (n_f, d, d) and (n_f, d), ``terms_g`` likewise; the H_i
    symmetric. Means are subtracted, so any terms may be passed.
    """

    def __init__(
        self, base: LinearQuadratic, terms_f: tuple[Any, Any], terms_g: tuple[Any, Any], *, name: str = "finite-sum"
    ) -> None:
        if not isinstance(base, LinearQuadratic):
            raise InputError("base", base, "pass a LinearQuadratic: its f and g are the means")
        super().__init__(base.A_g, base.A_f, base.B, base.c0, base.G, base.phi, region=base.region, name=name)
        self.n_f, self.H_f, self.h_f = self._terms("terms_f", terms_f)
        self.n_g, self.H_g, self.h_g = self._terms("terms_g", terms_g)

    def _terms(self, name: str, terms: tuple[Any, Any]) -> tuple[int, np.ndarray, np.ndarray]:
        try:
            H, h = terms
            n = len(h)
        except (TypeError, ValueError) as error:
            raise InputError(name, terms, "pass (H, h) of shapes (n, d, d) and (n, d)") from error
        if n == 0:
            raise InputError(name, terms, "pass at least one term")
        d = self.dim_x + self.dim_y
        H, h = real_array(f"{name}[0]", H, (n, d, d)), real_array(f"{name}[1]", h, (n, d))
        if not np.array_equal(H, np.swapaxes(H, 1, 2)):
            raise InputError(f"{name}[0]", "terms with H != H'", "pass symmetric matrices")
        return n, H - H.mean(axis=0), h - h.mean(axis=0)

    # -- one batch of terms: index (..., b), averaged over its last axis --------------------------------------------

    def grad_f_at(self, x: Array, y: Array, index: Array) -> tuple[Array, Array]:
        """Both gradients of f averaged over the terms ``index``."""
        return self._shifted(self.grad_f(x, y), x, y, index, self.H_f, self.h_f)

    def grad_g_at(self, x: Array, y: Array, index: Array) -> tuple[Array, Array]:
        """Both gradients of g averaged over the terms ``index``."""
        return self._shifted(self.grad_g(x, y), x, y, index, self.H_g, self.h_g)

    def hvp_g_at(self, x: Array, y: Array, v: Array, index: Array) -> Array:
        """g_yy v averaged over the terms ``index``, shape (..., dim_y)."""
        return self.hvp_g(x, y, v) + apply(_mean(self.H_g[:, self.dim_x :, self.dim_x :], index, v), v)

    def jvp_g_at(self, x: Array, y: Array, v: Array, index: Array) -> Array:
        """g_xy v averaged over the terms ``index``, shape (..., dim_x)."""
        return self.jvp_g(x, y, v) + apply(_mean(self.H_g[:, : self.dim_x, self.dim_x :], index, v), v)

    def _shifted(
        self, mean: tuple[Array, Array], x: Array, y: Array, index: Array, H: np.ndarray, h: np.ndarray
    ) -> tuple[Array, Array]:
        x, y = as_vectors("x", x, self.dim_x), as_vectors("y", y, self.dim_y)
        xp = namespace(x)
        batch = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        u = xp.concat([xp.broadcast_to(x, (*batch, self.dim_x)), xp.broadcast_to(y, (*batch, self.dim_y))], axis=-1)
        extra = apply(_mean(H, index, u), u) + _mean(h, index, u)
        return mean[0] + extra[..., : self.dim_x], mean[1] + extra[..., self.dim_x :]

    # -- what is known about it --------------------------------------------------------------------------------------

    @property
    def mu_terms(self) -> float:
        """min_i lambda_min(D_yy^2 g_i): every g_i is strongly convex in y when it is positive (never assumed)."""
        return float(np.min(np.linalg.eigvalsh(self.A_g + self.H_g[:, self.dim_x :, self.dim_x :])))

    def mean_squared_smoothness(self) -> dict[str, Constant]:
        """{"f", "g"}: the least L with 1/n sum_i ||grad h_i(u) - grad h_i(u')||^2 <= L^2 ||u - u'||^2 (h = f, g).

        "g" exact; "f" exact when phi is quadratic, else enclosed by phi.L in place of phi''.
        """
        zero = np.zeros(self.dim_x)
        quadratic = isinstance(self.phi, QuadraticHyper | Ramp)
        curved = np.asarray(self.phi.hess(zero)) if quadratic else np.zeros((self.dim_x, self.dim_x))
        mean_f = self._joint(curved, self.G, self.A_f)
        mean_g = self._joint(np.zeros((self.dim_x, self.dim_x)), np.zeros_like(self.G), self.A_g)
        spread_f, spread_g = (np.mean(H @ H, axis=0) for H in (self.H_f, self.H_g))
        lower = Constant(float(np.sqrt(spectral(mean_g @ mean_g + spread_g))), "exact", "quadratic terms")
        if quadratic:
            upper = Constant(float(np.sqrt(spectral(mean_f @ mean_f + spread_f))), "exact", "quadratic terms")
        else:
            bound = float(np.hypot(spectral(mean_f) + self.phi.L, np.sqrt(spectral(spread_f))))
            upper = Constant(bound, "enclosed", "||D^2 f|| <= phi.L + ||its quadratic part||")
        return {"f": upper, "g": lower}

    def _joint(self, curved: np.ndarray, G: np.ndarray, A: np.ndarray) -> np.ndarray:
        """Hessian in (x, y) of 1/2 x'(curved)x + x'G'z + 1/2 z'Az at z = y - Bx."""
        to_z = np.block([[np.eye(self.dim_x), np.zeros((self.dim_x, self.dim_y))], [-self.B, np.eye(self.dim_y)]])
        return to_z.T @ np.block([[curved, G.T], [G, A]]) @ to_z


def _mean(table: np.ndarray, index: Array, reference: Array) -> Array:
    """table (n, ...) averaged over the rows ``index`` (..., b)."""
    xp = namespace(reference)
    rows = xp.take(like(np.ascontiguousarray(table), reference), xp.reshape(index, (-1,)), axis=0)
    return xp.mean(xp.reshape(rows, (*index.shape, *table.shape[1:])), axis=len(index.shape) - 1)


def finite_sum(
    n: int = 8,
    dim_x: int = 2,
    dim_y: int = 3,
    spread: float = 0.25,
    tilt: float = 0.5,
    seed: int = 0,
    phi: Hyper | None = None,
) -> FiniteSum:
    """n terms in each level (n even: they come in pairs +-H_i, +-h_i, so that the means are exact) around a dense
    linear-quadratic instance; entries of the H_i up to ``spread``, of the h_i up to ``tilt``.
    """
    n = dimension("n", n)
    if n % 2:
        raise InputError("n", n, "pass an even number: the terms come in pairs of opposite deviation")
    for name, value in (("spread", spread), ("tilt", tilt)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
            raise InputError(name, value, "pass a finite number >= 0")
    rng, d = np.random.default_rng([seed, 1]), dimension("dim_x", dim_x) + dimension("dim_y", dim_y)

    def terms() -> tuple[np.ndarray, np.ndarray]:
        H, h = (np.round(rng.uniform(-1, 1, shape) * 16) / 16 for shape in ((n // 2, d, d), (n // 2, d)))
        H = spread * (H + np.swapaxes(H, 1, 2)) / 2
        return np.concatenate([H, -H]), tilt * np.concatenate([h, -h])

    return FiniteSum(dense_lq(dim_x, dim_y, seed, phi), terms(), terms())
