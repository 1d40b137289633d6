"""Small tables as files that people and programs read, with the command that made them; and stores as JSON.

CSV: first line ``# command: ...``, then a header and one row each. A cell is a JSON scalar, except that text stands
as it is unless it could be taken for something else (a number, an empty cell, a formula of a spreadsheet): then it
is a JSON string. So every table reads back equal, with integers of any size and exact floats.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic.errors import InputError
from verify.codec import decode, encode
from verify.experiment import canonical_json, spec_hash
from verify.store import Store, StoreError, Trial

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
EXPORT = "bilevel-rates results 1"


@dataclass(frozen=True)
class Table:
    """Rows of scalars and the command line that made them."""

    rows: list[dict[str, Any]]
    command: str


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if not isinstance(value, str):
        raise InputError("rows", value, "a table holds None, bool, int, float and str only")
    odd = value == "" or value in _WORDS or value[0] in '"=+-@#\t ' or _NUMBER.fullmatch(value)
    return json.dumps(value) if odd or not value.isprintable() else value


def _value(cell: str) -> Any:
    if cell == "":
        return None
    if cell in _WORDS:
        return _WORDS[cell]
    if match := _NUMBER.fullmatch(cell):
        return float(cell) if match[1] or match[2] else int(cell)
    return json.loads(cell) if cell[0] == '"' else cell


def write_atomically(path: str | Path, text: str, *, overwrite: bool = False) -> None:
    """Write ``text`` (UTF-8) to ``path`` whole or not at all; refuses to replace a file unless told to."""
    target = Path(os.path.abspath(path))
    if target.exists() and not overwrite:
        raise InputError("path", str(path), "the file exists; give another path or ask to overwrite it")
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as error:
        raise StoreError(target, f"{error}; the file was not written") from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def write_table(path: str | Path, rows: Sequence[Mapping[str, Any]], command: str, *, overwrite: bool = False) -> None:
    """Write rows of scalars to a .csv or .json file; columns in the order in which they first occur."""
    if "\n" in command or "\r" in command:
        raise InputError("command", command, "pass one line")
    if Path(path).suffix == ".json":
        body = ",\n".join(encode(dict(row), "rows") for row in rows)
        text = f'{{"command": {json.dumps(command)},\n"rows": [\n{body}\n]}}\n'
    elif Path(path).suffix == ".csv":
        columns = list(dict.fromkeys(key for row in rows for key in row))
        buffer = io.StringIO()
        buffer.write(f"# command: {command}\n")
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([_cell(column) for column in columns])
        writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
        text = buffer.getvalue()
    else:
        raise InputError("path", str(path), "end the name with .csv or .json")
    write_atomically(path, text, overwrite=overwrite)


def read_table(path: str | Path) -> Table:
    """Read what ``write_table`` wrote. In CSV a missing entry and None are the same and come back as None."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        if Path(path).suffix == ".json":
            data = decode(text)
            return Table(data["rows"], data["command"])
        first, _, rest = text.partition("\n")
        if not first.startswith("# command: "):
            raise ValueError("the first line is not '# command: ...'")
        lines = [line for line in csv.reader(io.StringIO(rest, newline="")) if line]
        columns = [_value(cell) for cell in lines[0]] if lines else []
        rows = [dict(zip(columns, map(_value, line), strict=True)) for line in lines[1:]]
        return Table(rows, first.removeprefix("# command: "))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("path", str(path), f"not a table of this suite ({error})") from error


def export_store(
    store: Store,
    path: str | Path,
    command: str,
    configs: Iterable[str] | None = None,
    *,
    overwrite: bool = False,
) -> int:
    """Write results (of the given cells, or all) with specifications and manifests as JSON; returns their number."""
    wanted = store.configs() if configs is None else sorted(set(configs))
    records = [record for config in wanted for record in store.records(config)]
    origins = {record.environment for record in records}
    data = {
        "format": EXPORT,
        "command": command,
        "environments": {key: value for key, value in store.environments().items() if key in origins},
        "configs": {key: store.spec(key) for key in sorted({record.config for record in records})},
    }
    head = json.dumps(data, sort_keys=True, indent=1)[:-2]
    lines = (encode([r.config, r.seed, r.result, r.seconds, r.environment]) for r in records)
    write_atomically(path, head + ',\n "results": [\n' + ",\n".join(lines) + "\n]}\n", overwrite=overwrite)
    return len(records)


def import_store(store: Store, path: str | Path) -> int:
    """Put the results of an export into a store, with the manifests they came with; returns how many were new."""
    try:
        data = decode(Path(path).read_text(encoding="utf-8"))
        if data["format"] != EXPORT:
            raise ValueError(f"format {data['format']!r}")
        specs, manifests = data["configs"], data["environments"]
        if any(spec_hash(spec) != key for key, spec in specs.items()):
            raise ValueError("a specification does not match its hash")
        batches: dict[str, list[Trial]] = {}
        for config, seed, result, seconds, origin in data["results"]:
            if isinstance(seed, bool) or not isinstance(seed, int) or not isinstance(result, dict):
                raise ValueError(f"bad result row for config {config[:12]}")
            batches.setdefault(canonical_json(manifests[origin]), []).append(
                Trial(specs[config], seed, result, seconds)
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("path", str(path), f"not an export of this suite ({error})") from error
    return sum(store.put(trials, environment=text) for text, trials in batches.items())
