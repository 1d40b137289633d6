"""A Python file named by its path, executed as a module of its own."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from synthetic.errors import InputError


def load_file(argument: str, path: str) -> ModuleType:
    """Execute a user's Python file by its path (never by name) and return it as a module."""
    file = Path(path)
    if file.suffix != ".py" or not file.is_file():
        raise InputError(argument, path, "pass the path of an existing .py file")
    name = "user_" + hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(argument, path, "Python cannot load this file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError:
        raise
    except SyntaxError as error:
        raise InputError(argument, path, f"line {error.lineno} is not Python: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise InputError(argument, path, f"the file raised {type(error).__name__}: {error}") from error
    return module
