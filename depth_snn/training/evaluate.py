"""Accuracy of a dense network over labelled frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depth_snn.data.metrics import confusion_matrix
from depth_snn.models.build import Network
from depth_snn.models.stem import cells_to_image
from depth_snn.training.dataset import LabelledFrames
from depth_snn.windows import class_map


def class_scores(logits: Tensor, model: Network) -> Tensor:
    """Token logits to scores of cells (B, classes, h·cells, w·cells)."""
    config = model.config
    cells = logits.view(*logits.shape[:2], config.cells**2, config.classes)
    return cells_to_image(cells, config)


@torch.no_grad()
def evaluate(
    model: Network,
    data: LabelledFrames,
    batch: int = 16,
    forward: Callable[[Tensor], Tensor] | None = None,
) -> npt.NDArray[np.int64]:
    """Confusion matrix (C, C) over all frames at their full size, row = truth.

    Args:
        model: Network in evaluation mode.
        data: Labelled frames of its size.
        batch: Frames at a time.
        forward: Runs in place of the model on pictures (B, 3, H, W) and gives token logits.
    """
    config = model.config
    run = forward or model
    matrix = np.zeros((config.classes, config.classes), np.int64)
    for start in range(0, len(data), batch):
        rgb = torch.from_numpy(data.rgb[start : start + batch]).permute(0, 3, 1, 2).float()
        best = np.stack([class_map(scores, config) for scores in run(rgb).numpy()])
        matrix += confusion_matrix(best, data.label[start : start + batch], config.classes)
    return matrix
