"""The compiled literal kernel against the array-API reference solver, step for step on the same noise."""

import numpy as np
import pytest

from bounds.stencil import stencil
from solvers.f2sa_p import F2SAp
from solvers.jump_config import JumpConfig, Stage
from solvers.lane_normals import LANES, fill_normals, fill_signs, lane_word
from solvers.literal_numba import run_literal
from solvers.lq_law import Diagonal
from synthetic.errors import InputError
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.noise import Gaussian, Multiplicative, Rademacher
from synthetic.oracle import StochasticOracle
from synthetic.philox import Address, gaussian, rademacher

CURVATURE = (0.5, 1.0, 1.5)
A, H, B, GAMMA, C0 = (1.0, 2.0, 1.5), (0.5, -0.25, 0.75), (1.0, 0.5, -0.75), (1.0, 0.5, 0.25), (3.0, -1.0, 2.0)
X0 = np.array([1.0, -1.0, 0.5])
MODELS = {
    "gaussian": Gaussian(0.7, 0.4),
    "rademacher": Rademacher(0.7, 0.4),
    "multiplicative": Multiplicative(0.7, 0.4),
}


def configuration(p: int, **changes: object) -> JumpConfig:
    s = stencil(p)
    base: dict = {
        "problem": Diagonal(*map(np.array, (CURVATURE, A, H, B, GAMMA, C0))),
        "x0": X0, "y0": np.array([0.5, 0.0, -0.5]), "nodes": s.nodes, "weights": s.weights, "nu": 0.1, "eta_x": 0.05,
        "eta_y": 0.1, "S": 3, "K": 4, "T_max": 5, "eps": 1e-3, "sigma_f": 0.7, "sigma_g": 0.4, "stop": False,
    }  # fmt: skip
    return JumpConfig(**(base | changes))


def reference(p: int, model: str, seeds: list[int], T: int = 5, shared: str = "no", **options: object):
    problem = LinearQuadratic(*map(np.diag, (A, H, B)), C0, np.diag(GAMMA), QuadraticHyper(CURVATURE))
    solver = F2SAp(p=p, nu=0.1, eta_x=0.05, eta_y=0.1, S=3, K=4, T=T, **options)
    nodes = "shared" if shared == "everywhere" else "independent"
    oracle = StochasticOracle(problem, MODELS[model], seeds=np.array(seeds), nodes=nodes)
    state = solver.init(problem, np.tile(X0, (len(seeds), 1)), np.array([0.5, 0.0, -0.5]))
    while not solver.terminate(state):
        state = solver.step(state, oracle)
    return state, oracle.counts.sfo


@pytest.mark.parametrize("model", ["gaussian", "rademacher", "multiplicative"])
@pytest.mark.parametrize(("p", "sharing", "inner", "normalise"), [
    (1, "independent", "fresh", True), (2, "independent", "fresh", False), (3, "x-step", "fresh", True),
    (4, "everywhere", "fresh", True), (2, "independent", "frozen", True), (4, "everywhere", "frozen", False),
])  # fmt: skip
def test_takes_the_same_steps_and_meters_the_same_calls(model, p, sharing, inner, normalise):
    config = configuration(p, sharing=sharing, inner=inner, normalise=normalise)
    seeds = [3, 2**32 - 1]
    ours = run_literal(config, seeds, model)
    samples_x = "independent" if sharing == "independent" else "shared"
    state, sfo = reference(p, model, seeds, shared=sharing, inner=inner, samples_x=samples_x, normalise=normalise)
    # words and signs are the identical numbers; what is left is the order of sums and the last bits of log, sin, cos
    np.testing.assert_allclose(ours.x, state.x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ours.y, state.y, rtol=0, atol=1e-13)
    assert ours.metered == (sfo, sfo) == (config.calls(5),) * 2


