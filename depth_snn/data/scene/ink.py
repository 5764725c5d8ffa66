"""Strokes on float pictures: polygons, boxes, discs."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32

_SHIFT = 4  # fractional bits of polygon corners

Corners = list[tuple[float, float]]


def polygon(image: F32, corners: Corners, colour: F32 | float) -> None:
    """Fills a polygon with sub-pixel corners, in place."""
    points = np.round(np.array(corners) * (1 << _SHIFT)).astype(np.int32)
    value = np.atleast_1d(np.asarray(colour, dtype=np.float64))
    cv2.fillPoly(image, [points], value.tolist(), shift=_SHIFT)


def box(x0: float, y0: float, x1: float, y1: float) -> Corners:
    """Corners of an upright rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def star(x: float, y: float, radius: float, corners: int, turn: float) -> Corners:
    """Corners of a regular polygon; `turn` is the angle of its first corner in radians."""
    angles = turn + np.arange(corners) * 2 * np.pi / corners
    return [(x + radius * float(np.cos(a)), y + radius * float(np.sin(a))) for a in angles]


def disc(image: F32, x: float, y: float, radius: float, colour: F32 | float) -> None:
    """Fills a circle, in place."""
    value = np.atleast_1d(np.asarray(colour, dtype=np.float64))
    at = (round(x * 16), round(y * 16))
    cv2.circle(image, at, max(1, round(radius * 16)), value.tolist(), -1, shift=_SHIFT)


def grey(value: float) -> F32:
    """A grey of 0 to 255."""
    return np.full(3, value, np.float32)
