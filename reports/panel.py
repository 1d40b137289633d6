"""One panel of a figure: series, slope guides and shaded ranges, each recorded as it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from reports.style import COLOURS, MARKERS, house
from synthetic.errors import InputError

# Ranges: a fill and the word written above it.
SHADES = {"support": "#0072B2", "challenge": "#D55E00", "excluded": "#777777"}
SCALES = {
    "loglog": ("log", "log"),
    "semilogy": ("linear", "log"),
    "semilogx": ("log", "linear"),
    "linear": ("linear", "linear"),
}
HALO = withStroke(linewidth=2.4, foreground="white")


@dataclass
class _Guide:
    below: bool
    ends: tuple[tuple[float, float], tuple[float, float]]
    label: str


@dataclass
class _End:
    name: str
    x: float
    y: float
    colour: str


@dataclass
class Panel:
    """Axes with a memory. Made by :class:`reports.figure.Plot`; ``axes`` is matplotlib's, ``rows`` what was drawn."""

    axes: Axes
    title: str
    scale: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    handles: dict[str, Any] = field(default_factory=dict)
    _curves: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _guides: list[_Guide] = field(default_factory=list)
    _ends: list[_End] = field(default_factory=list)
    _shaded: bool = False

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise InputError("scale", self.scale, f"use one of {', '.join(SCALES)}")
        x_scale, y_scale = SCALES[self.scale]
        self.axes.set_xscale(x_scale)
        self.axes.set_yscale(y_scale)
        self.axes.grid(True, which="major", color="#d9d9d9", linewidth=0.5)

    def labels(self, x: str, y: str) -> None:
        self.axes.set_xlabel(x)
        self.axes.set_ylabel(y)

    def series(
        self,
        name: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        style: int | None = None,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        line: bool = True,
        marker: bool = True,
        dashed: bool = False,
        open_marker: bool = False,
    ) -> None:
        """A curve with markers; ``low`` and ``high`` draw a band (a confidence interval).

        ``style``: an integer that fixes colour and marker, so that p = 4 looks the same in every figure (default: the
        number of series so far). ``line=False``: markers only; ``marker=False``: a theory line;
        ``open_marker``: hollow.
        """
        xs, ys = _vector("x", x), _vector("y", y)
        if xs.shape != ys.shape:
            raise InputError("y", ys.shape, f"give as many values as x has: {xs.shape}")
        if (low is None) != (high is None):
            raise InputError("low", low, "give both low and high, or neither")
        number = len(self._curves) if style is None else style
        colour, sign = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        # Where the colours begin again the line is broken too.
        stroke: Any = "-" if number < len(COLOURS) else (0, (5, 1.5, 1, 1.5))
        look: dict[str, Any] = {
            "color": colour,
            "linestyle": ("--" if dashed else stroke) if line else "none",
            "marker": sign if marker else "none",
            "markersize": 4.6,
            "markeredgewidth": 0.9,
            "markerfacecolor": "white" if open_marker else colour,
            "linewidth": 1.3,
        }
        with house():
            (drawn,) = self.axes.plot(xs, ys, **look)
        lows = highs = None
        if low is not None and high is not None:
            lows, highs = _vector("low", low), _vector("high", high)
            with house():
                self.axes.fill_between(xs, lows, highs, color=colour, alpha=0.18, linewidth=0)
        for i in range(xs.size):
            band = {} if lows is None or highs is None else {"low": float(lows[i]), "high": float(highs[i])}
            self.record(name, "points" if marker else "line", float(xs[i]), float(ys[i]), **band)
        self.handles.setdefault(name, drawn)
        self._curves[name] = (xs, ys)
        if xs.size:
            last = int(np.argmax(xs))
            self._ends.append(_End(name, float(xs[last]), float(ys[last]), colour))

    def guide(
        self,
        slope: float,
        *,
        near: str | None = None,
        through: tuple[float, float] | None = None,
        shift: float = 1.0,
        span: tuple[float, float] | None = None,
        label: str | None = None,
    ) -> None:
        """A dashed line of the given ``slope`` on log-log axes, labelled ``slope 4`` (or ``label``).

        It runs through the point ``through``, or through the middle of the series ``near``, multiplied by ``shift``;
        ``span``: its ends in x (default: those of the series).
        """
        if self.scale != "loglog":
            raise InputError("scale", self.scale, "slope guides need log-log axes")
        if near is not None and near in self._curves:
            xs, ys = self._curves[near]
            kept = np.isfinite(xs) & np.isfinite(ys) & (xs > 0) & (ys > 0)
            if not kept.any():
                raise InputError("near", near, "name a series with at least one positive point")
            anchor = np.exp(np.mean(np.log(xs[kept]))), np.exp(np.mean(np.log(ys[kept])))
            ends = span or (float(xs[kept].min()), float(xs[kept].max()))
        elif through is not None and span is not None:
            anchor, ends = through, span
        else:
            raise InputError("near", near, "name a series already drawn, or give both through and span")
        points = [(x, float(anchor[1] * shift * (x / anchor[0]) ** slope)) for x in ends]
        words = label if label is not None else f"slope {slope:.4g}".replace("-", "−")
        with house():
            self.axes.plot(*zip(*points), color="#555555", linestyle=(0, (5, 2.5)), linewidth=0.9, zorder=1.5)
        for x, y in points:
            self.record(words, "guide", float(x), y)
        self._guides.append(_Guide(shift < 1, (points[0], points[1]), words))

    def shade(self, low: float, high: float, word: str) -> None:
        """Shade a range of x; ``word`` (``support``, ``challenge``, ``excluded``) is written above the panel."""
        if word not in SHADES:
            raise InputError("word", word, f"use one of {', '.join(SHADES)}")
        middle = np.sqrt(low * high) if self.axes.get_xscale() == "log" else (low + high) / 2
        where: dict[str, Any] = {"transform": self.axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
        with house():
            self.axes.axvspan(low, high, color=SHADES[word], alpha=0.07, linewidth=0, zorder=0)
            self.axes.text(middle, 1.01, word, fontsize=8, style="italic", color="#444444", **where)
        self.record(word, "range", None, None, low=low, high=high)
        self._shaded = True

    def level(self, y: float, word: str) -> None:
        """A dotted horizontal line, e.g. the target; ``word`` stands above its right end."""
        place: dict[str, Any] = {
            "xy": (1, y),
            "xycoords": self.axes.get_yaxis_transform(),
            "textcoords": "offset points",
        }
        with house():
            self.axes.axhline(y, color="#555555", linestyle=":", linewidth=1.0, zorder=1.4)
            note = self.axes.annotate(
                word, xytext=(-2, 2), ha="right", va="bottom", fontsize=8, color="#333333", **place
            )
            note.set_path_effects([HALO])
        self.record(word, "level", None, y)

    def record(self, series: str, kind: str, x: Any, y: Any, **more: Any) -> None:
        """Add a row to the data by hand, for what was drawn on ``axes`` directly."""
        row = {"panel": self.title, "series": series, "kind": kind, "x": x, "y": y}
        self.rows.append({**row, "low": more.pop("low", None), "high": more.pop("high", None), **more})

    def prepare(self) -> None:
        """Titles and ticks; ``Plot.spec`` calls this, then ``direct_labels`` if asked, then ``guide_labels``."""
        if self.title:
            self.axes.set_title(self.title, pad=17 if self._shaded else 6)
        for axis, name in ((self.axes.xaxis, "x"), (self.axes.yaxis, "y")):
            if getattr(self.axes, f"get_{name}scale")() == "log":
                axis.set_major_locator(LogLocator(numticks=8))
                axis.set_minor_formatter(NullFormatter())

    def guide_labels(self) -> None:
        """Name the guides, when the layout is final: the words are turned with their lines."""
        # Fixed from here on: with other limits the lines would turn and the words would not.
        self.axes.set_xlim(self.axes.get_xlim())
        self.axes.set_ylim(self.axes.get_ylim())
        for guide in self._guides:
            self._guide_label(guide)

    def _guide_label(self, guide: _Guide) -> None:
        """The words along the line, a third of the way, on the side away from the series that it was put near."""
        (x0, y0), (x1, y1) = self.axes.transData.transform(np.array(guide.ends))
        angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
        angle = (angle + 90) % 180 - 90  # never upside down
        log_ends = np.log(np.array(guide.ends))
        x, y = np.exp(0.7 * log_ends[0] + 0.3 * log_ends[1])
        text = self.axes.annotate(
            guide.label,
            (float(x), float(y)),
            xytext=_normal(angle, -2.5 if guide.below else 2.5),
            textcoords="offset points",
            ha="center",
            va="top" if guide.below else "bottom",
            fontsize=8,
            color="#333333",
            rotation=angle,
            rotation_mode="anchor",
        )
        text.set_path_effects([HALO])
        text.set_in_layout(False)

    def direct_labels(self) -> None:
        """Names to the right of the axes at the height of the last points, moved apart where they would touch."""
        if not self._ends:
            return
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        points = self.axes.transData.transform([(end.x, end.y) for end in self._ends])
        places = self.axes.transAxes.inverted().transform(points)
        line_height = 10.5 * figure.dpi / 72 / self.axes.bbox.height  # of text, in fractions of the axes
        for end, (across, wanted), got in zip(self._ends, places, _spread(places[:, 1], line_height)):
            arrow = {"arrowstyle": "-", "color": end.colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
            near = abs(got - wanted) < 0.3 * line_height and across > 0.95
            self.axes.annotate(
                end.name,
                (end.x, end.y),
                xytext=(1.02, float(got)),
                textcoords=self.axes.transAxes,
                va="center",
                fontsize=8.5,
                color=_darker(end.colour),
                annotation_clip=False,
                arrowprops=None if near else arrow,
            )


def integer_ticks(panel: Panel) -> None:
    """Whole numbers only on the x axis (for an axis that counts, such as p)."""
    panel.axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _darker(colour: str) -> tuple[float, ...]:
    """The colour dark enough to read as text on white."""
    return tuple(0.62 * part for part in to_rgb(colour))


def _normal(angle: float, points: float) -> tuple[float, float]:
    turned = np.radians(angle + 90)
    return float(points * np.cos(turned)), float(points * np.sin(turned))


def _spread(wanted: np.ndarray, gap: float) -> np.ndarray:
    """The positions nearest to ``wanted`` (least squares) in the same order, at least ``gap`` apart."""
    order = np.argsort(wanted, kind="stable")
    shifted = wanted[order] - gap * np.arange(order.size)
    # Pool adjacent violators: the monotone sequence nearest to ``shifted``.
    blocks: list[tuple[float, int]] = []
    for value in shifted:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        blocks.append((mean, count))
    level = np.concatenate([np.full(count, mean) for mean, count in blocks])
    result = np.empty_like(wanted)
    result[order] = level + gap * np.arange(order.size)
    return result


def _vector(name: str, values: ArrayLike | Sequence[float]) -> np.ndarray:
    vector = np.asarray(values, dtype=float)
    if vector.ndim != 1:
        raise InputError(name, vector.shape, "give a flat list of numbers")
    return vector
