"""Posts: lamps, traffic lights, signs and boards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_snn.data.classes import POLE
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.card import Card, lazily, merged
from depth_snn.data.scene.ink import Corners, box, disc, grey, polygon, star
from depth_snn.data.scene.style import Style, grain

_PPM = 32.0
_WIDE_M = 1.7
_LAMP = np.array([255, 235, 180], np.float32)
LAMPS: tuple[str, ...] = ("lamp", "globe", "twin_lamp")
"""Kinds that light the street at night."""


@dataclass(frozen=True)
class Post:
    """A post: its card and its kind."""

    card: Card
    kind: str


@dataclass(frozen=True)
class _Sheet:
    """What a post is drawn on; `shine` is filled after the ambient light is applied."""

    rgb: F32
    alpha: F32
    shine: list[tuple[Corners, F32]]

    def plate(self, corners: Corners, colour: F32) -> None:
        polygon(self.alpha, corners, 1.0)
        polygon(self.rgb, corners, colour)

    def dot(self, x: float, y: float, radius: float, colour: F32) -> None:
        disc(self.alpha, x, y, radius, 1.0)
        disc(self.rgb, x, y, radius, colour)


def make_pole(rng: np.random.Generator, style: Style) -> Post:
    """A post of a kind the assets have."""
    kind = style.kind(rng, "pole")
    low, high = (4.2, 6.4) if kind in (*LAMPS, "bare_post", "flag") else (2.4, 3.5)
    tall = float(rng.uniform(low, high))

    def paint(rng: np.random.Generator) -> U8:
        h, w = int(tall * _PPM), int(_WIDE_M * _PPM)
        metal = np.full((h, w, 3), float(rng.uniform(40, 170)), np.float32)
        if rng.uniform() < 0.25:
            metal[:] = np.array([44, 66, 52], np.float32) * float(rng.uniform(0.7, 1.5))
        sheet = _Sheet(
            np.asarray(metal + grain(rng, h, w, 4, 6.0)), np.zeros((h, w), np.float32), []
        )
        thick = float(rng.uniform(0.05, 0.1)) * _PPM
        polygon(sheet.alpha, box(w / 2 - thick, 2, w / 2 + thick, h), 1.0)
        _DRAW.get(kind, _sign)(rng, style, sheet, kind)
        rgb = style.tone(sheet.rgb)
        for corners, colour in sheet.shine:
            polygon(rgb, corners, colour)
        return merged(rgb, sheet.alpha)

    return Post(Card(lazily(rng, paint), _WIDE_M, tall, POLE), kind)


def _lamp(rng: np.random.Generator, style: Style, sheet: _Sheet, kind: str) -> None:
    w = sheet.alpha.shape[1]
    middle = w / 2
    colour = _LAMP if style.lit else style.tone(grey(200.0))
    if kind == "globe":
        sheet.dot(middle, 10, 9, grey(215.0))
        sheet.shine.append((star(middle, 10, 8, 12, 0.0), colour))
        return
    arms = (-1.0, 1.0) if kind == "twin_lamp" else (float(rng.choice([-1.0, 1.0])),)
    for arm in arms:
        tip = middle + arm * (middle - 3)
        sheet.plate([(middle, 3), (tip, 2), (tip, 5), (middle, 7)], grey(90.0))
        head = box(min(tip, tip - arm * 14), 4, max(tip, tip - arm * 14), 9)
        sheet.plate(head, grey(80.0))
        sheet.shine.append(([(x, y + 3) for x, y in head], colour))


def _lights(rng: np.random.Generator, style: Style, sheet: _Sheet, kind: str) -> None:
    """Three lamps, one of them on; across (held out) or one above the other."""
    middle = sheet.alpha.shape[1] / 2
    across = kind == "lights_across"
    case = box(middle - 20, 2, middle + 20, 17) if across else box(middle - 7, 2, middle + 7, 40)
    sheet.plate(case, grey(float(rng.uniform(18, 50))))
    colours = ((240, 60, 50), (250, 190, 60), (70, 230, 120))
    on = int(rng.integers(3))
    for k, colour in enumerate(colours):
        x, y = (middle + 12 * (k - 1), 9.5) if across else (middle, 9.0 + 12 * k)
        face = np.array(colour, np.float32)
        if k == on:
            sheet.shine.append((star(x, y, 5.0, 10, 0.0), face))
        else:
            disc(sheet.rgb, x, y, 4.5, face * 0.22)


def _sign(rng: np.random.Generator, style: Style, sheet: _Sheet, kind: str) -> None:
    if kind == "bare_post":
        return
    middle = sheet.alpha.shape[1] / 2
    radius = float(rng.uniform(0.3, 0.46)) * _PPM
    y = radius + 2
    face = style.colour(rng, "sign", (0.75, 0.95), (0.6, 0.9))
    inner = grey(235.0) if rng.uniform() < 0.7 else grey(30.0)
    if kind == "round":
        sheet.dot(middle, y, radius, face)
        if rng.uniform() < 0.6:
            disc(sheet.rgb, middle, y, radius * 0.65, inner)
        if rng.uniform() < 0.5:
            bar = box(middle - radius * 0.55, y - 2, middle + radius * 0.55, y + 2)
            polygon(sheet.rgb, bar, inner if rng.uniform() < 0.5 else face)
    elif kind == "board":
        wide, tall = float(rng.uniform(0.35, 0.8)) * _PPM, float(rng.uniform(0.3, 0.9)) * _PPM
        sheet.plate(box(middle - wide, 2, middle + wide, 2 + tall), inner)
        polygon(sheet.rgb, box(middle - wide + 2, 4, middle + wide - 2, tall), face)
        polygon(
            sheet.rgb, box(middle - wide * 0.5, tall / 2, middle + wide * 0.5, tall / 2 + 3), inner
        )
    elif kind == "flag":
        sheet.plate([(middle, 4), (middle + 25, 10), (middle, 60)], face)
    else:
        corners, turn = {
            "triangle": (3, -np.pi / 2),
            "octagon": (8, np.pi / 8),
            "diamond": (4, 0.0),
            "pentagon": (5, -np.pi / 2),
        }[kind]
        sheet.plate(star(middle, y, radius * 1.1, corners, turn), face)
        polygon(sheet.rgb, star(middle, y + 0.5, radius * 0.65, corners, turn), inner)
        if kind == "octagon":
            polygon(sheet.rgb, star(middle, y, radius * 0.9, corners, turn), face)
            polygon(
                sheet.rgb, box(middle - radius * 0.6, y - 2, middle + radius * 0.6, y + 2), inner
            )


_Draw = Callable[[np.random.Generator, Style, _Sheet, str], None]
_DRAW: dict[str, _Draw] = {
    "lamp": _lamp,
    "globe": _lamp,
    "twin_lamp": _lamp,
    "lights": _lights,
    "lights_across": _lights,
}