def test_a_frozen_sample_or_another_seed_is_another_run():
    """The comparison above can fail: it tells runs apart that differ in one ingredient."""
    state, _ = reference(2, "gaussian", [3])
    frozen = run_literal(configuration(2, inner="frozen"), [3])
    other = run_literal(configuration(2), [4])
    uncounted = run_literal(configuration(2, K=3), [3])
    for run in (frozen, other, uncounted):
        assert np.abs(run.x - state.x).max() > 1e-4
    assert uncounted.metered[0] < configuration(2).calls(5)


def test_the_listing_solves_node_zero_and_pays_for_it():
    config = configuration(4)
    printed = run_literal(config, [7], zero_node=True)
    state, sfo = reference(4, "gaussian", [7], zero_node=True)
    np.testing.assert_allclose(printed.y, state.y, rtol=0, atol=1e-13)
    assert printed.metered == (sfo,) == (config.calls(5, as_printed=True),)
    np.testing.assert_array_equal(printed.x, run_literal(config, [7]).x)
    assert config.calls(5, as_printed=True) * 4 == config.calls(5) * 5


def test_meters_stages_and_the_early_end():
    later = (Stage(2, 0.02, 0.05, 2, 6), Stage(4, 0.01, 0.02, 1, 1))
    config = configuration(2, later=later, T_max=6)
    result = run_literal(config, range(3))
    assert result.metered == (2 * (2 * (3 + 4) + 2 * (2 + 6) + 2 * (1 + 1)),) * 3 == (config.calls(6),) * 3
    stopped = run_literal(configuration(2, eps=100.0, stop=True, T_max=6), [0])
    assert stopped.metered == (0,)
    assert stopped.hit[0] == stopped.last[0] == 0


@pytest.mark.parametrize("dimension", [1, 5, 130])
def test_lane_numbers_are_the_philox_streams(dimension):
    seeds = np.arange(LANES) * 268435399 % 2**32
    lanes, blocks = seeds.astype(np.uint64), (dimension + 3) // 4
    z = np.zeros((4 * blocks + 1, LANES))
    address = Address(9, seeds, 2**32 - 5, 17, -3, 2)
    fixed = (np.uint64(17), np.uint64(2**32 - 5), lane_word(-3, 2), np.uint64(9), lanes)
    fill_normals(z, blocks, np.uint64(0), *fixed)
    np.testing.assert_allclose(z[:dimension].T, gaussian(address, dimension), rtol=0, atol=1e-14)
    fill_signs(z, dimension, np.uint64(0), *fixed)
    np.testing.assert_array_equal(z[:dimension].T, rademacher(address, dimension))
    fill_normals(z, blocks, np.uint64(3 * blocks), *fixed)  # sample 3 of a batch starts 3 draws further on
    later = gaussian(address.with_samples(3, 1), dimension)[0]
    np.testing.assert_allclose(z[:dimension].T, later, rtol=0, atol=1e-14)


def test_normals_far_in_the_tail():
    """Words 0 and 2^32 - 1 are not met by chance: the radius at both ends, against the definition."""
    from solvers.lane_normals import box_muller

    for radius in (0, 1, 2**31, 2**32 - 2, 2**32 - 1):
        for angle in (0, 2**29 - 1, 2**29, 3 * 2**30 + 5, 2**32 - 1):
            u, v = (radius + 0.5) * 2.0**-32, 2 * np.pi * ((angle + 0.5) * 2.0**-32)
            r = np.sqrt(-2 * np.log(u))
            ours = box_muller(np.uint64(radius), np.uint64(angle))
            np.testing.assert_allclose(ours, (r * np.cos(v), r * np.sin(v)), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(("argument", "call"), [
    ("noise", lambda c: run_literal(c, [0], "cauchy")),
    ("scale", lambda c: run_literal(c, [0], "multiplicative", scale=0.0)),
    ("seeds", lambda c: run_literal(c, [-1])),
    ("seeds", lambda c: run_literal(c, [0.5])),
    ("T_max", lambda c: run_literal(configuration(2, K=10**20), [0])),
])  # fmt: skip
def test_bad_input_is_named(argument, call):
    with pytest.raises(InputError) as caught:
        call(configuration(2))
    assert caught.value.argument == argument
