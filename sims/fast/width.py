"""Register widths at run time (docs/fixed_point.md §9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.errors import OverflowInGraph

IntArray = npt.NDArray[np.int64]


class TooWide(OverflowInGraph):
    """A value left its register; the simulator adds the node and the frame."""

    def __init__(self, quantity: str, index: tuple[int, ...], value: int, bits: int) -> None:
        self.quantity = quantity
        self.index = index
        super().__init__(f"{quantity}{list(index)} = {value} does not fit {bits} bits")


@dataclass(frozen=True)
class Width:
    """A signed register of ``bits`` bits, both ends of two's complement included."""

    bits: int

    @property
    def low(self) -> int:
        """Smallest value that fits."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """Largest value that fits."""
        return (1 << (self.bits - 1)) - 1

    def check(self, quantity: str, values: npt.NDArray[np.int64] | npt.NDArray[np.object_]) -> None:
        """Raise for the first value outside the register.

        Args:
            quantity: What is checked, for the message.
            values: Integers of any shape; the reported index is the index in it.

        Raises:
            TooWide: naming the quantity, the index and the value.
        """
        if not values.size or (int(values.min()) >= self.low and int(values.max()) <= self.high):
            return
        outside = (values < self.low) | (values > self.high)
        at = tuple(int(n) for n in np.unravel_index(int(np.argmax(outside)), values.shape))
        raise TooWide(quantity, at, int(values[at]), self.bits)

    def check_rows(self, quantity: str, tokens: IntArray, values: npt.NDArray[np.int64]) -> None:
        """Raise for the first value outside the register, its row named by its token."""
        try:
            self.check(quantity, values)
        except TooWide as fault:
            row, *rest = fault.index
            value = int(values[fault.index])
            raise TooWide(quantity, (int(tokens[row]), *rest), value, self.bits) from None


HOST = Width(63)
"""The most this simulator can hold with room for one more addition."""


@dataclass(frozen=True)
class Registers:
    """The registers of a run.

    Args:
        total: sigma, S_h and products.
        message: The payload of a message.
        current: u of a LIF after its one wrap; it holds +2^(bits−1) and not −2^(bits−1).
        gate: The restore gate's sums.
    """

    total: Width
    message: Width
    current: Width
    gate: Width


STRICT = Registers(Width(32), Width(24), Width(24), Width(64))
"""docs/fixed_point.md §9."""

UNBOUNDED = Registers(HOST, HOST, HOST, Width(256))
"""Without strict mode: as far as int64 goes; the gate's sums are unbounded integers."""
