"""The figures the project states: one file holds them all, with how, when and where each was found.

`docs/figures.json` is `{"format": 1, "figures": {name: {...}}}`. A measuring command writes the
same form with `--json FILE` (`publish`); `depth-snn figures merge` puts such files
together.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from depth_snn.errors import FigureError
from depth_snn.machine import current_commit, machine_class

FORMAT = 1
"""Version of the JSON form. 1: the first."""

KINDS = ("measured", "modelled", "quoted")
"""Run here; computed by a cited model; taken from a cited source."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MEANING = re.compile(r"- `(?P<name>[^`]+)`: (?P<meaning>\S.*)")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One stated number.

    Attributes:
        value: The number, finite.
        unit: Its unit; empty for a count or a ratio.
        spread: Half width of its range over repetitions, in the same unit; None where it cannot
            vary or was not taken.
        kind: One of `KINDS`.
        command: The command line that gives it.
        date: The day it was found, ISO 8601.
        machine: The class of machine, never a host name.
        commit: The source commit it was found at.
    """

    value: float | int
    unit: str = ""
    spread: float | None = None
    kind: str = "measured"
    command: str
    date: str
    machine: str
    commit: str

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            FigureError: A field has the wrong type, is not finite, or is not one of the allowed
                words.
        """
        _check_number("value", self.value)
        if self.spread is not None:
            _check_number("spread", self.spread)
            if self.spread < 0:
                raise FigureError(f"spread is {self.spread}; expected a number from 0 up, or null")
        for name in ("unit", "kind", "command", "date", "machine", "commit"):
            text = getattr(self, name)
            if not isinstance(text, str) or "\n" in text or (not text and name != "unit"):
                raise FigureError(f"{name} is {text!r}; expected one line of text")
        if self.kind not in KINDS:
            raise FigureError(f"kind is {self.kind!r}; expected one of {', '.join(KINDS)}")
        try:
            date.fromisoformat(self.date)
        except ValueError as error:
            raise FigureError(f"date is {self.date!r}; expected a day like 2025-01-31") from error

    def text(self) -> str:
        """The number as documents show it: value, spread and unit."""
        spread = "" if self.spread is None else f" ± {_digits(self.spread)}"
        unit = "" if not self.unit else self.unit if self.unit in {"%", "×"} else f" {self.unit}"
        if spread and unit:
            return f"{_digits(self.value)}{spread} {self.unit}"
        return f"{_digits(self.value)}{spread}{unit}"


def found_now(
    value: float, *, unit: str, command: str, spread: float | None = None, kind: str = "measured"
) -> Figure:
    """A figure found by this process: today, on this machine, at this commit.

    Args:
        value: The number.
        unit: Its unit; empty for a count or a ratio.
        command: The command line that gives it.
        spread: Half width of its range, in the same unit.
        kind: One of `KINDS`.

    Returns:
        The figure.

    Raises:
        FigureError: A field is not valid.
    """
    today = datetime.now(timezone.utc).date().isoformat()
    return Figure(
        value=value,
        unit=unit,
        spread=spread,
        kind=kind,
        command=command,
        date=today,
        machine=machine_class(),
        commit=current_commit(),
    )


def load_figures(path: str | Path) -> dict[str, Figure]:
    """Read a figures file.

    Args:
        path: `docs/figures.json`, or what a measuring command wrote.

    Returns:
        Figures by name, in name order.

    Raises:
        FigureError: The file is missing, not JSON, of another format version, or a figure is
            malformed.
    """
    file = Path(path)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FigureError(f"{file}: no such figures file") from error
    except (OSError, ValueError) as error:
        raise FigureError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("figures"), dict):
        raise FigureError(f'{file}: expected {{"format": {FORMAT}, "figures": {{...}}}}')
    if document.get("format") != FORMAT:
        raise FigureError(f"{file}: format {document.get('format')!r}; this version reads {FORMAT}")
    rows: dict[str, Any] = document["figures"]
    return {name: _figure_from_json(file, name, rows[name]) for name in sorted(rows)}


def write_measurement(path: str | Path, figures: Mapping[str, Figure]) -> None:
    """Write figures as JSON, to a temporary name first.

    Args:
        path: The file; its folder is created.
        figures: Figures by name.

    Raises:
        FigureError: A name is not snake_case, or the file cannot be written.
    """
    for name in figures:
        _check_name(str(path), name)
    rows = {name: asdict(figures[name]) for name in sorted(figures)}
    text = json.dumps({"format": FORMAT, "figures": rows}, indent=2, ensure_ascii=False) + "\n"
    write_text(Path(path), text)


def publish(figures: Mapping[str, Figure], path: str | Path | None) -> None:
    """How a measuring script ends: every figure printed, and written where a file is asked for.

    Args:
        figures: What was measured, by name.
        path: ``--json FILE``, or None.
    """
    for name, figure in figures.items():
        print(f"{name}: {figure.text()}")
    if path is not None:
        write_measurement(path, figures)


def merge_figures(
    base: Mapping[str, Figure], *newer: tuple[str, Mapping[str, Figure]]
) -> dict[str, Figure]:
    """Put measurements over what was known.

    Args:
        base: What was known.
        newer: Pairs of (where it comes from, figures).

    Returns:
        All figures; a newer one replaces the one of the same name in `base`.

    Raises:
        FigureError: Two of the newer ones give the same name, so that the order would decide.
    """
    merged, origin = dict(base), dict[str, str]()
    for source, figures in newer:
        for name, figure in figures.items():
            if name in origin:
                raise FigureError(f"`{name}` is in {origin[name]} and in {source}; give one")
            merged[name], origin[name] = figure, source
    return dict(sorted(merged.items()))


def load_meanings(path: str | Path) -> dict[str, str]:
    """Read what each figure means.

    Args:
        path: `docs/figures.md`; a line "- `name`: meaning" defines one name.

    Returns:
        One line of meaning by name.

    Raises:
        FigureError: The file is missing, or a name is malformed or defined twice.
    """
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FigureError(f"{file}: cannot be read: {error.strerror or error}") from error
    meanings: dict[str, str] = {}
    for match in filter(None, map(_MEANING.fullmatch, lines)):
        name = match["name"]
        _check_name(str(file), name)
        if name in meanings:
            raise FigureError(f"{file}: `{name}` is defined twice")
        meanings[name] = match["meaning"]
    return meanings


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename it.

    Args:
        path: The file; its folder is created.
        text: What it is to hold.

    Raises:
        FigureError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise FigureError(f"{path}: cannot be written: {error.strerror or error}") from error


def _figure_from_json(file: Path, name: str, row: object) -> Figure:
    _check_name(str(file), name)
    known = {field.name for field in fields(Figure)}
    if not isinstance(row, dict) or set(row) != known:
        raise FigureError(f"{file}: `{name}`: expected the fields {', '.join(sorted(known))}")
    try:
        return Figure(**row)
    except FigureError as error:
        raise FigureError(f"{file}: `{name}`: {error}") from error


def _check_name(source: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise FigureError(f"{source}: `{name}` is not a figure's name; expected snake_case")


def _check_number(what: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise FigureError(f"{what} is {number!r}; expected a number")
    if not math.isfinite(number):
        raise FigureError(f"{what} is {number!r}; expected a finite number")


def _digits(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:.4g}"
