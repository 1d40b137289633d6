"""The jump kernel for dense linear-quadratic instances: the law of solvers.lq_law in the eigenbasis of every node.

H_j = A_g + j nu A_f = U_j diag(lambda_j) U_j' and v_j = U_j'(y_j - y*_{j nu}(x)); noise of covariance s^2 I looks
the same in every orthonormal basis, so coordinate i of v_j follows the scalar law with H = lambda_{j,i}, and

    dx:     v_j <- v_j - U_j' S_j dx,                S_j = d y*_j / dx = B - j nu H_j^{-1} G
    Phi  = P x + beta_0 + beta_1 x + sum_j Q_j v_j + sigma zeta,    Q_j = alpha_j (j G' - B'H_j/nu) U_j
    beta_0 + beta_1 x = -sum_j alpha_j j^2 nu G'H_j^{-1} c(x)

with phi = 1/2 x'P x. O(p d_x d_y) an outer iteration.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.compiled import njit
from solvers.jump_kernel import NEVER, watch
from solvers.lane_normals import FAST, KERNEL_STREAM, LANES, fill_normals, lane_word
from synthetic.checks import positive_definite, real_array, square_size, symmetric
from synthetic.errors import InputError


@dataclass(frozen=True, eq=False)
class Dense:
    """One linear-quadratic instance: P (dx, dx) symmetric, A_g, A_f (dy, dy) symmetric, B, G (dy, dx), c0 (dy,)."""

    P: np.ndarray
    A_g: np.ndarray
    A_f: np.ndarray
    B: np.ndarray
    G: np.ndarray
    c0: np.ndarray

    def __post_init__(self) -> None:
        dx, dy = square_size("P", self.P), square_size("A_g", self.A_g)
        checked = {
            "P": symmetric("P", self.P, dx),
            "A_g": symmetric("A_g", self.A_g, dy),
            "A_f": symmetric("A_f", self.A_f, dy),
            "B": real_array("B", self.B, (dy, dx)),
            "G": real_array("G", self.G, (dy, dx)),
            "c0": real_array("c0", self.c0, (dy,)),
        }
        positive_definite("A_g", checked["A_g"], "make the lower level strongly convex")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def dim_x(self) -> int:
        return len(self.P)

    @property
    def dim_y(self) -> int:
        return len(self.A_g)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """grad phi(x), shape (..., dx)."""
        return x @ self.P


@dataclass(frozen=True, eq=False)
class DenseCoupling:
    """nodes (p,); H (p, dy) eigenvalues; U (p, dy, dy); slope (p, dy, dx) = U'S; q (p, dx, dy); bias0 (dx,);
    bias1 (dx, dx)."""

    nodes: np.ndarray
    H: np.ndarray
    U: np.ndarray
    slope: np.ndarray
    q: np.ndarray
    bias0: np.ndarray
    bias1: np.ndarray

    def minimisers(self, problem: Dense, nu: float, x: np.ndarray) -> np.ndarray:
        """y*_{j nu}(x) for every node: x (..., dx) -> (..., p, dy)."""
        c = problem.c0 + x @ problem.G.T
        rows = [x @ problem.B.T - j * nu * ((c @ U) / H) @ U.T for j, H, U in zip(self.nodes, self.H, self.U)]
        return np.stack(rows, axis=-2)


def dense_coupling(problem: Dense, nodes: Sequence[Any], weights: Sequence[Any], nu: float) -> DenseCoupling:
    """The matrices of the module docstring for the active nodes."""
    active = [(float(j), float(w)) for j, w in zip(nodes, weights) if w]
    parts = []
    bias0, bias1 = np.zeros(problem.dim_x), np.zeros((problem.dim_x, problem.dim_x))
    for j, alpha in active:
        matrix = problem.A_g + j * nu * problem.A_f
        lam, U = np.linalg.eigh(matrix)
        if lam[0] <= 0:
            raise InputError("nu", nu, f"g + j nu f is not convex at node j = {j:g}: take a smaller nu")
        HG, Hc = np.linalg.solve(matrix, problem.G), np.linalg.solve(matrix, problem.c0)
        bias0 -= alpha * j**2 * nu * problem.G.T @ Hc
        bias1 -= alpha * j**2 * nu * problem.G.T @ HG
        slope = U.T @ (problem.B - j * nu * HG)
        parts.append((j, lam, U, slope, alpha * (j * problem.G.T - problem.B.T @ matrix / nu) @ U))
    nodes_, lam_, U_, slope_, q_ = (np.array(part) for part in zip(*parts))
    return DenseCoupling(nodes_, lam_, U_, slope_, q_, bias0, bias1)


@njit(inline="always")
def _add_product(out, matrix, vector, factor):
    """out += factor * matrix @ vector for every lane: matrix (m, n), vector (n, LANES), out (m, LANES)."""
    for i in range(matrix.shape[0]):
        for k in range(matrix.shape[1]):
            c = factor * matrix[i, k]
            for lane in range(LANES):
                out[i, lane] += c * vector[k, lane]


@njit(**FAST)
def run_dense_group(
    experiment, seeds, x, v, hessian, bias0, bias1, slope, q, until, eta_x, sigma, rho, tau,
    normalise, level, t_max, sustain, linger, stop, checkpoints, hit, sustained, last, curve, x_end, v_end,
):  # fmt: skip
    """As jump_kernel.run_group; x (dx, LANES), v (p, dy, LANES); rho, tau (R, p, dy); sigma (R, dx)."""
    p, dy, _ = v.shape
    dx_dim = x.shape[0]
    blocks = (dx_dim + p * dy + 3) // 4
    z = np.zeros((4 * blocks, LANES))
    dx, estimate, gradient = (np.zeros((dx_dim, LANES)), np.zeros((dx_dim, LANES)), np.zeros((dx_dim, LANES)))
    squares, scale = np.zeros(LANES), np.zeros(LANES)
    run_start, word, zero = np.full(LANES, NEVER), lane_word(0, KERNEL_STREAM), np.uint64(0)
    row, mark, t, alive = np.int64(0), np.int64(0), np.int64(0), np.int64(LANES)
    while True:
        gradient[:] = 0.0
        _add_product(gradient, hessian, x, 1.0)
        squares[:] = 0.0
        for i in range(dx_dim):
            for lane in range(LANES):
                squares[lane] += gradient[i, lane] * gradient[i, lane]
        if mark < checkpoints.size and t == checkpoints[mark]:
            for lane in range(LANES):
                if last[lane] < 0:
                    curve[mark, lane] = math.sqrt(squares[lane])
            mark += 1
        running = watch(t, squares, level, run_start, hit, sustained, last, t_max, sustain, linger, stop)
        if running < alive:
            for lane in range(LANES):
                if last[lane] == t:
                    for i in range(dx_dim):
                        x_end[i, lane] = x[i, lane]
                    for j in range(p):
                        for i in range(dy):
                            v_end[j, i, lane] = v[j, i, lane]
                            for k in range(dx_dim):
                                v_end[j, i, lane] -= slope[j, i, k] * dx[k, lane]
            alive = running
        if running == 0:
            return
        while t >= until[row]:
            row += 1
        fill_normals(z, blocks, zero, np.uint64(t >> 32), np.uint64(t), word, experiment, seeds)
        for i in range(dx_dim):
            for lane in range(LANES):
                estimate[i, lane] = gradient[i, lane] + bias0[i] + sigma[row, i] * z[i, lane]
        _add_product(estimate, bias1, x, 1.0)
        for j in range(p):
            _add_product(v[j], slope[j], dx, -1.0)
            for i in range(dy):
                r, s, at = rho[row, j, i], tau[row, j, i], dx_dim + j * dy + i
                for lane in range(LANES):
                    v[j, i, lane] = r * v[j, i, lane] + s * z[at, lane]
            _add_product(estimate, q[j], v[j], 1.0)
        scale[:] = 0.0
        for i in range(dx_dim):
            for lane in range(LANES):
                scale[lane] += estimate[i, lane] * estimate[i, lane]
        for lane in range(LANES):
            size = math.sqrt(scale[lane]) if normalise else 1.0
            scale[lane] = -eta_x[row] / size if size > 0.0 else 0.0
        for i in range(dx_dim):
            for lane in range(LANES):
                dx[i, lane] = scale[lane] * estimate[i, lane]
                x[i, lane] += dx[i, lane]
        t += 1
