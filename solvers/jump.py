"""F2SA-p on linear-quadratic instances, exact in law, at a cost that does not depend on S and K.

The problem: min_x phi(x) through sampled first-order information of a quadratic lower level. The method: Algorithms
1 and 2 of paper 000 with every inner loop of K steps and every batch of S samples replaced by one draw of its exact
Gaussian law (:mod:`solvers.lq_law`). Measured: the first outer step at which the exact ||grad phi(x_t)|| <= eps,
for each seed, and the calls this stands for. Those are CHARGED, never metered: outer steps x nodes x (S + K), in
Python integers, since they pass 1e22.

A result is a function of (configuration, experiment, seed): normals come from Philox counters, seeds share nothing,
and neither the grouping of seeds nor the number of processes can be seen in it. Between machines with and without
fused multiply-add last bits may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from solvers.base import check_choice, check_count, check_positive
from solvers.innovations import innovation_gains
from solvers.jump_dense import Dense, dense_coupling, run_dense_group
from solvers.jump_kernel import DIRECT, FILTERED, JOINT, NEVER, run_group
from solvers.lane_normals import LANES
from solvers.lq_law import Diagonal, Inner, Sharing, contraction, coupling, estimate_noise, joint_factor, noise_scale
from synthetic.checks import real_array
from synthetic.errors import InputError
from synthetic.philox import integers

LONGEST_WARM_UP = 512
"""Outer steps that the innovation gains may take to settle before the direct form is used instead."""

FOREVER = 2**62


@dataclass(frozen=True)
class Stage:
    """Parameters from outer step ``start`` on."""

    start: int
    eta_x: float
    eta_y: float
    S: int
    K: int

    def __post_init__(self) -> None:
        if isinstance(self.start, bool) or not isinstance(self.start, int) or self.start < 0:
            raise InputError("start", self.start, "pass an outer step, an integer >= 0")
        for name in ("eta_x", "eta_y"):
            check_positive(name, getattr(self, name))
        for name in ("S", "K"):
            check_count(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))  # counts must not be fixed-width integers


@dataclass(frozen=True, eq=False, kw_only=True)
class JumpConfig:
    """One configuration.

    problem: Diagonal or Dense. x0 (dx,), y0 (dy,) or None (zeros): the start of every seed, every node at y0.
    nodes, weights: the stencil, including nodes of weight 0 that the printed algorithm solves.
    later: stages that replace (eta_x, eta_y, S, K) from their start on (annealed steps).
    sharing: "independent" samples at every node; "x-step": one sample set for all nodes in line 12; "everywhere":
    in the inner loops too. inner: "fresh" samples at every k, or the one "frozen" sample of the listing.
    A run ends at T_max, or (``stop``) at ``linger`` t_0 once the norm has stayed below eps over [t_0, ``sustain`` t_0].
    method: "direct" keeps the law of the y_j too; "filtered" draws p times fewer normals and keeps the law of the
    path of x only; "auto" takes "filtered" where it applies.
    """

    problem: Diagonal | Dense
    x0: Any
    y0: Any = None
    nodes: tuple[Any, ...]
    weights: tuple[Any, ...]
    nu: float
    eta_x: float
    eta_y: float
    S: int
    K: int
    T_max: int
    eps: float
    later: tuple[Stage, ...] = ()
    sigma_f: float = 1.0
    sigma_g: float = 1.0
    sharing: Sharing = "independent"
    inner: Inner = "fresh"
    normalise: bool = True
    sustain: float = 1.25
    linger: float = 1.25
    stop: bool = True
    checkpoints: tuple[int, ...] | None = None
    experiment: int = 0
    method: Literal["auto", "direct", "filtered"] = "auto"

    def __post_init__(self) -> None:
        for name in ("nu", "eps"):
            check_positive(name, getattr(self, name))
        for name in ("sigma_f", "sigma_g"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(name, getattr(self, name), "pass a finite number >= 0")
        check_count("T_max", self.T_max)
        if self.T_max >= FOREVER:
            raise InputError("T_max", self.T_max, "pass less than 2^62 outer steps")
        check_choice("sharing", self.sharing, ("independent", "x-step", "everywhere"))
        check_choice("inner", self.inner, ("fresh", "frozen"))
        check_choice("method", self.method, ("auto", "direct", "filtered"))
        if len(self.nodes) != len(self.weights) or not any(self.weights):
            raise InputError("weights", self.weights, f"pass one weight for each of {len(self.nodes)} nodes")
        if not 1 <= self.sustain <= self.linger:
            raise InputError("sustain", self.sustain, "need 1 <= sustain <= linger")
        if self.sharing == "everywhere" and (self.method == "filtered" or isinstance(self.problem, Dense)):
            raise InputError("sharing", self.sharing, "samples shared in the inner loops: diagonal data, method direct")
        object.__setattr__(self, "x0", real_array("x0", self.x0, (self.problem.dim_x,)))
        y0 = np.zeros(self.problem.dim_y) if self.y0 is None else self.y0
        object.__setattr__(self, "y0", real_array("y0", y0, (self.problem.dim_y,)))
        starts = [stage.start for stage in self.stages]
        if starts != sorted(set(starts)):
            raise InputError("later", self.later, "stages must start at increasing outer steps > 0")
        marks = self.marks
        if np.any(np.diff(marks) <= 0) or (marks.size and marks[0] < 0):
            raise InputError("checkpoints", self.checkpoints, "pass increasing outer steps >= 0")

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage(0, self.eta_x, self.eta_y, self.S, self.K), *self.later)

    @property
    def marks(self) -> np.ndarray:
        """Outer steps at which the gradient norm is kept; by default 0 and about 16 a decade up to T_max."""
        if self.checkpoints is not None:
            return np.asarray(self.checkpoints, dtype=np.int64)
        count = int(16 * np.log10(self.T_max)) + 2
        grid = np.unique(np.round(np.geomspace(1, self.T_max, count)).astype(np.int64))
        return np.concatenate([[0], grid[grid <= self.T_max]])

    @property
    def active_nodes(self) -> int:
        """Nodes with non-zero weight: the lower-level problems that matter."""
        return sum(1 for w in self.weights if w)

    def calls(self, steps: int, *, as_printed: bool = False) -> int:
        """Calls of ``steps`` outer steps: nodes (S + K) each; ``as_printed`` counts nodes of weight 0 too."""
        total, stages = 0, self.stages
        for stage, end in zip(stages, [s.start for s in stages[1:]] + [steps]):
            total += max(0, min(end, int(steps)) - stage.start) * (stage.S + stage.K)
        return total * (len(self.nodes) if as_printed else self.active_nodes)


@dataclass(frozen=True, eq=False)
class JumpResult:
    """Arrays over R seeds. hit: first t with ||grad phi(x_t)|| <= eps; sustained: first t_0 from which it stayed
    below over [t_0, sustain t_0]; last: outer steps run; -1 where it never happened (censored, not dropped).

    norms (R, C): ||grad phi|| at ``checkpoints``, NaN after a seed's end. x (R, dx) at the end; y (R, p, dy) for
    the active nodes, None when the method does not keep their law. method: "direct", "joint" or "filtered".
    """

    config: JumpConfig
    method: str
    seeds: np.ndarray
    hit: np.ndarray
    sustained: np.ndarray
    last: np.ndarray
    checkpoints: np.ndarray
    norms: np.ndarray
    x: np.ndarray
    y: np.ndarray | None

    @property
    def censored(self) -> np.ndarray:
        """Seeds without a sustained hit by T_max."""
        return self.sustained < 0

    def charged(
        self, when: Literal["last", "hit", "sustained"] = "last", *, as_printed: bool = False
    ) -> tuple[int | None, ...]:
        """Calls up to ``when`` for each seed, None for a seed that never got there."""
        steps = getattr(self, when)
        return tuple(None if t < 0 else self.config.calls(int(t), as_printed=as_printed) for t in steps)


@dataclass(frozen=True, eq=False)
class _Tables:
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


def _laws(config: JumpConfig, law: Any, stage: Stage) -> tuple[np.ndarray, np.ndarray, float]:
    """(rho, tau, sigma of the estimate) of one stage; rho and tau of the shape of law.H."""
    s = np.sqrt(config.sigma_g**2 + (law.nodes * config.nu * config.sigma_f) ** 2)[:, None]
    rho = contraction(stage.eta_y, law.H, stage.K)
    tau = s * noise_scale(stage.eta_y, law.H, stage.K, config.inner)
    sigmas = (config.sigma_f, config.sigma_g)
    return rho, tau, estimate_noise(config.nodes, config.weights, config.nu, sigmas, stage.S, config.sharing)


def _direct_tables(config: JumpConfig, law: Any, mode: int) -> _Tables:
    tables = _Tables(mode)
    for stage, end in zip(config.stages, _stage_ends(config)):
        rho, tau, sigma = _laws(config, law, stage)
        tables.add(end, stage.eta_x, np.full(config.problem.dim_x, sigma), rho, tau)
        if mode == JOINT:
            tables.factor.append(_joint(config, law, stage))
    return tables


def _joint(config: JumpConfig, law: Any, stage: Stage) -> np.ndarray:
    """(p, p, d): the joint factor of every coordinate, computed once for equal ones."""
    sigmas, known = (config.sigma_f, config.sigma_g), {}
    for column in {tuple(c) for c in law.H.T}:
        known[column] = joint_factor(
            stage.eta_y, np.array(column), stage.K, law.nodes * config.nu, sigmas, config.inner
        )
    return np.stack([known[tuple(c)] for c in law.H.T], axis=-1)


def _filtered_tables(config: JumpConfig, law: Any) -> _Tables | None:
    """Tables of the innovations form, None when some stage's gains do not settle soon."""
    p, d = law.H.shape
    tables, state = _Tables(FILTERED), (np.zeros((d, p, p)), np.zeros((p, d)))
    for stage, end in zip(config.stages, _stage_ends(config)):
        rho, tau, sigma = _laws(config, law, stage)
        gains = innovation_gains(rho, tau, law.q, sigma, state, min(LONGEST_WARM_UP, end - stage.start))
        if not gains.settled and stage.start + len(gains.v) < end:
            return None
        for row, (v, kick) in enumerate(zip(gains.v, gains.kick)):
            until = end if row == len(gains.v) - 1 else stage.start + row + 1
            tables.add(until, stage.eta_x, v, rho, kick)
        state = (gains.P, gains.g)
    return tables


