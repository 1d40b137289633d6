"""Algorithm 1 of paper 004 with noise and exactly the parameters of Theorem 3.1, the lower-level updates in law.

    g = (mu y_1^2 + a (y_2 - b x)^2)/2,  f = q(x) + m y_2 + (h/2)(y_2 - b x)^2,  q' = clip(x, -G, G) - m b

so phi' = clip(x, -G, G), w = y_2 - b x, z*_2(w) = (m + h w)/a; y_1 = z_1 = 0 throughout. Every oracle adds Gaussian
noise: sigma_f to F_x and to F_y, sigma_g2 to the entries of the Hessian and of the mixed derivative that act, sigma_g1
to G_y. A periodic update is N steps of SGD on a quadratic, averaged: without the projection its result is Gaussian with
known mean and variance, drawn here at once; that the projection never acts is certified by a tail bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil, exp, expm1, log, log1p, sqrt
from typing import Any

import numpy as np

from solvers.compiled import njit
from verify.evidence import Instance

NAMES = ("mu", "a", "b", "m", "h", "G", "x0", "eps", "tiny", "sigma_f", "sigma_g1", "sigma_g2", "delta")


@dataclass(frozen=True)
class Plan:
    """The parameters of Theorem 3.1 for an instance, and what they cost."""

    K_0: float
    K_1: float
    C: float
    share: float
    """1 - beta"""
    nu: float
    eta: float
    period: int
    steps: int
    gamma: float
    N: int
    keep: float
    """factor on the error of y in one update"""
    spread: float
    """standard deviation that one update adds"""
    acts: float
    """bound of the probability that the projection ever acts"""
    start: float
    """|y_0 - y*(x_0)|: a quarter of the radius, inside E_0"""

    @property
    def calls(self) -> int:
        """Samples of the lower level that a literal run draws (each one a step of Algorithm 2)."""
        return self.steps // self.period * self.N


def average_law(gamma: float, a: float, sigma: float, N: int) -> tuple[float, float]:
    """Mean factor and standard deviation of the mean of N steps e' = (1 - gamma a) e - gamma xi, xi ~ N(0, sigma^2)."""
    rate = log1p(-gamma * a)
    once, twice = -expm1(N * rate), -expm1(2 * N * rate)
    rho = exp(rate)
    keep = rho * once / (N * gamma * a)
    inside = N - 2 * rho * once / (gamma * a) + rho**2 * twice / (gamma * a * (2 - gamma * a))
    return keep, sigma / (N * a) * sqrt(max(inside, 0.0))


def plan(row: Instance) -> Plan:
    """Theorem 3.1 with (14), (44) to (46); the constants of the class by hand (see the module's docstring)."""
    n = {k: float(row[k]) for k in NAMES}
    mu, a, b, m, h, eps, tiny = (n[k] for k in ("mu", "a", "b", "m", "h", "eps", "tiny"))
    C, M, stretch = a * abs(b), abs(m), sqrt(1 + (a * b / mu) ** 2)
    bend = abs(h) * sqrt(1 + b * b)
    L_x0 = 1 + b * b * abs(h) + abs(b * h)
    K_0 = stretch * (L_x0 + tiny * C * M / mu + C / mu * (bend + tiny * M))
    K_1 = stretch * tiny
    noise = n["sigma_f"] ** 2 + 2 * M**2 / mu**2 * n["sigma_g2"] ** 2
    cap = min(1.0, mu**2 / (32 * C**2))
    entries = [eps**2 / noise * cap, 0.25]
    if n["sigma_g2"] > 0:
        entries += [C**2 / (8 * n["sigma_g2"] ** 2), mu**2 / (16 * n["sigma_g2"] ** 2)]
    share = min(entries)
    Delta = n["G"] ** 2 / 2 + n["G"] * max(n["x0"] - n["G"], 0) if n["x0"] > n["G"] else n["x0"] ** 2 / 2
    slope, gap2 = min(n["x0"], n["G"]), (m / a) ** 2  # z_0 = 0
    period = max(1, ceil(n["sigma_g1"] ** 2 * K_0**2 / (mu * eps) ** 2 * (1 - 1e-12)))
    slow = min(1 / K_1, eps / K_0, Delta / slope, eps * Delta / (C**2 * gap2) if gap2 else np.inf)
    eta = min(slow * share / 8, 1 / (stretch * 2 * tiny), mu * eps / (8 * K_0 * period * C))
    steps = ceil(4 * Delta / (eta * eps))
    u = log(2 * steps / (n["delta"] * period))
    lam = max(sqrt(3 * u), u)
    q = lam + sqrt(lam + 1)
    gamma = mu * eps**2 / (512 * K_0**2 * n["sigma_g1"] ** 2 * sqrt(lam + 1) * q)
    N = ceil(4096 * n["sigma_g1"] ** 2 * K_0**2 * q**2 / (mu * eps) ** 2)
    keep, spread = average_law(gamma, a, n["sigma_g1"], N)
    radius = eps / (4 * K_0)
    start = radius / 4
    # |y_t - y*| <= start + drift at the beginning of an update, up to 10 spreads; an inner iterate's own deviation
    free = radius - 2 * (start + period * eta * abs(b)) - 10 * spread
    wander = n["sigma_g1"] * sqrt(gamma / (a * (2 - gamma * a)))
    acts = min(1.0, 2 * N * (steps / period) * exp(-0.5 * (free / wander) ** 2)) if free > 0 else 1.0
    return Plan(K_0, K_1, C, share, share / mu, eta, period, steps, gamma, N, keep, spread, acts, start)


@njit(cache=True)
def _loop(
    rng: Any, K: int, period: int, a: float, b: float, m: float, h: float, G: float, x: float, w: float,
    share: float, nu: float, eta: float, keep: float, spread: float, s_f: float, s_2: float,
) -> tuple[float, float]:  # fmt: skip
    """(mean of |phi'(x_k)|, largest |y_k - y*(x_k)|) of one run."""
    z, average, total, far = 0.0, 0.0, 0.0, abs(w)
    for k in range(K):
        slope = min(G, max(-G, x))
        total += abs(slope)
        far = max(far, abs(w))
        F_x = slope - m * b - b * h * w + s_f * rng.standard_normal()
        sample = F_x - (-a * b + s_2 * rng.standard_normal()) * z
        F_y = m + h * w + s_f * rng.standard_normal()
        new = w
        if k > 0 and k % period == 0:
            new = keep * w + spread * rng.standard_normal()
        z = z - nu * ((a + s_2 * rng.standard_normal()) * z - F_y)
        average = (1 - share) * average + share * sample
        step = eta if average > 0 else -eta
        x = x - step
        w = new + b * step  # y_{k+1} against y*(x_{k+1})
    return total / K, far


@cache
def _runs(key: tuple[tuple[str, str], ...], seeds: int) -> tuple[tuple[float, float], ...]:
    row = dict(key)
    p = plan(row)
    n = {k: float(row[k]) for k in NAMES}
    return tuple(
        _loop(
            np.random.Generator(np.random.Philox(key=[2004, seed])), p.steps, p.period, n["a"], n["b"], n["m"], n["h"],
            n["G"], n["x0"], p.start, p.share, p.nu, p.eta, p.keep, p.spread, n["sigma_f"], n["sigma_g2"],
        )
        for seed in range(seeds)
    )  # fmt: skip


def runs(row: Instance, seeds: int) -> np.ndarray:
    """(seeds, 2): the mean gradient and the largest lower-level error of each run."""
    return np.array(_runs(tuple((k, str(row[k])) for k in NAMES), seeds))
