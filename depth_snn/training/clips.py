"""Short labelled clips with their motion, for training on streams."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_snn.config import NetworkConfig
from depth_snn.data.scene.sampling import random_clip
from depth_snn.errors import InputError
from depth_snn.motion.sources import make_source
from depth_snn.training.augment import recolour, repaint
from depth_snn.training.dataset import (
    MAX_BYTES,
    Arrays,
    Bytes,
    LabelledFrames,
    Progress,
    remembered,
    run_jobs,
    scene_source,
)
from depth_snn.training.recipe import DataRecipe

FIRST_SEED = 2_000_000
"""Seeds of the streets that clips show; accuracy is measured on others."""
STREET_FRAMES = 40
"""Length of the streets that clips are cut from."""
F16 = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Clips:
    """Consecutive frames of many streets.

    Attributes:
        rgb: (K, T, H, W, 3).
        label: (K, T, H, W), 255 where ignored.
        flow: Motion (K, T, h·cells, w·cells, 2), in cells (dx, dy): what stands at p stood at
            p + flow in the frame before; zero in first frames.
    """

    rgb: Bytes
    label: Bytes
    flow: F16

    def frames(self) -> LabelledFrames:
        """All frames without their order, not copied."""
        return LabelledFrames(
            self.rgb.reshape(-1, *self.rgb.shape[2:]), self.label.reshape(-1, *self.label.shape[2:])
        )


@dataclass(frozen=True)
class ClipBatch:
    """Clips as a step of training sees them; frames first.

    Attributes:
        rgb: (T, B, 3, H, W), float grey levels 0–255.
        label: (T, B, H, W), int64.
        flow: (T, B, h·cells, w·cells, 2), float32, in cells.
    """

    rgb: Tensor
    label: Tensor
    flow: Tensor


def cell_flow(flow: npt.NDArray[np.float32], config: NetworkConfig) -> npt.NDArray[np.float32]:
    """Motion of pixels (H, W, 2) as that of cells (h·cells, w·cells, 2), in cells.

    It is the motion with which :class:`depth_snn.pruning.view.View` carries scores.
    """
    h, w = config.grid
    size = (w * config.cells, h * config.cells)
    small = cv2.resize(flow, size, interpolation=cv2.INTER_AREA)
    out: npt.NDArray[np.float32] = small * np.float32(size[1] / config.height)
    return out


def paint_one(job: tuple[int, NetworkConfig, int]) -> tuple[Bytes, Bytes, F16]:
    """Frames, labels and motion of a clip (see :class:`Clips`) that follow from the seed."""
    seed, config, frames = job
    length = max(STREET_FRAMES, frames)
    scene = random_clip(seed, height=config.height, width=config.width, frames=length)
    first = int(np.random.default_rng((seed, 7)).integers(length - frames + 1))
    shown = [scene.labelled(first + i) for i in range(frames)]
    source = make_source("dis", config)
    h, w = config.grid
    flow = np.zeros((frames, h * config.cells, w * config.cells, 2), np.float16)
    for i in range(1, frames):
        flow[i] = cell_flow(source.measure(shown[i - 1].rgb, shown[i].rgb, None).flow, config)
    return np.stack([f.rgb for f in shown]), np.stack([f.label for f in shown]), flow


def paint_clips(
    config: NetworkConfig,
    clips: int,
    frames: int,
    *,
    first_seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Clips:
    """Paint clips of consecutive frames; the result does not depend on the number of workers.

    Args:
        config: Network whose input size is used.
        clips: Number of clips.
        frames: Frames in each.
        first_seed: Seed of the first clip; the others follow it.
        workers: Processes to paint with; all cores by default.
        progress: Called with (clips done, clips).
        cache: Folder in which clips are kept for the next time, or None.

    Raises:
        InputError: if they would take too much memory.
    """
    need = clips * frames * config.height * config.width * 5
    if need > MAX_BYTES:
        raise InputError(f"{clips} clips take {need / 2**30:.0f} GiB; at most 12 GiB are painted")
    jobs = [(FIRST_SEED + first_seed + i, config, frames) for i in range(clips)]

    def make() -> Arrays:
        parts = []
        for part in run_jobs(paint_one, jobs, min(workers or os.cpu_count() or 1, clips)):
            parts.append(part)
            if progress:
                progress(len(parts), clips)
        rgb, label, flow = zip(*parts, strict=True)
        return {"rgb": np.stack(rgb), "label": np.stack(label), "flow": np.stack(flow)}

    key = ["clips", config.to_dict(), clips, frames, first_seed, scene_source()]
    return Clips(**remembered(cache, key, ("rgb", "label", "flow"), make))


def draw_clips(clips: Clips, size: int, rng: np.random.Generator, recipe: DataRecipe) -> ClipBatch:
    """A batch of clips, randomly chosen, mirrored and recoloured, each in one way throughout.

    Args:
        clips: What to choose from.
        size: Clips in the batch.
        rng: Source of every choice.
        recipe: How strongly pictures are changed; they are not magnified.
    """
    pick = rng.integers(0, len(clips.rgb), size)
    rgb = torch.from_numpy(clips.rgb[pick]).permute(0, 4, 1, 2, 3).float()  # (B, 3, T, H, W)
    label = torch.from_numpy(clips.label[pick].astype(np.int64))
    flow = torch.from_numpy(clips.flow[pick].astype(np.float32))
    flip = torch.from_numpy(rng.random(size) < 0.5).view(-1, 1, 1, 1, 1)
    rgb = torch.where(flip, rgb.flip(-1), rgb)
    label = torch.where(flip[..., 0], label.flip(-1), label)
    flow = torch.where(flip, flow.flip(-2) * torch.tensor([-1.0, 1.0]), flow)
    # One above the other, a clip's frames are one tall picture, so they are changed alike.
    tall, tall_label = rgb.flatten(2, 3), label.flatten(1, 2)
    if recipe.tint:
        tall = repaint(tall, tall_label, rng, recipe.tint)
    rgb = recolour(tall, rng, recipe.colour).view(rgb.shape)
    return ClipBatch(
        rgb.permute(2, 0, 1, 3, 4).contiguous(),
        label.transpose(0, 1).contiguous(),
        flow.transpose(0, 1).contiguous(),
    )
