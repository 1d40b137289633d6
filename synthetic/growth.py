"""Scalar functions whose curvature grows with their slope: s'' <= a + w |s'|, the shape of relaxed smoothness.

Each is even and convex with s(0) = s'(0) = 0 and certifies ``a`` for ``w`` (proof in its docstring).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sympy as sp

from synthetic.arrays import Array, namespace
from synthetic.errors import InputError
from synthetic.hyper import dimension, positive, rational


class Growth(Protocol):
    """s with derivatives 0 to 2, and (a, w) with s''(t) <= a + w |s'(t)| for all t."""

    @property
    def a(self) -> float: ...

    @property
    def w(self) -> float: ...

    def at(self, t: Array, derivative: int) -> Array: ...

    def expr(self, t: sp.Expr) -> sp.Expr: ...


@dataclass(frozen=True)
class Exponential:
    """s(t) = a (cosh(w t) - 1)/w^2: s' = a sinh(w t)/w, s'' = a cosh(w t).

    s'' <= a + w |s'| because cosh <= 1 + |sinh|; the bound is reached at t = 0, and w cannot be lowered since
    s''/|s'| -> w.
    """

    a: float = 1.0
    w: float = 1.0

    def __post_init__(self) -> None:
        for name in ("a", "w"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))

    def at(self, t: Array, derivative: int) -> Array:
        xp = namespace(t)
        if derivative == 0:
            return 2 * self.a * xp.sinh(self.w * t / 2) ** 2 / self.w**2  # cosh - 1 without cancellation
        return self.a * (xp.sinh(self.w * t) / self.w if derivative == 1 else xp.cosh(self.w * t))

    def expr(self, t: sp.Expr) -> sp.Expr:
        a, w = rational(self.a), rational(self.w)
        return a * (sp.cosh(w * t) - 1) / w**2


@dataclass(frozen=True)
class Power:
    """s(t) = c t^2/2 + b t^q/q, q >= 4 even: s' = c t + b t^(q-1), s'' = c + b (q-1) t^(q-2).

    For t >= 0 and any w > 0, s'' - w s' <= c + b [(q-1) t^(q-2) - w t^(q-1)]; the bracket is largest at t = (q-2)/w,
    where it is ((q-2)/w)^(q-2). So a = c + b ((q-2)/w)^(q-2): every w has its a, the least for c = 0.
    """

    b: float = 1.0
    q: int = 4
    w: float = 1.0
    c: float = 0.0

    def __post_init__(self) -> None:
        for name in ("b", "w"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        object.__setattr__(self, "q", dimension("q", self.q))
        if self.q < 4 or self.q % 2:
            raise InputError("q", self.q, "pass an even power >= 4")
        if isinstance(self.c, bool) or not isinstance(self.c, int | float) or not 0 <= self.c < np.inf:
            raise InputError("c", self.c, "pass a finite number >= 0")

    @property
    def a(self) -> float:
        return self.c + self.b * ((self.q - 2) / self.w) ** (self.q - 2)

    def at(self, t: Array, derivative: int) -> Array:
        b, c, q = self.b, self.c, self.q
        if derivative == 0:
            return c * t**2 / 2 + b * t**q / q
        return c * t + b * t ** (q - 1) if derivative == 1 else c + b * (q - 1) * t ** (q - 2)

    def expr(self, t: sp.Expr) -> sp.Expr:
        return rational(self.c) * t**2 / 2 + rational(self.b) * t**self.q / self.q
