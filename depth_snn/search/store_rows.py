"""Rows of a store: an evaluation as plain values that give back exactly the same, and checked."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from depth_snn.search.types import CRASHED, FAILED, OK, TIMEOUT, Outcome, Task

COLUMNS = (
    "number", "candidate", "clips", "point", "status", "measures", "violation", "error", "seconds",
    "checksum",
)  # fmt: skip
STATUSES = (OK, FAILED, TIMEOUT, CRASHED)
MAX_TEXT = 1 << 16
"""Characters of one value."""
MAX_NUMBER = 2**31

Row = tuple[int, int, int, str, str, str, str, str, float, int]
"""Values in the order of :data:`COLUMNS`. Floats that matter are JSON: its shortest decimal reads
back as the same double, while an SQLite number keeps neither NaN nor the sign of zero."""


def row_of(task: Task, outcome: Outcome) -> Row:
    """An evaluation as a row.

    Raises:
        ValueError: If it could not be read back; the message says which value.
    """
    values = (
        task.number, task.candidate, task.clips,
        json.dumps([float(x) for x in task.point]), outcome.status,
        json.dumps({str(name): float(value) for name, value in outcome.measures.items()}),
        json.dumps(float(outcome.violation)), outcome.error,
    )  # fmt: skip
    row = (*values, float(outcome.seconds), _checksum(values))
    evaluation_of(row)
    return row


def evaluation_of(row: Sequence[Any]) -> tuple[Task, Outcome]:
    """The evaluation of a row.

    Raises:
        ValueError: If the row is not one that :func:`row_of` makes; the message says which value.
    """
    number, candidate, clips, point, status, measures, violation, error, seconds, checksum = row
    for name, value in (("number", number), ("candidate", candidate), ("clips", clips)):
        if type(value) is not int or not 0 <= value < MAX_NUMBER:
            raise ValueError(f"{name} is no number from 0 to {MAX_NUMBER - 1}")
    texts = {
        "point": point, "status": status, "measures": measures, "violation": violation,
        "error": error,
    }  # fmt: skip
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise ValueError(f"{name} is no text of at most {MAX_TEXT} characters")
    if checksum != _checksum(tuple(row[:8])):
        raise ValueError("the checksum does not match")
    if status not in STATUSES:
        raise ValueError(f"status is none of {', '.join(STATUSES)}")
    if type(seconds) is not float:
        raise ValueError("seconds is no number")
    found = _floats("measures", _parsed("measures", measures))
    at = _floats("point", dict(enumerate(_listed(_parsed("point", point)))))
    excess = _floats("violation", {"": _parsed("violation", violation)})[""]
    task = Task(number, candidate, tuple(at.values()), clips)
    return task, Outcome(status, found, excess, error, seconds)


def _checksum(values: Sequence[Any]) -> int:
    return zlib.crc32(json.dumps(values).encode("ascii"))


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name} is no JSON") from None


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("point is no list")
    return value


def _floats(name: str, values: Any) -> dict[Any, float]:
    if not isinstance(values, dict) or not all(type(x) is float for x in values.values()):
        raise ValueError(f"{name} holds something other than numbers with a decimal point")
    return values
