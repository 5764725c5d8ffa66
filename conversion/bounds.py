"""Interval bounds: how large each sum can get; overflow is refused before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conversion.graph import Edge, Graph, unbalanced_edges
from conversion.host_bounds import host_bound
from conversion.nodes import (
    LIF,
    Connection,
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
    RestoreGate,
    SigmaDelta,
    Sparse,
    StockSigmaDelta,
    SumPool,
)
from conversion.order import in_order
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

    What populations and encoders show is bounded whatever comes in, so loops through them end
    there: a recurrent edge brings an older value of the same range.

    Raises:
        GraphError: if a loop goes through connections alone.
    """
    known = {n.name: _bounded(n) for n in graph.nodes}
    shown = {name: bound for name, bound in known.items() if bound is not None}
    bounds: dict[str, Bound] = {}
    for node in _bounds_order(graph, shown):
        into = graph.incoming[node.name]
        ins = {e.port: _shown(graph, e, shown) for e in into}
        total = sum(_shown(graph, e, shown) for e in into if e.port == "in")
        if isinstance(node, Connection):
            found = _connection(node, ins["in"], _range_before(graph, node.name, ins["in"]))
        elif isinstance(node, Delay):
            source = graph.by_name[into[0].source]
            found = Bound(ins["in"], _one_step(source, ins["in"], bounds))
        else:
            found = _population(node, ins, total)
        shown[node.name] = found.shown
        bounds[node.name] = found
    return {node.name: bounds[node.name] for node in graph.order}


def _bounded(node: Node) -> int | None:
    """Bound of what a node shows where its own constants give one, whatever comes in."""
    if isinstance(node, Input):
        return max(abs(node.lo), abs(node.hi))
    if isinstance(node, StockSigmaDelta):
        # What it sends is bounded by its declared width, which is checked when it runs.
        return 1 << (node.message_bits - 1)
    if isinstance(node, Delta):
        return max(abs(node.lo), node.hi)
    return 2**23 if isinstance(node, LIF | RestoreGate) else None


def _bounds_order(graph: Graph, shown: Mapping[str, int]) -> tuple[Node, ...]:
    """Nodes in an order in which the bounds that a node asks for are known."""
    links = ((e.source, e.target) for e in graph.edges if e.source not in shown)
    done, stuck = in_order(graph.nodes, links)
    if stuck:
        raise GraphError(
            f"graph {graph.name!r}: sums may grow without bound in a loop through "
            f"{', '.join(stuck)}; put a LIF or an encoder into it"
        )
    return done


def _one_step(source: Node, top: int, bounds: Mapping[str, Bound]) -> int:
    """Bound of what a node sends in one step; ``top`` bounds the value it stands for."""
    if isinstance(source, Delta):
        return source.hi - source.lo
    return top if _bounded(source) is not None else bounds[source.name].inner


def _connection(node: Connection, top: int, span: tuple[int, int]) -> Bound:
    """Of what hands on messages: ``top`` bounds the value in front of it, ``span`` its range."""
    if isinstance(node, Dense | Conv | Sparse):
        return _weights_bound(node, span)
    covered = node.kernel_down * node.kernel_across if isinstance(node, SumPool) else 1
    covered <<= node.exponent
    return Bound(top * covered, (span[1] - span[0]) * covered)


def _population(node: Node, ins: dict[str, int], total: int) -> Bound:
    """Of what has a state or shows values; ``total`` bounds the sum of what arrives on ``in``."""
    shown = _bounded(node)
    if isinstance(node, StockSigmaDelta):
        inner = total << node.scale if node.absolute else total
        total = inner + (int(np.abs(node.bias).max()) << node.scale)
    elif isinstance(node, SigmaDelta | Delta):
        total += int(np.abs(node.bias).max()) + ((1 << node.shift) >> 1)
    elif shown is not None:  # Input, LIF, RestoreGate
        total = shown
    elif isinstance(node, LinearAttention):
        shown = node.head_dim * ins["q"] * node.state_max
        total = max(node.tokens * ins["k"] * ins["v"], shown)
    elif isinstance(node, HostNode):
        shown, total = host_bound(node, ins)
    elif isinstance(node, Output):
        shown = total = ins["in"] + int(np.abs(node.bias).max())
    assert shown is not None, node.kind
    return Bound(shown, total)


def _shown(graph: Graph, edge: Edge, shown: Mapping[str, int]) -> int:
    """Bound of the value on an edge; a node's bound is that of its widest port."""
    binary = {"LIF": ("out",), "RestoreGate": ("out", "admitted")}
    if edge.source_port in binary.get(graph.by_name[edge.source].kind, ()):
        return 1
    return shown[edge.source]


def _spikes(graph: Graph, name: str) -> bool:
    """Whether a node hands on spikes, through connections or not: their sum has no bound."""
    node = graph.by_name[name]
    if isinstance(node, Connection | Delay):
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


def _weights_bound(node: Dense | Conv | Sparse, span: tuple[int, int]) -> Bound:
    """Σ W·in over the worst output channel, for the accumulated value and one step's messages.

    A Conv's sums at the border lack some terms; none of them is negative in ``upper`` or positive
    in ``lower``, since every span holds 0.
    """
    low, high = span
    if isinstance(node, Sparse):
        positive, negative = node.swing
    else:
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
    for node in graph.nodes:
        if isinstance(node, SigmaDelta | StockSigmaDelta):
            _refuse_sum_of_spikes(graph, node)
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
