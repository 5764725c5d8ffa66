"""A budget: the limits a TOML file names, before any run is judged by them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from depth_snn.errors import BudgetError
from depth_snn.toml_io import load_toml
from sims.cost_table import TIERS

BUDGET_FOLDER = Path(__file__).parent / "budgets"
LIMITS: dict[str, dict[str, str]] = {
    "network": {
        "energy_uj_per_frame_max": "µJ/frame",
        "synaptic_operations_per_frame_max": "synops/frame",
        "macs_ratio_max": "of dense",
    },
    "layers": {
        "firing_rate_min": "events/neuron/frame",
        "firing_rate_max": "events/neuron/frame",
        "firing_rate_peak_max": "events/neuron/frame",
        "synaptic_operations_per_frame_max": "synops/frame",
    },
    "recovery": {
        "extra_compute_percent_max": "%",
        "extra_compute_percent_mean_max": "%",
    },
    "quality": {
        "miou_min": "of 1",
        "miou_loss_max": "points",
    },
}
_TOP_KEYS = ("format", "title", "include_first_frame", *LIMITS)


@dataclass(frozen=True)
class Limit:
    """One limit of a budget.

    Args:
        section: "network", "layers", "recovery" or "quality".
        key: Name of the limit within its section.
        pattern: Glob of layer names; empty outside "layers".
        value: The limit, exactly as written in the file.
        unit: Its unit.
    """

    section: str
    key: str
    pattern: str
    value: Fraction
    unit: str

    @property
    def name(self) -> str:
        """The limit as a dotted path of the file, for example network.macs_ratio_max."""
        where = f'layers."{self.pattern}"' if self.section == "layers" else self.section
        return f"{where}.{self.key}"

    @property
    def comparison(self) -> str:
        """The sign ">=" for a minimum, "<=" for a maximum."""
        return ">=" if self.key.endswith("_min") else "<="


@dataclass(frozen=True)
class Budget:
    """Limits of one budget file.

    Args:
        source: File the budget came from.
        title: One line for people.
        include_first_frame: Whether frame limits also hold for the first, dense frame.
        energy_tier: Tier the energy limit is about.
        limits: In file order.
    """

    source: str
    title: str
    include_first_frame: bool
    energy_tier: str
    limits: tuple[Limit, ...]


def shipped_budgets() -> tuple[str, ...]:
    """Names of the budgets that come with the package."""
    return tuple(sorted(path.stem for path in BUDGET_FOLDER.glob("*.toml")))


def load_budget(name_or_path: str | Path) -> Budget:
    """Read a budget by shipped name or by path.

    Args:
        name_or_path: A name such as "street", or the path of a TOML file.

    Returns:
        The validated budget.

    Raises:
        ConfigError: The file is missing or not TOML.
        BudgetError: A key is unknown or a limit malformed; the message names it.
    """
    text = str(name_or_path)
    shipped = text in shipped_budgets() and not Path(text).exists()
    path = BUDGET_FOLDER / f"{text}.toml" if shipped else Path(text)
    return parse_budget(load_toml(path), text)


def parse_budget(data: dict[str, Any], where: str) -> Budget:
    """Validate the content of a budget file.

    Args:
        data: The parsed TOML.
        where: File name for messages.

    Returns:
        The budget.

    Raises:
        BudgetError: A key is unknown, a value malformed, or no limit is given.
    """
    _check_keys(data, _TOP_KEYS, where, "")
    if data.get("format") != 1:
        raise BudgetError(f"{where}: format is {data.get('format')!r}, expected format = 1")
    first = data.get("include_first_frame", False)
    if not isinstance(first, bool):
        raise BudgetError(f"{where}: include_first_frame must be true or false, got {first!r}")
    title = data.get("title", "")
    if not isinstance(title, str):
        raise BudgetError(f"{where}: title must be a text, got {title!r}")
    limits: list[Limit] = []
    for section in LIMITS:
        limits.extend(_section_limits(section, _table(data, section, where), where))
    if not limits:
        raise BudgetError(f"{where}: no limit in the file, so there is nothing to judge by")
    return Budget(where, title, first, _energy_tier(data, where), tuple(limits))


def _section_limits(section: str, table: dict[str, Any], where: str) -> list[Limit]:
    if section != "layers":
        allowed = (*LIMITS[section], "tier") if section == "network" else tuple(LIMITS[section])
        _check_keys(table, allowed, where, section)
        return _limits(section, "", table, where)
    found = []
    for pattern in table:
        layer = _table(table, pattern, where)
        _check_keys(layer, tuple(LIMITS["layers"]), where, f'layers."{pattern}"')
        limits = _limits(section, pattern, layer, where)
        _check_range(limits, where)
        found.extend(limits)
    return found


def _limits(section: str, pattern: str, table: dict[str, Any], where: str) -> list[Limit]:
    found = []
    for key, value in table.items():
        if key == "tier":
            continue
        unit = LIMITS[section][key]
        draft = Limit(section, key, pattern, Fraction(0), unit)
        found.append(Limit(section, key, pattern, _number(value, f"{where}: {draft.name}"), unit))
    return found


def _number(value: Any, where: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BudgetError(f"{where} is {value!r}, expected a number")
    # The limit means the decimal number in the file, not the binary number nearest to it.
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact < 0:
        raise BudgetError(f"{where} is {value!r}, expected a finite number of at least 0")
    return Fraction(exact)


def _check_range(limits: list[Limit], where: str) -> None:
    values = {limit.key: limit for limit in limits}
    low = values.get("firing_rate_min")
    for key in ("firing_rate_max", "firing_rate_peak_max"):
        high = values.get(key)
        if low and high and low.value > high.value:
            raise BudgetError(f"{where}: {low.name} is above {high.name}: no run could pass")


def _energy_tier(data: dict[str, Any], where: str) -> str:
    network = _table(data, "network", where)
    tier = network.get("tier", TIERS[0])
    if tier not in TIERS:
        raise BudgetError(f"{where}: network.tier is {tier!r}, expected {' or '.join(TIERS)}")
    return str(tier)


def _table(data: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise BudgetError(f"{where}: {key} must be a table, got {table!r}")
    return table


def _check_keys(table: dict[str, Any], allowed: tuple[str, ...], where: str, section: str) -> None:
    for key in table:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.0)[0]
            place = f" in [{section}]" if section else ""
            raise BudgetError(f"{where}: unknown key '{key}'{place}; did you mean '{near}'?")
