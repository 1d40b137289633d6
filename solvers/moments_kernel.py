"""Powers of a linear Gaussian recursion s <- s + D s + v + noise of covariance Q, by doubling, for any number of steps.

2^k steps are again such a recursion, and D = M - I doubles without losing the slow modes: an eigenvalue 1 - 1e-12
is kept to full relative precision in D, where repeated squaring of M would leave four digits of it:

    D_{2k} = 2 D_k + D_k D_k,   v_{2k} = 2 v_k + D_k v_k,   Q_{2k} = 2 Q_k + D_k Q_k + Q_k D_k' + D_k Q_k D_k'

The basis matters as much: Phi weighs the u_j with +-1/nu, so in the u_j themselves D has entries of order 1/nu that
cancel, and doubling loses 1/nu^2 in relative precision. In Newton's divided differences of u over the nodes
(:func:`newton_basis`) nothing large cancels.

Several independent blocks (coordinates) are stacked on the first axis; the level watched is
E||grad phi||^2 = sum_b weight_b (mean_b[0]^2 + cov_b[0, 0]).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from solvers.compiled import njit
from solvers.lane_normals import FAST

RUNGS = 62
"""Doublings at most: 2^61 outer steps stand for ever."""

STEADY = 1e-13
"""Relative change of the level over a doubling below which it counts as stationary (with the mean settled too)."""


def newton_basis(nodes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """(V, V^{-1}) with u = V c: c_m the divided difference of u over the first m + 1 nodes, V[k, m] =
    prod_{i < m} (j_k - j_i). Both are lower triangular; computed exactly, rounded once."""
    j = [Fraction(n) for n in nodes]
    p = len(j)
    V = [[Fraction(1)] * p for _ in range(p)]
    for k in range(p):
        for m in range(1, p):
            V[k][m] = V[k][m - 1] * (j[k] - j[m - 1])
    inverse = [[Fraction(int(k == m)) for m in range(p)] for k in range(p)]
    for order in range(1, p):
        for k in range(p - 1, order - 1, -1):
            gap = j[k] - j[k - order]
            inverse[k] = [(a - b) / gap for a, b in zip(inverse[k], inverse[k - 1])]
    return np.array([[float(v) for v in row] for row in V]), np.array([[float(v) for v in row] for row in inverse])


@njit(**FAST)
def _double(D, v, Q, D2, v2, Q2, work):
    """One doubling of one block: (n, n), (n,), (n, n)."""
    n = v.size
    for i in range(n):
        total = 2.0 * v[i]
        for j in range(n):
            total += D[i, j] * v[j]
        v2[i] = total
        for j in range(n):
            D2[i, j] = 2.0 * D[i, j]
            work[i, j] = 0.0
        for k in range(n):
            c = D[i, k]
            for j in range(n):
                D2[i, j] += c * D[k, j]
                work[i, j] += c * Q[k, j]  # work = D Q
    for i in range(n):
        for j in range(i + 1):
            total = 2.0 * Q[i, j] + work[i, j] + work[j, i]
            for k in range(n):
                total += work[i, k] * D[j, k]
            Q2[i, j] = total
            Q2[j, i] = total


@njit(**FAST)
def _advance(D, v, Q, mean, cov, new_mean, new_cov, work):
    """Mean and covariance after the steps that (D, v, Q) stands for, from (mean, cov); one block."""
    n = v.size
    for i in range(n):
        total = mean[i] + v[i]
        for j in range(n):
            total += D[i, j] * mean[j]
        new_mean[i] = total
        for j in range(n):
            work[i, j] = 0.0
        for k in range(n):
            c = D[i, k]
            for j in range(n):
                work[i, j] += c * cov[k, j]
    for i in range(n):
        for j in range(i + 1):
            total = cov[i, j] + Q[i, j] + work[i, j] + work[j, i]
            for k in range(n):
                total += work[i, k] * D[j, k]
            new_cov[i, j] = total
            new_cov[j, i] = total


@njit(**FAST)
def _level(mean, cov, weight):
    total = 0.0
    for b in range(weight.size):
        total += weight[b] * (mean[b, 0] * mean[b, 0] + cov[b, 0, 0])
    return total


@njit(**FAST)
def _copy(target, source):
    flat, from_ = target.reshape(-1), source.reshape(-1)
    for i in range(flat.size):
        flat[i] = from_[i]


@njit(**FAST)
def advance_by(rung_D, rung_v, rung_Q, steps, mean, cov):
    """(mean, cov) after ``steps`` < 2^RUNGS more steps; ladder axes (rung, block, ...). In place."""
    n = mean.shape[1]
    new_mean, new_cov, work = np.empty(n), np.empty((n, n)), np.empty((n, n))
    for k in range(rung_D.shape[0]):
        if (steps >> k) & 1:
            for b in range(mean.shape[0]):
                _advance(rung_D[k, b], rung_v[k, b], rung_Q[k, b], mean[b], cov[b], new_mean, new_cov, work)
                _copy(mean[b], new_mean)
                _copy(cov[b], new_cov)


@njit(**FAST)
def climb(rung_D, rung_v, rung_Q, start, weight, levels, until_steady):
    """Fill the ladder from rung 0; levels[k] = level after 2^k steps from the sure state ``start``.

    Returns the rungs filled: all, or, when ``until_steady``, until the level and the mean stopped changing, or the
    level left the range of sense (divergence, level 1e200 and more).
    """
    blocks, n = start.shape
    work = np.empty((n, n))
    for k in range(rung_D.shape[0]):
        if k > 0:
            for b in range(blocks):
                _double(
                    rung_D[k - 1, b], rung_v[k - 1, b], rung_Q[k - 1, b], rung_D[k, b], rung_v[k, b], rung_Q[k, b], work
                )
        level = 0.0
        moving = 0.0
        for b in range(blocks):
            mean = start[b, 0] + rung_v[k, b, 0]
            left = 1.0 + rung_D[k, b, 0, 0]
            for j in range(n):
                mean += rung_D[k, b, 0, j] * start[b, j]
            level += weight[b] * (mean * mean + rung_Q[k, b, 0, 0])
            moving = max(moving, abs(left))
        levels[k] = level
        if until_steady:
            if not level < 1e200:
                return k + 1
            if k > 0 and moving < STEADY and abs(level - levels[k - 1]) <= STEADY * level:
                return k + 1
    return rung_D.shape[0]


@njit(**FAST)
def first_below(rung_D, rung_v, rung_Q, start, weight, target, sustain):
    """First T with level <= target on [T, sustain T], target in squared norm; -1 when the stationary level is above.

    Rung 0 of the ladder must be filled; the others are overwritten. The arrival that lasts is meant: the last octave
    (2^k, 2^{k+1}] at whose left end the level is above is searched by bisection, so an earlier dip is passed over;
    where the level comes back within [T, sustain T] (looked at in eighths of the window), the search goes on
    behind the point that was above.
    """
    levels = np.empty(rung_D.shape[0])
    rungs = climb(rung_D, rung_v, rung_Q, start, weight, levels, True)
    if not levels[rungs - 1] <= target:
        return -1
    octave = -1
    for k in range(rungs):
        if levels[k] > target:
            octave = k
    blocks, n = start.shape
    mean, cov = start.copy(), np.zeros((blocks, n, n))
    trial_mean, trial_cov = mean.copy(), cov.copy()
    if octave < 0:
        return 0 if _level(mean, cov, weight) <= target else 1
    at = np.int64(1) << octave
    advance_by(rung_D, rung_v, rung_Q, at, mean, cov)
    reach = octave
    while True:
        for k in range(reach - 1, -1, -1):
            _copy(trial_mean, mean)
            _copy(trial_cov, cov)
            advance_by(rung_D[k : k + 1], rung_v[k : k + 1], rung_Q[k : k + 1], 1, trial_mean, trial_cov)
            if _level(trial_mean, trial_cov, weight) > target:
                _copy(mean, trial_mean)
                _copy(cov, trial_cov)
                at += np.int64(1) << k
        found = at + 1
        step = max(np.int64(1), np.int64((sustain - 1.0) * found / 8.0))
        passed = np.int64(1)
        _copy(trial_mean, mean)
        _copy(trial_cov, cov)
        advance_by(rung_D, rung_v, rung_Q, 1, trial_mean, trial_cov)
        held = True
        while held and found + step * passed <= sustain * found:
            advance_by(rung_D, rung_v, rung_Q, step, trial_mean, trial_cov)
            held = _level(trial_mean, trial_cov, weight) <= target
            passed += 1
        if held:
            return found
        _copy(mean, trial_mean)
        _copy(cov, trial_cov)
        at = found + step * (passed - 1)
        reach = min(rungs - 1, octave + 1)
