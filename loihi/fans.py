"""Fan-in and fan-out: how many synapses a neuron has at most, and drives at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from conversion.nodes import LinearAttention, Node, Sparse
from conversion.reach import synapses_of
from loihi.placing.layers import Layer


def fan_in(layer: Layer) -> int:
    """Most synapses of one neuron of a layer; a straight edge is one."""
    return sum(sum(_synapses_into(node) for node in feed.connections) or 1 for feed in layer.feeds)


def fans_out(layers: Sequence[Layer]) -> dict[str, int]:
    """By layer the most synapses that one of its neurons drives, a bound where several read it."""
    found = {layer.name: 0 for layer in layers}
    for layer in layers:
        for feed in layer.feeds:
            if feed.source in found:
                found[feed.source] += _driven(layer, feed.connections)
    return found


def _synapses_into(node: Node) -> int:
    fields: dict[str, Any] = node.attributes()
    if isinstance(node, Sparse):
        return int(np.bincount(node.targets, minlength=1).max())
    if "weight" in fields:
        return int(fields["weight"][0].size)
    return int(fields.get("kernel_down", 1) * fields.get("kernel_across", 1))


def _driven(layer: Layer, connections: Sequence[Node]) -> int:
    if not connections:
        attention = isinstance(layer.node, LinearAttention)
        return layer.heads[1] if attention else 1
    most = 1
    for node in connections:
        values = int(np.prod(node.output_shape("out")))
        most *= int(synapses_of(node, np.zeros(values, np.int64)).synapses.max(initial=0))
    return most
