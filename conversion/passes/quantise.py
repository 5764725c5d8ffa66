"""From floats to integers: 8-bit weights, scales from calibration, drift-free encoders.

Every activation a is held as an integer n with a ≈ scale·n. A Dense layer with weights
W = s_w·W_int sums in units of s_w·scale_in; its encoder shifts right by whole bits, so the scale
behind it is s_w·scale_in·2^shift: no multiplier is needed. Where a branch meets the residual
stream, s_w is chosen so that both are in units a power of two apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conversion.float_nodes import (
    FloatAdd,
    FloatArray,
    FloatAttention,
    FloatDense,
    FloatInput,
    FloatNode,
    FloatOutput,
)
from conversion.gates import RESTORE
from conversion.graph import Edge, Graph
from conversion.nodes import (
    WEIGHT_MAX,
    Delta,
    Dense,
    Input,
    IntArray,
    LinearAttention,
    Node,
    Output,
    SigmaDelta,
    Skip,
)
from depth_snn.errors import GraphError

PIXEL_OFFSET = 128
"""Grey level subtracted by the input encoder, so that pixels fit eight bits with sign."""


@dataclass(frozen=True)
class QuantConfig:
    """Largest magnitudes of the integers behind each kind of encoder."""

    residual_max: int = 2047
    qkv_max: int = 127
    y_max: int = 255
    hidden_max: int = 255
    state_max: int = 4095
    threshold: int = 0


@dataclass(frozen=True)
class _Coded:
    """An encoder's name, and the float value of its integers: a = scale · (n + offset)."""

    name: str
    scale: float
    offset: int = 0


def quantise(
    graph: Graph,
    ranges: Mapping[str, float],
    gates: tuple[list[Node], list[Edge]],
    config: QuantConfig | None = None,
) -> Graph:
    """Integer graph of a folded float graph, delays not yet balanced.

    Args:
        graph: Float graph without norms.
        ranges: Largest magnitudes from :func:`conversion.passes.calibrate.calibrate`.
        gates: Nodes and edges of the gate population (:func:`conversion.gates.gate_nodes`).
        config: Bit widths.

    Returns:
        Graph in the quantised dialect; ``meta["scales"]`` maps each encoder to its scale.

    Raises:
        GraphError: naming a node that has no integer form.
    """
    work = _Quantiser(graph, ranges, config or QuantConfig())
    work.nodes += gates[0]
    work.edges += gates[1]
    for node in graph.order:
        work.convert(node)
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
        elif isinstance(node, FloatDense):
            if not all(isinstance(u, FloatAdd | FloatOutput) for u in self.users[node.name]):
                self._dense(node)
        elif isinstance(node, FloatAttention):
            self._attention(node)
        elif isinstance(node, FloatAdd):
            self._add(node)
        elif isinstance(node, FloatOutput):
            self._output(node)
        else:
            raise GraphError(f"node {node.name!r}: {node.kind} has no integer form; fold it first")

    def _sources(self, node: Node) -> list[Node]:
        return [self.graph.by_name[e.source] for e in self.graph.incoming[node.name]]

    def _put(self, node: Node, *sources: str) -> None:
        self.nodes.append(node)
        self.edges += [Edge(source=s, target=node.name) for s in sources]

    def _input(self, node: FloatInput) -> None:
        self._put(Input(name=node.name, shape=(node.tokens, node.channels), lo=0, hi=255))
        bias = np.full(node.channels, -PIXEL_OFFSET)
        code = f"{node.name}.code"
        self._put(
            Delta(
                name=code, tokens=node.tokens, channels=node.channels, stage=node.stage, bias=bias,
                shift=0, lo=-PIXEL_OFFSET, hi=255 - PIXEL_OFFSET, threshold=self.config.threshold,
            ),
            node.name,
        )  # fmt: skip
        self.coded[node.name] = _Coded(code, 1.0, PIXEL_OFFSET)

    def _synapses(self, node: FloatDense, unit: float | None = None) -> tuple[float, FloatArray]:
        """Add the Dense of a float layer; returns the unit of its sums and its float bias."""
        (source,) = self._sources(node)
        code = self.coded[source.name]
        peak = float(np.abs(node.weight).max()) or 1.0
        step, exponent = peak / WEIGHT_MAX, 0
        if unit is not None:  # sums must come out in this unit: out << exponent
            exponent = max(0, math.ceil(math.log2(step * code.scale / unit) - 1e-12))
            step = unit * 2**exponent / code.scale
        weight = np.rint(node.weight / step).astype(np.int64)
        name = f"{node.name}.syn"
        self._put(Dense(name=name, tokens=node.tokens, weight=weight, exponent=exponent), code.name)
        unit = step * code.scale / 2**exponent
        bias = node.bias + unit * 2**exponent * code.offset * weight.sum(1)
        return unit, bias

    def _encode(
        self, node: FloatNode, unit: float, bias: FloatArray, top: int, *sources: str,
        relu: bool = False,
    ) -> None:  # fmt: skip
        shift = _shift_for(self.ranges[node.name], unit, top)
        self._put(
            SigmaDelta(
                name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
                bias=_whole(bias / unit), shift=shift, lo=0 if relu else -top, hi=top,
                threshold=self.config.threshold,
            ),
            *sources,
        )  # fmt: skip
        self.coded[node.name] = _Coded(node.name, unit * 2**shift)

    def _dense(self, node: FloatDense) -> None:
        unit, bias = self._synapses(node)
        users = self.users[node.name]
        if any(isinstance(u, FloatAttention) for u in users):
            top = self.config.qkv_max
        elif any(isinstance(u, FloatAdd) for u in users):
            top = self.config.residual_max
        else:
            top = self.config.hidden_max
        self._encode(node, unit, bias, top, f"{node.name}.syn", relu=node.relu)

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
        branches = [n for n in self._sources(node) if n.name not in self.coded]
        streams = [n for n in self._sources(node) if n.name in self.coded]
        if len(branches) != 1 or len(streams) != 1 or not isinstance(branches[0], FloatDense):
            raise GraphError(
                f"node {node.name!r}: expected one residual stream and one Dense branch"
            )
        branch, stream = branches[0], self.coded[streams[0].name]
        (source,) = self._sources(branch)
        step = (float(np.abs(branch.weight).max()) or 1.0) / WEIGHT_MAX
        finer = math.floor(math.log2(stream.scale / (step * self.coded[source.name].scale)) + 1e-12)
        up = max(0, min(finer, 12))
        unit, bias = self._synapses(branch, stream.scale / 2**up)
        skip = f"{node.name}.skip"
        self._put(
            Skip(name=skip, tokens=node.tokens, channels=node.channels, exponent=up), stream.name
        )
        self._encode(node, unit, bias, self.config.residual_max, f"{branch.name}.syn", skip)

    def _output(self, node: FloatOutput) -> None:
        (source,) = self._sources(node)
        if not isinstance(source, FloatDense):
            raise GraphError(f"node {node.name!r}: expected a Dense layer before the output")
        unit, bias = self._synapses(source)
        self._put(
            Output(
                name=node.name, tokens=node.tokens, channels=node.channels, bias=_whole(bias / unit)
            ),
            f"{source.name}.syn",
        )  # fmt: skip
        self.coded[node.name] = _Coded(node.name, unit)


def _shift_for(peak: float, unit: float, top: int) -> int:
    """Smallest right shift after which ``peak`` fits ``top``."""
    return max(0, math.ceil(math.log2(peak / (unit * top)) - 1e-12))


def _whole(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)
