"""The schedule with exact bias and exact variance on the diagonal linear-quadratic family, and its exponents.

Family: A_g = a I, A_f = h I, B = b I, G = gamma I in dimension d (synthetic/linear_quadratic.py). With M = h/a,
prod over the non-zero active nodes j and kappa_p = prod |j|, the bias of the exact estimator has the norm

    B_p(nu) = |gamma| ||c|| / a * kappa_p |h/a|^{p-1} nu^p / prod (1 + j nu h/a),      c = c0 + gamma x,

exactly, and per outer step the schedule spends

    S = d sum alpha_j^2 (sg^2/nu^2 + j^2 sf^2) / target^2        samples (their noise in Phi has RMS target),
    K = log(1/(nu eps)) / (h_min eta_y)                          inner steps, h_min = min_j (a + j nu h),
    eta_y = 2 target^2 nu^2 / (a b^2 sg^2 d sum alpha_j^2)       (leading stationary noise, RMS target in Phi),
    eta_x = eps/(4 L),   T = T_multiple Delta/(2 eps eta_x)      (Delta/(2 eps) is the length of the ramp).

target = eps/4, or eps/32 with the constant of Eq. (15) of paper 000. The helpers below are plain arithmetic, so the
same lines serve floats and sympy symbols: the exponents are derived from the schedule that is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Any, Literal

from scipy.optimize import brentq

from bounds.schedule import Schedule, checked_multipliers, checked_stencil, count, outer_steps_on_ramp, within_doubles
from bounds.stencil import Stencil
from synthetic.errors import InputError
from synthetic.hyper import dimension, positive


@dataclass(frozen=True)
class DiagonalLQ:
    """The numbers of the family. ``c_norm`` = ||c(x)|| where the bias is to meet its target (for the ramp ||c0||,
    as long as gamma ||x|| stays small against it); sg, sf: standard deviation per coordinate of G and of F.
    """

    d: int
    a: Any
    h: Any
    b: Any
    gamma: Any
    c_norm: Any
    sg: Any
    sf: Any

    def hessian(self, j: Any, nu: Any) -> Any:
        """The eigenvalue a + j nu h of the perturbed lower level at node j."""
        return self.a + j * nu * self.h


def exact_bias(m: DiagonalLQ, s: Stencil, nu: Any) -> Any:
    """B_p(nu) of the module docstring, for an anchored stencil below the definiteness limit."""
    value = abs(m.gamma) * m.c_norm / m.a * s.kappa * abs(m.h / m.a) ** (s.order - 1) * nu**s.order
    for j in s.active[0]:
        value = value * m.a / m.hessian(j, nu)
    return value


def batch_size(m: DiagonalLQ, s: Stencil, nu: Any, target: Any) -> Any:
    """S before rounding: samples independent across the nodes, x part of F and G only."""
    noise = sum(w * w * (m.sg**2 / nu**2 + j * j * m.sf**2) for j, w in zip(*s.active))
    return m.d * noise / target**2


def inner_step(m: DiagonalLQ, s: Stencil, nu: Any, target: Any) -> Any:
    """eta_y from the leading stationary variance: noise of G only, through B'A_g/nu only, at curvature a."""
    return 2 * target**2 * nu**2 / (m.a * m.b**2 * m.sg**2 * m.d * s.sum_sq)


def full_inner_step(m: DiagonalLQ, s: Stencil, nu: Any, target: Any) -> Any:
    """eta_y from the whole stationary variance, so that the inner noise in Phi has RMS <= target exactly.

    y_j deviates with variance s_j^2 eta/(h_j (2 - eta h_j)) per coordinate, s_j^2 = sg^2 + (j nu)^2 sf^2, and moves
    Phi by alpha_j (j (gamma - b h) - b a/nu); bounding every 2 - eta h_j by 2 - eta h_max gives a closed form.
    """
    rate = 0
    for j, w in zip(*s.active):
        gain = w * (j * (m.gamma - m.b * m.h) - m.b * m.a / nu)
        rate = rate + m.d * gain**2 * (m.sg**2 + (j * nu * m.sf) ** 2) / m.hessian(j, nu)
    ratio = target**2 / rate
    return 2 * ratio / (1 + ratio * max(m.hessian(j, nu) for j in s.active[0]))


