"""The first central fact of paper 000: the estimator built on a p-th order stencil has bias exactly of order nu^p.

Lemma C.1 with Eq. (9)-(10): for every stencil family, p = 1..10, on the dense linear-quadratic and on the polynomial
instance, in mpmath (30 + (p+1) log10(1/nu) digits) against exact rational jets.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath as mp

from bounds.stencil import Stencil, from_nodes, stencil
from synthetic.linear_quadratic import LinearQuadratic, dense_lq
from synthetic.polynomial import Polynomial
from verify.bias import Measurer, predict, series_bias
from verify.bias_cases import COORDINATES, NU_MIN, case
from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.registry import claim

NU = str(NU_MIN)
ORDERS = {"central": (2, 4, 6, 8, 10), "one_sided": tuple(range(1, 11)), "balanced": (1, 3, 5, 7, 9)}


def _stencil(instance: Instance) -> Stencil:
    chosen = stencil(instance["p"], instance["family"])
    weights = list(chosen.weights)
    if instance.get("wrong") == "sign":  # of the outermost node
        weights[-1] = -weights[-1]
    if instance.get("wrong") == "dropped":
        weights[-1] = Fraction(0)
    if instance.get("wrong") == "scaled":
        weights = [w * Fraction(101, 100) for w in weights]
    return Stencil(chosen.order, chosen.family, chosen.nodes, tuple(weights))


def _convex_at_nodes(instance: Instance, chosen: Stencil) -> bool:
    """Certificate: g is strongly convex and g + j nu f has a positive definite Hessian at y*_{j nu} for every node."""
    problem, nu = case(instance["problem"]).problem, float(Fraction(instance["nu"]))
    x = [float(v) for v in COORDINATES[: problem.dim_x]]
    for j in chosen.nodes:
        problem.y_star(x, float(j) * 2 * nu)  # raises InputError when it is not
    return problem.mu > 0


def _floats(values: Sequence[Fraction]) -> mp.matrix:
    return mp.matrix([mp.mpf(v.numerator) / v.denominator for v in values])


def slope_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|local order - predicted order| <= 0.01."""
    chosen, name, nu = _stencil(instance), instance["problem"], Fraction(instance["nu"])
    if arithmetic == "mpmath":
        slope = case(name).measurer.slope(chosen, nu)
    else:
        with mp.workdps(50):
            norms = [mp.norm(_floats(series_bias(case(name).jets, chosen, h))) for h in (2 * nu, nu)]
            slope = float(mp.log(norms[0] / norms[1], 2))
    return Sides(
        abs(slope - instance["p"]), "<=", 0.01,
        {"g strongly convex, g + j nu f convex at every node": _convex_at_nodes(instance, chosen)},
        steps={"slope": slope, "order": instance["p"]}, within=True,
    )  # fmt: skip


def coefficient_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """relative error of bias/nu^p against the coefficient predicted from the jets <= 1e-6."""
    chosen, name, nu = _stencil(instance), instance["problem"], Fraction(instance["nu"])
    right = stencil(instance["p"], instance["family"])
    predicted = predict(case(name).jets, right)
    if arithmetic == "mpmath":
        with mp.workdps(case(name).measurer.dps):
            measured = (
                case(name).measurer.bias(chosen, nu)
                / mp.mpf(nu.numerator) ** instance["p"]
                * nu.denominator ** instance["p"]
            )
            target = _floats(predicted.coefficient)
            error = float(mp.norm(measured - target) / mp.norm(target))
    else:
        scaled = [v / nu ** instance["p"] for v in series_bias(case(name).jets, chosen, nu)]
        gap = sum((a - b) ** 2 for a, b in zip(scaled, predicted.coefficient))
        error = float(gap / sum(b**2 for b in predicted.coefficient)) ** 0.5
    return Sides(
        error, "<=", 1e-6,
        {"g strongly convex, g + j nu f convex at every node": _convex_at_nodes(instance, chosen)},
        steps={"predicted order": predicted.order, "predicted coefficient": [str(c) for c in predicted.coefficient]},
        within=True,
    )  # fmt: skip


def _order_evidence(problem: str, family: str, wrong: str | None) -> Evidence:
    rows: list[dict[str, Any]] = [{"problem": problem, "family": family, "p": p, "nu": NU} for p in ORDERS[family]]
    if wrong:
        rows = [r | {"wrong": wrong} for r in rows[1:3]]
    return Evidence(
        printed=(
            Instances("order of the bias is p (to 0.01)", slope_sides, rows, "mpmath", "rational"),
            Instances(
                "leading coefficient as the jets predict (to 1e-6)", coefficient_sides, rows, "mpmath", "rational"
            ),
        ),
        charitable="order and coefficient are those of this instance; no constant is hidden",
    )


MUTANTS = {"wrong sign": {"wrong": "sign"}, "dropped node": {"wrong": "dropped"}, "weights 1% off": {"wrong": "scaled"}}


@claim("f2sa_p:order-central-linear-quadratic", covers=["000 Lemma C.1"], mutants=MUTANTS, uses=["f2sa_p:eq-9"])
def central_linear_quadratic(wrong: str | None = None) -> Evidence:
    """Central stencils, even p = 2..10, dense linear-quadratic instance: the bias of the hyper-gradient estimator with
    exact lower-level solutions is of order exactly nu^p, with the leading coefficient given by the jets of psi.
    """
    return _order_evidence("linear-quadratic", "central", wrong)


