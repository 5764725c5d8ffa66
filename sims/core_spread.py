"""Over which neurocores a network's work is spread: by a placement, or evenly over the fewest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from conversion.graph import Graph
from conversion.placement import NOWHERE, Placement, homes
from sims.counts import NodeCounts
from sims.timing_table import TimingTable


@dataclass(frozen=True)
class CoreSpread:
    """Cores, and what part of each node's work every one of them does.

    Args:
        cores: How many cores.
        placed: True for a placement; False for the fewest cores that sizes allow.
        note: Where the number comes from and what it leaves out.
        shares: By node and core; None when all nodes are spread evenly over all cores.
    """

    cores: int
    placed: bool
    note: str
    shares: Mapping[str, Mapping[int, Fraction]] | None = None


def fewest_cores(counts: Mapping[str, NodeCounts], table: TimingTable) -> CoreSpread | None:
    """Divide neurons, and bytes of state and weights, by what a core holds; the larger counts.

    Weights take one byte each and are stored once, however many cores need them. Axons and routing
    tables are left out, and nothing is lost at the edges, so a real placement takes more.

    Args:
        counts: Counts by node; sizes and places are read.
        table: Sizes of a core.

    Returns:
        The bound; None when nothing lies on a neurocore, or no size is known.
    """
    inside = [node for node in counts.values() if node.runs_on == "neurocore"]
    found: dict[str, int] = {}
    neurons, memory = (table.values[row] for row in ("neurons_per_core", "memory_bytes_per_core"))
    if neurons is not None and inside:
        found["neurons"] = math.ceil(sum(node.neurons for node in inside) / neurons)
    sizes = [size for node in inside for size in (node.state_bytes, node.weight_bytes)]
    if memory is not None and sizes and None not in sizes:
        found["memory"] = math.ceil(sum(size for size in sizes if size is not None) / memory)
    if not found:
        return None
    by = max(found, key=found.__getitem__)
    left_out = "axons and routing" if "memory" in found else "memory, axons and routing"
    note = f"fewest cores of {table.name}, by {by}; {left_out} not counted"
    return CoreSpread(max(1, found[by]), False, note)


def placed_cores(graph: Graph, placement: Placement) -> CoreSpread:
    """What a placement says; a node's work is spread evenly over its own values.

    Args:
        graph: The network.
        placement: Of that network.

    Returns:
        The cores used, and each node's shares; what lies outside the mesh has none.

    Raises:
        GraphError: The placement does not fit the graph.
    """
    shares = {}
    for name, home in homes(graph, placement).items():
        cores, values = np.unique(home[home != NOWHERE], return_counts=True)
        shares[name] = {
            int(core): Fraction(int(n), home.size) for core, n in zip(cores, values, strict=True)
        }
    note = f"placed on {len(placement.used)} cores of {len(placement.chips)} chip(s)"
    return CoreSpread(len(placement.used), True, note, shares)
