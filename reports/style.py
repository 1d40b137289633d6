"""The house style: fonts, colours and markers of every figure, independent of the user's own settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "lines.linewidth": 1.3,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # text as outlines: no font of the reader's can shift a label
    "pdf.fonttype": 42,  # publishers refuse Type 3 fonts
    "path.simplify": True,
}
# Okabe and Ito's palette, told apart by every kind of colour vision (yellow left out: too faint on white).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h")
# The headline's orders first, so that they have colours of their own.
_ORDERS = {p: number for number, p in enumerate((1, 2, 3, 4, 6, 8, 5, 7, 9, 10))}


@contextmanager
def house() -> Iterator[None]:
    """The house style on matplotlib's own defaults, whatever the user's settings are; restored on leaving."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def style_of_order(p: int) -> int:
    """The ``style`` that stands for order ``p`` in every figure of the report."""
    return _ORDERS.get(p, p)
