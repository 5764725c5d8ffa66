"""Which graphs a program of tokens takes: those whose bounds prove that nothing can overflow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conversion.bounds import MESSAGE_LIMIT, STATE_LIMIT, Bound, interval_bounds
from conversion.graph import Edge, Graph
from conversion.nodes import (
    LIF,
    Connection,
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Output,
    RestoreGate,
    SigmaDelta,
)
from depth_snn.errors import GraphError
from sims.fast.tokens.tables import KINDS, SOURCES
from sims.fast.warm_up import frames_before

WIDEST = 2**62
DRIVE_MAX = 2**18 - 1
"""With a drive up to this, shifted by 6, one wrap always brings a current back."""
ROW_SUM_MAX = 2**20
"""Weights with a larger sum of magnitudes leave a float no bits for values."""


def fits(graph: Graph) -> bool:
    """Whether the program computes what the bodies do, and can overflow nowhere."""
    kinds = {node.kind for node in graph.nodes}
    if not kinds & {"Delta", "SigmaDelta", "RestoreGate"} or not kinds <= {"Input", *KINDS}:
        return False
    if any(edge.recurrent for edge in graph.edges) or frames_before(graph):
        return False
    try:
        bounds = interval_bounds(graph)
    except GraphError:
        return False
    return all(_node_fits(graph, node, bounds) for node in graph.nodes)


def in_rows(graph: Graph, name: str) -> bool:
    """Whether a node's port ``out`` is held by rows; of an Input, where rows are read."""
    node = graph.by_name[name]
    if isinstance(node, Input):
        read = [e for e in graph.edges if e.source == name]
        return any(_wants_rows(graph, edge) for edge in read)
    return isinstance(node, Delta | LinearAttention | Connection)


def _wants_rows(graph: Graph, edge: Edge) -> bool:
    target = graph.by_name[edge.target]
    return edge.port != "gate" and not isinstance(target, LIF | RestoreGate)


def _speaks_in_changes(graph: Graph, name: str) -> bool:
    """Whether a node sends messages that add up to a value within its bound."""
    node = graph.by_name[name]
    if isinstance(node, Connection):
        return _speaks_in_changes(graph, graph.incoming[name][0].source)
    return isinstance(node, Delta)


def _node_fits(graph: Graph, node: Node, bounds: Mapping[str, Bound]) -> bool:
    edges = graph.incoming[node.name]
    if len(edges) > SOURCES:
        return False
    if any(_wants_rows(graph, edge) != in_rows(graph, edge.source) for edge in edges):
        return False
    sources = [graph.by_name[e.source] for e in edges if e.port not in ("gate",)]
    if isinstance(node, LIF):
        inputs = all(isinstance(source, Input) for source in sources)
        return inputs and sum(bounds[source.name].inner for source in sources) <= DRIVE_MAX
    if isinstance(node, RestoreGate):
        return _gate_fits(graph, node, bounds)
    if isinstance(node, Output):
        return bounds[node.name].inner <= WIDEST
    limit = STATE_LIMIT if not isinstance(node, Input) or in_rows(graph, node.name) else WIDEST
    if bounds[node.name].inner > limit:
        return False
    if isinstance(node, Dense | Conv):
        rows = np.abs(node.weight).reshape(node.weight.shape[0], -1)
        return int(rows.sum(axis=1).max(initial=0)) <= ROW_SUM_MAX
    if isinstance(node, LinearAttention):
        return all(isinstance(source, Delta) for source in sources)
    if isinstance(node, Delta):
        return _encoder_fits(graph, node, sources, bounds)
    return True


def _encoder_fits(
    graph: Graph, node: Delta, sources: list[Node], bounds: Mapping[str, Bound]
) -> bool:
    if node.hi - node.lo > MESSAGE_LIMIT:
        return False
    if isinstance(node, SigmaDelta):
        return all(_speaks_in_changes(graph, source.name) for source in sources)
    # What arrives in one frame may be a message, which may be larger than the value it belongs to.
    constants = int(np.abs(node.bias).max(initial=0)) + ((1 << node.shift) >> 1)
    return bounds[sources[0].name].inner + constants <= STATE_LIMIT


def _gate_fits(graph: Graph, node: RestoreGate, bounds: Mapping[str, Bound]) -> bool:
    fixed = next(e.source for e in graph.incoming[node.name] if e.port == "fixed")
    prices = sum(node.price.tolist()) * node.tokens
    base = bounds[fixed].inner + prices
    most: int = base * max(1, node.cap_percent, node.refill_percent) + node.capacity
    return most <= WIDEST
