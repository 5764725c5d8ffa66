"""What of its sources a tile of neurons needs to hear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from conversion.node import IntArray
from conversion.nodes import Conv, Dense, Node, Regroup, Sparse, SumPool
from loihi.placing.layers import Feed, Layer


@dataclass(frozen=True, eq=False)
class Block:
    """Rows × channels of one node's values, each listed ascending and once."""

    rows: IntArray
    channels: IntArray

    @property
    def size(self) -> int:
        """How many values."""
        return self.rows.size * self.channels.size


def heard(layer: Layer, feed: Feed, block: Block) -> list[Block]:
    """Values of a feed's source that a block of the layer's neurons needs.

    Args:
        layer: The layer that receives.
        feed: One of its feeds.
        block: Its neurons.

    Returns:
        Blocks of the source's values; they do not overlap.
    """
    blocks = [block]
    if not feed.connections:
        return [_straight(layer, feed, block)]
    for node in reversed(feed.connections):
        blocks = [before for after in blocks for before in _before(node, after)]
    return blocks


def _straight(layer: Layer, feed: Feed, block: Block) -> Block:
    heads, width = layer.heads
    if not heads:
        return block
    head = np.unique(block.channels // width)
    channels = (head[:, None] * width + np.arange(width)).reshape(-1)
    # Keys and values of every token go into the sums of a head, a query to its own token.
    rows = block.rows if feed.port == "q" else np.arange(layer.shape[0])
    return Block(rows, channels)


def _before(node: Node, block: Block) -> Iterator[Block]:
    if isinstance(node, Dense):
        outputs, inputs = (int(n) for n in node.weight.shape)
        group = np.unique(block.channels // outputs)
        yield Block(block.rows, (group[:, None] * inputs + np.arange(inputs)).reshape(-1))
    elif isinstance(node, Conv):
        yield Block(_windows(node, block.rows), np.arange(int(node.weight.shape[1])))
    elif isinstance(node, SumPool):
        yield Block(_windows(node, block.rows), block.channels)
    elif isinstance(node, Regroup):
        place, channel = np.divmod(block.channels, node.channels)
        for p in np.unique(place):
            rows = node.index[block.rows, p]
            yield Block(np.sort(rows[rows >= 0]), channel[place == p])
    elif isinstance(node, Sparse):
        chosen = np.isin(node.targets, block.channels)
        source = np.searchsorted(node.starts, np.flatnonzero(chosen), side="right") - 1
        yield Block(np.zeros(1, np.int64), np.unique(source))
    else:
        yield block


def _windows(node: Conv | SumPool, rows: IntArray) -> IntArray:
    """Positions under the windows of some outputs."""
    down, across = np.divmod(rows, node.grid[1])
    places = []
    for at, side, kernel, stride, padding in zip(
        (down, across), (node.height, node.width), node.kernels, node.strides, node.paddings,
        strict=True,
    ):  # fmt: skip
        place = at[:, None] * stride - padding + np.arange(kernel)
        places.append((place, (place >= 0) & (place < side)))
    (y, in_y), (x, in_x) = places
    position = y[:, :, None] * node.width + x[:, None, :]
    mask = np.zeros(node.height * node.width, np.bool_)
    mask[position[in_y[:, :, None] & in_x[:, None, :]]] = True
    return np.flatnonzero(mask)
