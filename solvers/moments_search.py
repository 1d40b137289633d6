"""First T below eps for many candidate parameters at once: the inner loop of a tuned search.

The same recursion as :mod:`solvers.moments`, its constants computed inside the compiled loop: about 1e3 to 1e4
candidates a second and core, whatever T, S and K are.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from solvers.compiled import njit
from solvers.lane_normals import FAST
from solvers.lq_law import Diagonal
from solvers.moments_kernel import RUNGS, first_below, newton_basis
from synthetic.errors import InputError


@njit(**FAST)
def _bias_share(nodes, alpha, nu, a, h, anchored):
    """-sum_j alpha_j j^2 nu / (a + j nu h); in product form for an interpolatory stencil, free of cancellation:
    -pi nu^p m^(p-1) / (a prod (1 + j nu m)), m = h/a, pi = prod j over the p non-zero nodes."""
    m, order, product, total = h / a, 0, 1.0, 0.0
    for k in range(nodes.size):
        total -= alpha[k] * nodes[k] ** 2 * nu / (a + nodes[k] * nu * h)
        if nodes[k] != 0.0:
            order += 1
            product *= nodes[k] * nu / (1.0 + nodes[k] * nu * m)
    return -product * m ** (order - 1) / a if anchored else total


@njit(**FAST)
def _fill(D, v, Q, start, coordinate, nodes, alpha, nu, eta_x, eta_y, K, sigma, sf, sg, anchored, V, inverse):
    """Rung 0 and the start of one coordinate (curvature, a, h, b, gamma, c0, x0, y0); False when not convex or
    not contracting."""
    lam, a, h, b, gamma, c0, x0, y0 = coordinate
    p = nodes.size
    share = _bias_share(nodes, alpha, nu, a, h, anchored)
    rate, offset = lam + share * gamma * gamma, share * gamma * c0
    answer, load, noise = np.zeros(p + 1), np.zeros(p + 1), np.zeros((p + 1, p + 1))
    slope, u, q_noise, tau, rho_1 = np.empty(p), np.empty(p), np.zeros(p + 1), np.empty(p), np.empty(p)
    answer[0], load[0], q_noise[p] = -eta_x, rate, sigma
    for k in range(p):
        j_nu = nodes[k] * nu
        H = a + j_nu * h
        eH = eta_y * H
        if not 0.0 < eH < 1.0:
            return False
        log_r = K * math.log1p(-eH)
        rho_1[k] = math.expm1(log_r)
        s2 = sg * sg + (j_nu * sf) ** 2
        tau[k] = math.sqrt(s2 * eta_y * -math.expm1(2.0 * log_r) / (H * (2.0 - eH)))
        q = alpha[k] * (nodes[k] * gamma - b * H / nu)
        q_noise[k] = q * tau[k]
        slope[k] = b - j_nu * gamma / H
        u[k] = y0 - b * x0 + j_nu * (c0 + gamma * x0) / H
        for m in range(k + 1):
            load[m + 1] += q * math.exp(log_r) * V[k, m]
    start[0] = x0
    for m in range(p):
        start[m + 1] = 0.0
        for k in range(m + 1):
            answer[m + 1] += eta_x * inverse[m, k] * slope[k]
            start[m + 1] += inverse[m, k] * u[k]
    for i in range(p + 1):
        v[i] = answer[i] * offset
        for k in range(p + 1):
            D[i, k] = answer[i] * load[k]
            noise[i, k] = answer[i] * q_noise[k]
    for i in range(p):
        for k in range(i + 1):
            noise[i + 1, k] += inverse[i, k] * tau[k]
            for m in range(k + 1):
                D[i + 1, m + 1] += inverse[i, k] * rho_1[k] * V[k, m]
    for i in range(p + 1):
        for k in range(p + 1):
            total = 0.0
            for m in range(p + 1):
                total += noise[i, m] * noise[k, m]
            Q[i, k] = total
    return True


@njit(**FAST)
def _search(found, coordinates, weight, nodes, alpha, parameters, sf, sg, shared, anchored, sustain, V, inverse):
    """found (N,) from parameters (N, 6): nu, eta_x, eta_y, S, K, eps."""
    blocks, n = weight.size, nodes.size + 1
    rung_D, rung_v, rung_Q = (
        np.empty((RUNGS, blocks, n, n)), np.empty((RUNGS, blocks, n)), np.empty((RUNGS, blocks, n, n))
    )  # fmt: skip
    start = np.empty((blocks, n))
    for c in range(found.size):
        nu, eta_x, eta_y, S, K, eps = parameters[c]
        variance = sf * sf if shared else 0.0
        if not shared:
            for k in range(nodes.size):
                variance += alpha[k] ** 2 * ((nodes[k] * sf) ** 2 + (sg / nu) ** 2)
        good = True
        for b in range(blocks):
            good = good and _fill(
                rung_D[0, b], rung_v[0, b], rung_Q[0, b], start[b], coordinates[b], nodes, alpha, nu, eta_x, eta_y,
                K, math.sqrt(variance / S), sf, sg, anchored, V, inverse,
            )  # fmt: skip
        T = first_below(rung_D, rung_v, rung_Q, start, weight, eps * eps, sustain) if good else -1
        found[c] = np.inf if T < 0 else float(T)


def first_T_grid(
    problem: Diagonal,
    x0: Any,
    nodes: Sequence[Any],
    weights: Sequence[Any],
    *,
    nu: Any,
    eta_x: Any,
    eta_y: Any,
    S: Any,
    K: Any,
    eps: Any,
    y0: Any = 0.0,
    sigma_f: float = 1.0,
    sigma_g: float = 1.0,
    shared_x: bool = False,
    sustain: float = 1.25,
) -> np.ndarray:
    """First T with E||grad phi||^2 <= eps^2 over [T, sustain T] for each candidate of a plain (not normalised) run.

    nu, eta_x, eta_y, S, K, eps: scalars or arrays that broadcast; the result has that shape, infinite where eps is
    not reached, g + j nu f is not convex, or eta_y (a + j nu h) >= 1. ``shared_x``: one sample set for all nodes in
    the x step. Calls: T nodes (S + K), in floats (exact counts: ``JumpConfig.calls``).
    """
    given = {"nu": nu, "eta_x": eta_x, "eta_y": eta_y, "S": S, "K": K, "eps": eps}
    arrays = []
    for name, value in given.items():
        array = np.asarray(value, dtype=float)
        if not np.all(np.isfinite(array) & (array > 0)):
            raise InputError(name, value, "pass finite numbers > 0")
        arrays.append(array)
    try:
        table = np.stack(np.broadcast_arrays(*arrays), axis=-1)
    except ValueError as error:
        shapes = {name: a.shape for name, a in zip(given, arrays)}
        raise InputError("candidates", shapes, "pass arrays that broadcast together") from error
    start = (np.broadcast_to(np.asarray(z, dtype=float), (problem.dim_x,)) for z in (x0, y0))
    columns = (problem.curvature, problem.a, problem.h, problem.b, problem.gamma, problem.c0, *start)
    coordinates, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    active = [(float(j), float(w)) for j, w in zip(nodes, weights) if w]
    j, alpha = (np.array(part) for part in zip(*active))
    found = np.empty(table[..., 0].size)
    _search(
        found, coordinates, coordinates[:, 0] ** 2 * counts, j, alpha, np.ascontiguousarray(table.reshape(-1, 6)),
        float(sigma_f), float(sigma_g), bool(shared_x), interpolatory(j, alpha), float(sustain),
        *newton_basis(list(j)),
    )  # fmt: skip
    return found.reshape(table.shape[:-1])


def interpolatory(nodes: np.ndarray, alpha: np.ndarray) -> bool:
    """sum_j alpha_j j^k = [k = 1] for k = 0 .. number of non-zero nodes: then the bias has its product form."""
    order = int(np.count_nonzero(nodes))
    moments = np.array([np.sum(alpha * nodes**k) for k in range(order + 1)])
    scale = np.array([np.sum(np.abs(alpha * nodes**k)) for k in range(order + 1)])
    return bool(np.all(np.abs(moments - (np.arange(order + 1) == 1)) <= 1e-12 * scale))
