"""The LIF population (docs/fixed_point.md §6)."""

from __future__ import annotations

from conversion.nodes import LIF
from sims.reference.guard import Guard
from sims.reference.integers import Row, clip, decay
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
    """Leaky integrate-and-fire neurons with Lava's decay, wrap and clip."""

    def __init__(self, node: LIF, guard: Guard) -> None:
        self._node = node
        self._guard = guard
        self._u: Row = [0] * node.count
        self._v: Row = [0] * node.count

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node, drive = self._node, arrived["in"][0][0]
        level = node.vth << SCALE_BITS
        self._u = [
            wrap_once(decay(u, node.du + 1) + (x << SCALE_BITS))
            for u, x in zip(self._u, drive, strict=True)
        ]
        # A current that one wrap does not bring back has left its register.
        self._guard.between(self._u, 1 - TOP, TOP, "u", step, "[")
        membrane = [
            clip(decay(v, node.dv) + u, 1 - TOP, TOP - 1)
            for u, v in zip(self._u, self._v, strict=True)
        ]
        spikes = [int(v > level) for v in membrane]
        after = [0] * node.count if node.reset == "zero" else [v - level for v in membrane]
        self._v = [a if s else v for a, s, v in zip(after, spikes, membrane, strict=True)]
        active = sum(1 for x, v in zip(drive, membrane, strict=True) if x != 0 or v != 0)
        work = {
            "spikes": sum(spikes),
            "updates_active": active,
            "updates_idle": node.count - active,
        }
        return {"out": [spikes], "membrane": [membrane]}, work
