"""Paper 003, section 2: the momentum recursions (6), (7), (10), (12), (13) symbol by symbol, and the two algorithms."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import sympy as sp

from verify.evidence import Arithmetic, Evidence, Identity, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.families_fdehbo import Model, Vector, Z, plain, plus, project, square
from verify.registry import claim

ETA, H, H_OTHER, BIAS, BIAS_OLD = sp.symbols("eta h h_other b b_old")
NEW, OLD = sp.symbols("a_plus a_minus"), sp.symbols("b_plus b_minus")
"""One coordinate of the stochastic gradient on the two equally likely samples, at the iterates t and t - 1."""
DOMAIN = {"0 < eta < 1": lambda point: 0 < point.get(ETA, sp.Rational(1, 2)) < 1}


def mean(values: Any) -> sp.Expr:
    return sum(values, sp.S.Zero) / 2


def momentum(sign: int, old: Any, memory: Any) -> list[sp.Expr]:
    """The printed form eta a + (1 - eta)(memory + a - b), on each sample."""
    return [ETA * a + (1 - ETA) * (memory + a + sign * b) for a, b in zip(NEW, old, strict=True)]


def storm_checks(
    sign: int = -1, alias: bool = False, other_sample: bool = False, memory: Any = H
) -> tuple[Identity, ...]:
    """Unbiased about the decayed error; the exact second moment; no fresh noise beyond eta times it at rest."""
    old: Any = NEW if alias else OLD[::-1] if other_sample else OLD
    h = momentum(sign, old, memory)
    error = H - mean(OLD)
    fresh = [ETA * (a - mean(NEW)) + (1 - ETA) * (a - b - mean(NEW) + mean(OLD)) for a, b in zip(NEW, OLD, strict=True)]
    at_rest = dict(zip(OLD, NEW, strict=True))
    return (
        Identity("E[h_t | past] - G_t = (1 - eta)(h_{t-1} - G_{t-1})", mean(h) - mean(NEW), (1 - ETA) * error, DOMAIN),
        Identity(
            "E|h_t - G_t|^2 = (1 - eta)^2 |h_{t-1} - G_{t-1}|^2 + E|eta A + (1 - eta) B|^2",
            mean([(x - mean(NEW)) ** 2 for x in h]),
            (1 - ETA) ** 2 * error**2 + mean([x**2 for x in fresh]),
            DOMAIN,
        ),
        Identity(
            "at rest only eta times the noise of one sample is added",
            [(x - mean(NEW)).subs(at_rest) for x in h],
            [((1 - ETA) * error + ETA * (a - mean(NEW))).subs(at_rest) for a in NEW],
            DOMAIN,
        ),
    )


MUTANTS: dict[str, dict[str, Any]] = {
    "plus the old gradient": {"sign": 1},
    "old iterate aliases the new": {"alias": True},
    "another sample at the old iterate": {"other_sample": True},
}


@claim("fdehbo:eq-6", covers=["003 Equation 6"], mutants=MUTANTS)
def eq_6(sign: int = -1, alias: bool = False, other_sample: bool = False) -> Evidence:
    """Eq. (6) (line 102): h^g_t = η ∇_y g(x_t, y_t; ζ_t) + (1-η)(h^g_{t-1} + ∇_y g(x_t, y_t; ζ_t) -
    ∇_y g(x_{t-1}, y_{t-1}; ζ_t)).

    Checked: unbiased about the decayed error, the exact second moment (A the noise at t, B that of the difference), and
    that the SAME sample at both iterates is what keeps the noise at η: with a fresh one at t - 1 it is not.
    """
    return Evidence(
        storm_checks(sign, alias, other_sample),
        notes="η_0 must be 1 (or h_0 the plain sample): there is no h_{-1}, x_{-1}, and the line 'Initialize:' of both "
        "algorithms is empty in this text.",
    )


@claim("fdehbo:eq-13", covers=["003 Equation 13"], mutants=MUTANTS)
def eq_13(sign: int = -1, alias: bool = False, other_sample: bool = False) -> Evidence:
    """Eq. (13) (line 155): h^f_t = η ∇̄f(x_t, y_t, v_t; ξ_t) + (1-η)(h^f_{t-1} + ∇̄f(x_t, y_t, v_t; ξ_t) -
    ∇̄f(x_{t-1}, y_{t-1}, v_{t-1}; ξ_t)).
    """
    return Evidence(storm_checks(sign, alias, other_sample))


@claim("fdehbo:eq-12", covers=["003 Equation 12"], mutants=MUTANTS)
def eq_12(sign: int = -1, alias: bool = False, other_sample: bool = False) -> Evidence:
    """Eq. (12) (line 151): h^R_t = η ∇_v R(x_t, y_t, v_t; ψ_t) + (1-η)(h^g_{t-1} + ∇_v R(x_t, y_t, v_t; ψ_t) -
    ∇_v R(x_{t-1}, y_{t-1}, v_{t-1}; ψ_t)), with h^g_{t-1} inside.

    As printed: the same three identities with h^g_{t-1} (h_other) in the place of h^R_{t-1}.
    """
    fixed = storm_checks(sign, alias, other_sample)
    mutated = sign != -1 or alias or other_sample
    return Evidence(
        printed=fixed if mutated else storm_checks(memory=H_OTHER),
        corrected=fixed,
        correction="h^R_{t-1} in the place of h^g_{t-1}.",
        category="misprint or conversion",
        charitable="h^g is the momentum of the lower level, Eq. (6), of the same dimension, so the formula can be run "
        "as it stands; its error then contains (1-η)(h^g_{t-1} - h^R_{t-1}). (7) and (13) have the right memory.",
        downstream="Run as printed, h^R_t settles at η ∇_v R: v then moves by λ_t η_t ~ t^{-1} and Theorem 2 has no "
        "proof. With h^R_{t-1} nothing changes: the propositions are about that one.",
    )


def biased_checks(sign: int, alias: bool, other_sample: bool, left_out: int = 0) -> tuple[Identity, ...]:
    """storm_checks for the difference estimates, and the same recursion about the true gradients G = mean - bias."""
    h = momentum(sign, NEW if alias else OLD[::-1] if other_sample else OLD, H)
    true_new, true_old = mean(NEW) - BIAS, mean(OLD) - BIAS_OLD
    right = (1 - ETA) * (H - true_old) + BIAS - (0 if left_out else 1 - ETA) * BIAS_OLD
    recursion = Identity(
        "E[h_t | past] - G_t = (1 - eta)(h_{t-1} - G_{t-1}) + b_t - (1 - eta) b_{t-1}",
        mean(h) - true_new,
        right,
        DOMAIN,
    )
    return (*storm_checks(sign, alias, other_sample), recursion)


TILDE = (
    "The memory is printed h_{t-1} without its tilde; lines 68 and 70 of Algorithm 1 call what (7) and (10) compute "
    "'h_t', so both names are one quantity. Read as FMBO's (12), (13), which use second derivatives, it would be "
    "neither Hessian-free nor a recursion: not tried further."
)


@claim(
    "fdehbo:eq-7",
    covers=["003 Equation 7"],
    mutants=MUTANTS | {"the old bias left out": {"left_out": 1}},
)
def eq_7(sign: int = -1, alias: bool = False, other_sample: bool = False, left_out: int = 0) -> Evidence:
    """Eq. (7) (line 106): tilde h^R_t = η tilde ∇_v R(x_t, y_t, v_t, δ; ψ_t) + (1-η)(h^R_{t-1} + tilde ∇_v R(x_t,
    y_t, v_t, δ; ψ_t) - tilde ∇_v R(x_{t-1}, y_{t-1}, v_{t-1}, δ; ψ_t)).

    Checked: about the mean of the difference estimate it is unbiased like (6); about ∇_v R it drifts by b_t - (1-η)
    b_{t-1}, b the bias, at most L_gyy r_v^2 δ (1 - η/2).
    """
    return Evidence(biased_checks(sign, alias, other_sample, left_out), charitable=TILDE)


@claim(
    "fdehbo:eq-10",
    covers=["003 Equation 10"],
    mutants=MUTANTS | {"the old bias left out": {"left_out": 1}},
)
def eq_10(sign: int = -1, alias: bool = False, other_sample: bool = False, left_out: int = 0) -> Evidence:
    """Eq. (10) (line 122): tilde h^f_t = η ∇̃f(x_t, y_t, v_t, δ; ξ_t) + (1-η)(h^f_{t-1} + ∇̃f(x_t, y_t, v_t, δ; ξ_t) -
    ∇̃f(x_{t-1}, y_{t-1}, v_{t-1}, δ; ξ_t)), ∇̃f = ∇_x f - J̃.
    """
    return Evidence(biased_checks(sign, alias, other_sample, left_out), charitable=TILDE)


@precise
def nearest_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|w - P(w)|^2 <= |w - z|^2 for every z of the ball, P of line 6."""
    w, z = ([number(a, arithmetic) for a in instance[k]] for k in ("w", "z"))
    r = number(instance["r"], arithmetic)
    P = project(w, r)
    P = P if instance["line"] == 6 else [a * r for a in w]
    return Sides(
        square(plus(w, P, -1)), "<=", square(plus(w, z, -1)),
        {"|z| <= r_v": square(z) <= r * r, "r_v > 0": r > 0}, tolerance(arithmetic), {"P(w)": str(P)},
    )  # fmt: skip


