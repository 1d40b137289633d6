"""All checks of one solver, in the order in which they are printed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from synthetic.errors import InputError
from verify.conformance.bias import check_bias, check_known_answer, check_variance
from verify.conformance.momentum import check_momentum
from verify.conformance.runs import (
    check_accuracy,
    check_arrays,
    check_calls,
    check_determinism,
    check_exponent,
    check_lower,
    check_oracle,
    check_stationarity,
    raised,
)
from verify.conformance.subject import Finding, Instance, Subject, instance, subject

CHECKS: dict[str, Callable[[Subject, Instance, int], Finding]] = {
    "oracle": check_oracle,
    "calls": check_calls,
    "bias": check_bias,
    "known quadratic": check_known_answer,
    "variance": check_variance,
    "lower level": check_lower,
    "momentum": check_momentum,
    "stationarity": check_stationarity,
    "own accuracy": check_accuracy,
    "exponent": check_exponent,
    "determinism": check_determinism,
    "array API": check_arrays,
}

RANDOM = ("bias", "variance", "exponent")
"""Checks that noise can make wrong; the others are deterministic given the instance."""


def check(subject: Subject, seed: int = 0, only: Sequence[str] | None = None) -> list[Finding]:
    """Run the checks (all, or ``only`` those named) on the instance of ``seed``."""
    for name in only or ():
        if name not in CHECKS:
            raise InputError("only", name, f"choose among {', '.join(CHECKS)}")
    on = instance(subject.needs, seed)
    return [_guarded(name, subject, on, seed) for name in (only or CHECKS)]


def _guarded(name: str, subject: Subject, on: Instance, seed: int) -> Finding:
    if subject.only and name not in subject.only:
        return Finding(name, "not applicable", "checked in the solver's usual configuration")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a solver that overflows is a finding, not a crash
            return CHECKS[name](subject, on, seed)
    except InputError as error:
        return Finding(name, "undecided", f"refused: {error}")
    except Exception as error:  # third-party code may raise anything; the check then shows nothing
        return Finding(name, "undecided", f"the solver raised {raised(error)}")


def check_solver(solver: Any, *, seed: int = 0, only: Sequence[str] | None = None) -> list[Finding]:
    """The findings on a configured solver, a maker of one, or a bare ``hypergrad_estimate(problem, x, oracle, rng)``.

    What it claims is declared by attributes, see :mod:`verify.conformance`.
    """
    return check(subject(getattr(solver, "__name__", type(solver).__name__), solver), seed, only)


def violated(findings: Sequence[Finding]) -> bool:
    return any(f.verdict == "violates" for f in findings)
