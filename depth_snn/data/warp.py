"""Class maps carried along exact motion, from one frame to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.data.classes import IGNORE
from depth_snn.data.metrics import Bool, Labels
from depth_snn.errors import InputError

Flow = npt.NDArray[np.floating[Any]]


def warp_labels(labels: Labels, flow: Flow, outside: int = IGNORE) -> Labels:
    """Carries a map of the frame before to where its points stand now.

    Pixel p takes the value of the pixel that holds p + flow[p], found by floor(· + ½) in each
    direction: class numbers must not be blended, and a shift by half a pixel stays a shift.

    Args:
        labels: The map of the frame before, integers or bool (H, W).
        flow: (H, W, 2), (dx, dy) in pixels: p shows what stood at p + flow in the frame before.
        outside: Value where p + flow lies outside the picture or is not a number.

    Returns:
        (H, W), of the type of `labels`.

    Raises:
        InputError: If the shapes do not fit.
    """
    if labels.ndim != 2 or flow.shape != (*labels.shape, 2):
        raise InputError(
            f"map of shape {labels.shape}, flow of shape {flow.shape}: expected (H, W), (H, W, 2)"
        )
    height, width = labels.shape
    x = np.floor(flow[..., 0].astype(np.float64) + np.arange(width)[None] + 0.5)
    y = np.floor(flow[..., 1].astype(np.float64) + np.arange(height)[:, None] + 0.5)
    # Comparisons with NaN are false, so an unknown flow counts as outside.
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    out = np.full(labels.shape, outside, labels.dtype)
    out[inside] = labels[y[inside].astype(np.int64), x[inside].astype(np.int64)]
    return out


def visible_before(flow: Flow, occluded: Bool) -> Bool:
    """Pixels whose point could be seen in the frame before.

    Args:
        flow: (H, W, 2) in pixels, as for `warp_labels`.
        occluded: bool (H, W), true where the point was hidden.

    Returns:
        bool (H, W): not occluded, and p + flow inside the picture.

    Raises:
        InputError: If the shapes do not fit.
    """
    if flow.shape != (*occluded.shape, 2):
        raise InputError(
            f"occlusion of shape {occluded.shape}, flow of shape {flow.shape}: expected (H, W), "
            "(H, W, 2)"
        )
    inside = warp_labels(np.ones(occluded.shape, np.uint8), flow, 0) == 1
    return np.asarray(inside & ~occluded, bool)
