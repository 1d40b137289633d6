"""The metered oracle: what it counts, what it refuses, and that its answers know nothing of batching."""

from __future__ import annotations

import math
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest

from synthetic.arrays import namespace, to_numpy
from synthetic.errors import BudgetExhausted, InputError
from synthetic.noise import Gaussian, Multiplicative, Noise, NoNoise, Rademacher
from synthetic.oracle import Counts, StochasticOracle

DEVICE = strict.Device("device1")


class Toy:
    """f = sum_i (x_i^2/2 + x_0 y_i), g = sum_i (y_i^2 + x_0 y_i), d = (2, 3); counts the points it is asked at."""

    name, dim_x, dim_y = "toy", 2, 3

    def __init__(self) -> None:
        self.asked = {"f": 0, "g": 0, "HVP": 0, "JVP": 0, "value f": 0, "value g": 0}

    def _ask(self, kind: str, x: Any) -> None:
        self.asked[kind] += math.prod(x.shape[:-1])

    def _first(self, x: Any, y: Any) -> Any:
        xp = namespace(x)
        return xp.concat([xp.sum(y, axis=-1, keepdims=True), 0.0 * x[..., 1:]], axis=-1)

    def f(self, x: Any, y: Any) -> Any:
        self._ask("value f", x)
        xp = namespace(x)
        return 0.5 * xp.sum(x * x, axis=-1) + x[..., 0] * xp.sum(y, axis=-1)

    def g(self, x: Any, y: Any) -> Any:
        self._ask("value g", x)
        xp = namespace(x)
        return xp.sum(y * y, axis=-1) + x[..., 0] * xp.sum(y, axis=-1)

    def grad_f(self, x: Any, y: Any) -> tuple[Any, Any]:
        self._ask("f", x)
        return x + self._first(x, y), x[..., :1] + 0.0 * y

    def grad_g(self, x: Any, y: Any) -> tuple[Any, Any]:
        self._ask("g", x)
        return self._first(x, y), 2.0 * y + x[..., :1]

    def hvp_g(self, x: Any, y: Any, v: Any) -> Any:
        self._ask("HVP", x)
        return 2.0 * v

    def jvp_g(self, x: Any, y: Any, v: Any) -> Any:
        self._ask("JVP", x)
        return self._first(x, v)


def points(*batch: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*batch, 2)), rng.normal(size=(*batch, 3))


def parts(answer: Any) -> list[np.ndarray]:
    return [answer.Fx, answer.Fy, answer.Gx, answer.Gy]


def first_order(n: int) -> Counts:
    return Counts(sfo=n, F=n, G=n)


NOISES: list[Noise] = [Gaussian(1.0, 2.0), Rademacher(1.0, 2.0), Multiplicative(1.0, 2.0, scale=0.5)]
by_noise = pytest.mark.parametrize("noise", NOISES, ids=lambda n: type(n).__name__)


@by_noise
@pytest.mark.parametrize("samples", [1, 5])
def test_batching_changes_nothing(noise: Noise, samples: int) -> None:
    """One call with 4 seeds and 3 nodes equals 4 runs of 3 calls, in any order, bit for bit."""
    x, y = points(4, 3)
    nodes, seeds = np.array([-1, 0, 2]), np.array([9, 7, 8, 1])
    together = StochasticOracle(Toy(), noise, seeds=seeds).query(x, y, step=6, inner=2, node=nodes, samples=samples)
    for r in reversed(range(4)):
        alone = StochasticOracle(Toy(), noise, seeds=int(seeds[r]))
        for j in reversed(range(3)):
            one = alone.query(x[r, j], y[r, j], step=6, inner=2, node=int(nodes[j]), samples=samples)
            for a, b in zip(parts(together), parts(one)):
                assert np.array_equal(a[r, j], b)
        assert alone.counts == first_order(3 * samples)
    steps = np.array([6, 11, 3])
    several = StochasticOracle(Toy(), noise).query(x[0], y[0], step=steps, inner=steps + 1, node=nodes)
    for j in range(3):
        one = StochasticOracle(Toy(), noise).query(
            x[0, j], y[0, j], step=int(steps[j]), inner=int(steps[j]) + 1, node=int(nodes[j])
        )
        assert all(np.array_equal(a[j], b) for a, b in zip(parts(several), parts(one)))


