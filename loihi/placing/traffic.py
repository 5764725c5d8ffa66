"""Messages between cores: a copy for each core that holds a target of the sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from conversion.node import IntArray
from loihi.placing.layers import Layer
from loihi.placing.packing import Packing
from loihi.placing.reach import Block, heard

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Traffic:
    """Copies of messages in a frame by pair of cores.

    Args:
        cores: Number of cores.
        source, target: (pairs,) cores; no pair twice. A core may send to itself.
        copies: (pairs,) messages in a frame.
    """

    cores: int
    source: IntArray
    target: IntArray
    copies: FloatArray

    def sent(self) -> FloatArray:
        """Copies that each core sends, (cores,)."""
        return _sums(self.source, self.copies, self.cores)

    def between(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Pairs a < b with the copies both ways; what stays on a core left out."""
        low, high = np.minimum(self.source, self.target), np.maximum(self.source, self.target)
        apart = low != high
        keys, place = np.unique(low[apart] * self.cores + high[apart], return_inverse=True)
        total = _sums(place, self.copies[apart], keys.size)
        return keys // self.cores, keys % self.cores, total


def traffic_of(layers: Sequence[Layer], packing: Packing, messages: Mapping[str, float]) -> Traffic:
    """Count the copies between all cores.

    Args:
        layers: The layers.
        packing: Where their tiles lie.
        messages: Messages per frame of nodes; those it does not name send one from each value.
    """
    rates = {
        layer.name: messages[layer.name] / prod(layer.shape)
        for layer in layers
        if layer.name in messages
    }
    return _copies(layers, packing, rates, turns=False)


def axons_out(layers: Sequence[Layer], packing: Packing, *, serial: bool) -> IntArray:
    """Pairs of a neuron of a core and another core, or its own, that it reaches: (cores,)."""
    found = _copies(layers, packing, {}, turns=serial).sent()
    return np.asarray(np.rint(found), np.int64)


def _copies(
    layers: Sequence[Layer], packing: Packing, rates: Mapping[str, float], *, turns: bool
) -> Traffic:
    index = {layer.name: i for i, layer in enumerate(layers)}
    wanted: dict[tuple[int, int], list[Block]] = {}
    for tile, core in zip(packing.tiles, packing.core_of, strict=True):
        layer = layers[tile.layer]
        for feed in layer.feeds:
            source = index.get(feed.source)
            if source is not None:
                blocks = heard(layer, feed, tile.block)
                wanted.setdefault((source, int(core)), []).extend(blocks)
    grids = [packing.grid(i) for i in range(len(layers))]
    keys, amounts = [np.zeros(0, np.int64)], [np.zeros(0)]
    for (source, core), blocks in wanted.items():
        tiling = packing.tilings[source]
        many = _by_tile(blocks, tiling.row_bounds, tiling.channel_bounds, turns)
        hit = many > 0
        keys.append(grids[source][hit] * packing.cores + core)
        amounts.append(many[hit] * rates.get(layers[source].name, 1.0))
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    total = _sums(place, np.concatenate(amounts), pairs.size)
    return Traffic(packing.cores, pairs // packing.cores, pairs % packing.cores, total)


def _sums(place: IntArray, amounts: FloatArray, size: int) -> FloatArray:
    return np.bincount(place.reshape(-1), amounts, size).astype(np.float64)


def _by_tile(
    blocks: Sequence[Block], rows: IntArray, channels: IntArray, turns: bool
) -> FloatArray:
    """How many of the values some blocks name lie in each tile, each value once."""
    if turns:  # one neuron of each channel, whatever its rows
        named = np.unique(np.concatenate([block.channels for block in blocks]))
        across = np.diff(np.searchsorted(named, channels)).astype(np.float64)
        down = np.zeros(rows.size - 1)
        for block in blocks:
            down = np.maximum(down, np.diff(np.searchsorted(block.rows, rows)))
        return (down[:, None] > 0) * across
    if len(blocks) == 1:
        down = np.diff(np.searchsorted(blocks[0].rows, rows))
        across = np.diff(np.searchsorted(blocks[0].channels, channels))
        return (down[:, None] * across).astype(np.float64)
    mask = np.zeros((int(rows[-1]), int(channels[-1])), np.bool_)
    for block in blocks:
        mask[np.ix_(block.rows, block.channels)] = True
    by_row = np.add.reduceat(mask.astype(np.float64), rows[:-1], axis=0)
    found: FloatArray = np.add.reduceat(by_row, channels[:-1], axis=1)
    return found
