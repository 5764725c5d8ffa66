"""Prices of Loihi 2 from one measured total: Loihi 1's prices, scaled to fit, and their extremes.

One equation, Σ count · price = measured dynamic energy of a frame, has many solutions. The central
one keeps the ratios of Loihi 1's prices. The extremes put everything on one class of events:
synaptic operations, neuron updates or spikes; within the updates an idle one may cost anything from
nothing to as much as an active one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError
from depth_snn.toml_io import load_toml
from sims.cost_table import CostTable

SOURCE = Path(__file__).parent / "tables" / "sources" / "pilotnet_lif.toml"
EVENTS = {
    "synaptic_operation": "synaptic_operations",
    "neuron_update_active": "updates_active",
    "neuron_update_idle": "updates_idle",
    "spike_delivery": "spikes",
}
"""Priced event to count."""
PJ_PER_MJ = Decimal(10**9)
STEP = Decimal("0.01")


@dataclass(frozen=True)
class Calibration:
    """A measured frame and what was counted in it.

    Args:
        measured: Fields of the board's measurement.
        counts: Events of one frame, by count.
        holdout: Fields of a measurement that was not used.
    """

    measured: dict[str, Any]
    counts: dict[str, int]
    holdout: dict[str, Any]

    @property
    def dynamic_pj(self) -> Decimal:
        """Dynamic energy of a frame in pJ."""
        return Decimal(str(self.measured["dynamic_mj_per_frame"])) * PJ_PER_MJ


@dataclass(frozen=True)
class CalibratedPrice:
    """A price in pJ: central, and its range where its class has all of the measured energy."""

    value: Decimal
    low: Decimal
    high: Decimal


def load_calibration(path: Path = SOURCE) -> Calibration:
    """Read the measurement and the counts.

    Args:
        path: A file like the shipped one.

    Raises:
        ConfigError: A part is missing.
    """
    data = load_toml(path)
    for part in ("measured", "counts", "holdout"):
        if not isinstance(data.get(part), dict):
            raise ConfigError(f"{path}: [{part}] is missing")
    missing = sorted(set(EVENTS.values()) - set(data["counts"]))
    if missing:
        raise ConfigError(f"{path}: [counts] lacks {missing[0]}")
    return Calibration(data["measured"], data["counts"], data["holdout"])


def scale_of(calibration: Calibration, relative: CostTable) -> Decimal:
    """Factor on the relative table's prices that makes the counted frame cost what was measured."""
    return calibration.dynamic_pj / sum(
        calibration.counts[count] * _value(relative, event) for event, count in EVENTS.items()
    )


def calibrate(calibration: Calibration, relative: CostTable) -> dict[str, CalibratedPrice]:
    """Prices that fit the measurement.

    Args:
        calibration: What was measured and counted.
        relative: The table whose ratios the central prices keep.

    Returns:
        By event.

    Raises:
        ConfigError: The relative table lacks a price.
    """
    scale, counts, total = (
        scale_of(calibration, relative),
        calibration.counts,
        calibration.dynamic_pj,
    )
    updates = counts["updates_active"] + counts["updates_idle"]
    ends = {
        "synaptic_operation": (total / counts["synaptic_operations"],) * 2,
        "neuron_update_active": (total / updates, total / counts["updates_active"]),
        "neuron_update_idle": (Decimal(0), total / updates),
        "spike_delivery": (total / counts["spikes"],) * 2,
    }
    return {
        event: CalibratedPrice(
            (scale * _value(relative, event)).quantize(STEP),
            ends[event][0].quantize(STEP),
            ends[event][1].quantize(STEP),
        )
        for event in EVENTS
    }


def _value(table: CostTable, event: str) -> Decimal:
    price = table.price(event)
    if price is None or price.value is None:
        raise ConfigError(f"cost table {table.name}: calibration needs a price of '{event}'")
    return price.value


def static_w_per_core(calibration: Calibration) -> Decimal:
    """Measured static power divided among the cores in use, in W."""
    watts = Decimal(str(calibration.measured["static_w"]))
    return (watts / int(calibration.measured["cores"])).quantize(Decimal("0.000001"))
