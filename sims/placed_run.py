"""A clip counted on placements: with every token open, pruned, and pruned with recovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.placement import Placement
from sims.core_counts import CoreCounter, CoreCounts
from sims.counts import NodeCounts
from sims.fast import FastSimulator
from sims.mesh_traffic import Traffic, traffic_of
from sims.stream_counts import ENCODERS, StreamCounter

SPATIAL, SERIAL = "spatial", "serial"
MAPPINGS = {
    SPATIAL: "a neuron for each token and channel, one frame a step",
    SERIAL: "one copy of each layer, one open token a step",
}
DENSE, PRUNED, RECOVERED = "dense", "pruned", "pruned with recovery"
VARIANTS = {
    DENSE: "every token open in every frame",
    PRUNED: "the run's own schedule, gate neurons without input",
    RECOVERED: "the run as it was",
}
Inputs = Mapping[str, IntArray]


@dataclass(frozen=True, eq=False)
class PlacedRun:
    """One clip on one placement.

    Args:
        variant: A key of :data:`VARIANTS`.
        mapping: A key of :data:`MAPPINGS`.
        counts: By node.
        cores: By core and pair of cores.
        traffic: By link.
        steps: Steps that each frame takes, T values.
    """

    variant: str
    mapping: str
    counts: Mapping[str, NodeCounts]
    cores: CoreCounts
    traffic: Traffic
    steps: tuple[int, ...]


def variants_of(graph: Graph, inputs: Inputs) -> dict[str, Inputs]:
    """Inputs of the same clip by variant; only the run as it was where nothing prunes.

    Args:
        graph: The graph.
        inputs: Integer array (T, *shape) for each Input.

    Returns:
        Inputs by variant, dense first.
    """
    gates = graph.of_kind("RestoreGate")
    feeds = [edge for gate in gates for edge in graph.incoming[gate.name]]
    schedules = {edge.source for edge in feeds if edge.port == "sched"}
    neurons = {edge.source for edge in feeds if edge.port == "spikes"}
    drives = {edge.source for name in neurons for edge in graph.incoming[name]}
    if not gates or not (schedules | drives) <= set(inputs):
        return {RECOVERED: inputs}

    def changed(names: set[str], value: int) -> Inputs:
        return {n: np.full_like(x, value) if n in names else x for n, x in inputs.items()}

    return {DENSE: changed(schedules, 1), PRUNED: changed(drives, 0), RECOVERED: inputs}


def counters_of(graph: Graph, placements: Mapping[str, Placement]) -> dict[str, CoreCounter]:
    """Counters by mapping; thresholds and gate constants of the graph do not matter to them.

    Args:
        graph: A balanced graph of the quantised dialect.
        placements: By mapping.

    Raises:
        GraphError: A placement does not fit the graph, or the graph cannot be counted.
    """
    return {
        mapping: (StreamCounter if mapping == SERIAL else CoreCounter)(graph, where)
        for mapping, where in placements.items()
    }


def count_placed(
    graph: Graph,
    clips: Mapping[str, Inputs],
    placements: Mapping[str, Placement],
    counters: Mapping[str, CoreCounter] | None = None,
) -> list[PlacedRun]:
    """Run every variant of a clip once, and count each on several placements.

    Args:
        graph: A balanced graph of the quantised dialect.
        clips: By variant, integer array (T, *shape) for each Input.
        placements: By mapping.
        counters: What :func:`counters_of` made of them before; making them is most of the time.

    Returns:
        The counts, variants varying slowest.

    Raises:
        GraphError: A placement does not fit the graph, or the graph cannot be counted.
    """
    counting = counters_of(graph, placements) if counters is None else counters

    def observe(signals: Mapping[tuple[str, str], Any]) -> None:
        for counter in counting.values():
            counter(signals)

    found = []
    for variant, inputs in clips.items():
        simulator = FastSimulator(graph, (), observer=observe)
        for f in range(len(next(iter(inputs.values()), ()))):
            simulator.step({name: array[f] for name, array in inputs.items()})
        for mapping, counter in counting.items():
            found.append(_placed_run(graph, variant, mapping, counter, dict(simulator.counts)))
            counter.restart()
    return found


def _placed_run(
    graph: Graph, variant: str, mapping: str, counter: CoreCounter, counts: dict[str, NodeCounts]
) -> PlacedRun:
    cores = counter.counts()
    steps = (1,) * cores.frames
    if isinstance(counter, StreamCounter):
        counts, steps = _streamed(graph, counts, counter.rows()), counter.steps()
    traffic = traffic_of(cores.flows, cores.placement)
    return PlacedRun(variant, mapping, counts, cores, traffic, steps)


def _streamed(
    graph: Graph, counts: Mapping[str, NodeCounts], rows: Mapping[str, IntArray]
) -> dict[str, NodeCounts]:
    """Updates of the rows that pass in place of those of every neuron of an encoder."""
    found = dict(counts)
    for name, passed in rows.items():
        node = counts[name]
        if node.kind in ENCODERS:
            # Each row has as many neurons; those of an attention are counted as products.
            each = node.neurons // graph.by_name[name].output_shape("out")[0]
            found[name] = replace(
                node, updates_active=passed * each, updates_idle=np.zeros_like(passed)
            )
    return found
