"""Modelled time of a step, and how many steps a frame takes from picture to result.

A step of the chip carries one frame in every layer at once: frame f is in layer n while frame
f + 1 is in the layer before. A step lasts as long as its slowest part, which is a max-affine
bound (after arXiv 2601.10035): the barrier, or one core's synaptic operations, or its neuron
updates. Links, products of two states and work off the neurocores are left out, so the true step
is longer; whoever reads it is told what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from conversion.graph import Graph
from sims.core_spread import CoreSpread
from sims.counts import NodeCounts
from sims.pricing import PRODUCT_KINDS
from sims.timing_table import TIMED, TimingTable

PARTS = (("synaptic_operation",), ("neuron_update_active", "neuron_update_idle"))
"""What a core does one after the other; the parts themselves overlap."""


_NONE = Fraction(0)


@dataclass(frozen=True)
class StepTimes:
    """Step time of every frame.

    Args:
        ns: Nanoseconds that one step takes when every layer is as busy as in this frame, T values.
        unknown: What takes time and is not in it.
    """

    ns: tuple[Fraction, ...]
    unknown: tuple[str, ...]


def step_times(
    counts: Mapping[str, NodeCounts], frames: int, spread: CoreSpread, table: TimingTable
) -> StepTimes:
    """Bound the step time of each frame from below.

    Args:
        counts: Counts by node.
        frames: Frames T.
        spread: Over which cores the work is spread.
        table: Times per event.

    Returns:
        The times, and what they leave out.
    """
    inside = [node for node in counts.values() if node.runs_on == "neurocore"]
    floor = _value(table, "step")
    loads: dict[tuple[int, tuple[str, ...]], list[Fraction]] = {}
    for node in inside:
        # Without shares every core does the same, so one stands for all.
        even = {0: Fraction(1, spread.cores)}
        shares = even if spread.shares is None else spread.shares.get(node.node, {})
        for core, share in shares.items():
            for part in PARTS:
                load = loads.setdefault((core, part), [_NONE] * frames)
                for event in part:
                    price = share * _value(table, event)
                    for frame, done in enumerate(_done(node, event)) if price else ():
                        load[frame] += price * done
    ns = [max(floor, *(load[t] for load in loads.values())) for t in range(frames)]
    return StepTimes(tuple(ns) if loads else (floor,) * frames, _unknown(counts, inside, table))


def _done(node: NodeCounts, event: str) -> list[int]:
    """Events of a node per frame."""
    product = node.kind in PRODUCT_KINDS
    if event in ("synaptic_operation", "product_operation"):
        counted = product == (event == "product_operation")
        return _list(node.synaptic_operations) if counted else [0] * node.frames
    if event == "message_hop":
        return _list(node.events_sent)
    active = event == "neuron_update_active"
    return _list(node.updates_active if active else node.updates_idle)


def _list(counted: NDArray[np.int64]) -> list[int]:
    return [int(number) for number in counted]


def _unknown(
    counts: Mapping[str, NodeCounts], inside: Sequence[NodeCounts], table: TimingTable
) -> tuple[str, ...]:
    # The time of a hop alone says nothing, because nobody counted the hops.
    missing = [event for event in TIMED if table.values[event] is None or event == "message_hop"]
    found = [
        "time between cores" if event == "message_hop" else event.replace("_", " ") + "s"
        for event in missing
        if event != "step" and any(any(_done(node, event)) for node in inside)
    ]
    off = {node.runs_on for node in counts.values() if node.macs_off_core.any()}
    places = {"embedded": "the embedded processor", "host": "the host"}
    return (*found, *(f"work of {places[place]}" for place in sorted(off)))


def _value(table: TimingTable, event: str) -> Fraction:
    return table.values[event] or _NONE


def steps_per_frame(graph: Graph) -> int:
    """Steps from the one in which a frame's picture goes in to the one that shows its result.

    Args:
        graph: A balanced graph.

    Returns:
        The largest lag of an Output, plus the step of the picture itself.
    """
    outputs = graph.of_kind("Output") or graph.nodes
    return 1 + max(graph.lags[node.name] for node in outputs)
