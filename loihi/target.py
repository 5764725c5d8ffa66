"""Targets: what a chip and its board hold, from TOML files that name a source for each limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from depth_snn.errors import ConfigError, one_line
from depth_snn.sourced_table import shipped_names, table_head, table_path
from depth_snn.toml_io import load_toml

TARGET_FOLDER = Path(__file__).parent / "targets"
GRADES = ("A", "B", "C", "D")
UNITS = {
    "neurons_per_core": "neurons",
    "synaptic_bytes_per_core": "bytes",
    "memory_bytes_per_core": "bytes",
    "axons_in_per_core": "axons",
    "axons_out_per_core": "axons",
    "fan_in": "synapses",
    "fan_out": "synapses",
    "weight_bits": "bits",
    "exponent_max": "shift",
    "delay_max": "steps",
    "payload_bits": "bits",
    "register_bits": "bits",
    "cores_per_chip": "cores",
    "embedded_processors_per_chip": "processors",
    "mesh_columns": "routers",
    "mesh_rows": "routers",
    "cores_per_router": "cores",
    "link_bits_per_step": "bits",
    "chips": "chips",
    "chip_columns": "chips",
}
"""Every row a target has, and its unit; weight bits are those without the sign."""
NEEDED = (
    "neurons_per_core", "memory_bytes_per_core", "cores_per_chip", "mesh_columns", "mesh_rows",
    "cores_per_router", "chips", "chip_columns",
)  # fmt: skip
"""Rows that nothing can be placed without."""
LARGEST = 2**40
SLOTS_MAX = 2**20
_KNOWN = {"limit", "value", "unit", "source", "year", "grade"}
_UNKNOWN = {"limit", "value", "unit", "reason"}
_FREE = {"note", "usual"}


@dataclass(frozen=True)
class Limit:
    """One row of a target.

    Args:
        name: One of :data:`UNITS`.
        value: In the row's unit; None where nobody published it.
        source: Source, year and grade, or why it is unknown.
        usual: True for what is usual and not a bound: passing it is said and not refused.
    """

    name: str
    value: int | None
    source: str
    usual: bool = False

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return UNITS[self.name]


@dataclass(frozen=True)
class Target:
    """A chip and how many of it there are.

    Args:
        name: Short name, for example "loihi2".
        title: One line for people.
        limits: Every row of :data:`UNITS`, by name.
    """

    name: str
    title: str
    limits: Mapping[str, Limit]

    def value(self, name: str) -> int | None:
        """A limit's value; None where it is unknown."""
        return self.limits[name].value

    def known(self, name: str) -> int:
        """A value that every target has (:data:`NEEDED`)."""
        found = self.limits[name].value
        assert found is not None
        return found

    @property
    def cores(self) -> int:
        """Neurocores of all chips."""
        return self.known("cores_per_chip") * self.known("chips")


def shipped_targets() -> tuple[str, ...]:
    """Names of the targets that come with the package."""
    return shipped_names(TARGET_FOLDER)


def load_target(name_or_path: str | Path) -> Target:
    """Read a target by shipped name or by path.

    Args:
        name_or_path: A name such as "loihi2", or the path of a TOML file.

    Returns:
        The validated target.

    Raises:
        ConfigError: The file is missing or malformed; the message names file, row and field.
    """
    path = table_path(name_or_path, TARGET_FOLDER, "target")
    return parse_target(load_toml(path), str(path))


def parse_target(data: Mapping[str, Any], where: str) -> Target:
    """Validate the content of a target file.

    Args:
        data: The parsed TOML.
        where: File name for messages.

    Returns:
        The target.

    Raises:
        ConfigError: Naming file, row and field.
    """
    name, title, rows = table_head(data, where)
    limits: dict[str, Limit] = {}
    for index, row in enumerate(rows, start=1):
        limit = _limit(row, f"{where}: row {index}")
        if limit.name in limits:
            raise ConfigError(f"{where}: row {index}: limit '{limit.name}' appears twice")
        limits[limit.name] = limit
    missing = [limit for limit in UNITS if limit not in limits]
    if missing:
        raise ConfigError(
            f'{where}: no row for {", ".join(missing)}; write value = "unknown" with a reason'
        )
    _check_mesh(limits, where)
    return Target(name, title, MappingProxyType(limits))


def _limit(row: Any, where: str) -> Limit:
    name = row.get("limit") if isinstance(row, dict) else None
    if name not in UNITS:
        raise ConfigError(f"{where}: limit is {name!r}, expected one of {', '.join(UNITS)}")
    where = f"{where} ('{name}')"
    unknown = row.get("value") == "unknown"
    fields = _UNKNOWN if unknown else _KNOWN
    faults = sorted((fields - _FREE) ^ (set(row) - _FREE))
    if faults:
        word = "missing" if faults[0] in fields else "not one this row can have"
        raise ConfigError(f"{where}: field '{one_line(faults[0])}' is {word}")
    if row["unit"] != UNITS[name]:
        raise ConfigError(f"{where}: unit is {row['unit']!r}, expected '{UNITS[name]}'")
    if unknown:
        return Limit(name, None, one_line(str(row["reason"])))
    if row["grade"] not in GRADES:
        raise ConfigError(f"{where}: grade is {row['grade']!r}, expected one of {GRADES}")
    value, usual = row["value"], row.get("usual", False)
    least = 0 if name == "embedded_processors_per_chip" else 1
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not least <= value <= LARGEST:
        raise ConfigError(
            f'{where}: value is {value!r}, expected a whole number above 0 or "unknown"'
        )
    if not isinstance(usual, bool):
        raise ConfigError(f"{where}: usual is {usual!r}, expected true or false")
    source = one_line(f"{row['source']}, {row['year']}, grade {row['grade']}")
    return Limit(name, value, source, usual)


def _check_mesh(limits: Mapping[str, Limit], where: str) -> None:
    unknown = [name for name in NEEDED if limits[name].value is None]
    if unknown:
        raise ConfigError(f"{where}: {unknown[0]} must be known, nothing can be placed without it")
    columns, rows, shared, cores, chips = (
        limits[name].value or 0
        for name in ("mesh_columns", "mesh_rows", "cores_per_router", "cores_per_chip", "chips")
    )
    if cores > columns * rows * shared:
        raise ConfigError(
            f"{where}: {cores} cores per chip, but {columns}×{rows} routers with {shared} cores "
            f"each hold {columns * rows * shared}"
        )
    if cores * chips > SLOTS_MAX:
        raise ConfigError(f"{where}: {cores * chips} cores in all, at most {SLOTS_MAX} are placed")
