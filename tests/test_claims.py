"""Every claim comes out as recorded, and every mutant of every claim is refuted: no check is unable to fail."""

from __future__ import annotations

import json

import pytest
import sympy as sp

from synthetic.errors import InputError, MissingExtra
from verify.evidence import Evidence, Identity, Instances, Sides, replay
from verify.registry import claims, recorded, run_claim

IDS = [c.id for c in claims()]
MUTANTS = [(c.id, name) for c in claims() for name in c.mutants]


@pytest.mark.parametrize("id", IDS)
def test_verdict_is_the_recorded_one(id: str) -> None:
    outcome = run_claim(claims(pattern=id)[0])
    if outcome.missing:
        pytest.skip(outcome.error)
    assert outcome.error == ""
    assert outcome.verdicts == recorded()[id]
    assert "inconclusive" not in outcome.verdicts
    json.dumps(outcome.as_dict(), default=str)


@pytest.mark.parametrize(("id", "name"), MUTANTS)
def test_every_mutant_is_broken(id: str, name: str) -> None:
    claim = claims(pattern=id)[0]
    try:
        evidence = claim.run(**claim.mutants[name])
    except MissingExtra as error:
        pytest.skip(str(error))
    assert evidence.broken


def test_nothing_recorded_without_a_claim() -> None:
    assert set(recorded()) == set(IDS)


def test_every_claim_that_can_be_tested_has_a_mutant() -> None:
    untested = [c.id for c in claims() if not c.mutants and recorded()[c.id][0] != "untestable"]
    assert untested == []


X = sp.Symbol("x")


def squares(instance: dict, arithmetic: str) -> Sides:
    """x^2 <= 2 under |x| <= 1 (true), or under |x| <= 3 (false at x = 3/2)."""
    x = sp.Rational(instance["x"])
    value = x**2 if arithmetic == "rational" else float(x) ** 2
    return Sides(value, "<=", 2, {"|x| within the radius": abs(x) <= instance["radius"]})


def test_identity_is_proved_only_when_the_residual_vanishes() -> None:
    good = Evidence(printed=(Identity("binomial", (X + 1) ** 2, X**2 + 2 * X + 1),))
    assert good.verdict_printed == "proved"
    bad = Evidence(printed=(Identity("binomial", (X + 1) ** 2, X**2 + 1),), charitable="none possible")
    assert bad.verdict_printed == "refuted"
    assert "x = " in "\n".join(replay(bad.printed[0]))


def test_identity_counterexample_stays_in_the_domain() -> None:
    check = Identity("|x| = x", sp.Abs(X), X, domain={"x >= 0": lambda p: p[X] >= 0})
    assert not check.holds
    assert not check.refutes


def test_exact_instances() -> None:
    check = Instances("squares", squares, [{"x": "1/2", "radius": 1}, {"x": "1", "radius": 1}], "rational", "float")
    evidence = Evidence(printed=(check,))
    assert evidence.verdict_printed == "exact"
    assert evidence.tightness == 0.5


def test_refutation_needs_certificate_second_arithmetic_and_charity() -> None:
    rows = [{"x": "3/2", "radius": 3}]
    both = Instances("squares", squares, rows, "rational", "float")
    assert Evidence(printed=(both,), charitable="tried |x| <= 1").verdict_printed == "refuted"
    assert Evidence(printed=(both,)).verdict_printed == "inconclusive"
    alone = Instances("squares", squares, rows, "rational")
    assert Evidence(printed=(alone,), charitable="tried").verdict_printed == "inconclusive"

    def bare(instance: dict, arithmetic: str) -> Sides:
        return Sides(3, "<=", 2)

    uncertified = Instances("no assumptions certified", bare, [{}], "rational", "float")
    assert Evidence(printed=(uncertified,), charitable="tried").verdict_printed == "inconclusive"


def test_an_instance_outside_the_assumptions_is_an_error() -> None:
    with pytest.raises(InputError, match="misses the assumptions"):
        Instances("squares", squares, [{"x": "2", "radius": 1}], "rational")


def test_evidence_is_as_strong_as_its_weakest_check() -> None:
    proved = Identity("0 = 0", X, X)
    supported = Instances("squares", squares, [{"x": "1/2", "radius": 1}], "float")
    assert Evidence(printed=(proved, supported)).verdict_printed == "supported"


def test_balls_that_overlap_decide_nothing() -> None:
    flint = pytest.importorskip("flint")

    def wide(instance: dict, arithmetic: str) -> Sides:
        return Sides(flint.arb(1, 0.5), "<=", flint.arb(1), {"computed": True})

    check = Instances("overlap", wide, [{}], "arb", "arb")
    assert not check.holds
    assert not check.refutes


def test_evidence_must_say_something() -> None:
    with pytest.raises(InputError):
        Evidence()
    assert Evidence(untestable="cited without use").verdict_printed == "untestable"
