"""From floats to integers in one call: scales, 8-bit weights, encoders, thresholds, gates."""

from __future__ import annotations

from collections.abc import Mapping

from conversion.graph import Edge, Graph
from conversion.nodes import Node
from conversion.passes.choose_scales import choose_scales
from conversion.passes.insert_gates import insert_gates
from conversion.passes.insert_sigma_delta import insert_sigma_delta
from conversion.passes.round_weights import round_weights
from conversion.passes.set_thresholds import set_thresholds
from conversion.quant_config import QuantConfig


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
        config: Bit widths and thresholds.

    Returns:
        Graph in the quantised dialect; ``meta["scales"]`` maps each encoder to its scale.

    Raises:
        GraphError: naming a node that has no integer form.
    """
    config = config or QuantConfig()
    rounded = round_weights(choose_scales(graph, ranges, config))
    encoded = set_thresholds(insert_sigma_delta(rounded), config.threshold)
    return insert_gates(encoded, gates)
