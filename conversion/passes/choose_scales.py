"""Decide the unit of every sum and the shift of every encoder, from measured ranges.

A Dense or Conv layer with weights W = step · W_int sums in units of step · scale_in; its encoder
shifts right by whole bits, so the scale behind it is step · scale_in · 2^shift: no multiplier is
needed. Where branches meet each other or the residual stream, every step is chosen so that they
are in units a power of two apart.

The ranges come from :func:`conversion.passes.calibrate.calibrate`, which looks at a clip and so is
no pass: it returns a mapping, and this pass turns it into the plan of
:mod:`conversion.scale_plan`. The graph computes the same as before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conversion.float_host_nodes import (
    FloatGelu,
    FloatLayerNorm,
    FloatPlace,
    FloatSoftmaxAttention,
)
from conversion.float_nodes import (
    FloatAdd,
    FloatAttention,
    FloatConv,
    FloatDense,
    FloatInput,
    FloatOutput,
    FloatRegroup,
)
from conversion.graph import Graph
from conversion.nodes import WEIGHT_MAX, Node
from conversion.passes.choose_host_scales import (
    host_top,
    norm_scale,
    place_scale,
    softmax_scale,
    table_scale,
)
from conversion.quant_config import QuantConfig
from conversion.scale_plan import CodeScale, ScalePlan, StateScale, WeightScale
from depth_snn.errors import GraphError

UP_MAX = 12
"""Bits by which a branch may be finer than the residual stream it joins."""


def choose_scales(
    graph: Graph, ranges: Mapping[str, float], config: QuantConfig | None = None
) -> Graph:
    """The same float graph with its scale plan in ``meta``.

    Args:
        graph: Float graph without norms.
        ranges: Largest magnitude by node, and of attention states by ``NAME.state``.
        config: Bit widths.

    Raises:
        GraphError: naming a node that has no integer form, or whose range was not measured.
    """
    for node in graph.order:  # before any range is missed
        if type(node) not in RULES:
            raise GraphError(f"node {node.name!r}: {node.kind} has no integer form; fold it first")
    work = Chooser(graph, ranges, config or QuantConfig())
    for node in graph.order:
        RULES[type(node)](work, node)
    return work.plan.written_into(graph)


class Chooser:
    """One choice under way: the graph, and the plan so far."""

    def __init__(self, graph: Graph, ranges: Mapping[str, float], config: QuantConfig) -> None:
        self.graph, self.ranges, self.config = graph, ranges, config
        self.plan = ScalePlan()
        self.users: dict[str, list[Node]] = {n.name: [] for n in graph.nodes}
        for edge in graph.edges:
            self.users[edge.source].append(graph.by_name[edge.target])

    def sources(self, node: Node) -> list[Node]:
        """What feeds a node, in the order of its edges."""
        return [self.graph.by_name[e.source] for e in self.graph.incoming[node.name]]

    def code(self, name: str) -> CodeScale:
        """How a node's value is sent."""
        return self.plan.codes[name]

    def shift_for(self, key: str, unit: float, top: int) -> int:
        """Smallest right shift after which the measured range fits ``top``."""
        return max(0, math.ceil(math.log2(self.range_of(key) / (unit * top)) - 1e-12))

    def range_of(self, key: str) -> float:
        """Largest magnitude that calibration measured."""
        if key not in self.ranges:
            raise GraphError(f"node {key!r}: no range was measured; calibrate this very graph")
        return self.ranges[key]

    def encode(self, name: str, unit: float, top: int) -> None:
        """An encoder behind sums in ``unit``."""
        shift = self.shift_for(name, unit, top)
        self.plan.codes[name] = CodeScale(name, unit * 2**shift, unit, shift, top)

    def finest(self, node: FloatDense | FloatConv) -> tuple[float, float]:
        """Step of the weights when all of their bits are used, and the unit of the sums then."""
        (source,) = self.sources(node)
        step = (float(np.abs(node.weight).max()) or 1.0) / WEIGHT_MAX
        return step, step * self.code(source.name).scale

    def weigh(self, node: FloatDense | FloatConv, unit: float | None = None) -> float:
        """Choose a layer's step; returns the unit of its sums.

        Args:
            node: The layer.
            unit: Unit that the sums must come out in; None for the layer's own.
        """
        (source,) = self.sources(node)
        scale = self.code(source.name).scale
        step, own = self.finest(node)
        exponent = 0
        if unit is not None:  # out << exponent
            exponent = max(0, math.ceil(math.log2(own / unit) - 1e-12))
            step = unit * 2**exponent / scale
        out = float(step * scale / 2**exponent)
        self.plan.weights[node.name] = WeightScale(step, exponent, out)
        return out


