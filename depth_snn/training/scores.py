"""Accuracy of a network on frames it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.metrics import miou, per_class_iou
from depth_snn.data.readers import CAMVID_CLASSES
from depth_snn.models.build import Network
from depth_snn.training.dataset import paint
from depth_snn.training.evaluate import evaluate
from depth_snn.training.folders import read_camvid

Matrix = npt.NDArray[np.int64]


def unseen_scores(
    model: Network, source: str, *, clips: int, first_seed: int, folder: Path | None = None,
    workers: int | None = None, cache: Path | None = None,
) -> dict[str, Matrix]:  # fmt: skip
    """Confusion matrices by the name of what was measured.

    Args:
        model: Network in evaluation mode.
        source: ``"scenes"``: unseen streets of known and of held-out assets; ``"camvid"``: val.
        clips: Groups of twelve scene frames of each.
        first_seed: Seed of the first.
        folder: Where CamVid lies.
        workers: Processes to paint with.
        cache: Folder of painted frames.
    """
    if source == "camvid":
        return {"val": evaluate(model, read_camvid(model.config, folder, "val"))}
    return {
        assets: evaluate(
            model,
            paint(
                model.config, clips, first_seed=first_seed, assets=assets, workers=workers,
                cache=cache,
            ),
        )
        for assets in ("known", "heldout")
    }  # fmt: skip


def class_names(source: str) -> tuple[str, ...]:
    """Names of the classes that a data source labels."""
    return CAMVID_CLASSES if source == "camvid" else CLASS_NAMES


def score_text(matrix: Matrix, source: str) -> tuple[float, str]:
    """Mean IoU, and a line with it and with that of every class."""
    mean = miou(matrix)
    pairs = zip(class_names(source), per_class_iou(matrix), strict=True)
    return mean, f"mIoU {100 * mean:.2f} %: " + ", ".join(f"{n} {100 * v:.1f}" for n, v in pairs)
