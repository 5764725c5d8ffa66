"""Carrying a map along motion, against OpenCV and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_snn.data.warp import visible_before, warp_labels
from depth_snn.errors import InputError

SHAPE = (9, 13)


def _flow(dx: float, dy: float) -> np.ndarray:
    return np.broadcast_to(np.array([dx, dy], np.float32), (*SHAPE, 2)).copy()


def _labels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 8, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_opencv(seed: int) -> None:
    labels = _labels(seed)
    flow = np.random.default_rng(seed).normal(0, 3, (*SHAPE, 2)).astype(np.float32)
    rows, columns = np.indices(SHAPE, dtype=np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": 255}
    expected = cv2.remap(labels, x, y, cv2.INTER_NEAREST, **border)
    np.testing.assert_array_equal(warp_labels(labels, flow), expected)
    seen = visible_before(flow, np.zeros(SHAPE, bool))
    np.testing.assert_array_equal(seen, expected != 255)


@given(st.integers(-15, 15), st.integers(-15, 15))
def test_whole_steps_are_shifts(dx: int, dy: int) -> None:
    labels = _labels(1)
    found = warp_labels(labels, _flow(dx, dy))
    for row, column in np.ndindex(SHAPE):
        inside = 0 <= row + dy < SHAPE[0] and 0 <= column + dx < SHAPE[1]
        assert found[row, column] == (labels[row + dy, column + dx] if inside else 255)


def test_half_a_step_is_one_shift_for_every_pixel() -> None:
    """Rounding half to even would take some columns twice and others never."""
    labels = np.tile(np.arange(SHAPE[1], dtype=np.uint8), (SHAPE[0], 1))
    found = warp_labels(labels, _flow(-0.5, 0.0))
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(warp_labels(labels, _flow(0.5, 0.0))[:, :-1], labels[:, 1:])


def test_unknown_and_endless_motion_count_as_outside() -> None:
    flow = _flow(0, 0)
    flow[0, 0, 0], flow[1, 1, 1], flow[2, 2, 0] = np.nan, np.inf, 1e30
    seen = visible_before(flow, np.zeros(SHAPE, bool))
    assert (~seen).sum() == 3
    assert not seen[0, 0] and not seen[1, 1] and not seen[2, 2]


def test_hidden_pixels_are_not_visible() -> None:
    hidden = _labels(3) > 4
    np.testing.assert_array_equal(visible_before(_flow(0, 0), hidden), ~hidden)


def test_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="flow of shape"):
        warp_labels(_labels(0), np.zeros((3, 3, 2), np.float32))
    with pytest.raises(InputError, match="occlusion of shape"):
        visible_before(_flow(0, 0), np.zeros((3, 3), bool))
