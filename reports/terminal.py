"""Tables and progress in a terminal; plain text when there is none.

Colours and bars appear only where they help: on a terminal, with ``NO_COLOR`` unset and ``TERM`` not ``dumb``. In a
pipe or a file a table is aligned text that loses nothing to a guessed width, and progress is silent. rich is imported
only when a terminal is really drawn on, because it costs more time than most commands.

Names may come from a user's file: control characters are removed, so that no string can move the cursor, change
colours or the window's title.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from reports.cells import cell_text, plain, spans
from reports.mathml import readable
from reports.page import Badge, Cell, Inline, Table

_TONES = {"good": "green", "fair": "blue", "bad": "bold red", "none": "dim"}


def clean(text: str) -> str:
    """``text`` on one line without control or direction-changing characters."""
    spaced = "".join(" " if character in "\t\n\r" else character for character in text)
    return "".join(character for character in spaced if unicodedata.category(character) not in ("Cc", "Cf", "Cs"))


def is_rich(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal that can do more than lines of text."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _encodable(text: str, stream: TextIO) -> str:
    """``text`` with whatever the stream's encoding lacks replaced by ``?``."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _show(cell: Cell, spec: str, stream: TextIO) -> str:
    if isinstance(cell, Badge):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            cell.sign.encode(encoding)
        except UnicodeEncodeError:
            return clean(f"{cell.ascii_sign} {cell.word}")
    return clean(cell_text(cell, spec))


def table_text(table: Table, stream: TextIO | None = None) -> str:
    """``table`` as aligned plain text, every cell in full; the same bytes whatever the terminal."""
    out = stream or sys.stdout
    heads = [clean(plain(head.title)) for head in table.heads]
    rows = [[_show(cell, head.format, out) for cell, head in zip(row, table.heads)] for row in table.rows]
    widths = [max([_width(head)] + [_width(row[i]) for row in rows]) for i, head in enumerate(heads)]

    def line(cells: list[str]) -> str:
        padded = (_pad(cell, widths[i], table.alignment(i)) for i, cell in enumerate(cells))
        return "  ".join(padded).rstrip()

    lines = [clean(plain(table.caption)), ""] if plain(table.caption) else []
    lines += [line(heads), "  ".join("-" * width for width in widths)]
    for number, row in enumerate(rows):
        if number in table.groups and number > 0:
            lines.append("")
        lines.append(line(row))
    return _encodable("\n".join(lines) + "\n", out)


def _width(text: str) -> int:
    """Columns that ``text`` takes: wide East Asian characters two, combining marks none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


def _pad(text: str, width: int, align: str) -> str:
    space = " " * (width - _width(text))
    return space + text if align == "right" else text + space


def print_table(table: Table, stream: TextIO | None = None) -> None:
    """Print ``table``: with rules and colours on a terminal, as :func:`table_text` elsewhere."""
    out = stream or sys.stdout
    if not is_rich(out):
        out.write(table_text(table, out))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    # Text objects, never strings: rich reads [brackets] in strings as commands.
    drawn = RichTable(
        box=box.SIMPLE_HEAD, title=Text(_encodable(clean(plain(table.caption)), out)), title_justify="left"
    )
    for index, head in enumerate(table.heads):
        right = table.alignment(index) == "right"
        # A number or a verdict that is broken in two is misread; names and sentences may be broken.
        whole = right or any(isinstance(row[index], Badge) for row in table.rows)
        title = Text(_encodable(clean(plain(head.title)), out))
        drawn.add_column(title, justify="right" if right else "left", overflow="fold", no_wrap=whole)
    for number, row in enumerate(table.rows):
        if number in table.groups and number > 0:
            drawn.add_section()
        cells = []
        for cell, head in zip(row, table.heads):
            style = _TONES.get(cell.colour, "") if isinstance(cell, Badge) else ""
            cells.append(Text(_encodable(_show(cell, head.format, out), out), style=style))
        drawn.add_row(*cells)
    Console(file=out, highlight=False).print(drawn)


def print_prose(text: Inline, stream: TextIO | None = None) -> None:
    """Print a paragraph; ``**bold**`` is bold on a terminal, links are their words."""
    out = stream or sys.stdout
    if not is_rich(out) or not isinstance(text, str):
        out.write(_encodable(clean(plain(text)) + "\n", out))
        return
    from rich.console import Console
    from rich.text import Text

    styles = {"strong": "bold", "code": "cyan"}
    drawn = Text()
    for span in spans(text):
        words = readable(span.text) if span.kind == "math" else span.text
        drawn.append(_encodable(clean(words), out), style=styles.get(span.kind, ""))
    Console(file=out, highlight=False).print(drawn)


@contextmanager
def progress(description: str, total: int, stream: TextIO | None = None) -> Iterator[Callable[..., None]]:
    """A bar on ``stream`` (stderr by default); yields ``advance(steps=1, note="")``. Silent off a terminal.

    ::

        with progress("claims", len(claims)) as advance:
            for claim in claims:
                advance(note=claim.id)
    """
    out = stream or sys.stderr
    if not is_rich(out):
        yield lambda steps=1, note="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn(), TextColumn("{task.fields[note]}", markup=False)]
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(clean(description), total=total, note="")

        def advance(steps: int = 1, note: str = "") -> None:
            bar.update(task, advance=steps, note=_encodable(clean(note), out))

        yield advance
