"""Exponents of paper 001's algorithms, each in its own regime with its theorem's schedule: eps^-2, kappa^4, kappa^3.5.

    F2BA           Theorem 4.1 with every constant (lambda, eta = 1/D_3, K_t of Proposition 4.2), run until
                   ||grad phi|| <= eps on lower levels with grad^2 g Lipschitz (verify.presets.steep_lower)
    accelerated    the same with Nesterov's method in the inner loops
    perturbed      Proposition 5.1 with every constant, until ||grad phi|| <= eps and grad^2 phi >= -sqrt(rho eps) I,
                   on a strict saddle at the foot of a ramp; F2BA itself stays on that saddle
    distributed    Algorithm 3 on agents that disagree; calls of each agent, and floats sent

``schedule``: "theorem", or "own": the same with eta = 1/L_phi of the instance in place of 1/D_3, or "K = 1" with one
inner step. ``claimed`` is the theorem's power of 1/eps or kappa, ``expected`` what the instance must show, each judged
on all points and on the held-out half. ``basis``: "run" (every call made), "closed loops" (inner loops in closed form,
calls charged). ``metered``: cells of the line that were also run call by call against the oracle's meter with the same
T and the same count, of those that were affordable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from scipy.stats import beta

from synthetic.errors import InputError
from verify.experiment import Experiment, Grid, Seeds
from verify.exponent_rows import by_eps, curve, line_of, measured_row, middle, points, select
from verify.preset import Preset, Result, Row
from verify.presets.ramp_instances import FAILURE
from verify.presets.rates_trials import trial  # noqa: F401  (registers the kernel)

MARGIN = 0.1
LEVEL = 0.95
METERED = {"accelerated": 14000, "distributed": 8000}
"""Calls up to which a cell is also drawn one by one, where that is less than the level's 3000 or 40000."""
HALVES = {"quick": (Fraction(3, 2), Fraction(9, 4)), "full": (Fraction(3, 2), Fraction(5, 2))}
"""log10 kappa from and to, with eta = 1/D_3; own steps go half a decade further."""

ALGORITHMS = {
    "f2ba": ("F2BA", "001 Theorem 4.1"),
    "accelerated": ("F2BA, accelerated inner loop", "001 remark after Algorithm 1"),
    "perturbed": ("Perturbed F2BA", "001 Theorem 5.1"),
    "distributed": ("Distributed F2BA", "001 Corollary 6.1"),
}
CLAIMED = {"f2ba": 4.0, "accelerated": 3.5}
INSTANCE = {
    "steep clipped": "third derivative, Hessian Lipschitz only",
    "steep trig": "third derivative, all derivatives bounded",
    "steep quadratic": "quadratic lower level",
    "saddle ramp": "strict saddle below a ramp",
    "agents ramp": "four agents that disagree",
}


def expected_kappa(method: str, family: str, schedule: str) -> float:
    """The power of kappa that a line must show, K's logarithm divided out.

    T ~ 1/eta: D_3 ~ kappa^3 (kappa^2 where rho_g = 0) by the theorem's step, L_phi ~ kappa^3, kappa^{5/2}, 1 by the
    instance's own; K ~ kappa, or kappa^{1/2} accelerated.
    """
    own = {"steep clipped": 3.0, "steep trig": 2.5, "steep quadratic": 0.0}[family]
    outer = own if schedule != "theorem" else 2.0 if family == "steep quadratic" else 3.0
    return outer + (0.0 if schedule == "K = 1" else 0.5 if method == "accelerated" else 1.0)


