"""Trees, bushes and hedges."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.classes import VEGETATION
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.card import Card, lazily, merged
from depth_snn.data.scene.ink import Corners, box, polygon
from depth_snn.data.scene.style import Style, grain

_PPM = 16.0
_SIZES: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "round": ((4.0, 8.0), (0.5, 0.8)),
    "tall": ((6.0, 11.0), (0.25, 0.4)),
    "spread": ((4.0, 6.5), (0.9, 1.2)),
    "bare": ((4.5, 8.0), (0.55, 0.8)),
    "bush": ((0.9, 1.9), (0.9, 1.5)),
    "hedge": ((0.9, 1.7), (1.6, 2.6)),
    "conifer": ((4.5, 9.0), (0.45, 0.7)),
    "palm": ((5.0, 8.0), (0.55, 0.75)),
    "cube": ((3.0, 5.0), (0.5, 0.7)),
    "reeds": ((0.9, 1.7), (0.8, 1.4)),
}
"""Range of the height in metres, and of width per height, by kind."""


def make_tree(rng: np.random.Generator, style: Style, noun: str = "tree") -> Card:
    """A plant; `noun` is "tree" or "bush"."""
    kind = style.kind(rng, noun)
    tall = float(rng.uniform(*_SIZES[kind][0]))
    wide = tall * float(rng.uniform(*_SIZES[kind][1]))
    leaf = style.colour(rng, "leaf", (0.3, 0.65), (0.25, 0.55))

    def paint(rng: np.random.Generator) -> U8:
        h, w = max(8, int(tall * _PPM)), max(8, int(wide * _PPM))
        wood, crown = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
        _trunk(rng, wood, kind)
        _crown(rng, crown, wood, kind)
        light = float(rng.uniform(-20, 20))
        shade = np.linspace(28, -32, h, dtype=np.float32)[:, None, None]
        across = np.linspace(-light, light, w, dtype=np.float32)[None, :, None]
        leaves = leaf + shade + across + grain(rng, h, w, 3, 18.0) + grain(rng, h, w, 10, 14.0)
        bark = np.array([82, 66, 52], np.float32) * float(rng.uniform(0.6, 1.3))
        rgb = np.where(crown[..., None] > 0, leaves, bark + grain(rng, h, w, 2, 8.0))
        alpha = np.maximum(wood, crown)
        if kind == "bare":
            alpha = cv2.GaussianBlur(alpha, (3, 3), 0.7)
        return merged(style.tone(np.asarray(rgb, np.float32)), np.asarray(alpha, np.float32))

    return Card(lazily(rng, paint), wide, tall, VEGETATION)


def _trunk(rng: np.random.Generator, wood: F32, kind: str) -> None:
    if kind in ("bush", "hedge", "reeds"):
        return
    h, w = wood.shape
    thick = max(1.5, float(rng.uniform(0.09, 0.2)) * _PPM)
    lean = float(rng.uniform(-0.06, 0.06)) * w
    polygon(
        wood,
        [
            (w / 2 - thick, h),
            (w / 2 - thick * 0.5 + lean, h * 0.3),
            (w / 2 + thick * 0.5 + lean, h * 0.3),
            (w / 2 + thick, h),
        ],
        1.0,
    )


def _crown(rng: np.random.Generator, crown: F32, wood: F32, kind: str) -> None:
    h, w = crown.shape
    if kind in ("round", "tall", "spread", "bush"):
        middle, reach = {
            "round": (0.36, 0.25),
            "tall": (0.42, 0.36),
            "spread": (0.3, 0.2),
            "bush": (0.62, 0.3),
        }[kind]
        _blobs(rng, crown, middle + float(rng.uniform(-0.04, 0.04)), reach)
    elif kind == "hedge":
        edge = h * 0.12 + grain(rng, 1, w, 5, 0.05 * h)[0, :, 0]
        crown[np.arange(h)[:, None] > edge[None]] = 1.0
    elif kind == "bare":
        _branch(rng, wood, (w / 2, h * 0.5), -np.pi / 2, h * 0.2, 6)
    elif kind == "cube":
        polygon(crown, box(w * 0.06, h * 0.05, w * 0.94, h * 0.6), 1.0)
    elif kind == "conifer":
        for k in range(4):
            half, low = w * (0.48 - 0.09 * (3 - k)), h * (0.3 + 0.19 * k)
            top = max(0.0, low - h * 0.34)
            polygon(crown, [(w / 2 - half, low), (w / 2, top), (w / 2 + half, low)], 1.0)
    else:
        _blades(rng, crown, kind)


def _blobs(
    rng: np.random.Generator, crown: F32, middle: float, reach: float, count: int = 30
) -> None:
    h, w = crown.shape
    small = float(rng.uniform(0.08, 0.12))
    for _ in range(count):
        angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        cx = int(w * (0.5 + 0.35 * radius * np.cos(angle)))
        cy = int(h * (middle + reach * radius * np.sin(angle)))
        # Narrow crowns need blobs in proportion to their height, or they fall apart.
        size = max(w, 0.6 * h) * float(rng.uniform(small, small + 0.07))
        cv2.circle(crown, (cx, cy), max(2, int(size)), 1.0, -1)


def _branch(
    rng: np.random.Generator,
    wood: F32,
    start: tuple[float, float],
    angle: float,
    length: float,
    depth: int,
) -> None:
    end = (start[0] + length * float(np.cos(angle)), start[1] + length * float(np.sin(angle)))
    ends = [(round(p[0]), round(p[1])) for p in (start, end)]
    cv2.line(wood, ends[0], ends[1], 1.0, max(1, depth - 2))
    if depth > 1:
        for turn in (-1.0, 1.0):
            spread = turn * float(rng.uniform(0.25, 0.6))
            _branch(
                rng, wood, end, angle + spread, length * float(rng.uniform(0.6, 0.8)), depth - 1
            )


def _blades(rng: np.random.Generator, crown: F32, kind: str) -> None:
    """Long leaves from one point: a palm's head, or reeds from the ground."""
    h, w = crown.shape
    palm = kind == "palm"
    root = (w / 2, h * 0.3 if palm else float(h))
    for _ in range(18 if palm else 40):
        if palm:
            angle = float(rng.uniform(-1.15, 0.15)) * np.pi
            tip = (root[0] + 0.48 * w * np.cos(angle), root[1] + 0.28 * h * np.sin(angle))
            bend = (root[0] + 0.3 * w * np.cos(angle), root[1] - 0.2 * h)
        else:
            root = (float(rng.uniform(0.1, 0.9)) * w, float(h))
            tip = (root[0] + float(rng.uniform(-0.15, 0.15)) * w, h * float(rng.uniform(0.02, 0.4)))
            bend = (root[0], h * 0.5)
        half = max(1.2, 0.035 * w)
        corners: Corners = [
            (root[0] - half, root[1]),
            (float(bend[0]), float(bend[1])),
            (float(tip[0]), float(tip[1])),
            (float(bend[0]), float(bend[1]) + 2 * half),
            (root[0] + half, root[1]),
        ]
        polygon(crown, corners, 1.0)
