"""What is checked: a solver with what it declares, and the instance that it is run on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from synthetic.agents import heterogeneous_agents
from synthetic.arrays import Array, to_numpy
from synthetic.errors import InputError
from synthetic.finite_sum import FiniteSum
from synthetic.hyper import QuadraticHyper
from synthetic.linear_quadratic import LinearQuadratic
from synthetic.noise import Gaussian, Minibatch, Noise, NoNoise
from verify.conformance.watch import RecordingOracle, Watched

Verdict = Literal["conforms", "violates", "not applicable", "undecided"]


@dataclass(frozen=True)
class Finding:
    """The verdict of one check with its evidence in words and in numbers."""

    check: str
    verdict: Verdict
    evidence: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """A problem and the problem that the oracle answers about (they differ for agents), with the usual noise."""

    problem: Any
    asked: Any
    noise: Noise
    quiet: Noise

    def start(self, seed: int, runs: int) -> np.ndarray:
        """x0 (runs, dim_x), the same in every row."""
        x = np.random.default_rng([seed, 2]).uniform(0.5, 1.5, self.problem.dim_x)
        return np.broadcast_to(x, (runs, x.size)) + 0.0

    def oracle(
        self, *, noisy: bool = False, runs: int = 1, first: int = 0, noise: Noise | None = None, copies: int = 1,
        **options: Any,
    ) -> RecordingOracle:  # fmt: skip
        """A recording oracle for ``runs`` runs with seeds first, first + 1, ...; all that ``copies`` times over."""
        model = noise or (self.noise if noisy else self.quiet)
        made = RecordingOracle(Watched(self.asked), model, seeds=np.arange(first, first + runs * copies), **options)
        made.seeds = np.tile(made.seeds[:runs], copies)  # an oracle refuses equal seeds: here they are the purpose
        return made


def quadratic(seed: int) -> LinearQuadratic:
    """dim_x = 2, dim_y = 3; A_g with eigenvalues 1, 1.5, 2; A_f with 0.2, 0.4, 0.6; B, G, c of order 1."""
    rng = np.random.default_rng([seed, 1])

    def symmetric(*eigenvalues: float) -> np.ndarray:
        Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        A = Q @ np.diag(eigenvalues) @ Q.T
        return (A + A.T) / 2

    A_g, A_f = symmetric(1.0, 1.5, 2.0), symmetric(0.2, 0.4, 0.6)
    B, G = rng.uniform(0.3, 1.0, (3, 2)), rng.uniform(0.3, 1.0, (3, 2))
    return LinearQuadratic(A_g, A_f, B, rng.uniform(0.5, 1.5, 3), G, QuadraticHyper((1.0, 0.5)), name="kit quadratic")


def instance(needs: tuple[str, ...], seed: int) -> Instance:
    """The kit's instance for what a solver needs: plain, a finite sum, or agents side by side."""
    noise = Gaussian(0.1, 0.1)
    if "agents" in needs:
        agents = heterogeneous_agents(m=3)
        return Instance(agents, agents.stacked, noise, NoNoise())
    base = quadratic(seed)
    if "sum" in needs:
        d, n = base.dim_x + base.dim_y, 4
        h = np.random.default_rng([seed, 3]).uniform(-0.3, 0.3, (n, d))
        terms = (np.zeros((n, d, d)), h)
        problem = FiniteSum(base, terms, terms)
        return Instance(problem, problem, Minibatch(1, 1), Minibatch(1, 1))
    return Instance(base, base, noise, NoNoise())


@dataclass(frozen=True)
class Subject:
    """A solver under check. ``declared`` overrides the attributes of the solver; ``only``: the checks it is meant for
    (none: all).
    """

    name: str
    solver: Any
    declared: Mapping[str, Any] = field(default_factory=dict)
    only: tuple[str, ...] = ()

    def get(self, name: str) -> Any:
        return self.declared[name] if name in self.declared else getattr(self.solver, name, None)

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(self.solver.needs)

    def vary(self, **changes: Any) -> Subject:
        """The same configuration with other values of some fields."""
        return replace(self, solver=replace(self.solver, **changes))

    def has_field(self, name: str | None) -> bool:
        return name is not None and is_dataclass(self.solver) and name in {f.name for f in fields(self.solver)}

    def with_small(self, value: float) -> Subject:
        chosen = self.get("with_small")
        if chosen is not None:
            return replace(self, solver=chosen(value))
        return self.vary(**{self.get("small_parameter"): value})

    def small(self) -> float:
        value = self.get("small_value")
        return value if value is not None else getattr(self.solver, self.get("small_parameter"))

    @property
    def strata(self) -> Callable[[int], tuple[int, int]] | None:
        """step -> (which, of how many) equally likely values of the solver's own randomness, if it says so."""
        if "strata" in self.declared:
            return partial(self.declared["strata"], self.solver)
        return getattr(self.solver, "strata", None)

    def share(self, which: str, step: int) -> float | None:
        """The declared share a of the new sample in the momentum of ``which`` ("x", "y") at a step, if any."""
        declared = self.get("share")
        if isinstance(declared, dict):
            declared = declared.get(which)
        if isinstance(declared, str):
            declared = getattr(self.solver, declared)
        if callable(declared):
            declared = declared(step)
        return None if declared is None else float(declared)

    def hold(self, state: Any, **points: Array) -> Any:
        """``state`` with the field x (and y) replaced."""
        if self.get("hold") is not None and set(points) == {"x"}:
            return self.get("hold")(state, points["x"])
        return state._replace(**points) if hasattr(state, "_replace") else replace(state, **points)

    def iterates(self, state: Any, dim_y: int) -> dict[float, Array]:
        """{nu: iterate (runs, dim_y)} that should approach y*_nu(x)."""
        chosen = self.get("iterates")
        if chosen is not None:
            return dict(chosen(state))
        y = getattr(state, "y", None)
        return {0.0: y} if y is not None and y.shape[-1] == dim_y and y.ndim == 2 else {}


