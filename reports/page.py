r"""Pages of the report as data: typed blocks, without a word about HTML, LaTeX or terminals.

A page is written like this::

    Page(
        "stencils",
        "Stencils",
        r"How the weights $\alpha_j$ of the paper's finite differences grow with $p$.",
        (
            Heading("Weights"),
            Paragraph(r"Central stencils exist for **even** $p$; see `bounds.stencil`."),
            Formula(r"\hat\psi'(0) = \frac{1}{\nu} \sum_j \alpha_j \psi(j\nu)"),
            Table(("p", r"$c_p$"), ((2, Fraction(1, 6)),), caption="Exact constants"),
            Figure(plot.spec(), caption="..."),
        ),
    )

Two kinds of text:

* prose (paragraphs, notes, leads, captions, list items, column titles) may hold ``$formula$`` (no space inside the
  dollars; the language of :mod:`reports.mathml`), `` `code` ``, ``**bold**`` and ``[words](#anchor)``; a backslash
  before ``$ * ` [ \`` takes the meaning away, and :func:`reports.cells.literal` does so for a whole string, e.g. a
  name given by a user;
* data (table cells, titles, code) is taken as it stands.

Prose fields also take a tuple that mixes strings with :class:`Badge`, :class:`Link` and :class:`Formula`.
Nothing in either kind can become markup of the output: escaping is the renderers' business, never the author's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real
from typing import TYPE_CHECKING

from reports.mathml import to_mathml
from synthetic.errors import InputError

if TYPE_CHECKING:
    from reports.figure import FigureSpec

# Every verdict is a word and a sign; the tone only adds a colour. (sign, sign in plain ASCII, tone)
VERDICTS: dict[str, tuple[str, str, str]] = {
    "proved": ("∎", "#", "good"),
    "enclosed": ("⊂", "c", "good"),
    "exact": ("=", "=", "good"),
    "supported": ("≈", "~", "fair"),
    "refuted": ("✗", "x", "bad"),
    "untestable": ("?", "?", "none"),
    "deferred": ("…", ".", "none"),
    "strongly consistent": ("✓✓", "++", "good"),
    "weakly consistent": ("✓", "+", "fair"),
    "inconsistent": ("✗", "x", "bad"),
    "equivalent": ("✓", "+", "good"),
    "not equivalent": ("✗", "x", "bad"),
    "as recorded": ("✓", "+", "good"),
    "deviates": ("✗", "x", "bad"),
}


@dataclass(frozen=True)
class Badge:
    """A verdict: a word with its sign. ``tone`` (good, fair, bad, none) is looked up unless given."""

    word: str
    tone: str = ""

    @property
    def sign(self) -> str:
        return VERDICTS.get(self.word, ("•", "*", "none"))[0]

    @property
    def ascii_sign(self) -> str:
        return VERDICTS.get(self.word, ("•", "*", "none"))[1]

    @property
    def colour(self) -> str:
        return self.tone or VERDICTS.get(self.word, ("•", "*", "none"))[2]


@dataclass(frozen=True)
class Link:
    """A jump inside the report: ``Link("Lemma C.1", "f2sa_p-lemma-C-1")``; other targets do not exist."""

    words: str
    anchor: str


@dataclass(frozen=True)
class Formula:
    """A formula, displayed when it is a block of its own; the language is that of :mod:`reports.mathml`."""

    source: str

    def __post_init__(self) -> None:
        to_mathml(self.source)  # an unknown command should fail where it is written


@dataclass(frozen=True)
class Prose:
    """Prose inside a table cell, where plain strings are data: ``Prose(r"$\\nu^p$ and `code`")``."""

    text: str


Inline = str | Badge | Link | Formula | tuple[str | Badge | Link | Formula, ...]
Cell = str | int | float | Fraction | bool | None | Badge | Link | Formula | Prose


@dataclass(frozen=True)
class Heading:
    """A heading inside a page: level 3 under the page's title (level 2), or 4. ``id``: a fixed anchor."""

    text: str
    level: int = 3
    id: str = ""

    def __post_init__(self) -> None:
        if self.level not in (3, 4):
            raise InputError("level", self.level, "use 3 or 4; level 2 is the page's title")


