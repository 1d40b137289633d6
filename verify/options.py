"""Typed options: what a kernel or a problem family may be given, and the one canonical spelling of each value.

A value is stored in its canonical spelling, a JSON scalar that does not depend on how it was typed: ``1``, ``1.0``
and ``"1"`` are the same real number "1". Nothing computed enters a specification, so its hash never depends on
the last bit of a pow().
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Literal

from synthetic.errors import InputError

Kind = Literal["real", "rational", "int", "bool", "word", "text"]
Scalar = str | int | bool
"""A canonical value: reals and rationals are strings, for no digit of them may change on the way."""


def decimal_text(argument: str, value: Any) -> str:
    """The canonical decimal spelling of a finite real number typed as int, float, Decimal or string."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise InputError(argument, value, "pass a real number")
    try:
        number = Decimal(repr(float(value)) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError) as error:
        raise InputError(argument, value, "pass a decimal number such as 0.25") from error
    if not number.is_finite():
        raise InputError(argument, value, "pass a finite number")
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    # Not Decimal.normalize: it would round to the 28 digits of the context.
    stripped = text.rstrip("0")
    if not stripped:
        return "0"
    assert isinstance(exponent, int)
    exponent += len(text) - len(stripped)
    if not -300 <= exponent + len(stripped) <= 300:
        raise InputError(argument, value, "pass a number between 1e-300 and 1e300 in size")
    return format(Decimal((sign, tuple(map(int, stripped)), exponent)), "f")


def rational_text(argument: str, value: Any) -> str:
    """The canonical spelling "a/b" (or "a") of a rational number typed as "1/3", "0.25", int or float."""
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, str) and "/" in value:
        try:
            return str(Fraction(value))
        except (ValueError, ZeroDivisionError) as error:
            raise InputError(argument, value, "pass a fraction such as 1/3") from error
    return str(Fraction(decimal_text(argument, value)))


@dataclass(frozen=True)
class Option:
    """One option: its kind, its default (None: must be given), the words it may take, and its sign."""

    kind: Kind
    default: Any = None
    words: tuple[str, ...] = ()
    low: float | None = None
    """Smallest value allowed; ``above`` excludes it."""
    above: float | None = None
    doc: str = ""

    def canonical(self, argument: str, value: Any) -> Scalar:
        """The canonical spelling of ``value``, or an InputError that names ``argument``."""
        match self.kind:
            case "bool":
                if not isinstance(value, bool):
                    raise InputError(argument, value, "pass true or false")
                return value
            case "int":
                if isinstance(value, bool) or not isinstance(value, int):
                    raise InputError(argument, value, "pass an integer")
                result: Scalar = value
            case "word" | "text":
                if not isinstance(value, str) or (self.kind == "word" and value not in self.words):
                    fix = f"pass one of {', '.join(self.words)}" if self.kind == "word" else "pass a string"
                    raise InputError(argument, value, fix)
                return checked_text(argument, value)
            case "real":
                result = decimal_text(argument, value)
            case "rational":
                result = rational_text(argument, value)
        self._check_range(argument, value, Fraction(result))
        return result

    def _check_range(self, argument: str, value: Any, number: Fraction) -> None:
        if self.low is not None and number < self.low:
            raise InputError(argument, value, f"pass a number >= {self.low:g}")
        if self.above is not None and number <= self.above:
            raise InputError(argument, value, f"pass a number > {self.above:g}")

    def typed(self, canonical: Scalar) -> Any:
        """The Python value for a trial: reals as float, rationals as Fraction, the rest as it is."""
        if self.kind == "real":
            return float(canonical)
        return Fraction(canonical) if self.kind == "rational" else canonical


def checked_text(argument: str, value: Any) -> str:
    """A string that UTF-8 can hold (any character but a lone surrogate), or an InputError."""
    if not isinstance(value, str):
        raise InputError(argument, value, "pass a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(argument, ascii(value), "pass text without lone surrogates") from error
    return value


@dataclass(frozen=True)
class Schema:
    """The options of one kernel or one problem family; ``version`` goes up when its results change meaning."""

    name: str
    options: Mapping[str, Option] = field(default_factory=dict)
    version: int = 1

    def canonical(self, prefix: str, given: Mapping[str, Any]) -> dict[str, Scalar]:
        """All options, given or default, in canonical spelling; unknown and missing keys are refused."""
        for key in given:
            self.option(prefix, key)
        values = {}
        for key, option in self.options.items():
            if key not in given and option.default is None:
                raise InputError(f"{prefix}.{key}", None, f"{self.name} needs it: {option.doc or option.kind}")
            values[key] = option.canonical(f"{prefix}.{key}", given.get(key, option.default))
        return values

    def option(self, prefix: str, key: str) -> Option:
        """The declaration of ``key``, or an InputError that lists the known keys."""
        if key not in self.options:
            known = ", ".join(sorted(self.options)) or "none"
            raise InputError(f"{prefix}.{key}", key, f"unknown key of {self.name}; known: {known}")
        return self.options[key]

    def typed(self, canonical: Mapping[str, Scalar]) -> dict[str, Any]:
        """Python values for a trial."""
        return {key: self.options[key].typed(value) for key, value in canonical.items()}
