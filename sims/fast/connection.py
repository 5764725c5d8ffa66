"""Dense and Skip: what travels through synapses (docs/fixed_point.md §4), and Output (§8)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import Dense, Output, Skip
from sims.fast.body import Arrivals, Departures
from sims.fast.exact import peak, unbounded, weights_of
from sims.fast.kernels import add_rows
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import HOST, Registers

IntArray = npt.NDArray[np.int64]


class DenseBody:
    """Weights shared by all tokens, and their groups, applied to what carries messages."""

    def __init__(self, node: Dense, registers: Registers) -> None:
        self._weight = weights_of(node, node.weight)
        self._shape = node.output_shape("out")
        self._repeat = node.repeat
        self._width = registers.total if node.exponent else registers.halved
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (N, C_in) to values out (N, C_out)."""
        rows = as_rows(inputs["in"][0])
        per_message = self._shape[1] // self._repeat
        self.tally.frame(synaptic_operations=rows.events() * per_message)
        if not rows.tokens.size:
            return {"out": Rows(rows.tokens, np.zeros((0, self._shape[1]), np.int64), self._shape)}
        out, proven = self._times(rows.values)
        if not proven:
            out = self._width.keep_rows("out", rows.tokens, out)
        return {"out": Rows(rows.tokens, out, self._shape)}

    def _times(self, values: IntArray) -> tuple[IntArray, bool]:
        """Products of rows (n, repeat·C_in), (n, repeat·C_out), and whether they must fit."""
        if self._repeat == 1:
            return self._weight.times(values, self._width, "out")
        groups = values.reshape(values.shape[0] * self._repeat, -1)
        speaking = np.flatnonzero(groups.any(axis=1))
        if 2 * speaking.size > groups.shape[0]:
            out, proven = self._weight.times(groups, self._width, "out")
            return out.reshape(values.shape[0], -1), proven
        few, proven = self._weight.times(groups[speaking], self._width, "out")
        out = np.zeros((groups.shape[0], few.shape[1]), np.int64)
        out[speaking] = few
        return out.reshape(values.shape[0], -1), proven


class SkipBody:
    """One-to-one connection with a left shift."""

    def __init__(self, node: Skip, registers: Registers) -> None:
        self._exponent = node.exponent
        self._width = registers.total if node.exponent else registers.halved
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (N, C) to values out (N, C)."""
        rows = as_rows(inputs["in"][0])
        events = rows.events()
        self.tally.frame(synaptic_operations=events)
        if self._width.wraps or peak(rows.values) << self._exponent <= HOST.high:
            out = rows.values << self._exponent
        else:
            out = unbounded(
                rows.values, np.eye(rows.shape[1], dtype=np.int64), self._exponent, "out"
            )
        kept = self._width.keep_rows("out", rows.tokens, out)
        if kept is not out:  # what wrapped may be 0
            return {"out": Rows(rows.tokens, kept, rows.shape)}
        return {"out": Rows(rows.tokens, out, rows.shape, rows.tight, events)}


class OutputBody:
    """Accumulates messages and shows the sum plus the bias.

    Args:
        node: The node.
        shown: Whether anybody looks at the value; if not, it is not built.
    """

    def __init__(self, node: Output, shown: bool) -> None:
        self._total = np.zeros((node.tokens, node.channels), np.int64)
        self._touched = np.zeros(node.tokens, np.bool_)
        self._bias = node.bias
        self._shown = shown
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (N, C) to the accumulated values (N, C)."""
        rows = as_rows(inputs["in"][0])
        self.tally.frame(macs_off_core=rows.events())
        add_rows(self._total, rows.tokens, rows.values, self._touched)
        HOST.keep_rows("out", rows.tokens, self._total[rows.tokens])
        return {"out": self._total + self._bias} if self._shown else {}
