"""Textures that do not move: facades, the ground map and the sky with its skyline."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.classes import BUILDING, SKY, VEGETATION
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.card import Card, make_card
from depth_snn.data.scene.style import Style, grain, to_bytes

_PPM = 14.0


def make_facade(
    rng: np.random.Generator, style: Style, length_m: float, height_m: float, blank: bool = False
) -> Card:
    """A house wall; `blank` leaves out the windows (gable ends)."""
    h, w = int(height_m * _PPM), int(length_m * _PPM)
    base = style.colour(rng, "wall", (0.1, 0.5), (0.45, 0.85))
    rgb = base + grain(rng, h, w, 3, 4.0) + grain(rng, h, w, 30, 8.0)
    if rng.uniform() < 0.5:
        _courses(rng, style, rgb)
    rgb = style.tone(np.asarray(rgb, np.float32))
    if not blank:
        _windows(rng, style, rgb, h, w)
    rgb[: max(2, int(0.3 * _PPM))] *= 0.6
    return make_card(rgb, np.ones((h, w, 1), np.float32), length_m, height_m, BUILDING)


def _courses(rng: np.random.Generator, style: Style, rgb: F32) -> None:
    """Brick rows (known) or large stone blocks (held out)."""
    step = int(_PPM * 1.1) if style.heldout else 4
    dark = float(rng.uniform(0.8, 0.9))
    rgb[::step] *= dark
    if style.heldout:
        rgb[:, ::step] *= dark


def _windows(rng: np.random.Generator, style: Style, rgb: F32, h: int, w: int) -> None:
    storey = int(_PPM * float(rng.uniform(2.9, 3.4)))
    pitch = int(_PPM * float(rng.uniform(2.0, 3.2)))
    wide = int(pitch * float(rng.uniform(0.72, 0.85) if style.heldout else rng.uniform(0.4, 0.58)))
    tall = int(storey * float(rng.uniform(0.3, 0.42) if style.heldout else rng.uniform(0.48, 0.62)))
    frame = style.tone(np.full(3, float(rng.uniform(150, 235)), np.float32))
    glass = np.array([72, 88, 104], np.float32) * float(rng.uniform(0.6, 1.2))
    for floor in range(h // storey + 1):
        low = h - floor * storey - int(storey * 0.22)
        for left in range(pitch // 4, w - wide, pitch):
            lit = style.lit and rng.uniform() < 0.4
            pane = style.tone(glass * float(rng.uniform(0.7, 1.25)))
            if lit:
                pane = np.array([250, 212, 140], np.float32) * float(rng.uniform(0.6, 1.0))
            top = max(0, low - tall)
            if floor == 0 and rng.uniform() < 0.3:
                rgb[top:h, left : left + wide] = style.tone(np.full(3, 60.0, np.float32))
                continue
            rgb[max(0, top - 1) : low + 1, max(0, left - 1) : left + wide + 1] = frame
            rgb[top:low, left : left + wide] = pane
            rgb[top:low, left + wide // 2] = frame


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
    top, low = {
        "day": ((92, 142, 208), (204, 218, 232)),
        "dusk": ((92, 84, 130), (240, 168, 112)),
        "night": ((8, 10, 24), (30, 34, 56)),
    }[style.domain]
    ramp = np.clip(np.arange(height, dtype=np.float32) / max(horizon, 1.0), 0, 1)[:, None, None]
    sky = np.array(top, np.float32) * (1 - ramp) + np.array(low, np.float32) * ramp
    cloud = grain(rng, height, width, max(4, width // 9), 1.0)
    cloud = cloud + grain(rng, height, width, max(2, width // 28), 0.4)
    amount = np.clip(cloud - float(rng.uniform(-0.6, 1.0)), 0, 1) * 0.75
    cover = np.array(low, np.float32) * (0.75 if style.domain != "day" else 1.08)
    rgb = sky * (1 - amount) + cover * amount
    label = np.full((height, width), SKY, np.uint8)
    column = 0
    while column < width:
        wide = int(rng.integers(max(2, width // 40), max(4, width // 14)))
        green = rng.uniform() < 0.35
        peak = horizon - float(rng.uniform(0.02, 0.07 if green else 0.14)) * height
        colour = style.tone(style.colour(rng, "leaf" if green else "wall", (0.1, 0.3), (0.3, 0.6)))
        area = (slice(max(0, int(peak)), height), slice(column, column + wide))
        rgb[area] = 0.45 * colour + 0.55 * style.haze_rgb
        label[area] = VEGETATION if green else BUILDING
        column += wide
    return to_bytes(np.asarray(rgb, np.float32)), label


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
