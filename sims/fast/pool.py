"""SumPool: sums over windows of a grid (docs/fixed_point.md §4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import SumPool
from sims.fast.body import Arrivals, Departures, whole
from sims.fast.conv import kernels_over
from sims.fast.exact import peak
from sims.fast.tally import Tally
from sims.fast.width import HOST, TooWide, Width

IntArray = npt.NDArray[np.int64]


class SumPoolBody:
    """Adds one shifted copy of the grid for each place of the window."""

    def __init__(self, node: SumPool, width: Width) -> None:
        self._node = node
        self._width = width
        self._covered_by = kernels_over(node)
        self._window = node.kernel_down * node.kernel_across
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (h·w, C) to sums out (h'·w', C)."""
        node, arrived = self._node, whole(inputs, "in")
        met = int(np.count_nonzero(arrived, axis=1) @ self._covered_by)
        self.tally.frame(synaptic_operations=met)
        bound = peak(arrived) * self._window << node.exponent
        if bound > HOST.high and not self._width.wraps:
            raise TooWide("in", (0,), peak(arrived), HOST.bits)
        (above, beside), (down, across) = node.paddings, node.strides
        rows, columns = node.grid
        grid = arrived.reshape(node.height, node.width, node.channels)
        padded = np.pad(grid, ((above, above), (beside, beside), (0, 0)))
        total = np.zeros((rows, columns, node.channels), np.int64)
        for a in range(node.kernel_down):
            for b in range(node.kernel_across):
                last = a + down * (rows - 1) + 1, b + across * (columns - 1) + 1
                total += padded[a : last[0] : down, b : last[1] : across]
        out = (total << node.exponent).reshape(rows * columns, node.channels)
        return {"out": self._width.keep("out", out)}
