"""Which values `depth-snn simulate` keeps."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from conversion.graph import Graph
from conversion.nodes import LIF
from depth_snn.errors import ConfigError

DECIDING = ("LIF", "RestoreGate")
"""Kinds whose values say how a network decided."""

Shapes = dict[str, tuple[int, ...]]


def all_ports(graph: Graph) -> Shapes:
    """Shape of one frame of every port by ``"node.port"``, in the graph's order."""
    return {f"{n.name}.{p}": n.output_shape(p) for n in graph.nodes for p in n.outputs}


def named_ports(graph: Graph, patterns: str) -> Shapes:
    """The ports that one of several patterns, separated by commas, names.

    Raises:
        ConfigError: a pattern names none.
    """
    every = all_ports(graph)
    kept: set[str] = set()
    for pattern in (part.strip() for part in patterns.split(",")):
        found = [port for port in every if fnmatchcase(port, pattern)]
        if not found:
            raise ConfigError(
                f"--ports {pattern!r}: names no value of graph {graph.name!r}; the last of its "
                f'{len(every)} is {list(every)[-1]!r}, and "*" names all'
            )
        kept.update(found)
    return {port: shape for port, shape in every.items() if port in kept}


def telling_ports(graph: Graph, *, stock: bool) -> Shapes:
    """What a network answers and how it decided: ports nobody reads, LIFs and restore gates.

    Args:
        graph: The graph.
        stock: Leave out the membrane of a LIF that Lava's own process hides.
    """
    read = {f"{e.source}.{e.source_port}" for e in graph.edges}
    hidden = {
        f"{n.name}.membrane"
        for n in graph.nodes
        if stock and isinstance(n, LIF) and n.reset == "zero" and f"{n.name}.membrane" not in read
    }
    deciding = {f"{n.name}.{p}" for n in graph.nodes if n.kind in DECIDING for p in n.outputs}
    every = all_ports(graph)
    return {
        port: shape
        for port, shape in every.items()
        if (port not in read or port in deciding) and port not in hidden
    }


def some_of(ports: Sequence[str]) -> str:
    """A few names for a line of text."""
    more = f" and {len(ports) - 3} more" if len(ports) > 3 else ""
    return ", ".join(ports[:3]) + more
