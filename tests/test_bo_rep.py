"""BO-REP: the listings by hand, the theorem's numbers by an own computation, its lemmas by runs, and planted faults."""

from __future__ import annotations

from math import ceil, exp, log, log2, sqrt

import numpy as np
import pytest

from solvers.base import run
from solvers.bo_rep import BOREP
from solvers.epoch_sgd import EpochSGD
from solvers.pieces import ball, unit
from solvers.soba import SOBA
from solvers.update_lower import UpdateLower, confidence
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import dense_lq, diagonal_lq
from synthetic.noise import Gaussian, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial
from synthetic.relaxed_smooth import RelaxedConstants, relaxed_smooth

PROBLEM, NOISE = skewed_polynomial(), Gaussian(0.3, 0.3, sigma_h=0.2)
X0, Y0 = np.array([0.5, -0.25]), np.array([0.3, 0.1])
LOWER = UpdateLower(2, 3, 0.1, 0.05)
REFINE = EpochSGD(((0.5, 3, 0.2), (0.2, 4, 0.1)))


def project(y: np.ndarray, centre: np.ndarray, R: float) -> np.ndarray:
    size = np.linalg.norm(y - centre)
    return y if size <= R else centre + R * (y - centre) / size


def by_hand(s: BOREP, seed: int) -> np.ndarray:
    """Algorithms 1 to 3 line by line."""
    o = StochasticOracle(PROBLEM, NOISE, seeds=seed)
    x, y, z, m = X0, Y0, 0 * Y0, 0 * X0
    for e, (radius, steps, alpha) in enumerate(s.refine.epochs if s.refine else ()):
        points = [y]
        for t in range(steps):
            points.append(project(points[-1] - alpha * o.G(x, points[-1], step=e, inner=t, node=1)[1], y, radius))
        y = np.mean(points[1:], axis=0)
    for k in range(s.T):
        y_next = y
        if k > 0 and k % s.lower.I == 0:
            yt, mean = y, 0 * y
            for t in range(s.lower.N):
                yt = project(yt - s.lower.gamma * o.G(x, yt, step=k, inner=t, node=2)[1], y, s.lower.R)
                mean = t / (t + 1) * mean + yt / (t + 1)  # line 5 as printed
            y_next = mean
        Fx, Fy = o.F(x, y, step=k)
        m = s.beta * m + (1 - s.beta) * (Fx - o.jvp(x, y, z, step=k))
        z, y = z - s.nu * (o.hvp(x, y, z, step=k) - Fy), y_next
        x = x - s.eta * m / np.linalg.norm(m)
    return x


@pytest.mark.parametrize("solver", [BOREP(7, lower=LOWER), BOREP(7, lower=LOWER, refine=REFINE, beta=0.5)])
def test_equals_the_listings_step_for_step(solver: BOREP, asarray) -> None:
    seeds = np.array([3, 11])
    oracle = StochasticOracle(PROBLEM, NOISE, seeds=seeds)
    x0, y0 = asarray(np.stack([X0, X0])), asarray(np.stack([Y0, Y0]))
    result = run(solver, PROBLEM, oracle, x0, y0)
    assert type(result.state.x) is type(x0)
    for row, seed in zip(to_numpy(result.state.x), seeds):
        np.testing.assert_allclose(row, by_hand(solver, int(seed)), rtol=1e-10)
    assert result.counts == solver.cost()


def test_counts_and_the_period() -> None:
    """Updates at k = I, 2I, ... < T only: 3 of them for T = 7, I = 2; Epoch-SGD once; one F, HVP, JVP a step."""
    solver = BOREP(7, lower=LOWER, refine=REFINE)
    oracle = StochasticOracle(PROBLEM, NOISE)
    state, G, moved = solver.init(PROBLEM, X0), [0], []
    while not solver.terminate(state):
        before, state = state, solver.step(state, oracle)
        G.append(oracle.counts.G)
        moved.append(bool(np.any(before.y != state.y)))
    assert np.diff(G).tolist() == [3 + 4, 0, 3, 0, 3, 0, 3]
    assert moved == [True, False, True, False, True, False, True]
    c = oracle.counts
    assert (c.F, c.HVP, c.JVP, c.G, c.sfo) == (7, 7, 7, 16, 23)
    assert solver.calls == 23


