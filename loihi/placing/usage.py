"""What a placement takes of every core, counted from the placement alone.

Written apart from the partitioner, from the memory model of docs/placement.md: it walks over the
values that a placement names and knows nothing of tiles. Tests hold every placement against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.placement import NOWHERE, Placement, homes
from conversion.reach import destinations
from depth_snn.errors import GraphError
from loihi.target import Target

CHECKED = (
    "neurons_per_core", "synaptic_bytes_per_core", "memory_bytes_per_core", "axons_in_per_core",
    "axons_out_per_core",
)  # fmt: skip
STATES = {
    "Delta": 1, "SigmaDelta": 2, "StockSigmaDelta": 3, "LIF": 2, "LinearAttention": 3,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Usage:
    """What every core holds.

    Args:
        by_limit: (cores,) by name of the limit; axons only where they were asked for.
        state_bytes: (cores,) the part of the memory that is no weights.
    """

    by_limit: Mapping[str, IntArray]
    state_bytes: IntArray


def usage_of(graph: Graph, placement: Placement, *, serial: bool, axons: bool = True) -> Usage:
    """Count what a placement takes.

    Args:
        graph: The graph.
        placement: Of that graph.
        serial: One neuron of each channel serves the rows of a core in turn.
        axons: Count axons too, which takes longer.

    Raises:
        GraphError: The placement does not fit the graph.
    """
    home = homes(graph, placement)
    count = len(placement.cores)
    neurons, synapses, state = (np.zeros(count, np.int64) for _ in range(3))
    for name in placement.parts:
        node = graph.by_name[name]
        behind = [graph.by_name[n] for n in _behind(graph, name, placement)]
        wait = _longest_wait(graph, name, placement)
        for core in np.unique(home[name]):
            mine = np.flatnonzero(home[name] == core)
            channels = np.unique(mine % node.output_shape("out")[-1])
            neurons[core] += channels.size if serial else mine.size
            state[core] += 4 * _words(node, mine, channels, wait, serial)
            synapses[core] += sum(_weights(other, channels) for other in behind)
    found = {
        "neurons_per_core": neurons,
        "synaptic_bytes_per_core": synapses,
        "memory_bytes_per_core": synapses + state,
    }
    if axons:
        found["axons_in_per_core"], found["axons_out_per_core"] = _axons(
            graph, placement, home, serial
        )
    return Usage(found, state)


def check_limits(
    graph: Graph, placement: Placement, target: Target, *, serial: bool, axons_out: bool = True
) -> Usage:
    """Hold a placement against every limit of a target.

    Args:
        graph: The graph.
        placement: Of that graph.
        target: The target.
        serial: One neuron of each channel serves the rows of a core in turn.
        axons_out: Hold output axons against their limit too; the baseline does not keep it.

    Returns:
        What it takes.

    Raises:
        GraphError: The placement does not fit the graph, or the first limit that a core breaks.
    """
    asked = any(target.value(f"axons_{way}_per_core") is not None for way in ("in", "out"))
    usage = usage_of(graph, placement, serial=serial, axons=asked)
    for name, used in usage.by_limit.items():
        most = target.value(name)
        held = axons_out or name != "axons_out_per_core"
        if held and most is not None and int(used.max()) > most:
            core = int(used.argmax())
            raise GraphError(
                f"placement: core {core} takes {int(used[core])} of {name}, "
                f"target {target.name} has {most}"
            )
    _check_places(placement, target)
    return usage


def _check_places(placement: Placement, target: Target) -> None:
    shared: dict[tuple[int, int, int], int] = defaultdict(int)
    of_chip: dict[int, int] = defaultdict(int)
    for core in placement.cores:
        shared[core.chip, core.x, core.y] += 1
        of_chip[core.chip] += 1
        inside = core.x < target.known("mesh_columns") and core.y < target.known("mesh_rows")
        if not inside or core.chip >= target.known("chips"):
            raise GraphError(f"placement: {core} lies outside target {target.name}")
    for what, counts, limit in (
        ("a router", shared, "cores_per_router"), ("a chip", of_chip, "cores_per_chip"),
    ):  # fmt: skip
        if max(counts.values()) > target.known(limit):
            raise GraphError(
                f"placement: {max(counts.values())} cores on {what}, target {target.name} has "
                f"{target.known(limit)}"
            )


def _behind(graph: Graph, name: str, placement: Placement) -> set[str]:
    """Connections whose synapses lie with a placed node: itself, or those that lead to it."""
    found = set() if graph.by_name[name].kind in STATES else {name}
    ways = [name]
    while ways:
        for edge in graph.incoming[ways.pop()]:
            source = graph.by_name[edge.source]
            inside = source.runs_on == "neurocore" and source.name not in placement.parts
            if inside and edge.port != "gate":
                ways.append(source.name)
                if source.kind != "Delay":
                    found.add(source.name)
    return found


def _longest_wait(graph: Graph, name: str, placement: Placement) -> int:
    """Most steps that anything waits at a placed node, over all ways into it."""
    longest = 0
    ways = [(name, 0)]
    while ways:
        here, waited = ways.pop()
        for edge in graph.incoming[here]:
            source: Any = graph.by_name[edge.source]
            if edge.port == "gate":
                continue
            total = waited + edge.delay
            if source.kind == "Delay":
                total += int(np.max(source.steps))
            if source.runs_on == "neurocore" and source.name not in placement.parts:
                ways.append((source.name, total))
            longest = max(longest, total)
    return longest


def _words(node: Any, mine: IntArray, channels: IntArray, wait: int, serial: bool) -> int:
    words = STATES.get(node.kind, 1) * mine.size
    words += wait * (channels.size if serial else mine.size)
    bias = getattr(node, "bias", None)
    if bias is not None and np.size(bias):
        each = np.size(bias) == np.prod(node.output_shape("out"))
        words += mine.size if each else channels.size
    if node.kind == "LinearAttention":
        words += np.unique(channels // node.head_dim).size * node.head_dim**2
    return int(words)


def _weights(node: Any, channels: IntArray) -> int:
    """Bytes of the lists towards some channels: one byte a weight, one of heading, whole words."""
    lengths: list[int]
    if node.kind == "Dense":
        lengths = [np.unique(channels % node.weight.shape[0]).size] * node.weight.shape[1]
    elif node.kind == "Conv":
        lengths = [channels.size] * int(np.prod(node.weight.shape[1:]))
    elif node.kind == "Sparse":
        chosen = np.isin(node.targets, channels)
        lengths = [int(chosen[a:b].sum()) for a, b in zip(node.starts, node.starts[1:])]  # noqa: B905
    else:
        lengths = [1]
    return sum((length + 1 + 3) // 4 * 4 for length in lengths if length)


def _axons(
    graph: Graph, placement: Placement, home: Mapping[str, IntArray], serial: bool
) -> tuple[IntArray, IntArray]:
    count = len(placement.cores)
    into, out = np.zeros(count, np.int64), np.zeros(count, np.int64)
    gates = {edge.source for edge in graph.edges if edge.port == "gate"}
    for node in graph.nodes:
        placed = node.name in placement.parts
        if node.name in gates or not (placed or node.runs_on != "neurocore"):
            continue
        value, core = destinations(graph, home, node.name)
        value, core = value[core != NOWHERE], core[core != NOWHERE]
        line = value % node.output_shape("out")[-1] if serial else value
        np.add.at(into, np.unique(np.stack((line, core)), axis=1)[1], 1)
        if placed:
            pairs = np.unique(np.stack((line, home[node.name][value], core)), axis=1)
            np.add.at(out, pairs[1], 1)
    for name in placement.parts:
        _gate_lines(graph, name, home[name], into, serial)
    return into, out


def _gate_lines(graph: Graph, name: str, home: IntArray, into: IntArray, serial: bool) -> None:
    gates = sum(edge.port == "gate" for edge in graph.incoming[name])
    channels = graph.by_name[name].output_shape("out")[-1]
    for core in np.unique(home):
        rows = np.unique(np.flatnonzero(home == core) // channels).size
        into[core] += gates * (1 if serial else rows)