def experiments(level: str) -> list[Experiment]:
    """quick: kappa to 10^2.75 (smooth: 10^3.25), eps to 10^-2; full: further, finer, and more of it metered."""
    quick = level == "quick"
    low, high = HALVES[level]
    meter = 3000 if quick else 40000

    def one(name: str, method: str, family: str, grid: Grid, seeds: int = 1, **given: Any) -> Experiment:
        axes = {key: given.pop(key) for key in ("log10_kappa", "log10_r") if isinstance(given.get(key), tuple)}
        options = {"method": method, "meter": min(meter, METERED.get(method, meter)), **given}
        return Experiment(
            name, "f2ba-rates", (1,), problem={"family": family}, grid=grid, seeds=Seeds(0, seeds), options=options,
            axes=axes,
        )  # fmt: skip

    def powers(start: Fraction, end: Fraction) -> tuple[Fraction, ...]:
        return tuple(start + Fraction(i, 4) for i in range(int((end - start) * 4) + 1))

    half, fixed = Fraction(1, 2), Grid("-1/2", "-1/2", 1)
    fine = Grid("-1/2", "-2" if quick else "-5/2", 7 if quick else 17)
    slow = Grid("-3/4", "-7/4", 5) if quick else Grid("-1/2", "-2", 13)
    steep, stuck = Grid("-1", "-7/4", 4) if quick else Grid("-1", "-2", 9), Grid("-1", "-3/2", 3)
    plan = []
    for method in ("f2ba", "accelerated"):
        plan += [
            one(f"kappa {method} theorem clipped", method, "steep clipped", fixed, log10_kappa=powers(low, high)),
            one(f"kappa {method} own clipped", method, "steep clipped", fixed, schedule="own",
                log10_kappa=powers(low, high + half)),
            one(f"kappa {method} own trig", method, "steep trig", fixed, schedule="own",
                log10_kappa=powers(low + 1, high + 1)),
            one(f"kappa {method} theorem quadratic", method, "steep quadratic", fixed, log10_kappa=powers(low, high)),
            one(f"kappa {method} own quadratic", method, "steep quadratic", fixed, schedule="own",
                log10_kappa=powers(low, high)),
            one(f"eps {method} theorem clipped", method, "steep clipped", fine, log10_kappa="1"),
            one(f"eps {method} own clipped", method, "steep clipped", fine, schedule="own", log10_kappa="7/10"),
        ]  # fmt: skip
    plan.append(one("kappa f2ba K=1 clipped", "f2ba", "steep clipped", fixed, schedule="K = 1",
                    log10_kappa=powers(Fraction(1), high)))  # fmt: skip
    seeds = 100 if quick else 200
    plan += [
        one("eps perturbed", "perturbed", "saddle ramp", steep, seeds),
        one("eps sticks", "sticks", "saddle ramp", stuck),
        one("radius", "perturbed", "saddle ramp", Grid("-1", "-1", 1), 100,
            log10_r=tuple(Fraction(-i, 4) for i in (0, 8, 12, 16, 18, 19, 20, 21, 22, 24, 28))),
        one("eps distributed", "distributed", "agents ramp", slow),
        one("mpi", "mpi", "agents", fixed),
    ]  # fmt: skip
    return plan


def analyse(trials: list[Row], level: str) -> Result:
    rows: list[Row] = []
    series: dict[str, Any] = {}
    for name in dict.fromkeys(row["experiment"] for row in trials):
        chosen = select(trials, experiment=name)
        variable, *words = name.split()
        if variable in ("radius", "mpi"):
            continue
        method, family = words[0], chosen[0].get("family", "")
        if method == "sticks":
            rows.append(stuck_row(chosen))
            continue
        family = {"clipped": "steep clipped", "trig": "steep trig", "quadratic": "steep quadratic"}.get(
            words[-1], "saddle ramp" if method == "perturbed" else "agents ramp"
        )
        schedule = {"K=1": "K = 1"}.get(words[1], words[1]) if len(words) > 1 else "theorem"
        if variable == "kappa":
            chosen = [r | {"log10_eps": str(-Fraction(r["log10_kappa"])), "at": r["log10_eps"]} for r in chosen]
            claimed, expected = CLAIMED[method], expected_kappa(method, family, schedule)
        else:
            claimed, expected = 2.0, 2.0
        lines = {"calls": chosen}
        if method == "distributed":
            lines["floats"] = [r | {"calls": r["floats"]} for r in chosen]
        for what, part in lines.items():
            row, fit = rate_row(part, method, family, schedule, variable, claimed, expected, what)
            rows.append(row)
            drawn = curve(part) | {"fit": fit, "method": method, "family": family, "schedule": schedule,
                                   "variable": variable, "what": what, "claimed": claimed}  # fmt: skip
            series[f"{name}, {what}"] = drawn
    probability, figure = successes(trials)
    rows += probability
    series["success"] = figure
    tables = {"MPI": [mpi_row(r) for r in select(trials, experiment="mpi")]}
    return Result(rows, series | {"tables": tables}, (*NOTES, *map(mpi_words, tables["MPI"])))


