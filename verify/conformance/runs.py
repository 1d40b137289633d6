"""Checks on whole runs: calls, determinism, array libraries, stationarity, lower level, own accuracy, exponent."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from synthetic.arrays import norm, to_numpy
from synthetic.errors import BudgetExhausted
from synthetic.hyper import Ramp
from synthetic.linear_quadratic import diagonal_lq
from synthetic.oracle import Counts
from verify.conformance.held import settle
from verify.conformance.subject import Finding, Instance, Subject, Verdict

CAP = 200_000
"""Calls that one run of the kit may make."""


def raised(error: Exception) -> str:
    """The exception, and the line of the innermost call in words."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def whole_run(subject: Subject, on: Instance, seed: int, **options: Any) -> tuple[Any, Any, bool]:
    """(state, oracle, finished) of a run until the solver terminates or CAP calls are spent."""
    runs, path = options.pop("runs", 1), options.pop("path", None)
    oracle = on.oracle(runs=runs, budget=CAP, **options)
    state = subject.solver.init(oracle.problem, on.start(seed, runs))
    try:
        while not subject.solver.terminate(state):
            state = subject.solver.step(state, oracle)
            if path is not None:
                path.append(float(norm(on.problem.hypergrad(to_numpy(state.x)))[0]))
    except BudgetExhausted:
        return state, oracle, False
    return state, oracle, True


def _declared_counts(subject: Subject) -> Counts | int | None:
    cost = subject.get("cost")
    if callable(cost):
        return cost()
    if isinstance(cost, Counts):
        return cost
    calls = subject.get("calls")
    return int(calls(subject.solver) if callable(calls) else calls) if calls is not None else None


def check_calls(subject: Subject, on: Instance, seed: int) -> Finding:
    """Declared calls equal metered calls, at several configurations."""
    check = "calls"
    if _declared_counts(subject) is None:
        return Finding(check, "not applicable", "neither calls nor cost() is declared; the oracle's count is used")
    variants = [subject]
    if subject.has_field("T"):
        variants = [subject.vary(T=2), subject.vary(T=5)]
        batch = subject.get("batch")
        if subject.has_field(batch):
            variants.append(subject.vary(**{"T": 3, batch: 2 * getattr(subject.solver, batch) + 1}))
    rows = []
    for variant in variants:
        _, oracle, finished = whole_run(variant, on, seed, noisy=True)
        if not finished:
            return Finding(check, "undecided", f"the run spends more than {CAP} calls: hand in a smaller T")
        declared = _declared_counts(variant)
        metered: Any = oracle.counts
        if not isinstance(declared, Counts):
            metered = metered.sfo
        rows.append({"declared": _plain(declared), "metered": _plain(metered), "equal": declared == metered})
    words = "; ".join(f"declared {r['declared']}, metered {r['metered']}" for r in rows)
    verdict: Verdict = "conforms" if all(r["equal"] for r in rows) else "violates"
    return Finding(check, verdict, words, {"runs": rows})


def _plain(value: Any) -> Any:
    if not isinstance(value, Counts):
        return value
    return {k: v for k, v in vars(value).items() if v}


def check_oracle(subject: Subject, on: Instance, seed: int) -> Finding:
    """No derivative of the problem is evaluated behind the oracle's back."""
    solver = subject.solver
    oracle = on.oracle(noisy=True)
    # init() too gets a watched problem: the same one
    state = solver.init(oracle.problem, on.start(seed, 1))
    for _ in range(3):
        state = solver.step(state, oracle)
        solver.terminate(state)
    if oracle.problem.seen:
        seen = ", ".join(f"{name} {n} times" for name, n in oracle.problem.seen.items())
        return Finding("oracle", "violates", f"in 3 steps it evaluates past the oracle: {seen}", oracle.problem.seen)
    calls = oracle.counts.calls
    if calls == 0:
        return Finding("oracle", "violates", "3 steps ask the oracle nothing")
    return Finding("oracle", "conforms", f"3 steps: {calls} metered calls, nothing past the oracle")


