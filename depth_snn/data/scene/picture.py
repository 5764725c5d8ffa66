"""Labels and flow made visible, and pictures of scenes side by side."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.classes import PALETTE
from depth_snn.data.scene.arrays import F32, U8, Bool
from depth_snn.data.scene.frame import SceneFrame

_WHITE = 255.0


def colour_labels(label: U8) -> U8:
    """Shows classes in the colours of `PALETTE` and what is never scored in black.

    Args:
        label: uint8 (H, W).

    Returns:
        uint8 (H, W, 3), RGB.
    """
    table = np.zeros((256, 3), np.uint8)
    table[: len(PALETTE)] = PALETTE
    return np.asarray(table[label], np.uint8)


def colour_flow(flow: F32, occluded: Bool, full_px: float | None = None) -> U8:
    """Shows flow: hue is direction, strength of colour is length, hatching is occlusion.

    Args:
        flow: float32 (H, W, 2), pixels.
        occluded: bool (H, W).
        full_px: Length that is shown in full colour; by default the 98th percentile.

    Returns:
        uint8 (H, W, 3), RGB; white where nothing moves.
    """
    length = np.hypot(flow[..., 0], flow[..., 1])
    seen = length[~occluded]
    full = full_px or max(1.0, float(np.percentile(seen, 98)) if seen.size else 1.0)
    angle = np.arctan2(flow[..., 1], flow[..., 0])
    hsv = np.empty((*length.shape, 3), np.float32)
    hsv[..., 0] = np.degrees(angle) % 360.0
    # The root shows slow motion beside fast motion.
    hsv[..., 1] = np.sqrt(np.minimum(length / full, 1.0))
    hsv[..., 2] = 1.0 - 0.15 * hsv[..., 1]
    rgb = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * _WHITE + 0.5, np.uint8)
    rows, columns = np.indices(occluded.shape)
    stripes = (rows + columns) // 2 % 2 == 0
    rgb[occluded] = np.where(stripes[occluded, None], np.uint8(40), np.uint8(110))
    return rgb


def strip(frame: SceneFrame) -> U8:
    """Picture, labels and flow of a frame from left to right, uint8 (H, 3 W + 8, 3)."""
    flow = colour_flow(frame.flow, frame.occluded)
    gap = np.full((frame.rgb.shape[0], 4, 3), 255, np.uint8)
    return np.hstack([frame.rgb, gap, colour_labels(frame.label), gap, flow])


def stack(strips: list[U8]) -> U8:
    """Strips of one width from top to bottom with white lines between them."""
    gap = np.full((4, strips[0].shape[1], 3), 255, np.uint8)
    parts = [part for piece in strips for part in (piece, gap)]
    return np.vstack(parts[:-1])
