"""Configurations side by side on the same seeds, the search that ends when it is decided, and the runs that count.

Lanes are (seed, configuration): arrays of shape (R, C, dim) with the run axis in front, so that all configurations see
the same samples at the same address. All lanes of a race spend the same at every step, by kind.

A run reaches eps at the first count c of calls with measure <= eps at every step from there to the first with 1.25 c
calls or more, or to the end of the budget; its cost is c. One call is one SFO, HVP or JVP.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import inf
from typing import Any

import numpy as np

from solvers.base import check_needs
from solvers.registry import SOLVERS
from synthetic.errors import BudgetExhausted, InputError
from synthetic.oracle import Counts, StochasticOracle
from verify.presets.compare_space import SPACES, Configuration, configurations
from verify.presets.compare_suite import Instance

SUSTAIN = 1.25
TUNING_SEED = 2**31
TUNING, TESTING = 1, 2
"""Numbers of the oracle's experiments: nothing that the search saw is drawn again."""


class Batched(StochasticOracle):
    """An oracle whose every answer is a mean of ``batch`` times as many samples, all counted."""

    batch = 1

    def _gradients(self, levels: str, x: Any, y: Any, step: Any, inner: Any, node: Any, samples: int, part: str) -> Any:
        return super()._gradients(levels, x, y, step, inner, node, samples * self.batch, part)

    def _product(
        self, method: str, kind: str, stream: Any, x: Any, y: Any, v: Any, step: Any, inner: Any, node: Any,
        samples: int,
    ) -> Any:  # fmt: skip
        return super()._product(method, kind, stream, x, y, v, step, inner, node, samples * self.batch)


def oracle_of(name: str, instance: Instance, seeds: Sequence[int], experiment: int, batch: int = 1) -> Batched:
    """The oracle that the named solver asks on the instance."""
    problem = instance.problem
    asked = problem.stacked if "agents" in SOLVERS[name].load().needs and instance.agents > 1 else problem
    oracle = Batched(asked, instance.noise, experiment=experiment, seeds=np.asarray(seeds))
    oracle.batch = batch
    return oracle


def not_applicable(name: str, instance: Instance) -> str:
    """Why the solver cannot run on the instance, empty when it can."""
    if name not in SPACES:
        return "no dials are declared for it in compare_space"
    oracle = oracle_of(name, instance, [0], TUNING)
    try:
        check_needs(configurations(name, instance, 1, 0)[0][0].solver, instance.problem, oracle)
    except InputError as error:
        return error.fix.split(":")[0]
    return ""


def side_by_side(solvers: Sequence[Any], wide: Sequence[str] = ()) -> Any:
    """One solver that runs all the given ones, lane by lane: numbers that differ become columns (C, 1).

    Everything but real numbers must agree. ``wide``: fields whose column is (C, 1, 1). One solver is itself.
    """
    merged = copy.copy(solvers[0])
    for field in fields(merged):
        axes = 2 if field.name in wide else 1
        values = [getattr(solver, field.name) for solver in solvers]
        object.__setattr__(merged, field.name, _merge(field.name, values, axes, wide))
    return merged


def _merge(name: str, values: Sequence[Any], axes: int, wide: Sequence[str]) -> Any:
    first = values[0]
    if all(value == first for value in values):
        return first
    if is_dataclass(first):
        return side_by_side(values, wide)
    if isinstance(first, tuple):
        return tuple(_merge(name, part, axes, wide) for part in zip(*values, strict=True))
    if not all(isinstance(value, float) for value in values):
        raise InputError(name, values, "configurations side by side may differ in real numbers only")
    return np.asarray(values).reshape(-1, *(1,) * axes)


