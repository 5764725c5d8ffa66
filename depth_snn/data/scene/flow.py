"""Exact backward flow, and where a pixel's point could not be seen one frame earlier."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.data.scene.actor import Actor, Placed
from depth_snn.data.scene.arrays import F32, Bool
from depth_snn.data.scene.canvas import FAR_M, Canvas
from depth_snn.data.scene.frame import Pose


@dataclass(frozen=True)
class Painted:
    """A painted frame before the sensor.

    Attributes:
        canvas: The picture with label and depth.
        flow: float32 (H, W, 2), backward flow in pixels.
        pace: float32 (H, W), how far each pixel's point was from here along z, metres.
        owner: int16 (H, W), which moving thing each pixel shows, 0 for what rests.
        actors: The moving things near enough to be seen.
    """

    canvas: Canvas
    flow: F32
    pace: F32
    owner: npt.NDArray[np.int16]
    actors: list[Actor]


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
    warp = patch.full_warp()
    if placed.local is not None and warp is not None:
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        local = cv2.warpAffine(
            placed.local(),
            warp,
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


def occluded(new: Painted, old: Painted, now: Pose, then: Pose) -> Bool:
    """Pixels whose point left the old picture or stood behind something there, bool (H, W)."""
    depth = new.canvas.depth
    height, width = depth.shape
    x = new.flow[..., 0] + np.arange(width, dtype=np.float32)[None]
    y = new.flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    # The nearest old pixel; -1, nearer than anything, stands for outside the picture.
    was = cv2.remap(
        old.canvas.depth,
        x,
        y,
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(-1.0,),
    )
    whose = cv2.remap(old.owner, x, y, cv2.INTER_NEAREST)
    sky = depth >= FAR_M * 0.5
    expected = depth + new.pace + np.float32(now.z - then.z)
    # Half a metre and 6 % leave room for steep ground and the corners of cars.
    limit = expected * np.float32(0.94) - np.float32(0.5)
    limit[sky] = expected[sky] = FAR_M * 0.5
    # Behind the feet of a mover the ground is hardly farther: there the owner decides.
    other = (whose > 0) & (whose != new.owner) & (was < expected)
    return np.asarray((was < limit) | (was < 0.0) | other, dtype=bool)
