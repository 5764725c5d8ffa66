"""Cards of vehicles: both ends and the side, with lamps on or off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_snn.data.classes import VEHICLE
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.body import BODIES, Body
from depth_snn.data.scene.card import Card, lazily, merged
from depth_snn.data.scene.ink import Corners, box, disc, grey, polygon
from depth_snn.data.scene.style import Style, grain

_FACE_PPM = 40.0
_SIDE_PPM = 32.0


@dataclass(frozen=True)
class CarCards:
    """The faces of one vehicle, all at the same scale.

    Attributes:
        back: Seen from behind.
        front: Seen from the front.
        side: Its length runs left to right, nose to the right.
        mirrored: The same, nose to the left.
        lit: Both ends with their lamps on: back, front.
        unlit: Both ends with their lamps off: back, front.
    """

    back: Card
    front: Card
    side: Card
    mirrored: Card
    lit: tuple[Card, Card]
    unlit: tuple[Card, Card]


@dataclass(frozen=True)
class _Paint:
    body: Body
    coat: F32
    trim: F32
    lamps: str
    wide: float
    tall: float
    length: float


def make_car(rng: np.random.Generator, style: Style, noun: str = "car") -> CarCards:
    """Draws one vehicle.

    Args:
        rng: Source of its shape and paint.
        style: Palettes and light.
        noun: "car", "van" (tall enough to hide a walking person) or "large" (bus, lorry).
    """
    body = BODIES[style.kind(rng, noun)]
    if rng.uniform() < 0.4:
        coat = grey(float(rng.uniform(25, 235)))
    else:
        coat = style.colour(rng, "car", (0.35, 0.9), (0.25, 0.9))
    trim = coat if rng.uniform() < 0.7 else style.colour(rng, "car", (0.2, 0.7), (0.4, 0.95))
    look = _Paint(
        body,
        coat,
        trim,
        style.kind(rng, "lamps"),
        float(rng.uniform(*body.wide)),
        float(rng.uniform(*body.tall)),
        float(rng.uniform(*body.length)),
    )
    side = Card(lazily(rng, lambda r: _side(r, style, look)), look.length, look.tall, VEHICLE)
    seed = int(rng.integers(1 << 62))

    def end(rear: bool, shining: bool) -> Card:
        return Card(_end(style, look, rear, shining, seed), look.wide, look.tall, VEHICLE)

    shining, off = (end(True, True), end(False, True)), (end(True, False), end(False, False))
    back, front = shining if style.lit else off
    return CarCards(back, front, side, side.mirrored(), shining, off)


def _end(style: Style, look: _Paint, rear: bool, shining: bool, seed: int) -> Callable[[], U8]:
    def paint() -> U8:
        rng = np.random.default_rng(seed)
        h, w = int(look.tall * _FACE_PPM), int(look.wide * _FACE_PPM)
        rgb = np.zeros((h, w, 3), np.float32)
        rgb[:] = look.coat * np.linspace(1.12, 0.68, h, dtype=np.float32)[:, None, None]
        alpha = np.zeros((h, w), np.float32)
        body, inset = look.body, look.body.inset
        waist, foot = body.waist, body.outline[-1][1]
        polygon(
            alpha,
            [
                (w * inset, 0),
                (w * (1 - inset), 0),
                (w * 0.99, h * waist),
                (w, h * (foot + 0.02)),
                (0, h * (foot + 0.02)),
                (w * 0.01, h * waist),
            ],
            1.0,
        )
        for x in (0.05, 0.8):
            polygon(alpha, box(w * x, h * 0.85, w * (x + 0.15), h), 1.0)
            polygon(rgb, box(w * x, h * (foot + 0.01), w * (x + 0.15), h), grey(25.0))
        _glazing(rng, look, rgb, rear)
        skirt = float(rng.choice([25.0, 48.0, 70.0]))
        polygon(rgb, box(0, h * 0.79, w, h * (foot + 0.02)), grey(skirt))
        plate = grey(215.0) if rng.uniform() < 0.7 else np.array([225, 190, 60], np.float32)
        polygon(rgb, box(w * 0.37, h * 0.67, w * 0.63, h * 0.75), plate)
        if not rear:
            polygon(rgb, box(w * 0.26, h * 0.57, w * 0.74, h * 0.65), grey(40.0))
        return merged(_lamps(style, look, rgb, rear, shining), alpha)

    return paint


def _glazing(rng: np.random.Generator, look: _Paint, rgb: F32, rear: bool) -> None:
    h, w = rgb.shape[:2]
    if (rear and look.body is BODIES["lorry"]) or (rear and look.body is BODIES["boxvan"]):
        polygon(rgb, box(w * 0.49, 0, w * 0.51, h * 0.8), look.coat * 0.6)
        return
    tint = np.array([48, 56, 64] if rear else [70, 84, 96], np.float32)
    glass = tint * float(rng.uniform(0.6, 1.4))
    inset, low = look.body.inset, h * (look.body.waist - 0.05)
    corners = [
        (w * (inset + 0.06), h * 0.08),
        (w * (0.94 - inset), h * 0.08),
        (w * 0.9, low),
        (w * 0.1, low),
    ]
    polygon(rgb, corners, glass)
    # The sky in the pane: a lighter stripe.
    shine = [(w * 0.3, h * 0.08), (w * 0.45, h * 0.08), (w * 0.3, low), (w * 0.15, low)]
    polygon(rgb, shine, glass * 1.25)


def _lamp_areas(kind: str, rear: bool, waist: float) -> list[Corners]:
    """Lamps as shares of width and height."""
    if kind == "strip":
        return [box(0.06, 0.54, 0.94, 0.6)]
    if kind == "upright" and rear:
        return [box(x, waist, x + 0.08, waist + 0.25) for x in (0.02, 0.9)]
    if kind == "discs":
        angles = np.arange(10) * np.pi / 5
        return [
            [(x + 0.075 * float(np.cos(a)), 0.6 + 0.065 * float(np.sin(a))) for a in angles]
            for x in (0.12, 0.88)
        ]
    return [box(x, 0.55, x + 0.17, 0.66) for x in (0.04, 0.79)]


def _lamps(style: Style, look: _Paint, rgb: F32, rear: bool, shining: bool) -> F32:
    """Adds lamps and the ambient light; lit lamps outshine it."""
    h, w = rgb.shape[:2]
    off = np.array([170, 28, 25] if rear else [205, 208, 200], np.float32)
    on = np.array([255, 60, 46] if rear else [255, 252, 232], np.float32)
    areas = [
        [(x * w, y * h) for x, y in area] for area in _lamp_areas(look.lamps, rear, look.body.waist)
    ]
    for area in areas:
        polygon(rgb, area, off)
    rgb = style.tone(rgb)
    if shining:
        for area in areas:
            polygon(rgb, area, on)
    return rgb


def _side(rng: np.random.Generator, style: Style, look: _Paint) -> U8:
    h, w = int(look.tall * _SIDE_PPM), int(look.length * _SIDE_PPM)
    rgb = np.zeros((h, w, 3), np.float32)
    rgb[:] = look.coat * np.linspace(1.0, 0.62, h, dtype=np.float32)[:, None, None]
    alpha = np.zeros((h, w), np.float32)
    polygon(alpha, [(x * w, y * h) for x, y in look.body.outline], 1.0)
    if look.trim is not look.coat:
        polygon(rgb, box(0, h * 0.5, w, h * 0.7), look.trim)
    glass = np.array([62, 74, 86], np.float32) * float(rng.uniform(0.6, 1.3))
    for left, right, corner, foot in look.body.panes:
        pane = [
            (left * w, h * 0.08),
            (right * w, h * 0.08),
            (corner * w, h * foot),
            ((left - 0.02) * w, h * foot),
        ]
        polygon(rgb, pane, glass)
        polygon(rgb, box(corner * w, h * foot, corner * w + 1, h * 0.85), look.coat * 0.6)
    polygon(rgb, box(0, h * 0.62, w, h * 0.65), look.coat * 0.6)
    radius = float(rng.uniform(0.3, 0.34)) * (1.35 if look.length > 6 else 1.0) * _SIDE_PPM
    hub = grey(float(rng.uniform(70, 190)))
    for x in look.body.wheels:
        disc(alpha, x * w, h - radius, radius, 1.0)
        disc(rgb, x * w, h - radius, radius, grey(24.0))
        disc(rgb, x * w, h - radius, radius * 0.5, hub)
    rgb = style.tone(np.asarray(rgb + grain(rng, h, w, 8, 5.0), np.float32))
    if style.lit:
        polygon(rgb, box(w * 0.96, h * 0.58, w, h * 0.66), np.array([255, 245, 215], np.float32))
        polygon(rgb, box(0, h * 0.55, w * 0.03, h * 0.66), np.array([245, 45, 40], np.float32))
    return merged(rgb, alpha)
