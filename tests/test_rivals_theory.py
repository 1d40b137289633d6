"""The rivals' estimators against theory: biases, exactness, variance, corrections; convergence; planted faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solvers import pieces
from solvers.aid import AID, conjugate_gradients
from solvers.amigo import AmIGO
from solvers.base import run
from solvers.bo_rep import BOREP
from solvers.bome import BOME
from solvers.checkpoint import load, save
from solvers.f3sa import F3SA
from solvers.fdehbo import FdeHBO
from solvers.fmbo import FMBO
from solvers.fsla import FSLA
from solvers.itd import ITD
from solvers.mrbo import MRBO, VRBO
from solvers.pieces import neumann_sum, neumann_term, truncation
from solvers.pzobo import PZOBO
from solvers.soba import MASOBA, SABA, SOBA, saga
from solvers.stocbio import BSA, StocBiO
from solvers.sustain import SUSTAIN
from solvers.ttsa import TTSA
from synthetic.errors import InputError
from synthetic.finite_sum import finite_sum
from synthetic.linear_quadratic import dense_lq
from synthetic.noise import Gaussian, Minibatch, NoNoise
from synthetic.oracle import StochasticOracle
from synthetic.polynomial import skewed_polynomial

LQ = dense_lq(2, 3)
H = LQ.A_g
J = np.array([LQ.jvp_g(np.zeros(2), np.zeros(3), e) for e in np.eye(3)]).T
X0, Y0, B = np.array([1.0, -1.0]), np.array([0.5, -0.25, 0.75]), np.array([1.0, 2.0, -0.5])
ETA = 0.2
MU = float(np.linalg.eigvalsh(H)[0])


def power(M: np.ndarray, n: int) -> np.ndarray:
    return np.linalg.matrix_power(M, n)


def neumann_bias(estimate: np.ndarray, Q: int) -> float:
    """Distance of an estimate of H^{-1} B from the one with exactly the bias -(I - eta H)^{Q+1} H^{-1} B."""
    v = np.linalg.solve(H, B)
    return float(np.linalg.norm(estimate - (v - power(np.eye(3) - ETA * H, Q + 1) @ v)))


@pytest.mark.parametrize("Q", [1, 4, 12])
def test_neumann_series_has_its_bias_and_a_mis_scaled_one_is_caught(Q: int) -> None:
    oracle = StochasticOracle(LQ, NoNoise())
    v = neumann_sum(oracle, X0, Y0, B, ETA, (1,) * Q, step=0, first=0)
    assert neumann_bias(v, Q) < 1e-14
    bound = (1 - ETA * MU) ** (Q + 1) * np.linalg.norm(B) / MU
    assert np.linalg.norm(v - np.linalg.solve(H, B)) <= bound
    assert neumann_bias(v / ETA, Q) > 1.0  # eta forgotten
    assert neumann_bias(ETA * v, Q) > 0.1  # eta twice
    late = neumann_sum(oracle, X0, Y0, B, ETA, (1,) * (Q + 1), step=0, first=0)
    assert neumann_bias(late, Q) > 1e-4  # one term more
    assert oracle.counts.HVP == 2 * Q + 1


def test_random_truncation_is_the_series_in_expectation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over p = 0 .. Q - 1 is H^{-1} b - (I - H/L)^Q H^{-1} b; p is uniform over the steps; Q - 1 in place of
    the factor Q is caught.
    """
    L, Q, v = 1 / ETA, 6, np.linalg.solve(H, B)
    oracle, terms = StochasticOracle(LQ, NoNoise()), []
    for p in range(Q):
        monkeypatch.setattr(pieces, "truncation", lambda *_, p=p: p)
        terms.append(neumann_term(oracle, X0, Y0, B, L, Q, step=0, first=0))
    expected = v - power(np.eye(3) - ETA * H, Q) @ v
    np.testing.assert_allclose(np.mean(terms, axis=0), expected, rtol=1e-12)
    assert np.linalg.norm(np.mean(terms, axis=0) * (Q - 1) / Q - expected) > 0.1
    assert oracle.counts.HVP == Q * (Q - 1) // 2
    counts = np.bincount([truncation(0, t, Q) for t in range(3000)], minlength=Q)
    assert counts.size == Q
    assert np.sum((counts - 500) ** 2 / 500) < 25.7  # chi-square, 5 degrees of freedom, 1e-4
    assert [truncation(1, t, Q) for t in range(20)] != [truncation(0, t, Q) for t in range(20)]