@by_noise
def test_part_and_level_change_only_what_is_returned(noise: Noise) -> None:
    x, y = points(5)
    whole = StochasticOracle(Toy(), noise).query(x, y, step=1, samples=3)
    for part in ("x", "y"):
        oracle = StochasticOracle(Toy(), noise)
        half = oracle.query(x, y, step=1, samples=3, part=part)
        for name in ("F", "G"):
            other = "y" if part == "x" else "x"
            assert np.array_equal(getattr(half, name + part), getattr(whole, name + part))
            assert getattr(half, name + other) is None
        assert oracle.counts == first_order(15)
    oracle = StochasticOracle(Toy(), noise)
    assert all(np.array_equal(a, b) for a, b in zip(oracle.F(x, y, step=1, samples=3), parts(whole)[:2]))
    assert oracle.counts == Counts(sfo=15, F=15)
    assert all(np.array_equal(a, b) for a, b in zip(oracle.G(x, y, step=1, samples=3), parts(whole)[2:]))
    assert oracle.counts == Counts(sfo=30, F=15, G=15)


@by_noise
def test_addresses_make_samples_fresh_or_frozen(noise: Noise) -> None:
    x, y = points()
    base: dict[str, Any] = {"step": 3, "inner": 4, "node": 1}
    first = StochasticOracle(Toy(), noise, experiment=5, seeds=6).query(x, y, **base)
    again = StochasticOracle(Toy(), noise, experiment=5, seeds=6)
    again.query(x, y, step=99)  # what was asked before does not matter
    assert all(np.array_equal(a, b) for a, b in zip(parts(again.query(x, y, **base)), parts(first)))
    fresh = [again.query(x, y, **(base | {name: 8})) for name in base]
    fresh += [
        StochasticOracle(Toy(), noise, experiment=4, seeds=6).query(x, y, **base),
        StochasticOracle(Toy(), noise, experiment=5, seeds=7).query(x, y, **base),
    ]
    for other in fresh:
        assert not all(np.array_equal(a, b) for a, b in zip(parts(other), parts(first)))


def test_shared_and_independent_nodes() -> None:
    x, y = (np.broadcast_to(p, (6, p.size)) for p in points())
    nodes = np.arange(-3, 3)
    apart = StochasticOracle(Toy(), Gaussian(1.0, 1.0)).query(x, y, step=2, node=nodes)
    same = StochasticOracle(Toy(), Gaussian(1.0, 1.0), nodes="shared").query(x, y, step=2, node=nodes)
    for a, s in zip(parts(apart), parts(same)):
        assert np.array_equal(s, np.broadcast_to(s[:1], s.shape))
        assert np.unique(a, axis=0).shape[0] == 6
    shared_step = StochasticOracle(Toy(), Gaussian(1.0, 1.0)).query(x, y, step=2, node=0)
    assert all(np.array_equal(a, b) for a, b in zip(parts(shared_step), parts(same)))


def test_independent_nodes_average_out_and_shared_ones_do_not() -> None:
    """Var of the mean over 4 nodes: sigma^2/4 independent, sigma^2 shared; 40,000 steps tell them apart."""
    x, y = (np.broadcast_to(p, (40_000, 4, p.size)) for p in points())
    modes: list[tuple[Any, float]] = [("independent", 0.25), ("shared", 1.0)]
    for mode, variance in modes:
        oracle = StochasticOracle(Toy(), Gaussian(1.0, 1.0), nodes=mode)
        answer = oracle.query(x, y, step=np.arange(40_000)[:, None], node=np.arange(4), part="y")
        noise = np.mean(answer.Gy - Toy().grad_g(x[0, 0], y[0, 0])[1], axis=1)
        z = (np.mean(noise**2) / variance - 1) * math.sqrt(noise.size / 2)
        assert abs(z) < 5.3


