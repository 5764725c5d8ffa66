"""Clips that were never played, whose scores can be worked out by hand."""

from __future__ import annotations

import numpy as np

from depth_snn.cli.depth.protocol import (
    DENSE,
    GROUPS,
    IRREVERSIBLE,
    JUDGED,
    PLAIN,
    PROPOSAL,
    RECOVERY,
    Results,
    ablation_of,
)
from depth_snn.cli.depth.score import SeedScores, seed_scores
from depth_snn.config import PolicyConfig
from depth_snn.data.classes import PEDESTRIAN, VEHICLE
from depth_snn.data.metrics import Counts
from depth_snn.pruning.play import Played


def matrices(wrong: dict[int, int], frames: int = 20) -> Counts:
    """100 pixels each of vehicles and pedestrians; some of each taken for the other."""
    out = np.zeros((frames, 8, 8), np.int64)
    for t in range(frames):
        bad = wrong.get(t, 0)
        out[t, VEHICLE, VEHICLE] = out[t, PEDESTRIAN, PEDESTRIAN] = 100 - bad
        out[t, VEHICLE, PEDESTRIAN] = out[t, PEDESTRIAN, VEHICLE] = bad
    return out


def played(wrong: dict[int, int], work: float = 1.0, seconds: float = 2.0) -> Played:
    extra, macs = np.zeros(19), np.full(19, round(work * 1000), np.int64)
    extra[3] = 0.1
    return Played(matrices(wrong), macs, 1000, extra, np.full(19, seconds))


def busy(macs: list[int], dense_macs: int = 1000) -> Played:
    """20 frames of which all but the first executed these MACs."""
    zeros = np.zeros(19)
    return Played(matrices({}), np.array(macs, np.int64), dense_macs, zeros, zeros + 1)


def iou(wrong: float) -> float:
    return (100 - wrong) / (100 + wrong)


def made_up(seeds: int, wrong: int = 20) -> Results:
    """What a run of the protocol would hold, the same scores everywhere."""

    def score(bad: int, work: float) -> SeedScores:
        return seed_scores([played({8: bad}, work)], [played({})], [[5]])

    results = Results()
    for group in GROUPS:
        methods = {DENSE: (0, 1.0), PROPOSAL: (60, 0.2), IRREVERSIBLE: (50, 0.4),
                   RECOVERY: (wrong, 0.5)}  # fmt: skip
        results.groups[group] = {m: [score(*made)] * seeds for m, made in methods.items()}
    for kind in (JUDGED, PLAIN):
        names = [m.name for m in ablation_of(PolicyConfig())]
        results.ablation[kind] = {n: [score(50 if n == "none" else wrong, 0.5)] * seeds
                                  for n in names}  # fmt: skip
    return results
