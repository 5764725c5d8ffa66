"""Fold every norm into weights: into the Conv it follows, or into the Dense layers it feeds.

Behind a Conv: s·(W·x + b) + t = (s·W)·x + (s·b + t). In front of a Dense:
W·(x·s + t) + b = (W·diag(s))·x + (W·t + b). A norm in front of a Conv could not be folded where the
Conv pads, because the zeros around the grid do not pass through the norm.
"""

from __future__ import annotations

from dataclasses import replace

from conversion.float_nodes import FloatConv, FloatDense, FloatNorm
from conversion.graph import Graph
from conversion.node import Node
from depth_snn.errors import GraphError


def fold_norms(graph: Graph) -> Graph:
    """The same function without FloatNorm nodes.

    Raises:
        GraphError: naming a norm that neither follows a Conv alone nor feeds only Dense layers.
    """
    return _fold_into_dense(_fold_into_conv(graph))


def _fold_into_conv(graph: Graph) -> Graph:
    """Norms that are all a Conv feeds become part of it, with their ReLU."""
    absorbed: dict[str, FloatNorm] = {}
    for node in graph.nodes:
        users = [graph.by_name[e.target] for e in graph.edges if e.source == node.name]
        if isinstance(node, FloatConv) and not node.relu and len(users) == 1:
            (user,) = users
            if isinstance(user, FloatNorm):
                absorbed[node.name] = user
    gone = {norm.name: conv for conv, norm in absorbed.items()}
    nodes = [
        _follow(node, absorbed[node.name]) if isinstance(node, FloatConv) and node.name in absorbed
        else node
        for node in graph.nodes
        if node.name not in gone
    ]  # fmt: skip
    return _without(graph, nodes, gone)


def _follow(conv: FloatConv, norm: FloatNorm) -> FloatConv:
    return replace(
        conv, weight=conv.weight * norm.scale[:, None, None, None],
        bias=conv.bias * norm.scale + norm.shift, relu=norm.relu,
    )  # fmt: skip


def _fold_into_dense(graph: Graph) -> Graph:
    source = {
        e.target: e.source for e in graph.edges if isinstance(graph.by_name[e.target], FloatNorm)
    }
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, FloatNorm):
            continue
        before = [graph.by_name[e.source] for e in graph.incoming[node.name]]
        norms = [n for n in before if isinstance(n, FloatNorm)]
        if not norms:
            nodes.append(node)
        elif isinstance(node, FloatDense) and node.repeat == 1 and not norms[0].relu:
            nodes.append(_absorb(node, norms[0]))
        else:
            raise GraphError(
                f"norm {norms[0].name!r} feeds {node.kind} {node.name!r}; "
                "only a Dense can absorb it"
            )
    return _without(graph, nodes, source)


def _absorb(dense: FloatDense, norm: FloatNorm) -> FloatDense:
    return replace(
        dense, weight=dense.weight * norm.scale, bias=dense.bias + dense.weight @ norm.shift
    )


def _without(graph: Graph, nodes: list[Node], source: dict[str, str]) -> Graph:
    """The graph with other nodes; what read a removed node reads ``source`` of it instead."""
    edges = tuple(
        replace(e, source=source.get(e.source, e.source))
        for e in graph.edges
        if e.target not in source
    )
    return replace(graph, nodes=tuple(nodes), edges=edges)
