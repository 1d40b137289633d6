"""Recursive momentum and SPIDER: is the correction there, and has it the weights of its formula?

    h_t = s(new) + (1 - a)(h_{t-1} - s(old)),    one sample s at two points,    0 <= a < 1 ("spider": a = 0)

(moving averages, which ask one point only, are :mod:`verify.conformance.average`).

Within one step the log shows which sample is asked at two points; the old one is the one that was asked before, under
another address. If both are the same point, the correction is zero. The weights of s(new), s(old) and h_{t-1} follow
from adding a vector to one answer alone: to s(new) at t, to s(old) at t, to s(new) at t - 1; the step size follows from
adding it to every answer from the start on. All else is put back on its path, so the responses are exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from synthetic.arrays import to_numpy
from verify.conformance.subject import Finding, Instance, Subject
from verify.conformance.watch import Ask, Shift

MOVED_BY = {"x": ("Fx", ("query", "F"), "x"), "y": ("Gy", ("query", "G"), "y")}
"""field -> (the answer that moves it, the kinds of question that give it, the part)."""


def trajectory(subject: Subject, on: Instance, seed: int, steps: int) -> tuple[list[Any], list[list[Ask]]]:
    """States 0 .. steps of a noisy run, and the questions of each step."""
    oracle = on.oracle(noisy=True, first=seed, recording=True)
    states, logs = [subject.solver.init(oracle.problem, on.start(seed, 1))], []
    for _ in range(steps):
        oracle.log.clear()
        states.append(subject.solver.step(states[-1], oracle))
        logs.append(list(oracle.log))
    return states, logs


def pair(logs: list[list[Ask]], t: int, which: str) -> tuple[int, int, bool] | None:
    """(index of new, index of old, whether they are distinct) of the last sample of step t asked at two points."""
    _, kinds, part = MOVED_BY[which]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, ask in enumerate(logs[t]):
        if ask.kind in kinds and part in ask.part:
            groups.setdefault((ask.kind, *ask.address), []).append(i)
    twice = [g for g in groups.values() if len(g) >= 2]
    if not twice:
        return None
    group = twice[-1]
    points = [logs[t][i].point for i in group]
    if len(set(points)) == 1:
        return group[0], group[1], False
    # which of the points was visited first, in this step and the one before: that is the old one
    visits = [ask.point for log in logs[max(0, t - 1) : t + 1] for ask in log]
    order = sorted(zip(group, points, strict=True), key=lambda item: visits.index(item[1]))
    here = sum(len(log) for log in logs[max(0, t - 1) : t]) + group[0]
    known = visits.index(order[0][1]) < here
    return (order[-1][0], order[0][0], True) if known else None


def response(
    subject: Subject, on: Instance, seed: int, states: list[Any], at: int, until: int, which: str,
    shift: Callable[[int, int, Ask], Shift],
) -> np.ndarray:  # fmt: skip
    """Change of the displacement of ``which`` in step ``until`` when answers of the steps ``at`` .. are shifted."""
    oracle = on.oracle(noisy=True, first=seed, recording=True)
    state = states[at]
    for t in range(at, until + 1):
        oracle.log.clear()
        oracle.shift = lambda index, ask, t=t: shift(t, index, ask)
        after = subject.solver.step(state, oracle)
        path = {name: getattr(states[t + 1], name) for name in ("x", "y") if hasattr(after, name)}
        moved = to_numpy(getattr(after, which)) - to_numpy(getattr(states[t + 1], which))
        state = subject.hold(after, **path)
    return np.asarray(moved[0])


def weights(
    subject: Subject, on: Instance, seed: int, states: list[Any], logs: list[list[Ask]], t: int, which: str
) -> dict[str, float] | None:
    """{"new", "old", "carried"}: the weights in h_t, and the "slack" of the last; None when nothing responds."""
    answer, kinds, part = MOVED_BY[which]
    dim = on.problem.dim_x if which == "x" else on.problem.dim_y
    b = 0.1 * np.array([0.9, -0.7, 0.4][:dim])
    now, before = pair(logs, t, which), pair(logs, t - 1, which)
    if now is None or before is None:
        return None

    def one(step: int, index: int) -> Callable[[int, int, Ask], Shift]:
        return lambda s, i, ask: {answer: b} if s == step and i == index else {}

    def every(s: int, i: int, ask: Ask) -> Shift:
        return {answer: b} if ask.kind in kinds and part in ask.part else {}

    for lag in (0, 1):
        eta = response(subject, on, seed, states, 0, t + lag, which, every)
        new = response(subject, on, seed, states, t, t + lag, which, one(t, now[0]))
        if np.linalg.norm(eta) < 1e-12 or np.linalg.norm(new) < 1e-9 * np.linalg.norm(eta):
            continue
        old = response(subject, on, seed, states, t, t + lag, which, one(t, now[1]))
        carried = response(subject, on, seed, states, t - 1, t + lag, which, one(t - 1, before[0]))
        # a step that moves first and samples then (lag 1) feels its own shift in D(x): exact up to eta ||D^2||
        unit, bend = (new, 5 * float(np.linalg.norm(new) / np.linalg.norm(b))) if lag else (eta, 0.0)
        found = {
            name: float(v @ unit / (unit @ unit)) for name, v in (("new", new), ("old", old), ("carried", carried))
        }
        if bend > 0.3:
            del found["carried"]  # not readable at this step size; the weight of the old sample still is
        return found | {"slack": 1e-6 + bend}
    return None


def check_momentum(subject: Subject, on: Instance, seed: int) -> Finding:
    """The correction of every direction that is corrected, x at least."""
    check, claimed = "momentum", subject.get("momentum")
    if claimed is None:
        return Finding(check, "not applicable", "no momentum is declared")
    if claimed == "average":
        from verify.conformance.average import check_average  # it uses this module

        return check_average(subject, on, seed)
    if claimed not in ("storm", "spider"):
        known = 'declare "storm", "spider" or "average"'
        return Finding(check, "undecided", f"momentum = {claimed!r} is unknown to the kit; {known}")
    states, logs = trajectory(subject, on, seed, 6)
    facts: dict[str, Any] = {}
    words = []
    for which in ("x", "y"):
        shape = getattr(getattr(states[0], which, None), "shape", ())
        found = [(t, p) for t in range(2, 5) if len(shape) == 2 and (p := pair(logs, t, which)) is not None]
        if not found:
            if which == "x":
                return Finding(check, "violates", "no sample of F_x is asked at both a new and the old point", facts)
            continue
        if not all(distinct for _, (_, _, distinct) in found):
            return Finding(check, "violates", f"{which}: the old point equals the new: the correction is zero", facts)
        seen, at = None, 0
        for t, _ in found:
            seen = weights(subject, on, seed, states, logs, t, which)
            if seen is not None:
                at = t
                break
        if seen is None:
            continue
        facts[which] = seen
        text = ", ".join(f"{k} {v:.6g}" for k, v in seen.items() if k != "slack")
        share = -seen["old"]
        good = (
            abs(seen["new"] - 1) < 1e-6
            and abs(seen.get("carried", share) - share) < seen["slack"]
            and -1e-6 <= 1 - share < 1 - 1e-6
        )
        if claimed == "spider":
            good = good and abs(share - 1) < 1e-6
        if not good:
            return Finding(check, "violates", f"{which}: weights {text}; {claimed} has 1, -(1 - a), 1 - a", facts)
        declared = subject.share(which, at)
        if declared is not None and abs(1 - share - declared) > 1e-6:
            told = f"a = {1 - share:.6g} at step {at}, declared {declared:.6g}"
            return Finding(check, "violates", f"{which}: weights {text}; {told}", facts)
        words.append(f"{which}: {text}" + ("" if declared is None else f", a = {declared:.6g} as declared"))
    if not words:
        return Finding(check, "undecided", "the steps do not respond to the sample that is asked twice", facts)
    return Finding(check, "conforms", "weights of the new sample, the old one and h: " + "; ".join(words), facts)
