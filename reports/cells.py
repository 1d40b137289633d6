"""What stands in a paragraph or a table cell, in the forms that all renderers share."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral
from typing import Any

from reports.mathml import readable
from reports.page import Badge, Block, Card, Cell, Details, Formula, Inline, Link, Page, Prose, Table, is_number


def literal(text: str) -> str:
    """``text`` as prose that shows exactly ``text``."""
    return re.sub(r"([\\$*`\[])", r"\\\1", text)


@dataclass(frozen=True)
class Span:
    """A stretch of prose: ``kind`` is text, strong, code, math or link (then with ``anchor``)."""

    kind: str
    text: str
    anchor: str = ""


_SPAN = re.compile(
    r"\\(?P<escaped>[\\$*`\[])|\$(?P<math>[^$\s](?:[^$]*[^$\s])?)\$(?!\d)|`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*"
    r"|\[(?P<link>[^\[\]]+)\]\(#(?P<anchor>[A-Za-z][A-Za-z0-9._-]*)\)",
    re.DOTALL,
)


def spans(text: str) -> tuple[Span, ...]:
    """The spans of a piece of prose; neighbouring plain text is one span."""
    found: list[Span] = []

    def plain(piece: str) -> None:
        if piece and found and found[-1].kind == "text":
            found[-1] = Span("text", found[-1].text + piece)
        elif piece:
            found.append(Span("text", piece))

    at = 0
    for match in _SPAN.finditer(text):
        plain(text[at : match.start()])
        at = match.end()
        kind = match.lastgroup or ""
        if kind == "escaped":
            plain(match["escaped"])
        elif kind == "anchor":
            found.append(Span("link", match["link"], match["anchor"]))
        else:
            found.append(Span(kind, match[kind]))
    plain(text[at:])
    return tuple(found)


def cell_text(cell: Cell, spec: str = "") -> str:
    """A cell in plain characters: what terminals show and what the other renderers start from.

    Integers of more than 7 digits and floats are shown with 4 significant digits unless ``spec`` says otherwise.
    """
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Badge):
        return f"{cell.sign} {cell.word}"
    if isinstance(cell, Link):
        return cell.words
    if isinstance(cell, Formula):
        return readable(cell.source)
    if isinstance(cell, Prose):
        return "".join(readable(s.text) if s.kind == "math" else s.text for s in spans(cell.text))
    if is_number(cell):
        return _number_text(cell, spec)
    return str(cell)


def _number_text(value: Any, spec: str) -> str:
    if isinstance(value, Integral):
        if spec:
            return format(int(value), spec)
        digits = str(abs(int(value)))
        if len(digits) <= 7:
            return str(int(value))
        # Not through float: the counts of a run may be larger than any double.
        rounded = Fraction(round(Fraction(abs(int(value)), 10 ** (len(digits) - 4))))
        shift = len(digits) - 1 + (1 if rounded >= 10**4 else 0)
        mantissa = float(rounded) / (10**4 if rounded >= 10**4 else 10**3)
        return f"{'-' if value < 0 else ''}{mantissa:.3f}e+{shift:02d}"
    if isinstance(value, Fraction):
        return format(float(value), spec) if spec else str(value)
    if value == 0 and spec.endswith("e"):
        return "0"
    return format(float(value), spec or ".4g")


def cell_data(cell: Cell) -> Any:
    """A cell for a JSON file: numbers stay numbers, fractions and huge integers become exact strings."""
    if cell is None or isinstance(cell, bool | str):
        return cell
    if isinstance(cell, Badge):
        return cell.word
    if isinstance(cell, Formula):
        return cell.source
    if isinstance(cell, Integral):
        number = int(cell)
        return number if abs(number) < 2**53 else str(number)
    if isinstance(cell, Fraction):
        return str(cell)
    if is_number(cell):
        number_ = float(cell)  # type: ignore[arg-type]
        return number_ if abs(number_) < float("inf") else str(number_)
    return cell_text(cell)


def table_data(table: Table) -> dict[str, Any]:
    """A table for a JSON file: caption, column titles as written, rows."""
    words = plain(table.caption)
    rows = [[cell_data(cell) for cell in row] for row in table.rows]
    return {"caption": words, "columns": [head.title for head in table.heads], "rows": rows}


def tables_in(blocks: Sequence[Block]) -> list[Table]:
    """All tables among ``blocks``, those inside cards and details included, in order."""
    found: list[Table] = []
    for block in blocks:
        if isinstance(block, Table):
            found.append(block)
        elif isinstance(block, Details | Card):
            found.extend(tables_in(block.blocks))
    return found


def page_json(page: Page) -> str:
    """The data of a page's tables, the same bytes for the same page."""
    tables = [table_data(table) for table in tables_in(page.blocks)]
    content = {"page": page.id, "title": page.title, "tables": tables}
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def parts(text: Inline) -> tuple[str | Badge | Link | Formula, ...]:
    """Prose as a tuple of its parts, however it was given."""
    return text if isinstance(text, tuple) else (text,)


def plain(text: Inline) -> str:
    """Prose in plain characters: no markup, formulas as their source."""
    return "".join(cell_text(Prose(part)) if isinstance(part, str) else cell_text(part) for part in parts(text))
