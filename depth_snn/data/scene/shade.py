"""Shadows on the ground, and the pools of light under lamps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import Bool
from depth_snn.data.scene.canvas import Canvas
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.ground import ground_depth
from depth_snn.data.scene.style import Style

_NEAR_M = 0.7
_FAR_M = 45.0
_NEUTRAL = 128
_RING = [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]


@dataclass(frozen=True)
class Caster:
    """A thing that stands on the ground and keeps light from it.

    Attributes:
        x_m: Its middle.
        z_m: Its near end.
        wide_m: Its width.
        long_m: Its extent along the street.
        tall_m: Its height.
        crown: Whether only its upper part counts (trees).
        contact: Whether it darkens the ground right under it, in any light.
    """

    x_m: float
    z_m: float
    wide_m: float
    long_m: float
    tall_m: float
    crown: bool = False
    contact: bool = False


Pool = tuple[float, float, float]
"""A round spot of light: x, z, radius in metres."""


def shade_ground(
    canvas: Canvas,
    pose: Pose,
    style: Style,
    casters: Sequence[Caster],
    pools: Sequence[Pool] = (),
    covered: bool = False,
) -> None:
    """Darkens or lights the ground, in place; labels stay.

    Args:
        canvas: The picture; only pixels that show the ground change.
        pose: The camera.
        style: Where the sun stands and how strong it is.
        casters: What throws shadows.
        pools: Spots of light.
        covered: Whether something other than ground has been painted already.
    """
    height, width = canvas.label.shape
    depth = ground_depth(pose, height)
    first = int(np.argmax(depth < _FAR_M * 1.5))
    shapes = _pools(pools) + _shadows(style, [c for c in casters if _near(c, pose)])
    if not shapes:
        return
    field = np.full((height - first, width), _NEUTRAL, np.uint8)
    x = np.array([s[0] for s in shapes])
    z = np.array([s[1] for s in shapes])
    away = np.clip(z - pose.z, _NEAR_M, None)
    u = pose.cx + (x - pose.x) * pose.focal / away
    v = pose.cy + pose.y * pose.focal / away - first
    points = np.clip(np.stack([u, v], axis=2) * 8, -30000, 30000).astype(np.int32)
    for corners, (_, _, value) in zip(points, shapes, strict=True):
        cv2.fillConvexPoly(field, cv2.convexHull(corners), value, lineType=cv2.LINE_4, shift=3)
    soft = cv2.blur(field, (5, 3))
    if covered:
        shown: Bool = canvas.depth[first:] == depth[first:, None]
        soft = np.where(shown, soft, np.uint8(_NEUTRAL))
    rgb = canvas.rgb[first:]
    cv2.multiply(rgb, cv2.merge([soft, soft, soft]), dst=rgb, scale=1.0 / _NEUTRAL)


def _near(caster: Caster, pose: Pose) -> bool:
    return caster.z_m - pose.z < _FAR_M and caster.z_m + caster.long_m - pose.z > -8.0


_Shape = tuple[list[float], list[float], int]
"""x and z of eight corners, and the brightness; 128 leaves the ground as it is."""


def _pools(pools: Sequence[Pool]) -> list[_Shape]:
    """Two rings each, the inner one brighter."""
    return [
        (*_ring(x, z, radius * share), value)
        for x, z, radius in pools
        for share, value in ((1.0, 168), (0.6, 225))
    ]


def _ring(x: float, z: float, radius: float) -> tuple[list[float], list[float]]:
    return [x + radius * c for c, _ in _RING], [z + radius * s for _, s in _RING]


def _shadows(style: Style, casters: Sequence[Caster]) -> list[_Shape]:
    out: list[_Shape] = []
    dark = int(_NEUTRAL * (1.0 - style.shadow))
    for c in casters:
        half, far = c.wide_m / 2, c.z_m + c.long_m
        x = [c.x_m - half, c.x_m + half, c.x_m + half, c.x_m - half]
        z = [c.z_m, c.z_m, far, far]
        if style.shadow > 0.04:
            sx, sz = style.sun[0] * c.tall_m, style.sun[1] * c.tall_m
            if c.crown:
                out.append((*_ring(c.x_m + 0.65 * sx, c.z_m + 0.65 * sz, half), dark))
            else:
                out.append((x + [v + sx for v in x], z + [v + sz for v in z], dark))
        if c.contact:
            out.append((x + x, z + z, min(dark, 70)))
    return out
