"""Figures: what is in the CSV is what is drawn, words do not cover data, bytes do not depend on the surroundings."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure as MplFigure
from matplotlib.text import Annotation, Text

from reports.figure import FigureSpec, Plot, SavedFigure, csv_text, save
from reports.panel import _spread
from reports.style import COLOURS, MARKERS, style_of_order
from synthetic.errors import InputError

X = np.geomspace(1e-3, 0.3, 7)


def power_plot(stem: str = "power", legend: str = "right", titles: tuple[str, ...] = ("left",)) -> Plot:
    plot = Plot(stem, alt="Powers of x.", titles=titles, legend=legend)
    for panel in plot.panels:
        for p in (1, 2, 4):
            panel.series(f"p = {p}", X, X**p, style=p, low=0.5 * X**p, high=2 * X**p)
        panel.guide(4, near="p = 4", shift=0.1)
        panel.shade(1e-2, 1e-1, "challenge")
        panel.level(1e-6, "target")
        panel.labels("x", "y")
    return plot


def small_plot(stem: str) -> Plot:
    plot = Plot(stem, alt="A line.", size=(2.5, 2), scale="linear", legend="none")
    plot[0].series("line", [0, 1, 2], [0, 1, 4])
    return plot


@pytest.fixture(scope="module")
def two_panels() -> Plot:
    plot = power_plot(titles=("left", "right"))
    plot.spec()
    return plot


@pytest.fixture(scope="module")
def saved(two_panels: Plot, tmp_path_factory: pytest.TempPathFactory) -> SavedFigure:
    return save(two_panels.spec(), tmp_path_factory.mktemp("saved"))


def rows_of(saved: SavedFigure) -> list[dict[str, str]]:
    with saved.files[2].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_holds_exactly_what_is_drawn(two_panels: Plot, saved: SavedFigure) -> None:
    rows = rows_of(saved)
    for panel in two_panels.panels:
        for p in (1, 2, 4):
            line = next(line for line in panel.axes.lines if line.get_marker() == MARKERS[p])
            mine = [r for r in rows if r["panel"] == panel.title and r["series"] == f"p = {p}"]
            np.testing.assert_array_equal([float(r["x"]) for r in mine], np.asarray(line.get_xdata()))
            np.testing.assert_array_equal([float(r["y"]) for r in mine], np.asarray(line.get_ydata()))
            np.testing.assert_array_equal([float(r["low"]) for r in mine], 0.5 * X**p)
            np.testing.assert_array_equal([float(r["high"]) for r in mine], 2 * X**p)
    # Nothing is drawn that is not recorded: 3 series, guide, level in each of 2 panels.
    assert sum(len(panel.axes.lines) for panel in two_panels.panels) == 10
    assert {(r["series"], r["kind"]) for r in rows if r["kind"] != "points"} == {
        ("slope 4", "guide"),
        ("challenge", "range"),
        ("target", "level"),
    }


def test_guide_has_the_slope_on_its_label(saved: SavedFigure) -> None:
    rows = [r for r in rows_of(saved) if r["kind"] == "guide" and r["panel"] == "left"]
    x, y = np.array([[float(r["x"]), float(r["y"])] for r in rows]).T
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(4, abs=1e-12)
    # Parallel to the series x**4 and ten times below it.
    np.testing.assert_allclose(y, 0.1 * x**4, rtol=1e-12)


def test_guide_label_is_turned_with_its_line(two_panels: Plot) -> None:
    for panel in two_panels.panels:
        label = next(t for t in panel.axes.texts if t.get_text() == "slope 4")
        ends = panel.axes.transData.transform([(X[0], X[0] ** 4), (X[-1], X[-1] ** 4)])
        dx, dy = ends[1] - ends[0]
        assert label.get_rotation() == pytest.approx(np.degrees(np.arctan2(dy, dx)), abs=1.0)


@pytest.mark.parametrize("legend", ["right", "bottom"])
def test_legend_stands_outside_the_axes_and_inside_the_picture(legend: str) -> None:
    plot = power_plot(legend=legend)
    figure = plot.spec().figure
    figure.draw_without_rendering()
    assert len(figure.legends) == 1
    box = figure.legends[0].get_window_extent()
    for panel in plot.panels:
        assert not box.overlaps(panel.axes.get_window_extent())
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= box.y0


def test_direct_labels_touch_neither_each_other_nor_the_axes() -> None:
    plot = Plot("direct", alt="Curves that meet.", legend="direct")
    for p in range(1, 9):
        plot[0].series(f"p = {p}", X, (X / X[-1]) ** p * (1 + 0.01 * p), style=p)
    figure = plot.spec().figure
    figure.draw_without_rendering()
    texts = [t for t in plot[0].axes.texts if isinstance(t, Annotation)]
    # The words alone: the box of an annotation with a leader contains the leader.
    boxes = [Text.get_window_extent(text) for text in texts]
    assert len(boxes) == 8
    for i, box in enumerate(boxes):
        assert box.x0 >= plot[0].axes.get_window_extent().x1
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_two_builds_give_the_same_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    first = save(power_plot().spec(), tmp_path / "a")
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "svg.fonttype": "none", "lines.marker": "x"}):
        second = save(power_plot().spec(), tmp_path / "b")
    assert dict(matplotlib.rcParams) == before
    assert first.svg == second.svg
    for one, two in zip(first.files, second.files):
        assert one.read_bytes() == two.read_bytes()
        assert len(one.read_bytes()) > 500


def test_one_figure_saved_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    spec = small_plot("twice").spec()
    for one, two in zip(save(spec, tmp_path / "a").files, save(spec, tmp_path / "b").files):
        assert one.read_bytes() == two.read_bytes()


def test_files_hold_no_time_and_no_outside_reference(saved: SavedFigure) -> None:
    svg, pdf, _ = saved.files
    text = svg.read_text(encoding="utf-8")
    assert "<metadata" not in text
    assert "<style" not in text
    assert re.search(r"(href|src)=\"(?!#)", text) is None
    assert b"CreationDate" not in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()


def ids_and_references(svg: str) -> tuple[list[str], set[str]]:
    return re.findall(r'\bid="([^"]*)"', svg), set(re.findall(r'(?:href="#|url\(#)([^")]*)', svg))


def test_ids_of_two_figures_never_meet_and_references_stay_inside(saved: SavedFigure, tmp_path: Path) -> None:
    ids, references = ids_and_references(saved.svg)
    others, _ = ids_and_references(save(small_plot("other").spec(), tmp_path).svg)
    assert len(ids) == len(set(ids)) > 20
    assert not set(ids) & set(others)
    assert references
    assert references <= set(ids)
    # The same figure drawn by matplotlib alone does collide: the check can fail.
    raw = [(tmp_path / f"{stem}.svg") for stem in ("raw1", "raw2")]
    for path in raw:
        small_plot(path.stem).spec().figure.savefig(path)
    raw_ids = [set(ids_and_references(path.read_text(encoding="utf-8"))[0]) for path in raw]
    assert raw_ids[0] & raw_ids[1]


def test_alternative_text_is_in_the_svg_and_escaped(tmp_path: Path) -> None:
    alt = 'Slope "4" <script>alert(1)</script> & more'
    plot = Plot("hostile", alt=alt, scale="linear", size=(4, 2))
    plot[0].series("<img src=x onerror=alert(1)>", X, X)
    svg = save(plot.spec(), tmp_path).files[0].read_text(encoding="utf-8")
    assert "<script" not in svg
    assert "<img" not in svg
    assert ElementTree.fromstring(svg).get("aria-label") == alt


@pytest.mark.parametrize("alt", ["", "   ", None])
def test_a_figure_without_alternative_text_is_refused(alt: str | None) -> None:
    with pytest.raises(InputError, match="alt"):
        Plot("no-alt", alt=alt)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="alt"):
        FigureSpec("no-alt", MplFigure(), [{"x": 1}], alt)  # type: ignore[arg-type]


def test_bad_input_is_named() -> None:
    plot = Plot("bad", alt="x")
    plot[0].series("a", X, X)
    cases = [
        ("stem", lambda: Plot("../evil", alt="x")),
        ("legend", lambda: Plot("a", alt="x", legend="middle")),
        ("scale", lambda: Plot("a", alt="x", scale="log")),
        ("y", lambda: plot[0].series("b", X, X[:3])),
        ("x", lambda: plot[0].series("b", [X], [X])),
        ("low", lambda: plot[0].series("b", X, X, low=X)),
        ("near", lambda: plot[0].guide(2, near="unknown")),
        ("near", lambda: plot[0].guide(2)),
        ("word", lambda: plot[0].shade(0, 1, "maybe")),
        ("scale", lambda: Plot("a", alt="x", scale="linear")[0].guide(2, through=(1, 1), span=(0, 1))),
        ("data", lambda: FigureSpec("a", MplFigure(), [], "x")),
    ]
    for argument, call in cases:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.argument == argument


def test_the_ten_orders_look_different() -> None:
    styles = [style_of_order(p) for p in range(1, 11)]
    assert len({MARKERS[s] for s in styles}) == 10
    headline = [style_of_order(p) for p in (1, 2, 3, 4, 6, 8)]
    assert len({COLOURS[s % len(COLOURS)] for s in headline}) == 6


def test_csv_keeps_full_precision_and_defuses_spreadsheet_formulas() -> None:
    values = [0.1 + 0.2, 1e-300, float("inf")]
    text = csv_text([{"series": "=cmd|' /C calc'!A0", "x": v, "n": np.float64(v)} for v in values])
    rows = list(csv.DictReader(text.splitlines()))
    assert [float(r["x"]) for r in rows] == values
    assert [float(r["n"]) for r in rows] == values
    assert all(r["series"].startswith("'=") for r in rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=9), st.floats(0.5, 10))
def test_labels_are_moved_apart_and_no_farther_than_needed(wanted: list[float], gap: float) -> None:
    given_places = np.array(wanted)
    placed = _spread(given_places, gap)
    order = np.argsort(given_places, kind="stable")
    assert np.all(np.diff(placed[order]) >= gap - 1e-9)
    # Optimality: the projection onto a convex set makes no obtuse angle less than 90 degrees to any feasible point.
    feasible = np.empty_like(given_places)
    feasible[order] = given_places[order].min() + gap * np.arange(given_places.size)
    assert np.dot(given_places - placed, feasible - placed) <= 1e-7
    if np.all(np.diff(given_places[order]) >= gap):
        np.testing.assert_allclose(placed, given_places, atol=1e-9)


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys; from pathlib import Path; from reports.figure import Plot, save\n"
        "p = Plot('a', alt='x'); p[0].series('s', [1, 2], [1, 2]); p.spec()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "MPLBACKEND": "", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
