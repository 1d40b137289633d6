"""Bad input to the oracle: one clear InputError, nothing answered, nothing counted; good input: an answer."""

from __future__ import annotations

import math
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.errors import InputError
from synthetic.noise import Gaussian
from synthetic.oracle import Counts, StochasticOracle

DEVICE = strict.Device("device1")


class Toy:
    """f = |x|^2/2, g = |y|^2: all that shapes need, d_x = 2, d_y = 3."""

    name, dim_x, dim_y = "toy", 2, 3

    def f(self, x: Any, y: Any) -> Any:
        return 0.5 * x[..., 0] ** 2 + 0.5 * x[..., 1] ** 2

    def g(self, x: Any, y: Any) -> Any:
        return y[..., 0] ** 2 + y[..., 1] ** 2 + y[..., 2] ** 2

    def grad_f(self, x: Any, y: Any) -> tuple[Any, Any]:
        return 1.0 * x, 0.0 * y

    def grad_g(self, x: Any, y: Any) -> tuple[Any, Any]:
        return 0.0 * x, 2.0 * y

    def hvp_g(self, x: Any, y: Any, v: Any) -> Any:
        return 2.0 * v

    def jvp_g(self, x: Any, y: Any, v: Any) -> Any:
        return 0.0 * x


def points(*batch: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(*batch, 2)), rng.normal(size=(*batch, 3))


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"seeds": -1}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"seeds": [[1, 2]]}, "seeds"),
        ({"seeds": 0.5}, "seeds"),
        ({"experiment": 2**32}, "experiment"),
        ({"experiment": [1]}, "experiment"),
        ({"budget": -1}, "budget"),
        ({"budget": 1e6}, "budget"),
        ({"budget": True}, "budget"),
        ({"nodes": "common"}, "nodes"),
        ({"noise": "gaussian"}, "noise"),
        ({"noise": Gaussian}, "noise"),
        ({"noise": None}, "noise"),
        ({"problem": None}, "problem.dim_x"),
    ],
)
def test_bad_oracles(options: dict[str, Any], argument: str) -> None:
    whole: dict[str, Any] = {"problem": Toy(), "noise": Gaussian(1.0, 1.0)} | options
    with pytest.raises(InputError) as caught:
        StochasticOracle(**whole)
    assert caught.value.argument == argument


def test_a_problem_that_returns_a_wrong_shape_is_named() -> None:
    class Wrong(Toy):
        def grad_f(self, x: Any, y: Any) -> tuple[Any, Any]:
            gx, gy = super().grad_f(x, y)
            return gy, gx

    class NoProducts(Toy):
        hvp_g: Any = None

    oracle = StochasticOracle(Wrong(), Gaussian(1.0, 1.0))
    with pytest.raises(InputError, match="must return shape"):
        oracle.query(*points(2), step=0)
    assert oracle.counts == Counts()
    x, y = points()
    with pytest.raises(InputError, match="hvp_g"):
        StochasticOracle(NoProducts(), Gaussian(1.0, 1.0)).hvp(x, y, y, step=0)


scalars = st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.just({}), st.just(object()), st.complex_numbers())
not_vectors = st.one_of(
    scalars,
    st.floats(),
    st.integers(),
    st.lists(st.floats(), max_size=1),
    st.just(np.zeros((2, 4))),
    st.just(np.zeros((0, 2))),
    st.just(np.array(["a", "b"])),
    st.just(np.zeros(2, dtype=complex)),
    st.just([[1.0], [2.0, 3.0]]),
    st.just([10**400, 0]),
    st.just(10**5000),
)
not_indices = st.one_of(
    scalars, st.floats(), st.integers(max_value=-(2**15) - 1), st.integers(min_value=2**32), st.just([0, 1]),
    st.just(np.zeros((2, 2, 2), dtype=int)), st.just([]), st.just(np.array([0.0])), st.just([10**30]),
    st.just(10**5000), st.just([-(10**5000)]),
)  # fmt: skip
not_samples = st.one_of(
    scalars, st.floats(), st.integers(max_value=0), st.integers(min_value=2**33), st.just([2]), st.just(10**5000)
)
BAD = {
    "x": not_vectors, "y": not_vectors, "v": not_vectors, "step": not_indices, "inner": not_indices,
    "node": not_indices, "samples": not_samples, "part": st.one_of(scalars, st.floats(), st.just("yx")),
}  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_bad_inputs_raise_only_input_errors(data: st.DataObject) -> None:
    argument = data.draw(st.sampled_from(sorted(BAD)))
    value = data.draw(BAD[argument])
    methods = ["hvp", "jvp"] if argument == "v" else ["query", "F", "G"]
    if argument not in ("v", "part"):
        methods += ["hvp", "jvp", "value_f", "value_g"]
    method = data.draw(st.sampled_from(methods))
    runs = data.draw(st.booleans())
    toy = Toy()
    noise = Gaussian(1.0, 1.0, sigma_h=1.0, sigma_v=1.0)
    oracle = StochasticOracle(toy, noise, seeds=np.arange(3) if runs else 4)
    x, y = points(3)
    call: dict[str, Any] = {"x": x, "y": y, "step": 1}
    if method in ("hvp", "jvp"):
        call["v"] = y
    with pytest.raises(InputError):
        getattr(oracle, method)(**(call | {argument: value}))
    assert oracle.counts == Counts()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_good_inputs_are_answered(data: st.DataObject) -> None:
    batch = tuple(data.draw(st.lists(st.integers(1, 3), max_size=3)))
    x, y = points(*batch)
    step = data.draw(st.integers(0, 2**32 - 1))
    node = data.draw(st.integers(-(2**15), 2**15 - 1))
    samples = data.draw(st.integers(1, 20))
    oracle = StochasticOracle(Toy(), Gaussian(1.0, 1.0), seeds=data.draw(st.integers(0, 2**32 - 1)))
    answer = oracle.query(x, y, step=step, inner=step, node=node, samples=samples)
    assert [a.shape for a in (answer.Fx, answer.Fy, answer.Gx, answer.Gy)] == [x.shape, y.shape, x.shape, y.shape]
    assert all(np.isfinite(a).all() for a in (answer.Fx, answer.Fy, answer.Gx, answer.Gy))
    n = math.prod(batch) * samples
    assert oracle.counts == Counts(sfo=n, F=n, G=n)


def test_mixed_libraries_and_devices_are_refused() -> None:
    x, y = points(3)
    oracle = StochasticOracle(Toy(), Gaussian(1.0, 1.0))
    with pytest.raises(InputError, match="one library"):
        oracle.query(x, strict.asarray(y), step=0)
    with pytest.raises(InputError, match="one device"):
        oracle.query(strict.asarray(x), strict.asarray(y, device=DEVICE), step=0)
    runs = StochasticOracle(Toy(), Gaussian(1.0, 1.0), seeds=[1, 2, 3])
    with pytest.raises(InputError, match="leading axis 3"):
        runs.query(x[0], y, step=0)
    with pytest.raises(InputError, match="leading axis 3"):
        runs.query(x, y[:, None, :], step=0)
