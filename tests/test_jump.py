"""The jump kernel: its formulas against explicit sums, its law against the literal kernel, its bookkeeping."""

import subprocess
import sys
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import stats

import solvers.jump_tables
from bounds.stencil import stencil
from solvers.jump import Dense, Diagonal, JumpConfig, Stage, run_jump
from solvers.jump_dense import dense_coupling
from solvers.literal_numba import run_literal
from solvers.lq_law import contraction, coupling, joint_factor, noise_scale
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper, Ramp, RationalWells
from synthetic.linear_quadratic import LinearQuadratic, dense_lq, diagonal_lq

CURVATURE, A, H = (0.5, 1.0, 1.0, 2.0), (1.0, 1.0, 2.0, 1.5), (0.5, 0.5, -0.25, 0.75)
B, GAMMA, C0 = (1.0, 1.0, 0.5, -0.75), (1.0, 1.0, 0.5, 0.25), (3.0, -1.0, 2.0, 0.5)
DIAGONAL = Diagonal(*map(np.array, (CURVATURE, A, H, B, GAMMA, C0)))


def configuration(p: int = 2, **changes: object) -> JumpConfig:
    s = stencil(p)
    base: dict = {
        "problem": DIAGONAL, "x0": (1.0, -1.0, 0.5, 0.2), "nodes": s.nodes, "weights": s.weights, "nu": 0.1,
        "eta_x": 0.05, "eta_y": 0.15, "S": 2, "K": 4, "T_max": 24, "eps": 1e-3, "sigma_f": 0.5, "sigma_g": 0.3,
        "stop": False, "checkpoints": (2, 6, 12, 24),
    }  # fmt: skip
    return JumpConfig(**(base | changes))


# -- formulas -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("K", [0, 1, 2, 7, 50])
@pytest.mark.parametrize("eta", [1e-3, 0.4, 0.9, 1.0, 1.3])
def test_contraction_and_noise_are_the_explicit_sums(eta, K):
    curvature = np.array([0.7, 1.0, 1.4])
    r = 1 - eta * curvature
    np.testing.assert_allclose(contraction(eta, curvature, K), np.prod([r] * K, axis=0), rtol=1e-12, atol=1e-14)
    fresh = np.sqrt(sum((eta**2 * r ** (2 * k) for k in range(K)), np.zeros(3)))
    np.testing.assert_allclose(noise_scale(eta, curvature, K), fresh, rtol=1e-12)
    frozen = np.abs(sum((eta * r**k for k in range(K)), np.zeros(3)))
    np.testing.assert_allclose(np.abs(noise_scale(eta, curvature, K, "frozen")), frozen, rtol=1e-12)


@pytest.mark.parametrize("eta", [1e-12, 1e-17, 1e-20])
def test_tiny_steps_and_astronomic_K_keep_every_digit(eta):
    """Below eta H = 1e-16, 1 - eta H is 1: log(1 - eta H) says that nothing ever moves."""
    K, curvature = int(2 / eta), np.array([0.7, 1.3])
    with mpmath.workdps(60):
        r = [1 - mpmath.mpf(eta) * mpmath.mpf(float(v)) for v in curvature]
        rho = np.array([float(v**K) for v in r])
        tau = np.array([float(mpmath.mpf(eta) * mpmath.sqrt((1 - v ** (2 * K)) / (1 - v * v))) for v in r])
    np.testing.assert_allclose(contraction(eta, curvature, K), rho, rtol=1e-13)
    np.testing.assert_allclose(noise_scale(eta, curvature, K), tau, rtol=1e-13)
    naive = np.exp(K * np.log(1 - eta * curvature))
    assert np.all(np.abs(naive / rho - 1) > (0.5 if eta < 1e-16 else 1e-6))


