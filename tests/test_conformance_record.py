"""The recorded verdicts: complete, as they should be, and a part of them comes out again; the page that shows them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from reports.cells import tables_in
from reports.command import main as command
from reports.context import Context
from reports.html import write_report
from reports.page import Note
from reports.pages import conformance as shown
from solvers.registry import SOLVERS
from verify.conformance import record
from verify.conformance.kit import CHECKS, check
from verify.conformance.own import own
from verify.environment import manifest

RECORD: dict[str, Any] = json.loads(record.RECORD.read_text("utf-8"))
DISTRIBUTED = json.loads((record.RECORD.parent / "distributed_mpi.json").read_text("utf-8"))
FAULTS = ("planted faults", "planted momenta")
OPEN = {("sustain", "bias"), ("bome", "lower level")}
"""Correct solvers that a check leaves undecided."""


def test_every_own_solver_through_every_check() -> None:
    rows = RECORD["verdicts"]["rows"]
    assert [row["solver"] for row in rows] == [s.name for name in SOLVERS for s in own(name)]
    assert all(list(row["verdicts"]) == sorted(CHECKS) and set(row["evidence"]) == set(CHECKS) for row in rows)
    found = {
        (row["solver"], name, v)
        for row in rows
        for name, v in row["verdicts"].items()
        if v in ("violates", "undecided")
    }
    assert found == {(*pair, "undecided") for pair in OPEN}


@pytest.mark.parametrize("name", ["ma_soba", "bo_rep", "fsla", "itd"])
def test_rows_come_out_again(name: str) -> None:
    only = ["calls", "bias", "lower level", "momentum", "stationarity"]
    (row,) = [row for row in RECORD["verdicts"]["rows"] if row["name"] == name]
    (tested,) = own(name)
    for finding in check(tested, RECORD["verdicts"]["seed"], only):
        assert finding.verdict == row["verdicts"][finding.check]
        if finding.check in ("calls", "momentum"):  # exact, or printed to six digits
            assert finding.evidence == row["evidence"][finding.check]


def test_every_planted_fault_is_refuted_by_its_check() -> None:
    for part in FAULTS:
        path = Path(__file__).parent / "planted" / f"{part.split()[1]}.py"
        table = record.load_file("FILE.py", str(path)).REFUTED_BY
        rows = RECORD[part]["rows"]
        assert [(row["solver"], row["expected"]) for row in rows] == [(n, c) for n, (c, _) in table.items()]
        for row, (expected, words) in zip(rows, table.values(), strict=True):
            assert row["verdicts"][expected] == "violates"
            assert words in row["evidence"][expected]
            assert row["fault"]


def test_false_alarms() -> None:
    part = RECORD["false_alarms"]
    assert part["seeds"] == 100
    assert part["seeds with an alarm"] == len(part["alarms"]) == 0
    assert sum(part["counted"].values()) == 100 * (len(CHECKS) - len(part["left out"]))
    assert part["rate at most (95%)"] == pytest.approx(1 - 0.05 ** (1 / 100))


def test_the_bound_is_the_binomial_one() -> None:
    from math import comb

    for hits, trials in ((0, 100), (3, 40), (1, 7)):
        rate = record.upper(hits, trials)
        tail = sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(hits + 1))
        assert tail == pytest.approx(0.05, rel=1e-9)
    assert record.upper(5, 5) == 1.0


def test_commands_are_whole() -> None:
    for name, part in RECORD.items():
        words = part["command"].removeprefix("python -m verify.conformance.record ")
        assert words == name or words == f"tests/planted/{name.split()[-1]}.py"
        assert part["suite"]


def test_the_recorder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, target = tmp_path / "bad.py", tmp_path / "out.json"
    momenta = Path(__file__).parent / "planted" / "momenta.py"
    file.write_text(momenta.read_text("utf-8").split("REFUTED_BY")[0], "utf-8")
    with pytest.raises(record.InputError, match="REFUTED_BY"):
        record.main([str(file)], target)
    assert record.main([], target) == 2
    assert "usage" in capsys.readouterr().err
    assert not target.exists()


def test_the_page_shows_what_is_recorded(tmp_path: Path) -> None:
    page = shown.page(RECORD, DISTRIBUTED)
    tables = {table.id: table for table in tables_in(page.blocks)}
    own_rows = {str(row[0]): row[1:] for row in tables["conformance-own"].rows}
    assert own_rows["soba"][list(CHECKS).index("bias")] == "✓"
    assert own_rows["soba"][list(CHECKS).index("variance")] == "–"
    assert own_rows["sustain"][list(CHECKS).index("bias")] == "?"
    faults = {str(row[0]): row[1:] for row in tables["conformance-planted"].rows}
    assert all("✗" in signs for signs in faults.values())
    index = write_report([page], tmp_path, manifest())
    text = index.read_text("utf-8")
    assert "Clopper-Pearson" in text
    assert DISTRIBUTED["command"] in text


def test_the_page_shows_an_alarm_and_a_missed_fault() -> None:
    worse = copy.deepcopy(RECORD)
    worse["false_alarms"]["alarms"] = ["seed 3, soba, bias: wrong"]
    row = worse["planted faults"]["rows"][0]
    row["verdicts"][row["expected"]] = "conforms"
    page = shown.page(worse, DISTRIBUTED)
    assert any(isinstance(b, Note) and b.kind == "caution" for b in page.blocks)
    total = sum(len(worse[part]["rows"]) for part in FAULTS)
    assert any(f"{total - 1} of {total} faults" in str(getattr(b, "text", "")) for b in page.blocks)


def test_the_page_is_in_the_report(tmp_path: Path) -> None:
    assert shown.build(Context("quick", 1, tmp_path)).id == "conformance"
    assert command(["report", "--pages", "conformance", "--out", str(tmp_path)]) == 0
