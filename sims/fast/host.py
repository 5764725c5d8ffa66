"""HostNorm and HostTable (docs/fixed_point.md, Host nodes)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from conversion.nodes import HostNode, HostNorm, HostTable
from depth_snn.compiled import compiled
from sims.fast.body import Arrivals, Departures, open_tokens
from sims.fast.kernels import add_rows
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import Registers, Width

IntArray = npt.NDArray[np.int64]
GUARD = 4
"""Bits behind the binary point of a HostNorm's root."""


def opened(node: HostNode, inputs: Arrivals) -> IntArray:
    """The open tokens: all of them where there is no gate, since frame 0 is here already."""
    if not node.gated:
        return np.arange(node.tokens)
    return np.flatnonzero(open_tokens(inputs, node.stage))


def register_of(registers: Registers, strict: Width, loose: int) -> Width:
    """A register of ``strict``; without strict mode the ``loose`` bits that sums have room for."""
    unbounded = registers.overflow == "unbounded"
    return Width(max(loose, strict.bits)) if unbounded else strict


class Operand:
    """What a host node has heard on one port, added up.

    Args:
        what: Name of it, for the message.
        shape: (N, C).
        width: Register that holds it.
    """

    def __init__(self, what: str, shape: tuple[int, ...], width: Width) -> None:
        self.values = np.zeros(shape, np.int64)
        self._what, self._width = what, width
        self._touched = np.zeros(shape[0], np.bool_)

    def hear(self, rows: Rows) -> None:
        """Add messages.

        Raises:
            TooWide: if a sum does not fit.
        """
        add_rows(self.values, rows.tokens, rows.values, self._touched)
        self._width.keep_rows(self._what, rows.tokens, self.values[rows.tokens])


class HostNormBody:
    """Brings the channels of each open token to mean 0 and one variance."""

    def __init__(self, node: HostNorm, registers: Registers) -> None:
        self._node = node
        self._shape = node.output_shape("out")
        # C·|x| ≤ 2^26 keeps the spread below 2^52, and with the root's bits below 2^62.
        loose = 27 - (node.channels - 1).bit_length()
        self._x = Operand("x", self._shape, register_of(registers, Width(16), loose))
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (N, C) and gate (S, N), if gated, to values (N, C)."""
        self._x.hear(as_rows(inputs["in"][0]))
        tokens = opened(self._node, inputs)
        self.tally.frame(macs_off_core=3 * tokens.size * self._shape[1])
        out = normed(self._x.values[tokens], self._node.floor, self._node.gain)
        return {"out": Rows(tokens, out, self._shape)}


@compiled
def normed(x: IntArray, floor: int, gain: int) -> IntArray:
    """Rows (n, C) less their mean, divided by their deviation, ``gain`` integers per unit."""
    rows, channels = x.shape
    out = np.empty((rows, channels), np.int64)
    for i in range(rows):
        total, squares = 0, 0
        for c in range(channels):
            total += x[i, c]
            squares += x[i, c] * x[i, c]
        root = whole_root((channels * squares - total * total + floor) << (2 * GUARD))
        for c in range(channels):
            scaled = ((channels * x[i, c] - total) * gain) << GUARD
            out[i, c] = (2 * scaled + root) // (2 * root)
    return out


@compiled
def whole_root(n: int) -> int:
    """⌊√n⌋ for 0 ≤ n < 2^62: a float's guess, set right by comparing squares."""
    root = int(math.sqrt(n))
    while root * root > n:
        root -= 1
    while (root + 1) * (root + 1) <= n:
        root += 1
    return root


class HostTableBody:
    """Looks the channels of each open token up."""

    def __init__(self, node: HostTable, registers: Registers) -> None:
        self._node = node
        self._shape = node.output_shape("out")
        self._x = Operand("x", self._shape, register_of(registers, Width(24), 62))
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (N, C) and gate (S, N), if gated, to values (N, C)."""
        self._x.hear(as_rows(inputs["in"][0]))
        tokens, table = opened(self._node, inputs), self._node.table
        self.tally.frame(macs_off_core=tokens.size * self._shape[1])
        at = np.clip(self._x.values[tokens] - self._node.lo, 0, table.size - 1)
        return {"out": Rows(tokens, table[at], self._shape)}
