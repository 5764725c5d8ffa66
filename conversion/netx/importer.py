"""A netx file as a graph: input, dense, conv and flatten layers, CUBA or sigma-delta neurons.

Dense layers may be recurrent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.netx.chain import Chain
from conversion.netx.neurons import SIGMA, check_cuba, cuba
from conversion.netx.read import Layer, read_layers
from conversion.netx.sigma_delta import add_input_encoder, add_sigma_delta, is_sigma_delta
from conversion.netx.synapses import bias_of, conv_weight, delays_of, dense_weights, parts_of
from conversion.nodes import LIF, Conv, Delay, Dense, Input, Output
from depth_snn.errors import GraphError

CURRENT_TOP = 2**15 - 1
"""Largest input of a first population: netx feeds it through a bias of 16 bits."""

REFUSED = {
    "dense_comp": "complex layers have no counterpart here; export a real network",
    "average": "averaging spikes is a readout, not a layer of neurons; import the layers before it "
    "and average their spikes",
    "pool": "netx cannot run pooling either; use a conv layer with stride, or import through NIR",
    "unpool": "netx cannot run unpooling either; use a dense layer",
    "convT": "netx cannot run transposed convolutions either; use a dense layer",
    "concat": "netx cannot run concatenation either; import the branches one by one",
}
"""What each kind of layer that cannot be imported needs instead."""


def import_netx(
    path: Path | str, *, as_netx: bool = False, layers: int | None = None, reset_every: int = 0
) -> Graph:
    """Read a network that lava-dl exported for netx.

    The graph's Input takes one frame a step: rows are positions of the picture, columns its
    channels, in the units of the first population's input. ``meta["netx"]["input"]`` holds the
    weight and bias which lava-dl applies to raw values first (current = weight·x + bias).

    Args:
        path: The file.
        as_netx: Do what lava-dl's netx does where it is wrong or silently different, so that its
            outputs are reproduced: biases speak from step 0, fractions and weights outside −256 …
            254 are cut off, sigma-delta thresholds are 64 times too high and their encoders drift.
            Otherwise that is corrected, or refused naming the layer.
        layers: Import only the first so many layers.
        reset_every: Frames between resets of all potentials, netx's ``reset_interval``; 0 never.

    Raises:
        GraphError: in one line naming file and layer, if it cannot be imported.
    """
    path = Path(path)
    found = read_layers(path, layers)
    try:
        return _Importer(as_netx, reset_every).graph(path.stem, found)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None


class _Importer:
    """Adds one layer after another to a chain."""

    def __init__(self, as_netx: bool, reset_every: int) -> None:
        self._as_netx = as_netx
        self._reset_every = reset_every
        self._chain = Chain()
        self._flatten = False
        self._scale: dict[str, float] = {}

    def graph(self, name: str, layers: list[Layer]) -> Graph:
        if layers[0].kind != "input":
            raise layers[0].fault("the first layer is no input layer, so the input's shape is open")
        for layer in layers:
            last = all(rest.kind == "flatten" for rest in layers[layer.index + 1 :])
            try:
                self._add(layer, last)
            except GraphError as error:
                # A node's own words do not name the layer; a layer's do.
                known = str(error).startswith("layer ")
                raise error if known else layer.fault(str(error)) from None
        facts: dict[str, Any] = {"source": "netx", "as_netx": self._as_netx, "input": self._scale}
        return self._chain.graph(name, {"netx": facts})

    def _add(self, layer: Layer, last: bool) -> None:
        if layer.kind == "input":
            if layer.index:
                raise layer.fault("an input layer in the middle of a network")
            self._input(layer)
        elif layer.kind == "flatten":
            self._flatten = True
        elif layer.kind == "conv":
            self._conv(layer, last)
        elif layer.kind in ("dense", "dense_rec"):
            self._dense(layer, last)
            self._flatten = False
        else:
            known = "known are input, dense, dense_rec, conv, flatten"
            hint = REFUSED.get(layer.kind, f"this kind of layer is unknown; {known}")
            before = f"; --layers {layer.index} imports what comes before it" if layer.index else ""
            raise layer.fault(hint + before)

    def _input(self, layer: Layer) -> None:
        shape = [int(n) for n in layer.whole("shape").reshape(-1)]
        if len(shape) not in (1, 3) or min(shape) < 1 or np.prod(shape, dtype=np.float64) > 2**26:
            raise layer.fault(f"shape {shape} is neither (n,) nor (channels, rows, columns)")
        channels, rows, columns = shape if len(shape) == 3 else (shape[0], 1, 1)
        self._scale = {
            key: float(np.asarray(layer.values[key], np.float64).reshape(-1)[0])
            for key in ("weight", "bias")
            if key in layer
            and np.size(layer.values[key])
            and not isinstance(layer.values[key], str)
        }
        neuron = layer.has_neuron
        low, high = (-CURRENT_TOP - 1, CURRENT_TOP) if neuron else (0, 1)
        image = Input(name="input", shape=(rows * columns, channels), lo=low, hi=high)
        self._chain.start(image, (rows, columns), channels)
        if not neuron:
            return
        if is_sigma_delta(layer):
            add_input_encoder(self._chain, layer, self._as_netx)
            return
        # netx feeds a first population through its bias, which no current filters.
        rule = {**cuba(layer, self._as_netx), "du": 4095}
        self._populate(layer, rule, np.zeros(0, np.int64))

    def _populate(self, layer: Layer, rule: dict[str, int], bias: Any) -> None:
        chain = self._chain
        node = LIF(
            name=f"layer{layer.index}.lif", count=chain.places, channels=chain.channels,
            reset="zero", bias=bias, reset_every=self._reset_every, **rule,
            warmup=chain.lag if self._as_netx else 0,
        )  # fmt: skip
        chain.add(node)

    def _neurons(self, layer: Layer, bias: Any, last: bool) -> None:
        """What stands behind the synapses of a layer."""
        if is_sigma_delta(layer):
            add_sigma_delta(self._chain, layer, bias, self._as_netx)
        elif layer.has_neuron:
            self._populate(layer, cuba(layer, self._as_netx), bias)
        elif self._as_netx:
            self._populate(layer, SIGMA, bias)
        elif last:
            chain = self._chain
            chain.add(
                Output(name="output", tokens=chain.places, channels=chain.channels, bias=bias)
            )
        else:
            raise layer.fault("has no neuron, which only the last layer may lack")

    def _conv(self, layer: Layer, last: bool) -> None:
        chain = self._chain
        if self._flatten:
            raise layer.fault("a conv layer behind a flatten layer")
        if "delay" in layer and not self._as_netx and layer.whole("delay").any():
            raise layer.fault("netx drops the delays of conv layers; export it without them")
        (stride, stride_across), (padding, beside) = (
            layer.pair("stride", 1),
            layer.pair("padding", 0),
        )
        window = {"height": chain.grid[0], "width": chain.grid[1], "stride": stride,
                  "stride_across": stride_across, "padding": padding,
                  "padding_across": beside}  # fmt: skip
        if min(stride, stride_across) < 1 or min(padding, beside) < 0:
            raise layer.fault(f"stride {stride, stride_across} or padding {padding, beside}")
        weight = conv_weight(layer, chain.channels, self._as_netx)
        self._windows(layer, weight, window)
        self._check_shape(layer)
        self._neurons(layer, bias_of(layer, chain.channels, self._as_netx), last)

    def _windows(self, layer: Layer, weight: Any, window: dict[str, int]) -> None:
        nodes = [
            Conv(
                name=_part(layer, "conv", i),
                weight=part,
                exponent=shift + self._chain.gain,
                **window,
            )
            for i, (part, shift) in enumerate(parts_of(weight))
        ]
        self._chain.connect(nodes, nodes[0].grid, int(weight.shape[0]))

    def _check_shape(self, layer: Layer) -> None:
        chain = self._chain
        got = [chain.channels, *chain.grid]
        want = [int(n) for n in layer.whole("shape").reshape(-1)] if "shape" in layer else got
        if want != got:
            raise layer.fault(f"its shape says {want}, but its kernels give {got}")

    def _dense(self, layer: Layer, last: bool) -> None:
        chain = self._chain
        outputs = int(np.prod(np.maximum(layer.whole("shape"), 0), dtype=np.float64))
        inputs = chain.places * chain.channels
        if chain.places > 1 and not self._flatten:
            raise layer.fault("stands behind a grid without a flatten layer; netx fails on it too")
        weight, *loop = dense_weights(layer, outputs, inputs, self._as_netx)
        where, steps = delays_of(layer, outputs, inputs, self._as_netx)
        if loop:
            _check_loop(layer, where)
        if where == "in":
            steps = steps.reshape(chain.channels, chain.places).T
            chain.add(Delay(name=f"layer{layer.index}.delay", shape=steps.shape, steps=steps))
        if chain.places > 1:
            # netx flattens channel by channel, which is what a kernel of the grid's size does.
            kernels = weight.reshape(outputs, chain.channels, *chain.grid)
            whole = {"height": chain.grid[0], "width": chain.grid[1], "stride": 1, "padding": 0}
            self._windows(layer, kernels, whole)
        else:
            chain.connect(_denses(layer, "dense", weight, chain.gain), (1, 1), outputs)
        if where == "out":
            chain.delay(f"layer{layer.index}.delay", steps)
        self._neurons(layer, bias_of(layer, outputs, self._as_netx), last)
        for matrix in loop:
            chain.loop(_denses(layer, "rec", matrix, 0))


def _denses(layer: Layer, kind: str, weight: Any, gain: int) -> list[Dense]:
    return [
        Dense(name=_part(layer, kind, i), tokens=1, weight=part, exponent=shift + gain)
        for i, (part, shift) in enumerate(parts_of(weight))
    ]


def _check_loop(layer: Layer, delayed: str) -> None:
    """Refuse recurrent layers whose loop would not be what was trained."""
    if is_sigma_delta(layer) or not layer.has_neuron:
        raise layer.fault("recurrence needs spiking neurons here; train CUBA neurons")
    if delayed:
        raise layer.fault("netx delays the spikes that come back too; export it without delays")


def _part(layer: Layer, kind: str, index: int) -> str:
    return f"layer{layer.index}.{kind}" + ("" if index == 0 else f".low{index}")


__all__ = ["REFUSED", "check_cuba", "import_netx"]
