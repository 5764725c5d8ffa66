"""Segmentation quality from a confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.data.classes import IGNORE
from depth_snn.errors import InputError

Labels = npt.NDArray[np.integer[Any]]


def confusion_matrix(
    pred: Labels,
    truth: Labels,
    classes: int,
    ignore: int = IGNORE,
) -> npt.NDArray[np.int64]:
    """Counts pixels by true and predicted class.

    Args:
        pred: Class indices, any shape.
        truth: Class indices, the same shape; pixels equal to `ignore` are left out.
        classes: Number of classes.
        ignore: The label that is never counted.

    Returns:
        int64 (classes, classes), row = truth, column = prediction. Matrices of several frames
        may be added.

    Raises:
        InputError: If shapes differ or a counted value is not a class.
    """
    if pred.shape != truth.shape:
        raise InputError(
            f"prediction of shape {pred.shape}, truth of shape {truth.shape}: must agree"
        )
    counted = truth != ignore
    rows = truth[counted].astype(np.int64)
    columns = pred[counted].astype(np.int64)
    for name, values in (("truth", rows), ("prediction", columns)):
        if values.size and (values.min() < 0 or values.max() >= classes):
            wrong = values[(values < 0) | (values >= classes)][0]
            raise InputError(f"{name} holds class {wrong}: expected 0 to {classes - 1}")
    flat = np.bincount(rows * classes + columns, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def per_class_iou(matrix: Labels) -> npt.NDArray[np.float64]:
    """Intersection over union of each class.

    Args:
        matrix: A confusion matrix, shape (C, C).

    Returns:
        float64 (C,), 0 to 1; NaN for a class that neither truth nor prediction holds.
    """
    counts = matrix.astype(np.float64)
    both = np.diag(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - both
    out = np.full(both.shape, np.nan)
    np.divide(both, union, out=out, where=union > 0)
    return out


def miou(matrix: Labels) -> float:
    """Mean IoU over the classes that truth or prediction holds (0 to 1).

    Args:
        matrix: A confusion matrix, shape (C, C).

    Raises:
        InputError: If the matrix counts no pixel.
    """
    _require_pixels(matrix)
    return float(np.nanmean(per_class_iou(matrix)))


def pixel_accuracy(matrix: Labels) -> float:
    """Share of counted pixels whose class is right (0 to 1).

    Args:
        matrix: A confusion matrix, shape (C, C).

    Raises:
        InputError: If the matrix counts no pixel.
    """
    _require_pixels(matrix)
    return float(np.trace(matrix) / matrix.sum())


def _require_pixels(matrix: Labels) -> None:
    if matrix.sum() == 0:
        raise InputError(
            "confusion matrix counts no pixel: every label is ignored, give labelled frames"
        )
