"""F2SA-p: what it does against the listing written out by hand, its counts, and the faults that must show."""

from __future__ import annotations

import numpy as np
import pytest

from bounds.stencil import stencil
from solvers.base import run
from solvers.f2sa_2 import F2SA2
from solvers.f2sa_p import F2SAp
from solvers.registry import SOLVERS
from synthetic.arrays import to_numpy
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import dense_lq
from synthetic.noise import Gaussian, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial

STEP = {"nu": 0.1, "eta_x": 0.05, "eta_y": 0.2, "S": 3, "K": 4, "T": 5}
X0 = np.array([0.5, -0.25])


def by_hand(problem, p: int, family: str, noise, seed: int, T: int, S: int, K: int, nu, eta_x, eta_y) -> np.ndarray:
    """Algorithms 1 and 2 line by line for one seed, one node at a time; returns x_T."""
    oracle = StochasticOracle(problem, noise, seeds=seed)
    s = stencil(p, family)
    x, y = X0.copy(), {j: np.zeros(problem.dim_y) for j in s.nodes}
    for t in range(T):
        Phi = np.zeros(problem.dim_x)
        for j, alpha in zip(s.nodes, map(float, s.weights)):
            if alpha == 0:
                continue
            for k in range(K):
                a = oracle.query(x, y[j], step=t, inner=k + 1, node=j)
                y[j] = y[j] - eta_y * (j * nu * a.Fy + a.Gy)
            a = oracle.query(x, y[j], step=t, inner=0, node=j, samples=S)
            Phi += alpha * (j * a.Fx + a.Gx / nu)
        x = x - eta_x * Phi / np.linalg.norm(Phi)
    return x


@pytest.mark.parametrize(
    ("p", "family"), [(1, "one_sided"), (2, "central"), (3, "one_sided"), (3, "balanced"), (4, "central")]
)
def test_equals_the_listing_step_for_step(p: int, family: str) -> None:
    problem, noise = skewed_polynomial(), Gaussian(0.3, 0.3)
    solver = F2SAp(p, family=family, **STEP)
    seeds = np.array([3, 11])
    result = run(solver, problem, StochasticOracle(problem, noise, seeds=seeds), np.stack([X0, X0]))
    for row, seed in zip(result.state.x, seeds):
        np.testing.assert_allclose(row, by_hand(problem, p, family, noise, int(seed), **STEP), rtol=1e-11)


def test_f2sa_2_is_f2sa_p_at_2() -> None:
    problem = skewed_polynomial()
    runs = [
        run(solver, problem, StochasticOracle(problem, Gaussian(0.3, 0.3), seeds=5), X0)
        for solver in (F2SAp(2, **STEP), F2SA2(**STEP))
    ]
    np.testing.assert_allclose(runs[0].state.x, runs[1].state.x, rtol=1e-12)
    assert runs[0].counts == runs[1].counts


