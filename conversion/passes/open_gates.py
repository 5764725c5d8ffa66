"""Take the schedule away: every token is open in every frame, and the graph needs no gates."""

from __future__ import annotations

from dataclasses import replace

from conversion.gates import SCHED
from conversion.graph import Graph
from conversion.node import Node
from conversion.nodes import Delta, HostNode, LinearAttention


def open_gates(graph: Graph) -> Graph:
    """The same integer graph without a schedule and without gate ports.

    Args:
        graph: Graph of :func:`~conversion.passes.insert_sigma_delta.insert_sigma_delta`.
    """
    nodes = tuple(_opened(n) for n in graph.nodes if n.name != SCHED)
    return replace(graph, nodes=nodes, edges=tuple(e for e in graph.edges if e.source != SCHED))


def _opened(node: Node) -> Node:
    if isinstance(node, Delta | LinearAttention | HostNode):
        return replace(node, gated=False, stage=0)
    return node
