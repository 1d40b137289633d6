"""The report: escaped, self-contained, well formed, reproducible; the same tables in LaTeX and on a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.cells import cell_data, literal, page_json
from reports.html import cell, prose, write_report
from reports.page import (
    Badge,
    Block,
    Bullets,
    Card,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Formula,
    Heading,
    Link,
    Note,
    Page,
    Paragraph,
    Table,
)
from synthetic.errors import InputError

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}{% raw %}", "</style></svg>&amp;"]
LOADING = ("src", "srcset", "data", "action", "poster")
VOID = {"meta", "br", "img", "hr", "input", "link"}


class Reader(HTMLParser):
    """Tags in balance, ids, links, and whatever would load or run something."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = [name for name, _ in attributes]
        if len(names) != len(set(names)):
            self.problems.append(f"{tag}: an attribute twice")
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            if name in LOADING or name.startswith("on"):
                self.problems.append(f"{tag} {name}={value}")
            if name.endswith("href") and tag != "a" and not (value or "").startswith("#"):
                self.problems.append(f"{tag} {name}={value}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def problems(html: str) -> list[str]:
    """Everything wrong with a page, in words."""
    reader = read(html)
    found = reader.problems + [f"<{tag}> is never closed" for tag in reader.open]
    found += [f"id {name} twice" for name in set(reader.ids) if reader.ids.count(name) > 1]
    found += [f"<{tag}>" for tag in ("script", "iframe", "object", "link", "img", "base") if tag in reader.tags]
    for link in reader.links:
        if link.startswith("#") and link[1:] not in reader.ids:
            found.append(f"{link} leads nowhere")
        if not re.fullmatch(r"#[\w.-]+|(?:figures|tables)/[\w.-]+", link):
            found.append(f"link {link}")
    if "url(http" in html or "@import" in html:
        found.append("a style loads something")
    return found


def every_block(name: str = "name") -> list[Block]:
    """One of each block; ``name`` stands wherever a user's string may come."""
    safe = literal(name)
    rows = [(p, Fraction(1, p), 1e-7 * p, name, Badge("proved"), Formula(r"\nu^p"), None) for p in (1, 2)]
    heads = ("$p$", "$c_p$", Column("error", ".2e"), Column(safe, wrap=True), "verdict", "formula", "nothing")
    return [
        Heading(safe),
        Heading(safe, level=4),
        Paragraph(safe),
        Paragraph(("see ", Link(name, "a-card"), " ", Badge(name), " ", Formula("x^2"))),
        Bullets((safe, r"two $\nu$")),
        Note(safe),
        Note(safe, "caution"),
        Code(name),
        Facts(((safe, name), ("n", 3))),
        Formula(r"\frac{1}{\nu} \sum_j \alpha_j"),
        Table(heads, rows, caption=safe, id="a-table", groups=(1,)),
        Details(safe, (Paragraph("inside"), Table(("a",), ((1,),)))),
        Card("a-card", name, (Paragraph("in a card"),), (Badge("refuted"), Badge(name))),
    ]


def built(tmp_path: Path, blocks: list[Block], **more: Any) -> str:
    page = Page("one", more.pop("title", "One"), "The lead.", tuple(blocks))
    return write_report((page,), tmp_path, {"python": "3.x"}, **more).read_text(encoding="utf-8")


def figure(stem: str) -> Figure:
    from reports.figure import Plot

    plot = Plot(stem, alt=f"A line called {stem}.", size=(2.5, 2), scale="linear", legend="none")
    plot[0].series("line", [0, 1, 2], [0, 1, 4])
    return Figure(plot.spec(), caption="A line.")


def test_every_block_makes_a_page_without_a_fault(tmp_path: Path) -> None:
    html = built(tmp_path, every_block())
    assert problems(html) == []
    assert html.startswith("<!DOCTYPE html>\n")
    assert '<html lang="en">' in html
    assert "default-src 'none'" in html
    assert 'class="skip" href="#main"' in html
    assert {"nav", "main", "table", "caption", "math", "article", "details"} <= set(read(html).tags)


@pytest.mark.parametrize("broken", ["<p><b></p>", "<div>", "<p id=a></p><p id=a></p>", "<script>1</script>",
    '<a href="#gone">x</a>', '<p onclick="x()"></p>', '<img src="http://x/y.png">', "<style>@import 'x'</style>",
    '<svg><use xlink:href="http://x/y"/></svg>', '<a href="javascript:x">x</a>'])  # fmt: skip
def test_the_checker_sees_faults(broken: str) -> None:
    assert problems(broken) != []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_strings_are_shown_and_inert(name: str, tmp_path: Path) -> None:
    harmless = built(tmp_path / "a", every_block())
    html = built(tmp_path / "b", every_block(name), title=name, subtitle=literal(name))
    assert problems(html) == []
    # Not one tag more than with a harmless name, and the name itself is there to be read.
    assert sorted(read(html).tags) == sorted(read(harmless).tags)
    assert "".join(read(html).text).count(name) >= 12


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_string_comes_back_as_it_was(text: str) -> None:
    for markup in (prose(literal(text)), cell(text)):
        reader = read(str(markup))
        assert reader.tags == []
        assert "".join(reader.text) == text
    # Even taken as prose, where it may happen to be markup, it can only become the tags that prose knows.
    reader = read(re.sub(r"<math.*?</math>", "", str(prose(text)), flags=re.DOTALL))
    assert set(reader.tags) <= {"strong", "code", "a"}
    assert reader.problems == []


def test_figures_are_inline_with_alternative_text_and_their_files(tmp_path: Path) -> None:
    html = built(tmp_path, [figure("first"), figure("second")])
    assert problems(html) == []
    assert html.count("<svg ") == html.count('role="img" aria-label="A line called ') == 2
    for stem in ("first", "second"):
        for ending in ("svg", "pdf", "csv"):
            assert f'href="figures/{stem}.{ending}"' in html
            assert (tmp_path / "figures" / f"{stem}.{ending}").stat().st_size > 50


def test_a_table_with_an_id_is_written_for_a_paper(tmp_path: Path) -> None:
    named, bare = Table(("n",), ((1,),), caption="One", id="apart"), Table(("n",), ((2,),), caption="Two")
    html = built(tmp_path, [Details("d", (named,)), bare])
    assert problems(html) == []
    assert html.count('href="tables/apart.tex"') == html.count(".tex") == 1
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["apart.tex"]
    assert r"\label{apart}" in (tmp_path / "tables" / "apart.tex").read_text(encoding="utf-8")


def test_names_used_twice_are_refused(tmp_path: Path) -> None:
    twice: list[tuple[Page, ...]] = [
        (Page("a", "A", ""), Page("a", "B", "")),
        (Page("a", "A", "", (Card("c", "C", ()), Details("d", (Card("c", "C", ()),)))),),
        (Page("a", "A", "", (Heading("x", id="h"), Heading("y", id="h"))),),
        (Page("environment", "A", ""),),
        (Page("a", "A", "", (figure("same"), figure("same"))),),
    ]
    for pages in twice:
        with pytest.raises(InputError, match="twice"):
            write_report(pages, tmp_path, {})
    # Headings without an id of their own may repeat.
    html = write_report((Page("a", "A", "", (Heading("x"), Heading("x"))),), tmp_path, {}).read_text(encoding="utf-8")
    assert problems(html) == []


def test_bad_blocks_are_refused_where_they_are_written() -> None:
    cases: list[tuple[str, Callable[[], object]]] = [
        ("id", lambda: Page("a b", "A", "")),
        ("title", lambda: Page("a", " ", "")),
        ("level", lambda: Heading("x", level=1)),
        ("kind", lambda: Note("x", "danger")),
        ("rows", lambda: Table(("a", "b"), ((1,),))),
        ("formula", lambda: Formula(r"\evil{x}")),
        ("id", lambda: Card('x"y', "t", ())),
        ("pages", lambda: write_report((), "unused", {})),
    ]
    for argument, call in cases:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.argument == argument


def test_data_files_hold_the_exact_numbers(tmp_path: Path) -> None:
    table = Table(("n", "x"), ((10**30, Fraction(1, 3)), (np.int64(5), np.float64(0.1)), (None, Badge("proved"))))
    page = Page("numbers", "Numbers", "", (Details("d", (table,)),))
    write_report((page,), tmp_path, {"level": "quick", "versions": {"numpy": "2"}})
    assert "numpy 2" in (tmp_path / "index.html").read_text(encoding="utf-8")
    data = json.loads((tmp_path / "data" / "numbers.json").read_text(encoding="utf-8"))
    assert data["tables"][0]["rows"] == [[str(10**30), "1/3"], [5, 0.1], [None, "proved"]]
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == {"level": "quick", "versions": {"numpy": "2"}}
    assert json.loads(page_json(page)) == data
    assert cell_data(float("nan")) == "nan"
    assert not list(tmp_path.rglob("*.partial"))


SCRIPT = """
import sys
from pathlib import Path
from reports.figure import Plot
from reports.html import write_report
from reports.page import Badge, Card, Figure, Formula, Heading, Page, Paragraph, Table, VERDICTS
plot = Plot("demo", alt="demo", titles=("a",), legend="direct")
for p in (1, 2, 3):
    plot[0].series(f"p = {p}", [1e-3, 1e-2, 1e-1], [10.0**(-3*p), 10.0**(-2*p), 10.0**-p], style=p)
plot[0].guide(2, near="p = 2", shift=0.5)
plot[0].labels(r"$\\nu$", "bias")
rows = [(word, Badge(word)) for word in VERDICTS]
blocks = (Heading("H"), Table(("w", "b"), rows), Figure(plot.spec()), Formula(r"\\sum_j \\alpha_j"), Card("c", "C", ()))
write_report((Page("p", "P", "lead", blocks),), Path(sys.argv[1]), {"b": 1, "a": {"y": 1, "x": 2}})
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    running = []
    for seed in ("0", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment["TZ"] = "UTC" if seed == "0" else "Asia/Tokyo"
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / seed)]
        running.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=False))
    assert [done.returncode for done in running] == [0, 0], running[0].stderr
    names = [
        sorted(p.relative_to(tmp_path / s) for p in (tmp_path / s).rglob("*") if p.is_file()) for s in ("0", "4242")
    ]
    assert names[0] == names[1]
    assert [name.suffix for name in names[0]].count(".svg") == 1
    assert len(names[0]) == 6
    for name in names[0]:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "4242" / name).read_bytes(), name
