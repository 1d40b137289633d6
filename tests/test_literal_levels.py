"""The compiled literal kernel against the readable reference: every lower level, both precisions, fused noise."""

import numpy as np
import pytest
from scipy import stats

from bounds.stencil import stencil
from solvers import literal_reference
from solvers.jump_config import JumpConfig, Stage
from solvers.literal_numba import run_literal
from solvers.lower_levels import Quartic
from solvers.lq_law import Diagonal
from synthetic.errors import InputError
from synthetic.learn_regularize import LearnToRegularize

ROWS = ((0.5, 1.0, 1.5), (1.0, 2.0, 1.5), (0.5, -0.25, 0.75), (1.0, 0.5, -0.75), (1.0, 0.5, 0.25), (3.0, -1.0, 2.0))
BASE = Diagonal(*map(np.array, ROWS))
QUARTIC = Quartic(BASE, [0.3, -0.2, 0.1], [1.0, 0.5, 2.0], [0.4, 0.0, -0.3], [0.2, 0.1, 0.0])
SEEDS = [3, 2**32 - 1, 17]


def configuration(p: int, problem: object = QUARTIC, **changes: object) -> JumpConfig:
    s, dims = stencil(p), (problem.dim_x, problem.dim_y)
    base: dict = {
        "problem": problem, "x0": np.linspace(1.0, -0.5, dims[0]), "y0": np.linspace(0.5, -0.5, dims[1]),
        "nodes": s.nodes, "weights": s.weights, "nu": 0.1, "eta_x": 0.05, "eta_y": 0.1, "S": 3, "K": 4, "T_max": 5,
        "eps": 1e-3, "sigma_f": 0.7, "sigma_g": 0.4, "stop": False,
    }  # fmt: skip
    return JumpConfig(**(base | changes))


def softmax_problem() -> LearnToRegularize:
    rng = np.random.default_rng(5)
    A, V = rng.standard_normal((7, 3)), rng.standard_normal((4, 3))
    return LearnToRegularize(A, rng.integers(0, 3, 7), V, rng.integers(0, 3, 4), classes=3)


@pytest.mark.parametrize(("p", "sharing", "inner", "normalise"), [
    (1, "independent", "fresh", True), (2, "everywhere", "fresh", False), (3, "x-step", "frozen", True),
    (4, "independent", "fresh", True), (8, "independent", "fresh", True),
])  # fmt: skip
@pytest.mark.parametrize("noise", ["rademacher", "gaussian", "multiplicative"])
def test_quartic_trajectories(noise, p, sharing, inner, normalise):
    later = (Stage(2, 0.02, 0.05, 2, 6),)
    config = configuration(p, sharing=sharing, inner=inner, normalise=normalise, later=later)
    ours, reference = run_literal(config, SEEDS, noise), literal_reference.run_literal(config, SEEDS, noise)
    if noise == "rademacher":  # the same bits
        np.testing.assert_array_equal(ours.x, reference.x)
        np.testing.assert_array_equal(ours.y, reference.y)
    np.testing.assert_allclose(ours.x, reference.x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ours.y, reference.y, rtol=0, atol=1e-13)
    assert ours.metered == reference.metered == (config.calls(5),) * 3
    assert not ours.in_law


def test_a_quartic_is_not_a_quadratic():
    """The comparison above can fail: half of any coefficient is seen."""
    ours = run_literal(configuration(2), SEEDS, "rademacher")
    for name in ("g3", "g4", "f3", "f4"):
        fields = {n: np.asarray(getattr(QUARTIC, n)).copy() for n in ("g3", "g4", "f3", "f4")}
        fields[name] = fields[name] / 2
        other = literal_reference.run_literal(configuration(2, Quartic(BASE, **fields)), SEEDS, "rademacher")
        assert np.abs(other.y - ours.y).max() > 1e-6


@pytest.mark.parametrize("noise", ["rademacher", "gaussian"])
def test_single_precision(noise):
    """The reference in float32: signs give the same bits, normals differ by their float32 rounding."""
    config, single = configuration(2), np.zeros((), dtype=np.float32)
    ours = run_literal(config, SEEDS, noise, precision="float32")
    reference = literal_reference.run_literal(config, SEEDS, noise, reference=single)
    assert ours.x.dtype == np.float32
    if noise == "rademacher":
        np.testing.assert_array_equal(ours.x, reference.x)
        np.testing.assert_array_equal(ours.y, reference.y)
    np.testing.assert_allclose(ours.y, reference.y, rtol=0, atol=2e-6)


@pytest.mark.parametrize("noise", ["rademacher", "gaussian"])
def test_softmax_trajectories(noise):
    config = configuration(2, softmax_problem(), sigma_f=0.1, sigma_g=0.1)
    ours, reference = run_literal(config, SEEDS, noise), literal_reference.run_literal(config, SEEDS, noise)
    np.testing.assert_allclose(ours.y, reference.y, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ours.x, reference.x, rtol=0, atol=1e-13)
    assert ours.metered == reference.metered
    assert np.isnan(ours.norms).all()  # no closed form: the caller asks the instance


def test_neither_the_number_of_seeds_nor_threads_can_be_seen():
    config, seeds = configuration(4), list(range(70))
    whole = run_literal(config, seeds)
    side_by_side = run_literal(config, seeds, threads=2)
    alone = run_literal(config, seeds[66:67])
    np.testing.assert_array_equal(whole.x, side_by_side.x)
    np.testing.assert_array_equal(whole.y[66:67], alone.y)


def one_step(**options: object) -> np.ndarray:
    """y after one inner step from the same y for 8192 seeds, node by node: (seeds, p, d)."""
    config = configuration(2, K=1, S=1, T_max=1, sharing="independent")
    return run_literal(config, range(8192), **options).y


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_fused_noise_has_the_variance_of_the_sum(precision):
    """Var y_1 = eta^2 ((j nu sigma_f)^2 + sigma_g^2), tested against chi^2 at 1e-4; half of it would be seen."""
    y = one_step(fused=True, precision=precision).astype(float)
    for m, j in enumerate(stencil(2).active[0]):
        expected = 0.1**2 * ((j * 0.1 * 0.7) ** 2 + 0.4**2)
        statistic = (len(y) - 1) * y[:, m].var(axis=0, ddof=1) / expected
        low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], len(y) - 1)
        assert np.all((low < statistic) & (statistic < high))
        assert np.all(2 * statistic > high)


def test_fused_and_fast_are_equal_in_law_and_say_so():
    exact, fused = one_step(), one_step(fused=True)
    for m in range(2):
        assert stats.ks_2samp(exact[:, m, 0], fused[:, m, 0]).pvalue > 1e-4
    assert run_literal(configuration(2), [1], fused=True).in_law
    assert run_literal(configuration(2), [1], stream="fast").in_law
    silent = configuration(2, sigma_f=1e-300, sigma_g=1e-300)
    np.testing.assert_allclose(run_literal(silent, [1], fused=True).y, run_literal(silent, [1]).y, rtol=1e-14)


@pytest.mark.parametrize(("argument", "options"), [
    ("fused", {"noise": "rademacher", "fused": True}), ("precision", {"precision": "float16"}),
    ("stream", {"stream": "slow"}), ("threads", {"threads": 0}),
])  # fmt: skip
def test_bad_options_are_named(argument, options):
    with pytest.raises(InputError) as caught:
        run_literal(configuration(2), [1], **options)
    assert caught.value.argument == argument
