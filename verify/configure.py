"""From the arguments of a cell to a configuration: instance, stencil, schedule, start and censoring limit.

Families: ramp (phi = eps^2/Delta x_0^2 + L/2 ||x_perp||^2, started at (Delta/eps, 0, ...)) and quadratic
(phi = curvature/2 ||x||^2 whatever eps is, started at (sqrt(2 Delta/curvature), 0, ...)); the lower level is
A_g = a I, A_f = h I, B = b I, c(x) = c0 + gamma x. quartic is ramp with cubic and quartic terms in both levels.

Every schedule spends what the exact bias and the exact variance of its oracle ask for: S and eta_y follow from the
noise that is left when samples are shared, not from that of independent ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, log, sqrt
from typing import Any

import numpy as np

from bounds.lq_schedule import lq_schedule
from bounds.schedule import Schedule, checked_stencil
from bounds.stencil import Stencil
from solvers.jump_config import FOREVER, JumpConfig, Stage
from solvers.lower_levels import Quartic
from solvers.lq_law import Diagonal, estimate_noise
from synthetic.errors import InputError

FRACTION = {"eps/4": 4.0, "eps/32": 32.0}


@dataclass(frozen=True, eq=False)
class Instance:
    """A problem with its start; ``L`` is the Lipschitz constant of grad phi."""

    problem: Diagonal | Quartic
    x0: np.ndarray
    L: float
    curvature: float

    def noiseless_steps(self, eps: float, eta_x: float, normalise: bool) -> float:
        """Outer steps that exact gradients need: along the first axis from x0 to gradient norm eps."""
        curvature, start = self.curvature, float(self.x0[0])
        if normalise:
            return max(start - eps / curvature, 0.0) / eta_x
        return max(log(curvature * start / eps), 0.0) / (eta_x * curvature)


def instance(eps: float, family: Mapping[str, Any]) -> Instance:
    """The family's instance at eps, from the table ``problem`` of a cell."""
    d, name = int(family["d"]), family["family"]
    x0 = np.zeros(d)
    if name in ("ramp", "quartic"):
        x0[0] = family["Delta"] / eps
        curvature = np.array([2 * eps**2 / family["Delta"]] + [family["L"]] * (d - 1))
    elif name == "quadratic":
        x0[0] = sqrt(2 * family["Delta"] / family["curvature"])
        curvature = np.full(d, family["curvature"])
    else:
        raise InputError("problem.family", name, "these kernels run the families ramp, quadratic and quartic")
    constants = (np.full(d, float(family[key])) for key in ("a", "h", "b", "gamma", "c0"))
    diagonal = Diagonal(curvature, *constants)
    curved = [family[key] for key in ("g3", "g4", "f3", "f4")] if name == "quartic" else None
    return Instance(Quartic(diagonal, *curved) if curved else diagonal, x0, float(curvature.max()), float(curvature[0]))


def stream(arguments: Mapping[str, Any]) -> int:
    """The noise key (uint32) of a cell: cells differ in their noise, and it hangs on no computed float.

    The backend is no part of it: every backend runs the same trajectories. Nor is the stream: fast words are others
    at the same addresses.
    """
    named = {key: value for key, value in arguments.items() if key not in ("eps", "backend", "stream")}
    text = repr(sorted((key, sorted(v.items()) if isinstance(v, Mapping) else v) for key, v in named.items()))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big")


def schedule(arguments: Mapping[str, Any]) -> Schedule:
    """The cell's schedule; its T counts the outer steps that exact gradients need, times T_cap."""
    eps, family, word = arguments["eps"], arguments["problem"], arguments["schedule"]
    case, chosen = instance(eps, family), checked_stencil(arguments["p"], arguments["stencil"])
    if word == "constant":
        return _constant(arguments, case, chosen)
    if isinstance(case.problem, Quartic):
        raise InputError("options.schedule", word, "no schedule is known for the family quartic: pass constant")
    common = {key: family[key] for key in ("d", "a", "h", "b", "gamma")} | {
        "c_norm": sqrt(family["d"]) * abs(family["c0"]),
        "sg": arguments["sigma_g"],
        "sf": arguments["sigma_f"],
        "L": case.L,
        "stencil": chosen,
        "fraction": FRACTION[arguments["target"]],
        "contraction": arguments["contraction"],
        "nu_cap": _nu_cap(arguments, chosen),
        "nu": eps ** float(arguments["nu_exponent"]) if word == "power" else None,
    }
    factors = {name: arguments[f"{name}_factor"] for name in ("nu", "eta_x", "eta_y", "S", "K")}
    if not arguments["normalise"]:
        factors["eta_x"] /= eps  # a step of 1/(4 L) whatever eps is
    plan = lq_schedule(chosen.order, eps, **common, multipliers=factors)
    if arguments["sharing"] != "independent":
        spend = _shared(arguments, chosen, plan.nu)
        factors = {name: factor * spend.get(name, 1.0) for name, factor in factors.items()}
        plan = lq_schedule(chosen.order, eps, **common, multipliers=factors)
    steps = case.noiseless_steps(eps, plan.eta_x, arguments["normalise"])
    return replace(plan, T=_limit(arguments, steps))


def _constant(arguments: Mapping[str, Any], case: Instance, chosen: Stencil) -> Schedule:
    for name in ("nu", "eta_x", "eta_y", "S", "K"):
        if not arguments[name]:
            raise InputError(f"options.{name}", arguments[name], "the schedule constant needs it, > 0")
    nu, eta_x, eta_y, S, K = (arguments[name] for name in ("nu", "eta_x", "eta_y", "S", "K"))
    steps = case.noiseless_steps(arguments["eps"], eta_x, arguments["normalise"])
    T = _limit(arguments, steps)
    return Schedule(chosen.order, arguments["eps"], nu, eta_x, eta_y, S, K, T, chosen)


