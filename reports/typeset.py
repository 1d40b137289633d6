r"""Statements written in plain characters (the docstrings of claims) as prose with typeset formulas.

``typeset("L_{p+1} <= kappa^2, see f2sa_p:lemma-3.1")`` is prose of :mod:`reports.page` in which scripts and Greek names
are formulas, relations are signs and names of claims jump to their cards. What is no formula stays as written, and
whatever the text says, no markup can come out of it.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache

from reports.cells import literal
from reports.mathml import GREEK, is_formula
from reports.page import anchor_of

_NAMES = tuple(sorted((*GREEK.values(), "ell", "epsilon"), key=len, reverse=True))
_WORDS = {"grad": r"\nabla", "sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min", "eps": r"\varepsilon",
          "argmin": r"\operatorname{argmin}", "prog": r"\operatorname{prog}", "log": r"\log"}  # fmt: skip
_GREEK = "|".join(_NAMES)
_BASE = rf"(?:{_GREEK}|{'|'.join(_WORDS)}|[A-Za-zα-ωΑ-Ω∇])"
_BRACES = r"\{(?:[^{}]|\{[^{}]*\})*\}"
_SUB = rf"_(?:{_BRACES}|[A-Za-z0-9α-ω]+)"
_SUP = rf"\^(?:{_BRACES}|\([^()]*\)|-1/2|-?[A-Za-z0-9*]+(?:\.\d+)?)"
_TOKEN = re.compile(
    rf"(?P<claim>\b[a-z][a-z0-9_]*:[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9])"
    rf"|(?P<math>(?<![A-Za-z_\\'’])(?<![A-Za-z]\.)(?<![A-Za-z0-9]-)(?P<base>{_BASE}|\d+(?=\^)|1(?=_\{{))(?P<bar>-bar)?(?P<two>[²³⁴⁵])?(?P<star>\*(?=[_(\s,.;:)|‖]))?"
    rf"(?P<prime>'{{1,3}})?(?:(?P<sub>{_SUB})(?P<sup>{_SUP})?|(?P<sup1>{_SUP})(?P<sub1>{_SUB})?)?(?P<after>[²³⁴⁵])?"
    rf"(?:(?<=[²³⁴⁵])|(?![A-Za-z0-9_\u0300-\u036f²³])))"
    rf"|(?P<closing>(?:\|\||[)\]|‖!])\^(?:{_BRACES}|-?[A-Za-z0-9]+))"
    r"|(?P<sign><=|>=|!=|->|\|\||\.\.+|\bsqrt(?=\()| - |(?<=\d) x (?=\d)|(?<=[(=,] )-(?=\S)|(?<=[(=])-(?=\S))"
)
_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "||": "‖", "sqrt": "√", " - ": " − ", " x ": " × ", "-": "−"}
_LONE = re.compile(r"[A-Za-z]")


def typeset(text: str, claims: Set[str] = frozenset()) -> str:
    """``text`` as prose; ids in ``claims`` become links to their cards."""
    out, at = [], 0
    for match in _TOKEN.finditer(text):
        piece = _piece(match, claims)
        if piece is not None:
            out += [literal(text[at : match.start()]), piece]
            at = match.end()
    return "".join([*out, literal(text[at:])])


def paragraphs(text: str, claims: Set[str] = frozenset()) -> list[str]:
    """The paragraphs of a docstring, each typeset, its line breaks undone."""
    return [typeset(" ".join(part.split()), claims) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _piece(match: re.Match[str], claims: Set[str]) -> str | None:
    """The prose for one match, or None to leave it as it stands."""
    if match["claim"]:
        return f"[{match['claim']}](#{anchor_of(match['claim'])})" if match["claim"] in claims else None
    if match["sign"]:
        return _SIGNS.get(match["sign"], "…")
    if match["closing"]:
        base, power = match["closing"].split("^", 1)
        power = _inner(f"^{power}")
        return _formula({"||": "\\|"}.get(base, base), f"^{{{power}}}", match)
    if _LONE.fullmatch(match[0]) and not _is_symbol(match):
        return None
    scripts = [match["sub"] or match["sub1"] or "", match["sup"] or match["sup1"] or ""]
    if match[0] in _WORDS and match[0] not in ("grad", "eps"):
        return None  # the word alone: "the sum", "max"
    base = _WORDS.get(match["base"]) or (f"\\{match['base']}" if match["base"] in _NAMES else match["base"])
    base = rf"\bar{{{base}}}" if match["bar"] else base
    powers = [
        p for p in ("*" if match["star"] else "", _power(match["two"]), _power(match["after"]), _inner(scripts[1])) if p
    ]
    above = f"^{{{' '.join(powers)}}}" if powers else ""
    return _formula(base + (match["prime"] or ""), (f"_{{{_inner(scripts[0])}}}" if scripts[0] else "") + above, match)


def _is_symbol(match: re.Match[str]) -> bool:
    """Whether a letter that stands alone is a variable, not an article, a label such as (b), or part of "Lemma C"."""
    before, after = match.string[max(0, match.start() - 12) : match.start()], match.string[match.end() :][:2]
    if match[0] in "eE" and re.search(r"\d$", before) and re.match(r"[-+]?\d", after):
        return False  # 1.7e-02
    if match[0] in "aAI" or re.match(r"\.[A-Za-z0-9]|'[a-z]", after):
        return False
    if before.endswith("(") and after.startswith(")") and not re.search(r"[^\W\d_]\($|[*'})\]]\($", before):
        return False
    return not re.search(r"(Appendix|Lemma|Section|Proof|Case|case|Option) $", before)


def _power(sign: str | None) -> str:
    return "" if sign is None else {"²": "2", "³": "3", "⁴": "4", "⁵": "5"}[sign]


def _inner(script: str) -> str:
    """The inside of a script in the language of formulas: names become commands."""
    body = script[1:]
    body = body[1:-1] if body.startswith("{") else body
    body = body.replace("<=", r"\le ").replace(">=", r"\ge ").replace("..", r"\ldots ")
    body = re.sub(rf"(?<![A-Za-z\\])({_GREEK})(?![A-Za-z])", r"\\\1 ", body)
    return re.sub(r"(?<![A-Za-z\\])(in|max|min)(?![A-Za-z])", r"\\\1 ", body).strip()


def _formula(base: str, scripts: str, match: re.Match[str]) -> str | None:
    """The formula as prose, unless the renderers could not read it there."""
    source = base + scripts
    followed_by_digit = match.string[match.end() : match.end() + 1].isdigit()
    return None if followed_by_digit or "$" in source or not _known(source) else f"${source}$"


@cache
def _known(source: str) -> bool:
    return is_formula(source)
