"""The estimate of grad phi behind a step in x, read from the outside with x held fixed.

Two copies run on the same samples, one with f + b'x in place of f. With d, d_b their displacements of x,

    plain step        d = -eta Phi,          d_b = -eta (Phi + b):           eta = -<d_b - d, b>/||b||^2
    normalised step   d = -eta Phi/||Phi||,  d_b = -eta (Phi + b)/||Phi + b||:  ||Phi|| u + b = r u_b gives ||Phi||

so Phi follows in both cases; where neither fits, the step is not that of an estimate. After each step x is put back,
so that lower-level iterates, auxiliary variables and momenta settle and Phi approaches the estimator at x.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthetic.arrays import to_numpy
from verify.conformance.subject import Instance, Subject
from verify.conformance.watch import tilt

TILT = np.array([0.9, -0.7])
NO_STEP = "the step in x is not a step along an estimate"
START = 20
"""Steps after which a step in x must show a direction: a momentum that starts at 0 has none at first."""
TOO_SLOW = "it averages over more steps than the kit makes"
UNEVEN = "its strata are not equally likely"


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

    Phi (runs, dx); ``state`` of the copy without tilt.
    """

    status: str
    Phi: np.ndarray
    error: float
    steps: int
    state: Any

    @property
    def usable(self) -> bool:
        return self.status in ("settled", "random")


def settle(
    subject: Subject, on: Instance, x: np.ndarray, *, steps: int = 600, noise: Any = None, first: int = 0,
    tolerance: float = 1e-11,
) -> Settled:  # fmt: skip
    """Run with x (runs, dx) held until Phi stays the same for 6 steps."""
    b = TILT[: x.shape[1]]
    solver, oracle, both = subject.solver, *_side_by_side(on, x, b, noise, first)
    state = solver.init(oracle.problem, both)
    Phis: list[np.ndarray] = []
    still = 0
    for t in range(steps):
        after = solver.step(state, oracle)
        moved = to_numpy(after.x) - both
        state = subject.hold(after, x=both)
        found = decode(moved[: len(x)], moved[len(x) :], b)
        if found is None:
            if t < START and np.all(np.isfinite(moved)):
                continue
            return Settled(NO_STEP, np.full_like(x, np.nan), np.nan, t, None)
        Phis.append(found[0])
        if not np.all(np.abs(found[0]) < 1e8):
            return Settled("it diverged: choose smaller steps", found[0], np.nan, t, None)
        if len(Phis) > 1:
            near = np.max(np.abs(Phis[-1] - Phis[-2])) <= tolerance * (1 + np.max(np.abs(Phis[-1])))
            still = still + 1 if near else 0
        if still >= 6:
            break
    found_ = _summary(Phis, still >= 6, state)
    which = subject.strata
    if found_.status in ("random", TOO_SLOW) and which is not None:
        half = len(Phis) // 2
        visited = [which(t) for t in range(steps - len(Phis), steps)]
        return stratified(found_, np.array(Phis[half:]), visited[half:])
    return found_


def _summary(Phis: list[np.ndarray], done: bool, state: Any) -> Settled:
    path = np.array(Phis)
    if done:
        return Settled("settled", path[-1], 0.0, len(path), state)
    n = len(path)
    if n < 40:
        return Settled("no estimate could be read", path[-1] if n else np.full(1, np.nan), np.nan, n, state)
    jumps = np.max(np.abs(np.diff(path, axis=0)), axis=(1, 2))
    if np.max(jumps[-n // 4 :]) < 0.01 * np.max(jumps[n // 4 : n // 2]):
        rest = float(20 * np.max(jumps[-n // 4 :]))
        small = rest < 1e-5
        return Settled("settled" if small else "it has not settled", path[-1], rest, n, state)
    mean, error = batch_means(path[n // 2 :])
    return Settled("random" if np.isfinite(error) else TOO_SLOW, mean, error, n, state)


def batch_means(path: np.ndarray, batches: int = 20) -> tuple[np.ndarray, float]:
    """(mean, its standard error) of path (n, runs, dx), as the largest over the coordinates.

    A momentum correlates neighbours: with rho the correlation of neighbouring batches the variance of the mean is
    (1 + rho)/(1 - rho) times that of independent ones. Above rho = 0.6 the error cannot be told: inf.
    """
    means = np.array([part.mean(axis=0) for part in np.array_split(path, batches)])
    away = means - means.mean(axis=0)
    square = np.sum(away**2, axis=0)
    rho = np.sum(away[1:] * away[:-1], axis=0) / np.where(square > 0, square, 1.0)
    worst = float(np.max(np.maximum(rho, 0.0)))
    if worst > 0.6:
        return means.mean(axis=0), float("inf")
    error = np.sqrt(square / (batches - 1) / batches * (1 + np.maximum(rho, 0)) / (1 - np.maximum(rho, 0)))
    return means.mean(axis=0), float(np.max(error))


def stratified(found: Settled, path: np.ndarray, strata: list[tuple[int, int]]) -> Settled:
    """``found`` with the mean over equally likely strata of the mean in each; path (n, runs, dx), strata (index, of).

    The number of visits of each is left out of the mean, and with it most of the noise; it is tested instead.
    """
    from scipy.special import chdtrc

    index, number = np.array([i for i, _ in strata]), strata[0][1]
    visits = np.bincount(index, minlength=number)
    expected = len(index) / number
    if len(visits) > number or chdtrc(max(number - 1, 1), float(np.sum((visits - expected) ** 2) / expected)) < 1e-6:
        return replace(found, status=UNEVEN)
    if np.min(visits) < 2:
        return found
    parts = [path[index == i] for i in range(number)]
    square = sum(part.var(axis=0, ddof=1) / len(part) for part in parts) / number**2
    mean = np.mean([part.mean(axis=0) for part in parts], axis=0)
    return replace(found, status="random", Phi=mean, error=float(np.sqrt(np.max(square))))


def snapshot(
    subject: Subject, on: Instance, x: np.ndarray, noise: Any, *, first: int, steps: int = 12
) -> np.ndarray | None:
    """Phi (runs, dx) of the last of some held steps under ``noise``."""
    b = TILT[: x.shape[1]]
    oracle, both = _side_by_side(on, x, b, noise, first)
    state = subject.solver.init(oracle.problem, both)
    for _ in range(steps):
        after = subject.solver.step(state, oracle)
        state = subject.hold(after, x=both)
    moved = to_numpy(after.x) - both
    found = decode(moved[: len(x)], moved[len(x) :], b)
    return None if found is None else found[0]


def _side_by_side(on: Instance, x: np.ndarray, b: np.ndarray, noise: Any, first: int) -> tuple[Any, np.ndarray]:
    """(an oracle for the runs and their tilted copies, on the same samples; x of both)."""
    oracle = on.oracle(runs=len(x), first=first, noise=noise, copies=2)
    oracle.shift = tilt(np.concatenate([0.0 * x, np.broadcast_to(b, x.shape)]))
    return oracle, np.concatenate([x, x])
