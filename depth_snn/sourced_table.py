"""What tables of sourced rows have in common: prices, times, limits of a chip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError, one_line


def shipped_names(folder: Path) -> tuple[str, ...]:
    """Names of the tables that come with the package in a folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def table_path(name_or_path: str | Path, folder: Path, what: str) -> Path:
    """The file of a table, named or given.

    Args:
        name_or_path: A shipped name, or the path of a TOML file.
        folder: Where the shipped ones lie.
        what: What the table is, for the message.

    Raises:
        ConfigError: It looks like a name, and neither a shipped one nor a file has it.
    """
    text, shipped = str(name_or_path), shipped_names(folder)
    if Path(text).exists() or not text.isidentifier():
        return Path(text)
    if text not in shipped:
        raise ConfigError(
            f"no {what} '{text}'; shipped are {', '.join(shipped)}, or give the path of a TOML file"
        )
    return folder / f"{text}.toml"


def table_head(data: Mapping[str, Any], where: str) -> tuple[str, str, list[Any]]:
    """Name, title and rows of a table of format 1.

    Raises:
        ConfigError: Naming the file and what is wrong with it.
    """
    extra = sorted(set(data) - {"format", "name", "title", "row"})
    if extra:
        key = one_line(extra[0])
        raise ConfigError(f"{where}: unknown key '{key}'; expected format, name, title, row")
    if data.get("format") != 1:
        raise ConfigError(f"{where}: format is {data.get('format')!r}, expected 1")
    name, title, rows = data.get("name"), data.get("title"), data.get("row")
    if not isinstance(name, str) or not isinstance(title, str):
        raise ConfigError(f"{where}: name and title must be texts")
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{where}: no [[row]] in the table")
    return one_line(name), one_line(title), rows
