"""What a refuted statement touches: refuted claims and the claims that use them, drawn in layers from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from reports.figure import FigureSpec
from reports.page import VERDICTS
from reports.pages.ledger_rows import NAMES, Row, descendants, short, users
from reports.style import house

TONES = {"good": ("#0b6b3a", "#e7f6ed"), "fair": ("#1d4f91", "#e9f1fc"), "bad": ("#a4161a", "#fdeceb"),
         "none": ("#4b5563", "#eef0f3")}  # fmt: skip
WIDTH, HEIGHT, ACROSS, DOWN = 1.62, 0.24, 2.15, 0.33  # inches: of a box, and from box to box

Edge = tuple[str, str]


def affected(found: Sequence[Row]) -> tuple[list[str], list[Edge]]:
    """Refuted claims that others use, with all claims downstream; and the edges (used, user) among them."""
    direct = users(found)
    refuted = [row["id"] for row in found if row["verdict_printed"] == "refuted"]
    kept = {id for id in refuted if direct[id]} | {user for id in refuted for user in descendants(id, direct)}
    nodes = [row["id"] for row in found if row["id"] in kept]
    return nodes, [(used, user) for used in nodes for user in direct[used]]


def depths(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Nodes by the longest path that leads to them; a circle of uses is cut where it closes."""
    before = {node: [used for used, user in edges if user == node] for node in nodes}
    depth: dict[str, int] = {}

    def level(node: str, path: tuple[str, ...]) -> int:
        if node not in depth:
            behind = [level(used, (*path, node)) for used in before[node] if used not in (*path, node)]
            depth[node] = 1 + max(behind, default=-1)
        return depth[node]

    for node in nodes:
        level(node, ())
    return depth


def chains(edges: Sequence[Edge], depth: Mapping[str, int]) -> dict[Edge, list[str]]:
    """For each edge the nodes that it passes, one a layer: between its ends, bends that take room of their own."""
    return {
        (used, user): [used, *(f"{used}>{user}:{i}" for i in range(depth[used] + 1, depth[user])), user]
        for used, user in edges
    }


def layers(nodes: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Columns of nodes and bends, ordered so that neighbours lie near each other (barycentres, swept both ways)."""
    depth = depths(nodes, edges)
    steps = [pair for chain in chains(edges, depth).values() for pair in pairwise(chain)]
    rows: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for node in nodes:
        rows[depth[node]].append(node)
    for chain in chains(edges, depth).values():
        for i, bend in enumerate(chain[1:-1], depth[chain[0]] + 1):
            rows[i].append(bend)
    for sweep in range(12):
        place = {node: (i + 0.5) / len(row) for row in rows for i, node in enumerate(row)}
        for row in rows if sweep % 2 else reversed(rows):
            near = {
                node: [place[a if sweep % 2 else b] for a, b in steps if node == (b if sweep % 2 else a)]
                for node in row
            }
            row.sort(key=lambda node: sum(near[node]) / len(near[node]) if near[node] else place[node])
            place |= {node: (i + 0.5) / len(row) for i, node in enumerate(row)}
    return rows


def downstream_figure(found: Sequence[Row], paper: str) -> FigureSpec | None:
    """The figure for one paper, or None when no refuted claim of it is used by another."""
    verdicts = {row["id"]: row["verdict_printed"] for row in found}
    nodes, edges = affected(found)
    if not nodes:
        return None
    columns = layers(nodes, edges)
    tallest = max(map(len, columns))
    size = (ACROSS * (len(columns) - 1) + WIDTH + 0.2, DOWN * tallest + 0.15)
    places = {
        node: (0.1 + ACROSS * i, size[1] - 0.075 - DOWN * (j + 0.5 + (tallest - len(column)) / 2))
        for i, column in enumerate(columns)
        for j, node in enumerate(column)
    }
    with house():
        figure = _draw(places, chains(edges, depths(nodes, edges)), verdicts, size)
    direct = users(found)
    words = "; ".join(f"{short(n)} is used by {', '.join(map(short, direct[n]))}" for n in nodes if direct[n])
    alt = (
        f"Graph of {len(nodes)} claims of paper {paper}: refuted ones and those that use them, left to right. {words}."
    )
    data = [{"used": used, "user": user, "used as printed": verdicts[used], "user as printed": verdicts[user]}
            for used, user in edges]  # fmt: skip
    return FigureSpec(f"downstream-{NAMES.get(paper, paper).replace('_', '-')}", figure, data, alt)


def _draw(
    places: Mapping[str, tuple[float, float]],
    drawn: Mapping[Edge, Sequence[str]],
    verdicts: Mapping[str, str],
    size: tuple[float, float],
) -> Figure:
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, size[0])
    axes.set_ylim(0, size[1])
    axes.set_axis_off()
    for (used, user), chain in drawn.items():
        colour = "#a4161a" if verdicts[used] == "refuted" else "#8a929c"
        curve = _curve([places[node] for node in chain])
        axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=colour, linewidth=0.8, alpha=0.75, zorder=1))
        axes.plot([places[user][0] - 0.02], [places[user][1]], marker=">", markersize=3.4, color=colour, zorder=2)
    for node, (x, y) in places.items():
        if node in verdicts:  # not a bend
            _box(axes, node, x, y, verdicts[node])
    return figure


def _curve(points: Sequence[tuple[float, float]]) -> Path:
    """From the right side of the first box to the left side of the last, straight through the width of each bend."""
    x, y = points[0][0] + WIDTH, points[0][1]
    half = (ACROSS - WIDTH) / 2
    vertices, codes = [(x, y)], [Path.MOVETO]
    for left, height in points[1:]:
        vertices += [(x + half, y), (left - half, height), (left, height), (left + WIDTH, height)]
        codes += [Path.CURVE4] * 3 + [Path.LINETO]
        x, y = left + WIDTH, height
    return Path(vertices[:-1], codes[:-1])


def _box(axes: Axes, node: str, x: float, y: float, verdict: str) -> None:
    sign, _, tone = VERDICTS.get(verdict, ("•", "*", "none"))
    edge, fill = TONES[tone]
    shape = FancyBboxPatch(
        (x, y - HEIGHT / 2), WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=0.05",
        facecolor=fill, edgecolor=edge, linewidth=0.9, zorder=3,
    )  # fmt: skip
    axes.add_patch(shape)
    axes.text(x + 0.09, y, sign, va="center_baseline", fontsize=8, color=edge, zorder=4)
    axes.text(x + 0.27, y, short(node), va="center_baseline", fontsize=8, color="#1b1f24", zorder=4)
