"""From floats to integers: 8-bit weights, scales from calibration, drift-free encoders.

Every activation a is held as an integer n with a ≈ scale·n. A Dense or Conv layer with weights
W = s_w·W_int sums in units of s_w·scale_in; its encoder shifts right by whole bits, so the scale
behind it is s_w·scale_in·2^shift: no multiplier is needed. Where branches meet each other or the
residual stream, every s_w is chosen so that they are in units a power of two apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conversion.float_host_nodes import FloatHostNode, FloatPlace
from conversion.float_nodes import (
    FloatAdd,
    FloatArray,
    FloatAttention,
    FloatConv,
    FloatDense,
    FloatInput,
    FloatNode,
    FloatOutput,
    FloatRegroup,
)
from conversion.gates import RESTORE
from conversion.graph import Edge, Graph
from conversion.nodes import (
    WEIGHT_MAX,
    Conv,
    Delta,
    Dense,
    Input,
    IntArray,
    LinearAttention,
    Node,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
)
from conversion.passes.quantise_host import convert_host, host_top, without_gate
from conversion.quant_config import QuantConfig
from depth_snn.errors import GraphError


@dataclass(frozen=True)
class _Coded:
    """The node whose messages carry a value, and the value of its integers: a = scale · n."""

    name: str
    scale: float


def quantise(
    graph: Graph,
    ranges: Mapping[str, float],
    gates: tuple[list[Node], list[Edge]] | None,
    config: QuantConfig | None = None,
) -> Graph:
    """Integer graph of a folded float graph, delays not yet balanced.

    Args:
        graph: Float graph without norms.
        ranges: Largest magnitudes from :func:`conversion.passes.calibrate.calibrate`.
        gates: Nodes and edges of the gate population (:func:`conversion.gates.gate_nodes`); None
            for a graph without gates, in which every token is open.
        config: Bit widths.

    Returns:
        Graph in the quantised dialect; ``meta["scales"]`` maps each encoder to its scale.

    Raises:
        GraphError: naming a node that has no integer form.
    """
    work = _Quantiser(graph, ranges, config or QuantConfig())
    if gates is not None:
        work.nodes += gates[0]
        work.edges += gates[1]
    for node in graph.order:
        work.convert(node)
    if gates is None:
        work.nodes = [without_gate(n) for n in work.nodes]
    gated = [n for n in work.nodes if "gate" in n.inputs]
    work.edges += [Edge(source=RESTORE, target=n.name, port="gate") for n in gated]
    scales = {c.name: c.scale for c in work.coded.values()}
    return Graph(
        name=graph.name, dialect="quantised", nodes=tuple(work.nodes), edges=tuple(work.edges),
        meta={**graph.meta, "scales": scales},
    )  # fmt: skip


class _Quantiser:
    """One conversion under way."""

    def __init__(self, graph: Graph, ranges: Mapping[str, float], config: QuantConfig) -> None:
        self.graph, self.ranges, self.config = graph, ranges, config
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.coded: dict[str, _Coded] = {}
        self.users: dict[str, list[Node]] = {n.name: [] for n in graph.nodes}
        for edge in graph.edges:
            self.users[edge.source].append(graph.by_name[edge.target])

    def convert(self, node: Node) -> None:
        if isinstance(node, FloatInput):
            self._input(node)
        elif isinstance(node, FloatHostNode):
            convert_host(self, node)
        elif isinstance(node, FloatConv):
            if not any(isinstance(u, FloatPlace) for u in self.users[node.name]):
                self._encoded(node)
        elif isinstance(node, FloatDense):
            if not all(isinstance(u, FloatAdd | FloatOutput) for u in self.users[node.name]):
                self._encoded(node)
        elif isinstance(node, FloatRegroup):
            self._regroup(node)
        elif isinstance(node, FloatAttention):
            self._attention(node)
        elif isinstance(node, FloatAdd):
            self._add(node)
        elif isinstance(node, FloatOutput):
            self._output(node)
        else:
            raise GraphError(f"node {node.name!r}: {node.kind} has no integer form; fold it first")

    def code(self, node: Node, scale: float) -> None:
        """Note that an encoder of the node's own name carries its value."""
        self.coded[node.name] = _Coded(node.name, scale)

    def _sources(self, node: Node) -> list[Node]:
        return [self.graph.by_name[e.source] for e in self.graph.incoming[node.name]]

    def _put(self, node: Node, *sources: str) -> None:
        self.nodes.append(node)
        self.edges += [Edge(source=s, target=node.name) for s in sources]

    def _input(self, node: FloatInput) -> None:
        self._put(Input(name=node.name, shape=(node.tokens, node.channels), lo=0, hi=255))
        code = f"{node.name}.code"
        self._put(
            Delta(
                name=code, tokens=node.tokens, channels=node.channels, stage=node.stage,
                gated=node.gated, bias=np.full(node.channels, -node.offset), shift=0,
                lo=-node.offset, hi=255 - node.offset, threshold=self.config.threshold,
            ),
            node.name,
        )  # fmt: skip
        self.coded[node.name] = _Coded(code, node.scale)

    def _regroup(self, node: FloatRegroup) -> None:
        (source,) = self._sources(node)
        code = self.coded[source.name]
        channels = node.channels // node.index.shape[1]
        self._put(
            Regroup(
                name=node.name, positions=node.positions, channels=channels, index=node.index,
                exponent=0,
            ),
            code.name,
        )  # fmt: skip
        self.coded[node.name] = _Coded(node.name, code.scale)

    def _finest(self, node: FloatDense | FloatConv) -> tuple[float, float]:
        """Step of the weights when all of their bits are used, and the unit of the sums then."""
        (source,) = self._sources(node)
        step = (float(np.abs(node.weight).max()) or 1.0) / WEIGHT_MAX
        return step, step * self.coded[source.name].scale

    def _synapses(
        self, node: FloatDense | FloatConv, unit: float | None = None
    ) -> tuple[str, float]:
        """Add the connection of a layer; returns its name and the unit of its sums.

        Args:
            node: The layer.
            unit: Unit that the sums must come out in; None for the layer's own.
        """
        (source,) = self._sources(node)
        code = self.coded[source.name]
        step, own = self._finest(node)
        exponent = 0
        if unit is not None:  # out << exponent
            exponent = max(0, math.ceil(math.log2(own / unit) - 1e-12))
            step = unit * 2**exponent / code.scale
        weight = np.rint(node.weight / step).astype(np.int64)
        name = f"{node.name}.syn"
        layer: Node
        if isinstance(node, FloatConv):
            layer = Conv(
                name=name, height=node.height, width=node.width, weight=weight,
                stride=node.stride, padding=node.padding, exponent=exponent,
            )  # fmt: skip
        else:
            layer = Dense(
                name=name, tokens=node.tokens, weight=weight, exponent=exponent, repeat=node.repeat
            )
        self._put(layer, code.name)
        return name, step * code.scale / 2**exponent

    def _encode(
        self, node: FloatNode, unit: float, bias: FloatArray, top: int, *sources: str,
        relu: bool = False,
    ) -> None:  # fmt: skip
        shift = _shift_for(self.ranges[node.name], unit, top)
        self._put(
            SigmaDelta(
                name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
                gated=node.gated, bias=_whole(bias / unit), shift=shift, lo=0 if relu else -top,
                hi=top, threshold=self.config.threshold,
            ),
            *sources,
        )  # fmt: skip
        self.coded[node.name] = _Coded(node.name, unit * 2**shift)

    def _encoded(self, node: FloatDense | FloatConv) -> None:
        """A layer with an encoder of its own."""
        name, unit = self._synapses(node)
        users = self.users[node.name]
        if (read := host_top(users, self.config)) is not None:
            top = read
        elif any(isinstance(u, FloatAttention) for u in users):
            top = self.config.qkv_max
        elif any(isinstance(u, FloatAdd) for u in users):
            top = self.config.residual_max
        elif node.gated:
            top = self.config.hidden_max
        else:
            top = self.config.stem_max
        self._encode(node, unit, node.bias, top, name, relu=node.relu)

    def _attention(self, node: FloatAttention) -> None:
        by_port = {e.port: self.coded[e.source] for e in self.graph.incoming[node.name]}
        unit = by_port["k"].scale * by_port["v"].scale
        shift = _shift_for(self.ranges[f"{node.name}.state"], unit, self.config.state_max)
        name = f"{node.name}.attention"
        self.nodes.append(
            LinearAttention(
                name=name, tokens=node.tokens, heads=node.heads, head_dim=node.head_dim,
                stage=node.stage, state_shift=shift, state_max=self.config.state_max,
            )
        )  # fmt: skip
        self.edges += [Edge(source=c.name, target=name, port=p) for p, c in by_port.items()]
        unit = by_port["q"].scale * unit * 2**shift / node.tokens
        top = self.config.y_max
        shift = _shift_for(self.ranges[node.name], unit, top)
        self._put(
            Delta(
                name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
                bias=np.zeros(node.channels, np.int64), shift=shift, lo=-top, hi=top,
                threshold=self.config.threshold,
            ),
            name,
        )  # fmt: skip
        self.coded[node.name] = _Coded(node.name, unit * 2**shift)

    def _add(self, node: FloatAdd) -> None:
        sources = self._sources(node)
        branches = [n for n in sources if isinstance(n, FloatDense) and n.name not in self.coded]
        streams = [n for n in sources if n.name in self.coded]
        if len(branches) + len(streams) != len(sources) or len(streams) > 1 or not branches:
            raise GraphError(
                f"node {node.name!r}: expected Dense branches and at most one residual stream"
            )
        if streams:
            self._residual(node, branches, self.coded[streams[0].name])
        else:
            self._merge(node, branches)

    def _residual(self, node: FloatAdd, branches: list[FloatDense], stream: _Coded) -> None:
        """Branches in units a power of two finer than the stream's."""
        own = min(self._finest(branch)[1] for branch in branches)
        up = max(0, min(math.floor(math.log2(stream.scale / own) + 1e-12), 12))
        names, bias = self._in_unit(branches, stream.scale / 2**up)
        skip = f"{node.name}.skip"
        self._put(
            Skip(name=skip, tokens=node.tokens, channels=node.channels, exponent=up), stream.name
        )
        top, unit = self.config.residual_max, stream.scale / 2**up
        self._encode(node, unit, bias, top, *names, skip, relu=node.relu)

    def _merge(self, node: FloatAdd, branches: list[FloatDense]) -> None:
        """Branches in one unit, that in which their weights keep most bits altogether."""
        own = [self._finest(branch)[1] for branch in branches]
        # Every unit is as good as its double; brought below the finest own unit, no sum is cut.
        units = [u / 2 ** max(0, math.ceil(math.log2(u / min(own)) - 1e-12)) for u in own]
        unit = min(units, key=lambda u: sum(-math.log2(o / u) % 1 for o in own))
        names, bias = self._in_unit(branches, unit)
        self._encode(node, unit, bias, self.config.decoder_max, *names, relu=node.relu)

    def _in_unit(self, branches: list[FloatDense], unit: float) -> tuple[list[str], FloatArray]:
        """Add the branches' connections in a common unit; their names and the sum of biases."""
        names = [self._synapses(branch, unit)[0] for branch in branches]
        return names, np.asarray(sum(branch.bias for branch in branches))

    def _output(self, node: FloatOutput) -> None:
        (source,) = self._sources(node)
        if not isinstance(source, FloatDense):
            raise GraphError(f"node {node.name!r}: expected a Dense layer before the output")
        name, unit = self._synapses(source)
        bias = _whole(source.bias / unit)
        self._put(
            Output(name=node.name, tokens=node.tokens, channels=node.channels, bias=bias), name
        )
        self.coded[node.name] = _Coded(node.name, unit)


def _shift_for(peak: float, unit: float, top: int) -> int:
    """Smallest right shift after which ``peak`` fits ``top``."""
    return max(0, math.ceil(math.log2(peak / (unit * top)) - 1e-12))


def _whole(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)