@pytest.mark.parametrize("p", [1, 2, 3, 4, 8])
def test_the_bias_is_the_instances_own(p):
    """Noiseless, converged inner loops: one plain step moves x by -eta_x (grad phi + bias), bias in closed form."""
    problem = diagonal_lq(d=3, a=1.5, h=0.75, c0=(900.0, -3.0, 7.0), gamma=1.25, b=0.5)
    s = stencil(p)
    x0 = np.array([0.5, -1.0, 2.0])
    diagonal = Diagonal(np.ones(3), 1.5, 0.75, 0.5, 1.25, problem.c0)
    config = configuration(
        p, problem=diagonal, x0=x0, sigma_f=0.0, sigma_g=0.0, K=2000, normalise=False, T_max=1, checkpoints=(0,)
    )
    moved = (run_jump(config, [0]).x[0] - x0) / -config.eta_x
    expected = x0 + problem.bias(x0, s.active[0], config.nu)
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-9)
    if p > 1:
        wrong = x0 - problem.bias(x0, s.active[0], config.nu)
        assert np.abs(moved - wrong).max() > 1e-7


@pytest.mark.parametrize(("K", "inner"), [(1, "fresh"), (5, "fresh"), (10**12, "fresh"), (5, "frozen")])
def test_the_joint_factor_is_the_covariance_of_shared_samples(K, inner):
    eta, curvature, j_nu = (0.1, np.array([0.9, 1.0, 1.1]), np.array([-0.2, 0.0, 0.2])) if K < 100 else (
        1e-12, np.array([0.9, 1.0, 1.1]), np.array([-0.2, 0.0, 0.2]))  # fmt: skip
    factor = joint_factor(eta, curvature, K, j_nu, (0.5, 0.3), inner)
    level = np.outer(j_nu, j_nu) * 0.5**2 + 0.3**2
    r = 1 - eta * curvature
    if inner == "frozen":
        powers = np.outer(*[eta * sum(r**k for k in range(K))] * 2)
    elif K < 100:
        powers = eta**2 * sum(np.outer(r**k, r**k) for k in range(K))
    else:  # eta -> 0 limit of the geometric sum, to O(eta)
        total = np.add.outer(curvature, curvature)
        powers = eta * (1 - np.exp(-eta * K * total)) / total
    np.testing.assert_allclose(factor @ factor.T, level * powers, rtol=1e-9)


def test_shared_noise_survives_the_division_by_nu():
    """Phi divides the nodes' difference by nu = 1e-7: its variance must keep the digits that cancel."""
    nu, eta, K = 1e-7, 1e-3, 4000
    law = coupling(Diagonal([1.0], 1.0, 0.5, 1.0, 1.0, 3.0), (0, 1), (Fraction(-1), Fraction(1)), nu)
    factor = joint_factor(eta, law.H[:, 0], K, law.nodes * nu, (0.5, 0.3), "fresh")
    ours = float(np.sum((law.q[:, 0] @ factor) ** 2))
    with mpmath.workdps(60):
        q, r = [mpmath.mpf(float(v)) for v in law.q[:, 0]], [1 - eta * mpmath.mpf(float(v)) for v in law.H[:, 0]]
        sums = [[eta**2 * (1 - (u * v) ** K) / (1 - u * v) for v in r] for u in r]
        level = [[(i * j * nu**2) * mpmath.mpf(0.25) + mpmath.mpf(0.3) ** 2 for j in (0, 1)] for i in (0, 1)]
        exact = float(sum(q[i] * q[k] * sums[i][k] * level[i][k] for i in (0, 1) for k in (0, 1)))
    assert ours == pytest.approx(exact, rel=1e-6)


# -- in law ---------------------------------------------------------------------------------------------


def lower_level_moments(config: JumpConfig) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of y_j after the first inner loop, by the recursion of one SGD step K times over."""
    j = np.array([n for n, w in zip(config.nodes, config.weights) if w])[:, None] * config.nu
    mean, variance = np.zeros((len(j), 4)), np.zeros((len(j), 4))
    curvature = np.array(A) + j * np.array(H)
    pull = j * (np.array(C0) + np.array(GAMMA) * config.x0) - curvature * np.array(B) * config.x0
    for _ in range(config.K):
        mean = mean - config.eta_y * (curvature * mean + pull)
        level = config.sigma_g**2 + (j * config.sigma_f) ** 2
        variance = (1 - config.eta_y * curvature) ** 2 * variance + config.eta_y**2 * level
    return mean, variance


def z_scores(y: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Standard scores of the pooled mean and of the pooled variance of (R, p, d) numbers."""
    u = (y - mean) / np.sqrt(variance)
    return float(u.mean() * np.sqrt(u.size)), float((np.mean(u**2) - 1) * np.sqrt(u.size / 2))


