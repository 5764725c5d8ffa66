"""The Lava processes that a node on a neurocore becomes; all of them are Lava's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.nodes import LIF, Conv, Dense, Node, Skip, Sparse
from loihi import shim
from loihi.chip_nodes import binary
from loihi.integers import MESSAGE_BITS
from loihi.leaves import leaf_process
from loihi.stock import SYNAPSE_PORTS, doubled_csr, matrix_of, stock_process


def chip_process(graph: Graph, node: Node) -> tuple[Any, dict[str, str]]:
    """Lava's process for a node that a plan puts on a neurocore, and its port names.

    Weights are stored as 2W with one exponent less, since Lava keeps even weights only in MIXED
    mode. Spikes without payload are told to the synapses as such: 0 message bits.
    """
    if isinstance(node, (Dense, Skip, Conv, Sparse)):
        edge = graph.incoming[node.name][0]
        bits = 0 if binary(graph, edge.source, edge.source_port) else MESSAGE_BITS
        rule = {"weight_exp": node.exponent - 1, "num_message_bits": bits,
                "sign_mode": shim.SignMode.MIXED, "name": node.name}  # fmt: skip
        if isinstance(node, Conv):
            return shim.Sparse(weights=unrolled(node), **rule), SYNAPSE_PORTS
        if isinstance(node, Sparse):
            return shim.Sparse(weights=doubled_csr(node), **rule), SYNAPSE_PORTS
        return shim.Dense(weights=matrix_of(node), **rule), SYNAPSE_PORTS
    if isinstance(node, LIF):
        return stock_process(graph, node)
    return leaf_process(graph, node)


def unrolled(node: Conv) -> Any:
    """A convolution as a sparse matrix (h'·w'·C_out, h·w·C_in) of doubled weights, int32."""
    from scipy.sparse import csr_matrix

    c_out, c_in, down, across = node.weight.shape
    rows, columns = node.grid
    (stride, stride_x), (pad, pad_x) = node.strides, node.paddings
    y, x, o, c = np.meshgrid(
        np.arange(rows), np.arange(columns), np.arange(c_out), np.arange(c_in), indexing="ij"
    )
    targets, sources, weights = [], [], []
    for a in range(down):
        for b in range(across):
            top, left = y * stride + a - pad, x * stride_x + b - pad_x
            inside = (top >= 0) & (top < node.height) & (left >= 0) & (left < node.width)
            targets.append(((y * columns + x) * c_out + o)[inside])
            sources.append(((top * node.width + left) * c_in + c)[inside])
            weights.append(2 * node.weight[o, c, a, b][inside])
    shape = (rows * columns * c_out, node.height * node.width * c_in)
    entries = np.concatenate(weights).astype(np.int32)
    where = (np.concatenate(targets), np.concatenate(sources))
    return csr_matrix((entries, where), shape=shape, dtype=np.int32)
