"""Steadiness in time: what a frozen, a flickering and a wrong output may score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from depth_snn.data.classes import IGNORE
from depth_snn.data.temporal import (
    Pair,
    TemporalCounts,
    class_correct_consistency,
    correct_consistency,
    count_clip,
    count_pair,
    ever_right,
    per_class_correct_consistency,
    steadiness,
    temporal_agreement,
    temporal_miou,
)
from depth_snn.errors import InputError

CLASSES, FRAMES, HEIGHT, WIDTH = 3, 6, 8, 24
SHAPE = (FRAMES, HEIGHT, WIDTH)
EXACT = 1e-12  # ratios of whole numbers in double precision


def _scene(speed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A box of class 2 that moves right by `speed` pixels a frame over a wall of class 0 and 1."""
    truth = np.zeros(SHAPE, np.uint8)
    truth[:, HEIGHT // 2 :] = 1
    flow, hidden = np.zeros((*SHAPE, 2), np.float32), np.zeros(SHAPE, bool)
    for t in range(FRAMES):
        box = np.zeros(SHAPE[1:], bool)
        box[2:6, 2 + speed * t : 6 + speed * t] = True
        truth[t][box] = 2
        flow[t][box] = (-speed, 0)
        old = np.roll(box, -speed, 1)
        hidden[t] = old & ~box  # the wall that came out from behind the box
    return truth, flow, hidden


def _count(pred: np.ndarray, speed: int) -> TemporalCounts:
    truth, flow, hidden = _scene(speed)
    return count_clip(pred, truth, flow, hidden, CLASSES)


def test_right_in_every_frame_scores_one_even_when_things_move() -> None:
    for speed in (0, 1, 3):
        counts = _count(_scene(speed)[0], speed)
        for score in (temporal_agreement, temporal_miou, correct_consistency, steadiness):
            assert score(counts) == 1.0
        assert class_correct_consistency(counts) == ever_right(counts) == 1.0


@pytest.mark.parametrize("speed", [0, 1, 3])
def test_a_frozen_wrong_output_does_not_score(speed: int) -> None:
    """Plain consistency is full of praise for it; nothing could be steadier."""
    truth, flow, hidden = _scene(speed)
    counts = count_clip(np.full(SHAPE, 3), truth, flow, hidden, 4)
    assert temporal_agreement(counts) == temporal_miou(counts) == 1.0
    assert correct_consistency(counts) == class_correct_consistency(counts) == 0.0
    assert ever_right(counts) == steadiness(counts) == 0.0


def test_a_frozen_picture_of_wrong_classes_does_not_score() -> None:
    frozen = np.broadcast_to((_scene(0)[0][0] + 1) % CLASSES, SHAPE)
    counts = _count(frozen, 0)
    assert temporal_agreement(counts) == temporal_miou(counts) == 1.0
    assert correct_consistency(counts) == class_correct_consistency(counts) == 0.0


def test_a_partly_wrong_frozen_output_scores_its_right_part_only() -> None:
    """The reason for dividing by all points: `steadiness` calls this perfect."""
    pred = _scene(0)[0].copy()
    pred[:, :, : WIDTH // 2] = 2
    counts, truth = _count(pred, 0), _scene(0)[0]
    assert steadiness(counts) == temporal_agreement(counts) == 1.0
    assert correct_consistency(counts) == pytest.approx((pred == truth).mean())
    assert correct_consistency(counts) < 0.6


def test_a_frozen_right_output_of_a_scene_at_rest_scores_one() -> None:
    truth = _scene(0)[0]
    counts = _count(np.broadcast_to(truth[0], SHAPE), 0)
    assert correct_consistency(counts) == class_correct_consistency(counts) == 1.0


def test_a_frozen_output_of_a_moving_scene_loses_what_it_did_not_follow() -> None:
    truth, flow, hidden = _scene(3)
    frozen = np.broadcast_to(truth[0], SHAPE)
    counts = count_clip(frozen, truth, flow, hidden, CLASSES)
    moving = count_clip(frozen, truth, flow, hidden, CLASSES, where=flow[..., 0] != 0)
    assert correct_consistency(counts) < 0.95
    # Column by column the box leaves the place where the first frame saw it: 4·4 pixels, of which
    # one column is still right in frame 1 (and was right before), none later.
    assert moving.right[2, 1, 1] == 4 and moving.right[2].sum() == 16 * (FRAMES - 1)
    assert per_class_correct_consistency(counts)[2] == pytest.approx(4 / 80)
    # Weighing classes equally shows it best: the box is few pixels.
    assert class_correct_consistency(counts) < correct_consistency(counts) - 0.2


def test_a_flickering_output_is_penalised() -> None:
    truth, flow, hidden = _scene(0)
    pred = truth.copy()
    pred[1::2] = (truth[1::2] + 1) % CLASSES
    counts = count_clip(pred, truth, flow, hidden, CLASSES)
    assert correct_consistency(counts) == steadiness(counts) == 0.0
    assert ever_right(counts) == 1.0  # right half of the time, and never twice
    pred = truth.copy()
    pred[1::2, :, :6] = (truth[1::2, :, :6] + 1) % CLASSES
    counts = count_clip(pred, truth, flow, hidden, CLASSES)
    assert correct_consistency(counts) == pytest.approx(1 - 6 / WIDTH)
    late = truth.copy()  # as many wrong pixels, but all in the same frames' same place
    late[:, :, :3] = (truth[:, :, :3] + 1) % CLASSES
    steady = count_clip(late, truth, flow, hidden, CLASSES)
    assert (late == truth).mean() == (pred == truth).mean()
    assert correct_consistency(steady) > correct_consistency(counts)


def test_only_points_seen_and_labelled_in_both_frames_count() -> None:
    truth, flow, hidden = _scene(3)
    truth[2, 0, :5] = IGNORE
    total = count_clip(truth.clip(0, 2), truth, flow, hidden, CLASSES)
    expected = (FRAMES - 1) * HEIGHT * WIDTH - hidden[1:].sum() - 2 * 5
    assert total.pairs.sum() == total.right.sum() == expected


def test_points_where_truth_changes_class_are_not_asked_for() -> None:
    """Where rounding lands on a neighbour, no answer could be right at both ends."""
    truth = np.zeros((2, 2, 4), np.uint8)
    truth[1, :, 3] = 1  # a car that appears without motion
    flow, hidden = np.zeros((2, 2, 4, 2), np.float32), np.zeros((2, 2, 4), bool)
    counts = count_clip(truth, truth, flow, hidden, 2)
    assert counts.pairs.sum() == 8 and counts.right.sum() == 6
    assert correct_consistency(counts) == 1.0


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    known = st.integers(0, CLASSES - 1)
    before, now = (draw(hnp.arrays(np.uint8, shape, elements=known)) for _ in range(2))
    labels = known | st.just(IGNORE)
    old, new = (draw(hnp.arrays(np.uint8, shape, elements=labels)) for _ in range(2))
    steps = st.floats(-3, 3, width=32)
    flow = draw(hnp.arrays(np.float32, (*shape, 2), elements=steps))
    return Pair(before, now, old, new, flow, draw(hnp.arrays(bool, shape)))


def _slowly(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """The definition, pixel by pixel."""
    both, right = np.zeros((CLASSES, CLASSES), int), np.zeros((CLASSES, 2, 2), int)
    height, width = pair.now.shape
    for row, column in np.ndindex(height, width):
        dx, dy = (float(v) for v in pair.flow[row, column])
        x, y = int(np.floor(column + dx + 0.5)), int(np.floor(row + dy + 0.5))
        if pair.occluded[row, column] or not (0 <= x < width and 0 <= y < height):
            continue
        was, now = int(pair.before[y, x]), int(pair.now[row, column])
        old, new = int(pair.truth_before[y, x]), int(pair.truth_now[row, column])
        if IGNORE in (old, new):
            continue
        both[was, now] += 1
        if old == new:
            right[new, int(was == old), int(now == new)] += 1
    return both, right


@given(pairs())
def test_counts_are_what_the_definition_says(pair: Pair) -> None:
    counts = count_pair(pair, CLASSES)
    both, right = _slowly(pair)
    np.testing.assert_array_equal(counts.pairs, both)
    np.testing.assert_array_equal(counts.right, right)


@given(pairs())
def test_scores_are_bounded_by_accuracy_and_multiply_up(pair: Pair) -> None:
    counts = count_pair(pair, CLASSES)
    if counts.right.sum() == 0:
        return
    score, points = correct_consistency(counts), counts.right.sum()
    before, now = counts.right[:, 1, :].sum() / points, counts.right[:, :, 1].sum() / points
    assert 0.0 <= score <= min(before, now) + EXACT
    assert score == pytest.approx(ever_right(counts) * steadiness(counts), abs=EXACT)
    assert 0.0 <= class_correct_consistency(counts) <= 1.0
    assert score <= steadiness(counts) + EXACT


@given(pairs())
def test_plain_consistency_is_symmetric_in_time(pair: Pair) -> None:
    counts = count_pair(pair, CLASSES)
    if counts.pairs.sum():
        turned = TemporalCounts(counts.pairs.T, counts.right)
        assert temporal_miou(counts) == temporal_miou(turned)
        assert temporal_agreement(counts) == temporal_agreement(turned)


@given(pairs(), pairs(), pairs())
def test_counts_add_in_any_order(a: Pair, b: Pair, c: Pair) -> None:
    one, two, three = (count_pair(p, CLASSES) for p in (a, b, c))
    left, right = one + two + three, three + (two + one)
    np.testing.assert_array_equal(left.pairs, right.pairs)
    np.testing.assert_array_equal(left.right, right.right)


def test_nothing_to_compare_is_an_error_not_a_score() -> None:
    truth, flow, hidden = _scene(0)
    nothing = count_clip(truth, truth, flow, np.ones_like(hidden), CLASSES)
    for score in (correct_consistency, class_correct_consistency, ever_right, steadiness):
        with pytest.raises(InputError, match="consistency is unknown"):
            score(nothing)
    for score in (temporal_agreement, temporal_miou):
        with pytest.raises(InputError, match="no pixel"):
            score(nothing)


def test_refuses_what_does_not_fit() -> None:
    truth, flow, hidden = _scene(0)
    with pytest.raises(InputError, match="at least two frames"):
        count_clip(truth[:1], truth[:1], flow[:1], hidden[:1], CLASSES)
    with pytest.raises(InputError, match="one per frame"):
        count_clip(truth, truth, flow[1:], hidden, CLASSES)
    with pytest.raises(InputError, match="prediction holds class 7"):
        count_clip(truth * 0 + 7, truth, flow, hidden, CLASSES)
    with pytest.raises(InputError, match="truth holds class 2"):
        count_clip(truth * 0, truth, flow, hidden, 2)
    with pytest.raises(InputError, match="whole class numbers"):
        count_clip(truth.astype(float), truth, flow, hidden, CLASSES)
    with pytest.raises(InputError, match="pixels to count"):
        count_clip(truth, truth, flow, hidden, CLASSES, where=hidden[1:])
    with pytest.raises(InputError, match="one shape"):
        Pair(truth[0], truth[0], truth[0], truth[0, :2], flow[0], hidden[0])
    pair = Pair(truth[0], truth[0], truth[0], truth[0], flow[0], hidden[0])
    with pytest.raises(InputError, match="pixels to count"):
        count_pair(pair, CLASSES, where=np.ones((1, 1), bool))
    with pytest.raises(InputError, match="cannot be added"):
        count_pair(pair, CLASSES) + count_pair(pair, 4)
