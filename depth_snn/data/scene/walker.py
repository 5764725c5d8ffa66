"""A walking person: rigid limbs on joints, a card per phase, the exact motion of each limb."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from depth_snn.data.classes import PEDESTRIAN
from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.style import Style, to_bytes

PHASES = 20
"""Cards per full cycle of two steps."""
_PPM = 56.0
_WIDE_M = 1.5


@dataclass(frozen=True)
class Limb:
    """One rigid part in one phase: a joint, a direction and a length (metres, y up)."""

    joint: tuple[float, float]
    angle: float
    length: float


@dataclass(frozen=True)
class Walker:
    """The cards of a person and how its pixels move from phase to phase.

    Attributes:
        limbs: One tuple of limbs per phase.
        colours: uint8 (256, 4), premultiplied colour by limb index, 255 is clear.
        widths_m: Width of each limb.
        height_m: Height of the cards in metres.
    """

    limbs: tuple[tuple[Limb, ...], ...]
    colours: U8
    widths_m: tuple[float, ...]
    height_m: float
    _drawn: dict[int, tuple[Card, U8]] = field(default_factory=dict, repr=False, compare=False)
    _fields: dict[tuple[int, int], F32] = field(default_factory=dict, repr=False, compare=False)

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
        scale = _PPM * fine
        height, width = round(self.height_m * _PPM), int(_WIDE_M * _PPM)
        owner = np.full((height * fine, width * fine), 255, np.uint8)
        for index, limb in enumerate(self.limbs[phase]):
            x, y = limb.joint
            end = (x + limb.length * np.sin(limb.angle), y - limb.length * np.cos(limb.angle))
            first, last = (
                (round(((px + _WIDE_M / 2) * scale)), round(height * fine - py * scale))
                for px, py in ((x, y), end)
            )
            cv2.line(owner, first, last, index, max(2, int(self.widths_m[index] * scale)))
        size = (width, height)
        # Four bytes looked up as one number: the same bytes, several times quicker.
        painted = self.colours.view(np.uint32)[:, 0][owner].view(np.uint8)
        pixels = cv2.resize(painted.reshape(*owner.shape, 4), size, interpolation=cv2.INTER_AREA)
        card = Card(np.asarray(pixels, np.uint8), _WIDE_M, self.height_m, PEDESTRIAN)
        return card, np.ascontiguousarray(owner[::fine, ::fine])

    def _measure(self, phase: int, before: int) -> F32:
        owner = self._phase(phase)[1]
        h, w = owner.shape
        out = np.zeros((h, w, 2), np.float32)
        rows, columns = np.nonzero(owner != 255)
        x = (columns + 0.5) / _PPM - _WIDE_M / 2
        y = self.height_m - (rows + 0.5) / _PPM
        pairs = list(zip(self.limbs[phase], self.limbs[before], strict=True))
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
    rng: np.random.Generator, style: Style, facing: int, swing: float | None = None
) -> Walker:
    """Draws a person.

    Args:
        rng: Source of size, clothes and gait.
        style: Palettes and light.
        facing: +1 walks to the right, -1 to the left, 0 towards or away from the camera.
        swing: Largest angle of the thighs in radians, or None for a random stroll.
    """
    tall = float(rng.uniform(1.6, 1.9))
    angle = float(rng.uniform(0.4, 0.55)) if swing is None else swing
    skin = np.array([224, 182, 152], np.float32) * float(rng.uniform(0.45, 1.0))
    coat = style.colour(rng, "cloth", (0.35, 0.9), (0.3, 0.95))
    legs = style.colour(rng, "cloth", (0.1, 0.6), (0.12, 0.5))
    hair = np.array([60, 44, 32], np.float32) * float(rng.uniform(0.4, 2.2))
    # Far arm and leg first, then torso and head, then near leg and arm.
    colours = (coat * 0.7, legs * 0.7, legs * 0.65, legs, legs * 0.95, coat, skin, hair, coat * 0.9)
    widths = np.array([0.11, 0.18, 0.15, 0.19, 0.15, 0.42, 0.23, 0.23, 0.12]) * tall / 1.75
    if facing != 0:
        widths[5] *= 0.8
    skeletons = tuple(_skeleton(2 * np.pi * k / PHASES, tall, facing, angle) for k in range(PHASES))
    table = np.zeros((256, 4), np.float32)
    table[: len(colours), :3] = style.tone(np.clip(np.stack(colours), 0, 255))
    table[: len(colours), 3] = 255.0
    height = round((tall + 0.1) * _PPM)
    return Walker(skeletons, to_bytes(table), tuple(widths.tolist()), height / _PPM)


def _skeleton(phase: float, tall: float, facing: int, swing: float) -> tuple[Limb, ...]:
    """Limbs of one phase. Angles count from straight down, positive to the right."""
    leg, body, arm = 0.25 * tall, 0.3 * tall, 0.34 * tall
    hip_y = 2 * leg * np.cos(swing * abs(np.sin(phase)) * 0.8) + 0.02
    forward = float(facing)
    amount = swing if facing != 0 else swing * 0.25
    apart = 0.0 if facing != 0 else 0.075 * tall / 1.75
    sign = forward if facing != 0 else 1.0
    thighs = [sign * amount * np.sin(phase + shift) for shift in (0.0, np.pi)]
    bends = [sign * amount * max(0.0, np.cos(phase + shift)) * 1.3 for shift in (0.0, np.pi)]
    lean = -0.06 * forward * (1 + swing)
    hips = [(-apart, hip_y), (apart, hip_y)]
    knees = [
        (h[0] + leg * np.sin(a), h[1] - leg * np.cos(a)) for h, a in zip(hips, thighs, strict=True)
    ]
    neck = (np.sin(-lean) * body, hip_y + np.cos(lean) * body)
    wide = 0.0 if facing != 0 else 0.2 * tall / 1.75
    arms = [
        -thighs[0] * 0.9 - (0.1 if not facing else 0),
        -thighs[1] * 0.9 + (0.1 if not facing else 0),
    ]
    return (
        Limb((neck[0] - wide, neck[1] - 0.05), float(arms[0]), arm),
        Limb(hips[0], float(thighs[0]), leg),
        Limb(knees[0], float(thighs[0] - bends[0]), leg),
        Limb(hips[1], float(thighs[1]), leg),
        Limb(knees[1], float(thighs[1] - bends[1]), leg),
        Limb((0.0, hip_y), float(np.pi + lean), body),
        Limb((neck[0], neck[1] + 0.07), float(np.pi + lean), 0.07 * tall),
        Limb((neck[0], neck[1] + 0.07 + 0.06 * tall), float(np.pi + lean), 0.02 * tall),
        Limb((neck[0] + wide, neck[1] - 0.05), float(arms[1]), arm),
    )
