"""The kernels' cache: one folder for each state of all kernel sources, and nobody else's settings touched."""

import subprocess
import sys
from pathlib import Path

import numba
import pytest

from solvers import compiled


def test_an_edit_in_any_kernel_source_is_another_folder(tmp_path: Path) -> None:
    for room in compiled.ROOMS:
        (tmp_path / room).mkdir()
    kernel, constants, other = (tmp_path / "solvers" / n for n in ("a.py", "b.py", "c.py"))
    kernel.write_text("from solvers.compiled import njit\n")
    (tmp_path / "synthetic" / "philox.py").write_text("ROUNDS = 10\n")
    constants.write_text("@njit()\ndef f(): return 1\n")
    other.write_text("x = 1\n")
    files = compiled.kernel_sources(tmp_path)
    assert sorted(f.name for f in files) == ["a.py", "b.py", "philox.py"]
    before = compiled.source_key(files)
    assert compiled.source_key(files) == before
    constants.write_text("@njit()\ndef f(): return 2\n")
    after = compiled.source_key(files)
    (tmp_path / "synthetic" / "philox.py").write_text("ROUNDS = 7\n")
    assert len({before, after, compiled.source_key(files)}) == 3


def test_every_kernel_of_ours_uses_it() -> None:
    root = Path(compiled.__file__).parents[1]
    cached = [f for f in compiled.kernel_sources(root) if "cache=True" in f.read_text() or '"cache"' in f.read_text()]
    assert len(cached) > 5
    outside = [
        f.name for f in cached if f.name != "compiled.py" and "from solvers.compiled import njit" not in f.read_text()
    ]
    assert outside == []


def test_kernels_are_kept_there_and_numba_is_left_alone() -> None:
    before = numba.config.CACHE_DIR
    kernel = compiled.njit(cache=True)(_double)
    assert kernel(4) == 8
    after = numba.config.CACHE_DIR
    assert after == before
    assert str(compiled.cache_folder()) in kernel.stats.cache_path
    assert kernel.stats.cache_misses or kernel.stats.cache_hits


def _double(x):
    return 2 * x


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_the_users_folder_is_respected(variable: str, tmp_path: Path) -> None:
    code = "from solvers.compiled import cache_folder; print(cache_folder())"
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(compiled.__file__).parents[1]), variable: str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).parent == tmp_path / "bilevel-rates"


def test_named_processor_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+sse2")
    compiled.use_whole_registers()
    assert numba.config.CPU_FEATURES == "+sse2"


def test_a_folder_that_cannot_be_made_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(blocked))
    folder = compiled.cache_folder.__wrapped__()
    assert folder.is_dir()
    assert blocked not in folder.parents
