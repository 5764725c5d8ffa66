"""The picture being painted, with label and depth, and the two ways to put a card on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8, Bool
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.style import Style

NEAR_M = 0.9
"""Nothing nearer to the camera than this is drawn."""
_WALL_NEAR_M = 0.3  # a wall beside the camera must reach the edge of the picture
VIEW_M = 80.0
"""Nothing farther than this is drawn."""
_FADE_M = 18.0  # over this stretch before it things fade in, so that nothing appears at once
_THIN_PX = 1.2  # walls seen as narrow as this are left out
_NARROW_PX = 14  # walls no wider than this have one haze
_SMALL = 1 / 32  # cards less tall than this share of the picture are left out
FAR_M = 1.0e5
"""Depth given to the sky."""


@dataclass(frozen=True)
class Canvas:
    """Buffers of one frame.

    Attributes:
        rgb: uint8 (H, W, 3).
        label: uint8 (H, W).
        depth: float32 (H, W), metres along the view axis.
    """

    rgb: U8
    label: U8
    depth: F32

    @staticmethod
    def blank(height: int, width: int) -> Canvas:
        """An empty canvas: black sky, infinitely far."""
        return Canvas(
            np.zeros((height, width, 3), np.uint8),
            np.zeros((height, width), np.uint8),
            np.full((height, width), FAR_M, np.float32),
        )

    def copy(self) -> Canvas:
        """A canvas with its own buffers."""
        return Canvas(self.rgb.copy(), self.label.copy(), self.depth.copy())


@dataclass(frozen=True)
class Patch:
    """Where a card landed.

    Attributes:
        x0: Left column of the region.
        y0: Upper row of the region.
        mask: bool (h, w), pixels of the region that the card now owns.
        depth: Metres; one number, or one for each column, float32 (1, w).
        warp: float32 (2, 3), maps region pixels to pixels of the card as it was fitted (upright
            cards only).
        shrunk: How many pixels of the full card, across and down, make one of the fitted one.
    """

    x0: int
    y0: int
    mask: Bool
    depth: F32 | float
    warp: F32 | None
    shrunk: tuple[float, float]

    def full_warp(self) -> F32 | None:
        """Maps region pixels to pixels of the full card."""
        if self.warp is None:
            return None
        return self.warp * np.array([[self.shrunk[0]], [self.shrunk[1]]], np.float32)


def draw_card(
    canvas: Canvas, card: Card, pose: Pose, style: Style, x_m: float, y_m: float, z_m: float
) -> Patch | None:
    """Draws a card that faces the camera.

    Args:
        canvas: Painted in place, nearer pixels stay.
        card: What to draw.
        pose: The camera.
        style: Light and haze.
        x_m: World position of the card's centre.
        y_m: World height of its lower edge.
        z_m: World position along the street.

    Returns:
        Where it landed, or None when it is out of view.
    """
    depth = z_m - pose.z
    if depth < NEAR_M:
        return None
    scale = pose.focal / depth
    width, height = card.width_m * scale, card.height_m * scale
    if height < _SMALL * canvas.label.shape[0]:
        return None
    left = pose.cx + (x_m - pose.x) * scale - width / 2
    upper = pose.cy + (pose.y - y_m) * scale - height
    box = _clip(canvas, left, upper, left + width, upper + height)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    source = card.fitted(width, height)
    sx, sy = source.shape[1] / width, source.shape[0] / height
    warp = np.array(
        [
            [sx, 0.0, (x0 + 0.5 - left) * sx - 0.5],
            [0.0, sy, (y0 + 0.5 - upper) * sy - 0.5],
        ],
        dtype=np.float32,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sprite = cv2.warpAffine(source, warp, (x1 - x0, y1 - y0), flags=flags)
    mask = _lay(canvas, (x0, y0), np.asarray(sprite, np.uint8), depth, card, style)
    shrunk = (card.pixels.shape[1] / source.shape[1], card.pixels.shape[0] / source.shape[0])
    return Patch(x0, y0, mask, depth, warp, shrunk)


def draw_wall(
    canvas: Canvas,
    card: Card,
    pose: Pose,
    style: Style,
    x_m: float,
    z_m: float,
    bright: float = 1.0,
) -> Patch | None:
    """Draws a card that stands along the street, its left edge at `z_m`, running away.

    Args:
        canvas: Painted in place, nearer pixels stay.
        card: What to draw; its width runs along +z.
        pose: The camera.
        style: Light and haze.
        x_m: World position of the plane.
        z_m: World position of its near edge.
        bright: Factor on its colours: how the sun stands to it.

    Returns:
        Where it landed, or None when it is out of view.
    """
    near = max(z_m - pose.z, _WALL_NEAR_M)
    far = z_m + card.width_m - pose.z
    aside = x_m - pose.x
    if far <= near + 0.01 or abs(aside) < 0.05:
        return None
    u_near, u_far = (pose.cx + pose.focal * aside / d for d in (near, far))
    if abs(u_near - u_far) < _THIN_PX:
        return None
    v_near, v_far = (pose.cy - pose.focal * (card.height_m - pose.y) / d for d in (near, far))
    w_near, w_far = (pose.cy + pose.focal * pose.y / d for d in (near, far))
    box = _clip(
        canvas, min(u_near, u_far), min(v_near, v_far), max(u_near, u_far), max(w_near, w_far)
    )
    if box is None:
        return None
    x0, y0, x1, y1 = box
    # The finest useful texture is set by the part on screen, not by what is clipped away.
    nearest = max(near, pose.focal * abs(aside) / max(x1 - pose.cx, pose.cx - x0, 1.0))
    source = card.fitted(
        2.0 * abs(u_near - u_far),
        pose.focal * card.height_m / nearest,
    )
    # Column u sees depth focal · aside / (u - cx); that makes the map a homography.
    along = source.shape[1] / card.width_m
    up = source.shape[0] / card.height_m
    u0, v0 = x0 + 0.5 - pose.cx, y0 + 0.5 - pose.cy
    gone, above = (z_m - pose.z) * along + 0.5, (card.height_m - pose.y) * up - 0.5
    matrix = np.array(
        [
            [-gone, 0.0, pose.focal * aside * along - gone * u0],
            [above, aside * up, above * u0 + aside * up * v0],
            [1.0, 0.0, u0],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sprite = cv2.warpPerspective(source, matrix, (x1 - x0, y1 - y0), flags=flags)
    columns = np.arange(x0, x1, dtype=np.float32)[None] + 0.5 - pose.cx
    ray = columns / (pose.focal * aside)
    distance = np.clip(1.0 / np.maximum(ray, 1e-6), near, far).astype(np.float32)
    mask = _lay(canvas, (x0, y0), np.asarray(sprite, np.uint8), distance, card, style, bright)
    return Patch(x0, y0, mask, distance, None, (1.0, 1.0))


def _clip(
    canvas: Canvas, left: float, upper: float, right: float, lower: float
) -> tuple[int, int, int, int] | None:
    height, width = canvas.label.shape
    x0, y0 = max(0, math.floor(left)), max(0, math.floor(upper))
    x1, y1 = min(width, math.ceil(right)), min(height, math.ceil(lower))
    if x1 <= x0 or y1 <= y0:
        return None
    return x0, y0, x1, y1


def _lay(
    canvas: Canvas,
    at: tuple[int, int],
    sprite: U8,
    depth: F32 | float,
    card: Card,
    style: Style,
    light: float = 1.0,
) -> Bool:
    """Lays a premultiplied sprite over the canvas where it is nearer.

    Args:
        canvas: Painted in place.
        at: Left column and upper row.
        sprite: uint8 (h, w, 4).
        depth: Metres; one number, or one for each column, float32 (1, w).
        card: Where the sprite comes from.
        style: Light and haze.
        light: Factor on the colours.

    Returns:
        bool (h, w), the pixels it owns now.
    """
    height, width = sprite.shape[:2]
    area = (slice(at[1], at[1] + height), slice(at[0], at[0] + width))
    behind = canvas.depth[area]
    nearer: Bool = behind > depth
    if not nearer.all():
        if not nearer.any():
            return nearer
        sprite = sprite * nearer[..., None]
    farthest = depth if isinstance(depth, float) else float(max(depth[0, 0], depth[0, -1]))
    if farthest > VIEW_M - _FADE_M:
        share = np.clip((np.float32(VIEW_M) - np.atleast_2d(depth)) / _FADE_M, 0, 1)[..., None]
        sprite = np.asarray(sprite * share, np.uint8)
    alpha = cv2.extractChannel(sprite, 3)
    free = cv2.bitwise_not(alpha)
    if isinstance(depth, float) or width <= _NARROW_PX:
        middle = depth if isinstance(depth, float) else float(depth[0, width // 2])
        colour = cv2.transform(sprite, style.matrix(middle, light))
    else:
        clear = np.exp(-depth[0] / np.float32(style.haze_m))
        opaque = cv2.cvtColor(sprite, cv2.COLOR_BGRA2BGR)
        colour = shaded(opaque, style.gain(depth[0]) * clear * light, clear, style, alpha)
    rgb = canvas.rgb[area]
    shown = cv2.multiply(rgb, cv2.merge([free, free, free]), scale=1.0 / 255.0)
    cv2.add(shown, colour, dst=rgb)
    mask: Bool = alpha > 127
    np.copyto(canvas.label[area], np.uint8(card.label), where=mask)
    np.copyto(behind, np.float32(depth), where=mask)
    return mask


def shaded(rgb: U8, bright: F32, clear: F32, style: Style, cover: U8 | None = None) -> U8:
    """Applies light and haze that change along one axis of a picture.

    Args:
        rgb: uint8 (h, w, 3).
        bright: Factor on the colours, float32 (w,) by column or (h, 1) by row.
        clear: Share of a thing's own colour that haze leaves, of the same shape.
        style: The haze.
        cover: uint8 (h, w), alpha of a premultiplied picture; opaque where None.

    Returns:
        uint8 (h, w, 3).
    """
    height, width = rgb.shape[:2]
    # Bytes and hundredths are as fine as the eye and several times faster than floats.
    factor = np.minimum(bright * np.float32(100) + np.float32(0.5), 255).astype(np.uint8)[..., None]
    haze = ((1 - clear)[..., None] * style.haze_rgb + np.float32(0.5)).astype(np.uint8)
    factors = np.ascontiguousarray(np.broadcast_to(factor, (height, width, 3)))
    hazes = np.ascontiguousarray(np.broadcast_to(haze, (height, width, 3)))
    if cover is not None:
        hazes = cv2.multiply(hazes, cv2.merge([cover, cover, cover]), scale=1.0 / 255.0)
    lit = cv2.multiply(rgb, factors, scale=0.01)
    return np.asarray(cv2.add(lit, hazes), np.uint8)