def test_counts_are_per_run_and_apart() -> None:
    x, y = points(4, 3)
    oracle = StochasticOracle(Toy(), Gaussian(1.0, 1.0), seeds=np.arange(4))
    oracle.query(x, y, step=0, samples=7)
    assert oracle.counts == Counts(sfo=21, F=21, G=21)
    oracle.hvp(x, y, y, step=0)
    oracle.jvp(x[:, :2], y[:, :2], y[:, :2], step=0, samples=2)
    oracle.value_f(x, y, step=0)
    oracle.value_g(x[:, :1], y[:, :1], step=0)
    oracle.communicate(2**80)
    assert oracle.counts == Counts(sfo=21, F=21, G=21, HVP=3, JVP=4, f=3, g=1, floats=2**80)
    assert oracle.counts.calls == 21 + 3 + 4 + 3 + 1
    assert oracle.charged == Counts()
    assert oracle.counts + Counts(sfo=1) == Counts(sfo=22, F=21, G=21, HVP=3, JVP=4, f=3, g=1, floats=2**80)


def test_counts_have_no_upper_end() -> None:
    oracle = StochasticOracle(Toy(), NoNoise())
    x, y = points()
    oracle.query(x, y, step=0, samples=10**22)
    oracle.query(x, y, step=0, samples=10**22 + 1)
    assert oracle.counts.sfo == 2 * 10**22 + 1
    assert type(oracle.counts.sfo) is int


def test_charged_calls_are_never_metered() -> None:
    oracle = StochasticOracle(Toy(), Gaussian(1.0, 1.0), budget=10**30)
    oracle.charge(sfo=10**29, F=10**29, G=10**29)
    oracle.query(*points(), step=0)
    assert oracle.counts == Counts(sfo=1, F=1, G=1)
    assert oracle.charged == Counts(sfo=10**29, F=10**29, G=10**29)
    with pytest.raises(BudgetExhausted):
        oracle.charge(sfo=10**30)
    assert oracle.charged.sfo == 10**29
    for bad in ({"SFO": 1}, {"sfo": -1}, {"sfo": 1.0}):
        with pytest.raises(InputError):
            oracle.charge(**bad)


def test_the_budget_stops_before_the_answer() -> None:
    toy = Toy()
    oracle = StochasticOracle(toy, Gaussian(1.0, 1.0), budget=10)
    x, y = points(2)
    oracle.query(x, y, step=0, samples=4)
    before = dict(toy.asked)
    with pytest.raises(BudgetExhausted, match="8 of 10"):
        oracle.query(x, y, step=1, samples=2)
    assert toy.asked == before
    assert oracle.counts.sfo == 8
    oracle.hvp(x[0], y[0], y[0], step=1)
    oracle.value_g(x[0], y[0], step=1)
    for call in (
        lambda: oracle.F(x[0], y[0], step=2),
        lambda: oracle.jvp(x[0], y[0], y[0], step=2),
        lambda: oracle.value_f(x[0], y[0], step=2),
    ):
        with pytest.raises(BudgetExhausted):
            call()
    assert oracle.counts.calls == 10
    with pytest.raises(BudgetExhausted):
        StochasticOracle(toy, Gaussian(1.0, 1.0), budget=0).query(x, y, step=0)


def audit(kind: type[StochasticOracle]) -> bool:
    """Do the oracle's counts equal what the problem itself was asked, over a mixed run of single samples?"""
    toy = Toy()
    oracle = kind(toy, Gaussian(1.0, 1.0), seeds=np.arange(2))
    x, y = points(2, 3)
    for k in range(3):
        oracle.query(x, y, step=0, inner=k, part="y")
    oracle.query(x, y, step=0, inner=3, part="x")
    oracle.F(x, y, step=1)
    oracle.G(x[:, :1], y[:, :1], step=1)
    oracle.hvp(x, y, y, step=1)
    oracle.jvp(x[:, :2], y[:, :2], y[:, :2], step=1)
    oracle.value_f(x, y, step=1)
    oracle.value_g(x[:, :1], y[:, :1], step=1)
    c, runs = oracle.counts, 2
    counted = {"f": c.F, "g": c.G, "HVP": c.HVP, "JVP": c.JVP, "value f": c.f, "value g": c.g}
    return {k: runs * v for k, v in counted.items()} == toy.asked and max(c.F, c.G) <= c.sfo <= c.F + c.G


