"""Results as JSON that loses nothing: integers of any size, every float, and no other kind of object.

An integer beyond 2^53 is written {"$int": "12345..."}, its decimal digits as a string, since most readers of JSON
would round it; nan and the infinities are written {"$float": "nan"}; other floats are written with ``repr``, which
reads back to the same double. Keys that begin with "$" are refused. Reading creates nothing but JSON values.
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Mapping
from typing import Any

from synthetic.errors import InputError
from verify.options import checked_text

SAFE_INTEGER = 2**53


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return checked_text(where, value)
    if isinstance(value, numbers.Integral):
        number = int(value)
        return number if abs(number) <= SAFE_INTEGER else {"$int": str(number)}
    if isinstance(value, float):  # numpy.float64 is one; a float32 is not, and its digits would be invented
        real = float(value)
        return real if math.isfinite(real) else {"$float": repr(real)}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key.startswith("$"):
                raise InputError(where, key, "keys must be strings that do not begin with $")
        return {checked_text(where, key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise InputError(where, value, "results hold None, bool, int, float, str, lists and tables of these only")


def _rich(pairs: list[tuple[str, Any]]) -> Any:
    if len(pairs) == 1:
        key, value = pairs[0]
        if key == "$int":
            return int(value)
        if key == "$float":
            return float(value)
    return dict(pairs)


def encode(value: Any, where: str = "result") -> str:
    """The canonical JSON text of a result (sorted keys, ASCII), or an InputError naming the part that is not data."""
    return json.dumps(_plain(value, where), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def decode(text: str) -> Any:
    """The value that ``encode`` wrote; tuples come back as lists."""
    return json.loads(text, object_pairs_hook=_rich)
