"""F2BA: the listing by hand, the accuracy of Proposition 4.2, Theorem 4.1, eps^-2, and sqrt(kappa) inner loops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bounds.f2ba_schedule import SmoothClass, inner_loops, outer_loop
from solvers.base import run
from solvers.f2ba import F2BA, descend
from synthetic.arrays import to_numpy
from synthetic.dials import lq_dial, noise_dial, polynomial_dial
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper, Ramp
from synthetic.linear_quadratic import LinearQuadratic, dense_lq, diagonal_lq
from synthetic.noise import Gaussian, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial

X0 = np.array([0.5, -0.25])
STEP: dict[str, Any] = {"lam": 8.0, "eta": 0.1, "tau": 0.02, "alpha": 0.2, "K_0": 5, "K": 3, "T": 4}
MOMENTA = {"beta_z": 0.3, "beta_y": 0.4}


def by_hand(problem, noise, seed, lam, eta, tau, alpha, K_0, K, T, beta_z=0.0, beta_y=0.0) -> np.ndarray:
    """Algorithm 1 line by line; with momenta, Nesterov's scheme with explicit look-ahead points. Returns x_T."""
    oracle = StochasticOracle(problem, noise, seeds=seed)
    x, y, z = X0.copy(), np.zeros(problem.dim_y), np.zeros(problem.dim_y)
    for t in range(T):
        y_before, z_before = y, z
        for k in range(K_0 if t == 0 else K):
            at_z = z + beta_z * (z - z_before)
            at_y = y + beta_y * (y - y_before)
            Gz = oracle.query(x, at_z, step=t, inner=k + 1, node=0).Gy
            u = oracle.query(x, at_y, step=t, inner=k + 1, node=1)
            z_before, z = z, at_z - alpha * Gz
            y_before, y = y, at_y - tau * (u.Fy + lam * u.Gy)
        u, v = oracle.query(x, y, step=t, node=1), oracle.query(x, z, step=t, node=0)
        x = x - eta * (u.Fx + lam * (u.Gx - v.Gx))
    return x


@pytest.mark.parametrize("change", [{}, MOMENTA])
@pytest.mark.parametrize("noise", [NoNoise(), Gaussian(0.2, 0.1)])
def test_equals_the_listing_step_for_step(change: dict[str, float], noise: Any) -> None:
    problem, seeds = skewed_polynomial(), np.array([1, 4])
    result = run(F2BA(**STEP | change), problem, StochasticOracle(problem, noise, seeds=seeds), np.stack([X0, X0]))
    for row, seed in zip(result.state.x, seeds):
        np.testing.assert_allclose(row, by_hand(problem, noise, int(seed), **STEP | change), rtol=1e-11)


def test_metered_calls_are_the_formula() -> None:
    problem, solver = dense_lq(dim_x=2, dim_y=2), F2BA(**STEP)
    counts = run(solver, problem, StochasticOracle(problem, NoNoise(), seeds=np.arange(3)), np.stack([X0] * 3)).counts
    assert counts.sfo == counts.G == solver.calls == 2 * (5 + 1) + 2 * 3 * (3 + 1)
    assert solver.calls // 2 == counts.F
    assert counts.HVP == counts.JVP == counts.f == counts.g == counts.floats == 0


def class_of(problem: Any) -> SmoothClass:
    """For the dial families: ||grad_x f|| <= ||grad phi|| + |G| |z| + |B| L_0 with |x| <= 1, |y| <= 2, B = I/2."""
    constants = problem.constants(1)
    return SmoothClass.of(constants, slope_x=1 / 16 + 2.5 / 16 + constants.L[0].value / 2)


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("make", [lq_dial, polynomial_dial])
def test_proposition_4_2_keeps_the_hypergradient_accurate(make: Any, accelerated: bool) -> None:
    problem = make(8.0, 2)
    bounds = class_of(problem)
    lam, eta, zeta, x0 = 4 * bounds.L_f / bounds.mu, 0.5, 1e-3, np.array([0.5, -0.5])
    R_0 = float(np.linalg.norm(problem.y_star(x0)))
    solver = F2BA.accurate(bounds, lam, eta, zeta, R_0, 3, accelerated=accelerated)
    oracle, state = StochasticOracle(problem, NoNoise()), solver.init(problem, x0)
    while not solver.terminate(state):
        x = state.x
        state = solver.step(state, oracle)
        assert np.linalg.norm(state.Phi - solver.estimate(problem, x)) <= zeta
    short = replace(solver, K_0=1)  # the promise is not empty
    first = short.step(short.init(problem, x0), oracle)
    assert np.linalg.norm(first.Phi - short.estimate(problem, x0)) > zeta


