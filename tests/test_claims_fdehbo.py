"""What the claims on paper 003 rest on: the instances are in their class, the steps are the algorithm's, the ranges."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from verify.claims import fdehbo_differences as differences
from verify.claims import fdehbo_perturbation as perturbation
from verify.claims import fdehbo_propositions as propositions
from verify.claims import fdehbo_theorems as theorems
from verify.claims.fdehbo_momentum import trajectory
from verify.evidence import Instances, replay
from verify.families_fdehbo import Model, plain, random_instances, root, tau, theta_1
from verify.families_fdehbo_steps import Step, hardest, prop_1_sides, prop_3_sides, rational_projection
from verify.registry import claims

ROWS = list(random_instances(40, 7))


def test_theta_is_the_integral_of_the_triangle_wave() -> None:
    grid = [Fraction(k, 8) for k in range(-40, 41)]
    for a in grid:  # tau is linear on every cell, so the trapezoid rule is exact
        b = a + Fraction(1, 8)
        assert theta_1(b) - theta_1(a) == (tau(a) + tau(b)) / 16
    assert max(tau(a) for a in grid) == 1
    assert min(tau(a) for a in grid) == -1
    assert theta_1(Fraction(4)) == theta_1(Fraction(0)) == 0


@pytest.mark.parametrize("row", ROWS[:20])
def test_derivatives_by_differences(row: dict) -> None:
    """g_x, g_y have one potential (cross derivatives agree), and g_yy, g_xy are their derivatives."""
    m, t = Model(row, "float"), 1e-6
    x, y = float(Fraction(row["x"])) + 0.0123, [float(Fraction(a)) + 0.0071 for a in row["y"]]
    z = (x, y, [0.0] * len(y))
    for s in (1, -1):
        for i in range(len(y)):
            shift = [a + t * (i == j) for j, a in enumerate(y)]
            back = [a - t * (i == j) for j, a in enumerate(y)]
            ahead, behind = (x, shift, z[2]), (x, back, z[2])
            slope = [(a - b) / (2 * t) for a, b in zip(m.g_y(ahead, s), m.g_y(behind, s), strict=True)]
            assert slope == pytest.approx([r[i] for r in m.g_yy(z, s)], rel=1e-5, abs=1e-5)
            assert (m.g_x(ahead, s) - m.g_x(behind, s)) / (2 * t) == pytest.approx(m.g_xy(z, s)[i], rel=1e-5, abs=1e-5)
        moved = [(a - b) / (2 * t) for a, b in zip(m.g_y((x + t, y, y), s), m.g_y((x - t, y, y), s), strict=True)]
        assert moved == pytest.approx(m.g_xy(z, s), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("row", ROWS)
def test_instances_are_in_their_class(row: dict) -> None:
    """Sampled quotients and norms against the constants that the claims certify with."""
    m = Model(row, "float")
    assert all(m.norms.values())
    rng = np.random.default_rng(1)
    dim = len(row["y"])
    for _ in range(30):
        a, b = ((p[0], list(p[1:]), [0.0] * dim) for p in rng.normal(size=(2, 1 + dim)) * rng.choice([0.01, 1, 30]))
        d = float(np.hypot(a[0] - b[0], np.linalg.norm(np.subtract(a[1], b[1])))) * (1 + 1e-9)
        for s in (1, -1):
            A, B = np.array(m.g_yy(a, s), dtype=float), np.array(m.g_yy(b, s), dtype=float)
            assert np.linalg.norm(A - B, 2) <= m.L_gyy * d + 1e-12
            assert np.linalg.eigvalsh(A)[0] >= m.mu - 1e-12
            assert np.linalg.norm(A, 2) <= m.C_gyy_root + 1e-12
            assert np.linalg.norm(np.subtract(m.g_xy(a, s), m.g_xy(b, s))) <= m.L_gxy * d + 1e-12
            assert np.linalg.norm(m.g_xy(a, s)) <= m.C_gxy_root + 1e-12
            assert np.linalg.norm(np.subtract(m.g_y(a, s), m.g_y(b, s))) <= m.L_g * d + 1e-12
            assert np.linalg.norm(np.subtract(m.f_y(a, s), m.f_y(b, s))) <= m.L_fy * d + 1e-12
            assert abs(m.f_x(a, s) - m.f_x(b, s)) <= m.L_fx * d + 1e-12
            assert np.linalg.norm(m.f_y(a, s)) <= m.C_fy_root + 1e-12
            assert abs(m.f_x(a, s)) <= m.C_fx_root + 1e-12
        residual = np.array(m.g_yy(a, 0), dtype=float) @ np.array(m.v_star(a)) - np.array(m.f_y(a, 0))
        assert np.linalg.norm(residual) <= 1e-9 * (1 + m.C_fy_root)


def test_difference_by_hand() -> None:
    """g'' = 1 + (16/25)(|4y/5| - 1) near 0: at y = 0, v = 1 the difference is g'' + (16/25)(4/5) delta/2."""
    m = Model(plain(rho="1", p="0", x="0", v=["1"], delta="1/10"), "rational")
    z = (Fraction(0), [Fraction(0)], [Fraction(1)])
    assert m.hvp(z, 0)[0] == 1 - Fraction(16, 25)
    assert m.hvp_fd(z, 0)[0] - m.hvp(z, 0)[0] == Fraction(64, 125) / 20


def test_a_step_is_the_algorithms() -> None:
    """Step against the run of Algorithm 1 when the momenta of the instance are the plain samples of step 0."""
    for row in random_instances(20, 5, dims=(1,)):
        m = Model(row, "rational")
        z = (Fraction(row["x"]), [Fraction(row["y"][0])], [Fraction(row["v"][0])])
        first = {"hg": [str(m.g_y(z, 1)[0])], "hR": [str(m.system_fd(z, 1)[0])], "hf": str(m.upper_fd(z, 1))}
        rates = [Fraction(row[k]) for k in ("alpha", "beta", "lam", "eta")]
        assert Step(row | first, "rational").new == trajectory(m, z, rates, [(1, 1, 1)], True, "R")[1]


def test_hardest_finds_a_planted_maximum() -> None:
    rows = [plain(hf="1", eta="1/2", reading=1, constants=["0", "2", "0", "0", "4", "2", "2"], power=3)]
    assert float(prop_1_sides(rows[0], "float").ratio or 0) == pytest.approx(2)
    found = prop_1_sides(hardest(prop_1_sides, rows, 400, 0), "rational").ratio
    assert found is not None
    assert found > 2


@pytest.mark.parametrize("eta", ["-1/2", "3/2", "4"])
def test_sharper_proposition_1_needs_no_range_of_eta(eta: str) -> None:
    for row in random_instances(25, 3, dims=(1,), eta=eta, reading=1, constants=list(propositions.SHARP_1), power=2):
        sides = prop_1_sides(row, "rational")
        assert sides.lhs <= sides.rhs


@pytest.mark.parametrize(("L", "mu"), [("2", "1"), ("3", "1/2"), ("5/4", "1")])
def test_printed_bracket_of_proposition_3_asks_for_large_steps(L: str, mu: str) -> None:
    """(1 - lambda mu)^2 <= bracket iff lambda >= 2 mu (L^3 - mu)/((mu + L)(L^2 - mu^2))."""
    a, b = Fraction(L), Fraction(mu)
    edge = 2 * b * (a**3 - b) / ((b + a) * (a**2 - b**2))
    for lam, holds in ((edge, True), (edge * Fraction(99, 100), False), (edge * 2, True)):
        bracket = 1 - 2 * lam * (a + a**3) * b / (b + a) + lam**2 * a**2
        assert ((1 - lam * b) ** 2 <= bracket) is holds


@pytest.mark.parametrize("share", ["1/2", "999/1000"])
def test_corrected_bracket_is_a_contraction_below_its_range(share: str) -> None:
    for L, mu in ((Fraction(2), Fraction(1)), (Fraction(1), Fraction(1)), (Fraction(10), Fraction(1, 10))):
        lam = Fraction(share) * 2 * mu / L**2
        assert 1 - 2 * lam * mu + lam**2 * L**2 < 1
        beyond = 2 * mu / L**2 * Fraction(1001, 1000)
        assert 1 - 2 * beyond * mu + beyond**2 * L**2 > 1


def test_proposition_3_needs_v_star_in_the_ball() -> None:
    """by = 1, mu = 1, r_v = 1/2, v = 1/2: the projection holds v at 1/2 and v* = 1 stays as far as it was."""
    row = plain(by=["1"], r="1/2", v=["1/2"], hR=["-1/2"], lam="1/2", gamma="1/100", delta_prime="1/100")
    sides = prop_3_sides(row | {"bracket": "corrected", "c_power": 1, "first": "2"}, "rational")
    assert not sides.assumptions["|v*| <= sqrt(C_fy)/mu <= r_v"]
    assert sides.lhs > sides.rhs


@pytest.mark.parametrize("root_", [2, 5, 40])
def test_largest_delta_for_a_decrease_of_half_eta(root_: int) -> None:
    """Bisection on the multiple of the corrected delta: 3 - 2 eta."""
    row = {"c": "2", "L_gxy": "1", "L_gyy": "7", "r": "2", "roots": [root_, root_], "L": "both", "which": "R"}
    row |= {"wanted": "half", "moving": False}
    low, high = Fraction(0), Fraction(8)
    for _ in range(40):
        middle = (low + high) / 2
        sides = perturbation.factor_sides(row | {"size": str(middle)}, "rational")
        low, high = (middle, high) if sides.lhs <= sides.rhs else (low, middle)
    assert float(low) == pytest.approx(float(3 - 2 * Fraction(2, root_**2)), abs=1e-9)


def test_bound_of_proposition_1_settles_at_a_third() -> None:
    """The fixed point behind text-delta-floor by iterating the recursion itself."""
    eta, u = 2e-4, 1.0
    bend = eta / 8
    for _ in range(200_000):
        u = ((1 - eta) ** 2 + 4 * bend) * u + 4 * bend + 16 * bend**2
    assert u == pytest.approx(1 / 3, abs=1e-3)


def test_a_gap_of_a_proof_is_no_refutation() -> None:
    """Lines 194 and 202 hold as printed; what Theorem 1's own delta leaves open is a note with a check of its own."""
    for id in ("fdehbo:text-delta", "fdehbo:text-delta-floor"):
        evidence = claims(pattern=id)[0].run()
        assert evidence.verdict_printed == "exact"
        assert evidence.correction.startswith("gap in the proof")
        (note,) = [check for check in evidence.corrected if "≥" in check.describe()["check"]]
        assert note.holds
        assert "fdehbo:thm-1" in [c.id for c in claims() if id in c.uses]


