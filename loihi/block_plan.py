"""Finds the blocks of a graph that one Lava process can stand for: MLPs and attentions.

A block is found by its shape, not by names: the residual sum at its end, and what leads there from
one source. All its encoders obey one mask, and nothing outside reads what is inside, save its end;
so putting it into one process cannot close a circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from conversion.graph import Edge, Graph
from conversion.nodes import Node

BlockKind = Literal["mlp", "attention"]

MLP_ROLES = ("fc1", "h", "fc2", "skip", "out")
ATTENTION_ROLES = (
    "q_syn", "k_syn", "v_syn", "q", "k", "v", "attention", "y", "proj", "skip", "mid",
)  # fmt: skip
"""Parts of a block, sources before targets; the last one is what the block shows to others."""

ENTRY, GATE = "s_in", "gate_in"
"""Input ports of a block's process: messages, and the mask (S, N)."""


@dataclass(frozen=True)
class Wire:
    """A connection inside a block: from a part, ``s_in`` or ``gate_in`` to a port of a part."""

    source: str
    target: str
    port: str
    delay: int


@dataclass(frozen=True, eq=False)
class BlockPlan:
    """One block of a graph.

    Args:
        kind: ``"mlp"`` or ``"attention"``.
        graph: The graph it stands in.
        parts: Node of each part by its role, sources before targets.
        wires: Connections inside, with their delays in steps.
        entry: The edge that all messages come in by, with the delay they share.
        gate: The same for the mask; None where no part has a gate.
    """

    kind: BlockKind
    graph: Graph
    parts: Mapping[str, Node]
    wires: tuple[Wire, ...]
    entry: Edge
    gate: Edge | None

    @property
    def name(self) -> str:
        """Name of the node at the end of the block; the process is called after it."""
        return next(reversed(list(self.parts.values()))).name

    def size(self, role: str) -> int:
        """Number of values that a part shows."""
        return _size(self.graph, self.parts[role].name, "out")

    @property
    def entry_size(self) -> int:
        """Number of values that come in."""
        return _size(self.graph, self.entry.source, self.entry.source_port)

    @property
    def mask_shape(self) -> tuple[int, int]:
        """Rows and columns of the mask; (1, 1) where there is none."""
        if self.gate is None:
            return (1, 1)
        source = self.graph.by_name[self.gate.source]
        rows, columns = source.output_shape(self.gate.source_port)
        return (rows, columns)


def find_blocks(graph: Graph) -> list[BlockPlan]:
    """All blocks of a graph, in the order of their last nodes; none shares a node with another."""
    plans = []
    for node in graph.of_kind("SigmaDelta"):
        plan = _plan(graph, "mlp", _mlp(graph, node))
        plan = plan or _plan(graph, "attention", _attention(graph, node))
        if plan is not None:
            plans.append(plan)
    return plans


def outer_edges(graph: Graph, plans: list[BlockPlan]) -> list[Edge]:
    """Edges between processes, when each block is one; those into a block end at its own ports."""
    inside = {node.name for plan in plans for node in plan.parts.values()}
    edges = [edge for edge in graph.edges if edge.target not in inside]
    for plan in plans:
        edges.append(plan.entry)
        edges += [plan.gate] if plan.gate else []
    return edges


def _size(graph: Graph, name: str, port: str) -> int:
    size = 1
    for n in graph.by_name[name].output_shape(port):
        size *= n
    return size


def _before(graph: Graph, node: Node | None, kind: str, port: str = "in") -> Node | None:
    """The only node of a kind that feeds a port, or None."""
    if node is None:
        return None
    edges = [e for e in graph.incoming[node.name] if e.port == port]
    sources = [graph.by_name[e.source] for e in edges]
    found = [source for source in sources if source.kind == kind]
    return found[0] if len(found) == 1 else None


def _residual_end(graph: Graph, end: Node) -> tuple[Node, Node] | None:
    """The connection and the skip that meet at a residual sum, and nothing else does."""
    count = sum(edge.port == "in" for edge in graph.incoming[end.name])
    dense, skip = _before(graph, end, "Dense"), _before(graph, end, "Skip")
    return (dense, skip) if count == 2 and dense is not None and skip is not None else None


def _mlp(graph: Graph, end: Node) -> dict[str, Node] | None:
    """Parts of the MLP that ends here: two Dense with an encoder between them, and the skip."""
    met = _residual_end(graph, end)
    if met is None:
        return None
    fc2, skip = met
    h = _before(graph, fc2, "SigmaDelta")
    fc1 = _before(graph, h, "Dense")
    if h is None or fc1 is None or len(graph.incoming[h.name]) > 2:
        return None
    return dict(zip(MLP_ROLES, (fc1, h, fc2, skip, end), strict=True))


def _attention(graph: Graph, end: Node) -> dict[str, Node] | None:
    """Parts of the attention that ends here: projections, encoders, attention and its encoder."""
    met = _residual_end(graph, end)
    if met is None:
        return None
    proj, skip = met
    y = _before(graph, proj, "Delta")
    attention = _before(graph, y, "LinearAttention")
    coders = [_before(graph, attention, "SigmaDelta", port) for port in "qkv"]
    denses = [_before(graph, coder, "Dense") for coder in coders]
    found = [*denses, *coders, attention, y, proj, skip, end]
    if any(node is None for node in found) or len({n.name for n in found if n}) < len(found):
        return None
    if any(len(graph.incoming[c.name]) > 2 for c in coders if c):
        return None
    return dict(zip(ATTENTION_ROLES, (n for n in found if n), strict=True))


def _plan(graph: Graph, kind: BlockKind, parts: dict[str, Node] | None) -> BlockPlan | None:
    """The block of these parts; None if it has two entries, masks or ends, or a loop into it."""
    if parts is None:
        return None
    role_of = {node.name: role for role, node in parts.items()}
    end = next(reversed(parts.values())).name
    inner: list[Edge] = []
    entries: list[Edge] = []
    gates: list[Edge] = []
    for edge in graph.edges:
        if edge.target not in role_of:
            if edge.source in role_of and edge.source != end:
                return None
        elif edge.recurrent:
            return None
        elif edge.source in role_of:
            inner.append(edge)
        else:
            (gates if edge.port == "gate" else entries).append(edge)
    one_entry = len({(e.source, e.source_port) for e in entries}) == 1
    if not one_entry or len({(e.source, e.source_port) for e in gates}) > 1:
        return None
    wires = [Wire(role_of[e.source], role_of[e.target], e.port, e.delay) for e in inner]
    entry = _shared(entries, ENTRY, role_of, wires, end)
    gate = _shared(gates, GATE, role_of, wires, end) if gates else None
    return BlockPlan(kind, graph, parts, tuple(wires), entry, gate)


def _shared(
    edges: list[Edge], port: str, role_of: Mapping[str, str], wires: list[Wire], name: str
) -> Edge:
    """One edge to a port of the block for all of them; what is left of their delays goes inside."""
    least = min(edge.delay for edge in edges)
    wires += [Wire(port, role_of[e.target], e.port, e.delay - least) for e in edges]
    first = edges[0]
    return Edge(
        source=first.source, source_port=first.source_port, target=name, port=port, delay=least
    )
