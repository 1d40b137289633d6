"""Tables and exports read back equal, name the command that made them, and refuse what was altered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic.errors import InputError
from verify.experiment import spec_hash
from verify.store import Store, Trial
from verify.tables import export_store, import_store, read_table, write_table

SPEC = {"kernel": "toy", "p": 2}
KEY = spec_hash(SPEC)
BIG = 10**22 + 7
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)


def filled(path: Path, count: int = 30) -> Path:
    with Store(path) as store:
        store.put(Trial(SPEC, seed, {"calls": BIG * seed, "norm": 0.1 * seed}) for seed in range(count))
    return path


@settings(max_examples=60)
@given(
    st.lists(
        st.dictionaries(st.text("ab=1 \n\"',é", min_size=1, max_size=4), scalars, min_size=1, max_size=4), max_size=4
    )
)
def test_tables_read_back_equal(tmp_path_factory, rows: list[dict]) -> None:
    folder = tmp_path_factory.mktemp("t")
    write_table(folder / "t.json", rows, "bilevel-rates measure --preset x")
    assert read_table(folder / "t.json").rows == rows
    write_table(folder / "t.csv", rows, "bilevel-rates measure --preset x")
    table = read_table(folder / "t.csv")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    assert repr(table.rows) == repr([{key: row.get(key) for key in columns} for row in rows])
    assert table.command == "bilevel-rates measure --preset x"


def test_csv_is_plain_for_plain_data(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(path, [{"p": 2, "calls": BIG, "slope": 4.99, "verdict": "strongly consistent", "cap": None}], "make it")
    assert path.read_text() == (
        "# command: make it\np,calls,slope,verdict,cap\n2,10000000000000000000007,4.99,strongly consistent,\n"
    )
    with pytest.raises(InputError, match="the file exists"):
        write_table(path, [], "make it")
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        write_table(tmp_path / "t.xlsx", [], "make it")
    with pytest.raises(InputError, match="not a table"):
        read_table(Path(__file__))


def test_export_and_import_keep_everything(tmp_path: Path) -> None:
    with Store(filled(tmp_path / "a.sqlite")) as a, Store(tmp_path / "b.sqlite") as b:
        a.put([Trial({"kernel": "other"}, 0, {"x": float("inf")}, 1.5)], environment='{"python":"elsewhere"}')
        assert export_store(a, tmp_path / "x.json", "the command") == 31
        assert json.loads((tmp_path / "x.json").read_text())["command"] == "the command"
        assert import_store(b, tmp_path / "x.json") == 31
        assert import_store(b, tmp_path / "x.json") == 0
        assert b.records() == a.records()
        assert b.environments() == a.environments()
        assert export_store(a, tmp_path / "y.json", "c", [KEY]) == 30


@pytest.mark.parametrize(
    ("old", "new"),
    [('"p": 2', '"p": 3'), ("bilevel-rates results 1", "results 2"), ('"results"', '"rows"'), ("[", "(")],
)
def test_altered_exports_are_refused(old: str, new: str, tmp_path: Path) -> None:
    with Store(filled(tmp_path / "a.sqlite")) as a, Store(tmp_path / "b.sqlite") as b:
        export_store(a, tmp_path / "x.json", "c")
        text = (tmp_path / "x.json").read_text()
        assert old in text
        (tmp_path / "x.json").write_text(text.replace(old, new, 1))
        with pytest.raises(InputError, match="not an export"):
            import_store(b, tmp_path / "x.json")
        assert len(b) == 0
