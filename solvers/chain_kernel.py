r"""Runs of the separable hard instance at speed: literal, or skipping exactly over the steps without a hit.

In units u = x/beta (U = identity) and gradients divided by L_1 beta/L_bar = 4 eps, one outer step is

    Phi = grad + (sum_j w_j c_j - 1) hidden,   c_j = mean of S Bernoulli(gamma)/gamma,   sum_j w_j = 1
    m = (1 - a) m + a Phi,   u = u - h m  (or h m/||m||),

which is SGD and stocBiO's outer step (one weight 1), NSGD with momentum (a < 1), and F2SA-p's (w_j = alpha_j j, samples
independent over the nodes; G_x = 0 there). The target ||grad phi|| <= eps is ||grad|| <= 1/4.

skip: without momentum and normalisation the walk is deterministic between hits, so the number of steps to the next hit
is drawn at once, Geometric(1 - (1 - gamma)^{nodes S}), and steps are taken only until nothing moves any more (by less
than ``still`` = 1e-8 of ||u||). Coordinates that have settled (each moves by less than ``hold`` = 1e-6 of itself a
step, and four links or more lie between them and the last) are held for 256 steps at a time: they enter the others only
through s and through the one link next to the window. Randomness is drawn at hits alone, so that walks of one seed with
different tolerances see the same hits and can differ only where a threshold is crossed a step earlier or later; a test
takes hold = 0, still = 1e-12 (nothing held, all steps taken) and finds the same counts, seed by seed. The price does
not depend on gamma. A batch S so large that it holds many hits is drawn as one binomial number of hits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.base import check_count, check_positive
from solvers.compiled import njit
from synthetic.errors import InputError

RADIUS, RIDGE, TARGET = 230.0, 0.2, 0.25
PERIOD = 256
HALF_PHI = math.sqrt(math.pi * math.e / 2)


@njit(cache=True)
def _gradient(u: np.ndarray, g: np.ndarray, out: np.ndarray, window: np.ndarray) -> tuple[int, float]:
    """out = J g(rho(u)) + u/5; returns the hidden coordinate (T: none) and s.

    ``window`` = (lo, hi, sum_{i<lo} u_i^2, sum_{i<lo} u_i g_i): only lo <= i < hi are computed; u_i = 0 from hi on.
    """
    T = len(u)
    R2 = RADIUS * RADIUS * T
    lo, hi = int(window[0]), int(window[1])
    square, along = window[2], window[3]
    for i in range(lo, hi):
        square += u[i] * u[i]
    s = math.sqrt(1.0 + square / R2)
    seen = 0
    a, p0 = 1.0, 1.0
    if lo > 0:
        a = u[lo - 1] / s
        v = 1.0 / (2.0 * abs(a) - 1.0) if abs(a) > 0.5 else 99.0
        p0 = math.exp(1.0 - v * v) if v < 28.0 else 0.0
    for i in range(lo, hi):
        b = u[i] / s
        if abs(b) > 0.25:
            seen = i + 1
        g[i] = -p0 * math.sqrt(math.e) * math.exp(-0.5 * b * b)  # Q_b of link i
        if i > lo and abs(a) > 0.5:
            v = 1.0 / (2.0 * abs(a) - 1.0)
            if v < 28.0:
                bell = HALF_PHI * math.erfc(-(1.0 if a > 0 else -1.0) * b / math.sqrt(2.0))
                g[i - 1] -= 4.0 * v**3 * math.exp(1.0 - v * v) * bell
        a = b
        v = 1.0 / (2.0 * abs(b) - 1.0) if abs(b) > 0.5 else 99.0
        p0 = math.exp(1.0 - v * v) if v < 28.0 else 0.0
    if hi < T and abs(a) > 0.5:  # link hi + 1 at u = 0: Phi(0)
        v = 1.0 / (2.0 * abs(a) - 1.0)
        if v < 28.0:
            g[hi - 1] -= 4.0 * v**3 * math.exp(1.0 - v * v) * HALF_PHI
    i = lo - 1
    while seen == 0 and i >= 0:
        if abs(u[i] / s) > 0.25:
            seen = i + 1
        i -= 1
    for i in range(lo, hi):
        along += u[i] * g[i]
    along /= R2 * s**3
    for i in range(lo, hi):
        out[i] = g[i] / s - u[i] * along + RIDGE * u[i]
    return seen, s


@njit(cache=True)
def _hits(n: int, gamma: float, rng: np.random.Generator) -> int:
    """Binomial(n, gamma): from geometric gaps while few are expected, by inversion around the mean else."""
    if n * gamma > 50.0:
        return rng.binomial(n, gamma)
    count, place = 0, -1
    while True:
        place += 1 + int(math.log(1.0 - rng.random()) / math.log1p(-gamma))
        if place >= n:
            return count
        count += 1


@njit(cache=True)
def _walk(
    T: int,
    gamma: float,
    h: float,
    a: float,
    weights: np.ndarray,
    S: int,
    normalise: bool,
    skip: bool,
    most: int,
    hold: float,
    still: float,
    rng: np.random.Generator,
    reveal: np.ndarray,
    sign: np.ndarray,
) -> int:
    """Steps until ||grad|| <= 1/4, or -1 after ``most``. reveal[k]: first step after which prog_0 >= k + 1; sign[k]:
    of the weights that were hit then."""
    u, g, d, m = np.zeros(T), np.zeros(T), np.zeros(T), np.zeros(T)
    n = len(weights) * S
    any_hit = -math.expm1(n * math.log1p(-gamma)) if gamma < 1.0 else 1.0
    R2 = RADIUS * RADIUS * T
    steps, waiting, known, held = 0, -1, 0, 0
    window = np.zeros(4)
    while steps < most:
        if held == 0:
            window[0], window[2], window[3] = 0.0, 0.0, 0.0
        window[1] = min(T, known + 1)
        lo, hi = int(window[0]), int(window[1])
        hidden, s = _gradient(u, g, d, window)
        if np.dot(d[lo:hi], d[lo:hi]) <= TARGET * TARGET:
            if lo == 0:
                return steps
            held = 0
            continue
        factor = 0.0
        if gamma >= 1.0:
            factor = 1.0
        elif skip:
            if waiting < 0:
                waiting = int(math.log(1.0 - rng.random()) / math.log1p(-any_hit)) if any_hit < 1.0 else 0
            if waiting == 0:
                first = n
                while first >= n:  # place of the first hit among the n samples of this step, given there is one
                    first = int(math.log(1.0 - rng.random()) / math.log1p(-gamma))
                factor = weights[first // S]
                place = first
                while True:
                    place += 1 + int(math.log(1.0 - rng.random()) / math.log1p(-gamma))
                    if place >= n:
                        break
                    factor += weights[place // S]
                factor /= gamma * S
            waiting -= 1
        elif S == 1:
            for i in range(n):
                if rng.random() < gamma:
                    factor += weights[i]
            factor /= gamma
        else:
            for i in range(len(weights)):
                factor += weights[i] * _hits(S, gamma, rng)
            factor /= gamma * S
        if hidden < T:
            change = (factor - 1.0) * g[hidden]
            along = u[hidden] * change / (R2 * s**3)
            for i in range(lo, hi):
                d[i] -= u[i] * along
            d[hidden] += change / s
        for i in range(lo, hi):
            m[i] = (1.0 - a) * m[i] + a * d[i]
        size = math.sqrt(np.dot(m[lo:hi], m[lo:hi]))
        scale = h / size if normalise and size > 0 else (0.0 if normalise else h)
        for i in range(lo, hi):
            u[i] -= scale * m[i]
        steps += 1
        while known < T and u[known] != 0.0:
            reveal[known] = steps
            sign[known] = 1 if factor > 0.0 else -1
            known += 1
        if not skip:
            continue
        held -= 1
        if held < 0:  # everything was computed: what has settled is held for the next PERIOD steps
            settled = 0
            while settled < hi - 4 and h * abs(d[settled]) <= hold * abs(u[settled]):
                settled += 1
            settled = max(0, settled - 1)
            window[0], window[2], window[3] = settled, 0.0, 0.0
            for i in range(settled):
                window[2] += u[i] * u[i]
                window[3] += u[i] * g[i]
            held = PERIOD
        if waiting > 0 and factor == 0.0 and h * size <= still * math.sqrt(np.dot(u[:hi], u[:hi])):
            steps += waiting
            waiting, held = 0, 0
    return -1


@dataclass(frozen=True)
class Walk:
    """One configuration. ``cost``: calls of one step; h > 0; 0 < a <= 1; weights w_j with sum 1."""

    T: int
    gamma: float
    h: float
    cost: int = 1
    weights: tuple[float, ...] = (1.0,)
    S: int = 1
    a: float = 1.0
    normalise: bool = False
    skip: bool = False
    most: int = 10**9
    hold: float = 1e-6
    still: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("T", "cost", "S", "most"):
            check_count(name, getattr(self, name))
        for name in ("gamma", "h", "a"):
            check_positive(name, getattr(self, name))
        if not (0 <= self.hold < 1 and 0 <= self.still < 1):
            raise InputError("hold, still", (self.hold, self.still), "pass tolerances from 0 to below 1")
        if self.gamma > 1 or self.a > 1:
            raise InputError("gamma, a", (self.gamma, self.a), "pass probabilities and averages of at most 1")
        if abs(sum(self.weights) - 1) > 1e-9:
            raise InputError("weights", self.weights, "the estimator must be unbiased: weights sum to 1")
        if self.skip and (self.normalise or self.a != 1):
            raise InputError("skip", True, "steps can be skipped without momentum and normalisation only")


@dataclass(frozen=True)
class Walked:
    """``calls`` of each seed (spent in vain when not ``hit``); ``reveal`` (seeds, T): calls when prog_0 >= k + 1.

    ``sign`` (seeds, T): of the weights whose hit revealed it, 0 where none did or the kernel does not say.
    """

    calls: tuple[int, ...]
    hit: tuple[bool, ...]
    reveal: np.ndarray
    sign: np.ndarray | None = None


def walk(config: Walk, seeds: Sequence[int]) -> Walked:
    """Run every seed."""
    weights = np.asarray(config.weights, dtype=float)
    calls, hit, rows, signs = [], [], [], []
    for seed in seeds:
        reveal, sign = np.full(config.T, -1, dtype=np.int64), np.zeros(config.T, dtype=np.int64)
        rng = np.random.Generator(np.random.Philox(int(seed)))
        found: Any = _walk(
            config.T, config.gamma, config.h, config.a, weights, config.S, config.normalise, config.skip,
            config.most, config.hold, config.still, rng, reveal, sign,
        )  # fmt: skip
        hit.append(found >= 0)
        calls.append(int(config.most if found < 0 else max(1, found)) * config.cost)
        rows.append(np.where(reveal >= 0, reveal * config.cost, -1))
        signs.append(sign)
    return Walked(tuple(calls), tuple(hit), np.asarray(rows), np.asarray(signs))
