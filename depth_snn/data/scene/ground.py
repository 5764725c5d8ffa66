"""The ground: one map of the street seen from above, projected row by row."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.classes import ROAD, SIDEWALK, VEGETATION
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.canvas import Canvas
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.style import Style, grain, to_bytes

HALF_M = 26.0
"""The map reaches this far to both sides."""
REACH_M = 140.0
"""Ground farther than this is left to the backdrop."""


@dataclass(frozen=True)
class Ground:
    """The street from above.

    Attributes:
        levels: uint8 (rows >> k, columns, 3) maps, each halved along the street.
        label: uint8 (rows, columns).
        start_m: World z of the first row.
        ppm: Pixels per metre.
    """

    levels: tuple[U8, ...]
    label: U8
    start_m: float
    ppm: float

    def draw(self, canvas: Canvas, pose: Pose, style: Style) -> None:
        """Paints everything under the horizon, in place."""
        height, width = canvas.label.shape
        rows = np.arange(max(0, int(np.ceil(pose.cy))), height)
        drop = rows + 0.5 - pose.cy
        depth = (pose.focal * pose.y / np.maximum(drop, 1e-3)).astype(np.float32)
        rows, depth = rows[depth < REACH_M], depth[depth < REACH_M]
        first = int(rows[0])
        side = (np.arange(width, dtype=np.float32) + 0.5 - pose.cx) / pose.focal
        map_x = (depth[:, None] * side[None] + (pose.x + HALF_M)) * self.ppm - 0.5
        along = (depth + (pose.z - self.start_m)) * self.ppm
        footprint = depth**2 / (pose.focal * pose.y) * self.ppm
        level = np.clip(np.log2(np.maximum(footprint, 1.0)), 0, len(self.levels) - 1).astype(int)
        rgb = canvas.rgb[first:]
        for k in np.unique(level):
            mine = np.nonzero(level == k)[0]
            span = slice(int(mine[0]), int(mine[-1]) + 1)
            map_y = np.repeat((along[span] / 2.0**k - 0.5)[:, None], width, axis=1)
            cv2.remap(
                self.levels[k],
                np.ascontiguousarray(map_x[span]),
                map_y.astype(np.float32),
                cv2.INTER_LINEAR,
                dst=rgb[span],
                borderMode=cv2.BORDER_REPLICATE,
            )
        self._finish(canvas, rows, depth, map_x, along, style)

    def _finish(
        self,
        canvas: Canvas,
        rows: np.ndarray[tuple[int], np.dtype[np.int64]],
        depth: F32,
        map_x: F32,
        along: F32,
        style: Style,
    ) -> None:
        first = int(rows[0])
        column = np.clip(np.floor(map_x + 0.5), 0, self.label.shape[1] - 1).astype(np.intp)
        row = np.clip(np.floor(along), 0, self.label.shape[0] - 1).astype(np.intp)
        canvas.label[first:] = self.label[row[:, None], column]
        canvas.depth[first:] = depth[:, None]
        clear = np.exp(-depth / np.float32(style.haze_m))[:, None, None]
        bright = style.gain(depth)[:, None, None] * clear
        shaded = canvas.rgb[first:] * bright + style.haze_rgb * (1 - clear)
        canvas.rgb[first:] = np.minimum(shaded, 255.0)


def make_ground(rng: np.random.Generator, style: Style, layout: Layout, focal: float) -> Ground:
    """Paints the map of a street."""
    ppm = float(np.clip(10.0 * focal / 205.0, 2.5, 20.0))
    length = layout.end_m - layout.start_m
    h, w = int(length * ppm), int(2 * HALF_M * ppm)
    x = ((np.arange(w) + 0.5) / ppm - HALF_M)[None]
    z = ((np.arange(h) + 0.5) / ppm + layout.start_m)[:, None]
    crossing = np.zeros((h, 1), bool)
    for centre in layout.crossings:
        crossing |= np.abs(z - centre) < layout.cross_half_m
    on_road = (np.abs(x) < layout.kerb_m) | crossing
    on_grass = (np.abs(x) > layout.wall_m) & ~crossing
    label = np.where(on_road, ROAD, np.where(on_grass, VEGETATION, SIDEWALK)).astype(np.uint8)
    asphalt = np.full(3, float(rng.uniform(70, 105)), np.float32) + rng.uniform(-4, 4, 3)
    slab = np.full(3, float(rng.uniform(135, 180)), np.float32) + rng.uniform(-12, 8, 3)
    grass = style.colour(rng, "leaf", (0.3, 0.5), (0.35, 0.5))
    table = np.zeros((8, 3), np.float32)
    table[[ROAD, SIDEWALK, VEGETATION]] = np.stack([asphalt, slab, grass])
    rgb = table[label]
    rgb += grain(rng, h, w, 2, 5.0) + grain(rng, h, w, max(3, int(4 * ppm)), 6.0)
    _paint_marks(rng, style, rgb, layout, x, z, crossing)
    toned = to_bytes(style.tone(rgb))
    levels = [toned]
    for _ in range(5):
        last = levels[-1]
        half = cv2.resize(last, (w, last.shape[0] // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return Ground(tuple(levels), label, layout.start_m, ppm)


def _paint_marks(
    rng: np.random.Generator,
    style: Style,
    rgb: F32,
    layout: Layout,
    x: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    z: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    crossing: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
) -> None:
    """Lane dashes, parking lines, kerbs, slab joints and zebra stripes."""
    white = np.array([214, 208, 120] if style.heldout else [216, 216, 212], np.float32)
    period = float(rng.uniform(5.0, 8.0))
    dashes = (np.abs(x) < 0.11) & (np.mod(z, period) < period * 0.5) & ~crossing
    lines = (np.abs(np.abs(x) - layout.lane_m) < 0.07) & ~crossing
    joints = (np.abs(x) > layout.kerb_m) & (np.abs(x) < layout.wall_m) & ~crossing
    joint_m = 1.6 if style.heldout else 0.9
    joints = joints & ((np.mod(z, joint_m) < 0.1) | (np.mod(x, joint_m) < 0.08))
    rgb[joints] *= 0.86
    kerb = (np.abs(np.abs(x) - layout.kerb_m) < 0.12) & ~crossing
    rgb[kerb] = 190.0
    rgb[dashes] = white
    if layout.parking_lines:
        rgb[lines] = white
    for centre in layout.crossings:
        for edge in (-1.0, 1.0):
            middle = centre + edge * (layout.cross_half_m + 1.6)
            zebra = (np.abs(z - middle) < 1.3) & (np.abs(x) < layout.kerb_m)
            rgb[zebra & (np.mod(x, 1.1) < 0.55)] = white
