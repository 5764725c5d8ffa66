"""Delay: an older frame of its input (docs/fixed_point.md §6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import Delay
from sims.fast.body import Arrivals, Departures, whole
from sims.fast.tally import Tally

IntArray = npt.NDArray[np.int64]


class DelayBody:
    """Holds values in a ring, each until its steps have passed."""

    def __init__(self, node: Delay) -> None:
        self._size = int(node.steps.max()) + 1
        self._ring = np.zeros((self._size, int(np.prod(node.shape))), np.int64)
        self._steps = np.broadcast_to(node.steps, node.shape).reshape(-1)
        self._columns = np.arange(self._ring.shape[1])
        self._at = 0
        self._shape = node.shape
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: a value of the node's shape, to that of the frames before."""
        self.tally.frame()
        self._ring[self._at] = whole(inputs, "in").reshape(-1)
        shown = self._ring[(self._at - self._steps) % self._size, self._columns]
        self._at = (self._at + 1) % self._size
        return {"out": np.asarray(shown.reshape(self._shape))}
