"""Batches with random changes that follow from the generator alone, so a resumed run repeats."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.data.classes import IGNORE
from depth_snn.training.dataset import LabelledFrames
from depth_snn.training.recipe import DataRecipe

_GREY = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def draw_batch(
    data: LabelledFrames, size: int, rng: np.random.Generator, recipe: DataRecipe
) -> tuple[Tensor, Tensor]:
    """A batch of pictures and labels, randomly chosen and changed.

    Args:
        data: Frames to choose from.
        size: Pictures in the batch.
        rng: Source of every choice.
        recipe: How strongly pictures are changed.

    Returns:
        Pictures (B, 3, H, W), float grey levels 0–255, and labels (B, H, W), int64.
    """
    pick = rng.integers(0, len(data), size)
    rgb = torch.from_numpy(data.rgb[pick]).permute(0, 3, 1, 2).float()
    label = torch.from_numpy(data.label[pick].astype(np.int64))
    flip = torch.from_numpy(rng.random(size) < 0.5)
    rgb = torch.where(flip[:, None, None, None], rgb.flip(-1), rgb)
    label = torch.where(flip[:, None, None], label.flip(-1), label)
    if recipe.zoom > 1:
        rgb, label = zoom(rgb, label, rng, recipe.zoom)
    if recipe.tint:
        rgb = repaint(rgb, label, rng, recipe.tint)
    return recolour(rgb, rng, recipe.colour), label


def zoom(
    rgb: Tensor, label: Tensor, rng: np.random.Generator, most: float
) -> tuple[Tensor, Tensor]:
    """Half of the pictures are replaced by a random part of themselves, magnified."""
    height, width = label.shape[1:]
    for index in range(len(label)):
        if rng.random() < 0.5:
            continue
        share = 1 / rng.uniform(1, most)
        h, w = round(height * share), round(width * share)
        top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        part = rgb[index : index + 1, :, top : top + h, left : left + w]
        rgb[index] = functional.interpolate(
            part, (height, width), mode="bilinear", align_corners=False
        )[0]
        rows = top + (2 * np.arange(height) + 1) * h // (2 * height)
        columns = left + (2 * np.arange(width) + 1) * w // (2 * width)
        label[index] = label[index][rows][:, columns]
    return rgb, label


def repaint(rgb: Tensor, label: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    """In half of the pictures every class gets a brightness and a tint of its own.

    So a class is not known by its palette: streets of other assets have other ones.
    """
    size, kinds = len(rgb), IGNORE + 1
    gain = rng.uniform(1 - 0.35 * strength, 1 + 0.35 * strength, (size, kinds, 3))
    gain *= rng.uniform(1 - 0.25 * strength, 1 + 0.25 * strength, (size, kinds, 1))
    gain[rng.random(size) < 0.5] = 1
    gain[:, IGNORE] = 1
    table = torch.from_numpy(gain).float().permute(0, 2, 1)
    index = label.flatten(1)[:, None].expand(size, 3, -1)
    return (rgb * table.gather(2, index).view(rgb.shape)).clamp(0, 255)


def recolour(rgb: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    """Random gain per channel, brightness, contrast, saturation and hue rotation."""
    if strength == 0:
        return rgb

    def amounts(low: float, high: float, *shape: int) -> Tensor:
        drawn = rng.uniform(strength * low, strength * high, (len(rgb), *shape))
        return torch.from_numpy(drawn).float()

    gain = 1 + amounts(-0.4, 0.5, 3, 1, 1) * 0.6 + amounts(-0.4, 0.5, 1, 1, 1) * 0.6
    lift = amounts(-24, 24, 1, 1, 1)
    grey = (rgb * _GREY).sum(1, keepdim=True)
    colour = rgb - grey
    saturation = 1 + amounts(-1.2, 0.8, 1, 1, 1)
    # A small rotation of the colour about the grey axis mixes each channel with the two others.
    angle = amounts(-1.0, 1.0, 1, 1, 1) * 0.6
    side = (colour.roll(1, 1) - colour.roll(-1, 1)) / 3**0.5
    turned = colour * angle.cos() + side * angle.sin()
    return ((grey + turned * saturation) * gain + lift).clamp(0, 255)


def class_weights(label: np.ndarray, classes: int, most: float) -> Tensor:
    """clip(√(mean frequency / frequency), 0.7, most) per class."""
    counts = np.bincount(label[label != IGNORE], minlength=classes)[:classes].astype(float) + 1
    return torch.tensor(np.clip(np.sqrt(counts.mean() / counts), 0.7, most), dtype=torch.float32)
