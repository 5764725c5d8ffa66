"""Metrics against scikit-learn, which shares no code with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score, recall_score
from sklearn.metrics import confusion_matrix as sk_confusion

from depth_snn.data.metrics import (
    class_accuracy,
    confusion_matrix,
    frame_matrices,
    frequency_weighted_iou,
    miou,
    per_class_accuracy,
    per_class_iou,
    pixel_accuracy,
)
from depth_snn.errors import InputError


def _maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 6, (3, 20, 31)).astype(np.uint8)
    pred = np.where(rng.uniform(size=truth.shape) < 0.6, truth, rng.integers(0, 7, truth.shape))
    truth[rng.uniform(size=truth.shape) < 0.2] = 255
    return pred.astype(np.uint8), truth


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scikit_learn(seed: int) -> None:
    pred, truth = _maps(seed)
    keep = truth != 255
    matrix = confusion_matrix(pred, truth, 8)
    expected = sk_confusion(truth[keep], pred[keep], labels=range(8))
    np.testing.assert_array_equal(matrix, expected)
    iou = jaccard_score(truth[keep], pred[keep], labels=range(7), average=None)
    np.testing.assert_allclose(per_class_iou(matrix)[:7], iou, atol=1e-12)
    # Class 6 is predicted but never true: it counts as 0. Class 7 is in neither: left out.
    assert np.isnan(per_class_iou(matrix)[7])
    assert miou(matrix) == pytest.approx(iou.mean(), abs=1e-12)
    assert pixel_accuracy(matrix) == pytest.approx(accuracy_score(truth[keep], pred[keep]))
    recall = recall_score(truth[keep], pred[keep], labels=range(6), average=None)
    np.testing.assert_allclose(per_class_accuracy(matrix)[:6], recall, atol=1e-12)
    assert np.isnan(per_class_accuracy(matrix)[6:]).all()  # truth holds neither
    assert class_accuracy(matrix) == pytest.approx(recall.mean(), abs=1e-12)
    weighted = jaccard_score(truth[keep], pred[keep], labels=range(7), average="weighted")
    assert frequency_weighted_iou(matrix) == pytest.approx(weighted, abs=1e-12)


@pytest.mark.parametrize(
    ("seed", "held", "expected"),
    [(0, 12, 0.3456174829656614), (1, 19, 0.4612001166046872), (2, 19, 0.45999586635848455)],
)
def test_agrees_with_cityscapes_scripts(seed: int, held: int, expected: float) -> None:
    """`averageScoreClasses` of cityscapesScripts 2.3.0 on these maps, as its 19 label ids.

    Recorded, not run: the package needs a dozen others. Ignored pixels were its "unlabeled".
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, held, (2, 64, 96))
    pred = np.where(rng.uniform(size=truth.shape) < 0.6, truth, rng.integers(0, 17, truth.shape))
    truth[rng.uniform(size=truth.shape) < 0.2] = 255
    assert miou(confusion_matrix(pred, truth, 19)) == pytest.approx(expected, abs=1e-12)


def test_hand_computed_case() -> None:
    truth = np.array([[0, 0, 1, 255]], np.uint8)
    pred = np.array([[0, 1, 1, 0]], np.uint8)
    matrix = confusion_matrix(pred, truth, 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert miou(matrix) == pytest.approx(0.5)
    assert pixel_accuracy(matrix) == pytest.approx(2 / 3)
    assert per_class_accuracy(matrix)[:2].tolist() == [0.5, 1.0]
    assert class_accuracy(matrix) == pytest.approx(0.75)
    assert frequency_weighted_iou(matrix) == pytest.approx(0.5)


def test_small_classes_weigh_differently() -> None:
    """99 of 100 right, and the one pedestrian missed: each score sees that in its own way."""
    truth = np.zeros((10, 10), np.uint8)
    truth[3, 3] = 1
    matrix = confusion_matrix(np.zeros_like(truth), truth, 2)
    assert pixel_accuracy(matrix) == pytest.approx(0.99)
    assert class_accuracy(matrix) == pytest.approx(0.5)
    assert miou(matrix) == pytest.approx(0.495)
    assert frequency_weighted_iou(matrix) == pytest.approx(0.99 * 0.99)


def test_matrices_of_parts_add_up() -> None:
    pred, truth = _maps(9)
    parts = sum(confusion_matrix(p, t, 8) for p, t in zip(pred, truth, strict=True))
    np.testing.assert_array_equal(parts, confusion_matrix(pred, truth, 8))
    np.testing.assert_array_equal(frame_matrices(pred, truth, 8).sum(axis=0), parts)


def test_frame_matrices_of_a_region() -> None:
    pred, truth = _maps(5)
    left = np.zeros(truth.shape[1:], bool)
    left[:, :10] = True
    found = frame_matrices(pred, truth, 8, where=left)
    np.testing.assert_array_equal(found, frame_matrices(pred[..., :10], truth[..., :10], 8))
    every = np.broadcast_to(left, truth.shape)
    np.testing.assert_array_equal(found, frame_matrices(pred, truth, 8, where=every))
    other = frame_matrices(pred, truth, 8, where=~left)
    np.testing.assert_array_equal(found + other, frame_matrices(pred, truth, 8))


def test_refuses_what_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="shape"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)
    with pytest.raises(InputError, match="prediction holds class 5"):
        confusion_matrix(np.full(3, 5), np.zeros(3, np.uint8), 2)
    with pytest.raises(InputError, match="truth holds class 4"):
        confusion_matrix(np.zeros(3, np.uint8), np.full(3, 4), 2)
    empty = confusion_matrix(np.zeros(3, np.uint8), np.full(3, 255, np.uint8), 2)
    with pytest.raises(InputError, match="type float64: expected whole class numbers"):
        confusion_matrix(np.full(3, 1.9), np.zeros(3, np.uint8), 2)
    with pytest.raises(InputError, match=r"must be \(T, H, W\)"):
        frame_matrices(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), 2)
    with pytest.raises(InputError, match="pixels to count"):
        maps = np.zeros((1, 2, 2), np.uint8)
        frame_matrices(maps, maps, 2, where=np.ones((3, 3), bool))
    for score in SCORES:
        with pytest.raises(InputError, match="no pixel"):
            score(empty)
        with pytest.raises(InputError, match="one square matrix"):
            score(np.ones((4, 2, 2), np.int64))


SCORES: tuple[Callable[[np.ndarray], float], ...] = (
    miou,
    pixel_accuracy,
    class_accuracy,
    frequency_weighted_iou,
)
