r"""The frontier of the chain: the one link that a method is about to cross, cut out smoothly.

    V_i(z)_j = Gamma(|z_j|) for j >= i, else 0,  Gamma = gamma_{1/4,1/2}
    theta(z) = sum_i w_i Q(z_{i-1}, z_i),   w_i = Gamma(1 - ||V_i(z)||) = W(S_i),  S_i = sum_{j >= i} Gamma(|z_j|)^2

in coordinates scaled by eta (theta here times eta^2 is the text's). At most one link is alive at any z: w_i > 0 needs
|z_j| < 1/2 for all j >= i, and Q(z_{i-1}, .) != 0 needs |z_{i-1}| > 1/2, which makes w_{i'} = 0 for all i' < i.
So |theta| <= e Phi(1/2) = 7.77, and with G_k = sup |Gamma^(k)|, on the support 1/2 <= sqrt(S) <= 3/4 of W',

    ||grad theta||   <= |grad Q| + G_1^2 |Q|
    ||grad^2 theta|| <= |grad^2 Q| + 2 G_1^2 |grad Q| + (G_1^2 (G_2 + 2 G_1) + 2 G_1 (G_1^2 + G_2)) |Q|.

Third order, with n = ||V||, N_k = sup ||D^k n|| (N_1 = G_1, N_2 = G_1^2/n + G_2, N_3 = (2/sqrt 3) G_1^3/n^2 + 3 G_1
G_2/n + G_3; n >= 1/2 there) and w = Gamma(1 - n): W_1 = G_1 N_1, W_2 = G_2 N_1^2 + G_1 N_2, W_3 = G_3 N_1^3 + 3 G_2 N_1
N_2 + G_1 N_3, and ||grad^3 theta|| <= |D^3 Q| + 3 W_1 |D^2 Q| + 3 W_2 |D Q| + W_3 |Q|.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bounds import chain
from bounds.gates import Gate, GateKind
from synthetic.arrays import Array, namespace

Q_SUP = math.e * float(chain.phi(np.array(0.5)))
"""sup |Q| over |b| <= 1/2."""
GRAD_Q = math.hypot(4.4571 * Q_SUP / math.e, math.e**1.5)
"""sup |Psi'| Phi(1/2) and e Phi'(0): the two entries of grad Q for |b| <= 1/2."""
HESS_Q = 32.387 * Q_SUP / math.e + 4.4571 * math.sqrt(math.e) + math.e
"""sup |Q_aa| + |Q_ab| + |Q_bb| for |b| <= 1/2."""


THIRD_Q = 457.72 * Q_SUP / math.e + 3 * 32.387 * math.sqrt(math.e) + 3 * 4.4571 + math.e**1.5
"""sup |Q_aaa| + 3 |Q_aab| + 3 |Q_abb| + |Q_bbb| for |b| <= 1/2; Phi's second and third derivatives: 1 and e^(1/2)."""


def _sums_from(values: Array) -> Array:
    """sum_{j >= i} v_j."""
    xp = namespace(values)
    return xp.flip(xp.cumulative_sum(xp.flip(values, axis=-1), axis=-1), axis=-1)


def _sums_to(values: Array) -> Array:
    """sum_{i <= j} v_i."""
    return namespace(values).cumulative_sum(values, axis=-1)


@dataclass(frozen=True)
class Parts:
    """Everything that value, gradient and product share at one z (..., T)."""

    at: chain.Links
    h1: Array
    h2: Array
    w: Array
    w1: Array
    w2: Array


@dataclass(frozen=True)
class Frontier:
    """theta with smooth or quintic gates."""

    gates: GateKind = "quintic"

    @property
    def gate(self) -> Gate:
        return Gate(0.25, 0.5, self.gates)

    def parts(self, z: Array) -> Parts:
        """h = Gamma(|z|)^2 and W with their derivatives."""
        xp, gate = namespace(z), self.gate
        size, sign = xp.abs(z), xp.where(z < 0, -xp.ones_like(z), xp.ones_like(z))
        g0, g1, g2 = (gate(size, k) for k in range(3))
        n = xp.sqrt(_sums_from(g0 * g0))
        low = xp.where(n > 0.25, n, xp.ones_like(n) * 0.25)  # W is constant there: the floor only avoids 0/0
        c0, c1, c2 = (gate(1 - n, k) for k in range(3))
        first = -c1 / (2 * low)
        second = c2 / (4 * low * low) + c1 / (4 * low**3)
        return Parts(chain.links(z), 2 * g0 * g1 * sign, 2 * (g1 * g1 + g0 * g2), c0, first, second)

    def value(self, z: Array) -> Array:
        """theta(z), shape (...)."""
        p = self.parts(z)
        return namespace(z).sum(p.w * p.at.Q, axis=-1)

    def gradient(self, z: Array) -> Array:
        """grad theta(z), shape (..., T)."""
        return self.value_gradient(z)[1]

    def value_gradient(self, z: Array) -> tuple[Array, Array]:
        """Both at the price of one."""
        p = self.parts(z)
        q = p.w1 * p.at.Q
        return namespace(z).sum(p.w * p.at.Q, axis=-1), p.h1 * _sums_to(q) + chain.assemble_gradient(p.at, p.w)

    def product(self, z: Array, d: Array) -> Array:
        """grad^2 theta(z) d, shape (..., T)."""
        p = self.parts(z)
        s = _sums_from(p.h1 * d)
        q = p.at.Q_a * chain.shift_down(d) + p.at.Q_b * d
        moved = _sums_to(p.w2 * s * p.at.Q + p.w1 * q)
        return (
            p.h2 * d * _sums_to(p.w1 * p.at.Q)
            + p.h1 * moved
            + chain.assemble_gradient(p.at, p.w1 * s)
            + chain.assemble_product(p.at, d, p.w)
        )

    @property
    def bounds(self) -> tuple[float, float, float]:
        """(sup |theta|, sup ||grad theta||, sup ||grad^2 theta||): upper bounds, module docstring."""
        g1, g2 = self.gate.bound(1), self.gate.bound(2)
        first = GRAD_Q + g1**2 * Q_SUP
        second = HESS_Q + 2 * g1**2 * GRAD_Q + (g1**2 * (g2 + 2 * g1) + 2 * g1 * (g1**2 + g2)) * Q_SUP
        return Q_SUP, first, second

    @property
    def third_bound(self) -> float:
        """sup ||grad^3 theta||, the Lipschitz constant of grad^2 theta: an upper bound, module docstring."""
        g1, g2, g3 = (self.gate.bound(k) for k in (1, 2, 3))
        n1, n2, n3 = g1, 2 * g1**2 + g2, 8 / 3**0.5 * g1**3 + 6 * g1 * g2 + g3
        w1, w2, w3 = g1 * n1, g2 * n1**2 + g1 * n2, g3 * n1**3 + 3 * g2 * n1 * n2 + g1 * n3
        return THIRD_Q + 3 * w1 * HESS_Q + 3 * w2 * GRAD_Q + w3 * Q_SUP
