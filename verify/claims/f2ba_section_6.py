"""Paper 001, section 6: the distributed setting, Algorithm 3, Proposition 6.1 and Corollary 6.1, in exact
arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath as mp

from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_f2ba import DIGITS, Numbers
from verify.registry import claim

ETA, TAU, ALPHA, LAMBDA, ROUNDS, INNER = "1/10", "1/60", "1/8", "5", 2, 3

Gradient = Callable[[Any, Any], Any]


class Agents:
    """m agents with f_i = a_i (y - x)^3/3 + b_i x y, g_i = h_i y^2/2 + c_i x y + e_i y^4/4: exact polynomial
    gradients (scalar x, y)."""

    def __init__(self, instance: Instance, arithmetic: Arithmetic) -> None:
        read = self.read = Numbers(arithmetic)
        self.rows = [[read(v) for v in row] for row in instance["agents"]]
        self.m = len(self.rows)
        self.eta, self.tau, self.alpha, self.lam = (read(v) for v in (ETA, TAU, ALPHA, LAMBDA))

    def fx(self, i: int, x: Any, y: Any) -> Any:
        a, b, *_ = self.rows[i]
        return -a * (y - x) ** 2 + b * y

    def fy(self, i: int, x: Any, y: Any) -> Any:
        a, b, *_ = self.rows[i]
        return a * (y - x) ** 2 + b * x

    def gx(self, i: int, x: Any, y: Any) -> Any:
        return self.rows[i][3] * y

    def gy(self, i: int, x: Any, y: Any) -> Any:
        _, _, h, c, e = self.rows[i]
        return h * y + c * x + e * y**3

    def mean(self, values: Sequence[Any]) -> Any:
        return sum(values) / self.m


def algorithm_1(a: Agents, x: Any, y: Any) -> list[tuple[Any, Any, Any]]:
    """Algorithm 1 on f = mean f_i, g = mean g_i: (x, y, z) after each outer step."""

    def average(h: Callable[[int, Any, Any], Any], *point: Any) -> Any:
        return a.mean([h(i, *point) for i in range(a.m)])

    z, out = y, []
    for _ in range(ROUNDS):
        for _ in range(INNER):
            z = z - a.alpha * average(a.gy, x, z)
            y = y - a.tau * (average(a.fy, x, y) + a.lam * average(a.gy, x, y))
        x = x - a.eta * (average(a.fx, x, y) + a.lam * (average(a.gx, x, y) - average(a.gx, x, z)))
        out.append((x, y, z))
    return out


def algorithm_3(a: Agents, x: Any, y: Any, aggregate: bool = True) -> tuple[list[tuple[Any, Any, Any]], int, int]:
    """Algorithm 3 with local copies: means after each outer step, communication rounds, first-order calls per agent."""
    n = range(a.m)
    X, Y, Z, out, rounds, calls = [x] * a.m, [y] * a.m, [y] * a.m, [], 0, 0
    for _ in range(ROUNDS):
        for _ in range(INNER):
            V = [a.gy(i, X[i], Z[i]) for i in n]
            U = [a.fy(i, X[i], Y[i]) + a.lam * a.gy(i, X[i], Y[i]) for i in n]
            v, u = ([a.mean(V)] * a.m, [a.mean(U)] * a.m) if aggregate else (V, U)
            Z, Y = [Z[i] - a.alpha * v[i] for i in n], [Y[i] - a.tau * u[i] for i in n]
            rounds, calls = rounds + 1, calls + 3
        H = [a.fx(i, X[i], Y[i]) + a.lam * (a.gx(i, X[i], Y[i]) - a.gx(i, X[i], Z[i])) for i in n]
        X = [X[i] - a.eta * a.mean(H) for i in n]
        rounds, calls = rounds + 1, calls + 3
        out.append((a.mean(X), a.mean(Y), a.mean(Z)))
    return out, rounds, calls


TEAMS = [
    {
        "agents": [["1/7", "1", "2", "-1", "1/5"], ["-1/3", "0", "1", "3", "0"], ["1/2", "-2", "3", "1/2", "1"]],
        "x": "1/2",
        "y": "-1/3",
    },
    {"agents": [["1", "1/9", "4", "2", "1/8"], ["-1", "2/3", "1/4", "-5", "1/3"]], "x": "-1", "y": "1/4"},
    {"agents": [["1/3", "1", "1", "1", "1"]], "x": "1", "y": "1"},
]


@claim(
    "f2ba:prop-6.1",
    covers=["001 Proposition 6.1"],
    mutants={"no aggregation of the inner steps": {"aggregate": False}},
    uses=["f2ba:alg-3"],
)
def prop_61(aggregate: bool = True) -> Evidence:
    """Proposition 6.1 (lines 262-266): running Algorithm 3 is running Algorithm 1 on the means x̄ = (1/m)1ᵀX, ȳ =
    (1/m)1ᵀY, z̄ = (1/m)1ᵀZ.

    Checked: both run literally on nonlinear local functions in exact arithmetic, 2 outer steps of 3 inner steps, m =
    1, 2, 3; all means agree exactly.
    It holds because all rows stay equal (they start equal and receive the same aggregated step).
    """

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        with mp.workdps(DIGITS):
            a = Agents(instance, arithmetic)
            x, y = a.read(instance["x"]), a.read(instance["y"])
            single, several = algorithm_1(a, x, y), algorithm_3(a, x, y, aggregate)[0]
            gap = sum(abs(u - v) for p, q in zip(single, several) for u, v in zip(p, q))
            small = gap if arithmetic == "rational" or gap > mp.mpf(10) ** -30 else a.read(0)
            return Sides(small, "==", a.read(0), assumptions={"m >= 1": a.m >= 1})

    return Evidence((Instances("sum of |differences| of the iterates", evaluate, TEAMS, "rational", second="mpmath"),))


@claim(
    "f2ba:cor-6.1",
    covers=["001 Corollary 6.1"],
    mutants={"one round for each outer step": {"factor": 0}},
    uses=["f2ba:prop-6.1", "f2ba:thm-4.1"],
)
def cor_61(factor: int = 1) -> Evidence:
    """Corollary 6.1 (lines 268-270): Algorithm 3 has first-order complexity O(Δκ⁴ε⁻² log(κ/ε)) and communication
    complexity of the same order.

    Given Proposition 6.1 and Theorem 4.1 what remains is that rounds and calls are of one order. Checked on counted
    runs: Σ_t (K_t + 1) rounds, at most the 3 Σ_t (K_t + 1) calls of an agent.
    """

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        a = Agents(instance, arithmetic)
        _, rounds, calls = algorithm_3(a, a.read(instance["x"]), a.read(instance["y"]))
        return Sides(
            a.read(rounds), "<=", a.read(factor * calls if factor else ROUNDS), assumptions={"m >= 1": a.m >= 1}
        )

    return Evidence((Instances("rounds <= calls of one agent", evaluate, TEAMS, "rational", second="mpmath"),))


Rows = Sequence[Sequence[Any]]


def _product(left: Rows, right: Rows) -> list[list[Any]]:
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*right)] for row in left]


def _kronecker(left: Rows, right: Rows) -> list[list[Any]]:
    return [[a * b for a in row for b in line] for row in left for line in right]


@claim("f2ba:alg-3", covers=["001 Algorithm 3"], mutants={"corrected, vbar transposed": {"axis": 1}})
def alg_3(axis: int | None = None) -> Evidence:
    """Algorithm 3 (lines 284-309): V_t^k ∈ R^{m×d_y}, v̄_t^k = (1/m) 1 1ᵀ V_t^k and Z_t^{k+1} = Z_t^k - α 1 ⊗ v̄_t^k;
    likewise ū and h̄.

    Checked: the number of rows. (1/m) 1 1ᵀ V has m rows already, and 1 ⊗ of it has m²; Z has m.
    """

    def evaluate(instance: Instance, arithmetic: Arithmetic) -> Sides:
        read, m = Numbers(arithmetic), instance["m"]
        V = [[read(i + 2 * k) for k in range(3)] for i in range(m)]
        column = [[read(1)] for _ in range(m)]
        row = [[read(1) for _ in range(m)]]
        weights = row if instance["form"] == "row" else _product(column, row)
        vbar = [[v / m for v in line] for line in _product(weights, V)]
        update = _kronecker(column, [*zip(*vbar)] if axis == 1 else vbar)
        steps = {"shape of 1 (x) vbar": [len(update), len(update[0])], "shape of Z": [m, 3]}
        return Sides(read(len(update)), "==", read(m), assumptions={"m >= 2 agents": m >= 2}, steps=steps)

    def check(name: str, form: str) -> Instances:
        return Instances(name, evaluate, [{"m": m, "form": form} for m in (2, 3, 10)], "rational", second="mpmath")

    corrected = check("rows of 1 (x) ((1/m) 1'V)", "row")
    if axis is not None:
        return Evidence((corrected,))
    return Evidence(
        (check("rows of 1 (x) ((1/m) 1 1'V)", "square"),),
        corrected=(corrected,),
        correction="vbar = (1/m) 1'V (a row), as for the mean variables of Section 3; then 1 (x) vbar has the shape "
        "of Z. Or keep (1/m) 1 1'V and drop '1 (x)'. Line 3's Z_t^0(i) is Z_t^0.",
        category="misprint or conversion",
        charitable="Read with vbar = (1/m) 1'V, or without '1 (x)', it holds (second group): both are the same "
        "algorithm, the one of Proposition 6.1, and were run for it. Only the shapes of lines 8, 9 and 14 are at odds.",
        downstream="None: Proposition 6.1 holds for the intended listing.",
    )


@claim(
    "f2ba:text-local-hypergradients",
    covers=["001 Text local-hypergradients"],
    mutants={"corrected at m = 1 data": {"alike": True}},
)
def text_local(alike: bool = False) -> Evidence:
    """Section 2 (line 95): (1/m)Σ ∇²_xy g_i [∇²_yy g_i]^{-1} ∇_y f_i ≠ ∇²_xy g [∇²_yy g]^{-1} ∇_y g "indicates that
    aggregating the local hyper-gradients can not give the correct form of ∇φ in (2)".

    Checked: that the right side is the second term of (2), as the sentence says; (2) has ∇_y f, and at y*(x) the
    printed ∇_y g is 0.
    """

    def sides(instance: Instance, arithmetic: Arithmetic) -> tuple[Any, Any, Any, bool]:
        read = Numbers(arithmetic)
        h, c, b = ([read(v) for v in instance[k]] for k in ("h", "c", "b"))
        m = len(h)
        local = sum(c_ / h_ * b_ for h_, c_, b_ in zip(h, c, b)) / m
        whole = (sum(c) / sum(h)) * sum(b) / m
        return local, whole, read(0), all(v > 0 for v in h)

    def printed(instance: Instance, arithmetic: Arithmetic) -> Sides:
        _, whole, zero, convex = sides(instance, arithmetic)
        return Sides(zero, "==", whole, assumptions={"every g_i = h_i y^2/2 + c_i x y is strongly convex": convex})

    def differ(instance: Instance, arithmetic: Arithmetic) -> Sides:
        local, whole, _, convex = sides(instance, arithmetic)
        return Sides(
            abs(local - whole), ">=", Numbers(arithmetic)(Fraction(1, 100)), assumptions={"strongly convex": convex}
        )

    data = {"h": ["1", "3"], "c": ["1", "-2"], "b": ["1", "2"]}
    same = {"h": ["1", "1"], "c": ["1", "1"], "b": ["1", "1"]}
    corrected = Instances(
        "|mean of local terms - global term| >= 1/100", differ, [same if alike else data], "rational", second="mpmath"
    )
    if alike:
        return Evidence((corrected,))
    return Evidence(
        (Instances("printed right side == second term of (2) at y*", printed, [data], "rational", second="mpmath"),),
        corrected=(corrected,),
        correction="... != grad_xy g [grad_yy g]^-1 grad_y f: in general the two differ (they agree for m = 1 or "
        "identical agents).",
        category="misprint",
        charitable="Read at a general y the printed inequality is true for most data, but then it says nothing on "
        "(2), whose second term has grad_y f; the drawn conclusion needs grad_y f.",
        downstream="None: a motivation, used by no later result.",
    )
