"""One step of Algorithm 1 of paper 003 on the instances of families_fdehbo, and both sides of Propositions 1 to 3.

An instance carries the history of the step as free numbers: the iterate z_t = (x, y, v), the momenta h^g_t, h^R_t,
h^f_t, the step sizes and eta_{t+1}. Given the history the propositions are linear in the law of it, so histories that
are single points are the worst ones; whether a point can be reached is not asked, which makes the test harder to pass.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

from verify.evidence import Arithmetic, Evaluate, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.families_fdehbo import Model, Z, plus, project, random_instances, square


class Step:
    """z_t, z_{t+1} and the errors of the momenta."""

    def __init__(self, instance: Instance, arithmetic: Arithmetic) -> None:
        def read(key: str) -> Any:
            value = instance[key]
            return [number(v, arithmetic) for v in value] if isinstance(value, list) else number(value, arithmetic)

        self.model = m = Model(instance, arithmetic)
        self.alpha, self.beta, self.lam, self.eta = (read(k) for k in ("alpha", "beta", "lam", "eta"))
        self.hg, self.hR, self.hf = read("hg"), read("hR"), read("hf")
        self.z: Z = (read("x"), read("y"), read("v"))
        x, y, v = self.z
        self.new: Z = (
            x - self.alpha * self.hf,
            plus(y, self.hg, -self.beta),
            project(plus(v, self.hR, -self.lam), m.r),
        )
        self.e_g2 = square(plus(self.hg, m.g_y(self.z, 0), -1))
        self.g_y2 = square(m.g_y(self.z, 0))
        self.e_R = plus(self.hR, m.system(self.z, 0), -1)
        self.e_R2 = square(self.e_R)
        self.lag2 = square(plus(v, m.v_star(self.z), -1))
        slack = 1 if arithmetic == "rational" else 1 + 1e-12
        self.assumptions = m.norms | {
            "0 <= eta_{t+1} <= 1": 0 <= self.eta <= 1,
            "steps > 0": min(self.alpha, self.beta, self.lam) > 0,
            "|v_t| <= r_v": square(v) <= m.r**2 * slack,
        }


@precise
def prop_1_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Proposition 1. ``reading`` k: Delta = k (mean of the difference estimate - surrogate (3)), k = 1, 0, -1;
    ``constants``: the printed 4, 4, 4, 16, 6, 2, 2 in order of appearance; ``power``: of (1 - eta); sigma_f^2 =
    2 (sigma_fx^2 + sigma_gxy^2 r_v^2).
    """
    st = Step(instance, arithmetic)
    m, eta, z, new = st.model, st.eta, st.z, st.new
    k, bend = instance["reading"], m.L_gxy * m.r**2 * m.delta
    a = [number(c, arithmetic) for c in instance["constants"]]

    def target(z: Z) -> Any:
        return m.upper(z, 0) + k * (m.upper_fd(z, 0) - m.upper(z, 0))

    u = (st.hf - target(z)) ** 2
    total = 0 * u
    for s in (1, -1):
        ahead, behind = m.upper_fd(new, s), m.upper_fd(z, s)
        total += (eta * ahead + (1 - eta) * (st.hf + ahead - behind) - target(new)) ** 2
    sigma2 = 2 * (m.s_fx**2 + m.s_gxy**2 * m.r**2)
    LF2 = 2 * (m.L_fx**2 + m.L_gxy**2 * m.r**2)
    right = ((1 - eta) ** instance["power"] + a[0] * bend) * u + a[1] * eta**2 * sigma2
    right += a[2] * bend + a[3] * bend**2
    right += a[4] * (1 - eta) ** 2 * (
        LF2 * st.alpha**2 * st.hf**2 + a[5] * LF2 * st.beta**2 * (st.e_g2 + st.g_y2)
        + a[6] * m.C_gxy_root**2 * st.lam**2 * (st.e_R2 + m.L_g**2 * st.lag2)
    )  # fmt: skip
    return Sides(
        total / 2, "<=", right, st.assumptions, tolerance(arithmetic), {"E|e_t^f|^2": str(u)}, within=right == 0
    )


