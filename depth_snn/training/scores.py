"""Frames that no network has seen, and how accurate networks are on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.metrics import miou, per_class_iou
from depth_snn.data.readers import CAMVID_CLASSES
from depth_snn.models.build import Network
from depth_snn.training.dataset import LabelledFrames, paint
from depth_snn.training.evaluate import evaluate
from depth_snn.training.folders import read_camvid

Matrix = npt.NDArray[np.int64]
UNSEEN_SEED = 1_000_000
"""First seed of the unseen scenes; training counts up from small ones."""


def class_names(config: NetworkConfig) -> tuple[str, ...]:
    """Names of a network's classes: those of the scenes, or CamVid's."""
    return CLASS_NAMES if config.classes == len(CLASS_NAMES) else CAMVID_CLASSES


def unseen_frames(
    config: NetworkConfig,
    *,
    clips: int,
    folder: Path | None = None,
    workers: int | None = None,
    cache: Path | None = None,
) -> Iterator[tuple[str, LabelledFrames]]:
    """Unseen frames by name: streets of known and of held-out assets, or CamVid's val.

    Args:
        config: Network whose size and classes decide.
        clips: Groups of twelve scene frames of each kind.
        folder: Where CamVid lies, for a network of its classes.
        workers: Processes to paint with.
        cache: Folder of painted frames.
    """
    if class_names(config) is CAMVID_CLASSES:
        yield "val", read_camvid(config, folder, "val")
        return
    for assets in ("known", "heldout"):
        yield (
            assets,
            paint(
                config, clips, first_seed=UNSEEN_SEED, assets=assets, workers=workers, cache=cache
            ),
        )


def unseen_scores(
    model: Network,
    *,
    clips: int,
    folder: Path | None = None,
    workers: int | None = None,
    cache: Path | None = None,
) -> dict[str, Matrix]:
    """Confusion matrices of a network in evaluation mode by the name of :func:`unseen_frames`."""
    frames = unseen_frames(model.config, clips=clips, folder=folder, workers=workers, cache=cache)
    return {name: evaluate(model, labelled) for name, labelled in frames}


def score_text(matrix: Matrix, config: NetworkConfig) -> str:
    """A line with the mean IoU and that of every class."""
    pairs = zip(class_names(config), per_class_iou(matrix), strict=True)
    classes = ", ".join(f"{name} {100 * value:.1f}" for name, value in pairs)
    return f"mIoU {100 * miou(matrix):.2f} %: {classes}"
