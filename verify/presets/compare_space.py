"""What the search of the comparison may choose for each solver: the same number of configurations for all.

A configuration is a setting (integers: samples an answer, inner steps) and a point of continuous dials, log-uniform on

    x    step of x times L_x, 0.01 .. 2 (the length of normalised steps: 0.0025 .. 0.5)
    y    step of y (and of the linear system) times L_y, 0.05 .. 1
    nu   difference step, or 1/lambda of a penalty, 0.01 .. 0.5
    m    weight of a new sample in a momentum, 0.03 .. 1

taken from one rotated Halton sequence, the same points for every solver. N configurations are dealt out evenly over a
solver's settings. ``batch`` is a property of the oracle here: every answer is a mean of that many samples, each of them
counted, so methods that were stated for exact gradients get the same means as the others; it is 1 where there is no
noise. What is no dial stays at the solver's practical default. A solver without an
entry here is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.epoch_sgd import EpochSGD
from solvers.registry import SOLVERS
from solvers.update_lower import UpdateLower
from verify.presets.compare_suite import Instance

DIALS = {"x": (0.01, 2.0), "y": (0.05, 1.0), "nu": (0.01, 0.5), "m": (0.03, 1.0)}
BASES = (2, 3, 5, 7)
FOREVER = 10**9
"""T of every solver: runs end at their target or at the budget."""
Dials = Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """``batch`` samples an answer, K steps of the inner loops and terms of the series (no meaning in single loops)."""

    batch: int
    K: int = 1


@dataclass(frozen=True)
class Configuration:
    """A setting, the dials, and the solver that they make."""

    setting: Setting
    dials: tuple[tuple[str, float], ...]
    solver: Any

    def __str__(self) -> str:
        values = ", ".join(f"{name} {value:.2g}" for name, value in self.dials)
        return f"batch {self.setting.batch}, K {self.setting.K}, {values}"


@dataclass(frozen=True)
class Space:
    """``make(class, dials, K)``: steps are already in the units of the instance. ``uses``: the dials that matter.

    ``wide``: fields that act on arrays with one more axis (nodes, directions, agents) before the coordinates.
    """

    make: Callable[[Any, Dials, int], Any]
    uses: tuple[str, ...] = ("x", "y")
    settings: tuple[Setting, ...] = (Setting(1), Setting(2), Setting(8))
    wide: tuple[str, ...] = ()
    normalised: bool = False


LOOPS = (Setting(1, 2), Setting(2, 5), Setting(8, 3))


def _f2ba(d: Dials, K: int) -> Any:
    return SOLVERS["f2ba"].load()(1 / d["nu"], d["x"], d["y"] * d["nu"], d["y"], K, K, FOREVER)


def _bo_rep(cls: Any, d: Dials, K: int) -> Any:
    lower = UpdateLower(2, 2 * K, d["y"], 1.0)
    refine = EpochSGD(((2.0, 4 * K, d["y"]),))
    return cls(FOREVER, eta=d["x"], nu=d["y"], beta=1 - 0.99 * d["m"], lower=lower, refine=refine)


def _cubic(cls: Any, d: Dials, K: int) -> Any:
    """FMBO and FdeHBO: alpha_t = c_alpha (w + t)^(-1/3) begins at x, the share c_f alpha_0^2 at m."""
    share, ratio = d["m"] / d["x"] ** 2, d["y"] / d["x"]
    return cls(FOREVER, c_alpha=2 * d["x"], c_beta=ratio, c_lambda=ratio, c_f=share, c_R=share, c_g=share, w=8.0)


ALL, PENALTY, MOMENTUM = ("x", "y", "nu", "m"), ("x", "y", "nu"), ("x", "y", "m")
SPACES: dict[str, Space] = {
    "f2sa_p": Space(
        lambda c, d, K: c(4, d["nu"], d["x"], d["y"], 1, K, FOREVER), PENALTY, LOOPS, ("nu", "eta_y"), True
    ),
    "f2sa": Space(lambda c, d, K: c.double_loop(d["nu"], d["x"], d["y"], 1, K, FOREVER), PENALTY, LOOPS),
    "f2ba": Space(lambda c, d, K: _f2ba(d, K), PENALTY, LOOPS),
    "perturbed_f2ba": Space(lambda c, d, K: c(_f2ba(d, K), 0.1, 0.1, 20), PENALTY, LOOPS),
    "distributed_f2ba": Space(
        lambda c, d, K: c(_f2ba(d, K)), PENALTY, LOOPS, ("lam", "eta", "tau", "alpha")
    ),
    "f2sa_2": Space(lambda c, d, K: c(d["nu"], d["x"], d["y"], 1, K, FOREVER), PENALTY, LOOPS, (), True),
    "fdehbo": Space(_cubic, MOMENTUM),
    "fmbo": Space(_cubic, MOMENTUM),
    "bo_rep": Space(_bo_rep, MOMENTUM, LOOPS, (), True),
    "bsa": Space(
        lambda c, d, K: c(FOREVER, alpha=d["y"], beta=d["x"], D=K / 4, Q=2 * K, L=1 / d["y"], mu=0.05, warm=True),
        settings=LOOPS,
    ),
    "stocbio": Space(
        lambda c, d, K: c(FOREVER, alpha=d["y"], beta=d["x"], D=K, Q=2 * K, eta=d["y"]), settings=LOOPS
    ),
    "aid": Space(
        lambda c, d, K: c(FOREVER, eta_x=d["x"], eta_y=d["y"], D=K, N=K, method="fixed", eta_v=d["y"]), settings=LOOPS
    ),
    "itd": Space(lambda c, d, K: c(FOREVER, eta_x=d["x"], eta_y=d["y"], D=2 * K, warm=True), settings=LOOPS),
    "mrbo": Space(
        lambda c, d, K: c(
            FOREVER, gamma=2 * d["x"], lam=2 * d["y"], d=1.0, c_x=4 * d["m"], c_y=4 * d["m"], eta=d["y"], Q=2 * K
        ),
        MOMENTUM, LOOPS,
    ),
    "vrbo": Space(
        lambda c, d, K: c(FOREVER, alpha=d["x"], beta=d["y"], m=K, period=5, eta=d["y"], Q=2 * K, S_1=8, S_2=1),
        settings=LOOPS,
    ),
    "sustain": Space(
        lambda c, d, K: c(
            FOREVER, c_alpha=2 * d["x"], c_beta=d["y"] / d["x"], c_f=d["m"] / d["x"] ** 2, c_g=d["m"] / d["x"] ** 2,
            L=1 / d["y"], Q=2 * K,
        ),
        MOMENTUM, LOOPS,
    ),
    "ttsa": Space(
        lambda c, d, K: c(FOREVER, alpha=4 * d["x"], beta=2 * d["y"], L=1 / d["y"], Q=2 * K), settings=LOOPS
    ),
    "soba": Space(lambda c, d, K: c(FOREVER, gamma=d["x"], rho=d["y"])),
    "ma_soba": Space(lambda c, d, K: c(FOREVER, gamma=d["x"], rho=d["y"], theta=d["m"]), MOMENTUM),
    "saba": Space(lambda c, d, K: c(FOREVER, gamma=d["x"], rho=d["y"]), settings=(Setting(1),)),
    "amigo": Space(lambda c, d, K: c(FOREVER, alpha=d["y"], beta=d["x"], eta=d["y"], D=K, N=K), settings=LOOPS),
    "fsla": Space(lambda c, d, K: c(FOREVER, alpha=d["x"], gamma=d["y"], tau=d["y"], eta=d["m"]), MOMENTUM),
    "bome": Space(lambda c, d, K: c(FOREVER, xi=d["x"], alpha=d["y"], K=K), settings=LOOPS),
    "f3sa": Space(
        lambda c, d, K: c(
            FOREVER, alpha=d["y"] * d["nu"], gamma=d["y"], lam=1 / d["nu"], xi=d["x"] / (d["y"] * d["nu"]),
            eta_low=d["m"],
        ),
        ALL,
    ),
    "pzobo": Space(
        lambda c, d, K: c(FOREVER, alpha=d["y"], beta=d["x"], N=2 * K, Q=2, mu=d["nu"]), PENALTY, LOOPS, ("alpha", "mu")
    ),
}  # fmt: skip


def halton(n: int, seed: int) -> np.ndarray:
    """n points in [0, 1)^4, shape (n, 4): the Halton sequence in bases 2, 3, 5, 7, rotated by a random shift."""
    points = np.empty((n, len(BASES)))
    for column, base in enumerate(BASES):
        for i in range(n):
            k, factor, value = i + 1, 1.0, 0.0
            while k:
                factor /= base
                value += factor * (k % base)
                k //= base
            points[i, column] = value
    return np.asarray((points + np.random.default_rng(seed).uniform(size=len(BASES))) % 1.0)


def dials_at(point: np.ndarray, instance: Instance, normalised: bool) -> dict[str, float]:
    """The dials of a point of the cube, steps in the instance's units."""
    found = {name: float(low * (high / low) ** u) for (name, (low, high)), u in zip(DIALS.items(), point, strict=True)}
    scale = 1 / 4 if normalised else 1 / instance.L_x
    return found | {"x": found["x"] * scale, "y": found["y"] / instance.L_y}


def configurations(name: str, instance: Instance, count: int, seed: int) -> list[list[Configuration]]:
    """``count`` configurations of the solver, one list for each of its settings (all lists of one length +- 1)."""
    space, cls = SPACES[name], SOLVERS[name].load()
    settings = list(dict.fromkeys(Setting(1, s.K) for s in space.settings)) if instance.exact else space.settings
    found = []
    for i, setting in enumerate(settings):
        share = count // len(settings) + (i < count % len(settings))
        dealt = []
        for point in halton(share, seed):
            dials = dials_at(point, instance, space.normalised)
            kept = tuple((k, dials[k]) for k in space.uses)
            dealt.append(Configuration(setting, kept, space.make(cls, dials, setting.K)))
        found.append(dealt)
    return [dealt for dealt in found if dealt]
