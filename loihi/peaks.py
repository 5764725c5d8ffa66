"""How large a value on a port can become: decides where stock Lava is exact."""

from __future__ import annotations

import numpy as np

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delay,
    Delta,
    Dense,
    Input,
    Regroup,
    RestoreGate,
    Skip,
    StockSigmaDelta,
    SumPool,
)

MEMBRANE = 2**23
"""Bound of a membrane (docs/fixed_point.md §6)."""


def peak(graph: Graph, name: str, port: str = "out") -> int | None:
    """Largest magnitude that output ``port`` of node ``name`` can show at any step.

    Returns:
        The bound, or None where the node's own constants do not give one.
    """
    node = graph.by_name[name]
    if isinstance(node, Input):
        return max(abs(node.lo), abs(node.hi))
    if isinstance(node, Delta):
        # A message is the difference of two activations; SigmaDelta is a Delta.
        return node.hi - node.lo
    if isinstance(node, LIF):
        return MEMBRANE if port == "membrane" else 1
    if isinstance(node, RestoreGate):
        return None if port == "ledger" else 1
    if isinstance(node, StockSigmaDelta):
        return 1 << (node.message_bits - 1)
    if isinstance(node, Delay):
        edge = graph.incoming[name][0]
        return peak(graph, edge.source, edge.source_port)
    if isinstance(node, (Dense, Conv, Skip, Regroup, SumPool)):
        total = sum_peak(graph, node)
        return None if total is None else total << node.exponent
    return None


def sum_peak(graph: Graph, node: Dense | Conv | Skip | Regroup | SumPool) -> int | None:
    """Largest magnitude of a connection's sum before its shift."""
    edge = graph.incoming[node.name][0]
    arriving = peak(graph, edge.source, edge.source_port)
    if arriving is None or isinstance(node, (Skip, Regroup)):
        return arriving
    if isinstance(node, SumPool):
        return arriving * node.kernel_down * node.kernel_across
    by_channel = np.abs(node.weight.reshape(node.weight.shape[0], -1)).sum(axis=1)
    return arriving * int(by_channel.max(initial=0))


def input_peak(graph: Graph, node: LIF) -> int | None:
    """Largest magnitude of a population's input, all its edges added."""
    total = 0
    for edge in graph.incoming[node.name]:
        arriving = peak(graph, edge.source, edge.source_port)
        if arriving is None:
            return None
        total += arriving
    return total
