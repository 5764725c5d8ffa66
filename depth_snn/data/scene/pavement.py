"""What is on the ground: asphalt, paving, grass, markings, repairs, cracks, lids."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.classes import ROAD, SIDEWALK, VEGETATION
from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.style import Style, to_bytes

HALF_M = 18.0
"""The map reaches this far to both sides."""
_PATCH = 192  # side of the texture that is repeated, pixels


class Plan:
    """Turns metres into rows and columns of the map."""

    def __init__(self, layout: Layout, ppm: float) -> None:
        self.layout, self.ppm = layout, ppm
        # What lies beyond is too far to be told apart: the last row is repeated.
        self.rows = int((layout.end_m - 40.0 - layout.start_m) * ppm)
        self.columns = int(2 * HALF_M * ppm)

    def across(self, x0: float, x1: float) -> slice:
        """Columns between two x, at least one."""
        first = max(0, round((x0 + HALF_M) * self.ppm))
        return slice(first, max(first + 1, round((x1 + HALF_M) * self.ppm)))

    def along(self, z0: float, z1: float) -> slice:
        """Rows between two z, at least one."""
        first = max(0, round((z0 - self.layout.start_m) * self.ppm))
        return slice(first, max(first + 1, round((z1 - self.layout.start_m) * self.ppm)))

    def point(self, x: float, z: float) -> tuple[int, int]:
        """Column and row of a place."""
        return round((x + HALF_M) * self.ppm), round((z - self.layout.start_m) * self.ppm)


def label_map(plan: Plan) -> U8:
    """Classes of the ground, uint8 (rows, columns)."""
    layout = plan.layout
    label = np.full((plan.rows, plan.columns), VEGETATION, np.uint8)
    label[:, plan.across(-layout.wall_m, layout.wall_m)] = SIDEWALK
    if layout.verge_m:
        label[:, plan.across(-layout.wall_m, -layout.wall_m + layout.verge_m)] = VEGETATION
        label[:, plan.across(layout.wall_m - layout.verge_m, layout.wall_m)] = VEGETATION
    label[:, plan.across(-layout.kerb_m, layout.kerb_m)] = ROAD
    for centre in layout.crossings:
        label[plan.along(centre - layout.cross_half_m, centre + layout.cross_half_m)] = ROAD
    return label


def paint_ground(rng: np.random.Generator, style: Style, plan: Plan, label: U8) -> U8:
    """Colours of the ground, uint8 (rows, columns, 3), without light."""
    table = np.zeros((256, 3), np.uint8)
    tar = np.full(3, float(rng.uniform(55, 125))) + rng.uniform(-6, 6, 3)
    slab = np.full(3, float(rng.uniform(110, 195))) + rng.uniform(-18, 10, 3)
    if rng.uniform() < 0.2:
        slab = slab * np.array([1.0, 0.86, 0.76])
    grass = style.colour(rng, "leaf", (0.3, 0.55), (0.3, 0.52))
    table[[ROAD, SIDEWALK, VEGETATION]] = to_bytes(np.stack([tar, slab, grass]).astype(np.float32))
    rgb = np.asarray(table[label], np.uint8)
    _wear(rng, plan, rgb, tar)
    _paving(rng, style, plan, rgb)
    _marks(rng, style, plan, rgb)
    return _textured(rng, plan, rgb)


def _textured(rng: np.random.Generator, plan: Plan, rgb: U8) -> U8:
    """Adds a repeated texture of grain and stains."""
    field = rng.standard_normal((_PATCH, _PATCH), dtype=np.float32) * np.float32(6.0)
    for cell, strength in ((3, 5.0), (24, 6.0)):
        coarse = rng.standard_normal((_PATCH // cell, _PATCH // cell), dtype=np.float32)
        smooth = cv2.resize(coarse, (_PATCH, _PATCH), interpolation=cv2.INTER_LINEAR)
        field += smooth * np.float32(strength)
    repeats = (plan.rows // _PATCH + 1, plan.columns // _PATCH + 1)
    tiled = np.tile(field.astype(np.int16), repeats)[: plan.rows, : plan.columns]
    return np.asarray(cv2.add(rgb, cv2.merge([tiled, tiled, tiled]), dtype=cv2.CV_8U), np.uint8)


def _wear(
    rng: np.random.Generator,
    plan: Plan,
    rgb: U8,
    tar: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    """Wheel tracks, repaired patches, cracks and lids on the road."""
    layout = plan.layout
    length = layout.end_m - layout.start_m
    if rng.uniform() < 0.6:
        shade = to_bytes((tar * float(rng.uniform(0.82, 1.12))).astype(np.float32))
        for x in (-2.6, -1.0, 1.0, 2.6):
            rgb[:, plan.across(x - 0.25, x + 0.25)] = shade
    for _ in range(int(rng.integers(0, 5) * length / 60)):
        x, z = float(rng.uniform(-layout.kerb_m, layout.kerb_m - 2)), float(rng.uniform(0, length))
        wide, long = float(rng.uniform(0.6, 2.0)), float(rng.uniform(0.8, 6.0))
        area = (plan.along(layout.start_m + z, layout.start_m + z + long), plan.across(x, x + wide))
        rgb[area] = to_bytes((tar * float(rng.uniform(0.7, 1.2))).astype(np.float32))
    for _ in range(int(rng.integers(0, 7) * length / 60)):
        x, z = rng.uniform(-layout.kerb_m, layout.kerb_m), rng.uniform(0, length) + layout.start_m
        steps = np.cumsum(rng.normal(0, 0.5, (6, 2)), axis=0) + np.array([x, z])
        line = np.array([plan.point(float(a), float(b)) for a, b in steps], np.int32)
        cv2.polylines(rgb, [line], False, (tar * 0.7).tolist(), 1)
    for _ in range(int(rng.integers(0, 4) * length / 60)):
        x, z = rng.uniform(-layout.lane_m, layout.lane_m), rng.uniform(0, length) + layout.start_m
        at = plan.point(float(x), float(z))
        cv2.circle(rgb, at, max(1, round(0.35 * plan.ppm)), (tar * 0.62).tolist(), -1)


def _paving(rng: np.random.Generator, style: Style, plan: Plan, rgb: U8) -> None:
    """Joints of the sidewalk, and the kerb stones."""
    layout = plan.layout
    kind = style.kind(rng, "paving")
    size = {"slabs": 0.9, "plain": 4.0, "cobbles": 0.35, "herringbone": 1.6}[kind]
    step = max(2, round(size * plan.ppm))
    dark = float(rng.uniform(0.78, 0.93))
    joints = np.arange(0, plan.rows, step)
    if kind == "herringbone":
        joints = np.nonzero(np.arange(plan.rows) % step < step // 2)[0]
    crossing = _crossing_rows(plan)
    joints = joints[~crossing[joints]]
    stone = int(rng.integers(140, 210))
    for side in (-1.0, 1.0):
        inner, outer = side * layout.kerb_m, side * (layout.wall_m - layout.verge_m)
        walk = rgb[:, plan.across(min(inner, outer), max(inner, outer))]
        walk[joints] = walk[joints] * dark
        if kind in ("slabs", "cobbles"):
            for column in range(0, walk.shape[1], step):
                line = walk[:, column]
                line[~crossing] = line[~crossing] * dark
        rgb[:, plan.across(inner - 0.12, inner + 0.12)][~crossing] = stone


def _crossing_rows(plan: Plan) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    rows = np.zeros(plan.rows, bool)
    half = plan.layout.cross_half_m
    for centre in plan.layout.crossings:
        rows[plan.along(centre - half, centre + half)] = True
    return rows


def _marks(rng: np.random.Generator, style: Style, plan: Plan, rgb: U8) -> None:
    """Lane dashes, edge and parking lines, stop lines and zebra stripes."""
    layout = plan.layout
    worn = float(rng.uniform(0.72, 1.03))
    base = np.array([214, 208, 120] if style.heldout else [216, 216, 212], np.float32)
    white = to_bytes(base * worn)
    crossing = _crossing_rows(plan)
    z = np.arange(plan.rows) / plan.ppm
    period, solid = float(rng.uniform(4.0, 9.0)), bool(rng.uniform() < 0.2)
    on = ~crossing & (solid | (np.mod(z, period) < period * 0.5))
    half = float(rng.uniform(0.06, 0.12))
    if rng.uniform() < 0.9:
        rgb[:, plan.across(-half, half)][on] = white
    if layout.parking_lines:
        for x in (-layout.lane_m, layout.lane_m):
            rgb[:, plan.across(x - 0.07, x + 0.07)][~crossing] = white
    width = 0.55 if not style.heldout else 0.8
    for centre in layout.crossings:
        zebra = rng.uniform() < 0.8
        for edge in (-1.0, 1.0):
            middle = centre + edge * (layout.cross_half_m + 1.6)
            rows = plan.along(middle - 1.3, middle + 1.3)
            if zebra:
                for x in np.arange(-layout.kerb_m + 0.2, layout.kerb_m - width, 2 * width):
                    rgb[rows, plan.across(float(x), float(x) + width)] = white
            stop = middle + edge * 2.2
            lane = (0.2, layout.lane_m) if edge < 0 else (-layout.lane_m, -0.2)
            rgb[plan.along(stop - 0.2, stop + 0.2), plan.across(*lane)] = white
