"""Control: convex analysis (Rockafellar; Bauschke and Combettes; Polyak for the step)."""

from __future__ import annotations

from typing import Any

import sympy as sp

from verify.controls.registry import control
from verify.controls.search import Box, hunt
from verify.evidence import Arithmetic, Evidence, Identity, Instance, Sides
from verify.families_f2sa_p import number, precise, tolerance

PLANE: Box = dict.fromkeys(("x1", "x2", "y1", "y2"), (-3, 3))


def read(row: Instance, arithmetic: Arithmetic) -> dict[str, Any]:
    return {k: number(v, arithmetic) for k, v in row.items() if k not in ("which", "T")}


def clip(value: Any, size: Any) -> Any:
    return max(-size, min(size, value))


def shrink(value: Any, size: Any) -> Any:
    """Soft threshold: the proximal map of size |.|."""
    return value - clip(value, size)


@control("three-point-identity", mutant="minus the cross term", change={"sign": -1})
def three_point_identity(sign: int = 1) -> Evidence:
    """|a - c|² = |a - b|² + |b - c|² + 2⟨a - b, b - c⟩."""
    a, b, c = (sp.Matrix(sp.symbols(f"{v}1:3", real=True)) for v in "abc")
    square = lambda v: v.dot(v)  # noqa: E731
    right = square(a - b) + square(b - c) + sign * 2 * (a - b).dot(b - c)
    return Evidence(printed=(Identity("in the plane", square(a - c), right),))


@precise
def young_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    n = read(row, arithmetic)
    lhs = n["x1"] * n["y1"] + n["x2"] * n["y2"]
    right = (n["x1"] ** 2 + n["x2"] ** 2) / (2 * n["t"]) + n["c"] * n["t"] * (n["y1"] ** 2 + n["y2"] ** 2)
    return Sides(lhs, "<=", right, {"t > 0": bool(n["t"] > 0)}, tolerance(arithmetic))


@control("young", mutant="0.49 t for t/2", change={"c": "49/100"})
def young(c: str = "1/2") -> Evidence:
    """⟨a, b⟩ ≤ |a|²/(2t) + (t/2)|b|² for every t > 0."""
    return Evidence(printed=(hunt("Young", young_sides, PLANE | {"t": (0.1, 4)}, {"c": c}),))


@precise
def jensen_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """(p x1 + (1-p) x2)^4 against c (p x1^4 + (1-p) x2^4)."""
    n = read(row, arithmetic)
    mean = n["p"] * n["x1"] + (1 - n["p"]) * n["x2"]
    right = n["c"] * (n["p"] * n["x1"] ** 4 + (1 - n["p"]) * n["x2"] ** 4)
    return Sides(mean**4, "<=", right, {"0 <= p <= 1": bool(0 <= n["p"] <= 1)}, tolerance(arithmetic))


@control("jensen", mutant="0.98 of the mean", change={"c": "49/50"})
def jensen(c: str = "1") -> Evidence:
    """f(E x) ≤ E f(x) for convex f; here f = x⁴ and two-point laws."""
    box: Box = {"x1": (-3, 3), "x2": (-3, 3), "p": (0, 1)}
    return Evidence(printed=(hunt("Jensen", jensen_sides, box, {"c": c}),))


