"""The measurement pages on trials whose law is known: they show that law, and a wrong one as wrong."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import pytest

import reports.pages.measured as measured
from reports.cells import tables_in
from reports.context import Context
from reports.html import write_report
from reports.page import Badge, Note, Page, Table
from reports.pages import controls, headline, kappa, literal, phase, tuned
from reports.pages.measured import anchored, cell, log_free, measure, remarks
from synthetic.errors import InputError
from verify.preset import Preset, Result, run_preset
from verify.presets import headline as headline_preset
from verify.presets import phase as phase_preset

EXPONENTS = [Fraction(-1, 2) - Fraction(k, 4) for k in range(11)]


def trials(extra: float = 0.0) -> list[dict[str, Any]]:
    """Exact powers: T = eps^-2, S = eps^-(2+2/p), K = S log; ``extra`` is added to the exponent of T."""
    rows = []
    for name in headline_preset.TARGETS:
        for p in (1, 2, 4):
            for e in EXPONENTS:
                x, log = -float(e), 1.0 + 2.302585 * -float(e)
                T, S = round(100 * 10 ** ((2 + extra) * x)), round(1e6 * 10 ** ((2 + 2 / p) * x))
                K, nodes = round(S * log), p + p % 2
                for seed in range(3):
                    rows.append({
                        "experiment": name, "p": p, "stencil": "one_sided" if p % 2 else "central",
                        "log10_eps": str(e), "seed": seed, "T": T, "S": S, "K": K, "nodes": nodes,
                        "nodes_printed": p + 1, "calls": nodes * T * (S + K), "log": log, "nu": 0.1,
                        "censored": False, "seconds": 0.0,
                    })  # fmt: skip
    return rows


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context("quick", 1, tmp_path)


def built(module: Any, result: Result, context: Context, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr(module, "measure", lambda context, name: result)
    page = module.build(context)
    write_report([page], context.out, {})
    return page


def points(context: Context, stem: str, kind: str = "points") -> list[dict[str, str]]:
    with (context.out / "figures" / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] == kind]


def named(page: Page, id: str) -> Table:
    return next(table for table in tables_in(page.blocks) if table.id == id)


def test_headline_shows_the_exponents_it_was_given(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    page = built(headline, headline_preset.analyse(trials(), "quick"), context, monkeypatch)
    slopes = [row[2] for row in named(page, "headline-slopes").rows]
    assert slopes == pytest.approx([6, 5, 4.5], abs=2e-3)
    ratios = [float(row["y"]) for row in points(context, "headline-ratio")]
    assert ratios == pytest.approx([1.0] * 33, rel=2e-2)
    # On the theorem's lines: the marker and the dashed line agree at every eps, support or challenge.
    drawn = [float(row["y"]) for row in points(context, "headline-calls")]
    theory = [float(row["y"]) for row in points(context, "headline-calls", "theory")]
    assert drawn == pytest.approx(theory, rel=2e-2)
    assert (context.out / "tables" / "headline-slopes.tex").is_file()


def test_headline_shows_a_wrong_exponent(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    page = built(headline, headline_preset.analyse(trials(0.25), "quick"), context, monkeypatch)
    assert [row[6] for row in named(page, "headline-slopes").rows] == [Badge("inconsistent")] * 3
    ratios = [float(row["y"]) for row in points(context, "headline-ratio")]
    assert max(ratios) > 2


def test_phase_map_parts_where_the_bias_says(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real run, three q for p = 2: markers above the line are hollow, those below are filled."""
    monkeypatch.setattr(phase_preset, "ORDERS", (2,))
    monkeypatch.setattr(phase_preset, "SHARES", (Fraction(1, 2), Fraction(1), Fraction(3, 2)))
    monkeypatch.setattr(phase_preset, "SIMULATED", (Fraction(1, 2),))
    preset = Preset("phase", "", phase_preset.experiments, phase_preset.analyse)
    result = run_preset(preset, "quick")
    assert result.failures == ()
    page = built(phase, result, context, monkeypatch)
    drawn = points(context, "phase-moments")
    line = {round(float(r["x"]), 9): float(r["y"]) for r in points(context, "phase-moments", "line")}
    hits = {"reached": True, "not reached": False}
    found = [(float(row["y"]) < line[round(float(row["x"]), 9)], hits[row["series"]]) for row in drawn]
    assert len(found) == 33
    assert sum(below == hit for below, hit in found) >= 32  # the last below the line may need more than 1e18 steps
    assert {hit for _, hit in found} == {True, False}
    verdicts = {row[1]: row[-1] for row in named(page, "phase-table").rows if row[3] == "moments"}
    assert verdicts["1/4"] == Badge("unreachable", "none")
    assert verdicts["1/2"] == Badge("strongly consistent")


LINE = {"hits": [1, 1], "exact": [True, True], "log": [1.0, 1.0], "S": [1, 1], "K": [1, 1]}