def test_step_has_length_eta_and_zero_stays() -> None:
    solver = BOREP(3, lower=None)
    state = solver.step(solver.init(PROBLEM, X0), StochasticOracle(PROBLEM, NOISE))
    assert np.linalg.norm(state.x - X0) == pytest.approx(solver.eta)
    assert np.all(unit(np.zeros((2, 3))) == 0)


def test_ball_projection() -> None:
    v = np.array([[3.0, 4.0], [0.3, 0.4]])
    np.testing.assert_allclose(ball(v, 1.0), [[0.6, 0.8], [0.3, 0.4]])
    np.testing.assert_allclose(ball(v, 1.0, np.array([3.0, 3.0]))[0], [3.0, 4.0])


CONSTANTS = RelaxedConstants(1.0, 0.5, 2.0, 0.25, M=0.8, C_gxy=1.5, mu=0.5, L=3.0, tau=0.1, rho=0.2)
GIVEN = {"Delta": 2.0, "gradient": 3.0, "Delta_z": 0.7, "V_0": 5.0}
SIGMA = {"sigma_f1": 0.4, "sigma_g1": 0.3, "sigma_g2": 0.6}


def test_theorem_3_1_number_by_number() -> None:
    """K_0, K_1 of (16), the choices of (75), gamma and N of (44)-(46), computed here from the printed formulas."""
    eps, delta, k = 0.2, 0.05, CONSTANTS
    C, mu, M = 1.5, 0.5, 0.8
    K0 = sqrt(1 + 9) * (1 + 0.5 * C * M / mu + C / mu * (2 + 0.25 * M) + M * (C * 0.2 + 0.1 * mu) / mu**2)
    K1 = sqrt(1 + 9) * 0.5
    assert (pytest.approx(K0), pytest.approx(K1)) == (k.K_0, k.K_1)
    r14 = 1 / sqrt(2 * (1 + C**2 / mu**2) * (0.5**2 + 0.25**2))
    assert k.radius_x == pytest.approx(r14)
    solver = BOREP.theorem(eps, delta, k, **GIVEN, **SIGMA)
    var = 0.4**2 + 2 * M**2 / mu**2 * 0.6**2
    share = min(eps**2 / var * min(1, mu**2 / (32 * C**2)), C**2 / (8 * 0.36), mu**2 / (16 * 0.36), 0.25)
    assert 1 - solver.beta == pytest.approx(share, rel=1e-9)
    assert solver.nu == pytest.approx(share / mu)
    period = ceil(0.09 * K0**2 / (mu**2 * eps**2))
    assert period == solver.lower.I
    eta = min(
        min(1 / K1, eps / K0, 2.0 / 3.0, eps * 2.0 / (C**2 * 0.7)) * share / 8, r14, mu * eps / (8 * K0 * period * C)
    )
    assert solver.eta == pytest.approx(eta, rel=1e-12)
    assert ceil(4 * 2.0 / (eta * eps)) == solver.T
    log_ = log(2 * max(1, solver.T / period) / delta)
    lam = max(sqrt(3 * log_), log_)
    factor = lam + sqrt(lam + 1)
    assert solver.lower.gamma == pytest.approx(mu * eps**2 / (512 * K0**2 * 0.09 * sqrt(lam + 1) * factor))
    assert ceil(64**2 * 0.09 * K0**2 * factor**2 / (mu**2 * eps**2)) == solver.lower.N
    assert pytest.approx(eps / (4 * K0)) == solver.lower.R
    assert len(solver.refine.epochs) == ceil(log2(128 * K0**2 * 5.0 / (mu * eps**2)))


def test_theorem_calls_are_of_order_eps_minus_4() -> None:
    """Halving eps multiplies T by about 16 and the lower-level calls by 16 times a log: the order of Theorem 3.1."""
    calls = [BOREP.theorem(eps, 0.1, CONSTANTS, **GIVEN, **SIGMA) for eps in (0.02, 0.01)]
    assert pytest.approx(16, rel=0.02) == calls[1].T / calls[0].T
    assert 16 < calls[1].calls / calls[0].calls < 16 * 1.3


