"""Runs a float graph in double precision: for calibration, and as a witness of the passes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.evaluate_host import apply_host
from conversion.float_host_nodes import FloatHostNode
from conversion.float_nodes import (
    FloatAdd,
    FloatAttention,
    FloatConv,
    FloatDense,
    FloatInput,
    FloatNorm,
    FloatOutput,
    FloatRegroup,
)
from conversion.graph import Graph
from conversion.node import Node
from depth_snn.errors import GraphError

FloatArray = npt.NDArray[np.float64]


def attention_state(node: FloatAttention, k: FloatArray, v: FloatArray) -> FloatArray:
    """Σ_j k_j v_jᵀ per head, shape (H, d, d), from k and v of shape (N, H·d)."""
    shape = (node.tokens, node.heads, node.head_dim)
    out: FloatArray = np.einsum("nha,nhb->hab", k.reshape(shape), v.reshape(shape), optimize=True)
    return out


def evaluate_float(graph: Graph, picture: npt.ArrayLike) -> dict[str, FloatArray]:
    """Value of every node for one frame.

    Args:
        graph: A graph in the float dialect.
        picture: Grey levels (H, W, 3) or (H·W, 3).

    Returns:
        Values (N, C) by node name.
    """
    values: dict[str, FloatArray] = {}
    for node in graph.order:
        arriving = [(e.port, values[e.source]) for e in graph.incoming[node.name]]
        if isinstance(node, FloatInput):
            values[node.name] = _input(node, np.asarray(picture, np.float64))
        elif isinstance(node, FloatAdd):
            total = np.sum([value for _, value in arriving], axis=0)
            values[node.name] = np.maximum(total, 0) if node.relu else total
        else:
            values[node.name] = _apply(node, dict(arriving))
    return values


def _input(node: FloatInput, picture: FloatArray) -> FloatArray:
    if picture.size != node.tokens * node.channels:
        raise GraphError(
            f"node {node.name!r}: a picture of shape {picture.shape}, expected "
            f"{node.tokens} positions of {node.channels} channels"
        )
    return (picture.reshape(node.tokens, node.channels) - node.offset) * node.scale


def _apply(node: Node, ins: dict[str, FloatArray]) -> FloatArray:
    """Value of a node that takes one edge at each port."""
    if isinstance(node, FloatHostNode):
        return apply_host(node, ins)
    if isinstance(node, FloatNorm):
        return _act(ins["in"] * node.scale + node.shift, node.relu)
    if isinstance(node, FloatDense):
        grouped = ins["in"].reshape(node.tokens * node.repeat, -1) @ node.weight.T
        return _act(grouped.reshape(node.tokens, node.channels) + node.bias, node.relu)
    if isinstance(node, FloatConv):
        return _act(_windows(node, ins["in"]) @ _rows_of(node.weight) + node.bias, node.relu)
    if isinstance(node, FloatRegroup):
        return ins["in"][node.index].reshape(node.tokens, node.channels)
    if isinstance(node, FloatAttention):
        shape = (node.tokens, node.heads, node.head_dim)
        state = attention_state(node, ins["k"], ins["v"]) / node.tokens
        y = np.einsum("nha,hab->nhb", ins["q"].reshape(shape), state, optimize=True)
        return np.asarray(y.reshape(node.tokens, node.channels))
    if isinstance(node, FloatOutput):
        return ins["in"]
    raise GraphError(f"node {node.name!r}: {node.kind} is not in the float dialect")


def _act(values: FloatArray, relu: bool) -> FloatArray:
    return np.maximum(values, 0) if relu else values


def _windows(node: FloatConv, values: FloatArray) -> FloatArray:
    """What each output position sees, (N, C_in·k·k), ordered like the weights."""
    p, kernel = node.padding, node.weight.shape[2]
    grid = np.pad(values.reshape(node.height, node.width, -1), ((p, p), (p, p), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(grid, (kernel, kernel, 1))
    strided = views[:: node.stride, :: node.stride]  # (h', w', C_in, k, k, 1)
    return np.asarray(strided.reshape(node.tokens, -1))


def _rows_of(weight: FloatArray) -> FloatArray:
    return np.asarray(weight.reshape(weight.shape[0], -1).T)
