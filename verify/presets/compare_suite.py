"""The instances of the comparison: what is solved, from where, under which noise, and how far.

All are small, and their hyper-gradient is known exactly. ``measure`` is ||grad phi(x)||; on the strict saddle it is
infinite where grad^2 phi(x) has an eigenvalue below -1/2, so that a target there is a second-order point. On the agents
every answer about the mean counts one call for each agent, as it does in the distributed solver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from synthetic.agents import heterogeneous_agents
from synthetic.arrays import norm
from synthetic.finite_sum import finite_sum
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.noise import Gaussian, Minibatch, Noise, NoNoise
from synthetic.polynomial import skewed_polynomial
from synthetic.relaxed_smooth import relaxed_smooth
from synthetic.saddle import strict_saddle

SIGMA = 0.01
"""Standard deviation of every coordinate of a stochastic answer: gradients, and Hessian and Jacobian products alike."""
GAUSSIAN = Gaussian(SIGMA, SIGMA, sigma_h=SIGMA)


@dataclass(frozen=True)
class Instance:
    """``x0`` one coordinate for all, or each; y0 = 0. ``eps``: log10 of the smallest target; L_x, L_y: the units of the
    step sizes, about the curvatures of phi and of g in y. ``curvature``: a target also asks grad^2 phi >= -curvature.
    """

    build: Callable[[], Any]
    noise: Noise
    x0: tuple[float, ...]
    eps: str
    L_x: float
    L_y: float
    what: str
    agents: int = 1
    curvature: float = float("inf")

    @property
    def exact(self) -> bool:
        return isinstance(self.noise, NoNoise)

    @property
    def problem(self) -> Any:
        return _built(self.build)

    def start(self) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.x0, dtype=float), (self.problem.dim_x,)).copy()

    def measure(self, x: np.ndarray) -> np.ndarray:
        """What must be <= eps, shape (...); NaN (a diverged lane) counts as infinite."""
        size = np.asarray(norm(self.problem.hypergrad(x)))
        if self.curvature < np.inf:
            finite = np.where(np.isfinite(x), x, 0.0)
            lowest = np.linalg.eigvalsh(self.problem.hyperhess(finite))[..., 0]
            size = np.where(lowest >= -self.curvature, size, np.inf)
        return np.where(np.isnan(size), np.inf, size)


@lru_cache(maxsize=32)
def _built(build: Callable[[], Any]) -> Any:
    return build()


def lq(kappa: float, d: int = 4) -> LinearQuadratic:
    """Curvatures of g from 1/kappa to 1, f = ||x||^2/2 + (c0 + x/2)'z + ||z||^2/4 with z = y - x/2, d_x = d_y = d."""
    eye = np.eye(d)
    curvatures = np.geomspace(1 / kappa, 1, d)
    return LinearQuadratic(
        np.diag(curvatures), eye / 2, eye / 2, np.full(d, 0.5), eye / 2, QuadraticHyper((1.0,) * d),
        name=f"lq, kappa {kappa:g}",
    )  # fmt: skip


def _lq(kappa: float) -> Callable[[], Any]:
    return lru_cache(maxsize=1)(lambda: lq(kappa))


SUITE: dict[str, Instance] = {
    "lq-1": Instance(_lq(1), GAUSSIAN, (1.0,), "-3/2", 1, 1, "linear-quadratic, condition number 1, noise"),
    "lq-4": Instance(_lq(4), GAUSSIAN, (1.0,), "-3/2", 1, 1, "linear-quadratic, condition number 4, noise"),
    "lq-16": Instance(_lq(16), GAUSSIAN, (1.0,), "-1", 1, 1, "linear-quadratic, condition number 16, noise"),
    "lq-4-exact": Instance(_lq(4), NoNoise(), (1.0,), "-2", 1, 1, "the same without noise: exact oracles"),
    "polynomial": Instance(
        skewed_polynomial, GAUSSIAN, (1.0,), "-3/2", 2, 4, "cubic and quartic terms in both levels, nonconvex, noise"
    ),
    "relaxed-smooth": Instance(
        relaxed_smooth, GAUSSIAN, (3.0, 1.0, 1.0), "-1", 1, 3,
        "upper level of unbounded smoothness: ||grad phi|| is 10 at the start, noise",
    ),
    "finite-sum": Instance(
        finite_sum, Minibatch(1, 1), (1.0,), "-1", 1, 3, "8 terms in each level, one term of each a sample"
    ),
    "strict-saddle": Instance(
        lru_cache(maxsize=1)(lambda: strict_saddle(coupling=0.25)), GAUSSIAN, (0.0, 1.0, 1.0), "-1", 1, 2,
        "starts on the way into a strict saddle; the target is a second-order point, noise", curvature=0.5,
    ),
    "agents": Instance(
        lru_cache(maxsize=1)(lambda: heterogeneous_agents(m=2)), NoNoise(), (1.0,), "-2", 2, 3,
        "2 agents whose hyper-gradients do not average, exact oracles; each agent's call counts", agents=2,
    ),
}  # fmt: skip
