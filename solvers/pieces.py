"""What several solvers are built of: starts, projections, the recursive momentum, SGD in y, Neumann series.

All of it is pure; every random answer comes from an oracle call at an address that the caller names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.base import check_count, check_positive
from synthetic.arrays import Array, as_vectors, like, namespace, norm, to_numpy
from synthetic.errors import InputError
from synthetic.oracle import Counts, StochasticOracle
from synthetic.philox import Address, indices
from synthetic.problem import BilevelProblem

TRUNCATION = 16
"""Philox stream of the random truncation of a Neumann series (16 and above are free for solvers)."""


def start(problem: BilevelProblem, x0: Array, y0: Array | None = None) -> tuple[Array, Array]:
    """(x, y) of one batch shape: x (..., dx) as given, y (..., dy) from y0 (default zero)."""
    x = as_vectors("x0", x0, problem.dim_x)
    xp = namespace(x)
    y = like(np.zeros(problem.dim_y), x) if y0 is None else as_vectors("y0", y0, problem.dim_y)
    return x, xp.broadcast_to(y, (*x.shape[:-1], problem.dim_y)) + 0.0


def check_fields(solver: Any, positive: tuple[str, ...] = (), counts: tuple[str, ...] = ()) -> None:
    """The named fields of a configuration: numbers > 0, integers >= 1."""
    for name in positive:
        check_positive(name, getattr(solver, name))
    for name in counts:
        check_count(name, getattr(solver, name))


def check_all_positive(**values: Any) -> None:
    """Every argument, under its own name, a number > 0."""
    for name, value in values.items():
        check_positive(name, value)


def check_share(name: str, value: Any) -> None:
    """A number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0 <= value <= 1:
        raise InputError(name, value, "pass a number from 0 to 1")


def least(a: Any, b: Any) -> Any:
    """min(a, b), also where one of them is an array: a number for each of several configurations side by side."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return min(a, b)
    return np.minimum(a, b)


def times(n: int, **calls: int) -> Counts:
    """n times the given calls, e.g. times(T, G=2, sfo=2)."""
    return Counts(**{kind: n * number for kind, number in calls.items()})


def ball(v: Array, radius: float, centre: Array | float = 0.0) -> Array:
    """Projection of v (..., n) onto {||v - centre|| <= radius}."""
    xp = namespace(v)
    away = v - centre
    size = norm(away)[..., None]
    outside = size > radius
    return xp.where(outside, centre + away * (radius / xp.where(outside, size, xp.ones_like(size))), v)


def unit(v: Array) -> Array:
    """v/||v||, and 0 where v = 0 (a zero vector has no direction: the iterate stays)."""
    xp = namespace(v)
    size = norm(v)[..., None]
    return xp.where(size > 0, v / xp.where(size > 0, size, xp.ones_like(size)), xp.zeros_like(v))


def storm(eta: float, new: Array, old: Array, previous: Array) -> Array:
    """Recursive momentum eta new + (1 - eta)(previous + new - old); ``new``, ``old``: ONE sample at two points."""
    return eta * new + (1 - eta) * (previous + new - old)


def descend(
    oracle: StochasticOracle, x: Array, y: Array, eta: float, K: int, *, step: int, samples: int = 1, first: int = 0
) -> Array:
    """K steps y - eta G_y(x, y), sample addresses inner = first .. first + K - 1. Costs K samples calls."""
    for k in range(K):
        y = y - eta * oracle.G(x, y, step=step, inner=first + k, samples=samples, part="y")[1]
    return y


def neumann_sum(
    oracle: StochasticOracle, x: Array, y: Array, b: Array, eta: float, samples: tuple[int, ...], *, step: int,
    first: int,
) -> Array:  # fmt: skip
    """eta sum_{q=0}^Q prod_{i<=q} (I - eta H_i) b with Q = len(samples) and H_i a mean of samples[i] Hessians.

    E[.] - H^{-1} b = -(I - eta H)^(Q+1) H^{-1} b: norm at most (1 - eta mu)^(Q+1) ||b||/mu when eta <= 1/L.
    Addresses inner = first + i; costs sum(samples) HVP.
    """
    total = r = b
    for i, n in enumerate(samples):
        r = r - eta * oracle.hvp(x, y, r, step=step, inner=first + i, samples=n)
        total = total + r
    return eta * total


def neumann_term(
    oracle: StochasticOracle, x: Array, y: Array, b: Array, L: float, Q: int, *, step: int, first: int, samples: int = 1
) -> Array:
    """(Q/L) prod_{i<=p} (I - H_i/L) b with p uniform on 0 .. Q - 1: in expectation the Neumann sum of Q terms.

    E[.] - H^{-1} b = -(I - H/L)^Q H^{-1} b. Costs p samples HVP, p from :func:`truncation`.
    """
    r = b
    for i in range(truncation(oracle.experiment, step, Q)):
        r = r - oracle.hvp(x, y, r, step=step, inner=first + i, samples=samples) / L
    return (Q / L) * r


def truncation(experiment: int, step: int, Q: int) -> int:
    """p of step t, uniform on 0 .. Q - 1. The same for all seeds of an experiment, because counts are those of one
    run and so must agree between the runs side by side; another experiment draws anew.
    """
    return int(to_numpy(indices(Address(experiment, 0, step, stream=TRUNCATION), 1, Q))[0])
