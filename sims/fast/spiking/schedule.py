"""The order in which a program runs: what is no loop a chunk at a time, loops frame by frame."""

from __future__ import annotations

from collections.abc import Mapping

from conversion.graph import Graph
from conversion.nodes import Input, Node
from conversion.order import in_order
from sims.fast.spiking.layout import FRAMES_MAX, frames_back

Segment = tuple[int, int, int]
"""First and last + 1 operation, and how many frames one of them may run ahead of the others."""


def scheduled(graph: Graph) -> tuple[list[Node], list[Segment]]:
    """Nodes but the Inputs in the order in which they run, and the segments of that order.

    A loop may run as many frames at a time as its shortest recurrent edge goes back, for so long
    it brings what is already there. Neighbours that belong to no loop share one segment.
    """
    loop_of = _loops(graph)
    members: dict[str, list[Node]] = {}
    for node in graph.order:
        members.setdefault(loop_of[node.name], []).append(node)
    ahead = dict.fromkeys(members, FRAMES_MAX)
    for edge in graph.edges:
        loop = loop_of[edge.source]
        if edge.recurrent and loop == loop_of[edge.target]:
            ahead[loop] = min(ahead[loop], frames_back(graph, edge))
    links = {(loop_of[e.source], loop_of[e.target]) for e in graph.edges}
    first_nodes = [nodes[0] for nodes in members.values()]
    loops, _ = in_order(first_nodes, ((s, t) for s, t in links if s != t))
    order: list[Node] = []
    segments: list[Segment] = []
    for loop in (node.name for node in loops):
        begin, stride = len(order), ahead[loop]
        order.extend(n for n in members[loop] if not isinstance(n, Input))
        if segments and stride == segments[-1][2] == FRAMES_MAX:
            begin = segments.pop()[0]
        if len(order) > begin:
            segments.append((begin, len(order), stride))
    return order, segments


def _loops(graph: Graph) -> dict[str, str]:
    """For each node, in the order of the graph, the first node of the loop it belongs to.

    Only recurrent edges close loops, so those that are closed by one edge each are found first and
    then united where they share a node.
    """
    loop_of = {n.name: n.name for n in graph.order}
    after: dict[str, list[str]] = {name: [] for name in loop_of}
    before: dict[str, list[str]] = {name: [] for name in loop_of}
    for edge in graph.edges:
        after[edge.source].append(edge.target)
        before[edge.target].append(edge.source)
    for edge in graph.edges:
        if edge.recurrent:
            loop = _reached(edge.target, after) & _reached(edge.source, before)
            if edge.source in loop:
                names = {loop_of[name] for name in loop}
                first = next(name for name in loop_of if loop_of[name] in names)
                loop_of.update((n, first) for n, of in loop_of.items() if of in names)
    return loop_of


def _reached(start: str, links: Mapping[str, list[str]]) -> set[str]:
    """Nodes that links lead to from one, itself included."""
    found, waiting = {start}, [start]
    while waiting:
        for name in links[waiting.pop()]:
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found