class BareState(NamedTuple):
    t: int
    x: Array


class _Shifted:
    """The oracle as a bare estimate sees it: its own steps 0, 1, ... of each evaluation t are kept apart."""

    def __init__(self, oracle: Any, t: int) -> None:
        self._oracle, self._t = oracle, t

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._oracle, name)
        if name not in ("query", "F", "G", "hvp", "jvp", "value_f", "value_g"):
            return method
        return lambda *points, step=0, **options: method(*points, step=self._t * 4096 + step, **options)


@dataclass(frozen=True)
class Bare:
    """A solver made of ``estimate(problem, x, oracle, rng)`` -> (..., dim_x): x <- x - eta estimate.

    It must take a batch of runs, x (runs, dim_x). Its keyword arguments with defaults are its parameters, and
    attributes set on the function (``estimate.small_parameter = "nu"``) what it declares.
    """

    estimate: Callable[..., Array]
    parameters: tuple[tuple[str, Any], ...] = ()
    eta: float = 0.1
    T: int = 20

    needs = ("F", "G")

    def init(self, problem: Any, x0: Array, y0: Array | None = None) -> BareState:
        return BareState(0, x0)

    def step(self, state: BareState, oracle: Any) -> BareState:
        t, x = state
        rng = np.random.default_rng([int(to_numpy(oracle.seeds).ravel()[0]), t])
        found = self.estimate(oracle.problem, x, _Shifted(oracle, t), rng, **dict(self.parameters))
        if getattr(found, "shape", None) != x.shape:
            got = f"{type(found).__name__} of shape {getattr(found, 'shape', 'none')}"
            raise InputError(getattr(self.estimate, "__name__", "estimate"), got, f"return the shape of x, {x.shape}")
        return BareState(t + 1, x - self.eta * found)

    def terminate(self, state: BareState) -> bool:
        return state.t >= self.T


CLAIMS = ("bias_order", "nodes", "small_parameter", "batch", "strata")


def bare(name: str, estimate: Callable[..., Array]) -> Subject:
    """The Subject of a bare estimate."""
    defaults = {
        p.name: p.default for p in inspect.signature(estimate).parameters.values() if p.default is not p.empty
    }  # fmt: skip
    declared = {claim: getattr(estimate, claim) for claim in CLAIMS if hasattr(estimate, claim)}
    calls = getattr(estimate, "calls", None)
    solver = Bare(estimate, tuple(defaults.items()))
    if calls is not None:
        declared["calls"] = lambda s: calls * s.T
    small = declared.get("small_parameter")
    if small in defaults:
        declared["small_value"] = defaults[small]
        declared["with_small"] = lambda value: replace(solver, parameters=tuple((defaults | {small: value}).items()))
    return Subject(name, solver, declared)


def subject(name: str, found: Any) -> Subject:
    """A Subject from what a file holds under a name: a solver, a maker of one, or a bare estimate."""
    if not isinstance(found, type) and all(callable(getattr(found, m, None)) for m in ("init", "step", "terminate")):
        return _checked(name, found)
    if callable(found):
        try:
            parameters = list(inspect.signature(found).parameters.values())
        except (TypeError, ValueError) as error:
            raise InputError("NAME", name, "pass a solver, a class or function that makes one") from error
        required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        if not required:
            try:
                made = found()
            except Exception as error:  # a maker may raise anything
                raise InputError("NAME", name, f"{name}() raised {type(error).__name__}: {error}") from error
            return _checked(name, made)
        if not isinstance(found, type) and len(required) == 4:
            return bare(name, found)
        wanted = ", ".join(p.name for p in required)
        raise InputError("NAME", name, f"it needs arguments ({wanted}): give the file a configured solver, s = ...")
    raise InputError("NAME", name, "pass a solver with init, step, terminate, or hypergrad_estimate(problem, x, ...)")


def _checked(name: str, solver: Any) -> Subject:
    for method in ("init", "step", "terminate"):
        if not callable(getattr(solver, method, None)):
            raise InputError("NAME", name, f"the solver lacks {method}(); the protocol is in verify.conformance")
    if not isinstance(getattr(solver, "needs", None), tuple):
        raise InputError("NAME", name, 'the solver lacks needs, e.g. needs = ("F", "G")')
    return Subject(name, solver)
