"""Synaptic operations of the quantised dense network, in closed form for each node.

What a graph would do in a frame if every value changed: the yardstick of what silence saves. Zeros
count, since an array of multipliers multiplies them too (docs/fixed_point.md §4, §5 and §10).
"""

from __future__ import annotations

import numpy as np

from conversion.graph import Graph
from conversion.nodes import Conv, Dense, LinearAttention, Node, Regroup, Skip, Sparse, SumPool


def dense_operations(graph: Graph) -> dict[str, int]:
    """Synaptic operations of one whole frame by node; nodes without any are left out."""
    found = {node.name: operations_of(node) for node in graph.nodes}
    return {name: count for name, count in found.items() if count}


def operations_of(node: Node) -> int:
    """Synaptic operations of a node when every entry of its input is a message.

    - Dense: N · repeat · C_in · C_out.
    - Conv: Σ over positions of the outputs whose kernel covers it, · C_in · C_out.
    - Sparse: its synapses.
    - SumPool: the same sum · C.
    - Skip: N · C. Regroup: positions taken · C.
    - LinearAttention: N tokens, each taken out of and put into the state and read: N · 3·H·d².
    """
    if isinstance(node, Dense):
        rows, columns = node.weight.shape
        return int(node.tokens * node.repeat * rows * columns)
    if isinstance(node, Sparse):
        return node.synapses
    if isinstance(node, Conv):
        return _taps(node) * int(node.weight.shape[0] * node.weight.shape[1])
    if isinstance(node, SumPool):
        return _taps(node) * node.channels
    if isinstance(node, Skip):
        return node.tokens * node.channels
    if isinstance(node, Regroup):
        return int((node.index >= 0).sum()) * node.channels
    if isinstance(node, LinearAttention):
        return node.tokens * 3 * node.heads * node.head_dim**2
    return 0


def _taps(node: Conv | SumPool) -> int:
    """Pairs of an output and a place of its window that lies on the grid."""
    pairs = 1
    sides = zip(
        (node.height, node.width), node.grid, node.kernels, node.strides, node.paddings, strict=True
    )
    for size, outputs, kernel, stride, padding in sides:
        first = np.arange(outputs, dtype=np.int64) * stride - padding
        inside = np.minimum(first + kernel, size) - np.maximum(first, 0)
        pairs *= int(np.maximum(inside, 0).sum())
    return pairs
