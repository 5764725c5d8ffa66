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
        depth: float32, broadcastable to the region, metres.
        warp: float32 (2, 3), maps region pixels to card pixels (upright cards only).
    """

    x0: int
    y0: int
    mask: Bool
    depth: F32
    warp: F32 | None


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
    distance = np.full((1, 1), depth, np.float32)
    mask = _lay_card(canvas, (x0, y0), np.asarray(sprite, np.uint8), depth, card, style)
    full = warp * np.array(
        [[card.pixels.shape[1] / source.shape[1]], [card.pixels.shape[0] / source.shape[0]]],
        dtype=np.float32,
    )
    return Patch(x0, y0, mask, distance, full)


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
    start = (near + pose.z - z_m) / card.width_m * source.shape[1]
    end, tall = float(source.shape[1]), float(source.shape[0])
    texture = np.array([[start, 0], [end, 0], [end, tall], [start, tall]], np.float32) - 0.5
    corner = np.array([[x0 + 0.5, y0 + 0.5]], np.float32)
    screen = np.array([[u_near, v_near], [u_far, v_far], [u_far, w_far], [u_near, w_near]])
    matrix = cv2.getPerspectiveTransform((screen - corner).astype(np.float32), texture)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sprite = cv2.warpPerspective(source, matrix, (x1 - x0, y1 - y0), flags=flags)
    columns = np.arange(x0, x1, dtype=np.float32)[None] + 0.5 - pose.cx
    ray = columns / (pose.focal * aside)
    distance = np.clip(1.0 / np.maximum(ray, 1e-6), near, far).astype(np.float32)
    mask = _lay_wall(canvas, (x0, y0), np.asarray(sprite, np.uint8), distance, card, style, bright)
    return Patch(x0, y0, mask, distance, None)


def _clip(
    canvas: Canvas, left: float, upper: float, right: float, lower: float
) -> tuple[int, int, int, int] | None:
    height, width = canvas.label.shape
    x0, y0 = max(0, math.floor(left)), max(0, math.floor(upper))
    x1, y1 = min(width, math.ceil(right)), min(height, math.ceil(lower))
    if x1 <= x0 or y1 <= y0:
        return None
    return x0, y0, x1, y1


def _lay_card(
    canvas: Canvas, at: tuple[int, int], sprite: U8, depth: float, card: Card, style: Style
) -> Bool:
    """Lays a premultiplied sprite over the canvas where it is nearer; returns its pixels."""
    height, width = sprite.shape[:2]
    area = (slice(at[1], at[1] + height), slice(at[0], at[0] + width))
    behind = canvas.depth[area]
    nearer = behind > depth
    if not nearer.all():
        if not nearer.any():
            return nearer
        sprite = sprite * nearer[..., None]
    if depth > VIEW_M - _FADE_M:
        sprite = cv2.convertScaleAbs(sprite, alpha=max(0.0, (VIEW_M - depth) / _FADE_M))
    colour = cv2.transform(sprite, style.matrix(depth))
    alpha = cv2.extractChannel(sprite, 3)
    free = cv2.bitwise_not(alpha)
    rgb = canvas.rgb[area]
    shown = cv2.multiply(rgb, cv2.merge([free, free, free]), scale=1.0 / 255.0)
    cv2.add(shown, colour, dst=rgb)
    mask: Bool = alpha > 127
    canvas.label[area][mask] = card.label
    behind[mask] = depth
    return mask


def _lay_wall(
    canvas: Canvas,
    at: tuple[int, int],
    sprite: U8,
    depth: F32,
    card: Card,
    style: Style,
    light: float,
) -> Bool:
    """As `_lay_card` for a sprite whose columns differ in depth, float32 (1, w)."""
    height, width = sprite.shape[:2]
    area = (slice(at[1], at[1] + height), slice(at[0], at[0] + width))
    behind = canvas.depth[area]
    nearer = depth < behind
    if not nearer.any():
        return np.asarray(nearer, dtype=bool)
    if not nearer.all():
        sprite = sprite * nearer[..., None]
    if float(depth.max()) > VIEW_M - _FADE_M:
        share = np.clip((VIEW_M - depth) / _FADE_M, 0, 1)[..., None]
        sprite = (sprite * share).astype(np.uint8)
    alpha = cv2.extractChannel(sprite, 3)
    mask: Bool = alpha > 127
    clear = np.exp(-depth[0] / np.float32(style.haze_m))
    colour = shaded(
        cv2.cvtColor(sprite, cv2.COLOR_BGRA2BGR), style.gain(depth[0]) * clear * light, clear, style
    )
    rgb = canvas.rgb[area]
    free = cv2.bitwise_not(alpha)
    shown = cv2.multiply(rgb, cv2.merge([free, free, free]), scale=1.0 / 255.0)
    cv2.add(shown, cv2.bitwise_and(colour, colour, mask=alpha), dst=rgb)
    canvas.label[area][mask] = card.label
    np.copyto(behind, depth, where=mask)
    return mask


def shaded(rgb: U8, bright: F32, clear: F32, style: Style) -> U8:
    """Applies light and haze that change along one axis of a picture.

    Args:
        rgb: uint8 (h, w, 3).
        bright: Factor on the colours, float32 (w,) by column or (h, 1) by row.
        clear: Share of a thing's own colour that haze leaves, of the same shape.
        style: The haze.

    Returns:
        uint8 (h, w, 3).
    """
    height, width = rgb.shape[:2]
    # Bytes and hundredths are as fine as the eye and several times faster than floats.
    factor = np.minimum(bright * np.float32(100) + np.float32(0.5), 255).astype(np.uint8)[..., None]
    haze = ((1 - clear)[..., None] * style.haze_rgb + np.float32(0.5)).astype(np.uint8)
    factors = np.ascontiguousarray(np.broadcast_to(factor, (height, width, 3)))
    hazes = np.ascontiguousarray(np.broadcast_to(haze, (height, width, 3)))
    lit = cv2.multiply(rgb, factors, scale=0.01)
    return np.asarray(cv2.add(lit, hazes), np.uint8)
