"""Place a graph on a target: partition, then places on the mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from conversion.graph import Graph
from conversion.node import IntArray
from conversion.placement import Part, Placement
from depth_snn.errors import ConfigError, GraphError
from loihi.placing.bounds import fewest_cores
from loihi.placing.faults import REMEDIES, Fault
from loihi.placing.layers import Layer, layers_of
from loihi.placing.mesh import Slots, hops, least_hops, settle, slots_of
from loihi.placing.packing import Packing, first_fit, pack
from loihi.placing.tiling import Cutter
from loihi.placing.traffic import Traffic, axons_out, traffic_of
from loihi.target import Target

MAPPINGS = ("spatial", "serial")
SLACKS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1.0)
"""Parts of the fewest cores that layers may give away for wider tiles, each tried."""
COPIES = 1.3
"""Copies a partition may have for each of the one with the fewest: cores are not worth any way."""
REPAIRS = 24
"""Rounds in which tiles with too many output axons are made smaller."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A graph on a target.

    Args:
        placement: Where its neurons lie.
        target: The target.
        mapping: ``"spatial"`` or ``"serial"``.
        traffic: Copies of messages between cores in a frame.
        hops: Routers that they pass in a frame, chips counted as one mesh.
        between_chips: Copies that leave their chip.
        least_hops: Bound on the hops of these cores.
        fewest_cores: Bound on the cores, by resource.
    """

    placement: Placement
    target: Target
    mapping: str
    traffic: Traffic
    hops: float
    between_chips: float
    least_hops: float
    fewest_cores: Mapping[str, int]

    @property
    def cores(self) -> int:
        """Cores used."""
        return len(self.placement.cores)

    @property
    def chips(self) -> int:
        """Chips used."""
        return len(self.placement.chips)


def place(
    graph: Graph,
    target: Target,
    *,
    mapping: str = "spatial",
    seed: int = 0,
    messages: Mapping[str, float] | None = None,
) -> Placed:
    """Place a graph with few cores and short ways.

    Args:
        graph: A graph of the quantised dialect.
        target: Where to.
        mapping: ``"spatial"``: a neuron for every token and channel. ``"serial"``: a neuron for
            every channel, which serves the tokens in turn and keeps their states in memory.
        seed: Of the search for places.
        messages: Messages per frame by node, of a run; one from each value where it is silent.

    Returns:
        The placement and its figures; the same for the same arguments.

    Raises:
        ConfigError: There is no such mapping.
        GraphError: The graph cannot be placed; the message names the node and the limit.
    """
    cutter = _cutter(target, mapping)
    layers = layers_of(graph)
    packing = _partition(layers, cutter)
    traffic = traffic_of(layers, packing, messages or {})
    slots = _slots(graph, layers, cutter, packing)
    slot_of = settle(traffic, slots, np.random.default_rng(seed))
    return _placed(layers, cutter, mapping, packing, traffic, slots, slot_of)


def place_first_fit(
    graph: Graph,
    target: Target,
    *,
    mapping: str = "spatial",
    messages: Mapping[str, float] | None = None,
) -> Placed:
    """The baseline: widest tiles on the first core with room, cores in their order on the mesh.

    Output axons are not held to their limit here. Arguments and errors are those of :func:`place`.
    """
    cutter = _cutter(target, mapping)
    layers = layers_of(graph)
    packing = first_fit(layers, cutter)
    traffic = traffic_of(layers, packing, messages or {})
    slots = _slots(graph, layers, cutter, packing)
    return _placed(layers, cutter, mapping, packing, traffic, slots, np.arange(packing.cores))


def _cutter(target: Target, mapping: str) -> Cutter:
    if mapping not in MAPPINGS:
        raise ConfigError(f"no mapping '{mapping}', expected one of {', '.join(MAPPINGS)}")
    return Cutter(target, mapping == "serial")


def _partition(layers: Sequence[Layer], cutter: Cutter) -> Packing:
    """Of partitions by several slacks the one with the fewest cores that keeps the copies few.

    Raises:
        GraphError: None of them keeps the limits; what the last one broke is named.
    """
    found: list[tuple[int, float, Packing]] = []
    fault: GraphError | None = None
    seen = set()
    for slack in SLACKS:
        try:
            packing = _repaired(layers, cutter, slack)
        except GraphError as error:
            fault = error
            continue
        if packing.tilings in seen:
            continue
        seen.add(packing.tilings)
        copies = float(traffic_of(layers, packing, {}).copies.sum())
        found.append((packing.cores, copies, packing))
    if not found:
        assert fault is not None
        raise fault
    few = COPIES * min(copies for _, copies, _ in found)
    return min((entry for entry in found if entry[1] <= few), key=lambda entry: entry[:2])[2]


def _repaired(layers: Sequence[Layer], cutter: Cutter, slack: float) -> Packing:
    """Pack; where cores have too many output axons, make their tiles smaller and pack again."""
    caps = [cutter.limits[0]] * len(layers)
    packing = pack(layers, cutter, slack, caps)
    most = cutter.target.value("axons_out_per_core")
    if most is None:
        return packing
    alone: set[int] = set()
    for _ in range(REPAIRS):
        sent = axons_out(layers, packing, serial=cutter.serial)
        if (sent <= most).all():
            return packing
        if packing.cores > cutter.target.cores:
            break  # every further round makes more of them
        for core in np.flatnonzero(sent > most):
            there = [packing.tiles[i] for i in np.flatnonzero(packing.core_of == core)]
            alone.update(tile.layer for tile in there)
            if len(there) == 1:
                _shrink(there[0].layer, caps, packing, int(sent[core]), most)
        packing = pack(layers, cutter, slack, caps, frozenset(alone))
    worst = int(sent.argmax())
    layer = packing.tiles[int(np.flatnonzero(packing.core_of == worst)[0])].layer
    raise GraphError(_axon_fault(layers[layer].name, int(sent[worst]), most, cutter.target))


def _shrink(layer: int, caps: list[int], packing: Packing, sent: int, most: int) -> None:
    tiling = packing.tilings[layer]
    neurons = tiling.rows * tiling.channels
    if neurons == 1:
        return  # its targets may still be cut into fewer tiles; the last round names it
    caps[layer] = max(1, min(caps[layer], neurons) * most // sent)


def _axon_fault(node: str, sent: int, most: int, target: Target) -> str:
    limit = "axons_out_per_core"
    return f"{Fault(node, limit, sent, most, 'axons', REMEDIES[limit])} (target {target.name})"


def _slots(graph: Graph, layers: Sequence[Layer], cutter: Cutter, packing: Packing) -> Slots:
    target = cutter.target
    if packing.cores > target.cores:
        least = fewest_cores(layers, cutter)
        by = max(least, key=lambda name: least[name])
        raise GraphError(
            f"graph {graph.name!r}: takes {packing.cores} cores as placed here, at least "
            f"{least[by]} by {by}; target {target.name} has {target.cores}; take a target with "
            "more chips, or a smaller network"
        )
    return slots_of(target, packing.cores)


def _placed(
    layers: Sequence[Layer],
    cutter: Cutter,
    mapping: str,
    packing: Packing,
    traffic: Traffic,
    slots: Slots,
    slot_of: IntArray,
) -> Placed:
    cores = tuple(slots.core(int(slot)) for slot in slot_of)
    parts = {layer.name: _parts(packing, i) for i, layer in enumerate(layers)}
    chip = slots.chip[slot_of]
    leaving = chip[traffic.source] != chip[traffic.target]
    return Placed(
        placement=Placement(cores, parts),
        target=cutter.target,
        mapping=mapping,
        traffic=traffic,
        hops=hops(traffic, slots, slot_of),
        between_chips=float(traffic.copies[leaving].sum()),
        least_hops=least_hops(traffic, cutter.target),
        fewest_cores=MappingProxyType(dict(fewest_cores(layers, cutter))),
    )


def _parts(packing: Packing, layer: int) -> tuple[Part, ...]:
    """Runs of a layer's values, row by row; neighbours on one core are one run."""
    tiling, grid = packing.tilings[layer], packing.grid(layer)
    rows, channels = tiling.shape
    by_row = np.repeat(grid, np.diff(tiling.row_bounds), axis=0)
    firsts = (np.arange(rows)[:, None] * channels + tiling.channel_bounds[:-1]).reshape(-1)
    core = by_row.reshape(-1)
    begins = np.flatnonzero(np.append(True, core[1:] != core[:-1]))
    ends = np.append(firsts[begins[1:]], rows * channels)
    return tuple(
        Part(int(c), int(first), int(last))
        for c, first, last in zip(core[begins], firsts[begins], ends, strict=True)
    )
