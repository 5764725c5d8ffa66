"""Things that can move: where they are in every frame, how they are drawn, how they flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from depth_snn.data.scene.air import Glow
from depth_snn.data.scene.arrays import F32
from depth_snn.data.scene.canvas import Canvas, Patch, draw_card, draw_wall
from depth_snn.data.scene.car import CarCards
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.shade import Caster
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.walker import Walker

F64 = npt.NDArray[np.float64]

_DETAIL_M = 20.0  # farther cars are drawn without the slice at their far end


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

    def caster(self, index: int) -> Caster:
        """What throws its shadow in a frame."""
        ...

    def glows(self, index: int, lit: bool) -> list[Glow]:
        """The halos of its lamps, where lamps are lit anyway or by the actor itself."""
        ...


@dataclass(frozen=True)
class Car:
    """A vehicle along the street.

    Attributes:
        cards: Its faces.
        x: Centre per frame, metres, shape (frames,).
        z: Near end per frame, metres, shape (frames,).
        oncoming: True when its nose is at the near end.
        lights_at: Frame in which its lamps go on, or None when they follow the hour.
    """

    cards: CarCards
    x: F64
    z: F64
    oncoming: bool
    lights_at: int | None = None

    def face(self, index: int) -> Card:
        """Its near end as of a frame."""
        if self.lights_at is None:
            return self.cards.front if self.oncoming else self.cards.back
        ends = self.cards.lit if index >= self.lights_at else self.cards.unlit
        return ends[1 if self.oncoming else 0]

    def caster(self, index: int) -> Caster:
        """Its body."""
        face, side = self.cards.back, self.cards.side
        x, z = float(self.x[index]), float(self.z[index])
        return Caster(x, z, face.width_m, side.width_m, 0.8 * side.height_m, contact=True)

    def glows(self, index: int, lit: bool) -> list[Glow]:
        """Two lamps at its near end."""
        own = self.lights_at is not None
        if not (index >= self.lights_at if self.lights_at is not None else lit):
            return []
        face = self.cards.back
        x, y, z = float(self.x[index]), 0.4 * min(face.height_m, 1.7), float(self.z[index])
        colour = (200, 190, 160) if self.oncoming else (150, 20, 14)
        radius = (0.36 if own else 0.22) if self.oncoming else 0.14
        return [(x + s * 0.38 * face.width_m, y, z, radius, colour) for s in (-1.0, 1.0)]

    def place(self, index: int) -> tuple[float, float] | None:
        """World (x, z) of the near end."""
        return float(self.x[index]), float(self.z[index])

    def draw(self, canvas: Canvas, index: int, pose: Pose, style: Style) -> list[Placed]:
        """Paints far end, visible side, near end."""
        x, z = float(self.x[index]), float(self.z[index])
        before = max(0, index - 1)
        moved = (float(self.x[before]) - x, 0.0, float(self.z[before]) - z)
        near = self.face(index)
        side = self.cards.mirrored if self.oncoming else self.cards.side
        half, length = near.width_m / 2, side.width_m
        # A slice near the far end closes the gap between the outlines of side and face.
        patches: list[Patch | None] = []
        if z - pose.z < _DETAIL_M:
            patches.append(draw_card(canvas, near, pose, style, x, 0.0, z + 0.9 * length))
        for edge in (x + half, x - half):
            if (pose.x - edge) * (edge - x) > 0:
                # The side begins a little before the end, or a gap shows between them.
                patches.append(draw_wall(canvas, side, pose, style, edge, z - 0.05))
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

    def caster(self, index: int) -> Caster:
        """Its body."""
        face, side = self.cards.back, self.cards.side
        x, tall = float(self.x[index]), 0.8 * side.height_m
        return Caster(x, self.z, side.width_m, face.width_m, tall, contact=True)

    def glows(self, index: int, lit: bool) -> list[Glow]:
        """None: its lamps shine along the side street."""
        return []


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

    def caster(self, index: int) -> Caster:
        """A narrow upright box."""
        return Caster(
            float(self.x[index]),
            float(self.z[index]) - 0.1,
            0.4,
            0.3,
            self.walker.body_m,
            contact=True,
        )

    def glows(self, index: int, lit: bool) -> list[Glow]:
        """None."""
        return []