def test_epoch_schedule_by_formula() -> None:
    """(28)-(30) and k+ of Lemma D.2."""
    V0, mu, L, sigma, accuracy, delta = 4.0, 0.5, 3.0, 0.3, 0.1, 0.05
    epochs = EpochSGD.theorem(accuracy, delta, V_0=V0, mu=mu, L=L, sigma=sigma).epochs
    assert len(epochs) == ceil(log2(V0 / accuracy)) == 6
    lam = confidence(6, delta)
    assert lam == pytest.approx(max(sqrt(3 * log(240)), log(240)))
    for s, (radius, steps, alpha) in enumerate(epochs):
        assert radius**2 / 2 == pytest.approx(V0 / (mu * 2**s))
        want = max(16 * L / mu, 32 * max(sigma**2, 4 * lam**2 * sigma**2) / (mu * V0 * 2.0 ** -(s + 2)))
        assert steps == ceil(want)
        assert alpha == pytest.approx(min(1 / (2 * L), sqrt(V0 / 2**s / (2 * mu * steps)) / sigma))
    assert EpochSGD.theorem(5.0, delta, V_0=V0, mu=mu, L=L, sigma=sigma).epochs == ()


def test_epoch_sgd_keeps_its_promise() -> None:
    """Lemma D.2: g(x_0, y) - g* <= accuracy with probability 1 - delta/2, from V_0, on 60 seeds; half of the epochs
    do not reach it. sigma_{g,1} of Gaussian noise: E exp(||n||^2/sigma^2) = (1 - 2 s^2/sigma^2)^{-d/2} = e.
    """
    problem, s, seeds = dense_lq(2, 2), 0.05, np.arange(60)
    sigma = s * sqrt(2 / (1 - exp(-2 / 2)))
    x, y0 = np.tile(X0, (60, 1)), np.tile([1.5, -1.0], (60, 1))
    V0 = float((problem.g(X0, y0[0]) - problem.g(X0, problem.y_star(X0))) * 1.01)
    L = float(np.linalg.eigvalsh(problem.A_g)[-1])
    epochs = EpochSGD.theorem(V0 / 16, 0.2, V_0=V0, mu=problem.mu, L=L, sigma=sigma)
    y = epochs.run(StochasticOracle(problem, Gaussian(0.0, s), seeds=seeds), x, y0)
    gap = problem.g(x, y) - problem.g(x, problem.y_star(x))
    assert np.mean(gap > V0 / 16) <= 0.1
    one = EpochSGD(((epochs.epochs[0][0], 3, epochs.epochs[0][2]),))
    y = one.run(StochasticOracle(problem, Gaussian(0.0, s), seeds=seeds), x, y0)
    assert np.mean(problem.g(x, y) - problem.g(x, problem.y_star(x)) > V0 / 16) > 0.5


def test_update_lower_averages_the_new_points_only() -> None:
    """Noise-free g = a/2 ||y - x||^2: y^t - x = (1 - gamma a)^t (y^0 - x), so the mean of t = 1 .. N is known;
    a mean that takes y^0 in is off by a visible amount.
    """
    problem, N = diagonal_lq(d=2, a=2.0), 4
    lower = UpdateLower(1, N, 0.1, 10.0)
    q = 1 - 0.1 * 2.0
    got = lower.run(StochasticOracle(problem, NoNoise()), X0, Y0, 1) - X0
    np.testing.assert_allclose(got, np.mean(q ** np.arange(1, N + 1)) * (Y0 - X0), rtol=1e-12)
    assert np.linalg.norm(got - np.mean(q ** np.arange(N)) * (Y0 - X0)) > 0.01
    np.testing.assert_array_equal(lower.run(StochasticOracle(problem, NoNoise()), X0, Y0, 0), Y0)