def test_cg_is_exact_after_d_steps_and_the_fixed_point_after_none() -> None:
    """At y^D: cg has v = H^{-1} f_y at N = d (not at N < d); N fixed-point steps leave (I - eta H)^N of the error."""
    for N, exact in ((1, False), (2, False), (3, True), (5, True)):
        for warm_v in (True, False):
            state = run(AID(1, D=3, N=N, warm_v=warm_v), LQ, StochasticOracle(LQ, NoNoise()), X0).state
            error = np.linalg.norm(state.v - np.linalg.solve(H, LQ.grad_f(X0, state.y)[1]))
            assert (error < 1e-12) == exact
    state = run(AID(1, D=3, N=7, method="fixed", eta_v=ETA), LQ, StochasticOracle(LQ, NoNoise()), X0).state
    v = np.linalg.solve(H, LQ.grad_f(X0, state.y)[1])
    np.testing.assert_allclose(state.v - v, -power(np.eye(3) - ETA * H, 7) @ v, rtol=1e-10)


def test_cg_stays_at_a_solved_system() -> None:
    """b = 0 divides nothing by zero; more steps than dimensions stay finite and exact."""
    b = np.stack([B, 0 * B])
    v = conjugate_gradients(lambda w: w @ H, b, 0 * b, 30, False)
    np.testing.assert_allclose(v, np.linalg.solve(H, b.T).T, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("D", [1, 5, 20])
def test_itd_has_its_bias(D: int) -> None:
    solver = ITD(1, D=D, eta_y=ETA)
    state = run(solver, LQ, StochasticOracle(LQ, NoNoise()), X0, Y0).state
    fx, fy = LQ.grad_f(X0, state.y)
    v = np.linalg.solve(H, fy)
    np.testing.assert_allclose(state.Phi, fx - J @ v + J @ power(np.eye(3) - ETA * H, D) @ v, rtol=1e-11, atol=1e-13)


def test_itd_is_the_gradient_of_its_own_unrolled_objective() -> None:
    """Differences of x -> f(x, y^D(x)) on a non-quadratic instance, the samples frozen (additive noise in G does not
    depend on x).
    """
    problem, D, x, y0 = skewed_polynomial(), 6, np.array([0.5, -0.25]), np.array([0.3, 0.1])
    oracle = StochasticOracle(problem, Gaussian(0.0, 0.3), seeds=5)

    def unrolled(x: np.ndarray) -> float:
        y = pieces.descend(oracle, x, y0, 0.1, D, step=0)
        return float(problem.f(x, y))

    Phi = run(ITD(1, D=D), problem, oracle, x, y0).state.Phi
    step = 1e-5
    slope = [(unrolled(x + step * e) - unrolled(x - step * e)) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(Phi, slope, rtol=1e-7)


@pytest.mark.parametrize("mu", [1e-3, 1.0])
def test_pzobo_estimates_the_itd_gradient_without_bias_on_a_quadratic(mu: float) -> None:
    """E Phi is that of ITD for every mu, and its variance falls like 1/Q."""
    runs, target = 4000, run(ITD(1, D=5), LQ, StochasticOracle(LQ, NoNoise()), X0, Y0).state.Phi
    spread = []
    for Q in (1, 4):
        oracle = StochasticOracle(LQ, NoNoise(), seeds=np.arange(runs))
        Phi = run(PZOBO(1, N=5, Q=Q, mu=mu), LQ, oracle, np.tile(X0, (runs, 1)), np.tile(Y0, (runs, 1))).state.Phi
        error = Phi - target
        assert np.all(np.abs(error.mean(axis=0)) < 5 * error.std(axis=0) / np.sqrt(runs))
        spread.append(np.mean(np.sum(error**2, axis=-1)))
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.35)


def test_batches_divide_the_variance() -> None:
    """stocBiO on a quadratic is linear in all its additive noises: batches of 4 quarter the variance of Phi."""
    runs, spread = 3000, []
    for n in (1, 4):
        solver = StocBiO(1, D=3, Q=3, S=n, D_f=n, D_g=n, B=n)
        oracle = StochasticOracle(LQ, Gaussian(0.5, 0.5, sigma_h=0.5), seeds=np.arange(runs))
        Phi = run(solver, LQ, oracle, np.tile(X0, (runs, 1))).state.Phi
        spread.append(np.mean(np.var(Phi, axis=0)))
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.2)


