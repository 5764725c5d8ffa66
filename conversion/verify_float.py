"""Check a float graph before and after each pass of its dialect."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from conversion.float_nodes import FloatAttention, FloatInput, FloatNode, FloatNorm, FloatOutput
from conversion.graph import Graph
from depth_snn.errors import GraphError


def verify_float(graph: Graph, *, folded: bool = False) -> None:
    """Check that a graph is a whole network of floats that the next pass can take.

    Shapes and ports are checked when a graph is built; here is what only the dialect demands.

    Args:
        graph: The graph.
        folded: Whether norms must be gone.

    Raises:
        GraphError: naming the node: one of another dialect, a number that is not finite, heads that
            do not divide the channels, a value that nothing reads, a gate on the way to a part that
            has none, or a norm that is left.
    """
    if graph.dialect != "float":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}, not float")
    for node in graph.nodes:
        if not isinstance(node, FloatNode):
            raise GraphError(f"node {node.name!r}: {node.kind} is not in the float dialect")
        if folded and isinstance(node, FloatNorm):
            raise GraphError(f"node {node.name!r}: a norm is left; run fold_norms first")
        _check_numbers(node)
    for kind in (FloatInput, FloatOutput):
        if not any(isinstance(n, kind) for n in graph.nodes):
            raise GraphError(f"graph {graph.name!r} has no {kind.kind}; a network needs one")
    _check_edges(graph)


def _check_numbers(node: FloatNode) -> None:
    for field_ in fields(node):
        value = getattr(node, field_.name)
        if isinstance(value, np.ndarray) and not np.isfinite(value).all():
            raise GraphError(f"node {node.name!r}: {field_.name} holds a number that is not finite")
    if isinstance(node, FloatAttention) and node.channels % node.heads:
        raise GraphError(
            f"node {node.name!r}: {node.heads} heads do not divide {node.channels} channels"
        )


def _check_edges(graph: Graph) -> None:
    read = {e.source for e in graph.edges}
    for node in graph.nodes:
        if node.name not in read and not isinstance(node, FloatOutput):
            raise GraphError(f"node {node.name!r}: nothing reads its value; leave it out")
    for edge in graph.edges:
        source, target = graph.by_name[edge.source], graph.by_name[edge.target]
        assert isinstance(source, FloatNode) and isinstance(target, FloatNode)
        if isinstance(target, FloatOutput):
            continue  # it shows what it gets, in every frame
        if source.gated and not target.gated:
            raise GraphError(
                f"node {target.name!r} has no gate, but {source.name!r} in front of it has; "
                "it would be computed from values that are held"
            )
        if source.gated and source.stage > target.stage:
            raise GraphError(
                f"node {target.name!r} opens with stage {target.stage}, but {source.name!r} in "
                f"front of it with stage {source.stage}"
            )
