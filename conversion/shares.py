"""How much of a graph's work lies on neurocores, the embedded processor and the host.

The work is counted as docs/fixed_point.md §10 counts it, for a frame in which every message is
non-zero and every token open: synaptic operations, neuron updates, and multiply-accumulates off the
neurocores. So it is the dense network's work, in closed form, and no run needs more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

from conversion.dense_operations import operations_of
from conversion.graph import Graph
from conversion.host_nodes import HostNode, HostNorm, SoftmaxAttention
from conversion.node import Node, Place
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Output,
    Regroup,
    RestoreGate,
    Skip,
    Sparse,
    SumPool,
)
from depth_snn.errors import GraphError

PLACES: tuple[Place, ...] = get_args(Place)


def dense_operations(node: Node) -> int:
    """Operations of a node in one frame in which everything changes.

    Raises:
        GraphError: naming a node whose work has no closed form here.
    """
    if isinstance(node, Input):
        return 0
    if isinstance(node, HostNode):
        return _host_operations(node)
    if isinstance(node, Dense):
        return node.tokens * node.repeat * int(node.weight.size)
    if isinstance(node, Sparse):
        return node.synapses
    if isinstance(node, Conv | SumPool | Regroup):
        return operations_of(node)
    if isinstance(node, LinearAttention):
        return 3 * node.tokens * node.heads * node.head_dim**2
    if isinstance(node, RestoreGate):
        return node.stages * node.tokens + node.regions
    if isinstance(node, Delta | Skip | LIF | Output):
        return math.prod(node.output_shape("out"))
    raise GraphError(f"node {node.name!r} ({node.kind}): its operations have no closed form here")


def _host_operations(node: HostNode) -> int:
    values = node.tokens * node.width
    if isinstance(node, SoftmaxAttention):
        pairs = node.heads * node.tokens**2
        return pairs * (3 * node.head_dim + 1) + values
    return 3 * values if isinstance(node, HostNorm) else values


def operations_by_place(graph: Graph) -> dict[Place, int]:
    """Operations of one dense frame by where they run.

    Args:
        graph: A graph of the quantised dialect.
    """
    total: dict[Place, int] = dict.fromkeys(PLACES, 0)
    for node in graph.nodes:
        total[node.runs_on] += dense_operations(node)
    return total


def shares_of(operations: Mapping[Place, int]) -> dict[Place, float]:
    """Each place's part of all operations, 0 to 1.

    Raises:
        GraphError: if there are none.
    """
    whole = sum(operations.values())
    if not whole:
        raise GraphError("the graph does no work, so no share of it lies anywhere")
    return {place: count / whole for place, count in operations.items()}


def share_line(graph: Graph) -> str:
    """One line for people: the shares of one dense frame."""
    operations = operations_by_place(graph)
    parts = ", ".join(
        f"{100 * part:.2f} % {place}" for place, part in shares_of(operations).items()
    )
    return f"operations of a dense frame: {sum(operations.values()):,}: {parts}"
