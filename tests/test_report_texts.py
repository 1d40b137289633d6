"""Formulas, cells, LaTeX and terminal: each escapes in its own way and loses nothing."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.cells import cell_data, cell_text, plain, spans
from reports.html import cell, prose
from reports.latex import latex_cell, latex_table, latex_text
from reports.mathml import to_mathml
from reports.page import (
    VERDICTS,
    Badge,
    Column,
    Formula,
    Link,
    Prose,
    Table,
    anchor_of,
)
from reports.terminal import clean, print_prose, print_table, progress, table_text
from synthetic.errors import InputError

# --- formulas -------------------------------------------------------------------------------------------------------


def shape(source: str) -> str:
    """The MathML as nested names and texts, attributes left out."""

    def walk(node: ElementTree.Element) -> str:
        inner = "".join(walk(child) for child in node) or (node.text or "")
        return f"{node.tag}({inner})"

    return "".join(walk(child) for child in ElementTree.fromstring(to_mathml(source)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x", "mi(x)"),
        ("x_0", "msub(mi(x)mn(0))"),
        ("x^{p+1}", "msup(mi(x)mrow(mi(p)mo(+)mn(1)))"),
        ("x_i^2", "msubsup(mi(x)mi(i)mn(2))"),
        ("x^2_i", "msubsup(mi(x)mi(i)mn(2))"),
        ("-1", "mrow(mo(−)mn(1))"),
        (r"\frac{1}{\nu}", "mfrac(mn(1)mi(ν))"),
        (r"\sum_{j=1}^p", "munderover(mo(∑)mrow(mi(j)mo(=)mn(1))mi(p))"),
        (r"\|x\|", "mrow(mo(‖)mi(x)mo(‖))"),
        (r"\mathcal{O}\mathbb{E}", "mrow(mi(𝒪)mi(𝔼))"),
        (r"\mathcal{L}", "mi(ℒ)"),
        (r"\text{if } x", "mrow(mtext(if\xa0)mi(x))"),
        ("f'", "msup(mi(f)mo(′))"),
        (r"\hat\psi", "mover(mi(ψ)mo(^))"),
        (r"\max_y g", "mrow(munder(mo(max)mi(y))mspace()mi(g))"),
        (r"\log(x)", "mrow(mi(log)mo(()mi(x)mo()))"),
        (r"\sqrt{d}", "msqrt(mi(d))"),
        ("a < b", "mrow(mi(a)mo(<)mi(b))"),
    ],
)
def test_formulas_become_the_right_mathml(source: str, expected: str) -> None:
    assert shape(source) == expected


@pytest.mark.parametrize(
    "source",
    ["", " ", "x_", "x^", "{x", "x}", r"\frac{1}", r"\nope", r"x^1^2", r"x_1_2", r"\left( x", r"\right)", "a & b",
     "$x$", r"\begin{cases} a", r"\begin{table} a \end{table}", r"\begin{cases} a \end{pmatrix}", r"\text x",
     "\\", r"\input{x}"],
)  # fmt: skip
def test_what_is_no_formula_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="formula"):
        to_mathml(source)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(list("xy12+-<>&\"'^_{}|()") + [r"\frac", r"\nu", r"\sum", r"\left(", r"\right)", " "])))
def test_formulas_are_well_formed_or_refused(tokens: list[str]) -> None:
    try:
        markup = to_mathml("".join(tokens))
    except InputError:
        return
    root = ElementTree.fromstring(markup)
    arity = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
    for node in root.iter():
        if node.tag in arity:
            assert len(node) == arity[node.tag]
    assert root.get("alttext") == " ".join("".join(tokens).split())


def test_a_formula_that_is_none_is_shown_as_written() -> None:
    for text in ("5$ or 6$", "$ 5 and $ 6", "$5 and $6", "x^2"):
        assert str(prose(text)) == text
    assert "<msup>" in str(prose("so $x^2$, then"))
    assert str(prose(r"$\nope$")) == r"$\nope$"


# --- cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "spec", "text", "html"),
    [
        (1234567, "", "1234567", "1234567"),
        (12345678, "", "1.235e+07", "1.235&#8239;×&#8239;10<sup>7</sup>"),
        (99999999, "", "1.000e+08", "1.000&#8239;×&#8239;10<sup>8</sup>"),
        (-(10**400), "", "-1.000e+400", "−1.000&#8239;×&#8239;10<sup>400</sup>"),
        (0.5, "", "0.5", "0.5"),
        (-1.5e-7, "", "-1.5e-07", "−1.5&#8239;×&#8239;10<sup>−7</sup>"),
        (Fraction(-1, 12), "", "-1/12", "−1/12"),
        (Fraction(1, 3), ".3f", "0.333", "0.333"),
        (np.float64(0.25), "", "0.25", "0.25"),
        (True, "", "yes", "yes"),
        (None, "", "–", "–"),
        ("<b>", "", "<b>", "&lt;b&gt;"),
        ("-1", "", "-1", "-1"),
        (float("nan"), "", "nan", "nan"),
    ],
)
def test_cells_in_plain_text_and_html(value: Any, spec: str, text: str, html: str) -> None:
    assert cell_text(value, spec) == text
    assert str(cell(value, spec)).replace("\u202f", "&#8239;") == html


def test_every_verdict_has_a_sign_besides_its_colour() -> None:
    for word in VERDICTS:
        shown = str(cell(Badge(word)))
        assert word in shown
        assert Badge(word).sign in shown
        assert Badge(word).ascii_sign.isascii()
    assert "bad" in str(cell(Badge("refuted")))
    assert "good" in str(cell(Badge("proved")))


def test_prose_is_read_as_documented() -> None:
    kinds = [(s.kind, s.text) for s in spans(r"a **b** `c` $d^2$ [e](#f) \$g \*h y*(x) [i](http://j)")]
    assert kinds[:7] == [("text", "a "), ("strong", "b"), ("text", " "), ("code", "c"), ("text", " "), ("math", "d^2"),
                         ("text", " ")]  # fmt: skip
    assert kinds[7] == ("link", "e")
    assert kinds[8] == ("text", " $g *h y*(x) [i](http://j)")
    assert anchor_of("f2sa_p:lemma-C.1") == "f2sa_p-lemma-C.1"


# --- LaTeX ----------------------------------------------------------------------------------------------------------


def test_latex_text_leaves_no_command_alive() -> None:
    assert latex_text(r"50% & a_b #1 $x$ {y} ~ ^ \input{z}") == (
        r"50\% \& a\_b \#1 \$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}input\{z\}"
    )
    assert latex_text("ν ≤ −1") == r"$\nu$ $\le$ $-$1"
    assert latex_text("a\nb\x07") == "a b"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="\\{}$&%#_^~ab\n", max_size=20))
def test_latex_text_escapes_every_special_character(text: str) -> None:
    escaped = latex_text(text)
    for known in (r"\textbackslash{}", r"\textasciicircum{}", r"\textasciitilde{}"):
        escaped = escaped.replace(known, "")
    rest = re.sub(r"\\[{}$&%#_]", "", escaped)
    assert re.fullmatch(r"[ab ]*", rest)


def test_latex_table() -> None:
    table = Table(
        ("$p$", Column("error"), "name_1", "verdict", "weights"),
        ((2, 1.5e-7, "[50%]", Badge("proved"), Fraction(-1, 12)), (4, 0.25, "b", Prose("$\\nu^2$"), Fraction(2))),
        caption="A caption with 100% of $\\alpha_j$",
        id="t:1",
        groups=(1,),
    )
    assert latex_table(table) == "\n".join([
        r"\begin{table}",
        r"  \centering",
        r"  \caption{A caption with 100\% of $\alpha_j$}",
        r"  \label{t:1}",
        r"  \begin{tabular}{rrllr}",
        r"    \toprule",
        r"    $p$ & error & name\_1 & verdict & weights \\",
        r"    \midrule",
        r"    $2$ & $1.5\times 10^{-7}$ & [50\%] & proved & $-1/12$ \\",
        r"    \midrule",
        r"    $4$ & $0.25$ & b & $\nu^2$ & $2$ \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]) + "\n"  # fmt: skip
    # A first cell in brackets would be read as the argument of the \\ above it.
    assert "{}[a]" in latex_table(Table(("x",), (("[a]",),)))
    assert latex_cell(Formula("ν^p")) == r"$\nu ^p$"


# --- terminal -------------------------------------------------------------------------------------------------------

TABLE = Table(
    ("id", "$p$", "verdict"),
    (("a", 2, Badge("refuted")), ("[red]" + "long" * 40, 10, Badge("proved"))),
    caption="Claims",
)


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class Ascii(io.StringIO):
    encoding = "ascii"  # type: ignore[assignment]


def test_tables_in_a_pipe_are_plain_and_complete() -> None:
    out = io.StringIO()
    print_table(TABLE, out)
    assert out.getvalue() == table_text(TABLE, out)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert "[red]" + "long" * 40 in lines[-1]
    assert lines[0] == "Claims"
    assert lines[2].index("verdict") == lines[4].index("✗") == lines[5].index("∎")
    assert lines[4].index("2") == lines[5].index("10") + 1  # numbers end in one column


def test_colours_on_a_terminal_unless_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    colour = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    shown = {}
    for wish in ("", "1"):
        if wish:
            monkeypatch.setenv("NO_COLOR", wish)
        out = Terminal()
        print_table(TABLE, out)
        print_prose("**bold** [red]x", out)
        shown[wish] = out.getvalue()
        assert "[red]" in shown[wish]
    assert colour.search(shown[""])
    assert not colour.search(shown["1"])
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    print_table(TABLE, out)
    assert "\x1b" not in out.getvalue()


def test_no_string_controls_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    evil = "\x1b]0;owned\x07\x1b[2Jx\u202ey\r\nz"
    assert clean(evil) == "]0;owned[2Jxy  z"
    table = Table((evil,), ((evil,),), caption=evil)
    for out in (io.StringIO(), Terminal()):
        print_table(table, out)
        print_prose(evil, out)
        for forbidden in ("\x1b]", "\x1b[2J", "\u202e", "\x07", "\r"):
            assert forbidden not in out.getvalue()


def test_narrow_encodings_get_ascii_signs() -> None:
    out = Ascii()
    print_table(TABLE, out)
    out.getvalue().encode("ascii")
    assert "x refuted" in out.getvalue()
    assert "# proved" in out.getvalue()


def test_progress_is_silent_off_a_terminal_and_counts_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = io.StringIO()
    with progress("work", 3, quiet) as advance:
        advance()
        advance(2, note="x")
    assert quiet.getvalue() == ""
    monkeypatch.setenv("TERM", "xterm-256color")
    loud = Terminal()
    with progress("work [red]", 3, loud) as advance:
        advance(3, note="claim [bold]")
    assert "work [red]" in loud.getvalue()
    assert "3/3" in loud.getvalue()


def test_neither_rich_nor_matplotlib_is_imported_before_it_is_needed() -> None:
    code = (
        "import io, sys\nimport reports.html, reports.latex, reports.terminal as t\nfrom reports.page import Table\n"
        "t.print_table(Table(('a',), ((1,),)), io.StringIO())\n"
        "assert not {'rich', 'matplotlib'} & set(sys.modules), sorted(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_plain_prose() -> None:
    assert plain(("a **b** ", Link("c", "d"), r" $\nu$")) == "a b c ν"
    assert cell_text(Formula(r"\frac{1}{\nu} \sum_{j} \alpha_{j}\,\|x\|^{p+1} \le \log 2")) == (
        r"\frac{1}{ν} ∑_j α_j ‖x‖^{p+1} ≤ log 2"
    )
    assert cell_data(Formula(r"\nu^p")) == r"\nu^p"


def test_numbers_and_verdicts_are_not_broken_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    rows = [("words " * 30, 1.234e-7, Badge("strongly consistent"))]
    out = Terminal()
    print_table(Table(("name", "number", "verdict"), rows), out)
    assert "1.234e-07" in out.getvalue()
    assert "strongly consistent" in out.getvalue()
    assert out.getvalue().count("words") == 30
