"""Exact second moments: against an independent propagation, high precision, brute force and simulation."""

import math

import mpmath
import numpy as np
import pytest

from bounds.stencil import stencil
from solvers.jump import Diagonal, JumpConfig, Stage, run_jump
from solvers.jump_dense import Dense
from solvers.moments import first_T_below, grad_second_moment, moments_at, recursion, stationary_level
from solvers.moments_kernel import newton_basis
from solvers.moments_search import first_T_grid, interpolatory
from synthetic.errors import InputError

CURVATURE, A, H = (0.5, 1.0, 1.0, 0.5), (1.0, 1.0, 2.0, 1.0), (0.5, 0.5, -0.25, 0.5)
B, GAMMA, C0 = (1.0, 1.0, 0.5, 1.0), (1.0, 1.0, 0.5, 1.0), (3.0, -1.0, 2.0, 3.0)
X0 = np.array([1.0, -1.0, 0.5, 1.0])  # the last coordinate repeats the first: it must count twice


def configuration(p: int = 2, **changes: object) -> JumpConfig:
    s = stencil(p)
    base: dict = {
        "problem": Diagonal(*map(np.array, (CURVATURE, A, H, B, GAMMA, C0))), "x0": X0, "nodes": s.nodes,
        "weights": s.weights, "nu": 0.1, "eta_x": 0.05, "eta_y": 0.15, "S": 2, "K": 4, "T_max": 10**6, "eps": 0.3,
        "sigma_f": 0.5, "sigma_g": 0.3, "normalise": False, "stop": False,
    }  # fmt: skip
    return JumpConfig(**(base | changes))


