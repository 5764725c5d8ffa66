"""Values of the float nodes whose integer form stays on the host, in double precision."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from conversion.float_host_nodes import (
    FloatGelu,
    FloatHostNode,
    FloatLayerNorm,
    FloatPlace,
    FloatSoftmaxAttention,
)
from conversion.float_nodes import FloatArray
from depth_snn.errors import GraphError

_erf = np.frompyfunc(math.erf, 1, 1)


def gelu(x: FloatArray, tanh: bool) -> FloatArray:
    """x·Φ(x), or Hendrycks & Gimpel's approximation of it."""
    if tanh:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return np.asarray(0.5 * x * (1 + np.tanh(inner)))
    return np.asarray(0.5 * x * (1 + _erf(x / math.sqrt(2)).astype(np.float64)))


def apply_host(node: FloatHostNode, ins: Mapping[str, FloatArray]) -> FloatArray:
    """Value of a node (N, C) from those on its ports."""
    if isinstance(node, FloatLayerNorm):
        x = ins["in"] - ins["in"].mean(axis=1, keepdims=True)
        return np.asarray(x / np.sqrt((x * x).mean(axis=1, keepdims=True) + node.eps))
    if isinstance(node, FloatGelu):
        return gelu(ins["in"], node.tanh)
    if isinstance(node, FloatSoftmaxAttention):
        return _attention(node, ins)
    if isinstance(node, FloatPlace):
        placed = np.where((node.index >= 0)[:, None], ins["in"][node.index], 0.0)
        return np.asarray(placed + node.bias)
    raise GraphError(f"node {node.name!r}: {node.kind} is not in the float dialect")


def _attention(node: FloatSoftmaxAttention, ins: Mapping[str, FloatArray]) -> FloatArray:
    shape = (node.tokens, node.heads, node.head_dim)
    q, k, v = (ins[p].reshape(shape).transpose(1, 0, 2) for p in "qkv")
    scores = q @ k.transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    y = (weights / weights.sum(axis=2, keepdims=True)) @ v
    return np.asarray(y.transpose(1, 0, 2).reshape(node.tokens, node.channels))
