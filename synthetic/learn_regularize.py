"""Learn-to-regularize (paper 000, App. G): the one instance on real data.

    min_x  f(y*(x)) = l_val(y*(x)),    y*(x) = argmin_y  g(x, y) = l_tr(y) + ||W_x y||^2,   W_x = diag(exp(x)),

with l the mean softmax cross-entropy of the linear model features -> classes, y the (features, classes) matrix
flattened row by row, and one x_i for every feature. f does not depend on x. Adding a constant to all classes of
a feature changes no probability; only the regulariser decides there, so that the smallest eigenvalue
of g_yy is exactly 2 exp(2 min_i x_i).
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

from synthetic.arrays import Array, as_vectors, namespace
from synthetic.errors import InputError, need
from synthetic.learn_regularize_constants import proved_constants
from synthetic.newton import newton, solve
from synthetic.problem import Constants
from synthetic.softmax import next_coefficient, softmax, softmax_change, softmax_slope
from synthetic.softmax_loss import SoftmaxLoss, checked_features, checked_labels

REACH = 20.0
"""Largest |x_i| taken: exp(2 x_i) weighs feature i, and beyond exp(40) double precision holds nothing else."""


class LearnToRegularize:
    """The instance on any data: ``LearnToRegularize(train, train_labels, val, val_labels)``.

    ``train`` (n_g, features) and ``val`` (n_f, features) real, labels whole numbers 0..classes-1. ``box`` is the r of
    the region |x_i| <= r on which :meth:`constants` holds. Second-order objects are dense, dim_y = features classes.

    >>> problem = LearnToRegularize([[1.0], [-1.0]], [0, 1], [[1.0], [-2.0]], [0, 1])
    >>> problem.dim_x, problem.dim_y, problem.n_f
    (1, 2, 2)
    """

    def __init__(
        self,
        train: Any,
        train_labels: Any,
        val: Any,
        val_labels: Any,
        *,
        classes: int | None = None,
        box: float = 1.0,
        name: str = "learn-to-regularize",
    ) -> None:
        A, V = checked_features("train", train), checked_features("val", val)
        if A.shape[1] != V.shape[1]:
            raise InputError("val", f"{V.shape[1]} features", f"pass as many as in train: {A.shape[1]}")
        tr = checked_labels("train_labels", train_labels, len(A))
        va = checked_labels("val_labels", val_labels, len(V))
        seen = int(max(tr.max(), va.max())) + 1
        if classes is None:
            classes = max(seen, 2)
        if not isinstance(classes, int) or classes < max(seen, 2):
            raise InputError("classes", classes, f"pass a whole number >= {max(seen, 2)}, or None")
        if not isinstance(box, int | float) or not 0 <= box <= REACH:
            raise InputError("box", box, f"pass 0 <= box <= {REACH:g}: the region is |x_i| <= box")
        self.train, self.val = SoftmaxLoss(A, tr, classes), SoftmaxLoss(V, va, classes)
        self.name, self.box, self.classes = name, float(box), classes
        self.dim_x, self.dim_y = A.shape[1], A.shape[1] * classes
        self.n_g, self.n_f = len(A), len(V)

    # ------------------------------------------------------------------ values and derivatives

    def f(self, x: Array, y: Array) -> Array:
        """l_val(y), shape (...)."""
        return self.f_at(x, y, None)

    def g(self, x: Array, y: Array) -> Array:
        """l_tr(y) + sum_i exp(2 x_i) ||y_i||^2, shape (...)."""
        return self.g_at(x, y, None)

    def grad_f(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(0, grad l_val(y))."""
        return self.grad_f_at(x, y, None)

    def grad_g(self, x: Array, y: Array) -> tuple[Array, Array]:
        """((2 exp(2 x_i) ||y_i||^2)_i, grad l_tr(y) + 2 W_x^2 y)."""
        return self.grad_g_at(x, y, None)

    def hvp_g(self, x: Array, y: Array, v: Array) -> Array:
        """g_yy v, shape (..., dim_y)."""
        return self.hvp_g_at(x, y, v, None)

    def jvp_g(self, x: Array, y: Array, v: Array) -> Array:
        """g_xy v = (4 exp(2 x_i) <y_i, v_i>)_i, shape (..., dim_x)."""
        return self.jvp_g_at(x, y, v, None)

    def f_at(self, x: Array, y: Array, index: Array | None) -> Array:
        """f averaged over the validation samples ``index``, shape (..., b); None means all of them."""
        x, y = self._pair(x, y)
        return self.val.value(y, index) + 0 * x[..., 0]

    def g_at(self, x: Array, y: Array, index: Array | None) -> Array:
        """g averaged over the training samples ``index``; the regulariser is part of every term."""
        x, y = self._pair(x, y)
        return self.train.value(y, index) + namespace(y).sum(_scale(x) * self._per_feature(y, y), axis=-1)

    def grad_f_at(self, x: Array, y: Array, index: Array | None) -> tuple[Array, Array]:
        """Both gradients of f averaged over the validation samples ``index``, shape (..., b)."""
        x, y = self._pair(x, y)
        slope = self.val.grad(y, index) + 0 * x[..., :1]
        return 0 * slope[..., : self.dim_x], slope

    def grad_g_at(self, x: Array, y: Array, index: Array | None) -> tuple[Array, Array]:
        """Both gradients of g averaged over the training samples ``index``, shape (..., b)."""
        x, y = self._pair(x, y)
        slope = self.train.grad(y, index) + self._pull(x, y)
        return 2 * _scale(x) * self._per_feature(y, y) + 0 * slope[..., : self.dim_x], slope

    def hvp_g_at(self, x: Array, y: Array, v: Array, index: Array | None) -> Array:
        """g_yy v averaged over the training samples ``index``, shape (..., b)."""
        (x, y), v = self._pair(x, y), as_vectors("v", v, self.dim_y)
        return self.train.hvp(y, v, index) + self._pull(x, v)

    def jvp_g_at(self, x: Array, y: Array, v: Array, index: Array | None) -> Array:
        """g_xy v for the samples ``index``: the same for all of them, x enters through the regulariser only."""
        (x, y), v = self._pair(x, y), as_vectors("v", v, self.dim_y)
        if index is not None:
            self.train.rows(y, index)  # checks the index
        return 4 * _scale(x) * self._per_feature(y, v)

    def hess_f(self, x: Array, y: Array) -> Array:
        """f_yy, shape (..., dim_y, dim_y)."""
        x, y = self._pair(x, y)
        return self.val.hess(y) + 0 * x[..., :1, None]

    def hess_g(self, x: Array, y: Array) -> Array:
        """g_yy, shape (..., dim_y, dim_y)."""
        x, y = self._pair(x, y)
        xp = namespace(y)
        weights = xp.repeat(2 * _scale(x), self.classes, axis=-1)
        return self.train.hess(y) + weights[..., None] * _eye(self.dim_y, y)

    # ------------------------------------------------------------------ minimisers

    def y_star(self, x: Array, nu: Array | float = 0.0) -> Array:
        """y*_nu(x) = argmin_y nu f + g, shape (..., dim_y), down to round-off; nu a scalar or of the batch shape.

        For nu < 0 it is the branch that starts at y*(x); InputError where it is not positive definite.
        """
        y, change = self._branch(*self._at(x, nu))
        return y + change

    def _lower(self, x: Array) -> Array:
        """y*(x), by damped Newton from y = 0."""
        xp = namespace(x)
        start = xp.zeros((*x.shape[:-1], self.dim_y), dtype=x.dtype, device=array_api_compat.device(x))
        y, done = newton(lambda y: self.grad_g(x, y)[1], lambda y: self.hess_g(x, y), start)
        if not bool(xp.all(done)):
            raise InputError("x", x, "Newton did not converge; raise x: the regulariser is too weak")
        return y

    def _branch(self, x: Array, nu: Array) -> tuple[Array, Array]:
        """(y*(x), d) with d = y*_nu(x) - y*(x), from nu grad f(y* + d) + grad g(x, y* + d) - grad g(x, y*) = 0.

        Every difference is formed by :func:`softmax_change`, so that d is right to round-off relative to d itself:
        what is left of grad g(x, y*), about 1e-17, is the same tilt of g for every nu and drops out.
        """
        xp = namespace(x)
        y = self._lower(x)
        if bool(xp.all(nu == 0)):
            return y, xp.zeros_like(y)
        s_g, s_f = softmax(self.train.logits(y)), softmax(self.val.logits(y))
        slope = self.grad_f(x, y)[1]

        def step(d: Array, share: float) -> tuple[Array, bool]:
            part = (nu * share)[..., None]

            def residual(d: Array) -> Array:
                upper = slope + self.val.back(softmax_change(s_f, self.val.logits(d)))
                lower = self.train.back(softmax_change(s_g, self.train.logits(d))) + self._pull(x, d)
                return part * upper + lower

            def jacobian(d: Array) -> Array:
                return part[..., None] * self.hess_f(x, y + d) + self.hess_g(x, y + d)

            d, done = newton(residual, jacobian, d)
            return d, bool(xp.all(done)) and (danger < 1 or _positive(jacobian(d)))

        danger = float(xp.max(-nu * self._reach(x)))  # below 1 the minimiser is the only one, wherever one starts
        d, covered, stride = xp.zeros_like(y), 0.0, 1.0 if danger < 1 else 0.5 / danger
        while covered < 1:
            ahead, good = step(d, min(1.0, covered + stride))
            if good:
                d, covered = ahead, covered + stride
            elif stride > 2e-3:
                stride /= 2
            else:
                raise InputError("nu", nu, "move nu towards 0: nu f + g is not positive definite at its minimiser")
        return y, d

    def _reach(self, x: Array) -> Array:
        """b with nu f + g strongly convex in y everywhere, so y*_nu unique, for nu > -1/b: shape (...).

        f_yy <= (V'V/n_f) kron I / 2 and g_yy >= 2 W_x^2, so b = lambda_max(W_x^{-1} V'V W_x^{-1} / n_f) / 4.
        """
        xp = namespace(x)
        V, _ = self.val.rows(x)
        scaled = V * xp.exp(-x)[..., None, :]
        return xp.linalg.eigvalsh(xp.matmul(xp.matrix_transpose(scaled), scaled) / self.n_f)[..., -1] / 4

    # ------------------------------------------------------------------ the hyper-objective

    def value(self, x: Array) -> Array:
        """phi(x) = f(y*(x))."""
        x, _ = self._at(x, 0.0)
        return self.f(x, self._lower(x))

    def hypergrad(self, x: Array) -> Array:
        """grad phi(x) = -g_xy g_yy^{-1} grad_y f (paper 000, Eq. (2), with grad_x f = 0), dense solve."""
        x, _ = self._at(x, 0.0)
        y = self._lower(x)
        return -self.jvp_g(x, y, solve(self.hess_g(x, y), self.grad_f(x, y)[1]))

    def hyperhess(self, x: Array) -> Array:
        """grad^2 phi(x), exact, by differentiating grad_y g(x, y*(x)) = 0 twice.

        With Y_a = dy*/dx_a = -g_yy^{-1} g_{y x_a} and v = g_yy^{-1} grad_y f,
        phi_ab = f_yy[Y_a, Y_b] - g_yyy[Y_a, Y_b, v] - v'(g_{yy x_a} Y_b + g_{yy x_b} Y_a + g_{y x_a x_b}).
        """
        x, _ = self._at(x, 0.0)
        xp = namespace(x)
        y = self._lower(x)
        H, eye = self.hess_g(x, y), _eye(self.dim_x, x)
        v = solve(H, self.grad_f(x, y)[1])
        scale = 4 * _scale(x)[..., None]
        # columns a of g_{y x_a} = 4 exp(2 x_a) (block a of y), and of v' g_{yy x_a} likewise
        columns = [(scale * self.train.square(u))[..., None] * eye[:, None, :] for u in (y, v)]
        cross, pull = (xp.reshape(c, (*y.shape, self.dim_x)) for c in columns)
        Y = -xp.linalg.solve(H, cross)
        YT = xp.matrix_transpose(Y)
        mixed = xp.matmul(YT, pull)
        bent = xp.matmul(YT, xp.matmul(self.hess_f(x, y) - self.train.third(y, v), Y))
        return bent - mixed - xp.matrix_transpose(mixed) - 2 * scale * self._per_feature(v, y)[..., None] * eye

    # ------------------------------------------------------------------ the curve nu -> psi(nu)

    def psi(self, x: Array, nu: Array | float) -> Array:
        """psi(nu) = d/dx min_y (nu f + g)(x, y) = grad_x g(x, y*_nu(x)), shape (..., dim_x); psi'(0) = grad phi."""
        x, nu = self._at(x, nu)
        y, change = self._branch(x, nu)
        return self.grad_g(x, y + change)[0]

    def psi_change(self, x: Array, nu: Array | float) -> Array:
        """psi(nu) - psi(0) with an error relative to the difference: 2 exp(2 x_i) <d_i, 2 y_i + d_i>, d = y*_nu - y*.

        The weights of a stencil for psi'(0) sum to 0, so (1/nu) sum_j alpha_j psi_change(j nu) is the same finite
        difference, with a round-off near 1e-16 |psi'(0)| instead of 1e-16 |psi(0)| / nu.
        """
        x, nu = self._at(x, nu)
        y, change = self._branch(x, nu)
        return 2 * _scale(x) * self._per_feature(change, 2 * y + change)

    def psi_series(self, x: Array, order: int) -> tuple[Array, ...]:
        """Taylor coefficients psi^(k)(0)/k!, k = 0..order, each of shape (..., dim_x), with no differences taken.

        g_yy y_k = -(k-th coefficient of grad l_tr along y_0 + ... + y_{k-1} nu^{k-1}) - ((k-1)-th of grad f).
        """
        if not isinstance(order, int) or order < 0:
            raise InputError("order", order, "pass a whole number >= 0")
        x, _ = self._at(x, 0.0)
        xp = namespace(x)
        ys = [self._lower(x)]
        H = self.hess_g(x, ys[0])
        z_g, z_f = [self.train.logits(ys[0])], [self.val.logits(ys[0])]
        s_g, s_f = [softmax(z_g[0])], [softmax(z_f[0])]
        for k in range(1, order + 1):
            known = next_coefficient(s_g, [*z_g, xp.zeros_like(z_g[0])])
            upper = self.grad_f(x, ys[0])[1] if k == 1 else self.val.back(s_f[-1])
            ys.append(-solve(H, self.train.back(known) + upper))
            z_g.append(self.train.logits(ys[k]))
            z_f.append(self.val.logits(ys[k]))
            s_g.append(known + softmax_slope(s_g[0], z_g[k]))
            s_f.append(next_coefficient(s_f, z_f))
        return tuple(
            2 * _scale(x) * sum(self._per_feature(ys[i], ys[k - i]) for i in range(k + 1)) for k in range(order + 1)
        )

    # ------------------------------------------------------------------ what is known about the instance

    def accuracy(self, y: Array) -> Array:
        """Share of the validation samples that the model y puts in the right class, shape (...)."""
        return self.val.accuracy(y)

    def constants(self, p: int) -> Constants:
        """mu and L_0..L_{p+1} on |x_i| <= box and a ball of y: mu exact, the others proved upper bounds."""
        return proved_constants(self.train, self.val, self.box, p)

    def exact(self) -> None:
        """None: y*(x) on real data has no closed form."""
        return None

    # ------------------------------------------------------------------ pieces

    def _pair(self, x: Array, y: Array) -> tuple[Array, Array]:
        return as_vectors("x", x, self.dim_x), as_vectors("y", y, self.dim_y)

    def _per_feature(self, u: Array, v: Array) -> Array:
        """(<u_i, v_i>)_i, the inner products over the classes: shape (..., dim_x)."""
        return namespace(u, v).sum(self.train.square(u) * self.train.square(v), axis=-1)

    def _pull(self, x: Array, y: Array) -> Array:
        """2 W_x^2 y."""
        return self.train.flat(2 * _scale(x)[..., None] * self.train.square(y))

    def _at(self, x: Array, nu: Array | float) -> tuple[Array, Array]:
        """x and nu checked and broadcast against each other."""
        x = as_vectors("x", x, self.dim_x)
        xp = namespace(x)
        if not bool(xp.all(xp.abs(x) <= REACH)):
            raise InputError("x", x, f"pass finite entries with |x_i| <= {REACH:g}: exp(2 x_i) weighs feature i")
        if not array_api_compat.is_array_api_obj(nu):
            try:
                plain = np.asarray(nu, dtype=float)
            except (TypeError, ValueError) as error:
                raise InputError("nu", nu, "pass a real number or an array of the batch shape") from error
            nu = xp.asarray(plain, dtype=x.dtype, device=array_api_compat.device(x))
        nu = xp.astype(nu, x.dtype)
        if not bool(xp.all(xp.isfinite(nu))):
            raise InputError("nu", nu, "pass finite numbers")
        try:
            shape = np.broadcast_shapes(tuple(nu.shape), tuple(x.shape[:-1]))
        except ValueError:
            fix = f"pass a scalar or an array of the batch shape {tuple(x.shape[:-1])}"
            raise InputError("nu", f"array of shape {tuple(nu.shape)}", fix) from None
        return xp.broadcast_to(x, (*shape, self.dim_x)), xp.broadcast_to(nu, shape)


