r"""Bernoulli masks as noise: what the lower bounds use to hide the next coordinate.

    answer = gradient + (xi/gamma - 1) hidden,   xi ~ Bernoulli(gamma)
    E||answer - gradient||^2 = ||hidden||^2 (1 - gamma)/gamma

``hidden`` is a part of the exact gradient that the problem names: ``masked_f(x, y)`` -> (x part, y part) of grad f, and
``masked_g`` of grad g (either may be missing: that level is then exact). One xi serves both parts and both levels.

Hessian-vector products are exact, or with gamma_H < 1 masked in the same way by a xi of their own (address stream HVP):

    answer = grad^2_yy g v + (xi/gamma_H - 1) masked_hvp_g(x, y, v)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import array_api_compat

from synthetic.arrays import Array, dot, namespace
from synthetic.errors import InputError
from synthetic.noise import STREAMS, Noise, exact_gradients, mean_draws
from synthetic.philox import Address, Law, Stream


def bernoulli_law(gamma: float) -> Law:
    """xi/gamma, xi ~ Bernoulli(gamma'), two a block: 64 bits against floor(gamma 2^64); gamma' > gamma - 2^-64."""
    threshold = int(gamma * 2.0**64)

    def convert(xp: Any, words: tuple[Array, ...], width: int) -> Array:
        device = array_api_compat.device(words[0])
        edge = xp.asarray(threshold, dtype=xp.uint64, device=device)
        pairs = [(words[0] << 32) | words[1], (words[2] << 32) | words[3]]
        hits = xp.stack([xp.astype(pair < edge, xp.float64) / gamma for pair in pairs], axis=-1)
        return xp.reshape(hits, (hits.shape[0], -1))

    return Law("bernoulli", 2, convert)


@dataclass(frozen=True)
class Masked(Noise):
    """The noise of the module docstring. gamma in (0, 1]: the probability that a sample shows the hidden part;
    gamma_H: that of a sample of a Hessian-vector product."""

    gamma: float
    gamma_H: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("gamma", self.gamma), ("gamma_H", self.gamma_H)):
            good = isinstance(value, int | float) and not isinstance(value, bool)
            if not good or not 2.0**-40 <= value <= 1:
                fix = "pass a probability between 2^-40 and 1 (rarer hits need 64 bits more)"
                raise InputError(name, value, fix)

    def check(self, problem: Any) -> None:
        if not any(callable(getattr(problem, f"masked_{level}", None)) for level in "fg"):
            raise InputError("problem", problem, "masked noise needs the method masked_f(x, y) or masked_g(x, y)")
        if self.gamma_H < 1 and not callable(getattr(problem, "masked_hvp_g", None)):
            raise InputError("problem", problem, "gamma_H < 1 needs the method masked_hvp_g(x, y, v)")

    def _hidden(self, problem: Any, level: str, x: Array, y: Array) -> tuple[Array, Array] | None:
        method = getattr(problem, f"masked_{level}", None)
        return method(x, y) if callable(method) else None

    def gradients(
        self, problem: Any, x: Array, y: Array, address: Address, samples: int, levels: str, part: str
    ) -> dict[Stream, Array]:
        found = exact_gradients(problem, x, y, levels, part)
        if self.gamma == 1:
            return found
        (factor,) = mean_draws(bernoulli_law(self.gamma), address, [(Stream.FX, 1)], samples, x)
        for level in levels:
            hidden = self._hidden(problem, level, x, y)
            for block, value in zip("xy", hidden or ()):
                if block in part:
                    stream = STREAMS[level][block]
                    change = namespace(x).astype(factor - 1.0, value.dtype) * value
                    found[stream] = found[stream] + change
        return found

    def product(self, problem: Any, method: str, x: Array, y: Array, v: Array, address: Address, samples: int) -> Array:
        found: Array = getattr(problem, method)(x, y, v)
        if self.gamma_H == 1 or method != "hvp_g":
            return found
        (factor,) = mean_draws(bernoulli_law(self.gamma_H), address, [(Stream.HVP, 1)], samples, x)
        hidden = problem.masked_hvp_g(x, y, v)
        return found + namespace(x).astype(factor - 1.0, hidden.dtype) * hidden

    def variance(self, problem: Any, x: Array, y: Array) -> tuple[Array, Array]:
        zero = namespace(x).zeros_like(x[..., 0])
        spread = []
        for level in "fg":
            hidden = self._hidden(problem, level, x, y)
            square = zero if hidden is None else dot(hidden[0], hidden[0]) + dot(hidden[1], hidden[1])
            spread.append(square * ((1 - self.gamma) / self.gamma))
        return spread[0], spread[1]
