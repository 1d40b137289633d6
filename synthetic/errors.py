"""The few ways in which this suite says no, each in one clear line."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class InputError(ValueError):
    """Bad input: the argument's name, the value received, and what to do instead.

    ``InputError("A_g", value, "pass a symmetric matrix, e.g. (A + A.T)/2")``
    """

    def __init__(self, argument: str, value: Any, fix: str) -> None:
        self.argument, self.value, self.fix = argument, value, fix
        try:
            shown = repr(value)
        except Exception as error:  # an integer of 5,000 digits, or a user's class: the message must not fail
            shown = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
        if len(shown) > 120:
            shown = shown[:117] + "..."
        super().__init__(f"{argument} = {' '.join(shown.split())}: {fix}")


class MissingExtra(ImportError):
    """An optional package is needed and absent; the message holds the install command."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{purpose} needs {package}: pip install 'bilevel-rates[{extra}]'")


class BudgetExhausted(Exception):
    """The oracle's call budget is spent; the run that holds the oracle is censored, not failed."""


DISTRIBUTIONS = {"flint": "python-flint", "sklearn": "scikit-learn", "mpi4py": "mpi4py and mpich"}
"""Modules whose package has another name."""


def need(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional ``module`` or raise :class:`MissingExtra` naming the ``extra`` to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(DISTRIBUTIONS.get(module.split(".")[0], module), extra, purpose) from error
