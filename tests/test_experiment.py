"""An experiment is data: its file, its grid, its hashes, and how it refuses what it does not know."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic.errors import InputError
from verify.experiment import Experiment, Grid, Seeds, canonical_json
from verify.options import Option, Schema, decimal_text, rational_text
from verify.schemas import declare_family, declare_kernel

HEADLINE = """
name = "headline"
kernel = "jump"
p = [1, 2, 3, 4, 6, 8]

[problem]
family = "ramp"
gamma = 1e3

[grid]
eps_max_log10 = -0.5
eps_min_log10 = "-3"
points = 11
challenge_log10 = -1.5

[seeds]
count = 16

[options]
target = "eps/32"

[axes]
sharing = ["independent", "x-step"]
"problem.a" = [1, 0.1]
"""


def small(**changes: object) -> Experiment:
    base = {"name": "small", "kernel": "jump", "p": [1, 2], "grid": Grid("-1", "-2", 3)}
    return Experiment(**(base | changes))  # type: ignore[arg-type]


def test_grid_is_geometric_and_exact() -> None:
    grid = Grid("-1/2", "-3", 11)
    assert grid.exponents[:3] == (Fraction(-1, 2), Fraction(-3, 4), Fraction(-1))
    assert grid.exponents[-1] == -3
    assert {b - a for a, b in zip(grid.exponents, grid.exponents[1:], strict=False)} == {Fraction(-1, 4)}
    assert Grid(-0.5, -3, 11) == grid  # type: ignore[arg-type]
    assert grid.challenge == Fraction(-7, 4)
    assert Grid("-2", "-2", 1).exponents == (Fraction(-2),)


def test_cells_are_the_product_and_their_hash_is_that_of_their_canonical_json() -> None:
    experiment = Experiment.from_toml(HEADLINE)
    cells = list(experiment.cells())
    assert len(cells) == 6 * 2 * 2 * 11
    assert len({cell.key for cell in cells}) == len(cells)
    assert len(list(experiment.trials())) == len(cells) * 16
    cell = cells[1]
    text = json.dumps(cell.spec, sort_keys=True, separators=(",", ":"))
    assert cell.key == hashlib.sha256(text.encode()).hexdigest()
    assert cell.spec["log10_eps"] == "-3/4"
    assert cell.arguments["log10_eps"] == Fraction(-3, 4)
    assert cell.arguments["eps"] == pytest.approx(0.1778279410038923, rel=1e-15)
    assert cell.arguments["problem"]["gamma"] == 1000.0
    assert (cell.arguments["sharing"], cell.arguments["target"]) == ("independent", "eps/32")


def test_no_float_enters_a_specification() -> None:
    def floats(value: object) -> bool:
        if isinstance(value, dict):
            return any(map(floats, value.values()))
        return isinstance(value, float)

    assert not any(floats(cell.spec) for cell in Experiment.from_toml(HEADLINE).cells())


def test_same_trial_same_key_whatever_grid_name_or_spelling() -> None:
    first = small(problem={"family": "ramp", "gamma": 1000, "a": "0.10"})
    other = small(
        name="another name",
        grid=Grid("-0.5", "-3", 6),
        seeds=Seeds(5, 2),
        problem={"family": "ramp", "gamma": 1e3, "a": Decimal("0.1")},
    )
    shared = {c.spec["log10_eps"] for c in first.cells()} & {c.spec["log10_eps"] for c in other.cells()}
    assert shared == {"-1", "-3/2", "-2"}
    assert {c.key for c in first.cells()} <= {c.key for c in other.cells()}


@pytest.mark.parametrize(
    "change",
    [
        {"p": [1, 3]},
        {"kernel": "literal"},
        {"stencil": "one_sided"},
        {"problem": {"family": "ramp", "a": "1.0000000000000000000001"}},
        {"options": {"target": "eps/32"}},
        {"options": {"sustain": 1.26}},
        {"options": {"normalise": False}},
        {"axes": {"sharing": ["x-step"]}},
        {"grid": Grid("-1", "-2.0000001", 3)},
    ],
)
def test_any_change_of_the_meaning_changes_some_key(change: dict) -> None:
    assert {c.key for c in small().cells()} != {c.key for c in small(**change).cells()}


def test_new_version_of_a_kernel_is_another_specification() -> None:
    old, new = Schema("versioned-a", {}, 1), Schema("versioned-b", {}, 2)
    declare_kernel(old)
    declare_kernel(new)
    a, b = (next(iter(small(kernel=s.name).cells())).spec for s in (old, new))
    assert a["kernel"] == {"name": "versioned-a", "version": 1}
    assert b["kernel"] == {"name": "versioned-b", "version": 2}


def test_toml_round_trip(tmp_path) -> None:
    experiment = Experiment.from_toml(HEADLINE)
    path = tmp_path / "spec.toml"
    experiment.write(path)
    again = Experiment.read(path)
    assert again == experiment
    assert [c.key for c in again.cells()] == [c.key for c in experiment.cells()]
    assert replace(experiment, name="other") != experiment
    with pytest.raises(FrozenInstanceError):
        experiment.name = "x"  # type: ignore[misc]


HOSTILE = [
    "'; DROP TABLE result; --",
    '"""\n[seeds]\ncount = 0',
    "<script>alert(1)</script>",
    "\x00\x7f\u2028é😀",
    "%s%n{}",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_survive(name: str) -> None:
    assert Experiment.from_toml(small(name=name).to_toml()).name == name


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_name_survives(name: str) -> None:
    experiment = small(name=name)
    assert Experiment.from_toml(experiment.to_toml()) == experiment


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('kernel = "jump"', 'kernel = "jumps"', "kernel"),
        ('kernel = "jump"', "", "kernel"),
        ('name = "headline"', 'name = "headline"\ncolour = 3', "colour"),
        ('name = "headline"', "name = 1.5", "name"),
        ("points = 11", "points = 11\nstep = 2", "grid.step"),
        ("points = 11", "points = 11.0", "grid.points"),
        ("points = 11", "points = true", "grid.points"),
        ("points = 11", "points = 1", "grid.points"),
        ("eps_max_log10 = -0.5", "eps_max_log10 = -4", "grid.eps_min_log10"),
        ("eps_max_log10 = -0.5", "eps_max_log10 = nan", "grid.eps_max_log10"),
        ("eps_max_log10 = -0.5", 'eps_max_log10 = "1/0"', "grid.eps_max_log10"),
        ("count = 16", "count = 0", "seeds.count"),
        ("count = 16", "count = 16\nfirst = -1", "seeds.first"),
        ("count = 16", "count = 16\nfirst = 4294967290", "seeds"),
        ('target = "eps/32"', 'target = "eps/8"', "options.target"),
        ('target = "eps/32"', 'taget = "eps/4"', "options.taget"),
        ('target = "eps/32"', "normalise = 1", "options.normalise"),
        ('target = "eps/32"', "sustain = 0.9", "options.sustain"),
        ("gamma = 1e3", 'gamma = "large"', "problem.gamma"),
        ("gamma = 1e3", "gamma = 1e999", "problem.gamma"),
        ("gamma = 1e3", "a = 0", "problem.a"),
        ('family = "ramp"', 'family = "valley"', "problem.family"),
        ('"problem.a" = [1, 0.1]', '"problem.e" = [1]', "axes.problem.e"),
        ('"problem.a" = [1, 0.1]', '"problem.a" = [1, 1.0]', "axes.problem.a"),
        ('"problem.a" = [1, 0.1]', '"problem.a" = []', "axes.problem.a"),
        ("p = [1, 2, 3, 4, 6, 8]", "p = [1, 1]", "p"),
        ("p = [1, 2, 3, 4, 6, 8]", "p = [0]", "p"),
        ("p = [1, 2, 3, 4, 6, 8]", 'p = [1]\nstencil = "central"', "stencil"),
        ("p = [1, 2, 3, 4, 6, 8]", 'p = [2]\nstencil = "balanced"', "stencil"),
        ('name = "headline"', "name = ", "TOML"),
    ],
)
def test_refusals_name_the_key_and_the_remedy(old: str, new: str, named: str) -> None:
    assert old in HEADLINE
    with pytest.raises(InputError) as caught:
        Experiment.from_toml(HEADLINE.replace(old, new))
    assert caught.value.argument == named
    assert caught.value.fix
    assert "\n" not in str(caught.value)


