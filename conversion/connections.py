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
    return (
        places_along(height, kernel, stride, padding),
        places_along(width, kernel, stride, padding),
    )


def places_along(size: int, kernel: int, stride: int, padding: int) -> int:
    """Places of a window along one side of a grid (docs/fixed_point.md §4)."""
    return (size + 2 * padding - kernel) // stride + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class SynapticNode(Node):
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
class Dense(SynapticNode):
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
class _Windowed(SynapticNode):
    """What slides a window over a grid of positions, zeros outside.

    Attributes:
        height, width: Grid of the input; the input has one row per position.
        stride, padding: In positions, down the rows, and across the columns where not said.
        stride_across: Stride across the columns; 0 is the same as ``stride``.
        padding_across: Padding left and right; −1 is the same as ``padding``.
        exponent: Left shift of the sums.
    """

    height: int
    width: int
    stride: int
    padding: int
    stride_across: int = 0
    padding_across: int = -1

    @property
    def kernels(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        raise NotImplementedError(f"{type(self).__name__} says no size of its window")

    @property
    def strides(self) -> tuple[int, int]:
        """Stride down and across."""
        return self.stride, self.stride_across or self.stride

    @property
    def paddings(self) -> tuple[int, int]:
        """Padding above and below, and left and right."""
        return self.padding, self.padding if self.padding_across < 0 else self.padding_across

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        sides = zip(
            (self.height, self.width), self.kernels, self.strides, self.paddings, strict=True
        )
        rows, columns = (places_along(*side) for side in sides)
        return rows, columns

    def _check_window(self) -> None:
        self._check_exponent()
        least = {"height": 1, "width": 1, "stride": 1, "padding": 0, "stride_across": 0,
                 "padding_across": -1}  # fmt: skip
        for key, low in least.items():
            value = getattr(self, key)
            inside = low <= value <= SIDE_MAX
            self._require(inside, f"{key} {value} is outside {low}..{SIDE_MAX}")
        high, wide = self.kernels
        size = str(high) if high == wide else f"{high}×{wide}"
        self._require(min(self.grid) >= 1, f"a kernel of {size} does not fit the grid")


@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(_Windowed):
    """Cross-correlation over a grid of positions with zeros outside; weights kept once.

    Attributes:
        weight: (C_out, C_in, k_down, k_across).
    """

    weight: IntArray
    kind: ClassVar[str] = "Conv"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", frozen_int(self.weight, f"node {self.name!r}: weight"))
        shape = self.weight.shape
        four = len(shape) == 4 and min(shape) >= 1
        self._require(four, f"weight has shape {shape}, not (out, in, k, k)")
        self._check_weight(self.weight)
        self._check_window()

    @property
    def kernels(self) -> tuple[int, int]:
        """See :attr:`_Windowed.kernels`."""
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    @property
    def kernel(self) -> int:
        """Rows of the kernel: its side, where it is square."""
        return self.kernels[0]

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.grid[0] * self.grid[1], int(self.weight.shape[0]))

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.height * self.width, int(self.weight.shape[1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class SumPool(_Windowed):
    """Sum of each channel over a window: ``out = (Σ window) << exponent``.

    Attributes:
        channels: Channels of a position.
        kernel_down, kernel_across: Rows and columns of the window.
    """

    channels: int
    kernel_down: int
    kernel_across: int
    kind: ClassVar[str] = "SumPool"

    def __post_init__(self) -> None:
        for key in ("channels", "kernel_down", "kernel_across"):
            inside = 1 <= getattr(self, key) <= SIDE_MAX
            self._require(inside, f"{key} {getattr(self, key)} is outside 1..{SIDE_MAX}")
        self._check_window()

    @property
    def kernels(self) -> tuple[int, int]:
        """See :attr:`_Windowed.kernels`."""
        return self.kernel_down, self.kernel_across

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.grid[0] * self.grid[1], self.channels)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (self.height * self.width, self.channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Skip(SynapticNode):
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
class Regroup(SynapticNode):
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