@pytest.mark.parametrize("p", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("zero_node", [False, True])
def test_metered_calls_are_nodes_times_S_plus_K(p: int, zero_node: bool) -> None:
    problem = dense_lq(dim_x=2, dim_y=2)
    solver = F2SAp(p, zero_node=zero_node, **STEP)
    oracle = StochasticOracle(problem, Gaussian(0.1, 0.1), seeds=np.arange(4))
    counts = run(solver, problem, oracle, np.stack([X0] * 4)).counts
    nodes = p + 1 if p % 2 or zero_node else p
    assert counts.sfo == counts.F == counts.G == nodes * (3 + 4) * 5 == solver.calls
    assert counts.HVP == counts.JVP == counts.f == counts.g == 0


def test_budget_censors_and_keeps_what_was_done() -> None:
    problem = dense_lq(dim_x=2, dim_y=2)
    solver = F2SAp(2, **STEP)
    oracle = StochasticOracle(problem, NoNoise(), budget=2 * solver.calls // 5 + 3)
    result = run(solver, problem, oracle, X0)
    assert result.status == "budget"
    assert result.state.t == 2
    assert len(result.norms) == 3
    assert result.counts.sfo <= oracle.budget


@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_noiseless_long_inner_loops_give_the_exact_estimator(p: int) -> None:
    """K -> infinity without noise: Phi_t is the estimator with exact y*_{j nu}, whose bias the family knows exactly."""
    problem = dense_lq(dim_x=2, dim_y=2)
    solver = F2SAp(p, **STEP | {"K": 400, "S": 1, "T": 1})
    result = run(solver, problem, StochasticOracle(problem, NoNoise()), X0)
    bias = problem.bias(X0, solver.stencil.nodes, solver.nu)
    np.testing.assert_allclose(result.state.Phi, problem.hypergrad(X0) + bias, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(solver.estimate(problem, X0), result.state.Phi, rtol=1e-9, atol=1e-10)


def test_order_of_the_bias_is_p_through_the_solver_and_a_wrong_sign_is_seen() -> None:
    """Regression on the error order: halving nu divides the bias by 2^p; with one flipped weight it does not."""
    from dataclasses import replace

    problem = skewed_polynomial()
    for p in (1, 2, 3, 4):
        sizes = []
        for nu in (0.02, 0.01):
            solver = F2SAp(p, **STEP | {"nu": nu})
            sizes.append(np.linalg.norm(solver.estimate(problem, X0) - problem.hypergrad(X0)))
        assert np.log2(sizes[0] / sizes[1]) == pytest.approx(p, abs=0.06)
    right = stencil(4, "central")
    wrong = replace(right, weights=(*right.weights[:-1], -right.weights[-1]))
    sizes = [
        np.linalg.norm(F2SAp(4, family=wrong, **STEP | {"nu": nu}).estimate(problem, X0) - problem.hypergrad(X0))
        for nu in (0.02, 0.01)
    ]
    assert np.log2(sizes[0] / sizes[1]) < 1


def test_frozen_sample_is_caught() -> None:
    """As printed, one sample serves all k: the spread of y^K does not shrink with eta_y; with fresh samples it does.

    Additive noise on a quadratic: fresh, Var y^K -> sigma^2 eta/(h (2 - eta h)); frozen, -> sigma^2/h^2 for every eta.
    """
    problem = dense_lq(dim_x=2, dim_y=2, phi=QuadraticHyper((1.0, 1.0)))
    seeds = np.arange(4000)
    spread = {}
    for inner in ("fresh", "frozen"):
        solver = F2SAp(1, inner=inner, **STEP | {"eta_y": 0.05, "K": 200, "S": 1, "T": 1})
        oracle = StochasticOracle(problem, Gaussian(0.0, 1.0), seeds=seeds)
        y = run(solver, problem, oracle, np.tile(X0, (4000, 1))).state.y[:, 0]
        spread[inner] = np.cov(y.T)
    h, V = np.linalg.eigh(problem.A_g)
    expected = {"fresh": 0.05 / (h * (2 - 0.05 * h)), "frozen": 1 / h**2}
    for inner, value in expected.items():
        got = np.diag(V.T @ spread[inner] @ V)
        np.testing.assert_allclose(got, value, rtol=5 * np.sqrt(2 / 4000))
    assert np.all(expected["frozen"] > 10 * expected["fresh"])


def test_array_library_is_kept(asarray) -> None:
    problem, noise = skewed_polynomial(), Gaussian(0.3, 0.3)
    solver = F2SAp(3, **STEP)
    x0 = asarray(X0)
    result = run(solver, problem, StochasticOracle(problem, noise, seeds=2), x0)
    assert type(result.state.x) is type(x0)
    assert result.state.x.device == x0.device
    reference = by_hand(problem, 3, "one_sided", noise, 2, **STEP)
    np.testing.assert_allclose(to_numpy(result.state.x), reference, rtol=1e-11)


def test_shared_samples_in_x_are_shared() -> None:
    """With G noise alone and nodes +-1, shared samples cancel in Phi: (G_x(y+) - G_x(y-))/(2 nu) carries no noise."""
    problem = dense_lq(dim_x=2, dim_y=2)
    exact = {}
    for samples_x in ("shared", "independent"):
        solver = F2SAp(2, samples_x=samples_x, **STEP | {"K": 1, "T": 1})
        state = solver.init(problem, X0)
        noisy = solver.step(state, StochasticOracle(problem, Gaussian(0.0, 1.0), seeds=1))
        j_y = {1: noisy.y[1], -1: noisy.y[0]}
        clean = sum(
            0.5 * j * (j * problem.grad_f(X0, y)[0] + problem.grad_g(X0, y)[0] / solver.nu) for j, y in j_y.items()
        )
        exact[samples_x] = np.linalg.norm(noisy.Phi - clean)
    assert exact["shared"] < 1e-12
    assert exact["independent"] > 0.1


def test_normalised_step_has_length_eta_x_and_zero_stays() -> None:
    problem = dense_lq(dim_x=2, dim_y=2)
    solver = F2SAp(2, **STEP)
    state = solver.step(solver.init(problem, X0), StochasticOracle(problem, Gaussian(0.1, 0.1)))
    assert np.linalg.norm(state.x - X0) == pytest.approx(solver.eta_x)
    assert np.all(solver._direction(np.zeros(2)) == 0)


BAD = [
    ({"nu": 0.0}, "nu"), ({"nu": float("nan")}, "nu"), ({"eta_x": -1}, "eta_x"), ({"eta_y": "a"}, "eta_y"),
    ({"S": 0}, "S"), ({"K": 2.5}, "K"), ({"T": True}, "T"), ({"inner": "cold"}, "inner"),
    ({"family": "central"}, "family|p"), ({"p": 0}, "p"), ({"samples_x": "x"}, "samples_x"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "argument"), BAD)
def test_bad_configurations_name_the_argument(change: dict, argument: str) -> None:
    with pytest.raises(InputError, match=argument):
        F2SAp(**{"p": 3, **STEP} | change)


def test_registry_entries_load() -> None:
    for entry in SOLVERS.values():
        assert entry.load().needs
