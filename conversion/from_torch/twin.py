"""The project's float twin as a float graph: its softmax attention stays on the host."""

from __future__ import annotations

from conversion.float_nodes import FloatOutput
from conversion.from_torch.layers import Builder, array_of
from conversion.from_torch.network import add_decoder, add_picture, finished
from conversion.from_torch.softmax_blocks import add_block, add_layer_norm
from conversion.from_torch.stem import add_embedding, add_stem
from conversion.graph import Graph
from depth_snn.errors import GraphError
from depth_snn.models.vit import DepthViT, TwinBlock


def build_twin(model: DepthViT) -> Graph:
    """Float graph of a :class:`DepthViT` in evaluation mode.

    Raises:
        GraphError: naming the module that has no node.
    """
    config = model.config
    b = Builder(config.tokens)
    levels = add_stem(b, add_picture(b, config), model.stem)
    x = add_embedding(b, levels[-1], model.embed, array_of(model.pos_embed)[0], config)
    for index, block in enumerate(model.blocks):
        if not isinstance(block, TwinBlock):
            raise GraphError(f"module blocks.{index}: no node for {type(block).__name__}")
        b.stage = index + 1
        name, path = f"block{index + 1}", f"blocks.{index}"
        x = add_block(b, name, x, block, block.attn.heads, False, path)
    x = add_layer_norm(b, "decoder.norm", x, model.norm, "norm")
    logits = add_decoder(b, x, levels, model.decoder)
    b.add(FloatOutput(name="head.out", tokens=config.tokens, channels=config.outputs), logits)
    return finished(b, config.name, {"network": config.to_dict()})
