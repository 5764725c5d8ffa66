"""Node types of the float dialect: what a torch network says, before any rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from conversion.nodes import Node

FloatArray = npt.NDArray[np.float64]


def frozen_float(values: npt.ArrayLike) -> FloatArray:
    """Copy into a read-only float64 array."""
    out = np.array(values, np.float64)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatNode(Node):
    """A node on tokens (N, C); ``stage`` is the row of the gate mask that opens it."""

    tokens: int
    channels: int
    stage: int = 0

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.channels)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.tokens, self.channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatInput(FloatNode):
    """Pixels of every token's window, grey levels."""

    kind: ClassVar[str] = "FloatInput"
    inputs: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatNorm(FloatNode):
    """out = in · scale + shift, per channel: BatchNorm in evaluation."""

    scale: FloatArray
    shift: FloatArray
    kind: ClassVar[str] = "FloatNorm"

    def __post_init__(self) -> None:
        for key in ("scale", "shift"):
            value = frozen_float(getattr(self, key))
            self._require(value.shape == (self.channels,), f"{key} has shape {value.shape}")
            object.__setattr__(self, key, value)


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatDense(FloatNode):
    """out = act(W · in + bias); W (channels, in), bias (channels,) or (N, channels)."""

    weight: FloatArray
    bias: FloatArray
    relu: bool = False
    kind: ClassVar[str] = "FloatDense"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_float(self.weight))
        object.__setattr__(self, "bias", frozen_float(self.bias))
        self._require(self.weight.ndim == 2, f"weight has shape {self.weight.shape}")
        self._require(self.weight.shape[0] == self.channels, "weight rows are not the channels")
        self._require(
            self.bias.shape in ((self.channels,), (self.tokens, self.channels)),
            f"bias has shape {self.bias.shape}",
        )

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.tokens, int(self.weight.shape[1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatAttention(FloatNode):
    """Linear attention without divisor: y_i = q_i · (Σ_j k_j v_jᵀ) / N, per head."""

    heads: int
    kind: ClassVar[str] = "FloatAttention"
    inputs: ClassVar[tuple[str, ...]] = ("q", "k", "v")

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.channels // self.heads


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatAdd(FloatNode):
    """Sum of everything that arrives: the residual connection."""

    kind: ClassVar[str] = "FloatAdd"


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatOutput(FloatNode):
    """The logits."""

    kind: ClassVar[str] = "FloatOutput"
