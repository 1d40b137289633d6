"""What the kit puts between a solver and its problem: a meter of forbidden questions and a log of the allowed ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from synthetic.arrays import Array, like, to_numpy
from synthetic.oracle import Answer, StochasticOracle

FORBIDDEN = (
    "f", "g", "grad_f", "grad_g", "hvp_g", "jvp_g", "grad_f_at", "grad_g_at", "hvp_g_at", "jvp_g_at", "y_star",
    "value", "hypergrad", "hyperhess",
)  # fmt: skip
"""What a solver may learn from the oracle only."""


class Watched:
    """``problem``, counting in ``seen`` each use of a FORBIDDEN method outside a metered answer."""

    def __init__(self, problem: Any) -> None:
        self._problem, self.metering, self.seen = problem, False, dict[str, int]()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._problem, name)
        if name not in FORBIDDEN or not callable(value):
            return value

        def watched(*arguments: Any, **options: Any) -> Any:
            if not self.metering:
                self.seen[name] = self.seen.get(name, 0) + 1
            return value(*arguments, **options)

        return watched


@dataclass(frozen=True)
class Ask:
    """One question: ``kind`` (query, F, G, hvp, jvp), the sample's ``address``, and the point as bytes."""

    kind: str
    address: tuple[Any, ...]
    point: bytes
    part: str


Shift = Mapping[str, np.ndarray]
"""What to add to an answer: {"Fx": vector, "Gy": vector}."""


class RecordingOracle(StochasticOracle):
    """A metered oracle on a Watched problem that, when ``recording``, logs every question.

    ``shift(index, ask)``: what is added to the answer of the question of this index since ``log`` was last emptied
    (when not recording, index and address are not known).
    """

    def __init__(
        self, problem: Watched, noise: Any, *, shift: Callable[[int, Ask], Shift] | None = None,
        recording: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(problem, noise, **options)
        self.log: list[Ask] = []
        self.shift, self.recording = shift, recording

    def _meter(self, more: Any, answer: Callable[[], Any]) -> Any:
        outside, self.problem.metering = self.problem.metering, True
        try:
            return super()._meter(more, answer)
        finally:
            self.problem.metering = outside

    def _note(self, kind: str, x: Array, y: Array, options: Mapping[str, Any]) -> Shift:
        part = str(options.get("part", "xy"))
        if not self.recording:
            return self.shift(-1, Ask(kind, (), b"", part)) if self.shift is not None else {}
        address = tuple(to_numpy(options.get(name, 0)).tobytes() for name in ("step", "inner", "node"))
        point = to_numpy(x).tobytes() + to_numpy(y).tobytes()
        ask = Ask(kind, address, point, part)
        self.log.append(ask)
        return self.shift(len(self.log) - 1, ask) if self.shift is not None else {}

    def query(self, x: Array, y: Array, **options: Any) -> Answer:
        shift = self._note("query", x, y, options)
        answer = super().query(x, y, **options)
        return replace(answer, **{k: _add(getattr(answer, k), v) for k, v in shift.items()}) if shift else answer

    def F(self, x: Array, y: Array, **options: Any) -> tuple[Array, Array]:
        shift = self._note("F", x, y, options)
        Fx, Fy = super().F(x, y, **options)
        return _add(Fx, shift.get("Fx")), _add(Fy, shift.get("Fy"))

    def G(self, x: Array, y: Array, **options: Any) -> tuple[Array, Array]:
        shift = self._note("G", x, y, options)
        Gx, Gy = super().G(x, y, **options)
        return _add(Gx, shift.get("Gx")), _add(Gy, shift.get("Gy"))

    def hvp(self, x: Array, y: Array, v: Array, **options: Any) -> Array:
        self._note("hvp", x, y, options)
        return super().hvp(x, y, v, **options)

    def jvp(self, x: Array, y: Array, v: Array, **options: Any) -> Array:
        self._note("jvp", x, y, options)
        return super().jvp(x, y, v, **options)


def _add(value: Array, shift: np.ndarray | None) -> Array:
    if value is None or shift is None:
        return value
    if shift.ndim == 2:  # one row for each run, whatever stands between the runs and the vectors
        shift = shift.reshape(len(shift), *[1] * (value.ndim - 2), shift.shape[1])
    return value + like(shift, value)


def tilt(b: np.ndarray) -> Callable[[int, Ask], Shift]:
    """Every F_x shifted by b (dim_x,) or (runs, dim_x): f becomes f + b'x, so grad phi becomes grad phi + b."""
    return lambda index, ask: {"Fx": b} if ask.kind in ("query", "F") else {}
