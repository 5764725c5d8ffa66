"""Segmentation quality from one confusion matrix, summed over every frame that is scored.

The matrix is global: counts of frames and clips are added first and ratios taken last, as Pascal
VOC, Cityscapes and Long et al., "Fully Convolutional Networks for Semantic Segmentation" (CVPR
2015, section 5) do. A mean of per-frame scores is another number. docs/metrics.md says what each
score cannot see.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.data.classes import IGNORE
from depth_snn.errors import InputError

Labels = npt.NDArray[np.integer[Any]]
Bool = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


def confusion_matrix(
    pred: Labels,
    truth: Labels,
    classes: int,
    ignore: int = IGNORE,
) -> Counts:
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
    for name, values in (("truth", truth), ("prediction", pred)):
        if not np.issubdtype(values.dtype, np.integer):
            # A cast would cut 1.9 down to class 1 without a word.
            raise InputError(f"{name} of type {values.dtype}: expected whole class numbers")
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
    _require_square(matrix)
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


def per_class_accuracy(matrix: Labels) -> npt.NDArray[np.float64]:
    """Share of each true class's pixels that are predicted as it (recall).

    Args:
        matrix: A confusion matrix, shape (C, C).

    Returns:
        float64 (C,), 0 to 1; NaN for a class that truth never holds.
    """
    _require_square(matrix)
    counts = matrix.astype(np.float64)
    held = counts.sum(axis=1)
    out = np.full(held.shape, np.nan)
    np.divide(np.diag(counts), held, out=out, where=held > 0)
    return out


def class_accuracy(matrix: Labels) -> float:
    """Mean accuracy over the classes that truth holds (0 to 1).

    "Mean accuracy" of Long et al. 2015: (1/n) Σ_c n_cc / t_c, t_c the pixels of true class c.
    Unlike pixel accuracy it weighs a pedestrian as much as the road.

    Args:
        matrix: A confusion matrix, shape (C, C).

    Raises:
        InputError: If the matrix counts no pixel.
    """
    _require_pixels(matrix)
    return float(np.nanmean(per_class_accuracy(matrix)))


def frequency_weighted_iou(matrix: Labels) -> float:
    """IoU weighed by how many pixels truth gives each class (0 to 1).

    Long et al. 2015: (Σ_c t_c)⁻¹ Σ_c t_c IoU_c, t_c the pixels of true class c. A class that is
    predicted but never true has weight 0; its false pixels lower the IoU of the true classes.

    Args:
        matrix: A confusion matrix, shape (C, C).

    Raises:
        InputError: If the matrix counts no pixel.
    """
    _require_pixels(matrix)
    held = matrix.sum(axis=1).astype(np.float64)
    return float(np.sum(held * np.nan_to_num(per_class_iou(matrix))) / held.sum())


def frame_matrices(
    pred: Labels,
    truth: Labels,
    classes: int,
    ignore: int = IGNORE,
    where: Bool | None = None,
) -> Counts:
    """One confusion matrix per frame.

    Args:
        pred: Class indices (T, H, W).
        truth: Class indices (T, H, W); pixels equal to `ignore` are left out.
        classes: Number of classes C.
        ignore: The label that is never counted.
        where: Pixels to count, bool (T, H, W) or (H, W); all of them when None.

    Returns:
        int64 (T, C, C); their sum is the matrix of the whole clip.

    Raises:
        InputError: If shapes do not fit or a counted value is not a class.
    """
    if pred.ndim != 3 or pred.shape != truth.shape:
        raise InputError(
            f"prediction of shape {pred.shape}, truth of shape {truth.shape}: "
            "both must be (T, H, W)"
        )
    if where is not None and where.shape not in (pred.shape, pred.shape[1:]):
        raise InputError(
            f"pixels to count of shape {where.shape}: expected {pred.shape} or {pred.shape[1:]}"
        )
    out = np.zeros((len(pred), classes, classes), np.int64)
    chosen = None if where is None else np.broadcast_to(where, pred.shape)
    for index, (now, right) in enumerate(zip(pred, truth, strict=True)):
        kept = ... if chosen is None else chosen[index]
        out[index] = confusion_matrix(now[kept], right[kept], classes, ignore)
    return out


def _require_square(matrix: Labels) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(
            f"confusion matrix of shape {matrix.shape}: expected one square matrix, add those of "
            "several frames first"
        )


def _require_pixels(matrix: Labels) -> None:
    _require_square(matrix)
    if matrix.sum() == 0:
        raise InputError(
            "confusion matrix counts no pixel: every label is ignored, give labelled frames"
        )
