"""Perturbed F2BA: it leaves the saddle on which F2BA stays for ever, as often as Proposition 5.1 says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bounds.f2ba_schedule import SmoothClass
from solvers.base import run
from solvers.f2ba import F2BA
from solvers.perturbed_f2ba import DIRECTION, RADIUS, PerturbedF2BA, in_ball, iota, is_second_order
from synthetic import philox
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.noise import Gaussian, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.philox import Address
from synthetic.saddle import strict_saddle

BASE = F2BA(lam=10.0, eta=0.5, tau=0.04, alpha=0.4, K_0=5, K=4, T=30)
STEP: dict[str, Any] = {"base": BASE, "eps": 0.1, "r": 1e-3, "wait": 7}


def by_hand(problem: Any, noise: Any, seed: int, x0: np.ndarray, solver: PerturbedF2BA) -> np.ndarray:
    """Algorithm 2 line by line, the perturbation drawn block by block; returns x_T."""
    oracle, b = StochasticOracle(problem, noise, seeds=seed), solver.base
    x, y, z, last = x0.copy(), np.zeros(problem.dim_y), np.zeros(problem.dim_y), -(10**9)
    d = problem.dim_x
    for t in range(b.T):
        for k in range(b.K_0 if t == 0 else b.K):
            z = z - b.alpha * oracle.query(x, z, step=t, inner=k + 1, node=0).Gy
            u = oracle.query(x, y, step=t, inner=k + 1, node=1)
            y = y - b.tau * (u.Fy + b.lam * u.Gy)
        u, v = oracle.query(x, y, step=t, node=1), oracle.query(x, z, step=t, node=0)
        Phi = u.Fx + b.lam * (u.Gx - v.Gx)
        if np.linalg.norm(Phi) <= 4 / 5 * solver.eps and t - last > solver.wait:
            g = philox.gaussian(Address(0, seed, t, stream=DIRECTION), d)
            s = philox.uniform(Address(0, seed, t, stream=RADIUS), 1)[0]
            x = x - b.eta * solver.r * s ** (1 / d) * g / np.sqrt(g @ g)
            last = t
        x = x - b.eta * Phi
    return x


@pytest.mark.parametrize("noise", [NoNoise(), Gaussian(1e-3, 1e-4)])
def test_equals_the_listing_step_for_step(noise: Any) -> None:
    problem, seeds = strict_saddle(coupling=0.3, quartic=0.2), np.array([3, 8])
    solver, x0 = PerturbedF2BA(**STEP), np.array([0.0, 0.2, -0.1])
    result = run(solver, problem, StochasticOracle(problem, noise, seeds=seeds), np.stack([x0, x0]))
    for row, seed in zip(result.state.x, seeds):
        np.testing.assert_allclose(row, by_hand(problem, noise, int(seed), x0, solver), rtol=1e-9)
    assert np.linalg.norm(result.state.x[0] - result.state.x[1]) > 1e-4


@pytest.mark.parametrize("quartic", [0.0, 0.2])
def test_f2ba_never_leaves_the_saddle(quartic: float) -> None:
    """x_1 = y_1 = 0 stay 0 bit for bit, so F2BA ends on the saddle from anywhere on its stable plane."""
    problem = strict_saddle(coupling=0.3, quartic=quartic)
    solver = replace(BASE, T=80)
    for x0 in (np.zeros(3), np.array([0.0, 0.7, -0.4])):
        result = run(solver, problem, StochasticOracle(problem, NoNoise()), x0)
        assert result.state.x[0] == result.state.y[0] == result.state.z[0] == 0.0
        assert result.norms[-1] < 1e-9
        assert not is_second_order(problem, result.state.x, 0.1, 0.9)
        escaped = run(PerturbedF2BA(solver, 0.1, 1e-3, 7), problem, StochasticOracle(problem, NoNoise(), seeds=1), x0)
        assert is_second_order(problem, escaped.state.x, 0.1, 0.0)
        assert abs(escaped.state.x[0]) == pytest.approx(problem.phi.well, abs=0.05)


def success(problem: Any, solver: Any, steps: int, x0: np.ndarray, eps: float, seeds: int = 20) -> np.ndarray:
    """Which seeds saw an (eps, sqrt(rho eps)) second-order point of phi within so many steps."""
    oracle = StochasticOracle(problem, NoNoise(), seeds=np.arange(seeds))
    state = solver.init(problem, np.tile(x0, (seeds, 1)))
    curvature = np.sqrt(problem.phi.rho * eps)
    seen = is_second_order(problem, state.x, eps, curvature)
    for _ in range(steps):
        state = solver.step(state, oracle)
        seen = seen | is_second_order(problem, state.x, eps, curvature)
    return seen


def test_proposition_5_1_escapes_with_the_stated_probability() -> None:
    """Parameters of Proposition 5.1, from the saddle itself; coupling 0, so L*_lambda = phi and L, rho are exact.

    A probability of failure above delta would give so few failures among 100 seeds with probability < 1e-4.
    """
    problem, eps, delta = strict_saddle(dim=3), 0.1, 0.1
    phi = problem.phi
    # z = y - x/2, f = phi + |z|^2/4, g = z'Az/2, A <= 2: L_f <= L + 5/8, L_g = 2 * 5/4; slopes below 3 on the way
    bounds = SmoothClass(1.0, 3.0, phi.L + 5 / 8, 2.5, 0.0)
    solver = PerturbedF2BA.proposition(
        bounds,
        eps=eps,
        delta=delta,
        L=phi.L,
        rho=phi.rho,
        Delta=-phi.inf,
        lam=10.0,
        R_0=1e-9,
        dim_x=3,
        accelerated=True,
    )
    assert np.sqrt(phi.rho * eps) < phi.gamma  # so the saddle is no second-order point
    steps = solver.wait + 10
    assert steps < solver.T
    # the proposition has K about 200; with 40 Phi is as accurate as it asks, which the next lines see
    cheap = replace(solver, base=replace(solver.base, K=40))
    state = cheap.init(problem, np.array([0.3, 0.1, 0.2]), np.array([0.15, 0.05, 0.1]))
    worst = 0.0
    for _ in range(10):
        x = state.x
        state = cheap.step(state, StochasticOracle(problem, NoNoise()))
        worst = max(worst, float(np.linalg.norm(state.Phi - problem.hypergrad(x))))
    i = iota(phi.L * np.sqrt(3) / np.sqrt(phi.rho * eps), delta)
    assert worst <= min(1 / (20 * i**2), 1 / (16 * i**2 * 2**i)) * eps
    seen = success(problem, cheap, steps, np.zeros(3), eps, seeds=100)
    failures = int(np.sum(~seen))
    assert stats.binom.cdf(failures, seen.size, delta) < 1e-4
    # the control: without perturbations the iterate does not move at all (see also the test above)
    assert not np.any(success(problem, cheap.base, 15, np.zeros(3), eps, seeds=1))


def test_too_small_a_perturbation_is_seen_to_fail() -> None:
    """2 wait steps amplify a perturbation by at most (1 + gamma/L)^(2 wait): one far below that does not get out."""
    problem, eps = strict_saddle(dim=2), 0.1
    good = PerturbedF2BA(replace(BASE, eta=1 / problem.phi.L, T=40), eps, 1e-3, 20)
    lost = replace(good, r=1e-3 * (1 + 1 / problem.phi.L) ** -40)
    assert np.all(success(problem, good, 40, np.zeros(2), eps))
    assert not np.any(success(problem, lost, 20, np.zeros(2), eps))


def test_perturbations_wait_and_keep_quiet_where_the_gradient_is_large() -> None:
    problem = strict_saddle(dim=2)
    solver = PerturbedF2BA(replace(BASE, T=30), eps=1e3, r=1e-12, wait=7)
    oracle, state = StochasticOracle(problem, NoNoise()), solver.init(problem, np.zeros(2))
    times = []
    while not solver.terminate(state):
        before = int(state.last)
        state = solver.step(state, oracle)
        if int(state.last) != before:
            times.append(int(state.last))
    assert times == [0, 8, 16, 24]
    quiet = replace(solver, eps=1e-9)
    run_it = run(quiet, problem, StochasticOracle(problem, NoNoise()), np.array([0.3, 0.5]))
    plain = run(quiet.base, problem, StochasticOracle(problem, NoNoise()), np.array([0.3, 0.5]))
    np.testing.assert_array_equal(run_it.state.x, plain.state.x)
    assert run_it.counts == plain.counts
    assert run_it.counts.sfo == quiet.calls


@pytest.mark.parametrize("d", [1, 3])
def test_perturbation_is_uniform_in_the_ball(d: int) -> None:
    oracle = StochasticOracle(strict_saddle(dim=d, unstable=1), NoNoise(), seeds=np.arange(4000))
    points = in_ball(2.0, oracle, 5, np.zeros((4000, d)))
    size = np.linalg.norm(points, axis=1)
    assert np.max(size) < 2.0
    assert stats.kstest((size / 2) ** d, "uniform").pvalue > 1e-3
    for i in range(d):  # one coordinate of a uniform point of the unit ball: (x + 1)/2 ~ Beta((d + 1)/2, (d + 1)/2)
        law = stats.beta((d + 1) / 2, (d + 1) / 2)
        assert stats.kstest((points[:, i] / 2 + 1) / 2, law.cdf).pvalue > 1e-3
    assert not np.array_equal(points, in_ball(2.0, oracle, 6, np.zeros((4000, d))))
    on_sphere = 2.0 * points / size[:, None]  # the fault: a direction without a radius
    assert stats.kstest((np.linalg.norm(on_sphere, axis=1) / 2) ** d, "uniform").pvalue < 1e-10


@pytest.mark.parametrize(("scale", "delta"), [(3.8, 0.1), (50.0, 1e-3), (1.0, 0.9), (1e6, 1e-12)])
def test_iota_is_the_smallest_that_proposition_5_1_allows(scale: float, delta: float) -> None:
    def bound(i: float) -> float:
        return scale * i**2 * 2 ** (8 - i)

    i = iota(scale, delta)
    assert i >= 1
    assert bound(i) <= delta * (1 + 1e-12)
    assert bound(i - 1 / 16) > delta


def test_array_library_is_kept(asarray) -> None:
    problem, x0 = strict_saddle(dim=2), asarray(np.array([0.0, 0.1]))
    solver = PerturbedF2BA(replace(BASE, T=12), 0.1, 1e-3, 3)
    result = run(solver, problem, StochasticOracle(problem, NoNoise(), seeds=2), x0)
    assert type(result.state.x) is type(x0)
    assert result.state.x.device == x0.device
    expected = by_hand(problem, NoNoise(), 2, np.array([0.0, 0.1]), solver)
    np.testing.assert_allclose(to_numpy(result.state.x), expected, rtol=1e-9)


def test_bad_configurations_name_the_argument() -> None:
    bounds = SmoothClass(1.0, 1.0, 1.0, 1.0, 0.0)
    good: dict[str, Any] = {
        "eps": 0.1, "delta": 0.1, "L": 1.0, "rho": 1.0, "Delta": 1.0, "lam": 4.0, "R_0": 1.0, "dim_x": 2,
    }  # fmt: skip
    for words, call in (
        ("base", lambda: PerturbedF2BA(**STEP | {"base": 3})),
        ("eps", lambda: PerturbedF2BA(**STEP | {"eps": 0.0})),
        ("r =", lambda: PerturbedF2BA(**STEP | {"r": -1.0})),
        ("wait", lambda: PerturbedF2BA(**STEP | {"wait": 0.5})),
        ("delta", lambda: PerturbedF2BA.proposition(bounds, **good | {"delta": 1.5})),
        ("rho", lambda: PerturbedF2BA.proposition(bounds, **good | {"rho": 0.0})),
        ("lam", lambda: PerturbedF2BA.proposition(bounds, **good | {"lam": 1.0})),
    ):
        with pytest.raises(InputError, match=words):
            call()
