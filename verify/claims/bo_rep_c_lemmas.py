"""Paper 004, Appendix C: y*, z* and phi are Lipschitz with L_z*, K_0, K_1; descent; the lemma on normalised steps."""

from __future__ import annotations

from random import Random
from typing import Any

from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_bo_rep_smooth import Model, pairs
from verify.families_f2sa_p import number, precise, tolerance
from verify.registry import claim


def _two_points(instance: Instance, arithmetic: Arithmetic) -> tuple[Model, Any, Any, Any, Any]:
    m = Model(instance, arithmetic)
    (x, y), (x2, y2) = (m.point(number(instance[k], arithmetic)) for k in ("at", "to"))
    return m, x, y, x2, y2


@precise
def lipschitz_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma C.2, squared where a root stands; ``part`` a, b or c, ``drop``: a term of L_z* left out."""
    m, x, y, x2, y2 = _two_points(instance, arithmetic)
    part, drop = instance["part"], instance["drop"]
    allowed = m.certified | {"distance within the radius": m.within(x - x2)}
    if part == "a":
        factor = number(drop or "1", arithmetic) * m.C / m.mu
        return Sides(abs(y - y2), "<=", factor * abs(x - x2), allowed, tolerance(arithmetic))
    if part == "c":
        margin = 0 if drop else m.C * m.M / m.mu
        return Sides(abs(m.f_x(x)), "<=", abs(m.slope(x, y)) + margin, allowed, tolerance(arithmetic))
    terms = {"rho": m.rho * m.M / m.mu**2, "L_y": (m.L_y0 + m.L_y1 * m.M) / m.mu}
    inner = sum((v for k, v in terms.items() if k != drop), 0 * m.mu)
    stretch = 1 if drop == "root" else m.stretch2
    steps = {"x": str(x), "x'": str(x2), "z*": str(m.z(y)), "z*'": str(m.z(y2))}
    right = stretch * (inner * (x - x2)) ** 2
    return Sides((m.z(y) - m.z(y2)) ** 2, "<=", right, allowed, tolerance(arithmetic), steps)


@claim(
    "bo_rep:lemma-C.2",
    covers=["004 Lemma C.2", "004 Equation 12", "004 Equation 13"],
    mutants={
        "half of C/mu": {"part": "a", "drop": "1/2"},
        "without rho M/mu^2": {"part": "b", "drop": "rho"},
        "without L_y": {"part": "b", "drop": "L_y"},
        "without the root": {"part": "b", "drop": "root"},
        "without C M/mu": {"part": "c", "drop": "all"},
    },
)
def lemma_c2(part: str = "", drop: str = "", level: str = "quick") -> Evidence:
    """Lemma C.2 (lines 1457-1525): (a) y*(x) is C_gxy/μ-Lipschitz; (b) |z*(x) - z*(x')| ≤ L_z*|x - x'| if |x - x'| ≤
    1/√(2(1 + C_gxy²/μ²)(L_x1² + L_y1²)), L_z* = √(1 + (C_gxy/μ)²)(ρM/μ² + (L_y0 + L_y1 M)/μ); (c) |∇_x f(x, y*(x))| ≤
    |∇Φ(x)| + C_gxy M/μ.

    Both sides exactly, on scalar instances at which each term of L_z* alone is at work.
    """
    count = 40 if level == "quick" else 2000
    checks = tuple(
        Instances(
            f"part ({p})",
            lipschitz_sides,
            pairs(count, 1, part=p, drop=drop if p == part else ""),
            "rational",
            "mpmath",
        )
        for p in "abc"
    )
    return Evidence(
        printed=checks,
        charitable="holds as printed; the root is read over the whole product, as the proof uses it",
        notes="The radius in (b) is not needed: the constant does not depend on the point, so steps of that length "
        "chain along the segment and z* is L_z*-Lipschitz everywhere, as the proof's last line says.",
    )


@precise
def gradient_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma C.3 and, with ``descent``, C.4; squared; ``drop``: a term of K_0 or K_1 left out."""
    m, x2, y2, x, y = _two_points(instance, arithmetic)  # "at" is x'
    r = m.C / m.mu
    terms = {
        "L_x0": m.L_x0,
        "L_x1 C M/mu": m.L_x1 * r * m.M,
        "L_y": r * (m.L_y0 + m.L_y1 * m.M),
        "rho": m.M * r * m.rho / m.mu,
        "tau": m.M * m.tau / m.mu,
        "K_1": m.L_x1 * abs(m.slope(x2, y2)),
    }
    inner = sum((v for k, v in terms.items() if k != instance["drop"]), 0 * m.mu)
    stretch = 1 if instance["drop"] == "root" else m.stretch2
    allowed = m.certified | {"distance within (14)": m.within(x - x2)}
    steps = {"x": str(x), "x'": str(x2), "phi'(x)": str(m.slope(x, y)), "phi'(x')": str(m.slope(x2, y2))}
    if instance["descent"]:
        gap = m.phi(x, y) - m.phi(x2, y2) - m.slope(x2, y2) * (x - x2)
        half = number(instance["half"], arithmetic)
        right = stretch * (half * inner * (x - x2) ** 2) ** 2
        # a negative gap meets the bound; the tolerance is for what cancels in it
        return Sides(max(gap, 0 * gap) ** 2, "<=", right, allowed, tolerance(arithmetic), steps)
    gap = m.slope(x, y) - m.slope(x2, y2)
    return Sides(gap**2, "<=", stretch * (inner * (x - x2)) ** 2, allowed, tolerance(arithmetic), steps)


TERMS = ("L_x0", "L_x1 C M/mu", "L_y", "rho", "tau", "K_1")


@claim(
    "bo_rep:lemma-C.3",
    covers=["004 Lemma C.3", "004 Equation 14", "004 Equation 15", "004 Equation 16"],
    mutants={f"without {k}": {"drop": k} for k in (*TERMS, "root")},
    uses=["bo_rep:lemma-C.1", "bo_rep:lemma-C.2"],
)
def lemma_c3(drop: str = "", level: str = "quick") -> Evidence:
    """Lemma C.3 (lines 1855-1935): for |x - x'| ≤ 1/√(2(1 + C_gxy²/μ²)(L_x1² + L_y1²)) (14): |∇Φ(x) - ∇Φ(x')| ≤ (K_0 +
    K_1|∇Φ(x')|)|x - x'| (15), K_0 = √(1 + (C_gxy/μ)²)(L_x0 + L_x1 C_gxy M/μ + (C_gxy/μ)(L_y0 + L_y1 M) + M(C_gxy ρ +
    τμ)/μ²), K_1 = √(1 + (C_gxy/μ)²)L_x1 (16).

    Both sides exactly, at which each of the six terms alone is at work.
    """
    count = 60 if level == "quick" else 3000
    rows = pairs(count, 2, drop=drop, descent=False)
    return Evidence(
        printed=(Instances("(15)", gradient_sides, rows, "rational", "mpmath"),),
        charitable="holds as printed",
        notes="Every term is needed. K_0 contains L_x1 C_gxy M/μ: the relaxed smoothness of f in x makes Φ's bounded "
        "part grow with the conditioning too: √(1 + κ²) L_x1 κ M, order κ².",
    )


@claim(
    "bo_rep:lemma-C.4",
    covers=["004 Lemma C.4"],
    mutants={
        "1/3 in place of 1/2": {"half": "1/3"},
        "without K_1": {"drop": "K_1"},
        "without L_y": {"drop": "L_y"},
    },
    uses=["bo_rep:lemma-C.3"],
)
def lemma_c4(half: str = "1/2", drop: str = "", level: str = "quick") -> Evidence:
    """Lemma C.4 (lines 2243-2275): for x, x' as in (14): Φ(x) ≤ Φ(x') + ⟨∇Φ(x'), x - x'⟩ + (K_0 + K_1|∇Φ(x')|)/2 |x -
    x'|².

    Exactly, on the instances of Lemma C.3 (Φ polynomial by pieces where ρ = τ = 0, y*(x) linear).
    """
    count = 80 if level == "quick" else 3000
    rows = [r for r in pairs(count, 3, drop=drop, descent=True, half=half) if r["rho"] == r["tau"] == "0"]
    return Evidence(
        printed=(Instances("descent", gradient_sides, rows, "rational", "mpmath"),),
        charitable="holds as printed",
        notes="The first relation of the proof is an equality. (14) is used on the segment, where it holds as well.",
    )


@precise
def normalised_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Lemma C.5 for multiples of Pythagorean vectors: all three norms rational when u and v - u are such."""
    omega, a, b, q = (number(instance[k], arithmetic) for k in ("omega", "a", "b", "q"))
    # in the frame of v = (b, 0): u = a (cos, sin) with |v - u| from the triangle; squares avoid its root
    cos, sin = (1 - q * q) / (1 + q * q), 2 * q / (1 + q * q)
    gap2 = (b - a * cos) ** 2 + (a * sin) ** 2
    k = number(instance["last"], arithmetic)
    left = -a * cos + omega * a + (1 - omega) * b
    right2 = (1 + k * omega) ** 2 * gap2
    allowed = {"omega > 0": omega > 0, "v != 0": b > 0, "|u| >= 0": a >= 0, "unit vector": cos**2 + sin**2 - 1 == 0}
    if arithmetic != "rational":
        allowed["unit vector"] = abs(cos**2 + sin**2 - 1) < 1e-12
    return Sides(max(left, 0 * left) ** 2, "<=", right2, allowed, tolerance(arithmetic), {"cos": str(cos)})


def normalised_rows(count: int, last: str) -> list[Instance]:
    rng = Random(5)
    rows: list[Instance] = [
        {"omega": w, "a": a, "b": b, "q": q}
        for w in ("1/100", "1/2", "1", "7")
        for a, b in (("1", "1"), ("3", "1"), ("1", "3"), ("0", "2"))
        for q in ("0", "1/50", "1", "4", "-100")
    ]
    for _ in range(count):
        pick = lambda low: f"{rng.randint(low, 99)}/{rng.choice([1, 7, 100])}"  # noqa: E731
        rows.append({"omega": pick(1), "a": pick(0), "b": pick(1), "q": pick(-99)})
    return [r | {"last": last} for r in rows]


@claim(
    "bo_rep:lemma-C.5",
    covers=["004 Lemma C.5", "004 Equation 17"],
    mutants={"1 + omega/2": {"last": "1/2"}, "1 - omega": {"last": "-1"}},
)
def lemma_c5(last: str = "1", level: str = "quick") -> Evidence:
    """Lemma C.5 (lines 2326-2331), (17): for ω > 0, -⟨u, v⟩/|v| ≤ -ω|u| - (1 - ω)|v| + (1 + ω)|v - u|.

    Any two vectors span a plane: u = a(cos, sin), v = (b, 0) with cos, sin rational; -ω|u| and (1-ω)|v| moved to the
    left and both sides squared where the left one is positive.
    """
    rows = normalised_rows(100 if level == "quick" else 5000, last)
    return Evidence(
        printed=(Instances("(17)", normalised_sides, rows, "rational", "mpmath"),),
        charitable="holds as printed for v ≠ 0",
        notes="-⟨u, v⟩/|v| = -|v| + ⟨v - u, v⟩/|v| ≤ -|v| + |v - u| and ω(|u| - |v|) ≤ ω|v - u|; an equality for u = "
        "t v, t ≥ 1. Used with ω = 1, where it says -⟨u, v⟩/|v| ≤ -|u| + 2|v - u|.",
    )
