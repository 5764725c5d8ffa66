"""Register widths at run time (docs/fixed_point.md §9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.errors import OverflowInGraph
from sims.overflow import Overflow

IntArray = npt.NDArray[np.int64]


class TooWide(OverflowInGraph):
    """A value left its register; the simulator adds the node and the frame."""

    def __init__(self, quantity: str, index: tuple[int, ...], value: int, bits: int) -> None:
        self.quantity = quantity
        self.index = index
        super().__init__(f"{quantity}{list(index)} = {value} does not fit {bits} bits")


@dataclass(frozen=True)
class Width:
    """A signed register of ``bits`` bits, both ends of two's complement included.

    Args:
        bits: Its width.
        wraps: Whether a value outside loses its upper bits instead of raising.
    """

    bits: int
    wraps: bool = False

    @property
    def low(self) -> int:
        """Smallest value that fits."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """Largest value that fits."""
        return (1 << (self.bits - 1)) - 1

    def holds(self, values: npt.NDArray[Any]) -> bool:
        """Whether all values fit."""
        return not values.size or (int(values.min()) >= self.low and int(values.max()) <= self.high)

    def keep(self, quantity: str, values: IntArray) -> IntArray:
        """What the register holds after values were put into it.

        Args:
            quantity: What it is, for the message.
            values: Integers of any shape; the reported index is the index in it.

        Returns:
            The values, or where the register wraps a wrapped copy.

        Raises:
            TooWide: naming the quantity, the index and the value.
        """
        if self.holds(values):
            return values
        if self.wraps:
            # Shifted up, the upper bits fall out; shifted down, the sign comes back.
            spare = 64 - self.bits
            return np.asarray((values << spare) >> spare)
        raise self._fault(quantity, values)

    def keep_rows(self, quantity: str, tokens: IntArray, values: IntArray) -> IntArray:
        """As :meth:`keep` for rows (n, C), the row of a value outside named by its token."""
        try:
            return self.keep(quantity, values)
        except TooWide as fault:
            row, *rest = fault.index
            value = int(values[fault.index])
            raise TooWide(quantity, (int(tokens[row]), *rest), value, self.bits) from None

    def check(self, quantity: str, values: npt.NDArray[np.int64] | npt.NDArray[np.object_]) -> None:
        """Raise for the first value outside, whether the register wraps or not."""
        if not self.holds(values):
            raise self._fault(quantity, values)

    def _fault(self, quantity: str, values: npt.NDArray[Any]) -> TooWide:
        outside = (values < self.low) | (values > self.high)
        at = tuple(int(n) for n in np.unravel_index(int(np.argmax(outside)), values.shape))
        return TooWide(quantity, at, int(values[at]), self.bits)


HOST = Width(63)
"""The most this simulator can hold with room for one more addition."""


@dataclass(frozen=True)
class Registers:
    """The registers of a run.

    Args:
        total: sigma, S_h and products.
        halved: Products of a Dense or a Skip without a left shift, of which Lava sums the double.
        message: The payload of a message.
        current: u of a LIF after its one wrap; it holds +2^(bits−1) and not −2^(bits−1).
        gate: The restore gate's sums.
        overflow: What a value outside does.
    """

    total: Width
    halved: Width
    message: Width
    current: Width
    gate: Width
    overflow: Overflow

    @property
    def of_host(self) -> Registers:
        """The registers of nodes off the chip, which do not wrap."""
        return STRICT if self.overflow == "chip" else self


STRICT = Registers(Width(32), Width(32), Width(24), Width(24), Width(64), "strict")
"""docs/fixed_point.md §9."""

CHIP = Registers(
    Width(32, True), Width(31, True), Width(32, True), Width(32, True), Width(64), "chip"
)
"""docs/fixed_point.md §9, as Lava's int32 wraps; messages are not narrowed there."""

UNBOUNDED = Registers(HOST, HOST, HOST, HOST, Width(256), "unbounded")
"""As far as int64 goes; the gate's sums are unbounded integers."""

REGISTERS: dict[Overflow, Registers] = {"strict": STRICT, "chip": CHIP, "unbounded": UNBOUNDED}
