"""A layered drawing of an acyclic graph, left to right: boxes in columns, arrows with bends that have their own room.

Layers by the longest path; inside a layer nodes are sorted by the barycentres of their neighbours, swept both ways.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from reports.page import VERDICTS
from reports.style import house

HEIGHT, DOWN, GAP = 0.25, 0.34, 0.4  # inches: height of a box, from box to box, between columns
LETTER, ASIDE, SMALL = 0.074, 0.34, 0.066  # inches: a letter, room for sign and margins, a letter of the key
BEND = 0.5  # room of a bend, as a share of a box's

Edge = tuple[str, str]


@dataclass(frozen=True)
class Style:
    """Colours of a kind of box, and its words in the key."""

    edge: str
    fill: str
    words: str


def depths(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Nodes by the longest path that leads to them; a circle is cut where it closes."""
    before: dict[str, list[str]] = {node: [] for node in nodes}
    for used, user in edges:
        before[user].append(used)
    depth: dict[str, int] = {}

    def level(node: str, path: tuple[str, ...]) -> int:
        if node not in depth:
            behind = [level(used, (*path, node)) for used in before[node] if used not in (*path, node)]
            depth[node] = 1 + max(behind, default=-1)
        return depth[node]

    for node in nodes:
        level(node, ())
    return _pulled(nodes, edges, depth)


def _pulled(nodes: Sequence[str], edges: Sequence[Edge], depth: dict[str, int]) -> dict[str, int]:
    """Sources moved right, next to their first user: long arrows from the left edge carry no news."""
    targets = {user for _, user in edges}
    first = {used: min(depth[user] for start, user in edges if start == used) for used, _ in edges}
    return {node: first[node] - 1 if node not in targets and node in first else depth[node] for node in nodes}


def chains(edges: Sequence[Edge], depth: Mapping[str, int]) -> dict[Edge, list[str]]:
    """For each edge the nodes that it passes, one a layer: between its ends, bends that take room of their own."""
    return {
        (used, user): [used, *(f"{used}>{user}:{i}" for i in range(depth[used] + 1, depth[user])), user]
        for used, user in edges
    }