@dataclass(frozen=True)
class Race:
    """What became of the lanes. ``hit`` (targets, R, C): calls at which the lane reached the target, inf if it did not.

    ``at``: the counts of one run after each step; ``steps`` (targets, R, C): the step of a hit, else the last one.
    ``spent``: of one run, to the end of the race, an unfinished step included. ``final`` (R, C): the last measure.
    """

    hit: np.ndarray
    steps: np.ndarray
    at: tuple[Counts, ...]
    spent: Counts
    final: np.ndarray


def race(
    name: str, instance: Instance, dealt: Sequence[Configuration], seeds: Sequence[int], experiment: int,
    targets: Sequence[float], budget: int, goals: Sequence[int] | None = None,
) -> Race:  # fmt: skip
    """Run the configurations (of one setting) until ``budget`` calls, or until the race is decided.

    goals None: until one configuration has reached the smallest target on all seeds. By then every configuration that
    reaches any of the targets sooner, on all seeds, has done so: the rest cannot win. Else: until configuration i
    has reached target goals[i] (an index; -1: nothing asked) on all seeds.
    """
    problem, space, C = instance.problem, SPACES[name], len(dealt)
    solver = side_by_side([c.solver for c in dealt], space.wide)
    oracle = oracle_of(name, instance, seeds, experiment, dealt[0].setting.batch)
    # on the agents a call about the mean stands for one of each agent; the stacked oracle counts them itself
    weight = 1 if oracle.problem is not problem else instance.agents
    oracle.budget = budget * C // weight
    x0 = np.broadcast_to(instance.start(), (len(seeds), C, problem.dim_x)).copy()
    watch = Watch(np.asarray(targets, dtype=float), (len(seeds), C))
    at = [Counts()]
    check_needs(solver, problem, oracle)
    with np.errstate(all="ignore"):  # diverged lanes are lanes that do not arrive
        state = solver.init(problem, x0)
        watch.see(instance.measure(state.x), 0)
        while not decided(watch.confirmed, goals):
            try:
                state = solver.step(state, oracle)
            except BudgetExhausted:
                break
            at.append(per_run(oracle.counts, C, weight))
            watch.see(instance.measure(state.x), at[-1].calls)
    watch.end()
    return Race(watch.hit, watch.step, tuple(at), per_run(oracle.counts, C, weight), watch.last)


