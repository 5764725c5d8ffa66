"""A timm VisionTransformer as a float graph; what it cannot express is refused by module name.

timm: Wightman, PyTorch Image Models; `timm/models/vision_transformer.py` of version 1.0. Nothing of
timm is imported here: a model of it is recognised by the classes of its modules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from conversion.float_host_nodes import FloatPlace
from conversion.float_nodes import (
    FloatArray,
    FloatConv,
    FloatInput,
    FloatNode,
    FloatOutput,
    FloatRegroup,
)
from conversion.from_torch.layers import Builder, array_of, bias_of
from conversion.from_torch.network import PIXELS, finished
from conversion.from_torch.softmax_blocks import add_block, add_layer_norm
from conversion.graph import Graph
from depth_snn.errors import GraphError

OFFSET, SCALE = 128, 1 / 64
"""Grey level that the graph sees as 0, and what one grey level is worth to it."""
DEFAULT_MEAN = DEFAULT_STD = (0.5, 0.5, 0.5)
"""Normalisation of a model that names none, as timm's own ViT weights have it."""


def is_timm_vit(model: nn.Module) -> bool:
    """Whether a module is timm's VisionTransformer, or made from it."""
    names = {f"{cls.__module__}.{cls.__name__}" for cls in type(model).__mro__}
    return "timm.models.vision_transformer.VisionTransformer" in names


def build_timm_vit(model: nn.Module) -> Graph:
    """Float graph of a timm ViT with a class token and a linear classifier.

    Args:
        model: The model in evaluation mode.

    Returns:
        A graph that takes grey levels 0–255 (the model's own mean and deviation go into its patch
        embedding) and shows the logits of the classes, (1, classes), in ``head.out``.

    Raises:
        GraphError: naming the module that has no node.
    """
    vit: Any = model
    _require_plain(vit)
    (height, width), grid = _picture_of(vit)
    tokens = grid[0] * grid[1] + 1
    b = Builder(tokens)
    picture = FloatInput(
        name=PIXELS, tokens=height * width, channels=3, gated=False, offset=OFFSET, scale=SCALE
    )
    x = _add_embedding(b, b.add(picture), vit, (height, width))
    for index, block in enumerate(vit.blocks):
        b.stage = index + 1
        path = f"blocks.{index}"
        heads, tanh = _require_block(block, path)
        x = add_block(b, f"block{index + 1}", x, block, heads, tanh, path)
    # The classifier reads the class token alone, so the last norm divides no other.
    b.tokens = 1
    first = np.zeros((1, 1), np.int64)
    x = b.add(
        FloatRegroup(
            name="class", tokens=1, channels=vit.embed_dim, stage=b.stage, positions=tokens,
            index=first,
        ),
        x,
    )  # fmt: skip
    x = add_layer_norm(b, "head.norm", x, vit.norm, "norm")
    logits = b.dense("head", x, vit.head)
    b.add(FloatOutput(name="head.out", tokens=1, channels=vit.num_classes), logits)
    facts = {"height": height, "width": width, "classes": int(vit.num_classes)}
    # A classifier has no gates, and its tokens end in one that no mask of tokens could speak of.
    b.nodes = [replace(n, gated=False, stage=0) for n in b.nodes if isinstance(n, FloatNode)]
    return finished(b, _name_of(vit), {"classifier": facts})


def _require_plain(vit: Any) -> None:
    """Refuse what lies between the parts that are read."""
    if vit.training:
        raise GraphError("the network is in training mode; call .eval() before converting")
    if vit.cls_token is None or vit.reg_token is not None or vit.global_pool != "token":
        raise GraphError(
            f"module pool: {vit.global_pool!r} over {vit.num_prefix_tokens} tokens in front; only "
            "global_pool='token' with a class token and no registers converts"
        )
    if vit.pos_embed is None or vit.dynamic_img_size:
        raise GraphError("module pos_embed: only one fixed position for each token converts")
    for path in ("patch_embed.norm", "norm_pre", "fc_norm"):
        _require_identity(vit, path)
    if vit.attn_pool is not None:
        raise GraphError(f"module 'attn_pool': no node for {type(vit.attn_pool).__name__}")


def _require_identity(vit: Any, path: str) -> None:
    module: nn.Module = vit.get_submodule(path)
    if not isinstance(module, nn.Identity):
        raise GraphError(f"module {path!r}: no node for {type(module).__name__} here")


