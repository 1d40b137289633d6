"""Counter-based random numbers: Philox4x32-10, the same integers on every array library and in numba.

A draw is a pure function of its address, so neither batching, nor order, nor the number of processes can change
a result. Addresses are laid out as

    key     = (experiment, seed)
    counter = (block inside the draw, inner step k, outer step t, ((node + 2^15) << 8) | stream)

with one 128-bit block (four 32-bit words) per counter. A draw of n coordinates takes ceil(n / per) blocks, per = 4
(uniform, Gaussian), 128 (signs) or 2 (indices); sample i of the draw starts at block i ceil(n / per), so the first
samples are the same however many are asked for.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), Section 4.3, and the
known-answer vectors of the authors' library, which the tests hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import array_api_compat
import numpy as np

from synthetic.arrays import Array, namespace, to_numpy
from synthetic.errors import InputError

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = 0xFFFFFFFF
NODE_OFFSET = 2**15
SCALE = 2.0**-32
TAU = 2.0 * math.pi

PIECE = 1 << 14
"""Blocks worked on at once: about ten uint64 arrays of this length stay in a core's cache (and memory bounded)."""


class Stream(IntEnum):
    """What a draw is for. Numbers 16 to 255 are free for kernels."""

    FX = 0
    FY = 1
    GX = 2
    GY = 3
    HVP = 4
    JVP = 5
    VALUE_F = 6
    VALUE_G = 7
    INDEX_F = 8
    INDEX_G = 9


