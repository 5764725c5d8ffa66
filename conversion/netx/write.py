"""A graph as a netx file, where it is a chain of the layers that lava-dl's netx can run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conversion.graph import Graph
from conversion.netx.layers import Group, groups_of
from conversion.netx.synapses import NETX_HIGH, NETX_LOW
from conversion.nodes import LIF, Conv, Delay, Dense, Input, Output
from depth_snn.errors import GraphError

MAX_DELAY = 62
"""Most steps that netx delays; it cuts off the rest."""


def export_netx(graph: Graph, path: Path | str) -> list[str]:
    """Write a chain of populations, dense and conv connections as lava-dl's netx reads it.

    An existing file is replaced only when all is written.

    Args:
        graph: Input, then connections and populations one behind the other; an Output at the end
            becomes a layer without a neuron.
        path: Where to write.

    Returns:
        What netx will do differently, in one line each.

    Raises:
        GraphError: naming the node that netx cannot express and what would help.
    """
    path = Path(path)
    layers: list[dict[str, Any]] = []
    for group in groups_of(graph):
        layers += _layers(group, graph.meta)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            for index, layer in enumerate(layers):
                for key, value in layer.items():
                    # netx casts weights to int; 16 bits hold all that it takes.
                    small = value.astype(np.int16) if key == "weight" and np.ndim(value) else value
                    file.create_dataset(f"layer/{index}/{key}", data=small)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return _notes(graph)


def _notes(graph: Graph) -> list[str]:
    biased = [n for n in graph.nodes if isinstance(n, LIF) and n.biased]
    late = [n.name for n in biased if n.warmup < graph.lags[n.name]]
    notes = [f"in netx the bias of {', '.join(late)} speaks from step 0 on, before frame 0"]
    sums = [f"in netx the sum of {n.name} wraps at 24 bits" for n in graph.of_kind("Output")]
    return (notes if late else []) + sums


def _fault(node: Any, message: str) -> GraphError:
    return GraphError(f"node {node.name!r} ({node.kind}): {message}")


def _layers(group: Group, meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    if isinstance(group.head, Input):
        return [_input_layer(group, meta)]
    weight = sum(np.asarray(n.weight) << n.exponent for n in group.parts)
    _check_weight(group, np.asarray(weight))
    layer, flat = _connection(group, np.asarray(weight))
    tail = group.tail
    if isinstance(tail, LIF):
        layer.update(_neuron(tail))
        if tail.biased:
            layer["bias"] = _bias(tail)
    elif isinstance(tail, Output):
        if layer["type"][0] != b"dense":
            raise _fault(tail, "netx needs a neuron behind a conv layer; put a LIF there")
        if tail.bias.any():
            layer["bias"] = tail.bias
    if group.delay is not None:
        layer["delay"] = _delays(group.delay, layer)
    return ([{"type": _kind("flatten"), "shape": np.array(flat)}] if flat else []) + [layer]


def _kind(name: str) -> Any:
    return np.array([name.encode()], "S10")


def _input_layer(group: Group, meta: Mapping[str, Any]) -> dict[str, Any]:
    rows, columns = group.grid
    channels = int(group.head.output_shape("out")[1])
    shape = [channels] if rows * columns == 1 else [channels, rows, columns]
    layer: dict[str, Any] = {"type": _kind("input"), "shape": np.array(shape)}
    facts = meta.get("netx")
    scale = facts.get("input", {}) if isinstance(facts, Mapping) else {}
    if isinstance(group.tail, LIF):
        if group.tail.biased or group.tail.du != 4095:
            fault = "netx feeds a first population through its bias: it needs du 4095 and no bias"
            raise _fault(group.tail, fault)
        layer.update(_neuron(group.tail))
        layer.update({key: np.float32(scale[key]) for key in ("weight", "bias") if key in scale})
    return layer


def _neuron(node: LIF) -> dict[str, Any]:
    if node.reset != "zero":
        raise _fault(node, f"netx has no reset {node.reset!r}; use reset 'zero'")
    if node.reset_every:
        raise _fault(node, "a periodic reset is an argument of netx, reset_interval; leave it out")
    return {
        "neuron/type": np.bytes_(b"CUBA"),
        "neuron/iDecay": node.du + 1,
        "neuron/vDecay": node.dv,
        "neuron/vThMant": node.vth,
        "neuron/refDelay": 1,
        "neuron/gradedSpike": False,
    }


def _bias(node: LIF) -> Any:
    if node.bias.shape != (node.channels,):
        raise _fault(node, "netx takes one bias per channel")
    if int(np.abs(node.bias).max()) >= 2**15:
        raise _fault(node, "netx keeps a bias in 16 bits; scale weights and threshold down")
    return node.bias


def _check_weight(group: Group, weight: Any) -> None:
    low, high = int(weight.min()), int(weight.max())
    if low < NETX_LOW or high > NETX_HIGH:
        raise _fault(group.head, f"weights span {low}..{high}; netx takes {NETX_LOW}..{NETX_HIGH}")
    if low == high == 0:
        raise _fault(group.head, "all weights are 0, on which netx fails; leave the layer out")


def _connection(group: Group, weight: Any) -> tuple[dict[str, Any], list[int]]:
    """The layer, and the flattened shape that must stand before it, if any."""
    node = group.head
    outputs = int(weight.shape[0])
    if isinstance(node, Dense):
        if node.repeat > 1:
            raise _fault(node, "netx has no repeated weights; use repeat 1")
        if node.tokens == 1:
            return {"type": _kind("dense"), "shape": np.array([outputs]), "weight": weight}, []
        window = {"stride": [1, 1], "padding": [0, 0]}
        return _conv(weight[:, :, None, None], group.grid, window), []
    assert isinstance(node, Conv)
    whole = node.kernels == (node.height, node.width) and node.paddings == (0, 0)
    if whole:
        flat = weight.reshape(outputs, -1)
        shape = [1, 1, int(flat.shape[1])]
        return {"type": _kind("dense"), "shape": np.array([outputs]), "weight": flat}, shape
    window = {"stride": list(node.strides), "padding": list(node.paddings)}
    return _conv(weight, node.grid, window), []


def _conv(weight: Any, grid: tuple[int, int], window: Mapping[str, list[int]]) -> dict[str, Any]:
    return {
        "type": _kind("conv"),
        "shape": np.array([int(weight.shape[0]), *grid]),
        "weight": weight,
        "dilation": np.array([1, 1]),
        "groups": 1,
        **{key: np.array(value) for key, value in window.items()},
    }


def _delays(node: Delay, layer: Mapping[str, Any]) -> Any:
    if layer["type"][0] != b"dense":
        raise _fault(node, "netx drops delays of conv layers; delay a dense layer")
    if int(node.steps.max()) > MAX_DELAY:
        raise _fault(node, f"netx delays by at most {MAX_DELAY} steps")
    return np.array(np.broadcast_to(node.steps, node.shape)).reshape(-1)
