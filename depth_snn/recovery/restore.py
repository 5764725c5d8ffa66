"""What a gate spike restores, under a cap charged before anything runs.

The rule is docs/fixed_point.md §7; docs/cap.md proves that it keeps the cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from depth_snn.errors import ConfigError

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RestoreParams:
    """Constants of the restore gate.

    Attributes:
        region_of: Region of each token (N,).
        price: MACs charged for restoring one token in each stage (S,).
        own_price: MACs by which a scheduled token counts as own work in each stage (S,).
        regions: Number of regions R.
        hold: Frames one spike restores its region for.
        cap_percent: Largest restored work in a frame, percent of the frame's own work.
        refill_percent: Restored work earned per frame, same unit.
        capacity: Most MACs that can be saved up.
    """

    region_of: IntArray
    price: IntArray
    own_price: IntArray
    regions: int
    hold: int
    cap_percent: int
    refill_percent: int
    capacity: int

    def __post_init__(self) -> None:
        if self.hold < 1 or min(self.cap_percent, self.refill_percent, self.capacity) < 0:
            raise ConfigError("restore gate: hold must be >= 1, percents and capacity >= 0")


class RestoreState(NamedTuple):
    """Saved MACs, frames owed to each region (R,), and the potential each asked with (R,)."""

    level: int
    owed: IntArray
    strength: IntArray


class Restored(NamedTuple):
    """Outcome of one frame: open mask (S, N), admitted regions (R,), own and restored MACs."""

    open: Mask
    admitted: Mask
    base_macs: int
    spent_macs: int


def restore_zeros(regions: int) -> RestoreState:
    """State before the first frame."""
    return RestoreState(0, np.zeros(regions, np.int64), np.zeros(regions, np.int64))


def restore_step(
    spikes: Mask,
    membrane: IntArray,
    sched: Mask,
    fixed_macs: int,
    state: RestoreState,
    params: RestoreParams,
) -> tuple[Restored, RestoreState]:
    """Decide one frame.

    Args:
        spikes: Regions that spiked (R,).
        membrane: Their potentials before reset (R,).
        sched: Tokens the pruned stream computes anyway, per stage (S, N).
        fixed_macs: Exactly counted work of the pruned stream that does not depend on tokens, > 0.
        state: State before the frame.
        params: Constants.

    Returns:
        What is open and what it costs, and the state after the frame. ``spent_macs`` is at
        most ``base_macs · cap_percent // 100``.
    """
    base = int(fixed_macs) + int((params.own_price * sched.sum(1)).sum())
    level = min(state.level + base * params.refill_percent // 100, params.capacity)
    purse = min(level, base * params.cap_percent // 100)
    owed = np.where(spikes, params.hold, state.owed)
    strength = np.where(spikes, np.maximum(state.strength, membrane), state.strength)
    missing = (params.price[:, None] * ~sched).sum(0)
    cost = np.zeros(params.regions, np.int64)
    np.add.at(cost, params.region_of, missing)  # bincount would add in floats
    admitted = np.zeros(params.regions, bool)
    spent = 0
    for r in sorted(np.flatnonzero(owed), key=lambda r: (-strength[r], r)):
        if cost[r] <= purse - spent:
            admitted[r] = True
            spent += int(cost[r])
    passed = (owed > 0) & ~admitted
    strength = np.where(passed, strength >> 1, strength)  # who is passed over fades
    owed = np.where(passed & (strength == 0), 0, owed - admitted)
    strength = np.where(owed == 0, 0, strength)
    opened = sched | admitted[params.region_of][None]
    return Restored(opened, admitted, base, spent), RestoreState(level - spent, owed, strength)
