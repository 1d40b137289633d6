"""A card per claim: the statement as printed, where it stands, the evidence, and what follows when it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from reports.cells import literal
from reports.page import (
    Badge,
    Block,
    Bullets,
    Card,
    Cell,
    Code,
    Column,
    Details,
    Facts,
    Paragraph,
    Prose,
    Table,
    anchor_of,
)
from reports.pages.ledger_rows import Row, badge
from reports.typeset import paragraphs, typeset
from verify.coverage import inventory
from verify.wording import show

PARTS = (
    ("untestable", "Why it cannot be tested"),
    ("error", "Not run"),
    ("correction", "Corrected statement"),
    ("charitable", "Charitable reading"),
    ("downstream", "Downstream"),
    ("notes", "Remarks"),
)


def card(row: Row, direct: Mapping[str, Sequence[str]]) -> Card:
    """The card of one claim; ``direct``: for each claim those that use it."""
    known = set(direct)
    blocks: list[Block] = [Paragraph(text) for text in paragraphs(row["statement"], known)]
    blocks.append(Facts(_facts(row, direct)))
    for key, title in PARTS:
        texts = paragraphs(row.get(key) or "", known)
        if texts:
            verdict = badge(row["verdict_corrected"]) if key == "correction" else None
            blocks.append(Paragraph(_titled(title, texts[0], verdict)))
            blocks += [Paragraph(text) for text in texts[1:]]
    blocks += _evidence(row, known)
    badges = [Badge(row["verdict_printed"])] + ([Badge(row["category"], "bad")] if row["category"] else [])
    return Card(anchor_of(row["id"]), row["id"], blocks, badges)


def _titled(title: str, text: str, verdict: Badge | None) -> str | tuple[str | Badge, ...]:
    if verdict is None:
        return f"**{title}.** {text}"
    return (f"**{title}** ", verdict, f" {text}")


def _facts(row: Row, direct: Mapping[str, Sequence[str]]) -> list[tuple[str, Cell]]:
    facts: list[tuple[str, Cell]] = [("in the paper", Prose(sources(row["covers"])))]
    if row["tightness"] is not None:
        facts.append(("largest left/right", row["tightness"]))
    for title, ids in (("uses", row["uses"]), ("used by", direct.get(row["id"], ()))):
        if ids:
            facts.append((title, Prose(", ".join(_jump(id, set(direct)) for id in ids))))
    if not row["as_recorded"]:
        facts.append(("recorded", "a different verdict is on record" if row.get("recorded") else "not yet"))
    return facts


def _jump(id: str, known: Set[str]) -> str:
    return f"[{id}](#{anchor_of(id)})" if id in known else literal(id)


def sources(keys: Sequence[str]) -> str:
    """Where the statements stand, in prose: ``paper 000, Lemma 3.1 (line 151)``."""
    lines = {row.key: row.line for row in inventory()}
    places = [
        f"paper {literal(key.replace(' ', ', ', 1))}" + (f" (line {lines[key]})" if key in lines else "")
        for key in keys
    ]
    return "; ".join(places)


def _evidence(row: Row, known: Set[str]) -> list[Block]:
    checks = [("as printed", check) for check in _merged(row.get("checks") or [])]
    split = len(checks)
    checks += [("corrected", check) for check in _merged(row.get("checks_corrected") or [])]
    if not checks:
        return []
    columns = (
        Column("evidence", wrap=True),
        "outcome",
        "by",
        Column("instances"),
        Column("largest left/right", ".3g"),
    )
    body = [
        (
            Prose(f"{typeset(check['check'], known)}" + (" (corrected)" if which == "corrected" else "")),
            Badge("holds", "good") if check["holds"] else Badge("fails", "bad"),
            check["method"],
            check.get("n"),
            check.get("tightness"),
        )
        for which, check in checks
    ]
    blocks: list[Block] = [Table(columns, body, groups=[split] if 0 < split < len(checks) else ())]
    if row.get("replay"):
        blocks.append(Details("The counterexample, replayed", [Code("\n".join(row["replay"]))]))
    worst = [_worst(which, check) for which, check in checks if _has_more(check)]
    if worst:
        blocks.append(Details("Worst instances and residuals", [Bullets(worst)]))
    return blocks


def _merged(checks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Checks of one name and outcome as one line: instances added up, and the hardest of them shown."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for number, check in enumerate(checks):
        alone = () if "n" in check and check["holds"] else (number,)
        groups.setdefault((check["check"], check["method"], check["holds"], *alone), []).append(check)
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    hardest = max(group, key=_ratio)
    return {**hardest, "n": sum(check["n"] for check in group)} if len(group) > 1 else hardest


def _ratio(check: Mapping[str, Any]) -> float:
    return check.get("tightness") or 0.0


def _has_more(check: Mapping[str, Any]) -> bool:
    return bool(check.get("worst instance")) or check.get("residual", "0") != "0" or bool(check.get("seeds"))


def _worst(which: str, check: Mapping[str, Any]) -> str:
    words = [f"**{typeset(check['check'])}** ({which}):"]
    if check.get("worst instance"):
        words.append(f"largest left/right {check['tightness']:.4g} at `{_code(show(check['worst instance']))}`")
    if check.get("seeds"):
        words.append(f"from {literal(check['seeds'])}")
    if check.get("residual", "0") != "0":
        words.append(f"residual `{_code(check['residual'])}`")
    return " ".join(words) + "."


def _code(text: str) -> str:
    return text.replace("`", "'")
