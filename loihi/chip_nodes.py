"""Which node a neurocore can compute with the neurons and synapses that Lava brings along.

Limits are those that lava-nc 0.10.0 states for its bit-accurate models; the extension's compiler
may have others, which nobody outside can read (docs/hardware.md).
"""

from __future__ import annotations

import numpy as np

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Dense,
    Input,
    Node,
    RestoreGate,
    Skip,
    Sparse,
    StockSigmaDelta,
)
from loihi.peaks import input_peak, sum_peak
from loihi.request import membrane_read
from loihi.stock import DOUBLED_SUM_LIMIT, MAX_MATRIX, matrix_entries, stock_suffices

CONNECTIONS = (Dense, Skip, Conv, Sparse)
NEURONS = (LIF, StockSigmaDelta)

BIAS_MANT_LIMIT = 2**12
"""``bias_mant`` is a signed 13-bit integer (lava-nc, PyLifModelBitAcc)."""
VTH_LIMIT = 2**17
"""``vth`` is an unsigned 17-bit integer (same)."""
NO_CURRENT = 4095
"""``du`` without a memory of the current (docs/fixed_point.md §6)."""
DECAY_LIMIT = 2**12
"""``du`` and ``dv`` are unsigned 12-bit integers (same)."""
EXPONENT_MAX = 8
"""Largest exponent of ours: ``weight_exp`` is one less, and four signed bits reach 7."""
MAX_SYNAPSES = 2**23
"""Most synapses of a Sparse or an unrolled convolution: a third of a chip at a byte each."""

NO_MODEL = {
    "Delta": "its encoder is free of drift, and Lava has none such on neurocores",
    "SigmaDelta": "its encoder is free of drift, and Lava has none such on neurocores",
    "LinearAttention": "products of states need microcode that does not exist yet",
    "SumPool": "no connection of Lava's sums windows on neurocores",
    "Regroup": "Lava would need a matrix of positions for it",
    "Delay": "delays of single values need a programmed axon",
}


def binary(graph: Graph, name: str, port: str) -> bool:
    """Whether a port shows nothing but 0 and 1: spikes without a payload."""
    node = graph.by_name[name]
    if isinstance(node, Input):
        return node.lo >= 0 and node.hi <= 1
    if isinstance(node, LIF):
        return port != "membrane"
    return isinstance(node, RestoreGate) and port != "ledger"


def chip_fault(graph: Graph, node: Node) -> str | None:
    """Why a node cannot run on a neurocore whatever stands around it; None if it can.

    Args:
        graph: The graph it stands in, for the size of what arrives.
        node: A node of the quantised dialect.
    """
    if node.runs_on != "neurocore":
        return f"it belongs to the {node.runs_on}"
    if node.kind in NO_MODEL:
        return NO_MODEL[node.kind]
    if isinstance(node, LIF):
        return _lif_fault(graph, node)
    if isinstance(node, StockSigmaDelta):
        return None
    if isinstance(node, CONNECTIONS):
        return _connection_fault(graph, node)
    return f"Lava has no model of {node.kind} on neurocores"


def _lif_fault(graph: Graph, node: LIF) -> str | None:
    if membrane_read(graph, node.name):
        return "its membrane is read, and Lava's LIF does not send it"
    if node.reset != "zero":
        return f"it resets by {node.reset!r}, and Lava's LIF resets to zero"
    if node.biased and node.warmup < graph.lags[node.name]:
        return "its bias sleeps before frame 0, and a chip's speaks from step 0 on (see `warmup`)"
    if node.reset_every and node.du != NO_CURRENT:
        return "its periodic reset keeps a current that Lava's would empty"
    if not 0 <= node.du < DECAY_LIMIT or not 0 <= node.dv < DECAY_LIMIT:
        return f"du {node.du} and dv {node.dv} must lie in 0..{DECAY_LIMIT - 1}"
    if node.vth >= VTH_LIMIT:
        return f"vth {node.vth} is beyond {VTH_LIMIT - 1}"
    if int(np.abs(node.bias).max(initial=0)) >= BIAS_MANT_LIMIT:
        return f"its bias is beyond ±{BIAS_MANT_LIMIT - 1}"
    arriving = input_peak(graph, node)
    if arriving is None or arriving >= 2**23:
        return "what arrives may pass 24 bits"
    assert stock_suffices(graph, node, needs_membrane=False)
    return None


def _connection_fault(graph: Graph, node: Dense | Skip | Conv | Sparse) -> str | None:
    if node.exponent > EXPONENT_MAX:
        return f"its exponent {node.exponent} is beyond {EXPONENT_MAX}"
    bound = sum_peak(graph, node)
    if bound is None or bound >= DOUBLED_SUM_LIMIT or bound << node.exponent >= 2**31:
        return "its sums may pass 32 bits"
    if isinstance(node, Conv | Sparse):
        copies = node.grid[0] * node.grid[1] if isinstance(node, Conv) else 1
        synapses = copies * node.weight.size
        return None if synapses <= MAX_SYNAPSES else f"it would be {synapses} synapses"
    entries = matrix_entries(node)
    return None if entries <= MAX_MATRIX else f"its matrix would have {entries} entries"
