"""Frames and labels from built-in scenes, painted once and kept as bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.data.scene import sample_frames

FRAMES_PER_CLIP = 12
FRAMES_PER_STREET = 4
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LabelledFrames:
    """Frames (F, H, W, 3) and labels (F, H, W), 255 where ignored."""

    rgb: Bytes
    label: Bytes

    def __len__(self) -> int:
        return int(self.rgb.shape[0])


def paint_clip(job: tuple[int, int, int, str]) -> tuple[Bytes, Bytes]:
    """Frames and labels of a few streets; camera and domain follow from the seed."""
    seed, height, width, assets = job
    frames = list(
        sample_frames(
            seed,
            FRAMES_PER_CLIP,
            height=height,
            width=width,
            assets=assets,
            per_street=FRAMES_PER_STREET,
        )
    )
    return np.stack([f.rgb for f in frames]), np.stack([f.label for f in frames])


def paint(
    config: NetworkConfig,
    clips: int,
    *,
    first_seed: int = 0,
    assets: str = "known",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LabelledFrames:
    """Paint labelled frames; the result does not depend on the number of workers.

    Args:
        config: Network whose input size is used.
        clips: Number of clips, 12 frames each, decorrelated in time.
        first_seed: Seed of the first clip; the others follow it.
        assets: ``"known"`` or ``"heldout"``.
        workers: Processes to paint with; all cores by default.
        progress: Called with (clips done, clips).
    """
    jobs = [(first_seed + i, config.height, config.width, assets) for i in range(clips)]
    workers = min(workers or os.cpu_count() or 1, clips)
    parts: list[tuple[Bytes, Bytes]] = []
    if workers == 1:
        for job in jobs:
            parts.append(paint_clip(job))
            if progress:
                progress(len(parts), clips)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for part in pool.map(paint_clip, jobs, chunksize=4):
                parts.append(part)
                if progress:
                    progress(len(parts), clips)
    return LabelledFrames(
        np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    )
