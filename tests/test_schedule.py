"""Schedules put back into what they promise (bias, variance, exponents) by computations that share no code."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from itertools import pairwise
from math import factorial, log, sqrt

import mpmath
import numpy as np
import pytest

from bounds.exponents import asymptotic_exponent
from bounds.lq_schedule import lq_schedule
from bounds.schedule import Schedule, outer_steps_on_ramp, theorem_schedule
from bounds.stencil import central, from_nodes, one_sided
from synthetic.errors import InputError
from synthetic.problem import Constant, Constants

ORDERS = (1, 2, 3, 4, 6, 8)
CLASS = {"mu": 0.5, "sigma": 1.5, "Delta": 2.0, "R": 3.0}
every_order = pytest.mark.parametrize("p", ORDERS)


def smoothness(p: int, largest: float = 2.0) -> list[float]:
    """L_0 .. L_{p+1} with L_bar = L_1 = ``largest``; L_{p+1} is large and must not enter kappa."""
    return [1.0, largest, *[0.5] * (p - 1), 1e6]


def slope(eps: np.ndarray, values: list[float]) -> float:
    """Least-squares slope of log values against log(1/eps)."""
    return float(np.polyfit(-np.log(eps), np.log(np.array(values, dtype=float)), 1)[0])


# ---------------------------------------------------------------- the record


def test_calls_are_exact_python_integers_of_any_size():
    s = Schedule(4, 1e-3, 0.1, 1.0, 1.0, S=3, K=10**22 + 1, T=10**9 + 7, stencil=central(4))
    assert s.calls() == 4 * (10**22 + 4) * (10**9 + 7)
    assert s.calls(count_zero_node=True) == 5 * (10**22 + 4) * (10**9 + 7)
    assert s.per_outer() * s.T == s.calls()
    odd = dataclasses.replace(s, p=3, stencil=one_sided(3))
    assert odd.calls() == odd.calls(count_zero_node=True) == 4 * odd.T * (odd.S + odd.K)


# ---------------------------------------------------------------- Eq. (5)


def test_equation_5_by_hand():
    s = theorem_schedule(2, 0.01, L=[1, 2, 1, 1e6], mu=0.5, sigma=1, Delta=1, R=1)
    # L_bar = 2, kappa = 4: nu^2 = 0.01/(2 * 4^5) = 1/204800
    assert s.nu == pytest.approx(sqrt(1 / 204800), rel=1e-14)
    assert s.S == 204800 * 10**4
    assert s.eta_x == pytest.approx(0.01 / 128, rel=1e-14)
    assert s.eta_y == pytest.approx(1e-4 / 204800 / 8, rel=1e-14)
    assert s.T == 1_280_000
    assert pytest.approx(16 * 204800e4 * log(8 / (s.nu * 0.01)), rel=1e-9) == s.K
    capped = theorem_schedule(2, 0.01, L=[1, 2, 1, 1], mu=0.5, sigma=1, Delta=1, R=1e-4)
    assert capped.nu == pytest.approx(1e-4 / 4, rel=1e-14)


@every_order
def test_equation_5_scales_as_the_theorem_says(p):
    """Total / log ~ eps^{-4-2/p} kappa^{9+2/p} at fixed L (Theorem 3.1)."""

    def parts(eps: float, mu: float) -> tuple[float, float, float]:
        s = theorem_schedule(p, eps, L=smoothness(p), **{**CLASS, "mu": mu})
        kappa = 2.0 / mu
        return s.S, s.K / log(3.0 * 2.0 * kappa / (s.nu * eps)), s.T

    base, finer, harder = parts(1e-4, 0.5), parts(1e-6, 0.5), parts(1e-4, 0.05)
    in_eps = [log(f / b) / log(100) for f, b in zip(finer, base)]
    assert in_eps == pytest.approx([2 + 2 / p, 2 + 2 / p, 2], abs=1e-6)
    in_kappa = [log(h / b) / log(10) for h, b in zip(harder, base)]
    assert in_kappa == pytest.approx([4 + 2 / p, 6 + 2 / p, 3], abs=1e-6)
    assert in_kappa[1] + in_kappa[2] == pytest.approx(9 + 2 / p, abs=1e-6)


def test_each_multiplier_acts_on_its_own_term():
    base = theorem_schedule(2, 1e-3, L=smoothness(2), **CLASS)
    for name in ("S", "K", "T"):
        scaled = theorem_schedule(2, 1e-3, L=smoothness(2), **CLASS, multipliers={name: 3.0})
        changed = {k for k in ("nu", "eta_x", "eta_y", "S", "K", "T") if getattr(scaled, k) != getattr(base, k)}
        assert changed == {name}
        assert abs(getattr(scaled, name) - 3 * getattr(base, name)) <= 3
    scaled = theorem_schedule(2, 1e-3, L=smoothness(2), **CLASS, multipliers={"nu": 0.5})
    assert scaled.nu == base.nu / 2
    assert pytest.approx(4 * base.S, rel=1e-9) == scaled.S  # S and eta_y follow the nu that is used
    assert scaled.eta_y == pytest.approx(base.eta_y / 4, rel=1e-12)


def test_constants_of_an_instance_are_accepted():
    L = tuple(Constant(v, "exact") for v in smoothness(3))
    constants = Constants(3, Constant(0.5, "exact"), L, "everywhere")
    options = {k: v for k, v in CLASS.items() if k != "mu"}
    assert theorem_schedule(3, 1e-2, L=constants, **options) == theorem_schedule(3, 1e-2, L=smoothness(3), **CLASS)
    with pytest.raises(InputError, match="order p = 2"):
        theorem_schedule(2, 1e-2, L=constants, **options)


# ---------------------------------------------------------------- the completed proof


def scalar_psi(nu, *, a, h, b, gamma, c):
    """d/dx ell_nu for the scalar linear-quadratic instance where grad phi = 1, from its definition."""
    z = -nu * c / (a + nu * h)  # minimiser of nu (c z + h z^2/2) + a z^2/2
    grad_f = 1 + gamma * z - b * (c + h * z)
    grad_g = -b * a * z
    return nu * grad_f + grad_g


def bias_by_solving(s: Schedule, **instance) -> float:
    """|(1/nu) sum alpha_j psi(j nu) - psi'(0)| with every lower level solved, in 60 digits; psi'(0) = 1."""
    with mpmath.workdps(60):
        nu = mpmath.mpf(s.nu)
        exact = {k: mpmath.mpf(v) for k, v in instance.items()}
        pairs = zip(s.stencil.nodes, s.stencil.weights)
        total = sum(mpmath.mpf(w.numerator) / w.denominator * scalar_psi(j * nu, **exact) for j, w in pairs)
        return float(abs(total / nu - 1))


def inner_variance(j, nu, eta, *, a, h, sg, sf) -> float:
    """Fixed point of v <- (1 - eta h_j)^2 v + eta^2 s_j^2, in 60 digits."""
    with mpmath.workdps(60):
        contraction = (1 - mpmath.mpf(eta) * (a + j * nu * h)) ** 2
        return float(mpmath.mpf(eta) ** 2 * (sg**2 + (j * nu * sf) ** 2) / (1 - contraction))


@every_order
@pytest.mark.parametrize("family", ["paper", "paper_v2"])
@pytest.mark.parametrize("eps", [0.3, 1e-2])
def test_completed_schedule_meets_equation_15_with_exact_quantities(p, family, eps):
    a, h, b, gamma, c, sigma = 1.0, 0.8, 0.0, 1.0, 5.0, 1.5
    # |psi^(p+1)| = |gamma c| a^2 h^{p-1} (p+1)! / (a + nu h)^{p+2} on |nu| <= 1/(2 kappa) = 1/10 (L_bar = c)
    jet = abs(gamma * c) * a**2 * h ** (p - 1) * factorial(p + 1) / (a - 0.1 * h) ** (p + 2)
    s = theorem_schedule(
        p, eps, L=[c, 1.0, *[1.0] * p], mu=a, sigma=sigma, Delta=1.0, R=1.0, stencil=family,
        complete=True, jet_lipschitz=jet, hyper_smoothness=2.0,
    )  # fmt: skip
    tau = eps / 96
    kappa = 5.0
    assert s.stencil.max_node * s.nu <= 1 / (2 * kappa) * (1 + 1e-12)
    bias = bias_by_solving(s, a=a, h=h, b=b, gamma=gamma, c=c)
    assert bias <= tau
    if s.stencil.max_node * s.nu < 1 / (2 * kappa) * (1 - 1e-9):  # then c_p is sharp up to the jets' variation
        assert bias >= tau * ((1 - 0.1 * h) / (1 + 0.1 * h)) ** (p + 2)
    nodes, weights = s.stencil.active
    shared = sum(abs(float(w)) * (abs(j) + 1 / s.nu) for j, w in zip(nodes, weights)) * sigma
    assert shared / sqrt(s.S) <= tau * (1 + 1e-9)
    worst = sum(  # E|sum of node errors| <= sum of root mean squares, each moved by L_1 (|j| + 1/nu) at most
        abs(float(w)) * (abs(j) + 1 / s.nu)
        * sqrt(
            inner_variance(j, s.nu, s.eta_y, a=a, h=h, sg=sigma, sf=sigma)
            + np.exp(2 * s.K * np.log1p(-s.eta_y * (a + j * s.nu * h)))
            * (1.0 + 2 * c * s.stencil.max_node * s.nu) ** 2
        )
        for j, w in zip(nodes, weights)
    )  # fmt: skip
    assert worst <= tau
    assert 3 / (s.eta_x * s.T) + 1.5 * 2.0 * s.eta_x + 8 * 3 * tau <= eps * (1 + 1e-12)  # Lemma E.1


def test_completed_schedule_is_needed_where_eq_5_breaks_its_own_lemma():
    """One-sided p = 7 at a large eps: Eq. (5) bounds nu, and j nu leaves the region of Lemma 3.1."""
    arguments = {"L": [1.0] * 9, "mu": 1.0, "sigma": 1.0, "Delta": 1.0, "R": 1.0}
    printed = theorem_schedule(7, 0.5, **arguments)
    assert 7 * printed.nu > 1 / 2  # kappa = 1
    complete = theorem_schedule(7, 0.5, complete=True, **arguments)
    assert 7 * complete.nu <= 1 / 2
    assert any("1/(2 kappa)" in note for note in complete.notes)
    with pytest.raises(InputError, match="log"):
        theorem_schedule(1, 2.0, L=[1, 1, 1], mu=1, sigma=1, Delta=1, R=1)
    assert theorem_schedule(1, 2.0, L=[1, 1, 1], mu=1, sigma=1, Delta=1, R=1, complete=True).K >= 1


# ---------------------------------------------------------------- linear-quadratic

FAMILIES = [(p, f) for p in ORDERS for f in ("paper", "paper_v2", "one_sided")]
INSTANCE = {"a": 1.3, "h": 0.7, "b": 1.1, "gamma": 0.9}


@pytest.mark.parametrize(("p", "family"), FAMILIES)
@pytest.mark.parametrize("h", [0.7, -0.4])
@pytest.mark.parametrize("fraction", [4.0, 32.0])
def test_bias_at_nu_equals_the_target(p, family, h, fraction):
    d, eps, c = 3, 10**-1.5, 900.0
    instance = {**INSTANCE, "h": h}
    s = lq_schedule(p, eps, c_norm=c * sqrt(d), d=d, stencil=family, fraction=fraction, **instance)
    assert s.notes == ()
    assert sqrt(d) * bias_by_solving(s, c=c, **instance) == pytest.approx(eps / fraction, rel=1e-10)
    # a wrong weight, a dropped factor: the same measurement sees it
    j = max(range(len(s.stencil.weights)), key=lambda i: s.stencil.nodes[i])
    weights = list(s.stencil.weights)
    for wrong in (-weights[j], weights[j] * (1 + Fraction(1, 100))):
        mutant = dataclasses.replace(s.stencil, weights=(*weights[:j], wrong, *weights[j + 1 :]))
        broken = dataclasses.replace(s, stencil=mutant)
        measured = sqrt(d) * bias_by_solving(broken, c=c, **instance)
        assert abs(measured / (eps / fraction) - 1) > 1e-3


@every_order
def test_batch_noise_has_the_target_size_by_simulation(p):
    rng, d, sg, sf = np.random.default_rng(p), 4, 1.2, 30.0
    s = lq_schedule(p, 0.2, c_norm=2000.0, d=d, sg=sg, sf=sf, **INSTANCE)
    noise = np.zeros((100_000, d))
    for j, w in zip(s.stencil.nodes, s.stencil.weights):
        noise += float(w) * (j * rng.normal(0, sf, noise.shape) + rng.normal(0, sg, noise.shape) / s.nu)
    squared = np.sum(noise**2, axis=1).mean() / s.S
    # 400,000 squares: standard error sqrt(2/4e5) = 0.22%; 1.5% is beyond six of them
    assert squared == pytest.approx((0.2 / 4) ** 2, rel=0.015)


def inner_noise(s: Schedule, *, d, a, h, b, gamma, sg, sf) -> float:
    """Root mean square of the inner noise in Phi at stationarity: gains by differencing the estimate in y_j."""
    total = 0.0
    for j, w in zip(s.stencil.nodes, s.stencil.weights):
        gain = float(w) * (j * (gamma - b * h) - b * a / s.nu)
        total += d * gain**2 * inner_variance(j, s.nu, s.eta_y, a=a, h=h, sg=sg, sf=sf)
    return sqrt(total)


@every_order
@pytest.mark.parametrize("b", [0.0, 1.1])
def test_inner_noise_meets_the_target(p, b):
    options = {**INSTANCE, "b": b, "d": 3, "sg": 1.2, "sf": 0.5}
    eps = 1e-2
    full = lq_schedule(p, eps, c_norm=2000.0, inner="full", **options)
    slack = {0.0: 0.9, 1.1: 0.999}[b]
    if not full.notes:  # with b = 0 stability, not noise, may bound eta_y
        assert slack * eps / 4 <= inner_noise(full, **options) <= eps / 4 * (1 + 1e-12)
    else:
        assert inner_noise(full, **options) < eps / 4
    if b:
        leading = lq_schedule(p, 1e-4, c_norm=2e5, **options)
        ratio = inner_noise(leading, **options) / (1e-4 / 4)
        # dropped: j nu (gamma/(b a) - h/a), (j nu sf/sg)^2 and j nu h/a, all of the order of max|j| nu
        assert abs(ratio - 1) <= 2 * float(leading.stencil.max_node) * leading.nu


def test_inner_steps_use_the_smallest_perturbed_curvature():
    s = lq_schedule(4, 1e-2, c_norm=1000.0, a=1.0, h=0.9)
    smallest = 1.0 - 2 * s.nu * 0.9
    assert pytest.approx(log(1 / (s.nu * 1e-2)) / (smallest * s.eta_y), rel=1e-9) == s.K
    forward = lq_schedule(3, 1e-2, c_norm=1000.0, a=1.0, h=0.9)
    plain = lq_schedule(4, 1e-2, c_norm=1000.0, a=1.0, h=0.9, contraction="unperturbed")
    assert pytest.approx(s.K * smallest, rel=1e-9) == plain.K
    assert pytest.approx(log(1 / (forward.nu * 1e-2)) / forward.eta_y, rel=1e-9) == forward.K


def test_outer_steps_cover_the_ramp():
    s = lq_schedule(2, 1e-2, c_norm=1000.0, L=3.0, Delta=2.0, T_multiple=5.0)
    assert s.eta_x == pytest.approx(1e-2 / 12)
    # gradient 2 eps at x_0 = Delta/eps, slope lam = 2 eps^2/Delta: eps is reached at Delta/(2 eps)
    lam, x0 = 2 * 1e-4 / 2.0, 2.0 / 1e-2
    assert lam * x0 == pytest.approx(2e-2)
    steps = (x0 - 1e-2 / lam) / s.eta_x
    assert outer_steps_on_ramp(1e-2, 2.0, s.eta_x) == pytest.approx(steps)
    assert abs(s.T - 5 * steps) <= 1


@every_order
def test_nu_decreases_and_costs_increase_with_accuracy(p):
    schedules = [lq_schedule(p, e, c_norm=1000.0 * sqrt(5)) for e in np.geomspace(10**-0.5, 1e-3, 11)]
    for coarse, fine in pairwise(schedules):
        assert fine.nu < coarse.nu
        assert fine.S > coarse.S
        assert fine.K > coarse.K
        assert fine.T > coarse.T
    proof = lq_schedule(p, 1e-2, c_norm=1000.0, fraction=32)
    assert proof.nu < lq_schedule(p, 1e-2, c_norm=1000.0).nu


def test_definiteness_is_the_only_limit_and_a_cap_is_said():
    capped = lq_schedule(8, 0.3, c_norm=0.5, a=1.0, h=1.0)  # gamma c0 near 0.5: nu hits its cap
    assert capped.nu == pytest.approx(0.9 / 4)
    assert any("cap" in note for note in capped.notes)
    with pytest.raises(InputError, match="positive definite"):
        lq_schedule(4, 0.1, c_norm=1.0, a=1.0, h=1.0, nu=0.5)
    with pytest.raises(InputError, match="positive definite"):
        lq_schedule(4, 0.1, c_norm=1.0, a=1.0, h=-1.0, nu_cap=0.6)
    # beyond 1/max|j| but definite at every node: |j nu| < mu/sup||f_yy|| is merely sufficient
    assert lq_schedule(3, 0.1, c_norm=1.0, a=1.0, h=1.0, nu=0.9).nu == 0.9


# ---------------------------------------------------------------- exponents


@every_order
def test_symbolic_exponents(p):
    e = asymptotic_exponent(p)
    assert (e.S.power, e.K.power, e.T.power) == (2 + Fraction(2, p), 2 + Fraction(2, p), 2)
    assert e.total.power == 4 + Fraction(2, p)
    assert (e.S.log_power, e.K.log_power, e.T.log_power, e.total.log_power) == (0, 1, 0, 1)


def test_symbolic_exponents_follow_the_order_of_the_stencil_not_its_size():
    assert asymptotic_exponent(3, "balanced") == asymptotic_exponent(3, "one_sided")
    assert asymptotic_exponent(2, from_nodes((-1, 1))) == asymptotic_exponent(2)
    assert asymptotic_exponent(4, "one_sided").total.power == Fraction(9, 2)
    # a p = 4 stencil with the sign of one weight flipped keeps its nodes: it must not pass for order 4
    good = central(4)
    wrong = dataclasses.replace(good, weights=tuple(-w if n == 2 else w for n, w in zip(good.nodes, good.weights)))
    with pytest.raises(InputError, match="weights"):
        wrong.error_constant  # noqa: B018


@every_order
def test_numerical_exponents_of_the_schedule(p):
    def slopes(eps: np.ndarray, contraction: str = "smallest") -> tuple[float, float, float, float]:
        all_ = [lq_schedule(p, e, c_norm=1000.0 * sqrt(5), contraction=contraction) for e in eps]
        K = [s.K / log(1 / (s.nu * s.eps)) for s in all_]
        total = [(s.S + k) * s.T for s, k in zip(all_, K)]
        return tuple(slope(eps, v) for v in ([s.S for s in all_], K, [s.T for s in all_], total))

    theory = [2 + 2 / p, 2 + 2 / p, 2, 4 + 2 / p]
    # corrections are of the order of nu ~ eps^{1/p}: tiny at 1e-9 .. 1e-12 only for small p
    assert slopes(np.geomspace(1e-9, 1e-12, 7)) == pytest.approx(theory, abs=1e-3 if p <= 3 else 1.2e-2)
    # at the sizes of the experiments; h_min = a - (p/2) nu h itself varies with eps and costs K more of its slope
    headline, challenge = np.geomspace(10**-0.5, 1e-3, 11), np.geomspace(10**-1.5, 1e-3, 7)
    assert abs(slopes(headline, "unperturbed")[3] - theory[3]) <= 0.03
    assert abs(slopes(challenge, "unperturbed")[3] - theory[3]) <= 0.02
    assert abs(slopes(headline)[3] - theory[3]) <= 0.05
    nu_by_power = [lq_schedule(p, e, c_norm=1.0, nu=e**0.5) for e in np.geomspace(1e-3, 1e-5, 5)]
    assert slope(np.geomspace(1e-3, 1e-5, 5), [s.S for s in nu_by_power]) == pytest.approx(3, abs=2e-3)
