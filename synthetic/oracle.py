"""The metered stochastic oracle: every answer is counted where it is given, in Python integers.

One SFO call answers, at one point (x, y), one sample of F ~ grad f, of G ~ grad g, or of both (paper 000, Ass. 2.1); a
mean over S samples is S calls. HVP, JVP, function values and communicated floats are counted apart.

Randomness is addressed, not consumed: the same (experiment, seed, step, inner, node) gives the same sample whenever
and however it is asked for. An algorithm that wants fresh samples passes fresh addresses, one that reuses a sample (a
frozen inner sample) passes the old one. Under minibatch noise the x and y parts at one address share their batch, so
give the x step an ``inner`` of its own (K, after the inner steps 0 .. K - 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import array_api_compat
import numpy as np

from synthetic.arrays import Array, as_vectors, namespace
from synthetic.errors import BudgetExhausted, InputError
from synthetic.noise import MODELS, Noise
from synthetic.philox import Address, Stream, integers

Part = Literal["xy", "x", "y"]


@dataclass(frozen=True)
class Counts:
    """Calls of ONE run by kind, Python integers without an upper end; ``floats`` are communicated numbers.

    ``sfo`` counts questions for first-order information: a ``query`` (F and G together), an ``F`` alone and a ``G``
    alone are one each. So max(F, G) <= sfo <= F + G.
    """

    sfo: int = 0
    F: int = 0
    G: int = 0
    HVP: int = 0
    JVP: int = 0
    f: int = 0
    g: int = 0
    floats: int = 0

    @property
    def calls(self) -> int:
        """sfo + HVP + JVP + f + g: what a budget limits."""
        return self.sfo + self.HVP + self.JVP + self.f + self.g

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{k.name: getattr(self, k.name) + getattr(other, k.name) for k in fields(Counts)})


@dataclass(frozen=True)
class Answer:
    """Estimates of (grad_x f, grad_y f, grad_x g, grad_y g); None for what was not asked."""

    Fx: Array = None
    Fy: Array = None
    Gx: Array = None
    Gy: Array = None


class StochasticOracle:
    """Unbiased answers about ``problem`` under ``noise``, metered.

    experiment, seeds: integers 0 .. 2^32 - 1. ``seeds`` an integer: no run axis. A 1-d array of R distinct seeds: every
    array argument has leading axis R, one run a seed, and counts are those of one run.
    budget: most calls (``Counts.calls``, metered and charged together) a run may make; None: no limit. The call that
    would pass it raises BudgetExhausted, unanswered and uncounted.
    nodes: "independent": samples differ between the nodes of a stencil; "shared": they do not.

    Points are not required to be finite: a diverged lane gets non-finite answers, counted, and harms no other lane.
    """

    def __init__(
        self,
        problem: Any,
        noise: Noise,
        *,
        experiment: int = 0,
        seeds: Any = 0,
        budget: int | None = None,
        nodes: Literal["independent", "shared"] = "independent",
    ) -> None:
        for name in ("dim_x", "dim_y"):
            value = getattr(problem, name, None)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"problem.{name}", value, "pass a BilevelProblem; dimensions are positive integers")
        if not isinstance(noise, Noise):
            raise InputError("noise", noise, f"pass a noise model ({', '.join(MODELS)}), e.g. Gaussian(1.0, 1.0)")
        noise.check(problem)
        if nodes not in ("independent", "shared"):
            raise InputError("nodes", nodes, 'pass "independent" or "shared"')
        if budget is not None:
            budget = _count("budget", budget)
        if integers("experiment", experiment, 0, 2**32).ndim != 0:
            raise InputError("experiment", experiment, "pass one integer")
        seed_array = integers("seeds", seeds, 0, 2**32)
        if seed_array.ndim > 1 or np.unique(seed_array).size != seed_array.size:
            raise InputError("seeds", seeds, "pass an integer or a 1-d array of distinct integers")
        self.problem, self.noise, self.budget, self.nodes = problem, noise, budget, nodes
        self.experiment, self.seeds = int(experiment), seed_array
        self._counts, self._charged = Counts(), Counts()

    @property
    def counts(self) -> Counts:
        """What was answered so far, for each run."""
        return self._counts

    @property
    def charged(self) -> Counts:
        """What :meth:`charge` booked, for each run: calls a jump kernel stands for but nobody answered."""
        return self._charged

    def query(
        self, x: Array, y: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1, part: Part = "xy"
    ) -> Answer:
        """Mean of ``samples`` samples of F and G at (x, y): ``samples`` SFO calls a lane.

        x (..., dim_x) and y (..., dim_y) with batch dimensions that broadcast (with a run axis: equally many, the first
        R). step (t), inner (k), node (j): integers or arrays that broadcast to the batch. ``part`` selects the
        coordinates to evaluate and changes neither the others' values nor the count.
        """
        return Answer(*self._gradients("fg", x, y, step, inner, node, samples, part))

    def F(
        self, x: Array, y: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1, part: Part = "xy"
    ) -> tuple[Array, Array]:
        """(F_x, F_y) alone, the same samples as :meth:`query` gives at this address."""
        return self._gradients("f", x, y, step, inner, node, samples, part)[:2]

    def G(
        self, x: Array, y: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1, part: Part = "xy"
    ) -> tuple[Array, Array]:
        """(G_x, G_y) alone, the same samples as :meth:`query` gives at this address."""
        return self._gradients("g", x, y, step, inner, node, samples, part)[2:]

    def hvp(self, x: Array, y: Array, v: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1) -> Array:
        """grad^2_yy g(x, y) v plus noise, shape (..., dim_y); v (..., dim_y)."""
        return self._product("hvp_g", "HVP", Stream.HVP, x, y, v, step, inner, node, samples)

    def jvp(self, x: Array, y: Array, v: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1) -> Array:
        """grad^2_xy g(x, y) v plus noise, shape (..., dim_x); v (..., dim_y)."""
        return self._product("jvp_g", "JVP", Stream.JVP, x, y, v, step, inner, node, samples)

    def value_f(self, x: Array, y: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1) -> Array:
        """f(x, y) plus noise, shape (...)."""
        return self._value("f", Stream.VALUE_F, x, y, step, inner, node, samples)

    def value_g(self, x: Array, y: Array, *, step: Any, inner: Any = 0, node: Any = 0, samples: int = 1) -> Array:
        """g(x, y) plus noise, shape (...)."""
        return self._value("g", Stream.VALUE_G, x, y, step, inner, node, samples)

    def variance(self, x: Array, y: Array) -> tuple[Array, Array]:
        """(E||F - grad f||^2, E||G - grad g||^2) of one sample at (x, y): exact, not random, not counted."""
        (x, y), _ = self._points(x=x, y=y)
        return self.noise.variance(self.problem, x, y)

    def terms(self, level: Literal["f", "g"], x: Array, *, step: Any, inner: Any = 0, node: Any = 0) -> Array:
        """Which terms of a finite sum the batch at this address holds, (..., batch size): not counted, an address
        is known before it is asked. Minibatch noise only.
        """
        terms = getattr(self.noise, "terms", None)
        if not callable(terms):
            raise InputError("noise", self.noise, "only minibatch noise draws terms: Minibatch(batch_f, batch_g)")
        (x,), batch = self._points(x=x)
        return terms(self.problem, level, self._address(batch, step, inner, node), x)

    def communicate(self, floats: int) -> None:
        """Count ``floats`` numbers sent between machines by each run."""
        self._counts += Counts(floats=_count("floats", floats))

    def charge(self, **calls: int) -> None:
        """Book calls that a kernel exact in law stands for: ``charge(sfo=n, F=n, G=n)``; never mixed with ``counts``.

        Raises BudgetExhausted, booking nothing, when they would pass the budget.
        """
        known = [k.name for k in fields(Counts)]
        for name, value in calls.items():
            if name not in known:
                raise InputError(name, value, f"charge one of {', '.join(known)}")
        more = Counts(**{name: _count(name, value) for name, value in calls.items()})
        self._afford(more)
        self._charged += more

    def restore(self, counts: Counts, charged: Counts) -> None:
        """Go on counting from a checkpoint's counts in place of this oracle's own."""
        for name, value in (("counts", counts), ("charged", charged)):
            if not isinstance(value, Counts):
                raise InputError(name, value, "pass Counts")
            for kind in fields(Counts):
                _count(f"{name}.{kind.name}", getattr(value, kind.name))
        self._counts, self._charged = counts, charged

    def _afford(self, more: Counts) -> None:
        spent = self._counts.calls + self._charged.calls
        if self.budget is not None and spent + more.calls > self.budget:
            raise BudgetExhausted(f"{spent} of {self.budget} calls spent, {more.calls} more asked for")

    def _meter(self, more: Counts, answer: Callable[[], Any]) -> Any:
        """The only way to an answer: afford it, give it, count it."""
        self._afford(more)
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged lane is the solver's business
            answered = answer()
        self._counts += more
        return answered

    def _gradients(
        self, levels: str, x: Array, y: Array, step: Any, inner: Any, node: Any, samples: int, part: str
    ) -> tuple[Array, Array, Array, Array]:
        if part not in ("xy", "x", "y"):
            raise InputError("part", part, 'pass "xy", "x" or "y"')
        (x, y), batch = self._points(x=x, y=y)
        address = self._address(batch, step, inner, node)
        n = self._lanes(batch) * _samples(samples)
        more = Counts(sfo=n, F=n * ("f" in levels), G=n * ("g" in levels))

        def answer() -> dict[Stream, Array]:
            found = self.noise.gradients(self.problem, x, y, address, int(samples), levels, part)
            for stream, value in found.items():
                dim = self.problem.dim_x if stream in (Stream.FX, Stream.GX) else self.problem.dim_y
                self._check_answer(f"the problem's gradient {stream.name}", value, (*batch, dim))
            return found

        found = self._meter(more, answer)
        return found.get(Stream.FX), found.get(Stream.FY), found.get(Stream.GX), found.get(Stream.GY)

    def _product(
        self, method: str, kind: str, stream: Stream, x: Array, y: Array, v: Array, step: Any, inner: Any, node: Any,
        samples: int,
    ) -> Array:  # fmt: skip
        self._method(method)
        (x, y, v), batch = self._points(x=x, y=y, v=v)
        address = self._address(batch, step, inner, node)
        n = self._lanes(batch) * _samples(samples)
        dim = self.problem.dim_y if kind == "HVP" else self.problem.dim_x

        def answer() -> Array:
            found = self.noise.product(self.problem, method, x, y, v, address, int(samples))
            self._check_answer(f"the problem's {method}", found, (*batch, dim))
            return self.noise.perturb(found, self.noise.sigma_h, stream, address, int(samples))

        return self._meter(replace(Counts(), **{kind: n}), answer)

    def _value(
        self, kind: str, stream: Stream, x: Array, y: Array, step: Any, inner: Any, node: Any, samples: int
    ) -> Array:
        function = self._method(kind)
        (x, y), batch = self._points(x=x, y=y)
        address = self._address(batch, step, inner, node)
        n = self._lanes(batch) * _samples(samples)

        def answer() -> Array:
            exact = namespace(x).asarray(function(x, y))
            self._check_answer(f"the problem's {kind}", exact, batch)
            return self.noise.perturb(exact[..., None], self.noise.sigma_v, stream, address, int(samples))[..., 0]

        return self._meter(replace(Counts(), **{kind: n}), answer)

    def _method(self, name: str) -> Callable[..., Array]:
        method = getattr(self.problem, name, None)
        if not callable(method):
            raise InputError("problem", self.problem, f"this answer needs the method {name}")
        return method

    def _check_answer(self, what: str, value: Any, shape: tuple[int, ...]) -> None:
        if tuple(getattr(value, "shape", ())) != tuple(shape):
            got = f"array of shape {tuple(getattr(value, 'shape', ()))}"
            raise InputError(what, got, f"the problem must return shape {tuple(shape)} for points of this batch")

    def _points(self, **points: Array) -> tuple[list[Array], tuple[int, ...]]:
        """The points checked and broadcast to their common batch shape."""
        dims = {"x": self.problem.dim_x, "y": self.problem.dim_y, "v": self.problem.dim_y}
        arrays = {name: as_vectors(name, value, dims[name]) for name, value in points.items()}
        shapes = {name: tuple(a.shape) for name, a in arrays.items()}
        try:
            xp = namespace(*arrays.values())
            same_device = len({str(array_api_compat.device(a)) for a in arrays.values()}) == 1
        except TypeError as error:
            kinds = {name: type(a).__name__ for name, a in arrays.items()}
            raise InputError(", ".join(points), kinds, "pass arrays of one library") from error
        if not same_device:
            raise InputError(", ".join(points), shapes, "pass arrays on one device")
        if self.seeds.ndim == 1:
            runs = self.seeds.size
            if any(len(s) < 2 or s[0] != runs for s in shapes.values()) or len({len(s) for s in shapes.values()}) > 1:
                fix = (
                    f"with {runs} seeds every array needs leading axis {runs} and equally many axes, e.g. x[:, None, :]"
                )
                raise InputError(", ".join(points), shapes, fix)
        try:
            batch = np.broadcast_shapes(*(s[:-1] for s in shapes.values()))
        except ValueError as error:
            raise InputError(", ".join(points), shapes, "the batch dimensions must broadcast together") from error
        if 0 in batch:
            raise InputError(", ".join(points), shapes, "pass at least one point")
        full = [a if a.shape[:-1] == batch else xp.broadcast_to(a, (*batch, a.shape[-1])) for a in arrays.values()]
        return full, batch

    def _address(self, batch: tuple[int, ...], step: Any, inner: Any, node: Any) -> Address:
        seed = self.seeds.reshape((-1,) + (1,) * (len(batch) - 1)) if self.seeds.ndim else self.seeds
        found = Address(self.experiment, seed, step, inner, node)
        try:
            fits = np.broadcast_shapes(found.shape, batch) == batch
        except ValueError:
            fits = False
        if not fits:
            shapes = {name: getattr(found, name).shape for name in ("step", "inner", "node")}
            raise InputError(
                "step, inner, node", shapes, f"pass integers or arrays that broadcast to the batch {batch}"
            )
        if self.nodes == "shared":
            found = Address(self.experiment, seed, step, inner, 0)
        return found

    def _lanes(self, batch: tuple[int, ...]) -> int:
        return math.prod(batch[self.seeds.ndim :])


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < 0:
        raise InputError(name, value, "pass an integer >= 0")
    return int(value)


def _samples(value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError("samples", value, "pass an integer >= 1")
    return int(value)
