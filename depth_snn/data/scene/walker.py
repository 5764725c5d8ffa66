"""A walking person: rigid limbs on joints, a card per phase, the exact motion of each limb."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from depth_snn.data.classes import PEDESTRIAN
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.limb import Limb, Look, draw_limbs, skeleton
from depth_snn.data.scene.style import Style, to_bytes

PHASES = 20
"""Cards per full cycle of two steps."""
_PPM = 44.0
_WIDE_M = 1.5
_NOBODY = 255


@dataclass(frozen=True)
class Walker:
    """The cards of a person and how its pixels move from phase to phase.

    Attributes:
        look: What does not change from phase to phase.
        colours: uint8 (256, 4), premultiplied colour by limb index, 255 is clear.
        height_m: Height of the cards in metres.
    """

    look: Look
    colours: U8
    height_m: float
    _limbs: dict[int, tuple[Limb, ...]] = field(default_factory=dict, repr=False, compare=False)
    _drawn: dict[int, tuple[Card, U8]] = field(default_factory=dict, repr=False, compare=False)
    _fields: dict[tuple[int, int], F32] = field(default_factory=dict, repr=False, compare=False)

    @property
    def body_m(self) -> float:
        """Height of the person."""
        return self.look.tall

    def limbs(self, phase: int) -> tuple[Limb, ...]:
        """The limbs of a phase."""
        found = self._limbs.get(phase)
        if found is None:
            found = self._limbs[phase] = skeleton(self.look, 2 * np.pi * phase / PHASES)
        return found

    def card(self, phase: int) -> Card:
        """The person in a phase."""
        return self._phase(phase)[0]

    def _phase(self, phase: int) -> tuple[Card, U8]:
        """Card of a phase, and the limb index of each of its pixels (255 where there is none)."""
        found = self._drawn.get(phase % PHASES)
        if found is None:
            found = self._draw(phase % PHASES)
            self._drawn[phase % PHASES] = found
        return found

    def motion(self, phase: int, before: int) -> F32:
        """Where each card pixel stood in an earlier phase.

        Args:
            phase: Phase now.
            before: Phase then.

        Returns:
            float32 (h, w, 2): metres to the right and metres up, then minus now.
        """
        key = (phase % PHASES, before % PHASES)
        found = self._fields.get(key)
        if found is None:
            found = self._measure(*key)
            self._fields[key] = found
        return found

    def _draw(self, phase: int) -> tuple[Card, U8]:
        fine = 2  # drawn at twice the size, then averaged: smooth edges
        height, width = round(self.height_m * _PPM), int(_WIDE_M * _PPM)
        owner = np.full((height * fine, width * fine), _NOBODY, np.uint8)
        draw_limbs(owner, self.limbs(phase), (_WIDE_M / 2, self.height_m), _PPM * fine)
        # Four bytes looked up as one number: the same bytes, several times quicker.
        painted = self.colours.view(np.uint32)[:, 0][owner].view(np.uint8)
        pixels = np.asarray(
            cv2.resize(
                painted.reshape(*owner.shape, 4), (width, height), interpolation=cv2.INTER_AREA
            ),
            np.uint8,
        )
        card = Card(lambda: pixels, _WIDE_M, self.height_m, PEDESTRIAN)
        return card, np.ascontiguousarray(owner[::fine, ::fine])

    def _measure(self, phase: int, before: int) -> F32:
        owner = self._phase(phase)[1]
        h, w = owner.shape
        out = np.zeros((h, w, 2), np.float32)
        rows, columns = np.nonzero(owner != _NOBODY)
        x = (columns + 0.5) / _PPM - _WIDE_M / 2
        y = self.height_m - (rows + 0.5) / _PPM
        pairs = list(zip(self.limbs(phase), self.limbs(before), strict=True))
        mine = owner[rows, columns]
        turn = np.array([then.angle - now.angle for now, then in pairs])
        here = np.array([now.joint for now, _ in pairs])[mine]
        there = np.array([then.joint for _, then in pairs])[mine]
        cosine, sine = np.cos(turn)[mine], np.sin(turn)[mine]
        dx, dy = x - here[:, 0], y - here[:, 1]
        out[rows, columns, 0] = there[:, 0] + cosine * dx - sine * dy - x
        out[rows, columns, 1] = there[:, 1] + sine * dx + cosine * dy - y
        return out


def make_walker(
    rng: np.random.Generator,
    style: Style,
    facing: int,
    swing: float | None = None,
    grown: bool = False,
) -> Walker:
    """Draws a person.

    Args:
        rng: Source of size, clothes and gait.
        style: Palettes and light.
        facing: +1 walks to the right, -1 to the left, 0 towards or away from the camera.
        swing: Largest angle of the thighs in radians, or None for a random stroll.
        grown: Whether it must not be a child.
    """
    child = rng.uniform() < 0.12 and not grown
    tall = float(rng.uniform(1.05, 1.45) if child else rng.uniform(1.55, 1.92))
    angle = float(rng.uniform(0.35, 0.55)) if swing is None else swing
    extra = style.kind(rng, "extra")
    shelter = style.rain > 0 and rng.uniform() < 0.5
    build = float(rng.uniform(0.85, 1.2))
    look = Look(tall, facing, angle, extra, shelter, build)
    coat, legs = (_cloth(rng, style, low) for low in (0.2, 0.1))
    skin = np.array([228, 184, 152], np.float32) * float(rng.uniform(0.35, 1.0))
    hair = np.array([66, 46, 32], np.float32) * float(rng.uniform(0.3, 2.6))
    things = _cloth(rng, style, 0.2)
    other = _cloth(rng, style, 0.2)
    sources = {
        "coat": coat, "legs": legs, "skin": skin, "hair": hair, "thing": things, "other": other,
    }  # fmt: skip
    table = np.zeros((256, 4), np.float32)
    for index, limb in enumerate(skeleton(look, 0.0)):
        table[index, :3] = np.clip(sources[limb.cloth] * limb.shade, 0, 255)
        table[index, 3] = 255.0
    table[:, :3] = style.tone(table[:, :3])
    height = round((tall + (0.6 if shelter else 0.1)) * _PPM)
    return Walker(look, to_bytes(table), height / _PPM)


def _cloth(rng: np.random.Generator, style: Style, low: float) -> F32:
    """A colour of clothing: grey, black and white are common to all assets."""
    if rng.uniform() < 0.35:
        value = float(
            rng.choice([rng.uniform(15, 60), rng.uniform(60, 160), rng.uniform(190, 240)])
        )
        return np.full(3, value, np.float32)
    return style.colour(rng, "cloth", (0.25, 0.9), (low, 0.95))
