"""The stencil page against weights from sympy and constants from the error on one monomial."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from math import factorial, prod
from pathlib import Path

import pytest
import sympy

import reports.pages.stencils as stencils_page
from bounds.stencil import Stencil, stencil
from reports.cells import tables_in
from reports.html import write_report
from reports.page import Note, Page, Table
from reports.pages.stencils import page
from synthetic.errors import InputError

NODES = {
    "central": {p: range(-p // 2, p // 2 + 1) for p in range(2, 11, 2)},
    "one-sided": {p: range(p + 1) for p in range(1, 11)},
    "balanced": {p: range(-(p - 1) // 2, (p + 1) // 2 + 1) for p in range(1, 10, 2)},
}


def family_tables(content: Page) -> dict[str, Table]:
    return {table.id.removeprefix("stencils-"): table for table in tables_in(content.blocks)}


def expected_row(p: int, nodes: range) -> tuple[object, ...]:
    """The row from sympy's weights; c_p from psi = t^(p+1)/(p+1)!, whose p-th derivative is 1-Lipschitz."""
    raw = sympy.finite_diff_weights(1, list(nodes), 0)[1][-1]
    weights = [Fraction(int(w.p), int(w.q)) for w in raw]
    error = abs(sum(w * Fraction(j) ** (p + 1) for w, j in zip(weights, nodes))) / factorial(p + 1)
    return (
        p,
        f"{nodes[0]}, …, {nodes[-1]}",
        ", ".join(map(str, weights)),
        error,
        prod(abs(j) for j in nodes if j),
        sum(w * w for w in weights),
        sum(abs(w) for w in weights),
        sum(abs(j * w) for w, j in zip(weights, nodes)),
    )


def faults(content: Page) -> list[str]:
    """Rows of the page that differ from the independent ones."""
    found = []
    for name, table in family_tables(content).items():
        if [row[0] for row in table.rows] != list(NODES[name]):
            found.append(f"{name}: orders")
        for row in table.rows:
            shown = tuple(c.replace("−", "-").replace("\xa0", " ") if isinstance(c, str) else c for c in row)
            if shown != expected_row(int(str(row[0])), NODES[name][int(str(row[0]))]):
                found.append(f"{name}: p = {row[0]}")
    return found


def test_every_row_equals_the_independent_one() -> None:
    content = page()
    assert list(family_tables(content)) == ["central", "one-sided", "balanced"]
    assert faults(content) == []


def wrong(s: Stencil, how: str) -> Stencil:
    """``s`` with a fault of the kind that a slip would make."""
    if how == "sign":
        return replace(s, weights=tuple(-w for w in s.weights[:1]) + s.weights[1:])
    if how == "factor":
        return replace(s, weights=tuple(w / 2 for w in s.weights))
    return replace(s, nodes=tuple(n + 1 for n in s.nodes))


@pytest.mark.parametrize("how", ["sign", "factor", "shift"])
def test_a_wrong_stencil_is_seen(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless:
        """A wrong stencil that claims the right constant, which the real one would refuse to give."""

        def __init__(self, good: Stencil) -> None:
            self._bad, self.error_constant = wrong(good, how), good.error_constant

        def __getattr__(self, name: str) -> object:
            return getattr(self._bad, name)

    monkeypatch.setattr(stencils_page, "stencil", lambda p, family: Careless(stencil(p, family)))
    assert len(faults(page(4))) >= 6


def test_noise_of_one_sided_nodes_as_known() -> None:
    rows = {row[0]: row for row in family_tables(page())["one-sided"].rows}
    assert [float(rows[p][5]) for p in (1, 3, 5, 7)] == pytest.approx([2, 14.7, 68, 398], rel=5e-3)  # type: ignore[arg-type]


def test_the_comparison_in_words_has_the_numbers_of_the_table() -> None:
    content = page(8)
    note = next(block for block in content.blocks if isinstance(block, Note))
    assert isinstance(note.text, str)
    assert "$p = 7$" in note.text
    assert "1.527 instead of 397.7" in note.text  # sums of the p = 7 rows, see the test of every row
    assert "0.00357 instead of 0.125" in note.text


def test_files_hold_exact_values_and_the_points_drawn(tmp_path: Path) -> None:
    write_report((page(6),), tmp_path, {})
    data = json.loads((tmp_path / "data" / "stencils.json").read_text(encoding="utf-8"))
    central = {row[0]: row for row in data["tables"][0]["rows"]}
    assert central[4][3] == "1/30"
    assert Fraction(central[4][5]) == 2 * (Fraction(1, 144) + Fraction(4, 9))
    drawn = {}
    for stem, column in (("stencils-noise", 5), ("stencils-constant", 3)):
        with (tmp_path / "figures" / f"{stem}.csv").open(encoding="utf-8", newline="") as file:
            points = list(csv.DictReader(file))
        drawn[stem] = {(r["series"], int(float(r["x"]))): float(r["y"]) for r in points if r["kind"] == "points"}
        wanted = {
            (name, p): float(expected_row(p, nodes)[column])  # type: ignore[arg-type]
            for name, orders in NODES.items()
            for p, nodes in orders.items()
            if p <= 6
        }
        assert drawn[stem] == wanted


@pytest.mark.parametrize("bad", [0, -1, 2.5, "ten", None])
def test_bad_orders_are_refused(bad: object) -> None:
    with pytest.raises(InputError, match="max_order"):
        page(bad)  # type: ignore[arg-type]


def test_the_smallest_page() -> None:
    assert list(family_tables(page(1))) == ["one-sided", "balanced"]
