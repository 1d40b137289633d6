"""The atlas: its logic, its conversions, and wrong rows that the logic must reject."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import sympy as sp

from bounds.atlas import (
    Class,
    atlas,
    best_p,
    cheapest,
    conflicts,
    contradictions,
    crossover,
    gap,
    log10_calls,
    row,
    uppers,
)
from reports.command import main
from synthetic.errors import InputError

BOTH = frozenset({"grad", "hvp"})


def changed(name: str, **fields: object) -> list:
    return [replace(b, **fields) if b.id == name else b for b in atlas()]


def test_rows_are_complete_and_distinct() -> None:
    ids = [b.id for b in atlas()]
    assert len(ids) == len(set(ids)) >= 30
    for b in atlas():
        assert b.kind in ("upper", "lower")
        assert b.status in ("proved", "conditional", "claimed")
        assert b.source
        assert b.oracle <= {"grad", "hvp", "values"}
        assert b.assumes <= {"msq", "joint2"}
        assert b.exponents(2)[0] > 0


def test_no_lower_bound_above_an_upper_bound_it_binds() -> None:
    assert contradictions() == []


@pytest.mark.parametrize(
    ("name", "fields", "against"),
    [
        ("gu-wu-yang", {"order": "2"}, ("gu-wu-yang", "f2sa-p", 2)),
        ("gu-wu-yang", {"oracle": BOTH}, ("gu-wu-yang", "stocbio", 1)),
        ("gu-wu-yang", {"assumes": frozenset({"msq"})}, ("gu-wu-yang", "fdehbo", 1)),
        ("gu-wu-yang", {"kappa": sp.Integer(12)}, ("gu-wu-yang", "f2sa-p", 1)),
        ("separable", {"printed": sp.Rational(9, 2)}, ("separable", "f2sa-p", 6)),
        ("chen-zhang-1", {"kappa": sp.Integer(4)}, ("chen-zhang-1", "f2ba-accelerated", 1)),
        ("fdehbo", {"assumes": frozenset()}, ("separable", "fdehbo", 1)),
    ],
)
def test_a_wrong_row_is_a_contradiction(name: str, fields: dict, against: tuple) -> None:
    assert against in contradictions(changed(name, **fields))


def test_apparent_conflicts_are_resolved_by_class_oracle_or_assumption() -> None:
    found = {(c["lower"], c["upper"]): c for c in conflicts()}
    assert "order 1" in found["gu-wu-yang", "f2sa-p"]["resolution"][0]
    assert 1 not in found["gu-wu-yang", "f2sa-p"]["p"]
    assert "hvp" in " ".join(found["gu-wu-yang", "stocbio"]["resolution"])
    assert "msq" in " ".join(found["separable", "fdehbo"]["resolution"])


def test_squared_norm_is_converted() -> None:
    assert row("fdehbo").eps == 3
    assert "eps^2" in row("fdehbo").conversion
    assert row("f2sa-p").exponents(2) == (5, 10)
    assert row("f2sa-p").exponents(1) == (6, 11)


def test_gaps() -> None:
    first = gap(Class(1))
    assert (first.upper.id, first.lower.id) == ("f2sa-p", "gu-wu-yang")
    assert (first.eps, first.kappa) == (0, 3)
    for p in (2, 4, 8):
        found = gap(Class(p))
        assert found.lower.id == "separable"
        assert found.eps == sp.Rational(2, p)
    hvp = gap(Class(1, oracle=BOTH))
    assert (hvp.upper.id, hvp.lower.id, hvp.eps) == ("stocbio", "separable", 0)
    exact = gap(Class(1, "deterministic"))
    assert (exact.upper.id, exact.lower.id, exact.kappa) == ("f2ba-accelerated", "chen-zhang-1", 1)
    assert all(b.order_at(q) <= 3 for b, q in uppers(Class(3)))


def test_best_order_against_its_stationary_point_and_crossovers() -> None:
    for eps, kappa in ((1e-2, 1.0), (1e-4, 10.0)):
        ideal = 2 * math.log(kappa / eps)
        assert abs(best_p(eps, kappa, most=30) - ideal) <= 1
    assert crossover(2, 4) == pytest.approx(4.0)
    bound = row("f2sa-p")
    for p, q in ((1, 2), (2, 4), (2, 8)):
        at = crossover(p, q)
        kappa, eps = 1.0, 1 / at
        assert log10_calls(bound, eps, kappa, p) == pytest.approx(log10_calls(bound, eps, kappa, q))
        assert log10_calls(bound, eps / 2, kappa, p) > log10_calls(bound, eps / 2, kappa, q)


def test_best_order_with_constants_grows_as_eps_falls() -> None:
    orders = [best_p(eps, 1.0, constants=True) for eps in (1e-1, 1e-3, 1e-6)]
    assert orders == sorted(orders)
    assert orders[0] < orders[-1]


def test_the_cheapest_method_turns_with_the_price_of_a_product() -> None:
    assert cheapest(1e-3, 10.0, 1, 1.0).bound.id == "stocbio"
    assert cheapest(1e-3, 10.0, 1, 1e9).bound.id == "f2sa-p"
    far = cheapest(1e-3, 10.0, 8, 1e6)
    assert far.bound.id == "f2sa-p"
    assert far.p == 8
    turn = log10_calls(row("f2sa-p"), 1e-3, 10.0, 8) - log10_calls(row("stocbio"), 1e-3, 10.0)
    assert cheapest(1e-3, 10.0, 8, 10 ** (turn + 0.01)).bound.id == "f2sa-p"
    assert cheapest(1e-3, 10.0, 8, 10 ** (turn - 0.01)).bound.id == "stocbio"


def test_bad_input() -> None:
    with pytest.raises(InputError, match="eps"):
        best_p(2.0, 1.0)
    with pytest.raises(InputError, match="not published"):
        log10_calls(row("bsa"), 0.1, 2.0)
    with pytest.raises(InputError, match="two different"):
        crossover(2, 2)
    with pytest.raises(InputError, match="setting"):
        Class(1, "noisy")
    with pytest.raises(InputError, match="choose one of"):
        row("nothing")


def test_the_command_prints_the_atlas_and_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bounds", "--json", "--eps", "1e-3", "--kappa", "10", "--p", "8", "--hvp-price", "1e6"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["contradictions"] == []
    assert (found["choice"]["cheapest"], found["choice"]["at_order"]) == ("f2sa-p", 8)
    assert len(found["bounds"]) == len(atlas())
    assert main(["bounds", "--p", "1"]) == 0
    assert "gu-wu-yang" in capsys.readouterr().out
    assert main(["bounds", "--kappa", "x"]) == 2
    assert "--kappa" in capsys.readouterr().err
