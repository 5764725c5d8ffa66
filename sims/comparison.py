"""The spiking network against conventional ones: loses, wins or undecided."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sims.digits import digits
from sims.energy_total import Baseline, EnergyReport, EnergyTotal


@dataclass(frozen=True)
class Comparison:
    """The spiking network against one baseline, one tier, mean of the steady frames.

    Args:
        baseline: For example "dense int8".
        ratio: Priced spiking energy divided by the baseline's; None when either is unknown or 0.
        outcome: "loses", "undecided" or "wins".
        text: One sentence.
        tier: The tier compared.
    """

    baseline: str
    ratio: float | None
    outcome: str
    text: str
    tier: str = "operations"


def compare_with_baselines(
    energy: EnergyReport, frames: slice, tier: str = "operations"
) -> tuple[Comparison, ...]:
    """Say where the spiking network loses, against every baseline.

    A lower bound above the baseline loses for certain; one below it decides nothing. Where prices
    have bands, only bands that do not overlap decide.

    Args:
        energy: The run's energy.
        frames: Frames to average, usually `record.steady`.
        tier: The tier to compare.

    Returns:
        One comparison per baseline, in the order of `energy.baselines`.
    """
    return tuple(_compare(energy.tiers[tier], base, frames, tier) for base in energy.baselines)


def _compare(spiking: EnergyTotal, base: Baseline, frames: slice, tier: str) -> Comparison:
    other = base.tiers[tier]
    base_pj = other.mean_pj(frames)
    if not spiking.observed or not other.observed or base_pj == 0:
        text = f"{base.name}: cannot be compared"
        return Comparison(base.name, None, "undecided", text, tier)
    ratio = spiking.mean_pj(frames) / base_pj
    outcome = outcome_of(spiking, other, frames)
    text = _text(outcome, ratio, spiking, base, tier)
    if outcome == "loses" and (spiking.banded or other.banded):
        least = spiking.mean_band_pj(frames)[0] / other.mean_band_pj(frames)[1]
        text = (
            f"loses: at least {digits(least)} times the energy of {base.name}, where bands favour "
            f"it most; {digits(ratio)} at the central prices"
        )
    return Comparison(base.name, ratio, outcome, text, tier)


def outcome_of(spiking: EnergyTotal, other: EnergyTotal, frames: slice) -> str:
    """Whether it "loses", "wins" or is "undecided", from both totals' bands and bounds."""
    low, high = spiking.mean_band_pj(frames)
    other_low, other_high = other.mean_band_pj(frames)
    if low > (inf if other.unknown else other_high):
        return "loses"
    return "wins" if (inf if spiking.unknown else high) < other_low else "undecided"


def _text(outcome: str, ratio: float, spiking: EnergyTotal, base: Baseline, tier: str) -> str:
    times = f"{digits(ratio)} times the energy of {base.name}"
    other = base.tiers[tier]
    if outcome == "loses":
        return f"loses: {'at least ' if spiking.unknown else ''}{times}"
    if outcome == "wins":
        return f"wins: {times}"
    if other.unknown:
        return f"undecided: {times}, as far as either is priced"
    if spiking.unknown and ratio <= 1:
        return f"undecided: the priced part is {times}, the rest is unknown"
    return (
        f"undecided: {times}, but the bands overlap"
        if spiking.banded or other.banded
        else (f"undecided: {times}")
    )
