"""The instances by name. Adding one is one builder and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from synthetic.errors import InputError


@dataclass(frozen=True)
class Entry:
    """Where a builder lives, what it makes, and the extra that it needs."""

    target: str
    what: str
    extra: str = ""

    def build(self, **parameters: Any) -> Any:
        module, name = self.target.split(":")
        return getattr(import_module(module), name)(**parameters)


INSTANCES: dict[str, Entry] = {
    "diagonal-lq": Entry("synthetic.linear_quadratic:diagonal_lq", "linear-quadratic, diagonal, phi pluggable"),
    "dense-lq": Entry("synthetic.linear_quadratic:dense_lq", "linear-quadratic, dense, A_f indefinite"),
    "polynomial": Entry("synthetic.polynomial:skewed_polynomial", "cubic and quartic terms in both levels, no parity"),
    "finite-sum": Entry("synthetic.finite_sum:finite_sum", "finite sums, mean-squared smoothness known exactly"),
    "relaxed-smooth": Entry("synthetic.relaxed_smooth:relaxed_smooth", "upper level of unbounded smoothness"),
    "strict-saddle": Entry("synthetic.saddle:strict_saddle", "strict saddle at 0, negative curvature known"),
    "agents": Entry("synthetic.agents:heterogeneous_agents", "m agents whose local hyper-gradients do not average"),
    "lq-dial": Entry("synthetic.dials:lq_dial", "linear-quadratic, condition number as a dial"),
    "polynomial-dial": Entry("synthetic.dials:polynomial_dial", "cubic and quartic terms, condition number as a dial"),
    "digits": Entry("synthetic.learn_regularize:digits", "softmax learn-to-regularize on real data", "data"),
}


def instance(name: str, **parameters: Any) -> Any:
    """Build the named instance."""
    if name not in INSTANCES:
        raise InputError("instance", name, f"choose one of {', '.join(INSTANCES)}")
    return INSTANCES[name].build(**parameters)
