"""Paper 004, Lemma C.1 and Eq. (2), (7)-(11): the hyper-gradient by the chain rule, symbolically for d_x = d_y = 2."""

from __future__ import annotations

import sympy as sp

from verify.evidence import Evidence, Identity
from verify.registry import claim

X = sp.symbols("x1 x2", real=True)
Y = sp.symbols("y1 y2", real=True)


def levels() -> tuple[sp.Expr, sp.Expr, list[sp.Expr]]:
    """f, g, y*: H(x) > 0 (det = 6 + 2 x1^2), y* not linear, a quartic term in z = y - y*."""
    x1, x2 = X
    y_star = [x1 + x2**2, x1 * x2]
    H = sp.Matrix([[2 + x1**2, x1], [x1, 3]])
    z = sp.Matrix([Y[0] - y_star[0], Y[1] - y_star[1]])
    g = (z.T * H * z)[0] / 2 + x1 * z[0] ** 2 * z[1] ** 2 + x1**3
    f = x1 * Y[0] ** 2 + x2 * Y[0] * Y[1] + x1 * x2 + Y[1] ** 3
    return f, g, y_star


@claim(
    "bo_rep:lemma-C.1",
    covers=[f"004 {row}" for row in ("Lemma C.1", *(f"Equation {k}" for k in (2, 7, 8, 9, 10, 11)))],
    mutants={"plus": {"sign": -1}, "C transposed": {"transpose": True}, "half z*": {"share": 2}},
)
def lemma_c1(sign: int = 1, transpose: bool = False, share: int = 1) -> Evidence:
    """Lemma C.1 (lines 1361-1440): ∇Φ = ∇_x f + (∂y*/∂x)∇_y f (7), (9) = ∇_x f - ∇_x∇_y g [∇_y²g]^{-1}∇_y f (2), (11) =
    ∇_x f - ∇_x∇_y g z* with z* = [∇_y²g]^{-1}∇_y f (8), all at (x, y*(x)); ∇_x∇_y g + (∂y*/∂x)∇_y²g = 0 (10); z* =
    argmin ½⟨∇_y²g z, z⟩ - ⟨∇_y f, z⟩ (line 209).

    Symbolically for one pair f, g in two dimensions each with a y*(x) that is not linear.
    """
    f, g, y_star = levels()
    at = dict(zip(Y, y_star))
    f_x, f_y = (sp.Matrix([f.diff(v) for v in block]).subs(at) for block in (X, Y))
    cross = sp.Matrix(2, 2, lambda i, j: g.diff(X[i], Y[j])).subs(at)
    if transpose:
        cross = cross.T
    hess = sp.Matrix(2, 2, lambda i, j: g.diff(Y[i], Y[j])).subs(at)
    move = sp.Matrix(2, 2, lambda i, j: y_star[j].diff(X[i]))
    z = hess.inv() * f_y / share
    phi = f.subs(at)
    total = sp.Matrix([phi.diff(v) for v in X])
    zeros = sp.zeros(2, 1)
    s = sp.Matrix(sp.symbols("s1 s2"))
    slope = sp.Matrix([((s.T * hess * s)[0] / 2 - (f_y.T * s)[0]).diff(v) for v in s]).subs(dict(zip(s, z)))
    return Evidence(
        printed=(
            Identity("grad_y g = 0 at y*", sp.Matrix([g.diff(v) for v in Y]).subs(at), zeros),
            Identity("(7), (9)", total, f_x + move * f_y),
            Identity("(10)", cross + sign * move * hess, sp.zeros(2, 2)),
            Identity("(2), (8), (11)", total, f_x - sign * cross * z),
            Identity("argmin", slope, zeros),
        ),
        charitable="∂y*/∂x has the shape (d_x, d_y), entry ij = ∂y_j*/∂x_i, and ∇_x∇_y g likewise: the only reading in "
        "which (7) and (10) agree.",
        notes="The identities need only that ∇_y²g is invertible at y*(x).",
    )
