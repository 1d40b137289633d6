"""The comparison of all algorithms: metered costs, equal budgets of search, censoring, curves, the list of solvers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bilevel_rates import main
from reports.context import Context
from reports.pages import compare as page
from solvers.registry import SOLVERS
from synthetic.errors import BudgetExhausted, InputError
from synthetic.noise import NoNoise
from synthetic.oracle import Counts, StochasticOracle
from verify import measured_exponents
from verify.presets import compare
from verify.presets.compare import analyse, profile, staircase, summary_row, target_row
from verify.presets.compare_race import (
    TESTING,
    TUNING_SEED,
    Watch,
    compared,
    not_applicable,
    oracle_of,
    race,
    side_by_side,
    tune,
)
from verify.presets.compare_space import DIALS, SPACES, Configuration, configurations, halton
from verify.presets.compare_suite import SUITE, Instance
from verify.tables import write_table

WHERE = {"saba": "finite-sum", "distributed_f2ba": "agents"}


def literal(
    name: str, instance: Instance, one: Configuration, seed: int, budget: int
) -> tuple[list[float], list[Counts]]:
    """One configuration on one seed, by the solver's own step and a plain oracle: norms and the counts it metered."""
    problem = instance.problem
    asked = problem.stacked if name == "distributed_f2ba" else problem

    class Means(StochasticOracle):
        """``batch`` samples asked where the solver asks one: the mean of them, and as many calls."""

        def query(self, *a: Any, **k: Any) -> Any:
            return super().query(*a, **{**k, "samples": batch * k.get("samples", 1)})

        def F(self, *a: Any, **k: Any) -> Any:
            return super().F(*a, **{**k, "samples": batch * k.get("samples", 1)})

        def G(self, *a: Any, **k: Any) -> Any:
            return super().G(*a, **{**k, "samples": batch * k.get("samples", 1)})

        def hvp(self, *a: Any, **k: Any) -> Any:
            return super().hvp(*a, **{**k, "samples": batch * k.get("samples", 1)})

        def jvp(self, *a: Any, **k: Any) -> Any:
            return super().jvp(*a, **{**k, "samples": batch * k.get("samples", 1)})

    batch = one.setting.batch
    oracle = Means(asked, instance.noise, experiment=TESTING, seeds=seed, budget=budget)
    state = one.solver.init(problem, instance.start())
    norms, counts = [float(np.linalg.norm(problem.hypergrad(state.x)))], [oracle.counts]
    while True:
        try:
            state = one.solver.step(state, oracle)
        except BudgetExhausted:
            return norms, counts
        norms.append(float(np.linalg.norm(problem.hypergrad(state.x))))
        counts.append(oracle.counts)


def first_lasting(norms: Sequence[float], calls: Sequence[int], target: float) -> int | None:
    """The definition, tried at every step: below until the calls are 1.25 times as many, or the budget ends."""
    for t, start in enumerate(calls):
        for norm, now in zip(norms[t:], calls[t:], strict=True):
            if norm > target:
                break
            if now >= 1.25 * max(start, 1):
                return t
        else:
            return t
    return None


LITERAL = ("f2sa_p", "distributed_f2ba", "bo_rep", "bsa", "mrbo", "fmbo", "soba", "saba", "pzobo", "f3sa")
"""One of each kind: nodes, agents, nested configurations, truncated series, momenta, tables, directions."""


@pytest.mark.parametrize("name", LITERAL)
def test_costs_are_those_of_literal_runs(name: str) -> None:
    """Hits and counts of configurations side by side = those of one literal run each, counted by a plain oracle."""
    instance = SUITE[WHERE.get(name, "lq-4")]
    budget, targets = 100, (1.0, 0.3)
    dealt = configurations(name, instance, 12, 3)[-1][:2]
    seeds = (5, 11)
    found = race(name, instance, dealt, seeds, TESTING, (*targets, 1e-9), budget)
    for r, seed in enumerate(seeds):
        for i, one in enumerate(dealt):
            norms, counts = literal(name, instance, one, seed, budget)
            assert [c.sfo for c in counts] == [c.sfo for c in found.at[: len(counts)]]
            assert [c.HVP for c in counts] == [c.HVP for c in found.at[: len(counts)]]
            assert [c.JVP for c in counts] == [c.JVP for c in found.at[: len(counts)]]
            for k, target in enumerate(targets):
                start = first_lasting(norms, [c.calls for c in counts], target)
                if start is None:
                    assert np.isinf(found.hit[k, r, i])
                else:
                    assert found.hit[k, r, i] == counts[start].calls
                    assert found.at[int(found.steps[k, r, i])] == counts[start]


