"""Node types of the float dialect: what a torch network says, before any rounding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from conversion.connections import check_index, conv_grid
from conversion.node import IntArray, Node, frozen_int

FloatArray = npt.NDArray[np.float64]


def frozen_float(values: npt.ArrayLike) -> FloatArray:
    """Copy into a read-only float64 array."""
    out = np.array(values, np.float64)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatNode(Node):
    """A node on tokens or positions (N, C).

    Attributes:
        tokens, channels: Shape of the output.
        stage: Row of the gate mask that opens it.
        gated: Whether a gate opens it; without one it is computed in every frame.
    """

    tokens: int
    channels: int
    stage: int = 0
    gated: bool = True

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.channels)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.tokens, self.channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatInput(FloatNode):
    """A picture, (grey level − offset) · scale; what pads it is 0, so the grey level ``offset``."""

    offset: int = 128
    scale: float = 1.0
    kind: ClassVar[str] = "FloatInput"
    ports: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        self._require(0 <= self.offset <= 255, f"offset {self.offset} is no grey level")
        self._require(self.scale > 0, f"scale {self.scale} must be positive")


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatNorm(FloatNode):
    """out = act(in · scale + shift), per channel: BatchNorm in evaluation.

    ``mean`` is the running mean of what arrives, (C,), or empty where it is not known: what a value
    is held at once its head is cut (:mod:`conversion.passes.prune_heads`).
    """

    scale: FloatArray
    shift: FloatArray
    relu: bool = False
    mean: FloatArray = field(default_factory=lambda: np.zeros(0))
    kind: ClassVar[str] = "FloatNorm"

    def __post_init__(self) -> None:
        for key in ("scale", "shift"):
            value = frozen_float(getattr(self, key))
            self._require(value.shape == (self.channels,), f"{key} has shape {value.shape}")
            object.__setattr__(self, key, value)
        object.__setattr__(self, "mean", frozen_float(self.mean))
        self._require(self.mean.size in (0, self.channels), f"mean has shape {self.mean.shape}")


@dataclass(frozen=True, kw_only=True, eq=False)
class _FloatWeights(FloatNode):
    """A layer with weights, a bias per channel or per token and channel, and maybe a ReLU."""

    weight: FloatArray
    bias: FloatArray
    relu: bool = False

    def _freeze(self, axes: int) -> None:
        object.__setattr__(self, "weight", frozen_float(self.weight))
        object.__setattr__(self, "bias", frozen_float(self.bias))
        self._require(self.weight.ndim == axes, f"weight has shape {self.weight.shape}")
        shapes = ((self.channels,), (self.tokens, self.channels))
        self._require(self.bias.shape in shapes, f"bias has shape {self.bias.shape}")


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatDense(_FloatWeights):
    """out = act(W · in + bias) for each of ``repeat`` groups of channels; W (out, in)."""

    repeat: int = 1
    kind: ClassVar[str] = "FloatDense"

    def __post_init__(self) -> None:
        self._freeze(axes=2)
        rows = self.weight.shape[0] * self.repeat
        self._require(rows == self.channels, "weight rows are not the channels")

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.tokens, int(self.weight.shape[1]) * self.repeat)


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatConv(_FloatWeights):
    """Cross-correlation over a grid with zeros outside, then bias and ReLU.

    Attributes:
        height, width: Grid of the input.
        weight: (channels, C_in, k, k).
        stride, padding: In positions.
    """

    height: int
    width: int
    stride: int
    padding: int = 0
    kind: ClassVar[str] = "FloatConv"

    def __post_init__(self) -> None:
        self._freeze(axes=4)
        rows, columns = self.grid
        self._require(rows * columns == self.tokens, f"{self.tokens} positions, not {self.grid}")
        self._require(self.weight.shape[0] == self.channels, "weight rows are not the channels")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        kernel = int(self.weight.shape[2])
        return conv_grid(self.height, self.width, kernel, stride=self.stride, padding=self.padding)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.height * self.width, int(self.weight.shape[1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatRegroup(FloatNode):
    """Positions handed to tokens: out[i] = the rows ``index[i]`` of the input, side by side."""

    positions: int
    index: IntArray
    kind: ClassVar[str] = "FloatRegroup"

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", frozen_int(self.index, f"node {self.name!r}: index"))
        fits = self.index.shape[0] == self.tokens and self.channels % self.index.shape[1] == 0
        self._require(fits, f"index has shape {self.index.shape}")
        check_index(self, self.index, self.positions)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.positions, self.channels // int(self.index.shape[1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatAttention(FloatNode):
    """Linear attention without divisor: y_i = q_i · (Σ_j k_j v_jᵀ) / N, per head."""

    heads: int
    kind: ClassVar[str] = "FloatAttention"
    ports: ClassVar[tuple[str, ...]] = ("q", "k", "v")

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.channels // self.heads


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatAdd(FloatNode):
    """Sum of everything that arrives, and maybe a ReLU: residual connection, or decoder."""

    relu: bool = False
    kind: ClassVar[str] = "FloatAdd"


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatOutput(FloatNode):
    """The logits."""

    kind: ClassVar[str] = "FloatOutput"
