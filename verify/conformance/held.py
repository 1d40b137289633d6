"""The estimate of grad phi behind a step in x, read from the outside with x held fixed.

Two copies run on the same samples, one with f + b'x in place of f. With d, d_b their displacements of x,

    plain step        d = -eta Phi,          d_b = -eta (Phi + b):           eta = -<d_b - d, b>/||b||^2
    normalised step   d = -eta Phi/||Phi||,  d_b = -eta (Phi + b)/||Phi + b||:  ||Phi|| u + b = r u_b gives ||Phi||

so Phi follows in both cases; where neither fits, the step is not that of an estimate. After each step x is put back,
so that lower-level iterates, auxiliary variables and momenta settle and Phi approaches the estimator at x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from synthetic.arrays import to_numpy
from verify.conformance.subject import Instance, Subject
from verify.conformance.watch import tilt

TILT = np.array([0.9, -0.7])
NO_STEP = "the step in x is not a step along an estimate"


def decode(d: np.ndarray, d_b: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(Phi (runs, dx), eta (runs,)) from the two displacements (runs, dx), or None when neither form fits."""
    size, size_b = np.linalg.norm(d, axis=1), np.linalg.norm(d_b, axis=1)
    if not np.all(np.isfinite(d)) or not np.all(np.isfinite(d_b)) or not np.any(size_b):
        return None
    change = d_b - d
    eta = -(change @ b) / (b @ b)
    if np.all(np.abs(change + eta[:, None] * b) <= 1e-6 * np.abs(eta[:, None]) * np.linalg.norm(b)) and np.all(eta > 0):
        return -d / eta[:, None], eta
    if np.all(size > 0) and np.allclose(size, size_b, rtol=1e-9):
        u, u_b = -d / size[:, None], -d_b / size_b[:, None]
        columns = np.stack([u, -u_b], axis=2)
        found = [np.linalg.lstsq(m, -b, rcond=None)[0] for m in columns]
        lengths = np.array([f[0] for f in found])
        if all(f[0] > 0 and f[1] > 0 for f in found):
            return lengths[:, None] * u, size
    return None


@dataclass(frozen=True)
class Settled:
    """What a held run came to. ``status``: "settled", "random" (``error`` is a standard error) or a reason.

    Phi (runs, dx); distances[nu] (steps, runs): of the lower iterates to y*_nu.
    """

    status: str
    Phi: np.ndarray
    error: float
    steps: int
    distances: dict[float, np.ndarray]
    state: Any

    @property
    def usable(self) -> bool:
        return self.status in ("settled", "random")


def settle(
    subject: Subject, on: Instance, x: np.ndarray, *, steps: int = 600, noise: Any = None, first: int = 0,
    tolerance: float = 1e-11,
) -> Settled:  # fmt: skip
    """Run with x (runs, dx) held until Phi stays the same for 6 steps."""
    runs, solver = len(x), subject.solver
    b = TILT[: x.shape[1]]
    oracles = [on.oracle(runs=runs, first=first, noise=noise), on.oracle(runs=runs, first=first, noise=noise)]
    oracles[1].shift = tilt(b)
    states = [solver.init(o.problem, x) for o in oracles]
    Phis: list[np.ndarray] = []
    distances: dict[float, list[np.ndarray]] = {}
    still = 0
    for t in range(steps):
        moved = []
        for i, oracle in enumerate(oracles):
            after = solver.step(states[i], oracle)
            moved.append(to_numpy(after.x) - x)
            states[i] = subject.hold(after, x=x)
        for nu, y in subject.iterates(states[0], on.problem.dim_y).items():
            away = np.linalg.norm(to_numpy(y) - on.problem.y_star(x, nu), axis=-1)
            distances.setdefault(nu, []).append(away)
        found = decode(moved[0], moved[1], b)
        if found is None:
            if t < steps // 2 and np.all(np.isfinite(moved[0])):
                continue  # a momentum that starts at 0 has no direction yet
            return Settled(
                "the step in x is not a step along an estimate", np.full_like(x, np.nan), np.nan, t, {}, None
            )
        Phis.append(found[0])
        if not np.all(np.abs(found[0]) < 1e8):
            return Settled("it diverged: choose smaller steps", found[0], np.nan, t, {}, None)
        if len(Phis) > 1:
            near = np.max(np.abs(Phis[-1] - Phis[-2])) <= tolerance * (1 + np.max(np.abs(Phis[-1])))
            still = still + 1 if near else 0
        if still >= 6:
            break
    return _summary(Phis, still >= 6, {nu: np.array(v) for nu, v in distances.items()}, states[0])


def _summary(Phis: list[np.ndarray], done: bool, distances: dict[float, np.ndarray], state: Any) -> Settled:
    path = np.array(Phis)
    if done:
        return Settled("settled", path[-1], 0.0, len(path), distances, state)
    n = len(path)
    if n < 40:
        return Settled("no estimate could be read", path[-1] if n else np.full(1, np.nan), np.nan, n, distances, state)
    jumps = np.max(np.abs(np.diff(path, axis=0)), axis=(1, 2))
    if np.max(jumps[-n // 4 :]) < 0.01 * np.max(jumps[n // 4 : n // 2]):
        rest = float(20 * np.max(jumps[-n // 4 :]))
        small = rest < 1e-5
        return Settled("settled" if small else "it has not settled", path[-1], rest, n, distances, state)
    kept = path[n // 2 :]
    means = np.array([part.mean(axis=0) for part in np.array_split(kept, 20)])
    error = float(np.max(means.std(axis=0, ddof=1)) / np.sqrt(len(means)))
    return Settled("random", means.mean(axis=0), error, n, distances, state)


def snapshot(
    subject: Subject, on: Instance, x: np.ndarray, noise: Any, *, first: int, steps: int = 12
) -> np.ndarray | None:
    """Phi (runs, dx) of the last of some held steps under ``noise``."""
    b = TILT[: x.shape[1]]
    oracles = [on.oracle(runs=len(x), first=first, noise=noise) for _ in range(2)]
    oracles[1].shift = tilt(b)
    ends = []
    for oracle in oracles:
        state = subject.solver.init(oracle.problem, x)
        for _ in range(steps):
            after = subject.solver.step(state, oracle)
            state = subject.hold(after, x=x)
        ends.append(to_numpy(after.x) - x)
    found = decode(ends[0], ends[1], b)
    return None if found is None else found[0]
