"""Control: what bilevel analyses take for granted (implicit functions, Danskin, differences, Neumann series)."""

from __future__ import annotations

from typing import Any

import sympy as sp

from verify.controls.registry import control
from verify.controls.search import Box, hunt
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Sides
from verify.families_f2sa_p import number, precise, tolerance

X, Y = sp.symbols("x y", real=True)
P, Q = sp.symbols("p0:4"), sp.symbols("q0:4")
TARGET = sum(P[i] * X**i for i in range(4))
CURVE = 1 + Q[0] ** 2 + Q[1] ** 2 * X**2
LOWER = CURVE * (Y - TARGET) ** 2 / 2 + Q[2] ** 2 * (Y - TARGET) ** 4 + Q[3] * X**3
"""g(x, y) with the one minimiser y*(x) = TARGET and g_yy(x, y*) = CURVE >= 1."""
UPPER = sum(
    c * X**i * Y**j for c, (i, j) in zip(sp.symbols("r0:5"), ((1, 0), (0, 1), (1, 1), (2, 1), (0, 3)), strict=True)
)


def at_minimiser(expression: Any) -> Any:
    return expression.subs(Y, TARGET)


@control("implicit-function", mutant="the sign of g_yx", change={"sign": 1})
def implicit_function(sign: int = -1) -> Evidence:
    """∇y*(x) = -[∇²_yy g]^{-1}∇²_yx g at (x, y*(x))."""
    right = sign * at_minimiser(LOWER.diff(Y, X)) / at_minimiser(LOWER.diff(Y, 2))
    return Evidence(printed=(Identity("polynomial g, eight symbols", TARGET.diff(X), right),))


@control("danskin", mutant="half of it", change={"factor": "1/2"})
def danskin(factor: str = "1") -> Evidence:
    """d/dx min_y g(x, y) = ∇_x g(x, y*(x))."""
    right = sp.Rational(factor) * at_minimiser(LOWER.diff(X))
    return Evidence(printed=(Identity("polynomial g", at_minimiser(LOWER).diff(X), right),))


@control("hyper-gradient", mutant="plus for minus", change={"sign": 1})
def hyper_gradient(sign: int = -1) -> Evidence:
    """∇φ = ∇_x f - ∇²_xy g [∇²_yy g]^{-1} ∇_y f at y*(x), φ(x) = f(x, y*(x))."""
    share = at_minimiser(LOWER.diff(X, Y)) / at_minimiser(LOWER.diff(Y, 2))
    right = at_minimiser(UPPER.diff(X)) + sign * share * at_minimiser(UPPER.diff(Y))
    return Evidence(printed=(Identity("polynomial f and g", at_minimiser(UPPER).diff(X), right),))


def read(row: Instance, arithmetic: Arithmetic) -> dict[str, Any]:
    return {k: number(v, arithmetic) for k, v in row.items() if k not in ("K", "late")}


@precise
def difference_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """psi = a t + b t^2 + d t^3 + e t^4 on |t| <= nu: |psi'''| <= C = 6|d| + 24|e| nu."""
    n = read(row, arithmetic)
    nu = n["nu"]
    psi = lambda t: n["a"] * t + n["b"] * t**2 + n["d"] * t**3 + n["e"] * t**4  # noqa: E731
    error = abs((psi(nu) - psi(-nu)) / (2 * nu) - n["a"])
    C = 6 * abs(n["d"]) + 24 * abs(n["e"]) * nu
    return Sides(error, "<=", n["c"] * C * nu**2, {"nu > 0": bool(nu > 0)}, tolerance(arithmetic))


@control("central-difference", mutant="1/6.1 for 1/6", change={"c": "10/61"})
def central_difference(c: str = "1/6") -> Evidence:
    """|(ψ(ν) - ψ(-ν))/(2ν) - ψ'(0)| ≤ (C/6)ν² for |ψ'''| ≤ C."""
    box: Box = dict.fromkeys("abde", (-2, 2)) | {"nu": (0.01, 1)}
    return Evidence(printed=(hunt("quartics", difference_sides, box, {"c": c}),))


