"""Distributed F2BA as an MPI program: ``mpiexec -n 4 python -m solvers.distributed_mpi SPEC.json RESULT.json``.

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

from solvers.base import check_needs
from solvers.distributed_f2ba import DistributedF2BA
from solvers.f2ba import F2BA
from synthetic.arrays import Array
from synthetic.errors import InputError, need
from synthetic.noise import make_noise
from synthetic.oracle import Counts, StochasticOracle
from synthetic.registry import instance


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


def main(arguments: list[str]) -> int:
    """The command of the module docstring."""
    if len(arguments) != 2:
        print("usage: mpiexec -n N python -m solvers.distributed_mpi SPEC.json RESULT.json", file=sys.stderr)
        return 2
    comm = need("mpi4py.MPI", "mpi", "distributed F2BA between processes").COMM_WORLD
    result = solve(json.loads(Path(arguments[0]).read_text("utf-8")), comm)
    if comm.Get_rank() == 0:
        Path(arguments[1]).write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
