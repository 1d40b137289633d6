r"""Tables for a paper: the tables of the report as LaTeX (booktabs, amsmath, amssymb).

``latex_table(table)`` gives a whole ``table`` environment. Whatever a cell says is escaped; formulas go through
unchanged, which is safe because :mod:`reports.mathml` accepts no command that could do more than typeset.
"""

from __future__ import annotations

import re
from fractions import Fraction

from reports.cells import cell_text, parts, plain, spans
from reports.mathml import GREEK, is_formula
from reports.page import Badge, Cell, Formula, Inline, Link, Prose, Table, is_number

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "\n": " ",
}
# Characters that pdflatex does not know in text, or nowhere: given as mathematics.
_SYMBOLS = {
    "−": "-", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "∼": r"\sim", "×": r"\times", "·": r"\cdot",
    "±": r"\pm", "∞": r"\infty", "∇": r"\nabla", "∂": r"\partial", "∈": r"\in", "→": r"\to", "‖": r"\|",
    "∑": r"\sum", "∏": r"\prod", "√": r"\surd", "∎": r"\blacksquare", "⊂": r"\subset", "✓": r"\checkmark",
    "✗": r"\times", "•": r"\bullet", "²": "^2", "³": "^3", "⁻": "^-",
}  # fmt: skip
_EXPONENT = re.compile(r"^(-?[\d.]+)e([+-]?)0*(\d+)$")


def latex_text(text: str) -> str:
    """Any string as LaTeX text that prints it, one line, with no command of its own left alive."""
    out = []
    for character in text:
        if character in _SPECIAL:
            out.append(_SPECIAL[character])
        elif character in _SYMBOLS:
            out.append(f"${_SYMBOLS[character]}$")
        elif character in GREEK:
            out.append(f"$\\{GREEK[character]}$")
        elif character.isprintable():
            out.append(character)
    return "".join(out)


def latex_math(source: str) -> str:
    """A formula of :mod:`reports.mathml` as inline mathematics; Unicode letters in it become commands."""
    for character, name in GREEK.items():
        source = source.replace(character, f"\\{name} ")
    for character, command in _SYMBOLS.items():
        source = source.replace(character, f"{command} ")
    return f"${' '.join(source.split())}$"


def latex_prose(text: Inline) -> str:
    """Prose (paragraphs, captions, column titles) as LaTeX."""
    return "".join(_strings(part) if isinstance(part, str) else latex_cell(part) for part in parts(text))


def _strings(text: str) -> str:
    out = []
    for span in spans(text):
        if span.kind == "math" and is_formula(span.text):
            out.append(latex_math(span.text))
            continue
        words = latex_text(f"${span.text}$" if span.kind == "math" else span.text)
        command = {"strong": "textbf", "code": "texttt"}.get(span.kind)
        out.append(f"\\{command}{{{words}}}" if command else words)
    return "".join(out)


def latex_cell(cell: Cell, spec: str = "") -> str:
    """One cell: fractions and powers of ten as mathematics, verdicts as words."""
    if isinstance(cell, Prose):
        return latex_prose(cell.text)
    if isinstance(cell, Formula):
        return latex_math(cell.source)
    if isinstance(cell, Badge):
        return latex_text(cell.word)
    if isinstance(cell, Link):
        return latex_text(cell.words)
    text = cell_text(cell, spec)
    if not is_number(cell):
        return latex_text(text)
    if isinstance(cell, Fraction) and not spec:
        return f"${text}$"
    match = _EXPONENT.match(text)
    if match:
        mantissa, sign, digits = match.groups()
        return f"${mantissa}\\times 10^{{{'-' if sign == '-' else ''}{digits}}}$"
    return f"${text}$" if text.lstrip("-")[:1].isdigit() else latex_text(text)


PAGE = 40
"""Rows beyond which a table runs over several pages."""


def latex_table(table: Table, label: str = "") -> str:
    r"""``table`` with booktabs rules; ``label`` (or the table's id) for ``\ref``.

    A ``table`` environment, or a ``longtable`` (the package of that name) with more than ``PAGE`` rows.
    """
    columns = "".join("r" if table.alignment(i) == "right" else "l" for i in range(len(table.heads)))
    long = len(table.rows) > PAGE
    mark = re.sub(r"[^A-Za-z0-9:.-]", "-", label or table.id)
    names = [f"  \\caption{{{latex_prose(table.caption)}}}"] if plain(table.caption) else []
    names += [f"  \\label{{{mark}}}"] if mark else []
    head = "    " + " & ".join(latex_prose(head.title) for head in table.heads) + r" \\"
    if long:
        names[-1:] = [names[-1] + r" \\"] if names else []
        lines = [f"\\begin{{longtable}}{{{columns}}}", *names]
    else:
        lines = ["\\begin{table}", "  \\centering", *names, f"  \\begin{{tabular}}{{{columns}}}"]
    lines += ["    \\toprule", head, "    \\midrule"]
    lines += ["    \\endhead"] if long else []
    for number, row in enumerate(table.rows):
        if number in table.groups and number > 0:
            lines.append("    \\midrule")
        cells = [latex_cell(cell, head.format) for cell, head in zip(row, table.heads)]
        # A row that begins with '[' or '*' would be read as an argument of the line break before it.
        if cells and cells[0][:1] in ("[", "*"):
            cells[0] = "{}" + cells[0]
        lines.append("    " + " & ".join(cells) + r" \\")
    lines += ["    \\bottomrule", *(["\\end{longtable}"] if long else ["  \\end{tabular}", "\\end{table}"])]
    return "\n".join(lines) + "\n"
