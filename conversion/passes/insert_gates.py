"""Put the recovery gate between the schedule and the encoders.

Before, a token is open where the schedule says so; after, also where the gate restores it.
"""

from __future__ import annotations

from dataclasses import replace

from conversion.gates import RESTORE, SCHED
from conversion.graph import Edge, Graph
from conversion.nodes import Input, Node
from depth_snn.errors import GraphError


def insert_gates(graph: Graph, gates: tuple[list[Node], list[Edge]]) -> Graph:
    """The same graph whose gate ports read the restore gate instead of the schedule.

    Args:
        graph: Integer graph of :func:`~conversion.passes.insert_sigma_delta.insert_sigma_delta`.
        gates: Nodes and edges of the gate population (:func:`conversion.gates.gate_nodes`).

    Raises:
        GraphError: if the graph has no schedule, or the gates have another shape.
    """
    schedule = graph.by_name.get(SCHED)
    if not isinstance(schedule, Input):
        raise GraphError(f"graph {graph.name!r} has no input {SCHED!r} that gates could extend")
    nodes = [n for n in graph.nodes if n.name != SCHED]
    edges = [replace(e, source=RESTORE) if e.source == SCHED else e for e in graph.edges]
    return replace(graph, nodes=(*gates[0], *nodes), edges=(*gates[1], *edges))