def _require_block(block: Any, path: str) -> tuple[int, bool]:
    """Heads of a plain pre-norm block, and whether its GELU is the approximation by tanh."""
    parts = {"norm1", "attn", "ls1", "norm2", "mlp", "ls2"}
    if not parts <= dict(block.named_children()).keys():
        raise GraphError(f"module {path!r}: {type(block).__name__} is no pre-norm block of timm's")
    for name in ("ls1", "ls2", "attn.q_norm", "attn.k_norm", "attn.norm", "mlp.norm"):
        _require_identity_of(block, name, path)
    if type(block.attn).__name__ != "Attention" or getattr(block.attn, "gate", None) is not None:
        kind = type(block.attn).__name__
        raise GraphError(f"module '{path}.attn': {kind} is not plain softmax attention")
    act = getattr(block.mlp, "act", None)
    approximates = type(act).__name__ == "GELUTanh" or getattr(act, "approximate", "") == "tanh"
    if type(block.mlp).__name__ != "Mlp" or not (approximates or isinstance(act, nn.GELU)):
        kind = type(block.mlp).__name__
        raise GraphError(f"module '{path}.mlp': {kind} with {type(act).__name__}, not a GELU MLP")
    return int(block.attn.num_heads), approximates


def _require_identity_of(block: nn.Module, name: str, path: str) -> None:
    """Parts that older timm versions lack count as not there."""
    owner: nn.Module = block
    *above, last = name.split(".")
    for part in above:
        owner = getattr(owner, part)
    module = getattr(owner, last, None)
    if module is not None and not isinstance(module, nn.Identity):
        raise GraphError(f"module '{path}.{name}': no node for {type(module).__name__} here")


def _picture_of(vit: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width in pixels, and the grid of patches."""
    layer = vit.patch_embed.proj
    if not isinstance(layer, nn.Conv2d) or layer.in_channels != 3:
        raise GraphError("module 'patch_embed.proj': expected a Conv2d over three channels")
    (kernel, other), size = layer.kernel_size, vit.patch_embed.img_size
    plain = layer.stride == layer.kernel_size and layer.padding == (0, 0) and layer.groups == 1
    if not plain or kernel != other:
        raise GraphError("module 'patch_embed.proj': only square patches side by side convert")
    if size is None or size[0] % kernel or size[1] % kernel:
        raise GraphError(f"module 'patch_embed': {size} pixels are no whole patches of {kernel}")
    return (int(size[0]), int(size[1])), (size[0] // kernel, size[1] // kernel)


def _add_embedding(b: Builder, source: str, vit: Any, size: tuple[int, int]) -> str:
    """Patches behind the class token, each with its position; the constants are one bias."""
    layer = vit.patch_embed.proj
    weight, bias = _normalised(vit, array_of(layer.weight), bias_of(layer))
    patches = b.tokens - 1
    conv = FloatConv(
        name="patch", tokens=patches, channels=vit.embed_dim, gated=False, weight=weight,
        bias=np.zeros(vit.embed_dim), height=size[0], width=size[1], stride=weight.shape[2],
    )  # fmt: skip
    position = array_of(vit.pos_embed)[0]
    if vit.no_embed_class:
        position = np.concatenate([np.zeros((1, vit.embed_dim)), position])
    constant = position + np.concatenate([array_of(vit.cls_token)[0], np.tile(bias, (patches, 1))])
    return b.add(
        FloatPlace(
            name="embed", tokens=b.tokens, channels=vit.embed_dim, positions=patches,
            index=np.arange(-1, patches), bias=constant,
        ),
        b.add(conv, source),
    )  # fmt: skip


def _normalised(vit: Any, weight: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights for ``(grey − OFFSET)·SCALE`` where the model takes ``(grey/255 − mean)/std``."""
    facts = getattr(vit, "pretrained_cfg", None) or {}
    mean = np.array(facts.get("mean", DEFAULT_MEAN), np.float64)[:, None, None]
    std = np.array(facts.get("std", DEFAULT_STD), np.float64)[:, None, None]
    shifted = weight * ((OFFSET / 255 - mean) / std)
    return weight / (255 * std * SCALE), bias + shifted.sum(axis=(1, 2, 3))


def _name_of(vit: Any) -> str:
    facts = getattr(vit, "pretrained_cfg", None) or {}
    return str(facts.get("architecture") or type(vit).__name__)
