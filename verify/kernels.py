"""The built-in kernels of the measurement engine: "jump", "literal" and "moments".

One result per seed: ``T`` first outer step from which ||grad phi(x_t)|| <= eps stayed over [T, sustain T] (None when
censored), ``hit`` the first such step whether or not it lasted, ``steps`` the outer steps run, ``calls`` the
SFO calls up to T (all that were spent, when censored) counted over nodes of non-zero weight, ``calls_printed`` the
same with the node j = 0 that Algorithm 1 solves too, ``metered`` the calls a literal run drew (None elsewhere) and
``in_law`` whether its noise has the reference's law and not its numbers, ``backend`` what ran it, and the schedule:
nu, eta_x, eta_y, S, K, T_max, nodes, nodes_printed, log = log(1/(nu eps)).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from solvers.backend import runner
from solvers.jump import JumpResult
from solvers.jump_config import JumpConfig
from solvers.literal import LiteralResult
from solvers.moments import first_T_below, grad_second_moment
from synthetic.errors import InputError
from verify.configure import configuration
from verify.engine import Kernel, register

BATCH = 64
LITERAL_LIMIT = 2 * 10**11
"""Calls that one literal batch may need before it is refused: about an hour of one core."""


def _common(config: JumpConfig, T: int | None, hit: int | None, steps: int, backend: str = "numba") -> dict[str, Any]:
    end = steps if T is None else T
    return {
        "T": T,
        "hit": hit,
        "steps": steps,
        "censored": T is None,
        "calls": max(1, config.calls(end)),
        "calls_printed": max(1, config.calls(end, as_printed=True)),
        "metered": None,
        "backend": backend,
        "nu": config.nu,
        "eta_x": config.eta_x,
        "eta_y": config.eta_y,
        "S": config.S,
        "K": config.K,
        "T_max": config.T_max,
        "nodes": config.active_nodes,
        "nodes_printed": len(config.nodes),
        "log": max(1.0, math.log(1 / (config.nu * config.eps))),
    }


def _per_seed(config: JumpConfig, result: JumpResult | LiteralResult, backend: str) -> list[dict[str, Any]]:
    rows = []
    for i in range(len(result.seeds)):
        T, hit = (None if t[i] < 0 else int(t[i]) for t in (result.sustained, result.hit))
        row = _common(config, T, hit, int(result.last[i]), backend)
        if len(result.checkpoints):
            row["norms"] = [float(v) for v in result.norms[i]]
            row["checkpoints"] = [int(t) for t in result.checkpoints]
        if isinstance(result, LiteralResult):
            row["metered"] = result.metered[i]
            row["in_law"] = result.in_law
        rows.append(row)
    return rows


def jump(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Exact in law for additive Gaussian noise; calls are charged, not metered."""
    if arguments["noise"] != "gaussian":
        raise InputError("options.noise", arguments["noise"], "the jump kernel is exact for gaussian noise only")
    config = configuration(arguments, arguments["method"])
    backend = arguments["backend"]
    return _per_seed(config, runner("jump", backend)(config, list(seeds)), backend)


def literal(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Every sample drawn and counted."""
    config = configuration(arguments)
    most = config.calls(config.T_max) * len(seeds)
    if most > LITERAL_LIMIT:
        raise InputError("options", f"up to {most:.1e} calls", f"a literal batch may draw {LITERAL_LIMIT:.0e} at most")
    backend = arguments["backend"]
    result = runner("literal", backend)(
        config, list(seeds), arguments["noise"], scale=arguments["scale"], stream=arguments["stream"]
    )
    return _per_seed(config, result, backend)


def moments(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """First T with E||grad phi||^2 <= eps^2, exactly: no randomness, so all seeds have the same result."""
    if arguments["noise"] == "multiplicative":
        raise InputError("options.noise", arguments["noise"], "exact moments need additive noise")
    config = configuration(arguments)
    found = _annealed_T(config) if config.later else first_T_below(config)
    T = int(found) if math.isfinite(found) and found <= config.T_max else None
    return [_common(config, T, T, config.T_max if T is None else T) for _ in seeds]


def _annealed_T(config: JumpConfig) -> float:
    """First T below eps to 1%: bisection over the ends of the stages, then inside one. The level falls through them."""
    ends = [stage.start for stage in config.later] + [config.T_max]

    def above(T: int) -> bool:
        return bool(grad_second_moment(config, T) > config.eps**2)

    if above(ends[-1]):
        return math.inf
    k = bisect_left(range(len(ends)), True, key=lambda i: not above(ends[i]))
    low, high = (ends[k - 1] if k else 0), ends[k]
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (middle, high) if above(middle) else (low, middle)
    return float(high)


for _name, _trial in (("jump", jump), ("literal", literal), ("moments", moments)):
    register(Kernel(_name, _trial, BATCH))
