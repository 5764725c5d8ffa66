"""Modelled time of a step, and how many steps a frame takes from picture to result.

A step of the chip carries one frame in every layer at once: frame f is in layer n while frame
f + 1 is in the layer before. The bound
itself is :mod:`sims.step_bound`; work off the neurocores is left out, so the true step is longer,
and whoever reads it is told what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conversion.graph import Graph
from sims.core_spread import CoreSpread
from sims.counts import NodeCounts
from sims.pricing import PRODUCT_KINDS
from sims.step_bound import StepTimes, bound_steps
from sims.timing_table import TimingTable

if TYPE_CHECKING:
    from sims.placed_run import PlacedRun

UNCOUNTED = ("synaptic memory reads", "time between cores")
"""What nobody counted where only nodes were counted."""


def step_times(
    counts: Mapping[str, NodeCounts], frames: int, spread: CoreSpread, table: TimingTable
) -> StepTimes:
    """Bound the step time of each frame from below, a node's work spread evenly over its share.

    Args:
        counts: Counts by node.
        frames: Frames T.
        spread: Over which cores the work is spread.
        table: Times per event.

    Returns:
        The times, and what they leave out.
    """
    inside = [node for node in counts.values() if node.runs_on == "neurocore"]
    # Without shares every core does the same, so one stands for all.
    even = {0: Fraction(1, spread.cores)}
    done: dict[str, dict[int, list[Fraction]]] = {}
    for node in inside:
        shares = even if spread.shares is None else spread.shares.get(node.node, {})
        for event, count in events_of(node).items():
            for core, share in shares.items() if count.any() else ():
                total = done.setdefault(event, {}).setdefault(core, [Fraction(0)] * frames)
                for frame, number in enumerate(count):
                    total[frame] += share * int(number)
    missing = UNCOUNTED if any(node.events_sent.any() for node in inside) else ()
    return bound_steps(done, (1,) * frames, table, (*missing, *work_elsewhere(counts)))


def placed_step_times(run: PlacedRun, table: TimingTable) -> StepTimes:
    """Bound the time of each frame from below, each event on the core or link it happens on.

    Args:
        run: Events by core and link.
        table: Times per event.

    Returns:
        The times, what they leave out, and which core and resource each frame waits for.
    """
    cores = run.cores
    products = cores.loads["product_operations"]
    by_event = {
        "synaptic_operation": cores.work["synaptic_operations"] - products,
        "product_operation": products,
        "neuron_update_active": cores.work["updates_active"],
        "neuron_update_idle": cores.work["updates_idle"],
        "synaptic_memory_read": cores.loads["memory_words"],
        "link_message": run.traffic.messages,
    }
    done = {
        event: {place: found[:, place].tolist() for place in np.flatnonzero(found.any(axis=0))}
        for event, found in by_event.items()
    }
    between = ("links between chips",) if cores.links["between_chips"].any() else ()
    return bound_steps(done, run.steps, table, (*between, *work_elsewhere(run.counts)))


def events_of(node: NodeCounts) -> dict[str, NDArray[np.int64]]:
    """Events of a node on neurocores, (T,) by kind."""
    product = node.kind in PRODUCT_KINDS
    return {
        "product_operation" if product else "synaptic_operation": node.synaptic_operations,
        "neuron_update_active": node.updates_active,
        "neuron_update_idle": node.updates_idle,
    }


def work_elsewhere(counts: Mapping[str, NodeCounts]) -> tuple[str, ...]:
    """Processors off the neurocores that do something, whose time is not known."""
    places = {"embedded": "the embedded processor", "host": "the host"}
    off = {node.runs_on for node in counts.values() if node.macs_off_core.any()}
    return tuple(f"work of {places[place]}" for place in sorted(off))


def steps_per_frame(graph: Graph) -> int:
    """Steps from the one in which a frame's picture goes in to the one that shows its result.

    Args:
        graph: A balanced graph.

    Returns:
        The largest lag of an Output, plus the step of the picture itself.
    """
    outputs = graph.of_kind("Output") or graph.nodes
    return 1 + max(graph.lags[node.name] for node in outputs)
