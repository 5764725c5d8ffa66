"""Conv: the outputs that messages reach, through one exact matrix product (docs/fixed_point.md §4).

For each output whose kernel covers a message, what the kernel covers becomes a row; the rows meet
the weights in one product. So the work follows the messages, and weights are kept once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import Conv, SumPool
from sims.fast.body import Arrivals, Departures
from sims.fast.exact import peak, weights_of
from sims.fast.grid_kernels import gather_windows, reached_outputs
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import Width

IntArray = npt.NDArray[np.int64]


class ConvBody:
    """Cross-correlation of messages on a grid."""

    def __init__(self, node: Conv, width: Width) -> None:
        # Rows are gathered position by position: kernel row, kernel column, channel.
        by_position = node.weight.transpose(0, 2, 3, 1).reshape(node.weight.shape[0], -1)
        self._weight = weights_of(node, by_position)
        self._grid = (node.height, node.width, *node.grid)
        self._rule = (*node.kernels, *node.strides, *node.paddings)
        self._shape = node.output_shape("out")
        self._width = width
        self._covered_by = kernels_over(node)
        self._row_of = np.full(node.height * node.width, -1, np.int64)
        self._reached = np.zeros(self._shape[0], np.bool_)
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (h·w, C_in) to values out (h'·w', C_out)."""
        rows = as_rows(inputs["in"][0])
        per_row = np.count_nonzero(rows.values, axis=1)
        met = int(per_row @ self._covered_by[rows.tokens]) * self._shape[1]
        self.tally.frame(synaptic_operations=met)
        at = np.zeros(0, np.int64)
        if rows.tokens.size:
            at = reached_outputs(rows.tokens, self._grid, self._rule, self._reached)
        if not at.size:
            return {"out": Rows(at, np.zeros((0, self._shape[1]), np.int64), self._shape)}
        high = peak(rows.values)
        # In the type of the product from the start: the windows are many times the messages.
        values = rows.values.astype(self._weight.form(high))
        self._row_of[rows.tokens] = np.arange(rows.tokens.size)
        seen = gather_windows(values, self._row_of, at, self._grid, self._rule)
        self._row_of[rows.tokens] = -1
        out, proven = self._weight.times(seen, self._width, "out", high)
        if not proven:
            out = self._width.keep_rows("out", at, out)
        return {"out": Rows(at, out, self._shape)}


def kernels_over(node: Conv | SumPool) -> IntArray:
    """For each position, the number of outputs whose window covers it, (h·w,)."""
    sides = zip(
        (node.height, node.width), node.grid, node.kernels, node.strides, node.paddings, strict=True
    )

    def along(size: int, outputs: int, kernel: int, stride: int, padding: int) -> IntArray:
        first = np.arange(outputs) * stride - padding
        place = np.arange(size)[:, None]
        return np.asarray(((place >= first) & (place < first + kernel)).sum(1), np.int64)

    down, across = (along(*side) for side in sides)
    return np.outer(down, across).reshape(-1)