@pytest.mark.parametrize("make", [lq_dial, polynomial_dial])
def test_constants_bound_the_proxy(make: Any) -> None:
    """|L* - phi| <= D_0/lambda, ||grad L* - grad phi|| <= D_1/lambda and ||grad^2 L*|| <= D_3 at random points."""
    problem = make(5.0, 2)
    bounds = class_of(problem)
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 2))
    for lam in (2 * bounds.L_f / bounds.mu, 100.0):
        solver = F2BA(**STEP | {"lam": lam})
        y, z, g = problem.y_star(x, 1 / lam), problem.y_star(x), problem.g
        gap = problem.f(x, y) + lam * (g(x, y) - g(x, z)) - problem.value(x)
        assert np.all(np.abs(gap) <= bounds.D_0 / lam)
        slopes = solver.estimate(problem, x)
        assert np.all(np.linalg.norm(slopes - problem.hypergrad(x), axis=-1) <= bounds.D_1 / lam)
        h = 1e-5
        for e in h * np.eye(2):
            second = (solver.estimate(problem, x + e) - solver.estimate(problem, x - e)) / (2 * h)
            assert np.all(np.linalg.norm(second, axis=-1) <= bounds.D_3)


def test_printed_constant_d1_fails_on_a_quadratic() -> None:
    """Equation (9) prints rho_g L_g/mu for L_f L_g/mu. f = y^2/2, g = a (y - Bx)^2/2, so rho_g = 0 and L_f = 1: the
    bias is B times the printed bound, and below the corrected one."""
    a, B, x, lam = 0.01, 100.0, np.array([0.01]), 1e6
    problem = LinearQuadratic([[a]], [[1.0]], [[B]], [0.0], [[B]], QuadraticHyper((B**2,)))
    assert problem.f(x, np.array([3.0])) == pytest.approx(4.5)
    bounds = SmoothClass(a, B * x[0], 1.0, a * (1 + B**2), 0.0)  # |f'| <= B x for y between 0 and y* = B x
    bias = np.linalg.norm(F2BA(**STEP | {"lam": lam}).estimate(problem, x) - problem.hypergrad(x))
    printed = bounds.L_f * bounds.C_f / bounds.mu
    assert bias == pytest.approx(B * printed / lam, rel=1e-3)
    assert bias <= bounds.D_1 / lam


def test_theorem_4_1_finds_a_stationary_point_in_time() -> None:
    """phi = |x|^2/2, y* = x/2, f = phi + (0.1 + 0.1 x)'(y - x/2), g = |y - x/2|^2/2 from x_0 = (0.6, -0.6)."""
    problem, eps, x0 = diagonal_lq(d=2, a=1.0, h=0.0, c0=0.1, gamma=0.1, b=0.5), 0.05, np.array([0.6, -0.6])
    # per coordinate grad^2 f = [[0.9, 0.1], [0.1, 0]], grad^2 g = [[1/4, -1/2], [-1/2, 1]]; |grad f| < 1.2 on the way
    bounds = SmoothClass(1.0, 1.2, float(np.linalg.norm([[0.9, 0.1], [0.1, 0.0]], 2)), 1.25, 0.0)
    Delta, R_0 = float(problem.value(x0)), float(np.linalg.norm(problem.y_star(x0)))
    for accelerated in (False, True):
        solver = F2BA.theorem(bounds, eps, Delta, R_0, accelerated=accelerated)
        assert solver.lam == pytest.approx(2 * bounds.D_1 / eps)
        result = run(solver, problem, StochasticOracle(problem, NoNoise()), x0, eps=eps)
        assert result.status == "stationary"
        assert 1 < result.state.t < solver.T
        assert result.norms[0] > 10 * eps
        wrong = replace(solver, lam=solver.lam / 1e4)  # a multiplier too small leaves a bias above eps
        assert np.linalg.norm(wrong.estimate(problem, np.zeros(2)) - problem.hypergrad(np.zeros(2))) > eps


