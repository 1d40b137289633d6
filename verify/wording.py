"""Evidence in words: values and instances as a reader wants them, on one line and without JSON."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

LONG = 36
"""Characters beyond which an exact number is shown rounded; the instance beside it stays exact."""


def show(value: Any) -> str:
    """A value on one line: exact while short, else 13 digits and a word on how long the exact one is."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {show(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    text = str(value)
    return text if len(text) <= LONG or not is_rational(text) else _rounded(Fraction(text), text)


def is_rational(text: str) -> bool:
    """Whether ``text`` is an integer or a fraction as Python writes them."""
    return text.lstrip("-").replace("/", "", 1).isdigit()


def _rounded(value: Fraction, text: str) -> str:
    digits = sum(character.isdigit() for character in text)
    return f"{decimal(value)} (rounded; the exact value has {digits} digits)"


def decimal(value: Fraction) -> str:
    """A fraction to 13 significant digits, also beyond the range of floats."""
    if value == 0:
        return "0"
    size = abs(value)
    shift = len(str(size.numerator)) - len(str(size.denominator))
    if size < Fraction(10) ** shift:
        shift -= 1
    mantissa = float(size / Fraction(10) ** shift)
    if f"{mantissa:.12f}".startswith("10."):
        mantissa, shift = mantissa / 10, shift + 1
    sign = "-" if value < 0 else ""
    if -5 < shift < 13:
        return f"{sign}{mantissa * 10.0**shift:.13g}"
    return f"{sign}{mantissa:.12f}".rstrip("0").rstrip(".") + f"e{shift:+03d}"
