"""Prices per event, read from TOML files that name a source for every number.

A row may say how far its price could be off: ``low`` and ``high``. Where one measured total was
divided among classes of events, only one class can have all of it: such rows name their class in
``shared``, and their ``low`` and ``high`` hold for the case that their class has everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError
from depth_snn.sourced_table import shipped_names, table_head, table_path
from depth_snn.toml_io import load_toml

TABLE_FOLDER = Path(__file__).parent / "tables"
SPIKING_TABLES, DIGITAL_TABLES = ("loihi1", "loihi2", "sanafe"), ("horowitz45", "xavier")
"""Shipped tables by what they price."""
TIERS = ("operations", "memory", "static")
GRADES = ("A", "B", "C", "D")
UNITS = {"operations": "pJ", "memory": "pJ", "static": "W"}
# Prices are kept as whole attojoules, so that sums over counts are exact.
ATTOJOULES_PER_PICOJOULE = 10**6

_COMMON = {"event", "tier", "value", "unit"}
_KNOWN = _COMMON | {"source", "year", "grade", "note"}
_OPTIONAL = {"bound", "note", "reason", "low", "high", "shared"}
_WORDS: dict[str, set[str]] = {"unknown": {"reason"}, "included": {"reason", "within"}}
"""Values that are no number, and what a row with one must say."""


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
        low, high: Band of the price in `unit`; None where the source gives none.
        shared: Class of events that this row's band belongs to; empty for a band of its own.
        within: The event whose price contains this one; empty for a price of its own.
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
    low: Decimal | None = None
    high: Decimal | None = None
    shared: str = ""
    within: str = ""

    @property
    def value_aj(self) -> int | None:
        """Price in whole attojoules (watts: attojoules per microsecond); None when unknown."""
        return None if self.value is None else self._attojoules(self.value)

    @property
    def band_aj(self) -> tuple[int, int] | None:
        """Lowest and highest price in whole attojoules; None where there is no band."""
        if self.low is None or self.high is None:
            return None
        return self._attojoules(self.low), self._attojoules(self.high)

    def _attojoules(self, value: Decimal) -> int:
        # 1 W over 1 us is 1 uJ, that is 10^6 pJ.
        return int(value * ATTOJOULES_PER_PICOJOULE * (10**6 if self.unit == "W" else 1))

    def text(self) -> str:
        """The price for people, with its band."""
        if self.value is None:
            return f"in the price of {self.within}" if self.within else "unknown"
        text = f"{'≥ ' if self.minimum else ''}{self.value} {self.unit}"
        if self.high is None:
            return text
        return f"{text} ({0 if self.shared else self.low} to {self.high})"


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

    def prices_any(self, *starts: str) -> bool:
        """Whether it has a price of an event whose name starts with one of some words."""
        return any(p.value is not None and e.startswith(starts) for e, p in self.prices.items())


def shipped_tables() -> tuple[str, ...]:
    """Names of the cost tables that come with the package."""
    return shipped_names(TABLE_FOLDER)


def load_table(name_or_path: str | Path) -> CostTable:
    """Read a cost table by shipped name or by path.

    Args:
        name_or_path: A name such as "loihi1", or the path of a TOML file.

    Returns:
        The validated table.

    Raises:
        ConfigError: The file is missing or malformed; the message names file, row and field.
    """
    path = table_path(name_or_path, TABLE_FOLDER, "cost table")
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
    name, title, rows = table_head(data, where)
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
    word = row.get("value") if isinstance(row.get("value"), str) else None
    required = _COMMON | _WORDS[word] if word in _WORDS else _KNOWN - {"note"}
    missing = sorted(required - set(row))
    if missing:
        raise ConfigError(f"{where}: field '{missing[0]}' is missing")
    stray = sorted(set(row) - required - ({"note"} if word in _WORDS else _OPTIONAL))
    if stray:
        raise ConfigError(f"{where}: field '{stray[0]}' is not one this row can have")
    tier = _choice(row, "tier", TIERS, where)
    unit = _choice(row, "unit", (UNITS[tier],), where)
    if word in _WORDS:
        within = _text(row, "within", where) if word == "included" else ""
        reason = _text(row, "reason", where)
        return Price(event, tier, None, unit, False, "", None, "", reason, within=within)
    value = _value(row["value"], where)
    low, high, shared = _band(row, value, where)
    return Price(
        event=event,
        tier=tier,
        value=value,
        unit=unit,
        minimum="bound" in row and _choice(row, "bound", ("minimum",), where) == "minimum",
        source=_text(row, "source", where),
        year=_year(row["year"], where),
        grade=_choice(row, "grade", GRADES, where),
        note=str(row.get("note", "")),
        low=low,
        high=high,
        shared=shared,
    )


def _band(
    row: dict[str, Any], value: Decimal, where: str
) -> tuple[Decimal | None, Decimal | None, str]:
    """Lowest and highest price, and the class that shares it."""
    if not {"low", "high", "shared"} & set(row):
        return None, None, ""
    for field in ("low", "high"):
        if field not in row:
            raise ConfigError(f"{where}: field '{field}' is missing; a band has both ends")
    low = Decimal(0) if row["low"] == 0 else _value(row["low"], where, "low")
    high = _value(row["high"], where, "high")
    shared = _text(row, "shared", where) if "shared" in row else ""
    # Of a shared price the value is a part of what its class could have, so it may lie below.
    if not low <= high or value > high or (not shared and value < low):
        raise ConfigError(f"{where}: low {low}, value {value}, high {high} are not in this order")
    return low, high, shared


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


def _value(value: Any, where: str, field: str = "value") -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(
            f"{where}: field '{field}' is {value!r}, expected a number or \"unknown\" with a reason"
        )
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact <= 0:
        raise ConfigError(f"{where}: field '{field}' is {value!r}, expected a price above 0")
    if exact * ATTOJOULES_PER_PICOJOULE % 1:
        raise ConfigError(f"{where}: field '{field}' is finer than 0.000001, which is not kept")
    return exact
