"""Training with pruning in the loop: clips run as a pruned stream, with gradients.

The first frame is computed whole. In every later one a part of the tokens is computed, among keys
and values of the others from the frames where those were last computed. What is not computed shows
its last scores, moved to where its content stands now. Gradients pass through all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.data.classes import IGNORE
from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.models.vit_loihi import Block, DepthViTLoihi
from depth_snn.training.clips import ClipBatch, Clips, draw_clips
from depth_snn.training.device import casting
from depth_snn.training.evaluate import class_scores
from depth_snn.training.loop import CALIBRATION_STEPS, Trainer
from depth_snn.training.losses import pixel_scores, segmentation_loss, teacher_loss
from depth_snn.training.recipe import Recipe

GUIDED = 0.8
"""Share of frames in which tokens are computed where it pays, as a judge would have it; in the
others they are drawn by lot."""


@dataclass
class Memory:
    """φ(k) and v of every token as last computed, (B, N, H·d) each, for every layer."""

    kv: list[tuple[Tensor, Tensor]]


def pruned_tokens(
    model: DepthViTLoihi, x: Tensor, cells: list[Tensor], rows: Tensor | None, memory: Memory
) -> Tensor:
    """Logits of some tokens among the remembered keys and values of the others.

    Args:
        model: Network in evaluation mode.
        x: Embedded tokens of the frame (B, N, C).
        cells: The stem's cells of the frame by level (B, N, P, C_level).
        rows: Numbers of the tokens to compute (B, n), no number twice in a row; None for all.
        memory: Replaced by what the next frame shall remember; empty before the first one.

    Returns:
        Logits (B, n, cells²·classes).

    Raises:
        ValueError: if nothing is remembered and not all tokens are computed.
    """
    if rows is not None and not memory.kv:
        raise ValueError("the first frame of a clip must compute every token")
    if rows is not None:
        x = _take(x, rows)
        cells = [_take(level.flatten(2), rows).unflatten(2, level.shape[2:]) for level in cells]
    kept = []
    for layer, block in enumerate(model.blocks):
        q, k, v = block.qkv(x)
        if rows is not None:
            k, v = (_put(old, rows, new) for old, new in zip(memory.kv[layer], (k, v), strict=True))
        kept.append((k, v))
        x = block.finish(x, _attend(block, q, k, v))
    memory.kv = kept
    logits: Tensor = model.decoder(model.norm(x), cells)
    return logits


def _attend(block: Block, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What queries (B, n, H·d) read from all keys and values (B, N, H·d)."""
    q, k, v = (
        z.unflatten(2, (block.heads, block.head_dim)).transpose(1, 2) for z in (q, k, v)
    )  # fmt: skip
    y = q @ (k.transpose(-2, -1) @ v / k.shape[2])
    return y.transpose(1, 2).flatten(2)


def _take(x: Tensor, rows: Tensor) -> Tensor:
    return x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1]))


def _put(old: Tensor, rows: Tensor, new: Tensor) -> Tensor:
    return old.scatter(1, rows[..., None].expand_as(new), new.to(old.dtype))


def carried(scores: Tensor, flow: Tensor) -> Tensor:
    """Every cell takes the scores that stood at its place + flow, interpolated linearly.

    As :func:`depth_snn.pruning.carry.carry` does, with gradients for the scores.

    Args:
        scores: (B, classes, h, w).
        flow: (B, h, w, 2), (dx, dy) in cells.
    """
    h, w = scores.shape[2:]
    last = torch.tensor([w - 1, h - 1], dtype=flow.dtype, device=flow.device)
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    place = (torch.stack([x, y], -1).to(flow) + flow) * (2 / last) - 1
    return functional.grid_sample(
        scores, place, mode="bilinear", padding_mode="border", align_corners=True
    )


def token_map(chosen: Tensor, model: DepthViTLoihi, side: int) -> Tensor:
    """Marks of tokens (..., N) as a map (..., h·side, w·side)."""
    grid = chosen.unflatten(-1, model.config.grid)
    return grid.repeat_interleave(side, -2).repeat_interleave(side, -1)


def choose(
    shown: Tensor, dense: Tensor, weights: Tensor, share: float, rng: np.random.Generator, side: int
) -> Tensor:
    """Which tokens a frame computes: mostly where what is shown is off, sometimes by lot.

    Args:
        shown: Scores of cells as shown (B, classes, h·side, w·side).
        dense: What they should be, likewise.
        weights: How much an error in each class counts (classes,).
        share: Share of tokens, 0 to 1; at least one is computed.
        rng: Source of every choice.
        side: Cells along a token.

    Returns:
        Numbers of the tokens (B, n).
    """
    gap = (shown.softmax(1) - dense.softmax(1)).abs() * weights.view(1, -1, 1, 1)
    error = functional.avg_pool2d(gap.sum(1, keepdim=True), side).flatten(1).cpu().numpy()
    order = error * rng.uniform(0.3, 1.7, error.shape)
    if rng.random() >= GUIDED:
        order = rng.random(error.shape)
    count = max(1, round(share * error.shape[1]))
    best = np.argsort(-order, 1, kind="stable")[:, :count]
    return torch.from_numpy(np.sort(best, 1)).to(shown.device)


