"""The typed graph: nodes, edges, order, lags."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from conversion.nodes import Node
from conversion.order import in_order
from conversion.spiking import HELD_MAX
from depth_snn.errors import GraphError

ADDING_PORTS = frozenset(
    {("SigmaDelta", "in"), ("FloatAdd", "in"), ("LIF", "in"), ("StockSigmaDelta", "in")}
)
"""Ports on which several edges may meet; their values are added."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A connection from an output port to an input port, ``delay`` steps long.

    A ``recurrent`` edge closes a loop: it hands on values as any other does, but has no part in
    the order of the nodes, their lags and the balance (docs/fixed_point.md §1).
    """

    source: str
    target: str
    port: str = "in"
    source_port: str = "out"
    delay: int = 0
    recurrent: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """An immutable graph of nodes and edges, validated when built.

    Args:
        name: What the graph is called in messages and files.
        dialect: ``"float"`` or ``"quantised"``.
        nodes: The nodes; names must be unique.
        edges: The edges; every input port must be fed.
        meta: JSON-able facts that travel with the graph (scales, class names, grid).

    Raises:
        GraphError: naming the node or edge that is wrong.
    """

    name: str
    dialect: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "edges", tuple(self.edges))
        object.__setattr__(self, "meta", MappingProxyType(dict(self.meta)))
        counts = Counter(n.name for n in self.nodes)
        doubled = sorted(name for name, count in counts.items() if count > 1)
        if doubled:
            raise GraphError(f"graph {self.name!r}: node names used twice: {', '.join(doubled)}")
        for edge in self.edges:
            self._check_edge(edge)
        self._check_ports()
        _ = self.order
        for edge in self.edges:
            if edge.recurrent:
                self._check_recurrent(edge)

    def _check_edge(self, edge: Edge) -> None:
        for end in (edge.source, edge.target):
            if end not in self.by_name:
                raise GraphError(f"edge {edge.source} -> {edge.target}: there is no node {end!r}")
        source, target = self.by_name[edge.source], self.by_name[edge.target]
        if edge.source_port not in source.outputs:
            raise GraphError(f"node {source.name!r} has no output port {edge.source_port!r}")
        if edge.port not in target.inputs:
            raise GraphError(f"node {target.name!r} has no input port {edge.port!r}")
        if edge.delay < 0:
            raise GraphError(f"edge {edge.source} -> {edge.target}: negative delay {edge.delay}")
        got, want = source.output_shape(edge.source_port), target.input_shape(edge.port)
        same = len(got) == len(want) and all(w in (-1, g) for g, w in zip(got, want, strict=True))
        if not same:
            raise GraphError(
                f"edge {edge.source} -> {edge.target}.{edge.port}: shape {got}, expected {want}"
            )
        if source.kind == "Output":
            raise GraphError(f"edge {edge.source} -> {edge.target}: nothing may follow an Output")
        stage = getattr(target, "stage", 0)
        if edge.port == "gate" and stage >= got[0]:
            raise GraphError(
                f"node {target.name!r}: stage {stage}, "
                f"but the mask of {edge.source!r} has {got[0]} rows"
            )

    def _check_recurrent(self, edge: Edge) -> None:
        where = f"edge {edge.source} -> {edge.target} (recurrent)"
        if self.dialect != "quantised":
            raise GraphError(f"{where}: only quantised graphs have loops; this one is float")
        back = self.frames_back(edge)
        if back < 1:
            raise GraphError(
                f"{where}: would bring {'its own frame' if back == 0 else 'a frame to come'}; "
                f"a delay of {edge.delay + 1 - back} brings the frame before"
            )
        held = back * math.prod(self.by_name[edge.source].output_shape(edge.source_port))
        if held > HELD_MAX:
            raise GraphError(f"{where}: would hold {held} values, more than {HELD_MAX}")

    def _check_ports(self) -> None:
        fed: dict[tuple[str, str], int] = {}
        for edge in self.edges:
            fed[edge.target, edge.port] = fed.get((edge.target, edge.port), 0) + 1
        for node in self.nodes:
            for port in node.inputs:
                count = fed.get((node.name, port), 0)
                if count == 0:
                    raise GraphError(f"node {node.name!r}: input port {port!r} is not connected")
                if count > 1 and (node.kind, port) not in ADDING_PORTS:
                    raise GraphError(
                        f"node {node.name!r}: port {port!r} takes one edge, not {count}"
                    )

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by their name."""
        return MappingProxyType({n.name: n for n in self.nodes})

    @cached_property
    def incoming(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges into each node, in the order they were given."""
        into: dict[str, list[Edge]] = {n.name: [] for n in self.nodes}
        for edge in self.edges:
            into[edge.target].append(edge)
        return MappingProxyType({k: tuple(v) for k, v in into.items()})

    @cached_property
    def forward(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges into each node that are not recurrent."""
        into = self.incoming.items()
        return MappingProxyType({k: tuple(e for e in v if not e.recurrent) for k, v in into})

    @cached_property
    def order(self) -> tuple[Node, ...]:
        """Nodes in an order in which every source precedes its targets, recurrent edges aside.

        Raises:
            GraphError: if the other edges form a cycle.
        """
        links = ((e.source, e.target) for e in self.edges if not e.recurrent)
        done, stuck = in_order(self.nodes, links)
        if stuck:
            raise GraphError(
                f"graph {self.name!r}: cycle through {', '.join(stuck)}; make the edge that closes "
                "it recurrent"
            )
        return done

    @cached_property
    def order_within_step(self) -> tuple[Node, ...]:
        """Nodes in an order in which what a node needs of its own step is there.

        A node of latency 1 shows from the beginning of a step what it computed in the one before,
        and an edge with a delay what its source showed earlier; neither has to be waited for.

        Raises:
            GraphError: if a loop takes no step, as in a graph that is not balanced it may.
        """
        links = (
            (e.source, e.target)
            for e in self.edges
            if not e.delay and not self.by_name[e.source].latency
        )
        done, stuck = in_order(self.nodes, links)
        if stuck:
            raise GraphError(
                f"graph {self.name!r}: the loop through {', '.join(stuck)} takes no step; give "
                "its recurrent edge a longer delay"
            )
        return done

    @cached_property
    def lags(self) -> Mapping[str, int]:
        """Step at which frame 0 appears at each node's output (docs/fixed_point.md §1)."""
        lag: dict[str, int] = {}
        for node in self.order:
            arrivals = [lag[e.source] + e.delay for e in self.forward[node.name]]
            lag[node.name] = max(arrivals, default=0) + node.latency
        return MappingProxyType(lag)

    def frames_back(self, edge: Edge) -> int:
        """How many frames older than its target's what an edge brings is: m of a recurrent one."""
        arrive = self.lags[edge.target] - self.by_name[edge.target].latency
        return self.lags[edge.source] + edge.delay - arrive

    def of_kind(self, kind: str) -> tuple[Node, ...]:
        """All nodes of one kind, in the order of the graph."""
        return tuple(n for n in self.nodes if n.kind == kind)

    def with_edges(self, edges: Iterable[Edge]) -> Graph:
        """The same nodes with other edges."""
        return replace(self, edges=tuple(edges))


def unbalanced_edges(graph: Graph) -> list[str]:
    """Edges that bring a node an older or newer frame than its other edges do."""
    faults = []
    for node in graph.nodes:
        arrive = graph.lags[node.name] - node.latency
        for edge in graph.forward[node.name]:
            at = graph.lags[edge.source] + edge.delay
            if at != arrive:
                faults.append(
                    f"{edge.source} -> {node.name}.{edge.port} arrives at {at}, not {arrive}"
                )
    return faults
