"""Prices per event, read from TOML files that name a source for every number."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError
from depth_snn.toml_io import load_toml

TABLE_FOLDER = Path(__file__).parent / "tables"
TIERS = ("operations", "memory", "static")
GRADES = ("A", "B", "C", "D")
UNITS = {"operations": "pJ", "memory": "pJ", "static": "W"}
# Prices are kept as whole attojoules, so that sums over counts are exact.
ATTOJOULES_PER_PICOJOULE = 10**6

_COMMON = {"event", "tier", "value", "unit"}
_KNOWN = _COMMON | {"source", "year", "grade", "note"}
_OPTIONAL = {"bound", "note", "reason"}


@dataclass(frozen=True)
class Price:
    """One row of a cost table.

    Args:
        event: What is priced.
        tier: "operations", "memory" or "static".
        value: Price in `unit`; None when nobody published one.
        unit: "pJ", or "W" for static power.
        minimum: True when the source gives a floor rather than a value.
        source: Where the number comes from; empty when unknown.
        year: Year of the source; None when unknown.
        grade: "A" to "D"; empty when unknown.
        note: What a reader must know, or the reason why the price is unknown.
    """

    event: str
    tier: str
    value: Decimal | None
    unit: str
    minimum: bool
    source: str
    year: int | None
    grade: str
    note: str

    @property
    def value_aj(self) -> int | None:
        """Price in whole attojoules (watts: attojoules per microsecond); None when unknown."""
        if self.value is None:
            return None
        scale = ATTOJOULES_PER_PICOJOULE
        # 1 W over 1 us is 1 uJ, that is 10^6 pJ.
        return int(self.value * scale * (10**6 if self.unit == "W" else 1))


@dataclass(frozen=True)
class CostTable:
    """A named set of prices, one per event.

    Args:
        name: Short name, for example "loihi1".
        title: One line for people.
        prices: Rows by event, in file order.
    """

    name: str
    title: str
    prices: dict[str, Price]

    def price(self, event: str) -> Price | None:
        """The row of an event; None when the table has no such row, which prices nothing."""
        return self.prices.get(event)


def shipped_tables() -> tuple[str, ...]:
    """Names of the cost tables that come with the package."""
    return tuple(sorted(path.stem for path in TABLE_FOLDER.glob("*.toml")))


def load_table(name_or_path: str | Path) -> CostTable:
    """Read a cost table by shipped name or by path.

    Args:
        name_or_path: A name such as "loihi1", or the path of a TOML file.

    Returns:
        The validated table.

    Raises:
        ConfigError: The file is missing or malformed; the message names file, row and field.
    """
    text = str(name_or_path)
    is_name = text.isidentifier() and not Path(text).exists()
    if is_name and text not in shipped_tables():
        raise ConfigError(
            f"no cost table '{text}'; shipped are {', '.join(shipped_tables())}, "
            "or give the path of a TOML file"
        )
    path = TABLE_FOLDER / f"{text}.toml" if is_name else Path(text)
    return parse_table(load_toml(path), str(path))


def parse_table(data: dict[str, Any], where: str) -> CostTable:
    """Validate the content of a cost table file.

    Args:
        data: The parsed TOML.
        where: File name for messages.

    Returns:
        The table.

    Raises:
        ConfigError: Naming file, row and field.
    """
    extra = sorted(set(data) - {"format", "name", "title", "row"})
    if extra:
        raise ConfigError(f"{where}: unknown key '{extra[0]}'; expected format, name, title, row")
    if data.get("format") != 1:
        raise ConfigError(f"{where}: format is {data.get('format')!r}, expected 1")
    name, title, rows = data.get("name"), data.get("title"), data.get("row")
    if not isinstance(name, str) or not isinstance(title, str):
        raise ConfigError(f"{where}: name and title must be texts")
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{where}: no [[row]] in the table")
    prices: dict[str, Price] = {}
    for index, row in enumerate(rows, start=1):
        price = _parse_row(row, f"{where}: row {index}")
        if price.event in prices:
            raise ConfigError(f"{where}: row {index}: event '{price.event}' appears twice")
        prices[price.event] = price
    return CostTable(name=name, title=title, prices=prices)


def _parse_row(row: Any, where: str) -> Price:
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: expected a table")
    event = _text(row, "event", where)
    where = f"{where} ('{event}')"
    unknown = row.get("value") == "unknown"
    required = (_COMMON | {"reason"}) if unknown else _KNOWN - {"note"}
    missing = sorted(required - set(row))
    if missing:
        raise ConfigError(f"{where}: field '{missing[0]}' is missing")
    stray = sorted(set(row) - required - _OPTIONAL)
    if stray:
        raise ConfigError(f"{where}: field '{stray[0]}' is not one this row can have")
    tier = _choice(row, "tier", TIERS, where)
    unit = _choice(row, "unit", (UNITS[tier],), where)
    value = None if unknown else _value(row["value"], where)
    minimum = "bound" in row and _choice(row, "bound", ("minimum",), where) == "minimum"
    return Price(
        event=event,
        tier=tier,
        value=value,
        unit=unit,
        minimum=minimum,
        source="" if unknown else _text(row, "source", where),
        year=None if unknown else _year(row["year"], where),
        grade="" if unknown else _choice(row, "grade", GRADES, where),
        note=_text(row, "reason", where) if unknown else str(row.get("note", "")),
    )


def _text(row: dict[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: field '{field}' must be a text, got {value!r}")
    return value


def _choice(row: dict[str, Any], field: str, allowed: tuple[str, ...], where: str) -> str:
    value = row.get(field)
    if value not in allowed:
        raise ConfigError(f"{where}: field '{field}' is {value!r}, expected {' or '.join(allowed)}")
    return str(value)


def _year(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1950 <= value <= 2100:
        raise ConfigError(f"{where}: field 'year' is {value!r}, expected a year")
    return value


def _value(value: Any, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(
            f"{where}: field 'value' is {value!r}, expected a number or \"unknown\" with a reason"
        )
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact <= 0:
        raise ConfigError(f"{where}: field 'value' is {value!r}, expected a price above 0")
    if exact * ATTOJOULES_PER_PICOJOULE % 1:
        raise ConfigError(f"{where}: field 'value' is finer than 0.000001, which is not kept")
    return exact
