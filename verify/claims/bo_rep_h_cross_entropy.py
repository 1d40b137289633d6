"""Paper 004, Appendix H: Assumption 2(i) for a softmax layer with the cross-entropy loss."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import sympy as sp

from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_bo_rep_d import careful, num, scale, slack, spread
from verify.registry import claim


@careful
def layer_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|dL/dY|^2 = |s - a|^2 |z'|^2 (rank 1) against c |z'|^2; s_i = w_i/sum w, e^(z_i) = w_i."""
    w, feature = ([num(v, arithmetic) for v in instance[k]] for k in ("w", "feature"))
    total = sum(w[1:], w[0])
    s = [v / total for v in w]
    gap = sum(((v - (i == instance["label"])) ** 2 for i, v in enumerate(s)), 0 * total)
    size = sum((v * v for v in feature), 0 * total)
    return Sides(
        gap * size, "<=", num(instance["c"], arithmetic) * size,
        {"w = exp(z) > 0": all(bool(v > 0) for v in w), "one-hot label": 0 <= instance["label"] < len(w)},
        slack(arithmetic), {"|s - a|^2": str(gap)},
    )  # fmt: skip


def layer_rows(c: str, count: int) -> list[Instance]:
    def draw(rng: Random) -> Instance:
        C = rng.choice((2, 3, 10))
        w = [scale(rng, 3) for _ in range(C)]
        return {"w": w, "label": rng.randrange(C), "feature": [scale(rng), f"-{scale(rng)}", "1"], "c": c}

    edge: Instance = {"w": ["1000000", "1", "1"], "label": 1, "feature": ["1", "2"], "c": c}
    return [edge, edge | {"label": 0}, edge | {"w": ["1", "1", "1"]}, *spread(count, 9, draw)]


@careful
def level_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """f = cross entropy of one validation point with feature phi(x), two classes; g = that of a training point whose
    feature is 0, + |y|^2/2: y*(x) = 0, s = (1/2, 1/2), |grad_y f(x, y*)|^2 = phi(x)^2/2. phi = clip(x, -1, 1) or x.
    """
    x, M = num(instance["x"], arithmetic), num(2, arithmetic)
    phi = max(-(M / 2), min(M / 2, x)) if instance["bounded"] else x
    return Sides(
        phi * phi / 2, "<=", M * M,
        {"M = 2 sup |z'|, features bounded by 1 or not": bool(abs(phi) <= 1) or not instance["bounded"]},
        slack(arithmetic),
    )  # fmt: skip


@claim(
    "bo_rep:text-H-cross-entropy",
    covers=["004 Text H-cross-entropy"],
    mutants={
        "1 in place of 2": {"c": "1"}, "without 1{i = j}": {"same": 0}, "unbounded features": {"bounded": False},
    },
)  # fmt: skip
def text_h(c: str = "4", same: int = 1, bounded: bool = True, level: str = "quick") -> Evidence:
    """Appendix H (lines 9274-9485): with L(a, s) = -Σ a_i log s_i, s = softmax(z), z = Yᵀz' + b: ∂s_i/∂z_j = s_i(1{i=j}
    - s_j), ∂L/∂z = s - a, ∂L/∂Y = (s - a)z'ᵀ, so |∂L/∂Y| ≤ 2|z'|; hence Assumption 2(i), |∇_y f(x, y*(x))| ≤ M, "holds
    in the practical case of hyper-representation".

    Checked: the derivatives symbolically for three classes, the bound in rationals (every s with e^z rational), and
    Assumption 2(i) for bounded features.
    """
    z = sp.symbols("z0:3", real=True)
    total = sum(sp.exp(v) for v in z)
    s = [sp.exp(v) / total for v in z]
    a = (*sp.symbols("a0 a1"), 1 - sp.Symbol("a0") - sp.Symbol("a1"))
    loss = -sum(a[i] * (z[i] - sp.log(total)) for i in range(3))
    printed = [s[i] * (same * (i == j) - s[j]) for i in range(3) for j in range(3)]
    count = 60 if level == "quick" else 2000
    rows = [{"x": x, "bounded": bounded} for x in ("0", "1/2", "-3", "1000000")]
    sharp = Instances("|s - a|^2 <= 2", layer_sides, layer_rows("2", count), "rational", "mpmath", f"{count} random")
    return Evidence(
        printed=(
            Identity("ds_i/dz_j", [s[i].diff(z[j]) for i in range(3) for j in range(3)], printed),
            Identity("dL/dz = s - a", [loss.diff(v) for v in z], [s[i] - a[i] for i in range(3)]),
            Instances("|dL/dY| <= 2|z'|, squared", layer_sides, layer_rows(c, count), "rational", "mpmath"),
            Instances("Assumption 2(i), bounded features", level_sides, rows, "rational", "mpmath"),
        ),
        corrected=(sharp,),
        correction="sharper: √2|z'|, as |s - a|² = (1 - s_k)² + Σ_{i≠k} s_i² ≤ 2(1 - s_k)²; approached for a point "
        "that is surely wrong.",
        charitable="M = 2|z'| is a constant only if the features z' are bounded over all x: true for bounded "
        "activations (tanh: |z'| ≤ √width, whatever the weights). For linear or ReLU features it is false: one "
        "validation point with z' = x, one training point with feature 0 and |y|²/2 give |∇_y f(x, y*(x))| = "
        "|x|/√2 (the mutant).",
        notes="(s - a)z'ᵀ is the transpose of ∂L/∂Y for z = Yᵀz' + b; the norm is the same. A bias among the "
        "lower-level variables puts |z'|² + 1 for |z'|². Σ over n in the softmax is over the C classes.",
    )


def exact_gap(w: list[str], label: int) -> Fraction:
    """|s - a|^2 for e^z = w (used by the tests)."""
    sides = layer_sides({"w": w, "label": label, "feature": ["1"], "c": "4"}, "rational")
    return Fraction(sides.lhs)