def inner_steps(curvature: Any, eta_y: Any, nu: Any, eps: Any, logarithm: Any = log) -> Any:
    """K before rounding: log(1/(nu eps)) time constants 1/(curvature eta_y)."""
    return logarithm(1 / (nu * eps)) / (curvature * eta_y)


def outer_step(L: Any, eps: Any) -> Any:
    """eta_x = eps/(4 L)."""
    return eps / (4 * L)


def definiteness_limit(m: DiagonalLQ, s: Stencil) -> float:
    """sup{nu: a + j nu h > 0 at every active node}; infinite when no node has j h < 0."""
    slopes = [-float(j) * m.h for j in s.active[0] if j * m.h < 0]
    return m.a / max(slopes) if slopes else float("inf")


def solve_nu(m: DiagonalLQ, s: Stencil, target: float, cap: float) -> float:
    """nu with B_p(nu) = target, or ``cap`` when the bias there is still below target.

    d log B_p / d log nu = sum_j a/(a + j nu h) > 0: B_p increases, the solution is unique.
    """
    if exact_bias(m, s, cap) <= target:
        return cap
    high = low = log(cap)
    while exact_bias(m, s, exp(low)) > target:
        low -= 1.0
        if low < -700:
            raise InputError("eps", target, "no nu within double range meets the bias target; take a larger eps")

    def gap(u: float) -> float:
        return log(exact_bias(m, s, exp(u)) / target)

    return exp(brentq(gap, low, high, xtol=1e-15, rtol=1e-15))


def _checked(d: int, stencil: Stencil, **values: float) -> DiagonalLQ:
    """The family's numbers as floats; which zeros would make the schedule meaningless, and why."""
    for name in ("h", "b", "gamma", "sf"):
        try:
            values[name] = float(values[name])
        except (TypeError, ValueError) as error:
            raise InputError(name, values[name], "pass a number") from error
        if not isfinite(values[name]):
            raise InputError(name, values[name], "pass a finite number")
    for name in ("a", "c_norm", "sg"):
        values[name] = positive(name, values[name])
    if values["sf"] < 0:
        raise InputError("sf", values["sf"], "pass a standard deviation >= 0")
    if not stencil.anchored:
        raise InputError("stencil", stencil, "the exact bias formula needs order = number of non-zero nodes")
    return DiagonalLQ(d=dimension("d", d), **values)


def lq_schedule(
    p: int,
    eps: float,
    *,
    c_norm: float,
    d: int = 5,
    a: float = 1.0,
    h: float = 1.0,
    b: float = 1.0,
    gamma: float = 1.0,
    sg: float = 1.0,
    sf: float = 1.0,
    L: float = 1.0,
    Delta: float = 1.0,
    stencil: Stencil | str | None = None,
    fraction: float = 4.0,
    nu: float | None = None,
    nu_cap: float | None = None,
    inner: Literal["leading", "full"] = "leading",
    contraction: Literal["smallest", "unperturbed"] = "smallest",
    T_multiple: float = 4.0,
    multipliers: Mapping[str, float] | None = None,
) -> Schedule:
    """The theorem's schedule on the diagonal linear-quadratic family (module docstring), target = eps/``fraction``.

    ``nu``: taken as given instead of solved for (schedules nu = eps^q). ``nu_cap``: largest nu when solving, by
    default 0.9 a/(max|j| |h|); a cap that binds is noted, only a Hessian that is not positive definite is an error.
    ``inner``: "leading" is the formula of the module docstring, "full" :func:`full_inner_step` (needed for b = 0).
    ``contraction``: h_min of K as above, or "unperturbed" for a in its place; with h_min every node forgets its start
    to nu eps, but as h_min -> a only slowly for large p, it bends the measured slope of K at moderate eps.
    ``T_multiple``: T as a multiple of the outer steps that the ramp needs: a censoring limit, not a prediction.
    ``multipliers`` scale nu, eta_x, eta_y, S, K, T in this order, each from those before it.
    """
    chosen = checked_stencil(p, stencil)
    eps, target = positive("eps", eps), positive("eps", eps) / positive("fraction", fraction)
    m = _checked(d, chosen, a=a, h=h, b=b, gamma=gamma, c_norm=c_norm, sg=sg, sf=sf)
    L, Delta, T_multiple = positive("L", L), positive("Delta", Delta), positive("T_multiple", T_multiple)
    factors = checked_multipliers(multipliers)
    if inner not in ("leading", "full"):
        raise InputError("inner", inner, "pass 'leading' or 'full'")
    if contraction not in ("smallest", "unperturbed"):
        raise InputError("contraction", contraction, "pass 'smallest' or 'unperturbed'")
    if inner == "leading" and m.b == 0:
        raise InputError("b", b, "the leading formula divides by b^2; pass inner='full'")
    notes: list[str] = []
    step = factors["nu"] * _difference_step(m, chosen, target, nu, nu_cap, notes)
    limit = definiteness_limit(m, chosen)
    if step >= limit:
        raise InputError("nu", step, f"a node's Hessian is positive definite only for nu < {limit:.6g}")
    with within_doubles(eps):
        return _filled(m, chosen, eps, target, step, inner, contraction, L, Delta, T_multiple, factors, notes)


