"""What refuted and improvable statements touch: the graph of uses, cut down to them and to the results they reach.

Kept are the claims with a judgement in :mod:`verify.effects` and the results (theorems, propositions, corollaries,
remarks) downstream of them. An arrow may pass through statements that hold and are not drawn, and an arrow that
follows from two others is left out, so that each picture is read at a glance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from reports.figure import FigureSpec
from reports.pages.graph_drawing import Style, draw
from reports.pages.ledger_rows import NAMES, Row, descendants, short, users
from verify.effects import effect_of

Edge = tuple[str, str]
RESULT = re.compile(r":(thm|prop|cor|remark|table)-")
GREAT = re.compile(r":(thm|cor)-")
STYLES = {
    "theorem": Style("#a4161a", "#fbd5d1", "a theorem or remark must be restated"),
    "constants": Style("#b45309", "#fdebd0", "a constant, a step size or a proof changes"),
    "none": Style("#8a929c", "#ffffff", "slip, nothing else changes"),
    "exponent": Style("#1d4f91", "#dbe8fb", "holds, a smaller exponent does too"),
    "loose": Style("#56789c", "#f3f7fd", "holds, smaller constants do too"),
    "holds": Style("#0b6b3a", "#e7f6ed", "holds as printed"),
}
WORDS = {
    "lemma": "Lemma",
    "thm": "Theorem",
    "prop": "Prop.",
    "cor": "Corollary",
    "alg": "Algorithm",
    "remark": "Remark",
    "def": "Definition",
    "asm": "Assumption",
    "table": "Table",
    "proof": "Proof",
}


def label(id: str, paper: str = "") -> str:
    """How a claim is named in a picture: ``Lemma C.1``, ``Eq. (14)``; with its paper when that is not ``paper``."""
    name = short(id)
    for code, word in WORDS.items():
        if name.startswith(f"{code}-"):
            name = f"{word} {name[len(code) + 1 :]}"
    name = re.sub(r"^eq-(\d+)-(\d+)$", r"Eqs. (\1)–(\2)", name)
    name = re.sub(r"^eq-(\d+)$", r"Eq. (\1)", name)
    prefix = id.split(":", 1)[0]
    return name if not paper or NAMES.get(paper) == prefix else f"{_number(prefix)} {name}"


def _number(prefix: str) -> str:
    return next((number for number, name in NAMES.items() if name == prefix), prefix)


def flagged(row: Row) -> bool:
    """Refuted as printed, or with a judgement that it can be improved."""
    return row["verdict_printed"] == "refuted" or effect_of(row["id"]).word in ("exponent", "constants")


def style_of(row: Row) -> str:
    """The key of :data:`STYLES` for a claim."""
    word = effect_of(row["id"]).word
    if row["verdict_printed"] == "refuted":
        return word if word in ("theorem", "constants", "none") else "constants"
    return {"exponent": "exponent", "constants": "loose"}.get(word, "holds")


def reached(id: str, direct: dict[str, list[str]], pattern: re.Pattern[str] = RESULT) -> list[str]:
    """The results downstream of a claim, nearest first."""
    return [user for user in descendants(id, direct) if pattern.search(user)]


def contracted(kept: Collection[str], direct: Mapping[str, Sequence[str]]) -> list[Edge]:
    """Edges among ``kept`` along paths whose inner nodes are not kept; those that follow from two others left out."""
    steps = {node: _next_kept(node, kept, direct) for node in kept}
    behind = {node: _all_after(node, steps) for node in kept}
    return [
        (node, user)
        for node in kept
        for user in steps[node]
        if not any(user in behind[other] for other in steps[node] if other != user)
    ]


def _next_kept(node: str, kept: Collection[str], direct: Mapping[str, Sequence[str]]) -> list[str]:
    found: dict[str, None] = {}
    seen: set[str] = set()
    wave = list(direct.get(node, ()))
    while wave:
        user = wave.pop()
        if user in kept:
            found[user] = None
        elif user not in seen:
            seen.add(user)
            wave += direct.get(user, ())
    return list(found)


def _all_after(node: str, steps: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    wave = list(steps[node])
    while wave:
        user = wave.pop()
        if user not in found:
            found.add(user)
            wave += steps[user]
    return found


def affected(found: Sequence[Row], paper: str = "") -> tuple[list[str], list[Edge]]:
    """Flagged claims that reach a result, with the results; those that touch ``paper`` (default: any), and edges."""
    direct = users(found)
    known = {row["id"]: row for row in found}
    inside = {id for id in known if not paper or known[id]["paper"] == paper}
    sources = {id for id, row in known.items() if flagged(row)}
    kept: set[str] = set()
    for id in sources:
        ends = [user for user in reached(id, direct) if user in inside]
        if ends and (id in inside or any(user in inside for user in _next_kept(id, sources | inside, direct))):
            kept |= {id, *ends}
    nodes = [id for id in known if id in kept]
    edges = contracted(nodes, direct)
    linked = {id for edge in edges for id in edge}
    return [id for id in nodes if id in linked], edges


def overview(found: Sequence[Row]) -> tuple[list[str], list[Edge]]:
    """All papers at once: what changes more than itself, and the theorems and corollaries."""
    direct = users(found)
    weighty = [row["id"] for row in found if flagged(row) and style_of(row) in ("theorem", "exponent", "constants")]
    kept = {id for id in weighty if reached(id, direct, GREAT)}
    kept |= {user for id in kept for user in reached(id, direct, GREAT)}
    nodes = [row["id"] for row in found if row["id"] in kept]
    edges = contracted(nodes, direct)
    linked = {id for edge in edges for id in edge}
    return [id for id in nodes if id in linked], edges


def downstream_figure(found: Sequence[Row], paper: str = "") -> FigureSpec | None:
    """The figure for one paper, or for all of them; None when nothing flagged reaches a result."""
    nodes, edges = affected(found, paper) if paper else overview(found)
    if not nodes:
        return None
    known = {row["id"]: row for row in found}
    # In the overview every box says its paper.
    names = {node: label(node, paper or "-") for node in nodes}
    keys = {node: style_of(known[node]) for node in nodes}
    verdicts = {node: known[node]["verdict_printed"] for node in nodes}
    strong = {node for node in nodes if RESULT.search(node)}
    figure = draw(names, edges, keys, STYLES, verdicts, strong)
    words = "; ".join(
        f"{names[used]} leads to {', '.join(names[user] for start, user in edges if start == used)}"
        for used in nodes
        if any(start == used for start, _ in edges)
    )
    subject = f"paper {paper}" if paper else "all papers"
    alt = f"Graph of {len(nodes)} claims, {subject}: refuted or improvable ones and the results they reach. {words}."
    data = [
        {"used": used, "user": user, "used as printed": verdicts[used], "user as printed": verdicts[user],
         "effect": effect_of(used).word}
        for used, user in edges
    ]  # fmt: skip
    stem = f"downstream-{NAMES.get(paper, paper).replace('_', '-')}" if paper else "downstream-all"
    return FigureSpec(stem, figure, data, alt)
