"""UpdateLower: the periodic updates of the lower level (paper 004, Algorithm 2).

    if k > 0 and I divides k:   y^0 = y_k;  for t < N:  y^{t+1} = P_{B(y^0, R)}( y^t - gamma G_y(x_k, y^t) );
                                y_{k+1} = 1/N sum_{t=1}^N y^t
    else                        y_{k+1} = y_k

The print updates the running mean as ybar^{t+1} = t/(t+1) ybar^t + 1/(t+1) y^{t+1}; its ybar^0 has weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, sqrt

from solvers.pieces import ball, check_fields
from synthetic.arrays import Array
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle

NODE = 2
"""Sample addresses: node 2, step k, inner t (the main loop of BO-REP uses node 0, Epoch-SGD node 1)."""


def confidence(events: float, delta: float) -> float:
    """lambda = max( sqrt(3 ln(2 events/delta)), ln(2 events/delta) ): Eq. (46) and the one of Lemma D.2."""
    if not 0 < delta < 1:
        raise InputError("delta", delta, "pass a failure probability in (0, 1)")
    log_ = log(2 * max(1.0, events) / delta)  # fewer than one event is one: the union bound is over whole periods
    return max(sqrt(3 * log_), log_)


@dataclass(frozen=True)
class UpdateLower:
    """Configuration: period I, N steps, step size gamma, radius R."""

    I: int
    N: int
    gamma: float
    R: float

    def __post_init__(self) -> None:
        check_fields(self, ("gamma", "R"), ("I", "N"))

    @classmethod
    def theorem(
        cls, eps: float, delta: float, *, K_0: float, mu: float, sigma: float, period: int, K: int
    ) -> UpdateLower:
        """Eqs. (44)-(46) and R = eps/(4 K_0); sigma = sigma_{g,1}, K outer steps. N is rounded up to an integer."""
        lam = confidence(K / period, delta)
        factor = lam + sqrt(lam + 1)
        gamma = mu * eps**2 / (512 * K_0**2 * sigma**2 * sqrt(lam + 1) * factor)
        N = 64**2 * sigma**2 * K_0**2 * factor**2 / (mu**2 * eps**2)
        return cls(period, max(1, ceil(N)), gamma, eps / (4 * K_0))

    def calls(self, K: int) -> int:
        """SFO calls (all G) in K outer steps k = 0 .. K - 1."""
        return self.N * ((K - 1) // self.I)

    def run(self, oracle: StochasticOracle, x: Array, y: Array, k: int) -> Array:
        """y_{k+1} from (x_k, y_k)."""
        if k == 0 or k % self.I:
            return y
        centre, total = y, 0.0 * y
        for t in range(self.N):
            slope = oracle.G(x, y, step=k, inner=t, node=NODE, part="y")[1]
            y = ball(y - self.gamma * slope, self.R, centre)
            total = total + y
        return total / self.N
