"""What must hold for every confusion matrix, whatever it counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from depth_snn.data.classes import IGNORE
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

CLASSES = 4
SCORES = (miou, pixel_accuracy, class_accuracy, frequency_weighted_iou)
EXACT = 1e-12  # sums of at most 16 ratios in double precision

matrices = hnp.arrays(np.int64, (CLASSES, CLASSES), elements=st.integers(0, 10**6)).filter(
    lambda m: bool(m.sum())
)


@st.composite
def clips(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)))
    known = st.integers(0, CLASSES - 1)
    pred = draw(hnp.arrays(np.uint8, shape, elements=known))
    return pred, draw(hnp.arrays(np.uint8, shape, elements=known | st.just(IGNORE)))


@given(matrices)
def test_scores_are_shares(matrix: np.ndarray) -> None:
    for score in SCORES:
        assert 0.0 <= score(matrix) <= 1.0 + EXACT
    iou, accuracy = per_class_iou(matrix), per_class_accuracy(matrix)
    held = ~np.isnan(accuracy)
    assert (iou[held] <= accuracy[held]).all()  # the union holds the true pixels


@given(matrices)
def test_iou_is_symmetric(matrix: np.ndarray) -> None:
    np.testing.assert_array_equal(per_class_iou(matrix), per_class_iou(matrix.T))
    assert miou(matrix) == miou(matrix.T)
    assert pixel_accuracy(matrix) == pixel_accuracy(matrix.T)


@given(matrices, st.permutations(range(CLASSES)))
def test_names_of_classes_do_not_matter(matrix: np.ndarray, order: list[int]) -> None:
    renamed = matrix[np.ix_(order, order)]
    for score in SCORES:
        assert score(renamed) == pytest.approx(score(matrix), abs=EXACT)


@given(matrices, st.integers(2, 1000))
def test_only_shares_matter(matrix: np.ndarray, factor: int) -> None:
    for score in SCORES:
        assert score(matrix * factor) == pytest.approx(score(matrix), abs=EXACT)


@given(clips())
def test_a_perfect_prediction_scores_one(clip: tuple[np.ndarray, np.ndarray]) -> None:
    pred, truth = clip
    if (truth != IGNORE).any():
        right = np.where(truth == IGNORE, pred, truth)
        matrix = confusion_matrix(right, truth, CLASSES)
        assert all(score(matrix) == pytest.approx(1.0, abs=EXACT) for score in SCORES)


@given(clips(), st.randoms(use_true_random=False))
def test_order_of_frames_does_not_matter(clip: tuple[np.ndarray, np.ndarray], rng: object) -> None:
    pred, truth = clip
    order = list(range(len(pred)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    whole = confusion_matrix(pred, truth, CLASSES)
    np.testing.assert_array_equal(whole, confusion_matrix(pred[order], truth[order], CLASSES))
    frames = frame_matrices(pred, truth, CLASSES)
    np.testing.assert_array_equal(frames[order], frame_matrices(pred[order], truth[order], CLASSES))
    np.testing.assert_array_equal(frames.sum(axis=0), whole)
    assert whole.sum() == (truth != IGNORE).sum()


@given(clips(), st.integers(0, CLASSES - 1))
def test_what_stands_under_ignore_does_not_matter(
    clip: tuple[np.ndarray, np.ndarray], other: int
) -> None:
    pred, truth = clip
    changed = np.where(truth == IGNORE, other, pred).astype(np.uint8)
    np.testing.assert_array_equal(
        confusion_matrix(pred, truth, CLASSES), confusion_matrix(changed, truth, CLASSES)
    )
