"""Stock Lava processes that compute a node exactly, as witnesses that nobody here wrote.

Dense and Skip become Lava's ``Dense``, Sparse its ``Sparse``, a LIF that resets to zero becomes its
``LIF`` or ``LIFReset``. Why Conv and Regroup become none is in docs/lava.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Dense, Input, Node, Output, RestoreGate, Skip, Sparse
from depth_snn.errors import EngineError
from loihi import shim
from loihi.csr import csr_of
from loihi.integers import INT32_MAX, MESSAGE_BITS
from loihi.peaks import input_peak, sum_peak

MAX_MATRIX = 2**25
"""Most entries of a block-diagonal matrix; Lava keeps several int32 copies of it."""

DOUBLED_SUM_LIMIT = 2**30
"""Lava adds up in int32, and what it adds up is twice our sum."""

CURRENT_LIMIT = 2**25
"""Lava shifts a LIF's input left by 6 in int32."""

BIAS_MANT_LIMIT = 2**15
"""Lava keeps a bias as int16 and shifts it by its exponent, for which 6 is our unit."""

SYNAPSE_PORTS = {"in": "s_in", "out": "a_out"}
NEURON_PORTS = {"in": "a_in", "out": "s_out"}


def stock_suffices(graph: Graph, node: Node, *, needs_membrane: bool, wraps: bool = False) -> bool:
    """Whether a stock process computes this node exactly.

    A stock process wraps silently where ours refuses, so the graph must rule out that it wraps.

    Args:
        graph: The graph the node stands in.
        node: Any node of the quantised dialect.
        needs_membrane: Whether somebody reads the membrane, which the stock LIF does not send.
        wraps: Chip mode: wrapping is wanted. What arrives must still be 32 bits wide.
    """
    if wraps and any(_wide_wire(graph, edge) for edge in graph.incoming[node.name]):
        return False
    if isinstance(node, Dense | Skip | Sparse):
        return wraps or _below(sum_peak(graph, node), DOUBLED_SUM_LIMIT)
    if isinstance(node, LIF) and not needs_membrane and _stock_neuron(graph, node):
        return wraps or _below(input_peak(graph, node), CURRENT_LIMIT)
    return False


def _wide_wire(graph: Graph, edge: Edge) -> bool:
    """Whether an edge carries int64: a wide Input, the gate's ledger, an Output."""
    source = graph.by_name[edge.source]
    if isinstance(source, Input):
        return max(-source.lo, source.hi) > INT32_MAX
    return isinstance(source, (RestoreGate, Output))


def _stock_neuron(graph: Graph, node: LIF) -> bool:
    """Whether Lava's LIF or LIFReset does what the node does.

    Theirs speaks from step 0 on, holds a bias of 16 bits, and LIFReset zeroes the current too,
    which shows only where the current has a memory.
    """
    awake = not node.biased or node.warmup >= graph.lags[node.name]
    narrow = int(np.abs(node.bias).max(initial=0)) < BIAS_MANT_LIMIT
    forgets = node.reset_every == 0 or node.du == 4095
    return node.reset == "zero" and awake and narrow and forgets


def stock_process(graph: Graph, node: Node) -> tuple[Any, dict[str, str]]:
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
    if isinstance(node, Sparse):
        return _sparse(node), SYNAPSE_PORTS
    assert isinstance(node, LIF)
    return _neurons(graph, node), NEURON_PORTS


def _neurons(graph: Graph, node: LIF) -> Any:
    count = node.count * max(1, node.channels)
    bias = np.resize(node.bias.reshape(-1), count) if node.biased else 0
    rule = {"shape": (count,), "du": node.du, "dv": node.dv, "vth": node.vth, "name": node.name,
            "bias_mant": bias, "bias_exp": 6}  # fmt: skip
    if node.reset_every:
        # Lava counts steps from 1; ours are counted from the step of frame 0.
        offset = (graph.lags[node.name] + 1) % node.reset_every
        return shim.LIFReset(reset_interval=node.reset_every, reset_offset=offset, **rule)
    return shim.LIF(**rule)


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
    doubled = np.kron(np.eye(copies, dtype=np.int32), 2 * weight).astype(np.int32)
    return shim.Dense(weights=doubled, **_rule(node, exponent))


def _sparse(node: Sparse) -> Any:
    return shim.Sparse(weights=2 * csr_of(node, np.int32), **_rule(node, node.exponent))


def _rule(node: Node, exponent: int) -> dict[str, Any]:
    return {"weight_exp": exponent - 1, "num_message_bits": MESSAGE_BITS,
            "sign_mode": shim.SignMode.MIXED, "name": node.name}  # fmt: skip