@claim("f2sa_p:order-one-sided-linear-quadratic", covers=["000 Lemma C.1"], mutants=MUTANTS, uses=["f2sa_p:eq-9"])
def one_sided_linear_quadratic(wrong: str | None = None) -> Evidence:
    """One-sided stencils 0..p, p = 1..10, dense linear-quadratic instance: the bias is of order exactly nu^p, with the
    leading coefficient given by the jets of psi.
    """
    return _order_evidence("linear-quadratic", "one_sided", wrong)


@claim("f2sa_p:order-balanced-linear-quadratic", covers=["000 Lemma C.1"], mutants=MUTANTS, uses=["f2sa_p:eq-9"])
def balanced_linear_quadratic(wrong: str | None = None) -> Evidence:
    """Balanced stencils -(p-1)/2..(p+1)/2, odd p = 1..9, dense linear-quadratic instance: the bias is of order exactly
    nu^p, with the leading coefficient given by the jets of psi.
    """
    return _order_evidence("linear-quadratic", "balanced", wrong)


@claim("f2sa_p:order-central-polynomial", covers=["000 Lemma C.1"], mutants=MUTANTS, uses=["f2sa_p:eq-9"])
def central_polynomial(wrong: str | None = None) -> Evidence:
    """Central stencils, even p = 2..10, polynomial instance (cubic and quartic terms in both levels): the bias is of
    order exactly nu^p, with the leading coefficient given by the jets of psi.
    """
    return _order_evidence("polynomial", "central", wrong)


@claim("f2sa_p:order-one-sided-polynomial", covers=["000 Lemma C.1"], mutants=MUTANTS, uses=["f2sa_p:eq-9"])
def one_sided_polynomial(wrong: str | None = None) -> Evidence:
    """One-sided stencils 0..p, p = 1..10, polynomial instance: the bias is of order exactly nu^p, with the leading
    coefficient given by the jets of psi.
    """
    return _order_evidence("polynomial", "one_sided", wrong)


@claim("f2sa_p:order-balanced-polynomial", covers=["000 Lemma C.1"], mutants=MUTANTS, uses=["f2sa_p:eq-9"])
def balanced_polynomial(wrong: str | None = None) -> Evidence:
    """Balanced stencils -(p-1)/2..(p+1)/2, odd p = 1..9, polynomial instance: the bias is of order exactly nu^p, with
    the leading coefficient given by the jets of psi.
    """
    return _order_evidence("polynomial", "balanced", wrong)


def _symmetric(kind: str) -> LinearQuadratic | Polynomial:
    """Instances whose symmetry raises the order: A_f = 0; G = 0; g even and f odd in y - Bx."""
    base = dense_lq(dim_x=2, dim_y=2)
    pieces: dict[str, Any] = {name: getattr(base, name) for name in ("A_g", "A_f", "B", "c0", "G", "phi")}
    if kind == "A_f = 0":
        return LinearQuadratic(**pieces | {"A_f": 0 * base.A_f})
    if kind == "G = 0":
        return LinearQuadratic(**pieces | {"G": 0 * base.G})
    ridges = [[0.0, 1.0, 0.75, 0.0]] * 2
    return Polynomial(**pieces | {"A_f": 0 * base.A_f}, W=[[1.0, 0.25], [0.0, 1.0]], ridges=ridges)


def symmetry_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """||bias(nu)|| against zero where the symmetry predicts that it vanishes identically."""
    problem = _symmetric(instance["kind"])
    exact = problem.exact()
    local, nu = exact.at(COORDINATES[:2]), Fraction(instance["nu"])
    chosen = from_nodes(instance["nodes"])
    if arithmetic == "rational":
        jets = local.jets(chosen.order + 4)
        size = sum((v**2 for v in series_bias(jets, chosen, nu)), Fraction(0))
    else:
        measurer = Measurer(local, exact.hypergrad(COORDINATES[:2]), 80)
        with mp.workdps(80):
            size = mp.norm(measurer.bias(chosen, nu))
            size = size if size > mp.mpf(10) ** -65 else mp.mpf(0)
    return Sides(size, "==", 0, {"g strongly convex": problem.mu > 0}, steps={"bias norm (squared if rational)": size})


@claim(
    "f2sa_p:order-raised-by-symmetry",
    covers=["000 Lemma C.1"],
    mutants={"symmetry broken": {"kind": "G = 0 claimed for odd f, even g with one-sided nodes"}},
)
def raised_by_symmetry(kind: str | None = None) -> Evidence:
    """Where a symmetry makes the order higher than p: the bias is exactly zero for A_f = 0 and p >= 2 (any stencil),
    for G = 0 (any p), and for central stencils when g is even and f odd in y - Bx.
    """
    rows = [{"kind": "A_f = 0", "nodes": nodes, "nu": "1/64"} for nodes in ([-1, 0, 1], [0, 1, 2, 3])]
    rows += [{"kind": "G = 0", "nodes": nodes, "nu": "1/64"} for nodes in ([0, 1], [-1, 0, 1])]
    rows += [{"kind": "odd f, even g", "nodes": nodes, "nu": "1/64"} for nodes in ([-1, 0, 1], [-2, -1, 0, 1, 2])]
    if kind:
        rows = [{"kind": "odd f, even g", "nodes": [0, 1], "nu": "1/64"}]
    check = Instances("the bias vanishes identically", symmetry_sides, rows, "rational", "mpmath")
    return Evidence(printed=(check,), charitable="the bias is either exactly zero or not")
