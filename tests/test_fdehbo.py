"""FdeHBO and FMBO: the listings by hand, exact counts, the finite differences, and the faults that must show."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.base import run
from solvers.fdehbo import FdeHBO
from solvers.fmbo import FMBO, radius
from solvers.pieces import storm
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.finite_sum import finite_sum
from synthetic.linear_quadratic import dense_lq
from synthetic.noise import Gaussian, Minibatch, Multiplicative, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial

PROBLEM = skewed_polynomial()
X0, Y0 = np.array([0.5, -0.25]), np.array([0.3, 0.1])
Vector = np.ndarray


def by_hand(s: FMBO, noise, seed: int, printed_slip: bool = False) -> Vector:
    """Algorithm 1 (an FdeHBO) or 2 line by line; ``printed_slip``: Eq. (12) with h^g_{t-1} in h^R."""
    o = StochasticOracle(PROBLEM, noise, seeds=seed)

    def product(x: Vector, y: Vector, v: Vector, t: int, k: int) -> Vector:
        if isinstance(s, FdeHBO):
            up, down = (o.G(x, y + d * v, step=t, inner=k, samples=s.S) for d in (s.delta, -s.delta))
            return (up[2 - k] - down[2 - k]) / (2 * s.delta)  # k = 1: y part, k = 2: x part
        return (o.hvp if k == 1 else o.jvp)(x, y, v, step=t, inner=k, samples=s.S)

    def samples(x: Vector, y: Vector, v: Vector, t: int) -> tuple[Vector, Vector, Vector]:
        g = o.G(x, y, step=t, inner=0, samples=s.S)[1]
        R = product(x, y, v, t, 1) - o.F(x, y, step=t, inner=1, samples=s.S)[1]
        return g, R, o.F(x, y, step=t, inner=2, samples=s.S)[0] - product(x, y, v, t, 2)

    x, y, v = old = X0, Y0, 0 * Y0
    g = R = f = 0 * X0
    for t in range(s.T):
        a = s.c_alpha / (s.w + t) ** (1 / 3)
        shares = [1.0] * 3 if t == 0 else [min(1.0, c * a**2) for c in (s.c_g, s.c_R, s.c_f)]
        new, before = samples(x, y, v, t), samples(*old, t)
        last = (g, g if printed_slip else R, f)
        g, R, f = (e * n + (1 - e) * (h + n - b) for e, n, b, h in zip(shares, new, before, last))
        old = (x, y, v)
        w = v - s.c_lambda * a * R
        x, y = x - a * f, y - s.c_beta * a * g
        v = w if np.linalg.norm(w) <= s.r_v else s.r_v * w / np.linalg.norm(w)
    return x


SOLVERS = [
    FMBO(8), FMBO(8, S=2, r_v=0.2), FdeHBO(8, delta=0.05), FdeHBO(8, delta=0.01, S=2, r_v=0.2, c_f=30.0),
]  # fmt: skip


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("noise", [Gaussian(0.3, 0.3, sigma_h=0.2), Multiplicative(0.3, 0.3, sigma_h=0.2)])
def test_equals_the_listing_step_for_step(solver: FMBO, noise) -> None:
    seeds = np.array([3, 11])
    oracle = StochasticOracle(PROBLEM, noise, seeds=seeds)
    result = run(solver, PROBLEM, oracle, np.stack([X0, X0]), np.stack([Y0, Y0]))
    for row, seed in zip(result.state.x, seeds):
        np.testing.assert_allclose(row, by_hand(solver, noise, int(seed)), rtol=1e-9)
        assert np.linalg.norm(row - by_hand(solver, noise, int(seed), printed_slip=True)) > 1e-4
    assert result.counts == solver.cost()


@pytest.mark.parametrize("S", [1, 3])
def test_counts_by_step(S: int) -> None:
    """FdeHBO: 7 S then 14 S SFO a step and no product; FMBO: 3 S then 6 S SFO, 1 S then 2 S of each product."""
    for solver, sfo, products in ((FdeHBO(5, S=S), 7, 0), (FMBO(5, S=S), 3, 1)):
        oracle = StochasticOracle(PROBLEM, Gaussian(0.1, 0.1))
        state, seen = solver.init(PROBLEM, X0), []
        while not solver.terminate(state):
            state = solver.step(state, oracle)
            seen.append((oracle.counts.sfo, oracle.counts.HVP, oracle.counts.JVP))
        steps = np.diff(np.array([(0, 0, 0), *seen]), axis=0).tolist()
        first = [sfo * S, products * S, products * S]
        assert steps == [first] + [[2 * n for n in first]] * 4
        assert seen[-1][0] == solver.calls


def test_finite_differences_have_second_order_and_the_papers_bound() -> None:
    """|H~ - H v| and |J~ - J v| fall by 4 when delta halves (central difference), and lie below L ||v||^2 delta."""
    oracle = StochasticOracle(PROBLEM, NoNoise())
    v, errors = np.array([0.7, -1.1]), []
    for delta in (0.2, 0.1):
        solver = FdeHBO(1, delta=delta)
        Hv = solver._difference(oracle, X0, Y0, v, 0, 1, "y") - PROBLEM.hvp_g(X0, Y0, v)
        Jv = solver._difference(oracle, X0, Y0, v, 0, 2, "x") - PROBLEM.jvp_g(X0, Y0, v)
        errors.append((np.linalg.norm(Hv), np.linalg.norm(Jv)))
        bound = PROBLEM.constants(2).L[2].value * float(v @ v) * delta
        assert max(errors[-1]) <= bound
    ratios = np.array(errors[0]) / np.array(errors[1])
    np.testing.assert_allclose(ratios, 4.0, rtol=1e-6)  # g is quartic: the third-order term is all there is


def test_one_sample_cancels_two_do_not() -> None:
    """On one sample additive noise cancels in a difference, whatever delta; on two samples the error is 1/delta."""

    class TwoSamples(FdeHBO):
        def _difference(self, oracle, x, y, v, t, inner, part):
            ahead = oracle.G(x, y + self.delta * v, step=t, inner=inner)
            behind = oracle.G(x, y - self.delta * v, step=t, inner=inner + 7)
            return (ahead["xy".index(part)] - behind["xy".index(part)]) / (2 * self.delta)

    problem = dense_lq(2, 2)
    v = np.ones(2)
    for delta in (1e-2, 1e-3):
        oracle = StochasticOracle(problem, Gaussian(0.0, 1.0))
        right = FdeHBO(1, delta=delta)._difference(oracle, X0, Y0, v, 0, 1, "y") - problem.hvp_g(X0, Y0, v)
        wrong = TwoSamples(1, delta=delta)._difference(oracle, X0, Y0, v, 0, 1, "y") - problem.hvp_g(X0, Y0, v)
        assert np.linalg.norm(right) < 1e-10
        assert np.linalg.norm(wrong) > 0.05 / delta


def gap(solver: FMBO, steps: int = 6) -> float:
    """Without noise the recursion gives h_t = the sample at w_t EXACTLY, however far w_t moved; largest violation."""
    oracle, state, worst = StochasticOracle(PROBLEM, NoNoise()), solver.init(PROBLEM, X0), 0.0
    for _ in range(steps):
        before, state = state, solver.step(state, oracle)
        x, y, v = before.x, before.y, before.v
        for h, exact in (
            (state.h_g, PROBLEM.grad_g(x, y)[1]),
            (state.h_R, PROBLEM.hvp_g(x, y, v) - PROBLEM.grad_f(x, y)[1]),
            (state.h_f, PROBLEM.grad_f(x, y)[0] - PROBLEM.jvp_g(x, y, v)),
        ):
            worst = max(worst, float(np.linalg.norm(h - exact)))
    return worst


def test_an_old_iterate_that_aliases_the_new_one_is_caught() -> None:
    class Aliased(FMBO):
        def step(self, state, oracle):
            from dataclasses import replace

            return super().step(replace(state, old=(state.x, state.y, state.v)), oracle)

    assert gap(FMBO(9)) < 1e-13
    assert gap(FdeHBO(9, delta=1e-4)) < 1e-5
    assert gap(Aliased(9)) > 1e-2


def test_correction_reduces_the_variance_as_the_recursion_says() -> None:
    """Additive noise: e_t = (1 - eta_t) e_{t-1} + eta_t n_t exactly, so Var h^g is known for every t."""
    problem, runs = dense_lq(2, 2), 4000
    solver = FMBO(12, c_g=20.0)
    oracle = StochasticOracle(problem, Gaussian(0.0, 1.0), seeds=np.arange(runs))
    state, variance = solver.init(problem, np.tile(X0, (runs, 1))), 0.0
    while not solver.terminate(state):
        eta = 1.0 if state.t == 0 else min(1.0, solver.c_g * solver.alpha(state.t) ** 2)
        variance = (1 - eta) ** 2 * variance + eta**2
        before, state = state, solver.step(state, oracle)
    error = state.h_g - problem.grad_g(before.x, before.y)[1]
    assert np.mean(error**2) == pytest.approx(variance, rel=5 * np.sqrt(2 / error.size))
    assert variance < 0.2  # a plain sample has 1


def test_projection_holds_and_matters() -> None:
    problem = dense_lq(2, 2)
    for r_v, active in ((0.05, True), (1e3, False)):
        oracle, solver = StochasticOracle(problem, NoNoise()), FMBO(50, r_v=r_v)
        v = run(solver, problem, oracle, X0).state.v
        assert (np.linalg.norm(v) == pytest.approx(r_v)) == active
        assert np.linalg.norm(v) <= r_v * (1 + 1e-12)


@pytest.mark.parametrize("solver", [FMBO(250, c_alpha=0.5), FdeHBO(250, c_alpha=0.5, delta=0.1, r_v=20.0)])
def test_converges_without_noise(solver: FMBO) -> None:
    problem = dense_lq(2, 3)
    assert run(solver, problem, StochasticOracle(problem, NoNoise()), np.array([1.0, -1.0])).norms[-1] < 1e-4


def test_comes_close_on_a_finite_sum() -> None:
    """Mean-squared smooth noise: three seeds end, in the mean over the last quarter, below a tenth of the start."""
    problem, seeds = finite_sum(n=8, spread=0.25, tilt=0.1), np.arange(3)
    oracle = StochasticOracle(problem, Minibatch(1, 1), seeds=seeds)
    norms = run(FMBO(200, c_alpha=0.5), problem, oracle, np.tile([1.0, -1.0], (3, 1))).norms
    assert np.mean(norms[-50:]) < 0.1 * norms[0, 0]


def test_theorem_1_with_its_constants() -> None:
    T, mu, C_fy, L = 1000, 0.5, 4.0, 3.0
    solver = FdeHBO.theorem(T, mu=mu, C_fy=C_fy, L_gxy=1.0, L_gyy=L, c_f=5.0, c_R=2.0, w=27.0)
    assert solver.r_v == 4.0 == radius(C_fy, mu)  # sqrt(4)/0.5; C_fy/mu = 8 is the print
    assert solver.delta == pytest.approx(2.0 / (8 * L * 16 * (27 + 999) ** (2 / 3)), rel=1e-14)
    assert solver.alpha(0) == pytest.approx(solver.c_alpha / 3)
    assert solver.alpha(37) / solver.alpha(485) == pytest.approx(2.0)  # (w + t)^{-1/3}: 64 and 512
    assert FdeHBO.theorem(T, mu=mu, C_fy=C_fy, L_gxy=0.0, L_gyy=0.0).delta == 1.0


def test_storm_by_formula_and_array_library(asarray) -> None:
    h = storm(0.25, np.array([1.0]), np.array([3.0]), np.array([10.0]))
    assert h == pytest.approx(0.25 * 1 + 0.75 * (10 + 1 - 3))
    solver, noise = SOLVERS[3], Gaussian(0.3, 0.3)
    result = run(solver, PROBLEM, StochasticOracle(PROBLEM, noise, seeds=2), asarray(X0), asarray(Y0))
    assert type(result.state.x) is type(asarray(X0))
    np.testing.assert_allclose(to_numpy(result.state.x), by_hand(solver, noise, 2), rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "change"),
    [(FMBO, {"c_beta": 0.0}), (FMBO, {"T": 0}), (FMBO, {"S": 1.5}), (FMBO, {"r_v": -1.0}), (FdeHBO, {"delta": 0.0}),
     (FdeHBO, {"r_v": float("inf")})],
)  # fmt: skip
def test_bad_configurations_name_the_argument(kind, change: dict) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        kind(**{"T": 3} | change)
