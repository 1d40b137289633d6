"""Learn-to-regularize: proved constants against samples of the region, the protocol, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synthetic.errors import InputError
from synthetic.learn_regularize import LearnToRegularize, digits
from synthetic.problem import BilevelProblem
from synthetic.softmax import cumulant_bound


def generated(d: int = 3, q: int = 3, n: int = 8, m: int = 7, seed: int = 1) -> LearnToRegularize:
    r = np.random.default_rng(seed)
    return LearnToRegularize(
        r.normal(size=(n, d)), r.integers(0, q, n), r.normal(size=(m, d)), r.integers(0, q, m), classes=q
    )


@pytest.fixture
def problem() -> LearnToRegularize:
    return generated()


@pytest.fixture
def point() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r = np.random.default_rng(2)
    return 0.5 * r.normal(size=3), r.normal(size=9), r.normal(size=9)


def test_cumulant_bounds_hold_and_the_second_is_sharp() -> None:
    assert cumulant_bound(2) == pytest.approx(0.25, abs=1e-15)
    assert cumulant_bound(3) >= 1 / (6 * 3**0.5)  # attained by a two-point law
    assert cumulant_bound(4) >= 1 / 8
    r = np.random.default_rng(5)
    for _ in range(200):
        w, s = r.uniform(size=4), r.dirichlet(0.5 * np.ones(4))
        m = [np.sum(s * (w - s @ w) ** k) for k in range(7)]
        range_ = np.ptp(w)
        cumulants = {2: m[2], 3: m[3], 4: m[4] - 3 * m[2] ** 2, 5: m[5] - 10 * m[3] * m[2]}
        cumulants[6] = m[6] - 15 * m[4] * m[2] - 10 * m[3] ** 2 + 30 * m[2] ** 3
        for k, value in cumulants.items():
            assert abs(value) <= cumulant_bound(k) * range_**k + 1e-15


def test_constants_bound_what_is_seen_in_the_region(problem: LearnToRegularize) -> None:
    known = problem.constants(3)
    assert [c.how for c in known.L] == ["enclosed"] * 5
    assert known.mu.how == "exact"
    r = np.random.default_rng(6)
    low = np.full(3, -problem.box)
    assert np.linalg.eigvalsh(problem.hess_g(low, r.normal(size=9)))[0] == pytest.approx(known.mu.value, rel=1e-12)
    radius = float(known.region.split("<=")[-1])
    for _ in range(30):
        x, y = r.uniform(-1, 1, 3), r.normal(size=9)
        y *= radius * r.uniform() / np.linalg.norm(y)
        unit, both = r.normal(size=9), r.normal(size=12)
        unit /= np.linalg.norm(unit)
        both *= 1e-5 / np.linalg.norm(both)
        (a, b), (c, d) = ((x + s * both[:3], y + s * both[3:]) for s in (1, -1))
        assert np.linalg.norm(problem.grad_f(x, y)[1]) <= known.L[0].value
        slopes = np.concatenate(problem.grad_g(a, b)) - np.concatenate(problem.grad_g(c, d))
        assert np.linalg.norm(slopes) / 2e-5 <= known.L[1].value
        assert np.linalg.norm(problem.hess_g(a, b) - problem.hess_g(c, d), 2) / 2e-5 <= known.L[2].value
        assert np.linalg.norm(problem.val.third(y, unit), 2) <= known.L[2].value
        h = 1e-5 * unit
        fourth = (problem.train.third(y + h, unit) - problem.train.third(y - h, unit)) / 2e-5
        assert np.linalg.norm(fourth, 2) <= known.L[3].value
        for nu in (0.0, 3.0):
            assert np.linalg.norm(problem.y_star(x, nu)) <= radius


def test_the_protocol_is_met(problem: LearnToRegularize) -> None:
    assert isinstance(problem, BilevelProblem)
    form: Callable[[], object] = problem.exact
    assert form() is None
    assert len(problem.constants(8).L) == 10


GOOD: dict[str, Any] = {
    "train": [[1.0, 0.0], [0.0, 1.0]],
    "train_labels": [0, 1],
    "val": [[1.0, 2.0]],
    "val_labels": [1],
}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("train", [1.0, 2.0]),
        ("train", [[np.nan, 0.0], [0.0, 1.0]]),
        ("train", [["a", "b"], ["c", "d"]]),
        ("train", np.zeros((0, 2))),
        ("train_labels", [0, 1, 2]),
        ("train_labels", [0, -1]),
        ("train_labels", [0, 0.5]),
        ("train_labels", [0, np.nan]),
        ("train_labels", ["x", "y"]),
        ("val", [[1.0, 2.0, 3.0]]),
        ("val_labels", [10**9]),
        ("classes", 1),
        ("classes", 2.5),
        ("box", -1.0),
        ("box", float("nan")),
    ],
)
def test_bad_data_are_named(argument: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        LearnToRegularize(**(GOOD | {argument: value}))
    assert caught.value.argument == argument


def test_bad_arguments_are_named(problem: LearnToRegularize, point: tuple[np.ndarray, ...]) -> None:
    x, y, v = point
    for name, call in (
        ("x", lambda: problem.f(y, y)),
        ("y", lambda: problem.g(x, x)),
        ("v", lambda: problem.hvp_g(x, y, x)),
        ("v", lambda: problem.jvp_g(x, y, x)),
        ("x", lambda: problem.y_star([0.0, float("nan"), 0.0])),
        ("x", lambda: problem.value([0.0, 800.0, 0.0])),
        ("nu", lambda: problem.y_star(x, float("inf"))),
        ("nu", lambda: problem.y_star(x, "much")),
        ("nu", lambda: problem.y_star(np.stack([x, x]), np.zeros(3))),
        ("index", lambda: problem.grad_f_at(x, y, np.array([7]))),
        ("index", lambda: problem.grad_g_at(x, y, np.array([-1]))),
        ("index", lambda: problem.grad_g_at(x, y, np.array([0.5]))),
        ("index", lambda: problem.jvp_g_at(x, y, v, np.array([99]))),
        ("index", lambda: problem.f_at(x, y, np.zeros(0, dtype=int))),
        ("p", lambda: problem.constants(0)),
        ("order", lambda: problem.psi_series(x, -1)),
        ("features", lambda: digits(features=5)),
        ("n_train", lambda: digits(n_train=0)),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.argument == name
