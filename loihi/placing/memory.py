"""The memory model: bytes that neurons and synapses take on a core (docs/placement.md).

Ours and modelled; no layout of the chip is public. Words have 4 bytes. A neuron keeps its state, a
ring of sums as long as the longest delay that ends at it, and its bias. A synapse lies with its
receiver: every input that reaches a core has a list of weights there, one byte each behind one byte
of heading, in whole words. Where weights are shared by tokens or positions a core keeps one list
for each input channel and place in the window, however many tokens it holds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from conversion.nodes import Conv, Dense, Node, Sparse
from loihi.placing.layers import Layer

WORD_BYTES = 4
HEAD_BYTES = 1


def list_bytes(weights: int) -> int:
    """Bytes of one list of so many weights."""
    return WORD_BYTES * -(-(weights + HEAD_BYTES) // WORD_BYTES) if weights else 0


def synaptic_bytes(layer: Layer, first: int, last: int) -> int:
    """Bytes of the lists of weights towards channels first … last − 1 of a layer, on one core."""
    return sum(_of_connection(node, first, last) for node in layer.synapses)


def _of_connection(node: Node, first: int, last: int) -> int:
    if isinstance(node, Dense):
        outputs, inputs = (int(n) for n in node.weight.shape)
        return inputs * list_bytes(min(outputs, last - first))
    if isinstance(node, Conv):
        return int(node.weight[0].size) * list_bytes(last - first)
    if isinstance(node, Sparse):
        lengths = np.bincount(_sources(node)[(node.targets >= first) & (node.targets < last)])
        return sum(
            int(many) * list_bytes(int(length))
            for length, many in zip(*np.unique(lengths, return_counts=True), strict=True)
        )
    return list_bytes(1)  # all synapses have the same weight


@lru_cache(maxsize=4)
def _sources(node: Sparse) -> Any:
    return np.repeat(np.arange(node.sources), np.diff(node.starts))


def state_bytes(layer: Layer, rows: int, first: int, last: int, *, serial: bool) -> int:
    """Bytes of state of a tile.

    Args:
        layer: The layer.
        rows: Rows that lie on the core.
        first: First channel that lies on it.
        last: The channel behind the last one.
        serial: One neuron serves all rows in turn: state is by row, the ring of sums is not.
    """
    channels = last - first
    rings = channels if serial else rows * channels
    words = layer.words * rows * channels + layer.ring * rings
    if layer.biases:
        words += rows * channels if layer.biases == "neuron" else channels
    heads, width = layer.heads
    if heads:
        words += ((last - 1) // width - first // width + 1) * width**2
    return WORD_BYTES * words
