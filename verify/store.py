"""Results that survive: one SQLite file in WAL mode, one row for each finished trial, nothing unpickled.

A row is (config, seed) -> result, with UNIQUE(config, seed); config is the hash of a specification kept beside it.
One transaction holds the trials that finished together, and it is on the disk before ``put`` returns: a process
killed at any moment loses at most what it had not put. Two processes may share a store: the second to bring a
result finds the first one's, and the two must be equal, for trials are deterministic. A file that is not a sound
store of this suite is refused and left as it is.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.codec import decode, encode
from verify.environment import manifest
from verify.experiment import Experiment, canonical_json, spec_hash

APPLICATION_ID = 0x42524154  # "BRAT", in the header of the file
FORMAT = 1
PAGE = 4096
_HEADER = b"SQLite format 3\x00"
_SCHEMA = """
CREATE TABLE environment (hash TEXT PRIMARY KEY, manifest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE config (hash TEXT PRIMARY KEY, spec TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE experiment (definition TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE result (
    config TEXT NOT NULL REFERENCES config (hash), seed INTEGER NOT NULL, payload TEXT NOT NULL,
    digest TEXT NOT NULL, seconds TEXT, environment TEXT NOT NULL REFERENCES environment (hash),
    UNIQUE (config, seed)
);
CREATE TABLE failure (
    id INTEGER PRIMARY KEY, config TEXT NOT NULL REFERENCES config (hash), seed INTEGER NOT NULL,
    message TEXT NOT NULL, environment TEXT NOT NULL REFERENCES environment (hash)
);
"""
_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full; what was stored is safe: free some space and run again",
    sqlite3.SQLITE_IOERR: "the disk refuses (full, a size limit, or a fault); what was stored is safe: "
    "free some space and run again",
    sqlite3.SQLITE_BUSY: "another process keeps it locked; run again when that one has ended",
    sqlite3.SQLITE_CORRUPT: "the file is damaged and was left as it is; restore a copy or give another path",
    sqlite3.SQLITE_NOTADB: "not a store, left as it is; give another path",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written; change its permissions or give another path",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check the folder, its permissions and the free space",
}


class StoreError(Exception):
    """The store cannot do what was asked; one line with the file, the reason and the remedy."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"store {str(path)!r}: {' '.join(reason.split())}")


@dataclass(frozen=True)
class Trial:
    """A finished trial to be put: the specification of its cell, the seed, and the result (JSON data)."""

    spec: Mapping[str, Any]
    seed: int
    result: Mapping[str, Any]
    seconds: float | None = None


@dataclass(frozen=True)
class Record:
    """A stored result. ``environment`` is the hash of the manifest of the process that computed it."""

    config: str
    seed: int
    result: dict[str, Any]
    seconds: float | None
    environment: str


@dataclass(frozen=True)
class Failure:
    """One attempt at a trial that raised; ``message`` is what it said."""

    config: str
    seed: int
    message: str


def _digest(config: str, seed: int, payload: str) -> str:
    return hashlib.sha256(f"{config}\n{seed}\n{payload}".encode("ascii")).hexdigest()


class Store:
    """Open or create the store at ``path``; ``timeout`` is how many seconds to wait for another process's lock."""

    def __init__(self, path: str | Path, *, timeout: float = 30.0) -> None:
        try:
            self.path = Path(os.path.abspath(path))
            self._refuse_foreign_file()
            # isolation_level None: transactions are begun and ended here, in the open.
            self._db = sqlite3.connect(self.path, timeout=timeout, isolation_level=None)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise StoreError(Path(path), self._reason(error)) from error
        self._environment: str | None = None
        try:
            self._open()
        except BaseException:
            self._db.close()
            raise

    def _refuse_foreign_file(self) -> None:
        if not self.path.parent.is_dir():
            raise StoreError(self.path, "its folder does not exist; create it first")
        if self.path.is_dir():
            raise StoreError(self.path, "is a folder; give the path of a file")
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            header = file.read(len(_HEADER))
        if header not in (b"", _HEADER):
            raise StoreError(self.path, "not a store, left as it is; give another path")
        # SQLite takes a file shorter than a page for an empty one, and would write over it; it fills up a cut last
        # page with zeros. While a log lies beside the file, pages may be half written: then the log has them.
        logs = [self.path.with_name(self.path.name + end) for end in ("-wal", "-journal")]
        if self.path.stat().st_size % PAGE and not any(log.exists() for log in logs):
            raise StoreError(self.path, f"cut short: {_ADVICE[sqlite3.SQLITE_CORRUPT]}")

    @staticmethod
    def _reason(error: Exception) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        return f"{error}: {_ADVICE[code]}" if code in _ADVICE else str(error)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(self.path, self._reason(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise

    def _open(self) -> None:
        with self._guard():
            faults = [row[0] for row in self._db.execute("PRAGMA quick_check(3)")]
            if faults != ["ok"]:
                raise StoreError(self.path, f"{faults[0]}: {_ADVICE[sqlite3.SQLITE_CORRUPT]}")
            if not self._is_ours():
                self._db.execute(f"PRAGMA page_size = {PAGE}")
                self._db.execute("PRAGMA journal_mode = WAL")
                self._create()
            self._db.execute("PRAGMA synchronous = FULL")

    def _is_ours(self) -> bool:
        """True for a store of this suite, False for an empty file; anything else is refused."""
        identity = self._db.execute("PRAGMA application_id").fetchone()[0]
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if identity == APPLICATION_ID:
            if version != FORMAT:
                raise StoreError(self.path, f"format {version}; this version of the suite reads format {FORMAT}")
            return True
        if identity or self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(self.path, "another program's database, left as it is; give another path")
        return False

    def _create(self) -> None:
        with self._transaction() as db:
            if self._is_ours():  # another process was faster
                return
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {FORMAT}")

    def close(self) -> None:
        """Close the file; harmless when closed already."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # writing

    def _note_environment(self, db: sqlite3.Connection, text: str | None = None) -> str:
        if text is None and self._environment is not None:
            return self._environment
        written = canonical_json(manifest()) if text is None else text
        key = hashlib.sha256(written.encode("ascii")).hexdigest()
        db.execute("INSERT OR IGNORE INTO environment VALUES (?, ?)", (key, written))
        return key

    @staticmethod
    def _note_config(db: sqlite3.Connection, spec: Mapping[str, Any]) -> str:
        key = spec_hash(spec)
        db.execute("INSERT OR IGNORE INTO config VALUES (?, ?)", (key, canonical_json(spec)))
        return key

    def put(self, trials: Iterable[Trial], *, environment: str | None = None) -> int:
        """Store finished trials in one transaction; returns how many were new.

        A trial that is stored already must have the same result: if not, the stored one stays, the clash is noted
        as a failure, the other trials are stored, and a StoreError is raised. ``environment`` is the canonical
        JSON of a manifest when the trials were computed elsewhere.
        """
        encoded = [(trial, encode(dict(trial.result))) for trial in trials]
        clashes = []
        new = 0
        with self._transaction() as db:
            origin = self._note_environment(db, environment)
            for trial, payload in encoded:
                key = self._note_config(db, trial.spec)
                seconds = None if trial.seconds is None else repr(float(trial.seconds))
                row = (key, trial.seed, payload, _digest(key, trial.seed, payload), seconds, origin)
                if db.execute("INSERT OR IGNORE INTO result VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
                    new += 1
                    continue
                stored = db.execute(
                    "SELECT payload FROM result WHERE config = ? AND seed = ?", (key, trial.seed)
                ).fetchone()[0]
                if stored != payload:
                    clashes.append(f"config {key[:12]} seed {trial.seed}")
                    self._add_failure(db, key, trial.seed, f"another result than the stored one: {payload}", origin)
        if environment is None:
            self._environment = origin
        if clashes:
            raise StoreError(
                self.path, f"a repeated trial gave another result ({', '.join(clashes)}); the stored one was kept"
            )
        return new

    @staticmethod
    def _add_failure(db: sqlite3.Connection, key: str, seed: int, message: str, origin: str) -> None:
        db.execute(
            "INSERT INTO failure (config, seed, message, environment) VALUES (?, ?, ?, ?)",
            (key, seed, message.encode("utf-8", "backslashreplace").decode("utf-8"), origin),
        )

    def fail(self, spec: Mapping[str, Any], seed: int, message: str) -> None:
        """Note an attempt that raised; the trial stays unfinished, so that a later run tries it again."""
        with self._transaction() as db:
            origin = self._note_environment(db)
            self._add_failure(db, self._note_config(db, spec), seed, message, origin)
        self._environment = origin

    def remember(self, experiment: Experiment) -> None:
        """Keep the experiment's definition (its TOML text)."""
        with self._transaction() as db:
            row = (experiment.to_toml(), experiment.name)
            db.execute("INSERT OR IGNORE INTO experiment VALUES (?, ?)", row)

    # reading

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with self._guard():
            return self._db.execute(sql, values).fetchall()

    def experiments(self) -> list[Experiment]:
        """The experiments that were remembered, by name."""
        rows = self._query("SELECT definition FROM experiment ORDER BY name, definition")
        return [Experiment.from_toml(row[0]) for row in rows]

    def finished(self, config: str) -> frozenset[int]:
        """Seeds of a cell whose results are stored."""
        return frozenset(row[0] for row in self._query("SELECT seed FROM result WHERE config = ?", config))

    def __len__(self) -> int:
        return int(self._query("SELECT count(*) FROM result")[0][0])

    def spec(self, config: str) -> dict[str, Any]:
        """The specification of a cell; KeyError when the store has never seen it."""
        rows = self._query("SELECT spec FROM config WHERE hash = ?", config)
        if not rows:
            raise KeyError(config)
        spec = decode(rows[0][0])
        if spec_hash(spec) != config:
            raise StoreError(self.path, f"config {config[:12]} does not match its hash; the file is damaged")
        return spec

    def configs(self) -> list[str]:
        """Every cell that has a result, sorted."""
        return [row[0] for row in self._query("SELECT DISTINCT config FROM result ORDER BY config")]

    def records(self, config: str | None = None) -> list[Record]:
        """Results of one cell, or of all, ordered by (config, seed), each checked against its digest."""
        where, values = ("", ()) if config is None else ("WHERE config = ?", (config,))
        columns = "config, seed, payload, digest, seconds, environment"
        rows = self._query(f"SELECT {columns} FROM result {where} ORDER BY config, seed", *values)
        found = []
        for key, seed, payload, digest, seconds, origin in rows:
            if not isinstance(payload, str) or not payload.isascii() or _digest(key, seed, payload) != digest:
                raise StoreError(
                    self.path, f"result {key[:12]} seed {seed} does not match its digest; the file is damaged"
                )
            found.append(Record(key, seed, decode(payload), None if seconds is None else float(seconds), origin))
        return found

    def failures(self, *, pending: bool = True) -> list[Failure]:
        """Attempts that raised, oldest first; ``pending``: only of trials that have no result yet."""
        rows = self._query(
            "SELECT config, seed, message FROM failure WHERE ? OR NOT EXISTS (SELECT 1 FROM result AS r"
            " WHERE r.config = failure.config AND r.seed = failure.seed) ORDER BY id",
            not pending,
        )
        return [Failure(*row) for row in rows]

    def environments(self) -> dict[str, dict[str, Any]]:
        """Manifests by hash."""
        rows = self._query("SELECT hash, manifest FROM environment ORDER BY hash")
        return {key: decode(text) for key, text in rows}

    def rows(self, experiment: Experiment) -> list[dict[str, Any]]:
        """The experiment's finished trials as flat rows, in the order of its cells and seeds.

        Columns: p, stencil, log10_eps, the axes, seed, then the entries of the result.
        """
        table = []
        wanted = experiment.seeds.values
        for cell in experiment.cells():
            settings = {key: cell.spec[key] for key in ("p", "stencil", "log10_eps")}
            for axis in experiment.axes:
                if axis != "stencil":
                    part, _, name = axis.rpartition(".")
                    settings[axis] = cell.spec[part or "options"][name]
            for record in self.records(cell.key):
                if record.seed in wanted:
                    table.append({**settings, "seed": record.seed, **record.result})
        return table

    def digest(self) -> str:
        """sha256 of all results in order: equal for equal tables, whoever computed them and when."""
        total = hashlib.sha256()
        for key, seed, digest in self._query("SELECT config, seed, digest FROM result ORDER BY config, seed"):
            total.update(f"{key} {seed} {digest}\n".encode("ascii"))
        return total.hexdigest()
