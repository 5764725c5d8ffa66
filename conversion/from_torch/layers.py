"""Collects nodes and edges of a float graph from torch layers, one node for each layer."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from conversion.float_nodes import FloatArray, FloatDense, FloatNorm
from conversion.graph import Edge
from conversion.node import Node
from depth_snn.errors import GraphError
from depth_snn.models.norms import TokenNorm


def array_of(tensor: Tensor) -> FloatArray:
    """A tensor in double precision."""
    out: FloatArray = tensor.detach().cpu().double().numpy()
    return out


def bias_of(module: nn.Linear | nn.Conv2d) -> FloatArray:
    """Bias of a layer (C_out,), zeros where it has none."""
    # The annotation of torch denies that a bias may be missing.
    given = dict(module.named_parameters()).get("bias")
    return np.zeros(module.weight.shape[0]) if given is None else array_of(given)


def linear_of(name: str, module: nn.Module) -> nn.Linear:
    """The module as a Linear layer.

    Raises:
        GraphError: naming it, if it is none.
    """
    if not isinstance(module, nn.Linear):
        raise GraphError(f"module {name!r}: {type(module).__name__} is not a Linear layer")
    return module


class Builder:
    """Nodes and edges so far; each method returns the name of the node it added.

    Args:
        tokens: Number of tokens N.
    """

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.stage = 0
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def add(self, node: Node, *sources: str, ports: tuple[str, ...] = ()) -> str:
        """Add a node; ``ports`` are those its sources go to, ``in`` by default."""
        self.nodes.append(node)
        for index, source in enumerate(sources):
            port = ports[index] if ports else "in"
            self.edges.append(Edge(source=source, target=node.name, port=port))
        return node.name

    def norm(self, name: str, source: str, module: nn.Module) -> str:
        """Add a BatchNorm over the channels of tokens."""
        if not isinstance(module, TokenNorm):
            raise GraphError(f"module {name!r}: {type(module).__name__} cannot be folded")
        scale, shift = (array_of(part) for part in module.scale_shift())
        assert module.running_mean is not None, "scale_shift needs it too"
        return self.add(
            FloatNorm(
                name=name, tokens=self.tokens, channels=scale.size, stage=self.stage,
                scale=scale, shift=shift, mean=array_of(module.running_mean),
            ),
            source,
        )  # fmt: skip

    def dense(
        self, name: str, source: str, module: nn.Module, *, relu: bool = False, repeat: int = 1
    ) -> str:
        """Add a Linear layer that meets each of ``repeat`` groups of channels."""
        layer = linear_of(name, module)
        return self.add(
            FloatDense(
                name=name, tokens=self.tokens, channels=repeat * layer.out_features,
                stage=self.stage, weight=array_of(layer.weight), repeat=repeat, relu=relu,
                bias=np.tile(bias_of(layer), repeat),
            ),
            source,
        )  # fmt: skip
