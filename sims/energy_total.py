"""Totals of modelled energy: a priced part per frame, and the names of what has no price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sims.cost_table import ATTOJOULES_PER_PICOJOULE, CostTable

TIER_TITLES = {
    "operations": "operations only",
    "memory": "plus memory, state and transport",
    "static": "plus static power over the frame time",
}
EVENT_LABELS = {
    "synaptic_operation": "synaptic operations",
    "product_operation": "products of two states",
    "neuron_update_active": "active neuron updates",
    "neuron_update_idle": "idle neuron updates",
    "spike_delivery": "spike delivery",
    "graded_message_delivery": "graded messages",
    "mac_embedded": "MACs on the embedded processor",
    "mac_host": "MACs on the host",
    "off_core_event": "neuron events outside a neurocore",
    "other_operation": "operations that are no MACs",
    "hop": "hops",
    "synaptic_memory_access": "synaptic memory",
    "neuron_state_access": "neuron state memory",
    "memory_traffic": "memory traffic",
    "static_power": "static power",
    "all": "everything: the run has no counts",
}


@dataclass(frozen=True)
class Contribution:
    """One kind of event at one node.

    Args:
        event: Event kind.
        node: Node name; empty for the whole chip.
        tier: First tier that includes it.
        count: Events per frame, T values; None when the number itself is unknown.
        price_aj: Price of one event in attojoules; None when unknown.
        minimum: True when the price is a floor.
    """

    event: str
    node: str
    tier: str
    count: tuple[int, ...] | None
    price_aj: int | None
    minimum: bool = False

    @property
    def energy_aj(self) -> tuple[int, ...] | None:
        """Energy per frame in attojoules, exact; None when it cannot be priced."""
        if self.count is None or self.price_aj is None:
            return None
        return tuple(n * self.price_aj for n in self.count)


@dataclass(frozen=True)
class EnergyTotal:
    """Energy per frame of one tier, and what it leaves out.

    Args:
        lower_aj: Priced part per frame in whole attojoules, T values.
        unknown: What happened but has no price, or only a floor; empty means exact.
    """

    lower_aj: tuple[int, ...]
    unknown: tuple[str, ...]

    @property
    def lower_pj(self) -> NDArray[np.float64]:
        """Priced part per frame in pJ, (T,)."""
        return np.array([value / ATTOJOULES_PER_PICOJOULE for value in self.lower_aj])

    @property
    def bound(self) -> str:
        """The sign "=" when every price is known, else ">="."""
        return ">=" if self.unknown else "="

    @property
    def observed(self) -> bool:
        """False when nothing at all could be priced."""
        return not self.unknown or any(self.lower_aj)

    def mean_pj(self, frames: slice = slice(None)) -> float:
        """Mean priced energy per frame in pJ over a slice of frames."""
        chosen = self.lower_aj[frames]
        return sum(chosen) / (len(chosen) * ATTOJOULES_PER_PICOJOULE) if chosen else 0.0

    def text(self, frames: slice = slice(None)) -> str:
        """Mean per frame for people, for example "≥ 12.3 µJ (unknown: hops)"."""
        missing = f"(unknown: {', '.join(self.unknown)})"
        if not self.observed:
            return f"unknown {missing}"
        value = format_pj(self.mean_pj(frames))
        return f"≥ {value} {missing}" if self.unknown else f"= {value}"


@dataclass(frozen=True)
class Baseline:
    """A conventional network on a digital processor, in the same tiers.

    Args:
        network: "dense" or "pruned".
        arithmetic: "fp32" or "int8".
        tiers: Total by tier.
    """

    network: str
    arithmetic: str
    tiers: dict[str, EnergyTotal]

    @property
    def name(self) -> str:
        """For example "dense int8"."""
        return f"{self.network} {self.arithmetic}"


@dataclass(frozen=True)
class EnergyReport:
    """Energy of one run.

    Args:
        table: Prices of the spiking network.
        baseline_table: Prices of the baselines.
        contributions: By event and node.
        tiers: Total by tier.
        baselines: Dense and pruned network, fp32 and int8.
        frame_time_us: Time of a frame used for static power; None when unknown.
    """

    table: CostTable
    baseline_table: CostTable
    contributions: tuple[Contribution, ...]
    tiers: dict[str, EnergyTotal]
    baselines: tuple[Baseline, ...]
    frame_time_us: float | None

    def by_event(self) -> dict[str, EnergyTotal]:
        """Total of each event kind over all nodes, in the order of EVENT_LABELS."""
        present = {c.event for c in self.contributions}
        frames = len(self.tiers["operations"].lower_aj)
        return {
            event: sum_contributions((c for c in self.contributions if c.event == event), frames)
            for event in EVENT_LABELS
            if event in present
        }


def format_pj(value_pj: float) -> str:
    """A value in pJ with three significant digits and a readable unit."""
    for factor, unit in ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")):
        if value_pj >= factor * 0.9995:
            scaled = value_pj / factor
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f} {unit}"
    return f"{value_pj:.3g} pJ"


def sum_contributions(contributions: Iterable[Contribution], frames: int) -> EnergyTotal:
    """Add contributions frame by frame, keeping the names of what has no price.

    Args:
        contributions: Any selection.
        frames: Number of frames T.

    Returns:
        The total of the selection.
    """
    lower = [0] * frames
    missing: set[str] = set()
    for item in contributions:
        energy = item.energy_aj
        label = EVENT_LABELS.get(item.event, item.event)
        if energy is None:
            missing.add(label)
            continue
        lower = [a + b for a, b in zip(lower, energy, strict=True)]
        if item.minimum:
            missing.add(f"{label} above their minimum price")
    order = list(EVENT_LABELS.values())
    ranked = sorted(missing, key=lambda text: (order.index(_stem(text)), text))
    return EnergyTotal(tuple(lower), tuple(ranked))


def _stem(text: str) -> str:
    return text.removesuffix(" above their minimum price")
