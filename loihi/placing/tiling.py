"""Tilings: a layer cut into tiles of rows × channels, each of which a core can hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from conversion.node import IntArray
from conversion.nodes import Sparse
from loihi.placing.layers import Layer
from loihi.placing.memory import state_bytes, synaptic_bytes
from loihi.placing.reach import Block, heard
from loihi.target import Target

RESOURCES = (
    "neurons_per_core", "synaptic_bytes_per_core", "memory_bytes_per_core", "axons_in_per_core",
)  # fmt: skip
"""What a tile takes of a core, in the order of its demand."""
UNLIMITED = 2**62
PATIENCE = 12
"""Widths of tiles without gain after which the search for a better one ends."""


@dataclass(frozen=True)
class Tile:
    """Rows first_row … last_row − 1 and channels first … last − 1 of a layer."""

    layer: int
    first_row: int
    last_row: int
    first: int
    last: int

    @property
    def block(self) -> Block:
        """Its values."""
        return Block(np.arange(self.first_row, self.last_row), np.arange(self.first, self.last))


@dataclass(frozen=True)
class Tiling:
    """Tiles of rows × channels; the last of each row and column may be smaller.

    Args:
        shape: Rows and channels of the layer.
        rows, channels: Of a tile.
    """

    shape: tuple[int, int]
    rows: int
    channels: int

    @property
    def row_bounds(self) -> IntArray:
        """First row of each row of tiles, and the end."""
        return np.append(np.arange(0, self.shape[0], self.rows), self.shape[0])

    @property
    def channel_bounds(self) -> IntArray:
        """First channel of each column of tiles, and the end."""
        return np.append(np.arange(0, self.shape[1], self.channels), self.shape[1])

    def tiles(self, layer: int) -> Iterator[Tile]:
        """The tiles, row by row."""
        rows, channels = self.row_bounds, self.channel_bounds
        for r in range(rows.size - 1):
            for c in range(channels.size - 1):
                yield Tile(layer, *map(int, (rows[r], rows[r + 1], channels[c], channels[c + 1])))


@dataclass(frozen=True, eq=False)
class Cutter:
    """Cuts layers into tiles that a target's cores can hold.

    Args:
        target: The target.
        serial: One neuron of each channel serves all rows in turn (docs/placement.md).
    """

    target: Target
    serial: bool

    @property
    def limits(self) -> tuple[int, ...]:
        """What a core has of each of :data:`RESOURCES`."""
        values = (self.target.value(name) for name in RESOURCES)
        return tuple(UNLIMITED if value is None else value for value in values)

    def demand(self, layer: Layer, tile: Tile) -> tuple[int, ...]:
        """What a tile takes of each of :data:`RESOURCES`."""
        rows, channels = tile.last_row - tile.first_row, tile.last - tile.first
        synaptic = synaptic_bytes(layer, tile.first, tile.last)
        state = state_bytes(layer, rows, tile.first, tile.last, serial=self.serial)
        axons = 0
        if self.target.value("axons_in_per_core") is not None:
            axons = self.axons_in(layer, tile)
        neurons = channels if self.serial else rows * channels
        return neurons, synaptic, synaptic + state, axons

    def axons_in(self, layer: Layer, tile: Tile) -> int:
        """Neurons and lines of gates that reach a tile; of the same source counted once."""
        by_source: dict[str, list[Block]] = {}
        for feed in layer.feeds:
            by_source.setdefault(feed.source, []).extend(heard(layer, feed, tile.block))
        gates = len(layer.gates) * (1 if self.serial else tile.last_row - tile.first_row)
        return gates + sum(_distinct(blocks, self.serial) for blocks in by_source.values())

    def fits(self, layer: Layer, tile: Tile) -> bool:
        """Whether a core of its own holds a tile."""
        return all(d <= m for d, m in zip(self.demand(layer, tile), self.limits, strict=True))

    def widest(self, layer: Layer, cap: int) -> Tiling | None:
        """The widest tiles, as long as they then can be: what the first-fit baseline takes."""
        low, high = 0, layer.shape[1]
        while low < high:
            middle = (low + high + 1) // 2
            if self._rows(layer, middle, cap):
                low = middle
            else:
                high = middle - 1
        return Tiling(layer.shape, self._rows(layer, low, cap), low) if low else None

    def best(self, layer: Layer, cap: int, slack: float) -> Tiling | None:
        """Tiles that take the fewest cores, remainders counted by the share of a core they take.

        Args:
            layer: The layer.
            cap: Most neurons of a tile, at or below the target's.
            slack: Part of the fewest that may be given away for wider tiles: a message is copied
                once to each column of tiles.

        Returns:
            The tiling; None where no core holds one neuron.
        """
        found: list[tuple[float, Tiling]] = []
        least, waited = float("inf"), 0
        channels = layer.shape[1]
        for width in sorted({-(-channels // m) for m in range(1, channels + 1)}, reverse=True):
            rows = self._rows(layer, width, cap)
            if rows:
                tiling = Tiling(layer.shape, rows, width)
                found.append((self._cost(layer, tiling), tiling))
                waited = 0 if found[-1][0] < least else waited + 1
                least = min(least, found[-1][0])
            if waited > PATIENCE:
                break
        return next((tiling for cost, tiling in found if cost <= least * (1 + slack)), None)

    def _cost(self, layer: Layer, tiling: Tiling) -> float:
        """Sum over all tiles of the part of a core that each takes."""
        rows, channels = tiling.shape
        whole, rest = divmod(rows, tiling.rows)
        spans = [(span, 1) for span in _columns(layer, tiling.channels)]
        if not _varies(layer):
            full, narrow = divmod(channels, tiling.channels)
            spans = [((0, tiling.channels), full)]
            if narrow:
                spans.append(((channels - narrow, channels), 1))
        total = 0.0
        for (first, last), many in spans:
            total += many * whole * self._share(layer, tiling.rows, first, last)
            if rest:
                total += many * self._share(layer, rest, first, last)
        return total

    def _share(self, layer: Layer, rows: int, first: int, last: int) -> float:
        demand = self.demand(layer, Tile(0, 0, rows, first, last))
        return max(d / m for d, m in zip(demand, self.limits, strict=True))

    def _rows(self, layer: Layer, width: int, cap: int) -> int:
        """Most rows of tiles so wide; 0 where one row does not fit."""
        most = min(self._rows_of(layer, span, cap) for span in _columns(layer, width))
        if most < 1 or self.target.value("axons_in_per_core") is None:
            return max(0, most)
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if all(self.fits(layer, t) for t in Tiling(layer.shape, middle, width).tiles(0)):
                low = middle
            else:
                high = middle - 1
        return low

    def _rows_of(self, layer: Layer, span: tuple[int, int], cap: int) -> int:
        first, last = span
        neurons, synapses, memory, _ = self.limits
        synaptic = synaptic_bytes(layer, first, last)
        one, two = (state_bytes(layer, n, first, last, serial=self.serial) for n in (1, 2))
        room = memory - synaptic - one
        if synaptic > synapses or room < 0 or last - first > min(neurons, cap):
            return 0
        rows = layer.shape[0] if two == one else 1 + room // (two - one)
        by_neurons = layer.shape[0] if self.serial else min(neurons, cap) // (last - first)
        return min(layer.shape[0], rows, by_neurons)


def _varies(layer: Layer) -> bool:
    """Whether tiles of the same width differ in what they take."""
    return bool(layer.heads[0]) or any(isinstance(node, Sparse) for node in layer.synapses)


def _columns(layer: Layer, width: int) -> list[tuple[int, int]]:
    """Channels of the columns of tiles; where equal ones take the same, the first and the last."""
    channels = layer.shape[1]
    starts = list(range(0, channels, width))
    if not _varies(layer):
        starts = sorted({starts[0], starts[-1]})
    return [(start, min(channels, start + width)) for start in starts]


def _distinct(blocks: list[Block], serial: bool) -> int:
    """Values, or in turn channels, that some blocks of one source name, each once."""
    if serial:
        return int(np.unique(np.concatenate([block.channels for block in blocks])).size)
    if len(blocks) == 1:
        return blocks[0].size
    width = 1 + max(int(block.channels.max(initial=0)) for block in blocks)
    values = [(b.rows[:, None] * width + b.channels).reshape(-1) for b in blocks]
    return int(np.unique(np.concatenate(values)).size)
