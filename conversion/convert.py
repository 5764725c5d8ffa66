"""The whole way from a torch network to an integer graph."""

from __future__ import annotations

from collections.abc import Iterable

import numpy.typing as npt
from torch import nn

from conversion.bounds import verify
from conversion.from_torch import build_float_graph
from conversion.gates import gate_nodes
from conversion.graph import Graph
from conversion.passes.balance_delays import balance_delays
from conversion.passes.calibrate import calibrate
from conversion.passes.fold_norms import fold_norms
from conversion.passes.quantise import quantise
from conversion.quant_config import QuantConfig
from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.errors import GraphError
from depth_snn.pruning.prices import Prices


def convert(
    model: nn.Module,
    gate: GateConfig | None,
    prices: Prices | None,
    clip: Iterable[npt.ArrayLike],
    config: QuantConfig | None = None,
) -> Graph:
    """Build, fold, calibrate, quantise, balance and verify.

    Args:
        model: Network in evaluation mode.
        gate: The recovery gate that goes into the graph; None for a graph without gates.
        prices: MACs that the gate charges; needed with a gate.
        clip: Grey levels (H, W, 3) of calibration frames.
        config: Bit widths.

    Returns:
        A verified graph in the quantised dialect.
    """
    floats = fold_norms(build_float_graph(model))
    gates = None
    if gate is not None:
        if prices is None or "network" not in floats.meta:
            raise GraphError(f"graph {floats.name!r}: gates need prices and a network of tokens")
        gates = gate_nodes(NetworkConfig.from_dict(floats.meta["network"]), gate, prices)
    ranges = calibrate(floats, clip)
    graph = balance_delays(quantise(floats, ranges, gates, config))
    verify(graph)
    return graph
