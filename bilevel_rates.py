"""bilevel-rates: the executable appendix of stochastic bilevel optimization.

    >>> import bilevel_rates as br
    >>> stencil = br.stencil(4)                       # exact p-th order weights
    >>> problem = br.dense_lq()                       # an instance with a known hyper-gradient
    >>> oracle = br.StochasticOracle(problem, br.Gaussian(0.1, 0.1), seeds=1)
    >>> solver = br.F2SAp(p=2, nu=0.05, eta_x=0.01, eta_y=0.1, S=4, K=10, T=20)
    >>> result = br.run(solver, problem, oracle, x0=[1.0, 0.0, 0.0])
    >>> result.counts.sfo == solver.calls
    True

Names are imported when they are used. Command line: ``bilevel-rates --help`` or ``python -m bilevel_rates --help``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "synthetic.errors": ("InputError", "MissingExtra", "BudgetExhausted"),
    "synthetic.problem": ("BilevelProblem", "Constant", "Constants"),
    "synthetic.exact": ("ExactForm",),
    "synthetic.hyper": ("QuadraticHyper", "Ramp", "RationalWells"),
    "synthetic.linear_quadratic": ("LinearQuadratic", "dense_lq", "diagonal_lq"),
    "synthetic.polynomial": ("Polynomial", "skewed_polynomial"),
    "synthetic.learn_regularize": ("LearnToRegularize", "digits"),
    "synthetic.noise": ("Gaussian", "Rademacher", "Multiplicative", "Minibatch", "NoNoise"),
    "synthetic.oracle": ("Counts", "StochasticOracle"),
    "bounds.stencil": ("Stencil", "stencil", "central", "one_sided", "balanced", "from_nodes"),
    "bounds.schedule": ("Schedule", "theorem_schedule"),
    "bounds.lq_schedule": ("lq_schedule",),
    "solvers.base": ("Run", "Solver", "run"),
    "solvers.f2sa_p": ("F2SAp",),
    "solvers.f2sa_2": ("F2SA2",),
    "verify.evidence": ("Evidence", "Identity", "Instances", "Sides"),
    "verify.conformance.kit": ("check_solver", "violated"),
    "verify.conformance.subject": ("Finding",),
    "verify.registry": ("claim", "claims", "run_claim"),
}
_WHERE = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_WHERE)  # noqa: PLE0605  (a list, computed from the table above)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'bilevel_rates' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``bilevel-rates``; returns the exit status (0 as it should be, 1 deviation, 2 bad input)."""
    from reports.command import main as command

    return command(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