@dataclass(frozen=True)
class Paragraph:
    text: Inline


@dataclass(frozen=True)
class Bullets:
    """A list of short points."""

    items: Sequence[Inline]


@dataclass(frozen=True)
class Note:
    """A remark set apart. ``kind``: ``note`` or ``caution`` (the word is shown, not only a colour)."""

    text: Inline
    kind: str = "note"

    def __post_init__(self) -> None:
        if self.kind not in ("note", "caution"):
            raise InputError("kind", self.kind, "use 'note' or 'caution'")


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Facts:
    """Pairs of a label (prose) and a value (a cell): the short data sheet of a claim or an instance."""

    items: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Column:
    """One column: title (prose), ``format`` for its numbers (as in :func:`format`), alignment.

    ``align``: ``left``, ``right`` or ``auto`` (right when every cell is a number). ``wrap``: long cells may break.
    """

    title: str
    format: str = ""
    align: str = "auto"
    wrap: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under ``columns`` (titles, or :class:`Column` for more say).

    ``row_header``: the first column names its row. ``group``: indices of rows that begin a new group (a rule above).
    """

    columns: Sequence[str | Column]
    rows: Sequence[Sequence[Cell]]
    caption: Inline = ""
    id: str = ""
    row_header: bool = True
    groups: Sequence[int] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InputError("rows", row, f"give each row {len(self.columns)} cells, one per column")

    @property
    def heads(self) -> tuple[Column, ...]:
        return tuple(c if isinstance(c, Column) else Column(c) for c in self.columns)

    def alignment(self, index: int) -> str:
        """``left`` or ``right`` for the column ``index``."""
        asked = self.heads[index].align
        if asked != "auto":
            return asked
        cells = [row[index] for row in self.rows if row[index] is not None]
        return "right" if cells and all(is_number(cell) for cell in cells) else "left"


@dataclass(frozen=True)
class Figure:
    """A figure with its caption; the alternative text comes with ``spec`` (see :mod:`reports.figure`)."""

    spec: FigureSpec
    caption: Inline = ""


@dataclass(frozen=True)
class Details:
    """Blocks that open on a click (and are open in print)."""

    summary: Inline
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Card:
    """A titled box with an anchor of its own, e.g. one claim of the ledger; ``badges`` stand beside the title."""

    id: str
    title: str
    blocks: Sequence[Block]
    badges: Sequence[Badge] = ()

    def __post_init__(self) -> None:
        check_id("id", self.id)


Block = Heading | Paragraph | Bullets | Note | Code | Facts | Formula | Table | Figure | Details | Card


@dataclass(frozen=True)
class Page:
    """A section of the report: ``id`` (anchor and name of its data file), title, one-sentence lead, blocks."""

    id: str
    title: str
    lead: Inline
    blocks: Sequence[Block] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        check_id("id", self.id)
        if not self.title.strip():
            raise InputError("title", self.title, "name the page")


def check_id(argument: str, value: str) -> None:
    """Anchors and file stems: letters, digits, ``-``, ``_``, ``.``, beginning with a letter."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*", value):
        raise InputError(argument, value, "use letters, digits, '-', '_' and '.', beginning with a letter")


def anchor_of(text: str) -> str:
    """A valid anchor made from any text: ``anchor_of("f2sa_p:lemma-C.1") == "f2sa_p-lemma-C.1"``."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    return safe if safe[:1].isalpha() else f"x-{safe}".rstrip("-")


def is_number(cell: Cell) -> bool:
    """Whether a cell is shown as a number (truth values are words)."""
    return isinstance(cell, Real) and not isinstance(cell, bool)