def layers(nodes: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Columns of nodes and bends, ordered so that neighbours lie near each other (barycentres, swept both ways)."""
    depth = depths(nodes, edges)
    paths = chains(edges, depth)
    steps = [pair for chain in paths.values() for pair in pairwise(chain)]
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for a, b in steps:
        after.setdefault(a, []).append(b)
        before.setdefault(b, []).append(a)
    rows: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for node in nodes:
        rows[depth[node]].append(node)
    for chain in paths.values():
        for i, bend in enumerate(chain[1:-1], depth[chain[0]] + 1):
            rows[i].append(bend)
    place = {node: (i + 0.5) / len(row) for row in rows for i, node in enumerate(row)}
    for sweep in range(24):
        near = before if sweep % 2 else after
        for row in rows if sweep % 2 else reversed(rows):
            weight = {n: sum(place[m] for m in near[n]) / len(near[n]) if n in near else place[n] for n in row}
            row.sort(key=weight.__getitem__)
            place |= {node: (i + 0.5) / len(row) for i, node in enumerate(row)}
    return rows


def draw(
    names: Mapping[str, str],
    edges: Sequence[Edge],
    keys: Mapping[str, str],
    styles: Mapping[str, Style],
    verdicts: Mapping[str, str],
    strong: Collection[str],
) -> Figure:
    """The figure. ``names``: node to label; ``keys``: node to a key of ``styles``; ``strong``: nodes in bold."""
    columns = layers(list(names), edges)
    widths = [max((LETTER * len(names[n]) + ASIDE for n in row if n in names), default=0.4) for row in columns]
    heights = [sum(DOWN if n in names else BEND * DOWN for n in row) for row in columns]
    shown = [key for key in styles if key in keys.values()]
    legend = [SMALL * len(styles[key].words) + 0.4 for key in shown]
    total = sum(widths) + GAP * (len(columns) - 1) + 0.2
    lines = _lines(legend, max(total, max(legend) + 0.2) - 0.2)
    size = (max(total, max(legend) + 0.2), max(heights) + 0.2 + 0.26 * len(lines))
    places: dict[str, tuple[float, float]] = {}
    across: dict[str, float] = {}
    x = 0.1
    for row, width, height in zip(columns, widths, heights, strict=True):
        y = size[1] - 0.1 - (max(heights) - height) / 2
        for node in row:
            room = DOWN if node in names else BEND * DOWN
            places[node], across[node] = (x, y - room / 2), width
            y -= room
        x += width + GAP
    with house():
        figure = Figure(figsize=size)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, size[0])
        axes.set_ylim(0, size[1])
        axes.set_axis_off()
        for (used, user), chain in chains(edges, depths(list(names), edges)).items():
            _arrow(axes, [(*places[node], across[node]) for node in chain], styles[keys[used]].edge, places[user])
        for node in names:
            at = (*places[node], across[node])
            _box(axes, names[node], at, styles[keys[node]], verdicts[node], node in strong)
        for number, line in enumerate(lines):
            _key(axes, [shown[i] for i in line], styles, 0.1 + 0.26 * (len(lines) - 1 - number))
    return figure


def _lines(widths: Sequence[float], room: float) -> list[list[int]]:
    """Entries of the key, as many a line as fit."""
    lines: list[list[int]] = [[]]
    used = 0.0
    for i, width in enumerate(widths):
        if lines[-1] and used + width > room:
            lines.append([])
            used = 0.0
        lines[-1].append(i)
        used += width
    return lines


def _arrow(axes: Axes, stops: Sequence[tuple[float, float, float]], colour: str, end: tuple[float, float]) -> None:
    """From the right side of the first box to the left side of the last, straight through the width of each bend."""
    x, y, width = stops[0]
    x += width
    vertices, codes = [(x, y)], [Path.MOVETO]
    for left, height, width in stops[1:]:
        half = (left - x) / 2
        vertices += [(x + half, y), (left - half, height), (left, height), (left + width, height)]
        codes += [Path.CURVE4] * 3 + [Path.LINETO]
        x, y = left + width, height
    curve = Path(vertices[:-1], codes[:-1])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=0.9, alpha=0.8, zorder=1))
    axes.plot([end[0] - 0.03], [end[1]], marker=">", markersize=4, color=colour, zorder=2)


def _box(axes: Axes, name: str, at: tuple[float, float, float], style: Style, verdict: str, strong: bool) -> None:
    x, y, width = at
    shape = FancyBboxPatch(
        (x, y - HEIGHT / 2), width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.05",
        facecolor=style.fill, edgecolor=style.edge, linewidth=1.8 if strong else 0.9, zorder=3,
    )  # fmt: skip
    axes.add_patch(shape)
    sign = VERDICTS.get(verdict, ("•", "*", "none"))[0]
    axes.text(x + 0.08, y, sign, va="center_baseline", fontsize=9, color=style.edge, zorder=4)
    weight = "bold" if strong else "normal"
    axes.text(x + 0.26, y, name, va="center_baseline", fontsize=9, color="#1b1f24", weight=weight, zorder=4)


def _key(axes: Axes, shown: Sequence[str], styles: Mapping[str, Style], y: float) -> None:
    x = 0.1
    for key in shown:
        style = styles[key]
        box = "round,pad=0,rounding_size=0.03"
        patch = FancyBboxPatch((x, y - 0.06), 0.18, 0.13, boxstyle=box, facecolor=style.fill, edgecolor=style.edge)
        axes.add_patch(patch)
        axes.text(x + 0.24, y, style.words, va="center_baseline", fontsize=8, color="#444c56")
        x += SMALL * len(style.words) + 0.4
