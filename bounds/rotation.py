r"""Column-orthogonal U (d x T) for the hard instances: the identity, or an implicit structured one in O(d log d).

    U = (H D_3)(H D_2)(H D_1) [I_T; 0],   H the normalised Walsh-Hadamard matrix of order d = 2^k, D_i random signs

The structured U is orthogonal for certain, but it is not uniformly distributed (Haar): it shows that what is measured
does not hang on the coordinates, and proves nothing about algorithms that are not zero-respecting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from synthetic.arrays import Array, like, namespace
from synthetic.errors import InputError


class Rotation(Protocol):
    """U (d x T): ``up`` maps (..., T) to U z (..., d), ``down`` maps (..., d) to U' x (..., T)."""

    @property
    def T(self) -> int: ...

    @property
    def d(self) -> int: ...

    def up(self, z: Array) -> Array: ...

    def down(self, x: Array) -> Array: ...


def _pad(z: Array, d: int) -> Array:
    xp = namespace(z)
    missing = d - z.shape[-1]
    if missing == 0:
        return z
    return xp.concat([z, xp.zeros((*z.shape[:-1], missing), dtype=z.dtype, device=z.device)], axis=-1)


@dataclass(frozen=True)
class Identity:
    """The first T of d coordinates."""

    T: int
    d: int

    def up(self, z: Array) -> Array:
        return _pad(z, self.d)

    def down(self, x: Array) -> Array:
        return x[..., : self.T]


def hadamard(x: Array) -> Array:
    """Normalised Walsh-Hadamard transform over the last axis, whose length is a power of two; its own inverse."""
    xp, d, width = namespace(x), x.shape[-1], 1
    lead = x.shape[:-1]
    while width < d:
        pairs = xp.reshape(x, (*lead, d // (2 * width), 2, width))
        a, b = pairs[..., 0, :], pairs[..., 1, :]
        x = xp.reshape(xp.stack([a + b, a - b], axis=-2), (*lead, d))
        width *= 2
    return x / math.sqrt(d)


@dataclass(frozen=True)
class Structured:
    """Three rounds of signs and Hadamard (module docstring); d a power of two, d >= T."""

    T: int
    d: int
    seed: int = 0
    rounds: int = 3
    signs: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.d < self.T or self.d < 1 or self.d & (self.d - 1):
            raise InputError("d", self.d, f"pass a power of two of at least T = {self.T}")
        bits = np.random.Generator(np.random.Philox(self.seed)).integers(0, 2, size=(self.rounds, self.d))
        object.__setattr__(self, "signs", 1.0 - 2.0 * bits)

    def up(self, z: Array) -> Array:
        x = _pad(z, self.d)
        for row in self.signs:
            x = hadamard(x * like(row, x))
        return x

    def down(self, x: Array) -> Array:
        for row in self.signs[::-1]:
            x = hadamard(x) * like(row, x)
        return x[..., : self.T]
