"""Interval bounds: how large each sum can get; overflow is refused before it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conversion.graph import Edge, Graph, unbalanced_edges
from conversion.host_bounds import host_bound
from conversion.nodes import (
    LIF,
    Conv,
    Delay,
    Delta,
    Dense,
    HostNode,
    Input,
    LinearAttention,
    Node,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
    StockSigmaDelta,
    SumPool,
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
        ins = {e.port: _shown(graph, e, bounds) for e in graph.incoming[node.name]}
        total = sum(_shown(graph, e, bounds) for e in graph.incoming[node.name] if e.port == "in")
        if isinstance(node, Dense | Conv | Skip | Regroup | SumPool):
            found = _connection(node, ins["in"], _range_before(graph, node.name, ins["in"]))
        elif isinstance(node, Delay):
            found = Bound(ins["in"], bounds[graph.incoming[node.name][0].source].inner)
        else:
            found = _population(node, ins, total)
        bounds[node.name] = found
    return bounds


def _connection(
    node: Dense | Conv | Skip | Regroup | SumPool, top: int, span: tuple[int, int]
) -> Bound:
    """Of what hands on messages: ``top`` bounds the value in front of it, ``span`` its range."""
    if isinstance(node, Dense | Conv):
        return _weights_bound(node, span)
    covered = node.kernel_down * node.kernel_across if isinstance(node, SumPool) else 1
    covered <<= node.exponent
    return Bound(top * covered, (span[1] - span[0]) * covered)


def _population(node: Node, ins: dict[str, int], total: int) -> Bound:
    """Of what has a state or shows values; ``total`` bounds the sum of what arrives on ``in``."""
    if isinstance(node, Input):
        top = max(abs(node.lo), abs(node.hi))
        return Bound(top, top)
    if isinstance(node, StockSigmaDelta):
        # What it sends is bounded by its declared width, which is checked when it runs.
        inner = total << node.scale if node.absolute else total
        bias = int(np.abs(node.bias).max()) << node.scale
        return Bound(1 << (node.message_bits - 1), inner + bias)
    if isinstance(node, SigmaDelta | Delta):
        total += int(np.abs(node.bias).max()) + ((1 << node.shift) >> 1)
        return Bound(max(abs(node.lo), node.hi), total)
    if isinstance(node, LinearAttention):
        out = node.head_dim * ins["q"] * node.state_max
        return Bound(out, max(node.tokens * ins["k"] * ins["v"], out))
    if isinstance(node, HostNode):
        return Bound(*host_bound(node, ins))
    if isinstance(node, Output):
        total = ins["in"] + int(np.abs(node.bias).max())
        return Bound(total, total)
    return Bound(2**23, 2**23)  # LIF, RestoreGate


def _shown(graph: Graph, edge: Edge, bounds: dict[str, Bound]) -> int:
    """Bound of the value on an edge; a node's bound is that of its widest port."""
    binary = {"LIF": ("out",), "RestoreGate": ("out", "admitted")}
    if edge.source_port in binary.get(graph.by_name[edge.source].kind, ()):
        return 1
    return bounds[edge.source].shown


def _spikes(graph: Graph, name: str) -> bool:
    """Whether a node hands on spikes, through connections or not: their sum has no bound."""
    node = graph.by_name[name]
    if isinstance(node, Dense | Conv | Skip | Regroup | SumPool | Delay):
        edge = graph.incoming[name][0]
        source = graph.by_name[edge.source]
        return edge.source_port == "out" and (
            isinstance(source, LIF) or _spikes(graph, source.name)
        )
    return False


def _range_before(graph: Graph, name: str, top: int) -> tuple[int, int]:
    """Range of the values whose differences a connection carries."""
    edge = graph.incoming[name][0]
    source = graph.by_name[edge.source]
    if isinstance(source, LIF) and edge.source_port == "out":
        return 0, 1
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
        if isinstance(node, SigmaDelta | StockSigmaDelta):
            _refuse_sum_of_spikes(graph, node)
    bounds = interval_bounds(graph)
    for name, bound in bounds.items():
        if graph.by_name[name].kind not in ("Input", "RestoreGate") and bound.inner > STATE_LIMIT:
            raise GraphError(
                f"node {name!r}: sums may reach {bound.inner}, beyond the 32-bit limit "
                f"{STATE_LIMIT}; use fewer bits in front of it"
            )
    return bounds


def _refuse_sum_of_spikes(graph: Graph, node: Node) -> None:
    for edge in graph.incoming[node.name]:
        spiking = graph.by_name[edge.source].kind == "LIF" or _spikes(graph, edge.source)
        if edge.port == "in" and spiking:
            raise GraphError(
                f"node {node.name!r}: spikes of {edge.source!r} would add up without bound; "
                "put a LIF or an Output there"
            )
