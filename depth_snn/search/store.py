"""A search's evaluations in an SQLite file, each on disk before it counts.

One process has the file at a time. Killed at any moment it loses at most the evaluation that was
being written: SQLite's journal undoes what was half done when the file is opened again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from depth_snn.errors import ConfigError, InputError, no_file, one_line
from depth_snn.search.store_facts import first_difference
from depth_snn.search.store_rows import COLUMNS, MAX_NUMBER, evaluation_of, row_of
from depth_snn.search.types import Outcome, Task

FORMAT = 1
APPLICATION = 0x44505345
"""SQLite's application id of our files."""
MAX_BYTES = 1 << 28
"""Size of a file that is read: above it, memory could run out."""
MAX_FACTS = 1 << 20
_SCHEMA = (
    "CREATE TABLE search (format INTEGER, facts TEXT, created REAL)",
    "CREATE TABLE evaluations (number INTEGER PRIMARY KEY, candidate INTEGER, clips INTEGER, "
    "point TEXT, status TEXT, measures TEXT, violation TEXT, error TEXT, seconds REAL, "
    "checksum INTEGER)",
)
_INSERT = f"INSERT INTO evaluations VALUES ({', '.join('?' * len(COLUMNS))})"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM evaluations"


class Store:
    """An open store; make one with :meth:`open`, and close it.

    Attributes:
        path: The file.
        resumed: Evaluations that it had when it was opened.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, count: int) -> None:
        self.path, self.resumed = path, count
        self._connection, self._count = connection, count

    @classmethod
    def open(cls, path: str | Path, facts: Mapping[str, Any], resume: bool) -> Store:
        """Begin a store, or go on with one.

        Args:
            path: The file.
            facts: What the search rests on, JSON-able.
            resume: Whether the file must be there already, of the same facts; otherwise there must
                be none.

        Raises:
            ConfigError: If the file is there and should not be, is not and should, or is of other
                facts or a newer format.
            InputError: If it is damaged, not a store, or another process has it.
        """
        path = Path(path)
        own = json.loads(json.dumps(facts))
        if not resume:
            _create(path, own)
        elif not path.is_file():
            advice = "no such file; leave --resume out to begin a search"
            raise ConfigError(no_file(path, advice))
        elif path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: above {MAX_BYTES >> 20} MiB, which no store should be")
        connection = _connect(path)
        try:
            with _explained(path):
                _lock(connection)
                _check_file(path, connection)
                _check_facts(path, connection, own)
                return cls(path, connection, _check_rows(path, connection))
        except BaseException:
            connection.close()
            raise

    @property
    def count(self) -> int:
        """Evaluations in the store."""
        return self._count

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        """The evaluation with a number, or None; every float is the one that was appended."""
        if not 0 <= number < MAX_NUMBER:
            return None
        with _explained(self.path):
            row = self._connection.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
        return None if row is None else _evaluation(self.path, row)

    def append(self, task: Task, outcome: Outcome) -> None:
        """Keep an evaluation; it is on disk when this returns. Numbers may come in any order.

        Raises:
            InputError: If its number is there already, it could not be read back, or the file
                cannot be written.
        """
        try:
            row = row_of(task, outcome)
        except ValueError as error:
            raise InputError(f"{self.path}: evaluation {task.number}: {error}") from error
        try:
            with _explained(self.path):
                self._connection.execute(_INSERT, row)  # commits: each statement is a transaction
        except sqlite3.IntegrityError as error:
            raise InputError(f"{self.path}: has evaluation {task.number} already") from error
        self._count += 1

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file that is there; every statement is a transaction of its own."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        return sqlite3.connect(uri, timeout=0, isolation_level=None, uri=True)
    except sqlite3.Error as error:
        raise InputError(f"{path}: cannot be opened: {error}") from error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as one line of ours."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        text = one_line(str(error))
        if "locked" in text:
            text = "another process is using it; wait for it to end, or choose another --out"
        elif "not a database" in text:
            text = "not a store of a search"
        elif "malformed" in text:
            text = "the store is damaged; begin the search anew"
        raise InputError(f"{path}: {text}") from error


def _lock(connection: sqlite3.Connection) -> None:
    """Take the file for this process until it is closed or the process ends."""
    for pragma in (
        "trusted_schema = OFF", "cell_size_check = ON", "locking_mode = EXCLUSIVE",
        "journal_mode = DELETE", "synchronous = EXTRA",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {MAX_BYTES // page_bytes}")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("COMMIT")


def _create(path: Path, facts: Mapping[str, Any]) -> None:
    """Write an empty store beside its place, then give it its name, unless that is taken."""
    text = json.dumps(facts)
    if len(text) > MAX_FACTS:
        raise ConfigError(f"{path}: the search's facts take more than {MAX_FACTS >> 20} MiB")
    taken = no_file(path, "is there already; resume it with --resume, or choose another place")
    if os.path.lexists(path):
        raise ConfigError(taken)
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        fresh.touch(exist_ok=False)
        with _explained(path), closing(_connect(fresh)) as connection:
            _lock(connection)
            connection.execute("BEGIN")
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            for statement in _SCHEMA:
                connection.execute(statement)
            values = (FORMAT, text, time.time())
            connection.execute("INSERT INTO search VALUES (?, ?, ?)", values)
            connection.execute("COMMIT")
        _rename(fresh, path)
    except FileExistsError as error:
        raise ConfigError(taken) from error
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()


def _rename(fresh: Path, path: Path) -> None:
    """Rename without replacing what another process put there meanwhile."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        fresh.rename(path)


def _check_file(path: Path, connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
        raise InputError(f"{path}: an SQLite file, but not a store of a search")
    # A file that brings views, triggers or other columns could make harmless statements run long.
    made = connection.execute("SELECT substr(sql, 1, 1000) FROM sqlite_master LIMIT 9").fetchall()
    newest = None
    if (_SCHEMA[0],) in made:
        newest = connection.execute("SELECT format FROM search LIMIT 1").fetchone()
    if newest is not None and type(newest[0]) is int and newest[0] > FORMAT:
        raise ConfigError(
            f"{path}: a store of format {newest[0]}, and this version reads up to {FORMAT}; "
            "use the newer version that wrote it"
        )
    if made != [(statement,) for statement in _SCHEMA]:
        raise InputError(f"{path}: the store's tables are not those of format {FORMAT}")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise InputError(f"{path}: the store is damaged ({one_line(str(found[0]))[:200]})")


def _check_facts(path: Path, connection: sqlite3.Connection, own: dict[str, Any]) -> None:
    rows = connection.execute("SELECT format, facts FROM search LIMIT 2").fetchall()
    if len(rows) != 1 or rows[0][0] != FORMAT or not isinstance(rows[0][1], str):
        raise InputError(f"{path}: the store is damaged: its facts are missing")
    try:
        kept = json.loads(rows[0][1]) if len(rows[0][1]) <= MAX_FACTS else None
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        raise InputError(f"{path}: the store is damaged: its facts cannot be read")
    difference = first_difference(kept, own)
    if difference is not None:
        raise ConfigError(f"{path}: a store of another search: {difference}; begin a search anew")


def _check_rows(path: Path, connection: sqlite3.Connection) -> int:
    count = 0
    for row in connection.execute(_SELECT):
        _evaluation(path, row)
        count += 1
    return count


def _evaluation(path: Path, row: tuple[Any, ...]) -> tuple[Task, Outcome]:
    try:
        return evaluation_of(row)
    except ValueError as error:
        number = row[0] if isinstance(row[0], int) else "?"
        raise InputError(f"{path}: the store is damaged: evaluation {number}: {error}") from error
