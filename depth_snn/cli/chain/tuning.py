"""Thresholds found on built-in scenes: work and error of a setting, by playing recorded clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from conversion.graph import Graph
from conversion.passes.set_thresholds import set_thresholds
from conversion.tune_thresholds import Measured, Setting, tune_thresholds
from depth_snn.cli.chain.footage import Footage, Replay, open_footage, pruned_footage, replay
from depth_snn.cli.chain.setup import Setup
from depth_snn.cli.progress import Progress
from depth_snn.data.frames import open_frames
from depth_snn.recovery.judge_file import make_judge

TUNE_SCENES = ("standing-day", "driving-day")
TUNE_SEED = 300
"""Streets of seeds 300 to 303 are those policies are chosen on; none of them is reported."""


class Trial:
    """Measures settings of one graph on a few clips.

    Work is counted after each clip's first frame, relative to that with nothing held back, and
    averaged over clips, so that a busy clip does not drown a quiet one. Error is the share of
    pixels, in percent, whose class is another than with nothing held back: unlike mIoU it needs no
    labels and moves smoothly.

    Args:
        graph: The quantised graph.
        clips: Clips of at least two frames.
    """

    def __init__(self, graph: Graph, clips: Sequence[Footage]) -> None:
        self.graph, self.clips = graph, clips
        self.tried = 0
        self._progress = Progress("settings tried")
        self._whole = [replay(set_thresholds(graph, 0), clip) for clip in clips]

    def __call__(self, thresholds: Mapping[str, int]) -> Measured:
        """Play all clips under thresholds by encoder."""
        graph = set_thresholds(self.graph, thresholds)
        played = [replay(graph, clip) for clip in self.clips]
        pairs = list(zip(played, self._whole, strict=True))
        work = float(np.mean([_work(a) / _work(b) for a, b in pairs]))
        error = float(np.mean([_differing(a, b) for a, b in pairs]))
        self.tried += 1
        self._progress.update(
            self.tried, f"work {100 * work:.1f} %, {error:.2f} % of pixels differ"
        )
        return Measured(work, error)


def tuning_clips(setup: Setup, frames: int) -> list[Footage]:
    """Streets of a standing and a driving camera, with every token open and under the policy."""
    size = {"height": setup.config.height, "width": setup.config.width}
    found = []
    for scene in TUNE_SCENES:
        clip = list(open_frames(f"scene:{scene}", limit=frames, seed=TUNE_SEED, **size))
        found += [open_footage(setup.config, clip), pruned_footage(fresh(setup), clip)]
    return found


def fresh(setup: Setup) -> Setup:
    """The same setup with a judge that has seen no frame."""
    return replace(setup, judge=make_judge(setup.policy.judge, setup.config))


def tune(graph: Graph, clips: Sequence[Footage], limit: float) -> list[Setting]:
    """Settings from nothing held back to the last with at most ``limit`` percent of pixels off."""
    return list(tune_thresholds(graph, Trial(graph, clips), limit))


def _work(played: Replay) -> float:
    return float(played.operations[1:].sum())


def _differing(played: Replay, whole: Replay) -> float:
    """Percent of pixels after the first frame whose class differs."""
    return 100 * float(np.mean(np.stack(played.maps[1:]) != np.stack(whole.maps[1:])))
