"""One clip through one way of pruning, scored frame by frame."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from depth_snn.config import PolicyConfig
from depth_snn.data.frames import Frame
from depth_snn.data.metrics import Counts, frame_matrices
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.motion.base import MotionSource
from depth_snn.pruning.heads import cut_heads, plan_heads
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.ready import ReadyNetwork
from depth_snn.recovery.judge_file import make_judge
from depth_snn.recovery.rules import make_rule
from depth_snn.windows import class_map

Floats = npt.NDArray[np.float64]
Work = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Method:
    """A way to run a stream.

    Attributes:
        name: What tables call it.
        policy: What is pruned and when; None for the dense network.
        rule: Who asks to be restored.
    """

    name: str
    policy: PolicyConfig | None
    rule: str = "spikes"


@dataclass(frozen=True, eq=False)
class Played:
    """One clip under one method.

    Attributes:
        matrices: Confusion matrix of every frame (T, C, C).
        macs: Executed MACs of every frame after the first (T − 1,), everything included.
        dense_macs: MACs of the dense network on one frame.
        extra: Restored ÷ own MACs of the same frames.
        seconds: Wall time of every frame after the first, end to end.
    """

    matrices: Counts
    macs: Work
    dense_macs: int
    extra: Floats
    seconds: Floats

    @property
    def work(self) -> Floats:
        """Executed ÷ dense MACs of every frame after the first (T − 1,)."""
        return self.macs / self.dense_macs


class Guide(Protocol):
    """Chooses the policy of a stream frame by frame.

    Attributes:
        macs: Work of looking at one frame.
    """

    macs: int

    def step(self, rgb: npt.NDArray[np.uint8]) -> PolicyConfig | None:
        """Look at the next frame (H, W, 3); the policy from it on, or None to go on."""


class Player:
    """Runs clips through methods; networks with cut heads are made once, while few are in use.

    Args:
        model: Network in evaluation mode, nothing cut.
        keep: Networks with cut heads that are kept, the ones last used.
    """

    def __init__(self, model: DepthViTLoihi, keep: int = 8) -> None:
        self.model, self.keep = model, keep
        self.dense_macs = prices_of(model.config, scored=False).dense_macs()
        self._whole: ReadyNetwork | None = None
        self._cut: OrderedDict[tuple[float, ...], ReadyNetwork] = OrderedDict()

    def play(
        self, clip: Sequence[Frame], method: Method, source: MotionSource | None = None,
        guide: Guide | None = None,
    ) -> Played:  # fmt: skip
        """Run a labelled clip from its first frame.

        Args:
            clip: The frames.
            method: How to run them.
            source: What knows their motion; None for the one that the policy names.
            guide: What may put another policy in the method's place before each frame, other
                settings of token cutting excepted; its work is charged. None for nothing.
        """
        if method.policy is None:
            return self._dense(clip)
        policy = method.policy
        model = self._with_heads(policy)
        prices = prices_of(model.config, scored=policy.cuts_tokens)
        judge = make_judge(policy.judge, model.config)
        rule = make_rule(method.rule, model.config, policy.gate)
        pipeline = Pipeline(model, policy, prices, judge, rule)
        pipeline.source = source or pipeline.source
        maps, done, extra, seconds = [], [], [], []
        for frame in clip:
            start = time.perf_counter()
            if guide is not None and (other := guide.step(frame.rgb)) is not None:
                pipeline.swap(other)
            step = pipeline.step(frame.rgb, frame.vectors)
            seconds.append(time.perf_counter() - start)
            decision = step.decision
            macs = sum(decision.executed(prices).values())
            macs += guide.macs if guide is not None else 0
            done.append(macs + decision.motion_macs + decision.gate_macs)
            extra.append(decision.restored.spent_macs / decision.restored.base_macs)
            maps.append(step.classes)
        return Played(
            _scored(maps, clip, model.config.classes), np.array(done[1:], np.int64),
            self.dense_macs, np.array(extra[1:]), np.array(seconds[1:]),
        )  # fmt: skip

    @torch.inference_mode()
    def dense_matrices(self, clip: Sequence[Frame]) -> Counts:
        """Confusion matrix of every frame (T, C, C) under the network itself, without timing."""
        maps = [self._dense_map(frame, "linear") for frame in clip]
        return _scored(maps, clip, self.model.config.classes)

    @torch.inference_mode()
    def _dense(self, clip: Sequence[Frame]) -> Played:
        """Classes of the network itself; the time is that of softmax attention by SDPA."""
        maps, seconds = [], []
        for frame in clip:
            start = time.perf_counter()
            self._dense_map(frame, "sdpa")
            seconds.append(time.perf_counter() - start)
            maps.append(self._dense_map(frame, "linear"))
        macs = np.full(len(maps) - 1, self.dense_macs, np.int64)
        matrices = _scored(maps, clip, self.model.config.classes)
        none = np.zeros(len(macs))
        return Played(matrices, macs, self.dense_macs, none, np.array(seconds[1:]))

    def _dense_map(self, frame: Frame, attention: str) -> npt.NDArray[np.uint8]:
        picture = torch.from_numpy(frame.rgb)[None].permute(0, 3, 1, 2).float()
        return class_map(self.model(picture, attention)[0].numpy(), self.model.config)

    def _with_heads(self, policy: PolicyConfig) -> ReadyNetwork:
        rates = policy.rates("head_rate", self.model.config.layers)
        if not any(rates):
            self._whole = self._whole or ReadyNetwork(self.model)
            return self._whole
        if rates not in self._cut:
            self._cut[rates] = ReadyNetwork(cut_heads(self.model, plan_heads(self.model, rates)))
        self._cut.move_to_end(rates)
        while len(self._cut) > self.keep:
            self._cut.popitem(last=False)
        return self._cut[rates]


def _scored(maps: list[npt.NDArray[np.uint8]], clip: Sequence[Frame], classes: int) -> Counts:
    truth = np.stack([frame.label for frame in clip if frame.label is not None])
    return frame_matrices(np.stack(maps), truth, classes)