@precise
def neumann_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """Largest over the eigenvalues h, k of A of |1/h - eta sum_{j<K} (1 - eta h)^j| against (1 - eta mu)^K/mu."""
    n, K = read(row, arithmetic), int(row["K"])
    mu, eta = n["mu"], n["share"]
    errors = [abs(1 / h - eta * sum(((1 - eta * h) ** j for j in range(K)), 0 * h)) for h in (n["h"], n["k"])]
    allowed = {"mu <= A <= L = 1": bool(0 < mu <= min(n["h"], n["k"]) and max(n["h"], n["k"]) <= 1)}
    allowed |= {"0 < eta <= 1/L": bool(0 < eta <= 1)}
    right = (1 - eta * mu) ** (K + int(row["late"])) / mu
    return Sides(max(errors), "<=", right, allowed, tolerance(arithmetic))


@control("neumann-series", mutant="one power more", change={"late": "1"})
def neumann_series(late: str = "0") -> Evidence:
    """|A^{-1} - η Σ_{k<K} (I - ηA)^k| ≤ (1 - ημ)^K/μ for μ ≤ A ≤ L, 0 < η ≤ 1/L."""
    box: Box = dict.fromkeys(("mu", "h", "k", "share"), (0.05, 1)) | {"K": ["1", "2", "6"]}
    return Evidence(printed=(hunt("diagonal A", neumann_sides, box, {"late": late}),))


@precise
def minimiser_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """g = h y^2/2 + t max(|y| - 1, 0)^2/2 - b x y: |y*(x) - y*(x')| against c (|b|/mu)|x - x'|."""
    n = read(row, arithmetic)

    def y(x: Any) -> Any:
        pull = n["b"] * x
        if abs(pull) <= n["h"]:
            return pull / n["h"]
        size = 1 + (abs(pull) - n["h"]) / (n["h"] + n["t"])
        return size if pull > 0 else -size

    right = n["c"] * abs(n["b"]) / n["mu"] * abs(n["x1"] - n["x2"])
    allowed = {"g_yy >= mu > 0": bool(n["h"] >= n["mu"] > 0 and n["t"] >= 0)}
    return Sides(abs(y(n["x1"]) - y(n["x2"])), "<=", right, allowed, tolerance(arithmetic))


@control("lipschitz-minimiser", mutant="0.98 of it", change={"c": "49/50"})
def lipschitz_minimiser(c: str = "1") -> Evidence:
    """y*(x) = argmin_y g(x, y) is (ℓ/μ)-Lipschitz if g is μ-strongly convex in y and ∇_y g is ℓ-Lipschitz in x."""
    box: Box = {"x1": (-3, 3), "x2": (-3, 3), "b": (-2, 2), "h": (0.1, 2), "t": (0, 2), "mu": (0.1, 2)}
    return Evidence(printed=(hunt("kinked g", minimiser_sides, box, {"c": c}),))


@precise
def penalty_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """f = v y + h y^2/2, g = m y^2/2, y* = 0: |y*_lambda| = |v|/(lambda m + h) against c C_f/(lambda mu).

    C_f is the larger of |f'| at the two minimisers; h may be negative while lambda m + h > 0.
    """
    n = read(row, arithmetic)
    curve = n["lam"] * n["m"] + n["h"]
    if curve <= 0:
        return Sides(0 * curve, "<=", 0 * curve, {"lambda g + f convex": False})
    found = abs(n["v"]) / curve
    steepest = abs(n["v"]) * max(1 + 0 * curve, abs(1 - n["h"] / curve))
    allowed = {"g'' >= mu > 0, lambda > 0": bool(n["m"] >= n["mu"] > 0 and n["lam"] > 0)}
    allowed |= {"lambda g + f convex": bool(curve > 0)}
    right = n["c"] * steepest / (n["lam"] * n["mu"])
    return Sides(found, "<=", right, allowed, tolerance(arithmetic))


@control("penalty-distance", mutant="0.98 of it", change={"c": "49/50"})
def penalty_distance(c: str = "1") -> Evidence:
    """|y*_λ - y*| ≤ C_f/(λμ) for y*_λ = argmin f + λg, g μ-strongly convex, |∇f| ≤ C_f between them."""
    box: Box = {"v": (-2, 2), "h": (-2, 2), "m": (0.1, 2), "mu": (0.1, 2), "lam": (0.1, 3)}
    return Evidence(printed=(hunt("quadratics", penalty_sides, box, {"c": c}),))
