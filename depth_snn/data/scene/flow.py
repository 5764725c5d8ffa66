"""Exact backward flow, and where a pixel's point could not be seen one frame earlier."""

from __future__ import annotations

import cv2
import numpy as np

from depth_snn.data.scene.actor import Placed
from depth_snn.data.scene.arrays import F32, Bool
from depth_snn.data.scene.canvas import FAR_M
from depth_snn.data.scene.frame import Pose


def flow_of_depth(depth: F32, now: Pose, before: Pose) -> F32:
    """Backward flow of resting points, float32 (H, W, 2), from depth (H, W) in metres."""
    height, width = depth.shape
    u = (np.arange(width, dtype=np.float32) + 0.5)[None]
    v = (np.arange(height, dtype=np.float32) + 0.5)[:, None]
    old = depth + np.float32(now.z - before.z)
    # A point may lie behind the old camera only when driving backwards; keep the division finite.
    old = np.maximum(old, np.float32(0.1))
    ratio = depth / old
    flow = np.empty((height, width, 2), np.float32)
    flow[..., 0] = before.cx + (u - now.cx) * ratio + now.focal * (now.x - before.x) / old - u
    flow[..., 1] = before.cy + (v - now.cy) * ratio - now.focal * (now.y - before.y) / old - v
    return flow


def write_flow(flow: F32, placed: Placed, now: Pose, before: Pose) -> None:
    """Writes the backward flow of a moving card into its pixels, in place."""
    patch = placed.patch
    height, width = patch.mask.shape
    u = (np.arange(patch.x0, patch.x0 + width, dtype=np.float32) + 0.5)[None]
    v = (np.arange(patch.y0, patch.y0 + height, dtype=np.float32) + 0.5)[:, None]
    dx: F32 | float = placed.moved[0] + now.x - before.x
    dy: F32 | float = placed.moved[1] + now.y - before.y
    if placed.local is not None and patch.warp is not None:
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        local = cv2.warpAffine(
            placed.local(),
            patch.warp,
            (width, height),
            flags=flags,
            borderMode=cv2.BORDER_REPLICATE,
        )
        dx = dx + np.asarray(local[..., 0], np.float32)
        dy = dy + np.asarray(local[..., 1], np.float32)
    old = np.maximum(patch.depth + np.float32(placed.moved[2] + now.z - before.z), 0.1)
    ratio = patch.depth / old
    area = flow[patch.y0 : patch.y0 + height, patch.x0 : patch.x0 + width]
    x = before.cx + (u - now.cx) * ratio + now.focal * dx / old - u
    y = before.cy + (v - now.cy) * ratio - now.focal * dy / old - v
    np.copyto(area[..., 0], np.asarray(x, np.float32), where=patch.mask)
    np.copyto(area[..., 1], np.asarray(y, np.float32), where=patch.mask)


def occluded(depth: F32, old: F32, flow: F32, pace: F32, now: Pose, then: Pose) -> Bool:
    """Pixels whose point left the old picture or stood behind something there."""
    height, width = depth.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)[None]
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    # The nearest old pixel; -1, nearer than anything, stands for outside the picture.
    was = cv2.remap(
        old, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1.0,)
    )
    sky = depth >= FAR_M * 0.5
    # Half a metre and 6 % leave room for steep ground and the corners of cars.
    limit = (depth + pace + np.float32(now.z - then.z)) * np.float32(0.94) - np.float32(0.5)
    limit[sky] = FAR_M * 0.5
    return np.asarray((was < limit) | (was < 0.0), dtype=bool)