def _filled(
    m: DiagonalLQ,
    chosen: Stencil,
    eps: float,
    target: float,
    step: float,
    inner: str,
    contraction: str,
    L: float,
    Delta: float,
    T_multiple: float,
    factors: Mapping[str, float],
    notes: list[str],
) -> Schedule:
    """Everything after nu."""
    eta_y = factors["eta_y"] * (inner_step if inner == "leading" else full_inner_step)(m, chosen, step, target)
    curvatures = [float(m.hessian(j, step)) for j in chosen.active[0]]
    if eta_y * max(curvatures) > 1:
        eta_y = 1 / max(curvatures)
        notes.append("eta_y cut to 1/max_j(a + j nu h): the noise would allow more than stability")
    eta_x = factors["eta_x"] * outer_step(L, eps)
    if step * eps >= exp(-1):
        notes.append("log(1/(nu eps)) < 1 was raised to 1")
    slowest = min(curvatures) if contraction == "smallest" else m.a
    K = inner_steps(slowest, eta_y, step, eps, lambda u: max(1.0, log(u)))
    return Schedule(
        chosen.order, eps, step, eta_x, float(eta_y),
        S=count("S", factors["S"] * float(batch_size(m, chosen, step, target))),
        K=count("K", factors["K"] * float(K)),
        T=count("T", factors["T"] * T_multiple * outer_steps_on_ramp(eps, Delta, eta_x)),
        stencil=chosen,
        notes=tuple(notes),
    )  # fmt: skip


def _difference_step(
    m: DiagonalLQ, s: Stencil, target: float, nu: float | None, nu_cap: float | None, notes: list[str]
) -> float:
    """nu before its multiplier: as given, or from the bias; says in ``notes`` when the cap binds."""
    if nu is not None:
        return positive("nu", nu)
    if m.gamma == 0:
        raise InputError("gamma", m.gamma, "the bias is zero for every nu; pass nu, or gamma != 0")
    if m.h == 0 and s.order > 1:
        raise InputError("h", m.h, "the bias is zero for every nu when p >= 2; pass nu, or h != 0")
    default = 0.9 * m.a / (float(s.max_node) * abs(m.h)) if m.h else 1e300 ** (1 / s.order)
    cap = default if nu_cap is None else positive("nu_cap", nu_cap)
    limit = definiteness_limit(m, s)
    if cap >= limit:
        raise InputError("nu_cap", cap, f"a node's Hessian is positive definite only for nu < {limit:.6g}")
    solved = solve_nu(m, s, target, cap)
    if solved == cap:
        notes.append(f"nu at its cap {cap:.6g}: the bias there is below the target")
    return solved