@precise
def projection_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """C = [-1, 1] x [-t, t]: c |x - P x|^2 against |x - z|^2 - |P x - z|^2, z the point of C nearest to y."""
    n = read(row, arithmetic)
    one = 1 + 0 * n["t"]
    new = (clip(n["x1"], one), clip(n["x2"], n["t"]))
    z = (clip(n["y1"], one), clip(n["y2"], n["t"]))
    x = (n["x1"], n["x2"])
    square = lambda a, b: (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2  # noqa: E731
    return Sides(
        n["c"] * square(x, new), "<=", square(x, z) - square(new, z),
        {"z in C": bool(abs(z[0]) <= 1 and abs(z[1]) <= n["t"])}, tolerance(arithmetic),
    )  # fmt: skip


@control("projection", mutant="1.02 of the squared distance", change={"c": "51/50"})
def projection(c: str = "1") -> Evidence:
    """|P(x) - z|² ≤ |x - z|² - |x - P(x)|² for the projection P on a convex set C and every z in C."""
    return Evidence(printed=(hunt("box", projection_sides, PLANE | {"t": (0, 2)}, {"c": c}),))


@precise
def subgradient_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """T steps x -= eta G sign x on f = G|x|: the mean of f(x_t), t < T, against R^2/(2 eta T) + c eta G^2."""
    n, T = read(row, arithmetic), int(row["T"])
    x, total = n["R"], 0 * n["R"]
    for _ in range(T):
        total = total + n["G"] * abs(x)
        x = x - n["eta"] * n["G"] * ((x > 0) - (x < 0))
    right = n["R"] ** 2 / (2 * n["eta"] * T) + n["c"] * n["eta"] * n["G"] ** 2
    return Sides(total / T, "<=", right, {"eta, G > 0": bool(min(n["eta"], n["G"]) > 0)}, tolerance(arithmetic))


@control("subgradient-method", mutant="0.48 eta G^2 for eta G^2/2", change={"c": "12/25"})
def subgradient_method(c: str = "1/2") -> Evidence:
    """T subgradient steps η with |∂f| ≤ G: the mean of f(x_t) - f* is at most R²/(2ηT) + ηG²/2, R = |x_0 - x*|."""
    box: Box = {"R": (0, 3), "G": (0.1, 3), "eta": (0.1, 2), "T": ["1", "2", "4"]}
    return Evidence(printed=(hunt("f = G|x|", subgradient_sides, box, {"c": c}),))


@precise
def polyak_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """f = g|x_1| + h|x_2|: one step (f - f*)/|s|^2 along a subgradient s."""
    n = read(row, arithmetic)
    f = n["g"] * abs(n["x1"]) + n["h"] * abs(n["x2"])
    s = (n["g"] * ((n["x1"] > 0) - (n["x1"] < 0)), n["h"] * ((n["x2"] > 0) - (n["x2"] < 0)))
    size = s[0] ** 2 + s[1] ** 2
    if size == 0:
        return Sides(0 * f, "<=", 0 * f, {"s != 0": False})
    new = (n["x1"] - f / size * s[0], n["x2"] - f / size * s[1])
    gain = n["x1"] ** 2 + n["x2"] ** 2 - new[0] ** 2 - new[1] ** 2
    return Sides(n["c"] * f * f / size, "<=", gain, {"s != 0": True, "g, h >= 0": bool(min(n["g"], n["h"]) >= 0)},
                 tolerance(arithmetic))  # fmt: skip


@control("polyak-step", mutant="1.02 of the gain", change={"c": "51/50"})
def polyak_step(c: str = "1") -> Evidence:
    """x+ = x - ((f - f*)/|s|²)s, s in ∂f(x): |x+ - x*|² ≤ |x - x*|² - (f(x) - f*)²/|s|² for convex f."""
    box: Box = {"x1": (-3, 3), "x2": (-3, 3), "g": (0, 2), "h": (0, 2)}
    return Evidence(printed=(hunt("f = g|x_1| + h|x_2|", polyak_sides, box, {"c": c}),))


@precise
def prox_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    n = read(row, arithmetic)
    p, q = ((shrink(n[f"{v}1"], n["t"]), shrink(n[f"{v}2"], n["t"])) for v in "xy")
    move = (p[0] - q[0], p[1] - q[1])
    lhs = move[0] * (n["x1"] - n["y1"]) + move[1] * (n["x2"] - n["y2"])
    right = n["c"] * (move[0] ** 2 + move[1] ** 2)
    return Sides(lhs, ">=", right, {"t >= 0": bool(n["t"] >= 0)}, tolerance(arithmetic))


@control("proximal-map", mutant="1.02 of the square", change={"c": "51/50"})
def proximal_map(c: str = "1") -> Evidence:
    """⟨prox(x) - prox(y), x - y⟩ ≥ |prox(x) - prox(y)|²: the proximal map is firmly non-expansive."""
    return Evidence(printed=(hunt("soft threshold", prox_sides, PLANE | {"t": (0, 2)}, {"c": c}),))
