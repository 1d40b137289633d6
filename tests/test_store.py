"""The store loses nothing, repeats nothing, and leaves alone what it does not understand."""

from __future__ import annotations

import json
import math
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic.errors import InputError
from verify.codec import decode, encode
from verify.experiment import Experiment, Grid, Seeds, spec_hash
from verify.store import Store, StoreError, Trial

SPEC = {"kernel": "toy", "p": 2}
KEY = spec_hash(SPEC)
ROOT = Path(__file__).resolve().parent.parent
BIG = 10**22 + 7


def filled(path: Path, count: int = 30) -> Path:
    with Store(path) as store:
        store.put(Trial(SPEC, seed, {"calls": BIG * seed, "norm": 0.1 * seed}) for seed in range(count))
    return path


# values

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(scalars, lambda v: st.lists(v) | st.dictionaries(st.text("abcé\x00'", max_size=3), v))


def typed(value: object) -> object:
    if isinstance(value, dict):
        return sorted((key, repr(typed(item))) for key, item in value.items())
    return [typed(item) for item in value] if isinstance(value, list) else repr(value)


@given(values)
def test_results_read_back_equal_and_of_the_same_types(value: object) -> None:
    again = decode(encode(value))
    assert again == value
    assert typed(again) == typed(value)  # 1 is not 1.0, True is not 1, -0.0 is not 0.0


def test_large_counts_are_decimal_strings_and_other_floats_survive() -> None:
    assert json.loads(encode({"calls": BIG})) == {"calls": {"$int": "10000000000000000000007"}}
    assert math.isnan(decode(encode(float("nan"))))
    assert decode(encode([float("inf"), -0.0, 5e-324])) == [float("inf"), 0.0, 5e-324]


@pytest.mark.parametrize("bad", [{"a": {1, 2}}, {"a": b"x"}, {1: 2}, {"$int": "5"}, {"a": 1j}, {"a": "\ud800"}])
def test_what_is_not_data_is_refused(bad: dict, tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        with pytest.raises(InputError):
            store.put([Trial(SPEC, 0, {"good": 1}), Trial(SPEC, 1, bad)])
        assert len(store) == 0


# rows


def test_results_persist_with_their_environment(tmp_path: Path) -> None:
    with Store(filled(tmp_path / "s.sqlite")) as store:
        assert store.finished(KEY) == frozenset(range(30))
        assert store.spec(KEY) == SPEC
        records = store.records(KEY)
        assert [r.seed for r in records] == list(range(30))
        assert records[7].result == {"calls": 7 * BIG, "norm": 0.1 * 7}
        manifest = store.environments()[records[7].environment]
        assert manifest["python"].split()[1] == sys.version.split()[0]
        assert "numpy" in manifest["packages"]
        assert manifest["suite"] != "unknown"
        with pytest.raises(KeyError):
            store.spec("0" * 64)


def test_a_repeated_result_must_be_equal(tmp_path: Path) -> None:
    with Store(filled(tmp_path / "s.sqlite", 2)) as store:
        assert store.put([Trial(SPEC, 1, {"norm": 0.1, "calls": BIG})]) == 0
        with pytest.raises(StoreError, match="gave another result"):
            store.put([Trial(SPEC, 1, {"norm": 0.1, "calls": BIG + 1}), Trial(SPEC, 2, {"norm": 1})])
        assert store.records()[1].result["calls"] == BIG  # the first one stays
        assert store.finished(KEY) == {0, 1, 2}  # the innocent one is kept
        assert str(BIG + 1) in store.failures(pending=False)[0].message


def test_failures_are_kept_and_pending_until_a_result_comes(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.fail(SPEC, 3, "ValueError: first \ud800")
        store.fail(SPEC, 3, "ValueError: second")
        assert store.finished(KEY) == frozenset()
        assert [f.message for f in store.failures()] == ["ValueError: first \\ud800", "ValueError: second"]
        store.put([Trial(SPEC, 3, {"ok": True})])
        assert store.failures() == []
        assert len(store.failures(pending=False)) == 2


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE result; --", '"\n[x]', "<script>", "\x00\x7f\u2028é😀", "=cmd()|'a'!A1"]
)
def test_hostile_text_survives(name: str, tmp_path: Path) -> None:
    experiment = Experiment(name=name, kernel="jump", p=(1,), grid=Grid("-1", "-1", 1), seeds=Seeds(0, 1))
    cell = next(experiment.cells())
    with Store(tmp_path / "odd 'name\"; é.sqlite") as store:
        store.remember(experiment)
        store.put([Trial(cell.spec, 0, {name: name})])
    with Store(tmp_path / "odd 'name\"; é.sqlite") as store:
        assert store.experiments() == [experiment]
        assert store.records(cell.key)[0].result == {name: name}
        assert store.rows(experiment)[0][name] == name


def test_rows_follow_the_experiment(tmp_path: Path) -> None:
    experiment = Experiment(
        name="rows",
        kernel="jump",
        p=(2, 1),
        grid=Grid("-1", "-2", 2),
        seeds=Seeds(0, 2),
        axes={"sharing": ("x-step", "independent"), "stencil": ("paper",), "problem.a": (1,)},
    )
    cells = list(experiment.cells())
    with Store(tmp_path / "s.sqlite") as store:
        for i, cell in reversed(list(enumerate(cells))):
            store.put(Trial(cell.spec, seed, {"i": i}) for seed in (2, 1, 0))
        rows = store.rows(experiment)
    assert [row["i"] for row in rows] == [i for i in range(8) for _ in range(2)]
    assert [row["seed"] for row in rows] == [0, 1] * 8
    expected = {"p": 2, "stencil": "paper", "log10_eps": "-2", "sharing": "x-step", "problem.a": "1"}
    assert {key: rows[2][key] for key in expected} == expected


def test_digest_depends_on_results_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "a.sqlite") as a, Store(tmp_path / "b.sqlite") as b:
        a.put([Trial(SPEC, 0, {"x": 1}, 0.5), Trial(SPEC, 1, {"x": 2})])
        b.put([Trial(SPEC, 1, {"x": 2}, 9.0)])
        assert a.digest() != b.digest()
        b.put([Trial(SPEC, 0, {"x": 1})], environment='{"python":"another"}')
        assert a.digest() == b.digest()


