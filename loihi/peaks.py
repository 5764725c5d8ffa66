"""How large a value on a port can become: decides where stock Lava is exact."""

from __future__ import annotations

import numpy as np

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Connection,
    Delay,
    Delta,
    Input,
    Node,
    Regroup,
    RestoreGate,
    Skip,
    Sparse,
    StockSigmaDelta,
    SumPool,
)

MEMBRANE = 2**23
"""Bound of a membrane (docs/fixed_point.md §6)."""


def peak(graph: Graph, name: str, port: str = "out") -> int | None:
    """Largest magnitude that output ``port`` of node ``name`` can show at any step.

    Returns:
        The bound, or None where the nodes' own constants do not give one.
    """
    node, passed = graph.by_name[name], [name]
    while isinstance(node, Connection | Delay):
        edge = graph.incoming[node.name][0]
        node, port = graph.by_name[edge.source], edge.source_port
        if node.name in passed:
            return None  # a loop of connections alone
        passed.append(node.name)
    top = _source_peak(node, port)
    for name in reversed(passed[:-1]):
        if top is not None:
            top = _through(graph.by_name[name], top)
    return top


def _source_peak(node: Node, port: str) -> int | None:
    """The same of a node that does not hand on what comes in."""
    if isinstance(node, Input):
        return max(abs(node.lo), abs(node.hi))
    if isinstance(node, Delta):
        # A message is the difference of two activations; SigmaDelta is a Delta.
        return node.hi - node.lo
    if isinstance(node, LIF):
        return MEMBRANE if port == "membrane" else 1
    if isinstance(node, RestoreGate):
        return None if port == "ledger" else 1
    return 1 << (node.message_bits - 1) if isinstance(node, StockSigmaDelta) else None


def _through(node: Node, arriving: int) -> int:
    """Largest magnitude behind a connection or a Delay."""
    return _summed(node, arriving) << node.exponent if isinstance(node, Connection) else arriving


def _summed(node: Connection, arriving: int) -> int:
    if isinstance(node, Skip | Regroup):
        return arriving
    if isinstance(node, SumPool):
        return arriving * node.kernel_down * node.kernel_across
    if isinstance(node, Sparse):
        return arriving * node.sum_bound
    by_channel = np.abs(node.weight.reshape(node.weight.shape[0], -1)).sum(axis=1)
    return arriving * int(by_channel.max(initial=0))


def sum_peak(graph: Graph, node: Connection) -> int | None:
    """Largest magnitude of a connection's sum before its shift."""
    edge = graph.incoming[node.name][0]
    arriving = peak(graph, edge.source, edge.source_port)
    return None if arriving is None else _summed(node, arriving)


def input_peak(graph: Graph, node: LIF) -> int | None:
    """Largest magnitude of a population's input, all its edges added."""
    total = 0
    for edge in graph.incoming[node.name]:
        arriving = peak(graph, edge.source, edge.source_port)
        if arriving is None:
            return None
        total += arriving
    return total
