"""A graph as groups of nodes, one for a netx layer: connections, a delay, what reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conversion.graph import Graph
from conversion.nodes import LIF, Conv, Delay, Dense, Input, Node, Output
from depth_snn.errors import GraphError

HINTS = {
    "Delta": "netx's encoders lose low bits, so the network would compute something else",
    "SigmaDelta": "netx's encoders lose low bits, so the network would compute something else",
    "StockSigmaDelta": "export of sigma-delta neurons is not supported; keep the file it came from",
    "SumPool": "netx has no pooling; use a Conv with stride",
    "Skip": "netx has no branches; only chains can be exported",
    "Sparse": "netx holds dense weights only; make it a Dense",
    "Regroup": "netx cannot rearrange positions",
    "LinearAttention": "netx has no attention",
    "RestoreGate": "netx has no gates",
}


@dataclass(frozen=True)
class Group:
    """The nodes of one layer.

    Attributes:
        head: The Input, or the first connection.
        parts: Connections side by side, whose weights add up to the layer's.
        delay: Delay of their sum.
        tail: What reads it: LIF, Output, or nothing.
        grid: Rows and columns at the layer's output.
    """

    head: Node
    parts: tuple[Any, ...]
    delay: Delay | None
    tail: Node | None
    grid: tuple[int, int]


def groups_of(graph: Graph) -> list[Group]:
    """The layers of a chain.

    Raises:
        GraphError: naming the node that is in the way.
    """
    readers = _readers(graph)
    heads = [node for node in graph.nodes if isinstance(node, Input)]
    if len(heads) != 1 or len(heads[0].shape) != 2:
        raise GraphError(
            f"graph {graph.name!r}: netx takes one Input, of shape (positions, channels)"
        )
    head: Node = heads[0]
    grid = _grid_of(graph, head)
    found = [_group(readers, head, (), grid)]
    while following := _next(readers, found[-1]):
        head = following[0]
        grid = head.grid if isinstance(head, Conv) else grid
        found.append(_group(readers, head, following, grid))
    return found


def _readers(graph: Graph) -> dict[str, list[Node]]:
    readers: dict[str, list[Node]] = {node.name: [] for node in graph.nodes}
    for node in graph.nodes:
        if not isinstance(node, Input | Dense | Conv | Delay | LIF | Output):
            hint = HINTS.get(node.kind, "netx has no such node")
            raise GraphError(f"node {node.name!r} ({node.kind}): {hint}")
        for edge in graph.incoming[node.name]:
            if edge.recurrent:
                raise GraphError(
                    f"node {node.name!r} stands in a loop; export to netx takes chains only"
                )
            if edge.source_port != "out":
                raise GraphError(
                    f"node {node.name!r} reads {edge.source_port!r}; netx sends spikes"
                )
            readers[edge.source].append(node)
    return readers


def _grid_of(graph: Graph, head: Node) -> tuple[int, int]:
    """Rows and columns of the input: what the first Conv says."""
    first = next((node for node in graph.order if isinstance(node, Conv)), None)
    places = int(head.output_shape("out")[0])
    if first is not None and first.height * first.width == places:
        return first.height, first.width
    return 1, places


def _group(
    readers: dict[str, list[Node]], head: Node, parts: tuple[Node, ...], grid: tuple[int, int]
) -> Group:
    ends, held = list(parts or (head,)), []
    behind = [readers[node.name] for node in ends]
    if parts and all(len(b) == 1 and isinstance(b[0], Delay) for b in behind):
        held = [node for (node,) in behind if isinstance(node, Delay)]
        ends, behind = list(held), [readers[node.name] for node in held]
    if len(held) > 1 and any((h.steps != held[0].steps).any() for h in held):
        raise GraphError(f"node {held[1].name!r} (Delay): the parts of one layer differ in delay")
    targets = {node.name: node for b in behind for node in b if isinstance(node, LIF | Output)}
    if not parts and not targets:
        return Group(head, (), None, None, grid)
    if len(targets) != 1 or any(len(b) != 1 for b in behind):
        raise GraphError(f"node {head.name!r} ({head.kind}): netx needs one population behind it")
    (tail,) = targets.values()
    return Group(head, tuple(parts), held[0] if held else None, tail, grid)


def _next(readers: dict[str, list[Node]], group: Group) -> tuple[Node, ...]:
    last = group.tail or group.head
    following = readers[last.name]
    if not following:
        return ()
    same = {type(node) for node in following}
    alike = same <= {Dense} or same <= {Conv}
    if not alike or len({node.output_shape("out") for node in following}) > 1:
        first = following[0]
        raise GraphError(
            f"node {first.name!r} ({first.kind}) behind {last.name!r}: netx takes a chain of "
            "populations with one dense or conv connection between them"
        )
    return tuple(following)
