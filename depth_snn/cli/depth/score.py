"""Scores of a method against the dense network, seed by seed, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.cli.depth.energy import SeedEnergy, seed_energy
from depth_snn.data.bursts import BurstWindow, burst_window
from depth_snn.data.classes import PEDESTRIAN, VEHICLE
from depth_snn.data.metrics import miou, per_class_iou
from depth_snn.data.readers.classmaps import CAMVID_CLASSES
from depth_snn.pruning.play import Played

SOON = 3
"""Frames within which the gap after a burst is asked to close."""
_T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Two-sided 95 % quantiles of Student's t by number of seeds (degrees of freedom + 1)."""


@dataclass(frozen=True)
class Interval:
    """Mean over seeds, and half the width of its 95 % confidence interval; NaN for one seed."""

    mean: float
    half: float

    def text(self, digits: int = 2) -> str:
        """``mean ± half``."""
        if math.isnan(self.half):
            return f"{self.mean:.{digits}f}"
        return f"{self.mean:.{digits}f} ± {self.half:.{digits}f}"


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % interval by Student's t, over seeds that have the value."""
    known = np.array([v for v in values if not math.isnan(v)])
    if not len(known):
        return Interval(float("nan"), float("nan"))
    if len(known) == 1:
        return Interval(float(known[0]), float("nan"))
    t = _t95(len(known))
    return Interval(float(known.mean()), float(t * known.std(ddof=1) / math.sqrt(len(known))))


def _t95(count: int) -> float:
    """From the table, and beyond it by the expansion in 1 / degrees of freedom."""
    z, ways = 1.959964, count - 1
    return _T95.get(
        count, z + (z**3 + z) / (4 * ways) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * ways**2)
    )


@dataclass(frozen=True, eq=False)
class SeedScores:
    """What one seed says of one method; losses in points of 100 against dense, NaN where undefined.

    Attributes:
        miou, loss: Mean IoU over the clips, and what it falls short of the dense network's.
        pedestrian, vehicle: The same of these classes' IoU.
        burst_miou: Mean IoU over burst windows, lags 0 to 10, percent.
        burst_loss: Of the mean IoU in burst windows, lags 0 to 10.
        work: Executed ÷ dense MACs.
        extra, worst_extra: Restored ÷ own MACs, mean and largest over frames, percent.
        speedup: Median time of dense SDPA ÷ that of the method.
        burst: Burst windows of the method beside the dense network's.
        energy: Modelled energy of the executed MACs.
    """

    miou: float
    loss: float
    pedestrian: float
    vehicle: float
    burst_miou: float
    burst_loss: float
    work: float
    extra: float
    worst_extra: float
    speedup: float
    burst: BurstWindow | None
    energy: SeedEnergy

    @property
    def conversion(self) -> float:
        """Share of the saved work that becomes saved time: speed-up ÷ reduction of MACs."""
        return self.speedup * self.work


def seed_scores(
    played: Sequence[Played], dense: Sequence[Played], firsts: Sequence[Sequence[int]]
) -> SeedScores:
    """Scores of one method over the clips of one seed.

    Args:
        played: The method's clips.
        dense: The same clips under the dense network.
        firsts: First frames of each clip's events.
    """
    ours, theirs = (sum(p.matrices.sum(0) for p in side) for side in (played, dense))
    classes = per_class_iou(theirs) - per_class_iou(ours)
    pedestrian, vehicle = PEDESTRIAN, VEHICLE
    if len(classes) == len(CAMVID_CLASSES):
        pedestrian, vehicle = (CAMVID_CLASSES.index(name) for name in ("pedestrian", "car"))
    burst = None
    for p, d, first in zip(played, dense, firsts, strict=True):
        window = burst_window(p.matrices, d.matrices, first)
        burst = window if burst is None else burst + window
    at_bursts = lost = float("nan")
    if burst is not None and burst.bursts:
        at_bursts = 100 * miou(burst.stream.sum(0))
        lost = 100 * miou(burst.reference.sum(0)) - at_bursts
    work, extra = (np.concatenate([getattr(p, k) for p in played]) for k in ("work", "extra"))
    seconds = [np.median(np.concatenate([p.seconds for p in side])) for side in (dense, played)]
    return SeedScores(
        miou=100 * miou(ours), loss=100 * (miou(theirs) - miou(ours)),
        pedestrian=100 * float(classes[pedestrian]), vehicle=100 * float(classes[vehicle]),
        burst_miou=at_bursts, burst_loss=lost, work=float(work.mean()),
        extra=100 * float(extra.mean()), worst_extra=100 * float(extra.max()),
        speedup=float(seconds[0] / seconds[1]), burst=burst,
        energy=seed_energy([p.macs for p in played], firsts),
    )  # fmt: skip


def added_burst(scores: Sequence[SeedScores]) -> BurstWindow | None:
    """Burst windows of all seeds together."""
    total = None
    for score in scores:
        if score.burst is not None:
            total = score.burst if total is None else total + score.burst
    return total if total is not None and total.bursts else None


def losses_by_lag(window: BurstWindow) -> npt.NDArray[np.float64]:
    """Points of mIoU lost against dense at every lag after a burst (L + 1,)."""
    pairs = zip(window.reference, window.stream, strict=True)
    return np.array([100 * (miou(r) - miou(s)) for r, s in pairs])


def gap_closed(irreversible: BurstWindow, recovering: BurstWindow, lag: int = SOON) -> float:
    """Share of what irreversible pruning loses at a lag that recovery makes good; NaN if nothing.

    Negative where recovery loses more.
    """
    lost, left = losses_by_lag(irreversible)[lag], losses_by_lag(recovering)[lag]
    return float((lost - left) / lost) if lost > 0 else float("nan")


def summary(scores: Mapping[str, Sequence[SeedScores]], method: str) -> dict[str, Interval]:
    """Intervals of every score of a method, by name."""
    names = (
        "miou",
        "loss",
        "pedestrian",
        "vehicle",
        "burst_loss",
        "work",
        "extra",
        "speedup",
        "conversion",
    )
    return {n: interval([getattr(s, n) for s in scores[method]]) for n in names}