def test_an_uncounted_call_is_caught() -> None:
    class FreeXStep(StochasticOracle):
        def query(self, *args: Any, **options: Any) -> Any:
            before = self._counts
            answer = super().query(*args, **options)
            if options.get("part") == "x":
                self._counts = before
            return answer

    class FreeProducts(StochasticOracle):
        def jvp(self, x: Any, y: Any, v: Any, **options: Any) -> Any:
            return self.problem.jvp_g(x, y, v)

    class OneAnswerForABatch(StochasticOracle):
        def _lanes(self, batch: tuple[int, ...]) -> int:
            return 1

    assert audit(StochasticOracle)
    assert not any(audit(broken) for broken in (FreeXStep, FreeProducts, OneAnswerForABatch))


def test_a_failing_problem_is_not_counted() -> None:
    class Failing(Toy):
        def grad_g(self, x: Any, y: Any) -> Any:
            raise ArithmeticError("the user's own")

    oracle = StochasticOracle(Failing(), Gaussian(1.0, 1.0))
    with pytest.raises(ArithmeticError):
        oracle.query(*points(), step=0)
    assert oracle.counts == Counts()


@by_noise
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_array_library_in_the_same_kind_out(noise: Noise, dtype: str) -> None:
    x, y = points(4, 3)
    x, y = x.astype(dtype), y.astype(dtype)
    plain = StochasticOracle(Toy(), noise, seeds=np.arange(4))
    other = StochasticOracle(Toy(), noise, seeds=np.arange(4))
    sx, sy = (strict.asarray(p, device=DEVICE) for p in (x, y))
    options: dict[str, Any] = {"step": 2, "node": np.arange(3), "samples": 3}
    tolerance = 1e-14 if dtype == "float64" else 1e-5
    for a, b in zip(parts(plain.query(x, y, **options)), parts(other.query(sx, sy, **options))):
        assert (b.device, b.dtype, a.dtype) == (DEVICE, getattr(strict, dtype), np.dtype(dtype))
        assert np.allclose(to_numpy(b), a, rtol=tolerance, atol=tolerance)
        if isinstance(noise, Rademacher) and dtype == "float64":
            assert np.array_equal(to_numpy(b), a)
    node = strict.asarray([0, 1, 2], device=DEVICE)
    moved = other.query(sx, sy, step=2, node=node, samples=3)
    assert np.allclose(to_numpy(moved.Gy), plain.query(x, y, **options).Gy, rtol=tolerance, atol=tolerance)
    assert other.counts == plain.counts


def test_a_diverged_lane_harms_no_other() -> None:
    x, y = points(3)
    bad = y.copy()
    bad[1] = [np.inf, -np.inf, np.nan]
    good = StochasticOracle(Toy(), Multiplicative(1.0, 1.0)).query(x, y, step=0)
    with_bad = StochasticOracle(Toy(), Multiplicative(1.0, 1.0)).query(x, bad, step=0)
    for a, b in zip(parts(good), parts(with_bad)):
        assert np.array_equal(a[[0, 2]], b[[0, 2]])
    assert not np.isfinite(with_bad.Gy[1]).any()


def test_x_and_y_broadcast_and_variance_is_free() -> None:
    oracle = StochasticOracle(Toy(), Gaussian(1.0, 2.0))
    x, y = points(3)
    answer = oracle.query(x[0], y, step=0, node=np.arange(3))
    assert answer.Fx.shape == (3, 2)
    assert answer.Gy.shape == (3, 3)
    variance_f, variance_g = oracle.variance(x[0], y)
    assert variance_f.tolist() == [5.0] * 3
    assert variance_g.tolist() == [20.0] * 3
    assert oracle.counts.sfo == 3
