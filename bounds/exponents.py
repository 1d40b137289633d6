"""How the schedule's S, K and T grow as eps -> 0, derived from its formulas and not typed in.

The exact bias equation B_p(nu) = eps/4 is solved for eps instead of nu, so every quantity becomes an explicit
rational function of nu and of Lambda = log(1/(nu eps)), the only logarithm of the schedule. As nu -> 0 the lowest
power of nu wins, and among the terms that have it the highest power of Lambda: exact polynomial arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from bounds.lq_schedule import DiagonalLQ, batch_size, exact_bias, inner_step, inner_steps, outer_step
from bounds.schedule import checked_stencil
from bounds.stencil import Stencil


@dataclass(frozen=True)
class Growth:
    """Q ~ eps^(-power) log(1/eps)^log_power as eps -> 0."""

    power: sympy.Rational
    log_power: int


@dataclass(frozen=True)
class Exponents:
    """Growth of the schedule's parts and of the total nodes (S + K) T."""

    S: Growth
    K: Growth
    T: Growth
    total: Growth


def asymptotic_exponent(p: int, stencil: Stencil | str | None = None) -> Exponents:
    """The exponents of :func:`bounds.lq_schedule.lq_schedule`: S and K 2 + 2/p, T 2, total 4 + 2/p, log in K only.

    Valid for the family with gamma, h, b, c != 0 (paper 000, Theorem 3.1 for the exponent of the total).
    """
    s = checked_stencil(p, stencil)
    nu = sympy.Symbol("nu", positive=True)
    a, h, b, gamma, c, sg, sf, L, Delta = sympy.symbols("a h b gamma c s_g s_f L Delta", positive=True)
    m = DiagonalLQ(d=1, a=a, h=h, b=b, gamma=gamma, c_norm=c, sg=sg, sf=sf)
    target = exact_bias(m, s, nu)
    eps = 4 * target
    S = batch_size(m, s, nu, target)
    Lambda = sympy.Symbol("Lambda", positive=True)
    smallest = m.hessian(min(s.active[0]), nu)  # h > 0: the most negative node has the smallest eigenvalue
    K = inner_steps(smallest, inner_step(m, s, nu, target), nu, eps, lambda argument: Lambda)
    T = Delta / (2 * eps * outer_step(L, eps))
    order, _ = _leading(eps, nu, Lambda)

    def growth(quantity: sympy.Expr) -> Growth:
        power, log_power = _leading(quantity, nu, Lambda)
        return Growth(-sympy.Rational(power, order), log_power)

    # Lambda = log(1/(nu eps)) with nu ~ eps^(1/p) is log(1/eps) up to the factor 1 + 1/p and a bounded term
    return Exponents(growth(S), growth(K), growth(T), growth(len(s.active[0]) * (S + K) * T))


def _leading(quantity: sympy.Expr, nu: sympy.Symbol, Lambda: sympy.Symbol) -> tuple[int, int]:
    """(e, l) with quantity ~ const nu^e Lambda^l as nu -> 0, Lambda growing slower than any power of 1/nu."""

    def lowest(polynomial: sympy.Expr) -> tuple[int, int]:
        monomials = sympy.Poly(polynomial, nu, Lambda).monoms()
        power = min(i for i, _ in monomials)
        return power, max(k for i, k in monomials if i == power)

    (top, top_log), (bottom, bottom_log) = map(lowest, sympy.fraction(sympy.together(quantity)))
    return top - bottom, top_log - bottom_log
