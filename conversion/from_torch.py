"""Reads a torch network into a float graph; refuses what it cannot express, naming the module."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from conversion.float_nodes import (
    FloatAdd,
    FloatAttention,
    FloatDense,
    FloatInput,
    FloatNorm,
    FloatOutput,
)
from conversion.graph import Edge, Graph
from conversion.nodes import Node
from depth_snn.errors import GraphError
from depth_snn.models.vit_loihi import INPUT_OFFSET, INPUT_SCALE, Block, DepthViTLoihi, TokenNorm


class _Builder:
    """Collects nodes and edges; each method returns the name of the node it added."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.stage = 0
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def add(self, node: Node, *sources: str, ports: tuple[str, ...] = ()) -> str:
        self.nodes.append(node)
        for index, source in enumerate(sources):
            port = ports[index] if ports else "in"
            self.edges.append(Edge(source=source, target=node.name, port=port))
        return node.name

    def norm(self, name: str, source: str, scale: Tensor, shift: Tensor) -> str:
        return self.add(
            FloatNorm(
                name=name, tokens=self.tokens, channels=scale.numel(), stage=self.stage,
                scale=_array(scale), shift=_array(shift),
            ),
            source,
        )  # fmt: skip

    def dense(
        self, name: str, source: str, module: nn.Module, *, relu: bool = False,
        position: npt.NDArray[np.float64] | None = None,
    ) -> str:  # fmt: skip
        if not isinstance(module, nn.Linear):
            raise GraphError(f"module {name!r}: {type(module).__name__} is not a Linear layer")
        given = dict(module.named_parameters()).get("bias")
        bias = np.zeros(module.out_features) if given is None else _array(given)
        if position is not None:
            bias = position + bias
        return self.add(
            FloatDense(
                name=name, tokens=self.tokens, channels=module.out_features, stage=self.stage,
                weight=_array(module.weight), bias=bias, relu=relu,
            ),
            source,
        )  # fmt: skip


def _array(tensor: Tensor) -> npt.NDArray[np.float64]:
    out: npt.NDArray[np.float64] = tensor.detach().cpu().double().numpy()
    return out


def build_float_graph(model: nn.Module) -> Graph:
    """Float graph of a network, norms not yet folded.

    Args:
        model: A :class:`DepthViTLoihi` in evaluation mode.

    Raises:
        GraphError: naming the module that has no node.
    """
    if not isinstance(model, DepthViTLoihi):
        raise GraphError(
            f"module {type(model).__name__}: only DepthViTLoihi networks convert in this version"
        )
    if model.training:
        raise GraphError("the network is in training mode; call .eval() before converting")
    config = model.config
    b = _Builder(config.tokens)
    x = b.add(FloatInput(name="patch", tokens=config.tokens, channels=config.inputs))
    scale = model.position.new_full((config.inputs,), 1 / INPUT_SCALE)
    x = b.norm("embed.scale", x, scale, scale * -INPUT_OFFSET)
    x = b.dense("embed", x, model.embed, position=_array(model.position))
    for index, block in enumerate(model.blocks):
        if not isinstance(block, Block):
            raise GraphError(f"module blocks.{index}: no node for {type(block).__name__}")
        b.stage = index + 1
        x = _add_block(b, f"block{index + 1}", x, block)
    x = _add_norm(b, "head.norm", x, model.norm)
    x = b.dense("head", x, model.head)
    b.add(FloatOutput(name="head.out", tokens=config.tokens, channels=config.outputs), x)
    return Graph(
        name=config.name, dialect="float", nodes=tuple(b.nodes), edges=tuple(b.edges),
        meta={"network": config.to_dict()},
    )  # fmt: skip


def _add_norm(b: _Builder, name: str, source: str, module: nn.Module) -> str:
    if not isinstance(module, TokenNorm):
        raise GraphError(f"module {name!r}: {type(module).__name__} cannot be folded")
    return b.norm(name, source, *module.scale_shift())


def _add_block(b: _Builder, name: str, x: str, block: Block) -> str:
    channels = block.proj.out_features
    normed = _add_norm(b, f"{name}.norm1", x, block.norm1)
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
    y = _add_norm(b, f"{name}.norm_y", y, block.norm_y)
    branch = b.dense(f"{name}.proj", y, block.proj)
    x = b.add(
        FloatAdd(name=f"{name}.mid", tokens=b.tokens, channels=channels, stage=b.stage), x, branch
    )
    normed = _add_norm(b, f"{name}.norm2", x, block.norm2)
    h = b.dense(f"{name}.h", normed, block.fc1, relu=True)
    branch = b.dense(f"{name}.fc2", h, block.fc2)
    return b.add(
        FloatAdd(name=f"{name}.out", tokens=b.tokens, channels=channels, stage=b.stage), x, branch
    )