def test_products_are_counted_apart() -> None:
    """stocBiO by hand: D G and one F make the SFO calls of a step, 2K HVP, one JVP, each times the batch."""
    dealt = configurations("stocbio", SUITE["lq-4"], 3, 0)
    for (one,) in dealt:
        found = race("stocbio", SUITE["lq-4"], [one], [0], TESTING, [1e-9], 400)
        K, S = one.setting.K, one.setting.batch
        assert found.at[1] == Counts(sfo=(K + 1) * S, F=S, G=K * S, HVP=2 * K * S, JVP=S)
        assert found.at[2].calls == 2 * (3 * K + 2) * S


def test_a_call_about_the_mean_of_agents_is_one_of_each() -> None:
    """Central and distributed F2BA of one configuration count the same calls, and end alike, without noise."""
    instance = SUITE["agents"]
    central = configurations("f2ba", instance, 3, 1)[0][:1]
    apart = configurations("distributed_f2ba", instance, 3, 1)[0][:1]
    a, b = (
        race(name, instance, dealt, [0], TESTING, [1e-9], 300)
        for name, dealt in (("f2ba", central), ("distributed_f2ba", apart))
    )
    assert [c.calls for c in a.at] == [c.calls for c in b.at]
    np.testing.assert_allclose(a.final, b.final, rtol=1e-10)


def test_every_solver_has_the_same_search() -> None:
    assert set(SPACES) <= set(SOLVERS)
    assert len(SPACES) >= 25
    for instance in (SUITE["lq-4"], SUITE["lq-4-exact"]):
        for name in SPACES:
            dealt = configurations(name, instance, 48, 0)
            assert sum(map(len, dealt)) == 48
            for group in dealt:
                points = halton(len(group), 0)
                for one, point in zip(group, points, strict=True):
                    for (key, value), column in zip(one.dials, (list(DIALS).index(k) for k, _ in one.dials)):
                        low, high = DIALS[key]
                        unit = 1 / 4 if key == "x" and SPACES[name].normalised else 1.0
                        assert value == pytest.approx(unit * low * (high / low) ** point[column])
                assert all(one.setting.batch == 1 for one in group) or not instance.exact


def test_the_search_spends_one_budget() -> None:
    """With a target out of reach every configuration and seed gets the budget, but for an unfinished step."""
    instance, budget = SUITE["lq-4"], 120
    for name in ("soba", "f2sa", "stocbio", "fdehbo"):
        dealt = configurations(name, instance, 6, 0)
        found = tune(name, instance, dealt, [TUNING_SEED, TUNING_SEED + 1], [1e-9], budget)
        assert found.runs == 12
        # an answer of 8 samples that does not fit any more is not given
        assert 12 * (budget - 8) < found.spent.calls <= 12 * budget
        assert not any(found.reached)


def test_ending_a_decided_race_changes_no_winner() -> None:
    instance, targets, seeds = SUITE["lq-4"], (1.0, 0.3), (TUNING_SEED, TUNING_SEED + 1)
    for name in ("soba", "aid"):
        dealt = configurations(name, instance, 9, 0)
        found = tune(name, instance, dealt, seeds, targets, 200)
        whole = tune(name, instance, dealt, seeds, (*targets, 1e-9), 200)
        assert found.chosen == whole.chosen[:2]
        assert found.reached == (True, True)
        assert found.spent.calls < whole.spent.calls