# -- recursive momentum ----------------------------------------


def noiseless_gap(solver, steps: int = 6) -> float:
    """Without noise every momentum equals the sample at the present point exactly; largest violation over ``steps``."""
    problem = skewed_polynomial()
    oracle = StochasticOracle(problem, NoNoise())
    state, worst = solver.init(problem, np.array([0.5, -0.25])), 0.0
    for t in range(steps):
        before, state = state, solver.step(state, oracle)
        x, y = before.x, before.y
        if isinstance(solver, MRBO | VRBO):
            at = (state.x, state.y) if isinstance(solver, VRBO) else (x, y)
            from solvers.mrbo import sample

            exact = sample(StochasticOracle(problem, NoNoise()), *at, solver.eta, solver.Q, 1, step=t)
            pairs = list(zip((state.u, state.v), exact))
        elif isinstance(solver, SUSTAIN):
            pairs = [(state.h_g, problem.grad_g(x, y)[1])]
        elif isinstance(solver, FSLA):
            pairs = [(state.d, problem.grad_f(x, state.y)[0] - problem.jvp_g(x, state.y, state.v))]
        else:
            z = before.z
            (fx, _), (gx, _) = problem.grad_f(x, state.y), problem.grad_g(x, state.y)
            exact = (problem.grad_g(x, z)[1], problem.grad_f(x, y)[1], problem.grad_g(x, y)[1], fx, gx,
                     problem.grad_g(x, state.z)[0])  # fmt: skip
            pairs = list(zip(state.h, exact))
        worst = max(worst, *(float(np.linalg.norm(a - b)) for a, b in pairs))
    return worst


RECURSIVE = [
    (MRBO(9, Q=3, c_x=2.0, c_y=2.0), "old"), (SUSTAIN(9, c_f=2.0, c_g=2.0), "old"), (F3SA(9), "old"),
    (FSLA(9), "x_old"),    (VRBO(9, Q=3, period=9), None),
]  # fmt: skip


@pytest.mark.parametrize(("solver", "field"), RECURSIVE, ids=lambda c: type(c).__name__ if hasattr(c, "T") else "")
def test_corrections_follow_the_moving_point_and_an_aliased_old_iterate_is_caught(solver, field) -> None:
    assert noiseless_gap(solver) < 1e-12
    if field is None:
        return

    class Aliased(type(solver)):  # type: ignore[misc]
        """The stored "old" point is overwritten by the present one before the step."""

        def step(self, state, oracle):
            present = {"x_old": state.x, "old": tuple(getattr(state, k) for k in "xyz" if hasattr(state, k))}
            return super().step(replace(state, **{field: present[field]}), oracle)

    assert noiseless_gap(Aliased(**{f: getattr(solver, f) for f in solver.__dataclass_fields__})) > 1e-4


def test_f3sa_momentum_has_the_variance_of_its_recursion() -> None:
    """Additive noise: e_t = (1 - eta) e_{t-1} + eta n_t, so Var h_z = (1-eta)^{2t} + eta^2 sum (1-eta)^{2i} exactly."""
    runs, T, eta = 4000, 10, 0.25
    oracle = StochasticOracle(LQ, Gaussian(0.0, 1.0), seeds=np.arange(runs))
    state = run(F3SA(T, eta_low=eta), LQ, oracle, np.tile(X0, (runs, 1))).state
    x, _, z = state.old
    error = state.h[0] - LQ.grad_g(x, z)[1]
    q = (1 - eta) ** 2
    variance = q ** (T - 1) + eta**2 * sum(q**i for i in range(T - 1))
    assert np.mean(error**2) == pytest.approx(variance, rel=5 * np.sqrt(2 / error.size))
    assert abs(variance - eta**2) > 0.05  # what a correction that cancels everything would give