def _input(work: Chooser, node: FloatInput) -> None:
    work.plan.codes[node.name] = CodeScale(f"{node.name}.code", node.scale, node.scale)


def _regroup(work: Chooser, node: FloatRegroup) -> None:
    (source,) = work.sources(node)
    scale = work.code(source.name).scale
    work.plan.codes[node.name] = CodeScale(node.name, scale, scale)


def _dense(work: Chooser, node: FloatDense) -> None:
    # What only ends in sums gets no encoder: the sum decides its unit.
    if not all(isinstance(u, FloatAdd | FloatOutput) for u in work.users[node.name]):
        _encoded(work, node)


def _conv(work: Chooser, node: FloatConv) -> None:
    # What is placed gets its encoder behind the placing.
    if not any(isinstance(u, FloatPlace) for u in work.users[node.name]):
        _encoded(work, node)


def _encoded(work: Chooser, node: FloatDense | FloatConv) -> None:
    """A layer with an encoder of its own."""
    users, config = work.users[node.name], work.config
    read = host_top(users, config)
    if read is not None:
        top = read
    elif any(isinstance(u, FloatAttention) for u in users):
        top = config.qkv_max
    elif any(isinstance(u, FloatAdd) for u in users):
        top = config.residual_max
    elif node.gated:
        top = config.hidden_max
    else:
        top = config.stem_max
    work.encode(node.name, work.weigh(node), top)


def _attention(work: Chooser, node: FloatAttention) -> None:
    by_port = {e.port: work.code(e.source).scale for e in work.graph.incoming[node.name]}
    unit, top = by_port["k"] * by_port["v"], work.config.state_max
    shift = work.shift_for(f"{node.name}.state", unit, top)
    work.plan.states[node.name] = StateScale(shift, top)
    work.encode(node.name, by_port["q"] * unit * 2**shift / node.tokens, work.config.y_max)


def _add(work: Chooser, node: FloatAdd) -> None:
    sources, codes = work.sources(node), work.plan.codes
    branches = [n for n in sources if isinstance(n, FloatDense) and n.name not in codes]
    streams = [n for n in sources if n.name in codes]
    if len(branches) + len(streams) != len(sources) or len(streams) > 1 or not branches:
        raise GraphError(
            f"node {node.name!r}: expected Dense branches and at most one residual stream"
        )
    if streams:
        _residual(work, node, branches, codes[streams[0].name])
    else:
        _merge(work, node, branches)


def _residual(work: Chooser, node: FloatAdd, branches: list[FloatDense], stream: CodeScale) -> None:
    """Branches in units a power of two finer than the stream's."""
    own = min(work.finest(branch)[1] for branch in branches)
    up = max(0, min(math.floor(math.log2(stream.scale / own) + 1e-12), UP_MAX))
    unit = stream.scale / 2**up
    for branch in branches:
        work.weigh(branch, unit)
    work.plan.skips[node.name] = up
    work.encode(node.name, unit, work.config.residual_max)


def _merge(work: Chooser, node: FloatAdd, branches: list[FloatDense]) -> None:
    """Branches in one unit, that in which their weights keep most bits altogether."""
    own = [work.finest(branch)[1] for branch in branches]
    # Every unit is as good as its double; brought below the finest own unit, no sum is cut.
    units = [u / 2 ** max(0, math.ceil(math.log2(u / min(own)) - 1e-12)) for u in own]
    unit = min(units, key=lambda u: sum(-math.log2(o / u) % 1 for o in own))
    for branch in branches:
        work.weigh(branch, unit)
    work.encode(node.name, unit, work.config.decoder_max)


def _output(work: Chooser, node: FloatOutput) -> None:
    (source,) = work.sources(node)
    if not isinstance(source, FloatDense):
        raise GraphError(f"node {node.name!r}: expected a Dense layer before the output")
    unit = work.weigh(source)
    work.plan.codes[node.name] = CodeScale(node.name, unit, unit)


RULES: dict[type[Node], Callable[[Chooser, Any], None]] = {
    FloatInput: _input,
    FloatConv: _conv,
    FloatDense: _dense,
    FloatRegroup: _regroup,
    FloatAttention: _attention,
    FloatAdd: _add,
    FloatOutput: _output,
    FloatLayerNorm: norm_scale,
    FloatGelu: table_scale,
    FloatSoftmaxAttention: softmax_scale,
    FloatPlace: place_scale,
}
"""What is decided for each type of float node; a type that is not here has no integer form.

A new type needs a rule here and one in :data:`conversion.passes.insert_sigma_delta.RULES`.
"""
