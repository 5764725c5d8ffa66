"""Modelled time of a step, and how many steps a frame takes from picture to result.

A step of the chip carries one frame in every layer at once: frame f is in layer n while frame
f + 1 is in the layer before. A step lasts as long as its slowest part, which is a max-affine
bound (after arXiv 2601.10035): the barrier, or one core's synaptic operations, or its neuron
updates. Work is spread evenly over the cores. Links, products of two states and work off the
neurocores are left out, so the true step is longer; whoever reads it is told what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from conversion.graph import Graph
from sims.counts import NodeCounts, total_per_frame
from sims.energy import PRODUCT_KINDS
from sims.timing_table import TimingTable

PARTS = (("synaptic_operation",), ("neuron_update_active", "neuron_update_idle"))
"""What a core does one after the other; the parts themselves overlap."""


_NONE = Fraction(0)


@dataclass(frozen=True)
class StepTimes:
    """Step time of every frame.

    Args:
        ns: Nanoseconds that one step takes when every layer is as busy as in this frame, T values.
        unknown: What takes time and is not in it.
        cores: Neurocores the work is spread over.
    """

    ns: tuple[Fraction, ...]
    unknown: tuple[str, ...]
    cores: int


def step_times(
    counts: Mapping[str, NodeCounts], frames: int, cores: int, table: TimingTable
) -> StepTimes:
    """Bound the step time of each frame from below.

    Args:
        counts: Counts by node.
        frames: Frames T.
        cores: Neurocores the work is spread over, at least 1.
        table: Times per event.

    Returns:
        The times, and what they leave out.
    """
    inside = {name: node for name, node in counts.items() if node.runs_on == "neurocore"}
    products = {name: node for name, node in inside.items() if node.kind in PRODUCT_KINDS}
    plain = {name: node for name, node in inside.items() if name not in products}
    done = {
        "synaptic_operation": total_per_frame(plain, "synaptic_operations", frames),
        "neuron_update_active": total_per_frame(inside, "updates_active", frames),
        "neuron_update_idle": total_per_frame(inside, "updates_idle", frames),
        "product_operation": total_per_frame(products, "synaptic_operations", frames),
        "message_hop": total_per_frame(inside, "spikes", frames)
        + total_per_frame(inside, "messages", frames),
    }
    unknown = [
        event.replace("_", " ") for event in done if done[event].any() and not table.values[event]
    ]
    # A hop's time alone says nothing: how many there are depends on a placement.
    unknown += ["message hop"] if table.values["message_hop"] and done["message_hop"].any() else []
    off = {node.runs_on for node in counts.values() if node.macs_off_core.any()}
    unknown += [f"work of the {place}" for place in sorted(off)]
    floor = _value(table, "step")
    busiest = []
    for frame in range(frames):
        per_core = [
            sum((_value(table, event) * int(done[event][frame]) for event in events), _NONE) / cores
            for events in PARTS
        ]
        busiest.append(max(floor, *per_core))
    return StepTimes(tuple(busiest), tuple(unknown), cores)


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
