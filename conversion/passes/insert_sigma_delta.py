"""From floats to integers: connections with 8-bit weights, and a drift-free encoder per value.

Carries out the plan of `choose_scales`. Behind the stem every encoder follows the schedule of its
token, an Input of its own; `insert_gates` puts the recovery gate between. Nothing is pruned and no
change is too small to send, so with an open schedule this is the quantised dense network.
"""

from __future__ import annotations

from collections.abc import Callable
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
    FloatArray,
    FloatAttention,
    FloatConv,
    FloatDense,
    FloatInput,
    FloatNode,
    FloatOutput,
    FloatRegroup,
)
from conversion.gates import SCHED
from conversion.graph import Edge, Graph
from conversion.node import IntArray
from conversion.nodes import (
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
)
from conversion.passes.insert_host_nodes import (
    insert_norm,
    insert_place,
    insert_softmax,
    insert_table,
)
from conversion.passes.round_weights import integer_weight
from conversion.scale_plan import PLAN, plan_of
from depth_snn.errors import GraphError


def insert_sigma_delta(graph: Graph) -> Graph:
    """Integer graph of a float graph with scales; delays are not yet balanced.

    Returns:
        Graph in the quantised dialect; ``meta["scales"]`` maps each encoder to what a unit of its
        messages stands for.

    Raises:
        GraphError: if the graph has no scales, or naming a node that has no integer form.
    """
    work = Inserter(graph)
    for node in graph.order:
        rule = RULES.get(type(node))
        if rule is None:
            raise GraphError(f"node {node.name!r}: {node.kind} has no integer form; fold it first")
        rule(work, node)
    meta = {key: value for key, value in graph.meta.items() if key != PLAN}
    meta["scales"] = work.plan.scales
    return _scheduled(graph, work, meta)


def _scheduled(graph: Graph, work: Inserter, meta: dict[str, Any]) -> Graph:
    """The graph with every gate port fed by the schedule, if there is one."""
    gated = [n for n in work.nodes if "gate" in n.inputs]
    nodes = list(work.nodes)
    if gated:
        stages = 1 + max(int(getattr(n, "stage", 0)) for n in gated)
        tokens = {int(getattr(n, "tokens", 0)) for n in gated}
        if len(tokens) != 1:
            raise GraphError(f"graph {graph.name!r}: gated nodes of {sorted(tokens)} tokens")
        nodes.insert(0, Input(name=SCHED, shape=(stages, *tokens), lo=0, hi=1))
    edges = work.edges + [Edge(source=SCHED, target=n.name, port="gate") for n in gated]
    return Graph(
        name=graph.name, dialect="quantised", nodes=tuple(nodes), edges=tuple(edges), meta=meta
    )


class Inserter:
    """One conversion under way: the plan, and the nodes and edges so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.plan = graph, plan_of(graph)
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def put(self, node: Node, *sources: str) -> None:
        """Add a node that reads ``sources`` on its port ``in``."""
        self.nodes.append(node)
        self.edges += [Edge(source=s, target=node.name) for s in sources]

    def source_code(self, node: Node) -> str:
        """Integer node that sends what a node's only source stands for."""
        (edge,) = self.graph.incoming[node.name]
        return self.plan.codes[edge.source].code

    def synapses(self, node: FloatDense | FloatConv) -> str:
        """Add the connection of a layer; returns its name."""
        scale, name = self.plan.weights[node.name], f"{node.name}.syn"
        weight = integer_weight(node.weight, scale)
        layer: Node
        if isinstance(node, FloatConv):
            layer = Conv(
                name=name, height=node.height, width=node.width, weight=weight,
                stride=node.stride, padding=node.padding, exponent=scale.exponent,
            )  # fmt: skip
        else:
            layer = Dense(
                name=name, tokens=node.tokens, weight=weight, exponent=scale.exponent,
                repeat=node.repeat,
            )  # fmt: skip
        self.put(layer, self.source_code(node))
        return name

    def encoder(self, node: FloatNode, bias: FloatArray, *sources: str, relu: bool = False) -> None:
        """Add the sigma-delta encoder of a node's value."""
        code = self.plan.codes[node.name]
        self.put(
            SigmaDelta(
                name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
                gated=node.gated, bias=_whole(bias / code.unit), shift=code.shift,
                lo=0 if relu else -code.top, hi=code.top,
            ),
            *sources,
        )  # fmt: skip


