"""Energy of a run, from counted events and quoted prices, in three tiers.

The tiers are cumulative and always given together: operations only; plus memory, state and
transport; plus static power over the time of a frame. A price that nobody published makes the
total a lower bound that names what is missing. Everything here is modelled, nothing measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_snn.errors import ConfigError
from sims.cost_table import TIERS, CostTable, load_table
from sims.counts import NodeCounts
from sims.energy_total import Baseline, Contribution, EnergyReport, EnergyTotal, sum_contributions
from sims.record import RunRecord

DEFAULT_TABLE = "loihi1"
DEFAULT_BASELINE_TABLE = "horowitz45"
PRODUCT_KINDS = ("LinearAttention",)
"""Nodes whose synaptic operations multiply two states, which a synapse with a weight cannot."""


def estimate_energy(
    record: RunRecord,
    table: CostTable | None = None,
    baseline_table: CostTable | None = None,
    frame_time_us: float | None = None,
) -> EnergyReport:
    """Price every counted event of a run.

    Args:
        record: The run.
        table: Prices of the spiking network; default Loihi 1.
        baseline_table: Prices of the baselines; default 45 nm.
        frame_time_us: Time one frame occupies the chip in microseconds; default the frame
            period of the input, which assumes that the chip keeps up with it.

    Returns:
        Totals in three tiers, contributions by event and node, and baselines.

    Raises:
        ConfigError: The frame time is not above 0.
    """
    prices = table or load_table(DEFAULT_TABLE)
    base_prices = baseline_table or load_table(DEFAULT_BASELINE_TABLE)
    time_us = frame_time_us if frame_time_us is not None else _period_us(record)
    if time_us is not None and not (np.isfinite(time_us) and time_us > 0):
        raise ConfigError(f"frame time is {time_us!r} us, expected a number above 0")
    contributions: list[Contribution] = []
    for node in record.counts.values():
        contributions.extend(_node_contributions(node, prices))
    if not contributions:
        contributions.append(Contribution("all", "", "operations", None, None))
    contributions.append(_static(prices, record.frames, time_us))
    return EnergyReport(
        table=prices,
        baseline_table=base_prices,
        contributions=tuple(contributions),
        tiers=_tiers(contributions, record.frames),
        baselines=_baselines(record, base_prices, time_us),
        frame_time_us=time_us,
    )


def _period_us(record: RunRecord) -> float | None:
    return None if record.fps is None else 1e6 / record.fps


def _node_contributions(node: NodeCounts, table: CostTable) -> list[Contribution]:
    updates = node.updates_active + node.updates_idle
    counted: list[tuple[str, str, NDArray[np.int64]]] = []
    if node.runs_on == "neurocore":
        counted += [
            *_synaptic_work(node),
            ("neuron_update_active", "operations", node.updates_active),
            ("neuron_update_idle", "operations", node.updates_idle),
            ("spike_delivery", "operations", node.spikes),
            ("graded_message_delivery", "operations", node.messages),
            ("neuron_state_access", "memory", updates),
        ]
    else:
        # Neurocore prices do not hold elsewhere, and dropping the events would price them at 0.
        elsewhere = node.synaptic_operations + updates + node.events_sent
        counted.append(("off_core_event", "operations", elsewhere))
    mac_event = "mac_host" if node.runs_on == "host" else "mac_embedded"
    counted.append((mac_event, "operations", node.macs_off_core))
    found = [_priced(e, node.node, t, c, table) for e, t, c in counted if c.any()]
    if node.events_sent.any():
        # Hops depend on the placement on cores, which is not part of a run.
        found.append(Contribution("hop", node.node, "memory", None, None))
    return found


def _synaptic_work(node: NodeCounts) -> list[tuple[str, str, NDArray[np.int64]]]:
    """Event, tier and count of a node's synaptic operations."""
    work = node.synaptic_operations
    if node.kind in PRODUCT_KINDS:
        # Each product changes or reads one entry of the running sums; there is no stored weight.
        return [("product_operation", "operations", work), ("neuron_state_access", "memory", work)]
    return [("synaptic_operation", "operations", work), ("synaptic_memory_access", "memory", work)]


