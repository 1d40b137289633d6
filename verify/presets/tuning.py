"""The cheapest constant parameters of F2SA-p that reach eps, from exact second moments: no run, no seeds, no luck.

Instance ("apart"): the ramp lies in a coordinate of its own, c_0 = gamma_0 = 0, the other d - 1 carry the bias,

    phi = eps^2/Delta x_0^2 + L/2 ||x_perp||^2,  A_g = a I,  A_f = h I,  B = b I,  c(x)_i = c0 + gamma x_i  (i > 0),

x at (Delta/eps, 0, ..), y at B x: then |x_0| = Delta/eps = 1e5 does not enter c(x), whatever eps is.

    minimise   calls = nodes T (S + K)   over nu, eta_x, eta_y, S, K >= 1
    subject to E||grad phi(x_t)||^2 <= eps^2 on [T, 1.25 T]      (T is then the first such step; plain steps)

"free": all five; "long": K eta_y a = 1, so that an inner loop forgets a factor e (the optimum of K eta_y a >= 1, for
without the bound it is below 1). One direction is flat: eta_x -> r eta_x, S -> r S, K -> r K changes the calls by
O(eta_x L) only, for noise averages over outer steps too. ``floor`` bounds eta_x L from below along it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, inf, isfinite, sqrt
from typing import Any

import numpy as np

from bounds.lq_schedule import lq_schedule
from bounds.schedule import Schedule, checked_stencil
from bounds.stencil import Stencil
from solvers.jump_config import JumpConfig
from solvers.lq_law import Diagonal
from solvers.moments import first_T_below, grad_second_moment
from solvers.moments_search import first_T_grid
from synthetic.errors import InputError
from verify.presets.descent import descend


@dataclass(frozen=True)
class Search:
    """What to minimise over. S, K: fixed values, or 0 for free ones."""

    p: int
    stencil: str
    eps: float
    family: tuple[tuple[str, float], ...]
    variant: str = "free"
    S: int = 0
    K: int = 0
    floor: float = 0.01
    sigma_f: float = 1.0
    sigma_g: float = 1.0

    @property
    def chosen(self) -> Stencil:
        return checked_stencil(self.p, self.stencil)

    def instance(self) -> tuple[Diagonal, np.ndarray, np.ndarray]:
        """(problem, x0, y0)."""
        m = dict(self.family)
        d = int(m["d"])
        if d < 2:
            raise InputError("problem.d", d, "the ramp needs a coordinate of its own: d >= 2")
        apart = np.array([0.0] + [1.0] * (d - 1))
        curvature = np.array([2 * self.eps**2 / m["Delta"]] + [m["L"]] * (d - 1))
        x0 = np.array([m["Delta"] / self.eps] + [0.0] * (d - 1))
        a, h, b = (np.full(d, m[key]) for key in ("a", "h", "b"))
        return Diagonal(curvature, a, h, b, m["gamma"] * apart, m["c0"] * apart), x0, b * x0

    def schedule(self) -> Schedule:
        """The theorem's schedule with exact bias and variance: where the search starts, and what it is held against."""
        m = dict(self.family)
        d = int(m["d"])
        common: dict[str, Any] = {key: m[key] for key in ("a", "h", "b", "gamma", "L", "Delta")}
        return lq_schedule(
            self.p, self.eps, d=d, c_norm=sqrt(d - 1) * abs(m["c0"]), sg=self.sigma_g, sf=self.sigma_f,
            stencil=self.chosen, **common,
        )  # fmt: skip

    def start(self) -> np.ndarray:
        """theta for the schedule's nu and its noise, spread over outer steps of 0.02/L; for fixed S or K the point of
        the free winner's flat line that has no more noise than it.
        """
        plan, eta_x = self.schedule(), 0.02 / dict(self.family)["L"]
        theta = [0.5 * plan.nu, eta_x, eta_x * plan.eta_y, plan.S / eta_x, 1 / dict(self.family)["a"]]
        if self.S or self.K:
            free = tune(replace(self, S=0, K=0)).config
            S, K = self.S or free.S, self.K or free.K
            eta_x = free.eta_x * min(1.0, S / free.S, K / free.K)
            theta = [free.nu, eta_x, eta_x * free.eta_y * free.K / K, S / eta_x, free.eta_y * free.K]
        return np.log([value for value, kept in zip(theta, self._kept()) if kept])

    def _kept(self) -> tuple[bool, ...]:
        return True, True, True, not self.S, not self.K and self.variant == "free"

    def parameters(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """nu, eta_x, eta_y, S, K from theta = log(nu, eta_x, eta_x eta_y, S/eta_x, K eta_y), those that are free.

        In these coordinates the flat direction is one axis, and a bound on eta_x leaves noise and bias as they are.
        """
        columns = iter(np.exp(np.clip(np.atleast_2d(theta), -690, 690)).T)
        nu, eta_x, product = next(columns), next(columns), next(columns)
        if not (self.S or self.K):
            eta_x = np.maximum(eta_x, self.floor / dict(self.family)["L"])
        eta_y = product / eta_x
        S = np.full_like(nu, self.S) if self.S else np.maximum(1.0, next(columns) * eta_x)
        if self.K:
            K = np.full_like(nu, self.K)
        else:
            forgets = next(columns) if self.variant == "free" else 1 / dict(self.family)["a"]
            K = np.maximum(1.0, forgets / eta_y)
        return {"nu": nu, "eta_x": eta_x, "eta_y": eta_y, "S": S, "K": K}

    def log_calls(self, theta: np.ndarray) -> np.ndarray:
        """log of the calls of each row of theta, infinite where eps is not reached."""
        problem, x0, y0 = self.instance()
        values: dict[str, Any] = self.parameters(theta)
        s = self.chosen
        T = first_T_grid(
            problem, x0, s.nodes, s.weights, eps=self.eps, y0=y0, sigma_f=self.sigma_f, sigma_g=self.sigma_g, **values
        )
        calls = len(s.active[0]) * T * (values["S"] + values["K"])
        return np.log(np.where(np.isfinite(calls), calls, inf))

    def feasible_start(self) -> np.ndarray:
        """The start, or the first point on the way to less bias and less noise that reaches eps."""
        theta = self.start()
        way = [-0.3, -0.3 if self.S or self.K else 0.0, -0.5, 0.5, 0.0]
        down = np.array([step for step, kept in zip(way, self._kept()) if kept])
        for _ in range(60):
            if isfinite(float(self.log_calls(theta)[0])):
                return theta
            theta = theta + down
        raise InputError("eps", self.eps, "no parameters found that reach it; take a larger eps")

    def config(self, theta: np.ndarray) -> JumpConfig:
        """The configuration at theta: S and K rounded up, T the first step for the rounded ones."""
        problem, x0, y0 = self.instance()
        values = {name: float(column[0]) for name, column in self.parameters(theta).items()}
        fields: dict[str, Any] = {name: max(1, ceil(values.pop(name))) for name in ("S", "K")} | values
        fields |= {
            "problem": problem, "x0": x0, "y0": y0, "nodes": self.chosen.nodes, "weights": self.chosen.weights,
            "eps": self.eps, "normalise": False, "stop": False, "sigma_f": self.sigma_f, "sigma_g": self.sigma_g,
        }  # fmt: skip
        T = first_T_below(JumpConfig(**fields, T_max=1))
        if not isfinite(T):
            raise InputError("theta", theta, "eps is not reached after rounding S and K")
        return JumpConfig(**fields, T_max=max(1, int(T)), checkpoints=(max(1, int(T)),))


@dataclass(frozen=True, eq=False)
class Winner:
    """config.T_max is the tuned T; ``level`` = E||grad phi(x_T)||^2, exactly; ``calls`` = nodes T (S + K)."""

    config: JumpConfig
    level: float
    calls: int


@cache
def tune(search: Search) -> Winner:
    """The cheapest parameters found; deterministic."""
    theta, _ = descend(search.log_calls, search.feasible_start())
    config = search.config(theta)
    return Winner(config, float(grad_second_moment(config, config.T_max)), config.calls(config.T_max))


def search_of(arguments: Mapping[str, Any]) -> Search:
    """The search that a cell of kernel "tuned" or "tuned-run" stands for."""
    family = tuple(sorted((k, float(v)) for k, v in arguments["problem"].items() if k != "family"))
    names = ("p", "stencil", "eps", "variant", "S", "K", "floor", "sigma_f", "sigma_g")
    return Search(family=family, **{name: arguments[name] for name in names})
