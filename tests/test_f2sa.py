"""F2SA: the listing by hand, F2SA-p at p = 1, the sequences of the single loop, and the fault seen in public code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from solvers.base import run
from solvers.f2sa import F2SA, POWERS, State
from solvers.f2sa_p import F2SAp
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import dense_lq
from synthetic.noise import Gaussian, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial

X0 = np.array([0.5, -0.25])
STEP: dict[str, Any] = {"lam": 8.0, "alpha": 0.02, "gamma": 0.2, "xi": 2.5, "K": 3, "T": 4, "S": 2}


def by_hand(problem, noise, seed: int, lam, alpha, gamma, xi, K, T, S, a=0.0, c=0.0, t0=1.0) -> np.ndarray:
    """The algorithm of Kwon et al. line by line, with lambda_{t+1} = lambda_t + delta_t; returns x_T."""
    oracle = StochasticOracle(problem, noise, seeds=seed)
    x, y, z, multiplier = X0.copy(), np.zeros(problem.dim_y), np.zeros(problem.dim_y), lam
    for t in range(T):
        alpha_t, gamma_t = alpha / (1 + t / t0) ** a, gamma / (1 + t / t0) ** c
        for k in range(K):
            h_gz = oracle.query(x, z, step=t, inner=k + 1, node=0).Gy
            h_y = oracle.query(x, y, step=t, inner=k + 1, node=1)
            z = z - gamma_t * h_gz
            y = y - alpha_t * (h_y.Fy + multiplier * h_y.Gy)
        at_y = oracle.query(x, y, step=t, inner=0, node=1, samples=S)
        at_z = oracle.query(x, z, step=t, inner=0, node=0, samples=S)
        x = x - xi * alpha_t * (at_y.Fx + multiplier * (at_y.Gx - at_z.Gx))
        delta = lam * ((1 + (t + 1) / t0) ** (a - c) - (1 + t / t0) ** (a - c))
        multiplier = multiplier + delta
    return x


@pytest.mark.parametrize("change", [{}, {"K": 1, "S": 1, "a": 5 / 7, "c": 4 / 7, "t0": 2.0, "T": 6}])
def test_equals_the_listing_step_for_step(change: dict[str, Any]) -> None:
    problem, noise, seeds = skewed_polynomial(), Gaussian(0.3, 0.2), np.array([2, 9])
    solver = F2SA(**STEP | change)
    result = run(solver, problem, StochasticOracle(problem, noise, seeds=seeds), np.stack([X0, X0]))
    for row, seed in zip(result.state.x, seeds):
        np.testing.assert_allclose(row, by_hand(problem, noise, int(seed), **STEP | change), rtol=1e-11)


def test_double_loop_is_f2sa_p_at_1_with_the_plain_step() -> None:
    problem, noise = skewed_polynomial(), Gaussian(0.3, 0.2)
    symbols: dict[str, Any] = {"nu": 0.1, "eta_x": 0.05, "eta_y": 0.2, "S": 3, "K": 4, "T": 5}
    a, b = (
        run(solver, problem, StochasticOracle(problem, noise, seeds=7), X0)
        for solver in (F2SA.double_loop(**symbols), F2SAp(1, normalise=False, **symbols))
    )
    np.testing.assert_allclose(a.state.x, b.state.x, rtol=1e-12)
    np.testing.assert_allclose(a.state.y, b.state.y[1], rtol=1e-12)
    np.testing.assert_allclose(a.state.z, b.state.y[0], rtol=1e-12)
    assert (a.counts.sfo, a.counts.G, 2 * a.counts.F) == (b.counts.sfo, b.counts.G, b.counts.F)
    normalised = run(F2SAp(1, **symbols), problem, StochasticOracle(problem, noise, seeds=7), X0)
    assert np.linalg.norm(normalised.state.x - a.state.x) > 1e-3


@pytest.mark.parametrize(("K", "S"), [(1, 1), (3, 2)])
def test_metered_calls_are_the_formula(K: int, S: int) -> None:
    problem, solver = dense_lq(dim_x=2, dim_y=2), F2SA(**STEP | {"K": K, "S": S})
    oracle = StochasticOracle(problem, Gaussian(0.1, 0.1), seeds=np.arange(3))
    counts = run(solver, problem, oracle, np.stack([X0] * 3)).counts
    assert counts.sfo == counts.G == solver.calls == 2 * (K + S) * 4
    assert solver.calls // 2 == counts.F
    assert counts.HVP == counts.JVP == counts.f == counts.g == counts.floats == 0


def test_multiplier_grows_as_the_powers_say() -> None:
    for noise, growth in (("both", 1 / 7), ("upper", 1 / 5), ("none", 1 / 3)):
        solver = F2SA.single_loop(gamma=0.3, lam=4.0, T=10, noise=noise, t0=1.0)
        assert POWERS[noise][0] - POWERS[noise][1] == pytest.approx(growth)
        for t in (0, 7, 10**6):
            alpha, gamma, lam = solver.at(t)
            assert lam == pytest.approx(4.0 * (1 + t) ** growth)
            assert gamma / (2 * alpha) == pytest.approx(lam)


def test_single_loop_without_noise_converges_at_its_rate() -> None:
    """||grad phi(x_t)|| = O(t^-1/3) (an upper bound: falling faster is fine); with lambda fixed it ends at the bias."""
    problem = dense_lq(dim_x=2, dim_y=2, phi=QuadraticHyper((1.0, 1.0)))
    solver = F2SA.single_loop(gamma=0.3, lam=4.0, T=800, noise="none", xi=8.0)
    norms = run(solver, problem, StochasticOracle(problem, NoNoise()), X0).norms
    assert norms[-1] < norms[0] / 25
    assert np.log(norms[800] / norms[200]) / np.log(4) < -1 / 3
    fixed = replace(solver, a=0.0, c=0.0, T=400)
    stuck = run(fixed, problem, StochasticOracle(problem, NoNoise()), X0)
    expected = stuck.state.x
    np.testing.assert_allclose(problem.hypergrad(expected), -problem.bias(expected, (0, 1), 1 / 4.0), rtol=1e-3)
    assert stuck.norms[-1] > 2 * norms[-1]


@dataclass(frozen=True)
class OtherIterate(F2SA):
    """The fault: y takes the gradient at z."""

    def step(self, state: State, oracle: StochasticOracle) -> State:
        x, y, z, t = state.x, state.y, state.z, state.t
        alpha, gamma, lam = self.at(t)
        for k in range(self.K):
            at_z = oracle.query(x, z, step=t, inner=k + 1, node=0)
            z, y = z - gamma * at_z.Gy, y - alpha * (at_z.Fy + lam * at_z.Gy)
        at_z, at_y = (oracle.query(x, v, step=t, inner=0, samples=self.S) for v in (z, y))
        Phi = at_y.Fx + lam * (at_y.Gx - at_z.Gx)
        return replace(state, t=t + 1, x=x - self.xi * alpha * Phi, y=y, z=z, Phi=Phi)


def test_penalised_iterate_moved_by_the_other_gradient_is_caught() -> None:
    """On a quadratic the estimate is known for every lambda; with the fault its penalty term ignores lambda."""
    problem = dense_lq(dim_x=2, dim_y=2)
    for make, correct in ((F2SA, True), (OtherIterate, False)):
        penalty, error = [], []
        for nu in (0.1, 0.05):
            solver = make.double_loop(nu, 0.05, 0.3, 1, 300, 1)
            state = solver.step(solver.init(problem, X0), StochasticOracle(problem, NoNoise()))
            error.append(np.linalg.norm(state.Phi - problem.hypergrad(X0) - problem.bias(X0, (0, 1), nu)))
            penalty.append(state.Phi - problem.grad_f(X0, state.y)[0])
        change = np.linalg.norm(penalty[0] - penalty[1])
        assert (max(error) < 1e-9) == correct
        assert (change > 1e-3) == correct
        assert (change < 1e-9 * np.linalg.norm(penalty[0])) != correct


def test_array_library_is_kept(asarray) -> None:
    problem, noise = skewed_polynomial(), Gaussian(0.3, 0.3)
    x0 = asarray(X0)
    result = run(F2SA(**STEP), problem, StochasticOracle(problem, noise, seeds=2), x0)
    assert type(result.state.x) is type(x0)
    assert result.state.x.device == x0.device
    np.testing.assert_allclose(to_numpy(result.state.x), by_hand(problem, noise, 2, **STEP), rtol=1e-11)


BAD = [
    ({"lam": 0.0}, "lam"), ({"alpha": float("nan")}, "alpha"), ({"gamma": -1}, "gamma"), ({"xi": "a"}, "xi"),
    ({"K": 0}, "K"), ({"T": 1.5}, "T"), ({"S": True}, "S"), ({"a": 1.0}, "a"), ({"a": 0.2, "c": 0.3}, "c"),
    ({"t0": 0}, "t0"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "argument"), BAD)
def test_bad_configurations_name_the_argument(change: dict[str, Any], argument: str) -> None:
    with pytest.raises(InputError, match=argument):
        F2SA(**STEP | change)


def test_needs_are_checked_before_a_run() -> None:
    problem = dense_lq(dim_x=2, dim_y=2)
    solver = F2SA(**STEP)

    class NoGradient:
        dim_x, dim_y, name = 2, 2, "bare"
        grad_f = staticmethod(problem.grad_f)

    class Greedy(F2SA):
        needs = ("F", "G", "sum")  # type: ignore[assignment]

    class Odd(F2SA):
        needs = ("F", "third derivatives")  # type: ignore[assignment]

    good = StochasticOracle(problem, NoNoise())
    for who, oracle, words in (
        (solver, StochasticOracle(NoGradient(), NoNoise()), r"F2SA needs G .* \.grad_g"),
        (Greedy(**STEP), good, r"Greedy needs sum .* \.n_f"),
        (Odd(**STEP), good, "third derivatives"),
        (solver, StochasticOracle(dense_lq(3, 4), NoNoise()), r"pass an oracle of this problem"),
    ):
        with pytest.raises(InputError, match=words):
            run(who, problem, oracle, X0)
        assert oracle.counts.calls == 0
