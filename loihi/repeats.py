"""Edges that join the same two ports more than once, which Lava would take for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conversion.graph import Edge, Graph
from conversion.nodes import Delay, Node


def without_repeats(graph: Graph) -> Graph:
    """The graph with a Delay of no steps in the way of every repeated edge.

    A port adds up all its edges, so an edge that is there twice counts twice; Lava refuses or
    ignores a second connection of the same two ports. A Delay of no steps changes no value and no
    step.
    """
    seen: set[Edge] = set()
    nodes: list[Node] = list(graph.nodes)
    edges: list[Edge] = []
    for edge in graph.edges:
        if edge not in seen:
            seen.add(edge)
            edges.append(edge)
            continue
        shape = graph.by_name[edge.source].output_shape(edge.source_port)
        relay = Delay(name=f"repeat{len(nodes)}:{edge.source}", shape=shape, steps=np.array([0]))
        nodes.append(relay)
        edges.append(replace(edge, target=relay.name, port="in", delay=0, recurrent=False))
        edges.append(replace(edge, source=relay.name, source_port="out"))
    if len(nodes) == len(graph.nodes):
        return graph
    return replace(graph, nodes=tuple(nodes), edges=tuple(edges))
