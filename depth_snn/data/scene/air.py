"""What lies between street and sensor: wet ground, glow, rain, glare, the lens, its noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.data.classes import IGNORE, SKY
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.canvas import Canvas
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.ground import ground_depth
from depth_snn.data.scene.style import Style

_MARGIN = 96  # a large field read at a random place: as good as a fresh one, and far cheaper
_HIDDEN = 0.05  # share of a thing's own colour below which haze hides it
_DARK = 11  # grey levels, averaged over 5×5 pixels, below which sensor noise hides a thing

Glow = tuple[float, float, float, float, tuple[int, int, int]]
"""Light that blooms: x, y, z and radius in metres, and its colour."""


@dataclass(frozen=True)
class Air:
    """Everything that is applied to a painted picture.

    Attributes:
        style: The light and the weather.
        size: (height, width).
        curve: uint8 (1, 256, 3), exposure, contrast and white balance.
        streaks: uint8 (H + 96, W + 96, 3), rain; or None.
        bloom: uint8 (2H, 2W, 3), the sun's glare around the middle; or None.
        sun_px: The sun's place from the vanishing point, pixels right and up.
        grain: int16 (H + 96, W + 96, 3), sensor noise; or None.
        soft: Whether the lens is a little out of focus.
        seed: Where the noise of each frame comes from.
    """

    style: Style
    size: tuple[int, int]
    curve: U8
    streaks: U8 | None
    bloom: U8 | None
    sun_px: tuple[float, float]
    grain: npt.NDArray[np.int16] | None
    soft: bool
    seed: int

    def develop(
        self, canvas: Canvas, pose: Pose, index: int, glows: Sequence[Glow], flash: bool
    ) -> tuple[U8, U8]:
        """Turns a painted canvas into what the sensor records: picture and label."""
        rng = np.random.default_rng([self.seed, index])
        rgb = canvas.rgb
        if self.style.wet > 0:
            rgb = self._mirror(canvas, pose)
        if glows:
            rgb = _lit(rgb, canvas.depth, pose, glows)
        if self.streaks is not None:
            rgb = np.asarray(cv2.add(rgb, self._crop(self.streaks, rng)), np.uint8)
        if self.bloom is not None:
            rgb = self._dazzled(rgb, canvas.label, pose, self.bloom)
        if self.soft:
            rgb = np.asarray(cv2.GaussianBlur(rgb, (3, 3), 0.6), np.uint8)
        rgb = np.asarray(cv2.LUT(rgb, self.curve), np.uint8)
        label = self._seen(canvas, rgb)
        if flash:
            rgb = np.asarray(cv2.convertScaleAbs(rgb, alpha=1.3, beta=24.0), np.uint8)
        if self.grain is not None:
            field = self._crop(self.grain, rng)
            rgb = np.asarray(cv2.add(rgb, field, dtype=cv2.CV_8U), np.uint8)
        return rgb, label

    def _crop(self, field: npt.NDArray[np.generic], rng: np.random.Generator) -> U8:
        top, left = (int(v) for v in rng.integers(0, _MARGIN, 2))
        return field[top : top + self.size[0], left : left + self.size[1]]  # type: ignore[return-value]

    def _mirror(self, canvas: Canvas, pose: Pose) -> U8:
        """Lets ground pixels reflect what stands on the ground above them."""
        height, width = self.size
        depth = ground_depth(pose, height)
        first = int(np.argmax(np.isfinite(depth)))
        shown = canvas.depth[first:] == depth[first:, None]
        rows = np.arange(first, height, dtype=np.int16)[:, None]
        foot = np.maximum.accumulate(np.where(shown, np.int16(first), rows), axis=0)
        source = np.maximum(2 * foot + 1 - rows, 0)
        columns = np.arange(width, dtype=np.float32)[None]
        image = cv2.remap(
            canvas.rgb,
            np.repeat(columns, height - first, axis=0),
            source.astype(np.float32),
            cv2.INTER_NEAREST,
        )
        image = cv2.blur(image, (1, 5))
        # Grazing light is reflected more: the far ground mirrors better.
        share = self.style.wet * np.linspace(1.0, 0.35, height - first, dtype=np.float32)[:, None]
        weight = np.where(shown, share, np.float32(0.0))[..., None]
        rgb = canvas.rgb.copy()
        below = rgb[first:]
        below[...] = below * (1 - weight) + image * weight
        return rgb

    def _dazzled(self, rgb: U8, label: U8, pose: Pose, bloom: U8) -> U8:
        height, width = self.size
        u, v = pose.cx + self.sun_px[0], pose.cy - self.sun_px[1]
        row, column = int(np.clip(v, 2, height - 3)), int(np.clip(u, 2, width - 3))
        open_sky = float(np.mean(label[row - 2 : row + 3, column - 2 : column + 3] == SKY))
        top = int(np.clip(height - round(v), 0, height))
        left = int(np.clip(width - round(u), 0, width))
        field = bloom[top : top + height, left : left + width]
        share = self.style.glare * (0.3 + 0.7 * open_sky)
        return np.asarray(cv2.addWeighted(rgb, 1.0, field, share, 0.0), np.uint8)

    def _seen(self, canvas: Canvas, rgb: U8) -> U8:
        """Labels without what haze or darkness hides."""
        label = canvas.label
        if self.style.domain == "fog":
            limit = np.float32(-np.log(_HIDDEN) * self.style.haze_m)
            label = np.where((canvas.depth > limit) & (label != SKY), np.uint8(IGNORE), label)
        if self.style.dark:
            level = cv2.blur(rgb.max(axis=2), (5, 5))
            label = np.where((level < _DARK) & (label != SKY), np.uint8(IGNORE), label)
        return label


def _lit(rgb: U8, depth: F32, pose: Pose, glows: Sequence[Glow]) -> U8:
    """Adds a soft halo around every lamp that is not hidden."""
    height, width = depth.shape
    half = np.zeros((height // 2, width // 2, 3), np.uint8)
    for x, y, z, radius, colour in glows:
        away = z - pose.z
        if not 1.0 < away < 70.0:
            continue
        u = pose.cx + (x - pose.x) * pose.focal / away
        v = pose.cy + (pose.y - y) * pose.focal / away
        if not (0 <= u < width and 0 <= v < height) or depth[int(v), int(u)] < away - 1.0:
            continue
        size = max(1, round(radius * pose.focal / away * 8 / 2))
        cv2.circle(half, (round(u * 4), round(v * 4)), size, colour, -1, shift=3)
    wide = cv2.GaussianBlur(half, (9, 9), 2.5)
    return np.asarray(cv2.add(rgb, cv2.resize(wide, (width, height))), np.uint8)


def make_air(
    rng: np.random.Generator, style: Style, size: tuple[int, int], noise: float, seed: int
) -> Air:
    """Draws weather, lens and sensor of one sequence."""
    height, width = size
    grey = np.arange(256, dtype=np.float32)[:, None] / 255
    warm = float(rng.uniform(-0.05, 0.05))
    balance = np.array([1 + warm, 1 + float(rng.uniform(-0.012, 0.012)), 1 - warm], np.float32)
    gamma, contrast = float(rng.uniform(0.88, 1.15)), float(rng.uniform(0.88, 1.1))
    curve = (np.clip(grey * balance, 0, 1) ** gamma - 0.4) * contrast + 0.4
    grain = None
    if noise > 0:
        field = rng.standard_normal((height + _MARGIN, width + _MARGIN, 3), dtype=np.float32)
        grain = np.asarray(np.round(field * np.float32(noise)), np.int16)
    sun = (float(rng.uniform(-0.22, 0.22)) * width, float(rng.uniform(0.05, 0.22)) * height)
    return Air(
        style=style,
        size=size,
        curve=np.clip(curve * 255 + 0.5, 0, 255).astype(np.uint8)[None],
        streaks=_streaks(rng, style, size) if style.rain > 0 else None,
        bloom=_bloom(style, size) if style.glare > 0 else None,
        sun_px=sun,
        grain=grain,
        soft=bool(rng.uniform() < 0.2),
        seed=seed,
    )


def _streaks(rng: np.random.Generator, style: Style, size: tuple[int, int]) -> U8:
    height, width = size[0] + _MARGIN, size[1] + _MARGIN
    field = np.zeros((height, width), np.uint8)
    slant = float(rng.uniform(-0.25, 0.25))
    for _ in range(int(style.rain * height * width / 160)):
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        long = float(rng.uniform(0.04, 0.16)) * size[0]
        ends = [
            (round(x * 8), round(y * 8)),
            (round((x + slant * long) * 8), round((y + long) * 8)),
        ]
        cv2.line(field, ends[0], ends[1], int(rng.integers(8, 42)), 1, cv2.LINE_AA, 3)
    return np.asarray(cv2.merge([field, field, field]), np.uint8)


def _bloom(style: Style, size: tuple[int, int]) -> U8:
    height, width = size
    y, x = np.mgrid[-height:height, -width:width].astype(np.float32) / height
    distance = np.sqrt(x**2 + y**2)
    disc = 255.0 * np.exp(-((distance / 0.045) ** 2)) + 150.0 * np.exp(-distance / 0.12)
    veil = 62.0 * np.exp(-distance / 0.6) + 40.0 * np.exp(-np.abs(x) / 0.1) * (y > 0)
    level = (disc + veil)[..., None] * np.array([1.0, 0.87, 0.62], np.float32)
    return np.asarray(np.clip(level, 0, 255), np.uint8)
