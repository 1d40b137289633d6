"""BO-REP: initialization refinement and periodic updates, for unboundedly smooth upper levels (paper 004, Algorithm 1).

    y_0 = Epoch-SGD(x_0, y'_0)                                                     (before the first step, once)
    y_{k+1} = UpdateLower(x_k, y_k)                                                (every I steps)
    z_{k+1} = z_k - nu ( G_yy(x_k, y_k; xi_k) z_k - F_y(x_k, y_k; zeta_k) )
    m_{k+1} = beta m_k + (1 - beta) ( F_x(x_k, y_k; zeta_k) - G_xy(x_k, y_k; xi_k) z_k )
    x_{k+1} = x_k - eta m_{k+1}/||m_{k+1}||

with one pair (xi_k, zeta_k) for z and m, and y_k, z_k (not the new ones) in both, as printed. T is the paper's K.

Departures: m_{k+1} = 0 leaves x (the print divides by zero); ``lower`` or ``refine`` None skips that part, for
ablations. :meth:`BOREP.theorem` is Theorem 3.1/E.2 with I and T rounded up to integers; terms with sigma = 0 drop.

Calls: 1 SFO (F), 1 HVP, 1 JVP a step, and the G calls of UpdateLower and Epoch-SGD.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, inf

from solvers.epoch_sgd import EpochSGD
from solvers.pieces import check_all_positive, check_fields, check_share, start, times, unit
from solvers.update_lower import UpdateLower
from synthetic.arrays import Array, namespace
from synthetic.errors import InputError
from synthetic.oracle import Counts, StochasticOracle
from synthetic.problem import BilevelProblem
from synthetic.relaxed_smooth import RelaxedConstants


@dataclass(frozen=True)
class State:
    """t steps done; x, m (..., dx); y, z (..., dy)."""

    t: int
    x: Array
    y: Array
    z: Array
    m: Array


@dataclass(frozen=True)
class BOREP:
    """Configuration, symbols as in the module docstring; T steps."""

    T: int
    eta: float = 0.01
    nu: float = 0.1
    beta: float = 0.9
    lower: UpdateLower | None = UpdateLower(2, 3, 0.05, 1.0)  # noqa: RUF009 (frozen)
    refine: EpochSGD | None = None

    def __post_init__(self) -> None:
        check_fields(self, ("eta", "nu"), ("T",))
        check_share("beta", self.beta)
        if self.beta == 1:
            raise InputError("beta", self.beta, "pass beta < 1: no sample enters the momentum at 1")

    needs = ("F", "G", "HVP", "JVP")

    @classmethod
    def theorem(
        cls, eps: float, delta: float, constants: RelaxedConstants, *, Delta: float, gradient: float, Delta_z: float,
        V_0: float, sigma_f1: float, sigma_g1: float, sigma_g2: float,
    ) -> BOREP:  # fmt: skip
        """Theorem E.2: E mean ||grad phi(x_k)|| <= 30 eps with probability 1 - delta.

        Delta = phi(x_0) - inf phi, gradient = ||grad phi(x_0)||, Delta_z = ||z_0 - z*(x_0)||^2 (z_0 = 0), V_0 >=
        g(x_0, y'_0) - min g, the sigmas those of Assumption 3. Needs eps <= K_0/K_1 and sigma_g1 > 0.
        """
        check_all_positive(eps=eps, Delta=Delta, V_0=V_0, sigma_g1=sigma_g1)
        k, C, mu, M = constants, constants.C_gxy, constants.mu, constants.M
        if eps > k.K_0 / k.K_1:
            raise InputError("eps", eps, f"Theorem 3.1 needs eps <= K_0/K_1 = {k.K_0 / k.K_1:.4g}")
        ratio = lambda a, b: a / b if b > 0 else inf  # noqa: E731
        noise = sigma_f1**2 + 2 * M**2 / mu**2 * sigma_g2**2
        share = min(
            ratio(eps**2, noise) * min(1.0, mu**2 / (32 * C**2)), ratio(C**2, 8 * sigma_g2**2),
            ratio(mu**2, 16 * sigma_g2**2), 0.25,
        )  # fmt: skip
        period = max(1, ceil(sigma_g1**2 * k.K_0**2 / (mu**2 * eps**2)))
        slow = min(1 / k.K_1, eps / k.K_0, ratio(Delta, gradient), ratio(eps * Delta, C**2 * Delta_z)) * share / 8
        eta = min(slow, k.radius_x, mu * eps / (8 * k.K_0 * period * C))
        T = ceil(4 * Delta / (eta * eps))
        lower = UpdateLower.theorem(eps, delta, K_0=k.K_0, mu=mu, sigma=sigma_g1, period=period, K=T)
        refine = EpochSGD.theorem(
            mu * eps**2 / (128 * k.K_0**2), delta, V_0=V_0, mu=mu, L=k.L, sigma=sigma_g1
        )  # fmt: skip
        return cls(T, eta, share / mu, 1 - share, lower, refine)

    def cost(self, experiment: int = 0) -> Counts:
        """Calls of a whole run."""
        G = (self.lower.calls(self.T) if self.lower else 0) + (self.refine.calls if self.refine else 0)
        return times(self.T, sfo=1, F=1, HVP=1, JVP=1) + Counts(sfo=G, G=G)

    @property
    def calls(self) -> int:
        return self.cost().sfo

    def init(self, problem: BilevelProblem, x0: Array, y0: Array | None = None) -> State:
        """y'_0 = y0 (default zero), z_0 = 0, m_0 = 0."""
        x, y = start(problem, x0, y0)
        xp = namespace(x)
        return State(0, x, y, xp.zeros_like(y), xp.zeros_like(x))

    def step(self, state: State, oracle: StochasticOracle) -> State:
        k, x, y, z = state.t, state.x, state.y, state.z
        if k == 0 and self.refine is not None:
            y = self.refine.run(oracle, x, y)
        following = y if self.lower is None else self.lower.run(oracle, x, y, k)
        Fx, Fy = oracle.F(x, y, step=k)
        Hz, Jz = oracle.hvp(x, y, z, step=k), oracle.jvp(x, y, z, step=k)
        m = self.beta * state.m + (1 - self.beta) * (Fx - Jz)
        return replace(state, t=k + 1, x=x - self.eta * unit(m), y=following, z=z - self.nu * (Hz - Fy), m=m)

    def terminate(self, state: State) -> bool:
        return state.t >= self.T
