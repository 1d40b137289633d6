r"""Inner loops of F2SA-p on a dense least-squares finite sum, compiled: minibatches by their Philox addresses.

    f_i(x, y) = 1/2 (e_i'z - v_i)^2 + phi(x),   g_i(x, y) = 1/2 (a_i'z - b_i)^2,   z = y - B x
    K times:  z_j <- z_j - eta_y (j nu F_y + G_y)(z_j),   F_y, G_y means over batches drawn with replacement

The terms of a batch are those of the metered oracle under synthetic.noise.Minibatch: streams 8 (f) and 9 (g), inner
index k + 1. Since x enters through z alone, the loop is one in z. Rows are padded to whole vector registers, and a sum
may be reordered for them, so results agree with the oracle's to rounding and not in the last bit.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from solvers.base import check_choice, check_count, check_positive
from solvers.compiled import njit
from solvers.lane_philox import U32, philox, widen
from synthetic.checks import real_array
from synthetic.errors import InputError
from synthetic.philox import NODE_OFFSET, Stream, integers

REGISTER = 16
"""float32 in a 512-bit register: rows are padded to a multiple of it, so that no loop has a remainder."""

SUMS: Any = {"error_model": "numpy", "cache": True, "nogil": True, "fastmath": {"contract", "reassoc", "nsz"}}
"""Sums may be split over the lanes of a register: a dot product is one, and would otherwise be added one by one."""

_32 = np.uint64(32)


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """Rows e (n_f, d) and a (n_g, d) with their targets v (n_f,) and b (n_g,)."""

    rows_f: Any
    targets_f: Any
    rows_g: Any
    targets_g: Any

    def __post_init__(self) -> None:
        d = np.shape(self.rows_g)[-1] if np.ndim(self.rows_g) == 2 else -1
        for level in "fg":
            n = len(np.atleast_1d(getattr(self, f"rows_{level}")))
            if n < 1 or d < 1:
                raise InputError(f"rows_{level}", getattr(self, f"rows_{level}"), "pass at least one row")
            object.__setattr__(self, f"rows_{level}", real_array("rows", getattr(self, f"rows_{level}"), (n, d)))
            object.__setattr__(self, f"targets_{level}", real_array("targets", getattr(self, f"targets_{level}"), (n,)))


def inner_loops(
    problem: LeastSquares, z: Any, *, seeds: Sequence[int] | np.ndarray, nodes: Sequence[int], nu: float, eta: float,
    K: int, batch_f: int, batch_g: int, step: int = 0, experiment: int = 0,
    precision: Literal["float64", "float32"] = "float64", threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """K inner steps from z (R, P, d) for R seeds and P nodes: z at the end, and the samples each seed drew, (R,).

    One sample is one batch of F with one of G, as the oracle meters it: a seed draws P K. ``threads`` groups of seeds
    run side by side; no result depends on it.
    """
    check_choice("precision", precision, ("float64", "float32"))
    for name, count in (("K", K), ("batch_f", batch_f), ("batch_g", batch_g), ("threads", threads)):
        check_count(name, count)
    check_positive("nu", nu)
    check_positive("eta", eta)
    chosen = np.atleast_1d(integers("seeds", seeds, 0, 2**32)).astype(np.uint32)
    js = np.atleast_1d(integers("nodes", nodes, -NODE_OFFSET, NODE_OFFSET))
    t, run = (np.uint32(integers(name, v, 0, 2**32)) for name, v in (("step", step), ("experiment", experiment)))
    d, real = problem.rows_g.shape[1], np.dtype(precision)
    start = real_array("z", z, (chosen.size, js.size, d))
    wide = np.zeros((chosen.size, js.size, -(-d // REGISTER) * REGISTER), real)
    wide[..., :d] = start
    words = np.array([((js + NODE_OFFSET) << 8) | int(s) for s in (Stream.INDEX_F, Stream.INDEX_G)], dtype=np.uint32)
    terms = [_padded(getattr(problem, f"rows_{level}"), real) for level in "fg"]
    targets = [np.asarray(v, dtype=real) for v in (problem.targets_f, problem.targets_g)]
    drawn = np.zeros(chosen.size, dtype=np.int64)
    numbers = (js.astype(real) * real.type(nu), real.type(eta), K, batch_f, batch_g)

    def part(first: int) -> None:
        own = slice(first, first + size)
        _descend(wide[own], *terms, *targets, *numbers, t, words, run, chosen[own], drawn[own])

    size = -(-chosen.size // threads)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, range(0, chosen.size, size)))
    return wide[..., :d].astype(float), drawn


def _padded(rows: np.ndarray, real: Any) -> np.ndarray:
    wide = np.zeros((rows.shape[0], -(-rows.shape[1] // REGISTER) * REGISTER), real)
    wide[:, : rows.shape[1]] = rows
    return wide


@njit(**SUMS)
def _terms(index, batch, n, inner, step, word, experiment, seed):
    """index[:batch] <- floor(n w 2^-64), w the 64-bit words of the draw (synthetic.philox.index_law)."""
    bound = np.uint64(n)
    for b in range((batch + 1) // 2):
        w0, w1, w2, w3 = philox(U32(b), inner, step, word, experiment, seed)
        index[2 * b] = (widen(w0) * bound + ((widen(w1) * bound) >> _32)) >> _32
        index[2 * b + 1] = (widen(w2) * bound + ((widen(w3) * bound) >> _32)) >> _32


@njit(**SUMS)
def _add_mean(total, factor, rows, targets, z, index, batch):
    """total += factor mean_i r_i a_i, r_i = a_i'z - b_i, over the terms ``index``; four rows at a time, so that their
    sums run side by side. What follows the batch's end in
    ``index`` is some row's number too, taken 0 times."""
    zero, scale = total.dtype.type(0), factor / total.dtype.type(batch)
    for m in range(0, batch, 4):
        i0, i1, i2, i3 = index[m], index[m + 1], index[m + 2], index[m + 3]
        a0, a1, a2, a3 = rows[i0], rows[i1], rows[i2], rows[i3]
        r0, r1, r2, r3 = zero, zero, zero, zero
        for k in range(z.size):
            r0 += a0[k] * z[k]
            r1 += a1[k] * z[k]
            r2 += a2[k] * z[k]
            r3 += a3[k] * z[k]
        r0 = scale * (r0 - targets[i0])
        r1 = scale * (r1 - targets[i1]) if m + 1 < batch else zero
        r2 = scale * (r2 - targets[i2]) if m + 2 < batch else zero
        r3 = scale * (r3 - targets[i3]) if m + 3 < batch else zero
        for k in range(z.size):
            total[k] += (r0 * a0[k] + r1 * a1[k]) + (r2 * a2[k] + r3 * a3[k])


@njit(**SUMS)
def _descend(z, rows_f, rows_g, targets_f, targets_g, j_nu, eta, K, batch_f, batch_g, step, words, experiment, seeds,
             drawn):  # fmt: skip
    """z (R, P, width) <- after K steps; nothing is allocated in the loop."""
    total, one = np.zeros(z.shape[2], z.dtype), z.dtype.type(1)
    # one index for each level, with room for the last block and the last four rows: every entry is a row's number
    index_f, index_g = np.zeros(batch_f + 4, np.uint64), np.zeros(batch_g + 4, np.uint64)
    for r in range(z.shape[0]):
        for m in range(z.shape[1]):
            here = z[r, m]
            for k in range(K):
                total[:] = 0
                _terms(index_f, batch_f, rows_f.shape[0], U32(1 + k), step, words[0, m], experiment, seeds[r])
                _add_mean(total, j_nu[m], rows_f, targets_f, here, index_f, batch_f)
                _terms(index_g, batch_g, rows_g.shape[0], U32(1 + k), step, words[1, m], experiment, seeds[r])
                _add_mean(total, one, rows_g, targets_g, here, index_g, batch_g)
                for i in range(here.size):
                    here[i] -= eta * total[i]
                drawn[r] += 1
