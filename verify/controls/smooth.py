"""Control: smooth and strongly convex minimisation (Nesterov, Introductory Lectures; Drori and Teboulle for the rate).

The family: f(x) = phi_1(x_1) + phi_2(x_2), phi_i' odd and piecewise linear with slope h_i up to c_i and k_i beyond; its
constants are the extreme slopes. L = 1 throughout (a matter of units).
"""

from __future__ import annotations

from typing import Any

from verify.controls.registry import control
from verify.controls.search import Box, hunt
from verify.evidence import Arithmetic, Evidence, Instance, Sides
from verify.families_f2sa_p import number, precise, tolerance

CONVEX: Box = dict.fromkeys(("h1", "k1", "h2", "k2", "c1", "c2"), (0, 1)) | dict.fromkeys(
    ("x1", "x2", "y1", "y2"), (-3, 3)
)
ANY: Box = CONVEX | dict.fromkeys(("h1", "k1", "h2", "k2"), (-1, 1))
STRONG: Box = CONVEX | {"mu": (0.05, 1)}


class Bent:
    """The family at an instance: values, gradients and the certified extreme slopes."""

    def __init__(self, row: Instance, arithmetic: Arithmetic) -> None:
        n = {k: number(v, arithmetic) for k, v in row.items() if k not in ("which", "T")}
        self.parts = ((n["h1"], n["k1"], n["c1"]), (n["h2"], n["k2"], n["c2"]))
        self.x, self.y = (n["x1"], n["x2"]), (n["y1"], n["y2"])
        self.least = min(v for h, k, _ in self.parts for v in (h, k))
        self.most = max(abs(v) for h, k, _ in self.parts for v in (h, k))
        self.n = n

    def f(self, point: tuple[Any, Any]) -> Any:
        total = 0 * point[0]
        for (h, k, c), x in zip(self.parts, point, strict=True):
            inner, outer = min(abs(x), c), max(abs(x) - c, 0 * x)
            total = total + h * inner * inner / 2 + h * c * outer + k * outer * outer / 2
        return total

    def grad(self, point: tuple[Any, Any]) -> tuple[Any, Any]:
        out = []
        for (h, k, c), x in zip(self.parts, point, strict=True):
            size = h * min(abs(x), c) + k * max(abs(x) - c, 0 * x)
            out.append(size if x >= 0 else -size)
        return out[0], out[1]


def dot(a: tuple[Any, Any], b: tuple[Any, Any]) -> Any:
    return a[0] * b[0] + a[1] * b[1]


def minus(a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any]:
    return a[0] - b[0], a[1] - b[1]


@precise
def two_points(row: Instance, arithmetic: Arithmetic) -> Sides:
    """Every statement here on one or two points; ``c`` is its constant."""
    f, which = Bent(row, arithmetic), row["which"]
    c, mu = f.n["c"], f.n.get("mu", 0 * f.x[0])
    g, d = f.grad(f.x), minus(f.y, f.x)
    gap = minus(f.grad(f.y), g)
    step = (f.x[0] - g[0], f.x[1] - g[1])
    sides = {
        "descent": (f.f(f.y) - f.f(f.x) - dot(g, d), "<=", c * dot(d, d)),
        "co-coercive": (dot(gap, d), ">=", c * dot(gap, gap)),
        "strong": (dot(gap, d), ">=", mu / (1 + mu) * dot(d, d) + c / (1 + mu) * dot(gap, gap)),
        "PL": (dot(g, g), ">=", c * mu * f.f(f.x)),
        "decrease": (c * dot(g, g), "<=", f.f(f.x) - f.f(step)),
        "gradient": (dot(g, g), "<=", c * f.f(f.x)),
    }
    lhs, relation, rhs = sides[which]
    low = {"descent": -1, "decrease": -1}.get(which, 0)
    allowed = {
        "L = 1 bounds the slopes": bool(f.most <= 1), "mu, or convexity": bool(f.least >= max(low, mu)),
        "kinks at c >= 0": bool(min(k[2] for k in f.parts) >= 0),
    }  # fmt: skip
    return Sides(lhs, relation, rhs, allowed, tolerance(arithmetic))  # type: ignore[arg-type]


def search(which: str, box: Box, c: str) -> Evidence:
    return Evidence(printed=(hunt(which, two_points, box, {"which": which, "c": c}),))