def test_lemma_3_3_on_a_moving_target() -> None:
    """||y_k - y*(x_k)|| <= eps/(4 K_0) for all k while x moves by eta a step; printed gamma, N, R at delta 0.2."""
    problem, K, seeds, eps, s = diagonal_lq(d=2, a=1.0), 9, np.arange(20), 1.0, 0.02
    sigma = s * sqrt(2 / (1 - exp(-1)))
    lower = UpdateLower.theorem(eps, 0.2, K_0=1.0, mu=1.0, sigma=sigma, period=3, K=K)
    eta = eps / (8 * 3 * 1.0)
    oracle = StochasticOracle(problem, Gaussian(0.0, s), seeds=seeds)
    x = np.tile(X0, (20, 1))
    y = problem.y_star(x) + [eps / 8, 0.0]
    failed = np.zeros(20, dtype=bool)
    for k in range(K):
        y = lower.run(oracle, x, y, k)
        x = x + np.array([eta * 0.6, eta * 0.8])
        failed |= np.linalg.norm(y - problem.y_star(x), axis=-1) > eps / 4
    assert np.mean(failed) <= 0.1
    drift = np.linalg.norm(Y0 * 0 + [eps / 8 + K * eta, 0.0])
    assert drift > eps / 4  # without the updates the target would have left


def test_exponential_upper_level_where_plain_steps_diverge() -> None:
    """p_0 = 6: the slope is sinh(6) = 200. SOBA with steps safe near the minimum overflows; BO-REP arrives."""
    problem = relaxed_smooth("exponential", n=1, dim_y=1)
    x0 = np.array([6.0, 0.5])
    slope = np.linalg.norm(problem.hypergrad(x0))
    assert slope > 150
    with np.errstate(over="ignore", invalid="ignore"):
        plain = run(SOBA(60, gamma=0.1), problem, StochasticOracle(problem, NoNoise()), x0).norms
    assert not np.isfinite(plain[-1]) or plain[-1] > slope
    solver = BOREP(250, eta=0.04, beta=0.5, nu=0.2, lower=UpdateLower(2, 5, 0.2, 1.0))
    seeds = np.arange(3)
    oracle = StochasticOracle(problem, Gaussian(0.1, 0.1, sigma_h=0.1), seeds=seeds)
    norms = run(solver, problem, oracle, np.tile(x0, (3, 1))).norms
    assert np.all(np.min(norms, axis=0) < 0.15)


def test_converges_without_noise() -> None:
    problem = dense_lq(2, 2, phi=QuadraticHyper((1.0, 2.0)))
    solver = BOREP(400, eta=0.01, nu=0.2, lower=UpdateLower(1, 3, 0.2, 1.0))
    assert run(solver, problem, StochasticOracle(problem, NoNoise()), np.array([1.0, -1.0])).norms[-1] < 0.03


def test_reusing_the_new_z_is_caught() -> None:
    """Line 5 uses z_k; a solver that uses z_{k+1} differs from the listing."""

    class NewZ(BOREP):
        def step(self, state, oracle):
            from dataclasses import replace

            done = super().step(state, oracle)
            Fx, _ = oracle.F(state.x, state.y, step=state.t)
            m = self.beta * state.m + (1 - self.beta) * (Fx - oracle.jvp(state.x, state.y, done.z, step=state.t))
            return replace(done, m=m, x=state.x - self.eta * unit(m))

    solver = NewZ(7, lower=LOWER)
    x = run(solver, PROBLEM, StochasticOracle(PROBLEM, NOISE, seeds=3), X0, Y0).state.x
    assert np.linalg.norm(x - by_hand(BOREP(7, lower=LOWER), 3)) > 1e-6


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: BOREP(0), "T"),
        (lambda: BOREP(3, beta=1.0), "beta"),
        (lambda: BOREP(3, eta=-1.0), "eta"),
        (lambda: UpdateLower(0, 1, 0.1, 1.0), "I"),
        (lambda: EpochSGD(((1.0, 0, 0.1),)), "epochs"),
        (lambda: confidence(3, 1.5), "delta"),
        (lambda: BOREP.theorem(50.0, 0.1, CONSTANTS, **GIVEN, **SIGMA), "eps"),
        (lambda: BOREP.theorem(0.1, 0.1, CONSTANTS, **GIVEN, **SIGMA | {"sigma_g1": 0.0}), "sigma_g1"),
    ],
)
def test_bad_input_names_the_argument(call, argument: str) -> None:
    with pytest.raises(InputError, match=argument):
        call()