def test_means_and_variances_and_a_variance_wrong_by_one_percent(monkeypatch):
    config = configuration(2, T_max=1, eta_x=1e-12, checkpoints=(0,), method="direct")
    seeds = np.arange(200_000)  # 1.6 million numbers: 1% of variance is 9 standard errors
    mean, variance = lower_level_moments(config)
    for run in (run_jump(config, seeds), run_literal(config, seeds)):
        assert max(map(abs, z_scores(run.y, mean, variance))) < 4
        u = (run.y - mean) / np.sqrt(variance)
        correlation = np.corrcoef(u.reshape(len(seeds), -1).T) - np.eye(8)
        assert np.abs(correlation).max() < 5 / np.sqrt(len(seeds))
    right = solvers.jump_tables.noise_scale
    monkeypatch.setattr(solvers.jump_tables, "noise_scale", lambda *a: right(*a) * np.sqrt(1.01))
    assert z_scores(run_jump(config, seeds).y, mean, variance)[1] > 6


def smallest_ks(first: np.ndarray, second: np.ndarray) -> float:
    return min(stats.ks_2samp(u, v).pvalue for u, v in zip(first.T, second.T))


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("p", [1, 2, 4])
def test_gradient_norm_trajectories_have_the_literal_law(p, normalise):
    literal = run_literal(configuration(p, normalise=normalise), range(5000))
    for method in ("direct", "filtered"):
        jump = run_jump(configuration(p, normalise=normalise, method=method, experiment=1), range(5000))
        assert jump.method == method
        assert smallest_ks(literal.norms, jump.norms) > 1e-3
    wrong = run_jump(configuration(p, normalise=normalise, S=3, experiment=1), range(5000))
    assert smallest_ks(literal.norms, wrong.norms) < 1e-6


@pytest.mark.parametrize(("p", "changes"), [
    (4, {"sharing": "x-step"}), (4, {"sharing": "everywhere"}), (3, {"sharing": "everywhere", "inner": "frozen"}),
    (2, {"inner": "frozen"}), (2, {"later": (Stage(5, 0.02, 0.3, 4, 2), Stage(9, 0.01, 0.05, 1, 1))}),
])  # fmt: skip
def test_controls_have_the_literal_law(p, changes):
    literal = run_literal(configuration(p, **changes), range(4000))
    jump = run_jump(configuration(p, experiment=1, **changes), range(4000))
    assert smallest_ks(literal.norms, jump.norms) > 1e-3
    if "later" not in changes:
        assert smallest_ks(literal.norms, run_jump(configuration(p, experiment=1), range(4000)).norms) < 1e-6


def test_noiseless_runs_are_the_literal_ones():
    quiet = {"sigma_f": 0.0, "sigma_g": 0.0, "later": (Stage(7, 0.02, 0.1, 1, 9),)}
    for p in (1, 2, 3, 4):
        literal = run_literal(configuration(p, **quiet), [0])
        for method in ("direct", "auto"):
            jump = run_jump(configuration(p, method=method, **quiet), [0])
            np.testing.assert_allclose(jump.norms, literal.norms, rtol=1e-10)
            np.testing.assert_allclose(jump.x, literal.x, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(run_jump(configuration(p, method="direct", **quiet), [0]).y, literal.y, atol=1e-10)


def rotated() -> tuple[Dense, np.ndarray]:
    """The diagonal instance in another orthonormal basis of y."""
    R = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]
    turn = [R @ np.diag(v) @ R.T for v in (A, H)]
    turn = [(m + m.T) / 2 for m in turn]
    return Dense(np.diag(CURVATURE), *turn, R @ np.diag(B), R @ np.diag(GAMMA), R @ np.array(C0)), R


