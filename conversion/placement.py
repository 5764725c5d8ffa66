"""Where the neurons of a graph lie: cores on a chip's mesh, and the parts of nodes they hold.

A placement knows nothing of a target's limits; whoever makes one keeps to those. What it says is
where the values of a node's port ``out`` are held, numbered row by row. A connection that it does
not name lies with the neurons it feeds, since a chip keeps a synapse with its receiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from conversion.graph import Graph
from conversion.node import IntArray, Node
from depth_snn.errors import GraphError

PLACED_KINDS = ("Delta", "SigmaDelta", "StockSigmaDelta", "LIF", "LinearAttention")
"""Nodes of a neurocore that hold state, and so must be placed."""
NOWHERE = -1
"""Core of a value that is held outside the mesh."""
CORES_MAX = 2**20


@dataclass(frozen=True, order=True)
class Core:
    """A core of a mesh.

    Attributes:
        chip: Number of its chip.
        x, y: Column and row of its router; several cores may share one.
    """

    chip: int
    x: int
    y: int

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            GraphError: One is no whole number from 0 up.
        """
        for what in ("chip", "x", "y"):
            value = getattr(self, what)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
                raise GraphError(f"core: {what} is {value!r}, expected a whole number from 0 up")


@dataclass(frozen=True)
class Part:
    """A run of a node's values on one core.

    Attributes:
        core: Index of the core in the placement.
        first, last: Values first … last − 1 of the node's port ``out``, row by row.
    """

    core: int
    first: int
    last: int


@dataclass(frozen=True)
class Placement:
    """Cores, and for each node its parts.

    Attributes:
        cores: The cores; parts name them by index.
        parts: By node; the parts of one node follow each other without gap or overlap from 0 on.

    Raises:
        GraphError: naming the node and the part that is wrong.
    """

    cores: tuple[Core, ...]
    parts: Mapping[str, tuple[Part, ...]]

    def __post_init__(self) -> None:
        """Check what can be checked without the graph."""
        object.__setattr__(self, "cores", tuple(self.cores))
        if not 1 <= len(self.cores) <= CORES_MAX:
            raise GraphError(f"placement: {len(self.cores)} cores, expected 1 to {CORES_MAX}")
        kept = {name: tuple(parts) for name, parts in self.parts.items()}
        for name, parts in kept.items():
            _check_parts(name, parts, len(self.cores))
        object.__setattr__(self, "parts", MappingProxyType(kept))

    @property
    def used(self) -> tuple[int, ...]:
        """Indices of the cores that hold something, ascending."""
        return tuple(sorted({part.core for parts in self.parts.values() for part in parts}))

    @property
    def chips(self) -> tuple[int, ...]:
        """Numbers of the chips that hold something, ascending."""
        return tuple(sorted({self.cores[index].chip for index in self.used}))

    def cores_of(self, node: str) -> IntArray:
        """Core index of each value of a placed node, int64 (values,)."""
        parts = self.parts[node]
        return np.repeat([part.core for part in parts], [part.last - part.first for part in parts])


def _check_parts(name: str, parts: tuple[Part, ...], cores: int) -> None:
    expected = 0
    for part in parts:
        if not 0 <= part.core < cores:
            raise GraphError(f"placement of {name!r}: core {part.core}, there are {cores}")
        if part.first != expected or part.last <= part.first:
            raise GraphError(
                f"placement of {name!r}: a part holds values {part.first} to {part.last}, "
                f"expected one that begins at {expected}"
            )
        expected = part.last
    if not parts:
        raise GraphError(f"placement of {name!r}: no parts; leave the node out")


def homes(graph: Graph, placement: Placement) -> dict[str, IntArray]:
    """Core index of each value of each node's port ``out``.

    Args:
        graph: The graph.
        placement: Where its neurons lie.

    Returns:
        int64 (values,) by node; :data:`NOWHERE` for what the mesh does not hold.

    Raises:
        GraphError: if the placement does not fit the graph.
    """
    for name in placement.parts:
        node = graph.by_name.get(name)
        if node is None or node.runs_on != "neurocore":
            why = "there is no such node" if node is None else f"it runs on the {node.runs_on}"
            raise GraphError(f"placement of {name!r}: {why}; leave it out")
    found: dict[str, IntArray] = {}
    followers = followers_of(graph)
    for name in placement.parts:  # a loop may lead to what stands in front
        if graph.by_name[name].kind in PLACED_KINDS:
            found[name] = _home(graph.by_name[name], placement, found, None)
    for node in reversed(graph.order):
        found[node.name] = _home(node, placement, found, followers.get(node.name))
    return found


def followers_of(graph: Graph) -> dict[str, str]:
    """By node the first that reads it; one that reads it over a loop only if no other does."""
    loops = [edge for edge in graph.edges if edge.recurrent]
    plain = [edge for edge in graph.edges if not edge.recurrent]
    return {edge.source: edge.target for edge in reversed(plain + loops)}


def _home(
    node: Node, placement: Placement, found: Mapping[str, IntArray], follower: str | None
) -> IntArray:
    size = prod(node.output_shape("out"))
    if node.name in placement.parts:
        home = placement.cores_of(node.name)
        if home.size != size:
            raise GraphError(f"placement of {node.name!r}: {home.size} values, the node has {size}")
        return home
    if node.kind in PLACED_KINDS:
        raise GraphError(f"placement: node {node.name!r} ({node.kind}) holds state; place it")
    if node.runs_on != "neurocore" or node.kind == "Delay":
        return np.full(size, NOWHERE)  # a delay lies in the synapses behind it
    behind = found.get(follower or "")
    if behind is None or behind.size != size or (behind == NOWHERE).any():
        raise GraphError(
            f"placement: node {node.name!r} ({node.kind}) feeds no placed neurons; place it"
        )
    return behind
