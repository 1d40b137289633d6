"""Noise models of the stochastic oracle: unbiased answers at an address, and their exact variance.

    F = grad f + noise,  G = grad g + noise,  E F = grad f,  E||F - grad f||^2 known exactly     (paper 000, Ass. 2.1)

A model is a frozen dataclass. It answers the mean over ``samples`` independent samples; the samples are added along
one fixed binary tree, so the result does not depend, in a single bit, on how many are drawn at once.

Lanes (batch entries) with the same address see the same noise.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import array_api_compat
import numpy as np

from synthetic import philox
from synthetic.arrays import Array, namespace
from synthetic.errors import InputError
from synthetic.philox import Address, Law, Stream

CHUNK = 1 << 17
"""Numbers drawn at once (1 MB of float64): the bound on memory while a mean over many samples is taken."""

STREAMS = {"f": {"x": Stream.FX, "y": Stream.FY}, "g": {"x": Stream.GX, "y": Stream.GY}}


class TreeSum:
    """Sum of a_0, a_1, ... along the binary tree over the indices (missing leaves are zeros).

    Adding aligned power-of-two groups first gives the same tree, hence the same bits.
    """

    def __init__(self) -> None:
        self._stack: list[Array] = []
        self._count = 0

    def add(self, term: Array) -> None:
        carry = self._count
        self._count += 1
        while carry & 1:
            term = self._stack.pop() + term
            carry >>= 1
        self._stack.append(term)

    def total(self) -> Array:
        total = self._stack[-1]
        for term in reversed(self._stack[:-1]):
            total = term + total
        return total


def tree_sum(terms: Array) -> Array:
    """The same sum over the leading axis of an array."""
    xp = namespace(terms)
    while (n := terms.shape[0]) > 1:
        pairs = terms[0 : n - n % 2 : 2, ...] + terms[1:n:2, ...]
        terms = xp.concat([pairs, terms[n - 1 :, ...]]) if n % 2 else pairs
    return terms[0, ...]


def sample_mean(answer: Callable[[Address], Array], address: Address, samples: int, size: int) -> Array:
    """Mean over ``samples`` samples of ``answer``, which gets an address with a leading sample axis.

    ``size``: numbers that one sample costs; decides how many are held at once, never the result.
    """
    at_once = 1 << max(0, (CHUNK // max(1, size)).bit_length() - 1)
    total = TreeSum()
    for first in range(0, samples, at_once):
        total.add(tree_sum(answer(address.with_samples(first, min(at_once, samples - first)))))
    return total.total() / samples


def mean_draws(law: Law, address: Address, layout: Sequence[tuple[int, int]], samples: int, like: Array) -> list[Array]:
    """For each (stream, n) of ``layout`` the mean of ``samples`` draws, shape address.shape + (n,)."""
    if samples == 1:
        drawn = philox.draw_blocks(law, address, layout, like)
    else:
        most = max(-(-n // law.per_block) for _, n in layout)
        if samples * most > 2**32:
            raise InputError("samples", samples, f"pass at most {2**32 // most}: a draw has 2^32 blocks")
        size = math.prod(address.shape) * sum(-(-n // 4) * 4 for _, n in layout)
        drawn = sample_mean(lambda a: philox.draw_blocks(law, a, layout, like), address, samples, size)
    return [drawn[..., part] for part in philox.slices(law, layout)]


def check_scale(name: str, value: Any, *, positive: bool = False) -> None:
    """A finite number >= 0 (> 0 when ``positive``), or InputError."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (positive and value == 0):
        raise InputError(name, value, f"pass a finite number {'>' if positive else '>='} 0")