@precise
def prop_2_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Proposition 2; ``constants``: the printed 96 (in the factor), 4, 4, 8, 8, 96, 96, 2 in order of appearance."""
    st = Step(instance, arithmetic)
    m, eta, z, new = st.model, st.eta, st.z, st.new
    bend = m.L_gyy * m.r**2 * m.delta
    a = [number(c, arithmetic) for c in instance["constants"]]
    u, total = st.e_R2, 0 * eta
    for s in (1, -1):
        ahead, behind = m.system_fd(new, s), m.system_fd(z, s)
        h = [eta * b + (1 - eta) * (old + b - c) for old, b, c in zip(st.hR, ahead, behind, strict=True)]
        total += square(plus(h, m.system(new, 0), -1))
    keep = (1 - eta) ** 2
    right = (keep * (1 + a[0] * m.L_g**4 * st.lam**2) + a[1] * bend) * u + a[2] * bend + a[3] * bend**2
    right += a[4] * eta**2 * (m.s_gyy**2 * m.r**2 + m.s_fy**2)
    right += a[5] * keep * m.L_g**2 * st.lam**2 * (st.e_R2 + m.L_g**2 * st.lag2)
    moved = st.alpha**2 * st.hf**2 + a[7] * st.beta**2 * (st.e_g2 + st.g_y2)
    right += a[6] * keep * (m.L_gyy**2 * m.r**2 + m.L_fy**2) * moved
    return Sides(
        total / 2, "<=", right, st.assumptions, tolerance(arithmetic), {"E|e_t^R|^2": str(u)}, within=right == 0
    )


@precise
def prop_3_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Proposition 3 with gamma', delta' of the instance. ``bracket`` printed: 1 - 2 lambda (L + L^3) mu/(mu + L) +
    lambda^2 L^2; corrected: 1 - 2 lambda mu + lambda^2 L^2; sharp: max((1 - lambda mu)^2, (1 - lambda L)^2).
    ``c_power``: of C_fy in the last bracket (2 printed, 1 right, C_fy bounding |f_y|^2); ``first``: the 2 before it.
    """
    st = Step(instance, arithmetic)
    m, lam = st.model, st.lam
    gamma, delta = (number(instance[k], arithmetic) for k in ("gamma", "delta_prime"))
    mu, L = m.mu, m.C_gyy_root if instance["bracket"] == "sharp" else m.L_g
    factor = {
        "printed": 1 - 2 * lam * (L + L**3) * mu / (mu + L) + lam**2 * L**2,
        "corrected": 1 - 2 * lam * mu + lam**2 * L**2,
        "three": 1 - 3 * lam * mu + lam**2 * L**2,
        "sharp": max((1 - lam * mu) ** 2, (1 - lam * L) ** 2),
    }[instance["bracket"]]
    first = number(instance["first"], arithmetic)
    shift = first * (m.L_fy**2 / mu**2 + (m.C_fy_root**2) ** instance["c_power"] * m.L_gyy**2 / mu**4)
    moved = st.alpha**2 * st.hf**2 + st.beta**2 * (2 * st.e_g2 + 2 * st.g_y2)
    right = (1 + gamma) * (1 + delta) * factor * st.lag2
    right += (1 + gamma) * (1 + 1 / delta) * lam**2 * st.e_R2 + (1 + 1 / gamma) * shift * moved
    left = square(plus(st.new[2], m.v_star(st.new), -1))
    inside = m.C_fy_root <= m.r * mu * (1 if arithmetic == "rational" else 1 + 1e-12)
    return Sides(
        left, "<=", right,
        st.assumptions | {"|v*| <= sqrt(C_fy)/mu <= r_v": bool(inside), "gamma', delta' > 0": min(gamma, delta) > 0},
        tolerance(arithmetic),
        {"mu_g": str(mu), "L_g": str(m.L_g), "factor before |v_t - v_t*|^2": str(factor),
         "|v_t - v_t*|^2": str(st.lag2)},
        within=right <= 0,
    )  # fmt: skip


def check(
    name: str,
    sides: Evaluate,
    count: int,
    seed: int,
    special: list[Instance] | None = None,
    climb: int = 0,
    **fixed: Any,
) -> Instances:
    """``special`` and ``count`` random instances, and the end of a search of ``climb`` steps for the largest ratio."""
    rows = [row | fixed for row in special or []]
    rows += [row for row in random_instances(count, seed, **fixed) if rational_projection(row)]
    if climb:
        rows.append(hardest(sides, rows, climb, seed))
    return Instances(name, sides, rows, "rational", "mpmath", f"{count} random, seed {seed}, search of {climb} steps")


def rational_projection(row: Instance) -> bool:
    """Whether |v - lambda h^R| is rational where line 6 has to divide by it."""
    v, h, lam, r = ([Fraction(a) for a in row["v"]], [Fraction(a) for a in row["hR"]], Fraction(row["lam"]), row["r"])
    try:
        project(plus(v, h, -lam), Fraction(r))
    except ArithmeticError:
        return False
    return True


KNOBS = ("alpha", "beta", "lam", "eta", "hf", "delta", "x", "bx", "mx", "rho", "n", "phi")


def hardest(sides: Evaluate, rows: list[Instance], steps: int, seed: int) -> Instance:
    """Random coordinate search in floating point for the largest left/right from the best of ``rows``; a rational
    instance.
    """

    def ratio(row: Instance) -> float:
        found = sides(row, "float")
        return -1.0 if not found.admissible or found.ratio is None or not rational_projection(row) else found.ratio

    rng = Random(seed)
    best = max(rows, key=ratio)
    top = ratio(best)
    for _ in range(steps):
        key = rng.choice(KNOBS)
        scale, shift = Fraction(rng.choice([1, 3, 9, 11, 20, 100]), 10), Fraction(rng.choice([0, 0, 1]), 8)
        value = (Fraction(best[key]) * scale + shift).limit_denominator(10000)
        if key == "delta" and value == 0:
            continue
        trial = best | {key: str(value)}
        found = ratio(trial)
        if found > top:
            best, top = trial, found
    return best
