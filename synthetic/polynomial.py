"""The residual family: polynomial lower levels in z = y - b(x) whose hyper-objective is exactly phi.

    b(x) = B x + 1/2 Q (x o x)                                   (closed form: y*(x) = b(x))
    g(x, y) = 1/2 z' A_g z + sum_m [ g3_m u_m^3/6 + g4_m u_m^4/24 ],                       u = W z
    f(x, y) = phi(x) + c(x)' z + 1/2 z' A_f z + sum_m [ f3_m u_m^3/6 + f4_m u_m^4/24 ],    c(x) = c0 + G x

grad_z g(0) = 0, so y*(x) = b(x) and f(x, y*(x)) = phi(x) for any phi. Cubic terms in both levels break the
parity (g even, f odd in z) that would make every central bias exactly zero.
g is strongly convex on all of R^dy: the curvature of the m-th ridge is at least -g3_m^2/(2 g4_m), so
mu >= lambda_min(A_g - W' diag(g3^2/(2 g4)) W), which the constructor demands to be positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from synthetic.arrays import Array, apply, as_vectors, dot, like, namespace, norm, scalars_like, to_numpy
from synthetic.checks import positive_definite, real_array, square_size, symmetric
from synthetic.errors import InputError
from synthetic.exact import ExactForm
from synthetic.hyper import Hyper, QuadraticHyper, RationalWells, positive, rational
from synthetic.polynomial_constants import enclose
from synthetic.problem import Constants


class Polynomial:
    """The residual family of the module docstring. Shapes: A_g, A_f (dy, dy); B, Q, G (dy, dx); c0 (dy,);
    W (m, dy); g3, g4, f3, f4 (m,). ``region`` = (r_x, r_y): the constants hold for ||x|| <= r_x, ||y|| <= r_y
    (a quartic is not globally L_1-smooth). phi: any object of :mod:`synthetic.hyper`.
    """

    def __init__(
        self,
        A_g: Any,
        A_f: Any,
        B: Any,
        c0: Any,
        G: Any,
        phi: Hyper,
        *,
        Q: Any = None,
        W: Any = None,
        ridges: Any = None,
        region: tuple[float, float] = (1.0, 2.0),
        name: str = "polynomial",
    ) -> None:
        for attribute in ("dim", "L", "value", "grad", "hess", "expr"):
            if not hasattr(phi, attribute):
                raise InputError("phi", phi, f"pass a hyper-objective with .{attribute} (see synthetic.hyper)")
        dy, dx = square_size("A_g", A_g), phi.dim
        self.name, self.phi, self.dim_x, self.dim_y = str(name), phi, dx, dy
        self.A_g, self.A_f = symmetric("A_g", A_g, dy), symmetric("A_f", A_f, dy)
        self.B, self.G = real_array("B", B, (dy, dx)), real_array("G", G, (dy, dx))
        self.c0 = real_array("c0", c0, (dy,))
        self.Q = real_array("Q", np.zeros((dy, dx)) if Q is None else Q, (dy, dx))
        self._set_ridges(W, ridges)
        try:
            r_x, r_y = region
        except (TypeError, ValueError) as error:
            raise InputError("region", region, "pass (r_x, r_y)") from error
        self.region = (positive("region[0]", r_x), positive("region[1]", r_y))
        soft = np.divide(self.g3**2, 2 * self.g4, out=np.zeros_like(self.g3), where=self.g4 > 0)
        self.mu = positive_definite(
            "A_g",
            self.A_g - self.W.T @ (soft[:, None] * self.W),
            "make A_g positive definite with lambda_min > sum of g3^2/(2 g4) over the ridges (strong convexity)",
        )

    def _set_ridges(self, W: Any, ridges: Any) -> None:
        """W (m, dy) and ridges (m, 4) with columns g3, g4, f3, f4; none of them for a quadratic."""
        if (W is None) != (ridges is None):
            raise InputError("W", W, "pass W and ridges together, or neither")
        rows = 0 if W is None else len(np.atleast_1d(np.asarray(W)))
        self.W = real_array("W", np.zeros((0, self.dim_y)) if W is None else W, (rows, self.dim_y))
        table = real_array("ridges", np.zeros((0, 4)) if ridges is None else ridges, (rows, 4))
        self.g3, self.g4, self.f3, self.f4 = (np.ascontiguousarray(c) for c in table.T)
        bad = (self.g4 < 0) | ((self.g4 == 0) & (self.g3 != 0))
        if np.any(bad):
            raise InputError("ridges", table[bad][0].tolist(), "need g4 > 0 (or g3 = g4 = 0): g is not convex else")

    # -- pieces in z ------------------------------------------------------------------------------------

    def b(self, x: Array) -> Array:
        """b(x) = y*(x), shape (..., dy)."""
        return apply(like(self.B, x), x) + 0.5 * apply(like(self.Q, x), x * x)

    def c(self, x: Array) -> Array:
        """c(x) = c0 + G x, shape (..., dy)."""
        return like(self.c0, x) + apply(like(self.G, x), x)

    def _pull_back(self, x: Array, v: Array) -> Array:
        """J_b(x)' v with J_b = B + Q diag(x), shape (..., dx)."""
        return apply(like(self.B.T.copy(), v), v) + x * apply(like(self.Q.T.copy(), v), v)

    def _ridge(self, z: Array, level: str, derivative: int) -> Array:
        """derivative-th derivative of the ridge functions at u = W z, shape (..., m)."""
        cubic, quartic = (like(getattr(self, level + k), z) for k in "34")
        u = apply(like(self.W, z), z)
        if derivative == 0:
            return cubic * u**3 / 6 + quartic * u**4 / 24
        if derivative == 1:
            return cubic * u**2 / 2 + quartic * u**3 / 6
        return cubic * u + quartic * u**2 / 2

    def _value_z(self, z: Array, level: str) -> Array:
        A = like(self.A_g if level == "g" else self.A_f, z)
        return 0.5 * dot(z, apply(A, z)) + namespace(z).sum(self._ridge(z, level, 0), axis=-1)

    def _grad_z(self, z: Array, level: str) -> Array:
        A = like(self.A_g if level == "g" else self.A_f, z)
        return apply(A, z) + apply(like(self.W.T.copy(), z), self._ridge(z, level, 1))

    def _hess_z(self, z: Array, level: str) -> Array:
        """(..., dy, dy)."""
        A, W = like(self.A_g if level == "g" else self.A_f, z), like(self.W, z)
        xp = namespace(z)
        return A + xp.matmul(like(self.W.T.copy(), z), self._ridge(z, level, 2)[..., :, None] * W)

    def _x(self, x: Array) -> Array:
        return as_vectors("x", x, self.dim_x)

    def _xy(self, x: Array, y: Array) -> tuple[Array, Array]:
        return as_vectors("x", x, self.dim_x), as_vectors("y", y, self.dim_y)

    # -- the protocol -----------------------------------------------------------------------------------

    def f(self, x: Array, y: Array) -> Array:
        x, y = self._xy(x, y)
        z = y - self.b(x)
        return self.phi.value(x) + dot(self.c(x), z) + self._value_z(z, "f")

    def g(self, x: Array, y: Array) -> Array:
        x, y = self._xy(x, y)
        return self._value_z(y - self.b(x), "g")

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        x, y = self._xy(x, y)
        z = y - self.b(x)
        slope = self.c(x) + self._grad_z(z, "f")
        direct = self.phi.grad(x) + apply(like(self.G.T.copy(), z), z)
        return direct - self._pull_back(x, slope), slope

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        x, y = self._xy(x, y)
        slope = self._grad_z(y - self.b(x), "g")
        return -self._pull_back(x, slope), slope

    def hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        x, y = self._xy(x, y)
        return apply(self._hess_z(y - self.b(x), "g"), as_vectors("v", v, self.dim_y))

    def jvp_g(self, x: Array, y: Array, v: Array) -> Array:
        return -self._pull_back(self._x(x), self.hvp_g(x, y, v))

    def value(self, x: Array) -> Array:
        return self.phi.value(self._x(x))

    def hypergrad(self, x: Array) -> Array:
        return self.phi.grad(self._x(x))

    def hyperhess(self, x: Array) -> Array:
        return self.phi.hess(self._x(x))

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """y*_nu(x) by damped Newton in z (residual to round-off); b(x) itself at nu = 0."""
        x = self._x(x)
        xp = namespace(x)
        if isinstance(nu, (int, float)) and nu == 0:
            return self.b(x)
        nu = scalars_like("nu", nu, x)[..., None]
        c = self.c(x)
        z = (nu * c) * 0.0
        gradient = nu * c + self._grad_z(z, "g") + nu * self._grad_z(z, "f")
        for _ in range(100):
            hessian = self._hess_z(z, "g") + nu[..., None] * self._hess_z(z, "f")
            self._demand_convex(hessian, nu)
            step = xp.linalg.solve(hessian, gradient[..., None])[..., 0]
            scale, size = xp.ones_like(norm(z))[..., None], norm(gradient)[..., None]
            for _ in range(40):
                trial = z - scale * step
                new = nu * c + self._grad_z(trial, "g") + nu * self._grad_z(trial, "f")
                worse = norm(new)[..., None] > size
                if not bool(xp.any(worse)):
                    break
                scale = xp.where(worse, scale / 2, scale)
            improved = norm(new)[..., None] < size
            z, gradient = xp.where(improved, trial, z), xp.where(improved, new, gradient)
            if not bool(xp.any(improved)):
                break
        return self.b(x) + z

    def _demand_convex(self, hessian: Array, nu: Array) -> None:
        lowest = namespace(hessian).linalg.eigvalsh(hessian)[..., 0]
        worst = namespace(hessian).min(lowest)
        if not float(worst) > 0:
            shown = [float(v) for v in to_numpy(nu).ravel()[:4]]
            raise InputError("nu", shown, f"g + nu f has curvature {float(worst):.4g} <= 0: use a smaller |nu|")

    # -- constants and the exact form ------------------------------------------------------------------

    def constants(self, p: int) -> Constants:
        """mu (global) and L_0 .. L_{p+1} on the region, all enclosed by norms of the coefficient arrays."""
        return enclose(self, p)

    def exact(self) -> ExactForm:
        """The instance as sympy expressions with the rational coefficients that the doubles are."""
        x = tuple(sp.Symbol(f"x{i}", real=True) for i in range(self.dim_x))
        y = tuple(sp.Symbol(f"y{i}", real=True) for i in range(self.dim_y))
        matrix = lambda M: sp.Matrix(M.shape[0], M.shape[1], lambda i, j: rational(M[i, j]))  # noqa: E731
        X = sp.Matrix(x)
        b = matrix(self.B) * X + matrix(self.Q) * X.applyfunc(lambda s: s**2) / 2
        z = sp.Matrix(y) - b
        u = matrix(self.W) * z if len(self.W) else sp.Matrix([])

        def ridges(third: np.ndarray, fourth: np.ndarray) -> sp.Expr:
            return sp.Add(*(rational(a) * v**3 / 6 + rational(q) * v**4 / 24 for a, q, v in zip(third, fourth, u)))

        c = matrix(self.c0[:, None]) + matrix(self.G) * X
        phi = self.phi.expr(x)
        g = (z.T * matrix(self.A_g) * z)[0] / 2 + ridges(self.g3, self.g4)
        f = phi + (c.T * z)[0] + (z.T * matrix(self.A_f) * z)[0] / 2 + ridges(self.f3, self.f4)
        return ExactForm(x, y, f, g, tuple(b), phi)


