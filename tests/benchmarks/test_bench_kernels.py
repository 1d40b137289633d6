"""What one literal SFO call and one outer step cost: kernels against the array-API reference, in one run.

Read the ratios of one run (`tox -e bench` prints them with the table); absolute times depend on the machine.
"""

from __future__ import annotations

import numpy as np
import pytest

from bounds.stencil import stencil
from solvers.f2sa_p import F2SAp
from solvers.jump import run_jump
from solvers.jump_config import JumpConfig
from solvers.literal_numba import run_literal
from solvers.lq_law import Diagonal
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.noise import Gaussian
from synthetic.oracle import StochasticOracle
from synthetic.philox import Address, gaussian

D, SEEDS, T = 10, 64, 10
ONES = np.ones(D)


def configuration(p: int, T_max: int, S: int = 4, K: int = 16) -> JumpConfig:
    s = stencil(p)
    return JumpConfig(
        problem=Diagonal(ONES, ONES, 0.5 * ONES, ONES, ONES, ONES), x0=ONES, nodes=s.nodes, weights=s.weights,
        nu=0.1, eta_x=0.01, eta_y=0.1, S=S, K=K, T_max=T_max, eps=1e-9, sigma_f=0.3, sigma_g=0.3, stop=False,
    )  # fmt: skip


@pytest.mark.parametrize("p", [2, 4])
def test_literal_reference(benchmark, p: int) -> None:
    """The array-API reference solver with the metered oracle: the definition of truth, and the baseline."""
    eye = np.eye(D)
    problem = LinearQuadratic(eye, 0.5 * eye, eye, ONES, eye, QuadraticHyper(tuple(ONES)))
    solver = F2SAp(p, nu=0.1, eta_x=0.01, eta_y=0.1, S=4, K=16, T=T)

    def work() -> int:
        oracle = StochasticOracle(problem, Gaussian(0.3, 0.3), seeds=np.arange(SEEDS))
        state = solver.init(problem, np.tile(ONES, (SEEDS, 1)))
        while not solver.terminate(state):
            state = solver.step(state, oracle)
        return oracle.counts.sfo

    calls = benchmark(work)
    assert calls == solver.calls
    benchmark.extra_info["SFO calls a second"] = calls * SEEDS / benchmark.stats["median"]


@pytest.mark.parametrize("p", [2, 4])
def test_literal_numba(benchmark, p: int) -> None:
    """The compiled literal loop on the same stream."""
    config, seeds = configuration(p, T), list(range(SEEDS))
    run_literal(config, seeds, "gaussian")  # compile outside the timing
    result = benchmark(run_literal, config, seeds, "gaussian")
    calls = int(np.max([int(v) for v in np.ravel(result.metered)]))
    assert calls == config.calls(T)
    benchmark.extra_info["SFO calls a second"] = calls * SEEDS / benchmark.stats["median"]


@pytest.mark.parametrize("p", [2, 8])
def test_jump_kernel(benchmark, p: int) -> None:
    """One outer step in law, whatever S and K are."""
    config = configuration(p, 2000, S=10**6, K=10**9)
    run_jump(config, range(16))
    benchmark(run_jump, config, range(16))
    benchmark.extra_info["outer steps a second"] = 2000 * 16 / benchmark.stats["median"]


def test_normals_of_the_oracle(benchmark) -> None:
    """Gaussian noise of the NumPy Philox stream, against NumPy's own generator below."""
    address = Address(0, np.arange(SEEDS), 0, 0, 0, 1, 0)
    drawn = benchmark(gaussian, address, 1000)
    assert drawn.shape == (SEEDS, 1000)


def test_normals_of_numpy(benchmark) -> None:
    """The baseline: NumPy's fastest bit generator."""
    generator = np.random.Generator(np.random.SFC64(0))
    assert benchmark(generator.standard_normal, (SEEDS, 1000)).shape == (SEEDS, 1000)
