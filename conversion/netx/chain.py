"""A graph that grows node by node: each new node reads what came last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conversion.graph import Edge, Graph
from conversion.node import IntArray
from conversion.nodes import Delay, Node


class Chain:
    """Nodes and edges so far, and what the last value is.

    Attributes:
        grid: Rows and columns of the last value.
        channels: Its channels.
        lag: Steps from the input to it.
        gain: Left shift that the next connection owes to the last encoder's units.
    """

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._edges: list[Edge] = []
        self._last: list[str] = []
        self.grid = (1, 1)
        self.channels = 0
        self.lag = 0
        self.gain = 0

    @property
    def places(self) -> int:
        """Positions of the last value."""
        return self.grid[0] * self.grid[1]

    def start(self, node: Node, grid: tuple[int, int], channels: int) -> None:
        """Begin with an input."""
        self._nodes, self._last = [node], [node.name]
        self.grid, self.channels = grid, channels

    def add(self, node: Node) -> None:
        """Append a node of the same shape that reads all that came last."""
        self._nodes.append(node)
        self._edges += [Edge(source=name, target=node.name) for name in self._last]
        self._last = [node.name]

    def connect(self, nodes: Sequence[Node], grid: tuple[int, int], channels: int) -> None:
        """Append connections side by side, whose sum the next node reads."""
        (source,) = self._last
        self._nodes += nodes
        self._edges += [Edge(source=source, target=node.name) for node in nodes]
        self._last = [node.name for node in nodes]
        self.grid, self.channels, self.gain = grid, channels, 0
        self.lag += 1

    def loop(self, nodes: Sequence[Node]) -> None:
        """Connections side by side from the last value back to itself, one frame later."""
        (name,) = self._last
        self._nodes += nodes
        self._edges += [Edge(source=name, target=node.name) for node in nodes]
        self._edges += [Edge(source=node.name, target=name, recurrent=True) for node in nodes]

    def delay(self, name: str, steps: IntArray) -> None:
        """Delay each of the last values."""
        shape = (self.places, self.channels)
        names = [name if i == 0 else f"{name}.low{i}" for i in range(len(self._last))]
        held = [Delay(name=n, shape=shape, steps=steps) for n in names]
        self._nodes += held
        pairs = zip(self._last, held, strict=True)
        self._edges += [Edge(source=source, target=node.name) for source, node in pairs]
        self._last = names

    def graph(self, name: str, meta: Mapping[str, Any]) -> Graph:
        """The finished graph."""
        return Graph(
            name=name, dialect="quantised", nodes=tuple(self._nodes), edges=tuple(self._edges),
            meta=meta,
        )  # fmt: skip
