"""FMBO, FdeHBO, SOBA, MA-SOBA, MRBO, SUSTAIN, TTSA and stocBiO compiled, on diagonal linear-quadratic instances.

Each takes the steps of its class in this folder, on the same samples at the same addresses, for LANES seeds side by
side; the two agree to rounding, and a counter goes up where a sample is asked. ``law=True`` draws a batch of S
additive Gaussian samples as one normal of variance 1/S: the same in law, and its calls are charged.

A run stops at the first T with

    power 2:  (1/T) sum_{t<T} ||grad phi(x_t)||^2 <= eps^2       what a theorem for a uniformly drawn iterate bounds
    power 1:  (1/T) sum_{t<T} ||grad phi(x_t)||   <= eps
    power 0:  ||grad phi(x_T)|| <= eps

that lasts until ``sustain`` T; censored after T_max steps or when it diverged.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.base import check_count, check_positive
from solvers.compiled import njit
from solvers.diagonal_parts import (
    FX,
    FY,
    GX,
    GY,
    HVP,
    JVP,
    amplitude,
    diagonal_squares,
    draw_all,
    grad_f_x,
    grad_f_y,
    grad_g_x,
    grad_g_y,
    hessian,
    into_ball,
    jacobian,
    storm,
    truncation,
    watch_mean,
)  # fmt: skip
from solvers.fdehbo import FdeHBO
from solvers.fmbo import FMBO
from solvers.lane_normals import FAST, LANES
from solvers.lq_law import Diagonal
from solvers.mrbo import MRBO
from solvers.soba import MASOBA, SOBA
from solvers.stocbio import StocBiO
from solvers.sustain import SUSTAIN
from solvers.ttsa import TTSA
from synthetic.errors import InputError
from synthetic.noise import Gaussian, Multiplicative, Noise
from synthetic.oracle import Counts
from synthetic.philox import integers

_FMBO, _FDEHBO, _SOBA, _MASOBA, _MRBO, _SUSTAIN, _TTSA, _STOCBIO = range(8)
_KINDS: dict[type, int] = {
    FMBO: _FMBO, FdeHBO: _FDEHBO, SOBA: _SOBA, MASOBA: _MASOBA, MRBO: _MRBO, SUSTAIN: _SUSTAIN, TTSA: _TTSA,
    StocBiO: _STOCBIO,
}  # fmt: skip
_SFO, _F, _G, _H, _J = range(5)


@njit(**FAST)
def _momentum_sample(kind, x, y, v, delta, data, sigma, scale, z, amp, tmp, meter, S, out):
    """(G_y, system, hyper-gradient) of FMBO or FdeHBO at (x, y, v) into out[0..2]; z[0..4]: their noise."""
    amplitude(amp, y, scale)
    grad_g_y(out[0], x, y, data, sigma[1], amp, z[0])
    grad_f_y(tmp[0], x, y, data, sigma[0], amp, z[1])
    grad_f_x(out[2], x, y, data, sigma[0], amp, z[2])
    meter[_F] += 2 * S
    meter[_G] += S
    meter[_SFO] += 3 * S
    if kind == _FMBO:
        hessian(out[1], v, data, sigma[2], z[3])
        jacobian(tmp[1], v, data, sigma[2], z[4])
        meter[_H] += S
        meter[_J] += S
    else:
        for sign in (1, -1):
            for n in range(y.size):
                tmp[2, n] = y[n] + sign * delta * v[n]
            amplitude(amp, tmp[2], scale)
            grad_g_y(tmp[3], x, tmp[2], data, sigma[1], amp, z[3])
            grad_g_x(tmp[4], x, tmp[2], data, sigma[1], amp, z[4])
            for n in range(y.size):
                out[1, n] = tmp[3, n] if sign > 0 else (out[1, n] - tmp[3, n]) / (2 * delta)
                tmp[1, n] = tmp[4, n] if sign > 0 else (tmp[1, n] - tmp[4, n]) / (2 * delta)
            meter[_G] += 2 * S
            meter[_SFO] += 2 * S
    for n in range(y.size):
        out[1, n] -= tmp[0, n]
        out[2, n] -= tmp[1, n]


@njit(**FAST)
def _neumann(x, y, rate, gain, Q, summed, S, data, sigma, scale, z, amp, tmp, meter, out):
    """out <- F_x - G_xy v with v = gain sum_{q<=Q} prod (I - rate H) F_y (``summed``) or gain prod (I - rate H) F_y.

    z: noise of F_x, F_y, the JVP and the HVPs, row by row."""
    amplitude(amp, y, scale)
    grad_f_x(out, x, y, data, sigma[0], amp, z[0])
    grad_f_y(tmp[0], x, y, data, sigma[0], amp, z[1])
    meter[_F] += S
    meter[_SFO] += S
    for n in range(y.size):
        tmp[1, n] = tmp[0, n]
    for q in range(Q):
        hessian(tmp[2], tmp[0], data, sigma[2], z[3 + q])
        meter[_H] += S
        for n in range(y.size):
            tmp[0, n] -= rate * tmp[2, n]
            tmp[1, n] += tmp[0, n]
    for n in range(y.size):
        tmp[1, n] = gain * (tmp[1, n] if summed else tmp[0, n])
    jacobian(tmp[3], tmp[1], data, sigma[2], z[2])
    meter[_J] += S
    for n in range(y.size):
        out[n] -= tmp[3, n]


@njit(**FAST)
def run_diagonal_group(
    kind, rates, sizes, streams, inner, experiment, seeds, x, y, data, sigma, scale, law, corrected, power, level,
    sustain, t_max, first, hit, last, meter, spent,
):  # fmt: skip
    """One group of lanes. rates, sizes, streams, inner: as ``_packed`` lists them; meter (5,): sfo, F, G, HVP, JVP of
    one lane so far; spent (LANES,): sfo when a lane ended; x, y end where the lanes did."""
    n, rows = y.size, 4 * ((y.size // LANES + 3) // 4)
    wide, work = np.zeros((streams.size, rows, LANES)), np.zeros((rows, LANES))
    z = wide.reshape(streams.size, rows * LANES)[:, :n]
    table = np.zeros((20, n))
    tmp, new, old, before, h = table[:5], table[5:8], table[8:11], table[11:14], table[14:17]
    v, h_x, amp = table[17], table[18], table[19]
    total, squares, start = np.zeros(LANES), np.zeros(LANES), np.full(LANES, -1)
    S, Q, D = sizes[0], sizes[1], sizes[2]
    term, mean = kind in (_SUSTAIN, _TTSA), kind in (_MRBO, _STOCBIO)
    t, zero, alive = np.int64(0), np.int64(0), LANES
    while True:
        diagonal_squares(squares, x, data[0])
        running = watch_mean(t, squares, total, power, level, sustain, first, hit, start, last, t_max)
        if running < alive:
            alive = running
            for lane in range(LANES):
                if last[lane] == t:
                    spent[lane] = meter[_SFO]
        if running == 0:
            return
        P = truncation(experiment, t, Q) if term else Q
        draw_all(
            wide, work, streams, inner, D + 3 + P if term or mean else streams.size, t, zero, S, law, experiment, seeds
        )  # fmt: skip
        if kind in (_FMBO, _FDEHBO, _MRBO, _SUSTAIN):
            alpha = rates[0] * (rates[1] + t) ** (-1.0 / 3.0)
            earlier = rates[0] * (rates[1] + t - 1) ** (-1.0 / 3.0) if kind == _MRBO and t > 0 else alpha
            if term or mean:
                for i in range(2 if t > 0 else 1):
                    X, Y, found = (x, y, new) if i == 0 else (before[0], before[1], old)
                    amplitude(amp, Y, scale)
                    grad_g_y(found[0], X, Y, data, sigma[1], amp, z[0])
                    meter[_G] += S
                    meter[_SFO] += S
                    _neumann(X, Y, rates[8], rates[9], P, mean, S, data, sigma, scale, z[1:], amp, tmp, meter, found[1])
            else:
                _momentum_sample(kind, x, y, v, rates[9], data, sigma, scale, z, amp, tmp, meter, S, new)
                if t > 0:
                    _momentum_sample(
                        kind, before[0], before[1], before[2], rates[9], data, sigma, scale, z, amp, tmp, meter, S, old
                    )  # fmt: skip
            for i in range(3):  # of y, x, v
                eta = min(1.0, rates[2 + i] * earlier * earlier)
                j = i if term or mean else (0, 2, 1)[i]
                storm(h[i], new[j], old[j], eta, t == 0, corrected)
            for i in range(n):
                before[0, i], before[1, i], before[2, i] = x[i], y[i], v[i]
                y[i] -= rates[5] * alpha * h[0, i]
                x[i] -= rates[6] * alpha * h[1, i]
                v[i] -= rates[7] * alpha * h[2, i]
            into_ball(v, rates[8] if not (term or mean) else np.inf)
        elif kind in (_SOBA, _MASOBA):
            decay = (1.0 + t) ** -rates[2]
            amplitude(amp, y, scale)
            grad_g_y(new[0], x, y, data, sigma[1], amp, z[0])
            grad_f_x(new[1], x, y, data, sigma[0], amp, z[1])
            grad_f_y(new[2], x, y, data, sigma[0], amp, z[2])
            hessian(tmp[0], v, data, sigma[2], z[3])
            jacobian(tmp[1], v, data, sigma[2], z[4])
            for i in range(5):
                meter[i] += 1
            for i in range(n):
                Phi = new[1, i] - tmp[1, i]
                x[i] -= rates[0] * decay * (h_x[i] if kind == _MASOBA else Phi)
                h_x[i] = (1.0 - rates[3]) * h_x[i] + rates[3] * Phi
                y[i] -= rates[1] * decay * new[0, i]
                v[i] -= rates[1] * decay * (tmp[0, i] - new[2, i])
        else:  # TTSA and stocBiO: D lower steps, then one of x
            for k in range(D):
                amplitude(amp, y, scale)
                grad_g_y(new[0], x, y, data, sigma[1], amp, z[k])
                meter[_G] += S
                meter[_SFO] += S
                for i in range(n):
                    y[i] -= rates[1] * (1.0 + t) ** -rates[3] * new[0, i]
            _neumann(x, y, rates[8], rates[9], P, mean, S, data, sigma, scale, z[D:], amp, tmp, meter, new[1])
            for i in range(n):
                x[i] -= rates[0] * (1.0 + t) ** -rates[2] * new[1, i]
        t += 1


def _packed(s: Any) -> tuple[list[float], list[int], list[tuple[int, int]]]:
    """The numbers of a configuration in the order in which the kernel reads them: rates, (S, Q, D), and the draws of
    one step as (stream, inner address).

    rates with momentum: c of alpha, its shift, c of eta for y, x, v, multiples of alpha for y, x, v, then r_v and delta
    (FMBO) or the Neumann series' rate and gain; without: those of x and y, their powers of 1 + t, theta.
    """
    match s:
        case FMBO():
            own = [s.r_v, s.delta if isinstance(s, FdeHBO) else 1.0]
            rates = [s.c_alpha, s.w, s.c_g, s.c_f, s.c_R, s.c_beta, 1.0, s.c_lambda, *own]
            pairs = ((GY, 1), (GX, 2)) if isinstance(s, FdeHBO) else ((HVP, 1), (JVP, 2))
            return rates, [s.S, 0, 0], [(GY, 0), (FY, 1), (FX, 2), *pairs]
        case SOBA():
            theta = s.theta if isinstance(s, MASOBA) else 1.0
            return [s.gamma, s.rho, s.power, theta], [1, 0, 0], [(i, 0) for i in (GY, FX, FY, HVP, JVP)]
        case MRBO():
            rates, sizes = [s.d, s.m, s.c_y, s.c_x, 1.0, s.lam, s.gamma, 0.0, s.eta, s.eta], [s.S, s.Q, 1]
        case SUSTAIN():
            own = [1 / s.L, s.Q / s.L]
            rates, sizes = [s.c_alpha, s.w, s.c_g, s.c_f, 1.0, s.c_beta, 1.0, 0.0, *own], [s.S, s.Q, 1]
        case TTSA():
            rates, sizes = [s.alpha, s.beta, s.a, s.b, *[0.0] * 4, 1 / s.L, s.Q / s.L], [1, s.Q, 1]
        case _:
            if not s.S == s.D_f == s.D_g == s.B or s.mu is not None:
                raise InputError("solver", s, "the compiled stocBiO has S = D_f = D_g = B and constant B_i")
            rates, sizes = [s.beta, s.alpha, *[0.0] * 6, s.eta, s.eta], [s.S, s.Q, s.D]
    _, Q, D = sizes
    at = D + isinstance(s, StocBiO)  # its F and JVP have addresses of their own
    draws = [(GY, k) for k in range(D)] + [(FX, D), (FY, D), (JVP, at)] + [(HVP, at + 1 + q) for q in range(Q)]
    return rates, sizes, draws


@dataclass(frozen=True, eq=False)
class Stopped:
    """``T`` of each seed (None: censored), ``first``: first T whose last iterate alone was below, ``steps`` run,
    ``spent``: SFO calls metered (``law``: charged) until the seed's run ended; ``counts``: of the longest lane of the
    last group; x, y (R, d): where the last group's lanes stood when the longest ended."""

    T: tuple[int | None, ...]
    first: tuple[int | None, ...]
    steps: tuple[int, ...]
    spent: tuple[int, ...]
    counts: Counts
    x: np.ndarray
    y: np.ndarray


