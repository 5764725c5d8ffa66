"""The sky with its clouds, and the far skyline under it."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.classes import BUILDING, SKY, VEGETATION
from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.domain import LOOKS
from depth_snn.data.scene.style import Style, grain, to_bytes


def make_backdrop(
    rng: np.random.Generator, style: Style, height: int, width: int, horizon: float
) -> tuple[U8, U8]:
    """Sky with a far skyline.

    Args:
        rng: Random source.
        style: Palettes and light.
        height: Rows.
        width: Columns.
        horizon: Row of the horizon.

    Returns:
        rgb uint8 (H, W, 3) and label uint8 (H, W).
    """
    tint = (rng.uniform(0.97, 1.03, 3) * rng.uniform(0.92, 1.06)).astype(np.float32)
    top, low = (np.array(c, np.float32) * tint for c in LOOKS[style.domain].sky)
    if style.domain == "day" and rng.uniform() < 0.35:  # overcast
        top = low * float(rng.uniform(0.75, 0.95))
    ramp = np.clip(np.arange(height, dtype=np.float32) / max(horizon, 1.0), 0, 1)[:, None, None]
    ramp = ramp ** float(rng.uniform(0.7, 1.5))
    rgb = top * (1 - ramp) + low * ramp
    cloud = grain(rng, height, width, max(4, width // int(rng.integers(5, 12))), 1.0)
    cloud = cloud + grain(rng, height, width, max(2, width // 28), 0.4)
    amount = np.clip(cloud + 2.2 * style.clouds - 1.2, 0, 1) * 0.8
    bright = 1.06 if style.domain == "day" else 0.78
    rgb = rgb * (1 - amount) + low * bright * amount
    label = np.full((height, width), SKY, np.uint8)
    pixels = to_bytes(np.asarray(rgb, np.float32))
    if style.domain != "fog":  # fog leaves nothing of it
        _skyline(rng, style, pixels, label, horizon)
    return pixels, label


def _skyline(rng: np.random.Generator, style: Style, rgb: U8, label: U8, horizon: float) -> None:
    height, width = label.shape
    column = 0
    tall = float(rng.uniform(0.05, 0.16))
    wooded = float(rng.uniform(0.1, 0.8))
    while column < width:
        wide = int(rng.integers(max(2, width // 40), max(4, width // 14)))
        green = rng.uniform() < wooded
        peak = horizon - float(rng.uniform(0.02, 0.07 if green else tall)) * height
        colour = style.tone(style.colour(rng, "leaf" if green else "wall", (0.1, 0.3), (0.3, 0.6)))
        area = (slice(max(0, int(peak)), height), slice(column, column + wide))
        rgb[area] = to_bytes(0.45 * colour + 0.55 * style.haze_rgb)
        label[area] = VEGETATION if green else BUILDING
        column += wide


def shifted(image: U8, dx: float, dy: float, smooth: bool) -> U8:
    """Moves an image by a fraction of pixels, repeating its border."""
    if dx == 0.0 and dy == 0.0:
        return image
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    moved = cv2.warpAffine(
        image,
        matrix,
        (image.shape[1], image.shape[0]),
        flags=cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.uint8)
