"""Cards of things that stand or drive: trees, poles, signs and the faces of cars."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.classes import POLE, VEGETATION, VEHICLE
from depth_snn.data.scene.arrays import F32
from depth_snn.data.scene.card import Card, make_card
from depth_snn.data.scene.style import Style, grain

_SHIFT = 4  # fractional bits of polygon corners

# Outlines of vehicles seen from the side, nose right, as shares of length and height, with their
# panes (left, upper right, lower right).
_Profile = tuple[list[tuple[float, float]], list[tuple[float, float, float]]]
_PROFILES: dict[str, _Profile] = {
    "van": (
        [(0.0, 0.02), (0.82, 0.0), (0.93, 0.45), (1.0, 0.55), (1.0, 0.88), (0.0, 0.88)],
        [(0.66, 0.86, 0.82)],
    ),
    "heldout": (
        [(0.0, 0.12), (0.1, 0.0), (0.55, 0.0), (0.72, 0.42), (1.0, 0.5), (1.0, 0.88), (0.0, 0.88)],
        [(0.08, 0.3, 0.3), (0.33, 0.54, 0.64)],
    ),
    "known": (
        [
            (0.0, 0.45),
            (0.14, 0.42),
            (0.27, 0.0),
            (0.6, 0.0),
            (0.76, 0.42),
            (1.0, 0.55),
            (1.0, 0.88),
            (0.0, 0.88),
        ],
        [(0.28, 0.43, 0.43), (0.46, 0.6, 0.7)],
    ),
}


def polygon(image: F32, corners: list[tuple[float, float]], colour: F32 | float) -> None:
    """Fills an anti-aliased polygon with sub-pixel corners, in place."""
    points = np.round(np.array(corners) * (1 << _SHIFT)).astype(np.int32)
    value = np.atleast_1d(np.asarray(colour, dtype=np.float64))
    cv2.fillPoly(image, [points], value.tolist(), shift=_SHIFT)


def make_tree(rng: np.random.Generator, style: Style) -> Card:
    """A tree with a crown of blobs (known) or stacked triangles (held out)."""
    tall = float(rng.uniform(4.5, 8.0))
    wide = tall * float(rng.uniform(0.5, 0.75))
    ppm = 16.0
    h, w = int(tall * ppm), int(wide * ppm)
    alpha = np.zeros((h, w), np.float32)
    crown = np.zeros((h, w), np.float32)
    if style.heldout:
        for k in range(4):
            half, low = w * (0.48 - 0.1 * (3 - k) * 0.9), h * (0.3 + 0.17 * k)
            top = max(0.0, low - h * 0.34)
            polygon(crown, [(w / 2 - half, low), (w / 2, top), (w / 2 + half, low)], 1.0)
    else:
        for _ in range(26):
            angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
            cx = int(w * (0.5 + 0.33 * radius * np.cos(angle)))
            cy = int(h * (0.36 + 0.24 * radius * np.sin(angle)))
            cv2.circle(crown, (cx, cy), int(w * rng.uniform(0.1, 0.17)), 1.0, -1)
    trunk = max(2.0, 0.17 * ppm)
    polygon(
        alpha,
        [
            (w / 2 - trunk, h),
            (w / 2 - trunk * 0.6, h / 2),
            (w / 2 + trunk * 0.6, h / 2),
            (w / 2 + trunk, h),
        ],
        1.0,
    )
    np.maximum(alpha, crown, out=alpha)
    leaf = style.colour(rng, "leaf", (0.35, 0.6), (0.3, 0.5))
    shade = np.linspace(25, -25, h, dtype=np.float32)[:, None, None]
    leaves = leaf + shade + grain(rng, h, w, 3, 16.0) + grain(rng, h, w, 10, 12.0)
    bark = np.array([82, 66, 52], np.float32) + grain(rng, h, w, 2, 8.0)
    rgb = np.where(crown[..., None] > 0, leaves, bark)
    return make_card(style.tone(rgb), alpha[..., None], w / ppm, h / ppm, VEGETATION)


def make_pole(rng: np.random.Generator, style: Style) -> Card:
    """A lamp post, a sign on a post, or a traffic light."""
    kind = int(rng.integers(3))
    tall = float(rng.uniform(4.5, 6.0)) if kind == 0 else float(rng.uniform(2.6, 3.4))
    wide, ppm = 1.5, 32.0
    h, w = int(tall * ppm), int(wide * ppm)
    rgb = np.full((h, w, 3), float(rng.uniform(60, 130)), np.float32)
    rgb = rgb + grain(rng, h, w, 4, 6.0)
    alpha = np.zeros((h, w), np.float32)
    thick = float(rng.uniform(0.07, 0.11)) * ppm
    middle = w / 2
    polygon(alpha, _box(middle - thick, 0, middle + thick, h), 1.0)
    shine: list[tuple[tuple[float, float, float, float], tuple[float, float, float]]] = []
    if kind == 0:
        polygon(alpha, _box(2, 2, middle, 7), 1.0)
        polygon(alpha, _box(2, 4, middle * 0.6, 10), 1.0)
        shine.append(((3, 7, middle * 0.55, 11), (255, 235, 180)))
    elif kind == 1:
        face = style.colour(rng, "car", (0.75, 0.95), (0.7, 0.9))
        _sign(rng, style, rgb, alpha, face, middle, ppm)
    else:
        polygon(alpha, _box(middle - 7, 2, middle + 7, 34), 1.0)
        polygon(rgb, _box(middle - 7, 2, middle + 7, 34), np.array([38, 40, 38], np.float32))
        shine.append(((middle - 4, 5, middle + 4, 13), (240, 60, 50)))
    rgb = style.tone(np.asarray(rgb, np.float32))
    for area, colour in shine:
        if kind == 2 or style.lit:
            polygon(rgb, _box(*area), np.array(colour, np.float32))
    return make_card(rgb, alpha[..., None], w / ppm, h / ppm, POLE)


def _sign(
    rng: np.random.Generator,
    style: Style,
    rgb: F32,
    alpha: F32,
    face: F32,
    middle: float,
    ppm: float,
) -> None:
    radius = float(rng.uniform(0.34, 0.45)) * ppm
    centre = (int(middle), int(radius + 2))
    if style.heldout:
        sides = [
            (centre[0] + radius * np.cos(a), centre[1] + radius * np.sin(a))
            for a in np.arange(4) * np.pi / 2
        ]
        polygon(alpha, sides, 1.0)
        polygon(rgb, sides, face)
    else:
        cv2.circle(alpha, centre, int(radius), 1.0, -1)
        cv2.circle(rgb, centre, int(radius), face.tolist(), -1)
        cv2.circle(rgb, centre, int(radius * 0.6), (235, 235, 235), -1)


def _box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


@dataclass(frozen=True)
class CarCards:
    """The faces of one vehicle, all at the same scale.

    Attributes:
        back: Seen from behind.
        front: Seen from the front.
        side: Its length runs left to right, nose to the right.
        mirrored: The same, nose to the left.
    """

    back: Card
    front: Card
    side: Card
    mirrored: Card


def make_car(rng: np.random.Generator, style: Style, van: bool = False) -> CarCards:
    """Draws one vehicle; a van is tall enough to hide a walking person."""
    tall = float(rng.uniform(2.1, 2.4)) if van else float(rng.uniform(1.4, 1.65))
    wide = float(rng.uniform(1.9, 2.0)) if van else float(rng.uniform(1.7, 1.85))
    length = float(rng.uniform(4.6, 5.0)) if van else float(rng.uniform(3.8, 4.5))
    if rng.uniform() < 0.35:
        paint = np.full(3, float(rng.uniform(40, 225)), np.float32)
    else:
        paint = style.colour(rng, "car", (0.5, 0.85), (0.4, 0.85))
    faces = [_face(style, paint, wide, tall, van, rear) for rear in (True, False)]
    side = _side(rng, style, paint, length, tall, van)
    flipped = np.ascontiguousarray(side.pixels[:, ::-1])
    mirrored = Card(flipped, side.width_m, side.height_m, side.label)
    return CarCards(faces[0], faces[1], side, mirrored)


def _face(style: Style, paint: F32, wide: float, tall: float, van: bool, rear: bool) -> Card:
    ppm = 40.0
    h, w = int(tall * ppm), int(wide * ppm)
    rgb = np.zeros((h, w, 3), np.float32)
    rgb[:] = paint * np.linspace(1.1, 0.7, h, dtype=np.float32)[:, None, None]
    alpha = np.zeros((h, w), np.float32)
    waist, inset = (0.5, 0.0) if van else (0.47, 0.15)
    polygon(
        alpha,
        [
            (w * inset, 0),
            (w * (1 - inset), 0),
            (w * 0.99, h * waist),
            (w, h * 0.9),
            (0, h * 0.9),
            (w * 0.01, h * waist),
        ],
        1.0,
    )
    for x in (0.05, 0.8):
        polygon(alpha, _box(w * x, h * 0.85, w * (x + 0.15), h), 1.0)
        polygon(rgb, _box(w * x, h * 0.85, w * (x + 0.15), h), np.full(3, 25.0, np.float32))
    glass = np.array([70, 84, 96] if not rear else [48, 56, 64], np.float32)
    low = h * (waist - 0.05)
    polygon(
        rgb,
        [
            (w * (inset + 0.06), h * 0.07),
            (w * (0.94 - inset), h * 0.07),
            (w * 0.9, low),
            (w * 0.1, low),
        ],
        glass,
    )
    polygon(rgb, _box(0, h * 0.78, w, h * 0.9), np.full(3, 48.0, np.float32))
    polygon(rgb, _box(w * 0.38, h * 0.66, w * 0.62, h * 0.76), np.full(3, 215.0, np.float32))
    rgb = _lamps(style, rgb, rear)
    return make_card(rgb, alpha[..., None], wide, tall, VEHICLE)


def _lamps(style: Style, rgb: F32, rear: bool) -> F32:
    """Adds lamps and the ambient light; lit lamps outshine it."""
    h, w = rgb.shape[:2]
    lamp = np.array([200, 30, 25] if rear else [225, 225, 210], np.float32)
    lamps = [_box(w * x, h * 0.56, w * (x + 0.16), h * 0.67) for x in (0.04, 0.8)]
    for area in lamps:
        polygon(rgb, area, lamp)
    rgb = style.tone(rgb)
    if style.lit:
        for area in lamps:
            polygon(rgb, area, np.array([250, 50, 40] if rear else [255, 250, 225], np.float32))
    return rgb


def _side(
    rng: np.random.Generator, style: Style, paint: F32, length: float, tall: float, van: bool
) -> Card:
    ppm = 32.0
    h, w = int(tall * ppm), int(length * ppm)
    rgb = np.zeros((h, w, 3), np.float32)
    rgb[:] = paint * np.linspace(1.0, 0.62, h, dtype=np.float32)[:, None, None]
    alpha = np.zeros((h, w), np.float32)
    shape = "van" if van else "heldout" if style.heldout else "known"
    outline, panes = _PROFILES[shape]
    polygon(alpha, [(x * w, y * h) for x, y in outline], 1.0)
    glass = np.array([62, 74, 86], np.float32)
    for left, right, foot in panes:
        polygon(
            rgb,
            [
                (left * w, h * 0.08),
                (right * w, h * 0.08),
                (foot * w, h * 0.42),
                (left * w - 0.03 * w, h * 0.42),
            ],
            glass,
        )
    polygon(rgb, _box(0, h * 0.62, w, h * 0.65), paint * 0.6)
    _wheels(rgb, alpha, ppm)
    rgb = style.tone(rgb + grain(rng, h, w, 8, 5.0))
    if style.lit:
        polygon(rgb, _box(w * 0.96, h * 0.58, w, h * 0.66), np.array([255, 245, 215], np.float32))
        polygon(rgb, _box(0, h * 0.55, w * 0.03, h * 0.66), np.array([245, 45, 40], np.float32))
    return make_card(rgb, alpha[..., None], length, tall, VEHICLE)


def _wheels(rgb: F32, alpha: F32, ppm: float) -> None:
    h, w = alpha.shape
    for x in (0.2, 0.8):
        centre = (int(x * w), int(h - 0.3 * ppm))
        cv2.circle(alpha, centre, int(0.31 * ppm), 1.0, -1)
        cv2.circle(rgb, centre, int(0.31 * ppm), (24, 24, 26), -1)
        cv2.circle(rgb, centre, int(0.15 * ppm), (130, 130, 134), -1)