def _tables(config: JumpConfig, law: Any) -> _Tables:
    if config.sharing == "everywhere":
        return _direct_tables(config, law, JOINT)
    if config.method != "direct" and isinstance(config.problem, Diagonal):
        tables = _filtered_tables(config, law)
        if tables is not None:
            return tables
    if config.method == "filtered":
        raise InputError("method", config.method, 'the gains settle too slowly here: pass "auto" or "direct"')
    return _direct_tables(config, law, DIRECT)


def run_jump(config: JumpConfig, seeds: Sequence[int] | np.ndarray) -> JumpResult:
    """Run ``config`` for every seed (uint32, shape (R,)).

    Seeds are worked on LANES at a time: multiples of it use the machine best, the results are the same anyhow.
    """
    seed_array = np.atleast_1d(integers("seeds", seeds, 0, 2**32))
    if seed_array.ndim != 1:
        raise InputError("seeds", seeds, "pass a 1-d array of seeds")
    experiment = np.uint64(integers("experiment", config.experiment, 0, 2**32))
    problem, dense = config.problem, isinstance(config.problem, Dense)
    build: Any = dense_coupling if dense else coupling
    law = build(problem, config.nodes, config.weights, config.nu)
    tables = _tables(config, law)
    start = config.y0 - law.minimisers(problem, config.nu, config.x0)
    if dense:
        start = np.einsum("pij,pi->pj", law.U, start)
    parts = [
        _run_lanes(config, law, tables, start, experiment, seed_array[i : i + LANES])
        for i in range(0, len(seed_array), LANES)
    ]
    hit, sustained, last, norms, x, w = (np.concatenate(part) for part in zip(*parts))
    method = {DIRECT: "direct", JOINT: "joint", FILTERED: "filtered"}[tables.mode]
    y = None if tables.mode == FILTERED else _lower_levels(config, law, x, w)
    return JumpResult(config, method, seed_array, hit, sustained, last, config.marks, norms, x, y)


