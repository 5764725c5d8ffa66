"""Quality after sudden events: by lag, in the whole picture and near the event."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_snn.data.burst_recovery import RecoveryKind, recovery
from depth_snn.data.burst_regions import event_regions, grow
from depth_snn.data.bursts import (
    BurstWindow,
    burst_masks,
    burst_starts,
    burst_window,
    scores_by_lag,
)
from depth_snn.data.metrics import confusion_matrix, frame_matrices, miou
from depth_snn.errors import InputError

CLASSES, FRAMES, SHAPE = 3, 40, (10, 20)


def _maps(wrong: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A clip of class 0 above 1 with 100 pixels each; frame t has `wrong[t]` of each wrong."""
    truth = np.zeros((FRAMES, *SHAPE), np.uint8)
    truth[:, 5:] = 1
    pred = truth.copy()
    for frame, count in wrong.items():
        flat = pred[frame].reshape(-1)
        flat[:count], flat[100 : 100 + count] = 1, 0
    return pred, truth


def _matrices(wrong: dict[int, int]) -> np.ndarray:
    return frame_matrices(*_maps(wrong), CLASSES)


def _iou(wrong: float) -> float:
    return (100 - wrong) / (100 + wrong)


def test_every_lag_has_a_global_score_over_its_bursts() -> None:
    stream = _matrices({5: 50, 6: 20, 25: 10, 27: 4})
    window = burst_window(stream, _matrices({}), [25, 5])
    assert (window.bursts, window.merged, window.cut, window.last_lag) == (2, 0, 0, 10)
    scores = scores_by_lag(window)
    # Pixels of both bursts are pooled before the ratio: 30 of 100, not the mean of two ratios.
    assert scores.stream[:3] == pytest.approx([_iou(30), _iou(10), _iou(2)])
    assert scores.stream[0] != pytest.approx((_iou(50) + _iou(10)) / 2, abs=1e-3)
    assert scores.stream[3:].tolist() == [1.0] * 8 and scores.reference.tolist() == [1.0] * 11
    np.testing.assert_allclose(scores.loss, 1.0 - scores.stream)


def test_lag_scores_match_the_maps() -> None:
    pred, truth = _maps({k: 3 * k for k in range(20)})
    window = burst_window(frame_matrices(pred, truth, CLASSES), _matrices({}), [4], last_lag=3)
    expected = [miou(confusion_matrix(pred[4 + k], truth[4 + k], CLASSES)) for k in range(4)]
    assert scores_by_lag(window).stream.tolist() == expected


def test_events_near_the_end_are_left_out_and_said_so() -> None:
    stream = _matrices({29: 30, 30: 70})
    window = burst_window(stream, _matrices({}), [29, FRAMES + 5], last_lag=10)
    assert (window.bursts, window.cut) == (1, 1)
    assert scores_by_lag(window).stream[0] == pytest.approx(_iou(30))
    window = burst_window(stream, _matrices({}), [30], last_lag=10)
    assert (window.bursts, window.cut) == (0, 1)


def test_no_burst_is_an_error_never_a_pass() -> None:
    for first_frames in ([], [FRAMES - 1]):
        window = burst_window(_matrices({}), _matrices({}), first_frames)
        with pytest.raises(InputError, match="no burst event"):
            scores_by_lag(window)


def test_overlapping_events_are_one_burst() -> None:
    assert burst_starts([27, 5, 15, 16, 5]) == (5, 16, 27)
    stream = _matrices({5: 50, 9: 50})
    window = burst_window(stream, _matrices({}), [5, 9])
    assert (window.bursts, window.merged) == (1, 1)
    scores = scores_by_lag(window)
    assert scores.stream[[0, 4]] == pytest.approx([_iou(50)] * 2)
    # The second event delays the first one's recovery, as it does in the street.
    assert recovery(scores).frames == 5


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(0, 12))
def test_windows_never_share_a_frame_and_cover_every_event(events: list[int], last: int) -> None:
    starts = burst_starts(events, last)
    assert all(b - a > last for a, b in pairwise(starts))
    assert all(any(s <= e <= s + last for s in starts) for e in events)
    assert set(starts) <= set(events)


