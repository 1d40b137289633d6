"""Philox4x32-10: published vectors, one stream on every backend, addresses that mean what the module says."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic import philox
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.philox import Address, Stream, gaussian, indices, philox4x32, rademacher, uniform

DEVICE = strict.Device("device1")
ONES = 0xFFFFFFFF
KNOWN = [  # counter, key, output: the vectors published with the Random123 library
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def words_match(counter: tuple[int, ...], key: tuple[int, ...], output: tuple[int, ...]) -> bool:
    return tuple(int(w) for w in philox4x32(counter, key)) == output  # type: ignore[arg-type]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_known_answers(counter: Any, key: Any, output: Any) -> None:
    from synthetic.philox_numba import philox4x32_numba

    assert words_match(counter, key, output)
    assert philox4x32_numba(*counter, *key) == output
    on_device = [strict.asarray([w], dtype=strict.uint32, device=DEVICE) for w in (*counter, *key)]
    found = philox4x32(tuple(on_device[:4]), tuple(on_device[4:]))  # type: ignore[arg-type]
    assert all(w.device == DEVICE and w.dtype == strict.uint32 for w in found)
    assert tuple(int(w[0]) for w in found) == output


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ROUNDS", 9),
        ("ROUNDS", 7),
        ("MULTIPLIERS", philox.MULTIPLIERS[::-1]),
        ("WEYL", philox.WEYL[::-1]),
        ("WEYL", (0x9E3779B9, 0xBB67AE86)),
    ],
)
def test_known_answers_catch_a_wrong_generator(monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any) -> None:
    monkeypatch.setattr(philox, name, wrong)
    assert not all(words_match(*row) for row in KNOWN)


def test_words_are_the_same_on_every_backend() -> None:
    from synthetic.philox_numba import philox4x32_numba

    rng = np.random.default_rng(5)
    parts = [rng.integers(0, 2**32, size=500, dtype=np.uint32) for _ in range(6)]
    plain = philox4x32(tuple(parts[:4]), tuple(parts[4:]))  # type: ignore[arg-type]
    assert all(w.dtype == np.uint32 and w.shape == (500,) for w in plain)
    device = [strict.asarray(p, device=DEVICE) for p in parts]
    other = philox4x32(tuple(device[:4]), tuple(device[4:]))  # type: ignore[arg-type]
    for i in range(500):
        scalar = philox4x32_numba(*(p[i] for p in parts))
        assert scalar == tuple(int(w[i]) for w in plain) == tuple(int(w[i]) for w in other)


def test_counter_and_key_broadcast() -> None:
    step, seed = np.arange(5)[:, None], np.arange(3)
    table = philox4x32((7, 0, step, 9), (1, seed))
    assert table[0].shape == (5, 3)
    assert int(table[2][4, 1]) == int(philox4x32((7, 0, 4, 9), (1, 1))[2])


def test_the_layout_of_an_address() -> None:
    """key = (experiment, seed), counter = (block, inner, step, ((node + 2^15) << 8) | stream), by hand."""
    where = Address(experiment=11, seed=12, step=13, inner=14, node=-3, stream=Stream.GY, sample=2)
    c3 = ((-3 + 32768) << 8) | 3
    blocks = [philox4x32((2 * 3 + b, 14, 13, c3), (11, 12)) for b in range(3)]  # 10 coordinates: 3 blocks a sample
    words = [int(w) for block in blocks for w in block]
    u = [(w + 0.5) / 2.0**32 for w in words]
    assert uniform(where, 10).tolist() == u[:10]
    normals = []
    for i in range(0, 12, 2):
        r, a = math.sqrt(-2 * math.log(u[i])), 2 * math.pi * u[i + 1]
        normals += [r * math.cos(a), r * math.sin(a)]
    assert gaussian(where, 10) == pytest.approx(normals[:10], rel=1e-14)
    block = philox4x32((2, 14, 13, c3), (11, 12))  # one block holds 128 signs: sample 2 is block 2
    bits = [(int(block[i // 32]) >> (i % 32)) & 1 for i in range(100)]
    assert rademacher(where, 100).tolist() == [1.0 - 2.0 * b for b in bits]
    assert rademacher(where, 10).tolist() == [1.0 - 2.0 * b for b in bits[:10]]
    pairs = [(words[2 * i] << 32) | words[2 * i + 1] for i in range(6)]
    assert indices(Address(11, 12, 13, 14, -3, 3, 3), 4, 1000).tolist() == [
        (w * 1000) >> 64 for w in pairs[:4]
    ]  # sample 3 at two blocks a sample starts at block 6 as well


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 33, 130, 300])
def test_draws_agree_between_numpy_strict_and_numba(n: int) -> None:
    from synthetic import philox_numba as compiled

    where = (3, 4, 5, 6, -2, 17, 9)
    address = Address(*where)
    like = strict.asarray(0.0, device=DEVICE)
    filled = np.empty(n)
    for draw, fill in (
        (uniform, compiled.uniform_fill_numba),
        (rademacher, compiled.rademacher_fill_numba),
        (gaussian, compiled.gaussian_fill_numba),
    ):
        fill(filled, *where)
        plain, other = draw(address, n), draw(address, n, like)
        assert other.device == DEVICE
        assert other.dtype == strict.float64
        assert np.array_equal(to_numpy(other), plain)
        ulps = np.max(np.abs(filled - plain) / np.spacing(np.abs(plain)))
        assert ulps <= (compiled.GAUSSIAN_ULPS if draw is gaussian else 0)
    assert np.array_equal(to_numpy(indices(address, n, 37, like)), indices(address, n, 37))


def test_normals_agree_with_numba_over_many_words() -> None:
    from synthetic import philox_numba as compiled

    filled = np.empty(200_000)
    compiled.gaussian_fill_numba(filled, 1, 2, 3, 4, 5, 6, 0)
    plain = gaussian(Address(1, 2, 3, 4, 5, 6), filled.size)
    assert np.max(np.abs(filled - plain) / np.spacing(np.abs(plain))) <= compiled.GAUSSIAN_ULPS


@pytest.mark.parametrize("draw", [uniform, rademacher, gaussian, lambda a, n: indices(a, n, 1000)])
def test_batching_splitting_and_order_change_nothing(monkeypatch: pytest.MonkeyPatch, draw: Any) -> None:
    seeds, nodes, samples = np.arange(4)[:, None, None], np.array([-2, 0, 3])[:, None], np.arange(5)
    together = draw(Address(1, seeds, 9, 2, nodes, 3, samples), 11)
    assert together.shape == (4, 3, 5, 11)
    for i, j, k in np.ndindex(4, 3, 5):
        alone = draw(Address(1, i, 9, 2, [-2, 0, 3][j], 3, k), 11)
        assert np.array_equal(alone, together[i, j, k])
    backwards = draw(Address(1, seeds[::-1], 9, 2, nodes, 3, samples), 11)
    assert np.array_equal(backwards[::-1], together)
    long = draw(Address(seed=8), 5000)
    monkeypatch.setattr(philox, "PIECE", 3)
    assert np.array_equal(draw(Address(1, seeds, 9, 2, nodes, 3, samples), 11), together)
    assert np.array_equal(draw(Address(seed=8), 5000), long)


def test_moments_and_independence_of_addresses() -> None:
    """|z| < 5.3 has probability 1 - 1e-7 a test; a 1% wrong scale would be 10 standard errors away."""
    n = 1_000_000
    z = gaussian(Address(experiment=2), n)
    assert abs(np.mean(z)) * math.sqrt(n) < 5.3
    assert abs(np.mean(z**2) - 1) * math.sqrt(n / 2) < 5.3
    assert abs(np.mean((1.01 * z) ** 2) - 1) * math.sqrt(n / 2) > 5.3  # the control
    assert abs(np.mean(z**4) - 3) * math.sqrt(n / 96) < 5.3
    u = uniform(Address(experiment=2), n)
    assert abs(np.mean(u) - 0.5) * math.sqrt(12 * n) < 5.3
    m = 50_000
    base: dict[str, int] = {"experiment": 1, "seed": 1, "step": 1, "inner": 1, "node": 1, "stream": 1}
    first = gaussian(Address(**base), m)
    for name in base:  # a neighbour in any one coordinate is another stream
        other = gaussian(Address(**(base | {name: 2})), m)
        assert abs(np.dot(first, other)) / math.sqrt(m) < 5.3, name


def test_index_frequencies() -> None:
    counts = np.bincount(indices(Address(seed=3), 300_000, 7), minlength=7)
    assert counts.size == 7
    chi2 = float(np.sum((counts - counts.sum() / 7) ** 2) / (counts.sum() / 7))
    assert chi2 < 40.0  # chi-square with 6 degrees of freedom: probability 5e-7
    assert np.all(indices(Address(), 9, 1) == 0)
    assert indices(Address(), 99, 2**31).max() < 2**31


def test_the_stated_variance_of_the_normals() -> None:
    """mean of -2 log((i + 1/2)/N) = 2 - log(2)/N + O(N^-2): the docstring's 1 - 2^-33 log 2 at N = 2^32."""
    for n in (2**8, 2**12, 2**16):
        mean = math.fsum(-2 * math.log((i + 0.5) / n) for i in range(n)) / n
        assert (2 - mean) * n == pytest.approx(math.log(2), rel=1 / n)


