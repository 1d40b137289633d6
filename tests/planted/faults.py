"""Solvers with one fault each, most of them seen in public code. `bilevel-rates check` must refute every one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bounds.stencil import central
from solvers.f2sa import F2SA
from solvers.f2sa_p import F2SAp
from solvers.mrbo import MRBO, VRBO
from solvers.pieces import descend, neumann_sum
from solvers.stocbio import StocBiO
from synthetic.arrays import norm

NU, ETA = 0.1, 0.4
PENALTY = {"nu": NU, "eta_x": 0.05, "eta_y": ETA, "S": 2, "K": 10, "T": 60, "normalise": False}
SERIES = {"T": 60, "alpha": ETA, "eta": ETA, "Q": 4}
REFUTED_BY = {
    "crossed": ("bias", "slope -0.0"),
    "wrong_sign": ("bias", "slope 2"),
    "fixed_nu": ("bias", "does not depend"),
    "fixed_schedule": ("exponent", "is reached by"),
    "mis_scaled": ("bias", "at Q ="),
    "aliased": ("momentum", "correction is zero"),
    "unpaired": ("momentum", "no sample"),
    "wrong_share": ("momentum", "weights"),
    "half_spider": ("momentum", "weights"),
    "multiplied": ("calls", "metered"),
    "past_the_oracle": ("oracle", "grad_f"),
    "at_the_node": ("own accuracy", "exact"),
    "cold_and_short": ("lower level", "y*_0"),
    "batch_ignored": ("variance", "variance falls 1 times"),
    "unseeded": ("determinism", "same seed twice"),
    "ascent": ("stationarity", "->"),
    "numpy_only": ("array API", "ndarray out"),
    "one_sided": ("calls", "metered"),
}
"""name -> (the check that must refute it, words of its evidence)."""


@dataclass(frozen=True)
class CrossedF2SA(F2SA):
    """The penalised iterate starts from z and is moved by the gradient at z."""

    bias_order, nodes, small_parameter, small_value = 1, (0, 1), "1/lam", NU

    def with_small(self, nu):
        return replace(self, lam=1 / nu, alpha=ETA * nu)

    def step(self, state, oracle):
        x, z, t = state.x, state.z, state.t
        y = z
        for k in range(self.K):
            at_z = oracle.query(x, z, step=t, inner=k + 1, node=1, part="y")
            y = y - self.alpha * (at_z.Fy + self.lam * at_z.Gy)
            z = z - self.gamma * oracle.G(x, z, step=t, inner=k + 1, node=0, part="y")[1]
        at_y = oracle.query(x, y, step=t, inner=0, node=1, samples=self.S, part="x")
        Phi = at_y.Fx + self.lam * (at_y.Gx - oracle.G(x, z, step=t, inner=0, samples=self.S, part="x")[0])
        return replace(state, t=t + 1, x=x - self.xi * self.alpha * Phi, y=y, z=z, Phi=Phi)


@dataclass(frozen=True)
class WrongSign(F2SAp):
    """p = 4 with the sign of alpha_{+-2} turned."""

    bias_order, small_parameter = 4, "nu"

    @property
    def nodes(self):
        return tuple(
            (j, -a if abs(j) == 2 else a) for j, a in zip(central(4).nodes, map(float, central(4).weights)) if a
        )


@dataclass(frozen=True)
class FixedNu(F2SAp):
    """nu = 0.1 whatever the configuration says."""

    bias_order, small_parameter = 2, "nu"

    def step(self, state, oracle):
        return F2SAp.step(
            F2SAp(self.p, 0.1, self.eta_x, self.eta_y, self.S, self.K, self.T, normalise=False), state, oracle
        )


@dataclass(frozen=True)
class FixedSchedule(F2SAp):
    """p = 1 with nu = 0.1 for every eps: eps below its bias is never reached."""

    exponent = 6.0

    def for_eps(self, eps, problem):
        return F2SAp(1, 0.1, 0.5, 0.5, 1, 5, int(20 / eps**2), normalise=False)


@dataclass(frozen=True)
class MisScaled(StocBiO):
    """The Neumann series without its factor eta."""

    bias_order, small_parameter = "geometric", "Q"

    def step(self, state, oracle):
        x, t, D = state.x, state.t, self.D
        y = descend(oracle, x, state.y, self.alpha, D, step=t)
        Fx, Fy = oracle.F(x, y, step=t, inner=D)
        v = neumann_sum(oracle, x, y, Fy, self.eta, self.batches, step=t, first=D + 2) / self.eta
        return replace(state, t=t + 1, x=x - self.beta * (Fx - oracle.jvp(x, y, v, step=t, inner=D + 1)), y=y)


@dataclass(frozen=True)
class Aliased(MRBO):
    """The old iterate is the new one."""

    momentum = "storm"

    def step(self, state, oracle):
        return super().step(replace(state, old=(state.x, state.y)), oracle)


@dataclass(frozen=True)
class Unpaired(MRBO):
    """The old iterate is asked on a sample of its own."""

    momentum = "storm"

    def step(self, state, oracle):
        return super().step(state, _OtherSample(oracle))


class _OtherSample:
    def __init__(self, oracle):
        self._oracle, self._asked = oracle, set()

    def __getattr__(self, name):
        method = getattr(self._oracle, name)
        if name not in ("F", "G", "hvp", "jvp"):
            return method

        def ask(*points, inner=0, **options):
            again = (name, inner) in self._asked
            self._asked.add((name, inner))
            return method(*points, inner=inner + 1000 * again, **options)

        return ask


@dataclass(frozen=True)
class WrongShare(MRBO):
    """h = a new + (1 - a) h: the correction has its old sample, but h_{t-1} is halved."""

    momentum = "storm"

    def step(self, state, oracle):
        return super().step(replace(state, u=0.5 * state.u), oracle)


@dataclass(frozen=True)
class HalfSpider(VRBO):
    """A SPIDER that forgets the past: u is what one inner step adds."""

    momentum = "spider"

    def step(self, state, oracle):
        return super().step(replace(state, u=0.3 * state.u), oracle)


@dataclass(frozen=True)
class Multiplied(F2SAp):
    """Calls multiplied in afterwards: as if one node were solved."""

    @property
    def calls(self):
        return (self.S + self.K) * self.T


@dataclass(frozen=True)
class PastTheOracle(StocBiO):
    """F_x and F_y taken from the problem itself."""

    def step(self, state, oracle):
        x, t, D = state.x, state.t, self.D
        y = descend(oracle, x, state.y, self.alpha, D, step=t)
        Fx, Fy = oracle.problem.grad_f(x, y)
        v = neumann_sum(oracle, x, y, Fy, self.eta, self.batches, step=t, first=D + 2)
        return replace(state, t=t + 1, x=x - self.beta * (Fx - oracle.jvp(x, y, v, step=t, inner=D + 1)), y=y)


@dataclass(frozen=True)
class AtTheNode(F2SAp):
    """Accuracy read at y_{+(p/2) nu} in place of y_0."""

    def accuracy(self, problem, state):
        x, y = state.x, state.y[..., -1, :]
        Fx, Fy = problem.grad_f(x, y)
        H = np.stack([problem.hvp_g(x, y, np.broadcast_to(e, y.shape)) for e in np.eye(problem.dim_y)], axis=-1)
        return norm(Fx - problem.jvp_g(x, y, np.linalg.solve(H, Fy[..., None])[..., 0]))


@dataclass(frozen=True)
class ColdAndShort(StocBiO):
    """Two lower steps from the start, every time: y never reaches y*."""

    def iterates(self, state):
        return {0.0: state.y}

    def step(self, state, oracle):
        return super().step(replace(state, y=state.y0), oracle)


@dataclass(frozen=True)
class BatchIgnored(F2SAp):
    """S is asked for and not used."""

    batch = "S"

    def step(self, state, oracle):
        plain = F2SAp(self.p, self.nu, self.eta_x, self.eta_y, 1, self.K, self.T, normalise=False)
        return plain.step(state, oracle)


@dataclass(frozen=True)
class Unseeded(StocBiO):
    """Its own noise, without a seed."""

    def step(self, state, oracle):
        after = super().step(state, oracle)
        return replace(after, x=after.x + 1e-9 * np.random.default_rng().normal(size=after.x.shape))


@dataclass(frozen=True)
class Ascent(StocBiO):
    """It walks up."""

    def step(self, state, oracle):
        after = super().step(state, oracle)
        return replace(after, x=2 * state.x - after.x)


@dataclass(frozen=True)
class NumPyOnly(StocBiO):
    """Strict arrays in, NumPy arrays out."""

    def init(self, problem, x0, y0=None):
        return super().init(problem, np.from_dlpack(x0) if not isinstance(x0, np.ndarray) else x0, y0)


def crossed():
    return CrossedF2SA.double_loop(NU, 0.1, ETA, 2, 10, 60)


def wrong_sign():
    return WrongSign(4, **PENALTY)


def fixed_nu():
    return FixedNu(2, **PENALTY)


def fixed_schedule():
    return FixedSchedule(1, **PENALTY)


def mis_scaled():
    return MisScaled(**SERIES)


def aliased():
    return Aliased(T=20, eta=ETA, Q=3)


def unpaired():
    return Unpaired(T=20, eta=ETA, Q=3)


def wrong_share():
    return WrongShare(T=20, eta=ETA, Q=3)


def half_spider():
    return HalfSpider(T=20, eta=ETA, Q=3)


def multiplied():
    return Multiplied(2, **PENALTY)


def past_the_oracle():
    return PastTheOracle(**SERIES)


def at_the_node():
    return AtTheNode(2, **PENALTY)


def cold_and_short():
    return ColdAndShort(D=2, **SERIES)


def batch_ignored():
    return BatchIgnored(2, **PENALTY)


def unseeded():
    return Unseeded(**SERIES)


def ascent():
    return Ascent(**SERIES)


def numpy_only():
    return NumPyOnly(**SERIES)


def estimate(problem, x, oracle, rng, nu=0.1, sign=-1.0):
    """A bare central difference with exact-looking lower levels: 40 gradient steps at each of two nodes."""
    total = 0.0 * x
    for i, j in enumerate((1, -1)):
        y = np.zeros((*x.shape[:-1], problem.dim_y))
        for k in range(40):
            answer = oracle.query(x, y, step=k, node=j, part="y")
            y = y - 0.4 * (j * nu * answer.Fy + answer.Gy)
        answer = oracle.query(x, y, step=50 + i, node=j, part="x")
        total = total + 0.5 * (answer.Fx + j * answer.Gx / nu)
    return total


estimate.small_parameter = "nu"  # type: ignore[attr-defined]
estimate.bias_order = 2  # type: ignore[attr-defined]
estimate.nodes = (-1, 1)  # type: ignore[attr-defined]
estimate.calls = 82  # type: ignore[attr-defined]


def one_sided(problem, x, oracle, rng, nu=0.1):
    """The same with F_x at one node only, declared of order 2 and with a wrong count: it is neither."""
    y = {j: np.zeros((*x.shape[:-1], problem.dim_y)) for j in (0, 1)}
    for k in range(40):
        for j in y:
            answer = oracle.query(x, y[j], step=k, node=j, part="y")
            y[j] = y[j] - 0.4 * (j * nu * answer.Fy + answer.Gy)
    a, b = (oracle.query(x, y[j], step=50, node=j, part="x") for j in (1, 0))
    return a.Fx + (a.Gx - b.Gx) / nu


one_sided.small_parameter = "nu"  # type: ignore[attr-defined]
one_sided.bias_order = 2  # type: ignore[attr-defined]
one_sided.calls = 80  # type: ignore[attr-defined]