def check_determinism(subject: Subject, on: Instance, seed: int) -> Finding:
    """The same seed gives the same bits, other seeds others, and runs side by side do not mix."""
    check = "determinism"

    def path(runs: int, first: int) -> np.ndarray:
        oracle = on.oracle(noisy=True, runs=runs, first=first)
        state = subject.solver.init(oracle.problem, on.start(seed, runs))
        for _ in range(3):
            state = subject.solver.step(state, oracle)
        return to_numpy(state.x)

    one, again, two, other = path(1, 7), path(1, 7), path(2, 7), path(1, 8)
    if not np.array_equal(one, again):
        return Finding(check, "violates", f"the same seed twice differs by {np.max(np.abs(one - again)):.1e}")
    if not np.allclose(two, np.concatenate([one, other]), rtol=1e-9, atol=1e-12):
        away = float(np.max(np.abs(two - np.concatenate([one, other]))))
        return Finding(check, "violates", f"two runs side by side differ from each alone by {away:.1e}")
    if np.array_equal(one, other):
        return Finding(check, "violates", "two seeds give the same path: the noise does not enter")
    return Finding(check, "conforms", "same seed, same bits; another seed differs; runs side by side equal each alone")


def check_arrays(subject: Subject, on: Instance, seed: int) -> Finding:
    """The same path from NumPy arrays and from those of the strict array-API library."""
    check = "array API"
    if importlib.util.find_spec("array_api_strict") is None:
        return Finding(check, "not applicable", "array_api_strict is not installed")
    import array_api_strict as strict

    ends: list[Any] = []
    for convert in (np.asarray, strict.asarray):
        oracle = on.oracle(noisy=True)
        try:
            state = subject.solver.init(oracle.problem, convert(on.start(seed, 1)))
            for _ in range(3):
                state = subject.solver.step(state, oracle)
        except Exception as error:  # whatever a NumPy-only solver raises is the evidence
            if not ends:
                return Finding(check, "undecided", f"the solver raised {raised(error)}")
            return Finding(check, "violates", f"with array_api_strict: {raised(error)}")
        ends.append(state.x)
    if not isinstance(ends[1], type(strict.asarray(0.0))):
        return Finding(check, "violates", f"strict arrays in, {type(ends[1]).__name__} out")
    away = float(np.max(np.abs(to_numpy(ends[1]) - to_numpy(ends[0]))))
    words = f"NumPy and array_api_strict differ by {away:.1e}"
    return Finding(check, "conforms" if away <= 1e-10 else "violates", words)


def check_stationarity(subject: Subject, on: Instance, seed: int) -> Finding:
    """Without noise, exact ||grad phi|| falls along the run; a target eps that is declared is met."""
    check = "stationarity"
    path: list[float] = []
    state, oracle, finished = whole_run(subject, on, seed, path=path)
    begin = float(norm(on.problem.hypergrad(on.start(seed, 1)))[0])
    end = float(norm(on.problem.hypergrad(to_numpy(state.x)))[0])
    facts = {"first": begin, "last": end, "steps": int(state.t), "calls": oracle.counts.calls, "finished": finished}
    words = f"exact ||grad phi|| {begin:.3g} -> {end:.3g} in {state.t} steps"
    eps = subject.get("claimed_eps")
    if eps is not None and finished:
        return Finding(check, "conforms" if end <= eps else "violates", f"{words}, claimed eps {eps:g}", facts)
    # a transient of the auxiliary variables may lift it for a while: refuted is who ends at the top of its path
    if not np.isfinite(end) or end > max(1.05 * begin, 0.9 * max(path)):
        return Finding(check, "violates", words, facts)
    if end <= 0.7 * begin:
        return Finding(check, "conforms", words, facts)
    return Finding(check, "undecided", words + ": hand in a larger T or larger steps", facts)


def lower_paths(subject: Subject, on: Instance, seed: int, steps: int = 400) -> dict[float, np.ndarray]:
    """{nu: ||y - y*_nu(x)|| after each step} with x held and no noise; it ends early when all are at round-off."""
    x = on.start(seed, 1)
    oracle = on.oracle()
    state = subject.solver.init(oracle.problem, x)
    paths: dict[float, list[float]] = {}
    for _ in range(steps):
        state = subject.hold(subject.solver.step(state, oracle), x=x)
        for nu, y in subject.iterates(state, on.problem.dim_y).items():
            away = np.linalg.norm(to_numpy(y) - on.problem.y_star(x, nu), axis=-1)
            paths.setdefault(nu, []).append(float(away[0]))
        if not paths or all(max(path[-5:]) <= 1e-11 for path in paths.values()):
            break
    return {nu: np.array(path)[:, None] for nu, path in paths.items()}


