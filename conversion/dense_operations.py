"""Synaptic operations of the quantised dense network, in closed form for each node.

What a graph would do in a frame if every value changed: the yardstick of what silence saves. Zeros
count, since an array of multipliers multiplies them too (docs/fixed_point.md §4, §5 and §10).
"""

from __future__ import annotations

import numpy as np

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.nodes import Conv, Dense, LinearAttention, Node, Regroup, Skip, Sparse


def dense_operations(graph: Graph) -> dict[str, int]:
    """Synaptic operations of one whole frame by node; nodes without any are left out."""
    found = {node.name: operations_of(node) for node in graph.nodes}
    return {name: count for name, count in found.items() if count}


def operations_of(node: Node) -> int:
    """Synaptic operations of a node when every entry of its input is a message.

    - Dense: N · repeat · C_in · C_out.
    - Conv: Σ over positions of the outputs whose kernel covers it, · C_in · C_out.
    - Sparse: its synapses.
    - Skip: N · C. Regroup: N · P · C.
    - LinearAttention: N tokens, each taken out of and put into the state and read: N · 3·H·d².
    """
    if isinstance(node, Dense):
        rows, columns = node.weight.shape
        return int(node.tokens * node.repeat * rows * columns)
    if isinstance(node, Sparse):
        return node.synapses
    if isinstance(node, Conv):
        rows, columns = node.grid
        down = _taps(node, node.height, rows).sum()
        across = _taps(node, node.width, columns).sum()
        return int(down * across) * int(node.weight.shape[0] * node.weight.shape[1])
    if isinstance(node, Skip):
        return node.tokens * node.channels
    if isinstance(node, Regroup):
        return int(node.index.size) * node.channels
    if isinstance(node, LinearAttention):
        return node.tokens * 3 * node.heads * node.head_dim**2
    return 0


def _taps(node: Conv, size: int, outputs: int) -> IntArray:
    """Along one side: for each output, how many of its kernel's places lie on the grid."""
    first = np.arange(outputs, dtype=np.int64) * node.stride - node.padding
    inside = np.minimum(first + node.kernel, size) - np.maximum(first, 0)
    return np.asarray(np.maximum(inside, 0), np.int64)
