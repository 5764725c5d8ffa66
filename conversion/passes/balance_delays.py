"""Give every edge the delay at which all inputs of a node belong to the same frame."""

from __future__ import annotations

from dataclasses import replace

from conversion.graph import Edge, Graph


def balance_delays(graph: Graph) -> Graph:
    """The same graph with the smallest delays that balance it (docs/fixed_point.md §1).

    Recurrent edges keep theirs.
    """
    lag: dict[str, int] = {}
    edges: dict[Edge, int] = {}
    for node in graph.order:
        arrive = max((lag[e.source] for e in graph.forward[node.name]), default=0)
        for edge in graph.forward[node.name]:
            edges[edge] = arrive - lag[edge.source]
        lag[node.name] = arrive + node.latency
    return graph.with_edges(replace(e, delay=edges.get(e, e.delay)) for e in graph.edges)