def test_tuning_and_test_seeds_are_apart() -> None:
    for level in ("quick", "full"):
        for experiment in compare.experiments(level):
            assert max(experiment.seeds.values) < TUNING_SEED


def test_results_do_not_depend_on_the_seeds_beside() -> None:
    options = {"targets": (1.0, 0.3), "budget": 100, "count": 6, "tuning_seeds": 2}
    together = compared("soba", SUITE["lq-4"], (3, 4, 5), **options)  # type: ignore[arg-type]
    assert together[1] == compared("soba", SUITE["lq-4"], (4,), **options)[0]  # type: ignore[arg-type]


def test_what_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SABA needs sum" in not_applicable("saba", SUITE["lq-4"])
    assert "DistributedF2BA needs agents" in not_applicable("distributed_f2ba", SUITE["lq-4"])
    able = [(s, i) for s in SPACES for i in SUITE if not not_applicable(s, SUITE[i])]
    assert ("saba", "finite-sum") in able
    assert ("distributed_f2ba", "agents") in able
    assert len(able) == 23 * len(SUITE) + 2
    monkeypatch.delitem(SPACES, "soba")
    assert "no dials" in not_applicable("soba", SUITE["lq-4"])


def test_side_by_side_refuses_what_is_no_number() -> None:
    one, other = (configurations("f2sa", SUITE["lq-4"], 3, 0)[i][0].solver for i in (0, 1))
    with pytest.raises(InputError, match="real numbers only"):
        side_by_side([one, other])


def watched(measures: Sequence[float], calls: Sequence[int], target: float) -> Watch:
    watch = Watch(np.array([target]), (1,))
    for m, c in zip(measures, calls, strict=True):
        watch.see(np.array([m]), c)
    watch.end()
    return watch


def test_a_hit_must_last() -> None:
    """Below at 10 but not at 12: no hit there. Below from 20 to 26 > 1.25 * 20: a hit at 20, whatever comes later."""
    watch = watched([9, 1, 9, 1, 1, 9], [0, 10, 12, 20, 26, 30], 2.0)
    assert (watch.hit[0, 0], watch.step[0, 0], bool(watch.confirmed[0, 0])) == (20, 3, True)


def test_a_run_that_does_not_arrive_is_censored() -> None:
    watch = watched([9, 1, 9, np.inf], [0, 10, 12, 20], 2.0)
    assert np.isinf(watch.hit[0, 0])
    assert watch.step[0, 0] == 3
    to_the_end = watched([9, 9, 1], [0, 10, 12], 2.0)
    assert (to_the_end.hit[0, 0], bool(to_the_end.confirmed[0, 0])) == (12, False)


def test_a_diverged_lane_is_infinite() -> None:
    assert np.isinf(SUITE["lq-4"].measure(np.full((1, 4), np.nan)))[0]


@pytest.mark.parametrize("name", list(SUITE))
def test_nobody_starts_at_the_target(name: str) -> None:
    instance = SUITE[name]
    assert instance.measure(instance.start()[None])[0] > 10.0 ** (float(Fraction(instance.eps)) + 1)


def test_the_saddle_is_no_target() -> None:
    """At 0 the gradient vanishes and the curvature is below -1/2; at a minimum both are right."""
    instance = SUITE["strict-saddle"]
    well = np.array([[instance.problem.phi.well, 0.0, 0.0]])
    assert np.isinf(instance.measure(np.zeros((1, 3))))[0]
    assert instance.measure(well)[0] < 1e-12


def lines(algorithm: str, *runs: tuple[bool, int, int], instance: str = "lq-4") -> list[dict[str, Any]]:
    """Runs (hit, sfo, hvp) of one target."""
    tuning = {"tuning_sfo": 7, "tuning_hvp": 2, "tuning_jvp": 1, "tuning_runs": 12}
    return [
        {"algorithm": algorithm, "instance": instance, "log10_eps": -1.0, "seed": i, "hit": hit, "sfo": sfo,
         "hvp": hvp, "jvp": 0, "configuration": "c", "tuned": True, **tuning}
        for i, (hit, sfo, hvp) in enumerate(runs)
    ]  # fmt: skip


