"""Runs a float graph in double precision: for calibration, and as a witness of the passes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.float_nodes import (
    FloatAdd,
    FloatAttention,
    FloatDense,
    FloatInput,
    FloatNorm,
    FloatOutput,
)
from conversion.graph import Graph
from depth_snn.errors import GraphError

FloatArray = npt.NDArray[np.float64]


def attention_state(node: FloatAttention, k: FloatArray, v: FloatArray) -> FloatArray:
    """Σ_j k_j v_jᵀ per head, shape (H, d, d), from k and v of shape (N, H·d)."""
    shape = (node.tokens, node.heads, node.head_dim)
    out: FloatArray = np.einsum("nha,nhb->hab", k.reshape(shape), v.reshape(shape), optimize=True)
    return out


def evaluate_float(graph: Graph, patch: npt.ArrayLike) -> dict[str, FloatArray]:
    """Value of every node for one frame.

    Args:
        graph: A graph in the float dialect.
        patch: Pixels of every token (N, P), grey levels.

    Returns:
        Values (N, C) by node name.
    """
    values: dict[str, FloatArray] = {}
    for node in graph.order:
        ins = {e.port: values[e.source] for e in graph.incoming[node.name]}
        if isinstance(node, FloatInput):
            values[node.name] = np.asarray(patch, np.float64)
        elif isinstance(node, FloatNorm):
            values[node.name] = ins["in"] * node.scale + node.shift
        elif isinstance(node, FloatDense):
            out = ins["in"] @ node.weight.T + node.bias
            values[node.name] = np.maximum(out, 0) if node.relu else out
        elif isinstance(node, FloatAttention):
            shape = (node.tokens, node.heads, node.head_dim)
            state = attention_state(node, ins["k"], ins["v"]) / node.tokens
            y = np.einsum("nha,hab->nhb", ins["q"].reshape(shape), state, optimize=True)
            values[node.name] = y.reshape(node.tokens, node.channels)
        elif isinstance(node, FloatAdd):
            arriving = [values[e.source] for e in graph.incoming[node.name]]
            values[node.name] = np.sum(arriving, axis=0)
        elif isinstance(node, FloatOutput):
            values[node.name] = ins["in"]
        else:
            raise GraphError(f"node {node.name!r}: {node.kind} is not in the float dialect")
    return values
