"""Pages to one HTML file that opens from disk: no network, no script, everything inline, the same bytes every time.

``write_report(pages, out_dir, manifest)`` leaves

* ``index.html``: all pages as sections, styles and SVG figures inline, formulas as MathML;
* ``figures/STEM.svg``, ``.pdf``, ``.csv`` for every figure, linked beside it;
* ``tables/ID.tex`` for every table with an id, ready for a paper, linked in its caption;
* ``data/PAGE.json`` with the tables of each page, ``data/manifest.json`` with the environment.

Every text passes through Jinja's autoescape or MarkupSafe; the only ready-made markup is MathML and SVG, whose
producers (:mod:`reports.mathml`, :mod:`reports.figure`) escape what they are given. A content security policy in the
page forbids scripts and every load from outside, should anything slip through.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.cells import cell_data, cell_text, page_json, parts, plain, spans, tables_in
from reports.latex import latex_table
from reports.mathml import is_formula, to_mathml
from reports.page import (
    Badge,
    Block,
    Card,
    Cell,
    Details,
    Figure,
    Formula,
    Heading,
    Inline,
    Link,
    Page,
    Prose,
    Table,
    anchor_of,
    is_number,
)
from synthetic.errors import InputError

HERE = Path(__file__).parent
_CLINGS_BEFORE = re.compile(r"[([{‖|√]+$")
_WORD_BEFORE = re.compile(r"\S{1,24}$")
_CLOSING = (")", "]", "\\|", "‖")
_CLINGS_AFTER = re.compile(r"[])}.,;:‖|!?]+(?!\w)")
_EXPONENT = re.compile(r"^(-?[\d.]+)e([+-]?)0*(\d+)$")


def write_report(
    pages: Sequence[Page],
    out_dir: str | Path,
    manifest: Mapping[str, Any],
    *,
    title: str = "bilevel-rates",
    subtitle: Inline = "The executable appendix of stochastic bilevel optimization",
) -> Path:
    """Write the report and return the path of its ``index.html``.

    ``manifest``: what the numbers depend on (versions, level, seeds), shown on the last page as given; pass nothing
    that changes from run to run if the bytes are to agree. Raises InputError on two pages, figures or anchors of one
    name.
    """
    out = Path(out_dir)
    if not pages:
        raise InputError("pages", pages, "give at least one page")
    (out / "data").mkdir(parents=True, exist_ok=True)
    book = _Book(out)
    for page in pages:
        book.claim(page.id)
    sections = [_Section(page, book) for page in pages]
    book.claim("environment")
    facts = [(name, _fact(value)) for name, value in manifest.items()]
    environment = _environment(book)
    html = environment.get_template("report.html.j2").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        manifest=facts,
        style=Markup((HERE / "assets" / "report.css").read_text(encoding="utf-8")),
    )
    for page in pages:
        _write(out / "data" / f"{page.id}.json", page_json(page))
        for table in tables_in(page.blocks):
            if table.id:
                (out / "tables").mkdir(exist_ok=True)
                _write(out / "tables" / f"{table.id}.tex", latex_table(table))
    recorded = {name: cell_data(cell) if _is_cell(cell) else cell for name, cell in manifest.items()}
    _write(out / "data" / "manifest.json", json.dumps(recorded, ensure_ascii=False, indent=1) + "\n")
    _write(out / "index.html", html)
    return out / "index.html"


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a report that is being read is never half written."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)


def _fact(value: Any) -> Cell:
    """A value of the manifest to read: mappings as ``numpy 2.4, scipy 1.17``, other structures as JSON."""
    if isinstance(value, Mapping) and all(_is_cell(item) for item in value.values()):
        return ", ".join(f"{name} {cell_text(item)}" for name, item in value.items())
    return value if _is_cell(value) else json.dumps(value, sort_keys=True)


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | Fraction | Badge | Link | Formula | Prose)


@dataclass
class _Book:
    """What must be unique in the file, and where its figures go."""

    out: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)

    def claim(self, anchor: str) -> str:
        if anchor in self.anchors:
            raise InputError("id", anchor, "it is used twice in the report: give each page, card and figure its own")
        self.anchors.add(anchor)
        return anchor

    def fresh(self, wanted: str) -> str:
        """An anchor like ``wanted`` that is still free."""
        name, number = wanted, 2
        while name in self.anchors:
            name, number = f"{wanted}-{number}", number + 1
        return self.claim(name)

    def figure(self, figure: Figure) -> dict[str, Any]:
        from reports.figure import save  # matplotlib is slow to import, and a report may have no figure

        self.claim(f"figure-{figure.spec.stem}")
        saved = save(figure.spec, self.out / "figures")
        files = [(path.suffix[1:].upper(), f"figures/{path.name}") for path in saved.files]
        # In print a wide figure gets a landscape page: its letters would be too small on an upright one.
        look = "broad" if figure.spec.figure.get_figwidth() > 10 else ""
        return {"id": f"figure-{saved.stem}", "svg": Markup(saved.svg), "files": files, "look": look}


class _Section:
    """A page with anchors for its headings, known before anything is drawn so that the navigation can list them."""

    def __init__(self, page: Page, book: _Book) -> None:
        self.page = page
        self.anchors: dict[int, str] = {}
        self.contents: list[tuple[str, str]] = []
        for block in _all_blocks(page.blocks):
            if isinstance(block, Card | Table) and block.id:
                book.claim(block.id)
        for block in page.blocks:
            if isinstance(block, Heading) and block.level == 3:
                self.contents.append((block.text, self.anchor(block, book)))

    def anchor(self, heading: Heading, book: _Book) -> str:
        if id(heading) not in self.anchors:
            wanted = heading.id or f"{self.page.id}--{anchor_of(heading.text)}"
            self.anchors[id(heading)] = book.claim(wanted) if heading.id else book.fresh(wanted)
        return self.anchors[id(heading)]


def _all_blocks(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Card | Details):
            yield from _all_blocks(block.blocks)


def _environment(book: _Book) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, cell=cell, display=display, kind=lambda block: type(block).__name__)
    environment.globals.update(book=book, plain=plain)
    return environment


def badge(item: Badge) -> Markup:
    """A word and a sign in a coloured pill; the sign is decoration for the eye, so screen readers skip it."""
    return Markup('<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>').format(
        item.colour, item.sign, item.word
    )


def display(formula: Formula) -> Markup:
    return Markup(to_mathml(formula.source, display=True))


def prose(text: Inline) -> Markup:
    """Prose as HTML; everything that is no markup of :mod:`reports.page` is shown as it stands."""
    return Markup("").join(_part(part) for part in parts(text))


def _part(part: str | Badge | Link | Formula) -> Markup:
    if isinstance(part, Badge):
        return badge(part)
    if isinstance(part, Link):
        return Markup('<a href="#{}">{}</a>').format(anchor_of(part.anchor), part.words)
    if isinstance(part, Formula):
        return Markup(to_mathml(part.source))
    return _joined([(span.kind, span.text, span.anchor) for span in spans(part)])


def _joined(pieces: list[tuple[str, str, str]]) -> Markup:
    """The pieces of prose; a bracket, a comma or a point stays on the line of the formula that it touches."""
    out: list[Markup] = []
    texts = [text for _, text, _ in pieces]
    for i, (kind, _, anchor) in enumerate(pieces):
        shown = _span(kind, texts[i], anchor)
        if kind == "math":
            # A closing bracket with its power, ")^2", clings to the whole word before it.
            clings = _WORD_BEFORE if texts[i].startswith(_CLOSING) else _CLINGS_BEFORE
            before = clings.search(texts[i - 1]) if i and pieces[i - 1][0] == "text" else None
            after = _CLINGS_AFTER.match(texts[i + 1]) if i + 1 < len(pieces) and pieces[i + 1][0] == "text" else None
            if before:
                out[-1] = escape(texts[i - 1][: before.start()])
            if after:
                texts[i + 1] = texts[i + 1][after.end() :]
            if before or after:
                shown = Markup('<span class="nb">{}{}{}</span>').format(
                    before[0] if before else "", shown, after[0] if after else ""
                )
        out.append(shown)
    return Markup("").join(out)


def _span(kind: str, text: str, anchor: str) -> Markup:
    if kind == "math":
        # A price in dollars from a user's text is no formula: show what was written rather than stop the report.
        return Markup(to_mathml(text)) if is_formula(text) else escape(f"${text}$")
    if kind == "link":
        return Markup('<a href="#{}">{}</a>').format(anchor, text)
    tag = {"strong": "strong", "code": "code"}.get(kind)
    return Markup(f"<{tag}>{{}}</{tag}>").format(text) if tag else escape(text)


def cell(value: Cell, spec: str = "") -> Markup:
    """A table cell; numbers get a real minus sign and powers of ten."""
    if isinstance(value, Prose):
        return prose(value.text)
    if isinstance(value, Badge | Link | Formula):
        return _part(value)
    text = cell_text(value, spec)
    if not is_number(value):
        return escape(text)
    match = _EXPONENT.match(text)
    if match:
        mantissa, sign, digits = match.groups()
        minus = "−" if sign == "-" else ""
        return Markup("{}&#8239;×&#8239;10<sup>{}{}</sup>").format(mantissa.replace("-", "−"), minus, digits)
    return escape(text.replace("-", "−"))
