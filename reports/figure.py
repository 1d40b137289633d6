r"""Figures fit for a paper: one house style, the data beside every picture, the same bytes every time.

A figure is drawn on a :class:`Plot` of one or more panels; whatever a panel draws it also records, so that the CSV
file beside the picture is the data drawn and nothing else::

    plot = Plot("bias-lq", alt="Log-log plot of ...", titles=("linear-quadratic", "polynomial"))
    panel = plot[0]
    panel.series("p = 2", nu, bias, style=2, low=low, high=high)   # marker AND colour from ``style``
    panel.guide(2, near="p = 2", shift=0.4)                        # dashed line, labelled "slope 2"
    panel.shade(1e-3, 1e-2, "challenge")                           # range of x judged, not fitted
    panel.labels("step ν", "bias")
    spec = plot.spec()                                             # FigureSpec: for a Figure block, or save()

``save(spec, folder)`` writes ``STEM.svg``, ``STEM.pdf`` and ``STEM.csv`` and returns the SVG for inlining, in which
every id begins with the stem. Labels may use matplotlib's ``$...$``. Any other matplotlib figure can be wrapped in a
:class:`FigureSpec` by hand, given its rows of data.

Nothing here touches pyplot's global state, the user's matplotlibrc or a display.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from reports.page import check_id
from reports.panel import Panel
from reports.style import house
from synthetic.errors import InputError

LEGENDS = ("right", "bottom", "direct", "inside", "none")


@dataclass(frozen=True)
class FigureSpec:
    """A finished figure: ``stem`` (file names and ids), the matplotlib figure, its data (rows), alternative text."""

    stem: str
    figure: Figure
    data: Sequence[Mapping[str, Any]]
    alt: str

    def __post_init__(self) -> None:
        _check(self.stem, self.alt)
        if not self.data:
            raise InputError("data", self.data, "give the rows of the data drawn, one mapping each")


@dataclass(frozen=True)
class SavedFigure:
    """What ``save`` left: the inline SVG and the three files."""

    stem: str
    svg: str
    files: tuple[Path, ...]


def _check(stem: str, alt: str) -> None:
    check_id("stem", stem)
    if not isinstance(alt, str) or not alt.strip():
        raise InputError("alt", alt, "describe in words what the figure shows; it is read out in place of it")


class Plot:
    """A row of panels in the house style.

    ``stem``: file name; ``alt``: what the figure shows, in words; ``titles``: one per panel; ``size``: inches (width,
    height), by default 4.2 for one panel and up to 7.2 for more; ``legend``: ``right`` (default: outside), ``bottom``
    (outside), ``direct`` (beside the last point of each series), ``inside`` or ``none``; ``share_y``: one y range.
    """

    def __init__(
        self,
        stem: str,
        alt: str,
        *,
        titles: Sequence[str] = ("",),
        size: tuple[float, float] | None = None,
        scale: str = "loglog",
        legend: str = "right",
        share_y: bool = False,
    ) -> None:
        _check(stem, alt)
        if legend not in LEGENDS:
            raise InputError("legend", legend, f"use one of {', '.join(LEGENDS)}")
        self.stem, self.alt, self.legend = stem, alt, legend
        count = len(titles)
        default = (5.2 if legend == "right" else 4.4, 3.3) if count == 1 else (min(7.6, 2.9 * count + 0.9), 3.1)
        with house():
            self.figure = Figure(figsize=size or default, layout="constrained")
            FigureCanvasAgg(self.figure)
            engine = self.figure.get_layout_engine()
            if engine is not None:
                engine.set(wspace=0.06)  # type: ignore[call-arg]
            axes = self.figure.subplots(1, count, squeeze=False, sharey=share_y)[0]
            self.panels = tuple(Panel(ax, title, scale) for ax, title in zip(axes, titles))
        self._spec: FigureSpec | None = None

    def __getitem__(self, index: int) -> Panel:
        return self.panels[index]

    def spec(self) -> FigureSpec:
        """Place legends and labels and hand the figure over; the plot takes no more data afterwards."""
        if self._spec is None:
            with house():
                for panel in self.panels:
                    panel.prepare()
                self._legend()
                self.figure.draw_without_rendering()
                if self.legend == "direct":
                    for panel in self.panels:
                        panel.direct_labels()
                freeze(self.figure)
                for panel in self.panels:
                    panel.guide_labels()
            rows = [row for panel in self.panels for row in panel.rows]
            self._spec = FigureSpec(self.stem, self.figure, rows, self.alt)
        return self._spec

    def _legend(self) -> None:
        handles: dict[str, Any] = {}
        for panel in self.panels:
            for name, handle in panel.handles.items():
                handles.setdefault(name, handle)
        look: dict[str, Any] = {"frameon": False, "handlelength": 2.2, "borderaxespad": 0.2}
        listed = (list(handles.values()), list(handles))
        if self.legend == "right" and handles:
            self.figure.legend(*listed, loc="outside right center", **look)
        elif self.legend == "bottom" and handles:
            self.figure.legend(*listed, loc="outside lower center", ncols=self._legend_columns(list(handles)), **look)
        elif self.legend == "inside":
            for panel in self.panels:
                panel.axes.legend(list(panel.handles.values()), list(panel.handles), loc="best", **look)

    def _legend_columns(self, names: Sequence[str]) -> int:
        """As many columns as fit below the panels, the rows equally full."""
        entry = 0.068 * max(map(len, names)) + 0.62  # inches: the longest name, the sample of its line, the gap
        fitting = max(1, min(len(names), int(self.figure.get_figwidth() / entry)))
        rows = -(-len(names) // fitting)
        return -(-len(names) // rows)


def freeze(figure: Figure) -> None:
    """Lay the figure out once and for all: matplotlib would improve the layout a little at every saving."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def save(spec: FigureSpec, folder: Path) -> SavedFigure:
    """Write ``STEM.svg``, ``STEM.pdf`` and ``STEM.csv`` into ``folder``: the same bytes for the same figure."""
    folder.mkdir(parents=True, exist_ok=True)
    files = tuple(folder / f"{spec.stem}.{ending}" for ending in ("svg", "pdf", "csv"))
    with house(), matplotlib.rc_context({"svg.hashsalt": spec.stem}):
        freeze(spec.figure)
        drawn, pdf = io.StringIO(), io.BytesIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        spec.figure.savefig(drawn, format="svg", metadata=nothing)
        spec.figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    svg = _inline(drawn.getvalue(), spec.stem, spec.alt)
    files[0].write_text('<?xml version="1.0" encoding="utf-8"?>\n' + svg, encoding="utf-8", newline="\n")
    files[1].write_bytes(pdf.getvalue())
    files[2].write_text(csv_text(spec.data), encoding="utf-8", newline="\n")
    return SavedFigure(spec.stem, svg, files)


def _inline(svg: str, stem: str, alt: str) -> str:
    """The SVG element alone, with ids that no other figure uses, its style kept to itself and its words in it."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # A <style> element inside an HTML page would apply to the whole page.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{stem}--', svg)
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{stem}--", svg)
    words = f'role="img" aria-label={quoteattr(alt)} style="stroke-linejoin:round;stroke-linecap:butt"'
    return svg.replace("<svg ", f"<svg {words} ", 1).rstrip() + "\n"


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with full precision (what ``float`` reads back exactly); absent values are empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_csv_cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # Spreadsheets run cells that begin like a formula; a name must not be able to.
        return "'" + value if value[:1] in "=@" and value else value
    if isinstance(value, np.generic):
        value = value.item()
    return repr(value) if isinstance(value, float) else str(value)
