"""All instances by name: those of :mod:`synthetic.registry` and the hard ones, which live here and so are not known
there (imports point one way)."""

from __future__ import annotations

from typing import Any

from synthetic.errors import InputError
from synthetic.registry import INSTANCES, Entry

HARD: dict[str, Entry] = {
    "separable-chain": Entry("bounds.separable:Separable", "hard chain hidden in f, U = identity: eps^-4 for every p"),
    "coupled-chain": Entry("bounds.coupled:Coupled", "hard chain hidden in g, p = 1: eps^-6 for first-order methods"),
}
ALL: dict[str, Entry] = INSTANCES | HARD


def instance(name: str, **parameters: Any) -> Any:
    """Build the named instance, hard ones included."""
    if name not in ALL:
        raise InputError("instance", name, f"choose one of {', '.join(ALL)}")
    return ALL[name].build(**parameters)
