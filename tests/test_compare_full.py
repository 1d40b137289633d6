"""The committed full comparison, read back for the page."""

from pathlib import Path

import pytest

from reports.pages import compare_full


def test_the_committed_full_run_is_drawn_beside(tmp_path: Path) -> None:
    """By hand: two of three targets reached, at costs 8 and 20; an instance that lacks a row is no target."""
    (tmp_path / "compare.csv").write_text(
        "# command: made by hand\nalgorithm,instance,log10_eps,hits,total_1,total_3\n"
        "soba,one,-0.5,4,20.0,30.0\nsoba,one,-1,0,,\nsoba,two,-0.5,1,8.0,9.0\naid,one,-0.5,4,5.0,5.0\n"
    )
    (tmp_path / "compare-summary.csv").write_text("# command: made by hand\nalgorithm,success\nsoba,0.5\n")
    command, result, summary = compare_full.full_run(tmp_path)
    assert command == "made by hand"
    assert summary == [{"algorithm": "soba", "success": 0.5}]
    assert result.series["ecdf"][1]["soba"] == ([8.0, 20.0], [pytest.approx(1 / 3), pytest.approx(2 / 3)])
    assert result.series["ecdf"][3]["aid"] == ([5.0], [1.0])
