"""Paper 000, proof of Theorem 3.1, the inner loop: what (16) suffices for, the recursion (17), the induction."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as cartesian

from bounds.stencil import central, one_sided
from verify.evidence import Arithmetic, Evidence, Instance, Instances, Sides
from verify.families_f2sa_p import number, precise, tolerance
from verify.registry import claim


@precise
def sufficient_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """|sum_j alpha_j (j df_x + dg_x/nu)| with f_x = L_1 u y, g_x = L_1 v y (u, v = +-1) and node errors r sign, r =
    nu eps/L_1, signs chosen per node for the largest value; against factor eps sum_j |alpha_j| (1 + |j| nu).
    """
    p, nu, eps, L_1 = instance["p"], *(number(instance[k], arithmetic) for k in ("nu", "eps", "L_1"))
    chosen = central(p) if p % 2 == 0 else one_sided(p)
    radius = nu * eps / L_1
    total, bound = 0 * nu, 0 * nu
    for j, w in zip(chosen.nodes, chosen.weights):
        a = number(w, arithmetic)
        side = 1 if j >= 0 else -1  # f_x and g_x add up on this side of the stencil
        total += abs(a * (j * L_1 * side + L_1 / nu)) * radius
        bound += abs(a) * (1 + abs(j) * nu) * eps
    return Sides(
        total, "<=", number(instance["factor"], arithmetic) * bound,
        {"|y^j - y_{j nu}| = nu eps/L_1": radius * L_1 == nu * eps or arithmetic != "rational", "nu > 0": nu > 0},
        tolerance(arithmetic), {"sum |alpha_j|": float(chosen.sum_abs)},
    )  # fmt: skip


@claim(
    "f2sa_p:eq-16",
    covers=["000 Equation 16"],
    mutants={"half of it": {"factor": "1/2"}},
    uses=["f2sa_p:proof-3.1-bias", "f2sa_p:proof-3.1-batch"],
)
def eq_16(factor: str = "1") -> Evidence:
    """||y^j_{t+1} - y_{j nu}(x_t)|| = O(nu eps/L_1) for all j is sufficient for E||Phi_t - grad phi(x_t)|| = O(eps)
    (lines 456-458): the contribution is at most eps sum_j |alpha_j|(1 + |j| nu), attained by f_x and g_x linear in y.
    """
    rows = [
        {"p": p, "nu": nu, "eps": "1/10", "L_1": L, "factor": factor}
        for p in (1, 2, 3, 4, 5, 6, 8)
        for nu in ("1/100", "1/3")
        for L in ("1", "7/2")
    ]
    return Evidence(
        printed=(Instances("sum of the node errors", sufficient_sides, rows, "rational", "mpmath"),),
        charitable="(16) read in expectation, as its use on line 462 needs, and the O(.) with a constant per p",
        notes="The hidden constant sum_j |alpha_j|(1 + |j| nu) is 1.0 to 3 for central weights up to p = 8 and grows "
        "like 2^{p+1}/p for one-sided ones (f2sa_p:remark-3.2).",
    )


@precise
def recursion_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(E|y^K - y*(x_t)|)^2 against ((1 - mu eta)^K (d + drift) + r)^2, r^2 = eta sigma^2/mu, all sample paths.

    g = mu (y - slope x)^2/2, y*(x) = slope x, slope = 4 kappa at most; d = |y_t - y*(x_{t-1})|, x_t - x_{t-1} = eta_x
    in the unfavourable direction; noise +-sigma drawn afresh.
    """
    mu, eta, r, d, slope, eta_x = (number(instance[k], arithmetic) for k in ("mu", "eta", "r", "d", "slope", "eta_x"))
    K, kappa = instance["K"], number(instance["kappa"], arithmetic)
    sigma2 = r * r * mu / eta
    start = d + slope * eta_x  # distance to the new minimiser
    mean = 0 * mu
    root = number(Fraction(instance["sigma"]), arithmetic)
    for path in cartesian((1, -1), repeat=K):
        y = start
        for z in path:
            y = y - eta * (mu * y + root * z)
        mean += abs(y) / 2**K
    drift = 4 * kappa * eta_x if instance["drift"] else 0 * eta_x
    bound = (1 - mu * eta) ** (K * instance["power"]) * (d + drift) + r
    return Sides(
        mean, "<=", bound,
        {"noise: r^2 = eta sigma^2/mu": abs(sigma2 - root * root) <= tolerance(arithmetic),
         "eta < 2/(mu + L), L = mu": 0 < eta * mu < 1, "E.4: y* is 4 kappa-Lipschitz": slope <= 4 * kappa},
        tolerance(arithmetic),
    )  # fmt: skip


