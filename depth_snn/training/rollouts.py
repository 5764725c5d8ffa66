"""What a judge learns from: streams pruned at random, and how wrong they are at every token."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from depth_snn.config import PolicyConfig
from depth_snn.data.scene.sampling import random_clip
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.carry import put_tokens, token_means
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.recovery.judge import ErrorJudge, Judge, JudgeWeights, TrainedJudge, judge_inputs
from depth_snn.windows import cell_order

F32 = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
FIRST_SEED = 500_000
"""Seeds of the streets judges learn from; segmentation learns from smaller ones."""
MOST, LEAST = 0.35, 0.02
"""Shares of tokens computed in a frame are drawn between these."""


@dataclass(frozen=True, eq=False)
class Rollout:
    """One stream after its first frame.

    Attributes:
        inputs: What the judge sees of every token (T, N, F), float16.
        error: Weighted difference of shown and dense classes (T, N), 0 to about 1.
        computed: Tokens that ran in the frame, after the judgement (T, N).
    """

    inputs: npt.NDArray[np.float16]
    error: F32
    computed: npt.NDArray[np.bool_]


def roll(
    model: DepthViTLoihi,
    frames: Iterable[Image],
    weights: F32,
    rng: np.random.Generator,
    judge: Judge | None = None,
) -> Rollout:
    """Prune a stream at random and note what a judge would see and what it should say.

    Args:
        model: Network in evaluation mode.
        frames: The stream, (H, W, 3) each.
        weights: How much an error in each class counts (classes,).
        rng: Chooses what is computed: mostly where pixels changed, sometimes anywhere.
        judge: Decides in most streams instead, at a threshold drawn for each.
    """
    config = model.config
    policy = PolicyConfig(token_rate=(0.0,), recovery=False)
    pipeline = Pipeline(model, policy, prices_of(config, scored=False), ErrorJudge(config))
    seer, dense = _seer(model), DenseScores(model)
    threshold = _threshold(rng) if judge is not None else 0.0
    inputs, errors, masks = [], [], []
    for rgb in frames:
        sight = pipeline.look(rgb)
        error = pipeline.change(sight)
        if error is None or sight.motion is None:
            computed = np.ones(config.tokens, bool)
        else:
            seen = seer.gather(rgb, sight.features, sight.motion.flow, pipeline.view)
            inputs.append(seen.astype(np.float16))
            errors.append(difference(dense(rgb), pipeline.view.scores, weights, config.tokens))
            if judge is not None and threshold:
                flow = sight.motion.flow
                judged = judge.change(rgb, sight.features, flow, pipeline.view)
                computed = judged * rng.uniform(0.8, 1.2, config.tokens) > threshold
            else:
                computed = _chosen(error, rng)
            masks.append(computed)
        pipeline.run(sight, np.repeat(computed[None], config.stages, 0))
    return Rollout(np.stack(inputs), np.stack(errors), np.stack(masks))


def _threshold(rng: np.random.Generator) -> float:
    """Where a judge's streams compute; 0 in two of five, where it does not decide."""
    if rng.random() < 0.4:
        return 0.0
    return float(np.exp(rng.uniform(np.log(0.05), np.log(0.4))))


def _chosen(error: F32, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    count = int(rng.uniform(LEAST, MOST) * len(error))
    guided = rng.random() < 0.7
    order = error * rng.uniform(0.3, 1.7, len(error)) if guided else rng.random(len(error))
    chosen = np.zeros(len(error), bool)
    chosen[np.argsort(-order)[:count]] = True
    return chosen


def _seer(model: DepthViTLoihi) -> TrainedJudge:
    """A judge that is only asked what it looks at."""
    inputs = judge_inputs(model.config)
    many, one = np.zeros(inputs, np.float32), np.zeros(1, np.float32)
    nothing = JudgeWeights(many, many, many[None], one, one[None], one, one, one[0])
    return TrainedJudge(model.config, nothing)


class DenseScores:
    """Scores of every cell (h·cells, w·cells, classes) of the dense network."""

    def __init__(self, model: DepthViTLoihi) -> None:
        self.model, config = model, model.config
        h, w = config.grid
        self.out = np.empty((h * config.cells, w * config.cells, config.classes), np.float32)
        self.rows, self.cell_at = np.arange(config.tokens), cell_order(config)

    @torch.inference_mode()
    def __call__(self, rgb: Image) -> F32:
        """Scores of one frame (H, W, 3); overwritten by the next call."""
        picture = torch.from_numpy(rgb)[None].permute(0, 3, 1, 2).float()
        put_tokens(self.out, self.model(picture, "linear")[0].numpy(), self.rows, self.cell_at)
        return self.out


def difference(dense: F32, shown: F32, weights: F32, tokens: int) -> F32:
    """Σ_c w_c·|p_dense − p_shown| / 2 of every token (tokens,), p the classes' probabilities."""
    p, q = (functional.softmax(torch.from_numpy(x), -1).numpy() for x in (dense, shown))
    each = (np.abs(p - q) * weights).sum(-1, keepdims=True) / 2
    out = np.empty((tokens, 1), np.float32)
    token_means(np.ascontiguousarray(each, np.float32), out)
    return out[:, 0]


def street_rollouts(
    model: DepthViTLoihi, weights: F32, *, clips: range, frames: int = 16,
    judge: Judge | None = None, progress: Callable[[int], None] = lambda done: None,
) -> list[Rollout]:  # fmt: skip
    """Rollouts over random streets of the network's size, by the numbers of the clips."""
    config, out = model.config, []
    for index in clips:
        scene = random_clip(
            FIRST_SEED + index, height=config.height, width=config.width, frames=frames
        )
        stream = (scene.labelled(i).rgb for i in range(frames))
        rng = np.random.default_rng((FIRST_SEED, index))
        out.append(roll(model, stream, weights, rng, judge))
        progress(len(out))
    return out