def test_controls_page(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {"stencil": "paper", "kernel": "jump", "slope": 5.1, "ci_low": 4.99, "ci_high": 5.01, "theorem": 5.0,
            "reason": "T ~ eps^-2", "oracle": "additive"}  # fmt: skip
    rows = [
        {**base, "control": "baseline", "p": 2, "slope_log": 5.0, "theory": 5.0, "verdict": "strongly consistent",
         "on_theorem": "strongly consistent"},
        {**base, "control": "frozen", "p": 2, "slope_log": None, "theory": None, "verdict": "unreachable",
         "on_theorem": "inconsistent", "ci_low": None, "ci_high": None},
    ]  # fmt: skip
    page = built(controls, Result(rows), context, monkeypatch)
    table = named(page, "controls-table")
    assert [row[0] for row in table.rows] == ["baseline", "frozen"]
    assert table.rows[0][3] == "4.990 – 5.010"
    assert table.rows[1][-2:] == (Badge("unreachable", "none"), Badge("inconsistent"))
    (drawn,) = points(context, "controls-slopes")
    assert (float(drawn["x"]), float(drawn["y"])) == (5.0, 2.0)
    assert points(context, "controls-slopes", "unreachable")[0]["y"] == "1"


def test_kappa_page(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    series, rows = {}, []
    for schedule, power in (("theorem", 11), ("exact", 2), ("tuned", 2)):
        line = {**LINE, "p": 1, "family": "lq", "schedule": schedule, "log10_kappa": [0.0, 2.0]}
        series[f"lq, {schedule}, p = 1"] = line | {"calls": [10, 10 ** (1 + 2 * power)]}
        rows.append({"family": "lq", "schedule": schedule, "p": 1, "slope_log": float(power), "expected": float(power),
                     "verdict": "strongly consistent", "theory": 11.0, "theorem_verdict": "inconsistent"})  # fmt: skip
    page = built(kappa, Result(rows, series), context, monkeypatch)
    assert [row[1] for row in named(page, "kappa-table").rows] == ["theorem", "exact", "tuned"]  # words, no badges
    guides = points(context, "kappa-theorem", "guide")
    assert float(guides[1]["y"]) / float(guides[0]["y"]) == pytest.approx(1e22)


def test_tuned_page(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [10**5, 10**9 * 10, 10**15 * 10]  # the last step has slope 5
    line = {"p": 2, "variant": "free", "log10_eps": [-1.0, -1.8, -3.0], "calls": calls}
    row = {"p": 2, "variant": "free", "gamma_c0": 1000.0, "slope": 5.0, "theory": 5.0, "error": 0.0, "slope_all": 5.0,
           "verdict": "strongly consistent", "gain_min": 10.0, "gain_max": 20.0}  # fmt: skip
    table = [{"log10_eps": e, "best_p": 2, "log10 calls p=2": 3.0, "log10 calls p=4": 4.0} for e in (-1.0, -2.0)]
    tables = dict.fromkeys(tuned.INSTANCES.values(), table) | {"flat": [], "simulated": []}
    series = {"p = 2, free, gamma c0 = 1000": line, "tables": tables}
    page = built(tuned, Result([row], series), context, monkeypatch)
    assert named(page, "tuned-table").rows[0][-1] == "10 – 20"
    over = {(r["series"], r["panel"]): float(r["y"]) for r in points(context, "tuned-best")}
    assert set(over.values()) == {1.0, 10.0}
    assert float(points(context, "tuned-eps4", "theory")[-1]["y"]) == pytest.approx(10.0**4)


def test_literal_page(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"p": 2, "log10_eps": -1.0, "seeds": 4, "seeds_jump": 4, "T_median": 2.5, "T_median_jump": 2.5, "ks_p": 1.0,
           "ert_ratio": 1.0, "ci_low": 0.9, "ci_high": 1.1, "verdict": "equal", "stencil": "central", "S": 1, "K": 1,
           "nu": 0.1, "metered": 10, "metered_equals_charged": True}  # fmt: skip
    times = {"p = 2, log10 eps = -1": {"literal": [1.0, 2.0, 3.0, inf], "jump": [1.0, 2.0, 3.0, 4.0]}}
    page = built(literal, Result([row], {"hitting times": times}), context, monkeypatch)
    assert named(page, "literal-laws").rows[0][2] == "4 and 4"
    last = {r["series"]: float(r["y"]) for r in points(context, "literal-ecdf", "line")}
    assert last == {"literal": 0.75, "jump": 1.0}  # the run that never hits is not counted as a hit


def test_a_preset_is_run_once_and_resumes_from_its_store(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def fake(name: str, level: str, store: Path, jobs: int) -> Result:
        seen.append((name, level, store, jobs))
        assert store.parent.is_dir()
        return Result([])

    monkeypatch.setattr(measured, "run_preset", fake)
    monkeypatch.setattr(measured, "_DONE", {})
    assert measure(context, "phase") is measure(context, "phase")
    assert seen == [("phase", "quick", context.out / "store" / "phase.sqlite", 1)]


def test_a_store_that_is_no_store_is_one_line(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "_DONE", {})
    (context.out / "store").mkdir()
    (context.out / "store" / "phase.sqlite").write_text("no database " * 1000)
    with pytest.raises(InputError, match=r"--out.*cannot be used"):
        measure(context, "phase")


def test_failures_are_shown() -> None:
    blocks = remarks(Result([], notes=("nu ~ eps^2",), failures=tuple(f"trial <{i}>" for i in range(7))))
    (note,) = (block for block in blocks if isinstance(block, Note))
    assert "7 trials raised" in str(note.text)
    assert "2 more" in str(note.text)
    assert remarks(Result([])) == []


def test_small_helpers() -> None:
    line = {"calls": [2 * 10**30], "S": [1], "K": [3], "log": [3.0]}
    assert log_free(line)[0] == pytest.approx(30.0)  # (1 + 3/3)/(1 + 3) = 1/2
    assert anchored([0, 1, 2], [1, 3, 99], 2.0, [True, True, False]) == 1.0
    assert cell("exact") == "exact"
    assert cell("exact", verdict=True) == Badge("exact")
    assert cell("one_sided") == "one-sided"
    shown: Sequence[Any] = [cell(v) for v in (None, True, 1.5, Fraction(1, 3))]
    assert list(shown) == [None, True, 1.5, "1/3"]
