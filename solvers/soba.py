"""SOBA, MA-SOBA and SABA: single loops on the triple (y, v, x) with one sample each.

SOBA (Dagréou, Ablin, Vaiter, Moreau, NeurIPS 2022). All three directions at (x_t, y_t, v_t) and on one sample:

    y_{t+1} = y_t - rho_t G_y,   v_{t+1} = v_t - rho_t ( G_yy v_t - F_y ),    x_{t+1} = x_t - gamma_t ( F_x - G_xy v_t )

MA-SOBA (Chen, Xiao, Balasubramanian 2023): a moving average h, taken at (x_t, y_t, v_t) and used one step later:

    x_{t+1} = x_t - gamma_t h_t,     h_{t+1} = (1 - theta) h_t + theta ( F_x - G_xy v_t ),     y, v as SOBA

SABA (Dagréou et al.), for finite sums: SAGA on each direction. With i, j the terms of g and f drawn at step t and a
table M of the last value of each of the five pieces G_y, G_yy v, G_xy v (per i) and F_x, F_y (per j),

    S[piece] = piece_i(x_t, y_t, v_t) - M[i] + mean(M),     M[i] <- piece_i(x_t, y_t, v_t),    then SOBA's steps with S.

Steps rho_t = rho (1 + t)^{-power}, gamma_t likewise; SABA needs none (power 0).

Departures: v estimates +[g_yy]^{-1} f_y (SOBA's print uses the opposite sign, with the same iterates); MA-SOBA starts
at h_0 = 0, as h has no sample before step 0; the tables of SABA start at 0, which costs nothing and keeps S unbiased
(the print fills them in a first pass; a public implementation, benchopt's benchmark_bilevel, starts at 0 too); some
public code of MA-SOBA averages first and moves along h_{t+1}; no projection of v. SABA takes one term of each level a
step: Minibatch(1, 1).

Calls: 1 SFO (F and G), 1 HVP, 1 JVP a step for all three.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import array_api_compat

from solvers.base import check_positive
from solvers.pieces import check_fields, check_share, start, times
from synthetic.arrays import Array, namespace
from synthetic.errors import InputError
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem

Directions = tuple[Array, Array, Array, Array, Array]
"""G_y, G_yy v, G_xy v, F_x, F_y."""


@dataclass(frozen=True)
class State:
    """t steps done; x, h (..., dx); y, v (..., dy); ``tables``: of SABA, each (..., n, dim), else empty."""

    t: int
    x: Array
    y: Array
    v: Array
    h: Array
    tables: tuple[Array, ...] = ()


def directions(state: State, oracle: StochasticOracle) -> Directions:
    """The five pieces on the sample of step t."""
    x, y, v, t = state.x, state.y, state.v, state.t
    answer = oracle.query(x, y, step=t)
    Hv, Jv = oracle.hvp(x, y, v, step=t), oracle.jvp(x, y, v, step=t)
    return answer.Gy, Hv, Jv, answer.Fx, answer.Fy


@dataclass(frozen=True)
class SOBA:
    """Configuration of SOBA, symbols as in the module docstring; T steps."""

    T: int
    gamma: float = 0.05
    rho: float = 0.1
    power: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, ("gamma", "rho"), ("T",))
        check_share("power", self.power)

    needs: ClassVar[tuple[str, ...]] = ("F", "G", "HVP", "JVP")

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run."""
        return times(self.T, sfo=1, F=1, G=1, HVP=1, JVP=1)

    @property
    def calls(self) -> int:
        return self.T

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        x, y = start(problem, x0, y0)
        return State(0, x, y, 0.0 * y, 0.0 * x)

    def step(self, state: State, oracle: StochasticOracle) -> State:
        return self._move(state, directions(state, oracle))

    def _move(self, state: State, found: Directions) -> State:
        Gy, Hv, Jv, Fx, Fy = found
        decay = (1 + state.t) ** -self.power
        x_new, h = self._upper(state, Fx - Jv, self.gamma * decay)
        rho = self.rho * decay
        return replace(
            state, t=state.t + 1, x=x_new, y=state.y - rho * Gy, v=state.v - rho * (Hv - Fy), h=h
        )  # fmt: skip

    def _upper(self, state: State, Phi: Array, gamma: float) -> tuple[Array, Array]:
        return state.x - gamma * Phi, Phi

    def terminate(self, state: State) -> bool:
        return state.t >= self.T


@dataclass(frozen=True)
class MASOBA(SOBA):
    """Configuration of MA-SOBA: that of SOBA and the averaging weight theta in (0, 1]."""

    theta: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("theta", self.theta)
        check_share("theta", self.theta)

    def _upper(self, state: State, Phi: Array, gamma: float) -> tuple[Array, Array]:
        return state.x - gamma * state.h, (1 - self.theta) * state.h + self.theta * Phi


@dataclass(frozen=True)
class SABA(SOBA):
    """Configuration of SABA; the oracle's noise must be Minibatch(1, 1) of a finite sum."""

    needs: ClassVar[tuple[str, ...]] = ("F", "G", "HVP", "JVP", "sum")

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        state = super().init(problem, x0, y0)
        sizes = [(getattr(problem, f"n_{level}", None), dim) for level, dim in self._layout(problem)]
        if any(n is None for n, _ in sizes):
            raise InputError("problem", problem, "SABA needs a finite sum: n_f and n_g terms")
        xp = namespace(state.x)
        batch = state.x.shape[:-1]
        zero = 0.0 * state.x[..., :1]
        return replace(
            state, tables=tuple(xp.broadcast_to(zero[..., None], (*batch, n, dim)) + 0.0 for n, dim in sizes)
        )  # fmt: skip

    def _layout(self, problem: BilevelProblem) -> tuple[tuple[str, int], ...]:
        dx, dy = problem.dim_x, problem.dim_y
        return (("g", dy), ("g", dy), ("g", dx), ("f", dx), ("f", dy))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        index = {level: oracle.terms(level, state.x, step=state.t) for level in ("f", "g")}
        for level, found in index.items():
            if found.shape[-1] != 1:
                raise InputError("noise", f"batches of {found.shape[-1]} ({level})", "SABA needs Minibatch(1, 1)")
        pieces, tables = [], []
        for new, table, (level, _) in zip(
            directions(state, oracle), state.tables, self._layout(oracle.problem), strict=True
        ):
            corrected, updated = saga(new, table, index[level])
            pieces.append(corrected)
            tables.append(updated)
        return replace(self._move(state, tuple(pieces)), tables=tuple(tables))


def saga(new: Array, table: Array, index: Array) -> tuple[Array, Array]:
    """(new - table[index] + mean(table), the table with row ``index`` replaced); table (..., n, d), index (..., 1)."""
    xp = namespace(table)
    chosen = xp.arange(table.shape[-2], dtype=index.dtype, device=array_api_compat.device(table))
    mine = (chosen == index)[..., None]
    old = xp.sum(xp.where(mine, table, xp.zeros_like(table)), axis=-2)
    return new - old + xp.mean(table, axis=-2), xp.where(mine, new[..., None, :], table)