def test_outer_steps_grow_like_the_inverse_square_of_eps() -> None:
    """On the ramp ||grad phi|| halves after t = log 2/(-log(1 - 2 eta eps^2)) plain steps; F2BA adds its bias only."""
    taken, calls = [], []
    grid = (0.2, 0.1, 0.05)
    for eps in grid:
        problem = diagonal_lq(d=2, phi=Ramp(eps, 1.0, 1.0, 2), gamma=0.1, c0=0.1, h=0.5)
        eta = 1.0
        solver = F2BA(lam=4 / eps, eta=eta, tau=1 / (0.5 + 4 / eps), alpha=0.5, K_0=40, K=10, T=2000)
        result = run(solver, problem, StochasticOracle(problem, NoNoise()), problem.phi.start, eps=eps)
        assert result.status == "stationary"
        taken.append(result.state.t)
        calls.append(result.counts.sfo)
        assert result.state.t == pytest.approx(np.log(2) / -np.log1p(-2 * eta * eps**2), rel=0.15)
    slope = np.polyfit(np.log(grid), np.log(taken), 1)[0]
    assert slope == pytest.approx(-2, abs=0.1)


def contraction_steps(kappa: float, accelerated: bool) -> int:
    """Steps until ||y^K - y*|| <= 1e-6 ||y^0 - y*|| on a quadratic of that condition number."""
    curvatures = np.geomspace(1 / kappa, 1.0, 20)
    momentum = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1) if accelerated else 0.0
    seen: list[float] = []

    def gradient(v: np.ndarray, k: int) -> np.ndarray:
        seen.append(float(np.linalg.norm(v)))
        return curvatures * v

    descend(gradient, np.ones(20), 1.0, momentum, int(20 * kappa))
    return int(np.argmax(np.asarray(seen) <= 1e-6 * seen[0]))


def test_accelerated_inner_loop_needs_the_root_of_kappa() -> None:
    kappas = (16.0, 64.0, 256.0)
    for accelerated, power in ((False, 1.0), (True, 0.5)):
        steps = [contraction_steps(kappa, accelerated) for kappa in kappas]
        assert np.polyfit(np.log(kappas), np.log(steps), 1)[0] == pytest.approx(power, abs=0.07)
    # and the same powers in what the schedules prescribe, so kappa^4 becomes kappa^3.5
    for accelerated, power in ((False, 1.0), (True, 0.5)):
        wide = [SmoothClass(1 / k, 1.0, 1.0, 1.0, 1.0) for k in (1e4, 1e6)]
        K = [inner_loops(b, 1e12 * b.kappa, 1.0, 1e-9, 1.0, accelerated=accelerated).K_0 for b in wide]
        assert np.log(K[1] / K[0]) / np.log(100) == pytest.approx(power, abs=0.08)


def test_the_rate_in_kappa_and_eps_of_the_whole_schedule() -> None:
    """T K of Theorem 4.1 with its constants: eps^-2 and, with C_f = L_f = L_g = rho_g = 1, kappa^4 up to logarithms."""

    def total(kappa: float, eps: float) -> float:
        bounds = SmoothClass(1 / kappa, 1.0, 1.0, 1.0, 1.0)
        outer = outer_loop(bounds, eps, 1.0)
        loops = inner_loops(bounds, outer.lam, outer.eta, outer.zeta, 1.0)
        return outer.T * loops.K / np.log(4 * outer.lam * 2 * kappa / outer.zeta)

    assert np.log(total(100, 1e-4) / total(100, 1e-3)) / np.log(10) == pytest.approx(2, abs=0.05)
    assert np.log(total(1e4, 1e-3) / total(1e2, 1e-3)) / np.log(100) == pytest.approx(4, abs=0.1)


