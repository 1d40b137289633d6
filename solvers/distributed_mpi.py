"""Distributed F2BA as an MPI program: ``mpiexec -n 4 python -m solvers.distributed_mpi SPEC.json RESULT.json``.

``mpiexec -n 4 python -m solvers.distributed_mpi --show [RESULT.json]`` runs EXAMPLE, and process 0 runs it once more by
itself, prints how far the two are apart and what was communicated, and exits with 1 when they differ.

Each process holds a consecutive part of the agents and an oracle of its own; means are all-reductions. It computes
what :class:`solvers.distributed_f2ba.DistributedF2BA` computes in one process, up to the order in which m rows are
added, with the same samples. SPEC.json:

    {"instance": "agents", "parameters": {...}, "noise": "none", "noise_parameters": {...}, "seed": 0,
     "solver": {"lam": ..., "eta": ..., "tau": ..., "alpha": ..., "K_0": ..., "K": ..., "T": ...}, "x0": [...]}

RESULT.json, written by process 0: x, y, z after T steps, the counts summed over the processes (the floats are those of
the star network of the in-process version, whatever route the MPI library takes), processes and wall seconds.
Needs mpi4py and an MPI library: the extra "mpi" has both.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from solvers.base import check_needs, run
from solvers.distributed_f2ba import DistributedF2BA
from solvers.f2ba import F2BA
from synthetic.arrays import Array
from synthetic.errors import InputError, need
from synthetic.noise import make_noise
from synthetic.oracle import Counts, StochasticOracle
from synthetic.registry import instance

EXAMPLE: dict[str, Any] = {
    "instance": "agents",
    "parameters": {"m": 8, "dim_x": 3, "dim_y": 4, "seed": 1},
    "noise": "gaussian",
    "noise_parameters": {"sigma_f": 0.1, "sigma_g": 0.1},
    "seed": 2,
    "solver": {"lam": 20.0, "eta": 0.1, "tau": 0.01, "alpha": 0.3, "K_0": 40, "K": 10, "T": 30},
    "x0": [1.0, -0.5, 0.5],
}
"""What ``--show`` runs."""
ROUND_OFF = 1e-12
"""Relative distance: the m rows of a mean are added in another order."""


@dataclass(frozen=True)
class MpiExchange:
    """Means by all-reduction over the communicator ``comm`` of mpi4py; this process holds ``agents`` of ``total``."""

    comm: Any
    agents: tuple[int, ...]
    total: int

    def mean(self, rows: Array) -> Array:
        send = np.ascontiguousarray(np.sum(rows, axis=-2, keepdims=True))
        received = np.empty_like(send)
        self.comm.Allreduce(send, received)
        return received / self.total


def share(total: int, processes: int, rank: int) -> tuple[int, ...]:
    """The agents of process ``rank``: consecutive, sizes that differ by at most one."""
    if processes > total:
        raise InputError("processes", processes, f"start at most one for each of the {total} agents")
    return tuple(int(i) for i in np.array_split(np.arange(total), processes)[rank])


def solve(spec: dict[str, Any], comm: Any) -> dict[str, Any]:
    """The run of ``spec`` with the processes of ``comm``; every process returns the same result."""
    problem = instance(spec["instance"], **spec.get("parameters", {}))
    total = len(problem.agents)
    mine = share(total, comm.Get_size(), comm.Get_rank())
    noise = make_noise(spec.get("noise", "none"), **spec.get("noise_parameters", {}))
    oracle = StochasticOracle(problem.stack(mine), noise, seeds=spec.get("seed", 0))
    solver = DistributedF2BA(F2BA(**spec["solver"]), MpiExchange(comm, mine, total))
    check_needs(solver, problem, oracle)
    state = solver.init(problem, spec["x0"])
    started = perf_counter()
    while not solver.terminate(state):
        state = solver.step(state, oracle)
    wall = perf_counter() - started
    counts = sum(comm.allgather(oracle.counts), Counts())
    ends = {"x": state.x, "y": state.Y[0], "z": state.Z[0]}
    rows = {name: value.tolist() for name, value in ends.items()}
    return {**rows, "counts": asdict(counts), "processes": comm.Get_size(), "wall_s": wall}


def compared(spec: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """``result`` beside the same run in this process alone: largest relative distance of x, y, z; calls and floats."""
    problem = instance(spec["instance"], **spec.get("parameters", {}))
    noise = make_noise(spec.get("noise", "none"), **spec.get("noise_parameters", {}))
    solver = DistributedF2BA(F2BA(**spec["solver"]))
    oracle = StochasticOracle(problem.stacked, noise, seeds=spec.get("seed", 0))
    state = run(solver, problem, oracle, spec["x0"]).state
    ends = {"x": state.x, "y": state.Y[0], "z": state.Z[0]}
    away = max(float(np.max(np.abs(result[k] - v)) / np.max(np.abs(v))) for k, v in ends.items())
    m = len(problem.agents)
    return {
        "processes": result["processes"],
        "agents": m,
        "relative distance": away,
        "equal to round-off": away <= ROUND_OFF and result["counts"] == asdict(oracle.counts),
        "sfo": result["counts"]["sfo"],
        "sfo by the formula": solver.calls(m),
        "floats": result["counts"]["floats"],
        "floats by the formula": solver.floats(m, problem.dim_x, problem.dim_y),
    }


def show(comm: Any, target: str | None) -> int:
    """The command ``--show``: prints the comparison, and keeps it in ``target``."""
    result = solve(EXAMPLE, comm)
    if comm.Get_rank() != 0:
        return 0
    found = compared(EXAMPLE, result)
    for name, value in found.items():
        print(f"{name}: {value}")
    if target is not None:
        command = f"mpiexec -n {found['processes']} python -m solvers.distributed_mpi --show {target}"
        record = {"command": command, "spec": EXAMPLE, **found}
        Path(target).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")
    return 0 if found["equal to round-off"] else 1


def main(arguments: list[str]) -> int:
    """The command of the module docstring."""
    asked = bool(arguments) and arguments[0] == "--show" and len(arguments) <= 2
    if not asked and (len(arguments) != 2 or arguments[0].startswith("-")):
        print("usage: mpiexec -n N python -m solvers.distributed_mpi SPEC.json RESULT.json", file=sys.stderr)
        print("       mpiexec -n N python -m solvers.distributed_mpi --show [RESULT.json]", file=sys.stderr)
        return 2
    if asked:
        comm = need("mpi4py.MPI", "mpi", "distributed F2BA between processes").COMM_WORLD
        return show(comm, arguments[1] if len(arguments) == 2 else None)
    comm = need("mpi4py.MPI", "mpi", "distributed F2BA between processes").COMM_WORLD
    result = solve(json.loads(Path(arguments[0]).read_text("utf-8")), comm)
    if comm.Get_rank() == 0:
        Path(arguments[1]).write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
