"""Lava's own sigma-delta neuron, whose encoder loses low bits (docs/fixed_point.md §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from conversion.node import IntArray, Node, frozen_int


@dataclass(frozen=True, kw_only=True, eq=False)
class StockSigmaDelta(Node):
    """Lava's ``SigmaDelta`` with ReLU, or its ``Delta``: for networks that were made with them.

    Attributes:
        tokens, channels: Shape of the value.
        bias: (channels,), in whole units of the value.
        threshold: In the same units.
        spike_exp: A message counts 2^-spike_exp.
        state_exp: Bits that a state has more than a message.
        absolute: The input is the value itself, as in Lava's ``Delta``; no sum, no bias, no ReLU.
        message_bits: Width of a message, checked when it runs.
    """

    tokens: int
    channels: int
    bias: IntArray
    threshold: int
    spike_exp: int = 6
    state_exp: int = 6
    absolute: bool = False
    message_bits: int = 16
    kind: ClassVar[str] = "StockSigmaDelta"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", frozen_int(self.bias, f"node {self.name!r}: bias"))
        self._require(self.tokens > 0 and self.channels > 0, "needs at least one neuron")
        self._require(self.bias.shape == (self.channels,), f"bias has shape {self.bias.shape}")
        exponents = 0 <= self.spike_exp <= 7 and 0 <= self.state_exp <= 7
        self._require(exponents, f"exponents {self.spike_exp}, {self.state_exp} are outside 0..7")
        self._require(
            2 <= self.message_bits <= 24, f"message_bits {self.message_bits} not in 2..24"
        )
        peak = int(np.abs(self.bias).max())
        self._require(peak < 2**16, f"bias {peak} is beyond ±65535")
        self._require(not (self.absolute and peak), "an encoder of an absolute input has no bias")
        self._require(0 <= self.threshold < 2**16, f"threshold {self.threshold} not in 0..65535")

    @property
    def scale(self) -> int:
        """Bits behind the point of a state."""
        return self.spike_exp + self.state_exp

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.channels)

    input_shape = output_shape
