"""The hard instances are known by name where a user lists and measures instances."""

from __future__ import annotations

import pytest

from bounds.instances import ALL, HARD, instance
from reports.commands.measure import user_instance
from synthetic.errors import InputError
from synthetic.problem import BilevelProblem
from synthetic.registry import INSTANCES


@pytest.mark.parametrize("name", sorted(HARD))
def test_hard_instances_build_by_name(name: str) -> None:
    assert isinstance(instance(name), BilevelProblem)
    assert type(user_instance(name)) is type(instance(name))
    assert name not in INSTANCES


def test_the_list_holds_all_and_refuses_others() -> None:
    assert set(ALL) == set(INSTANCES) | set(HARD)
    with pytest.raises(InputError, match="coupled-chain"):
        instance("nonsense")
    with pytest.raises(InputError, match=r"FILE\.py:NAME"):
        user_instance("nonsense")
