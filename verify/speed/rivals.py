"""The same loops as others write them: plain NumPy, NumPy by hand for speed, and a JAX scan where JAX is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from verify.speed.case import Case
from verify.speed.loops import SEEDS, instance
from verify.speed.others import BATCH, DIM, INNER, ROWS, least_squares

ETA, J_NU, SIGMA = 0.1, 0.1, 0.3
STEPS = 300
STREAMS = ("threefry2x32", "rbg")
"""JAX's default generator, and the fastest that it offers."""


def rivals() -> Iterator[Case]:
    for d in (5, 10, 100):
        for level in ("quartic", "quadratic"):
            yield plain(level, d)
    yield by_hand()
    if find_spec("jax") is not None:
        for stream in STREAMS:
            yield jax_scan(stream)
        yield jax_finite_sum()


def plain_name(level: str, d: int) -> str:
    return f"plain NumPy {level} d={d}"


def as_written(problem: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F_y, G_y) as one writes them down."""
    q = getattr(problem, "quadratic", problem)
    z = y - q.b * x
    F, G = q.c0 + q.gamma * x + q.h * z, q.a * z
    if q is not problem:
        F = F + problem.f3 / 2 * z**2 + problem.f4 / 6 * z**3
        G = G + problem.g3 / 2 * z**2 + problem.g4 / 6 * z**3
    return F, G


def plain(level: str, d: int) -> Case:
    """The listing's inner loop in batched float64, as it is written down."""
    problem, x, rng = instance(level, d), np.full((SEEDS, d), 0.1), np.random.default_rng(0)

    def work(threads: int) -> float:
        y = np.zeros((SEEDS, d))
        for _ in range(STEPS):
            F, G = as_written(problem, x, y)
            F = F + SIGMA * rng.standard_normal(y.shape)
            G = G + SIGMA * rng.standard_normal(y.shape)
            y = y - ETA * (J_NU * F + G)
        return float(SEEDS * STEPS)

    return Case(plain_name(level, d), "calls", work)


def by_hand() -> Case:
    """The quartic loop, d = 10, with what a NumPy programmer can do: float32, SFC64, one draw, no temporary arrays."""
    problem, rng, f4 = instance("quartic", 10), np.random.Generator(np.random.SFC64(0)), np.float32
    q = problem.quadratic
    x = np.full((SEEDS, 10), 0.1, f4)
    centre, slope = (q.b * x).astype(f4), (q.c0 + q.gamma * x).astype(f4)
    rows = (q.h, q.a, problem.f3 / 2, problem.f4 / 6, problem.g3 / 2, problem.g4 / 6)
    h, a, f_2, f_3, g_2, g_3 = (np.tile(v, (SEEDS, 1)).astype(f4) for v in rows)
    noise, z, square, F, G = np.empty((2, *x.shape), f4), *(np.empty_like(x) for _ in range(4))

    def polynomial(out: np.ndarray, first: Any, second: Any, third: Any) -> None:
        """out = first z + z^2 (second + third z)"""
        np.multiply(third, z, out=out)
        np.add(out, second, out=out)
        np.multiply(out, square, out=out)
        np.add(out, first * z, out=out)

    def work(threads: int) -> float:
        y = np.zeros_like(x)
        for _ in range(STEPS):
            rng.standard_normal(dtype=f4, out=noise)
            np.multiply(noise, f4(SIGMA), out=noise)
            np.subtract(y, centre, out=z)
            np.multiply(z, z, out=square)
            polynomial(F, h, f_2, f_3)
            polynomial(G, a, g_2, g_3)
            np.add(F, slope, out=F)
            np.add(F, noise[0], out=F)
            np.add(G, noise[1], out=G)
            np.multiply(F, f4(J_NU), out=F)
            np.add(F, G, out=F)
            np.multiply(F, f4(ETA), out=F)
            np.subtract(y, F, out=y)
        return float(SEEDS * STEPS)

    return Case("NumPy by hand quartic d=10", "calls", work)


def jax_scan(stream: str) -> Case:
    """The quartic loop, d = 10, as a compiled float32 scan; all processor time counts, whatever threads JAX starts."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    problem = instance("quartic", 10)
    q = problem.quadratic
    rows = (q.b, q.c0, q.gamma, q.h, q.a, problem.f3, problem.f4, problem.g3, problem.g4)
    b, c0, gamma, h, a, f3, f4, g3, g4 = (jnp.asarray(v, jnp.float32) for v in rows)
    x, key = jnp.full((SEEDS, 10), 0.1, jnp.float32), jax.random.key(0, impl=stream)

    def step(y: Any, k: Any) -> tuple[Any, None]:
        noise = SIGMA * jax.random.normal(jax.random.fold_in(key, k), (2, SEEDS, 10), jnp.float32)
        z = y - b * x
        F = c0 + gamma * x + h * z + z * z * (f3 / 2 + f4 / 6 * z) + noise[0]
        G = a * z + z * z * (g3 / 2 + g4 / 6 * z) + noise[1]
        return y - ETA * (J_NU * F + G), None

    run = jax.jit(lambda y: lax.scan(step, y, jnp.arange(STEPS))[0])

    def work(threads: int) -> float:
        run(jnp.zeros_like(x)).block_until_ready()
        return float(SEEDS * STEPS)

    return Case(f"JAX scan {stream} quartic d=10", "calls", work)


def jax_finite_sum() -> Case:
    """The least-squares loop as a compiled float32 scan: batches gathered, two products with them."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    problem, key = least_squares(), jax.random.key(0)
    rows = jnp.asarray(np.stack([problem.rows_f, problem.rows_g]), jnp.float32)
    targets = jnp.asarray(np.stack([problem.targets_f, problem.targets_g]), jnp.float32)

    def step(z: Any, k: Any) -> tuple[Any, None]:
        index = jax.random.randint(jax.random.fold_in(key, k), (2, SEEDS, BATCH), 0, ROWS)
        total = jnp.zeros_like(z)
        for level, factor in enumerate((J_NU, 1.0)):
            taken = rows[level][index[level]]
            residual = jnp.einsum("sbd,sd->sb", taken, z) - targets[level][index[level]]
            total = total + factor / BATCH * jnp.einsum("sbd,sb->sd", taken, residual)
        return z - ETA * total, None

    run = jax.jit(lambda z: lax.scan(step, z, jnp.arange(INNER))[0])

    def work(threads: int) -> float:
        run(jnp.zeros((SEEDS, DIM), jnp.float32)).block_until_ready()
        return float(SEEDS * INNER)

    return Case("JAX scan finite sum", "calls", work)
