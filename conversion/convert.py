"""The whole way from a torch network to an integer graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy.typing as npt
from torch import nn

from conversion.from_torch import build_float_graph
from conversion.gates import gate_nodes
from conversion.graph import Edge, Graph
from conversion.node import Node
from conversion.passes.balance_delays import balance_delays
from conversion.passes.calibrate import calibrate
from conversion.passes.choose_scales import choose_scales
from conversion.passes.fold_norms import fold_norms
from conversion.passes.insert_gates import insert_gates
from conversion.passes.insert_sigma_delta import insert_sigma_delta
from conversion.passes.lower import lower
from conversion.passes.open_gates import open_gates
from conversion.passes.round_weights import round_weights
from conversion.passes.set_thresholds import set_thresholds
from conversion.quant_config import QuantConfig
from conversion.verify_float import verify_float
from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.errors import GraphError
from depth_snn.pruning.prices import Prices

PASSES = (
    "build", "fold_norms", "choose_scales", "round_weights", "insert_sigma_delta",
    "set_thresholds", "insert_gates", "balance_delays", "lower",
)  # fmt: skip
"""Steps of a conversion in their order; ``build`` reads the network, ``lower`` verifies."""

Watch = Callable[[str, Graph], None]
"""Told the name of each step of :data:`PASSES` and the graph after it."""


def convert(
    model: nn.Module,
    gate: GateConfig | None,
    prices: Prices | None,
    clip: Iterable[npt.ArrayLike],
    config: QuantConfig | None = None,
    watch: Watch = lambda name, graph: None,
) -> Graph:
    """Run every pass; each is a function from graph to graph in :mod:`conversion.passes`.

    Args:
        model: Network in evaluation mode.
        gate: The recovery gate that goes into the graph; None for a graph without gates, in which
            every token is open.
        prices: MACs that the gate charges; needed with a gate.
        clip: Grey levels (H, W, 3) of calibration frames.
        config: Bit widths and thresholds.
        watch: Told of each step, for progress and for the error of each pass.

    Returns:
        A verified graph in the quantised dialect.
    """
    config = config or QuantConfig()

    def told(name: str, graph: Graph) -> Graph:
        watch(name, graph)
        return graph

    graph = told("build", build_float_graph(model))
    verify_float(graph)
    graph = told("fold_norms", fold_norms(graph))
    verify_float(graph, folded=True)
    gates = _gates_of(graph, gate, prices)
    ranges = calibrate(graph, clip)
    graph = told("choose_scales", choose_scales(graph, ranges, config))
    graph = told("round_weights", round_weights(graph))
    verify_float(graph, folded=True)
    graph = told("insert_sigma_delta", insert_sigma_delta(graph))
    graph = told("set_thresholds", set_thresholds(graph, config.threshold))
    gated = open_gates(graph) if gates is None else insert_gates(graph, gates)
    graph = told("insert_gates", gated)
    graph = told("balance_delays", balance_delays(graph))
    return told("lower", lower(graph))


def _gates_of(
    graph: Graph, gate: GateConfig | None, prices: Prices | None
) -> tuple[list[Node], list[Edge]] | None:
    if gate is None:
        return None
    if prices is None or "network" not in graph.meta:
        raise GraphError(f"graph {graph.name!r}: gates need prices and a network of tokens")
    return gate_nodes(NetworkConfig.from_dict(graph.meta["network"]), gate, prices)
