"""Epoch-SGD: the refinement of the lower level at the start (paper 004, Algorithm 3).

    for epochs s < k+:   y^0 = y_s;   for t < T_s:  y^{t+1} = P_{B_s}( y^t - alpha_s G_y(x_0, y^t) );
                         y_{s+1} = 1/T_s sum_{t=1}^{T_s} y^t

with B_s = {1/2 ||y - y_s||^2 <= V_0/(mu 2^s)} and T_s, alpha_s of Eqs. (28)-(30): projected SGD on balls that shrink,
each epoch halving g(x_0, y) - g* with high probability. Line 1 of the print initialises with k+, which is the
number of epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, sqrt

from solvers.base import check_positive
from solvers.pieces import ball, check_all_positive
from solvers.update_lower import confidence
from synthetic.arrays import Array
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle

NODE = 1
"""Sample addresses: node 1, step s, inner t."""


@dataclass(frozen=True)
class EpochSGD:
    """Configuration: one (radius, T_s, alpha_s) for each epoch."""

    epochs: tuple[tuple[float, int, float], ...]

    def __post_init__(self) -> None:
        for epoch in self.epochs:
            if len(epoch) != 3 or isinstance(epoch[1], bool) or not isinstance(epoch[1], int) or epoch[1] < 1:
                raise InputError("epochs", epoch, "pass (radius, number of steps, step size) for each epoch")
            check_positive("epochs: radius", epoch[0])
            check_positive("epochs: step size", epoch[2])

    @classmethod
    def theorem(cls, accuracy: float, delta: float, *, V_0: float, mu: float, L: float, sigma: float) -> EpochSGD:
        """Lemma D.2: k+ = ceil(log2(V_0/accuracy)) epochs give g(x_0, y) - g* <= accuracy with probability 1 -
        delta/2; V_0 >= g(x_0, y_0) - g*, sigma = sigma_{g,1}. BO-REP asks for accuracy mu eps^2/(128 K_0^2).
        """
        check_all_positive(accuracy=accuracy, V_0=V_0, mu=mu, L=L, sigma=sigma)
        count = max(0, ceil(log2(V_0 / accuracy)))
        if count == 0:
            return cls(())
        lam, epochs = confidence(count, delta), []
        for s in range(count):
            noisy = 32 * max(sigma**2, 4 * lam**2 * sigma**2) / (mu * V_0 * 2.0 ** -(s + 2))
            steps = ceil(max(16 * L / mu, noisy))
            alpha = min(1 / (2 * L), sqrt(V_0 * 2.0**-s / (2 * mu * steps)) / sigma)
            epochs.append((sqrt(2 * V_0 / (mu * 2.0**s)), steps, alpha))
        return cls(tuple(epochs))

    @property
    def calls(self) -> int:
        """SFO calls, all G."""
        return sum(steps for _, steps, _ in self.epochs)

    def run(self, oracle: StochasticOracle, x: Array, y: Array) -> Array:
        """The refined y."""
        for s, (radius, steps, alpha) in enumerate(self.epochs):
            centre, total = y, 0.0 * y
            for t in range(steps):
                slope = oracle.G(x, y, step=s, inner=t, node=NODE, part="y")[1]
                y = ball(y - alpha * slope, radius, centre)
                total = total + y
            y = total / steps
        return y
