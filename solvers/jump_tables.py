"""What the jump kernels read: rows of parameters over time, for each of the three ways to make the noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from solvers.innovations import innovation_gains
from solvers.jump_config import FOREVER, JumpConfig, Stage
from solvers.jump_kernel import DIRECT, FILTERED, JOINT
from solvers.lq_law import Diagonal, contraction, estimate_noise, joint_factor, noise_scale
from synthetic.errors import InputError

LONGEST_WARM_UP = 512
"""Outer steps that the innovation gains may take to settle before the direct form is used instead."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Rows of parameters for a kernel: row r is valid for t < until[r]."""

    mode: int
    until: list[int] = field(default_factory=list)
    eta_x: list[float] = field(default_factory=list)
    sigma: list[np.ndarray] = field(default_factory=list)
    rho: list[np.ndarray] = field(default_factory=list)
    gain: list[np.ndarray] = field(default_factory=list)
    factor: list[np.ndarray] = field(default_factory=list)

    def add(self, until: int, eta_x: float, sigma: np.ndarray, rho: np.ndarray, gain: np.ndarray) -> None:
        for column, value in zip(
            (self.until, self.eta_x, self.sigma, self.rho, self.gain), (until, eta_x, sigma, rho, gain)
        ):
            column.append(value)  # type: ignore[attr-defined]

    def arrays(self) -> tuple[np.ndarray, ...]:
        return np.array(self.until), *(np.array(c) for c in (self.eta_x, self.sigma, self.rho, self.gain))


def _stage_ends(config: JumpConfig) -> list[int]:
    return [stage.start for stage in config.later] + [FOREVER]


def stage_laws(config: JumpConfig, law: Any, stage: Stage) -> tuple[np.ndarray, np.ndarray, float]:
    """(rho, tau, sigma of the estimate) of one stage; rho and tau of the shape of law.H."""
    s = np.sqrt(config.sigma_g**2 + (law.nodes * config.nu * config.sigma_f) ** 2)[:, None]
    rho = contraction(stage.eta_y, law.H, stage.K)
    tau = s * noise_scale(stage.eta_y, law.H, stage.K, config.inner)
    sigmas = (config.sigma_f, config.sigma_g)
    return rho, tau, estimate_noise(config.nodes, config.weights, config.nu, sigmas, stage.S, config.sharing)


def _direct_tables(config: JumpConfig, law: Any, mode: int) -> Tables:
    tables = Tables(mode)
    for stage, end in zip(config.stages, _stage_ends(config)):
        rho, tau, sigma = stage_laws(config, law, stage)
        tables.add(end, stage.eta_x, np.full(config.problem.dim_x, sigma), rho, tau)
        if mode == JOINT:
            tables.factor.append(joint_factors(config, law, stage))
    return tables


def joint_factors(config: JumpConfig, law: Any, stage: Stage) -> np.ndarray:
    """(p, p, d): the joint factor of every coordinate, computed once for equal ones."""
    sigmas, known = (config.sigma_f, config.sigma_g), {}
    for column in {tuple(c) for c in law.H.T}:
        known[column] = joint_factor(
            stage.eta_y, np.array(column), stage.K, law.nodes * config.nu, sigmas, config.inner
        )
    return np.stack([known[tuple(c)] for c in law.H.T], axis=-1)


def _filtered_tables(config: JumpConfig, law: Any) -> Tables | None:
    """Tables of the innovations form, None when some stage's gains do not settle soon."""
    p, d = law.H.shape
    tables, state = Tables(FILTERED), (np.zeros((d, p, p)), np.zeros((p, d)))
    for stage, end in zip(config.stages, _stage_ends(config)):
        rho, tau, sigma = stage_laws(config, law, stage)
        gains = innovation_gains(rho, tau, law.q, sigma, state, min(LONGEST_WARM_UP, end - stage.start))
        if not gains.settled and stage.start + len(gains.v) < end:
            return None
        for row, (v, kick) in enumerate(zip(gains.v, gains.kick)):
            until = end if row == len(gains.v) - 1 else stage.start + row + 1
            tables.add(until, stage.eta_x, v, rho, kick)
        state = (gains.P, gains.g)
    return tables


def kernel_tables(config: JumpConfig, law: Any) -> Tables:
    if config.sharing == "everywhere":
        return _direct_tables(config, law, JOINT)
    if config.method != "direct" and isinstance(config.problem, Diagonal):
        tables = _filtered_tables(config, law)
        if tables is not None:
            return tables
    if config.method == "filtered":
        raise InputError("method", config.method, 'the gains settle too slowly here: pass "auto" or "direct"')
    return _direct_tables(config, law, DIRECT)
