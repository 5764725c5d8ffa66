"""Connections of the quantised dialect: weights, and rewiring (docs/fixed_point.md §4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from conversion.node import IntArray, Node, frozen_int
from depth_snn.errors import GraphError

WEIGHT_MAX = 127
"""Largest magnitude of a synaptic weight: 8 bits with sign, symmetric (docs/fixed_point.md §9)."""
EXPONENT_MAX = 16
"""Largest left shift of a connection's sums."""
SIDE_MAX = 2**20
"""Longest side of a grid, and widest padding: far beyond any picture."""


def conv_grid(
    height: int, width: int, kernel: int, *, stride: int, padding: int
) -> tuple[int, int]:
    """Rows and columns of a convolution's output grid; below 1 where the kernel does not fit."""
    rows = (height + 2 * padding - kernel) // stride + 1
    return rows, (width + 2 * padding - kernel) // stride + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Connection(Node):
    """What travels through synapses: one step late, shifted left by ``exponent``."""

    exponent: int
    latency: ClassVar[int] = 1

    def _check_exponent(self) -> None:
        inside = 0 <= self.exponent <= EXPONENT_MAX
        self._require(inside, f"exponent {self.exponent} is outside 0..{EXPONENT_MAX}")

    def _check_weight(self, weight: IntArray) -> None:
        peak = int(np.abs(weight).max(initial=0))
        self._require(peak <= WEIGHT_MAX, f"weight {peak} is beyond ±{WEIGHT_MAX}; rescale it")


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense(_Connection):
    """Weights shared by all tokens: ``out = (W · in) << exponent``.

    With ``repeat`` above 1 a token's channels are that many groups, each met by the same weights.
    """

    tokens: int
    weight: IntArray
    repeat: int = 1
    kind: ClassVar[str] = "Dense"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_int(self.weight, f"node {self.name!r}: weight"))
        self._require(self.weight.ndim == 2, f"weight has shape {self.weight.shape}, not (out, in)")
        self._check_weight(self.weight)
        self._check_exponent()
        self._require(self.repeat >= 1, f"repeat {self.repeat} must be at least 1")

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.repeat * int(self.weight.shape[0]))

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.tokens, self.repeat * int(self.weight.shape[1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(_Connection):
    """Cross-correlation over a grid of positions with zeros outside; weights kept once.

    Attributes:
        height, width: Grid of the input; the input has one row per position.
        weight: (C_out, C_in, k, k).
        stride, padding: In positions, the same in both directions.
        exponent: Left shift of the sums.
    """

    height: int
    width: int
    weight: IntArray
    stride: int
    padding: int
    kind: ClassVar[str] = "Conv"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_int(self.weight, f"node {self.name!r}: weight"))
        shape = self.weight.shape
        square = len(shape) == 4 and shape[2] == shape[3] and min(shape) >= 1
        self._require(square, f"weight has shape {shape}, not (out, in, k, k)")
        self._check_weight(self.weight)
        self._check_exponent()
        for key, least in (("height", 1), ("width", 1), ("stride", 1), ("padding", 0)):
            value = getattr(self, key)
            inside = least <= value <= SIDE_MAX
            self._require(inside, f"{key} {value} is outside {least}..{SIDE_MAX}")
        self._require(min(self.grid) >= 1, f"a kernel of {self.kernel} does not fit the grid")

    @property
    def kernel(self) -> int:
        """Side k of the kernel."""
        return int(self.weight.shape[2])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        return conv_grid(
            self.height, self.width, self.kernel, stride=self.stride, padding=self.padding
        )

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.grid[0] * self.grid[1], int(self.weight.shape[0]))

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.height * self.width, int(self.weight.shape[1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Skip(_Connection):
    """One-to-one connection ``out = in << exponent``, the residual path."""

    tokens: int
    channels: int
    kind: ClassVar[str] = "Skip"

    def __post_init__(self) -> None:
        self._check_exponent()

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.channels)

    input_shape = output_shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Regroup(_Connection):
    """Hands positions to tokens, one to one and in a fixed order: ``in[index] << exponent``.

    Attributes:
        positions: Rows M of the input.
        channels: Channels of a position.
        index: (N, P), the positions of each token; none twice, those left out are dropped. −1
            names none: those channels stay 0.
        exponent: Left shift.
    """

    positions: int
    channels: int
    index: IntArray
    kind: ClassVar[str] = "Regroup"

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", frozen_int(self.index, f"node {self.name!r}: index"))
        filled = self.index.ndim == 2 and self.index.size > 0
        self._require(filled, f"index has shape {self.index.shape}, not (tokens, positions)")
        check_index(self, self.index, self.positions)
        self._check_exponent()

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (int(self.index.shape[0]), int(self.index.shape[1]) * self.channels)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.positions, self.channels)


def check_index(node: Node, index: IntArray, positions: int) -> None:
    """Refuse an index that leaves the positions or names one twice; −1 names none.

    Raises:
        GraphError: naming the node and the position.
    """
    flat = np.sort(index, axis=None)
    if flat[0] < -1 or flat[-1] >= positions:
        worst = int(flat[0] if flat[0] < -1 else flat[-1])
        fault = f"index names position {worst}, outside 0..{positions - 1}"
        raise GraphError(f"node {node.name!r} ({node.kind}): {fault}")
    twice = flat[1:][(flat[1:] == flat[:-1]) & (flat[1:] >= 0)]
    if twice.size:
        fault = f"index names position {int(twice[0])} twice"
        raise GraphError(f"node {node.name!r} ({node.kind}): {fault}")