def test_array_library_is_kept(asarray) -> None:
    problem, x0 = skewed_polynomial(), asarray(X0)
    result = run(F2BA(**STEP | MOMENTA), problem, StochasticOracle(problem, Gaussian(0.2, 0.1), seeds=2), x0)
    assert type(result.state.x) is type(x0)
    assert result.state.x.device == x0.device
    expected = by_hand(problem, Gaussian(0.2, 0.1), 2, **STEP | MOMENTA)
    np.testing.assert_allclose(to_numpy(result.state.x), expected, rtol=1e-11)


@pytest.mark.parametrize("kappa", [2.0, 37.0, 1e4])
def test_dials_show_the_condition_number_asked_for(kappa: float) -> None:
    for make, p in ((lq_dial, 1), (polynomial_dial, 3)):
        if make is polynomial_dial and kappa < 4:
            continue
        problem = make(kappa, 3)
        assert problem.constants(p).kappa == pytest.approx(kappa, rel=1e-8)
        assert problem.mu == pytest.approx(1 / kappa, rel=1e-12)
        assert problem.constants(p).L_bar == pytest.approx(1, rel=1e-8)
    # attained: curvature of g in y is 1/kappa, and the joint Hessian of the quadratic one has norm 1
    problem = lq_dial(kappa, 3)
    E = np.hstack([-problem.B, np.eye(3)])
    assert np.linalg.norm(E.T @ problem.A_g @ E, 2) == pytest.approx(1, rel=1e-12)
    assert np.linalg.eigvalsh(problem.A_g)[0] == pytest.approx(1 / kappa)
    if kappa >= 4:
        problem = polynomial_dial(kappa, 3)
        s = np.array([-problem.g3[0] / problem.g4[0], 0, 0])
        e = np.array([1.0, 0, 0])
        assert problem.hvp_g(np.zeros(3), s, e)[0] == pytest.approx(1 / kappa)
        assert problem.hvp_g(np.zeros(3), np.zeros(3), e)[0] == pytest.approx(2 / kappa)


def test_noise_dial_is_the_total_standard_deviation() -> None:
    problem = lq_dial(10.0, 3)
    f, g = StochasticOracle(problem, noise_dial(problem, 0.7)).variance(np.zeros(3), np.zeros(3))
    assert float(f) == float(g) == pytest.approx(0.49)


BAD = [
    ({"lam": 0.0}, "lam"), ({"eta": -1}, "eta"), ({"tau": float("inf")}, "tau"), ({"alpha": "a"}, "alpha"),
    ({"K_0": 0}, "K_0"), ({"K": 1.5}, "K"), ({"T": True}, "T"), ({"beta_y": 1.0}, "beta_y"), ({"beta_z": -1}, "beta_z"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "argument"), BAD)
def test_bad_configurations_name_the_argument(change: dict[str, Any], argument: str) -> None:
    with pytest.raises(InputError, match=argument):
        F2BA(**STEP | change)


def test_bad_schedules_name_the_argument() -> None:
    bounds = SmoothClass(0.5, 1.0, 1.0, 1.0, 0.0)
    for words, call in (
        ("lam", lambda: inner_loops(bounds, 3.9, 1.0, 0.1, 1.0)),
        ("eps", lambda: outer_loop(bounds, 0.0, 1.0)),
        ("eps", lambda: outer_loop(bounds, 1e-200, 1.0)),
        ("L_g", lambda: SmoothClass(2.0, 1.0, 1.0, 1.0, 0.0)),
        ("C_f", lambda: SmoothClass(0.5, 0.0, 1.0, 1.0, 0.0)),
        ("kappa", lambda: lq_dial(1.0)),
        ("kappa", lambda: polynomial_dial(1.5)),
        ("d", lambda: lq_dial(10.0, 1)),
        ("sigma", lambda: noise_dial(lq_dial(), -1.0)),
    ):
        with pytest.raises(InputError, match=words):
            call()
