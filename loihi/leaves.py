"""Which of our own processes computes which node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delay,
    Delta,
    Dense,
    HostNode,
    LinearAttention,
    Node,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
    Sparse,
    StockSigmaDelta,
    SumPool,
)
from depth_snn.errors import GraphError
from loihi import shim
from loihi.processes.encoder import DeltaEncoder, SigmaDeltaEncoder
from loihi.processes.gate_lif import GateLIF
from loihi.processes.grid import GridConv
from loihi.processes.grid import Regroup as RegroupProcess
from loihi.processes.host_pointwise import HostNorm, HostTable
from loihi.processes.linear_attention import LinearAttention as AttentionProcess
from loihi.processes.output import Accumulator
from loihi.processes.restore_gate import RestoreGate as RestoreGateProcess
from loihi.processes.softmax_attention import SoftmaxAttention
from loihi.processes.sparse import Synapses
from loihi.processes.spiking import Delay as DelayProcess
from loihi.processes.spiking import SumPool as SumPoolProcess
from loihi.processes.token_dense import Skip as SkipProcess
from loihi.processes.token_dense import TokenDense

NEURON_PORTS = {"in": "a_in", "out": "s_out"}
"""Ports of Lava's own neurons."""


def leaf_process(graph: Graph, node: Node) -> tuple[Any, dict[str, str]]:
    """Our own process for a node that is not an Input, and its port names."""
    process = _BUILDERS[node.kind](graph, node)
    return process, getattr(process, "PORTS", NEURON_PORTS)


def _stages(graph: Graph, node: Node) -> int:
    """Rows of the mask on the node's gate port; the node itself does not know them."""
    edge = next(e for e in graph.incoming[node.name] if e.port == "gate")
    stages = graph.by_name[edge.source].output_shape(edge.source_port)[0]
    stage = node.attributes()["stage"]
    if stage >= stages:
        raise GraphError(f"node {node.name!r}: stage {stage}, but its gate has {stages} rows")
    return stages


def _encoder(graph: Graph, node: Delta) -> Any:
    kind = SigmaDeltaEncoder if isinstance(node, SigmaDelta) else DeltaEncoder
    stages = _stages(graph, node) if node.gated else 1
    first = graph.lags[node.name]
    return kind(name=node.name, stages=stages, first=first, **node.attributes())


def _attention(graph: Graph, node: LinearAttention) -> Any:
    return AttentionProcess(name=node.name, **_opening(graph, node), **node.attributes())


def _opening(graph: Graph, node: LinearAttention | HostNode) -> dict[str, int]:
    """Rows of the mask, and the step at which frame 0 reaches a node of latency 1."""
    stages = _stages(graph, node) if node.gated else 1
    return {"stages": stages, "first": graph.lags[node.name] - node.latency}


def _host(graph: Graph, node: HostNode) -> Any:
    kind = _HOST_PROCESSES[node.kind]
    return kind(name=node.name, **_opening(graph, node), **node.attributes())


def _dense(_: Graph, node: Dense) -> Any:
    return TokenDense(name=node.name, **node.attributes())


def _sparse(_: Graph, node: Sparse) -> Any:
    return Synapses(name=node.name, node=node)


def _conv(_: Graph, node: Conv) -> Any:
    return GridConv(
        name=node.name, height=node.height, width=node.width, grid=node.grid, weight=node.weight,
        strides=node.strides, paddings=node.paddings, exponent=node.exponent,
    )  # fmt: skip


def _pool(_: Graph, node: SumPool) -> Any:
    return SumPoolProcess(
        name=node.name, height=node.height, width=node.width, channels=node.channels,
        grid=node.grid, kernels=node.kernels, strides=node.strides, paddings=node.paddings,
        exponent=node.exponent,
    )  # fmt: skip


def _delay(_: Graph, node: Delay) -> Any:
    steps = np.broadcast_to(node.steps, node.shape).reshape(-1)
    return DelayProcess(name=node.name, steps=steps)


def _regroup(_: Graph, node: Regroup) -> Any:
    return RegroupProcess(name=node.name, **node.attributes())


def _skip(_: Graph, node: Skip) -> Any:
    return SkipProcess(name=node.name, size=node.tokens * node.channels, exponent=node.exponent)


def _lif(graph: Graph, node: LIF) -> Any:
    values, lag = node.attributes(), graph.lags[node.name]
    first = lag - values.pop("warmup") if node.biased else 0
    return GateLIF(name=node.name, lag=lag, first=first, **values)


def _restore_gate(_: Graph, node: RestoreGate) -> Any:
    return RestoreGateProcess(name=node.name, **node.attributes())


def _stock_sigma_delta(_: Graph, node: StockSigmaDelta) -> Any:
    """Lava's own process, as a chain of values; nothing of ours would be a better witness."""
    size = node.tokens * node.channels
    rule = {"shape": (size,), "vth": node.threshold, "spike_exp": node.spike_exp,
            "state_exp": node.state_exp}  # fmt: skip
    if node.absolute:
        process = shim.Delta(**rule)
    else:
        process = shim.SigmaDelta(bias=np.resize(node.bias, size), **rule)
    process.name = node.name  # Lava's Delta takes none
    return process


def _output(_: Graph, node: Output) -> Any:
    return Accumulator(name=node.name, **node.attributes())


_HOST_PROCESSES: dict[str, Any] = {
    "HostNorm": HostNorm,
    "HostTable": HostTable,
    "SoftmaxAttention": SoftmaxAttention,
}

_BUILDERS: dict[str, Callable[[Graph, Any], Any]] = {
    "Delta": _encoder,
    "SigmaDelta": _encoder,
    "Dense": _dense,
    "Sparse": _sparse,
    "Conv": _conv,
    "Skip": _skip,
    "Regroup": _regroup,
    "LinearAttention": _attention,
    "LIF": _lif,
    "RestoreGate": _restore_gate,
    "Output": _output,
    "Delay": _delay,
    "SumPool": _pool,
    "StockSigmaDelta": _stock_sigma_delta,
    **dict.fromkeys(_HOST_PROCESSES, _host),
}
