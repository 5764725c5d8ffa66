"""Reads a torch network into a float graph; refuses what it cannot express, naming the module."""

from __future__ import annotations

from typing import Any

from torch import nn

from conversion.float_nodes import FloatAdd, FloatAttention, FloatInput, FloatOutput
from conversion.from_torch.layers import Builder, array_of, linear_of
from conversion.from_torch.stem import add_cells, add_embedding, add_stem
from conversion.graph import Graph
from depth_snn.config import NetworkConfig
from depth_snn.errors import GraphError
from depth_snn.models.decoder import Decoder
from depth_snn.models.stem import INPUT_OFFSET, INPUT_SCALE, Stem
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import Block, DepthViTLoihi

PIXELS = "pixels"
"""Name of the input that takes the picture."""


def build_float_graph(model: nn.Module) -> Graph:
    """Float graph of a network, norms not yet folded.

    Args:
        model: A :class:`DepthViTLoihi`, its float twin :class:`DepthViT`, or a VisionTransformer of
            timm's, in evaluation mode.

    Raises:
        GraphError: naming the module that has no node.
    """
    # Both take parts from this file.
    from conversion.from_torch.timm_vit import build_timm_vit, is_timm_vit
    from conversion.from_torch.twin import build_twin

    if is_timm_vit(model):
        return build_timm_vit(model)
    if not isinstance(model, DepthViTLoihi | DepthViT):
        raise GraphError(
            f"module {type(model).__name__}: only DepthViTLoihi, DepthViT and timm's "
            "VisionTransformer convert"
        )
    if model.training:
        raise GraphError("the network is in training mode; call .eval() before converting")
    for name, module, wanted in (("stem", model.stem, Stem), ("decoder", model.decoder, Decoder)):
        if not isinstance(module, wanted):
            raise GraphError(f"module {name}: no node for {type(module).__name__}")
    return build_twin(model) if isinstance(model, DepthViT) else _build_loihi(model)


def add_picture(b: Builder, config: NetworkConfig) -> str:
    """The input of a network of the project's own."""
    return b.add(
        FloatInput(
            name=PIXELS, tokens=config.height * config.width, channels=3, gated=False,
            offset=INPUT_OFFSET, scale=1 / INPUT_SCALE,
        )
    )  # fmt: skip


def finished(b: Builder, name: str, meta: dict[str, Any]) -> Graph:
    """The float graph of all that was added."""
    return Graph(name=name, dialect="float", nodes=tuple(b.nodes), edges=tuple(b.edges), meta=meta)


def _build_loihi(model: DepthViTLoihi) -> Graph:
    config = model.config
    b = Builder(config.tokens)
    levels = add_stem(b, add_picture(b, config), model.stem)
    x = add_embedding(b, levels[-1], model.embed, array_of(model.position), config)
    for index, block in enumerate(model.blocks):
        if not isinstance(block, Block):
            raise GraphError(f"module blocks.{index}: no node for {type(block).__name__}")
        b.stage = index + 1
        x = _add_block(b, f"block{index + 1}", x, block)
    x = b.norm("decoder.norm", x, model.norm)
    logits = add_decoder(b, x, levels, model.decoder)
    b.add(FloatOutput(name="head.out", tokens=config.tokens, channels=config.outputs), logits)
    return finished(b, config.name, {"network": config.to_dict()})


def _add_block(b: Builder, name: str, x: str, block: Block) -> str:
    channels = linear_of(f"{name}.proj", block.proj).out_features
    normed = b.norm(f"{name}.norm1", x, block.norm1)
    q = b.dense(f"{name}.q", normed, block.q, relu=True)
    k = b.dense(f"{name}.k", normed, block.k, relu=True)
    v = b.dense(f"{name}.v", normed, block.v)
    inner = block.heads * block.head_dim
    y = b.add(
        FloatAttention(
            name=f"{name}.y", tokens=b.tokens, channels=inner, heads=block.heads, stage=b.stage
        ),
        q, k, v, ports=("q", "k", "v"),
    )  # fmt: skip
    y = b.norm(f"{name}.norm_y", y, block.norm_y)
    branch = b.dense(f"{name}.proj", y, block.proj)
    x = b.add(
        FloatAdd(name=f"{name}.mid", tokens=b.tokens, channels=channels, stage=b.stage), x, branch
    )
    normed = b.norm(f"{name}.norm2", x, block.norm2)
    h = b.dense(f"{name}.h", normed, block.fc1, relu=True)
    branch = b.dense(f"{name}.fc2", h, block.fc2)
    return b.add(
        FloatAdd(name=f"{name}.out", tokens=b.tokens, channels=channels, stage=b.stage), x, branch
    )


def add_decoder(b: Builder, x: str, levels: list[str], decoder: Decoder) -> str:
    """Logits of the cells; the stem's cells and the token meet in the sum before the ReLU."""
    config = decoder.config
    branches = [b.dense("decoder.token", x, decoder.token)]
    if len(decoder.skips) != len(levels):
        raise GraphError(f"module decoder.skips: {len(decoder.skips)} for {len(levels)} levels")
    for index, skip in enumerate(decoder.skips):
        cells, count = add_cells(b, f"decoder.cells{index + 1}", levels[index], index + 1, config)
        branches.append(b.dense(f"decoder.skip{index + 1}", cells, skip, repeat=count))
    channels = config.cells**2 * config.decoder
    hidden = FloatAdd(
        name="decoder.hidden", tokens=b.tokens, channels=channels, stage=b.stage, relu=True
    )
    total = b.add(hidden, *branches)
    return b.dense("decoder.classes", total, decoder.classes, repeat=config.cells**2)
