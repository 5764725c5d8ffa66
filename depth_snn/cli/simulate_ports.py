"""Which values `depth-snn simulate` keeps."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
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


def hidden_ports(args: argparse.Namespace, graph: Graph) -> frozenset[str]:
    """Ports that the processes of the engine asked for do not show unless they are named.

    Sums stay inside a neurocore, and Lava's own LIF sends no membrane. With ``--stock`` a LIF whose
    membrane is named gets a process of ours.
    """
    every = all_ports(graph)
    if args.engine == "loihi2" or args.split:
        from loihi.chip_plan import has_port, make_plan, readable

        plan = make_plan(graph)
        return frozenset(
            port
            for port in every
            if not (has_port(plan, port) if args.split else readable(graph, plan, port))
        )
    if not args.stock:
        return frozenset()
    read = {f"{e.source}.{e.source_port}" for e in graph.edges}
    zeroing = [n.name for n in graph.nodes if isinstance(n, LIF) and n.reset == "zero"]
    return frozenset(f"{name}.membrane" for name in zeroing) - read


def telling_ports(graph: Graph, hidden: Collection[str]) -> Shapes:
    """What a network answers and how it decided: ports nobody reads, LIFs and restore gates.

    Args:
        graph: The graph.
        hidden: Those that the engine does not show.
    """
    read = {f"{e.source}.{e.source_port}" for e in graph.edges}
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