# -- SABA ----------------------------------------


def test_saga_is_unbiased_for_every_table() -> None:
    rng = np.random.default_rng(0)
    table, new = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    corrected, tables = zip(*(saga(new[i], table, np.array([i])) for i in range(5)))
    np.testing.assert_allclose(np.mean(corrected, axis=0), new.mean(axis=0), rtol=1e-12)
    for i, updated in enumerate(tables):
        np.testing.assert_array_equal(updated[i], new[i])
        np.testing.assert_array_equal(np.delete(updated, i, 0), np.delete(table, i, 0))


def test_saba_converges_linearly_where_soba_stalls_and_a_frozen_table_is_caught() -> None:
    problem = finite_sum(n=4, spread=0.25)
    steps = {"gamma": 0.1, "rho": 0.2}

    class Frozen(SABA):
        def step(self, state, oracle):
            return replace(super().step(state, oracle), tables=state.tables)

    end = {}
    for solver in (SABA(200, **steps), SOBA(200, **steps), Frozen(200, **steps)):
        result = run(solver, problem, StochasticOracle(problem, Minibatch(1, 1), seeds=4), X0)
        end[type(solver).__name__] = float(np.mean(result.norms[-20:]))
        assert result.counts == solver.cost()
    assert end["SABA"] < 1e-3
    assert min(end["SOBA"], end["Frozen"]) > 10 * end["SABA"]


def test_saba_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="finite sum"):
        SABA(3).init(LQ, X0)
    problem = finite_sum(n=4)
    for noise in (Gaussian(0.1, 0.1), Minibatch(2, 1)):
        with pytest.raises(InputError, match="Minibatch"):
            run(SABA(3), problem, StochasticOracle(problem, noise), X0)


# -- convergence ----------------------------------------

EXACT_LIMIT = [
    (AID(80, eta_x=0.2, eta_y=0.3), 1e-4), (AID(80, eta_x=0.2, eta_y=0.3, eta_v=0.3, method="fixed"), 1e-4),
    (ITD(60, eta_x=0.2, eta_y=0.3, D=25), 5e-3), (StocBiO(60, alpha=0.3, beta=0.2, D=5, Q=25, eta=0.3), 5e-3),
    (MRBO(60, gamma=2.0, lam=3.0, Q=12, eta=0.4), 1e-3), (VRBO(25, alpha=0.3, beta=0.3, m=2, Q=12, eta=0.4), 1e-3),
    (SOBA(150, gamma=0.15, rho=0.3), 1e-4), (MASOBA(150, gamma=0.15, rho=0.3, theta=0.5), 1e-3),
    (AmIGO(80, alpha=0.3, beta=0.15, eta=0.3), 1e-4), (FSLA(150, alpha=0.15, gamma=0.3, tau=0.3), 1e-4),
    (BSA(120, alpha=0.3, beta=0.04, D=1.0, L=2.5, Q=8), 0.14), (SUSTAIN(150, c_alpha=0.15, L=2.5, Q=8), 0.14),
    (TTSA(150, alpha=0.4, beta=0.4, L=2.5, Q=8), 0.14), (BOME(150, xi=0.05, alpha=0.3, K=10), 0.14),
    (F3SA(300, alpha=0.02, lam=15.0, gamma=0.3, xi=4.0), 0.14), (PZOBO(100, alpha=0.3, beta=0.05), 0.14),
]  # fmt: skip


