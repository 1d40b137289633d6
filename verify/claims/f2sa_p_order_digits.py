"""The order of the bias on real data, in double precision: learn-to-regularize on digits (paper 000, App. G)."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from bounds.stencil import Stencil, stencil
from verify.bias_digits import WINDOWS, bias, noise_window, problem
from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.registry import claim


def _stencil(instance: Instance) -> Stencil:
    chosen = stencil(instance["p"], instance["family"])
    if instance.get("wrong") == "sign":
        return replace(chosen, weights=(*chosen.weights[:-1], -chosen.weights[-1]))
    if instance.get("wrong") == "scaled":
        return replace(chosen, weights=tuple(w * Fraction(21, 20) for w in chosen.weights))
    return chosen


def slope_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """max over the octaves of the window of |local slope - p| <= tolerance.

    "float" measures with Newton's method; "mpmath" sums the Taylor series of psi (first p + 6 terms) in place of it.
    """
    chosen, p = _stencil(instance), instance["p"]
    largest, octaves, tolerance = WINDOWS[instance["family"], p]
    nus = largest * 2.0 ** -np.arange(octaves + 1.0)
    digits, x = problem()
    if arithmetic == "float":
        sizes = np.linalg.norm(bias(chosen, nus), axis=1)
    else:
        series = digits.psi_series(x, p + 6)
        moments = [float(chosen.moment(k) - (1 if k == 1 else 0)) for k in range(p + 7)]
        terms = [sum(m * s * nu ** (k - 1) for k, (m, s) in enumerate(zip(moments, series)) if k) for nu in nus]
        sizes = np.linalg.norm(terms, axis=1)
    slopes = np.log2(sizes[:-1] / sizes[1:])
    lowest = min(float(np.linalg.eigvalsh(_hessian(j * nu))[0]) for j in chosen.nodes for nu in nus)
    return Sides(
        float(np.max(np.abs(slopes - p))),
        "<=",
        tolerance,
        {"g + j nu f positive definite at y*_{j nu} for every node": lowest > 0},
        steps={"nu": nus.tolist(), "bias": sizes.tolist(), "slopes": slopes.tolist()},
        within=True,
    )


def _hessian(nu: float) -> np.ndarray:
    digits, x = problem()
    y = digits.y_star(x, nu)
    return digits.hess_g(x, y) + nu * digits.hess_f(x, y)


@claim(
    "f2sa_p:order-digits",
    covers=["000 Lemma C.1"],
    mutants={"wrong sign": {"wrong": "sign"}, "weights 5% off": {"wrong": "scaled"}},
    uses=["f2sa_p:eq-9"],
)
def order_digits(wrong: str | None = None) -> Evidence:
    """Learn-to-regularize on digits, double precision above round-off: the bias of the estimator has slope p in nu, to
    0.02 for p = 1..4 (and balanced p = 5), to 0.05 for p = 6, and to 0.05 over one octave for one-sided p = 5, balanced
    p = 7 and central p = 8.
    """
    rows: list[Instance] = [{"family": family, "p": p} for family, p in WINDOWS]
    if wrong:
        rows = [{"family": "central", "p": 4, "wrong": wrong}]
    check = Instances("slope of the bias is p over the window", slope_sides, rows, "float", "mpmath")
    return Evidence(printed=(check,), charitable="window and tolerance are those in which double precision can decide")


@claim("f2sa_p:order-digits-beyond-double", covers=["000 Lemma C.1"], mutants={})
def order_digits_beyond_double() -> Evidence:
    """The same for the remaining stencils up to p = 10 on digits (one-sided 7, 9; balanced 9; central 10)."""
    words = []
    for family, p in [("one_sided", 7), ("one_sided", 9), ("balanced", 9), ("central", 10)]:
        low, high = noise_window(stencil(p, family))
        words.append(
            f"{family} p = {p}: nu from {low:.1e} to {high:.1e} ({max(0.0, math.log2(high / low)):.1f} octaves)"
        )
    return Evidence(
        untestable="in double precision the window between round-off (truncation 50 times larger) and the end of the "
        "asymptotic regime (next term 3%) is too short for a slope: " + "; ".join(words)
    )
