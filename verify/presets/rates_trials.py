"""The trials of preset ``rates-deterministic``: F2BA and its kin until the target, every call counted.

Results: ``T`` outer steps to the target (None: censored), ``calls`` up to there, K (inner steps), ``log`` what K
carries, ``metered``: the calls that the oracle's own meter counted on the same run of the plain solver, step for step
through :class:`StochasticOracle` (None where that was not affordable), ``gap``: how far the two runs ended apart.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from bounds.f2ba_schedule import SmoothClass, outer_loop
from solvers.base import run
from solvers.distributed_f2ba import DistributedF2BA
from solvers.f2ba import F2BA
from solvers.perturbed_f2ba import PerturbedF2BA, is_second_order
from synthetic.noise import NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.registry import instance
from verify.engine import Kernel, register
from verify.options import Option, Schema
from verify.presets.ramp_instances import (
    DELTA,
    SADDLE_CLASS,
    ExactLoops,
    Quadratics,
    agents_class,
    perturbed,
    ramp_agents,
    saddle_ramp,
)
from verify.presets.steep_lower import SteepLower, descend
from verify.schemas import declare_family, declare_kernel

METHODS = ("f2ba", "accelerated", "perturbed", "sticks", "distributed", "mpi")
FOREVER = 10**12
R_0 = 1e-9
"""Runs start at y_0 = y*(x_0); Proposition 4.2 wants a positive number."""

declare_kernel(
    Schema(
        "f2ba-rates",
        {
            "method": Option("word", "f2ba", METHODS),
            "schedule": Option(
                "word", "theorem", ("theorem", "own", "K = 1"), doc="eta = 1/D_3, eta = 1/L_phi, or that with K = 1"
            ),
            "log10_kappa": Option("rational", 1, low=0, doc="kappa of the steep families"),
            "log10_r": Option("rational", 0, doc="factor of the perturbation's radius r"),
            "meter": Option("int", 100000, low=0, doc="calls that may also be drawn one by one from the oracle"),
        },
    )
)
for _name in ("steep clipped", "steep trig", "steep quadratic", "saddle ramp", "agents ramp", "agents"):
    declare_family(Schema(_name))


def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """One result a seed; all but the perturbed runs are deterministic."""
    method = arguments["method"]
    if method in ("perturbed", "sticks"):
        return _saddle(arguments, seeds)
    if method == "mpi":
        return [_between_processes() for _ in seeds]
    one = _agents(arguments) if method == "distributed" else _steep(arguments)
    return [one for _ in seeds]


def digits(solver: F2BA, bounds: SmoothClass) -> float:
    """What K carries: K over (4 L_g/mu), or over sqrt(k) with the accelerated loop, up to rounding (Prop. 4.2)."""
    if solver.beta_y:
        return solver.K / ((1 + solver.beta_y) / (1 - solver.beta_y))  # beta = (sqrt k - 1)/(sqrt k + 1)
    return solver.K / (4 * bounds.L_g / bounds.mu)


def _row(T: int | None, calls: int, solver: F2BA, logarithm: float, **more: Any) -> dict[str, Any]:
    return {
        "T": T, "calls": max(1, calls), "censored": T is None, "K": solver.K, "S": 1, "nu": 1 / solver.lam,
        "eta": solver.eta, "log": logarithm, "nodes": 2, **more,
    }  # fmt: skip


def steep_case(arguments: Mapping[str, Any]) -> tuple[SteepLower, F2BA]:
    """(instance, solver) of a cell: Theorem 4.1 with every constant, or the same with the step of the instance."""
    eps, schedule = arguments["eps"], arguments["schedule"]
    family = arguments["problem"]["family"].removeprefix("steep ")
    problem = SteepLower.at(10.0 ** float(arguments["log10_kappa"]), family, 2 * eps**2 / DELTA)
    bounds, fast = problem.smooth_class, arguments["method"] == "accelerated"
    outer = outer_loop(bounds, eps, DELTA + np.pi)  # phi >= -pi + ramp
    eta = outer.eta if schedule == "theorem" else 1 / problem.L_phi
    solver = F2BA.accurate(bounds, outer.lam, eta, outer.zeta, R_0, FOREVER, accelerated=fast)
    return problem, replace(solver, K=1, K_0=1) if schedule == "K = 1" else solver


def _steep(arguments: Mapping[str, Any]) -> dict[str, Any]:
    eps = arguments["eps"]
    problem, solver = steep_case(arguments)
    met: Any = problem  # the oracle asks for its gradients alone
    limit = ceil(8 * DELTA / (eps**2 * solver.eta))  # 23 times the ramp
    x0 = np.array([0.0, DELTA / eps])
    found = descend(problem, replace(solver, T=limit), x0, eps)
    metered = gap = None
    if found.T is not None and 0 < found.calls <= arguments["meter"]:
        drawn = run(replace(solver, T=found.T), met, StochasticOracle(met, NoNoise()), x0, eps=eps)
        metered = drawn.counts.sfo if drawn.state.t == found.T else -1
        gap = float(np.linalg.norm(drawn.state.x - found.x) / np.linalg.norm(found.x))
    logarithm = 1.0 if arguments["schedule"] == "K = 1" else digits(solver, problem.smooth_class)
    return _row(found.T, found.calls, solver, logarithm, metered=metered, gap=gap)


def _saddle(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """To an (eps, sqrt(rho eps)) second-order point of phi, judged by its exact gradient and Hessian."""
    eps = arguments["eps"]
    problem, x0 = saddle_ramp(eps)
    solver = perturbed(problem, eps)
    solver = replace(solver, r=solver.r * 10.0 ** float(arguments["log10_r"]))
    loops = ExactLoops(**{name: getattr(solver.base, name) for name in F2BA.__dataclass_fields__})
    law: Any = loops if arguments["method"] == "sticks" else replace(solver, base=loops)
    found = walk(law, problem, x0, eps, seeds, solver.wait)
    metered: dict[str, Any] = {"T": None, "sfo": None}
    if max(found["steps"]) * 2 * (solver.base.K + 1) <= arguments["meter"]:
        plain: Any = solver.base if arguments["method"] == "sticks" else solver
        metered = walk(plain, problem, x0, eps, seeds, solver.wait)
    rows = []
    for i in range(len(seeds)):
        T, steps = found["T"][i], found["steps"][i]
        calls = 2 * (loops.K_0 + 1) + 2 * (loops.K + 1) * (steps - 1)
        drawn = None if metered["sfo"] is None else metered["sfo"][i] if metered["T"][i] == T else -1
        rows.append(
            _row(
                T, calls, loops, digits(loops, SADDLE_CLASS), metered=drawn, gap=None, wait=solver.wait,
                first_order=found["first"][i], kicked=found["kicked"][i], off_axis=found["off"][i],
            )
        )  # fmt: skip
    return rows


def walk(
    solver: F2BA | PerturbedF2BA, problem: Any, x0: np.ndarray, eps: float, seeds: tuple[int, ...], wait: int
) -> dict[str, list[Any]]:
    """For each seed: T, steps run, first eps-stationary step, first perturbation, |x_0| at the end, calls metered.

    A run ends at its second-order point, or 3 ``wait`` steps after its perturbation (sticks: after the first
    eps-stationary step).
    """
    n, curvature = len(seeds), float(np.sqrt(problem.phi.rho * eps))
    alone, oracle = (StochasticOracle(problem, NoNoise(), seeds=np.array(s)) for s in (seeds[:1], seeds))
    state: Any = solver.init(problem, x0[None], x0[None] / 2)
    T, first, kicked, ends = (np.full(n, -1) for _ in range(4))
    sfo, off, shared = [0] * n, np.zeros(n), 0
    while np.any(ends < 0):
        before, together = state, len(state.x) < n  # all seeds are one until the first perturbation
        shared = alone.counts.sfo if together else shared
        state = solver.step(before, alone if together else oracle)
        if together and np.any(getattr(state, "last", first) >= 0):
            state = solver.step(spread(before, n), oracle)
        norms = np.linalg.norm(problem.hypergrad(state.x), axis=-1)
        first[(first < 0) & (norms <= eps)] = state.t
        last = getattr(state, "last", first)
        kicked = np.where((kicked < 0) & (last >= 0), last, kicked)
        if norms.min() > eps and np.all(last < 0):
            continue
        good = is_second_order(problem, state.x, eps, curvature) & (ends < 0)
        over = (ends < 0) & (kicked >= 0) & (state.t > kicked + 3 * wait)
        T[good], ends[good | over] = state.t, state.t
        for i in np.flatnonzero(good | over):
            sfo[i], off[i] = shared + oracle.counts.sfo, abs(np.broadcast_to(state.x, (n, 2))[i, 0])
    none = lambda values: [None if v < 0 else int(v) for v in values]  # noqa: E731
    if not isinstance(solver, PerturbedF2BA):
        kicked = np.full(n, -1)
    return {"T": none(T), "steps": none(ends), "first": none(first), "kicked": none(kicked), "off": off.tolist(),
            "sfo": sfo}  # fmt: skip


def spread(state: Any, n: int) -> Any:
    """The state of one lane for n lanes."""
    wide = {f.name: np.repeat(getattr(state, f.name), n, axis=0) for f in fields(state) if f.name != "t"}
    return replace(state, **wide)


def agents_case(eps: float) -> tuple[Any, np.ndarray, F2BA, SmoothClass]:
    """(instance, x_0, solver, class): Proposition 4.2 with the step 1/L, L = 5/4 of the exact ||grad^2 phi||."""
    problem, x0 = ramp_agents(eps)
    bounds = agents_class(problem)
    outer = outer_loop(bounds, eps, DELTA + 1.0)
    L = 1.25 * float(np.abs(np.linalg.eigvalsh(problem.hyperhess(x0))).max())
    return problem, x0, F2BA.accurate(bounds, outer.lam, 1 / L, outer.zeta, 1.0, FOREVER), bounds


def _agents(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """F2BA on the means with closed inner loops (Proposition 6.1); below ``meter`` Algorithm 3 call by call too."""
    eps = arguments["eps"]
    problem, x0, base, bounds = agents_case(eps)
    means, m, solver = Quadratics(problem, mean=True), len(problem.agents), DistributedF2BA(base)
    loops = ExactLoops(**{name: getattr(base, name) for name in F2BA.__dataclass_fields__})
    oracle = StochasticOracle(means, NoNoise())
    state, T = loops.init(means, x0, problem.B @ x0), None  # type: ignore[arg-type]
    limit, push = ceil(8 * DELTA / (eps**2 * base.eta)), 0.0
    while T is None and state.t < limit:
        state = loops.step(state, oracle)
        push = max(push, float(np.linalg.norm(np.concatenate(means.grad_f(state.x, state.y)))))
        T = state.t if np.linalg.norm(means.hypergrad(state.x)) <= eps else None
    if push > bounds.C_f:
        raise ValueError(f"||grad f|| = {push:.3g} leaves the region of the class constants, {bounds.C_f:g}")
    counted = replace(base, T=state.t)
    floats, metered, gap, sent = replace(solver, base=counted).floats(m, 3, 2), None, None, None
    if counted.calls <= arguments["meter"]:
        apart = StochasticOracle(Quadratics(problem), NoNoise())
        rows = run(replace(solver, base=counted), problem, apart, x0, problem.B @ x0)
        metered, sent = rows.counts.sfo // m, rows.counts.floats
        together = run(counted, problem, StochasticOracle(means, NoNoise()), x0, problem.B @ x0)
        gap = float(np.abs(rows.state.X - together.state.x).max() / np.linalg.norm(together.state.x))
        if T is None or np.linalg.norm(means.hypergrad(together.state.x)) > eps:
            metered = -1
    return _row(
        T, counted.calls, base, digits(base, bounds), metered=metered, gap=gap, floats=floats, floats_metered=sent,
        agents=m,
    )  # fmt: skip


MPI_RUN = {"lam": 8.0, "eta": 0.1, "tau": 0.03, "alpha": 0.3, "K_0": 20, "K": 10, "T": 40}


def _between_processes(processes: int = 4) -> dict[str, Any]:
    """``mpiexec -n 4`` on five agents beside the run in one process; processes = 0 where mpi4py is missing."""
    base = F2BA(**MPI_RUN)  # type: ignore[arg-type]
    problem = instance("agents", m=5, seed=3)
    oracle = StochasticOracle(problem.stacked, NoNoise())
    x0 = np.array([0.5, -0.25])
    here = run(DistributedF2BA(base), problem, oracle, x0)
    row = _row(base.T, here.counts.sfo, base, 1.0, floats=here.counts.floats, processes=0, gap=None, metered=None)
    beside = Path(sys.executable).parent / "mpiexec"
    program = str(beside) if beside.exists() else shutil.which("mpiexec")
    if program is None or importlib.util.find_spec("mpi4py") is None:
        return row
    spec = {"instance": "agents", "parameters": {"m": 5, "seed": 3}, "solver": asdict(base), "x0": x0.tolist()}
    home = str(Path(__file__).parents[2])
    path = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH", "")) if p)
    with tempfile.TemporaryDirectory(prefix="bilevel-rates-") as folder:
        given, out = Path(folder) / "spec.json", Path(folder) / "result.json"
        given.write_text(json.dumps(spec), "utf-8")
        command = [program, "-n", str(processes), sys.executable, "-m", "solvers.distributed_mpi", str(given), str(out)]
        subprocess.run(
            command, check=True, capture_output=True, timeout=300, cwd=folder, env={**os.environ, "PYTHONPATH": path}
        )
        found = json.loads(out.read_text("utf-8"))
    apart = float(np.linalg.norm(np.array(found["x"]) - here.state.x) / np.linalg.norm(here.state.x))
    return row | {
        "processes": found["processes"], "gap": apart, "metered": found["counts"]["sfo"],
        "floats_mpi": found["counts"]["floats"],
    }  # fmt: skip


register(Kernel("f2ba-rates", trial, 1024))