def recursion_rows(power: int = 1, drift: bool = True) -> list[Instance]:
    rows: list[Instance] = []
    for mu, eta, r, sigma in (
        ("1", "1/4", "1/2", "1"),
        ("1", "1/16", "1/4", "1"),
        ("1/4", "1", "0", "0"),
        ("1", "1/4", "0", "0"),
    ):
        for d in ("0", "1", "10"):
            for K in (1, 3, 6):
                rows.append(
                    {"mu": mu, "eta": eta, "r": r, "sigma": sigma, "d": d, "K": K, "kappa": "4", "slope": "16",
                     "eta_x": "1/8", "power": power, "drift": drift}
                )  # fmt: skip
    return rows


@claim(
    "f2sa_p:eq-17",
    covers=["000 Equation 17"],
    mutants={"drift forgotten": {"drift": False}, "(1 - mu eta)^{2K}": {"power": 2}},
    uses=["f2sa_p:lemma-E.2", "f2sa_p:lemma-E.4", "f2sa_p:proof-3.1-nodes", "f2sa_p:alg-1", "f2sa_p:alg-2"],
)
def eq_17(power: int = 1, drift: bool = True) -> Evidence:
    """E||y^j_{t+1} - y_{j nu}(x_t)|| <= (1 - mu eta_y)^K (||y_t - y_{j nu}(x_{t-1})|| + 4 kappa ||x_t - x_{t-1}||) +
    O(nu eps/L_1), where O(nu eps/L_1) is sqrt(eta_y sigma^2/mu) (lines 466-470).
    """
    check = Instances("all sample paths", recursion_sides, recursion_rows(power, drift), "rational", "mpmath")
    return Evidence(
        printed=(check,),
        charitable="holds; y_t read as y^j_t",
        notes="The root of the displayed bound of Lemma E.2 gives only (1 - mu eta)^{K/2}; the power K is right "
        "because Lemma E.2 holds with (1 - mu eta)^{2t}.",
    )


@precise
def induction_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """(1 - mu eta)^K (nu eps/L_1 + 4 kappa eps/(6 L_1 kappa^3)) <= nu eps/(2 L_1), in units of nu eps/L_1, with
    (1 - mu eta)^K <= exp(-mu eta K) = nu kappa^2/C: K = log(C/(nu kappa^2))/(mu eta).
    """
    z, C = number(instance["nu_kappa2"], arithmetic), number(instance["C"], arithmetic)
    left = z / C * (1 + number("2/3", arithmetic) / z)
    return Sides(
        left,
        "<=",
        number("1/2", arithmetic),
        {"0 < nu kappa^2 <= 1 (eps <= L-bar kappa)": 0 < z <= 1},
        tolerance(arithmetic),
    )


@claim(
    "f2sa_p:proof-3.1-induction",
    covers=["000 Proof 3.1-induction"],
    mutants={"C = 2": {"C": "2"}},
    uses=["f2sa_p:eq-16", "f2sa_p:eq-17", "f2sa_p:proof-3.1-start"],
)
def induction(C: str = "4") -> Evidence:
    """With ||x_t - x_{t-1}|| = eta_x = O(eps/(6 L_1 kappa^3)), K = Omega(log(1/(nu kappa^2))/(mu eta_y)) carries (16)
    from iteration t to t + 1 (lines 472-476): K = log(4/(nu kappa^2))/(mu eta_y) halves the error; the noise gets the
    rest.
    """
    rows = [{"nu_kappa2": f"1/{10**k}", "C": C} for k in (0, 1, 3, 9)] + [{"nu_kappa2": "9/10", "C": C}]
    return Evidence(
        printed=(Instances("one step of the induction", induction_sides, rows, "rational", "mpmath"),),
        charitable="log(1/(nu kappa^2)) read with a constant inside: at nu kappa^2 = 1 the printed log is 0",
        notes="That the K of (5), with log(R L_1 kappa/(nu eps)), is at least this needs R L_1 kappa^3 >= eps; for "
        "smaller R see f2sa_p:eq-5.",
    )


