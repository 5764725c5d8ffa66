"""Policies tried on frames that have passed; the dense network's own output stands for labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from depth_snn.config import PolicyConfig
from depth_snn.data.frames import Frame
from depth_snn.data.metrics import miou
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.play import Method, Player
from depth_snn.search.scalar import ACCURACY_WEIGHT, COST_WEIGHT
from depth_snn.windows import class_map

Image = npt.NDArray[np.uint8]
Window = tuple[Frame, ...]


@dataclass(frozen=True)
class Score:
    """What a policy came to on some frames.

    Attributes:
        disagreement: Points of mIoU by which it misses what it is compared with.
        work: Executed ÷ dense MACs, motion and gates included, of the frames after the first.
    """

    disagreement: float
    work: float

    @property
    def value(self) -> float:
        """The proposal's scalar in points of 100; more is better."""
        return ACCURACY_WEIGHT * (100 - self.disagreement) + COST_WEIGHT * 100 * (1 - self.work)


class Rehearsal:
    """Plays windows of frames again under other policies.

    Args:
        dense: The network before heads are cut, in evaluation mode.

    Attributes:
        macs: Work of all labels and plays so far; no frame of the stream contains it.
    """

    def __init__(self, dense: DepthViTLoihi) -> None:
        self.player = Player(dense)
        self.macs = 0

    @torch.inference_mode()
    def label(self, images: Sequence[Image]) -> Window:
        """Frames (H, W, 3) with the dense network's classes as their labels."""
        model = self.player.model
        frames = []
        for rgb in images:
            picture = torch.from_numpy(rgb)[None].permute(0, 3, 1, 2).float()
            classes = class_map(model(picture, "linear")[0].numpy(), model.config)
            frames.append(Frame(rgb, classes))
        self.macs += len(frames) * self.player.dense_macs
        return tuple(frames)

    def play(self, window: Window, policy: PolicyConfig) -> Score:
        """Score of a stream that begins with the window; its dense first frame does not count."""
        rule = "spikes" if policy.recovery else "none"
        played = self.player.play(window, Method("rehearsal", policy, rule))
        self.macs += self.player.dense_macs + int(played.macs.sum())
        found = 100 * miou(played.matrices[1:].sum(0))
        return Score(100 - found, float(played.work.mean()))