@given(st.lists(st.integers(0, FRAMES), max_size=4, unique=True), st.integers(0, 2**32 - 1))
def test_windows_of_clips_add_up_in_any_order(first_frames: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (rng.integers(0, 9, (FRAMES, 2, 2)) for _ in range(2))
    a = burst_window(one, one, first_frames, last_lag=2)
    b = burst_window(two, two, first_frames[::-1], last_lag=2)
    np.testing.assert_array_equal((a + b).stream, (b + a).stream)
    assert (a + b).bursts == 2 * a.bursts
    assert (a + b).stream.sum() == a.stream.sum() + b.stream.sum()
    assert a.bursts + a.merged + a.cut == len(first_frames)


def test_classes_of_interest_are_those_that_truth_holds() -> None:
    truth = np.zeros((3, *SHAPE), np.uint8)
    truth[0, 0, :10] = 2
    pred = truth.copy()
    pred[0, 0, :5] = 0
    pred[1, 1, 1] = 2  # a ghost: truth holds no class 2 in this frame
    window = burst_window(
        frame_matrices(pred, truth, CLASSES), frame_matrices(truth, truth, CLASSES), [0], 2
    )
    scores = scores_by_lag(window, classes=[2])
    assert scores.stream[0] == 0.5 and scores.reference[0] == 1.0
    assert np.isnan(scores.stream[1:]).all() and np.isnan(scores.reference[1:]).all()
    with pytest.raises(InputError, match="no score at lag 1"):
        recovery(scores)
    both = scores_by_lag(window, classes=[0, 2])
    assert both.stream[0] == pytest.approx((0.5 + 190 / 195) / 2)
    assert both.stream[1] == pytest.approx(199 / 200)


def test_refuses_what_does_not_fit() -> None:
    good = _matrices({})
    with pytest.raises(InputError, match="both must be"):
        burst_window(good, good[1:], [0])
    with pytest.raises(InputError, match="other pixels"):
        burst_window(good, good * 2, [0])
    with pytest.raises(InputError, match="frames count from 0"):
        burst_window(good, good, [-1])
    with pytest.raises(InputError, match="last lag -1"):
        burst_window(good, good, [0], last_lag=-1)
    window = burst_window(good, good, [0])
    with pytest.raises(InputError, match="cannot be added"):
        window + burst_window(good, good, [0], last_lag=3)
    for classes in ([], [3], [-1]):
        with pytest.raises(InputError, match="classes of interest"):
            scores_by_lag(window, classes)
    empty = BurstWindow(good[:2] * 0, good[:2] * 0, 1, 0, 0)
    with pytest.raises(InputError, match="no pixel"):
        scores_by_lag(empty)


@dataclass(frozen=True)
class Sudden:
    first_frame: int
    box: tuple[int, int, int, int]


def _moving(speed: int) -> np.ndarray:
    """Everything moves right by `speed` pixels a frame."""
    flow = np.zeros((FRAMES, *SHAPE, 2), np.float32)
    flow[..., 0] = -speed
    return flow


def test_a_region_is_the_grown_box_while_the_event_runs() -> None:
    found = event_regions([Sudden(3, (4, 2, 6, 5))], (FRAMES, *SHAPE), margin_px=1, last_lag=2)
    assert found.any(axis=(1, 2)).nonzero()[0].tolist() == [3, 4, 5]
    expected = np.zeros(SHAPE, bool)
    expected[1:6, 3:7] = True
    assert (found[3:6] == expected).all()


def test_a_region_follows_what_it_holds() -> None:
    shape = (FRAMES, *SHAPE)
    event = Sudden(3, (4, 2, 6, 5))
    found = event_regions([event], shape, margin_px=0, flow=_moving(2), last_lag=4)
    for lag in range(5):
        expected = np.zeros(SHAPE, bool)
        expected[2:5, 4 + 2 * lag : 6 + 2 * lag] = True
        np.testing.assert_array_equal(found[3 + lag], expected)


def test_regions_of_running_events_unite_and_end_with_the_clip() -> None:
    events = [Sudden(FRAMES - 2, (-3, 0, 2, 2)), Sudden(FRAMES - 1, (18, 8, 99, 99))]
    found = event_regions(events, (FRAMES, *SHAPE), margin_px=0)
    assert found[-2].sum() == 4 and found[-1].sum() == 8


def test_a_local_loss_shows_in_its_region() -> None:
    """The same 6 wrong pixels are 3 % of the picture and half of the event's surroundings."""
    truth = np.zeros((FRAMES, *SHAPE), np.uint8)
    truth[5:, 2:5, 4:6] = 1
    pred = truth.copy()
    pred[5] = 0
    near = event_regions([Sudden(5, (4, 2, 6, 5))], truth.shape, margin_px=1)
    whole, local = (
        scores_by_lag(
            burst_window(
                frame_matrices(pred, truth, 2, where=where),
                frame_matrices(truth, truth, 2, where=where),
                [5],
            )
        )
        for where in (None, near)
    )
    assert whole.stream[0] == pytest.approx((0 + 194 / 200) / 2)
    assert local.stream[0] == pytest.approx((0 + 14 / 20) / 2)
    assert recovery(local).kind is recovery(whole).kind is RecoveryKind.RECOVERED


@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_growing_twice_is_growing_by_the_sum(a: int, b: int, seed: int) -> None:
    mask = np.random.default_rng(seed).uniform(size=SHAPE) < 0.02
    np.testing.assert_array_equal(grow(grow(mask, a), b), grow(mask, a + b))
    assert (grow(mask, a) >= mask).all()


def test_refuses_regions_that_are_nowhere() -> None:
    shape = (FRAMES, *SHAPE)
    for event in (Sudden(0, (30, 0, 40, 5)), Sudden(0, (4, 4, 4, 9)), Sudden(-1, (0, 0, 5, 5))):
        with pytest.raises(InputError, match="meets the picture"):
            event_regions([event], shape, margin_px=2)
    event = Sudden(0, (0, 0, 5, 5))
    with pytest.raises(InputError, match="margin -1"):
        event_regions([event], shape, margin_px=-1)
    with pytest.raises(InputError, match="one per frame"):
        event_regions([event], shape, margin_px=1, flow=_moving(0)[1:])
    with pytest.raises(InputError, match="last lag"):
        event_regions([event], shape, margin_px=1, last_lag=-1)


def test_masks_of_bursts_and_of_calm_frames() -> None:
    """Whole windows only; calm is what no event precedes by less than the window."""
    burst, calm = burst_masks([3, 5, 17], 20, last_lag=4)
    assert np.flatnonzero(burst).tolist() == [3, 4, 5, 6, 7]
    # Frames 8 and 9 follow the merged event, and the clip's end cuts the window of the last.
    assert np.flatnonzero(calm).tolist() == [0, 1, 2, *range(10, 17)]
    burst, calm = burst_masks([], 5)
    assert not burst.any() and calm.all()
    with pytest.raises(InputError, match="frame -1"):
        burst_masks([-1], 5)


@given(st.lists(st.integers(0, 60)), st.integers(1, 50), st.integers(0, 12))
def test_masks_hold_what_is_scored(events: list[int], frames: int, lag: int) -> None:
    burst, calm = burst_masks(events, frames, lag)
    assert not (burst & calm).any()
    empty = np.zeros((frames, 2, 2), np.int64)
    assert burst.sum() == burst_window(empty, empty, events, lag).bursts * (lag + 1)
