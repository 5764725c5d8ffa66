"""Packing: which tiles share a core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conversion.node import IntArray
from depth_snn.errors import GraphError
from loihi.placing.faults import first_fault
from loihi.placing.layers import Layer
from loihi.placing.tiling import Cutter, Tile, Tiling


@dataclass(frozen=True, eq=False)
class Packing:
    """Tiles and the cores they lie on.

    Args:
        tilings: By layer.
        tiles: Of all layers, in their order, row by row.
        core_of: Core of each tile; cores are numbered in the order in which they appear.
    """

    tilings: tuple[Tiling, ...]
    tiles: tuple[Tile, ...]
    core_of: IntArray

    @property
    def cores(self) -> int:
        """How many cores."""
        return int(self.core_of.max(initial=-1)) + 1

    def grid(self, layer: int) -> IntArray:
        """Cores of one layer's tiles, (rows of tiles, columns of tiles)."""
        start = sum(_count(t) for t in self.tilings[:layer])
        tiling = self.tilings[layer]
        shape = (tiling.row_bounds.size - 1, tiling.channel_bounds.size - 1)
        return self.core_of[start : start + _count(tiling)].reshape(shape)


def _count(tiling: Tiling) -> int:
    return (tiling.row_bounds.size - 1) * (tiling.channel_bounds.size - 1)


def pack(
    layers: Sequence[Layer],
    cutter: Cutter,
    slack: float,
    caps: Sequence[int],
    alone: frozenset[int] = frozenset(),
) -> Packing:
    """Cut every layer into the fewest tiles and lay each, large ones first, where it fits best.

    Args:
        layers: The layers.
        cutter: Of the target.
        slack: Of every layer's tiling, see :meth:`Cutter.best`.
        caps: Most neurons of a tile, by layer.
        alone: Layers whose tiles share no core.

    Raises:
        GraphError: One neuron of a layer does not fit a core; the node and the limit are named.
    """
    tilings = tuple(
        _cut(cutter.best(layer, cap, slack), layer, cutter)
        for layer, cap in zip(layers, caps, strict=True)
    )
    tiles, demands, shares = _tiles(layers, cutter, tilings)
    order = np.argsort(-shares, kind="stable")
    bins = _Bins(cutter.limits, best=True)
    core_of = np.zeros(len(tiles), np.int64)
    for index in order:
        core_of[index] = bins.put(demands[index], tiles[index].layer in alone)
    return Packing(tilings, tiles, _in_order(core_of))


def first_fit(layers: Sequence[Layer], cutter: Cutter) -> Packing:
    """The baseline: the widest tiles, in the order of the graph, each on the first core with room.

    Raises:
        GraphError: One neuron of a layer does not fit a core; the node and the limit are named.
    """
    most = cutter.limits[0]
    tilings = tuple(_cut(cutter.widest(layer, most), layer, cutter) for layer in layers)
    tiles, demands, _ = _tiles(layers, cutter, tilings)
    bins = _Bins(cutter.limits, best=False)
    core_of = [bins.put(demand, False) for demand in demands]
    return Packing(tilings, tiles, _in_order(np.array(core_of, np.int64)))


def _cut(tiling: Tiling | None, layer: Layer, cutter: Cutter) -> Tiling:
    if tiling is None:
        raise GraphError(first_fault(layer, cutter))
    return tiling


def _tiles(
    layers: Sequence[Layer], cutter: Cutter, tilings: Sequence[Tiling]
) -> tuple[tuple[Tile, ...], IntArray, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    tiles = tuple(tile for index, tiling in enumerate(tilings) for tile in tiling.tiles(index))
    seen: dict[tuple[int, ...], tuple[int, ...]] = {}
    demands = []
    exact = cutter.target.value("axons_in_per_core") is not None
    for tile in tiles:
        key = (tile.layer, tile.last_row - tile.first_row, tile.first, tile.last)
        if exact or key not in seen:
            seen[key] = cutter.demand(layers[tile.layer], tile)
        demands.append(seen[key])
    found = np.array(demands, np.int64)
    return tiles, found, (found / np.array(cutter.limits, np.float64)).max(axis=1)


def _in_order(core_of: IntArray) -> IntArray:
    """Number cores in the order in which they appear."""
    _, first, inverse = np.unique(core_of, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return np.asarray(rank[inverse.reshape(-1)], np.int64)


class _Bins:
    """Cores that fill up."""

    def __init__(self, limits: Sequence[int], best: bool) -> None:
        self._limits = np.array(limits, np.int64)
        self._best = best
        self._room = np.zeros((64, len(limits)), np.int64)
        self._count = 0

    def put(self, demand: IntArray, alone: bool) -> int:
        """Core that takes a tile: the fullest with room, or the first one, or a new one."""
        room = self._room[: self._count]
        fitting = np.flatnonzero((room >= demand).all(axis=1))
        if alone or not fitting.size:
            if self._count == len(self._room):
                self._room = np.concatenate((self._room, np.zeros_like(self._room)))
            # Nothing else fits where a tile wants to be alone.
            self._room[self._count] = -1 if alone else self._limits - demand
            self._count += 1
            return self._count - 1
        chosen = fitting[0]
        if self._best:
            chosen = fitting[(room[fitting] / self._limits).min(axis=1).argmin()]
        room[chosen] -= demand
        return int(chosen)
