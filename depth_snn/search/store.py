"""Evaluations on disk: one SQLite file, one transaction each, there when ``append`` returns."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError, InputError
from depth_snn.search.types import CRASHED, FAILED, OK, TIMEOUT, Outcome, Task

FORMAT = 1
"""Version of the tables. 1: the first."""
MOST_ROWS = 1_000_000
MOST_TEXT = 1_000_000
"""Characters of one field; far beyond what a search writes."""
_APPLICATION = 0x44505448
"""SQLite's application_id of our files: "DPTH"."""
_TABLES = """
CREATE TABLE search (facts TEXT NOT NULL, format INTEGER NOT NULL, created TEXT NOT NULL);
CREATE TABLE evaluations (
    number INTEGER PRIMARY KEY, candidate INTEGER NOT NULL, clips INTEGER NOT NULL,
    point TEXT NOT NULL, status TEXT NOT NULL, measures TEXT NOT NULL, violation REAL,
    error TEXT NOT NULL, seconds REAL NOT NULL);
"""
_COLUMNS = "number, candidate, clips, point, status, measures, violation, error, seconds"


class Store:
    """The evaluations of one search.

    One process writes at a time: the file stays locked until :meth:`close`. Numbers may come in
    any order; whatever is missing has not been evaluated.
    """

    def __init__(self, path: Path, link: sqlite3.Connection) -> None:
        self.path, self._link = path, link

    @classmethod
    def open(cls, path: Path, facts: Mapping[str, Any], resume: bool) -> Store:
        """Begin a store, or go on with one.

        Args:
            path: The file.
            facts: What the search rests on, JSON-able.
            resume: Whether the file is there already.

        Raises:
            ConfigError: The file is there and should not be, or the other way round; or it belongs
                to a search of other facts.
            InputError: It is no store, damaged, of a newer version, or in use.
        """
        if path.is_dir():
            raise InputError(f"{path}: is a folder; expected the store of a search")
        if path.exists() and not resume:
            raise ConfigError(f"{path}: a search is there already; go on with --resume, or give "
                              "another folder")  # fmt: skip
        if resume and not path.exists():
            raise ConfigError(f"{path}: no such store; leave --resume out to begin a search")
        if resume and path.read_bytes()[:16] != b"SQLite format 3\0":
            raise InputError(f"{path}: not the store of a search (no SQLite file)")
        link = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            _lock(link)
            if not resume:
                _create(link, facts)
            _check(link, path, facts)
        except sqlite3.OperationalError as error:
            link.close()
            if "locked" in str(error):
                raise InputError(
                    f"{path}: another process writes it; wait for that search or stop it"
                ) from None
            raise InputError(f"{path}: not readable as a store: {error}") from None
        except sqlite3.DatabaseError as error:
            link.close()
            raise InputError(f"{path}: damaged: {error}; give another folder") from None
        except BaseException:
            link.close()
            raise
        return cls(path, link)

    @property
    def count(self) -> int:
        """How many evaluations there are."""
        return int(self._link.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0])

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        """The evaluation with a number, or None.

        Raises:
            InputError: It is not of the form that this project writes.
        """
        found = self._link.execute(
            f"SELECT {_COLUMNS} FROM evaluations WHERE number = ?", (number,)
        ).fetchone()
        return None if found is None else _read(found, f"{self.path}: evaluation {number}")

    def append(self, task: Task, outcome: Outcome) -> None:
        """Keep an evaluation; it is on disk when this returns.

        Raises:
            InputError: One of that number is there already, or the disk is full.
        """
        values = (
            task.number, task.candidate, task.clips, json.dumps(task.point), outcome.status,
            json.dumps(dict(outcome.measures)), outcome.violation, outcome.error, outcome.seconds,
        )  # fmt: skip
        try:
            marks = ", ".join("?" * len(values))
            self._link.execute(f"INSERT INTO evaluations ({_COLUMNS}) VALUES ({marks})", values)
        except sqlite3.Error as error:
            raise InputError(
                f"{self.path}: evaluation {task.number} was not kept: {error}"
            ) from None

    def close(self) -> None:
        """Let the file go."""
        self._link.close()


def _lock(link: sqlite3.Connection) -> None:
    """One writer, and what is committed is on disk."""
    link.execute("PRAGMA trusted_schema = OFF")
    link.execute("PRAGMA synchronous = FULL")
    link.execute("PRAGMA locking_mode = EXCLUSIVE")
    link.execute("BEGIN EXCLUSIVE")
    link.execute("COMMIT")


def _create(link: sqlite3.Connection, facts: Mapping[str, Any]) -> None:
    link.execute("BEGIN")
    for statement in _TABLES.split(";"):
        link.execute(statement)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    link.execute("INSERT INTO search VALUES (?, ?, ?)", (_plain(facts), FORMAT, now))
    link.execute(f"PRAGMA application_id = {_APPLICATION}")
    link.execute("COMMIT")


def _check(link: sqlite3.Connection, path: Path, facts: Mapping[str, Any]) -> None:
    """Refuse what is not this search's store."""
    if link.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        raise InputError(f"{path}: not the store of a search")
    damage = link.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise InputError(f"{path}: damaged: {' '.join(damage.split())}; give another folder")
    found, version = link.execute("SELECT substr(facts, 1, ?), format FROM search",
                                  (MOST_TEXT,)).fetchone()  # fmt: skip
    if version != FORMAT:
        raise InputError(f"{path}: store of format {version}; this version reads {FORMAT}")
    rows = link.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0]
    if rows > MOST_ROWS:
        raise InputError(f"{path}: {rows} evaluations; a search has at most {MOST_ROWS}")
    try:
        there = json.loads(found)
    except ValueError:
        raise InputError(f"{path}: what the search rests on is not readable") from None
    wanted = json.loads(_plain(facts))
    if there != wanted:
        where, one, two = _difference(there, wanted)
        raise ConfigError(f"{path}: is of a search with {where} {one}, not {two}; give the same "
                          "options, or another folder")  # fmt: skip


def _difference(there: Any, wanted: Any, where: str = "") -> tuple[str, str, str]:
    """Where two facts differ first, and both values there."""
    if isinstance(there, dict) and isinstance(wanted, dict):
        for key in sorted({*there, *wanted}):
            if there.get(key) != wanted.get(key):
                return _difference(there.get(key), wanted.get(key), f"{where} {key}".strip())
    one, two = (json.dumps(value)[:200] for value in (there, wanted))
    return where or "facts", one, two


def _plain(facts: Mapping[str, Any]) -> str:
    return json.dumps(dict(facts), sort_keys=True)


def _read(row: tuple[Any, ...], where: str) -> tuple[Task, Outcome]:
    number, candidate, clips, point, status, measures, violation, error, seconds = row
    texts = (point, status, measures, error)
    if any(not isinstance(text, str) or len(text) > MOST_TEXT for text in texts):
        raise InputError(f"{where}: a field is no text of at most {MOST_TEXT} characters")
    try:
        place = tuple(float(u) for u in json.loads(point))
        values = {str(name): float(value) for name, value in json.loads(measures).items()}
        excess = math.nan if violation is None else float(violation)  # SQLite keeps NaN as NULL
        outcome = Outcome(status, values, excess, error, float(seconds))
        task = Task(int(number), int(candidate), place, int(clips))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{where}: not of the form that a search writes") from None
    if status not in (OK, FAILED, TIMEOUT, CRASHED):
        raise InputError(f"{where}: ended as {status!r}, which is unknown")
    return task, outcome
