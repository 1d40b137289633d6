"""The configuration that the jump, literal and moment kernels share: F2SA-p on one linear-quadratic instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bounds.schedule import Schedule
from solvers.base import check_choice, check_count, check_positive
from solvers.jump_dense import Dense
from solvers.lq_law import Diagonal, Inner, Sharing
from synthetic.checks import real_array
from synthetic.errors import InputError
from synthetic.linear_quadratic import LinearQuadratic

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

    problem: Diagonal or Dense (the literal kernels take those of solvers.lower_levels). x0 (dx,), y0 (dy,) or None
    (zeros): the start of every seed, every node at y0.
    nodes, weights: the stencil, including nodes of weight 0 that the printed algorithm solves.
    later: stages that replace (eta_x, eta_y, S, K) from their start on (annealed steps).
    sharing: "independent" samples at every node; "x-step": one sample set for all nodes in line 12; "everywhere":
    in the inner loops too. inner: "fresh" samples at every k, or the one "frozen" sample of the listing.
    A run ends at T_max, or (``stop``) at ``linger`` t_0 once the norm has stayed below eps over [t_0, ``sustain`` t_0].
    method: "direct" keeps the law of the y_j too; "filtered" draws p times fewer normals and keeps the law of the
    path of x only; "auto" takes "filtered" where it applies.
    """

    problem: Any
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

    @classmethod
    def from_problem(cls, problem: LinearQuadratic, schedule: Schedule, x0: Any, **options: Any) -> JumpConfig:
        """The schedule's parameters on ``problem``, whose phi must be quadratic (it is checked).

        Jointly diagonal data gives a Diagonal instance, any other a Dense one. T_max is the schedule's T unless
        ``options`` has it; so for every other field.
        """
        hessian = quadratic_hessian(problem)
        if problem.is_diagonal and not np.any(hessian - np.diag(np.diag(hessian))):
            curvature, a, h, b, gamma = map(np.diag, (hessian, problem.A_g, problem.A_f, problem.B, problem.G))
            data: Diagonal | Dense = Diagonal(curvature, a, h, b, gamma, problem.c0)
        else:
            data = Dense(hessian, problem.A_g, problem.A_f, problem.B, problem.G, problem.c0)
        fields = {name: getattr(schedule, name) for name in ("nu", "eta_x", "eta_y", "S", "K", "eps")}
        fields |= {"nodes": schedule.stencil.nodes, "weights": schedule.stencil.weights, "T_max": schedule.T}
        return cls(problem=data, x0=x0, **(fields | options))


def quadratic_hessian(problem: LinearQuadratic) -> np.ndarray:
    """P with phi = 1/2 x'P x, or InputError when phi is not that: the kernels know grad phi = P x only."""
    hessian = np.asarray(problem.phi.hess(np.zeros(problem.dim_x)))
    probe = np.cos(np.arange(1.0, problem.dim_x + 1.0))
    for x in (0.0 * probe, probe, -37.0 * probe[::-1]):
        if not np.allclose(problem.phi.grad(x), hessian @ x, rtol=1e-12, atol=1e-12):
            raise InputError("problem.phi", problem.phi, "the jump kernels need phi = 1/2 x'P x (Ramp, QuadraticHyper)")
    return hessian