def test_ert_keeps_the_censored_runs() -> None:
    """(10 + 20 + 100)/2 SFO and (1 + 2 + 12)/2 HVP by hand; at price 3 the total is 65 + 3 * 7.5."""
    row = target_row(lines("soba", (True, 10, 1), (True, 20, 2), (False, 100, 12)))
    assert (row["ert_sfo"], row["ert_hvp"], row["ert_jvp"]) == (65, 7.5, 0)
    assert (row["total_1"], row["total_3"]) == (72.5, 87.5)
    assert (row["hits"], row["runs"], row["median_1"]) == (2, 3, 22)
    never = target_row(lines("soba", (False, 100, 0), (False, 100, 0)))
    assert never["total_1"] is None
    assert never["median_1"] is None


def test_staircase_by_hand() -> None:
    runs = lines("soba", (True, 20, 2), (False, 5, 0), (True, 10, 0), (True, 20, 2))
    assert staircase(runs, 1) == ([10, 22, 22], [0.25, 0.5, 0.75])
    assert staircase(runs, 3)[0] == [10, 26, 26]


def test_ties_are_all_cheapest() -> None:
    rows = [{"algorithm": name, "total_1": cost} for name, cost in (("a", 5.0), ("b", 5.0), ("c", 6.0), ("d", None))]
    assert compare.cheapest(rows, 1) == {"a", "b"}
    assert compare.cheapest(rows[3:], 1) == set()


def test_profile_by_hand() -> None:
    """b is first on one target and 4 times the best on the other; c reaches one of two; d was not run on x."""

    def row(name: str, instance: str, cost: float | None) -> dict[str, Any]:
        return {"algorithm": name, "instance": instance, "log10_eps": -1.0, "total_1": cost}

    rows = [row("a", "x", 5), row("b", "x", 20), row("c", "x", None), row("a", "y", 12), row("b", "y", 6)]
    rows += [row("c", "y", 18), row("d", "y", 6), row("a", "z", None), row("b", "z", None)]
    found = profile(rows, 1)
    assert found["a"] == ([1, 2], [0.5, 1])
    assert found["b"] == ([1, 4], [0.5, 1])
    assert found["c"] == ([3], [0.5])
    assert found["d"] == ([1], [1])


def test_summary_sums_the_search_once_an_instance() -> None:
    runs = lines("soba", (True, 10, 1), (False, 20, 2)) + lines("soba", (True, 4, 0), (True, 6, 0), instance="lq-1")
    row = summary_row("soba", runs, [target_row(runs[:2]), target_row(runs[2:])], [1.0, 4.0])
    assert (row["success"], row["reached"], row["targets"], row["instances"]) == (0.75, 1, 2, 2)
    assert (row["tuning_sfo"], row["tuning_hvp"], row["tuning_jvp"], row["tuning_runs"]) == (14, 4, 2, 24)
    assert row["typical_ratio"] == pytest.approx(2.0)


@pytest.fixture(scope="module")
def small() -> list[dict[str, Any]]:
    """Trials of three solvers on a small search."""
    arguments = {"problem": {"instance": "lq-4"}, "budget": 60, "configurations": 6, "tuning": 2, "targets": 2,
                 "log10_eps": Fraction(-1, 2)}  # fmt: skip
    return [
        {"experiment": "compare lq-4", "solver": name, "seed": seed, "p": 1, **row}
        for name in ("soba", "f2sa", "fdehbo")
        for seed, row in enumerate(compare.trial(arguments | {"solver": name}, (0, 1)))
    ]


