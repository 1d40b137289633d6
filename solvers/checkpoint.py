"""Checkpoints: any solver's state, and the counts of its oracle, in one file that is written whole or not at all.

The file is an .npz archive without pickles: one entry for each array, and an entry ``tree`` of JSON with everything
else (Python integers of any size; floats as hexadecimal, so that every bit and every NaN, infinity and -0 returns).
Since samples are addressed and not consumed, state + counts + (experiment, seeds, noise) is all there is: a run
continued from a checkpoint is, bit for bit, the run that was never stopped.

    save(path, state, oracle=oracle, solver=solver)
    state = load(path, solver.init(problem, x0), oracle=oracle, solver=solver)
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np

from synthetic.arrays import namespace, to_numpy
from synthetic.errors import InputError
from synthetic.oracle import Counts, StochasticOracle

FORMAT = 1


def save(path: str | Path, state: Any, *, oracle: StochasticOracle | None = None, solver: Any = None) -> None:
    """Write ``state``: dataclasses, tuples, lists, dicts with string keys, arrays, numbers, strings, None, nested.

    ``oracle``: its counts and its identity go along. ``solver``: its repr does, and :func:`load` compares it. An
    existing file is replaced by the complete new one, or stays.
    """
    arrays: dict[str, np.ndarray] = {}
    tree: dict[str, Any] = {"format": FORMAT, "state": _pack(state, arrays, "state")}
    if oracle is not None:
        tree["oracle"] = _identity(oracle)
        tree["counts"], tree["charged"] = asdict(oracle.counts), asdict(oracle.charged)
    if solver is not None:
        tree["solver"] = repr(solver)
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.asarray(json.dumps(tree, allow_nan=False)), **arrays)  # type: ignore[arg-type]
    _replace(Path(path), buffer.getvalue())


def load(path: str | Path, example: Any, *, oracle: StochasticOracle | None = None, solver: Any = None) -> Any:
    """The state saved at ``path``, in the array library and on the device of ``example``.

    ``example``: a state of the same type, e.g. solver.init(problem, x0). Only dataclasses that occur in it are
    built, so a file cannot name code to run. ``oracle``: set to the saved counts; it must be of the same
    experiment, seeds, noise and problem. ``solver``: its repr must be the saved one.
    """
    arrays = _read(Path(path))
    tree = json.loads(str(arrays.pop("tree")))
    if tree.get("format") != FORMAT:
        raise InputError("path", str(path), f"its format is {tree.get('format')!r}, this version reads {FORMAT}")
    if solver is not None and tree.get("solver") != repr(solver):
        raise InputError("solver", solver, f"the checkpoint is of {tree.get('solver')}")
    types, reference = {}, None
    for part in _walk(example):
        if is_dataclass(part):
            types[_name(part)] = type(part)
        elif array_api_compat.is_array_api_obj(part) and reference is None:
            reference = part
    state = _unpack(tree["state"], arrays, types, reference)
    if type(state) is not type(example):
        raise InputError("example", type(example).__qualname__, f"the checkpoint holds a {type(state).__qualname__}")
    if oracle is not None:
        if tree.get("oracle") != _identity(oracle):
            raise InputError("oracle", _identity(oracle), f"the checkpoint's oracle was {tree.get('oracle')}")
        oracle.restore(Counts(**tree["counts"]), Counts(**tree["charged"]))
    return state


def _identity(oracle: StochasticOracle) -> dict[str, Any]:
    """What fixes an oracle's samples."""
    return {
        "problem": str(getattr(oracle.problem, "name", type(oracle.problem).__name__)),
        "noise": repr(oracle.noise),
        "experiment": oracle.experiment,
        "seeds": oracle.seeds.tolist(),
        "nodes": oracle.nodes,
    }


def _name(value: Any) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _walk(value: Any) -> list[Any]:
    """``value`` and all that it holds."""
    inside: list[Any] = []
    if is_dataclass(value):
        inside = [getattr(value, f.name) for f in fields(value)]
    elif isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, (tuple, list)):
        inside = list(value)
    return [value, *(part for v in inside for part in _walk(v))]


def _pack(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """JSON for ``value``; arrays go to ``arrays`` under their place in the tree."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float) and not isinstance(value, np.generic):
        return {"float": value.hex()}
    if isinstance(value, np.generic) or array_api_compat.is_array_api_obj(value):
        arrays[where] = _host(value)
        return {"array": where, "scalar": isinstance(value, np.generic)}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _pack(getattr(value, f.name), arrays, f"{where}.{f.name}") for f in fields(value)}
        return {"dataclass": _name(value), "fields": parts}
    if isinstance(value, (tuple, list)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_pack(v, arrays, f"{where}.{i}") for i, v in enumerate(value)]}
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: _pack(v, arrays, f"{where}.{k}") for k, v in value.items()}}
    raise InputError(where, value, "a state holds dataclasses, tuples, lists, dicts, arrays, numbers, strings and None")


def _host(value: Any) -> np.ndarray:
    """A NumPy copy of the same bits and the same kind of number."""
    host = np.array(to_numpy(value))
    if array_api_compat.is_array_api_obj(value) and not isinstance(value, (np.ndarray, np.generic)):
        host = host.astype(str(value.dtype).rsplit(".", 1)[-1])  # integers that came through float64
    if host.dtype.kind not in "biuf":
        raise InputError("state", host.dtype, "arrays must hold booleans, integers or real numbers")
    return host


def _unpack(node: Any, arrays: dict[str, np.ndarray], types: dict[str, type], reference: Any) -> Any:
    if not isinstance(node, dict):
        return node
    kind = next(iter(node))
    content = node[kind]

    def again(inner: Any) -> Any:
        return _unpack(inner, arrays, types, reference)

    if kind == "int":
        return int(content)
    if kind == "float":
        return float.fromhex(content)
    if kind == "array":
        found = arrays[content]
        if node["scalar"]:
            return found[()]
        if reference is None or isinstance(reference, np.ndarray):
            return found
        return namespace(reference).asarray(found, device=array_api_compat.device(reference))
    if kind == "dataclass":
        if content not in types:
            raise InputError("example", sorted(types), f"the checkpoint holds a {content}, which is not in the example")
        return types[content](**{k: again(v) for k, v in node["fields"].items()})
    if kind == "dict":
        return {k: again(v) for k, v in content.items()}
    return (tuple if kind == "tuple" else list)(again(v) for v in content)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        # from memory: NumPy leaves the file open when the archive is cut short
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "path", str(path), f"it is no readable checkpoint ({type(error).__name__}: {error})"
        ) from error
    if "tree" not in arrays:
        raise InputError("path", str(path), "it is an .npz file, but no checkpoint")
    return arrays


def _replace(path: Path, data: bytes) -> None:
    """Write beside, flush to the disk, and rename over: a reader sees the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
