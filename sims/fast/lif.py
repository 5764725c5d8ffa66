"""Lava's fixed-point LIF (docs/fixed_point.md §6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import LIF
from sims.fast.body import Arrivals, Departures, whole
from sims.fast.tally import Tally
from sims.fast.width import Registers, Width

IntArray = npt.NDArray[np.int64]
HALF = 1 << 23
UNITY = 1 << 12
INPUT_SHIFT = 6
DRIVE = Width(57)
"""The widest drive whose shifted value this simulator can hold."""


def decayed(x: IntArray, decay_q12: int) -> IntArray:
    """``T0(x, m)``: x times (4096 − m) / 4096, truncated toward zero."""
    return np.asarray(np.sign(x) * ((np.abs(x) * (UNITY - decay_q12)) >> 12))


class LIFBody:
    """A population of leaky integrate-and-fire neurons."""

    def __init__(self, node: LIF, registers: Registers) -> None:
        self._width = registers.current
        self._node = node
        self._u = np.zeros(node.count, np.int64)
        self._v = np.zeros(node.count, np.int64)
        self.tally = Tally(node, neurons=node.count)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: drive in (R,) to spikes (R,) and the membrane before reset (R,)."""
        node, drive = self._node, whole(inputs, "in")
        DRIVE.check("in", drive)
        u = decayed(self._u, node.du + 1) + (drive << INPUT_SHIFT)
        wrap = np.where(u > HALF, -2 * HALF, np.where(u <= -HALF, 2 * HALF, 0))
        self._u = u + wrap
        # A current that one wrap does not bring back has left its register; 2^23 itself is in it.
        self._width.check("u", self._u - 1)
        v = decayed(self._v, node.dv) + self._u
        membrane = np.clip(v, 1 - HALF, HALF - 1)
        threshold = node.vth << INPUT_SHIFT
        spikes = (membrane > threshold).astype(np.int64)
        self._v = membrane * (1 - spikes) if node.reset == "zero" else membrane - spikes * threshold
        active = int(np.count_nonzero((drive != 0) | (membrane != 0)))
        self.tally.frame(
            spikes=int(spikes.sum()), updates_active=active, updates_idle=node.count - active
        )
        return {"out": spikes, "membrane": membrane}
