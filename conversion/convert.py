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
from depth_snn.pruning.prices import Prices


def convert(
    model: nn.Module,
    gate: GateConfig,
    prices: Prices,
    clip: Iterable[npt.ArrayLike],
    config: QuantConfig | None = None,
) -> Graph:
    """Build, fold, calibrate, quantise, balance and verify.

    Args:
        model: Network in evaluation mode.
        gate: The recovery gate that goes into the graph.
        prices: MACs that the gate charges.
        clip: Grey levels (H, W, 3) of calibration frames.
        config: Bit widths.

    Returns:
        A verified graph in the quantised dialect.
    """
    floats = fold_norms(build_float_graph(model))
    shape = NetworkConfig.from_dict(floats.meta["network"])
    ranges = calibrate(floats, clip)
    graph = balance_delays(quantise(floats, ranges, gate_nodes(shape, gate, prices), config))
    verify(graph)
    return graph
