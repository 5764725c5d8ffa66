"""Totals of modelled energy: a priced part per frame, and the names of what has no price."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sims.cost_table import ATTOJOULES_PER_PICOJOULE, CostTable
from sims.digits import digits

TIER_TITLES = {
    "operations": "operations only",
    "memory": "plus memory, state and transport",
    "static": "plus static power over the frame time",
}
EVENT_LABELS = {
    "synaptic_operation": "synaptic operations",
    "synaptic_operation_dense": "synaptic operations, dense",
    "synaptic_operation_conv": "synaptic operations, convolution",
    "synaptic_operation_sparse": "synaptic operations, one to one",
    "product_operation": "products of two states",
    "neuron_update_active": "active neuron updates",
    "neuron_update_idle": "idle neuron updates",
    "spike_delivery": "spike delivery",
    "graded_message_delivery": "graded messages",
    "message_out": "copies of messages leaving a core",
    "mac_fp32": "fp32 MACs",
    "mac_int8": "int8 MACs",
    "mac_embedded": "MACs on the embedded processor",
    "mac_host": "MACs on the host",
    "off_core_event": "neuron events outside a neurocore",
    "other_operation": "operations that are no MACs",
    "hop": "hops",
    "hop_east_west": "hops east and west",
    "hop_north_south": "hops north and south",
    "between_chips": "messages between chips",
    "off_mesh": "messages leaving the mesh",
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
        ends: Lowest and highest energy per frame in attojoules, T values each, where the price
            or the count has a band.
        shared: Class whose band this is; of all classes only one can have everything.
        rivals: Number of such classes in the table.
        within: The event whose price contains this one, which then adds nothing.
    """

    event: str
    node: str
    tier: str
    count: tuple[int, ...] | None
    price_aj: int | None
    minimum: bool = False
    ends: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    shared: str = ""
    rivals: int = 0
    within: str = ""

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
        ends_aj: Lowest and highest priced part per frame, T values each; None without bands.
    """

    lower_aj: tuple[int, ...]
    unknown: tuple[str, ...]
    ends_aj: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @property
    def lower_pj(self) -> NDArray[np.float64]:
        """Priced part per frame in pJ, (T,)."""
        return np.array([value / ATTOJOULES_PER_PICOJOULE for value in self.lower_aj])

    @property
    def bound(self) -> str:
        """The sign "=" when every price is known, else ">="."""
        return ">=" if self.unknown else "="

    @property
    def banded(self) -> bool:
        """Whether a price or a count in it has a band."""
        return self.ends_aj is not None

    def mean_band_pj(self, frames: slice = slice(None)) -> tuple[float, float]:
        """Lowest and highest mean in pJ over a slice of frames; the mean itself without bands."""
        low, high = self.ends_aj or (self.lower_aj, self.lower_aj)
        return mean_pj(low[frames]), mean_pj(high[frames])

    @property
    def observed(self) -> bool:
        """False when nothing at all could be priced."""
        return not self.unknown or any(self.lower_aj)

    def mean_pj(self, frames: slice = slice(None)) -> float:
        """Mean priced energy per frame in pJ over a slice of frames."""
        return mean_pj(self.lower_aj[frames])

    def text(self, frames: slice = slice(None)) -> str:
        """Mean per frame for people, for example "≥ 12.3 µJ (unknown: hops)"."""
        missing = f"(unknown: {', '.join(self.unknown)})"
        if not self.observed:
            return f"unknown {missing}"
        value = format_pj(self.mean_pj(frames))
        if self.banded:
            low, high = (format_pj(end) for end in self.mean_band_pj(frames))
            value = f"{value} [{low} to {high}]"
        return f"≥ {value} {missing}" if self.unknown else f"= {value}"


@dataclass(frozen=True)
class Baseline:
    """A conventional network on a digital processor, in the same tiers.

    Args:
        network: "dense" or "pruned".
        arithmetic: "fp32" or "int8".
        tiers: Total by tier.
        contributions: What it is made of.
    """

    network: str
    arithmetic: str
    tiers: dict[str, EnergyTotal]
    contributions: tuple[Contribution, ...] = ()

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


def mean_pj(values_aj: tuple[int, ...]) -> float:
    """Mean of attojoules in pJ; 0 of nothing."""
    return sum(values_aj) / (len(values_aj) * ATTOJOULES_PER_PICOJOULE) if values_aj else 0.0


def format_pj(value_pj: float) -> str:
    """A value in pJ with three significant digits and a readable unit."""
    for factor, unit in ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ")):
        if value_pj >= factor * 0.9995:
            scaled = value_pj / factor
            places = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{places}f} {unit}"
    return f"{digits(value_pj)} pJ"


def sum_contributions(contributions: Iterable[Contribution], frames: int) -> EnergyTotal:
    """Add contributions frame by frame, keeping the names of what has no price.

    Args:
        contributions: Any selection.
        frames: Number of frames T.

    Returns:
        The total of the selection.
    """
    items = tuple(contributions)
    lower = [0] * frames
    missing: set[str] = set()
    for item in items:
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
    return EnergyTotal(tuple(lower), tuple(ranked), _ends(items, frames))


def _ends(
    items: tuple[Contribution, ...], frames: int
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Lowest and highest sum per frame: bands add up, but of shared ones a single class counts."""
    if not any(item.ends for item in items):
        return None
    classes: dict[str, tuple[list[int], list[int]]] = {"": ([0] * frames, [0] * frames)}
    for item in items:
        energy = item.energy_aj
        if energy is None:
            continue
        totals = classes.setdefault(item.shared, ([0] * frames, [0] * frames))
        for total, ends in zip(totals, item.ends or (energy, energy), strict=True):
            total[:] = [a + b for a, b in zip(total, ends, strict=True)]
    own = classes.pop("")
    if len(classes) < max(item.rivals for item in items):
        classes["elsewhere"] = ([0] * frames, [0] * frames)  # a class of which nothing happened
    pick: tuple[Callable[..., int], ...] = (min, max)
    low, high = (
        tuple(
            alone + chosen((c[end][f] for c in classes.values()), default=0)
            for f, alone in enumerate(own[end])
        )
        for end, chosen in enumerate(pick)
    )
    return low, high


def _stem(text: str) -> str:
    return text.removesuffix(" above their minimum price")
