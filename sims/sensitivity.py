"""What a verdict hangs on: by how much each constant, or the activity, would have to change.

Spiking energy S and a baseline's B are sums of price times count over the same frames. With one
price times f and everything else as it is, the two are equal at one f; there the verdict turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, log

from sims.cost_table import TIERS
from sims.digits import digits
from sims.energy_total import EVENT_LABELS, Baseline, Contribution, EnergyReport, mean_pj

ACTIVITY_EVENTS = frozenset(
    {
        "synaptic_operation", "synaptic_operation_dense", "synaptic_operation_conv",
        "synaptic_operation_sparse", "product_operation", "spike_delivery",
        "graded_message_delivery", "message_out", "hop_east_west", "hop_north_south",
        "synaptic_memory_access",
    }
)  # fmt: skip
"""What there is more of where more changes; updates and static power are there anyway."""


@dataclass(frozen=True)
class Sensitivity:
    """One constant.

    Args:
        constant: The event priced, with the table's name in front.
        energy_pj: What it contributes per frame; 0 where its price is unknown.
        factor: The price times this makes both energies equal; None where no price above 0 does.
        price_pj: For an unknown price, the one that would make them equal; None where none does.
    """

    constant: str
    energy_pj: float
    factor: float | None
    price_pj: float | None = None

    @property
    def flips(self) -> bool:
        """Whether some price above 0 of this constant alone turns the verdict."""
        return self.factor is not None or self.price_pj is not None

    @property
    def text(self) -> str:
        """What would have to happen."""
        if self.price_pj is not None:
            return f"at {digits(self.price_pj)} pJ each, a price nobody knows"
        if self.factor is None:
            return "cannot flip it"
        return f"at {digits(self.factor)} times its price"


@dataclass(frozen=True)
class BreakEven:
    """Activity at which both energies would be equal.

    Args:
        factor: Times the activity observed; None where no activity above 0 is low enough.
        share: Synaptic operations per dense MAC at that activity; None as above.
        observed: The same as observed.
    """

    factor: float | None
    share: float | None
    observed: float


def sensitivities(
    energy: EnergyReport, base: Baseline, frames: slice, tier: str
) -> tuple[Sensitivity, ...]:
    """Every constant of both sides, those nearest to turning the verdict first.

    Args:
        energy: The run's energy.
        base: One of its baselines.
        frames: Frames to average.
        tier: The tier compared.

    Returns:
        Sorted by how far the factor is from 1; what cannot flip the verdict stands last.
    """
    ours, theirs = (
        _by_event(energy.contributions, frames, tier),
        _by_event(base.contributions, frames, tier),
    )
    spiking, other = sum(ours.values()), sum(theirs.values())
    found = [
        _one(f"{energy.table.name}: {EVENT_LABELS[event]}", part, other - (spiking - part))
        for event, part in ours.items()
    ]
    found += [
        _one(f"{energy.baseline_table.name}: {EVENT_LABELS[event]}", part, spiking - (other - part))
        for event, part in theirs.items()
    ]
    found += _unknown(energy, frames, tier, other - spiking)
    return tuple(sorted(found, key=_distance))


def _one(constant: str, part: float, needed: float) -> Sensitivity:
    """A constant whose part of the energy would have to become ``needed``."""
    return Sensitivity(constant, part, needed / part if needed > 0 else None)


def _distance(item: Sensitivity) -> tuple[bool, float]:
    return not item.flips, abs(log(item.factor)) if item.factor else inf


def _in_tier(contribution: Contribution, tier: str) -> bool:
    return TIERS.index(contribution.tier) <= TIERS.index(tier)


def _by_event(items: Iterable[Contribution], frames: slice, tier: str) -> dict[str, float]:
    """Mean priced energy in pJ of each event that costs something."""
    found: dict[str, float] = {}
    for item in items:
        energy = item.energy_aj
        if energy is not None and _in_tier(item, tier) and any(energy[frames]):
            found[item.event] = found.get(item.event, 0.0) + mean_pj(energy[frames])
    return found


def _unknown(energy: EnergyReport, frames: slice, tier: str, room_pj: float) -> list[Sensitivity]:
    """Events that were counted and have no price."""
    counts: dict[str, float] = {}
    for item in energy.contributions:
        if item.count is not None and item.price_aj is None and _in_tier(item, tier):
            chosen = item.count[frames]
            counts[item.event] = counts.get(item.event, 0.0) + sum(chosen) / max(1, len(chosen))
    return [
        Sensitivity(
            f"{energy.table.name}: {EVENT_LABELS[event]}",
            0.0,
            None,
            room_pj / count if room_pj > 0 else None,
        )
        for event, count in counts.items()
        if count
    ]


def break_even(
    energy: EnergyReport, base: Baseline, frames: slice, tier: str, dense_macs: int
) -> BreakEven:
    """The activity at which the priced energies would be equal, the baseline as it is.

    Args:
        energy: The run's energy.
        base: One of its baselines.
        frames: Frames to average.
        tier: The tier compared.
        dense_macs: MACs of the dense network per frame.
    """
    ours = _by_event(energy.contributions, frames, tier)
    other = sum(_by_event(base.contributions, frames, tier).values())
    active = sum(part for event, part in ours.items() if event in ACTIVITY_EVENTS)
    fixed = sum(ours.values()) - active
    observed = _operations(energy, frames) / dense_macs
    if active == 0 or other <= fixed:
        return BreakEven(None, None, observed)
    factor = (other - fixed) / active
    return BreakEven(factor, factor * observed, observed)


def _operations(energy: EnergyReport, frames: slice) -> float:
    """Synaptic and product operations per frame."""
    total = 0.0
    for item in energy.contributions:
        counted = item.event.startswith("synaptic_operation") or item.event == "product_operation"
        if counted and item.count is not None:
            chosen = item.count[frames]
            total += sum(chosen) / max(1, len(chosen))
    return total
