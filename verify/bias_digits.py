"""The bias on the digits problem in double precision, where truncation can be told from round-off.

The stencil is applied to psi(nu) - psi(0) (its weights sum to zero), which the problem evaluates without cancellation,
so round-off stays near 1e-16 |psi'(0)| sum |j alpha_j|; the window of nu for a stencil begins where the truncation
error is a thousand times that and ends where the next term of the Taylor series is no longer small.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from bounds.stencil import Stencil, stencil
from synthetic.learn_regularize import LearnToRegularize, digits

WINDOWS: dict[tuple[str, int], tuple[float, int, float]] = {
    # (family, p): (largest nu, octaves, tolerance on the slope)
    ("one_sided", 1): (2.0**-7, 5, 0.02),
    ("central", 2): (2.0**-3, 5, 0.02),
    ("one_sided", 3): (2.0**-8, 4, 0.02),
    ("balanced", 3): (2.0**-8, 4, 0.02),
    ("central", 4): (2.0**-4, 4, 0.02),
    ("one_sided", 5): (2.0**-9, 1, 0.05),
    ("balanced", 5): (2.0**-7, 2, 0.02),
    ("central", 6): (2.0**-5, 3, 0.05),
    ("balanced", 7): (2.0**-6, 1, 0.05),
    ("central", 8): (2.0**-5, 1, 0.05),
}


@cache
def problem() -> tuple[LearnToRegularize, np.ndarray]:
    """100 training and 100 validation digits, 16 features, and the point x at which the bias is measured."""
    return digits(100, 100, 16), -1 + 0.3 * np.sin(np.arange(16.0))


def bias(chosen: Stencil, nus: np.ndarray) -> np.ndarray:
    """The bias vectors, shape (len(nus), dim_x)."""
    instance, x = problem()
    nodes, weights = (np.array([float(v) for v in part]) for part in chosen.active)
    at = nus[:, None] * nodes
    psi = instance.psi_change(np.broadcast_to(x, (*at.shape, instance.dim_x)), at)
    return np.einsum("j,njd->nd", weights, psi) / nus[:, None] - instance.hypergrad(x)


def curve(family: str, p: int) -> tuple[np.ndarray, np.ndarray]:
    """(nu, ||bias||) over the window of this stencil; empty where no window of an octave exists."""
    if p == 1:
        family = "one_sided"
    if (family, p) not in WINDOWS:
        return np.empty(0), np.empty(0)
    largest, octaves, _ = WINDOWS[family, p]
    nus = largest * 2.0 ** -np.arange(octaves + 1.0)
    return nus, np.linalg.norm(bias(stencil(p, family), nus), axis=1)


def noise_window(chosen: Stencil) -> tuple[float, float]:
    """(nu_low, nu_high): truncation 50 times round-off at nu_low, next Taylor term 3% of the leading one at nu_high."""
    instance, x = problem()
    first = chosen.order + 1
    second = next(k for k in (first + 1, first + 2) if chosen.moment(k) != 0)
    series = instance.psi_series(x, second)
    lead, following = (np.linalg.norm(float(chosen.moment(k)) * series[k]) for k in (first, second))
    floor = 2.0**-53 * float(chosen.sum_abs_j) * np.linalg.norm(series[1])
    high = (0.03 * lead / following) ** (1 / (second - first))
    return float((50 * floor / lead) ** (1 / chosen.order)), float(high)
