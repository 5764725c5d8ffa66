"""The picture being painted, with label and depth, and the two ways to put a card on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8, Bool
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.style import Style

NEAR_M = 0.9
"""Nothing nearer to the camera than this is drawn."""
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
    mask = _blend(canvas, x0, y0, np.asarray(sprite, np.uint8), distance, card.label, style)
    full = warp * np.array(
        [[card.pixels.shape[1] / source.shape[1]], [card.pixels.shape[0] / source.shape[0]]],
        dtype=np.float32,
    )
    return Patch(x0, y0, mask, distance, full)


def draw_wall(
    canvas: Canvas, card: Card, pose: Pose, style: Style, x_m: float, z_m: float
) -> Patch | None:
    """Draws a card that stands along the street, its left edge at `z_m`, running away.

    Args:
        canvas: Painted in place, nearer pixels stay.
        card: What to draw; its width runs along +z.
        pose: The camera.
        style: Light and haze.
        x_m: World position of the plane.
        z_m: World position of its near edge.

    Returns:
        Where it landed, or None when it is out of view.
    """
    near = max(z_m - pose.z, NEAR_M)
    far = z_m + card.width_m - pose.z
    aside = x_m - pose.x
    if far <= near + 0.01 or abs(aside) < 0.05:
        return None
    u_near, u_far = (pose.cx + pose.focal * aside / d for d in (near, far))
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
    mask = _blend(canvas, x0, y0, np.asarray(sprite, np.uint8), distance, card.label, style)
    return Patch(x0, y0, mask, distance, None)


def _clip(
    canvas: Canvas, left: float, upper: float, right: float, lower: float
) -> tuple[int, int, int, int] | None:
    height, width = canvas.label.shape
    x0, y0 = max(0, int(np.floor(left))), max(0, int(np.floor(upper)))
    x1, y1 = min(width, int(np.ceil(right))), min(height, int(np.ceil(lower)))
    if x1 <= x0 or y1 <= y0:
        return None
    return x0, y0, x1, y1


def _blend(
    canvas: Canvas, x0: int, y0: int, sprite: U8, depth: F32, label: int, style: Style
) -> Bool:
    """Lays a premultiplied sprite over the canvas where it is nearer; returns its pixels."""
    height, width = sprite.shape[:2]
    area = (slice(y0, y0 + height), slice(x0, x0 + width))
    behind = canvas.depth[area]
    nearer = depth < behind
    if not nearer.any():
        return np.asarray(nearer, dtype=bool)
    alpha = sprite[..., 3]
    rgb = canvas.rgb[area]
    cover = np.where(nearer, alpha, 0).astype(np.float32)[..., None] * np.float32(1 / 255)
    clear = np.exp(-depth / np.float32(style.haze_m))[..., None]
    bright = style.gain(depth)[..., None] * clear if style.headlights else clear
    haze = style.haze_rgb * (1.0 - clear)
    colour = sprite[..., :3] * bright
    if style.headlights:
        np.minimum(colour, 255.0, out=colour)
    colour *= nearer[..., None]
    colour += cover * haze
    colour += rgb * (1.0 - cover)
    np.minimum(colour, 255.0, out=colour)
    rgb[...] = colour
    mask = nearer & (alpha > 127)
    canvas.label[area][mask] = label
    np.copyto(behind, depth, where=mask)
    return mask