def nearest_rows(line: int) -> list[Instance]:
    rng, rows = Random(9), []
    units = [("3/5", "4/5"), ("-5/13", "12/13"), ("1", "0"), ("-8/17", "-15/17")]
    for _ in range(60):
        a, b = ([Fraction(k) for k in rng.choice(units)] for _ in range(2))
        r, size, inner = Fraction(rng.randint(1, 9), 4), Fraction(rng.randint(0, 30), 7), Fraction(rng.randint(0, 8), 8)
        w, z = [str(size * k) for k in a], [str(inner * r * k) for k in b]
        rows.append({"w": w, "z": z, "r": str(r), "line": line})
    return rows


def trajectory(m: Model, z: Z, rates: Any, signs: list[tuple[int, int, int]], difference: bool, memory: str) -> list[Z]:
    """The iterates of Algorithm 1 (``difference``) or 2, dim y = 1; rates (alpha, beta, lambda, eta).

    h_0 are plain samples. ``signs``: the samples (zeta_t, psi_t, xi_t). memory "R": h^R remembers h^R; "g": h^g, as
    Eq. (12) prints.
    """
    alpha, beta, lam, eta = rates
    system, upper = (m.system_fd, m.upper_fd) if difference else (m.system, m.upper)
    path, h_g, h_R, h_f = [z], [0 * alpha], [0 * alpha], 0 * alpha
    for t, (s_g, s_R, s_f) in enumerate(signs):
        old = path[-2] if t else z
        rate = eta if t else 1 + 0 * eta
        past_g = h_g

        def mix(new: Vector, before: Vector, past: Vector, rate: Any = rate) -> Vector:
            return [rate * a + (1 - rate) * (h + a - b) for a, b, h in zip(new, before, past, strict=True)]

        h_g = mix(m.g_y(z, s_g), m.g_y(old, s_g), h_g)
        h_R = mix(system(z, s_R), system(old, s_R), h_R if memory == "R" else past_g)
        h_f = mix([upper(z, s_f)], [upper(old, s_f)], [h_f])[0]
        z = (z[0] - alpha * h_f, plus(z[1], h_g, -beta), project(plus(z[2], h_R, -lam), m.r))
        path.append(z)
    return path


