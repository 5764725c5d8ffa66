"""The fewest neurocores that can hold a network: a bound from sizes, not a placement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conversion.graph import Graph
from sims.counts import NodeCounts
from sims.timing_table import TimingTable


@dataclass(frozen=True)
class CoreBound:
    """How many cores a network takes at least.

    Args:
        cores: The bound.
        note: What it comes from and what it leaves out.
    """

    cores: int
    note: str


def core_bound(
    counts: Mapping[str, NodeCounts], graph: Graph | None, table: TimingTable
) -> CoreBound | None:
    """Divide neurons by what a core holds, and weights by its memory; the larger counts.

    A weight other than 0 takes one byte and is stored once, however many cores need it. State,
    axons and routing tables are left out, so a real placement takes more.

    Args:
        counts: Counts by node; their neurons and places are read.
        graph: The network's graph, for its weights; without one only neurons count.
        table: Sizes of a core.

    Returns:
        The bound; None when nothing could be divided by anything.
    """
    on_cores = [node for node in counts.values() if node.runs_on == "neurocore"]
    found: dict[str, int] = {}
    neurons_max = table.values["neurons_per_core"]
    if neurons_max is not None and on_cores:
        found["neurons"] = math.ceil(sum(node.neurons for node in on_cores) / neurons_max)
    bytes_max = table.values["weight_bytes_per_core"]
    if graph is not None and bytes_max is not None:
        found["weights"] = math.ceil(_weights(graph) / bytes_max)
    if not found:
        return None
    by = max(found, key=found.__getitem__)
    left_out = "state, axons and routing" if "weights" in found else "weights, state and axons"
    return CoreBound(
        max(1, found[by]), f"fewest cores of {table.name}, by {by}; {left_out} not counted"
    )


def _weights(graph: Graph) -> int:
    weights = (getattr(node, "weight", None) for node in graph.nodes if node.runs_on == "neurocore")
    return sum(int(np.count_nonzero(weight)) for weight in weights if weight is not None)
