"""House walls: materials, windows, balconies, shop fronts, roofs."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.classes import BUILDING
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.card import Card, lazily, merged
from depth_snn.data.scene.ink import box, disc, grey, polygon
from depth_snn.data.scene.style import Style, grain

_PPM = 14.0
_LIT = np.array([250, 212, 140], np.float32)


def make_facade(
    rng: np.random.Generator, style: Style, length_m: float, height_m: float, gable: bool = False
) -> Card:
    """A house wall; a gable has few windows and the outline of the roof."""
    kind = style.kind(rng, "wall")
    base = style.colour(rng, "wall", (0.05, 0.42), (0.4, 0.92))
    if rng.uniform() < 0.25:
        base = grey(float(rng.uniform(90, 225)))

    def paint(rng: np.random.Generator) -> U8:
        h, w = int(height_m * _PPM), int(length_m * _PPM)
        rgb = base + grain(rng, h, w, 2, 5.0) + grain(rng, h, w, 30, 9.0)
        rgb = np.asarray(rgb, np.float32)
        _material(rng, style, rgb, kind)
        rgb = style.tone(rgb)
        if not gable or rng.uniform() < 0.4:
            _windows(rng, style, rgb, kind)
            if not gable and rng.uniform() < 0.4:
                _shop(rng, style, rgb)
        alpha = np.ones((h, w), np.float32)
        _roof(rng, style, rgb, alpha, gable)
        return merged(rgb, alpha)

    return Card(lazily(rng, paint), length_m, height_m, BUILDING)


def _material(rng: np.random.Generator, style: Style, rgb: F32, kind: str) -> None:
    """Draws joints, boards, bands or blocks over the bare wall, in place."""
    h, w = rgb.shape[:2]
    dark = float(rng.uniform(0.72, 0.9))
    if kind == "brick":
        rgb[::3] *= dark
        rgb *= 1.0 + grain(rng, h, w, 3, 0.07)
    elif kind == "panels":
        rgb[:: int(3.0 * _PPM)] *= dark
        rgb[:, :: int(rng.uniform(2, 4) * _PPM)] *= dark
    elif kind == "boards":
        step = int(rng.integers(3, 7))
        lines = rgb[:, ::step] if rng.uniform() < 0.5 else rgb[::step]
        lines *= dark
    elif kind == "bands":
        other = style.tone(style.colour(rng, "wall", (0.1, 0.4), (0.7, 0.95)))
        storey = int(3.1 * _PPM)
        for low in range(h, 0, -storey):
            rgb[max(0, low - int(0.5 * _PPM)) : low] = other
    elif kind == "curtain":
        rgb *= 0.55
    elif kind == "blocks":
        step = int(_PPM * rng.uniform(0.9, 1.4))
        rgb[::step] *= dark
        rgb[:, ::step] *= dark
    elif kind == "tiles":
        step = int(_PPM * 0.6)
        checks = (np.arange(h)[:, None] // step + np.arange(w)[None] // step) % 2
        rgb *= np.where(checks == 0, np.float32(dark), np.float32(1.06))[..., None]
    elif kind == "frame":
        beam = style.colour(rng, "wall", (0.3, 0.5), (0.2, 0.3))
        pitch = int(2.2 * _PPM)
        for left in range(0, w, pitch):
            for low in range(h, 0, -pitch):
                ends = ((left, low), (left + pitch, low - pitch))
                cv2.line(rgb, *ends, beam.tolist(), 3)
        rgb[::pitch] = beam
        rgb[:, ::pitch] = beam


def _windows(rng: np.random.Generator, style: Style, rgb: F32, wall: str) -> None:
    """Tiles one drawn window over the wall; panes differ in brightness, some are lit."""
    h, w = rgb.shape[:2]
    kind = "curtain" if wall == "curtain" else style.kind(rng, "window")
    storey = int(_PPM * float(rng.uniform(2.8, 3.5)))
    pitch = int(_PPM * float(rng.uniform(1.7, 3.4)))
    tile, cover, glass = _tile(rng, style, kind, storey, pitch)
    rows, columns = max(1, (h - 4) // storey), max(1, (w - 4) // pitch)
    hue = np.array([72, 88, 104], np.float32) * rng.uniform(0.85, 1.15, 3)
    panes = style.tone(hue * rng.uniform(0.5, 1.5, (rows, columns, 1))).astype(np.float32)
    if style.lit:
        share = float(rng.uniform(0.1, 0.5))
        shining = rng.uniform(size=(rows, columns, 1)) < share
        panes = np.where(shining, _LIT * rng.uniform(0.5, 1.0, (rows, columns, 1)), panes)
    size = (columns * pitch, rows * storey)
    big = np.repeat(np.repeat(panes.astype(np.float32), storey, 0), pitch, 1)
    glazed = np.tile(glass, (rows, columns))[..., None]
    face = np.tile(tile, (rows, columns, 1)) * (1 - glazed) + big * glazed
    hole = np.tile(cover, (rows, columns))[..., None]
    left = (w - size[0]) // 2
    area = rgb[h - size[1] : h, left : left + size[0]]
    area[...] = area * (1 - hole) + face * hole


def _tile(
    rng: np.random.Generator, style: Style, kind: str, storey: int, pitch: int
) -> tuple[F32, F32, F32]:
    """One window with its surroundings: colour, what it covers, and where it is glass."""
    rgb = np.zeros((storey, pitch, 3), np.float32)
    cover, glass = np.zeros((storey, pitch), np.float32), np.zeros((storey, pitch), np.float32)
    frame = style.tone(grey(float(rng.uniform(60, 240))))
    rgb[:] = frame
    wide, tall = float(rng.uniform(0.36, 0.6)), float(rng.uniform(0.44, 0.64))
    if kind == "ribbon":
        wide, tall = float(rng.uniform(0.8, 1.0)), float(rng.uniform(0.28, 0.4))
    elif kind == "curtain":
        wide, tall = 0.97, 0.97
    elif kind == "porthole":
        wide = tall = 0.5
    low = storey * (1.0 if kind == "curtain" else 0.8)
    x0, x1 = pitch * (0.5 - wide / 2), pitch * (0.5 + wide / 2)
    top = low - storey * tall
    if kind == "porthole":
        disc(cover, pitch / 2, storey / 2, min(pitch, storey) * 0.3, 1.0)
        disc(glass, pitch / 2, storey / 2, min(pitch, storey) * 0.24, 1.0)
        return rgb, cover, glass
    polygon(cover, box(x0 - 1, top - 1, x1, low), 1.0)
    polygon(glass, box(x0, top, x1 - 1, low - 1), 1.0)
    if kind == "arched":
        for image in (cover, glass):
            disc(image, pitch / 2, top, (x1 - x0) / 2, 1.0)
    if kind in ("barred", "arched", "curtain"):
        glass[:, pitch // 2] = 0.0
        glass[int((top + low) / 2)] = 0.0
    if kind == "shutters":
        leaf = style.tone(style.colour(rng, "wall", (0.3, 0.6), (0.25, 0.6)))
        reach = max(1.0, pitch * 0.16)
        for start in (x0 - 1 - reach, x1):
            polygon(rgb, box(start, top, start + reach, low), leaf)
            polygon(cover, box(start, top, start + reach, low), 1.0)
    if kind == "balcony":
        rail = style.tone(grey(float(rng.uniform(40, 160))))
        slab = box(x0 - pitch * 0.15, low - storey * 0.2, x1 + pitch * 0.15, low + 1)
        polygon(rgb, slab, rail)
        polygon(cover, slab, 1.0)
        polygon(glass, slab, 0.0)
    return rgb, cover, glass


def _shop(rng: np.random.Generator, style: Style, rgb: F32) -> None:
    """Turns the ground floor into shop fronts with a signboard and perhaps an awning."""
    h, w = rgb.shape[:2]
    top, base = h - int(3.0 * _PPM), h - int(0.4 * _PPM)
    rgb[top:] = style.tone(grey(float(rng.uniform(50, 190))))
    step = int(rng.uniform(2.5, 4.5) * _PPM)
    for left in range(4, max(5, w - step // 2), step):
        pane = style.tone(np.array([88, 100, 108], np.float32) * float(rng.uniform(0.5, 1.3)))
        if style.lit and rng.uniform() < 0.7:
            pane = _LIT * float(rng.uniform(0.7, 1.05))
        polygon(rgb, box(left, top + 10, left + step - 7, base), pane)
        if rng.uniform() < 0.4:
            door = style.tone(style.colour(rng, "wall", (0.3, 0.6), (0.2, 0.5)))
            polygon(rgb, box(left, top + 12, left + 14, h), door)
    board = style.tone(style.colour(rng, "sign", (0.3, 0.8), (0.4, 0.9)))
    rgb[top : top + 9] = board
    if rng.uniform() < 0.4:
        stripe = np.arange(w) // 5 % 2 == 0
        cloth = style.tone(style.colour(rng, "sign", (0.4, 0.8), (0.5, 0.9)))
        rgb[top + 6 : top + 18] = np.where(stripe[:, None], cloth, style.tone(grey(225.0)))


def _roof(rng: np.random.Generator, style: Style, rgb: F32, alpha: F32, gable: bool) -> None:
    """A cornice, or the roof as seen from the front; on gables its outline."""
    h, w = alpha.shape
    tiles = style.tone(style.colour(rng, "wall", (0.25, 0.6), (0.25, 0.5)))
    if not gable:
        high = int(rng.uniform(0.25, 1.8) * _PPM)
        rgb[:high] = tiles * (0.9 + 0.1 * np.sin(np.arange(high) * 1.3))[:, None, None]
        rgb[high : high + 3] *= float(rng.uniform(0.55, 1.15))
        return
    kind = style.kind(rng, "gable")
    peak = min(h * 0.35, w * 0.3)
    if kind == "pitched":
        polygon(alpha, [(0, 0), (w / 2, 0), (0, peak)], 0.0)
        polygon(alpha, [(w, 0), (w / 2, 0), (w, peak)], 0.0)
        for x in (0, w):
            cv2.line(rgb, (x, int(peak)), (w // 2, 0), tiles.tolist(), 5)
    elif kind == "stepped":
        for k in range(4):
            alpha[int(peak * k / 4) : int(peak * (k + 1) / 4), : int(w * (0.4 - 0.1 * k))] = 0.0
            alpha[int(peak * k / 4) : int(peak * (k + 1) / 4), int(w * (0.6 + 0.1 * k)) :] = 0.0
    else:
        rgb[:5] = tiles
