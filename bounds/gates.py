r"""Smooth steps gamma_{a,b}: 0 up to a, 1 from b, and their first two derivatives.

"smooth"   gamma(t) = e(t - a)/(e(t - a) + e(b - t)),  e(s) = exp(-1/s):  C^infinity
"quintic"  gamma(t) = u^3 (10 - 15 u + 6 u^2),  u = (t - a)/(b - a):      C^2, far smaller derivatives
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from synthetic.arrays import Array, namespace
from synthetic.errors import InputError

GateKind = Literal["smooth", "quintic"]
EDGE = 1 / 700
"""exp(-1/EDGE) is nearly zero in double precision: closer to an end the smooth step is constant to all digits."""


@dataclass(frozen=True)
class Gate:
    """gamma_{a,b}, a < b."""

    a: float
    b: float
    kind: GateKind

    def __post_init__(self) -> None:
        if self.kind not in ("smooth", "quintic"):
            raise InputError("gates", self.kind, 'choose "smooth" or "quintic"')

    def __call__(self, t: Array, derivative: int = 0) -> Array:
        """gamma or its first or second derivative, elementwise, exact at and beyond the ends."""
        xp = namespace(t)
        inside = (t > self.a) & (t < self.b)
        safe = xp.where(inside, t, xp.ones_like(t) * (0.5 * (self.a + self.b)))
        found = self._quintic(safe, derivative) if self.kind == "quintic" else self._smooth(safe, derivative)
        outside = xp.zeros_like(t) if derivative else xp.where(t >= self.b, xp.ones_like(t), xp.zeros_like(t))
        return xp.where(inside, found, outside)

    def _quintic(self, t: Array, derivative: int) -> Array:
        width = self.b - self.a
        u = (t - self.a) / width
        if derivative == 0:
            return u * u * u * (10 - 15 * u + 6 * u * u)
        if derivative == 1:
            return 30 * u * u * (1 - u) ** 2 / width
        return 60 * u * (1 - u) * (1 - 2 * u) / width**2

    def _smooth(self, t: Array, derivative: int) -> Array:
        ns = namespace(t)
        floor = ns.ones_like(t) * EDGE
        left = ns.where(t - self.a > EDGE, t - self.a, floor)
        right = ns.where(self.b - t > EDGE, self.b - t, floor)
        r = 1 / left - 1 / right
        small = ns.exp(-ns.abs(r))
        gate = ns.where(r > 0, small, ns.ones_like(t)) / (1 + small)
        if derivative == 0:
            return gate
        bell = small / (1 + small) ** 2
        r1 = -1 / left**2 - 1 / right**2
        if derivative == 1:
            return -bell * r1
        return bell * ((1 - 2 * gate) * r1 * r1 - (2 / left**3 - 2 / right**3))

    def bound(self, derivative: int) -> float:
        """sup |gamma^(k)|, k = 1, 2, 3: exact for the quintic (k = 3: between the ends, the Lipschitz constant of
        gamma''); the largest of 200,001 values, raised by 0.1%, else (k = 3: of their difference quotients, by 1%)."""
        width = self.b - self.a
        if derivative == 3:
            return 60 / width**3 if self.kind == "quintic" else _steepest(self)
        if self.kind == "quintic":
            return 15 / (8 * width) if derivative == 1 else 10 / (3**0.5 * width**2)
        return _largest(self, derivative)


@cache
def _largest(gate: Gate, derivative: int) -> float:
    return 1.001 * float(np.max(np.abs(gate(np.linspace(gate.a, gate.b, 200_001), derivative))))


@cache
def _steepest(gate: Gate) -> float:
    t = np.linspace(gate.a, gate.b, 200_001)
    return 1.01 * float(np.max(np.abs(np.diff(gate(t, 2)) / np.diff(t))))
