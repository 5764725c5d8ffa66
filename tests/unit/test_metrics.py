"""Metrics against scikit-learn, which shares no code with them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score
from sklearn.metrics import confusion_matrix as sk_confusion

from depth_snn.data.metrics import confusion_matrix, miou, per_class_iou, pixel_accuracy
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


def test_hand_computed_case() -> None:
    truth = np.array([[0, 0, 1, 255]], np.uint8)
    pred = np.array([[0, 1, 1, 0]], np.uint8)
    matrix = confusion_matrix(pred, truth, 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert miou(matrix) == pytest.approx(0.5)
    assert pixel_accuracy(matrix) == pytest.approx(2 / 3)


def test_matrices_of_parts_add_up() -> None:
    pred, truth = _maps(9)
    parts = sum(confusion_matrix(p, t, 8) for p, t in zip(pred, truth, strict=True))
    np.testing.assert_array_equal(parts, confusion_matrix(pred, truth, 8))


def test_refuses_what_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="shape"):
        confusion_matrix(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)
    with pytest.raises(InputError, match="prediction holds class 5"):
        confusion_matrix(np.full(3, 5), np.zeros(3, np.uint8), 2)
    with pytest.raises(InputError, match="truth holds class 4"):
        confusion_matrix(np.zeros(3, np.uint8), np.full(3, 4), 2)
    empty = confusion_matrix(np.zeros(3, np.uint8), np.full(3, 255, np.uint8), 2)
    with pytest.raises(InputError, match="no pixel"):
        miou(empty)
    with pytest.raises(InputError, match="no pixel"):
        pixel_accuracy(empty)
