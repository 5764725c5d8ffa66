"""The LIF population (docs/fixed_point.md §6)."""

from __future__ import annotations

from conversion.nodes import LIF, Delay
from sims.reference.arrays import table_of
from sims.reference.guard import CHIP_BITS, Guard
from sims.reference.integers import Row, Table, clip, decay, wrap
from sims.reference.unit import Arrived, Outputs, Work

TOP = 1 << 23
SCALE_BITS = 6
"""Inputs and thresholds are in units of 2^6 of the potential."""


def wrap_once(u: int) -> int:
    """Lava's single wrap of the current: 2^23 stays, −2^23 becomes 2^23."""
    if u > TOP:
        return u - 2 * TOP
    if u <= -TOP:
        return u + 2 * TOP
    return u


class LifUnit:
    """Leaky integrate-and-fire neurons with Lava's decay, wrap and clip.

    Args:
        node: The node.
        guard: Checks of its widths.
        lag: Step at which frame 0 reaches it.
    """

    def __init__(self, node: LIF, guard: Guard, lag: int) -> None:
        self._node = node
        self._guard = guard
        self._lag = lag
        size = node.count * max(1, node.channels)
        # One bias per neuron, in the order of the neurons: channel by channel of each position.
        bias = [x for row in table_of(node.bias) for x in row] if node.biased else [0]
        self._bias = bias * (size // len(bias))
        self._u: Row = [0] * size
        self._v: Row = [0] * size
        self._fired: Row = [0] * size

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node, size = self._node, len(self._v)
        if node.biased and step < self._lag - node.warmup:
            rest = self._shaped([0] * size)
            return {"out": rest, "membrane": rest}, {"updates_idle": size}
        drive = [sum(column) for column in zip(*map(_flat, arrived["in"]), strict=True)]
        if self._guard.wraps:
            drive = [wrap(x, CHIP_BITS) for x in drive]
        if node.reset_every and (step - self._lag) % node.reset_every == 0:
            self._v = [0] * size
            self._fired = [0] * size
        membrane = self._membrane(step, drive)
        level = node.vth << SCALE_BITS
        spikes = [int(v > level) for v in membrane]
        self._v = [self._after(v, s, level) for v, s in zip(membrane, spikes, strict=True)]
        self._fired = spikes
        active = sum(1 for x, v in zip(drive, membrane, strict=True) if x != 0 or v != 0)
        work = {"spikes": sum(spikes), "updates_active": active, "updates_idle": size - active}
        return {"out": self._shaped(spikes), "membrane": self._shaped(membrane)}, work

    def _membrane(self, step: int, drive: Row) -> Row:
        """Potentials before reset."""
        node = self._node
        current = [
            decay(u, node.du + 1) + (x << SCALE_BITS) for u, x in zip(self._u, drive, strict=True)
        ]
        if self._guard.wraps:
            current = [wrap(u, CHIP_BITS) for u in current]
        self._u = [wrap_once(u) for u in current]
        # A current that one wrap does not bring back has left its register.
        self._guard.between(self._u, 1 - TOP, TOP, "u", step, "[")
        late = node.vth << SCALE_BITS if node.reset == "subtract_late" else 0
        return [
            clip(decay(v, node.dv) + u + (bias << SCALE_BITS) - late * fired, 1 - TOP, TOP - 1)
            for u, v, bias, fired in zip(self._u, self._v, self._bias, self._fired, strict=True)
        ]

    def _after(self, v: int, spike: int, level: int) -> int:
        """What a potential is after the reset."""
        if not spike or self._node.reset == "subtract_late":
            return v
        return 0 if self._node.reset == "zero" else v - level

    def _shaped(self, flat: Row) -> Table:
        """One row for each position, or one for all."""
        width = self._node.channels or len(flat)
        return [flat[at : at + width] for at in range(0, len(flat), width)]


class DelayUnit:
    """Keeps every value until its steps have passed."""

    def __init__(self, node: Delay) -> None:
        shape = node.shape
        flat = [x for row in table_of(node.steps) for x in row]
        size = shape[0] * (shape[1] if len(shape) == 2 else 1)
        self._width = shape[-1]
        self._steps = flat * (size // len(flat))
        self._past: list[Row] = []

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        self._past.insert(0, _flat(arrived["in"][0]))
        del self._past[max(self._steps) + 1 :]
        shown = [
            self._past[back][i] if back < len(self._past) else 0
            for i, back in enumerate(self._steps)
        ]
        width = self._width
        return {"out": [shown[at : at + width] for at in range(0, len(shown), width)]}, {}


def _flat(table: Table) -> Row:
    return [x for row in table for x in row]
