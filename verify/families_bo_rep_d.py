"""Numbers and instances for the claims on Appendices D and E of paper 004."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import wraps
from math import ceil, isqrt
from random import Random
from typing import Any

import mpmath as mp

from bounds.chain_rigorous import flint
from synthetic.errors import InputError
from verify.evidence import Arithmetic, Evaluate, Instance, Sides
from verify.families_f2sa_p import number

PRECISION = 400
"""Bits of the ball arithmetic."""


def num(value: Any, arithmetic: Arithmetic) -> Any:
    """``value`` (int, Fraction or "3/7") as a number of this arithmetic, balls included."""
    if arithmetic != "arb":
        return number(value, arithmetic)
    exact = Fraction(value)
    return flint().arb(flint().fmpq(exact.numerator, exact.denominator))


def ball(x: Any) -> bool:
    """Whether x is an Arb ball (the package is optional)."""
    return type(x).__name__ == "arb"


def root(x: Any) -> Any:
    """sqrt, of a ball or a decimal."""
    return x.sqrt() if ball(x) else mp.sqrt(x)


def exp(x: Any) -> Any:
    return x.exp() if ball(x) else mp.exp(x)


def log(x: Any) -> Any:
    return x.log() if ball(x) else mp.log(x)


def larger(a: Any, b: Any) -> Any:
    """max(a, b), certain in balls unless they overlap (then their union)."""
    if ball(a):
        return a if a >= b else (b if b >= a else a.union(b))
    return max(a, b)


def smaller(a: Any, b: Any) -> Any:
    return -larger(-a, -b)


def careful(evaluate: Evaluate) -> Evaluate:
    """Run ``evaluate`` with PRECISION bits in balls and in decimals."""

    @wraps(evaluate)
    def run(instance: Instance, arithmetic: Arithmetic) -> Sides:
        if arithmetic != "arb":
            with mp.workprec(PRECISION):
                return evaluate(instance, arithmetic)
        context = flint().ctx
        old, context.prec = context.prec, PRECISION
        try:
            with mp.workprec(PRECISION):
                return evaluate(instance, arithmetic)
        finally:
            context.prec = old

    return run


def slack(arithmetic: Arithmetic) -> float:
    """Relative round-off: none in rationals and balls."""
    return 0.0 if arithmetic in ("rational", "arb") else 1e-60


def confidence(events: Any) -> Any:
    """lambda = max(sqrt(3 ln u), ln u), u = ``events``: Eqs. (38) and (46)."""
    size = log(events)
    return larger(root(3 * size), size)


def spread(count: int, seed: int, draw: Callable[[Random], Instance]) -> list[Instance]:
    """``count`` random instances."""
    rng = Random(seed)
    return [draw(rng) for _ in range(count)]


def scale(rng: Random, decades: int = 2) -> str:
    """A positive rational over some decades, as a string."""
    return str(Fraction(rng.randint(1, 30), 7) * Fraction(10) ** rng.randint(-decades, decades))


PYTHAGOREAN = ("3/4", "4/3", "13/84", "5/12", "12/5", "24/7", "99/20", "2000/999999", "999999/2000")
"""C_gxy/mu with a rational sqrt(1 + (C_gxy/mu)^2)."""


def hypotenuse(t: Fraction) -> Fraction:
    """sqrt(1 + t^2) for Pythagorean t."""
    square = 1 + t * t
    found = Fraction(isqrt(square.numerator), isqrt(square.denominator))
    if found * found != square:
        raise InputError("ratio", str(t), f"choose one of {PYTHAGOREAN}")
    return found


CONSTANTS = ("L_x0", "L_x1", "L_y0", "L_y1", "M", "mu", "tau", "rho", "s_f1", "s_g1", "s_g2", "Delta", "slope", "D_z")


def class_row(rng: Random) -> Instance:
    """Constants of Assumptions 1 to 3 over four decades; ``share`` in (0, 1]: how much of the largest epsilon."""
    row: Instance = {name: scale(rng) for name in CONSTANTS}
    row["ratio"] = rng.choice(PYTHAGOREAN)
    row["share"] = str(Fraction(rng.randint(1, 8), 8) * Fraction(10) ** -rng.randint(0, 3))
    return row


def class_rows(count: int, seed: int) -> list[Instance]:
    return spread(count, seed, class_row)


def schedule(row: Instance) -> dict[str, Fraction]:
    """Eqs. (12), (16) and (75) in rationals: K_0, K_1, L_z, epsilon, 1 - beta, nu, eta, K.

    Where a minimum holds a square root, a rational lower bound stands in for it (every later inequality uses only
    that eta and epsilon are at most each entry). I is rounded up to an integer.
    """
    v = {name: Fraction(row[name]) for name in CONSTANTS}
    mu, t = v["mu"], Fraction(row["ratio"])
    C, h, M = t * mu, hypotenuse(t), v["M"]
    bend = v["L_y0"] + v["L_y1"] * M
    K_0 = h * (v["L_x0"] + v["L_x1"] * t * M + t * bend + M * (C * v["rho"] + v["tau"] * mu) / mu**2)
    K_1, L_z = h * v["L_x1"], h * (v["rho"] * M / mu**2 + bend / mu)
    noise = v["s_f1"] ** 2 + 2 * M**2 / mu**2 * v["s_g2"] ** 2
    cap = min(Fraction(1), mu**2 / (32 * C**2))
    eps = Fraction(row["share"]) * min(K_0 / K_1, below_root(noise * cap))
    momentum = min(eps**2 / noise * cap, C**2 / (8 * v["s_g2"] ** 2), mu**2 / (16 * v["s_g2"] ** 2), Fraction(1, 4))
    period = Fraction(ceil(v["s_g1"] ** 2 * K_0**2 / (mu**2 * eps**2)))
    slow = min(1 / K_1, eps / K_0, v["Delta"] / v["slope"], eps * v["Delta"] / (C**2 * v["D_z"])) * momentum / 8
    radius = below_root(1 / (2 * (1 + t**2) * (v["L_x1"] ** 2 + v["L_y1"] ** 2)))
    eta = min(slow, radius, mu * eps / (8 * K_0 * period * C))
    return v | {
        "C": C, "K_0": K_0, "K_1": K_1, "L_z": L_z, "noise": noise, "eps": eps, "momentum": momentum,
        "beta": 1 - momentum, "nu": momentum / mu, "period": period, "eta": eta, "K": 4 * v["Delta"] / (eta * eps),
    }  # fmt: skip


def below_root(square: Fraction) -> Fraction:
    """A rational at most sqrt(square), within a relative 1e-30."""
    with mp.workprec(PRECISION):
        value = mp.sqrt(mp.mpf(square.numerator) / square.denominator)
        guess = Fraction(*_ratio(value)) * (1 - Fraction(1, 10**30))
    return guess


def _ratio(value: Any) -> tuple[int, int]:
    man, exponent = int(value.man), int(value.exp)
    return (man * 2**exponent, 1) if exponent >= 0 else (man, 2**-exponent)
