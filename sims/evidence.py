"""What a run is judged on, and what comes out for one limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from conversion.graph import Graph
from conversion.placement import Placement
from sims.cost_table import load_table
from sims.counted_run import CountedRun, price_counted_run
from sims.energy import estimate_energy
from sims.energy_total import EnergyReport
from sims.record import RunRecord

NETWORK = "network"
"""Stands for the layer where a value is the whole network's."""


@dataclass(frozen=True)
class Observation:
    """One value to hold against a limit.

    Args:
        value: In the limit's unit.
        layer: The layer, or "network".
        frame: Worst frame; None for a value of the whole run.
        note: What the reader must know; may be empty.
        partial: True when the truth can only be worse: a bound, because something is unknown.
    """

    value: Fraction
    layer: str = NETWORK
    frame: int | None = None
    note: str = ""
    partial: bool = False


@dataclass(frozen=True)
class Evidence:
    """A run and what is needed to judge it.

    Args:
        record: The run.
        energy: Its energy.
        graph: Its network as a graph; None where it is not at hand.
        placement: Where the network lies; None where that is not known.
    """

    record: RunRecord | CountedRun
    energy: EnergyReport
    graph: Graph | None = None
    placement: Placement | None = None


@dataclass(frozen=True)
class Series:
    """A quantity in every frame.

    Args:
        values: T values, in the limit's unit.
        layer: The layer, or "network".
        note: What the reader must know; may be empty.
        partial: True when the truth can only be worse.
    """

    values: Sequence[Fraction]
    layer: str = NETWORK
    note: str = ""
    partial: bool = False


def price_run(record: RunRecord | CountedRun, costs: str = "") -> EnergyReport:
    """Energy of a run of either kind.

    Args:
        record: The run.
        costs: Cost table, a shipped name or a path; empty for the default one.

    Raises:
        ConfigError: The table cannot be read.
    """
    table = load_table(costs) if costs else None
    if isinstance(record, CountedRun):
        return price_counted_run(record, table)
    return estimate_energy(record, table)