# files that are not sound stores


def open_store(path: Path, read: bool) -> None:
    with Store(path) as store:
        assert read, "the store was opened"
        store.records()


def refused(path: Path, match: str, read: bool = False) -> None:
    """Opening (``read``: reading) fails with one line, and neither the file nor its folder changes."""
    before = path.read_bytes() if path.is_file() else None
    listing = sorted(os.listdir(path.parent)) if path.parent.is_dir() else None
    with pytest.raises(StoreError, match=match) as caught:
        open_store(path, read)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert (sorted(os.listdir(path.parent)) if path.parent.is_dir() else None) == listing


def test_not_a_database(tmp_path: Path) -> None:
    for content in (b"x", b"my thesis\n" * 1000, os.urandom(5000)):
        path = tmp_path / "thesis.tex"
        path.write_bytes(content)
        refused(path, "not a store, left as it is")


def test_wrong_places(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    refused(tmp_path / "absent" / "s.sqlite", "folder does not exist")
    with pytest.raises(StoreError, match="null"):
        Store(str(tmp_path / "a\x00b"))


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    for name, statement in (("t", "CREATE TABLE mine (x)"), ("i", "PRAGMA application_id = 7")):
        path = tmp_path / f"{name}.sqlite"
        db = sqlite3.connect(path)
        db.execute(statement)
        db.commit()
        db.close()
        refused(path, "another program's database")


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "s.sqlite")
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    refused(path, "format 99")


def test_truncated_store(tmp_path: Path) -> None:
    path = filled(tmp_path / "s.sqlite", 400)
    whole = path.read_bytes()
    for keep in (1, 16, 100, 4095, 4096, 4097, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:keep])
        refused(path, "damaged|not a store")


def test_overwritten_pages(tmp_path: Path) -> None:
    path = filled(tmp_path / "s.sqlite", 400)
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096):
        path.write_bytes(whole[: page * 4096] + os.urandom(4096) + whole[(page + 1) * 4096 :])
        refused(path, "damaged|not a store")


def test_one_changed_digit_is_found(tmp_path: Path) -> None:
    path = filled(tmp_path / "s.sqlite")
    whole = path.read_bytes()
    digits = str(BIG * 7).encode()
    assert whole.count(digits) == 1
    path.write_bytes(whole.replace(digits, b"9" + digits[1:]))
    refused(path, "does not match its digest", read=True)


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.touch()
    with Store(filled(path)) as store:
        assert len(store) == 30


# no room

FILL = """
import sys
from verify.store import Store, StoreError, Trial
store = Store(sys.argv[1])
try:
    for seed in range(100_000):
        store.put([Trial({"kernel": "toy"}, seed, {"filler": "x" * 2000, "seed": seed})])
        print(seed, flush=True)
except StoreError as error:
    print("refused:", error, flush=True)
store.close()
"""


def fill_until_refused(path: Path, limit: int | None) -> int:
    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=restrict,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *stored, last = done.stdout.splitlines()
    assert last.startswith("refused: store ")
    assert "free some space" in last
    assert len(stored) > 5
    return len(stored)


def still_sound(path: Path, count: int) -> None:
    """With room again, all acknowledged rows are there and more can be put."""
    with Store(path) as store:
        assert [r.seed for r in store.records()] == list(range(count))
        assert store.put([Trial({"kernel": "toy"}, count, {"filler": "", "seed": count})]) == 1


def test_file_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    still_sound(path, fill_until_refused(path, 300_000))


def mount(folder: Path, *options: str) -> bool:
    command = ["mount", *options, "-t", "tmpfs", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0
    except OSError:
        return False


def test_full_disk(tmp_path: Path) -> None:
    """A real full disk where one may be mounted; elsewhere the engine's own SQLITE_FULL through its page limit."""
    folder = tmp_path / "disk"
    folder.mkdir()
    path = folder / "s.sqlite"
    if mount(folder, "-o", "size=600k"):
        try:
            count = fill_until_refused(path, None)
            subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)
            still_sound(path, count)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    rows = [Trial({"kernel": "toy"}, seed, {"filler": "x" * 2000, "seed": seed}) for seed in range(200)]
    with Store(path) as store:
        store._db.execute("PRAGMA max_page_count = 30")
        store.put(rows[:10])
        with pytest.raises(StoreError, match="disk is full"):
            store.put(rows[10:])
    still_sound(path, 10)


def test_locked_by_another_process(tmp_path: Path) -> None:
    path = filled(tmp_path / "s.sqlite")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with Store(path, timeout=0.05) as store:
            assert len(store) == 30  # reading needs no lock
            with pytest.raises(StoreError, match="another process keeps it locked"):
                store.put([Trial(SPEC, 99, {})])
    finally:
        other.close()


def test_many_processes_create_one_store(tmp_path: Path) -> None:
    script = (
        "import sys; from verify.store import Store, Trial\n"
        "sys.stdin.readline()\n"
        "for seed in range(10):\n"
        "    with Store(sys.argv[1]) as store: store.put([Trial({'k': 1}, seed, {'x': seed})])\n"
    )
    path = tmp_path / "s.sqlite"
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in crowd:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    with Store(path) as store:
        assert [r.result["x"] for r in store.records()] == list(range(10))