def _lower_levels(config: JumpConfig, law: Any, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """y_j = y*_{j nu}(x) + w_j, shape (R, p, dy)."""
    if isinstance(config.problem, Dense):
        w = np.einsum("pji,rpi->rpj", law.U, w)
    return w + law.minimisers(config.problem, config.nu, x)


def _run_lanes(
    config: JumpConfig, law: Any, tables: _Tables, start: np.ndarray, experiment: np.uint64, seeds: np.ndarray
) -> tuple[np.ndarray, ...]:
    """At most LANES seeds; missing lanes repeat the first seed and are dropped."""
    used, marks = len(seeds), config.marks
    lanes = np.concatenate([seeds, np.repeat(seeds[:1], LANES - used)]).astype(np.uint64)
    x = np.repeat(config.x0[:, None], LANES, axis=1)
    w = np.repeat(start[:, :, None], LANES, axis=2)
    hit, sustained, last = (np.full(LANES, NEVER) for _ in range(3))
    norms = np.full((marks.size, LANES), np.nan)
    until, eta_x, sigma, rho, gain = tables.arrays()
    watching = (config.eps**2, config.T_max, config.sustain, config.linger, config.stop, marks)
    x_end, w_end = np.empty_like(x), np.empty_like(w)
    if isinstance(config.problem, Dense):
        run_dense_group(
            experiment, lanes, x, w, config.problem.P, law.bias0, law.bias1, law.slope, law.q, until, eta_x, sigma,
            rho, gain, config.normalise, *watching, hit, sustained, last, norms, x_end, w_end,
        )  # fmt: skip
    else:
        p = len(law.H)
        factor = np.array(tables.factor) if tables.factor else np.zeros((1, p, p, 1))
        wide = (
            np.repeat(a, LANES, axis=-1) for a in (config.problem.curvature, law.bias0, law.bias1, law.slope, law.q)
        )
        run_group(
            experiment, lanes, x.ravel(), w.reshape(p, -1), *wide, until, eta_x, sigma[:, None, :], rho, gain,
            np.repeat(factor, LANES, axis=-1), tables.mode, config.normalise, *watching, hit, sustained, last, norms,
            x_end.reshape(-1), w_end.reshape(p, -1),
        )  # fmt: skip
    return tuple(np.moveaxis(a, -1, 0)[:used] for a in (hit, sustained, last, norms, x_end, w_end))
