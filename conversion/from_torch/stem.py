"""The convolution stem as nodes: its levels, the embedding, and a level's cells by token."""

from __future__ import annotations

import torch
from torch import nn

from conversion.connections import conv_grid
from conversion.float_nodes import FloatArray, FloatConv, FloatNorm, FloatRegroup
from conversion.from_torch.layers import Builder, array_of, bias_of
from depth_snn.config import NetworkConfig
from depth_snn.errors import GraphError
from depth_snn.models.norms import batch_norm_affine
from depth_snn.models.stem import Stem, level_shape, token_cells


def add_stem(b: Builder, source: str, stem: Stem) -> list[str]:
    """Convolution and BatchNorm with ReLU of every level, ungated; the picture is padded once.

    Args:
        b: The graph under construction.
        source: Node of the picture.
        stem: The torch module.

    Returns:
        Node of each level, finest first.
    """
    config, levels = stem.config, []
    if len(stem.convs) != len(stem.norms):
        raise GraphError(f"module stem: {len(stem.convs)} convolutions, {len(stem.norms)} norms")
    grid = (config.height, config.width)
    for index, (layer, norm) in enumerate(zip(stem.convs, stem.norms, strict=True)):
        padding = 0 if index else config.margin
        conv = _conv(f"stem{index + 1}", f"stem.convs.{index}", layer, grid, padding)
        b.add(conv, source)
        if not isinstance(norm, nn.BatchNorm2d):
            raise GraphError(f"module stem.norms.{index}: {type(norm).__name__} cannot be folded")
        scale, shift = (array_of(part) for part in batch_norm_affine(norm))
        source = b.add(
            FloatNorm(
                name=f"{conv.name}.norm", tokens=conv.tokens, channels=conv.channels, gated=False,
                scale=scale, shift=shift, relu=True,
            ),
            conv.name,
        )  # fmt: skip
        levels.append(source)
        grid = conv.grid
    return levels


def add_embedding(
    b: Builder, source: str, layer: nn.Module, position: FloatArray, config: NetworkConfig
) -> str:
    """The convolution that makes tokens; each token's position is part of its bias."""
    grid = level_shape(config, len(config.stem))
    return b.add(_conv("embed", "embed", layer, grid, 0, position), source)


def add_cells(
    b: Builder, name: str, source: str, level: int, config: NetworkConfig
) -> tuple[str, int]:
    """A level's positions handed to the tokens they belong to; node and positions per token."""
    height, width = level_shape(config, level)
    numbers = torch.arange(height * width).reshape(1, 1, height, width)
    # What the network does to features is done to position numbers, so the order is its own.
    index = token_cells(numbers, level, config)[0, :, :, 0].numpy()
    channels = index.shape[1] * config.stem[level - 1]
    node = FloatRegroup(
        name=name, tokens=config.tokens, channels=channels, gated=False,
        positions=height * width, index=index,
    )  # fmt: skip
    return b.add(node, source), int(index.shape[1])


def _conv(
    name: str, module: str, layer: nn.Module, grid: tuple[int, int], padding: int,
    position: FloatArray | None = None,
) -> FloatConv:  # fmt: skip
    """A node of a convolution; with ``position`` it makes tokens, which have gates."""
    if not isinstance(layer, nn.Conv2d):
        raise GraphError(f"module {module!r}: {type(layer).__name__} is not a Conv2d layer")
    (kernel, other), (stride, stride_x) = layer.kernel_size, layer.stride
    plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.padding == (0, 0)
    if not plain or kernel != other or stride != stride_x:
        raise GraphError(
            f"module {module!r}: only square kernels with one stride and neither padding, "
            "dilation nor groups convert"
        )
    rows, columns = conv_grid(*grid, kernel, stride=stride, padding=padding)
    bias = bias_of(layer)
    return FloatConv(
        name=name, tokens=rows * columns, channels=layer.out_channels, gated=position is not None,
        weight=array_of(layer.weight), bias=bias if position is None else position + bias,
        height=grid[0], width=grid[1], stride=stride, padding=padding,
    )  # fmt: skip
