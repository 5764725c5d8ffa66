"""Metrics against torchmetrics on the same arrays; and where its conventions differ from ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics import classification as theirs

from depth_snn.data.metrics import (
    class_accuracy,
    confusion_matrix,
    frequency_weighted_iou,
    miou,
    per_class_accuracy,
    per_class_iou,
    pixel_accuracy,
)

CLASSES = 8
SINGLE = 1e-6  # torchmetrics takes its ratios in single precision


def _maps(seed: int, held: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, held, (3, 33, 41)).astype(np.uint8)
    pred = np.where(rng.uniform(size=truth.shape) < 0.6, truth, rng.integers(0, 7, truth.shape))
    truth[rng.uniform(size=truth.shape) < 0.15] = 255
    return pred.astype(np.uint8), truth


def _their(name: str, pred: np.ndarray, truth: np.ndarray, **options: object) -> np.ndarray:
    metric = getattr(theirs, name)(num_classes=CLASSES, ignore_index=255, **options)
    for now, right in zip(pred, truth, strict=True):  # frame by frame: theirs is global as well
        metric.update(torch.from_numpy(now.astype(np.int64)), torch.from_numpy(right.astype(int)))
    return np.asarray(metric.compute())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("held", [5, 7])
def test_agrees_with_torchmetrics(seed: int, held: int) -> None:
    pred, truth = _maps(seed, held)
    matrix = confusion_matrix(pred, truth, CLASSES)
    np.testing.assert_array_equal(matrix, _their("MulticlassConfusionMatrix", pred, truth))
    iou = _their("MulticlassJaccardIndex", pred, truth, average=None)
    np.testing.assert_allclose(np.nan_to_num(per_class_iou(matrix)), iou, atol=SINGLE)
    mean = _their("MulticlassJaccardIndex", pred, truth, average="macro")
    assert miou(matrix) == pytest.approx(float(mean), abs=SINGLE)
    weighted = _their("MulticlassJaccardIndex", pred, truth, average="weighted")
    assert frequency_weighted_iou(matrix) == pytest.approx(float(weighted), abs=SINGLE)
    micro = _their("MulticlassAccuracy", pred, truth, average="micro")
    assert pixel_accuracy(matrix) == pytest.approx(float(micro), abs=SINGLE)
    recall = _their("MulticlassAccuracy", pred, truth, average=None)
    np.testing.assert_allclose(np.nan_to_num(per_class_accuracy(matrix)), recall, atol=SINGLE)


def test_class_accuracy_is_a_mean_over_true_classes_only() -> None:
    pred, truth = _maps(0, 7)
    macro = _their("MulticlassAccuracy", pred, truth, average="macro")
    matrix = confusion_matrix(pred, truth, CLASSES)
    assert class_accuracy(matrix) == pytest.approx(float(macro), abs=SINGLE)
    # Classes 5 and 6 are predicted and never true: torchmetrics takes their accuracy as 0, while
    # the formula (and scikit-learn) has no such term.
    pred, truth = _maps(0, 5)
    macro = _their("MulticlassAccuracy", pred, truth, average="macro")
    matrix = confusion_matrix(pred, truth, CLASSES)
    assert class_accuracy(matrix) == pytest.approx(float(macro) * 7 / 5, abs=SINGLE)