def per_run(counts: Counts, lanes: int, weight: int) -> Counts:
    """The counts of one lane."""
    return Counts(**{f.name: getattr(counts, f.name) * weight // lanes for f in fields(Counts)})


def decided(confirmed: np.ndarray, goals: Sequence[int] | None) -> bool:
    """``confirmed`` (targets, R, C); see :func:`race`."""
    everyone = np.asarray(confirmed.all(axis=1))
    if goals is None:
        return bool(everyone[-1].any())
    return all(goal < 0 or everyone[goal, i] for i, goal in enumerate(goals))


class Watch:
    """Sustained first hits, found while the measures come in. Targets from the largest to the smallest."""

    def __init__(self, targets: np.ndarray, lanes: tuple[int, ...]) -> None:
        self.targets = targets.reshape(-1, *(1,) * len(lanes))
        shape = (len(targets), *lanes)
        self.hit, self.step = np.full(shape, inf), np.zeros(shape, dtype=int)
        self.confirmed = np.zeros(shape, dtype=bool)
        self.last, self._count = np.full(lanes, inf), -1

    def see(self, measure: np.ndarray, calls: int) -> None:
        """The measure of every lane after ``calls`` calls."""
        self._count += 1
        self.last = measure
        below = measure <= self.targets
        begins = below & np.isinf(self.hit)
        open_ = ~self.confirmed
        self.hit = np.where(open_ & begins, calls, np.where(open_ & ~below, inf, self.hit))
        self.step = np.where(open_ & (begins | ~below), self._count, self.step)
        self.confirmed |= np.isfinite(self.hit) & (calls >= SUSTAIN * np.maximum(self.hit, 1))

    def end(self) -> None:
        """What was below to the end counts as reached; the others' step is the last one."""
        self.step = np.where(np.isfinite(self.hit), self.step, self._count)


@dataclass(frozen=True)
class Search:
    """The configuration chosen for each target (the i-th of the j-th setting), and what the search spent in all."""

    chosen: tuple[tuple[int, int], ...]
    reached: tuple[bool, ...]
    spent: Counts
    runs: int


def tune(
    name: str, instance: Instance, dealt: list[list[Configuration]], seeds: Sequence[int], targets: Sequence[float],
    budget: int,
) -> Search:  # fmt: skip
    """For each target the configuration whose slowest seed reaches it first; failing that, the most seeds, then the
    smallest final measure. Every configuration has ``budget`` calls on each seed; a race ends sooner when decided, and
    the later ones when they can no longer better the smallest target. The settings with the fewest steps go first.
    """
    best: list[tuple[tuple[float, ...], tuple[int, int]]] = [((inf,), (0, 0))] * len(targets)
    spent, limit = Counts(), budget
    order = sorted(range(len(dealt)), key=lambda j: (-dealt[j][0].setting.batch, -dealt[j][0].setting.K))
    for j in order:
        found = race(name, instance, dealt[j], seeds, TUNING, targets, limit)
        C, R = len(dealt[j]), len(seeds)
        spent += Counts(**{f.name: getattr(found.spent, f.name) * C * R for f in fields(Counts)})
        for k in range(len(targets)):
            for i in range(C):
                hits = found.hit[k, :, i]
                rank = (-float(np.isfinite(hits).sum()), float(hits.max()), float(np.median(found.final[:, i])))
                best[k] = min(best[k], (rank if np.isfinite(rank[1]) else (rank[0], inf, rank[2]), (j, i)))
        if best[-1][0][0] == -R:
            limit = min(budget, int(SUSTAIN * best[-1][0][1]) + 1)
    chosen = tuple(where for _, where in best)
    return Search(chosen, tuple(rank[0] == -len(seeds) for rank, _ in best), spent, sum(map(len, dealt)) * len(seeds))


def compared(
    name: str, instance: Instance, seeds: Sequence[int], *, targets: Sequence[float], budget: int, count: int,
    tuning_seeds: int, seed: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """One result a seed: tune on seeds of its own, then run the chosen configurations on ``seeds``.

    ``hit``, ``sfo``, ``hvp``, ``jvp``: lists over the targets, the counts up to the hit, or all that was spent in vain.
    """
    dealt = configurations(name, instance, count, seed)
    found = tune(name, instance, dealt, range(TUNING_SEED, TUNING_SEED + tuning_seeds), targets, budget)
    rows: list[dict[str, Any]] = [{"hit": [], "sfo": [], "hvp": [], "jvp": []} for _ in seeds]
    runs: dict[int, tuple[Race, list[int]]] = {}
    for j in {j for j, _ in found.chosen}:
        goals = [k for k, where in enumerate(found.chosen) if where[0] == j]
        configs = [dealt[j][found.chosen[k][1]] for k in goals]
        runs[j] = race(name, instance, configs, seeds, TESTING, targets, budget, goals), goals
    for k, (j, _) in enumerate(found.chosen):
        result, goals = runs[j]
        lane = goals.index(k)
        for r, row in enumerate(rows):
            hit = bool(np.isfinite(result.hit[k, r, lane]))
            counts = result.at[int(result.steps[k, r, lane])] if hit else result.spent
            row["hit"].append(hit)
            for kind, number in (("sfo", counts.sfo), ("hvp", counts.HVP), ("jvp", counts.JVP)):
                row[kind].append(number)
    common = {
        "configuration": [str(dealt[j][i]) for j, i in found.chosen], "tuned": list(found.reached),
        "tuning_sfo": found.spent.sfo, "tuning_hvp": found.spent.HVP, "tuning_jvp": found.spent.JVP,
        "tuning_runs": found.runs,
    }  # fmt: skip
    return [row | common for row in rows]
