"""Float nodes whose integer form stays on the host, and the places of tokens.

A token's row may come from a position, or from nowhere, as a class token's does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from conversion.connections import check_index
from conversion.float_nodes import FloatArray, FloatNode, frozen_float
from conversion.node import IntArray, frozen_int


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatHostNode(FloatNode):
    """What `insert_sigma_delta` turns into integers that stay on the host."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatLayerNorm(FloatHostNode):
    """(x − mean) / √(variance + eps) over a token's channels; its affine map is a FloatNorm.

    Source: Ba et al. 2016, with the variance divided by C, as torch has it.
    """

    eps: float
    kind: ClassVar[str] = "FloatLayerNorm"

    def __post_init__(self) -> None:
        self._require(self.eps > 0, f"eps {self.eps} must be positive")


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatGelu(FloatHostNode):
    """x·Φ(x), or the approximation by tanh (Hendrycks & Gimpel 2016)."""

    tanh: bool = False
    kind: ClassVar[str] = "FloatGelu"


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatSoftmaxAttention(FloatHostNode):
    """y_i = Σ_j softmax_j(q_i · k_j) v_j per head; 1/√d is part of q (Vaswani et al. 2017)."""

    heads: int
    kind: ClassVar[str] = "FloatSoftmaxAttention"
    ports: ClassVar[tuple[str, ...]] = ("q", "k", "v")

    def __post_init__(self) -> None:
        fits = self.heads >= 1 and self.channels % self.heads == 0
        self._require(fits, f"{self.channels} channels do not make {self.heads} heads")

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.channels // self.heads


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatPlace(FloatHostNode):
    """Rows of a convolution put to tokens, plus a bias; it becomes a Regroup and an encoder.

    Attributes:
        positions: Rows of the input.
        index: (N,) row of each token, −1 for a token that is its bias alone: a class token.
        bias: (N, C).
    """

    positions: int
    index: IntArray
    bias: FloatArray
    kind: ClassVar[str] = "FloatPlace"

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", frozen_int(self.index, f"node {self.name!r}: index"))
        object.__setattr__(self, "bias", frozen_float(self.bias))
        self._require(self.index.shape == (self.tokens,), f"index has shape {self.index.shape}")
        check_index(self, self.index, self.positions)
        shape = (self.tokens, self.channels)
        self._require(self.bias.shape == shape, f"bias has shape {self.bias.shape}, not {shape}")

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.positions, self.channels)
