"""Stock Lava processes that compute a node exactly, as witnesses that nobody here wrote.

Dense and Skip become Lava's ``Dense``, a LIF that resets to zero becomes Lava's ``LIF``. Why Conv
and Regroup become none is in docs/lava.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.nodes import LIF, Dense, Node, Skip
from depth_snn.errors import EngineError
from loihi import shim
from loihi.integers import MESSAGE_BITS
from loihi.peaks import input_peak, sum_peak

MAX_MATRIX = 2**25
"""Most entries of a block-diagonal matrix; Lava keeps several int32 copies of it."""

DOUBLED_SUM_LIMIT = 2**30
"""Lava adds up in int32, and what it adds up is twice our sum."""

CURRENT_LIMIT = 2**25
"""Lava shifts a LIF's input left by 6 in int32."""

SYNAPSE_PORTS = {"in": "s_in", "out": "a_out"}
NEURON_PORTS = {"in": "a_in", "out": "s_out"}


def stock_suffices(graph: Graph, node: Node, *, needs_membrane: bool) -> bool:
    """Whether a stock process computes this node exactly.

    A stock process wraps silently where ours refuses, so the graph must rule out that it wraps.

    Args:
        graph: The graph the node stands in.
        node: Any node of the quantised dialect.
        needs_membrane: Whether somebody reads the membrane, which the stock LIF does not send.
    """
    if isinstance(node, (Dense, Skip)):
        return _below(sum_peak(graph, node), DOUBLED_SUM_LIMIT)
    if isinstance(node, LIF) and node.reset == "zero" and not needs_membrane:
        return _below(input_peak(graph, node), CURRENT_LIMIT)
    return False


def stock_process(node: Node) -> tuple[Any, dict[str, str]]:
    """The stock process of a node for which :func:`stock_suffices`, and its port names.

    Raises:
        EngineError: if the weights of a Dense would not fit as one matrix.
    """
    if isinstance(node, Dense):
        copies = node.tokens * node.repeat
        return _synapses(node, copies, node.weight, node.exponent), SYNAPSE_PORTS
    if isinstance(node, Skip):
        one = np.ones((1, 1), np.int64)
        return _synapses(node, node.tokens * node.channels, one, node.exponent), SYNAPSE_PORTS
    assert isinstance(node, LIF)
    neurons = shim.LIF(shape=(node.count,), du=node.du, dv=node.dv, vth=node.vth, name=node.name)
    return neurons, NEURON_PORTS


def matrix_entries(node: Node) -> int:
    """Entries of the one matrix that a stock Dense keeps for a Dense or a Skip; 0 for others."""
    if isinstance(node, Dense):
        return (node.tokens * node.repeat) ** 2 * node.weight.size
    return (node.tokens * node.channels) ** 2 if isinstance(node, Skip) else 0


def _below(bound: int | None, limit: int) -> bool:
    return bound is not None and bound < limit


def _synapses(node: Node, copies: int, weight: Any, exponent: int) -> Any:
    """One Dense over all ``copies``: 2W and one exponent less, as MIXED keeps even weights only."""
    entries = matrix_entries(node)
    if entries > MAX_MATRIX:
        raise EngineError(
            f"node {node.name!r}: a stock Lava Dense would hold {entries} weights, more than "
            f"{MAX_MATRIX}; run Lava without stock processes"
        )
    return shim.Dense(
        weights=np.kron(np.eye(copies, dtype=np.int32), 2 * weight).astype(np.int32),
        weight_exp=exponent - 1,
        num_message_bits=MESSAGE_BITS,
        sign_mode=shim.SignMode.MIXED,
        name=node.name,
    )