@precise
def run_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Distance of two runs on the same samples after the last step: == 0, or for "inside": max |v_t| <= r_v."""
    m = Model(instance, arithmetic)
    x, y, v = (number(instance[k][0] if k != "x" else instance[k], arithmetic) for k in "xyv")
    rates = [number(instance[k], arithmetic) for k in ("alpha", "beta", "lam", "eta")]
    signs = [tuple(s) for s in instance["signs"]]
    first, second = (trajectory(m, (x, [y], [v]), rates, signs, d, k) for d, k in instance["runs"])
    if instance["kind"] == "inside":
        largest = max(abs(z[2][0]) for z in first)
        return Sides(largest, "<=", m.r, m.norms | {"|v_0| <= r_v": abs(v) <= m.r}, tolerance(arithmetic))
    gap = max(
        abs(a[0] - b[0]) + abs(a[1][0] - b[1][0]) + abs(a[2][0] - b[2][0]) for a, b in zip(first, second, strict=True)
    )
    slack = number(0 if arithmetic == "rational" else Fraction(1, 10**60), arithmetic)
    return Sides(gap, "<=", slack, m.norms | {"|v_0| <= r_v": abs(v) <= m.r}, tolerance(arithmetic), within=True)


def run_rows(kind: str, runs: list[Any], T: int, **changes: Any) -> list[Instance]:
    rng, rows = Random(3), []
    for delta, r in (("1/10", "1/4"), ("3", "2")):
        base: dict[str, Any] = {
            "c": ["1/2"], "n1": ["1/3"], "by": ["2/3"], "mx": "1/4", "my": ["1/5"], "phi": "1/2", "low": "3/2",
            "high": "3/2", "delta": delta, "r": r, "x": "1/2", "y": ["1/3"], "v": ["1/8"], "alpha": "1/5",
            "beta": "1/4", "lam": "1/3", "eta": "1/8",
        }  # fmt: skip
        row = plain(**base | changes)
        signs = [[rng.choice([1, -1]) for _ in range(3)] for _ in range(T)]
        rows.append(row | {"signs": signs, "kind": kind, "runs": runs})
    return rows


@claim(
    "fdehbo:alg-1",
    covers=["003 Algorithm 1"],
    mutants={"line 6 scales by r_v alone": {"line": 7}, "a Hessian that is not constant": {"rho": "1/2"}},
    uses=["fdehbo:eq-6", "fdehbo:eq-7", "fdehbo:eq-10"],
)
def alg_1(line: int = 6, rho: str = "0") -> Evidence:
    """Algorithm 1 (lines 62-71): y_{t+1} = y_t - β_t h^g_t by (6); w_{t+1} = v_t - λ_t tilde h^R_t by (7);
    v_{t+1} = w_{t+1} or r_v w_{t+1}/|w_{t+1}|; x_{t+1} = x_t - α_t tilde h^f_t by (10).

    Checked: line 6 is the nearest point of the ball; every |v_t| ≤ r_v; with quadratic g the run is that of Algorithm 2
    on the same samples, exactly and for any δ.
    """
    same = run_rows("equal", [[True, "R"], [False, "R"]], 4, rho=rho)
    inside = run_rows("inside", [[True, "R"], [True, "R"]], 4, rho="1/2")
    return Evidence(
        (
            Instances("line 6 is the projection", nearest_sides, nearest_rows(line), "rational", "mpmath"),
            Instances("|v_t| <= r_v", run_sides, inside, "rational", "mpmath"),
            Instances("quadratic g: Algorithm 1 = Algorithm 2", run_sides, same, "rational", "mpmath"),
        ),
        charitable="line 2, 'Initialize:', is empty in this text (conversion or misprint): h_0 is taken as the plain "
        "sample, i.e. η_0 = 1; with η_0 = c_η w^{-2/3} < 1 of Theorem 1 an h_{-1} would be needed.",
    )


@claim(
    "fdehbo:alg-2",
    covers=["003 Algorithm 2"],
    mutants={"(12) as printed": {"memory": "g"}},
    uses=["fdehbo:eq-6", "fdehbo:eq-12", "fdehbo:eq-13"],
)
def alg_2(memory: str = "R") -> Evidence:
    """Algorithm 2 (lines 138-147): as Algorithm 1 with h^R by (12), h^f by (13).

    Checked: |v_t| ≤ r_v, and without noise all three momenta are the exact gradients (the run equals the one with
    η = 1). (12) is read with h^R_{t-1}; the mutant runs it as printed.
    """
    inside = run_rows("inside", [[False, memory], [False, memory]], 4, rho="1/2")
    quiet = run_rows("equal", [[False, memory]], 4, rho="1/2", mx="0", n1=["0"], my=["0"])
    return Evidence(
        (
            Instances("|v_t| <= r_v", run_sides, inside, "rational", "mpmath"),
            Instances("no noise: exact gradients", exact_sides, quiet, "rational", "mpmath"),
        ),
        charitable="'Initialize:' is empty as in Algorithm 1; (12) is taken corrected (fdehbo:eq-12).",
    )


@precise
def exact_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Distance between the noiseless run with eta and the one with eta = 1 (plain gradient steps): 0."""
    m = Model(instance, arithmetic)
    x, y, v = (number(instance[k][0] if k != "x" else instance[k], arithmetic) for k in "xyv")
    rates = [number(instance[k], arithmetic) for k in ("alpha", "beta", "lam", "eta")]
    signs = [(1, 1, 1)] * 4
    first = trajectory(m, (x, [y], [v]), rates, signs, False, instance["runs"][0][1])
    second = trajectory(m, (x, [y], [v]), [*rates[:3], 1 + 0 * rates[3]], signs, False, "R")
    gap = max(abs(a[2][0] - b[2][0]) + abs(a[0] - b[0]) for a, b in zip(first, second, strict=True))
    slack = number(0 if arithmetic == "rational" else Fraction(1, 10**60), arithmetic)
    quiet = m.n == 0 and m.mx == 0 and m.my[0] == 0 and m.n1[0] == 0
    return Sides(gap, "<=", slack, m.norms | {"no noise": quiet, "|v_0| <= r_v": abs(v) <= m.r}, within=True)
