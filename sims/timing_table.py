"""Times per event and sizes of a core, read from TOML files that name a source for every number."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError
from depth_snn.sourced_table import shipped_names, table_head, table_path
from depth_snn.toml_io import load_toml
from sims.cost_table import GRADES

TIMING_FOLDER = Path(__file__).parent / "timings"
DEFAULT_TIMING = "loihi2"
TIMED = (
    "step", "synaptic_operation", "neuron_update_active", "neuron_update_idle",
    "product_operation", "synaptic_memory_read", "link_message",
)  # fmt: skip
SIZES = {"neurons_per_core": "neurons", "memory_bytes_per_core": "bytes"}
UNITS = {**dict.fromkeys(TIMED, "ns"), **SIZES}
_KNOWN = {"event", "value", "unit", "source", "year", "grade", "note"}
_UNKNOWN = {"event", "value", "unit", "reason"}


@dataclass(frozen=True)
class TimingTable:
    """Times and sizes of one chip; every row of UNITS is present.

    Args:
        name: Short name, for example "loihi2".
        title: One line for people.
        values: Nanoseconds, neurons or bytes by row; None where nobody published one.
        notes: Source and grade by row, or why it is unknown.
    """

    name: str
    title: str
    values: dict[str, Fraction | None]
    notes: dict[str, str]


def shipped_timings() -> tuple[str, ...]:
    """Names of the timing tables that come with the package."""
    return shipped_names(TIMING_FOLDER)


def load_timing(name_or_path: str | Path) -> TimingTable:
    """Read a timing table by shipped name or by path.

    Args:
        name_or_path: A name such as "loihi2", or the path of a TOML file.

    Returns:
        The validated table.

    Raises:
        ConfigError: The file is missing or malformed; the message names file, row and field.
    """
    path = table_path(name_or_path, TIMING_FOLDER, "timing table")
    return parse_timing(load_toml(path), str(path))


def parse_timing(data: dict[str, Any], where: str) -> TimingTable:
    """Validate the content of a timing table file.

    Args:
        data: The parsed TOML.
        where: File name for messages.

    Returns:
        The table.

    Raises:
        ConfigError: Naming file, row and field.
    """
    name, title, rows = table_head(data, where)
    values: dict[str, Fraction | None] = {}
    notes: dict[str, str] = {}
    for index, row in enumerate(rows, start=1):
        event, value, note = _row(row, f"{where}: row {index}")
        if event in values:
            raise ConfigError(f"{where}: row {index}: event '{event}' appears twice")
        values[event], notes[event] = value, note
    missing = [event for event in UNITS if event not in values]
    if missing:
        raise ConfigError(
            f'{where}: no row for {", ".join(missing)}; write value = "unknown" with a reason'
        )
    return TimingTable(name, title, values, notes)


def _row(row: Any, where: str) -> tuple[str, Fraction | None, str]:
    event = row.get("event") if isinstance(row, dict) else None
    if event not in UNITS:
        raise ConfigError(f"{where}: event is {event!r}, expected one of {', '.join(UNITS)}")
    where = f"{where} ('{event}')"
    unknown = row.get("value") == "unknown"
    fields = _UNKNOWN if unknown else _KNOWN
    faults = sorted((fields - {"note"}) ^ (set(row) - {"note"}))
    if faults:
        word = "missing" if faults[0] in fields else "not one this row can have"
        raise ConfigError(f"{where}: field '{faults[0]}' is {word}")
    if row["unit"] != UNITS[event]:
        raise ConfigError(f"{where}: unit is {row['unit']!r}, expected '{UNITS[event]}'")
    if unknown:
        return event, None, str(row["reason"])
    if row["grade"] not in GRADES:
        raise ConfigError(f"{where}: grade is {row['grade']!r}, expected one of {GRADES}")
    return event, _value(row["value"], where), f"{row['source']}, {row['year']}, {row['grade']}"


def _value(value: Any, where: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f'{where}: value is {value!r}, expected a number or "unknown"')
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact <= 0:
        raise ConfigError(f"{where}: value is {value!r}, expected a number above 0")
    return Fraction(exact)