def skewed_polynomial(dim_x: int = 2, dim_y: int = 2, nonconvex: bool = True) -> Polynomial:
    """A small named instance of the family with cubic and quartic terms in both levels and no symmetry.

    All coefficients are dyadic, so the exact form is short. Hyper-objective: rational wells (nonconvex) or a
    quadratic.
    """
    i, j = np.arange(dim_y)[:, None], np.arange(dim_x)[None, :]
    A_g = 2.0 * np.eye(dim_y) + 0.25 * (np.abs(i - i.T) == 1)
    A_f = np.diag(0.5 + 0.25 * np.arange(dim_y)) + 0.125 * (np.abs(i - i.T) == 1)
    B, G = 0.5 / (1 << (i + j)), 0.25 + 0.25 * ((i + 2 * j) % 3)
    W = np.eye(dim_y) + 0.25 * (i.T - i == 1)
    ridges = np.tile([0.5, 1.0, 0.75, 0.5], (dim_y, 1))
    phi: Hyper = RationalWells((1.0,) * dim_x) if nonconvex else QuadraticHyper((1.0,) * dim_x)
    return Polynomial(A_g, A_f, B, 0.5 + 0.25 * np.arange(dim_y), G, phi, Q=0.125 * (i == j), W=W, ridges=ridges)