def test_unreadable_file_is_an_input_error(tmp_path) -> None:
    with pytest.raises(InputError, match="readable TOML"):
        Experiment.read(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(InputError, match="readable TOML"):
        Experiment.read(tmp_path / "latin.toml")


def test_a_name_cannot_be_declared_twice_with_other_options() -> None:
    declare_family(Schema("declared", {"k": Option("int", 1)}))
    declare_family(Schema("declared", {"k": Option("int", 1)}))
    with pytest.raises(InputError, match="already declared"):
        declare_family(Schema("declared", {"k": Option("int", 2)}))


def test_required_options_are_demanded() -> None:
    with pytest.raises(InputError, match=r"problem\.file"):
        small(problem={"family": "user", "attribute": "x", "sha256": "0"})


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x == 0 or 1e-290 < abs(x) < 1e290))
def test_decimal_text_is_exact_and_canonical(x: float) -> None:
    text = decimal_text("x", x)
    assert float(text) == x
    assert decimal_text("x", text) == text
    assert Fraction(text) == Fraction(repr(x))


def test_spellings_of_a_number() -> None:
    for value in (100, 100.0, "100", "1e2", "100.00", Decimal("1E+2")):
        assert decimal_text("x", value) == "100"
    for value in (0, -0.0, "0.000", "-0"):
        assert decimal_text("x", value) == "0"
    assert decimal_text("x", "0." + "1" * 60) == "0." + "1" * 60  # more digits than the decimal context holds
    for value in ("1/4", 0.25, "0.250", Fraction(1, 4), "2/8"):
        assert rational_text("x", value) == "1/4"


def test_canonical_json_refuses_nan() -> None:
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"\\u00e9","b":1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})
