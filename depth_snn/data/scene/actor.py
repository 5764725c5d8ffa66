"""Things that can move: where they are in every frame, how they are drawn, how they flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.data.scene.arrays import F32
from depth_snn.data.scene.canvas import Canvas, Patch, draw_card, draw_wall
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.sprites import CarCards
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.walker import Walker

F64 = npt.NDArray[np.float64]

_DETAIL_M = 35.0  # farther cars are drawn without the slice at their far end


@dataclass(frozen=True)
class Placed:
    """A patch on the canvas and where its points were one frame earlier.

    Attributes:
        patch: The pixels.
        moved: (dx, dy, dz) in metres from now to the frame before, of the whole card.
        local: Gives float32 (h, w, 2) per card pixel, extra (right, up) metres; or None.
    """

    patch: Patch
    moved: tuple[float, float, float]
    local: Callable[[], F32] | None


class Actor(Protocol):
    """Something with a place in every frame."""

    def place(self, index: int) -> tuple[float, float] | None:
        """World (x, z) in a frame, or None when absent."""
        ...

    def draw(self, canvas: Canvas, index: int, pose: Pose, style: Style) -> list[Placed]:
        """Paints the actor as of a frame."""
        ...


@dataclass(frozen=True)
class Car:
    """A vehicle along the street.

    Attributes:
        cards: Its faces.
        x: Centre per frame, metres, shape (frames,).
        z: Near end per frame, metres, shape (frames,).
        oncoming: True when its nose is at the near end.
    """

    cards: CarCards
    x: F64
    z: F64
    oncoming: bool

    def place(self, index: int) -> tuple[float, float] | None:
        """World (x, z) of the near end."""
        return float(self.x[index]), float(self.z[index])

    def draw(self, canvas: Canvas, index: int, pose: Pose, style: Style) -> list[Placed]:
        """Paints far end, visible side, near end."""
        x, z = float(self.x[index]), float(self.z[index])
        before = max(0, index - 1)
        moved = (float(self.x[before]) - x, 0.0, float(self.z[before]) - z)
        near = self.cards.front if self.oncoming else self.cards.back
        side = self.cards.mirrored if self.oncoming else self.cards.side
        half, length = near.width_m / 2, side.width_m
        # A slice near the far end closes the gap between the outlines of side and face.
        patches: list[Patch | None] = []
        if z - pose.z < _DETAIL_M:
            patches.append(draw_card(canvas, near, pose, style, x, 0.0, z + 0.9 * length))
        if pose.x > x + half:
            patches.append(draw_wall(canvas, side, pose, style, x + half, z))
        elif pose.x < x - half:
            patches.append(draw_wall(canvas, side, pose, style, x - half, z))
        patches.append(draw_card(canvas, near, pose, style, x, 0.0, z))
        return [Placed(p, moved, None) for p in patches if p is not None]


@dataclass(frozen=True)
class CrossCar:
    """A vehicle on a side street, seen from its side; x and z as in `Car`."""

    cards: CarCards
    x: F64
    z: float

    def place(self, index: int) -> tuple[float, float] | None:
        """World (x, z)."""
        return float(self.x[index]), self.z

    def draw(self, canvas: Canvas, index: int, pose: Pose, style: Style) -> list[Placed]:
        """Paints its side."""
        card = self.cards.side if self.x[-1] >= self.x[0] else self.cards.mirrored
        x = float(self.x[index])
        patch = draw_card(canvas, card, pose, style, x, 0.0, self.z)
        moved = (float(self.x[max(0, index - 1)]) - x, 0.0, 0.0)
        return [] if patch is None else [Placed(patch, moved, None)]


@dataclass(frozen=True)
class Person:
    """A walking person.

    Attributes:
        walker: The cards.
        x: Per frame, metres, shape (frames,).
        z: Per frame, metres, shape (frames,).
        phase: Per frame, shape (frames,).
        since: First frame in which the person exists.
    """

    walker: Walker
    x: F64
    z: F64
    phase: npt.NDArray[np.int64]
    since: int = 0

    def place(self, index: int) -> tuple[float, float] | None:
        """World (x, z), or None before `since`."""
        if index < self.since:
            return None
        return float(self.x[index]), float(self.z[index])

    def draw(self, canvas: Canvas, index: int, pose: Pose, style: Style) -> list[Placed]:
        """Paints the phase of this frame."""
        if index < self.since:
            return []
        x, z = float(self.x[index]), float(self.z[index])
        phase = int(self.phase[index])
        card = self.walker.card(phase)
        patch = draw_card(canvas, card, pose, style, x, 0.0, z)
        if patch is None:
            return []
        before = max(self.since, index - 1)
        moved = (float(self.x[before]) - x, 0.0, float(self.z[before]) - z)
        local = partial(self.walker.motion, phase, int(self.phase[before]))
        return [Placed(patch, moved, local)]


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
