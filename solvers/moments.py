"""E||grad phi(x_T)||^2 of plain F2SA-p on diagonal quadratics, exactly, for any T, S and K: no sampling at all.

Without normalisation, and with quadratic phi and jointly diagonal data, x_t and the errors u_j = y_j - y*_{j nu}(x_t)
at the start of step t form a linear Gaussian recursion in every coordinate (constants: :mod:`solvers.lq_law`):

    w_j = rho_j u_j + tau_j xi_j,       Phi = (lambda + beta_1) x + beta_0 + sum_j q_j w_j + sigma zeta
    x  <- x - eta_x Phi,                u_j <- w_j + s_j eta_x Phi

Its mean and covariance after T steps follow from powers of one (p + 1) x (p + 1) matrix by doubling
(:mod:`solvers.moments_kernel`). sqrt(E||grad phi||^2) bounds E||grad phi||, the theorem's measure, from above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.base import check_positive
from solvers.jump_config import JumpConfig, Stage
from solvers.jump_tables import joint_factors, stage_laws
from solvers.lq_law import Coupling, Diagonal, coupling
from solvers.moments_kernel import RUNGS, advance_by, climb, first_below, newton_basis
from synthetic.errors import InputError


@dataclass(frozen=True, eq=False)
class Recursion:
    """s <- s + D s + v + noise of covariance Q in every distinct coordinate: shapes (c, n, n), (c, n), (c, n, n),
    n = 1 + p, s = (x, c) with u = V c; ``member`` (d,) says which block a coordinate is, ``weight`` = lambda^2 times
    its multiplicity."""

    D: np.ndarray
    v: np.ndarray
    Q: np.ndarray
    start: np.ndarray
    weight: np.ndarray
    member: np.ndarray

    def ladder(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Room for every doubling, rung 0 filled."""
        rungs = tuple(np.zeros((RUNGS, *part.shape)) for part in (self.D, self.v, self.Q))
        for rung, part in zip(rungs, (self.D, self.v, self.Q)):
            rung[0] = part
        return rungs  # type: ignore[return-value]


def _problem(config: JumpConfig) -> Diagonal:
    if not isinstance(config.problem, Diagonal):
        raise InputError("problem", type(config.problem).__name__, "exact moments need jointly diagonal data")
    if config.normalise:
        raise InputError("normalise", True, "the normalised step is not linear: pass normalise=False")
    return config.problem


def recursion(config: JumpConfig, stage: Stage | None = None) -> Recursion:
    """The recursion of the module docstring, for ``stage`` (the first one by default)."""
    problem = _problem(config)
    stage = config.stages[0] if stage is None else stage
    law = coupling(problem, config.nodes, config.weights, config.nu)
    rho, tau, sigma = stage_laws(config, law, stage)
    if config.sharing == "everywhere":
        factor = joint_factors(config, law, stage)
    else:
        factor = np.einsum("jk,ji->jki", np.eye(len(rho)), tau)
    start = np.vstack([config.x0, config.y0 - law.minimisers(problem, config.nu, config.x0)]).T
    columns = np.column_stack([*np.array([problem.curvature, problem.a, problem.h, problem.b]),
                               problem.gamma, problem.c0, start])  # fmt: skip
    _, first, member = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    V, inverse = newton_basis(list(law.nodes))
    start[:, 1:] = start[:, 1:] @ inverse.T
    blocks = [_block(problem, law, rho, factor, sigma, stage.eta_x, i, V, inverse) for i in first]
    D, v, Q = (np.array(part) for part in zip(*blocks))
    weight = problem.curvature[first] ** 2 * np.bincount(member.ravel(), minlength=len(first))
    return Recursion(D, v, Q, np.ascontiguousarray(start[first]), weight, member.ravel())


def _block(
    problem: Diagonal, law: Coupling, rho: np.ndarray, factor: np.ndarray, sigma: float, eta: float, i: int,
    V: np.ndarray, inverse: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(D, v, Q) of coordinate i; Phi = rate x + beta_0 + (q rho)'u + (q factor) xi + sigma zeta."""
    p = len(rho)
    rate, q, s, r = problem.curvature[i] + law.bias1[i], law.q[:, i], law.slope[:, i], rho[:, i]
    answer = eta * np.concatenate([[-1.0], inverse @ s])  # how (x, c) answers a unit of Phi
    D = np.outer(answer, np.concatenate([[rate], (q * r) @ V]))
    D[1:, 1:] += inverse @ np.diag(r - 1.0) @ V
    noise = np.outer(answer, np.concatenate([q @ factor[:, :, i], [sigma]]))
    noise[1:, :p] += inverse @ factor[:, :, i]
    return D, answer * law.bias0[i], noise @ noise.T


def moments_at(config: JumpConfig, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d, 1 + p) and covariance (d, 1 + p, 1 + p) of (x, u_1 .. u_p) after T outer steps, through all stages.

    u_j = y_j - y*_{j nu}(x) for the active nodes; coordinates are independent.
    """
    if isinstance(T, bool) or not isinstance(T, (int, np.integer)) or not 0 <= T < 2 ** (RUNGS - 1):
        raise InputError("T", T, f"pass an integer from 0 to 2^{RUNGS - 1} - 1")
    system = recursion(config)
    blocks, n = system.start.shape
    mean, cov = system.start.copy(), np.zeros((blocks, n, n))
    ends = [stage.start for stage in config.later] + [int(T)]
    for stage, end in zip(config.stages, ends):
        system = recursion(config, stage)
        steps = min(end, int(T)) - stage.start
        if steps > 0:
            rungs = tuple(part[: max(1, steps.bit_length())] for part in system.ladder())
            climb(*rungs, system.start, system.weight, np.empty(len(rungs[0])), False)
            advance_by(*rungs, steps, mean, cov)
    back = np.eye(n)
    back[1:, 1:] = newton_basis([j for j, w in zip(config.nodes, config.weights) if w])[0]
    return (mean @ back.T)[system.member], (back @ cov @ back.T)[system.member]


def grad_second_moment(config: JumpConfig, T: int | Sequence[int]) -> Any:
    """E||grad phi(x_T)||^2, a float for an integer T and an array for a sequence."""
    if not isinstance(T, (int, np.integer)):
        return np.array([grad_second_moment(config, t) for t in T])
    mean, cov = moments_at(config, T)
    return float(np.sum(_problem(config).curvature ** 2 * (mean[:, 0] ** 2 + cov[:, 0, 0])))


def stationary_level(config: JumpConfig) -> float:
    """lim_T E||grad phi(x_T)||^2 under the last stage; infinite when the recursion diverges."""
    system = recursion(config, config.stages[-1])
    levels = np.empty(RUNGS)
    rungs = climb(*system.ladder(), system.start, system.weight, levels, True)
    level = float(levels[rungs - 1])
    return level if level < 1e200 else math.inf


def first_T_below(config: JumpConfig, eps: float | None = None) -> float:
    """T from which E||grad phi||^2 <= eps^2, over [T, sustain T] and at all later powers of two; infinite when the
    stationary level is above. (Dips below eps before the last octave that begins above it are passed over.)

    eps defaults to the configuration's. Configurations with later stages are refused: their level need not settle.
    """
    eps = config.eps if eps is None else eps
    check_positive("eps", eps)
    if config.later:
        raise InputError("later", config.later, "first_T_below takes constant parameters; use grad_second_moment")
    system = recursion(config)
    found = first_below(*system.ladder(), system.start, system.weight, eps**2, config.sustain)
    return math.inf if found < 0 else float(found)