def _scale(x: Array) -> Array:
    """exp(2 x), the diagonal of W_x^2."""
    return namespace(x).exp(2 * x)


def _eye(n: int, reference: Array) -> Array:
    device = array_api_compat.device(reference)
    return namespace(reference).eye(n, dtype=reference.dtype, device=device)


def _positive(matrix: Array) -> bool:
    """Every matrix of the batch is positive definite beyond round-off."""
    xp = namespace(matrix)
    spectrum = xp.linalg.eigvalsh(matrix)
    floor = matrix.shape[-1] * float(xp.finfo(matrix.dtype).eps) * spectrum[..., -1]
    return bool(xp.all(spectrum[..., 0] > floor))


def digits(
    n_train: int = 100,
    n_val: int = 100,
    features: int = 16,
    *,
    standardise: bool = True,
    seed: int = 0,
    box: float = 1.0,
) -> LearnToRegularize:
    """Handwritten digits: scikit-learn's ``load_digits``, 1797 images of 8 x 8 in 10 classes.

    ``features`` 64, 16, 4 or 1: the images averaged over blocks. ``standardise`` subtracts the training mean and
    divides by the training standard deviation (a constant pixel stays 0); without it the grey levels lie in [0, 1].
    The split is the first n_train + n_val of the images in the order (1000 i + seed) mod 1797, the same everywhere.
    """
    side = {64: 8, 16: 4, 4: 2, 1: 1}.get(features)
    if side is None:
        raise InputError("features", features, "pass 64, 16, 4 or 1 (8 x 8 images averaged over blocks)")
    for name, n in (("n_train", n_train), ("n_val", n_val)):
        if not isinstance(n, int) or n < 1:
            raise InputError(name, n, "pass a whole number >= 1")
    data = need("sklearn.datasets", "data", "the digits data set").load_digits()
    count = len(data.target)
    if n_train + n_val > count:
        raise InputError("n_train + n_val", n_train + n_val, f"pass {count} images at most")
    order = (1000 * np.arange(count) + seed) % count  # 1000 and 1797 = 3 * 599 have no common factor
    block = 8 // side
    pooled = data.images.reshape(count, side, block, side, block).mean(axis=(2, 4)).reshape(count, features) / 16
    tr, va = order[:n_train], order[n_train : n_train + n_val]
    if standardise:
        spread = pooled[tr].std(axis=0)
        pooled = (pooled - pooled[tr].mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    name = f"digits-{features}-{n_train}"
    return LearnToRegularize(pooled[tr], data.target[tr], pooled[va], data.target[va], classes=10, box=box, name=name)
