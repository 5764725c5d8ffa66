"""D_t per region: how suddenly the features' spatial gradient changed, in integers.

D_t(r) = ‖∇F_t − ∇F_{t−1}‖₂ over region r (DEPTH's definition). F are the frame's colours averaged
over 4×4-pixel cells, rounded to grey levels: the one feature that is there for every token before
anything has been computed.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig

CELL = 4
"""Pixels along one side of a feature cell."""
DRIVE_MAX = 2**15 - 1
"""Drives are clipped here, so that they fit a 16-bit input."""

Gradient = npt.NDArray[np.int32]


def feature_gradient(rgb: npt.NDArray[np.uint8], config: NetworkConfig) -> Gradient:
    """Forward differences of the averaged colours.

    Args:
        rgb: Frame (H, W, 3).
        config: Shape of the network.

    Returns:
        Gradient (H/4, W/4, 6): three colours down, three across; zero at the far edges.
    """
    h, w = config.height // CELL, config.width // CELL
    cells = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA).astype(np.int32)
    out = np.zeros((h, w, 6), np.int32)
    out[:-1, :, :3] = cells[1:] - cells[:-1]
    out[:, :-1, 3:] = cells[:, 1:] - cells[:, :-1]
    return out


def region_drive(
    now: Gradient, before: Gradient | None, config: NetworkConfig
) -> npt.NDArray[np.int64]:
    """D_t of every region, rounded down, shape (R,); zero for the first frame."""
    if before is None:
        return np.zeros(config.regions, np.int64)
    square = ((now - before).astype(np.int64) ** 2).sum(-1)
    side = config.region * config.patch // CELL
    h, w = square.shape
    sums = square.reshape(h // side, side, w // side, side).sum((1, 3)).reshape(-1)
    root = np.floor(np.sqrt(sums.astype(np.float64))).astype(np.int64)
    root = np.where(root * root > sums, root - 1, root)  # the float root may be one too high
    return np.minimum(root, DRIVE_MAX)


def change_drive(
    change: npt.NDArray[np.float32], gain: int, config: NetworkConfig
) -> npt.NDArray[np.int64]:
    """The judged change of every region's tokens, summed, times the gain, rounded down (R,)."""
    total = np.bincount(config.region_of(), change.astype(np.float64), config.regions)
    out: npt.NDArray[np.int64] = np.minimum(np.floor(total * gain), DRIVE_MAX).astype(np.int64)
    return out


def drive_macs(config: NetworkConfig) -> int:
    """MACs charged for one frame's D_t: every addition, difference and square counts as one."""
    cells = (config.height // CELL) * (config.width // CELL)
    pooling = config.height * config.width * 3
    return pooling + cells * 6 * 3 + config.regions