@dataclass(frozen=True, kw_only=True)
class Noise(ABC):
    """What every model has. sigma_h: standard deviation per coordinate of HVP and JVP answers; sigma_v: of values.

    Both are additive (Gaussian, or signs for :class:`Rademacher`), 0 by default.
    """

    sigma_h: float = 0.0
    sigma_v: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name.startswith("sigma"):
                check_scale(field.name, getattr(self, field.name))

    @property
    def law(self) -> Law:
        return philox.GAUSSIAN

    @abstractmethod
    def gradients(
        self, problem: Any, x: Array, y: Array, address: Address, samples: int, levels: str, part: str
    ) -> dict[Stream, Array]:
        """Mean over ``samples`` samples of F ("f" in ``levels``) and G ("g"), the ``part`` "x", "y" or "xy" of each.

        x (*batch, dim_x) and y (*batch, dim_y) have the same batch; address.shape broadcasts to it.
        """

    @abstractmethod
    def variance(self, problem: Any, x: Array, y: Array) -> tuple[Array, Array]:
        """(E||F - grad f||^2, E||G - grad g||^2) of ONE sample, exact, each of the batch shape."""

    def product(self, problem: Any, method: str, x: Array, y: Array, v: Array, address: Address, samples: int) -> Array:
        """The product ``method`` ("hvp_g", "jvp_g") before :meth:`perturb`: exact, unless samples are batches."""
        return getattr(problem, method)(x, y, v)

    def check(self, problem: Any) -> None:  # noqa: B027 (most models need nothing)
        """Raise InputError when ``problem`` lacks what this model needs."""

    def perturb(self, exact: Array, sigma: float, stream: Stream, address: Address, samples: int) -> Array:
        """``exact`` (..., n) plus the mean of ``samples`` additive noises of standard deviation sigma a coordinate."""
        if sigma == 0:
            return exact
        (noise,) = mean_draws(self.law, address, [(stream, exact.shape[-1])], samples, exact)
        return exact + _cast(sigma * noise, exact)


def _cast(noise: Array, like: Array) -> Array:
    return noise if noise.dtype == like.dtype else namespace(like).astype(noise, like.dtype)


def exact_gradients(problem: Any, x: Array, y: Array, levels: str, part: str) -> dict[Stream, Array]:
    """The noiseless answers by stream."""
    found: dict[Stream, Array] = {}
    for level, gradient in (("f", "grad_f"), ("g", "grad_g")):
        if level in levels:
            both = dict(zip("xy", getattr(problem, gradient)(x, y)))
            found |= {STREAMS[level][block]: both[block] for block in part}
    return found


@dataclass(frozen=True)
class _Additive(Noise):
    """Independent noise of standard deviation sigma amplitude(y) on each of the dim_x + dim_y coordinates."""

    sigma_f: float
    sigma_g: float

    def amplitude(self, y: Array) -> Array | float:
        return 1.0

    def gradients(
        self, problem: Any, x: Array, y: Array, address: Address, samples: int, levels: str, part: str
    ) -> dict[Stream, Array]:
        answers = exact_gradients(problem, x, y, levels, part)
        sigma = {s: self.sigma_f if s in (Stream.FX, Stream.FY) else self.sigma_g for s in answers}
        layout = [(int(s), a.shape[-1]) for s, a in answers.items() if sigma[s] > 0]
        if not layout:
            return answers
        amplitude = self.amplitude(y)
        for (s, _), noise in zip(layout, mean_draws(self.law, address, layout, samples, x)):
            stream = Stream(s)
            scaled = (sigma[stream] * amplitude) * noise
            answers[stream] = answers[stream] + _cast(scaled, answers[stream])
        return answers

    def variance(self, problem: Any, x: Array, y: Array) -> tuple[Array, Array]:
        xp = namespace(x)
        coordinates = problem.dim_x + problem.dim_y
        square = xp.ones_like(y[..., :1]) * self.amplitude(y) ** 2
        f, g = (coordinates * s**2 * square[..., 0] for s in (self.sigma_f, self.sigma_g))
        return f, g


@dataclass(frozen=True)
class Gaussian(_Additive):
    """Normal noise, covariance sigma^2 I over the dim_x + dim_y coordinates of F (sigma_f) and of G (sigma_g).

    E||F - grad f||^2 = sigma_f^2 (dim_x + dim_y), the same for G; F and G, x and y parts independent.
    """