@pytest.mark.parametrize("p", [1, 4])
def test_the_dense_kernel_is_the_diagonal_one_in_another_basis(p):
    dense, R = rotated()
    s = stencil(p)
    ours, flat = dense_coupling(dense, s.nodes, s.weights, 0.1), coupling(DIAGONAL, s.nodes, s.weights, 0.1)
    np.testing.assert_allclose(np.sort(ours.H), np.sort(flat.H), rtol=1e-12)
    np.testing.assert_allclose(ours.bias0, flat.bias0, atol=1e-12)
    np.testing.assert_allclose(ours.bias1, np.diag(flat.bias1), atol=1e-12)
    through = ours.q @ ours.slope  # sum over the eigenbasis: the basis drops out
    np.testing.assert_allclose(through, [np.diag(row) for row in flat.q * flat.slope], atol=1e-10)
    quiet = configuration(p, sigma_f=0.0, sigma_g=0.0, method="direct")
    still = configuration(p, problem=dense, sigma_f=0.0, sigma_g=0.0)
    np.testing.assert_allclose(run_jump(still, [0]).x, run_jump(quiet, [0]).x, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(run_jump(still, [0]).y @ R, run_jump(quiet, [0]).y, atol=1e-9)
    noisy = run_jump(configuration(p, problem=dense, experiment=2), range(5000))
    assert smallest_ks(noisy.norms, run_jump(configuration(p), range(5000)).norms) > 1e-3
    mean, variance = lower_level_moments(configuration(p))
    first = run_jump(configuration(p, problem=dense, T_max=1, eta_x=1e-12, checkpoints=(0,)), range(40_000))
    assert max(map(abs, z_scores(first.y @ R, mean, variance))) < 4


# -- bookkeeping ----------------------------------------------------------------------------------------


def test_hitting_times_are_those_of_the_whole_trajectory():
    changes = {"eps": 0.55, "T_max": 50, "checkpoints": tuple(range(51)), "S": 20}
    full = run_jump(configuration(2, **changes), range(40))
    stopped = run_jump(configuration(2, **(changes | {"stop": True, "linger": 1.5})), range(40))
    for row, norms in enumerate(full.norms):
        below = norms <= 0.55
        hit = int(np.argmax(below)) if below.any() else -1
        windows = [t for t in range(51) if 1.25 * t <= 50 and below[t : int(np.ceil(1.25 * t)) + 1].all()]
        sustained = windows[0] if windows else -1
        # a window may only begin where the norm comes from above
        assert (full.hit[row], full.sustained[row]) == (hit, sustained)
        assert stopped.hit[row] == hit
        assert stopped.sustained[row] == sustained
        end = 50 if sustained < 0 else min(50, int(np.ceil(1.5 * sustained)))
        assert stopped.last[row] == end
        np.testing.assert_array_equal(stopped.norms[row, : end + 1], norms[: end + 1])
        assert np.isnan(stopped.norms[row, end + 1 :]).all()
    lasting = full.sustained >= 0
    assert (full.hit < full.sustained)[lasting].any()  # first crossings that did not last: the two are told apart
    assert 0 < full.censored.sum() < 40
    assert [c is None for c in full.charged("sustained")] == full.censored.tolist()


def test_charged_is_what_the_literal_run_meters():
    later = (Stage(3, 0.02, 0.1, 5, 7),)
    for p, zero_node in ((1, False), (2, False), (4, True), (3, True)):
        config = configuration(p, T_max=8, later=later, checkpoints=(0,))
        jump, literal = run_jump(config, [1, 2]), run_literal(config, [1, 2], zero_node=zero_node)
        assert jump.charged(as_printed=zero_node) == literal.metered
        assert literal.metered != run_jump(configuration(p, T_max=9, later=later), [1, 2]).charged(as_printed=zero_node)


def test_counts_pass_every_fixed_width_integer():
    config = configuration(4, S=10**20 + 1, K=10**22 + 3, eta_y=1e-22, T_max=7, checkpoints=(7,))
    assert run_jump(config, [0]).charged() == (7 * 4 * (10**20 + 10**22 + 4),)
    assert run_jump(config, [0]).charged(as_printed=True) == (7 * 5 * (10**20 + 10**22 + 4),)
    assert np.isfinite(run_jump(config, [0]).norms).all()


@pytest.mark.parametrize("method", ["direct", "filtered"])
def test_a_seed_does_not_see_the_others(method):
    config = configuration(2, eps=0.55, T_max=300, stop=True, checkpoints=None, S=20, method=method)
    together = run_jump(config, range(37))
    for chosen in ([36], [20, 3], range(36, -1, -1)):
        apart = run_jump(config, chosen)
        for name in ("hit", "sustained", "last", "norms", "x"):
            np.testing.assert_array_equal(getattr(apart, name), getattr(together, name)[list(chosen)])
    other = run_jump(configuration(2, eps=0.55, T_max=300, stop=True, checkpoints=None, S=20, experiment=1), range(37))
    assert (other.x != together.x).all()


def test_another_process_gives_the_same_bits():
    code = (
        "import numpy as np; from solvers.jump import *; from bounds.stencil import stencil; s = stencil(2)\n"
        "c = JumpConfig(problem=Diagonal([1., 2.], 1., .5, 1., 1., 3.), x0=(1., -1.), nodes=s.nodes, "
        "weights=s.weights, nu=.1, eta_x=.05, eta_y=.1, S=2, K=4, T_max=50, eps=1e-3)\n"
        "r = run_jump(c, SEEDS); print(r.norms[-1].tobytes().hex())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code.replace("SEEDS", seeds)], capture_output=True, text=True, check=True)
        for seeds in ("[7]", "range(8)")
    ]
    assert runs[0].stdout == runs[1].stdout


def test_from_problem_reads_the_instance_and_the_schedule():
    from bounds.lq_schedule import lq_schedule

    eps = 0.1
    problem = diagonal_lq(d=5, a=1.0, h=0.5, c0=500.0, gamma=1.0, phi=Ramp(eps, 1.0, 1.0, 5))
    schedule = lq_schedule(2, eps, c_norm=500.0 * np.sqrt(5), h=0.5)
    config = JumpConfig.from_problem(problem, schedule, problem.phi.start, T_max=5000)
    assert isinstance(config.problem, Diagonal)
    assert (config.nu, config.S, config.K) == (schedule.nu, schedule.S, schedule.K)
    result = run_jump(config, range(16))
    assert not result.censored.any()
    # the ramp's path is Delta/(2 eps) long, in steps of eta_x; noise and bias slow it by less than a half
    assert np.all((result.hit * config.eta_x * 2 * eps > 1.0) & (result.hit * config.eta_x * 2 * eps < 1.5))
    assert isinstance(JumpConfig.from_problem(dense_lq(), schedule, np.ones(3)).problem, Dense)
    nonconvex = LinearQuadratic(np.eye(2), np.eye(2), np.eye(2), [1.0, 1.0], np.eye(2), RationalWells((1.0, 1.0)))
    with pytest.raises(InputError, match="phi"):
        JumpConfig.from_problem(nonconvex, schedule, np.ones(2))
    saddle = LinearQuadratic(np.eye(2), np.eye(2), np.eye(2), [1.0, 1.0], np.eye(2), QuadraticHyper((1.0, -1.0)))
    assert JumpConfig.from_problem(saddle, schedule, np.ones(2)).problem.curvature.tolist() == [1.0, -1.0]


BACKWARDS = (Stage(5, 1.0, 1.0, 1, 1), Stage(2, 1.0, 1.0, 1, 1))


@pytest.mark.parametrize(("argument", "changes"), [
    ("nu", {"nu": 0.0}), ("eps", {"eps": float("nan")}), ("T_max", {"T_max": 2**62}), ("S", {"S": 0}),
    ("K", {"K": 1.5}), ("sharing", {"sharing": "some"}), ("sharing", {"sharing": "everywhere", "method": "filtered"}),
    ("weights", {"weights": (1,)}), ("sustain", {"sustain": 0.5}), ("x0", {"x0": (1.0, 2.0)}),
    ("sigma_f", {"sigma_f": -1}), ("later", {"later": BACKWARDS}), ("checkpoints", {"checkpoints": (3, 1)}),
])  # fmt: skip
def test_bad_configurations_are_named(argument, changes):
    with pytest.raises(InputError) as caught:
        configuration(2, **changes)
    assert caught.value.argument == argument


@pytest.mark.parametrize(("argument", "changes"), [
    ("eta_y", {"eta_y": 1.5}), ("nu", {"nu": 8.5}), ("method", {"method": "filtered", "K": 1, "eta_y": 1e-7}),
])  # fmt: skip
def test_bad_parameters_are_named_before_any_work(argument, changes):
    with pytest.raises(InputError) as caught:
        run_jump(configuration(2, **changes), [0])
    assert caught.value.argument == argument
