"""Lava's fixed-point LIF (docs/fixed_point.md §6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import LIF
from sims.fast.body import Arrivals, Departures
from sims.fast.rows import Signal, dense
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
    """A population of leaky integrate-and-fire neurons.

    Attributes:
        frame: Number of the frame that comes next; below 0 while a network warms up.
    """

    def __init__(self, node: LIF, registers: Registers) -> None:
        self._width = registers.current
        self._node = node
        shape = node.output_shape("out")
        bias = node.bias if node.biased else np.zeros(1, np.int64)
        self._bias = bias << INPUT_SHIFT
        self._u = np.zeros(shape, np.int64)
        self._v = np.zeros(shape, np.int64)
        self._fired = np.zeros(shape, np.int64)
        self.frame = 0
        self.tally = Tally(node, neurons=self._v.size)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: drive in, added, to spikes and the membrane before reset, all of one shape."""
        node, f = self._node, self.frame
        self.frame += 1
        if node.biased and f < -node.warmup:
            rest = np.zeros_like(self._v)
            self.tally.frame(updates_idle=rest.size)
            return {"out": rest, "membrane": rest}
        drive = _added(inputs["in"])
        if self._width.wraps:
            drive = self._width.keep("in", drive)
        if node.reset_every and f % node.reset_every == 0:
            self._v = np.zeros_like(self._v)
            self._fired = np.zeros_like(self._v)
        membrane = self._membrane(drive)
        threshold = node.vth << INPUT_SHIFT
        spikes = (membrane > threshold).astype(np.int64)
        if node.reset == "zero":
            self._v = membrane * (1 - spikes)
        else:
            self._v = membrane - spikes * threshold if node.reset == "subtract" else membrane
        self._fired = spikes
        active = int(np.count_nonzero((drive != 0) | (membrane != 0)))
        fired = int(spikes.sum())
        self.tally.frame(
            spikes=fired,
            updates_active=active,
            updates_idle=spikes.size - active,
            message_bits=fired,
        )
        return {"out": spikes, "membrane": membrane}

    def _membrane(self, drive: IntArray) -> IntArray:
        """The potential before reset."""
        node = self._node
        if not self._width.wraps:
            DRIVE.check("in", drive)
        u = decayed(self._u, node.du + 1) + (drive << INPUT_SHIFT)
        if self._width.wraps:
            u = self._width.keep("u", u)
        wrap = np.where(u > HALF, -2 * HALF, np.where(u <= -HALF, 2 * HALF, 0))
        self._u = u + wrap
        if not self._width.wraps:
            # What one wrap does not bring back has left its register; 2^23 itself is in it.
            self._width.check("u", self._u - 1)
        v = decayed(self._v, node.dv) + self._u + self._bias
        if node.reset == "subtract_late":
            v -= self._fired * (node.vth << INPUT_SHIFT)
        return np.clip(v, 1 - HALF, HALF - 1)


def _added(signals: tuple[Signal, ...]) -> IntArray:
    """What arrives on all edges of a port, as one array."""
    total = dense(signals[0])
    for signal in signals[1:]:
        total = total + dense(signal)
    return total