@dataclass(frozen=True)
class Rademacher(_Additive):
    """+-sigma on each coordinate: the covariance of :class:`Gaussian`, and the same bits on every backend."""

    @property
    def law(self) -> Law:
        return philox.RADEMACHER


@dataclass(frozen=True)
class Multiplicative(_Additive):
    """Normal noise whose size depends on y: sigma sqrt(1 + ||y||^2 / (dim_y scale^2)) on each coordinate.

    Unbiased; the variance (dim_x + dim_y) sigma^2 (1 + ||y||^2 / (dim_y scale^2)) is bounded on bounded sets of y
    only, so Assumption 2.1 of paper 000 holds locally.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale("scale", self.scale, positive=True)

    def amplitude(self, y: Array) -> Array:
        xp = namespace(y)
        mean_square = xp.sum(y * y, axis=-1, keepdims=True) / y.shape[-1]
        return xp.sqrt(1.0 + mean_square / self.scale**2)


@dataclass(frozen=True)
class NoNoise(Noise):
    """Exact answers; calls are still counted, one for each sample asked for."""

    def gradients(
        self, problem: Any, x: Array, y: Array, address: Address, samples: int, levels: str, part: str
    ) -> dict[Stream, Array]:
        return exact_gradients(problem, x, y, levels, part)

    def variance(self, problem: Any, x: Array, y: Array) -> tuple[Array, Array]:
        zero = namespace(y).zeros_like(y[..., 0])
        return zero, zero


@dataclass(frozen=True)
class Minibatch(Noise):
    """Finite sums f = mean_i f_i (n_f terms), g = mean_i g_i (n_g): one sample is a batch drawn with replacement.

    The problem offers n_f, n_g, grad_f_at(x, y, index) and grad_g_at(x, y, index); index has shape batch + (b,) and the
    gradients come back averaged over its last axis. F's x and y parts use the same batch, as do G's; F and G draw
    independent ones. One call answers one batch, so component gradients number batch_f F and batch_g G.
    HVP and JVP answers average hvp_g_at(x, y, v, index) and jvp_g_at over the batch that G has at the same address;
    they are exact for a problem without these methods.
    """

    batch_f: int
    batch_g: int

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("batch_f", "batch_g"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InputError(name, value, "pass the batch size, an integer of at least 1")

    def check(self, problem: Any) -> None:
        for name in ("n_f", "n_g"):
            value = getattr(problem, name, None)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= 2**31:
                raise InputError(f"problem.{name}", value, "minibatch noise needs the number of terms of a finite sum")
        for name in ("grad_f_at", "grad_g_at"):
            if not callable(getattr(problem, name, None)):
                raise InputError("problem", problem, f"minibatch noise needs the method {name}(x, y, index)")

    def _level(self, problem: Any, level: str) -> tuple[Any, int, int, Stream]:
        if level == "f":
            return problem.grad_f_at, problem.n_f, self.batch_f, Stream.INDEX_F
        return problem.grad_g_at, problem.n_g, self.batch_g, Stream.INDEX_G

    def gradients(
        self, problem: Any, x: Array, y: Array, address: Address, samples: int, levels: str, part: str
    ) -> dict[Stream, Array]:
        xp = namespace(x)
        ends = {"x": slice(0, problem.dim_x), "y": slice(problem.dim_x, None)}
        found: dict[Stream, Array] = {}
        for level in levels:
            gradient = self._level(problem, level)[0]

            def answer(*points: Array, gradient: Any = gradient) -> Array:
                return xp.concat(list(gradient(*points)), axis=-1)

            mean = self._mean(problem, level, answer, (x, y), address, samples)
            found |= {STREAMS[level][block]: mean[..., ends[block]] for block in part}
        return found

    def product(self, problem: Any, method: str, x: Array, y: Array, v: Array, address: Address, samples: int) -> Array:
        on_terms = getattr(problem, f"{method}_at", None)
        if not callable(on_terms):
            return getattr(problem, method)(x, y, v)
        return self._mean(problem, "g", on_terms, (x, y, v), address, samples)

    def terms(self, problem: Any, level: str, address: Address, reference: Array) -> Array:
        """Indices of the terms in the batch of F ("f") or G ("g") at ``address``: address.shape + (batch size,)."""
        _, terms, size, stream = self._level(problem, level)
        return philox.draw_blocks(philox.index_law(int(terms)), address, [(stream, size)], reference)[..., :size]

    def _mean(
        self, problem: Any, level: str, on_terms: Any, points: tuple[Array, ...], address: Address, samples: int
    ) -> Array:
        """Mean of on_terms(*points, index) over ``samples`` batches."""
        xp, batch = namespace(points[0]), points[0].shape[:-1]
        _, terms, size, _ = self._level(problem, level)
        if samples * -(-size // philox.index_law(int(terms)).per_block) > 2**32:
            raise InputError("samples", samples, "samples * batch must stay below 2^33: a draw has 2^32 blocks")

        def answer(at: Address) -> Array:
            index = self.terms(problem, level, at, points[0])
            lanes = (index.shape[0], *batch)
            # an address without a batch axis serves every lane: its sample axis must stay in front
            index = xp.reshape(index, (lanes[0], *(1,) * (len(lanes) + 1 - index.ndim), *index.shape[1:]))
            index = xp.broadcast_to(index, (*lanes, size))
            return on_terms(*(xp.broadcast_to(z[None, ...], (*lanes, z.shape[-1])) for z in points), index)

        return sample_mean(answer, address, samples, math.prod(batch) * size * (problem.dim_x + problem.dim_y))

    def variance(self, problem: Any, x: Array, y: Array) -> tuple[Array, Array]:
        """Exact: the full sum (1/b) mean_i ||grad f_i - mean||^2, plus ||mean - grad f||^2 if they differ."""
        f, g = (self._spread(problem, x, y, level) for level in "fg")
        return f, g

    def _spread(self, problem: Any, x: Array, y: Array, level: str) -> Array:
        xp = namespace(x)
        gradient, terms, size, _ = self._level(problem, level)
        full = xp.concat(list((problem.grad_f if level == "f" else problem.grad_g)(x, y)), axis=-1)
        at_once = max(1, CHUNK // max(1, math.prod(full.shape)))
        offset, square = TreeSum(), TreeSum()
        for first in range(0, terms, at_once):
            count = min(at_once, terms - first)
            index = xp.arange(first, first + count, dtype=xp.int64, device=array_api_compat.device(x))
            lanes = (count, *x.shape[:-1])
            index = xp.broadcast_to(xp.reshape(index, (count,) + (1,) * x.ndim), (*lanes, 1))
            points = (xp.broadcast_to(z[None, ...], (*lanes, z.shape[-1])) for z in (x, y))
            away = xp.concat(list(gradient(*points, index)), axis=-1) - full
            offset.add(tree_sum(away))
            square.add(tree_sum(xp.sum(away * away, axis=-1)))
        mean = offset.total() / terms
        bias = xp.sum(mean * mean, axis=-1)
        return (square.total() / terms - bias) / size + bias


MODELS: dict[str, type[Noise]] = {
    "gaussian": Gaussian,
    "rademacher": Rademacher,
    "multiplicative": Multiplicative,
    "minibatch": Minibatch,
    "none": NoNoise,
}


def make_noise(name: str, **parameters: Any) -> Noise:
    """The model by its name in a specification: ``make_noise("gaussian", sigma_f=1.0, sigma_g=1.0)``."""
    if not isinstance(name, str) or name not in MODELS:
        raise InputError("noise", name, f"choose one of {', '.join(MODELS)}")
    known = [field.name for field in fields(MODELS[name])]
    for parameter in parameters:
        if parameter not in known:
            raise InputError(f"noise parameter {parameter}", parameters[parameter], f"{name} takes {', '.join(known)}")
    try:
        return MODELS[name](**parameters)
    except TypeError as error:
        raise InputError(f"parameters of {name}", parameters, f"give all of {', '.join(known)}") from error


__all__ = [
    "MODELS",
    "Gaussian",
    "Minibatch",
    "Multiplicative",
    "NoNoise",
    "Noise",
    "Rademacher",
    "make_noise",
]
