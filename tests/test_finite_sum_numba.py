"""The compiled least-squares loop against the metered oracle on the same finite sum, and against its mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solvers.finite_sum_numba import LeastSquares, inner_loops
from synthetic.errors import InputError
from synthetic.finite_sum import FiniteSum
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.noise import Minibatch
from synthetic.oracle import StochasticOracle

D, N_F, N_G = 3, 7, 12
SEEDS, NODES = [4, 2**32 - 1], [-2, 1, 3]
RUN: dict[str, Any] = {"nu": 0.1, "eta": 0.05, "K": 6, "batch_f": 5, "batch_g": 4, "step": 3, "experiment": 9}


def instance() -> tuple[LeastSquares, FiniteSum]:
    """The same sum twice: as rows, and with its terms as matrices in (x, y), z = y - x."""
    rng = np.random.default_rng(1)
    e, a, v, b = rng.normal(size=(N_F, D)), rng.normal(size=(N_G, D)), rng.normal(size=N_F), rng.normal(size=N_G)
    b -= a @ np.linalg.lstsq(a, b, rcond=None)[0]  # residuals: the mean of g has no linear term, as FiniteSum's base
    eye, twice = np.eye(D), np.array([[1.0, -1.0], [-1.0, 1.0]])
    c0 = -(v[:, None] * e).mean(axis=0)
    base = LinearQuadratic(a.T @ a / N_G, e.T @ e / N_F, eye, c0, 0 * eye, QuadraticHyper((1.0,) * D))

    def terms(rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = targets[:, None] * rows
        return np.array([np.kron(twice, np.outer(r, r)) for r in rows]), np.hstack([slope, -slope])

    return LeastSquares(e, v, a, b), FiniteSum(base, terms(e, v), terms(a, b))


def by_the_oracle(total: FiniteSum, z: np.ndarray) -> tuple[np.ndarray, int]:
    oracle = StochasticOracle(
        total, Minibatch(RUN["batch_f"], RUN["batch_g"]), experiment=RUN["experiment"], seeds=np.array(SEEDS)
    )
    x, node = np.broadcast_to(np.array([0.3, -0.2, 0.5]), z.shape), np.array(NODES)
    y = x + z
    for k in range(RUN["K"]):
        answer = oracle.query(x, y, step=RUN["step"], inner=1 + k, node=node, part="y")
        y = y - RUN["eta"] * (RUN["nu"] * node[:, None] * answer.Fy + answer.Gy)
    return y - x, oracle.counts.sfo


def start() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(len(SEEDS), len(NODES), D))


@pytest.mark.parametrize(("precision", "threads"), [("float64", 1), ("float64", 2), ("float32", 1)])
def test_the_oracles_batches_and_gradients(precision: Any, threads: int) -> None:
    rows, total = instance()
    expected, calls = by_the_oracle(total, start())
    found, drawn = inner_loops(rows, start(), seeds=SEEDS, nodes=NODES, precision=precision, threads=threads, **RUN)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 if precision == "float64" else 4e-6)
    assert drawn.tolist() == [calls] * len(SEEDS)


@pytest.mark.parametrize("change", [{"step": 4}, {"experiment": 8}, {"batch_f": 4}, {"nodes": [-2, 1, 2]}])
def test_another_address_is_another_run(change: dict[str, Any]) -> None:
    """Each word of the address and each size is used: the comparison above would see it dropped."""
    rows, total = instance()
    found, _ = inner_loops(rows, start(), **{"seeds": SEEDS, "nodes": NODES, **RUN, **change})
    assert np.abs(found - by_the_oracle(total, start())[0]).max() > 1e-4


def test_the_whole_sum_is_minimised() -> None:
    """With large batches and a small step z_j goes to the minimiser of j nu f + g, a linear system."""
    rows, _ = instance()
    nu, node, many = 0.1, 1, 4000
    H = nu * rows.rows_f.T @ rows.rows_f / N_F + rows.rows_g.T @ rows.rows_g / N_G
    h = nu * rows.rows_f.T @ rows.targets_f / N_F + rows.rows_g.T @ rows.targets_g / N_G
    sizes = {"batch_f": many, "batch_g": many, "eta": 0.2, "nu": nu}
    found, _ = inner_loops(rows, np.zeros((8, 1, D)), seeds=range(8), nodes=[node], K=200, **sizes)
    away = found[:, 0].mean(axis=0) - np.linalg.solve(H, h)
    spread = found[:, 0].std(axis=0, ddof=1) / np.sqrt(8)
    assert np.all(np.abs(away) < 5 * spread)
    assert np.all(spread < 0.01)


@pytest.mark.parametrize(
    "bad", [{"K": 0}, {"batch_g": 0}, {"nu": 0.0}, {"seeds": [-1]}, {"precision": "half"}, {"threads": 0}]
)
def test_bad_input(bad: dict[str, Any]) -> None:
    rows, _ = instance()
    with pytest.raises(InputError):
        inner_loops(rows, start(), **{"seeds": SEEDS, "nodes": NODES, **RUN, **bad})
    with pytest.raises(InputError):
        LeastSquares(np.zeros((2, 3)), [0.0, 0.0], np.zeros((0, 3)), [])