def rate_row(
    chosen: Sequence[Row], method: str, family: str, schedule: str, variable: str, claimed: float, expected: float,
    what: str = "calls",
) -> tuple[Row, Mapping[str, Any] | None]:  # fmt: skip
    """One line and its fit: the power with K's logarithm divided out, against the claimed one and the expected one."""
    rivals = tuple(v for v in (expected - 0.5, expected + 0.5) if v > 0)
    row, measured, _ = measured_row(chosen, expected, MARGIN, rivals)
    on_claim = measured_row(chosen, claimed, MARGIN)[0]["verdict"]
    found = points(list(chosen))
    ends = [float(10.0 ** float(v)) for v in (found[0].log10_eps, middle(found), found[-1].log10_eps)]
    if variable == "kappa":
        ends = [1 / v for v in ends]
    for key in ("eps_min", "eps_max", "theory"):
        row.pop(key)
    tried = [r for r in chosen if r["metered"] is not None]
    # a metered run counts up to its own T; _row charges the same run, so that the two must be equal
    equal = sum(r["metered"] == (r["calls"] if what == "calls" else r["metered"]) for r in tried)
    if what == "floats":
        tried = [r for r in tried if r["floats_metered"] is not None]
        equal = sum(r["floats_metered"] == r["calls"] for r in tried)
    gaps = [r["gap"] for r in chosen if r["gap"] is not None]
    algorithm, theorem = ALGORITHMS[method]
    closed = method in ("perturbed", "distributed")
    head: Row = {
        "algorithm": algorithm, "theorem": theorem, "variable": variable, "what": what, "claimed": claimed,
        "expected": expected, "instance": INSTANCE[family], "schedule": schedule,
    }  # fmt: skip
    tail: Row = {
        "on_claim": on_claim, "from": ends[0], "held_out": ends[1], "to": ends[2],
        "basis": "closed loops" if closed else "run", "metered": f"{equal} of {len(tried)}",
        "gap": max(gaps, default=None), "words": words(method, family, schedule, variable, what),
    }  # fmt: skip
    return head | row | tail, line_of(measured)


def words(method: str, family: str, schedule: str, variable: str, what: str) -> str:
    """What a line shows and what it does not, in one sentence."""
    if schedule == "K = 1":
        return "one warm-started inner step is enough here: kappa^3; the factor kappa of K is the schedule's"
    if variable == "kappa":
        if schedule == "theorem":
            if family == "steep quadratic":
                return "rho_g = 0 takes one kappa out of D_3; the class of the theorem allows more"
            return "the step 1/D_3 and K are the schedule's; the run confirms that T follows 1/D_3"
        return {
            "steep clipped": "reached with the instance's own step: L_phi is of order kappa^3",
            "steep trig": "bounded fourth derivatives: L_phi is of order kappa^2.5 only",
            "steep quadratic": "phi'' is free of kappa: only K grows",
        }[family]
    if method == "perturbed":
        return "eps^-2 is the ramp's; leaving the saddle takes eps^-1/2 log steps more"
    if method == "distributed":
        return "floats: 2 m (2 d_y K + d_x) an outer step" if what == "floats" else "calls of each agent"
    return "T ~ eps^-2 on the ramp; K carries the logarithm"


