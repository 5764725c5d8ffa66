"""Why one neuron of a layer does not fit a core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conversion.nodes import Sparse
from loihi.placing.layers import Layer
from loihi.placing.tiling import RESOURCES, Cutter, Tile

REMEDIES = {
    "neurons_per_core": "take another target",
    "synaptic_bytes_per_core": "give the node fewer inputs, or cut it in two and add their sums",
    "memory_bytes_per_core": "shorten the delays that end at it, or give it fewer inputs",
    "axons_in_per_core": "give it fewer inputs, or put a population between that adds them up",
    "axons_out_per_core": "let fewer nodes read it, or copy it through a Skip",
}


@dataclass(frozen=True)
class Fault:
    """A limit that a node breaks.

    Args:
        node: Name of the node.
        limit: Name of the limit.
        value, most: What it needs and what there is, in the limit's unit.
        unit: That unit.
        remedy: What to do.
    """

    node: str
    limit: str
    value: int
    most: int
    unit: str
    remedy: str

    def __str__(self) -> str:
        return (
            f"node {self.node!r}: {self.limit} needs {self.value} {self.unit}, the target has "
            f"{self.most}; {self.remedy}"
        )


def faults_of(layer: Layer, cutter: Cutter) -> list[Fault]:
    """Limits that no core can keep with one neuron of the layer, the neuron that needs most."""
    worst = (0,) * len(RESOURCES)
    for tile in _single(layer, cutter):
        worst = tuple(map(max, worst, cutter.demand(layer, tile)))
    return [
        Fault(layer.name, name, need, most, cutter.target.limits[name].unit, REMEDIES[name])
        for name, need, most in zip(RESOURCES, worst, cutter.limits, strict=True)
        if need > most
    ]


def first_fault(layer: Layer, cutter: Cutter) -> str:
    """The first of :func:`faults_of` as a line that names the target."""
    faults = faults_of(layer, cutter)
    assert faults, layer.name
    return f"{faults[0]} (target {cutter.target.name})"


def _single(layer: Layer, cutter: Cutter) -> Iterator[Tile]:
    """Single neurons, at least one of every need."""
    rows, channels = layer.shape
    by_row = cutter.target.value("axons_in_per_core") is not None and not cutter.serial
    by_channel = any(isinstance(node, Sparse) for node in layer.synapses)
    for r in range(rows if by_row else 1):
        for c in range(channels if by_channel else 1):
            yield Tile(0, r, r + 1, c, c + 1)