def test_products_of_one_estimator() -> None:
    counted = [theorems.product_sides({"t": t, "points": 2}, a).lhs for a in ("rational", "float") for t in (0, 1, 5)]
    assert counted == [1, 2, 2] * 2


def test_stuck_point_by_hand() -> None:
    """b = 1/2: r_v = 1/4, x = -1/4: the surrogate is 0 there and Phi' = -1/4 + 1/2."""
    model = theorems.Tilted(0.5, 0.25)
    z = (-0.25, [-0.25], [0.25])
    assert model.upper(z, 0) == 0
    assert model.system(z, 0) == [-0.25]
    path = trajectory(model, z, [0.3, 0.2, 5.0, 0.1], [(1, 1, 1)] * 20, True, "R")  # type: ignore[arg-type]
    assert path[-1] == z
    from_elsewhere = trajectory(model, (1.0, [0.0], [0.0]), [0.3, 0.2, 0.5, 0.1], [(1, 1, 1)] * 300, False, "R")  # type: ignore[arg-type]
    assert from_elsewhere[-1][0] == pytest.approx(-0.25)


def test_equation_12_as_printed_slows_v() -> None:
    """With h^g in the memory and h^g = 0, h^R settles at eta grad_v R: after 20 steps v has hardly moved."""
    m = Model(plain(by=["1"], r="2"), "float")
    start = (0.0, [0.0], [0.0])
    rates = [0.0, 0.0, 0.5, 0.01]
    right, printed = (trajectory(m, start, rates, [(1, 1, 1)] * 20, False, memory)[-1][2][0] for memory in "Rg")
    assert right == pytest.approx(1, abs=1e-5)
    assert abs(printed - 1) > 0.3