@control("descent-lemma", mutant="0.49 L for L/2", change={"c": "49/100"})
def descent_lemma(c: str = "1/2") -> Evidence:
    """f(y) ≤ f(x) + ⟨∇f(x), y - x⟩ + (L/2)|y - x|² for L-smooth f, convex or not."""
    return search("descent", ANY, c)


@control("co-coercivity", mutant="1.02/L for 1/L", change={"c": "51/50"})
def co_coercivity(c: str = "1") -> Evidence:
    """⟨∇f(x) - ∇f(y), x - y⟩ ≥ (1/L)|∇f(x) - ∇f(y)|² for convex L-smooth f."""
    return search("co-coercive", CONVEX, c)


@control("strong-co-coercivity", mutant="1.02/(mu + L) for 1/(mu + L)", change={"c": "51/50"})
def strong_co_coercivity(c: str = "1") -> Evidence:
    """⟨∇f(x) - ∇f(y), x - y⟩ ≥ (μL/(μ+L))|x - y|² + (1/(μ+L))|∇f(x) - ∇f(y)|² for μ-strongly convex L-smooth f."""
    return search("strong", STRONG, c)


@control("polyak-lojasiewicz", mutant="2.05 mu for 2 mu", change={"c": "41/20"})
def polyak_lojasiewicz(c: str = "2") -> Evidence:
    """|∇f(x)|² ≥ 2μ(f(x) - min f) for μ-strongly convex f."""
    return search("PL", STRONG, c)


@control("sufficient-decrease", mutant="0.51/L for 1/(2L)", change={"c": "51/100"})
def sufficient_decrease(c: str = "1/2") -> Evidence:
    """f(x - ∇f(x)/L) ≤ f(x) - |∇f(x)|²/(2L) for L-smooth f, convex or not."""
    return search("decrease", ANY, c)


@control("gradient-bound", mutant="1.96 L for 2 L", change={"c": "49/25"})
def gradient_bound(c: str = "2") -> Evidence:
    """|∇f(x)|² ≤ 2L(f(x) - min f) for convex L-smooth f."""
    return search("gradient", CONVEX, c)


@precise
def contraction_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """|x+ - x*|^2 after one gradient step of size 2/(mu + L) against (c (kappa - 1)/(kappa + 1) |x - x*|)^2."""
    f = Bent(row, arithmetic)
    mu, c, g = f.n["mu"], f.n["c"], f.grad(f.x)
    new = tuple(x - 2 / (1 + mu) * v for x, v in zip(f.x, g, strict=True))
    rate = c * (1 - mu) / (1 + mu)
    allowed = {"mu <= slopes <= L = 1": bool(f.least >= mu and f.most <= 1), "mu > 0": bool(mu > 0)}
    return Sides(dot(new, new), "<=", rate**2 * dot(f.x, f.x), allowed, tolerance(arithmetic))


@control("gradient-contraction", mutant="0.99 times the rate", change={"c": "99/100"})
def gradient_contraction(c: str = "1") -> Evidence:
    """x+ = x - (2/(μ+L))∇f(x): |x+ - x*| ≤ ((κ-1)/(κ+1))|x - x*| for μ-strongly convex L-smooth f, κ = L/μ."""
    return Evidence(printed=(hunt("contraction", contraction_sides, STRONG, {"c": c}),))


@precise
def rate_sides(row: Instance, arithmetic: Arithmetic) -> Sides:
    """T gradient steps of size 1/L from x_0 in one variable; f(x_T) - f* against |x_0|^2/(4 T + c), L = 1."""
    f, T, c = Bent(row | {"x2": "0", "h2": "0", "k2": "0"}, arithmetic), int(row["T"]), number(row["c"], arithmetic)
    x = f.x
    for _ in range(T):
        x = (x[0] - f.grad(x)[0], x[1])
    allowed = {"0 <= slopes <= L = 1": bool(f.least >= 0 and f.most <= 1)}
    return Sides(f.f(x), "<=", f.x[0] ** 2 / (4 * T + c), allowed, tolerance(arithmetic))


@control("gradient-descent-rate", mutant="4T + 2.1 for 4T + 2", change={"c": "21/10"})
def gradient_descent_rate(c: str = "2") -> Evidence:
    """f(x_T) - min f ≤ L|x_0 - x*|²/(4T + 2) for convex L-smooth f and steps 1/L (tight for a Huber function)."""
    box: Box = CONVEX | {"T": ["1", "2", "5"]}
    return Evidence(printed=(hunt("rate", rate_sides, box, {"c": c}, tries=200, climb=300),))