def _input(work: Inserter, node: FloatInput) -> None:
    work.put(Input(name=node.name, shape=(node.tokens, node.channels), lo=0, hi=255))
    work.put(
        Delta(
            name=work.plan.codes[node.name].code, tokens=node.tokens, channels=node.channels,
            stage=node.stage, gated=node.gated, bias=np.full(node.channels, -node.offset), shift=0,
            lo=-node.offset, hi=255 - node.offset,
        ),
        node.name,
    )  # fmt: skip


def _regroup(work: Inserter, node: FloatRegroup) -> None:
    channels = node.channels // node.index.shape[1]
    work.put(
        Regroup(
            name=node.name, positions=node.positions, channels=channels, index=node.index,
            exponent=0,
        ),
        work.source_code(node),
    )  # fmt: skip


def _layer(work: Inserter, node: FloatDense | FloatConv) -> None:
    if node.name in work.plan.codes:  # else it is a branch, and the sum adds its connection
        work.encoder(node, node.bias, work.synapses(node), relu=node.relu)


def _attention(work: Inserter, node: FloatAttention) -> None:
    codes, name = work.plan.codes, f"{node.name}.attention"
    state, code = work.plan.states[node.name], codes[node.name]
    work.nodes.append(
        LinearAttention(
            name=name, tokens=node.tokens, heads=node.heads, head_dim=node.head_dim,
            stage=node.stage, state_shift=state.shift, state_max=state.top,
        )
    )  # fmt: skip
    work.edges += [
        Edge(source=codes[e.source].code, target=name, port=e.port)
        for e in work.graph.incoming[node.name]
    ]
    work.put(
        Delta(
            name=node.name, tokens=node.tokens, channels=node.channels, stage=node.stage,
            bias=np.zeros(node.channels, np.int64), shift=code.shift, lo=-code.top, hi=code.top,
        ),
        name,
    )  # fmt: skip


def _add(work: Inserter, node: FloatAdd) -> None:
    sources = [work.graph.by_name[e.source] for e in work.graph.incoming[node.name]]
    branches = [
        n for n in sources if isinstance(n, FloatDense) and n.name not in work.plan.codes
    ]  # fmt: skip
    names = [work.synapses(branch) for branch in branches]
    for stream in sources:
        if stream.name in work.plan.codes:
            skip = Skip(
                name=f"{node.name}.skip", tokens=node.tokens, channels=node.channels,
                exponent=work.plan.skips[node.name],
            )  # fmt: skip
            work.put(skip, work.plan.codes[stream.name].code)
            names.append(skip.name)
    bias = np.asarray(sum(branch.bias for branch in branches))
    work.encoder(node, bias, *names, relu=node.relu)


def _output(work: Inserter, node: FloatOutput) -> None:
    (edge,) = work.graph.incoming[node.name]
    source = work.graph.by_name[edge.source]
    assert isinstance(source, FloatDense), "choose_scales refuses everything else"
    bias = _whole(source.bias / work.plan.codes[node.name].unit)
    work.put(
        Output(name=node.name, tokens=node.tokens, channels=node.channels, bias=bias),
        work.synapses(source),
    )


def _whole(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)


RULES: dict[type[Node], Callable[[Inserter, Any], None]] = {
    FloatInput: _input,
    FloatConv: _layer,
    FloatDense: _layer,
    FloatRegroup: _regroup,
    FloatAttention: _attention,
    FloatAdd: _add,
    FloatOutput: _output,
    FloatLayerNorm: insert_norm,
    FloatGelu: insert_table,
    FloatSoftmaxAttention: insert_softmax,
    FloatPlace: insert_place,
}
"""What becomes of each type of float node; see :data:`conversion.passes.choose_scales.RULES`."""
