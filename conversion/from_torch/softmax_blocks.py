"""Encoder blocks with LayerNorm, GELU and softmax attention: the float twin's and timm's."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from conversion.float_host_nodes import FloatGelu, FloatLayerNorm, FloatSoftmaxAttention
from conversion.float_nodes import FloatAdd, FloatDense, FloatNorm
from conversion.from_torch.layers import Builder, array_of, bias_of, linear_of
from depth_snn.errors import GraphError


def add_layer_norm(b: Builder, name: str, source: str, module: nn.Module, path: str) -> str:
    """Add a LayerNorm over channels: the division, then its affine map, which folds into weights.

    Args:
        b: The graph under construction.
        name: Name of the division's node; the affine map is ``NAME.affine``.
        source: Node in front.
        module: The torch module.
        path: Its name in the network.

    Raises:
        GraphError: naming the module, if it is no plain LayerNorm.
    """
    if not isinstance(module, nn.LayerNorm) or len(module.normalized_shape) != 1:
        raise GraphError(f"module {path!r}: {type(module).__name__} is not a LayerNorm of channels")
    channels = module.normalized_shape[0]
    divided = b.add(
        FloatLayerNorm(
            name=name, tokens=b.tokens, channels=channels, stage=b.stage, eps=module.eps
        ),
        source,
    )  # fmt: skip
    # The annotations of torch deny that either may be missing.
    given = dict(module.named_parameters())
    scale = array_of(given["weight"]) if "weight" in given else np.ones(channels)
    shift = array_of(given["bias"]) if "bias" in given else np.zeros(channels)
    return b.add(
        FloatNorm(
            name=f"{name}.affine", tokens=b.tokens, channels=channels, stage=b.stage,
            scale=scale, shift=shift,
        ),
        divided,
    )  # fmt: skip


def add_block(b: Builder, name: str, x: str, block: Any, heads: int, tanh: bool, path: str) -> str:
    """Add a pre-norm block whose parts are named as timm names them.

    Args:
        b: The graph under construction.
        name: Prefix of its nodes.
        x: Node of the residual stream.
        block: Module with norm1, attn (qkv, proj), norm2, mlp (fc1, fc2).
        heads: Heads of the attention.
        tanh: Whether its GELU is the approximation by tanh.
        path: The block's name in the network.

    Returns:
        Node of the residual stream behind it.
    """
    normed = add_layer_norm(b, f"{name}.norm1", x, block.norm1, f"{path}.norm1")
    y = _add_attention(b, name, normed, block.attn.qkv, heads, f"{path}.attn.qkv")
    x = _add_residual(b, f"{name}.mid", x, b.dense(f"{name}.proj", y, block.attn.proj))
    normed = add_layer_norm(b, f"{name}.norm2", x, block.norm2, f"{path}.norm2")
    h = b.dense(f"{name}.fc1", normed, block.mlp.fc1)
    hidden = linear_of(f"{path}.mlp.fc1", block.mlp.fc1).out_features
    h = b.add(
        FloatGelu(name=f"{name}.h", tokens=b.tokens, channels=hidden, stage=b.stage, tanh=tanh), h
    )
    return _add_residual(b, f"{name}.out", x, b.dense(f"{name}.fc2", h, block.mlp.fc2))


def _add_residual(b: Builder, name: str, x: str, branch: str) -> str:
    channels = b.nodes[-1].output_shape("out")[1]
    return b.add(FloatAdd(name=name, tokens=b.tokens, channels=channels, stage=b.stage), x, branch)


def _add_attention(
    b: Builder, name: str, source: str, module: nn.Module, heads: int, path: str
) -> str:
    """The rows of one matrix as q, k and v, each with a scale of its own later; 1/√d goes to q."""
    layer = linear_of(path, module)
    if layer.out_features % (3 * heads):
        raise GraphError(f"module {path!r}: {layer.out_features} rows are not q, k and v")
    inner = layer.out_features // 3
    weight, bias = array_of(layer.weight), bias_of(layer)
    parts = []
    for index, part in enumerate("qkv"):
        rows = slice(index * inner, (index + 1) * inner)
        factor = (inner // heads) ** -0.5 if part == "q" else 1.0
        dense = FloatDense(
            name=f"{name}.{part}", tokens=b.tokens, channels=inner, stage=b.stage,
            weight=factor * weight[rows], bias=factor * bias[rows],
        )  # fmt: skip
        parts.append(b.add(dense, source))
    return b.add(
        FloatSoftmaxAttention(
            name=f"{name}.y", tokens=b.tokens, channels=inner, stage=b.stage, heads=heads
        ),
        *parts, ports=("q", "k", "v"),
    )  # fmt: skip