def integers(name: str, value: Any, low: int, high: int) -> np.ndarray:
    """``value`` as a host array of int64 with low <= value < high; anything but integers is refused."""
    fix = f"pass integers from {low} to {high - 1}"
    if type(value) is int:  # the common case, worth its line: no array is looked through
        if not low <= value < high:
            raise InputError(name, value, fix)
        return np.asarray(value, dtype=np.int64)
    try:
        array = to_numpy(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(name, value, fix) from error
    if array.dtype == np.float64 and array_api_compat.is_array_api_obj(value) and array is not value:
        xp = namespace(value)  # to_numpy goes through float64 where a library hides its memory
        if xp.isdtype(value.dtype, "integral"):
            array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.size == 0:
        raise InputError(name, value, fix)
    if int(array.min()) < low or int(array.max()) >= high:
        raise InputError(name, value, fix)
    return array.astype(np.int64)


def philox4x32(
    counter: tuple[Array | int, Array | int, Array | int, Array | int], key: tuple[Array | int, Array | int]
) -> tuple[Array, Array, Array, Array]:
    """The four output words of each block, as uint32 arrays of the broadcast shape.

    ``counter`` holds c0..c3 and ``key`` k0, k1: integers, or integer arrays of one array library, that broadcast.
    Raises InputError for a value outside 0 .. 2^32 - 1.
    """
    if len(counter) != 4 or len(key) != 2:
        raise InputError("counter, key", (counter, key), "pass four counter words and two key words")
    parts = [*counter, *key]
    xp = namespace(*parts)
    device = next((array_api_compat.device(p) for p in parts if array_api_compat.is_array_api_obj(p)), None)
    words = []
    for name, part in zip(("c0", "c1", "c2", "c3", "k0", "k1"), parts):
        host = integers(name, part, 0, 2**32).astype(np.uint64)
        words.append(xp.asarray(host, device=device))
    shape = np.broadcast_shapes(*(tuple(w.shape) for w in words))
    words = [xp.broadcast_to(w, shape) for w in words]
    c0, c1, c2, c3 = _rounds(words[0], words[1], words[2], words[3], words[4], words[5])
    return tuple(xp.astype(xp.asarray(c), xp.uint32) for c in (c0, c1, c2, c3))


def _rounds(
    c0: Array, c1: Array, c2: Array, c3: Array, k0: Array, k1: Array, rounds: int | None = None
) -> tuple[Array, ...]:
    """``rounds`` (ROUNDS) rounds on uint64 arrays that hold 32-bit words; c0 and c2 must have the full shape already.

    A 32 x 32 -> 64 bit product fits a uint64, so nothing here ever wraps and no library's overflow rule matters.
    The operators in place act on fresh arrays only: libraries without mutation rebind instead.
    """
    for _ in range(ROUNDS if rounds is None else rounds):
        low3 = c0 * MULTIPLIERS[0]
        low1 = c2 * MULTIPLIERS[1]
        c0 = low1 >> 32
        c0 ^= c1
        c0 ^= k0
        c2 = low3 >> 32
        c2 ^= c3
        c2 ^= k1
        low1 &= MASK
        low3 &= MASK
        c1, c3 = low1, low3
        k0 = (k0 + WEYL[0]) & MASK
        k1 = (k1 + WEYL[1]) & MASK
    return c0, c1, c2, c3


@dataclass(frozen=True, eq=False)
class Address:
    """Where draws live: integers, or integer arrays that broadcast to ``shape`` (all on the host).

    experiment, seed, step (outer t), inner (k): uint32; node (j): int16; stream: 0..255; sample: i >= 0.
    """

    experiment: Any = 0
    seed: Any = 0
    step: Any = 0
    inner: Any = 0
    node: Any = 0
    stream: Any = 0
    sample: Any = 0

    def __post_init__(self) -> None:
        ranges = {
            "experiment": (0, 2**32),
            "seed": (0, 2**32),
            "step": (0, 2**32),
            "inner": (0, 2**32),
            "node": (-NODE_OFFSET, NODE_OFFSET),
            "stream": (0, 2**8),
            "sample": (0, 2**32),
        }
        for name, (low, high) in ranges.items():
            object.__setattr__(self, name, integers(name, getattr(self, name), low, high))
        try:
            shape = np.broadcast_shapes(*(getattr(self, name).shape for name in ranges))
        except ValueError as error:
            shapes = {name: getattr(self, name).shape for name in ranges}
            raise InputError("address", shapes, "pass integers or arrays that broadcast together") from error
        object.__setattr__(self, "_shape", shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape  # type: ignore[attr-defined]

    def with_samples(self, first: int, count: int) -> Address:
        """The same address for samples first .. first + count - 1, on a new leading axis."""
        sample = np.arange(first, first + count).reshape((count,) + (1,) * len(self.shape))
        return Address(self.experiment, self.seed, self.step, self.inner, self.node, self.stream, sample)

    def lanes(self) -> np.ndarray:
        """(6, N) uint64, N the product of ``shape``; rows k0, k1, c1, c2, c3, sample."""
        c3 = ((self.node + NODE_OFFSET) << 8) | self.stream
        rows = (self.experiment, self.seed, self.inner, self.step, c3, self.sample)
        table = np.empty((len(rows), *self.shape), dtype=np.uint64)
        for i, value in enumerate(rows):
            table[i] = value
        return table.reshape(len(rows), -1)


@dataclass(frozen=True)
class Law:
    """A distribution: coordinates one block can give, and how words (N, B) become coordinates (N, B width).

    ``width`` <= per_block is how many coordinates of each block are wanted at all; ``rounds`` of Philox, None: ROUNDS.
    """

    name: str
    per_block: int
    convert: Callable[[Any, tuple[Array, ...], int], Array]
    rounds: int | None = None

    def width(self, most: int) -> int:
        """Coordinates to unpack from a block when no draw has more than ``most``: saves unused signs."""
        if self.per_block < 128 or most >= 128:
            return self.per_block
        return most if most <= 32 else -(-most // 32) * 32


def _unit(xp: Any, words: Array) -> Array:
    """u = (w + 1/2) 2^-32 in (0, 1): exact in float64."""
    u = xp.astype(words, xp.float64)
    u += 0.5
    u *= SCALE
    return u


def _join(xp: Any, parts: Sequence[Array]) -> Array:
    n, b = parts[0].shape
    return xp.reshape(xp.stack(parts, axis=-1), (n, b * len(parts)))


def _uniform(xp: Any, words: tuple[Array, ...], width: int) -> Array:
    return _join(xp, [_unit(xp, w) for w in words])


def _gaussian(xp: Any, words: tuple[Array, ...], width: int) -> Array:
    normals = []
    for w_radius, w_angle in (words[:2], words[2:]):
        radius = xp.sqrt(-2.0 * xp.log(_unit(xp, w_radius)))
        angle = TAU * _unit(xp, w_angle)
        normals += [radius * xp.cos(angle), radius * xp.sin(angle)]
    return _join(xp, normals)


def _signs(xp: Any, words: tuple[Array, ...], width: int) -> Array:
    n, b = words[0].shape
    bits = xp.arange(min(width, 32), dtype=xp.uint64, device=array_api_compat.device(words[0]))
    table = (xp.stack(words[: -(-width // 32)], axis=-1)[..., None] >> bits) & 1
    return xp.reshape(1.0 - 2.0 * xp.astype(table, xp.float64), (n, b * width))


UNIFORM = Law("uniform", 4, _uniform)
GAUSSIAN = Law("gaussian", 4, _gaussian)
RADEMACHER = Law("rademacher", 128, _signs)

FAST_ROUNDS = 7
"""The fewest rounds of Philox4x32 that its authors found to pass BigCrush (Salmon et al. 2011); 10 are for safety."""
FAST_GAUSSIAN = Law("fast gaussian", 4, _gaussian, FAST_ROUNDS)
FAST_RADEMACHER = Law("fast rademacher", 128, _signs, FAST_ROUNDS)
"""The optional fast stream: the same addresses and laws, other words. A run on it equals the exact one in law only,
and compiled backends may round its normals to float32 where the run is float32."""


def index_law(bound: int) -> Law:
    """Integers 0 .. bound - 1, two a block: floor(bound (w0 2^32 + w1) / 2^64), biased by less than bound 2^-64."""
    if type(bound) is not int or not 1 <= bound <= 2**31:
        raise InputError("bound", bound, "pass an integer from 1 to 2^31")

    def convert(xp: Any, words: tuple[Array, ...], width: int) -> Array:
        pairs = ((words[0], words[1]), (words[2], words[3]))
        found = [(high * bound + ((low * bound) >> 32)) >> 32 for high, low in pairs]
        return xp.astype(_join(xp, found), xp.int64)

    return Law("index", 2, convert)


def draw_blocks(law: Law, address: Address, layout: Sequence[tuple[int, int]], like: Array = None) -> Array:
    """All draws of several streams at once, before their ends are cut: see :func:`slices` for where each lies.

    ``layout`` lists (stream, n); the address's own stream must then be 0. Shape: address.shape + (columns,).
    """
    counts = [-(-n // law.per_block) for _, n in layout]
    most = (int(address.sample.max()) + 1) * max(counts)
    if most > 2**32:
        raise InputError("samples", int(address.sample.max()) + 1, "samples * blocks a sample must stay below 2^32")
    xp = namespace(like)
    device = array_api_compat.device(like) if like is not None else None
    columns = np.empty((3, sum(counts)), dtype=np.uint64)
    columns[0] = np.repeat(counts, counts)
    columns[1] = np.concatenate([np.arange(c) for c in counts])
    columns[2] = np.repeat([stream for stream, _ in layout], counts)
    width = law.width(max(n for _, n in layout))
    out = _fill(law, width, address.lanes(), columns, xp, device)
    return xp.reshape(out, (*address.shape, sum(counts) * width))


def slices(law: Law, layout: Sequence[tuple[int, int]]) -> list[slice]:
    """Where each stream of ``layout`` lies on the last axis of :func:`draw_blocks`."""
    width = law.width(max(n for _, n in layout))
    found, start = [], 0
    for _, n in layout:
        found.append(slice(start, start + n))
        start += -(-n // law.per_block) * width
    return found


def _fill(law: Law, width: int, lanes: np.ndarray, columns: np.ndarray, xp: Any, device: Any) -> Array:
    """Halve the longer side until a piece fits, so that memory is bounded and the cache is used."""
    n, b = lanes.shape[1], columns.shape[1]
    if n * b * max(4, width) > 4 * PIECE and max(n, b) > 1:
        if n > 1:
            halves = [(lanes[:, : n // 2], columns), (lanes[:, n // 2 :], columns)]
        else:
            halves = [(lanes, columns[:, : b // 2]), (lanes, columns[:, b // 2 :])]
        return xp.concat([_fill(law, width, *half, xp, device) for half in halves], axis=0 if n > 1 else 1)
    k0, k1, c1, c2, c3, sample = (xp.asarray(row[:, None], device=device) for row in lanes)
    per_sample, block, stream = (xp.asarray(row[None, :], device=device) for row in columns)
    # c0 and c2 alone need the full shape: after the first round everything has it
    words = _rounds(sample * per_sample + block, c1, xp.broadcast_to(c2, (n, b)), c3 + stream, k0, k1, law.rounds)
    return law.convert(xp, words, width)


def draw(law: Law, address: Address, n: int, like: Array = None) -> Array:
    """n coordinates for each address: shape address.shape + (n,), in the library and on the device of ``like``."""
    if type(n) is not int or n < 1:
        raise InputError("n", n, "pass the number of coordinates, an integer of at least 1")
    return draw_blocks(law, address, [(0, n)], like)[..., :n]


def uniform(address: Address, n: int, like: Array = None) -> Array:
    """Uniform on (0, 1): u = (w + 1/2) 2^-32, four a block, float64."""
    return draw(UNIFORM, address, n, like)


def rademacher(address: Address, n: int, like: Array = None) -> Array:
    """Signs: coordinate i is 1 - 2 (bit i mod 32 of word (i mod 128) // 32 of block i // 128), float64."""
    return draw(RADEMACHER, address, n, like)


def gaussian(address: Address, n: int, like: Array = None) -> Array:
    """Standard normals by Box-Muller, four a block: (r cos a, r sin a) of the words (0, 1), then of (2, 3).

    r = sqrt(-2 log u), a = 2 pi u'. |value| <= sqrt(66 log 2) = 6.76; the variance is 1 - 2^-33 log 2 (a midpoint
    sum in place of the integral of -2 log u), the mean exactly 0.
    """
    return draw(GAUSSIAN, address, n, like)


def indices(address: Address, n: int, bound: int, like: Array = None) -> Array:
    """n integers 0 .. bound - 1 for each address, with replacement, int64."""
    return draw(index_law(bound), address, n, like)
