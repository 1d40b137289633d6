"""Proved constants of learn-to-regularize: mu exactly, L_0..L_{p+1} as upper bounds. None of them is sampled."""

from __future__ import annotations

from math import exp, hypot, log, sqrt

import numpy as np

from synthetic.errors import InputError
from synthetic.problem import Constant, Constants
from synthetic.softmax import derivative_bound
from synthetic.softmax_loss import SoftmaxLoss

UP = 1 + 1e-9
"""Covers the rounding of eigenvalues and sums: the printed number is still an upper bound."""


def proved_constants(train: SoftmaxLoss, val: SoftmaxLoss, r: float, p: int) -> Constants:
    """The constants of paper 000, Definition 2.2, on |x_i| <= r and ||y|| <= R = 2 e^r sqrt(log q), q classes.

    Region: y*_nu minimises nu f + g, so e^{-2r} ||y*_nu||^2 <= (1 + nu) log q for nu >= 0, and
    <= log q + |nu| L_0 ||y*_nu|| for nu < 0 (compare with y = 0); R holds y*_nu for -3 log q / (L_0 R) < nu <= 3.

    mu = 2 e^{-2r}: the cross-entropy is convex and flat in the directions that are constant over the classes.
    L_0: a column of s - e has norm <= sqrt(2). L_k bounds (k+1)-th derivatives: by the cumulants of the softmax for l
    (:func:`synthetic.softmax.derivative_bound`), and for ||W_x y||^2 by the norms of its blocks 2 e^{2x}, 4 e^{2x} y,
    4 e^{2x} |y|^2, 8 e^{2x} y. From L_3 on only l enters, since the regulariser is quadratic in y.
    """
    if not isinstance(p, int) or p < 1:
        raise InputError("p", p, "pass a whole number >= 1")
    w, R = exp(2 * r), 2 * exp(r) * sqrt(log(train.classes))

    def bound(loss: SoftmaxLoss, m: int) -> float:
        return derivative_bound(m, loss.largest(), loss.top())

    def enclosed(value: float, note: str) -> Constant:
        return Constant(UP * value, "enclosed", note)

    blocks = np.array([[4 * w * R * R, 4 * w * R], [4 * w * R, bound(train, 2) + 2 * w]])
    third = max(bound(val, 3), hypot(bound(train, 3), 4 * w), 4 * w * hypot(2 * R, 1))
    L = [
        enclosed(sqrt(2) * float(np.mean(np.linalg.norm(val.data, axis=1))), "sqrt(2) mean ||a_n|| of f"),
        enclosed(
            max(bound(val, 2), float(np.linalg.eigvalsh(blocks)[-1])),
            "f_yy <= lambda_max/2; the Hessian of g by the 2 x 2 matrix of its block norms",
        ),
        enclosed(third, "f_yy, and g_yy and g_xy jointly in (x, y): third derivatives, block by block"),
    ]
    for k in range(3, p + 2):
        value = max(bound(train, k + 1), bound(val, k + 1))
        L.append(enclosed(value, f"cumulant {k + 1} of the softmax times norms of the data"))
    mu = Constant(2 * exp(-2 * r), "exact", "attained at x_i = -r, in a direction constant over the classes")
    return Constants(p, mu, tuple(L), f"|x_i| <= {r:g}, ||y|| <= {R:.6g}")
