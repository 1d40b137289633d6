"""F2SA-p: fully first-order stochastic approximation with a p-th order finite difference.

Paper 000, Algorithm 1 (even p, central nodes) and Algorithm 2 (odd p, nodes 0..p). One outer step t:

    for every node j:  y^{j,0} = y_t^j,   y^{j,k+1} = y^{j,k} - eta_y ( j nu F_y + G_y )(x_t, y^{j,k}),   k < K
                       y_{t+1}^j = y^{j,K}
    Phi_t = 1/S sum_{i<=S} sum_j alpha_j ( j F_x(x_t, y_{t+1}^j) + G_x(x_t, y_{t+1}^j)/nu )
    x_{t+1} = x_t - eta_x Phi_t/||Phi_t||

Where it departs from the print, and why:

* ``inner="fresh"`` (default) draws a new sample at every k. The listing draws one sample (xi_j^y, zeta_j^y) per t and
  j and uses it at all k: SGD on a frozen sample converges to the minimiser of the sampled function, so its error
  never falls below that sample's noise and Lemma E.2 does not apply. ``inner="frozen"`` runs the print.
* ``samples_x="independent"`` (default) draws the S samples of line 12 anew for every node, as the variance bound of
  the proof allows; "shared" uses the same xi_i^x for all nodes, as line 12 prints it.
* ``zero_node=False`` (default) skips node 0 when its weight is 0 (central stencils): the listing solves it, and
  nothing uses the result. ``zero_node=True`` runs the print.
* ``normalise=False`` takes the plain step x - eta_x Phi_t.

F2SA of Kwon et al. is p = 1 with lambda = 1/nu. F2SA-2 (Algorithm 3) is p = 2 (see :mod:`solvers.f2sa_2`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bounds.schedule import Schedule
from bounds.stencil import Stencil, stencil
from solvers.base import check_choice
from solvers.pieces import check_fields
from synthetic.arrays import Array, apply, as_vectors, like, namespace, norm
from synthetic.errors import InputError
from synthetic.oracle import StochasticOracle
from synthetic.problem import BilevelProblem


@dataclass(frozen=True)
class State:
    """t outer steps done; x (..., dx); y (..., nodes, dy), one lower-level iterate per solved node; Phi (..., dx)."""

    t: int
    x: Array
    y: Array
    Phi: Array


@dataclass(frozen=True)
class F2SAp:
    """Configuration of F2SA-p (module docstring): nu > 0 the difference step, eta_x, eta_y step sizes, S the batch of
    the outer step, K inner steps, T outer steps. ``family``: "paper" (Algorithms 1 and 2), "central", "one_sided",
    "balanced", or a Stencil.
    """

    p: int
    nu: float
    eta_x: float
    eta_y: float
    S: int
    K: int
    T: int
    family: str | Stencil = "paper"
    inner: Literal["fresh", "frozen"] = "fresh"
    samples_x: Literal["independent", "shared"] = "independent"
    zero_node: bool = False
    normalise: bool = True

    def __post_init__(self) -> None:
        check_fields(self, ("nu", "eta_x", "eta_y"), ("S", "K", "T"))
        check_choice("inner", self.inner, ("fresh", "frozen"))
        check_choice("samples_x", self.samples_x, ("independent", "shared"))
        chosen = self.stencil
        if chosen.order != self.p:
            raise InputError("family", self.family, f"pass a stencil of order p = {self.p}")

    @classmethod
    def from_schedule(cls, schedule: Schedule, **options: object) -> F2SAp:
        """The configuration that a schedule of :mod:`bounds.schedule` prescribes."""
        fields = {k: getattr(schedule, k) for k in ("p", "nu", "eta_x", "eta_y", "S", "K", "T")}
        return cls(**fields, family=schedule.stencil, **options)  # type: ignore[arg-type]

    @property
    def stencil(self) -> Stencil:
        return self.family if isinstance(self.family, Stencil) else stencil(self.p, self.family)

    @property
    def nodes(self) -> tuple[tuple[int, float], ...]:
        """(j, alpha_j) of the nodes that are solved."""
        pairs = zip(self.stencil.nodes, self.stencil.weights, strict=True)
        return tuple((int(j), float(a)) for j, a in pairs if a != 0 or self.zero_node)

    @property
    def calls(self) -> int:
        """SFO calls of a whole run of T outer steps, per seed: nodes (S + K) T."""
        return len(self.nodes) * (self.S + self.K) * self.T

    needs = ("F", "G")

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        """Every node starts at y0 (line 1); y0 defaults to zero."""
        x = as_vectors("x0", x0, problem.dim_x)
        xp = namespace(x)
        start = like(np.zeros(problem.dim_y), x) if y0 is None else as_vectors("y0", y0, problem.dim_y)
        shape = (*x.shape[:-1], len(self.nodes), problem.dim_y)
        y = xp.broadcast_to(start[..., None, :] if start.ndim > 1 else start, shape)
        return State(0, x, y + 0.0, xp.zeros_like(x))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        """One outer step: K inner steps at every node, then the step in x. Costs len(nodes) (S + K) calls."""
        x, t = state.x, state.t
        xp = namespace(x)
        ids = [j for j, _ in self.nodes]
        j_nu = like(np.asarray(ids, dtype=float)[:, None] * self.nu, x)
        at = xp.broadcast_to(x[..., None, :], (*state.y.shape[:-1], x.shape[-1]))
        node = xp.asarray(ids)
        y = state.y
        for k in range(self.K):
            # inner index k + 1: index 0 belongs to the step in x
            answer = oracle.query(at, y, step=t, inner=1 + (k if self.inner == "fresh" else 0), node=node, part="y")
            y = y - self.eta_y * (j_nu * answer.Fy + answer.Gy)
        sample_node = xp.zeros_like(node) if self.samples_x == "shared" else node
        answer = oracle.query(at, y, step=t, inner=0, node=sample_node, samples=self.S, part="x")
        weights = like(np.asarray([a for _, a in self.nodes]), x)
        terms = like(np.asarray(ids, dtype=float)[:, None], x) * answer.Fx + answer.Gx / self.nu
        Phi = apply(xp.matrix_transpose(terms), weights)
        return replace(state, t=t + 1, x=x - self.eta_x * self._direction(Phi), y=y, Phi=Phi)

    def _direction(self, Phi: Array) -> Array:
        if not self.normalise:
            return Phi
        xp = namespace(Phi)
        size = norm(Phi)[..., None]
        # Phi = 0 has no direction: the iterate stays (the print divides by zero)
        return xp.where(size > 0, Phi / xp.where(size > 0, size, xp.ones_like(size)), xp.zeros_like(Phi))

    def terminate(self, state: State) -> bool:
        return state.t >= self.T

    def estimate(self, problem: BilevelProblem, x: Array) -> Array:
        """The estimator with exact lower-level solutions and no noise:
        sum_j alpha_j (j grad_x f + grad_x g/nu)(x, y*_{j nu}(x)); its distance to grad phi(x) is the bias.
        """
        total = None
        for j, a in self.nodes:
            y = problem.y_star(x, j * self.nu)
            term = a * (j * problem.grad_f(x, y)[0] + problem.grad_g(x, y)[0] / self.nu)
            total = term if total is None else total + term
        return total
