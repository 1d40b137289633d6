"""The constants of paper 001 and the parameters that its propositions prescribe for F2BA, with nothing hidden in O(.).

    D_0 = (C_f + C_f L_g/(2 mu)) C_f/mu                                  |L*_lambda - phi| <= D_0/lambda       Lemma B.3
    D_1 = (1 + L_g/mu) (L_f + C_f rho_g/(2 mu)) C_f/mu                   ||grad (L*_lambda - phi)|| <= D_1/lambda    B.4
    D_2 = (1/mu + 2 L_g/mu^2) (L_f + C_f rho_g/mu)                       ||D (y*_lambda - y*)|| <= D_2/lambda        B.5
    D_3 = (1 + 4 L_g/mu) L_f + (1 + L_g/mu) C_f rho_g/mu + L_g D_2       ||grad^2 L*_lambda|| <= D_3                 B.7

D_1 has L_f L_g/mu where Eq. (9) prints rho_g L_g/mu: as printed the bound fails for a quadratic g.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import log, sqrt

from bounds.schedule import count, within_doubles
from synthetic.errors import InputError
from synthetic.hyper import positive
from synthetic.problem import Constants


@dataclass(frozen=True)
class SmoothClass:
    """Assumption 3.1 of paper 001: g mu-strongly convex in y, grad g L_g- and grad^2 g rho_g-Lipschitz, f
    C_f-Lipschitz, grad f L_f-Lipschitz, all in (x, y) together. rho_g = 0 for a quadratic g.
    """

    mu: float
    C_f: float
    L_f: float
    L_g: float
    rho_g: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            number = 0.0 if field.name == "rho_g" and value == 0 else positive(field.name, value)
            object.__setattr__(self, field.name, number)
        if self.L_g < self.mu:
            raise InputError("L_g", self.L_g, f"must be at least mu = {self.mu}")

    @classmethod
    def of(cls, constants: Constants, slope_x: float = 0.0) -> SmoothClass:
        """From the constants of an instance (p >= 1), valid on their region: C_f = hypot(L_0, slope_x) with slope_x a
        bound on ||grad_x f|| there (L_0 is for y alone), L_f = L_g = L_1, rho_g = L_2.
        """
        L = [c.value for c in constants.L]
        return cls(constants.mu.value, sqrt(L[0] ** 2 + slope_x**2), L[1], L[1], L[2])

    @property
    def kappa(self) -> float:
        return max(self.C_f, self.L_f, self.L_g, self.rho_g) / self.mu

    @property
    def D_0(self) -> float:
        return (self.C_f + self.C_f * self.L_g / (2 * self.mu)) * self.C_f / self.mu

    @property
    def D_1(self) -> float:
        return (1 + self.L_g / self.mu) * (self.L_f + self.C_f * self.rho_g / (2 * self.mu)) * self.C_f / self.mu

    @property
    def D_2(self) -> float:
        return (1 / self.mu + 2 * self.L_g / self.mu**2) * (self.L_f + self.C_f * self.rho_g / self.mu)

    @property
    def D_3(self) -> float:
        ratio = self.L_g / self.mu
        return (1 + 4 * ratio) * self.L_f + (1 + ratio) * self.C_f * self.rho_g / self.mu + self.L_g * self.D_2


@dataclass(frozen=True)
class InnerLoops:
    """Proposition 4.2: steps alpha (on g) and tau (on f + lambda g), K_0 inner steps at t = 0 and K at every t >= 1,
    momenta beta_z and beta_y (0: gradient descent)."""

    alpha: float
    tau: float
    K_0: int
    K: int
    beta_z: float = 0.0
    beta_y: float = 0.0


def inner_loops(
    bounds: SmoothClass, lam: float, eta: float, zeta: float, R_0: float, *, accelerated: bool = False
) -> InnerLoops:
    """What keeps ||hat grad L*_lambda(x_t) - grad L*_lambda(x_t)|| <= zeta at every t (Proposition 4.2).

    lam >= 2 L_f/mu; eta the step in x; R_0 >= ||y_0 - y*(x_0)||. Gradient descent: K_t = 4 L_g/mu log(1/q_t) with
    q_t = zeta/(4 lam L_g R_t), as printed. Accelerated: Nesterov's method with constant momentum on an L-smooth and
    m-strongly convex function has ||y^K - y*||^2 <= (1 + k) (1 - k^{-1/2})^K ||y^0 - y*||^2, k = L/m, hence
    K_t = k^{1/2} (2 log(1/q_t) + log(1 + k)) with k = 2 (L_f + lam L_g)/(lam mu), the larger of the two ratios.
    """
    b = bounds
    if not lam >= 2 * b.L_f / b.mu:
        raise InputError("lam", lam, f"Proposition 4.2 needs lambda >= 2 L_f/mu = {2 * b.L_f / b.mu:.6g}")
    later = zeta / (4 * lam * b.L_g) + 4 * b.L_g * eta / b.mu * (zeta + (1 + b.L_g / b.mu) * b.C_f)
    k_y, k_z = 2 * (b.L_f + lam * b.L_g) / (lam * b.mu), b.L_g / b.mu

    def steps(R: float) -> int:
        digits = log(4 * lam * b.L_g * R / zeta)
        return count("K", sqrt(k_y) * (2 * digits + log(1 + k_y)) if accelerated else 4 * k_z * digits)

    momenta = [(sqrt(k) - 1) / (sqrt(k) + 1) if accelerated else 0.0 for k in (k_z, k_y)]
    first, rest = steps(R_0 + b.C_f / (lam * b.mu)), steps(later)
    return InnerLoops(1 / b.L_g, 1 / (b.L_f + lam * b.L_g), first, rest, momenta[0], momenta[1])


@dataclass(frozen=True)
class OuterLoop:
    """Theorem 4.1: lambda, the step eta = 1/D_3, the accuracy zeta of the hyper-gradient and T outer steps."""

    lam: float
    eta: float
    zeta: float
    T: int


def outer_loop(bounds: SmoothClass, eps: float, Delta: float) -> OuterLoop:
    """Theorem 4.1 with its constants: some t < T has ||grad phi(x_t)|| <= eps, given phi(x_0) - inf phi <= Delta.

    lambda = max{2 L_f/mu, D_0/Delta, 2 D_1/eps} leaves eps/2 to ||grad L*_lambda||. The descent lemma with zeta = eps/4
    gives min_t ||grad L*||^2 <= 2 L Delta'/T + eps^2/16, Delta' = Delta + 2 D_0/lambda, so T = 32 L Delta'/(3 eps^2)
    steps suffice.
    """
    eps, Delta = positive("eps", eps), positive("Delta", Delta)
    lam = max(2 * bounds.L_f / bounds.mu, bounds.D_0 / Delta, 2 * bounds.D_1 / eps)
    with within_doubles(eps):
        T = count("T", 32 * bounds.D_3 * (Delta + 2 * bounds.D_0 / lam) / (3 * eps**2))
    return OuterLoop(lam, 1 / bounds.D_3, eps / 4, T)