def run_diagonal(
    solver: Any,
    problem: Diagonal,
    noise: Noise,
    seeds: Sequence[int] | np.ndarray,
    x0: np.ndarray,
    y0: np.ndarray,
    *,
    eps: float,
    T_max: int,
    power: int = 2,
    sustain: float = 1.25,
    law: bool = False,
    corrected: bool = True,
    rough: float = 0.0,
    experiment: int = 0,
) -> Stopped:
    """Run a configured solver for every seed; x0, y0 (d,). ``rough`` > 0 replaces the noise's amplitude by a sign that
    flips from cell to cell of that width in y (bounded variance, not mean-squared smooth)."""
    if type(solver) not in _KINDS:
        raise InputError("solver", type(solver).__name__, f"pass one of {', '.join(k.__name__ for k in _KINDS)}")
    if not isinstance(noise, Gaussian | Multiplicative):
        raise InputError("noise", noise, "pass Gaussian or Multiplicative noise")
    check_count("T_max", T_max)
    check_positive("eps", eps)
    if power not in (0, 1, 2):
        raise InputError("power", power, "pass 0, 1 or 2")
    if law and isinstance(noise, Multiplicative):
        raise InputError("law", law, "a batch is one normal for additive noise only: pass Gaussian noise")
    scale = -rough if rough > 0 else getattr(noise, "scale", np.inf)
    rates, sizes, draws = _packed(solver)
    sigma = {FX: noise.sigma_f, FY: noise.sigma_f, GX: noise.sigma_g, GY: noise.sigma_g}
    streams = np.array([i if sigma.get(i, noise.sigma_h) > 0 else -1 for i, _ in draws])  # no noise, no draw
    inner = np.array([k for _, k in draws])
    data = np.array([problem.curvature, problem.a, problem.h, problem.b, problem.gamma, problem.c0])
    lanes = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    padded = np.concatenate([lanes, np.repeat(lanes[-1:], -len(lanes) % LANES)]).astype(np.uint64)
    level = eps**power if power else eps**2
    T, first, steps, spent, xs, ys = [], [], [], [], [], []
    meter = np.zeros(5, dtype=np.int64)
    for i in range(0, len(padded), LANES):
        x, y = (np.repeat(np.asarray(s, dtype=float), LANES) for s in (x0, y0))
        found = [np.full(LANES, -1, dtype=np.int64) for _ in range(4)]
        meter[:] = 0
        run_diagonal_group(
            _KINDS[type(solver)], np.array(rates, dtype=float), np.array(sizes), streams, inner,
            np.uint64(experiment), padded[i : i + LANES], x, y, np.repeat(data, LANES, axis=1),
            np.array([noise.sigma_f, noise.sigma_g, noise.sigma_h]), float(scale), law, corrected, power, level,
            sustain, T_max, found[0], found[1], found[2], meter, found[3],
        )  # fmt: skip
        first += [int(v) if v >= 0 else None for v in found[0]]
        T += [int(v) if v >= 0 else None for v in found[1]]
        steps += [int(v) for v in found[2]]
        spent += [int(v) for v in found[3]]
        xs.append(x.reshape(-1, LANES).T)
        ys.append(y.reshape(-1, LANES).T)
    R = len(lanes)
    counts = Counts(**dict(zip(("sfo", "F", "G", "HVP", "JVP"), map(int, meter))))
    return Stopped(
        tuple(T[:R]), tuple(first[:R]), tuple(steps[:R]), tuple(spent[:R]), counts,
        np.concatenate(xs)[:R], np.concatenate(ys)[:R],
    )  # fmt: skip
