"""The training loop: same recipe and seed, same weights, also when interrupted and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from depth_snn.models.build import Network, build_network
from depth_snn.models.fake_quant import FakeQuant
from depth_snn.models.transfer import load_by_name, twin_to_loihi
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.training.augment import class_weights, draw_batch
from depth_snn.training.checkpoint import Done, load_checkpoint, save_checkpoint
from depth_snn.training.dataset import LabelledFrames
from depth_snn.training.device import casting, choose_precision
from depth_snn.training.evaluate import class_scores
from depth_snn.training.losses import features_loss, pixel_scores, segmentation_loss, teacher_loss
from depth_snn.training.optimiser import learning_rate, make_optimiser
from depth_snn.training.recipe import Recipe

CALIBRATION_STEPS = 8
"""Batches that fix the ranges of activations before training through rounding."""


@dataclass
class Callbacks:
    """Who is told: after each step (step, losses), and where checkpoints go."""

    on_step: Callable[[int, dict[str, float]], None] | None = None
    checkpoint: Path | None = None
    save_every: int = 100


class Taps:
    """Keeps the tokens behind each block of a network's last run."""

    def __init__(self, model: Network) -> None:
        self.tokens: list[Tensor] = []
        for block in model.blocks:
            block.register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self.tokens.append(output)

    def take(self) -> list[Tensor]:
        """What was kept; the next run starts anew."""
        out, self.tokens = self.tokens, []
        return [t.float() for t in out]


def first_weights(model: Network, start: Network | Mapping[str, Tensor]) -> str:
    """Fill a new network from another one, of either kind, or by name; returns what fitted."""
    if isinstance(start, DepthViT) and isinstance(model, DepthViTLoihi):
        given: Mapping[str, Tensor] = twin_to_loihi(start)
    else:
        given = start if isinstance(start, Mapping) else start.state_dict()
    return load_by_name(model, given).text()


class Trainer:
    """One training run; ``minutes`` is what its steps took, over all resumed runs.

    Args:
        recipe: What decides the weights.
        data: Labelled frames of the network's size.
        start: Network to take first weights from, or tensors by name (such as timm's), or None
            for random ones.
        teacher: Network to learn from, or None.
        device: Where to compute.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: LabelledFrames,
        *,
        start: Network | Mapping[str, Tensor] | None = None,
        teacher: Network | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.recipe, self.data = recipe, data
        self.minutes = 0.0
        self.device = device or torch.device("cpu")
        self.precision = choose_precision(recipe.train.precision, self.device)
        torch.manual_seed(recipe.train.seed)
        self.model = build_network(recipe.network).train()
        self.transferred = first_weights(self.model, start) if start is not None else ""
        self.model.to(self.device)
        self.teacher = None if teacher is None else teacher.to(self.device).eval()
        listens = recipe.train.features_weight > 0 and self.teacher is not None
        self.taps = Taps(self.model) if listens else None
        self.teacher_taps = Taps(self.teacher) if listens and self.teacher is not None else None
        self.weights = class_weights(
            data.label, recipe.network.classes, recipe.train.class_weight_max
        ).to(self.device)
        self.optimiser = make_optimiser(self.model, recipe.train)
        self.rounding = self._rounding() if recipe.train.quantise else None

    def run(self, calls: Callbacks | None = None) -> Network:
        """Train to the end; an existing checkpoint of the same recipe is continued.

        Returns:
            The network in evaluation mode, on the CPU.
        """
        calls = calls or Callbacks()
        before, start = Done(), time.monotonic()
        if calls.checkpoint and calls.checkpoint.is_file():
            before = load_checkpoint(self.model, self.optimiser, self.recipe, calls.checkpoint)
        for step in range(before.step, self.recipe.train.steps):
            losses = self._step(step)
            if calls.on_step:
                calls.on_step(step + 1, {k: float(v.detach()) for k, v in losses.items()})
            self.minutes = before.minutes + (time.monotonic() - start) / 60
            if calls.checkpoint and (step + 1) % calls.save_every == 0:
                done = Done(step + 1, self.minutes)
                save_checkpoint(self.model, self.optimiser, self.recipe, done, calls.checkpoint)
        return self.model.eval().to("cpu")

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        train = self.recipe.train
        rng = np.random.default_rng((train.seed, step + CALIBRATION_STEPS))
        rgb, label = draw_batch(self.data, train.batch, rng, self.recipe.data)
        return rgb.to(self.device), label.to(self.device)

    def _step(self, step: int) -> dict[str, Tensor]:
        train = self.recipe.train
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, train)
        losses = self.losses(step)
        total = torch.stack(list(losses.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return losses

    def losses(self, step: int) -> dict[str, Tensor]:
        """Parts of the loss of a step, by name."""
        rgb, label = self._batch(step)
        train, forward = self.recipe.train, self.rounding or self.model
        with casting(self.device, self.precision):
            scores = class_scores(forward(rgb), self.model).float()
        share = train.teacher_weight if self.teacher is not None else 0.0
        truth = segmentation_loss(pixel_scores(scores), label, self.weights, train.dice)
        losses = {"truth": (1 - share) * truth}
        if self.teacher is not None:
            with torch.no_grad(), casting(self.device, self.precision):
                taught = class_scores(self.teacher(rgb), self.teacher).float()
            losses["teacher"] = share * teacher_loss(scores, taught, self.weights)
        if self.taps and self.teacher_taps:
            losses["features"] = train.features_weight * features_loss(
                self.taps.take(), self.teacher_taps.take()
            )
        return losses

    def _rounding(self) -> FakeQuant:
        """The network seen through rounding, with ranges from a few batches of the data."""
        assert isinstance(self.model, DepthViTLoihi), "only the Loihi kind is quantised"
        self.model.eval()  # running statistics stay: they fold into the weights that are rounded
        rounding = FakeQuant(self.model)
        for step in range(CALIBRATION_STEPS):
            rounding.calibrate(self._batch(-1 - step)[0])
        return rounding