def clopper_pearson(hits: int, runs: int, level: float = LEVEL) -> tuple[float, float]:
    """The two-sided exact interval of a probability."""
    if not 0 <= hits <= runs or runs < 1:
        raise InputError("hits, runs", (hits, runs), "pass 0 <= hits <= runs, runs >= 1")
    a = (1 - level) / 2
    low = float(beta.ppf(a, hits, runs - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(1 - a, hits + 1, runs - hits)) if hits < runs else 1.0


def escaped(row: Row) -> bool:
    """Whether the first perturbation led to a second-order point within its ``wait`` steps."""
    return row["T"] is not None and row["T"] - row["kicked"] <= row["wait"]


def success_row(chosen: Sequence[Row], claimed: float = 1 - FAILURE) -> Row:
    """Probability that one perturbation is enough, with its exact interval, against at least ``claimed``."""
    hits, runs = sum(map(escaped, chosen)), len(chosen)
    low, high = clopper_pearson(hits, runs)
    verdict = "inconsistent" if high < claimed else "strongly consistent" if low >= claimed else "weakly consistent"
    eps = 10.0 ** float(Fraction(chosen[0]["log10_eps"]))
    return {
        "algorithm": "Perturbed F2BA", "theorem": "001 Proposition 5.1", "variable": "probability",
        "what": "success", "claimed": claimed, "expected": claimed, "instance": INSTANCE["saddle ramp"],
        "schedule": "theorem", "slope_log": hits / runs, "ci_low": low, "ci_high": high, "seeds": runs, "hits": hits,
        "runs": runs, "verdict": verdict, "on_claim": verdict, "from": eps, "to": eps, "basis": "closed loops",
        "words": "out of the saddle within the wait after the first perturbation; the claim is a lower bound",
    }  # fmt: skip


def stuck_row(chosen: Sequence[Row]) -> Row:
    """F2BA without perturbations: eps-stationary, never a second-order point, x_0 = 0 exactly."""
    eps = [10.0 ** float(e) for e in by_eps(chosen)]
    still = all(r["off_axis"] == 0.0 and r["first_order"] is not None for r in chosen)
    hits = sum(not r["censored"] for r in chosen)
    return {
        "algorithm": "F2BA", "theorem": "no claim", "variable": "eps", "what": "second order",
        "instance": INSTANCE["saddle ramp"], "schedule": "theorem", "seeds": 1, "hits": hits, "runs": len(chosen),
        "verdict": "stays on the saddle" if still and not hits else "leaves the saddle", "from": eps[0],
        "to": eps[-1], "basis": "closed loops",
        "words": "eps-stationary in every run, x_0 = 0 bit for bit, never a second-order point: f and g are even in "
        "(x_0, y_0)",
    }  # fmt: skip


def successes(trials: list[Row]) -> tuple[list[Row], dict[str, Any]]:
    """Success lines of each eps, and the figure's data: steps after the perturbation, and success against r."""
    groups = by_eps(select(trials, experiment="eps perturbed"))
    rows = [success_row(group) for group in groups.values()]
    after = {
        f"{float(e):g}": [None if r["T"] is None else (r["T"] - r["kicked"]) / r["wait"] for r in group]
        for e, group in groups.items()
    }
    radius: dict[str, list[float]] = {"log10_r": [], "share": [], "low": [], "high": []}
    chosen = select(trials, experiment="radius")
    for value in sorted({Fraction(r["log10_r"]) for r in chosen}):
        part = [r for r in chosen if Fraction(r["log10_r"]) == value]
        hits = sum(map(escaped, part))
        low, high = clopper_pearson(hits, len(part))
        for key, number in zip(radius, (float(value), hits / len(part), low, high)):
            radius[key].append(number)
    return rows, {"after": after, "radius": radius, "claimed": 1 - FAILURE}


def mpi_row(row: Row) -> Row:
    """The run between processes beside the one in this process."""
    ran = bool(row["processes"])
    same = ran and row["metered"] == row["calls"] and row["floats_mpi"] == row["floats"] and row["gap"] < 1e-12
    return {
        "processes": row["processes"], "agents": 5, "outer steps": row["T"], "calls": row["calls"],
        "floats": row["floats"], "relative distance": row["gap"],
        "verdict": ("equal to round-off" if same else "different") if ran else "not run",
    }  # fmt: skip


def mpi_words(row: Row) -> str:
    if not row["processes"]:
        return "MPI: not run, mpi4py or mpiexec is missing (the extra mpi has both)."
    return (
        f"MPI: mpiexec -n {row['processes']} on {row['agents']} agents, {row['outer steps']} outer steps: "
        f"{row['verdict']} (relative distance {row['relative distance']:.1g}), {row['calls']} calls, "
        f"{row['floats']} floats, as in one process."
    )


NOTES = (
    "Everything but the perturbations is deterministic: intervals of width 0 are exact counts, and the margin of 0.1 "
    "is for what is systematic at finite kappa and eps.",
    "kappa^4 is the schedule's AND the instance's on the clipped family, as far as parameters of this kind go: any "
    "constant step below 2/L_phi needs kappa^3 eps^-2 outer steps there. The factor K ~ kappa is the schedule's: "
    "warm-started loops of one step reach eps with kappa^3. No lower bound for other methods follows.",
    "In the clipped family only grad^2 g is Lipschitz, which is all that Assumption 3.1 asks; with all derivatives "
    "bounded the same construction shows kappa^3.5, and a quadratic lower level kappa^1.",
    "The second-order line needs eps^-2 for its ramp; no chain of saddles that would use up the proposition's "
    "iterations one by one is built here, so the power 4 of iota is not tested.",
    "Where calls are charged, the inner loops are closed forms of K gradient steps on a quadratic lower level.",
)

PRESET = Preset("rates-deterministic", __doc__ or "", experiments, analyse)