@pytest.mark.parametrize(("solver", "target"), EXACT_LIMIT, ids=lambda c: type(c).__name__ if hasattr(c, "T") else "")
def test_converges_without_noise(solver, target: float) -> None:
    """From ||grad phi|| = 1.41 to ``target`` on exact answers: to a tenth at least for methods with random truncations,
    random directions or a penalty bias, which have a floor of their own; far below it for the others.
    """
    result = run(solver, LQ, StochasticOracle(LQ, NoNoise(), experiment=1), X0)
    assert result.norms[0] > 1.4
    assert np.mean(result.norms[-(solver.T // 10) :]) < target
    assert result.counts == solver.cost(experiment=1)


BAD = [
    (StocBiO, "Q", 0), (StocBiO, "mu", -1.0), (BSA, "L", 0.0), (AID, "method", "lu"), (ITD, "D", 1.5), (MRBO, "d", 0.0),
    (VRBO, "period", 0), (SUSTAIN, "w", 0.0), (TTSA, "a", 2.0), (SOBA, "power", -0.5), (MASOBA, "theta", 0.0),
    (AmIGO, "N", 0), (FSLA, "eta", 1.5), (BOME, "xi", float("nan")), (F3SA, "eta_low", 0.0), (PZOBO, "mu", 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "value"), BAD)
def test_bad_configurations_name_the_argument(kind, name: str, value: object) -> None:
    with pytest.raises(InputError, match=name):
        kind(**{"T": 3, name: value})


def test_orders_of_stocbio() -> None:
    """S, D_f, D_g, B = (kappa sigma/eps)^2 and D, Q = kappa log(kappa/eps): halving eps quadruples the batches."""
    one, two = (StocBiO.orders(eps, 10, mu=0.5, L=2.0, sigma=1.0, beta=0.1) for eps in (0.1, 0.05))
    assert (one.S, two.S) == (1600, 6400)
    assert one.Q == one.D == 15  # ceil(4 log 40)
    assert (one.alpha, one.eta) == (pytest.approx(0.8), 0.5)


def test_running_twice_and_side_by_side_is_the_same_bit_for_bit() -> None:
    """Determinism by seed, for a method with random truncation and one with own random directions."""
    for solver in (SUSTAIN(4), PZOBO(4)):
        noise = Gaussian(0.3, 0.3, sigma_h=0.1)
        alone = run(solver, LQ, StochasticOracle(LQ, noise, seeds=7), X0).state.x
        pair = run(solver, LQ, StochasticOracle(LQ, noise, seeds=np.array([2, 7])), np.stack([X0, X0])).state.x
        np.testing.assert_allclose(pair[1], alone, rtol=1e-13)
        again = run(solver, LQ, StochasticOracle(LQ, noise, seeds=7), X0).state.x
        np.testing.assert_array_equal(again, alone)
        assert np.linalg.norm(pair[0] - alone) > 1e-4


@pytest.mark.parametrize(
    "solver",
    [FMBO(6), FdeHBO(6), BOREP(6), StocBiO(6), BSA(6), AID(6), ITD(6), MRBO(6), VRBO(6), SUSTAIN(6), TTSA(6), SOBA(6),
     MASOBA(6), SABA(6), AmIGO(6), FSLA(6), BOME(6), F3SA(6), PZOBO(6)],
    ids=lambda s: type(s).__name__,
)  # fmt: skip
def test_a_checkpoint_continues_bit_for_bit(solver, tmp_path) -> None:
    problem, noise, seeds = finite_sum(n=4), Minibatch(1, 1), np.array([2, 7])
    x0 = np.stack([X0, X0])
    whole = run(solver, problem, StochasticOracle(problem, noise, seeds=seeds), x0)
    half, oracle = solver.init(problem, x0), StochasticOracle(problem, noise, seeds=seeds)
    for _ in range(3):
        half = solver.step(half, oracle)
    save(tmp_path / "half", half, oracle=oracle, solver=solver)
    fresh = StochasticOracle(problem, noise, seeds=seeds)
    state = load(tmp_path / "half", solver.init(problem, x0), oracle=fresh, solver=solver)
    done = run(solver, problem, fresh, x0, state=state)
    np.testing.assert_array_equal(done.state.x, whole.state.x)
    np.testing.assert_array_equal(done.state.y, whole.state.y)
    assert done.counts == whole.counts == solver.cost()