def step_by_step(c: JumpConfig, i: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (x, y_1 .. y_p) in coordinate i, through every inner SGD step of every outer step:
    written from the algorithm, with no law of an inner loop in it."""
    lam, a, h, b, gamma, c0 = (np.array(v)[i] for v in (CURVATURE, A, H, B, GAMMA, C0))
    active = [(float(j), float(w)) for j, w in zip(c.nodes, c.weights) if w]
    p = len(active)
    mean, cov = np.concatenate([[c.x0[i]], np.full(p, c.y0[i])]), np.zeros((p + 1, p + 1))
    inner, shift, noise = np.eye(p + 1), np.zeros(p + 1), np.zeros((p + 1, p + 1))
    outer, offset, variance = np.eye(p + 1), 0.0, 0.0
    for k, (j, w) in enumerate(active, start=1):
        j_nu = j * c.nu
        # F_y = c0 + gamma x + h (y - b x), G_y = a (y - b x)
        inner[k, k] -= c.eta_y * (j_nu * h + a)
        inner[k, 0] -= c.eta_y * (j_nu * (gamma - h * b) - a * b)
        shift[k] = -c.eta_y * j_nu * c0
        noise[k, k] = c.eta_y**2 * ((j_nu * c.sigma_f) ** 2 + c.sigma_g**2)
        # F_x = lam x + gamma (y - b x) - b (c0 + gamma x + h (y - b x)), G_x = -b a (y - b x)
        outer[0, 0] -= c.eta_x * w * (j * (lam - 2 * gamma * b + h * b * b) + a * b * b / c.nu)
        outer[0, k] -= c.eta_x * w * (j * (gamma - b * h) - b * a / c.nu)
        offset += c.eta_x * w * j * b * c0
        variance += c.eta_x**2 * w**2 * ((j * c.sigma_f) ** 2 + (c.sigma_g / c.nu) ** 2) / c.S
    for _ in range(T):
        for _ in range(c.K):
            mean, cov = inner @ mean + shift, inner @ cov @ inner.T + noise
        mean, cov = outer @ mean, outer @ cov @ outer.T
        mean[0] += offset
        cov[0, 0] += variance
    return mean, cov


@pytest.mark.parametrize("T", [0, 1, 2, 7, 150])
@pytest.mark.parametrize("p", [1, 2, 3, 4])
def test_the_moments_are_those_of_every_single_step(p, T):
    config = configuration(p)
    mean, cov = moments_at(config, T)
    total = 0.0
    for i in range(4):
        plain_mean, plain_cov = step_by_step(config, i, T)
        active = [float(j) for j, w in zip(config.nodes, config.weights) if w]
        curvature = np.array([A[i] + j * config.nu * H[i] for j in active])
        slope = B[i] - np.array(active) * config.nu * GAMMA[i] / curvature
        to_error = np.eye(len(active) + 1)  # u_j = y_j - slope_j x + j nu c0 / H_j
        to_error[1:, 0] = -slope
        shift = np.concatenate([[0.0], np.array(active) * config.nu * C0[i] / curvature])
        np.testing.assert_allclose(mean[i], to_error @ plain_mean + shift, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(cov[i], to_error @ plain_cov @ to_error.T, rtol=1e-8, atol=1e-11)
        total += CURVATURE[i] ** 2 * (plain_mean[0] ** 2 + plain_cov[0, 0])
    assert grad_second_moment(config, T) == pytest.approx(total, rel=1e-9)
    if T:  # a batch or an inner step left out is seen
        assert grad_second_moment(configuration(p, S=3), T) != pytest.approx(total, rel=1e-4)
        assert grad_second_moment(configuration(p, K=3), T) != pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"sharing": "everywhere"}, {"inner": "frozen"}, {"sharing": "x-step"},
                                     {"later": (Stage(10, 0.2, 0.05, 3, 2),)}])  # fmt: skip
@pytest.mark.parametrize("p", [1, 4])
def test_simulation_agrees(p, changes):
    times = (1, 4, 16, 40)
    config = configuration(p, T_max=40, checkpoints=times, **changes)
    squares = run_jump(config, range(20_000)).norms ** 2
    z = (squares.mean(axis=0) - grad_second_moment(config, times)) / (squares.std(axis=0) / math.sqrt(20_000))
    assert np.abs(z).max() < 4
    wrong = configuration(p, T_max=40, sigma_g=0.33, **changes)
    off = (squares.mean(axis=0) - grad_second_moment(wrong, times)) / (squares.std(axis=0) / math.sqrt(20_000))
    if changes.get("sharing", "independent") == "independent":
        assert np.abs(off).max() > 6


@pytest.mark.parametrize(("p", "nu"), [(1, 1e-6), (2, 1e-4), (8, 1e-2)])
def test_slow_modes_and_small_nu_keep_their_digits(p, nu):
    """1e9 steps of size 1e-9 against 80-digit powers: neither 1 - 1e-9 nor the 1/nu in Phi may cost digits."""
    s = stencil(p)
    problem = Diagonal([0.7], 1.0, 0.5, 1.0, 1.0, 1000.0)
    config = configuration(p, problem=problem, x0=[3.0], nu=nu, eta_x=1e-9, eta_y=1e-4, S=100, K=50)
    T = 10**9
    with mpmath.workdps(80):
        mp = mpmath.mpf
        pairs = [(mp(j), mp(w.numerator) / w.denominator) for j, w in zip(*s.active)]
        n = len(pairs) + 1
        v, eta, eta_y = mp(nu), mp(config.eta_x), mp(config.eta_y)
        curvature = [1 + j * v * mp(0.5) for j, _ in pairs]
        rho = [(1 - eta_y * c) ** 50 for c in curvature]
        slope = [1 - j * v / c for (j, _), c in zip(pairs, curvature)]
        q = [w * (j - c / v) for (j, w), c in zip(pairs, curvature)]
        share = -sum(w * j * j * v / c for (j, w), c in zip(pairs, curvature))
        tau = [
            mpmath.sqrt(((j * v) ** 2 / 4 + mp(config.sigma_g) ** 2) * eta_y * (1 - r * r) / (c * (2 - eta_y * c)))
            for (j, _), c, r in zip(pairs, curvature, rho)
        ]
        sigma2 = sum(w * w * (j * j / 4 + (mp(config.sigma_g) / v) ** 2) for j, w in pairs) / 100
        big = mpmath.eye(n + 1)  # (x, u, 1) -> next
        answer = [-eta, *(eta * z for z in slope)]
        load = [mp(0.7) + share, *(a * r for a, r in zip(q, rho)), 1000 * share]
        for i in range(n):
            for k in range(n + 1):
                big[i, k] = (mp(i == k) * (rho[i - 1] if i else 1)) + answer[i] * load[k]
        noise = mpmath.matrix(n, n)
        for i in range(n):
            noise[i, n - 1] = answer[i] * mpmath.sqrt(sigma2)
            for k in range(n - 1):
                noise[i, k] = answer[i] * q[k] * tau[k] + (tau[k] if i == k + 1 else 0)
        power, spread = big.copy(), noise * noise.T
        state = mpmath.matrix([3, *(-3 * z + j * v * 1000 / c for z, (j, _), c in zip(slope, pairs, curvature)), 1])
        cov = mpmath.matrix(n, n)
        for bit in range(T.bit_length()):
            M = power[:n, :n]
            if T >> bit & 1:
                state, cov = power * state, M * cov * M.T + spread
            spread, power = M * spread * M.T + spread, power * power
        exact = float(mp(0.7) ** 2 * (state[0] ** 2 + cov[0, 0]))
    assert grad_second_moment(config, T) == pytest.approx(exact, rel=1e-6)


def test_the_newton_basis_is_the_divided_difference_table():
    nodes = (-2, -1, 1, 2)
    V, inverse = newton_basis(nodes)
    np.testing.assert_allclose(V @ inverse, np.eye(4), atol=1e-14)
    cubic = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose((inverse @ cubic(np.array(nodes)))[-1], 3.0, rtol=1e-13)  # leading coefficient


@pytest.mark.parametrize("p", [1, 2, 4])
def test_first_time_is_the_one_found_by_looking_at_every_step(p):
    config = configuration(p, S=200, K=20, eta_y=0.02, sigma_g=0.1)
    levels = np.sqrt([grad_second_moment(config, t) for t in range(400)])
    floor = math.sqrt(stationary_level(config))
    assert floor < 0.5 * levels[0]
    for eps in np.linspace(floor * 1.1, levels[0] * 0.95, 9):
        expected = 1 + int(np.flatnonzero(levels > eps)[-1])
        assert 2 < expected < 300
        assert first_T_below(config, float(eps)) == expected
    assert first_T_below(config, float(levels.max()) * 1.01) == 0
    assert first_T_below(config, floor * 0.99) == math.inf


def test_a_dip_below_is_not_an_arrival():
    """A start whose mean passes through zero towards a bias above eps: the level dips below and comes back."""
    problem = Diagonal([1.0], 1.0, 0.5, 1.0, 1.0, -300.0)
    quiet = {"problem": problem, "x0": [5.0], "nu": 0.01, "sigma_f": 0.01, "sigma_g": 0.001, "S": 100, "K": 400}
    config = configuration(1, **quiet)
    levels = np.sqrt([grad_second_moment(config, t) for t in range(400)])
    dip = int(np.argmin(levels))
    assert levels[dip] < 0.5 * levels[-1]
    assert first_T_below(config, float(2 * levels[dip])) == math.inf
    found = first_T_below(config, float(levels[-1] * 1.05))
    assert levels[int(found) :].max() <= levels[-1] * 1.05 < levels[int(found) - 1]


def test_divergence_is_infinite_not_an_error():
    assert stationary_level(configuration(2, eta_x=5.0)) == math.inf
    assert first_T_below(configuration(2, eta_x=5.0)) == math.inf


@pytest.mark.parametrize("p", [1, 2, 3, 8])
def test_the_grid_is_the_single_search(p):
    rng = np.random.default_rng(p)
    N = 60
    candidates = {
        "nu": 10 ** rng.uniform(-3, -1, N), "eta_x": 10 ** rng.uniform(-3, -0.5, N),
        "S": 10 ** rng.uniform(0, 5, N) // 1, "eta_y": 10 ** rng.uniform(-4, -1, N),
        "K": 10 ** rng.uniform(0, 4, N) // 1, "eps": 10 ** rng.uniform(-1, 0.5, N),
    }  # fmt: skip
    s = stencil(p)
    base = configuration(p)
    for shared in (False, True):
        found = first_T_grid(
            base.problem, X0, s.nodes, s.weights, **candidates, sigma_f=0.5, sigma_g=0.3, shared_x=shared
        )
        sharing = "x-step" if shared else "independent"
        singles = []
        for row in zip(*candidates.values()):
            one = dict(zip(candidates, map(float, row))) | {"S": int(row[2]), "K": int(row[4]), "sharing": sharing}
            singles.append(first_T_below(configuration(p, **one)))
        assert 5 < np.isfinite(found).sum() < N
        np.testing.assert_allclose(found, singles, rtol=1e-9, atol=1)


def test_astronomic_parameters_are_nothing_special():
    config = configuration(4, eta_x=1e-9, eta_y=1e-15, S=10**12, K=10**16)
    T = first_T_below(config, 0.1)
    assert 1e8 < T < 1e12
    assert grad_second_moment(config, int(T)) <= 0.01 < grad_second_moment(config, int(T) - 10**6)


def test_which_stencils_have_the_product_form_of_the_bias():
    for p in (1, 2, 3, 8):
        nodes, weights = (np.array(part, dtype=float) for part in stencil(p).active)
        assert interpolatory(nodes, weights)
        assert not interpolatory(nodes, weights * 1.001)


def grid(**changes: object) -> np.ndarray:
    candidates = {"nu": 0.1, "eta_x": 0.1, "eta_y": 0.1, "S": 1, "K": 1, "eps": 1.0}
    return first_T_grid(configuration().problem, X0, (0, 1), (-1, 1), **(candidates | changes))


@pytest.mark.parametrize(("argument", "call"), [
    ("normalise", lambda: grad_second_moment(configuration(2, normalise=True), 1)),
    ("T", lambda: grad_second_moment(configuration(2), -1)),
    ("T", lambda: moments_at(configuration(2), 2**62)),
    ("later", lambda: first_T_below(configuration(2, later=(Stage(1, 0.1, 0.1, 1, 1),)))),
    ("problem", lambda: recursion(configuration(
        2, problem=Dense(np.eye(1), np.eye(1), np.eye(1), np.eye(1), np.eye(1), np.ones(1)), x0=[1.0]))),
    ("eps", lambda: first_T_below(configuration(2), 0.0)),
    ("nu", lambda: grid(nu=-1.0)),
    ("candidates", lambda: grid(nu=np.ones(2), eta_x=np.ones(3))),
])  # fmt: skip
def test_bad_input_is_named(argument, call):
    with pytest.raises(InputError) as caught:
        call()
    assert caught.value.argument == argument