def test_minimiser_of_the_noisy_instance() -> None:
    path = np.full((64, 3), -2 / 3)

    def bend(y: np.ndarray) -> np.ndarray:
        return 1 - np.abs((y + 2 / 3) % 4 - 2)

    def wave(y: np.ndarray) -> np.ndarray:
        m = (y + 2 / 3) % 4
        return np.where(m <= 2, m * m / 2 - m, 3 * m - m * m / 2 - 4)

    assert theorems.averages(path, wave, bend, 0.625)[64] < 1e-20
    assert theorems.averages(path + 0.5, wave, bend, 0.625)[64] > 0.05


def test_calls_of_a_step() -> None:
    assert [theorems.per_step("FdeHBO", t) for t in (0, 1)] == [7, 14]
    assert [theorems.per_step("FMBO", t) for t in (0, 1)] == [5, 10]


def test_exact_roots_only() -> None:
    assert root(Fraction(9, 16)) == Fraction(3, 4)
    with pytest.raises(ArithmeticError):
        root(Fraction(2))
    flat = {"v": ["1", "1"], "hR": ["0", "0"], "lam": "1", "r": "1"}
    assert not rational_projection(flat)
    assert rational_projection(flat | {"r": "2"})


def test_projection_may_leave_v_star_behind() -> None:
    rows = [
        row for row in differences.nearer_rows("1/2") if not differences.nearer_sides(row, "rational").holds("rational")
    ]
    assert rows


@pytest.mark.parametrize("id", ["fdehbo:prop-3", "fdehbo:thm-1", "fdehbo:thm-2", "fdehbo:text-radius"])
def test_counterexamples_replay_in_two_arithmetics(id: str) -> None:
    for check in claims(pattern=id)[0].run().printed:
        if isinstance(check, Instances) and not check.holds:
            text = "\n".join(replay(check))
            assert text.count("BROKEN") == 2
            assert "MISSED" not in text


def test_no_row_of_the_paper_is_deferred() -> None:
    from verify.coverage import coverage

    found = coverage(claims())
    states = {row.key: found.state(row.key) for row in found.rows if row.paper == "003"}
    assert set(states.values()) <= {"claimed", "reason"}
    assert list(states.values()).count("claimed") >= 25
