"""Literal runs of Algorithm 1 of paper 001 (F2BA) on the instances of ``verify.families_f2ba``, calls counted.

One scalar x; y of dimension 1 or 2. Written for the claims, line by line as the listing is, in doubles or mpmath.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

import mpmath as mp

from synthetic.errors import InputError
from verify.families_f2ba import Function, Point, Vector, solve


@dataclass
class Trace:
    """What a run left behind: errors |estimate - grad L*|, |grad phi|, and first-order calls, per outer step."""

    errors: list[Any] = field(default_factory=list)
    hypergradients: list[Any] = field(default_factory=list)
    calls: int = 0


def gradient(p: Point, parts: list[tuple[Any, Function]], x: Any, y: Vector) -> tuple[Any, Vector]:
    """(d/dx, grad_y) of a weighted sum of functions."""
    z = [x, *y]
    total = [sum(w * h.form(z, p.unit(i)) for w, h in parts) for i in range(1 + p.d)]
    return total[0], total[1:]


def minimiser(p: Point, parts: list[tuple[Any, Function]], x: Any, start: Vector) -> Vector:
    """argmin over y by Newton's method (strongly convex, close start)."""
    y = list(start)
    for _ in range(80):
        slope = gradient(p, parts, x, y)[1]
        H = [
            [sum(w * h.form([x, *y], p.unit(1 + i), p.unit(1 + j)) for w, h in parts) for j in range(p.d)]
            for i in range(p.d)
        ]
        step = solve(H, slope)
        y = [a - b for a, b in zip(y, step)]
        if p.number.norm(step) <= 1e-13 * (1 + p.number.norm(y)):
            return y
    raise InputError("start", start, "Newton's method did not converge; start nearer")


def inner_steps(p: Point, radius: Any, zeta: Any) -> int:
    """K_t of Proposition 4.2, rounded up; 0 where the printed number is negative."""
    argument = 4 * p.lam * p.Lg * radius / zeta
    return max(0, ceil(4 * p.Lg / p.mu * mp.log(argument))) if argument > 0 else 0


def f2ba(p: Point, y0: Vector, *, eta: Any, zeta: Any, outer: int, shorten: int = 1) -> Trace:
    """Algorithm 1 with the parameters of Proposition 4.2, from x = 0; ``shorten`` divides K_t (a wrong schedule).

    Stops early never; records at each x_t the error of line 9 and |grad phi(x_t)|, both from exact minimisers.
    """
    tau, alpha = 1 / (p.Lf + p.lam * p.Lg), 1 / p.Lg
    one = p.number(1)
    lower, penalised = [(one, p.g)], [(one, p.f), (p.lam, p.g)]
    x, y, z = p.number(0), list(y0), list(y0)
    star, starl = list(p.z0[1:]), list(p.zl[1:])
    trace = Trace()
    for t in range(outer):
        radius = p.number.norm(y) + p.Cf / (p.lam * p.mu) if t == 0 else _radius(p, eta, zeta)
        for _ in range(inner_steps(p, radius, zeta) // shorten):
            z = [a - alpha * b for a, b in zip(z, gradient(p, lower, x, z)[1])]
            y = [a - tau * b for a, b in zip(y, gradient(p, penalised, x, y)[1])]
            trace.calls += 3
        star, starl = minimiser(p, lower, x, star), minimiser(p, penalised, x, starl)
        estimate = gradient(p, penalised, x, y)[0] - p.lam * gradient(p, lower, x, z)[0]
        exact = gradient(p, penalised, x, starl)[0] - p.lam * gradient(p, lower, x, star)[0]
        trace.calls += 3
        trace.errors.append(abs(estimate - exact))
        trace.hypergradients.append(abs(_hypergradient(p, x, star)))
        x = x - eta * estimate
    return trace


def _radius(p: Point, eta: Any, zeta: Any) -> Any:
    return zeta / (4 * p.lam * p.Lg) + 4 * p.Lg * eta / p.mu * (zeta + (1 + p.Lg / p.mu) * p.Cf)


def _hypergradient(p: Point, x: Any, star: Vector) -> Any:
    z = [x, *star]
    H = [[p.g.form(z, p.unit(1 + i), p.unit(1 + j)) for j in range(p.d)] for i in range(p.d)]
    v = solve(H, [p.f.form(z, p.unit(1 + i)) for i in range(p.d)])
    coupling = sum(p.g.form(z, p.unit(0), p.unit(1 + i)) * v[i] for i in range(p.d))
    return p.f.form(z, p.unit(0)) - coupling