def test_numba_is_not_imported_by_the_plain_modules() -> None:
    code = "import sys, synthetic.oracle, synthetic.philox; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("experiment", -1),
        ("experiment", 2**32),
        ("seed", 2**32),
        ("seed", 1.0),
        ("seed", True),
        ("step", -1),
        ("step", 2**70),
        ("step", [0, -5]),
        ("inner", "3"),
        ("inner", None),
        ("node", 2**15),
        ("node", -(2**15) - 1),
        ("stream", 256),
        ("sample", -1),
        ("seed", np.zeros(0, dtype=int)),
    ],
)
def test_out_of_range_addresses(name: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        Address(**{name: value})
    assert caught.value.argument == name
    assert "pass integers from" in str(caught.value)


def test_the_ends_of_the_ranges_are_in() -> None:
    ends = Address(ONES, ONES, ONES, ONES, 2**15 - 1, 255, ONES)
    assert np.isfinite(gaussian(ends, 4)).all()
    with pytest.raises(InputError, match="2\\^32"):
        gaussian(ends, 5)
    assert (
        philox4x32((ONES, ONES, ONES, ((2**16 - 1) << 8) | 255), (ONES, ONES))[0]
        == philox4x32((ONES, ONES, ONES, 0xFFFFFF), (ONES, ONES))[0]
    )


bad = st.one_of(
    st.integers(max_value=-1), st.integers(min_value=2**32), st.floats(), st.text(), st.none(), st.booleans()
)


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, 5), value=bad)
def test_bad_counters_and_keys(position: int, value: Any) -> None:
    parts: list[Any] = [0] * 6
    parts[position] = value
    with pytest.raises(InputError):
        philox4x32(tuple(parts[:4]), tuple(parts[4:]))


@pytest.mark.parametrize("n", [0, -1, 1.5, None, True])
def test_bad_lengths(n: Any) -> None:
    with pytest.raises(InputError):
        uniform(Address(), n)
    with pytest.raises(InputError):
        indices(Address(), 3, n)
