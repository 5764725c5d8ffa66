"""Modelled energy of a stream's executed MACs: everywhere, in calm frames and in burst windows.

Nothing is executed in integers here and no synaptic event is counted: what the stream executed,
motion, judge and gates included, is priced as MACs of an int8 network on a digital processor, by
the same model as the baselines of `depth-snn run`. Spiking hardware is judged there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.data.bursts import burst_masks
from sims.baselines import price_macs
from sims.cost_table import CostTable, load_table
from sims.energy import DEFAULT_BASELINE_TABLE
from sims.energy_total import Baseline

ARITHMETIC = "int8"
UNCOUNTED = ("other_operation",)
"""Activations, divisions, additions, comparisons, gathering: the ledger counts MACs alone."""
Macs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SeedEnergy:
    """Modelled energy of one method on the clips of one seed; executed MACs as int8.

    Attributes:
        every: Total by tier of every frame after the first, clip after clip.
        normal_pj: Operations tier, pJ a frame outside the bursts: mean over clips, each clip's own
            mean weighing the same, so that calm and sudden frames are those of the same cameras.
            NaN where no clip has both kinds of frame.
        burst_pj: The same in whole burst windows, on the same clips.
    """

    every: Baseline
    normal_pj: float
    burst_pj: float

    @property
    def all_pj(self) -> float:
        """Operations tier, pJ a frame, mean over every frame after the first."""
        return self.every.tiers["operations"].mean_pj()

    @property
    def burst_extra(self) -> float:
        """How much more a frame costs in a burst than the stream's own normal one; 0.12 is 12 %."""
        return self.burst_pj / self.normal_pj - 1


def baseline_prices() -> CostTable:
    """The cost table of digital processors that the project's baselines are priced by."""
    return load_table(DEFAULT_BASELINE_TABLE)


def seed_energy(macs: Sequence[Macs], firsts: Sequence[Sequence[int]]) -> SeedEnergy:
    """Price the clips of one seed.

    Args:
        macs: Executed MACs of every frame after the first, int64 (T − 1,) for each clip.
        firsts: First frames of each clip's events; frames count from the clip's first.
    """
    table = baseline_prices()
    normal, burst = [], []
    for clip, first in zip(macs, firsts, strict=True):
        inside, calm = (mask[1:] for mask in burst_masks(first, len(clip) + 1))
        if inside.any() and calm.any():
            burst.append(_mean_pj(clip[inside], table))
            normal.append(_mean_pj(clip[calm], table))
    return SeedEnergy(
        _price(np.concatenate(macs), table),
        float(np.mean(normal)) if normal else float("nan"),
        float(np.mean(burst)) if burst else float("nan"),
    )


def _price(macs: Macs, table: CostTable) -> Baseline:
    return price_macs("stream", ARITHMETIC, macs, table, uncounted=UNCOUNTED)


def _mean_pj(macs: Macs, table: CostTable) -> float:
    return _price(macs, table).tiers["operations"].mean_pj()
