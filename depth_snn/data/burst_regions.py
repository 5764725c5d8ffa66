"""Where in the picture a sudden event is, so that its few pixels are not lost in the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from depth_snn.data.bursts import LAST_LAG
from depth_snn.data.metrics import Bool
from depth_snn.data.warp import Flow, warp_labels
from depth_snn.errors import InputError


class Event(Protocol):
    """What is needed of an event; `scene.BurstEvent` is one."""

    @property
    def first_frame(self) -> int:
        """Index of the first frame that shows it."""

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) in pixels at `first_frame`, half open."""


def grow(mask: Bool, margin_px: int) -> Bool:
    """Widens a mask by a square of side 2·margin + 1.

    Args:
        mask: bool (H, W).
        margin_px: Pixels added on every side.

    Raises:
        InputError: If the margin is negative.
    """
    if margin_px < 0:
        raise InputError(f"margin {margin_px}: use 0 or a positive number of pixels")
    side = 2 * margin_px + 1
    wider = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(wider != 0, bool)


def event_regions(
    events: Sequence[Event],
    shape: tuple[int, int, int],
    margin_px: int,
    flow: Sequence[Flow] | Flow | None = None,
    last_lag: int = LAST_LAG,
) -> Bool:
    """Pixels near a running event, for every frame of a clip.

    A region starts as the event's box. Without flow it stays there. With flow it is carried along
    with what it holds, so it ends up both where the thing went and where it came from; the margin
    takes in parts that came out of hiding later.

    Args:
        events: Events with their box at their first frame.
        shape: (T, H, W) of the clip.
        margin_px: Pixels by which every region is widened.
        flow: (T, H, W, 2) in pixels, one per frame, as in `warp_labels`; None keeps the box.
        last_lag: Frames after its first for which an event runs.

    Returns:
        bool (T, H, W): the union over running events; all false in calm frames.

    Raises:
        InputError: If a box holds no pixel of the picture, shapes do not fit, or a number is
            negative.
    """
    frames, height, width = shape
    if flow is not None and len(flow) != frames:
        raise InputError(f"{len(flow)} flows for {frames} frames: give one per frame")
    if last_lag < 0:
        raise InputError(f"last lag {last_lag}: use 0 or a positive number of frames")
    out = np.zeros(shape, bool)
    for event in events:
        region = _inside(event, height, width)
        end = min(frames, event.first_frame + last_lag + 1)
        for index in range(event.first_frame, end):
            if flow is not None and index > event.first_frame:
                region = warp_labels(region.view(np.uint8), flow[index], 0) != 0
            out[index] |= grow(region, margin_px)
    return out


def _inside(event: Event, height: int, width: int) -> Bool:
    x0, y0, x1, y1 = event.box
    region = np.zeros((height, width), bool)
    region[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
    if event.first_frame < 0 or not region.any():
        raise InputError(
            f"event at frame {event.first_frame} with box {event.box}: expected a frame from 0 and "
            f"a box that meets the picture of {height}x{width}"
        )
    return region
