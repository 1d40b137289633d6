"""What schedules refuse, and how they say it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.lq_schedule import lq_schedule
from bounds.schedule import theorem_schedule
from bounds.stencil import central, from_nodes, stencil
from synthetic.errors import InputError

CLASS = {"mu": 0.5, "sigma": 1.5, "Delta": 2.0, "R": 3.0}


def smoothness(p: int, largest: float = 2.0) -> list[float]:
    """L_0 .. L_{p+1} with L_bar = L_1 = ``largest``."""
    return [1.0, largest, *[0.5] * (p - 1), 1e6]


BAD_NUMBERS = st.one_of(
    st.sampled_from([0, -1.0, float("nan"), float("inf"), -float("inf"), None, "x", [], {}, 1j]),
    st.floats(max_value=0, allow_nan=False),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["eps", "a", "c_norm", "sg", "L", "Delta", "fraction", "T_multiple", "nu", "nu_cap"]),
    BAD_NUMBERS,
)
def test_bad_numbers_are_refused_in_one_line(name, value):
    arguments = {"eps": 0.1, "c_norm": 10.0, name: value}
    if value is None and name in ("nu", "nu_cap"):
        return  # None means: choose
    with pytest.raises(InputError) as caught:
        lq_schedule(2, **arguments)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["eps", "sigma", "Delta", "R"]), BAD_NUMBERS, st.booleans())
def test_bad_class_numbers_are_refused_in_one_line(name, value, complete):
    arguments = {"eps": 0.1, "L": [1, 1, 1, 1], **CLASS, name: value, "complete": complete}
    with pytest.raises(InputError, match=name):
        theorem_schedule(2, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"L": [1, 1, 1]}, "p \\+ 2 = 4"),
        ({"L": 3}, "sequence"),
        ({"L": [1, 1, -1, 1]}, r"L\[2\]"),
        ({"mu": 5.0}, "mu <= L_1"),
        ({"mu": None}, "mu > 0"),
        ({"multipliers": {"tau": 1.0}}, "keys among"),
        ({"multipliers": {"K": 0.0}}, "multipliers"),
        ({"multipliers": 3}, "mapping"),
        ({"stencil": central(4)}, "order p = 2"),
        ({"stencil": "forward"}, "family"),
        ({"jet_lipschitz": 1.0}, "complete"),
        ({"eps": 1e-200}, "larger eps"),
    ],
)
def test_bad_theorem_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        theorem_schedule(2, **{"eps": 0.1, "L": [1, 1, 1, 1], **CLASS, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"h": 0.0}, "bias is zero"),
        ({"gamma": 0.0}, "bias is zero"),
        ({"b": 0.0}, "inner='full'"),
        ({"h": float("nan")}, "finite"),
        ({"gamma": "x"}, "number"),
        ({"sf": -1.0}, ">= 0"),
        ({"d": 0}, "integer"),
        ({"inner": "all"}, "leading"),
        ({"contraction": "b"}, "smallest"),
        ({"stencil": from_nodes((-2, 1, 3))}, "anchored|exact bias|non-zero nodes"),
        ({"eps": 1e-170}, "larger eps"),
    ],
)
def test_bad_lq_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        lq_schedule(2, **{"eps": 0.1, "c_norm": 10.0, **arguments})


def test_bad_schedules():
    good = lq_schedule(2, 0.1, c_norm=10.0)
    for change in ({"S": 0}, {"K": 1.5}, {"T": True}, {"nu": -1.0}, {"stencil": stencil(4)}, {"p": 0}):
        with pytest.raises(InputError):
            dataclasses.replace(good, **change)
