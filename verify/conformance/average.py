"""Moving averages: has the direction of the step in x a memory, and with the weights of its formula?

    h_t = (1 - a) h_{t-1} + a s_t,    0 < a < 1,    x_{t+1} = x_t - eta h_t   or   - eta h_t/||h_t||   (or h_{t-1})

A vector b is added to the answers F_x of ONE earlier step, all else put back on its path, and the step in x of one
fixed later step is compared with the undisturbed one: the weight of that earlier step's sample follows, up to a factor
that is common to all of them (a step size and a scale of h cannot be told apart from outside). The ratio of the weights
of neighbouring steps is 1 - a. For a normalised step the weight follows from the turned direction:
h + w b = r u' with h = ||h|| u gives w/||h||.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from synthetic.arrays import to_numpy
from verify.conformance.momentum import response, trajectory
from verify.conformance.subject import Finding, Instance, Subject

LAST, BACK = 8, 4
"""The step that is looked at, and how many steps back its memory is followed."""


def weight(plain: np.ndarray, change: np.ndarray, b: np.ndarray) -> float | None:
    """w (up to a common positive factor) from the step ``plain`` and what b changes of it; None: neither form fits."""
    along = float(change @ b) / float(b @ b)
    if np.linalg.norm(change - along * b) <= 1e-7 * np.linalg.norm(change):
        return -along
    moved = plain + change
    if abs(np.linalg.norm(moved) - np.linalg.norm(plain)) > 1e-9 * np.linalg.norm(plain):
        return None
    # with plain = -s u, moved = -s u' that is plain = (s w/||h||) b + (r/||h||) moved
    found, *_ = np.linalg.lstsq(np.stack([b, moved], axis=1), plain, rcond=None)
    return float(found[0])


def impulse(subject: Subject, on: Instance, seed: int) -> list[float] | None:
    """Weights of the samples of the steps LAST, LAST - 1, ... in the step in x of step LAST."""
    states, _ = trajectory(subject, on, seed, LAST + 1)
    plain = (to_numpy(states[LAST + 1].x) - to_numpy(states[LAST].x))[0]
    b = np.array([0.9, -0.7, 0.4][: on.problem.dim_x])
    found = []
    for back in range(BACK + 1):
        at = LAST - back

        def shift(t: int, index: int, ask: Any, at: int = at) -> dict[str, np.ndarray]:
            return {"Fx": b} if t == at and ask.kind in ("query", "F") and "x" in ask.part else {}

        change = response(subject, on, seed, states, at, LAST, "x", shift)
        w = 0.0 if np.linalg.norm(change) <= 1e-13 else weight(plain, change, b)
        if w is None:
            return None
        found.append(w)
    return found


def check_average(subject: Subject, on: Instance, seed: int) -> Finding:
    """The memory is there, falls by one factor, and that factor is 1 - the declared share of the new sample."""
    check, declared = "momentum", subject.share("x", 0)
    found = impulse(subject, on, seed)
    if found is None:
        return Finding(check, "undecided", "the step in x is neither along an average nor along its direction")
    facts: dict[str, Any] = {"weights": found, "declared share of the new sample": declared}
    top = max(abs(w) for w in found)
    if top == 0:
        return Finding(check, "undecided", "the step in x does not respond to F_x of this step or the last ones", facts)
    first = next(i for i, w in enumerate(found) if abs(w) > 1e-9 * top)
    words = "weights, newest first: " + ", ".join(f"{w / found[first]:.6g}" for w in found[first:])
    if first > 1:
        return Finding(check, "violates", f"{words}; the newest sample is {first} steps old", facts)
    ratios = np.array(found[first + 1 :]) / np.array(found[first:-1])
    facts["ratios"] = ratios.tolist()
    if abs(ratios[0]) <= 1e-9:
        return Finding(check, "violates", f"{words}: no memory, the average is its newest sample", facts)
    if not 0 < ratios[0] < 1 - 1e-9:
        return Finding(check, "violates", f"{words}; an average has weights (1 - a)^k with 0 < a < 1", facts)
    if declared is None:
        return Finding(check, "conforms", f"{words}; no share is declared to compare with", facts)
    away = float(np.max(np.abs(ratios - (1 - declared))))
    words = f"{words}; (1 - a)^k with the declared a = {declared:.6g}"
    return Finding(check, "conforms" if away <= 1e-6 else "violates", words, facts)