def test_the_page_shows_every_algorithm_that_ran(small: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    result = analyse(small, "quick")
    assert [row["log10_eps"] for row in result.rows[::3]] == [0.0, -0.5]
    monkeypatch.setattr(page, "measure", lambda context, name: result)
    built = page.build(Context("quick", 1, Path()))
    tables = {block.id: block for block in built.blocks if isinstance(block, page.Table)}
    assert {row[0] for row in tables["compare-summary"].rows} == {"SOBA", "F2SA", "FdeHBO"}
    assert len(tables["compare-detail"].rows) == len(tables["compare-matrix-1"].rows) == 3
    assert {name for names in page.FAMILIES.values() for name in names} == set(SPACES) == set(page.NAMES)


def test_list_solvers_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "solvers", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    columns = {"name", "paper", "needs", "theorem", "claimed", "measured", "why not measured"}
    assert [set(row) for row in rows] == [columns] * len(SOLVERS)
    assert all(bool(row["measured"]) != bool(row["why not measured"]) for row in rows)
    assert {row["name"] for row in rows if row["why not measured"]} == set(measured_exponents.UNMEASURED)
    lines_ = {row["name"]: row["measured"] for row in rows}
    keys = {"value", "low", "high", "claimed", "variable", "instance", "verdict", "preset", "command", "version"}
    assert all(set(line) == keys for measured in lines_.values() for line in measured)
    two = next(line for line in lines_["f2sa_p"] if line["preset"] == "headline" and line["instance"][:5] == "p = 2")
    assert two["claimed"] == 5
    assert abs(two["value"] - 5) < 0.1
    assert two in lines_["f2sa_2"]


def test_tables_that_are_not_there_are_no_error(tmp_path: Path) -> None:
    assert set(measured_exponents.exponents(tmp_path).values()) == {()}
    rows: list[dict[str, Any]] = [
        {"algorithm": "MA-SOBA", "slope_log": 4.1, "ci_low": 4.0, "ci_high": 4.2, "claimed": 4.0, "variable": "eps",
         "instance": "ramp", "verdict": "weakly consistent"},
        {"algorithm": "nobody", "slope_log": 1.0, "claimed": 4.0, "variable": "eps"},
        {"algorithm": "Perturbed F2BA", "slope_log": None, "slope": None, "variable": "probability"},
    ]  # fmt: skip
    folder = tmp_path / "with"
    folder.mkdir()
    write_table(folder / "rates-stochastic.csv", rows, "a command")
    found = measured_exponents.exponents(folder)
    (line,) = found["ma_soba"]
    assert (line.value, line.low, line.high, line.claimed, line.command) == (4.1, 4.0, 4.2, 4.0, "a command")
    assert str(line) == "4.100 [4.000, 4.200] (eps; ramp; rates-stochastic)"
    assert not found["soba"]
    assert not found["perturbed_f2ba"]


@pytest.mark.parametrize(
    ("name", "solver"),
    [("F2SA-p", "f2sa_p"), ("F2SA-4", "f2sa_p"), ("F2SA", "f2sa"), ("Perturbed F2BA", "perturbed_f2ba"),
     ("accelerated F2BA", "f2ba"), ("MA-SOBA", "ma_soba"), ("PZOBO-S", "pzobo"), ("sgd", None)],
)  # fmt: skip
def test_names_of_tables(name: str, solver: str | None) -> None:
    assert measured_exponents.solver_of(name) == solver


def test_batches_are_means_and_counted() -> None:
    instance = SUITE["lq-4"]
    x, y = np.ones((1, 4)), np.zeros((1, 4))
    batched = oracle_of("soba", instance, [3], TESTING, batch=4)
    plain = StochasticOracle(instance.problem, instance.noise, experiment=TESTING, seeds=[3])
    for method, arguments in (("G", (x, y)), ("hvp", (x, y, x)), ("jvp", (x, y, x))):
        got = getattr(batched, method)(*arguments, step=1)
        want = getattr(plain, method)(*arguments, step=1, samples=4)
        np.testing.assert_array_equal(np.asarray(got[1] if method == "G" else got),
                                      np.asarray(want[1] if method == "G" else want))  # fmt: skip
    assert batched.counts == plain.counts == Counts(sfo=4, G=4, HVP=4, JVP=4)
    assert isinstance(SUITE["lq-4-exact"].noise, NoNoise)
