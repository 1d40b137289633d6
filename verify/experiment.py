"""An experiment as data: a frozen dataclass, its TOML file, and the trials it stands for.

    experiment = cells x seeds,      cells = p x eps x axes,      trial = (hash of the cell's specification, seed)

eps = 10^e with e a rational number: the geometric grid from ``eps_max_log10`` to ``eps_min_log10`` has exponents
e_i = e_max + (e_min - e_max) i/(points - 1), kept as fractions. The hash of a cell is the sha256 of the canonical
JSON of its specification, in which e_i stands as a fraction and no computed float occurs. The name of the
experiment, the number of its seeds and the grid that the cell came from are not part of it, so a wider grid or more
seeds reuse every finished trial.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from synthetic.errors import InputError
from verify.options import Option, Scalar, Schema, checked_text, rational_text
from verify.schemas import FAMILIES, KERNELS, find

STENCILS = Option("word", "paper", ("paper", "central", "one_sided", "balanced"))
SEED_LIMIT = 2**32  # seeds are 32-bit words of the noise key
SPEC_FORMAT = 1


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def spec_hash(spec: Mapping[str, Any]) -> str:
    """sha256 (hex) of the canonical JSON of a specification."""
    return hashlib.sha256(canonical_json(spec).encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Grid:
    """Geometric grid of eps; exponents are fractions, "-1/2" or -0.5 alike."""

    eps_max_log10: str = "-1/2"
    eps_min_log10: str = "-3"
    points: int = 11
    challenge_log10: str = ""
    """eps < 10^challenge_log10 is held out to judge the fit; empty: the smaller half of the exponents."""

    def __post_init__(self) -> None:
        for key in ("eps_max_log10", "eps_min_log10", "challenge_log10"):
            if key != "challenge_log10" or self.challenge_log10 != "":
                object.__setattr__(self, key, rational_text(f"grid.{key}", getattr(self, key)))
        Option("int", low=1).canonical("grid.points", self.points)
        high, low = Fraction(self.eps_max_log10), Fraction(self.eps_min_log10)
        if self.points > 1 and not low < high:
            raise InputError("grid.eps_min_log10", self.eps_min_log10, "pass less than eps_max_log10")
        if self.points == 1 and low != high:
            raise InputError("grid.points", 1, "one point needs eps_max_log10 = eps_min_log10")
        if low < -300 or high > 300:
            raise InputError("grid", (str(low), str(high)), "pass exponents between -300 and 300")

    @property
    def exponents(self) -> tuple[Fraction, ...]:
        """log10(eps) of each point, from the largest eps to the smallest."""
        high, low = Fraction(self.eps_max_log10), Fraction(self.eps_min_log10)
        steps = max(self.points - 1, 1)
        return tuple(high + (low - high) * i / steps for i in range(self.points))

    @property
    def challenge(self) -> Fraction:
        """log10(eps) below which a point is held out."""
        if self.challenge_log10:
            return Fraction(self.challenge_log10)
        return (Fraction(self.eps_max_log10) + Fraction(self.eps_min_log10)) / 2


@dataclass(frozen=True)
class Seeds:
    """Seeds first, first + 1, ..., first + count - 1."""

    first: int = 0
    count: int = 16

    def __post_init__(self) -> None:
        Option("int", low=0).canonical("seeds.first", self.first)
        Option("int", low=1).canonical("seeds.count", self.count)
        if self.first + self.count > SEED_LIMIT:
            raise InputError("seeds", (self.first, self.count), "seeds must stay below 2^32")

    @property
    def values(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True)
class Cell:
    """One point of the experiment: canonical ``spec``, its hash ``key``, and ``arguments`` for the trial function.

    ``arguments``: {"p", "stencil", "log10_eps" (Fraction), "eps" (float), "problem": {"family", ...}, and each
    option of the kernel under its own name}; reals are floats, rationals Fractions.
    """

    key: str
    spec: Mapping[str, Any]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """A grid specification. ``axes`` vary further settings: "stencil", an option's name, or "problem.NAME"."""

    name: str
    kernel: str
    p: tuple[int, ...]
    stencil: str = "paper"
    problem: Mapping[str, Any] = field(default_factory=lambda: {"family": "ramp"})
    grid: Grid = field(default_factory=Grid)
    seeds: Seeds = field(default_factory=Seeds)
    options: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not checked_text("name", self.name).strip():
            raise InputError("name", self.name, "pass a name that is not empty")
        for key in ("problem", "options", "axes"):
            if not isinstance(getattr(self, key), Mapping):
                raise InputError(key, getattr(self, key), f"pass a table [{key}]")
        object.__setattr__(self, "p", _orders(self.p))
        STENCILS.canonical("stencil", self.stencil)
        kernel, family = self._schemas()
        own = {k: v for k, v in self.problem.items() if k != "family"}
        problem = {"family": family.name, **family.canonical("problem", own)}
        object.__setattr__(self, "problem", MappingProxyType(problem))
        object.__setattr__(self, "options", MappingProxyType(kernel.canonical("options", self.options)))
        axes = {key: self._axis(key, values) for key, values in self.axes.items()}
        object.__setattr__(self, "axes", MappingProxyType(axes))
        for p, stencil in itertools.product(self.p, axes.get("stencil", (self.stencil,))):
            if (stencil == "central" and p % 2) or (stencil == "balanced" and p % 2 == 0):
                odd = "even" if stencil == "central" else "odd"
                raise InputError("stencil", stencil, f"needs {odd} p; p = {p} does not fit")

    def _schemas(self) -> tuple[Schema, Schema]:
        family = find("problem.family", FAMILIES, self.problem.get("family"))
        return find("kernel", KERNELS, self.kernel), family

    def _axis(self, key: str, values: Any) -> tuple[Scalar, ...]:
        argument = f"axes.{key}"
        if not isinstance(values, (list, tuple)) or not values:
            raise InputError(argument, values, "pass a list with at least one value")
        kernel, family = self._schemas()
        if key == "stencil":
            option = STENCILS
        elif key.startswith("problem."):
            option = family.option("axes.problem", key.removeprefix("problem."))
        else:
            option = kernel.option("axes", key)
        canonical = tuple(option.canonical(argument, value) for value in values)
        if len(set(canonical)) != len(canonical):
            raise InputError(argument, values, "pass each value once")
        return canonical

    def cells(self) -> Iterator[Cell]:
        """Every cell, in the order p, axes, eps (largest first)."""
        kernel, family = self._schemas()
        for p, *chosen in itertools.product(self.p, *self.axes.values()):
            stencil, problem, options = self.stencil, dict(self.problem), dict(self.options)
            for key, value in zip(self.axes, chosen, strict=True):
                if key == "stencil":
                    stencil = str(value)
                elif key.startswith("problem."):
                    problem[key.removeprefix("problem.")] = value
                else:
                    options[key] = value
            typed = {"family": family.name} | family.typed({k: v for k, v in problem.items() if k != "family"})
            for exponent in self.grid.exponents:
                spec = {
                    "format": SPEC_FORMAT,
                    "kernel": {"name": kernel.name, "version": kernel.version},
                    "family_version": family.version,
                    "p": p,
                    "stencil": stencil,
                    "log10_eps": str(exponent),
                    "problem": problem,
                    "options": options,
                }
                arguments = kernel.typed(options) | {
                    "p": p,
                    "stencil": stencil,
                    "log10_eps": exponent,
                    "eps": 10.0 ** float(exponent),
                    "problem": typed,
                }
                yield Cell(spec_hash(spec), spec, arguments)

    def trials(self) -> Iterator[tuple[str, int]]:
        """Every (cell key, seed)."""
        for cell in self.cells():
            for seed in self.seeds.values:
                yield cell.key, seed

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, integers, booleans, lists and one level of tables."""
        return {
            "name": self.name,
            "kernel": self.kernel,
            "p": list(self.p),
            "stencil": self.stencil,
            "problem": dict(self.problem),
            "grid": asdict(self.grid),
            "seeds": asdict(self.seeds),
            "options": dict(self.options),
            "axes": {key: list(values) for key, values in self.axes.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Experiment:
        """Strict: unknown or missing keys and wrong types raise an InputError that names the key."""
        _check_keys("", data, {f.name for f in fields(cls)}, {"name", "kernel", "p"})
        values = dict(data)
        for key, part in (("grid", Grid), ("seeds", Seeds)):
            if key in values:
                table = values[key]
                if not isinstance(table, Mapping):
                    raise InputError(key, table, f"pass a table [{key}]")
                _check_keys(f"{key}.", table, {f.name for f in fields(part)}, set())
                values[key] = part(**table)
        return cls(**values)

    def to_toml(self) -> str:
        """The TOML text, which ``from_toml`` reads back to an equal experiment."""
        return _toml(self.to_dict())

    @classmethod
    def from_toml(cls, text: str) -> Experiment:
        """Parse TOML text; reals keep the digits they were written with."""
        try:
            return cls.from_dict(tomllib.loads(text, parse_float=Decimal))
        except tomllib.TOMLDecodeError as error:
            raise InputError("TOML", text, f"not valid TOML: {error}") from error

    @classmethod
    def read(cls, path: str | Path) -> Experiment:
        """Read a TOML file (UTF-8)."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("path", str(path), f"pass a readable TOML file ({error})") from error
        return cls.from_toml(text)

    def write(self, path: str | Path) -> None:
        """Write the TOML file."""
        Path(path).write_text(self.to_toml(), encoding="utf-8")


def _orders(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise InputError("p", value, "pass a list of orders such as [1, 2, 4]")
    orders = tuple(value)
    for p in orders:
        Option("int", low=1).canonical("p", p)
    if len(set(orders)) != len(orders):
        raise InputError("p", value, "pass each order once")
    return orders


def _check_keys(prefix: str, data: Mapping[str, Any], known: set[str], needed: set[str]) -> None:
    for key in data:
        if key not in known:
            raise InputError(f"{prefix}{key}", data[key], f"unknown key; known: {', '.join(sorted(known))}")
    for key in sorted(needed - set(data)):
        raise InputError(f"{prefix}{key}", None, "missing; the experiment needs it")


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(data: Mapping[str, Any]) -> str:
    def lines(table: Mapping[str, Any]) -> Iterator[str]:
        for key, value in table.items():
            bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
            yield f"{key if bare else _toml_value(key)} = {_toml_value(value)}"

    tables = {key: value for key, value in data.items() if isinstance(value, Mapping)}
    text = list(lines({key: value for key, value in data.items() if key not in tables}))
    for name, table in tables.items():
        text += ["", f"[{name}]", *lines(table)] if table else []
    return "\n".join(text) + "\n"
