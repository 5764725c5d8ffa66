"""The last pass: what no output hears goes, and what is left must fit the widths of a chip.

Lowering is what remains once delays are balanced. Nothing is renamed or merged: every node already
is one process of the target (docs/lava.md lists them), so the pass only takes away nodes whose
values reach no Output, and then verifies balance and bounds: a graph that left this pass can be
saved, simulated and compiled.
"""

from __future__ import annotations

from dataclasses import replace

from conversion.bounds import verify
from conversion.graph import Graph
from depth_snn.errors import GraphError


def lower(graph: Graph) -> Graph:
    """The same graph without what no output hears, verified.

    A graph without any Output node is a recording: every node is heard, since any may be probed.

    Raises:
        GraphError: if it is unbalanced, or naming a node whose sums may overflow.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}; quantise it before lowering")
    heard = _heard(graph)
    kept = replace(
        graph,
        nodes=tuple(n for n in graph.nodes if n.name in heard),
        edges=tuple(e for e in graph.edges if e.target in heard),
    )
    verify(kept)
    return kept


def _heard(graph: Graph) -> set[str]:
    """Names of the outputs and of everything on a path to one; inputs stay, a caller feeds them."""
    waiting = [n.name for n in graph.of_kind("Output")] or [n.name for n in graph.nodes]
    heard = {n.name for n in graph.of_kind("Input")}
    while waiting:
        name = waiting.pop()
        heard.add(name)
        waiting += [e.source for e in graph.incoming[name] if e.source not in heard]
    return heard
