"""Fewest cores: what no placement on a target can stay below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from loihi.placing.layers import Layer
from loihi.placing.memory import state_bytes, synaptic_bytes
from loihi.placing.tiling import RESOURCES, Cutter


def needs(layers: Sequence[Layer], cutter: Cutter) -> dict[str, int]:
    """What a whole network takes, every weight and sum kept once, by limit of a core."""
    neurons = synaptic = state = 0
    for layer in layers:
        rows, channels = layer.shape
        neurons += channels if cutter.serial else prod(layer.shape)
        synaptic += synaptic_bytes(layer, 0, channels)
        state += state_bytes(layer, rows, 0, channels, serial=cutter.serial)
    totals = (neurons, synaptic, synaptic + state)
    return dict(zip(RESOURCES, totals, strict=False))


def fewest_cores(layers: Sequence[Layer], cutter: Cutter) -> Mapping[str, int]:
    """Cores that each resource asks for at least; the largest is a bound.

    Layers with more weights than a core holds keep them on several; none can do with less.
    """
    found = {}
    for name, need in needs(layers, cutter).items():
        most = cutter.target.value(name)
        if most is not None:
            found[name] = max(1, -(-need // most))
    return found
