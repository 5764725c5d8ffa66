"""Layers: what of a graph takes neurons on a chip, and which synapses lie with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from conversion.graph import Edge, Graph
from conversion.nodes import Connection, LinearAttention, Node
from conversion.placement import PLACED_KINDS, followers_of
from depth_snn.errors import GraphError

STATE_WORDS = {
    "Delta": 1, "SigmaDelta": 2, "StockSigmaDelta": 3, "LIF": 2, "LinearAttention": 3,
}  # fmt: skip
"""Words of state of one neuron: ``sent``; ``sigma`` too; three states; u and v; q, k and v."""
SUM_WORDS = 1
"""A connection that no neuron stands behind is a population of sums of its own."""


@dataclass(frozen=True)
class Feed:
    """What a layer's neurons receive over one edge.

    Args:
        source: Name of the layer, or of the node off the mesh, that sends.
        port: Input port of the layer's node.
        connections: The synapses on the way, from the sender on; none for a straight edge.
        delay: Steps that what arrives has to wait.
    """

    source: str
    port: str
    connections: tuple[Node, ...]
    delay: int


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons of one node, rows × channels, and everything that lies with them.

    Args:
        node: The node.
        feeds: What it receives, its gate apart.
        gates: Sources of its gate, one message a token.
    """

    node: Node
    feeds: tuple[Feed, ...]
    gates: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the node."""
        return self.node.name

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and channels; a vector is one row."""
        shape = self.node.output_shape("out")
        return (prod(shape[:-1]), int(shape[-1]))

    @property
    def words(self) -> int:
        """Words of state of one neuron."""
        return STATE_WORDS.get(self.node.kind, SUM_WORDS)

    @property
    def ring(self) -> int:
        """Steps of sums that a neuron keeps because some of what arrives is for later."""
        return max((feed.delay for feed in self.feeds), default=0)

    @cached_property
    def biases(self) -> str:
        """``"neuron"``, ``"channel"`` or ``""``: what has a bias of its own."""
        bias: Any = self.node.attributes().get("bias")
        if bias is None or not bias.size:
            return ""
        return "neuron" if bias.size == prod(self.shape) else "channel"

    @property
    def heads(self) -> tuple[int, int]:
        """Heads and channels of each where sums per head are kept, else zeros."""
        if isinstance(self.node, LinearAttention):
            return self.node.heads, self.node.head_dim
        return 0, 0

    @cached_property
    def synapses(self) -> tuple[Node, ...]:
        """Every connection that lies with the neurons, each once."""
        found = {node.name: node for feed in self.feeds for node in feed.connections}
        return tuple(found.values())


def layers_of(graph: Graph) -> tuple[Layer, ...]:
    """The layers of a graph, in its order.

    Args:
        graph: A graph of the quantised dialect.

    Returns:
        One layer for each node with state, and for each connection whose follower is no neuron of
        the same shape.

    Raises:
        GraphError: The graph is of another dialect, or nothing of it runs on a neurocore.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r}: only quantised graphs are placed; convert it")
    own = _own_places(graph)
    if not own:
        raise GraphError(f"graph {graph.name!r}: no node runs on a neurocore; nothing to place")
    return tuple(_layer(graph, node, own) for node in graph.order if node.name in own)


def _own_places(graph: Graph) -> set[str]:
    """Names of nodes with neurons: the rule of conversion.placement.homes, the other way round."""
    own = {n.name for n in graph.nodes if n.runs_on == "neurocore" and n.kind in PLACED_KINDS}
    followers = followers_of(graph)
    placed = set(own)
    for node in reversed(graph.order):
        if not isinstance(node, Connection) or node.runs_on != "neurocore":
            continue
        after = followers.get(node.name)
        same = after in placed and prod(node.output_shape("out")) == prod(
            graph.by_name[after or ""].output_shape("out")
        )
        placed.add(node.name)
        if not same:
            own.add(node.name)
    return own


def _layer(graph: Graph, node: Node, own: set[str]) -> Layer:
    feeds: list[Feed] = []
    gates: list[str] = []
    if isinstance(node, Connection):
        feeds.extend(_feeds(graph, graph.incoming[node.name][0], "in", (node,), 0, own))
        return Layer(node, tuple(feeds), ())
    for edge in graph.incoming[node.name]:
        if edge.port == "gate":
            gates.append(edge.source)
        else:
            feeds.extend(_feeds(graph, edge, edge.port, (), 0, own))
    return Layer(node, tuple(feeds), tuple(gates))


def _feeds(
    graph: Graph, edge: Edge, port: str, after: tuple[Node, ...], delay: int, own: set[str]
) -> list[Feed]:
    """Walk back over connections and delays to what sends."""
    source, delay = graph.by_name[edge.source], delay + edge.delay
    if source.kind == "Delay":
        steps: Any = source.attributes()["steps"]
        return _feeds(
            graph, graph.incoming[source.name][0], port, after, delay + int(steps.max()), own
        )
    if isinstance(source, Connection) and source.name not in own:
        return _feeds(graph, graph.incoming[source.name][0], port, (source, *after), delay, own)
    return [Feed(source.name, port, after, delay)]