def _priced(
    event: str, node: str, tier: str, count: NDArray[np.int64], table: CostTable
) -> Contribution:
    price = table.price(event)
    return Contribution(
        event=event,
        node=node,
        tier=tier,
        count=tuple(int(n) for n in count),
        price_aj=None if price is None else price.value_aj,
        minimum=price is not None and price.minimum,
    )


def _static(table: CostTable, frames: int, time_us: float | None) -> Contribution:
    price = table.price("static_power")
    power_aj_per_us = None if price is None else price.value_aj
    if power_aj_per_us is None or time_us is None:
        return Contribution("static_power", "", "static", None, None)
    return Contribution(
        "static_power", "", "static", (1,) * frames, round(power_aj_per_us * time_us)
    )


def _tiers(contributions: Iterable[Contribution], frames: int) -> dict[str, EnergyTotal]:
    everything = tuple(contributions)
    return {
        tier: sum_contributions((c for c in everything if TIERS.index(c.tier) <= position), frames)
        for position, tier in enumerate(TIERS)
    }


def _baselines(record: RunRecord, table: CostTable, time_us: float | None) -> tuple[Baseline, ...]:
    dense = np.full(record.frames, record.dense_macs, dtype=np.int64)
    found = []
    for network, macs in (("dense", dense), ("pruned", record.total_macs)):
        for arithmetic in ("fp32", "int8"):
            found.append(price_macs(network, arithmetic, macs, table, frame_time_us=time_us))
    return tuple(found)


def price_macs(
    network: str,
    arithmetic: str,
    macs: NDArray[np.int64],
    table: CostTable,
    *,
    frame_time_us: float | None = None,
    uncounted: Sequence[str] = (),
) -> Baseline:
    """Price the MACs of a network on a digital processor, in three tiers.

    Args:
        network: What to call it, for example "dense".
        arithmetic: "fp32" or "int8".
        macs: Executed MACs per frame, int64 (T,).
        table: Prices of the processor, in pJ per MAC.
        frame_time_us: Time of a frame in microseconds, for static power; None when unknown.
        uncounted: Events that happened in the operations tier and that nobody counted; each makes
            the totals lower bounds that name it.

    Returns:
        Totals by tier, T values each.
    """
    items = [
        _priced(f"mac_{arithmetic}", network, "operations", macs, table),
        *(Contribution(event, network, "operations", None, None) for event in uncounted),
        _priced("memory_traffic", network, "memory", macs, table),
        _static(table, len(macs), frame_time_us),
    ]
    return Baseline(network, arithmetic, _tiers(items, len(macs)))


@dataclass(frozen=True)
class Comparison:
    """The spiking network against one baseline, operations tier, mean of the steady frames.

    Args:
        baseline: For example "dense int8".
        ratio: Priced spiking energy divided by the baseline's; None when either is unknown or 0.
        outcome: "loses", "undecided" or "wins".
        text: One sentence.
    """

    baseline: str
    ratio: float | None
    outcome: str
    text: str


def compare_with_baselines(energy: EnergyReport, frames: slice) -> tuple[Comparison, ...]:
    """Say where the spiking network loses, against every baseline.

    A lower bound above the baseline loses for certain. A lower bound below it decides nothing.

    Args:
        energy: The run's energy.
        frames: Frames to average, usually `record.steady`.

    Returns:
        One comparison per baseline, in the order of `energy.baselines`.
    """
    return tuple(_compare(energy.tiers["operations"], base, frames) for base in energy.baselines)


def _compare(spiking: EnergyTotal, base: Baseline, frames: slice) -> Comparison:
    other = base.tiers["operations"]
    base_pj = other.mean_pj(frames)
    if not spiking.observed or other.unknown or base_pj == 0:
        return Comparison(base.name, None, "undecided", f"{base.name}: cannot be compared")
    ratio = spiking.mean_pj(frames) / base_pj
    times = f"{ratio:.3g} times the energy of {base.name}"
    if ratio > 1:
        at_least = "at least " if spiking.unknown else ""
        return Comparison(base.name, ratio, "loses", f"loses: {at_least}{times}")
    if spiking.unknown:
        text = f"undecided: the priced part is {times}, the rest is unknown"
        return Comparison(base.name, ratio, "undecided", text)
    outcome = "wins" if ratio < 1 else "undecided"
    return Comparison(base.name, ratio, outcome, f"{outcome}: {times}")