def _limit(arguments: Mapping[str, Any], steps: float) -> int:
    """Outer steps after which a run is censored."""
    return min(arguments["T"] or max(1, ceil(arguments["T_cap"] * steps)), FOREVER - 1)


def _nu_cap(arguments: Mapping[str, Any], chosen: Stencil) -> float:
    """As given, or min(1/(2 kappa), 0.9 of the definiteness limit) with kappa = max(a, |h|)/a."""
    if arguments["nu_cap"]:
        return float(arguments["nu_cap"])
    a, h = arguments["problem"]["a"], abs(arguments["problem"]["h"])
    theorem = a / (2 * max(a, h))
    return min(theorem, 0.9 * a / (float(chosen.max_node) * h)) if h else theorem


def _shared(arguments: Mapping[str, Any], chosen: Stencil, nu: float) -> dict[str, float]:
    """Multipliers of S and eta_y that bring the noise of shared samples to the target that independent ones meet.

    x step: the variance of Phi's sampling noise falls to sf^2/S. Inner loops: noise of variance s_ij = sg^2 +
    j_i j_j nu^2 sf^2 common to all nodes leaves Var Phi = eta_y sum_ij q_i q_j s_ij/(H_i + H_j) + O(eta_y^2) per
    coordinate, q_j = alpha_j (j gamma - b H_j/nu): the terms cancel to O(1), so in exact arithmetic.
    """
    family, sigma = arguments["problem"], (arguments["sigma_f"], arguments["sigma_g"])
    pair = chosen.nodes, chosen.weights
    alone, together = (estimate_noise(*pair, nu, sigma, 1, way) for way in ("independent", "x-step"))
    factors = {"S": (together / alone) ** 2}
    if arguments["sharing"] == "everywhere":
        a, h, b, gamma = (Fraction(family[key]) for key in ("a", "h", "b", "gamma"))
        step, sf, sg = Fraction(nu), *map(Fraction, sigma)
        active = [(Fraction(j), Fraction(w)) for j, w in zip(*chosen.active)]
        H = [a + j * step * h for j, _ in active]
        q = [w * (j * gamma - b * H_j / step) for (j, w), H_j in zip(active, H)]
        joint = sum(
            q[i] * q[k] * (sg**2 + active[i][0] * active[k][0] * (step * sf) ** 2) / (H[i] + H[k])
            for i in range(len(H))
            for k in range(len(H))
        )
        leading = a * b**2 * sg**2 * sum(w * w for _, w in active) / (2 * step**2)
        factors["eta_y"] = float(leading / joint)
    return factors


def configuration(arguments: Mapping[str, Any], method: str = "auto") -> JumpConfig:
    """What the jump, literal and moments kernels run for a cell."""
    case, plan = instance(arguments["eps"], arguments["problem"]), schedule(arguments)
    fields: dict[str, Any] = {name: getattr(plan, name) for name in ("nu", "eta_x", "eta_y", "S", "K", "eps")}
    later: tuple[Stage, ...] = ()
    if arguments["schedule"] == "annealed":
        first, *later_ = annealed_stages(case, plan)
        fields |= {name: getattr(first, name) for name in ("eta_x", "eta_y", "S", "K")}
        later, T_max = tuple(later_), 4 * later_[-1].start
    else:
        T_max = plan.T
    steps = case.noiseless_steps(plan.eps, plan.eta_x, arguments["normalise"])
    marks = np.geomspace(0.5, 2.0, arguments["checkpoints"]) * max(steps, 1.0)
    return JumpConfig(
        problem=case.problem,
        x0=case.x0,
        nodes=plan.stencil.nodes,
        weights=plan.stencil.weights,
        T_max=min(T_max, FOREVER - 1),
        later=later,
        checkpoints=tuple(int(t) for t in np.unique(np.round(marks)) if t <= T_max),
        experiment=stream(arguments),
        method=method,  # type: ignore[arg-type]
        sustain=arguments["sustain"],
        linger=arguments["sustain"],
        **fields,
        **{name: arguments[name] for name in ("sigma_f", "sigma_g", "sharing", "inner", "normalise")},
    )


def annealed_stages(case: Instance, plan: Schedule) -> list[Stage]:
    """S = K = 1: lower levels alone, one large step size down the ramp, then halving, two time constants each.

    Samples and lower levels each put noise of variance sum alpha^2/nu^2 into Phi, per coordinate. Down the ramp
    eta_x = nu^2/(16 L sum alpha^2) keeps what it does to x_0 below eps/2 in the gradient; at the end
    eta_x L d sum alpha^2/nu^2 is left in the squared gradient, made eps^2/4. So T is of order
    (nu eps)^-2 = eps^-(2 + 2/p), down the ramp and afterwards alike.
    """
    assert isinstance(case.problem, Diagonal)  # schedule() has refused the others
    eta_y = 0.5 / max(float(case.problem.a[0] + j * plan.nu * case.problem.h[0]) for j in plan.stencil.active[0])
    curvature, weights = case.curvature, float(plan.stencil.sum_sq)
    final = plan.eps**2 * plan.nu**2 / (4 * case.L * case.problem.dim_x * weights)
    eta = min(plan.nu / 4, plan.nu**2 / (16 * weights)) / case.L
    start = ceil(50.0 / eta_y)
    stages = [Stage(0, 1e-9 * final, eta_y, 1, 1), Stage(start, eta, eta_y, 1, 1)]
    start += ceil(log(8.0) / (eta * curvature))
    while eta > final:
        eta /= 2
        stages.append(Stage(start, eta, eta_y, 1, 1))
        start += ceil(2.0 / (eta * case.L))
    return stages
