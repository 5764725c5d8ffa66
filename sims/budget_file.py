"""A budget: the limits a TOML file names, before any run is judged by them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from depth_snn.errors import BudgetError, one_line
from depth_snn.toml_io import load_toml
from sims.cost_table import TIERS
from sims.frame_window import check_window
from sims.limit import LIMITS, Limit
from sims.timing_table import DEFAULT_TIMING

BUDGET_FOLDER = Path(__file__).parent / "budgets"
_TOP_KEYS = ("format", "title", "include_first_frame", "model", *LIMITS, "frames")
_WINDOWED = ("network", "layers", "recovery")
_WHOLE_RUN = ("cores_max",)
_ENERGY = "energy."
_NONE = Fraction(0)


@dataclass(frozen=True)
class ModelChoice:
    """What modelled limits are computed with.

    Args:
        costs: Cost table of the energy limits: a shipped name or a path; empty for the one that
            the caller priced the run with.
        timing: Timing table of the chip, in the same way.
        cores: Neurocores the work is spread over; None takes the fewest that hold the network.
    """

    costs: str = ""
    timing: str = DEFAULT_TIMING
    cores: int | None = None


@dataclass(frozen=True)
class Budget:
    """Limits of one budget file.

    Args:
        source: File the budget came from.
        title: One line for people.
        include_first_frame: Whether frame limits also hold for the first, dense frame.
        limits: In file order.
        model: What modelled limits are computed with.
    """

    source: str
    title: str
    include_first_frame: bool
    limits: tuple[Limit, ...]
    model: ModelChoice = ModelChoice()


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
    limits = _sections(data, tuple(LIMITS), where, "")
    windows = _table(data, "frames", where)
    for window in windows:
        check_window(window, f"{where}: frames")
        part = _table(windows, window, where)
        _check_keys(part, _WINDOWED, where, f'frames."{window}"')
        limits.extend(_sections(part, _WINDOWED, where, window))
    if not limits:
        raise BudgetError(f"{where}: no limit in the file, so there is nothing to judge by")
    return Budget(where, title, first, tuple(limits), _model(data, where))


def _model(data: dict[str, Any], where: str) -> ModelChoice:
    table = _table(data, "model", where)
    _check_keys(table, ("costs", "timing", "cores"), where, "model")
    names = {"costs": "", "timing": DEFAULT_TIMING}
    for key, default in names.items():
        names[key] = table.get(key, default)
        if not isinstance(names[key], str):
            raise BudgetError(
                f"{where}: model.{key} is {names[key]!r}, expected the name of a table"
            )
    cores = table.get("cores")
    if cores is not None and (type(cores) is not int or cores < 1):
        raise BudgetError(
            f"{where}: model.cores is {cores!r}, expected a whole number of 1 or more"
        )
    return ModelChoice(names["costs"], names["timing"], cores)


def _sections(
    data: dict[str, Any], sections: tuple[str, ...], where: str, window: str
) -> list[Limit]:
    found: list[Limit] = []
    for section in sections:
        table = _table(data, section, where)
        if section != "layers":
            found.extend(_limits(Limit(section, "", _NONE, "", window), table, where))
            continue
        for pattern in table:
            draft = Limit(section, "", _NONE, pattern, window)
            found.extend(_limits(draft, _table(table, pattern, where), where))
    return found


def _limits(draft: Limit, table: dict[str, Any], where: str) -> list[Limit]:
    """Limits of one table, which `draft` says the place of; those of its table energy too."""
    allowed = [key for key in LIMITS[draft.section] if not key.startswith(_ENERGY)]
    if draft.window:
        allowed = [key for key in allowed if key not in _WHOLE_RUN]
    place = draft.name.removesuffix(".")
    own = {"network": ("tier", "energy"), "layers": ("energy",)}.get(draft.section, ())
    _check_keys(table, (*allowed, *own), where, place)
    tier = table.get("tier", TIERS[0])
    if tier not in TIERS:
        raise BudgetError(f"{where}: network.tier is {tier!r}, expected {' or '.join(TIERS)}")
    energy = _table(table, "energy", where) if "energy" in own else {}
    keys = [key.removeprefix(_ENERGY) for key in LIMITS[draft.section] if key.startswith(_ENERGY)]
    _check_keys(energy, tuple(keys), where, f"{place}.energy")
    values = {key: value for key, value in table.items() if key in allowed}
    values |= {_ENERGY + key: value for key, value in energy.items()}
    found = []
    for key, value in values.items():
        of_tier = key.removeprefix(_ENERGY).split("_")[0] if key.startswith(_ENERGY) else tier
        limit = replace(draft, key=key, tier=of_tier if "energy" in key else "")
        found.append(replace(limit, value=_number(value, f"{where}: {limit.name}")))
    _check_range(found, where)
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
    for lower, uppers in (
        ("firing_rate_min", ("firing_rate_max", "firing_rate_peak_max")),
        ("firing_rate_peak_min", ("firing_rate_peak_max",)),
    ):
        for upper in uppers:
            low, high = values.get(lower), values.get(upper)
            if low and high and low.value > high.value:
                raise BudgetError(f"{where}: {low.name} is above {high.name}: no run could pass")


def _table(data: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise BudgetError(f"{where}: {key} must be a table, got {table!r}")
    return table


def _check_keys(table: dict[str, Any], allowed: Sequence[str], where: str, section: str) -> None:
    for key in table:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.0)[0]
            place = f" in [{section}]" if section else ""
            raise BudgetError(
                f"{where}: unknown key '{one_line(key)}'{place}; did you mean '{near}'?"
            )
