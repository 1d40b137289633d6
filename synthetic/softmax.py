"""Softmax and its derivatives, each in the form that loses no digits.

    s(z)_k = exp(z_k) / sum_l exp(z_l),   lse(z) = log sum_l exp(z_l),   grad lse = s;

the m-th derivative of lse along w is the m-th cumulant of a variable that takes the value w_k with probability s_k.
Classes are the last axis; everything is array-API neutral and broadcasts over the leading axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import comb, factorial, sqrt

import numpy as np

from synthetic.arrays import Array, namespace


def softmax(z: Array) -> Array:
    """s(z), shape of ``z``; the largest exponent is 0, so nothing overflows."""
    xp = namespace(z)
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def log_sum_exp(z: Array) -> Array:
    """lse(z), the last axis summed away."""
    xp = namespace(z)
    top = xp.max(z, axis=-1, keepdims=True)
    return (top + xp.log(xp.sum(xp.exp(z - top), axis=-1, keepdims=True)))[..., 0]


def softmax_change(s: Array, dz: Array) -> Array:
    """s(z + dz) - s(z) from s = s(z), with an error relative to the CHANGE and not to s.

    s_k (e_k - w) / (1 + w) with e = expm1(dz), w = <s, e>. A shift of all dz_k by one constant changes nothing, so
    their maximum is moved to 0 and nothing overflows.
    """
    xp = namespace(s, dz)
    e = xp.expm1(dz - xp.max(dz, axis=-1, keepdims=True))
    w = xp.sum(s * e, axis=-1, keepdims=True)
    return s * (e - w) / (1 + w)


def softmax_slope(s: Array, v: Array) -> Array:
    """The derivative of s along ``v``: s (v - <s, v>)."""
    return s * (v - namespace(s, v).sum(s * v, axis=-1, keepdims=True))


def next_coefficient(s: Sequence[Array], z: Sequence[Array]) -> Array:
    """s_k of the series s(z(t)) = sum_i s_i t^i, from s_0..s_{k-1} and z_0..z_k; k = len(s) >= 1.

    From s' = s (z' - m), m = <s, z'>:  k s_k = sum_{i=0}^{k-1} s_i ((k-i) z_{k-i} - m_{k-1-i}),
    m_r = sum_{j=0}^{r} <s_{r-j}, (j+1) z_{j+1}>.
    """
    k = len(s)
    xp = namespace(*s, *z)
    total = xp.zeros_like(z[k])
    for i in range(k):
        r = k - 1 - i
        m = sum(xp.sum(s[r - j] * ((j + 1) * z[j + 1]), axis=-1, keepdims=True) for j in range(r + 1))
        total = total + s[i] * ((k - i) * z[k - i] - m)
    return total / k


@lru_cache(maxsize=64)
def cumulant_bound(m: int) -> float:
    """C_m with |m-th cumulant| <= C_m (max W - min W)^m for every bounded random variable W, m >= 2.

    Proof: the cumulant is a sum over the partitions of m without singletons (the mean is subtracted) of
    (-1)^{k-1} (k-1)! times the central moments of the k blocks; and by convexity E|W - EW|^b is largest, at a given
    mean, for the two-point law on the ends of the range: A_b = max_q q (1-q)^b + (1-q) q^b. The maximum is taken
    on a grid, plus half the spacing times the slope, which is at most 2. C_2 = 1/4 (Popoviciu) is sharp.
    """
    grid = np.linspace(0.0, 1.0, 100_001)
    A = [0.0, 0.0, 0.25]
    for b in range(3, m + 1):
        A.append(float(np.max(grid * (1 - grid) ** b + (1 - grid) * grid**b)) + 1e-5)
    # parts[n][k]: sum over the partitions of n points into k blocks of size >= 2 of the product of the A_b
    parts = [[1.0] + [0.0] * m] + [[0.0] * (m + 1) for _ in range(m)]
    for n in range(2, m + 1):
        for k in range(1, m + 1):
            parts[n][k] = sum(comb(n - 1, b - 1) * A[b] * parts[n - b][k - 1] for b in range(2, n + 1))
    return sum(factorial(k - 1) * parts[m][k] for k in range(1, m + 1))


def derivative_bound(m: int, largest: float, top: float) -> float:
    """An upper bound on the m-th derivative (m >= 2) of y -> mean_n lse(Y' x_n), in the Frobenius norm of Y.

    ``largest`` = max_n ||x_n||, ``top`` = lambda_max(mean x_n x_n'). With w_n = U' x_n, ||U|| = 1, the range of w_n
    is at most sqrt(2) ||w_n|| and mean ||w_n||^m <= largest^{m-2} top, so C_m 2^{m/2} largest^{m-2} top bounds
    it on the diagonal, and a symmetric form has its norm on the diagonal.
    """
    return cumulant_bound(m) * sqrt(2.0) ** m * largest ** (m - 2) * top