def check_lower(subject: Subject, on: Instance, seed: int) -> Finding:
    """With x held and no noise the declared iterates contract to y*_nu(x)."""
    check = "lower level"
    found = lower_paths(subject, on, seed)
    if not found:
        return Finding(check, "not applicable", "no iterate is declared: iterates(state) -> {nu: y}")
    facts, words, bad = {}, [], False
    scale = 1 + float(np.linalg.norm(on.problem.y_star(on.start(seed, 1))))
    for nu, path in found.items():
        first, last = float(path[0, 0]), float(path[-1, 0])
        facts[f"nu = {nu:g}"] = {"first": first, "last": last, "steps": len(path)}
        words.append(f"||y - y*_{nu:.3g}|| {first:.2g} -> {last:.1e}")
        bad |= not last <= 1e-6 * scale
    words_ = "; ".join(words)
    if not bad:
        return Finding(check, "conforms", words_, facts)
    if all(p[-1, 0] <= 1e-2 * scale and p[-1, 0] < 0.5 * p[len(p) // 2, 0] for p in found.values()):
        return Finding(check, "undecided", words_ + ": still falling when the kit stopped", facts)
    if subject.get("iterates") is None:
        return Finding(check, "undecided", words_ + ": state.y is not y*; declare iterates(state) -> {nu: y}", facts)
    return Finding(check, "violates", words_, facts)


def check_accuracy(subject: Subject, on: Instance, seed: int) -> Finding:
    """The solver's own measure of ||grad phi|| against the exact one, lower levels solved."""
    check, measure = "own accuracy", subject.get("accuracy")
    if measure is None:
        return Finding(check, "not applicable", "no accuracy(problem, state) is declared; the kit uses exact grad phi")
    x = on.start(seed, 1)
    exact = float(norm(on.problem.hypergrad(x))[0])
    found = settle(subject, on, x)
    if found.status != "settled":
        return Finding(check, "undecided", found.status)
    reads = float(np.ravel(to_numpy(measure(on.problem, found.state)))[0])
    words = f"it reads {reads:.9g}, exact ||grad phi|| is {exact:.9g}"
    agree = abs(reads - exact) <= 1e-6 * (1 + exact)
    return Finding(check, "conforms" if agree else "violates", words, {"reads": reads, "exact": exact})


def check_exponent(subject: Subject, on: Instance, seed: int) -> Finding:
    """Calls until exact ||grad phi|| <= eps on the ramp phi(eps), against the declared exponent; the cheap version."""
    check, exponent, make = "exponent", subject.get("exponent"), subject.get("for_eps")
    if exponent is None or make is None:
        return Finding(check, "not applicable", "exponent and for_eps(eps, problem) are not both declared")
    grid = [0.4, 0.4 / 2**0.5, 0.2, 0.2 / 2**0.5, 0.1]
    calls: list[list[float]] = []
    runs = 4
    for eps in grid:
        phi = Ramp(eps, 1.0, 1.0, 2)
        problem = diagonal_lq(2, 1.0, 0.5, 3.0, 1.0, phi)
        here = Instance(problem, problem, on.noise, on.quiet)
        solver = make(eps, problem)
        noisy = not subject.get("exact_oracle")
        oracle = here.oracle(noisy=noisy, runs=runs, first=100 * seed, budget=CAP)
        state = solver.init(oracle.problem, np.broadcast_to(phi.start, (runs, 2)) + 0.0)
        hits = np.zeros(runs)
        try:
            while not np.all(hits) and not solver.terminate(state):
                state = solver.step(state, oracle)
                below = to_numpy(norm(problem.hypergrad(state.x))) <= eps
                hits = np.where((hits == 0) & below, oracle.counts.calls, hits)
        except BudgetExhausted:
            pass
        if not np.all(hits):
            spent = oracle.counts.calls
            words = f"eps = {eps:.3g} is reached by {np.count_nonzero(hits)} of {runs} runs after {spent} calls"
            ended: Verdict = "violates" if solver.terminate(state) else "undecided"
            return Finding(check, ended, words, {"grid": grid[: len(calls)], "calls": calls})
        calls.append(hits.tolist())
    logs, X = np.log(np.array(calls)), np.log(1 / np.array(grid))
    slopes = np.array([np.polyfit(X, logs[:, r], 1)[0] for r in range(runs)])
    slope, half = float(slopes.mean()), float(4 * slopes.std(ddof=1) / np.sqrt(runs)) + 0.25
    words = f"slope {slope:.2f} +- {half:.2f} over eps {grid[0]:g} .. {grid[-1]:g}, claimed {exponent:g}"
    verdict: Verdict = "conforms" if abs(slope - exponent) <= half else "violates"
    return Finding(check, verdict, words, {"grid": grid, "calls": calls, "slope": slope})
