"""Supervised training with checkpoints that resume to the same result."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from depth_snn.config import NetworkConfig
from depth_snn.data.classes import IGNORE
from depth_snn.data.metrics import confusion_matrix, miou, per_class_iou
from depth_snn.errors import InputError
from depth_snn.models.vit_loihi import DepthViTLoihi, logits_to_image
from depth_snn.training.dataset import LabelledFrames


@dataclass(frozen=True)
class TrainConfig:
    """Recipe: AdamW, cosine schedule with warm-up, mild class weights, flips and brightness."""

    steps: int = 3000
    batch: int = 8
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: int = 100
    seed: int = 0


def batch_windows(rgb: Tensor, config: NetworkConfig) -> Tensor:
    """Windows of a batch of frames (B, 3, H, W), float grey levels, to (B, N, P)."""
    margin = (config.window - config.patch) // 2
    padded = functional.pad(rgb, (margin,) * 4, value=128.0)
    columns = functional.unfold(padded, config.window, stride=config.patch)  # (B, 3·win·win, N)
    batch = columns.shape[0]
    split = columns.view(batch, 3, config.window * config.window, config.tokens)
    return split.permute(0, 3, 2, 1).reshape(batch, config.tokens, config.inputs)


def class_weights(label: np.ndarray, classes: int) -> Tensor:
    """clip(√(mean frequency / frequency), 0.7, 2.5) per class."""
    counts = np.bincount(label[label != IGNORE], minlength=classes)[:classes].astype(float) + 1
    return torch.tensor(np.clip(np.sqrt(counts.mean() / counts), 0.7, 2.5), dtype=torch.float32)


def draw_batch(data: LabelledFrames, step: int, recipe: TrainConfig) -> tuple[Tensor, Tensor]:
    """The batch of a step, from (seed, step) alone, so that a resumed run sees the same."""
    rng = np.random.default_rng((recipe.seed, step))
    pick = rng.integers(0, len(data), recipe.batch)
    rgb = torch.from_numpy(data.rgb[pick]).permute(0, 3, 1, 2).float()
    label = torch.from_numpy(data.label[pick].astype(np.int64))
    flip = torch.from_numpy(rng.random(recipe.batch) < 0.5)
    rgb = torch.where(flip[:, None, None, None], rgb.flip(-1), rgb)
    label = torch.where(flip[:, None, None], label.flip(-1), label)
    gain = torch.from_numpy(rng.uniform(0.8, 1.25, (recipe.batch, 3, 1, 1))).float()
    lift = torch.from_numpy(rng.uniform(-12, 12, (recipe.batch, 1, 1, 1))).float()
    return (rgb * gain + lift).clamp(0, 255), label


def learning_rate(step: int, recipe: TrainConfig) -> float:
    """Linear warm-up, then cosine to zero."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def train(
    config: NetworkConfig,
    data: LabelledFrames,
    recipe: TrainConfig,
    *,
    checkpoint: Path | None = None,
    save_every: int = 500,
    progress: Callable[[int, float], None] | None = None,
) -> DepthViTLoihi:
    """Train a network; an existing checkpoint of the same recipe is continued.

    Args:
        config: Shape of the network.
        data: Labelled frames of the network's size.
        recipe: How to train; ``steps`` and ``seed`` fix the result on one machine.
        checkpoint: File to continue from and to save to.
        save_every: Steps between checkpoints.
        progress: Called with (steps done, loss).

    Returns:
        The network in evaluation mode.
    """
    torch.manual_seed(recipe.seed)
    model = DepthViTLoihi(config).train()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    first = 0
    if checkpoint and checkpoint.is_file():
        first = load_checkpoint(model, optimiser, recipe, checkpoint)
    weights = class_weights(data.label, config.classes)
    side = config.patch // config.cells
    for step in range(first, recipe.steps):
        rgb, label = draw_batch(data, step, recipe)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, recipe)
        scores = logits_to_image(model(batch_windows(rgb, config)), config)
        loss = functional.cross_entropy(
            scores, label[:, ::side, ::side], weights, ignore_index=IGNORE
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if progress:
            progress(step + 1, float(loss.detach()))
        if checkpoint and (step + 1) % save_every == 0:
            save_checkpoint(model, optimiser, recipe, step + 1, checkpoint)
    return model.eval()


def save_checkpoint(
    model: DepthViTLoihi,
    optimiser: torch.optim.Optimizer,
    recipe: TrainConfig,
    step: int,
    path: Path,
) -> None:
    """Write model and optimiser as one safetensors file, replaced whole."""
    tensors = {f"model.{k}": v.contiguous() for k, v in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    header = {"step": str(step), "recipe": json.dumps(asdict(recipe)), "network": model.config.name}
    try:
        save_file(tensors, temporary, metadata=header)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(
    model: DepthViTLoihi, optimiser: torch.optim.Optimizer, recipe: TrainConfig, path: Path
) -> int:
    """Fill model and optimiser; returns the number of steps already done.

    Raises:
        InputError: if the checkpoint is damaged or belongs to another recipe.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if json.loads(header.get("recipe", "{}")) != asdict(recipe):
                raise InputError(
                    f"{path}: checkpoint of another recipe; give another --out or remove it"
                )
            if header.get("network") != model.config.name:
                raise InputError(
                    f"{path}: checkpoint of another network; give another --out or remove it"
                )
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
            step = int(header["step"])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a readable checkpoint ({error})") from None
    try:
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = value
        optimiser.load_state_dict(
            {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
        )
    except (RuntimeError, ValueError, KeyError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{path}: checkpoint of another network ({first})") from None
    return step


@torch.no_grad()
def evaluate(
    model: DepthViTLoihi, data: LabelledFrames, batch: int = 16
) -> tuple[float, list[float]]:
    """Mean IoU over all frames (global confusion matrix) and IoU per class, dense network."""
    config = model.config
    matrix = np.zeros((config.classes, config.classes), np.int64)
    side = config.patch // config.cells
    for start in range(0, len(data), batch):
        rgb = torch.from_numpy(data.rgb[start : start + batch]).permute(0, 3, 1, 2).float()
        scores = logits_to_image(model(batch_windows(rgb, config)), config)
        best = scores.argmax(1).numpy().astype(np.uint8).repeat(side, 1).repeat(side, 2)
        matrix += confusion_matrix(best, data.label[start : start + batch], config.classes)
    return miou(matrix), [float(x) for x in per_class_iou(matrix)]