class PrunedTrainer(Trainer):
    """A training run on pruned clips; the stem and the norms' statistics stay as they are.

    The stem runs for whole frames, so it meets nothing stale; and a judge that was trained on its
    features stays right.

    Args:
        recipe: What decides the weights, with its table ``[pruned]``.
        clips: Clips of the network's size.
        start: Network to go on from.
        teacher: Network whose dense results are learned; it also tells what is worth computing.
        device: Where to compute.

    Raises:
        ConfigError: if the recipe has no table ``[pruned]``, or there is no teacher.
    """

    model: DepthViTLoihi

    def __init__(
        self,
        recipe: Recipe,
        clips: Clips,
        *,
        start: Network | Mapping[str, Tensor] | None,
        teacher: Network | None,
        device: torch.device | None = None,
    ) -> None:
        if recipe.pruned is None or teacher is None:
            raise ConfigError(
                "training on pruned clips needs [pruned] in its recipe, and a teacher"
            )
        super().__init__(recipe, clips.frames(), start=start, teacher=teacher, device=device)
        self.clips, self.pruned = clips, recipe.pruned
        self.model.eval()
        self.model.stem.requires_grad_(False)

    def losses(self, step: int) -> dict[str, Tensor]:
        """Parts of the loss of a step, over all frames of a batch of clips."""
        train = self.recipe.train
        rng = np.random.default_rng((train.seed, step + CALIBRATION_STEPS))
        batch = draw_clips(self.clips, train.batch, rng, self.recipe.data)
        batch = ClipBatch(*(x.to(self.device) for x in (batch.rgb, batch.label, batch.flow)))
        dense = self.dense(batch.rgb)
        shown, computed = self.stream(batch, dense, rng)
        label, cells = batch.label.flatten(0, 1), None
        if not self.pruned.carried:
            cells = token_map(computed, self.model, self.model.config.cells).flatten(0, 1)
            pixels = token_map(computed, self.model, self.model.config.patch).flatten(0, 1)
            label = label.masked_fill(~pixels, IGNORE)
        shown = shown.flatten(0, 1)
        truth = segmentation_loss(pixel_scores(shown), label, self.weights, train.dice)
        taught = teacher_loss(shown, dense.flatten(0, 1), self.weights, cells)
        share = train.teacher_weight
        return {"truth": (1 - share) * truth, "teacher": share * taught}

    @torch.no_grad()
    def dense(self, rgb: Tensor) -> Tensor:
        """The teacher's scores of cells (T, B, classes, h·cells, w·cells), every token computed."""
        assert self.teacher is not None
        with casting(self.device, self.precision):
            scores = [class_scores(self.teacher(frame), self.teacher) for frame in rgb]
        return torch.stack(scores).float()

    def stream(
        self, batch: ClipBatch, dense: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Run clips as pruned streams.

        Args:
            batch: Clips.
            dense: What each frame should show (T, B, classes, h·cells, w·cells).
            rng: Chooses what is computed.

        Returns:
            Scores of cells as shown (T, B, classes, h·cells, w·cells), and the tokens that were
            computed (T, B, N).
        """
        config, memory = self.model.config, Memory([])
        shown: list[Tensor] = []
        computed: list[Tensor] = []
        for rgb, flow, wanted in zip(batch.rgb, batch.flow, dense, strict=True):
            rows, old = None, None
            if shown:
                old = carried(shown[-1], flow)
                share = rng.uniform(self.pruned.least, self.pruned.most)
                rows = choose(old.detach(), wanted, self.weights, share, rng, config.cells)
            with casting(self.device, self.precision):
                x, cells = self.model.tokens(rgb)
                logits = pruned_tokens(self.model, x, cells, rows, memory).float()
            fresh, marks = self._spread(logits, rows)
            mask = token_map(marks, self.model, config.cells)[:, None]
            shown.append(fresh if old is None else torch.where(mask, fresh, old))
            computed.append(marks)
        return torch.stack(shown), torch.stack(computed)

    def _spread(self, logits: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scores of cells (B, classes, h, w), zero where nothing is known, and what is (B, N)."""
        size, tokens = len(logits), self.model.config.tokens
        if rows is None:
            return class_scores(logits, self.model), logits.new_ones(size, tokens).bool()
        whole = _put(logits.new_zeros(size, tokens, logits.shape[-1]), rows, logits)
        marks = torch.zeros(size, tokens, dtype=torch.bool, device=logits.device)
        return class_scores(whole, self.model), marks.scatter(1, rows, True)
