"""Interval bounds: how large each sum can get; overflow is refused before it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conversion.graph import Graph, unbalanced_edges
from conversion.host_bounds import host_bound
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    HostNode,
    Input,
    LinearAttention,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
)
from depth_snn.errors import GraphError

STATE_LIMIT = 2**31 - 1
"""Largest magnitude of a sum in a 32-bit register (docs/fixed_point.md §9)."""
MESSAGE_LIMIT = 2**23 - 1
"""Largest magnitude of a message: 24 bits."""


@dataclass(frozen=True)
class Bound:
    """Largest magnitude of a node's accumulated value, and of its registers and messages."""

    shown: int
    inner: int

    @property
    def bits(self) -> int:
        """Bits of the largest of both, with sign."""
        return max(self.shown, self.inner).bit_length() + 1


def interval_bounds(graph: Graph) -> dict[str, Bound]:
    """Bounds of a quantised graph by node.

    ``shown`` bounds the *accumulated* value a node stands for: messages are differences of it, so
    their sum through a connection is the connection applied to it. ``inner`` also bounds what a
    single step carries: a message may go from one end of a range to the other.
    """
    bounds: dict[str, Bound] = {}
    for node in graph.order:
        ins = {e.port: bounds[e.source].shown for e in graph.incoming[node.name]}
        if isinstance(node, Input):
            top = max(abs(node.lo), abs(node.hi))
            bounds[node.name] = Bound(top, top)
        elif isinstance(node, Dense | Conv):
            bounds[node.name] = _weights_bound(node, _range_before(graph, node.name, ins["in"]))
        elif isinstance(node, Skip | Regroup):
            low, high = _range_before(graph, node.name, ins["in"])
            bounds[node.name] = Bound(ins["in"] << node.exponent, (high - low) << node.exponent)
        elif isinstance(node, SigmaDelta | Delta):
            edges = [e for e in graph.incoming[node.name] if e.port == "in"]
            total = sum(bounds[e.source].shown for e in edges) + int(np.abs(node.bias).max())
            total += (1 << node.shift) >> 1
            bounds[node.name] = Bound(max(abs(node.lo), node.hi), total)
        elif isinstance(node, LinearAttention):
            state = node.tokens * ins["k"] * ins["v"]
            out = node.head_dim * ins["q"] * node.state_max
            bounds[node.name] = Bound(out, max(state, out))
        elif isinstance(node, HostNode):
            bounds[node.name] = Bound(*host_bound(node, ins))
        elif isinstance(node, Output):
            total = ins["in"] + int(np.abs(node.bias).max())
            bounds[node.name] = Bound(total, total)
        elif isinstance(node, LIF | RestoreGate):
            bounds[node.name] = Bound(2**23, 2**23)
    return bounds


def _range_before(graph: Graph, name: str, top: int) -> tuple[int, int]:
    """Range of the values whose differences a connection carries."""
    source = graph.by_name[graph.incoming[name][0].source]
    if isinstance(source, Delta):
        return source.lo, source.hi
    if isinstance(source, Regroup):
        before = graph.by_name[graph.incoming[source.name][0].source]
        if isinstance(before, Delta):
            return before.lo << source.exponent, before.hi << source.exponent
    return -top, top


def _weights_bound(node: Dense | Conv, span: tuple[int, int]) -> Bound:
    """Σ W·in over the worst output channel, for the accumulated value and one step's messages.

    A Conv's sums at the border lack some terms; none of them is negative in ``upper`` or positive
    in ``lower``, since every span holds 0.
    """
    low, high = span
    rows = node.weight.reshape(node.weight.shape[0], -1)
    positive, negative = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    upper = int((positive * high + negative * low).max(initial=0))
    lower = int((positive * low + negative * high).min(initial=0))
    worst = max(abs(upper), abs(lower)) << node.exponent
    swing = int((positive - negative).max(initial=0)) * (high - low) << node.exponent
    return Bound(worst, max(worst, swing))


def verify(graph: Graph) -> dict[str, Bound]:
    """Check that a quantised graph is balanced and cannot overflow; returns its bounds.

    Raises:
        GraphError: naming the node, its bound and the limit.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}, not quantised")
    faults = unbalanced_edges(graph)
    if faults:
        raise GraphError(f"graph {graph.name!r}: unbalanced: {faults[0]}; run balance_delays")
    for node in graph.nodes:
        if isinstance(node, Delta) and node.hi - node.lo > MESSAGE_LIMIT:
            raise GraphError(
                f"node {node.name!r}: messages may reach {node.hi - node.lo}, beyond the 24-bit "
                f"limit {MESSAGE_LIMIT}; narrow its range"
            )
    bounds = interval_bounds(graph)
    for name, bound in bounds.items():
        if graph.by_name[name].kind not in ("Input", "RestoreGate") and bound.inner > STATE_LIMIT:
            raise GraphError(
                f"node {name!r}: sums may reach {bound.inner}, beyond the 32-bit limit "
                f"{STATE_LIMIT}; use fewer bits in front of it"
            )
    return bounds