@precise
def start_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """||y_{j nu} - y*|| <= 2 kappa j nu = 2 j R at nu = R/kappa, and its square <= 4 j^2 R^2, against factor * 4 j^2
    R^power.

    g = mu y^2/2 and f = y - L_1 y^2/2 near 0, the extreme of the class: y_{j nu} = -j nu/(mu - j nu L_1).
    """
    mu, R, j = Fraction(instance["mu"]), Fraction(instance["R"]), instance["j"]
    kappa = 1 / mu  # L_0 = L_1 = 1
    nu = R / kappa
    y = number(-j * nu, arithmetic) / number(mu - j * nu, arithmetic)
    return Sides(
        y * y, "<=", number(Fraction(instance["factor"]) * 4 * j * j * R ** instance["power"], arithmetic),
        {"j nu <= 1/(2 kappa)": j * nu <= 1 / (2 * kappa), "0 < mu <= L_1": 0 < mu <= 1}, tolerance(arithmetic),
        {"nu": str(nu), "y": y},
    )  # fmt: skip


@claim(
    "f2sa_p:proof-3.1-start",
    covers=["000 Proof 3.1-start"],
    mutants={"a quarter": {"factor": "1/8"}},
    uses=["f2sa_p:lemma-D.2"],
)
def start(factor: str = "1") -> Evidence:
    """||y_{j nu}(x_0) - y*(x_0)||^2 = O(R), due to nu = O(R/kappa) and Lemma D.2 (line 472).

    What the induction base needs is ||y_{j nu} - y*|| <= 2 j R, checked as its square; O(R) follows while R <= 1.
    """
    rows = [
        {"mu": mu, "R": R, "j": j, "power": power, "factor": factor}
        for mu in ("1", "1/10", "1/1000")
        for R in ("1/4", "1/100", "1/1000000")
        for j in (1, 2)
        for power in (1, 2)
    ]
    return Evidence(
        printed=(Instances("square of the distance", start_sides, rows, "rational", "mpmath"),),
        charitable="the square is O(R^2), hence O(R) in the range nu <= 1/(2 kappa) where R <= 1/2",
        notes="The units do not fit: ||.|| = O(R), or ||.||^2 = O(R^2), is meant.",
    )


@precise
def node_sides(instance: Instance, arithmetic: Arithmetic) -> Sides:
    """Smallest Hessian of g_{j nu} over the class, mu - |j| nu L_1, at the outermost node, against mu/2."""
    p, mu = instance["p"], Fraction(instance["mu"])
    chosen = central(p) if p % 2 == 0 else one_sided(p)
    kappa = 1 / mu  # L_1 = L-bar = 1
    nu = Fraction(instance["share"]) / (2 * kappa) / (chosen.max_node if instance["scaled"] else 1)
    return Sides(
        number(mu - chosen.max_node * nu, arithmetic), ">=", number(mu / 2, arithmetic),
        {"0 < mu <= L_1 = 1": 0 < mu <= 1, "nu in (0, 1/(2 kappa)]": 0 < nu <= 1 / (2 * kappa)}, tolerance(arithmetic),
        {"max |j|": str(chosen.max_node), "nu": str(nu)},
    )  # fmt: skip


@claim("f2sa_p:proof-3.1-nodes", covers=["000 Proof 3.1-nodes"], mutants={"nu <= 1/(2 kappa) only": {"scaled": False}})
def nodes(scaled: bool = True) -> Evidence:
    """For nu = O(1/kappa) the problem g_{j nu}(x, .) is Omega(mu)-strongly convex for every node j (line 460).

    The hidden constant: max|j| nu <= 1/(2 kappa) gives mu/2, attained (f_yy = -L_1).
    """
    rows = [
        {"p": p, "mu": mu, "share": share, "scaled": scaled}
        for p in (1, 2, 3, 4, 6, 7)
        for mu in ("1", "1/50")
        for share in ("1", "1/3")
    ]
    return Evidence(
        printed=(Instances("outermost node", node_sides, rows, "rational", "mpmath"),),
        charitable="O(1/kappa) with a constant that depends on p",
        notes="The range nu in (0, 1/(2 kappa)] of Lemmas 3.1, D.2 and D.3 is not enough from p = 3 (one-sided) or 4 "
        "(central) on, and central stencils use nu < 0 as well; both are harmless once max|j| nu <= 1/(2 kappa).",
    )
