"""Prices applied to counts: one contribution for each kind of event, and tiers of their sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.cost_table import TIERS, CostTable
from sims.counts import NodeCounts
from sims.energy_total import Contribution, EnergyTotal, sum_contributions

if TYPE_CHECKING:
    from sims.core_counts import CoreCounts

PRODUCT_KINDS = ("LinearAttention",)
"""Nodes whose synaptic operations multiply two states, which a synapse with a weight cannot."""
SYNAPSES = {
    "Dense": "synaptic_operation_dense",
    "Conv": "synaptic_operation_conv",
    "SumPool": "synaptic_operation_conv",
    "Skip": "synaptic_operation_sparse",
    "Regroup": "synaptic_operation_sparse",
}
"""Event of a connection in a table that tells kinds of synapses apart."""
HOPS = ("hop_east_west", "hop_north_south")
Counts = NDArray[np.int64]


def priced(event: str, node: str, tier: str, count: Counts, table: CostTable) -> Contribution:
    """What some events of a node cost.

    Args:
        event: Event kind.
        node: Node name.
        tier: First tier that includes it.
        count: Events per frame, (T,).
        table: The prices.

    Returns:
        The contribution; it has no price where the table has none, and costs nothing of its own
        where the table says that another price contains it.
    """
    price, events = table.price(event), tuple(int(n) for n in count)
    if price is None:
        return Contribution(event, node, tier, events, None)
    if price.within:
        return Contribution(event, node, tier, events, 0, within=price.within)
    band = price.band_aj
    ends = None if band is None else (_times(events, band[0]), _times(events, band[1]))
    return Contribution(
        event, node, tier, events, price.value_aj, price.minimum, ends, price.shared, rivals(table)
    )


def rivals(table: CostTable) -> int:
    """Number of classes that share one measured total in a table."""
    return len({price.shared for price in table.prices.values() if price.shared})


def _times(events: tuple[int, ...], price_aj: int) -> tuple[int, ...]:
    return tuple(n * price_aj for n in events)


def node_contributions(node: NodeCounts, table: CostTable, placed: bool) -> Iterator[Contribution]:
    """Price everything one node did.

    Args:
        node: Its counts.
        table: The prices.
        placed: Whether copies and hops are priced from a placement instead.
    """
    updates = node.updates_active + node.updates_idle
    counted: list[tuple[str, str, Counts]] = []
    if node.runs_on == "neurocore":
        counted += [
            *_synaptic_work(node, table),
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
    yield from (priced(e, node.node, t, c, table) for e, t, c in counted if c.any())
    if node.events_sent.any() and not placed:
        yield from _unplaced(node, table)


def _synaptic_work(node: NodeCounts, table: CostTable) -> list[tuple[str, str, Counts]]:
    """Event, tier and count of a node's synaptic operations."""
    work = node.synaptic_operations
    if node.kind in PRODUCT_KINDS:
        # Each product changes or reads one entry of the running sums; there is no stored weight.
        return [("product_operation", "operations", work), ("neuron_state_access", "memory", work)]
    event = SYNAPSES.get(node.kind, "synaptic_operation")
    if table.price(event) is None:
        event = "synaptic_operation"
    return [(event, "operations", work), ("synaptic_memory_access", "memory", work)]


def _unplaced(node: NodeCounts, table: CostTable) -> Iterator[Contribution]:
    """Transport without a placement: a copy of each message at the least, and unknown hops."""
    if table.price("message_out") is not None and node.runs_on == "neurocore":
        one = priced("message_out", node.node, "operations", node.events_sent, table)
        yield replace(one, minimum=True)
    prices = [table.price(event) for event in HOPS]
    if not all(price is not None and price.within for price in prices):
        yield Contribution("hop", node.node, "memory", None, None)


def core_contributions(cores: CoreCounts, table: CostTable) -> Iterator[Contribution]:
    """Price the transport of a placed network."""
    copies = cores.per_frame("copies") + cores.per_frame("off_mesh")
    if table.price("message_out") is not None and copies.any():
        yield priced("message_out", "", "operations", copies, table)
    for event, field in zip(HOPS, ("hops_east_west", "hops_north_south"), strict=True):
        hops = cores.per_frame(field)
        if hops.any():
            yield priced(event, "", "memory", hops, table)
    for event in ("between_chips", "off_mesh"):
        count = cores.per_frame(event)
        if count.any():
            yield priced(event, "", "memory", count, table)


def static_contribution(
    table: CostTable, frames: int, time_us: float | None, cores: CoreCounts | None = None
) -> Contribution:
    """Static power over the time of a frame.

    Without a placement one chip is assumed, which makes a lower bound.

    Args:
        table: The prices; static power is that of one chip.
        frames: Number of frames T.
        time_us: Time of a frame in microseconds; None when unknown.
        cores: Counts of a placed network, whose chips are then taken.
    """
    price = table.price("static_power")
    if price is not None and price.within:
        return Contribution("static_power", "", "static", (1,) * frames, 0, within=price.within)
    if price is None or price.value_aj is None or time_us is None:
        return Contribution("static_power", "", "static", None, None)
    chips = 1 if cores is None else len(cores.placement.chips)
    each = round(price.value_aj * time_us)
    band = price.band_aj
    ends = None
    if band is not None:
        # Its low end is one core's share, were the cores that are not used switched off.
        used = 1 if cores is None else len(cores.placement.used)
        low, high = round(band[0] * time_us) * used, round(band[1] * time_us) * chips
        ends = ((low,) * frames, (high,) * frames)
    minimum = price.minimum and cores is None
    return Contribution("static_power", "", "static", (chips,) * frames, each, minimum, ends)


def tiers_of(contributions: Iterable[Contribution], frames: int) -> dict[str, EnergyTotal]:
    """Cumulative totals by tier."""
    everything = tuple(contributions)
    return {
        tier: sum_contributions((c for c in everything if TIERS.index(c.tier) <= position), frames)
        for position, tier in enumerate(TIERS)
    }
