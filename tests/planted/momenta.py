"""Solvers with one fault each in a momentum or in what they claim of it; `bilevel-rates check` must refute each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from solvers.bo_rep import BOREP
from solvers.fmbo import FMBO
from solvers.soba import MASOBA
from solvers.ttsa import TTSA

REFUTED_BY = {
    "alias": ("momentum", "no memory"),
    "swapped": ("momentum", "(1 - a)^k with the declared a = 0.9"),
    "turned": ("momentum", "an average has weights"),
    "late": ("momentum", "2 steps old"),
    "swapped_storm": ("momentum", "declared"),
    "cut_series": ("bias", "random; bias"),
    "one_stratum": ("bias", "not equally likely"),
}
"""name -> (the check that must refute it, words of its evidence)."""


@dataclass(frozen=True)
class Alias(MASOBA):
    """The average is written over by the newest sample before it is used."""

    momentum, share = "average", "theta"

    def _upper(self, state, Phi, gamma):
        h = Phi
        h = (1 - self.theta) * h + self.theta * Phi
        return state.x - gamma * h, h


@dataclass(frozen=True)
class Swapped(BOREP):
    """beta is the weight of the sample and 1 - beta that of the momentum; declared as in the paper, 1 - beta."""

    momentum = "average"

    def share(self, step):
        return 1 - self.beta

    def step(self, state, oracle):
        return BOREP.step(replace(self, beta=1 - self.beta), state, oracle)


@dataclass(frozen=True)
class Turned(MASOBA):
    """The memory enters with the wrong sign."""

    momentum = "average"

    def _upper(self, state, Phi, gamma):
        h = self.theta * Phi - (1 - self.theta) * state.h
        return state.x - gamma * h, h


@dataclass(frozen=True)
class Late(MASOBA):
    """x moves along the average of the step before the last."""

    momentum, share = "average", "theta"

    def init(self, problem, x0, y0=None):
        return replace(super().init(problem, x0, y0), tables=(0.0 * x0,))

    def step(self, state, oracle):
        moved = super().step(replace(state, h=state.h), oracle)
        return replace(moved, x=state.x - self.gamma * state.tables[0], tables=(state.h,))


@dataclass(frozen=True)
class SwappedStorm(FMBO):
    """The recursive momentum of FMBO with eta and 1 - eta changed places; declared as printed."""

    momentum = "storm"

    def share(self, step):
        return min(1.0, self.c_f * self.alpha(step) ** 2)

    def step(self, state, oracle):
        a2 = self.alpha(state.t) ** 2
        turned = [max(0.0, 1 / a2 - c) for c in (self.c_f, self.c_R, self.c_g)]
        return FMBO.step(replace(self, **dict(zip(("c_f", "c_R", "c_g"), turned))), state, oracle)


@dataclass(frozen=True)
class CutSeries(TTSA):
    """The random term of the Neumann series with the weight (Q - 1)/L in place of Q/L."""

    small_parameter, bias_order = "Q", "geometric"

    def strata(self, step):
        from solvers.pieces import truncation

        return truncation(0, step, self.Q), self.Q

    def step(self, state, oracle):
        x, t = state.x, state.t
        after = super().step(state, oracle)
        Fx = oracle.F(x, after.y, step=t, inner=1)[0]
        Phi = Fx + (after.Phi - Fx) * (self.Q - 1) / self.Q
        return replace(after, x=x + (after.x - x) * 0.0 - self.alpha * Phi, Phi=Phi)


@dataclass(frozen=True)
class OneStratum(TTSA):
    """It says that its randomness takes Q values; the first comes all the time."""

    small_parameter, bias_order = "Q", "geometric"

    def strata(self, step):
        return 0, self.Q


def alias():
    return Alias(T=40, rho=0.3)


def swapped():
    return Swapped(T=40, eta=0.05, nu=0.3, beta=0.1)


def turned():
    return Turned(T=40, rho=0.3)


def late():
    return Late(T=40, rho=0.3)


def swapped_storm():
    return SwappedStorm(T=40)


def cut_series():
    return CutSeries(T=40, L=3.0, Q=3, beta=0.4, b=0.1, a=0.2)


def one_stratum():
    return OneStratum(T=40, L=3.0, Q=3, beta=0.4, b=0.1, a=0.2)
