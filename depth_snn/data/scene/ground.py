"""The ground: one map of the street seen from above, projected row by row."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.canvas import Canvas, shaded
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.pavement import HALF_M, Plan, label_map, paint_ground
from depth_snn.data.scene.style import Style, to_bytes

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
        depth = ground_depth(pose, height)
        rows = np.nonzero(depth < REACH_M)[0]
        first = int(rows[0])
        depth = depth[first:]
        side = (np.arange(width, dtype=np.float32) + 0.5 - np.float32(pose.cx)) / pose.focal
        map_x = (depth[:, None] * side[None] + (pose.x + HALF_M)) * self.ppm - 0.5
        map_x = np.asarray(map_x, np.float32)
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
        map_y = np.repeat(np.asarray(along - 0.5, np.float32)[:, None], width, axis=1)
        cv2.remap(
            self.label,
            map_x,
            map_y,
            cv2.INTER_NEAREST,
            dst=canvas.label[first:],
            borderMode=cv2.BORDER_REPLICATE,
        )
        canvas.depth[first:] = depth[:, None]
        clear = np.exp(-depth / np.float32(style.haze_m))[:, None]
        rgb[...] = shaded(rgb, style.gain(depth)[:, None] * clear, clear, style)


def ground_depth(pose: Pose, height: int) -> F32:
    """Depth of the ground in every picture row, float32 (H,), metres; infinite above it."""
    drop = np.arange(height, dtype=np.float32) + np.float32(0.5 - pose.cy)
    with np.errstate(divide="ignore"):
        depth = np.float32(pose.focal * pose.y) / drop
    return np.where(drop > 1e-3, depth, np.float32(np.inf)).astype(np.float32)


def make_ground(rng: np.random.Generator, style: Style, layout: Layout, focal: float) -> Ground:
    """Paints the map of a street."""
    plan = Plan(layout, float(np.clip(9.0 * focal / 205.0, 2.5, 18.0)))
    label = label_map(plan)
    bare = paint_ground(rng, style, plan, label)
    light = style.tone(np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1))
    last = np.asarray(cv2.LUT(bare, to_bytes(light)[None]), np.uint8)
    levels = [last]
    for _ in range(5):
        size = (plan.columns, last.shape[0] // 2)
        last = np.asarray(cv2.resize(last, size, interpolation=cv2.INTER_AREA), np.uint8)
        levels.append(last)
    return Ground(tuple(levels), label, layout.start_m, plan.ppm)
