r"""Runs of the coupled hard instance in the limit of small eta, where only dimensionless numbers are left.

Coordinates of :mod:`bounds.coupled` (scaled by eta), Z = kappa x, s' = (kappa - 1)/2. The lower level is solved by SGD
with step eta_y on g + j nu f. Writing z_j = Z + nu kappa W_j and rate = eta_y/kappa, as eta -> 0 with nu/eta, kappa, T
and prob fixed (the remainder is of order eta, at most 5e-6 under the instance's own conditions),

    W_j <- (1 - rate) W_j - rate ( j G_A(Z) + (xi/prob) c_j(k) G_theta(Z) )      k = 0, 1, .. all inner steps so far
    c_j(k) = -psi(v_1(k)) eta/(nu s'),    v_1(k) = (j nu/eta)( kappa (1 - rate)^k/2 - (1 - eta_y)^k/2 - s' )
    Phi/kappa = -sum_j alpha_j W_j,       Z <- Z - h Phi/kappa  (h = kappa^2 eta_x),   or  Z - h Phi/||Phi||

G_A, G_theta: gradients of A(q(z)) + P(z) and of theta(q(z)) at z = Z + (1 - rate)^k lag, where lag is what is left of
earlier moves of Z (it is common to all nodes, so sum_j alpha_j = 0 takes it out of Phi itself). Up to K = 8 every inner
step is taken; beyond, the K steps are cut into at most ``chunks`` pieces that see one z each, one for every ``piece``
that z has still to go, so an outer step needs only where the hits fall, geometric gaps, whatever K is (four pieces
whatever the lag were too few: they raised the median calls by a fifth on a chain of 4 links; a test holds the pieces
to the literal law). While |j nu s'/eta| <= 1, c_j -> j and Phi -> grad phi whatever nu is; beyond 2
the cutoff psi is 0, and nothing of theta is left in Phi: no order p helps.

stocBiO with one Hessian sample a factor, xi/prob_H on grad^2 B: with r = (r_z, rho/eta), e = its eta,

    r_z <- r_z - e ( r_z/kappa - (xi/(prob_H s')) rho_1 G_theta ),  rho <- rho - e M rho,  from (G_A, (0, 1)),

where M = [[d, -s'], [-s', d]]/kappa; v = e sum r and Z <- Z - (h/kappa) v_z. Its y is exact to order eta^2 here.
Target: ||grad phi|| <= kappa/4, that is ||G_A + G_theta|| <= 1/4. Quintic gates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.base import check_count, check_positive
from solvers.chain_kernel import HALF_PHI, Walked
from solvers.compiled import njit
from synthetic.errors import InputError

RADIUS, LAM, TARGET = 230.0, 0.25, 0.25
LITERAL = 8


@njit(cache=True)
def _step(t: float, a: float, b: float) -> tuple[float, float]:
    """The quintic gate and its derivative."""
    if t <= a or t >= b:
        return (1.0 if t >= b else 0.0), 0.0
    u = (t - a) / (b - a)
    return u * u * u * (10.0 - 15.0 * u + 6.0 * u * u), 30.0 * u * u * (1.0 - u) ** 2 / (b - a)


@njit(cache=True)
def cut(v: float) -> float:
    """psi(v) = v (1 - gamma_{1,2}(|v|))."""
    return v * (1.0 - _step(abs(v), 1.0, 2.0)[0])


@njit(cache=True)
def fields(Z: np.ndarray, n: int, q: np.ndarray, g: np.ndarray, t: np.ndarray) -> None:
    """g = G_A and t = G_theta at Z, whose coordinates from n on are 0 (and link n + 1 may be alive at 0): both of
    them are exactly 0 beyond coordinate n + 1, so only n + 1 entries are written."""
    T = len(Z)
    hi = min(T, n + 1)
    R2 = RADIUS * RADIUS * T
    s = math.sqrt(1.0 + np.dot(Z[:hi], Z[:hi]) / R2)
    for i in range(hi):
        q[i] = Z[i] / s
        g[i] = 0.0
        t[i] = 0.0
    # the one link alive in theta: the last i with |q_{i-1}| > 1/2 counts, those before have weight 0
    link = 0
    for i in range(hi - 1, -1, -1):
        if abs(q[i]) > 0.5:
            link = i + 1
            break
    total = 0.0
    for i in range(link, hi):
        total += _step(abs(q[i]), 0.25, 0.5)[0] ** 2
    root = math.sqrt(total)
    w, w1 = _step(1.0 - root, 0.25, 0.5)
    for i in range(min(T, hi + 1)):
        a = q[i - 1] if i > 0 else 1.0
        if abs(a) <= 0.5:
            continue
        v = 1.0 / (2.0 * abs(a) - 1.0)
        if v >= 28.0:
            continue
        b = q[i] if i < hi else 0.0
        sign = 1.0 if a > 0 else -1.0
        p0 = math.exp(1.0 - v * v)
        f0 = HALF_PHI * math.erfc(-sign * b / math.sqrt(2.0))
        Q_b = -p0 * math.sqrt(math.e) * math.exp(-0.5 * b * b)
        Q_a = -4.0 * v**3 * p0 * f0
        if i < hi:
            g[i] += Q_b
        if i > 0:
            g[i - 1] += Q_a
        if i == link and w + abs(w1) > 0.0:
            if i < hi:
                t[i] += w * Q_b
            if i > 0:
                t[i - 1] += w * Q_a
            if root > 0.0:
                for k in range(link, hi):
                    g0, g1 = _step(abs(q[k]), 0.25, 0.5)
                    side = 1.0 if q[k] > 0 else -1.0
                    t[k] += w1 * (-1.0 / root) * g0 * g1 * side * (-sign * p0 * f0)
    for i in range(hi):
        g[i] -= t[i]
    along_g, along_t = np.dot(Z[:hi], g[:hi]) / (R2 * s**3), np.dot(Z[:hi], t[:hi]) / (R2 * s**3)
    for i in range(hi):
        g[i] = g[i] / s - Z[i] * along_g + LAM * q[i]
        t[i] = t[i] / s - Z[i] * along_t


@njit(cache=True)
def _kick(
    K: int, prob: float, rate: float, kappa: float, scale: float, j: float, done: float, rng: np.random.Generator
) -> float:
    """(rate/prob) sum over the hits k < K of (1 - rate)^{K-1-k} c_j: ``done`` inner steps were made before.

    More than 10^4 expected hits: their sum is taken as Gaussian, with the exact mean and variance once c_j = j.
    """
    if j == 0.0:
        return 0.0
    shift = j * scale
    late = -cut(-shift * (kappa - 1.0) / 2.0) / (scale * (kappa - 1.0) / 2.0)
    if K * prob > 1e4:
        keep = -math.expm1(K * math.log1p(-rate))
        keep2 = -math.expm1(2.0 * K * math.log1p(-rate))
        spread = rate / (2.0 - rate) * keep2 * (1.0 - prob) / prob
        return late * (keep + math.sqrt(spread) * rng.standard_normal())
    total, place = 0.0, -1
    settled = rate * done > 40.0
    while True:
        place += 1
        if prob < 1.0:
            place += int(math.log(1.0 - rng.random()) / math.log1p(-prob))
        if place >= K:
            return total * rate / prob
        c = late
        if not settled:
            k = done + place
            slow, fast = math.exp(k * math.log1p(-rate)), math.exp(k * math.log1p(-min(0.999999, rate * kappa)))
            v1 = shift * (kappa / 2.0 * slow - fast / 2.0 - (kappa - 1.0) / 2.0)
            c = -cut(v1) / (scale * (kappa - 1.0) / 2.0)
        total += c * math.exp((K - 1 - place) * math.log1p(-rate))


@njit(cache=True)
def _neumann(Q: int, prob: float, e: float, kappa: float, rng: np.random.Generator) -> tuple[float, float]:
    """(a, t): v_z = a G_A + t G_theta of one Neumann sum with Q fresh Hessian samples."""
    d, s = (kappa + 1.0) / 2.0, (kappa - 1.0) / 2.0
    ra, rt, rho1, rho2 = 1.0, 0.0, 0.0, 1.0
    a, t = ra, rt
    for _ in range(Q):
        m = 1.0 / prob if rng.random() < prob else 0.0
        ra, rt = ra - e * ra / kappa, rt - e * (rt / kappa - m / s * rho1)
        rho1, rho2 = rho1 - e * (d * rho1 - s * rho2) / kappa, rho2 - e * (d * rho2 - s * rho1) / kappa
        a += ra
        t += rt
    return e * a, e * t


@njit(cache=True)
def _walk(
    T: int,
    prob: float,
    kappa: float,
    h: float,
    js: np.ndarray,
    alphas: np.ndarray,
    K: int,
    rate: float,
    scale: float,
    normalise: bool,
    Q: int,
    e: float,
    chunks: int,
    piece: float,
    most: int,
    rng: np.random.Generator,
    reveal: np.ndarray,
) -> int:
    """Outer steps until ||G_A + G_theta|| <= 1/4, -1 after ``most``. Q > 0: stocBiO, else F2SA-p."""
    Z, q, g, t, phi = np.zeros(T), np.zeros(T), np.zeros(T), np.zeros(T), np.zeros(T)
    W, lag, at = np.zeros((len(js), T)), np.zeros(T), np.zeros(T)
    known = 0
    for steps in range(most):
        fields(Z, known, q, g, t)
        hi = min(T, known + 1)
        square = 0.0
        for i in range(hi):
            square += (g[i] + t[i]) ** 2
        if square <= TARGET * TARGET:
            return steps
        if Q > 0:
            a, b = _neumann(Q, prob, e, kappa, rng)
            for i in range(hi):
                phi[i] = (a * g[i] + b * t[i]) / kappa
        else:
            late = math.sqrt(np.dot(lag[:hi], lag[:hi]))
            parts = 1
            if late > 1e-3:
                parts = K if K <= LITERAL else min(K, chunks, math.ceil(late / piece))
            for c in range(parts):
                first, last = c * K // parts, (c + 1) * K // parts
                if late > 1e-3:
                    # in the middle of the chunk; a chunk of one step is exact
                    here = math.exp(0.5 * (first + last - 1) * math.log1p(-rate))
                    for i in range(hi):
                        at[i] = Z[i] + here * lag[i]
                    fields(at, known, q, g, t)
                keep = math.exp((last - first) * math.log1p(-rate))
                for n in range(len(js)):
                    kick = _kick(last - first, prob, rate, kappa, scale, js[n], float(steps) * K + first, rng)
                    for i in range(hi):
                        W[n, i] = keep * W[n, i] - (1.0 - keep) * js[n] * g[i] - kick * t[i]
            for i in range(hi):
                phi[i] = 0.0
            for n in range(len(js)):
                for i in range(hi):
                    phi[i] -= alphas[n] * W[n, i]
        size = math.sqrt(np.dot(phi[:hi], phi[:hi]))
        step = h / size if normalise and size > 0.0 else (0.0 if normalise else h)
        keep = math.exp(K * math.log1p(-rate))
        for i in range(hi):
            Z[i] -= step * phi[i]
            lag[i] = keep * lag[i] + step * phi[i]
        while known < T and Z[known] != 0.0:
            reveal[known] = steps + 1
            known += 1
    return -1


@dataclass(frozen=True)
class CoupledWalk:
    """One configuration; ``cost``: calls of one outer step. h = kappa^2 eta_x (a length in Z when ``normalise``).

    F2SA-p: nodes (j, alpha_j), K inner steps of eta_y = kappa rate, nu_over_eta = nu/eta. stocBiO: Q > 0 factors of
    step e; then ``prob`` is that of its Hessian samples.
    """

    T: int
    prob: float
    kappa: float
    h: float
    cost: int
    nodes: tuple[tuple[int, float], ...] = ((1, 1.0),)
    K: int = 1
    rate: float = 0.1
    nu_over_eta: float = 1.0
    normalise: bool = False
    Q: int = 0
    e: float = 0.5
    chunks: int = 64
    piece: float = 0.05
    most: int = 10**7

    def __post_init__(self) -> None:
        for name in ("T", "cost", "K", "chunks", "most"):
            check_count(name, getattr(self, name))
        for name in ("prob", "kappa", "h", "rate", "nu_over_eta", "e", "piece"):
            check_positive(name, getattr(self, name))
        if self.prob > 1 or not self.kappa >= 2 or not self.rate * self.kappa < 1:
            fix = "pass prob <= 1, kappa >= 2 and a step eta_y = kappa rate below 1"
            raise InputError("prob, kappa, rate", (self.prob, self.kappa, self.rate), fix)
        if abs(sum(j * a for j, a in self.nodes) - 1) > 1e-9:
            raise InputError("nodes", self.nodes, "the estimator must be consistent: sum_j j alpha_j = 1")


def coupled_walk(config: CoupledWalk, seeds: Sequence[int]) -> Walked:
    """Run every seed."""
    js, alphas = (np.array([pair[i] for pair in config.nodes], dtype=float) for i in (0, 1))
    calls, done, rows = [], [], []
    for seed in seeds:
        reveal = np.full(config.T, -1, dtype=np.int64)
        rng = np.random.Generator(np.random.Philox(int(seed)))
        found: Any = _walk(
            config.T, config.prob, config.kappa, config.h, js, alphas, config.K, config.rate, config.nu_over_eta,
            config.normalise, config.Q, config.e, config.chunks, config.piece, config.most, rng, reveal,
        )  # fmt: skip
        done.append(found >= 0)
        calls.append(int(config.most if found < 0 else max(1, found)) * config.cost)
        rows.append(np.where(reveal >= 0, reveal * config.cost, -1))
    return Walked(tuple(calls), tuple(done), np.asarray(rows))
