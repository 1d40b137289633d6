"""What the preset ``rates-stochastic`` runs: one line for each algorithm with a theorem, and the kernel for its trials.

Every run takes the steps of the class in ``solvers`` (compiled, every call counted) with the theorem's powers of t or
of eps in its step sizes, momenta and batches; the constants in front serve all eps (how they were chosen: the
preset's notes). Noise is drawn anew for each eps.

Two instances. ``quadratic``: phi = ||x||^2/2, f = phi + (1 + x/2)'z + ||z||^2/4, g = ||z||^2/2, z = y - x, d = 2. With
the steps t^(-1/3) of the momentum methods the noise in the momentum is what is left, E||grad phi||^2 ~ t^(-2/3): their
theorems' rate, which a quadratic does not make easier. With constant steps of order eps^2 (SOBA, MA-SOBA) the mean
over the iterates needs Delta/(gamma eps^2) of them: eps^-4 again. ``ramp``: phi depends on eps, lambda = 2 eps^2, and
the path is 1/(2 eps) long, so that at least about eps^-2/step iterates are needed (exact oracles too): for stocBiO,
whose step is constant and which would need log(1/eps) iterates on a quadratic.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, log
from typing import Any

import numpy as np

from solvers.bo_rep import BOREP
from solvers.bo_rep_numba import run_bo_rep
from solvers.diagonal_numba import Stopped, run_diagonal
from solvers.epoch_sgd import EpochSGD
from solvers.fdehbo import FdeHBO
from solvers.fmbo import FMBO
from solvers.lq_law import Diagonal
from solvers.mrbo import MRBO
from solvers.soba import MASOBA, SOBA
from solvers.stocbio import StocBiO
from solvers.sustain import SUSTAIN
from solvers.ttsa import TTSA
from solvers.update_lower import UpdateLower
from synthetic.noise import Gaussian, Multiplicative, Noise
from synthetic.relaxed_smooth import RelaxedSmooth, relaxed_smooth
from verify.engine import Kernel, register
from verify.options import Option, Schema
from verify.schemas import declare_family, declare_kernel

D = 2
LIPSCHITZ = Multiplicative(1.0, 1.0, sigma_h=0.5, scale=1.0)
"""sigma sqrt(1 + ||y||^2/d): grows with y, and its size is Lipschitz in y, so the oracle is mean-squared smooth."""
ADDITIVE = Gaussian(1.0, 1.0, sigma_h=0.5)
ANY = 10**9
"""T of a configuration that runs until it is stopped."""
MOMENTUM: dict[str, Any] = {
    "T": ANY, "c_alpha": 0.5, "c_beta": 1.0, "c_lambda": 1.0, "c_f": 8.0, "c_R": 8.0, "c_g": 8.0, "w": 8.0, "r_v": 4.0,
}  # fmt: skip


def quadratic() -> Diagonal:
    one = np.ones(D)
    return Diagonal(one, one, 0.5 * one, one, 0.5 * one, one)


def ramp(eps: float) -> tuple[Diagonal, np.ndarray]:
    """phi = eps^2 x_0^2 + x_1^2/2 and its start (1/eps, 0): ||grad phi|| = 2 eps there."""
    one = np.ones(D)
    problem = Diagonal(np.array([2 * eps**2, 1.0]), one, 0.5 * one, one, 0 * one, one)
    return problem, np.array([1 / eps, 0.0])


def bo_rep(eps: float) -> BOREP:
    """Theorem 3.1 of paper 004 in powers: 1 - beta ~ eps^2, nu ~ 1 - beta, eta ~ eps (1 - beta), I, N ~ eps^-2,
    gamma ~ eps^2, R ~ eps, and one epoch of eps^-2 steps at the start."""
    share, N = min(0.25, eps**2), ceil(eps**-2)
    start = EpochSGD(((1.0, N, eps**2),))
    return BOREP(ANY, eps * share, 0.5 * share, 1 - share, UpdateLower(N, N, eps**2, eps), start)


def relaxed(p: float, q: float) -> tuple[RelaxedSmooth, np.ndarray, np.ndarray]:
    """phi = cosh(p) - 1 + sqrt(1 + q^2) - 1, an upper level that is not smooth with any constant; x_0 and y*(x_0)."""
    problem, x0 = relaxed_smooth("exponential", 1, 1, 1.0), np.array([p, q])
    return problem, x0, problem.B @ x0


BO_REP_NOISE = Gaussian(0.5, 0.5, sigma_h=0.3)


@dataclass(frozen=True)
class Line:
    """One algorithm on one instance. ``power`` as in solvers.diagonal_numba; ``law``: batches drawn as one normal;
    ``log_power``: of the logarithm that the configuration carries; ``printed_log``: the one that O~ may hide; ``cap``:
    runs end after cap eps^-claimed_steps steps; ``ends``: log10 of the smallest eps, quick and full."""

    algorithm: str
    theorem: str
    claimed: float
    build: Callable[[float], Any]
    why: str
    instance: str = "quadratic"
    noise: Noise = ADDITIVE
    power: int = 2
    law: bool = False
    corrected: bool = True
    rough: float = 0.0
    cap: float = 1000.0
    cap_power: float = 3.0
    log_power: float = 0.0
    printed_log: float = 0.0
    ends: tuple[str, str] = ("-1", "-3/2")
    starts: str = "-1/2"
    control: bool = False
    expected: float | None = None
    """What the powers give on this instance, where that is less than the claim."""


NOISE_LIMITED = "noise left in the momentum: E||grad phi||^2 ~ t^(-2/3) on a quadratic too"
AVERAGED = "the mean over the iterates needs Delta/(gamma eps^2) of them, gamma ~ eps^2"
LINES: dict[str, Line] = {
    "fmbo": Line(
        "FMBO", "003 Theorem 2", 3.0, lambda eps: FMBO(**MOMENTUM), NOISE_LIMITED, noise=LIPSCHITZ, printed_log=1.5,
        ends=("-1", "-3/2"),
    ),
    "fdehbo": Line(
        "FdeHBO", "003 Theorem 1", 3.0, lambda eps: FdeHBO(**MOMENTUM, delta=0.01), NOISE_LIMITED, noise=LIPSCHITZ,
        printed_log=1.5, ends=("-1", "-3/2"),
    ),
    "fmbo-ramp": Line(
        "FMBO", "003 Theorem 2", 3.0, lambda eps: FMBO(**MOMENTUM), "path of 1/(2 eps) at steps t^(-1/3)",
        instance="ramp", printed_log=1.5,
    ),
    "fmbo-uncorrected": Line(
        "FMBO without its correction", "003 Theorem 2", 3.0, lambda eps: FMBO(**MOMENTUM),
        "control: plain averaging, h = eta s + (1 - eta) h", noise=LIPSCHITZ, corrected=False, cap=300.0,
        ends=("-3/4", "-1"), control=True,
    ),
    "fmbo-rough": Line(
        "FMBO, rough noise", "003 Theorem 2", 3.0, lambda eps: FMBO(**MOMENTUM),
        "control: noise of the same variance whose sign flips every 0.1 in y: not mean-squared smooth", rough=0.1,
        cap=300.0, ends=("-3/4", "-1"), control=True,
    ),
    "bo_rep": Line(
        "BO-REP", "004 Theorem 3.1", 4.0, bo_rep, "the mean over the iterates needs Delta/(eta eps), eta ~ eps^3",
        instance="relaxed", noise=BO_REP_NOISE, power=1, cap_power=4.0, ends=("-7/8", "-5/4"),
    ),
    "stocbio": Line(
        "stocBiO", "Ji, Yang, Liang 2021, Theorem 3", 4.0,
        lambda eps: StocBiO.orders(eps, ANY, mu=1.0, L=1.5, sigma=2.0, beta=0.5),
        "T ~ eps^-2 from the path; batches ~ eps^-2 and depths ~ log(1/eps) are the schedule's", instance="ramp",
        law=True, cap=100.0, cap_power=2.0, log_power=1.0, ends=("-3/2", "-2"),
    ),
    "mrbo": Line(
        "MRBO", "Yang, Ji, Liang 2021", 3.0,
        lambda eps: MRBO(ANY, gamma=1.0, lam=1.0, d=0.5, m=8.0, c_x=8.0, c_y=8.0, eta=0.7, Q=4), NOISE_LIMITED,
        noise=LIPSCHITZ, printed_log=1.5, starts="-3/4", ends=("-1", "-11/8"),
    ),
    "sustain": Line(
        "SUSTAIN", "Khanduri et al. 2021", 3.0,
        lambda eps: SUSTAIN(ANY, c_alpha=0.5, c_beta=1.0, c_f=8.0, c_g=8.0, w=8.0, L=1.5, Q=4), NOISE_LIMITED,
        noise=LIPSCHITZ, printed_log=1.5, starts="-3/4", ends=("-1", "-5/4"),
    ),
    "soba": Line(
        "SOBA", "Dagréou et al. 2022", 4.0, lambda eps: SOBA(ANY, gamma=0.2 * eps**2, rho=0.4 * eps**2), AVERAGED,
        cap=100.0, cap_power=4.0, ends=("-7/8", "-9/8"),
    ),
    "ma_soba": Line(
        "MA-SOBA", "Chen, Xiao, Balasubramanian 2023", 4.0,
        lambda eps: MASOBA(ANY, gamma=0.2 * eps**2, rho=0.4 * eps**2, theta=2 * eps**2), AVERAGED, cap=100.0,
        cap_power=4.0, ends=("-7/8", "-9/8"),
    ),
    "ttsa": Line(
        "TTSA", "Hong et al. 2023 (paper 004, Table 1)", 5.0, lambda eps: TTSA(ANY, alpha=0.3, beta=0.5, L=1.5, Q=4),
        "easier instance: the lower level's error enters linearly and averages out, so x's steps t^(-3/5) set 10/3; "
        "the theorem pays for E||y - y*|| ~ t^(-1/5) itself", cap=100.0, cap_power=4.0, starts="-3/4",
        ends=("-5/4", "-3/2"), expected=10 / 3,
    ),
}  # fmt: skip


def solve(line: Line, eps: float, log10_eps: Fraction, seeds: tuple[int, ...]) -> tuple[Any, Stopped, int]:
    """The configuration at this eps, its runs, and the noise key that they had."""
    solver, experiment = line.build(eps), zlib.crc32(str(log10_eps).encode())
    T_max = ceil(line.cap * eps**-line.cap_power)
    stop: dict[str, Any] = {"eps": eps, "T_max": T_max, "power": line.power, "experiment": experiment}
    if line.instance == "relaxed":
        problem, x0, y0 = relaxed(3.0, 1.0)
        assert isinstance(line.noise, Gaussian)
        return solver, run_bo_rep(solver, problem, line.noise, seeds, x0, y0, **stop), experiment
    if line.instance == "ramp":
        diagonal, x0 = ramp(eps)
    else:
        diagonal, x0 = quadratic(), np.ones(D)
    stop |= {"law": line.law, "corrected": line.corrected, "rough": line.rough}
    return solver, run_diagonal(solver, diagonal, line.noise, seeds, x0, x0, **stop), experiment


def trial(arguments: Mapping[str, Any], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """``T`` iterates whose mean meets the target, ``first`` last iterate that does; ``calls``, ``HVP``: of T steps by
    the solver's own formula (HVP None where it is random); ``metered``: SFO counted up to ``steps``, and ``formula``
    the same from the formula."""
    line, eps = LINES[arguments["line"]], arguments["eps"]
    solver, found, experiment = solve(line, eps, arguments["log10_eps"], seeds)
    depth = solver.D if isinstance(solver, StocBiO) else 1
    common = {"log": log(1.5 / eps) if line.log_power else log(1 / eps), "S": int(line.law), "K": depth}
    rows = []
    for T, first, steps, spent in zip(found.T, found.first, found.steps, found.spent):
        ended = replace(solver, T=max(1, steps if T is None else T))
        random = isinstance(solver, SUSTAIN | TTSA)
        rows.append(
            {"T": T, "first": first, "steps": steps, "censored": T is None, "calls": ended.calls,
             "HVP": None if random else ended.cost(experiment).HVP, "metered": spent,
             "formula": replace(solver, T=max(1, steps)).calls, **common}
        )  # fmt: skip
    return rows


declare_family(Schema("stochastic-rates"))
declare_kernel(Schema("stochastic-rates", {"line": Option("word", "fmbo", tuple(LINES))}))
register(Kernel("stochastic-rates", trial, 64))
