"""The ledger of exceptions: which engine need not agree on which cases, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError
from depth_snn.toml_io import load_toml

LEDGER_FILE = Path(__file__).parent / "ledger.toml"
FORMAT = 1
_KEYS = {"engine", "cases", "reason", "when"}


@dataclass(frozen=True)
class Entry:
    """One exception.

    Args:
        engine: Which engine.
        cases: Globs of names of cases.
        reason: Why, in one sentence.
        when: Empty, or ``"overflow"``: only those of the cases that the reference refuses.
    """

    engine: str
    cases: tuple[str, ...]
    reason: str
    when: str = ""

    def covers(self, engine: str, case: str, *, refused: bool) -> bool:
        """Whether this entry speaks of the case on that engine."""
        named = engine == self.engine and any(fnmatchcase(case, glob) for glob in self.cases)
        return named and (refused or not self.when)


@dataclass(frozen=True)
class Ledger:
    """All exceptions."""

    entries: tuple[Entry, ...] = ()

    def find(self, engine: str, case: str, *, refused: bool) -> Entry | None:
        """The entry that speaks of a case on an engine, if there is one."""
        found = (e for e in self.entries if e.covers(engine, case, refused=refused))
        return next(found, None)

    def unused(self, engines: Collection[str], used: Collection[Entry]) -> list[Entry]:
        """Entries of these engines that no case needed; meaningful after the whole set only."""
        return [e for e in self.entries if e.engine in engines and e not in used]


def load_ledger(path: Path = LEDGER_FILE) -> Ledger:
    """Read a ledger file.

    Raises:
        ConfigError: naming file and entry, if something is missing, unknown or of a wrong type.
    """
    document = load_toml(path)
    if document.get("format") != FORMAT or set(document) - {"format", "exception"}:
        raise ConfigError(f"{path}: expected `format = {FORMAT}` and tables [[exception]] only")
    rows = document.get("exception", [])
    return Ledger(tuple(_entry(path, number, row) for number, row in enumerate(rows, start=1)))


def _entry(path: Path, number: int, row: Mapping[str, Any]) -> Entry:
    where = f"{path}: exception {number}"
    odd = sorted(set(row) - _KEYS)
    if odd:
        raise ConfigError(f"{where}: unknown key {odd[0]!r}; expected {', '.join(sorted(_KEYS))}")
    cases, when = row.get("cases"), row.get("when", "")
    texts = isinstance(cases, list) and cases and all(isinstance(c, str) and c for c in cases)
    if not texts:
        raise ConfigError(f"{where}: cases must be a list of names or globs")
    for key in ("engine", "reason"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise ConfigError(f"{where}: {key} must be text")
    if when not in ("", "overflow"):
        raise ConfigError(f"{where}: when is {when!r}; expected 'overflow' or nothing")
    return Entry(row["engine"], tuple(cases or ()), row["reason"], when)
