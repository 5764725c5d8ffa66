"""Fold every norm into the Dense layer it feeds: W·(x·s + t) + b = (W·diag(s))·x + (W·t + b)."""

from __future__ import annotations

from dataclasses import replace

from conversion.float_nodes import FloatDense, FloatNorm
from conversion.graph import Edge, Graph
from conversion.nodes import Node
from depth_snn.errors import GraphError


def fold_norms(graph: Graph) -> Graph:
    """The same function without FloatNorm nodes.

    Raises:
        GraphError: if a norm feeds anything but Dense layers.
    """
    source = {
        e.target: e.source for e in graph.edges if graph.by_name[e.target].kind == "FloatNorm"
    }
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, FloatNorm):
            continue
        before = [graph.by_name[e.source] for e in graph.incoming[node.name]]
        norms = [n for n in before if isinstance(n, FloatNorm)]
        if not norms:
            nodes.append(node)
        elif isinstance(node, FloatDense):
            nodes.append(_absorb(node, norms[0]))
        else:
            raise GraphError(
                f"norm {norms[0].name!r} feeds {node.kind} {node.name!r}; "
                "only a Dense can absorb it"
            )
    edges = tuple(_past_norms(e, source) for e in graph.edges if e.target not in source)
    return replace(graph, nodes=tuple(nodes), edges=edges)


def _absorb(dense: FloatDense, norm: FloatNorm) -> FloatDense:
    return replace(
        dense, weight=dense.weight * norm.scale, bias=dense.bias + dense.weight @ norm.shift
    )


def _past_norms(edge: Edge, source: dict[str, str]) -> Edge:
    return replace(edge, source=source.get(edge.source, edge.source))
